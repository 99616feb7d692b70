//! The state of the connection on the page *SCIM*, derived from requests: causes that persist, the extent of a
//! failure, and keys that have ended.

use crate::browser::{Page, Site, rows};
use crate::process::{USER, databases, eventually};
use chrono::{TimeDelta, Utc};
use platform::{
    account::NewAccount,
    directory::{Directory, Key, OrganizationName},
    identity_provider::IdentityProvider,
    storage::Storage,
};
use scim_core::bearer::{Token, TokenDigest};
use serde_json::{Value as Json, json};

const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

fn user(user_name: &str) -> Json {
    json!({"schemas": [USER], "userName": user_name})
}

fn rename(title: &str) -> Json {
    json!({"schemas": [PATCH], "Operations": [{"op": "replace", "path": "title", "value": title}]})
}

fn status(site: &Site, method: &str, path: &str, body: Option<&Json>) -> u16 {
    site.server.request(method, path, body).status
}

/// Waits until the log has this many requests, including requests without a key.
async fn logged(site: &Site, count: usize) {
    for _ in 0..300 {
        if rows(&site.database, "SELECT id FROM request").await.len() >= count {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the log has no {count} requests");
}

async fn provided(site: &Site, provider: IdentityProvider) -> Directory {
    let directory = Directory::new(&Storage::Database(site.database.clone()));
    let name = "acme".parse::<OrganizationName>().unwrap();
    directory.set_identity_provider(&name, provider).await.unwrap();
    directory
}

async fn by_hand(site: &Site, name: &str, administrator: bool) -> String {
    let account = NewAccount {
        tenant: "acme".to_owned(),
        user_name: format!("{}@example.com", name.to_lowercase()),
        name: name.to_owned(),
        email: None,
        administrator,
        made_by: None,
    };
    site.accounts.add(account).await.unwrap()
}

fn link(id: &str, name: &str) -> String {
    format!("href=\"/o/acme/users/{id}\">{name}</a>")
}

/// A conflict stays on the page while other requests work, until its person is resolved.
#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_stays_until_its_person_is_resolved() {
    for place in databases() {
        let site = Site::start(&place).await;
        provided(&site, IdentityProvider::Okta).await;
        let admin = site.administrator().await;
        let sam = by_hand(&site, "Sam", false).await;
        let ann = site.user("ann", "Ann");
        let ann = format!("/Users/{ann}");
        assert_eq!(status(&site, "POST", "/Users", Some(&user("SAM@example.com"))), 409);
        logged(&site, 2).await;
        let blocked = "sam@example.com already has an account that was made by hand.";
        let page = admin.get("scim");
        page.shows(&["Failing since", blocked, "1 of the last 2 requests was refused, 50.0%.", "What to do"]);
        page.hides(&["nothing is created"]);

        for title in ["One", "Two"] {
            assert_eq!(status(&site, "PATCH", &ann, Some(&rename(title))), 200);
        }
        logged(&site, 4).await;
        let page = admin.get("scim");
        page.shows(&[
            "<strong>Connected</strong>",
            "One of the last requests was refused.",
            blocked,
            &link(&sam, "Sam"),
            "Open the account of Sam and remove it, or take the person out of the application in Okta.",
        ]);
        page.hides(&["from=hand"]);

        // The account is removed, so the next attempt works; then SCIM has the person.
        let removed = site.accounts.remove("acme", &sam, &admin.account).await.unwrap();
        assert_eq!(removed, platform::account::Changed::Done);
        admin.get("scim").hides(&[blocked, "What to do"]);
        site.user("sam@example.com", "Sam");
        eventually("the row is gone", || !admin.get("scim").text.contains("What to do"));
        logged(&site, 5).await;
        assert_eq!(rows(&site.database, "SELECT subject FROM trouble").await, [""; 0]);

        // A person of SCIM that cannot be renamed, until a request about the person works.
        let kim = by_hand(&site, "Kim", false).await;
        assert_eq!(status(&site, "PUT", &ann, Some(&user("kim@example.com"))), 409);
        assert_eq!(status(&site, "GET", "/Users?count=0", None), 200);
        logged(&site, 7).await;
        admin.get("scim").shows(&["<strong>Connected</strong>", &link(&kim, "Kim")]);
        assert_eq!(status(&site, "PUT", &ann, Some(&user("ann"))), 200);
        logged(&site, 8).await;
        admin.get("scim").hides(&["What to do"]);

        // Some weeks later no person is blocked.
        assert_eq!(status(&site, "POST", "/Users", Some(&user("kim@example.com"))), 409);
        assert_eq!(status(&site, "GET", "/Users?count=0", None), 200);
        logged(&site, 10).await;
        admin.get("scim").shows(&["What to do"]);
        place.run("UPDATE trouble SET time = time - 15 * 86400000");
        admin.get("scim").hides(&["What to do"]);
    }
}

/// With Entra, one success after eight refusals hides nothing.
#[tokio::test(flavor = "multi_thread")]
async fn several_causes_are_named_the_most_frequent_first() {
    for place in databases() {
        let site = Site::start(&place).await;
        provided(&site, IdentityProvider::Entra).await;
        let admin = site.administrator().await;
        let kim = by_hand(&site, "Kim", true).await;
        let own = rows(&site.database, "SELECT user_name FROM account WHERE name LIKE 'Admin %'").await.remove(0);
        let hands: Vec<String> = {
            let mut all = Vec::new();
            for name in ["Ada", "Bea"] {
                all.push(by_hand(&site, name, false).await);
            }
            all
        };
        site.user("lena", "Lena");
        let nobody = json!({"schemas": [USER], "displayName": "Nobody"});
        assert_eq!(status(&site, "POST", "/Users", Some(&nobody)), 400);
        assert_eq!(status(&site, "POST", "/Users", Some(&user("lena"))), 409);
        for _ in 0..2 {
            for name in ["ada@example.com", "bea@example.com", "kim@example.com"] {
                assert_eq!(status(&site, "POST", "/Users", Some(&user(name))), 409);
            }
        }
        assert_eq!(status(&site, "POST", "/Users", Some(&user(&own))), 409);
        logged(&site, 10).await;
        let names = [
            "4 people already have an account that was made by hand.",
            "A request has no user name from Entra.",
            "Entra asks to create lena, who is here already.",
        ];
        let places = |page: &Page| names.map(|name| page.text.find(name).unwrap_or_else(|| panic!("{name}: {page:?}")));
        let page = admin.get("scim");
        page.shows(&[
            "Failing since",
            "9 of the last 10 requests were refused, 90.0%.",
            "The others were done as usual.",
        ]);
        page.hides(&["We refuse Entra"]);
        let found = places(&page);
        assert!(found[0] < found[1] && found[0] < found[2], "{found:?}");

        site.user("mia", "Mia");
        logged(&site, 11).await;
        let page = admin.get("scim");
        page.shows(&["<strong>Connected</strong>", "9 of the 11 requests of this cycle were refused."]);
        places(&page);
        page.shows(
            &[&link(&hands[0], "Ada"), &link(&hands[1], "Bea"), &link(&kim, "Kim"), &link(&admin.account, "Admin")]
                .map(|text: &String| if text.contains("Admin") { text.trim_end_matches("Admin</a>") } else { text }),
        );
        page.shows(&[
            "Open each account that is not an administrator’s and remove it",
            "The account of Kim, an administrator, cannot be adopted by SCIM. Change the user name in Entra",
            "Your own account cannot be adopted by SCIM.",
        ]);
    }
}

/// The failures of a former connection, or of another provider, do not belong to this connection.
#[tokio::test(flavor = "multi_thread")]
async fn failures_end_with_their_connection() {
    for place in databases() {
        let site = Site::start(&place).await;
        let directory = provided(&site, IdentityProvider::Okta).await;
        let name = "acme".parse::<OrganizationName>().unwrap();
        let admin = site.administrator().await;
        by_hand(&site, "Sam", false).await;
        by_hand(&site, "Kim", false).await;
        assert_eq!(status(&site, "POST", "/Users", Some(&user("sam@example.com"))), 409);
        logged(&site, 1).await;
        admin.get("scim").shows(&["sam@example.com already has an account"]);
        admin.get("users?tab=unassigned").shows(&["New people from Okta appear here."]);
        // Setting the same provider again changes nothing.
        directory.set_identity_provider(&name, IdentityProvider::Okta).await.unwrap();
        admin.get("scim").shows(&["sam@example.com already has an account"]);

        directory.set_identity_provider(&name, IdentityProvider::Entra).await.unwrap();
        let page = admin.get("scim");
        page.hides(&["Failing since", "already has an account"]);
        assert_eq!(status(&site, "POST", "/Users", Some(&user("kim@example.com"))), 409);
        logged(&site, 2).await;
        let page = admin.get("scim");
        page.shows(&["Failing since", "kim@example.com already has an account"]);
        page.hides(&["sam@example.com", "2 people"]);

        let page = admin.get("scim/remove");
        let seen = page.field("seen").to_owned();
        let removed = admin.post("scim/remove", &[("name", "acme"), ("seen", &seen)]);
        assert_eq!(removed.status, 303, "{removed:?}");
        assert_eq!(rows(&site.database, "SELECT subject FROM trouble").await, [""; 0]);
        admin.get("scim").hides(&["already has an account"]);
        for (page, text) in [
            ("users?tab=unassigned", "New people from your identity provider appear here."),
            ("user-groups", "Groups from your identity provider"),
        ] {
            let page = admin.get(page);
            page.shows(&[text]);
            page.hides(&["Okta", "Entra"]);
        }
        directory.set_scim(&name, true).await.unwrap();
        let new = "a-second-token-for-tests-0123456789";
        let url = format!("{}/scim/acme/v2/Users?count=0", site.server.root());
        let key = Key::new(&name, "Second", TokenDigest::of(new));
        directory.add_key(key).await.unwrap();
        let headers = [("Authorization", &*format!("Bearer {new}"))];
        eventually("the key works", || site.server.send("GET", &url, &headers, None).unwrap().status == 200);
        eventually("the page knows", || admin.get("scim").text.contains("<strong>Connected</strong>"));
        admin.get("scim").hides(&["already has an account", "already have an account"]);
    }
}

/// The series of refused credentials begins with its first refusal.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_conflict_is_no_beginning_of_a_refusal() {
    for place in databases() {
        let site = Site::start(&place).await;
        provided(&site, IdentityProvider::Okta).await;
        let admin = site.administrator().await;
        by_hand(&site, "Sam", false).await;
        assert_eq!(status(&site, "POST", "/Users", Some(&user("sam@example.com"))), 409);
        logged(&site, 1).await;
        place.run("UPDATE connection SET failing = failing - 86400000");
        assert_eq!(status(&site, "GET", "/Usres", None), 404);
        logged(&site, 2).await;
        let page = admin.get("scim");
        page.shows(&["an address that we don’t have", "We refuse Okta: nothing is created", "sam@example.com already"]);
        page.hides(&["Failing since yesterday"]);
        assert!(page.text.find("an address that we").unwrap() < page.text.find("sam@example.com already").unwrap());
    }
}

