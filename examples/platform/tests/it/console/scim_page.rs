//! The page *SCIM*: each state, keys from their creation to their end, and the quirks that follow from the provider.

use crate::browser::{Browser, PASSWORD, Page};
use crate::process;
use crate::process::{Place, Server, databases, eventually, run};
use chrono::{TimeDelta, Utc};
use platform::{
    account::{Accounts, NewAccount},
    database::Database,
    session::Sessions,
};
use serde_json::{Value as Json, json};

const SCIM: &str = "/o/demo/scim";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// A server whose organization `demo` has single sign-on, and its administrator.
fn start(place: &Place, more: &[&str]) -> (Server, Browser) {
    let server = Server::start(&[&["--store", &place.url, "--single-sign-on", "external"], more].concat());
    let browser = Browser::of_administrator(&server);
    (server, browser)
}

fn activate(browser: &Browser) {
    let answer = browser.fill(SCIM, "/o/demo/scim/on", &[]);
    assert_eq!((answer.status, answer.location()), (303, "/o/demo/scim?done=on"));
}

/// Creates a key with the form on the page of this path.
fn make(browser: &Browser, from: &str, fields: &[(&str, &str)]) -> Page {
    browser.fill(from, "/o/demo/scim/keys", &[&[("form", ""), ("days", "365")], fields].concat())
}

/// The first key of the organization.
fn first_key(browser: &Browser, provider: &str) -> String {
    let shown = make(browser, SCIM, &[("name", "First"), ("provider", provider)]);
    assert_eq!(shown.status, 200, "{shown:?}");
    shown.element("api-key").to_owned()
}

/// The rows of `key list`, without its head.
fn keys(place: &Place) -> Vec<String> {
    let listed = run(&["key", "list", "--store", &place.url]);
    listed.stdout.lines().skip(1).map(str::to_owned).collect()
}

fn status(server: &Server, key: &str) -> u16 {
    server.request_with_key(Some(key), "GET", "/Users?count=0", None).status
}

#[test]
fn activation_needs_single_sign_on() {
    for place in databases() {
        let server = Server::start(&["--store", &place.url]);
        let browser = Browser::of_administrator(&server);
        let page = browser.get(SCIM);
        page.shows(&["Not available yet", "Set up single sign-on first.", "href=\"/o/demo/sign-on\"", " disabled>"]);
        page.hides(&["scim/on", "Generate SCIM URL"]);
        let token = page.field("token").to_owned();
        let form = "f".repeat(64);
        for (path, fields) in [
            ("/o/demo/scim/on", vec![("token", &*token)]),
            ("/o/demo/scim/keys", vec![("token", &*token), ("name", "x"), ("form", &form)]),
        ] {
            let refused = browser.post(path, &fields);
            assert_eq!(refused.status, 403, "{path}");
            refused.shows(&["SCIM needs single sign-on"]);
        }
        assert_eq!(keys(&place), [""; 0], "{place:?}");
        browser.get(SCIM).shows(&["Not available yet"]);
    }
}

