//! Requests of an intruder: texts that a database refuses, guessed passwords, stolen sessions, and an unattended
//! browser.

use crate::browser::{Browser, PASSWORD};
use crate::process::{Place, Server, TOKEN, USER, databases, eventually, run, sqlite};
use platform::database::Database;
use scim_core::sql::Statement;
use serde_json::json;

/// The number that a query returns.
fn count(place: &Place, sql: &str) -> i64 {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let database = Database::open(&place.url).await.unwrap();
        let mut query = Statement::new(database.dialect());
        query.push(sql);
        database.look_up(vec![query]).await.unwrap()[0][0].required_integer(0).unwrap()
    })
}

fn start(place: &Place, more: &[&str]) -> (Server, Browser) {
    let server = Server::start(&[&["--store", &place.url, "--single-sign-on", "external"], more].concat());
    let browser = Browser::of_administrator(&server);
    (server, browser)
}

/// An entry that a database refuses does not remove other entries of its batch.
#[test]
fn no_request_removes_another_one_from_the_log() {
    for place in databases() {
        let server = Server::start(&["--store", &place.url, "--organization", "acme", "--token", TOKEN]);
        for index in 0..10 {
            let nul = json!({"schemas": [USER], "userName": format!("nul\u{0}{index}"), "active": "banana"});
            assert_eq!(server.request("POST", "/Users", Some(&nul)).status, 400);
            let user = json!({"schemas": [USER], "userName": format!("user{index}")});
            assert_eq!(server.request("POST", "/Users", Some(&user)).status, 201);
        }
        let written = |outcome: &str| {
            count(&place, &format!("SELECT count(*) FROM request WHERE tenant = 'acme' AND outcome = '{outcome}'"))
        };
        eventually("the log has every request", || (written("done"), written("refused")) == (10, 10));
        for path in ["/o/ac%00me/sign-in", "/o/ACME/sign-in"] {
            let answer = server.send("GET", &format!("{}{path}", server.root()), &[], None).unwrap();
            assert_eq!(answer.status, 404, "{path}");
        }
    }
}

/// A request with an unknown key counts neither as a request nor as a failure of the provider.
#[test]
fn strangers_are_not_the_provider() {
    for place in databases() {
        let server = Server::start(&["--store", &place.url, "--organization", "acme", "--token", TOKEN]);
        assert_eq!(server.request("GET", "/Users", None).status, 200);
        assert_eq!(server.request_with_key(Some("guessed"), "GET", "/Users", None).status, 401);
        eventually("the log has both", || count(&place, "SELECT count(*) FROM request") == 2);
        let sums = "SELECT CAST(SUM(requests) * 10 + SUM(refused + failed) AS BIGINT) FROM request_hour";
        assert_eq!(count(&place, sums), 10, "{place:?}");
        assert_eq!(
            count(&place, "SELECT CAST(SUM(requests) * 10 + SUM(failures) AS BIGINT) FROM request_cycle"),
            10,
            "{place:?}"
        );
        assert_eq!(server.request("GET", "/Users", None).status, 200);
        eventually("the key works again", || count(&place, "SELECT count(*) FROM request") == 3);
        let stranger = "SELECT count(*) FROM connection WHERE failing IS NOT NULL OR fault LIKE '%caller%'";
        assert_eq!(count(&place, stranger), 0, "{place:?}");
    }
}

#[test]
fn guesses_of_a_password_are_limited_by_address() {
    for place in databases() {
        let (server, administrator) = start(&place, &["--failure-rate", "5"]);
        let stranger = Browser::new(&server);
        let guess =
            || stranger.post("/o/demo/sign-in", &[("user_name", "administrator"), ("password", "a wrong password")]);
        // The one-time link of the administrator was the first attempt.
        let statuses: Vec<u16> = (0..6).map(|_| guess().status).collect();
        assert_eq!(statuses, [200, 200, 200, 200, 429, 429], "{place:?}");
        let refused = guess();
        refused.shows(&["Too many attempts"]);
        let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        // A signed-in administrator can continue.
        assert_eq!(administrator.get("/o/demo/scim").status, 200);
    }
}