/// A key that was rotated, and is still sent, is named while another key works.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_has_ended_is_named_on_the_page_and_in_the_log() {
    for place in databases() {
        let site = Site::start(&place).await;
        let directory = provided(&site, IdentityProvider::Okta).await;
        let name = "acme".parse::<OrganizationName>().unwrap();
        let admin = site.administrator().await;
        let token = Token::generate().unwrap();
        let old = token.reveal();
        directory.add_key(Key::generated(&name, "Old key", &token)).await.unwrap();
        let send = |key: &str| site.server.request_with_key(Some(key), "GET", "/Users?count=0", None).status;
        assert_eq!((send(old), status(&site, "GET", "/Users?count=0", None)), (200, 200));
        logged(&site, 2).await;
        admin.get("scim").hides(&["What to do"]);

        directory.revoke(&TokenDigest::of(old).to_string()).await.unwrap();
        // The other key has worked since.
        place.run("UPDATE api_key SET revoked = revoked - 3600000 WHERE revoked IS NOT NULL");
        eventually("the key is revoked", || send(old) == 401);
        let known = site.server.request_with_key(Some(old), "GET", "/Users", None);
        let unknown = site.server.request_with_key(Some("a-token-that-nobody-made-0123456789"), "GET", "/Users", None);
        assert_eq!((known.status, &known.text), (401, &unknown.text));
        for _ in 0..4 {
            assert_eq!(send(old), 401);
        }
        eventually("the page warns", || admin.get("scim").text.contains("What to do"));
        assert_eq!(status(&site, "GET", "/Users?count=0", None), 200);
        // The page counts days in UTC, and the test may run in the first hour of a day.
        let now = Utc::now();
        let is_same_day = (now - TimeDelta::hours(1)).date_naive() == now.date_naive();
        let day = if is_same_day { "today" } else { "yesterday" };
        let page = admin.get("scim");
        page.shows(&[
            "<strong>Connected</strong>",
            &format!("Okta still sends the key “Old key”, which was revoked {day}."),
            "Paste a valid key into Okta.",
            "those without one are in the log only",
        ]);
        let ending = &old[old.len() - 4..];
        let row = format!("The key “Old key” (ends in {ending}) was revoked on ");
        eventually("the log counts", || admin.get("log").text.contains("And 5 more within 10 seconds."));
        admin.get("log").shows(&[&row, "Anybody can send it, so no number counts it."]);
        let sums = "SELECT CAST(SUM(refused) AS TEXT) FROM request_hour";
        for _ in 0..100 {
            if rows(&site.database, sums).await == ["6"] {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert_eq!(rows(&site.database, sums).await, ["6"], "one in the row, and five more");

        // Without another key that works, the connection fails for this key.
        place.run("UPDATE connection SET worked = worked - 7200000, failing = NULL, fault = NULL");
        place.run("UPDATE api_key SET refused = NULL");
        for _ in 0..600 {
            send(old);
            if admin.get("scim").text.contains("Failing since") {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        let page = admin.get("scim");
        page.shows(&["Failing since", "Okta still sends the key “Old key”", "We refuse Okta: nothing is created"]);
        assert_eq!(page.text.matches("still sends").count(), 1, "{page:?}");
    }
}

/// While SCIM is off, an otherwise valid key is not a failure, and the log states the cause.
#[tokio::test(flavor = "multi_thread")]
async fn scim_that_is_off_is_named_as_the_cause() {
    for place in databases() {
        let site = Site::start(&place).await;
        let directory = provided(&site, IdentityProvider::Okta).await;
        let name = "acme".parse::<OrganizationName>().unwrap();
        let admin = site.administrator().await;
        admin.get("scim/steps").shows(&["SCIM is off"]);
        assert_eq!(status(&site, "GET", "/Users?count=0", None), 200);
        directory.set_scim(&name, false).await.unwrap();
        eventually("SCIM is off", || status(&site, "GET", "/Users?count=0", None) == 401);
        let answer = site.server.request("GET", "/Users", None);
        assert!(answer.text.contains("invalid or missing token"), "{answer:?}");
        eventually("the log tells", || admin.get("log").text.contains("SCIM is off, so the key “command line” opens"));
        admin.get("scim").shows(&["<strong>Off</strong>"]);
        directory.set_scim(&name, true).await.unwrap();
        eventually("SCIM is on", || status(&site, "GET", "/Users?count=0", None) == 200);
        admin.get("scim").shows(&["<strong>Connected</strong>"]);
    }
}