#[test]
fn a_key_is_shown_once_and_is_rotated_without_a_gap() {
    for place in databases() {
        let (server, browser) = start(&place, &[]);
        browser.get(SCIM).shows(&["Not connected", "aria-checked=\"false\">Activate SCIM"]);
        // Before activation there is no key.
        let token = browser.get(SCIM).field("token").to_owned();
        let early = browser.post("/o/demo/scim/keys", &[("token", &token), ("name", "x"), ("form", &"f".repeat(64))]);
        assert_eq!(early.status, 403);
        assert_eq!(keys(&place).len(), 0);

        activate(&browser);
        let page = browser.get("/o/demo/scim?done=on");
        page.shows(&[
            "SCIM is active.",
            "Not connected",
            "Connect your identity provider",
            "Generate SCIM URL and API key",
        ]);
        let (token, form) = (page.field("token").to_owned(), page.field("form").to_owned());
        let fields =
            [("token", &*token), ("form", &form), ("name", "Okta <b>production"), ("days", "90"), ("provider", "okta")];
        let shown = browser.post("/o/demo/scim/keys", &fields);
        assert_eq!((shown.status, shown.headers["cache-control"].to_str().unwrap()), (200, "no-store"), "{shown:?}");
        shown.shows(&[
            "Copy these two values into Okta",
            "You see this key only now.",
            "In Okta",
            "SCIM connector base URL",
        ]);
        shown.hides(&["<b>production"]);
        let key = shown.element("api-key").to_owned();
        assert!(key.starts_with("scim_"), "{key}");

        // The same form again makes no second key, and the page never shows the key again.
        let again = browser.post("/o/demo/scim/keys", &fields);
        assert_eq!((again.status, again.location()), (303, "/o/demo/scim?done=repeated"));
        assert_eq!(keys(&place).len(), 1);
        let page = browser.get("/o/demo/scim?done=repeated");
        page.shows(&[
            "Waiting for the first request",
            "data-refresh",
            "A key is shown only once.",
            &key[key.len() - 4..],
        ]);
        page.hides(&[&key, "<b>production"]);
        assert!(!String::from_utf8_lossy(&place.bytes()).contains(&key), "the database has no readable copy");

        assert_eq!(status(&server, &key), 200);
        eventually("the page has the last use", || browser.get(SCIM).text.contains("from 127.0.0.1"));

        // A second key is added, then the first is revoked: the provider has access all the time.
        let shown = make(&browser, "/o/demo/scim/keys/new", &[("name", "Second")]);
        let second = shown.element("api-key").to_owned();
        assert_eq!((status(&server, &key), status(&server, &second)), (200, 200));
        let page = browser.get(SCIM);
        let link = page.text.split("href=\"").find(|part| part.contains("/revoke\"") && part.contains("Okta")).unwrap();
        let link = link.split('"').next().unwrap().to_owned();
        browser.get(&link).shows(&["Revoke the key “Okta", "for good", "It was last used today"]);
        assert_eq!(status(&server, &key), 200, "the question revokes nothing");
        let answer = browser.fill(&link, &link, &[]);
        assert_eq!((answer.status, answer.location()), (303, "/o/demo/scim?done=revoked"));
        assert_eq!((status(&server, &key), status(&server, &second)), (401, 200));
        assert_eq!(browser.get(&link).status, 404, "it is revoked already");

        browser.get("/o/demo/scim/keys/revoke-all").shows(&["The one valid key ends"]);
        let answer = browser.fill("/o/demo/scim/keys/revoke-all", "/o/demo/scim/keys/revoke-all", &[]);
        assert_eq!(answer.location(), "/o/demo/scim?done=all-revoked");
        assert_eq!((status(&server, &key), status(&server, &second)), (401, 401));
        // The page names the revoked key as soon as the log has the refusal.
        let page = browser.get(SCIM).text;
        assert!(page.contains("No key is valid") || page.contains("which was revoked"), "{page}");
    }
}

#[test]
fn a_key_expires_and_the_page_warns_before() {
    for place in databases() {
        let (server, browser) = start(&place, &[]);
        activate(&browser);
        let key = first_key(&browser, "entra");
        let expire =
            |at: chrono::DateTime<Utc>| place.run(&format!("UPDATE api_key SET expires = {}", at.timestamp_millis()));
        browser.get(SCIM).hides(&["expires in"]);
        expire(Utc::now() + TimeDelta::days(20) + TimeDelta::hours(1));
        browser.get(SCIM).hides(&["expires in"]);
        expire(Utc::now() + TimeDelta::days(20));
        browser.get(SCIM).shows(&["In 20 days", "expires in 20 days", "paste it into Entra", "Make a new key"]);
        expire(Utc::now() + TimeDelta::hours(3));
        browser.get(SCIM).shows(&["In 1 day"]);
        assert_eq!(status(&server, &key), 200);
        expire(Utc::now() - TimeDelta::seconds(1));
        eventually("the server knows it", || status(&server, &key) == 401);
        let page = browser.get(SCIM);
        page.shows(&["Expired", "Delete"]);
        // The page names the expired key as soon as the log has the refusal.
        assert!(page.text.contains("No key is valid") || page.text.contains("” expired"), "{}", page.text);
    }
}

