//! SCIM requests for the user name of an account made by hand: the provisioning log names the account.

use std::time::Duration;

use platform::{account::NewAccount, sign_on::By};
use serde_json::{Value as Json, json};

use crate::{
    browser::{Site, rows},
    process::{USER, databases},
};

const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// A user name that is longer than its key.
fn long(case: &str) -> String {
    format!("{case}{}@example.com", "ä".repeat(600))
}

async fn by_hand(site: &Site, user_name: &str, name: &str) -> String {
    let (tenant, user_name, name) = ("acme".to_owned(), user_name.to_owned(), name.to_owned());
    let account = NewAccount { tenant, user_name, name, email: None, administrator: false, made_by: None };
    site.accounts.add(account).await.unwrap()
}

/// The reasons that the provisioning log gives, once it has this many requests.
async fn reasons(site: &Site, count: usize) -> Vec<String> {
    for _ in 0..100 {
        let found = rows(&site.database, "SELECT COALESCE(detail, '') FROM request ORDER BY position").await;
        if found.len() == count {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the log has no {count} requests");
}

/// An index cannot hold a very long user name, and PostgreSQL cannot store NUL.
#[tokio::test(flavor = "multi_thread")]
async fn user_names_are_found_that_no_index_takes() {
    for place in databases() {
        let site = Site::start(&place).await;
        let harper = by_hand(&site, &long("Harper"), "Harper").await;
        let user = json!({"schemas": [USER], "userName": long("HARPER")});
        assert_eq!(site.server.request("POST", "/Users", Some(&user)).status, 409);
        let ada = site.user(&long("Ada"), "Ada Lovelace");

        let expected = ["The user name belongs to Harper, an account made by hand.", ""];
        assert_eq!(reasons(&site, 2).await, expected);
        for (user_name, account) in [(long("harper"), &harper), (long("ADA"), &ada)] {
            let found = site.accounts.find_at_sign_on("acme", By::UserName, &user_name).await.unwrap();
            assert_eq!(found.iter().map(|it| &it.id).collect::<Vec<_>>(), [account], "{user_name:?}");
        }
        for by in [By::UserName, By::ExternalId] {
            assert!(site.accounts.find_at_sign_on("acme", by, "ad\0a").await.unwrap().is_empty(), "{by:?}");
        }

        let admin = site.administrator().await;
        let page = admin.get(&format!("log?kind=all&person={}", long("hArPeR").replace('ä', "%C3%A4")));
        assert!(page.text.contains("No request fits this filter."), "nothing was done to Harper: {}", page.text);
        let path = format!("/Users/{ada}");
        let user = json!({"schemas": [USER], "userName": long("Lena")});
        assert_eq!(site.server.request("PUT", &path, Some(&user)).status, 200);
        reasons(&site, 3).await;
        let page = admin.get(&format!("log?kind=all&person={}", long("lena").replace('ä', "%C3%A4")));
        assert!(page.text.contains(&format!("<code>PUT {path}</code>")), "{}", page.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_names_the_account_whatever_the_request_is() {
    for place in databases() {
        let site = Site::start(&place).await;
        by_hand(&site, "harper@example.com", "Harper").await;
        by_hand(&site, &long("noor"), "Noor").await;
        let lena = site.user("lena", "Lena Fischer");
        let patch = |operation: Json| json!({"schemas": [PATCH], "Operations": [operation]});
        let user = |name: &str| json!({"schemas": [USER], "userName": name});
        let lenas = format!("/Users/{lena}");
        let belongs = |name: &str| format!("The user name belongs to {name}, an account made by hand.");
        let named = patch(json!({"op": "replace", "path": "userName", "value": "HARPER@example.com"}));
        let unnamed = patch(json!({"op": "replace", "value": {"userName": long("NOOR")}}));
        let by_schema = patch(json!({"op": "add", "path": format!("{USER}:userName"), "value": "harper@example.com"}));
        let mut expected = vec![String::new()];
        for (method, target, body, name) in [
            ("POST", "/Users", user("Harper@example.com"), "Harper"),
            ("PUT", &*lenas, user(&long("Noor")), "Noor"),
            ("PATCH", &*lenas, named.clone(), "Harper"),
            ("PATCH", &*lenas, unnamed.clone(), "Noor"),
            ("PATCH", &*lenas, by_schema, "Harper"),
        ] {
            let answer = site.server.request(method, target, Some(&body));
            assert_eq!(
                (answer.status, &answer.json["scimType"]),
                (409, &json!("uniqueness")),
                "{body}: {}",
                answer.text
            );
            assert!(!answer.text.contains(name), "the provider learns nothing: {}", answer.text);
            expected.push(belongs(name));
            assert_eq!(reasons(&site, expected.len()).await, expected, "{method} {body}");
            let fault = rows(&site.database, "SELECT fault FROM connection").await.remove(0);
            let fault: Json = serde_json::from_str(&fault).unwrap();
            let user_name = if name == "Harper" { "harper@example.com".to_owned() } else { long("noor") };
            assert_eq!(fault["name"], user_name, "{method} {body}");
        }

        let operations = |operations: Json| json!({"schemas": [BULK], "Operations": operations});
        let one = operations(json!([
            {"method": "PATCH", "path": lenas, "data": named},
            {"method": "POST", "path": "/Users", "bulkId": "1", "data": user("ada")},
        ]));
        let two = operations(json!([
            {"method": "POST", "path": "/Users", "bulkId": "1", "data": user("HARPER@example.com")},
            {"method": "PATCH", "path": lenas, "data": unnamed},
            {"method": "PUT", "path": lenas, "data": user("harper@example.com")},
            {"method": "POST", "path": "/Users", "bulkId": "2", "data": user("ada")},
        ]));
        for (bulk, names) in [(one, "Harper"), (two, "Harper, Noor")] {
            let answer = site.server.request("POST", "/Bulk", Some(&bulk));
            assert_eq!(
                (answer.status, &answer.json["Operations"][0]["status"]),
                (200, &json!("409")),
                "{}",
                answer.text
            );
            expected.push(format!(
                "The server refused operations, because accounts made by hand have the user names: {names}."
            ));
            assert_eq!(reasons(&site, expected.len()).await, expected);
        }
        // A conflict with another user from SCIM names no account.
        let answer = site.server.request("POST", "/Users", Some(&user("ADA")));
        assert_eq!(answer.status, 409, "{}", answer.text);
        let all = reasons(&site, expected.len() + 1).await;
        assert!(!all.last().unwrap().contains("by hand"), "{all:?}");

        let page = site.administrator().await.get("log?kind=all");
        for text in [belongs("Harper"), belongs("Noor"), "have the user names: Harper, Noor.".to_owned()] {
            assert!(page.text.contains(&text), "{text}: {}", page.text);
        }
    }
}
