//! The ways into the pages and out of dead ends: the root of the server, an ended session, and a form that another tab
//! has already sent.

use crate::browser::{Browser, PASSWORD, Site, rows};
use crate::process::{Server, databases, run};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_has_ended_leads_back() {
    for place in databases() {
        let server = Server::start(&["--store", &place.url]);
        let browser = Browser::of_administrator(&server);
        assert_eq!(browser.get("/o/demo/users?tab=unassigned").status, 200);
        let stranger = Browser::new(&server);
        let sent = stranger.get("/o/demo/users?tab=unassigned");
        assert_eq!(sent.location(), "/o/demo/sign-in?target=%2Fo%2Fdemo%2Fusers%3Ftab%3Dunassigned");
        stranger.get(sent.location()).hides(&["Your session has ended"]);
        assert_eq!(stranger.get("/o/demo/").location(), "/o/demo/sign-in");
        place.run("UPDATE session SET seen = 0, created = 0");
        let sent =
            browser.post_with("/o/demo/users/new", &[("Referer", &format!("{}/o/demo/users/new", server.root()))], &[]);
        assert_eq!(sent.location(), "/o/demo/sign-in?target=%2Fo%2Fdemo%2Fusers%2Fnew&ended=1");
        let page = browser.get(sent.location());
        page.shows(&["Your session has ended", "What you had typed was not saved."]);
        let wrong = browser.submit(&page, "/sign-in", &[("user_name", "administrator"), ("password", "wrong")]);
        wrong.shows(&["The sign-in failed.", "value=\"/o/demo/users/new\""]);
        let right = [("user_name", "administrator"), ("password", PASSWORD)];
        assert_eq!(browser.submit(&wrong, "/sign-in", &right).location(), "/o/demo/users/new");
        // A target must be a page of the organization.
        let page = stranger.get("/o/demo/sign-in?target=https%3A%2F%2Fevil.example%2F");
        page.hides(&["evil"]);
        for target in
            ["https://evil.example/", "//evil.example", "/o/other/users", "/o/demo/\\evil", "/o/demo/?x=//evil"]
        {
            let sent = stranger.submit(&page, "/sign-in", &[right[0], right[1], ("target", target)]);
            assert_eq!(sent.location(), "/o/demo/", "{target}");
            stranger.forget();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_root_asks_for_the_organization() {
    for place in databases() {
        let site = Site::start(&place).await;
        let browser = Browser::new(&site.server);
        let root = format!("{}/", site.server.root());
        let page = browser.get_with(&root, &[("Accept", "text/html,application/xhtml+xml")]);
        assert_eq!(page.status, 200);
        page.shows(&["Go to your organization", "action=\"/o/\""]);
        page.hides(&["acme"]);
        assert!(page.headers.contains_key("content-security-policy"));
        let page = browser.get_with(&root, &[("Accept", "application/scim+json")]);
        assert_eq!(page.status, 404);
        page.shows(&["nothing is at this URL; SCIM is below /scim/{organization}/v2"]);
        assert_eq!(browser.post(&root, &[]).status, 404);
        assert_eq!(browser.get("/o/?organization=+Acme").location(), "/o/acme/");
        let refused = browser.get("/o/?organization=%22%3E%3Cscript");
        assert_eq!(refused.status, 422);
        refused.shows(&["Use lower-case letters"]);
        refused.hides(&["<script>", "\"><script"]);
        assert_eq!(browser.get("/o/").status, 422);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_revoked_once_and_named_once() {
    for place in databases() {
        let site = Site::start(&place).await;
        let admin = site.administrator().await;
        let make = |form: &str, name: &str, method: &str| {
            let form = form.repeat(64);
            admin.post("scim/keys", &[("form", &form), ("name", name), ("days", "90"), ("method", method)])
        };
        assert_eq!(make("a", "Production", "key").status, 200);
        assert_eq!(make("a", "Production", "key").location(), "/o/acme/scim?done=repeated");
        for (form, method) in [("b", "key"), ("c", "oauth")] {
            let refused = make(form, " PRODUCTION ", method);
            assert_eq!(refused.status, 422, "{method}");
            refused.shows(&["A valid key or client has this name.", "aria-invalid"]);
        }
        assert_eq!(make("d", "Client", "oauth").status, 200);
        assert_eq!(make("d", "Client", "oauth").location(), "/o/acme/scim?done=repeated");
        assert_eq!(make("e", "client", "key").status, 422);
        let sql = "SELECT digest || '|' || ending FROM api_key WHERE name = 'Production'";
        let found = rows(&site.database, sql).await;
        let (digest, ending) = found[0].split_once('|').unwrap();
        let path = format!("scim/keys/{digest}/revoke");
        let page = admin.get(&path);
        page.assert_has(&format!("The key ends with “{ending}” and was made today."));
        assert_eq!(admin.submit(&page, "/revoke", &[]).location(), "/o/acme/scim?done=revoked");
        for again in [admin.submit(&page, "/revoke", &[]), admin.get(&path)] {
            assert_eq!(again.status, 404);
            again.shows(&["This key is already revoked", "Back to SCIM", "<nav"]);
        }
        assert_eq!(make("f", "Production", "key").status, 200, "the name is free again");
        let harper = site.person("Harper", false).await;
        let page = admin.get(&format!("users/{harper}/remove"));
        assert_eq!(admin.submit(&page, "/remove", &[]).location(), "/o/acme/users?done=removed");
        let again = admin.submit(&page, "/remove", &[]);
        again.shows(&["This account is already removed", "Back to the users", "<nav"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_do_not_turn_the_page_around() {
    for place in databases() {
        let site = Site::start(&place).await;
        let admin = site.administrator().await;
        let id = site.user("lena", "Lena\u{202e}\u{2066}gnp");
        for path in ["users".to_owned(), "users?tab=unassigned".to_owned(), format!("users/{id}")] {
            let page = admin.get(&path);
            page.shows(&["Lena\u{fffd}\u{fffd}gnp"]);
            page.hides(&["\u{202e}", "\u{2066}"]);
        }
    }
}

#[test]
fn a_command_makes_no_store() {
    let directory = std::env::temp_dir().join(format!("platform-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&directory).unwrap();
    let file = directory.join("none.db");
    let store = format!("sqlite:{}", file.display());
    for arguments in [
        &["administrator", "invite", "--organization", "acme"][..],
        &["key", "list"],
        &["organization", "list"],
        &["events", "--organization", "acme"],
    ] {
        let done = run(&[arguments, &["--store", &store]].concat());
        assert_eq!(done.status, Some(1), "{done:?}");
        assert!(done.stderr.contains("there is no file"), "{done:?}");
        assert!(!file.exists(), "{arguments:?}");
    }
    let done = run(&["organization", "new", "acme", "--store", &store]);
    assert_eq!(done.status, Some(0), "{done:?}");
    std::fs::remove_dir_all(&directory).unwrap();
}
