//! OAuth clients on the page *SCIM*: from their creation to their end, and every form that must be refused.

use crate::browser::{Browser, Page};
use crate::process;
use crate::process::{Place, Server, databases, eventually, run};
use chrono::{TimeDelta, Utc};

const SCIM: &str = "/o/demo/scim";
const KEYS: &str = "/o/demo/scim/keys";
const NEW: &str = "/o/demo/scim/keys/new?method=oauth";

/// A server whose organization `demo` has single sign-on and SCIM on, and its administrator.
fn start(place: &Place) -> (Server, Browser) {
    let server = Server::start(&["--store", &place.url, "--single-sign-on", "external"]);
    let browser = Browser::of_administrator(&server);
    assert_eq!(browser.fill(SCIM, "/o/demo/scim/on", &[]).location(), "/o/demo/scim?done=on");
    (server, browser)
}

/// Creates a client with the form for the first client.
fn first(browser: &Browser, provider: &str, name: &str) -> (String, String) {
    let fields = [("form", ""), ("days", "90"), ("name", name), ("provider", provider), ("method", "oauth")];
    credentials(&browser.fill(SCIM, KEYS, &fields))
}

fn credentials(shown: &Page) -> (String, String) {
    assert_eq!(shown.status, 200, "{shown:?}");
    (shown.element("client-id").to_owned(), shown.element("client-secret").to_owned())
}

fn ask(server: &Server, (id, secret): &(String, String)) -> process::Answer {
    let url = format!("{}/scim/demo/oauth/token", server.root());
    let body = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}&scope=scim");
    server.form(&url, &[], &body)
}

fn token(server: &Server, client: &(String, String)) -> String {
    let answer = ask(server, client);
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json["access_token"].as_str().unwrap().to_owned()
}

fn status(server: &Server, token: &str) -> u16 {
    server.request_with_key(Some(token), "GET", "/Users?count=0", None).status
}

/// The rows of `oauth client list`, without its head.
fn listed(place: &Place) -> Vec<String> {
    let listed = run(&["oauth", "client", "list", "--store", &place.url]);
    listed.stdout.lines().skip(1).map(str::to_owned).collect()
}

/// The paths of the links whose path ends with `end`.
fn links(page: &Page, end: &str) -> Vec<String> {
    let paths = page.text.split("href=\"").skip(1).map(|part| part.split('"').next().unwrap());
    paths.filter(|path| path.contains("/clients/") && path.ends_with(end)).map(str::to_owned).collect()
}