#[test]
fn a_new_key_asks_for_the_password_again() {
    for place in databases() {
        let (_server, browser) = start(&place, &[]);
        activate(&browser);
        let page = browser.get(SCIM);
        let (token, form) = (page.field("token").to_owned(), page.field("form").to_owned());
        place.run("UPDATE session SET confirmed = 0");
        let fields =
            [("token", &*token), ("form", &form), ("name", "A & B // C"), ("days", "180"), ("provider", "entra")];
        let answer = browser.post("/o/demo/scim/keys", &fields);
        assert_eq!(answer.status, 303);
        assert!(answer.location().starts_with("/o/demo/confirm?target="), "{}", answer.location());
        assert_eq!(keys(&place).len(), 0, "nothing was made");
        let question = answer.location().to_owned();
        let wrong = browser.fill(&question, "/o/demo/confirm", &[("target", ""), ("password", "wrong password")]);
        wrong.shows(&["The password is wrong."]);
        // The form still has its values.
        let page = browser.get(&question);
        let target = page.field("target").replace("&#38;", "&").replace("&amp;", "&");
        let answer = browser.fill(&question, "/o/demo/confirm", &[("target", &target), ("password", PASSWORD)]);
        let back = answer.location().to_owned();
        assert!(back.starts_with("/o/demo/scim/keys/new?"), "{back}");
        let page = browser.get(&back);
        page.shows(&["value=\"A &#38; B // C\"", "value=\"180\" selected", "value=\"entra\" checked"]);
        let shown = make(&browser, &back, &[("name", "A & B // C"), ("provider", "entra")]);
        shown.shows(&["id=\"api-key\"", "Secret Token", "Restart provisioning"]);
        let list = keys(&place);
        assert!(list.len() == 1 && list[0].ends_with("A & B // C"), "{list:?}");

        // Revocation asks for a recent sign-in, too.
        place.run("UPDATE session SET confirmed = 0");
        for path in ["/o/demo/scim/keys/new", "/o/demo/scim/keys/revoke-all"] {
            assert!(browser.get(path).location().starts_with("/o/demo/confirm?"), "{path}");
        }
        let token = browser.get(SCIM).field("token").to_owned();
        let answer = browser.post("/o/demo/scim/keys/revoke-all", &[("token", &token)]);
        assert!(answer.location().starts_with("/o/demo/confirm?"));
        assert!(keys(&place)[0].contains("valid"));
    }
}

#[test]
fn a_form_with_a_mistake_says_so_and_makes_nothing() {
    for place in databases() {
        let (_server, browser) = start(&place, &[]);
        activate(&browser);
        let long = "x".repeat(65);
        for (name, error) in [(" ", "Enter a name"), (&*long, "at most 64 characters"), ("a\nb", "letters, digits")] {
            let page = make(&browser, SCIM, &[("name", name), ("provider", "okta")]);
            assert_eq!(page.status, 422);
            page.shows(&[error, "aria-invalid=\"true\""]);
        }
        for (provider, form) in [("nobody", &*"f".repeat(64)), ("okta", "short")] {
            let token = browser.get(SCIM).field("token").to_owned();
            let fields = [("token", &*token), ("form", form), ("name", "x"), ("provider", provider)];
            assert_eq!(browser.post("/o/demo/scim/keys", &fields).status, 403);
        }
        assert_eq!(keys(&place).len(), 0);
        browser.get(SCIM).shows(&["Connect your identity provider"]);
    }
}

