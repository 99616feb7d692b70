//! *Remove the connection*: refused requests, the removal itself, and the connection that follows.

use crate::browser::{Browser, Site, rows};
use crate::process::{TOKEN, USER, databases, eventually, run};
use chrono::TimeDelta;
use platform::{
    account::{Changed, NewAccount},
    directory::{Directory, Key, OrganizationName},
    oauth::{Clients, FederationSettings, NewClient},
    session::Sessions,
    sign_on::By as SignOnBy,
    storage::Storage,
};
use scim_core::bearer::TokenDigest;
use serde_json::{Value as Json, json};

/// All rows that a removal changes, as text.
pub(super) async fn everything(site: &Site) -> Vec<String> {
    let mut all = Vec::new();
    for sql in [
        "SELECT name || ' ' || CAST(scim AS TEXT) || ' ' || COALESCE(removal, '-') FROM organization ORDER BY 1",
        "SELECT digest || ' ' || COALESCE(CAST(revoked AS TEXT), '-') FROM api_key ORDER BY 1",
        "SELECT id || ' ' || COALESCE(CAST(revoked AS TEXT), '-') || COALESCE(federation, '-') FROM oauth_client ORDER BY 1",
        "SELECT digest FROM oauth_secret ORDER BY 1",
        "SELECT digest FROM oauth_token ORDER BY 1",
        "SELECT tenant || ' ' || id || ' ' || origin || ' ' || CAST(assigned AS TEXT) FROM account ORDER BY 1",
        "SELECT tenant || ' ' || id || ' ' || version FROM resource ORDER BY 1",
        "SELECT tenant || ' ' || kind || ' ' || attribute || ' ' || value || ' ' || id FROM unique_key ORDER BY 1",
        "SELECT holder || ' ' || value FROM member ORDER BY 1",
        "SELECT account || ' ' || user_group || ' ' || source FROM user_group_member ORDER BY 1",
        "SELECT scim_group || ' ' || user_group FROM user_group_mapping ORDER BY 1",
        "SELECT id FROM event ORDER BY 1",
    ] {
        all.extend(rows(&site.database, sql).await);
    }
    all
}

pub(super) async fn user_groups_of(site: &Site) -> Vec<String> {
    let sql = "SELECT a.user_name || ' ' || g.name || ' ' || u.source FROM user_group_member AS u \
               JOIN account AS a ON a.id = u.account JOIN user_group AS g ON g.id = u.user_group ORDER BY 1";
    rows(&site.database, sql).await
}

/// Checks that no change is incomplete: numbers, claims and rows agree.
pub(super) async fn check(site: &Site) {
    for sql in [
        "SELECT a.id FROM account AS a WHERE a.assigned <> (SELECT count(*) FROM user_group_member AS u \
         WHERE u.tenant = a.tenant AND u.account = a.id)",
        "SELECT a.id FROM account AS a WHERE (a.origin = 'scim') <> EXISTS (SELECT 1 FROM resource AS r \
         WHERE r.tenant = a.tenant AND r.id = a.id)",
        "SELECT a.id FROM account AS a WHERE NOT EXISTS (SELECT 1 FROM unique_key AS k WHERE k.tenant = a.tenant \
         AND k.kind = 'User' AND k.attribute = 'userName' AND k.id = a.id)",
        "SELECT m.holder FROM member AS m WHERE NOT EXISTS (SELECT 1 FROM resource AS r WHERE r.id = m.holder) \
         OR NOT EXISTS (SELECT 1 FROM resource AS r WHERE r.id = m.value)",
        "SELECT r.tenant || r.kind FROM (SELECT tenant, kind, sum(resources) AS n, sum(bytes) AS b FROM tally \
         WHERE kind <> '' GROUP BY tenant, kind) AS t LEFT JOIN (SELECT tenant, kind, count(*) AS n, sum(bytes) AS b \
         FROM resource GROUP BY tenant, kind) AS r ON r.tenant = t.tenant AND r.kind = t.kind \
         WHERE COALESCE(r.n, 0) <> t.n OR COALESCE(r.b, 0) <> t.b",
        "SELECT 'references' FROM (SELECT sum(resources) AS n FROM tally WHERE kind = '' AND tenant = 'acme') AS t \
         WHERE COALESCE(t.n, 0) <> (SELECT count(*) FROM member WHERE tenant = 'acme')",
    ] {
        assert_eq!(rows(&site.database, sql).await, [""; 0], "{sql}");
    }
}