#[test]
fn a_client_is_shown_once_and_its_secret_is_rotated_without_a_gap() {
    for place in databases() {
        let (server, browser) = start(&place);
        let page = browser.get(SCIM);
        page.shows(&["How it proves who it is", "Not available for Okta", "data-not-with=\"okta\""]);
        let (form, own) = (page.field("form").to_owned(), page.field("token").to_owned());
        let fields = [
            ("token", &*own),
            ("form", &form),
            ("days", "90"),
            ("name", "Entra <b>gallery"),
            ("provider", "entra"),
            ("method", "oauth"),
        ];
        let shown = browser.post(KEYS, &fields);
        assert_eq!(shown.headers["cache-control"], "no-store");
        shown.shows(&["Copy these four values into Entra", "You see this secret only now.", "Choose OAuth client"]);
        shown.hides(&["<b>gallery", "API key as"]);
        let client = credentials(&shown);
        let urls = shown.text.replace("<wbr>", "");
        assert!(urls.contains(&format!("{}/scim/demo/oauth/token</output>", server.root())), "{urls}");
        assert!(urls.contains(&format!("{}/scim/demo/v2</output>", server.root())), "{urls}");

        // The same form makes no second client, and no page shows the secret again.
        assert_eq!(browser.post(KEYS, &fields).location(), "/o/demo/scim?done=repeated");
        assert_eq!(listed(&place).len(), 1);
        let page = browser.get(SCIM);
        page.shows(&["Waiting for the first request", "OAuth clients", &client.0, "Never", "Choose OAuth client"]);
        page.hides(&[&client.1, "<b>gallery", "API keys</h2>"]);
        assert!(!String::from_utf8_lossy(&place.bytes()).contains(&client.1), "the database has no readable copy");

        let first = token(&server, &client);
        assert_eq!(status(&server, &first), 200);
        eventually("the page has the first request", || {
            browser.get(SCIM).text.contains("<dt>Signs in with</dt><dd>OAuth client</dd>")
        });
        browser.get(SCIM).shows(&["Connected", "Today, ", "New secret", "New client"]);

        // A second secret is added, then the first is deleted: the client has access all the time.
        let more = links(&browser.get(SCIM), "/secrets/new").remove(0);
        let post = more.trim_end_matches("/new").to_owned();
        browser.get(&more).shows(&["New secret for “Entra &#60;b&#62;gallery”", "Delete the old one"]);
        let page = browser.get(&more);
        let (form, own) = (page.field("form").to_owned(), page.field("token").to_owned());
        let fields = [("token", &*own), ("form", &form), ("days", "365")];
        let second = credentials(&browser.post(&post, &fields));
        assert_eq!(second.0, client.0);
        assert_eq!(browser.post(&post, &fields).location(), "/o/demo/scim?done=repeated");
        let both = [token(&server, &client), token(&server, &second)];
        let deletions = links(&browser.get(SCIM), "/delete");
        assert_eq!(deletions.len(), 2);
        browser.get(&deletions[0]).shows(&["Delete a secret of", "It was last used today"]);
        assert_eq!(status(&server, &both[0]), 200, "the question deletes nothing");
        let deleted = browser.fill(&deletions[0], &deletions[0], &[]);
        assert_eq!(deleted.location(), "/o/demo/scim?done=secret-deleted");
        assert_eq!((status(&server, &both[0]), status(&server, &both[1])), (401, 200));
        assert_eq!((ask(&server, &client).status, ask(&server, &second).status), (401, 200));
        assert_eq!(browser.get(&deletions[0]).status, 404);

        let revocation = links(&browser.get(SCIM), "/revoke").remove(0);
        browser.get(&revocation).shows(&["Revoke the OAuth client", "Nothing else is valid"]);
        assert_eq!(status(&server, &both[1]), 200);
        let revoked = browser.fill(&revocation, &revocation, &[]);
        assert_eq!(revoked.location(), "/o/demo/scim?done=client-revoked");
        assert_eq!((status(&server, &both[1]), ask(&server, &second).status), (401, 401));
        for path in [&revocation, &more, &deletions[1]] {
            assert_eq!(browser.get(path).status, 404, "{path}");
        }
        let page = browser.get(SCIM);
        page.shows(&["Not connected", "Generate SCIM URL and API key"]);
        page.hides(&[&client.0]);
    }
}

#[test]
fn okta_gets_no_client_and_the_page_says_why() {
    for place in databases() {
        let (server, browser) = start(&place);
        let fields = [("form", ""), ("days", "90"), ("name", "x"), ("provider", "okta"), ("method", "oauth")];
        let refused = browser.fill(SCIM, KEYS, &fields);
        assert_eq!(refused.status, 422);
        refused.shows(&["Okta sends a key in a header", "aria-invalid=\"true\"", "value=\"okta\" checked"]);
        assert_eq!(listed(&place), [""; 0]);
        browser.get(SCIM).shows(&["Not connected"]);
        // The organization keeps its provider, and with Okta as the provider the choice is off.
        browser.get("/o/demo/scim/provider").shows(&["value=\"other\" checked"]);
        let key = [("form", ""), ("days", "90"), ("name", "x"), ("provider", "okta"), ("method", "key")];
        assert_eq!(browser.fill(SCIM, KEYS, &key).status, 200);
        let page = browser.get(NEW);
        page.shows(&["value=\"oauth\" disabled", "Not available for Okta", "Make the key"]);
        page.hides(&["Workload identity federation"]);
        let refused = browser.fill(NEW, KEYS, &[("form", ""), ("name", "x"), ("method", "oauth")]);
        assert_eq!(refused.status, 422);
        assert_eq!(listed(&place), [""; 0]);
        drop(server);
    }
}