#[test]
#[allow(clippy::too_many_lines, reason = "a state after the other")]
fn each_state_has_its_word_and_its_sentence() {
    // In the form in which the provisioning log notes a failed request.
    let fault = |status: u16, kind: Json, name: &str| {
        let scim_type = if status == 409 { json!("uniqueness") } else { Json::Null };
        let time = Utc::now().timestamp_millis();
        let note = json!({
            "status": status, "scimType": scim_type, "detail": "d", "caller": "First", "operation": "POST /Users",
            "kind": kind, "name": name, "time": time,
        });
        format!("'{note}'")
    };
    for place in databases() {
        let (server, browser) = start(&place, &[]);
        activate(&browser);
        let key = first_key(&browser, "entra");
        assert_eq!(status(&server, &key), 200);
        // The log writes the request after the answer. The rows of this test must come later.
        eventually("the log has the request", || browser.get(SCIM).text.contains("<strong>Connected</strong>"));
        // The rows have times before the key was made.
        place.run("UPDATE organization SET provider_since = NULL");
        let now = Utc::now().timestamp_millis();
        let (minute, hour) = (60_000, 3_600_000);
        let connection = |failing: &str, fault: &str| {
            place.run("DELETE FROM connection; DELETE FROM request_cycle; DELETE FROM request_hour");
            let (first, last) = (now - 50 * hour, now - 4 * minute);
            place.run(&format!(
                "INSERT INTO connection (tenant, first, last, worked, failing, fault) VALUES
                 ('demo', {first}, {last}, {last}, {failing}, {fault})"
            ));
        };
        let cycle = |requests: i64, failures: i64| {
            place.run(&format!(
                "INSERT INTO request_cycle (tenant, started, ended, requests, failures) VALUES
                 ('demo', {}, {}, {requests}, {failures});
                 INSERT INTO request_hour (tenant, hour, requests, refused, failed) VALUES
                 ('demo', {}, {requests}, {failures}, 0), ('demo', {}, 999, 9, 9)",
                now - 5 * minute,
                now - 4 * minute,
                (now - hour) / hour * hour,
                now - 60 * hour,
            ));
        };
        let since = (now - 2 * hour).to_string();

        connection("NULL", "NULL");
        cycle(1_203, 0);
        let page = browser.get(SCIM);
        page.shows(&["Connected", "Last request 4 minutes ago", "Next cycle", "People from Entra", "1,203"]);
        page.hides(&["Failing since", "quarantine</h2>"]);
        page.shows(&["The last 48 hours", "class=\"bar\"", "A cycle with failures", "Show as a table"]);
        page.shows(&["<td data-label=\"Requests\">1203</td>"]);
        page.hides(&["class=\"bar-bad\"", "<td data-label=\"Requests\">999"]);
        place.run("UPDATE organization SET identity_provider = 'okta'");
        let page = browser.get(SCIM);
        page.shows(&["The last 48 hours", "class=\"bar\""]);
        page.hides(&["A cycle", "Next cycle", "40 minutes"]);
        place.run("UPDATE organization SET identity_provider = 'entra'");

        // A single refused request is only in the log.
        connection(&since, &fault(404, json!("User"), ""));
        cycle(29, 1);
        browser.get(SCIM).shows(&["Connected", "One request of this cycle was refused.", "See why", "3.4%"]);
        browser.get(SCIM).shows(&["class=\"bar-bad\"", "href=\"/o/demo/log?outcome=not-done\">See why"]);

        connection(&since, &fault(409, json!("Group"), "<i>administrator"));
        cycle(90, 31);
        browser.get(SCIM).shows(&["A group named “&#60;i&#62;administrator” is here already."]);
        connection(&since, &fault(409, json!("User"), "Administrator"));
        cycle(90, 31);
        for name in ["ann", "bob", "ann"] {
            place.run(&format!(
                "INSERT INTO request (tenant, id, time, operation, kind, name, outcome, notable, status, detail, duration)
                 VALUES ('demo', '{name}', {now}, 'POST /Users', 'User', '{name}', 'refused', 1, 409,
                 'The user name belongs to {name}, an account made by hand.', 1)"
            ));
        }
        let page = browser.get(SCIM);
        page.shows(&[
            "Failing since",
            "31 of the last 90 requests were refused, 34.4%. The others were done as usual.",
            "Administrator already has an account that was made by hand.",
            "Not close to quarantine",
            "5,000",
            "Show the failed requests",
        ]);
        browser.get("/o/demo/users?tab=all&from=hand").shows(&["By hand only", "Administrator"]);
        let log = browser.get("/o/demo/log?outcome=not-done&kind=all");
        log.shows(&["create ann", "create bob", "value=\"not-done\" selected"]);
        log.hides(&["Listed users"]);
        page.hides(&["<i>administrator"]);

        connection(&since, "NULL");
        cycle(12_000, 4_500);
        browser.get(SCIM).shows(&["<strong>Close to quarantine</strong>", "What it would mean", "The way out", "37%"]);
        cycle_over(&place);
        cycle(12_000, 6_000);
        browser.get(SCIM).shows(&["Failing since", "Entra pauses now", "probably paused"]);

        let unknown = fault(401, Json::Null, "").replace("\"caller\":\"First\"", "\"caller\":null");
        connection(&since, &unknown);
        browser.get(SCIM).shows(&["Failing since", "a key that we don’t know", "Entra pauses now", "At once"]);
        let digest = browser.get(SCIM).text.split("/revoke\"").next().unwrap().rsplit('/').next().unwrap().to_owned();
        place.run(&format!("UPDATE api_key SET expires = {}, used = {}", now - minute, now - hour));
        browser.get(SCIM).shows(&["a key that we don’t know"]);
        connection(&since, &unknown.replace("\"caller\"", &format!("\"key\":\"{digest}\",\"caller\"")));
        browser.get(SCIM).shows(&[
            "Failing since",
            "still sends the key “First”, which expired",
            "paste it into Entra",
        ]);
        place.run("UPDATE api_key SET expires = NULL");
        connection(&(now - 29 * 24 * hour).to_string(), &fault(401, Json::Null, ""));
        browser.get(SCIM).shows(&["Entra has turned provisioning off"]);

        // Turning off asks for confirmation.
        let page = browser.get("/o/demo/scim/off");
        page.shows(&["Turn off SCIM?", "Entra is refused from now on.", "quarantine"]);
        assert_eq!(status(&server, &key), 200);
        let answer = browser.fill("/o/demo/scim/off", "/o/demo/scim/off", &[]);
        assert_eq!(answer.location(), "/o/demo/scim?done=off");
        let page = browser.get(SCIM);
        page.shows(&["<strong>Off</strong>", "Entra is refused. People, groups and keys stay as they are."]);
        page.hides(&["scim/keys/new", "Failing since"]);
        eventually("the key opens nothing", || status(&server, &key) == 401);
        activate(&browser);
        assert_eq!(status(&server, &key), 200, "the same key works again");
    }
}

