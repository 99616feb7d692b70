//! The administrator's side on two processes behind a round-robin proxy: no process keeps a state that the other
//! process lacks.

use std::sync::atomic::Ordering;

use crate::balancer::Balancer;
use crate::browser::{Browser, Page, parameter};
use crate::fake::Fake;
use crate::process::{USER, databases, eventually};
use crate::providers::Organization;
use serde_json::{Value as Json, json};

const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// The address by which the fake provider sends a browser back.
fn way_back(organization: &Organization, fake: &Fake, leaving: &Page) -> String {
    let address = leaving.onward();
    let (code, state) = (fake.code(&address), parameter(&address, "state").unwrap());
    organization.url(&format!("sign-on/return?code={code}&state={state}"))
}

/// The value of the attribute `id` of an element.
fn element(page: &Page, id: &str) -> String {
    let found = page.text.split(&format!("id=\"{id}\">")).nth(1);
    found.unwrap_or_else(|| panic!("no {id}: {}", page.text)).split('<').next().unwrap().to_owned()
}

#[test]
fn pages_sessions_and_sign_ins_work_on_any_process() {
    for place in databases() {
        let Balancer { root, servers: [first, _second], addresses, connections } = Balancer::start(&place);
        let fake = Fake::start();
        // Each request of a browser goes to the process that did not have the last request.
        let mut organization = Organization::of(first, root.clone(), &place.url);
        organization.save_openid(&fake.issuer, "preferred_username").assert_has("Found, with sign-in address");
        let leaving = organization.test("openid");
        let back = way_back(&organization, &fake, &leaving);
        organization.administrator.get(&back).assert_has("Test sign-in passed");
        organization.turn_on("openid").assert_has("Single sign-on is on");
        let page = organization.page("scim");
        organization.administrator.submit(&page, "/scim/on", &[]).assert_has("SCIM is active.");

        // A form makes one key, on whichever processes it arrives.
        let page = organization.page("scim");
        let fields = [("name", "First"), ("provider", "other"), ("days", "365")];
        let shown = organization.administrator.submit(&page, "/scim/keys", &fields);
        let key = element(&shown, "api-key");
        for _ in 0..3 {
            organization.administrator.submit(&page, "/scim/keys", &fields).assert_has("has made a key before");
        }
        assert_eq!(organization.count("SELECT count(*) FROM api_key"), 1);
        let scim = |address: &str, method: &str, path: &str, body: Option<&Json>| {
            let headers = [("Authorization", &*format!("Bearer {key}"))];
            organization.server.send(method, &format!("http://{address}/scim/demo/v2{path}"), &headers, body).unwrap()
        };
        for address in &addresses {
            assert_eq!(scim(address, "GET", "/Users", None).status, 200);
        }

        // A person whom one process created signs in on both, and stays signed in on both.
        let user = json!({"schemas": [USER], "userName": "lena@example.com", "displayName": "Lena Fischer"});
        let made = scim(&addresses[0], "POST", "/Users", Some(&user));
        let person = format!("/Users/{}", made.json["id"].as_str().unwrap());
        assert!(made.json["meta"]["location"].as_str().unwrap().starts_with(&root), "{}", made.text);
        let sign_in = || {
            fake.state.lock().unwrap().claims = json!({"preferred_username": "lena@example.com"});
            let (visitor, leaving) = organization.leave();
            let back = way_back(&organization, &fake, &leaving);
            let page = visitor.get(&back);
            (visitor, page, back)
        };
        let (mut visitor, page, back) = sign_in();
        page.assert_has("Lena Fischer");
        for _ in 0..4 {
            visitor.get(&organization.url("me")).assert_has("Lena Fischer");
        }
        // The answer of the provider works once, on all processes together.
        for _ in 0..2 {
            let thief = Browser::visitor();
            assert!(thief.get(&back).status >= 400 && thief.cookie("platform_session").is_none());
        }

        // A commit of either process ends the session on both at once.
        for (index, address) in addresses.iter().enumerate() {
            let active = |active: bool| {
                let operations = json!([{"op": "replace", "path": "active", "value": active}]);
                let body = json!({"schemas": [PATCH], "Operations": operations});
                assert_eq!(scim(address, "PATCH", &person, Some(&body)).status, 200);
            };
            active(false);
            for _ in 0..2 {
                assert!(!visitor.get(&organization.url("me")).has("Lena Fischer"), "process {index}");
            }
            let (_, page, _) = sign_in();
            page.assert_has("deactivated");
            active(true);
            let (again, page, _) = sign_in();
            page.assert_has("Lena Fischer");
            visitor = again;
        }

        // A sign-out at one process also signs out at the other.
        let page = visitor.get(&organization.url("me"));
        let stolen = visitor.clone();
        visitor.submit(&page, "/sign-out", &[]);
        for _ in 0..2 {
            assert!(!stolen.clone().get(&organization.url("me")).has("Lena Fischer"));
        }

        // The log has the requests of both processes, and neither accepts a revoked key.
        eventually("the log has all requests", || {
            organization.count("SELECT count(*) FROM request WHERE operation LIKE 'PATCH%'") == 4
        });
        let page = organization.administrator.clone().get(&organization.url("scim/keys/revoke-all"));
        organization.administrator.clone().submit(&page, "/scim/keys/revoke-all", &[]);
        for address in &addresses {
            eventually("the key is refused", || scim(address, "GET", "/Users", None).status == 401);
        }
        let counts = connections.each_ref().map(|count| count.load(Ordering::Relaxed));
        assert!(counts.iter().all(|count| *count > 20), "{counts:?}");
    }
}