#[test]
fn a_federated_client_has_no_secret() {
    for place in databases() {
        let (_server, browser) = start(&place);
        let with = |method: &'static str, keys: &'static str| {
            [
                ("form", ""),
                ("name", "Federated"),
                ("provider", "entra"),
                ("method", method),
                ("issuer", "https://login.example/tenant"),
                ("audience", "api://one/.default"),
                ("subject", "sub <i>"),
                ("keys", keys),
            ]
        };
        let mut wrong = with("oauth", "ftp://login.example/keys");
        wrong[6].1 = "subject";
        for (fields, sentence) in [
            (with("oauth", "https://login.example/keys"), "Fill in all four fields without blanks."),
            (wrong, "The URL of the keys begins with https."),
            (with("key", "https://login.example/keys"), "Choose OAuth client above"),
        ] {
            let refused = browser.fill(SCIM, KEYS, &fields);
            assert_eq!(refused.status, 422, "{sentence}");
            refused.shows(&[sentence, "<details class=\"more\" open>", "value=\"https://login.example/tenant\""]);
            refused.hides(&["sub <i>"]);
        }
        assert_eq!(listed(&place), [""; 0]);
        let mut right = with("oauth", "https://login.example/keys");
        right[6].1 = "subject";
        let shown = browser.fill(SCIM, KEYS, &right);
        assert_eq!(shown.status, 200);
        shown.shows(&["Copy these three values", "api://one<", "https://login.example/keys"]);
        shown.hides(&["client-secret", "only now"]);
        let list = listed(&place);
        assert!(list.len() == 1 && list[0].contains("federated"), "{list:?}");
        browser.get(SCIM).shows(&["Proves itself by https://login.example/tenant", "Waiting for the first request"]);
    }
}

#[test]
fn a_secret_expires_and_the_page_warns_before() {
    for place in databases() {
        let (server, browser) = start(&place);
        let client = first(&browser, "entra", "Entra");
        let expire = |at: chrono::DateTime<Utc>| {
            place.run(&format!("UPDATE oauth_secret SET expires = {}", at.timestamp_millis()));
        };
        browser.get(SCIM).hides(&["expires in"]);
        expire(Utc::now() + TimeDelta::days(20));
        browser.get(SCIM).shows(&["A secret of “Entra” expires in 20 days", "In 20 days", "Make a new secret"]);
        expire(Utc::now() + TimeDelta::days(20) + TimeDelta::hours(1));
        browser.get(SCIM).hides(&["expires in"]);
        expire(Utc::now() - TimeDelta::seconds(1));
        browser.get(SCIM).shows(&["Not connected", "No secret is valid, so Entra is refused.", "Expired"]);
        assert_eq!(ask(&server, &client).status, 401);
    }
}

#[test]
fn there_are_limits_and_they_say_so() {
    for place in databases() {
        let (server, browser) = start(&place);
        let client = first(&browser, "entra", "Entra");
        let path = format!("/o/demo/scim/clients/{}/secrets", client.0);
        for index in 2..=10 {
            place.run(&format!(
                "INSERT INTO oauth_secret (client, digest, created, expires) VALUES ('{}', '{index:064x}', 1, 2)",
                client.0
            ));
        }
        let full = browser.fill(&format!("{path}/new"), &path, &[("form", "")]);
        assert_eq!(full.status, 422);
        full.shows(&["this client has 10 already", "role=\"alert\""]);
        assert_eq!(listed(&place).len(), 10);
        for index in 2..=50 {
            place.run(&format!(
                "INSERT INTO oauth_client (id, tenant, name, created) VALUES ('c{index}', 'demo', 'c{index}', 1)"
            ));
        }
        let full = browser.fill(NEW, KEYS, &[("form", ""), ("name", "One more"), ("method", "oauth")]);
        assert_eq!(full.status, 422);
        full.shows(&["there are 50 already", "value=\"One more\""]);
        assert!(!listed(&place).iter().any(|row| row.contains("One more")));
        assert_eq!(ask(&server, &client).status, 200);
    }
}

#[test]
fn everything_is_revoked_at_once() {
    for place in databases() {
        let (server, browser) = start(&place);
        let client = first(&browser, "entra", "Entra");
        let key = browser.fill("/o/demo/scim/keys/new", KEYS, &[("form", ""), ("name", "Key"), ("method", "key")]);
        let key = key.element("api-key").to_owned();
        let issued = token(&server, &client);
        assert_eq!((status(&server, &key), status(&server, &issued)), (200, 200));
        // The card of the provider follows the first request in the log.
        eventually("the page knows both", || browser.get(SCIM).text.contains("API key or OAuth client"));
        browser.get(SCIM).shows(&["Revoke all keys and OAuth clients"]);
        let all = "/o/demo/scim/keys/revoke-all";
        browser.get(all).shows(&["The one valid key ends", "The one valid OAuth client ends"]);
        assert_eq!(browser.fill(all, all, &[]).location(), "/o/demo/scim?done=all-revoked");
        assert_eq!((status(&server, &key), status(&server, &issued)), (401, 401));
        assert_eq!(ask(&server, &client).status, 401);
        assert!(listed(&place)[0].contains("revoked"));
        browser.get(SCIM).shows(&["Not connected"]);
    }
}