fn cycle_over(place: &Place) {
    place.run("DELETE FROM request_cycle; DELETE FROM request_hour");
}

/// Every form, from every browser that may not send it. Nothing changes.
#[test]
fn forged_requests_are_refused() {
    for place in databases() {
        let (server, browser) = start(&place, &[]);
        activate(&browser);
        let key = first_key(&browser, "okta");
        assert_eq!(run(&["organization", "new", "other", "--store", &place.url]).status, Some(0));
        let invited = run(&[
            "administrator",
            "invite",
            "--organization",
            "other",
            "--store",
            &place.url,
            "--public-url",
            &server.root(),
        ]);
        let stranger = Browser::of_link(&server, invited.stdout.split(' ').next().unwrap()).everywhere();
        let member = member(&server, &place);
        let (own, strange) = (browser.get(SCIM).field("token").to_owned(), stranger.get("/o/other/scim"));
        let strange = strange.field("token").to_owned();
        let page = browser.get(SCIM);
        let digest = page.text.split("/revoke\"").next().unwrap().rsplit('/').next().unwrap().to_owned();
        let revoke = format!("/o/demo/scim/keys/{digest}/revoke");
        let form = "f".repeat(64);
        let fields: [(&str, &str); 4] = [("name", "forged"), ("form", &form), ("provider", "entra"), ("days", "90")];
        for (path, fields) in [
            ("/o/demo/scim/off", &fields[..0]),
            ("/o/demo/scim/provider", &fields[2..3]),
            ("/o/demo/scim/keys", &fields[..]),
            ("/o/demo/scim/keys/revoke-all", &fields[..0]),
            (&*revoke, &fields[..0]),
        ] {
            let with = |token: &str| -> Vec<(String, String)> {
                let token = ("token".to_owned(), token.to_owned());
                fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).chain([token]).collect()
            };
            let send = |browser: &Browser, headers: &[(&str, &str)], fields: &[(String, String)]| {
                let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
                let page = browser.post_with(path, headers, &fields);
                (page.status, page.location().to_owned())
            };
            let refused = (403, String::new());
            assert_eq!(send(&browser, &[], &with("")), refused, "{path}: no token");
            assert_eq!(send(&browser, &[], &with(&strange)), refused, "{path}: the token of another session");
            let other_site = [("Origin", "https://evil.example")];
            assert_eq!(send(&browser, &other_site, &with(&own)), refused, "{path}: another origin");
            let cross_site = [("Sec-Fetch-Site", "cross-site")];
            assert_eq!(send(&browser, &cross_site, &with(&own)), refused, "{path}: another site");
            assert_eq!(send(&member.0, &[], &with(&member.1)), refused, "{path}: not an administrator");
            let sign_in = |ended: &str| (303, format!("/o/demo/sign-in{ended}"));
            assert_eq!(send(&stranger, &[], &with(&strange)), sign_in("?ended=1"), "{path}: another organization");
            assert_eq!(send(&Browser::new(&server), &[], &with(&own)), sign_in(""), "{path}: no session");
        }
        assert_eq!(member.0.get(SCIM).status, 403);
        assert_eq!(stranger.get(SCIM).destination(), "/o/demo/sign-in");
        // The key of another organization is not found in the caller's own.
        assert_eq!(stranger.get(&format!("/o/other/scim/keys/{digest}/revoke")).status, 404);
        let answer = stranger.post(&format!("/o/other/scim/keys/{digest}/revoke"), &[("token", &strange)]);
        assert_eq!(answer.status, 404);

        assert_eq!(status(&server, &key), 200, "SCIM is on, and the key is valid");
        let list = keys(&place);
        assert!(list.len() == 1 && list[0].contains("valid"), "{list:?}");
        browser.get("/o/demo/scim/provider").shows(&["value=\"okta\" checked"]);
    }
}