/// An organization with four people from SCIM, two groups, one of them mapped, an OAuth client with a token, and a
/// person made by hand. Another organization has the same key, and one person.
pub(super) struct People {
    ann: String,
    cem: String,
    hand: String,
    editors: String,
    client: String,
    token: String,
}

pub(super) async fn people(site: &Site) -> People {
    let ann = site.create(
        "/Users",
        &json!({"schemas": [USER], "userName": "ann", "displayName": "Ann", "externalId": "00u1", "title": "Editor"}),
    );
    let (bob, cem) = (site.user("bob", "Bob"), site.user("cem", "Cem"));
    let dan = json!({"schemas": [USER], "userName": "dan", "displayName": "Dan", "active": false});
    site.create("/Users", &dan);
    let legal = site.group("Legal", &[&ann, &bob]);
    site.group("All", &[&ann, &bob, &cem, &legal]);
    let (editors, viewers) = (site.user_group("Editors").await, site.user_group("Viewers").await);
    site.user_groups.map("acme", &legal, vec![editors.clone(), viewers.clone()], Vec::new()).await.unwrap();
    site.assign(&[&ann], &[&editors]).await;
    let hand = site.person("Hana", false).await;
    let clients = Clients::new(site.database.clone());
    let federation =
        FederationSettings::new("https://login.example.com", "api://a", "subject", "https://login.example.com/keys");
    let new = NewClient {
        organization: "acme".to_owned(),
        name: "Gallery".to_owned(),
        made_by: None,
        federation: Some(federation.unwrap()),
    };
    let client = clients.add(new).await.unwrap().id;
    let secret = clients.add_secret("acme", &client, TimeDelta::days(90)).await.unwrap();
    let url = format!("{}/scim/acme/oauth/token", site.server.root());
    let body = format!("grant_type=client_credentials&client_id={client}&client_secret={}", secret.reveal());
    let answer = site.server.form(&url, &[], &body);
    assert_eq!(answer.status, 200, "{}", answer.text);
    let token = answer.json["access_token"].as_str().unwrap().to_owned();
    assert_eq!(status(site, &token), 200);
    People { ann, cem, hand, editors, client, token }
}

fn status(site: &Site, key: &str) -> u16 {
    site.server.request_with_key(Some(key), "GET", "/Users?count=0", None).status
}