/// A new password is the remedy for a stolen session or a lost link, so it ends both.
#[test]
fn a_new_password_ends_sessions_and_links() {
    for place in databases() {
        let (server, stolen) = start(&place, &[]);
        assert_eq!(stolen.get("/o/demo/scim").status, 200);
        let invite = || {
            let url = server.root();
            let arguments = ["administrator", "invite", "--organization", "demo", "--user-name", "administrator"];
            let done = run(&[&arguments[..], &["--store", &place.url, "--public-url", &url]].concat());
            assert_eq!(done.status, Some(0), "{done:?}");
            done.stdout.split(' ').next().unwrap().trim().to_owned()
        };
        let (first, second) = (invite(), invite());
        let browser = Browser::of_link(&server, &second);
        assert_eq!(browser.get("/o/demo/scim").status, 200);
        assert_eq!(stolen.get("/o/demo/scim").location(), "/o/demo/sign-in?target=%2Fo%2Fdemo%2Fscim&ended=1");
        let path = format!("/{}", first.splitn(4, '/').nth(3).unwrap());
        assert_eq!(browser.get(&path).status, 410, "the other link");
        let again = browser.post(&path, &[("password", PASSWORD), ("again", PASSWORD)]);
        assert!(again.status >= 400, "{}", again.status);
    }
}

/// In an unattended browser no administrator can be made or removed, and nothing can be turned off.
#[test]
fn risky_forms_ask_for_the_password_again() {
    for place in databases() {
        let (_server, browser) = start(&place, &[]);
        browser.fill("/o/demo/scim", "/o/demo/scim/on", &[]);
        let fields =
            |name: &'static str| [("name", name), ("user_name", name), ("email", ""), ("role", "administrator")];
        let added = browser.fill("/o/demo/users/new", "/o/demo/users/new", &fields("second")[..]);
        let id = added.location().split('/').nth(4).unwrap().split('?').next().unwrap().to_owned();
        let before = count(&place, "SELECT count(*) FROM account");
        place.run("UPDATE session SET confirmed = 0");
        let token = browser.get("/o/demo/users/new").field("token").to_owned();
        let remove = format!("/o/demo/users/{id}/remove");
        for (path, more) in [
            ("/o/demo/users/new", fields("third").to_vec()),
            (&*remove, vec![]),
            ("/o/demo/scim/off", vec![]),
            ("/o/demo/log/record", vec![]),
        ] {
            let answer = browser.post(path, &[&[("token", &*token)][..], &more].concat());
            assert!(answer.location().starts_with("/o/demo/confirm?target="), "{path}: {answer:?}");
        }
        assert_eq!(count(&place, "SELECT count(*) FROM account"), before);
        assert_eq!(count(&place, "SELECT count(*) FROM recording"), 0);
        assert_eq!(count(&place, "SELECT count(*) FROM organization WHERE scim = 1"), 1);
        // A person who is not an administrator needs no password.
        let member = [("token", &*token), ("name", "Mem"), ("user_name", "mem"), ("email", ""), ("role", "member")];
        assert!(browser.post("/o/demo/users/new", &member).location().ends_with("done=added"));
    }
}

#[test]
fn administrators_are_invited_to_organizations_that_exist() {
    for place in databases() {
        let (_server, _) = start(&place, &[]);
        let arguments =
            ["administrator", "invite", "--organization", "demp", "--user-name", "x", "--store", &place.url];
        let refused = run(&arguments);
        assert_eq!(refused.status, Some(1));
        assert!(refused.stderr.contains("no organization has the name `demp`; there are: demo"), "{refused:?}");
        assert_eq!(count(&place, "SELECT count(*) FROM organization"), 1);
    }
}

/// A form whose bytes do not come, or do not end, keeps neither a connection nor memory.
#[test]
fn a_form_has_a_time_and_a_length() {
    let place = sqlite();
    let (server, _) = start(&place, &[]);
    let head = |path: &str, length: usize| {
        let host = server.root().replace("http://", "");
        format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n"
        )
    };
    let paths = ["/o/demo/sign-in", "/o/demo/sign-on/start", "/o/demo/sign-on/acs"];
    let slow = paths.map(|path| {
        let mut slow = server.connect();
        slow.write(head(path, 30) + "user_name=");
        (path, slow)
    });
    for path in paths {
        let mut long = server.connect();
        long.write(head(path, 300_000) + &"a".repeat(300_000));
        let answer = long.read();
        assert!(answer.starts_with("HTTP/1.1 413 "), "{path}: {answer}");
    }
    for (path, mut slow) in slow {
        let answer = slow.read();
        assert!(answer.starts_with("HTTP/1.1 408 "), "{path}: {answer}");
    }
}

/// For the next person at the machine the button *Back* shows no page of the person who signed out.
#[test]
fn a_browser_forgets_the_pages_at_the_sign_out() {
    let place = sqlite();
    let (_server, browser) = start(&place, &[]);
    let page = browser.get("/o/demo/users");
    assert_eq!(page.headers["cache-control"], "no-store");
    let answer = browser.fill("/o/demo/users", "/o/demo/sign-out", &[]);
    assert_eq!(answer.headers["clear-site-data"], "\"cache\"");
}