/// The browser of a signed-in person who is not an administrator, and the token of the session.
fn member(server: &Server, place: &Place) -> (Browser, String) {
    let url = place.url.clone();
    let work = async move {
        let database = Database::open(&url).await.unwrap();
        let new = NewAccount {
            tenant: "demo".to_owned(),
            user_name: "mia".to_owned(),
            name: "Mia".to_owned(),
            email: None,
            administrator: false,
            made_by: None,
        };
        let account = Accounts::new(database.clone()).add(new).await.unwrap();
        let sessions = Sessions::new(database);
        let cookie = sessions.begin("demo", &account, None).await.unwrap();
        let token = sessions.find("demo", &cookie).await.unwrap().unwrap().token;
        (cookie, token)
    };
    let (cookie, token) = tokio::runtime::Runtime::new().unwrap().block_on(work);
    (Browser::of_session(server, &cookie), token)
}

/// A quirk that contradicts the RFC is tolerated for Entra only, and follows the choice on the page.
#[test]
fn tolerance_follows_the_identity_provider() {
    let user = |name: &str| json!({"schemas": [process::USER], "userName": name});
    let nothing = json!({"schemas": [PATCH], "Operations": []});
    let unknown = json!({"schemas": [PATCH], "Operations": [{"op": "replace", "path": "shoeSize", "value": "43"}]});
    let lenient = json!({"schemas": [PATCH], "Operations": [{"op": "Replace", "path": "active", "value": "False"}]});
    for place in databases() {
        for (index, (provider, tolerant)) in
            [("okta", false), ("entra", true), ("other", false)].into_iter().enumerate()
        {
            let arguments = ["--store", &place.url, "--organization", "acme", "--token", process::TOKEN];
            let server = Server::start(&[&arguments[..], &["--identity-provider", provider]].concat());
            let id = made(&server, "/Users", &user(&format!("ann{index}")));
            for (patch, allowed) in [(&nothing, tolerant), (&unknown, tolerant), (&lenient, true)] {
                let status = server.request("PATCH", &format!("/Users/{id}"), Some(patch)).status;
                assert_eq!(status < 300, allowed, "{provider}: {patch}: {status}");
            }
            assert_eq!(server.terminate().code(), Some(0));
        }

        // Without the option an organization keeps its provider; the page changes it while the server runs.
        let (mut server, browser) = start(&place, &[]);
        activate(&browser);
        server.key = Some(first_key(&browser, "other"));
        let id = made(&server, "/Users", &user("bob"));
        let status = |server: &Server| server.request("PATCH", &format!("/Users/{id}"), Some(&nothing)).status;
        assert_eq!(status(&server), 400);
        let settings = "/o/demo/scim/provider";
        let answer = browser.fill(settings, settings, &[("provider", "entra"), ("unique_groups", "1")]);
        assert_eq!(answer.location(), "/o/demo/scim?done=provider");
        assert!(status(&server) < 300, "Entra's validator sends no operation");
        let answer = browser.fill(settings, settings, &[("provider", "okta"), ("unique_groups", "1")]);
        assert_eq!(answer.status, 303);
        assert_eq!(status(&server), 400);
        drop(server);
        let server = Server::start(&["--store", &place.url]);
        let signed = Browser::new(&server);
        let fields = [("user_name", "administrator"), ("password", PASSWORD)];
        assert_eq!(signed.post("/o/demo/sign-in", &fields).status, 303);
        signed.get(settings).shows(&["value=\"okta\" checked"]);
    }
}

