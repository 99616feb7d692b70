//! `--single-sign-on oidc:…`: the settings come by the command line, and an administrator tests them in the dashboard.

use crate::browser::Browser;
use crate::fake::Fake;
use crate::process;
use crate::process::{Finished, Place, Server, databases, memory};

const SECRET: &str = "the secret of the client";

fn arguments<'a>(place: &'a Place, sign_on: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["--store", &*place.url, "--single-sign-on", sign_on], more].concat()
}

fn waits(server: &Server) -> bool {
    server.printed.iter().any(|line| line.starts_with("Single sign-on ") && line.contains("waits for a test sign-in"))
}

fn refused(place: &Place, sign_on: &str, more: &[&str]) -> String {
    match Server::try_start(&arguments(place, sign_on, more)) {
        Err(Finished { stderr, .. }) => stderr,
        Ok(server) => panic!("the server has started: {:?}", server.printed),
    }
}

#[test]
fn a_provider_of_the_command_line_waits_for_a_test() {
    let provider = Fake::start();
    let sign_on = format!("oidc:{},platform", provider.issuer);
    for place in databases() {
        let with_secret = ["--sign-on-secret", SECRET];
        let server = Server::start(&arguments(&place, &sign_on, &with_secret));
        assert!(waits(&server), "{:?}", server.printed);
        let browser = Browser::of_administrator(&server);
        let page = browser.get("/o/demo/sign-on?kind=openid");
        page.shows(&[&provider.issuer, "value=\"platform\"", "sign-on/test"]);
        page.hides(&[SECRET]);
        // The settings are not tested, so neither single sign-on nor SCIM turns on.
        let token = page.field("token").to_owned();
        for path in ["/o/demo/sign-on/on", "/o/demo/scim/on"] {
            let fields = [("token", &*token), ("kind", "openid"), ("version", "1")];
            let fields = if path.ends_with("scim/on") { &fields[..1] } else { &fields[..] };
            assert_eq!(browser.post(path, fields).status, 403, "{path}");
        }
        browser.get("/o/demo/scim").shows(&["Not available yet"]);
        drop(server);

        // The same settings stay as they are, tested; a new secret must be tested again.
        place.run("UPDATE sign_on SET tested = 1");
        let server = Server::start(&arguments(&place, &sign_on, &with_secret));
        assert!(!waits(&server), "{:?}", server.printed);
        drop(server);
        let server = Server::start(&arguments(&place, &sign_on, &["--sign-on-secret", "another one"]));
        assert!(waits(&server), "{:?}", server.printed);
    }
}

#[test]
fn an_organization_with_a_token_waits_too() {
    let provider = Fake::start();
    let sign_on = format!("oidc:{},platform", provider.issuer);
    for place in databases() {
        let more = ["--sign-on-secret", SECRET, "--organization", "acme", "--token", process::TOKEN];
        let server = Server::start(&arguments(&place, &sign_on, &more));
        assert!(waits(&server) && server.printed.iter().any(|line| line.starts_with("Administrator's link ")));
        assert_eq!(server.request("GET", "/Users", None).status, 401, "SCIM is off");
    }
}

#[test]
fn a_start_says_what_is_wrong_and_stores_nothing() {
    let provider = Fake::start();
    let sign_on = format!("oidc:{},platform", provider.issuer);
    for place in databases() {
        let missing = refused(&place, &sign_on, &[]);
        assert!(missing.contains("expected the client's secret in PLATFORM_SIGN_ON_SECRET"), "{missing}");
        let away = refused(&place, "oidc:http://localhost:9,platform", &["--sign-on-secret", SECRET]);
        assert!(away.contains("expected an OpenID provider at http://localhost:9."), "{away}");
        assert!(!away.contains(SECRET), "{away}");
        provider.state.lock().unwrap().named = Some("https://other.example".to_owned());
        let liar = refused(&place, &sign_on, &["--sign-on-secret", SECRET]);
        assert!(liar.contains("expected an OpenID provider at"), "{liar}");
        provider.state.lock().unwrap().named = None;
        let server = Server::start(&["--store", &place.url]);
        let browser = Browser::of_administrator(&server);
        browser.get("/o/demo/sign-on?kind=openid").hides(&[&provider.issuer]);
    }
    let place = memory();
    let refused = refused(&place, &sign_on, &["--sign-on-secret", SECRET]);
    assert!(refused.contains("expected a database"), "{refused}");
}