/// Every form, without a recent sign-in and from every browser that may not send it. Nothing changes.
#[test]
fn forged_requests_are_refused() {
    for place in databases() {
        let (server, browser) = start(&place);
        let client = first(&browser, "entra", "Entra");
        assert_eq!(run(&["organization", "new", "other", "--store", &place.url]).status, Some(0));
        let invite = ["administrator", "invite", "--organization", "other", "--store", &place.url];
        let invited = run(&[&invite[..], &["--public-url", &server.root()]].concat());
        let stranger = Browser::of_link(&server, invited.stdout.split(' ').next().unwrap()).everywhere();
        let own = browser.get(SCIM).field("token").to_owned();
        let strange = stranger.get("/o/other/scim").field("token").to_owned();
        let deletion = links(&browser.get(SCIM), "/delete").remove(0);
        let path = |end: &str| format!("/o/demo/scim/clients/{}/{end}", client.0);
        let form = "f".repeat(64);
        let fields = [("name", "forged"), ("form", &*form), ("method", "oauth"), ("days", "90")];
        let forms = [
            (KEYS.to_owned(), &fields[..]),
            (path("secrets"), &fields[1..2]),
            (path("revoke"), &fields[..0]),
            (deletion, &fields[..0]),
        ];
        for (path, fields) in &forms {
            let with = |token: &str| -> Vec<(String, String)> {
                let all = fields.iter().copied().chain([("token", token)]);
                all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
            };
            let send = |browser: &Browser, path: &str, headers: &[(&str, &str)], fields: &[(String, String)]| {
                let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
                let page = browser.post_with(path, headers, &fields);
                (page.status, page.location().to_owned())
            };
            let refused = (403, String::new());
            assert_eq!(send(&browser, path, &[], &with("")), refused, "{path}: no token");
            assert_eq!(send(&browser, path, &[], &with(&strange)), refused, "{path}: another session's token");
            let other_site = [("Origin", "https://evil.example")];
            assert_eq!(send(&browser, path, &other_site, &with(&own)), refused, "{path}: another origin");
            let sign_in = |ended: &str| (303, format!("/o/demo/sign-in{ended}"));
            assert_eq!(
                send(&stranger, path, &[], &with(&strange)),
                sign_in("?ended=1"),
                "{path}: another organization"
            );
            assert_eq!(send(&Browser::new(&server), path, &[], &with(&own)), sign_in(""), "{path}: no session");
            if path != KEYS {
                // The client of another organization does not exist in the caller's own.
                let elsewhere = path.replace("/o/demo/", "/o/other/");
                let (status, _) = send(&stranger, &elsewhere, &[], &with(&strange));
                assert!(matches!(status, 403 | 404), "{elsewhere}: {status}");
                assert!(matches!(stranger.get(&elsewhere).status, 404 | 405), "{elsewhere}");
            }
            place.run("UPDATE session SET confirmed = 0");
            let (status, location) = send(&browser, path, &[], &with(&own));
            assert_eq!(status, 303, "{path}");
            assert!(location.starts_with("/o/demo/confirm?target="), "{path}: {location}");
            let now = Utc::now().timestamp_millis();
            place.run(&format!("UPDATE session SET confirmed = {now}"));
        }
        for (name, value) in [("form", "short"), ("method", "magic")] {
            let token = browser.get(SCIM).field("token").to_owned();
            let mut all = vec![("token", &*token), ("name", "x"), ("form", &form), ("method", "oauth")];
            all.retain(|(found, _)| *found != name);
            all.push((name, value));
            assert_eq!(browser.post(KEYS, &all).status, 403, "{name}");
        }
        let list = listed(&place);
        assert!(list.len() == 1 && list[0].contains("valid") && list[0].contains("Entra"), "{list:?}");
        assert_eq!(ask(&server, &client).status, 200);

        // While SCIM is off, no client and no secret can be created.
        browser.fill("/o/demo/scim/off", "/o/demo/scim/off", &[]);
        let token = browser.get(SCIM).field("token").to_owned();
        for (path, fields) in &forms[..2] {
            let all: Vec<_> = fields.iter().copied().chain([("token", &*token)]).collect();
            let refused = browser.post(path, &all);
            assert_eq!(refused.status, 403);
            refused.shows(&["SCIM is off."]);
        }
        assert_eq!(listed(&place).len(), 1);
    }
}