/// Another organization on the same server, with one user; returns its key.
async fn neighbor(site: &Site) -> String {
    let key = "another-token-for-tests-0123456789";
    let directory = Directory::new(&Storage::Database(site.database.clone()));
    let name = "other".parse::<OrganizationName>().unwrap();
    directory.ensure_organization(&name).await.unwrap();
    directory.add_key(Key::new(&name, "x", TokenDigest::of(key))).await.unwrap();
    let url = format!("{}/scim/other/v2/Users", site.server.root());
    let headers = [("Authorization", &*format!("Bearer {key}"))];
    let user = json!({"schemas": [USER], "userName": "ann"});
    assert_eq!(site.server.send("POST", &url, &headers, Some(&user)).unwrap().status, 201);
    key.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_requests_change_nothing() {
    for place in databases() {
        let site = Site::start(&place).await;
        people(&site).await;
        neighbor(&site).await;
        let maya = site.administrator().await;
        let nina = site.sign_in(&site.person("Nina", false).await).await;
        let stranger = {
            let new = NewAccount {
                tenant: "other".to_owned(),
                user_name: "eve".to_owned(),
                name: "Eve".to_owned(),
                email: None,
                administrator: true,
                made_by: None,
            };
            let id = site.accounts.add(new).await.unwrap();
            let sessions = Sessions::new(site.database.clone());
            let cookie = sessions.begin("other", &id, None).await.unwrap();
            let token = sessions.find("other", &cookie).await.unwrap().unwrap().token;
            let root = format!("{}/o/other/", site.server.root());
            Browser::of_account(&root, &id, &cookie, &token)
                .everywhere()
                .with_root(|root| root.replace("/other/", "/acme/"))
        };
        let before = everything(&site).await;
        let paths = ["scim/remove", "scim/remove/continue"];

        // Without the token of the session, and from another site.
        for path in paths {
            for body in ["name=acme&seen=", &format!("name=acme&seen=&token={}", nina.token)] {
                assert_eq!(maya.post_text(path, &[], body.to_owned()).status, 403, "{path}");
            }
            let headers = [("Sec-Fetch-Site", "cross-site")];
            let body = format!("name=acme&seen=&token={}", maya.token);
            assert_eq!(maya.post_text(path, &headers, body).status, 403, "{path}");
        }
        // A person who is not an administrator, an administrator of another organization, and a browser without a
        // session.
        for path in ["scim/remove", "scim"] {
            assert_eq!(nina.get(path).status, 403, "{path}");
        }
        for path in paths {
            assert_eq!(nina.post(path, &[("name", "acme")]).status, 403, "{path}");
            let refused = stranger.post(path, &[("name", "acme")]);
            assert_eq!((refused.status, refused.destination()), (303, "/o/acme/sign-in"), "{path}");
            let nobody = site.sign_in(&nina.account).await.without_cookies();
            let refused = nobody.post(path, &[("name", "acme")]);
            assert_eq!((refused.status, refused.destination()), (303, "/o/acme/sign-in"), "{path}");
        }
        // A wrong name, and a form that no page has.
        for name in ["", "Acme", "acme2", "other"] {
            let refused = maya.post("scim/remove", &[("name", name), ("seen", "")]);
            assert_eq!(refused.status, 422, "{name}");
            assert!(refused.text.contains("Nothing has changed.") && refused.text.contains("aria-invalid"), "{name}");
        }
        assert_eq!(maya.post("scim/remove", &[("name", "acme"), ("seen", "x")]).status, 403);
        let outdated = maya.post("scim/remove", &[("name", "acme"), ("seen", "1")]);
        assert_eq!(outdated.location(), "/o/acme/scim?done=outdated");
        // No removal to continue.
        assert_eq!(maya.post("scim/remove/continue", &[]).location(), "/o/acme/scim");
        // A sign-in that is too old.
        place.run("UPDATE session SET confirmed = 0");
        for sent in [maya.get("scim/remove"), maya.post("scim/remove", &[("name", "acme"), ("seen", "")])] {
            assert_eq!((sent.status, sent.location()), (303, "/o/acme/confirm?target=%2Fo%2Facme%2Fscim%2Fremove"));
        }
        assert_eq!(everything(&site).await, before, "{place:?}");
        assert_eq!((status(&site, TOKEN), maya.get("scim").status), (200, 200));
    }
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::too_many_lines, reason = "a story, in its order")]
async fn a_connection_is_removed_and_another_one_begins_anew() {
    for place in databases() {
        let site = Site::start(&place).await;
        let made = people(&site).await;
        let other = neighbor(&site).await;
        let maya = site.administrator().await;
        let ann = site.sign_in(&made.ann).await;
        let page = maya.get("scim");
        assert!(page.text.contains("Danger zone") && page.text.contains("/o/acme/scim/remove\""), "{}", page.text);
        let asked = maya.get("scim/remove");
        for words in [
            "All 4 accounts from SCIM stay.",
            "refused from its next request on",
            "counts as assigned by hand",
            "The groups from SCIM and their mappings are removed",
            "A later connection starts anew.",
            "<strong>acme</strong>",
        ] {
            assert!(asked.text.contains(words), "{words}: {}", asked.text);
        }
        assert_eq!(status(&site, TOKEN), 200, "the question removes nothing");
        let sent = maya.post("scim/remove", &[("name", "acme"), ("seen", "")]);
        assert_eq!((sent.status, sent.location()), (303, "/o/acme/scim?done=removed"), "{place:?} {}", sent.text);

        // The provider is refused, but no other organization.
        assert_eq!((status(&site, TOKEN), status(&site, &made.token)), (401, 401), "{place:?}");
        let url = format!("{}/scim/acme/oauth/token", site.server.root());
        let body = format!("grant_type=client_credentials&client_id={}&client_secret=x", made.client);
        assert_eq!(site.server.form(&url, &[], &body).status, 401);
        let url = format!("{}/scim/other/v2/Users", site.server.root());
        let list = || site.server.send("GET", &url, &[("Authorization", &*format!("Bearer {other}"))], None).unwrap();
        assert_eq!(list().json["totalResults"], 1, "{place:?}");
        let secrets = "SELECT digest FROM oauth_secret UNION SELECT digest FROM oauth_token UNION \
                       SELECT federation FROM oauth_client WHERE federation IS NOT NULL";
        assert_eq!(rows(&site.database, secrets).await, [""; 0]);
        check(&site).await;

        // The accounts stay, in their user groups, with their sessions.
        assert_eq!(
            user_groups_of(&site).await,
            ["ann Editors ", "ann Viewers ", "bob Editors ", "bob Viewers "],
            "{place:?}"
        );
        assert_eq!(ann.get("me").status, 200);
        let found = site.accounts.find_at_sign_on("acme", SignOnBy::ExternalId, "00u1").await.unwrap();
        assert_eq!(found.iter().map(|account| &*account.id).collect::<Vec<_>>(), [&*made.ann]);
        let of_ann = maya.get(&format!("users/{}", made.ann));
        for words in ["SCIM made this account.", "By hand since", "Remove…"] {
            assert!(of_ann.text.contains(words), "{words}: {}", of_ann.text);
        }
        let groups = maya.get("user-groups");
        assert!(groups.text.contains("Editors") && !groups.text.contains("Legal"), "{}", groups.text);
        let deactivated = maya.get("users?tab=deactivated");
        assert!(deactivated.text.contains("Dan"), "{}", deactivated.text);

        // The accounts can be changed and removed by hand.
        let sent = maya.post(&format!("users/{}/groups", made.cem), &[("group", &made.editors)]);
        assert_eq!(sent.status, 303);
        let sent = maya.post(&format!("users/{}/groups", made.ann), &[("seen", &made.editors)]);
        assert_eq!(sent.status, 303);
        assert_eq!(
            user_groups_of(&site).await,
            ["ann Viewers ", "bob Editors ", "bob Viewers ", "cem Editors "],
            "{place:?}"
        );
        assert_eq!(maya.post(&format!("users/{}/remove", made.cem), &[]).location(), "/o/acme/users?done=removed");
        assert_eq!(site.accounts.remove("acme", &made.hand, &maya.account).await.unwrap(), Changed::Done);
        check(&site).await;

        // Page, log and outbox agree.
        let page = maya.get("scim?done=removed");
        for words in ["The connection is removed.", "Not connected", "removed the connection today at"] {
            assert!(page.text.contains(words), "{words}: {}", page.text);
        }
        assert!(!page.text.contains("Danger zone"), "nothing is left to remove: {}", page.text);
        assert_eq!(maya.get("scim/remove").status, 404);
        let log = maya.get("log");
        let name = site.accounts.find("acme", &maya.account).await.unwrap().unwrap().name;
        for words in [
            "<strong>Removed the connection</strong>",
            "Accounts that are made by hand now: 4",
            "were removed: 2",
            &name,
        ] {
            assert!(log.text.contains(words), "{words}: {}", log.text);
        }
        let export = maya.get("log/export?format=json");
        let export: Json = serde_json::from_str(&export.text).unwrap();
        let line = export.as_array().unwrap().iter().find(|line| line["operation"] == "REMOVE connection").unwrap();
        assert_eq!((&line["key"], &line["outcome"]), (&json!(name), &json!("done")));
        let listed = run(&["events", "--organization", "acme", "--after", "0", "--store", &place.url]);
        let events: Vec<Json> = listed.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let events: Vec<&Json> =
            events.iter().map(|row| &row["event"]).filter(|event| event["type"].is_string()).collect();
        let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["connectionRemovalBegan", "accountsReleased", "resourcesRemoved", "connectionRemoved"]);
        assert!(events.iter().all(|event| event["actor"] == *maya.account && event["requestId"] == line["request"]));
        assert_eq!(events[1]["accounts"].as_array().unwrap().len(), 4);
        assert_eq!((&events[3]["accounts"], &events[3]["resources"]), (&json!(4), &json!(2)));

        // Another connection: the accounts do not exist for it, and it cannot create them again.
        assert_eq!(maya.post("scim/on", &[]).location(), "/o/acme/scim?done=on");
        let form = "f".repeat(64);
        let shown = maya.post("scim/keys", &[("form", &form), ("days", "90"), ("name", "New"), ("provider", "okta")]);
        let key = shown.text.split("id=\"api-key\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
        let ask = |method: &str, path: &str, body: Option<&Json>| {
            site.server.request_with_key(Some(&key), method, path, body)
        };
        assert_eq!(status(&site, TOKEN), 401, "the former key stays revoked");
        // The page reports that the provider still uses the former key.
        eventually("the page tells the remedy", || maya.get("scim").text.contains("Paste a valid key into Okta."));
        for path in [
            "/Users",
            "/Groups",
            "/Users?filter=userName%20eq%20%22ann%22",
            "/Users?filter=externalId%20eq%20%2200u1%22",
        ] {
            assert_eq!(ask("GET", path, None).json["totalResults"], 0, "{path}");
        }
        let deactivation = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                           "Operations": [{"op": "replace", "path": "active", "value": false}]});
        let user = json!({"schemas": [USER], "userName": "ANN", "externalId": "00u1"});
        let path = format!("/Users/{}", made.ann);
        for (method, body) in [("GET", None), ("PUT", Some(&user)), ("PATCH", Some(&deactivation)), ("DELETE", None)] {
            assert_eq!(ask(method, &path, body).status, 404, "{method}");
        }
        let refused = ask("POST", "/Users", Some(&user));
        assert_eq!((refused.status, &refused.json["scimType"]), (409, &json!("uniqueness")), "{}", refused.text);
        let group = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Legal",
                           "members": [{"value": made.ann}]});
        assert_eq!(ask("POST", "/Groups", Some(&group)).status, 400, "no member of a group of SCIM either");
        eventually("the log names the account", || {
            maya.get("log").text.contains("The user name belongs to Ann, an account made by hand.")
        });
        // The provider may give the same externalId under another name: that account then signs in.
        let again = ask("POST", "/Users", Some(&json!({"schemas": [USER], "userName": "ann2", "externalId": "00u1"})));
        let found = site.accounts.find_at_sign_on("acme", SignOnBy::ExternalId, "00u1").await.unwrap();
        assert_eq!(found.iter().map(|account| json!(account.id)).collect::<Vec<_>>(), [again.json["id"].clone()]);
        // The name of a removed account is free.
        let cem = json!({"schemas": [USER], "userName": "cem"});
        assert_eq!(ask("POST", "/Users", Some(&cem)).status, 201);
        check(&site).await;
        assert_eq!(ann.get("me").status, 200);
        let page = maya.get("scim");
        assert!(page.text.contains("Danger zone") && !page.text.contains("removed the connection"), "{}", page.text);
    }
}