fn made(server: &Server, path: &str, body: &Json) -> String {
    let answer = server.request("POST", path, Some(body));
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json["id"].as_str().unwrap().to_owned()
}

#[test]
fn groups_have_names_of_their_own_unless_the_organization_decides_otherwise() {
    let group = |name: &str| json!({"schemas": [GROUP], "displayName": name});
    for place in databases() {
        let server = Server::start(&["--store", &place.url, "--organization", "acme", "--token", process::TOKEN]);
        let refused = |method: &str, path: &str, body: &Json| {
            let answer = server.request(method, path, Some(body));
            assert_eq!((answer.status, &answer.json["scimType"]), (409, &json!("uniqueness")), "{answer:?}");
        };
        let rule = |rule: &str| {
            let done = run(&["organization", "group-names", "acme", rule, "--store", &place.url]);
            assert_eq!(done.status, Some(0), "{done:?}");
        };
        let count = || server.request("GET", "/Groups?count=0", None).json["totalResults"].as_i64().unwrap();
        let legal = made(&server, "/Groups", &group("Legal"));
        let sales = made(&server, "/Groups", &group("Sales"));
        refused("POST", "/Groups", &group("Legal"));
        refused("POST", "/Groups", &group("LEGAL"));
        refused("PUT", &format!("/Groups/{sales}"), &group("legal"));
        let rename = |name: &str| json!({"schemas": [PATCH], "Operations": [{"op": "replace", "path": "displayName", "value": name}]});
        refused("PATCH", &format!("/Groups/{sales}"), &rename("legaL"));
        assert_eq!(count(), 2);
        assert_eq!(server.request("GET", &format!("/Groups/{sales}"), None).json["displayName"], "Sales");
        // A group keeps its own name in another spelling, and a rename frees the old name.
        let renamed = server.request("PATCH", &format!("/Groups/{legal}"), Some(&rename("LEGAL")));
        assert!(renamed.status < 300, "{renamed:?}");
        assert!(server.request("PATCH", &format!("/Groups/{legal}"), Some(&rename("Law"))).status < 300);
        let again = made(&server, "/Groups", &group("Legal"));
        assert_eq!(server.request("DELETE", &format!("/Groups/{again}"), None).status, 204);
        made(&server, "/Groups", &group("Legal"));

        rule("any");
        let second = made(&server, "/Groups", &group("legal"));
        rule("unique");
        refused("POST", "/Groups", &group("Legal"));
        // The second group stays, and can be changed under its name.
        assert_eq!(server.request("PUT", &format!("/Groups/{second}"), Some(&group("legal"))).status, 200);
        assert_eq!(count(), 4);
        // Users are not groups: many may share a display name.
        for name in ["ann", "bob"] {
            made(&server, "/Users", &json!({"schemas": [process::USER], "userName": name, "displayName": "Legal"}));
        }
    }
}
