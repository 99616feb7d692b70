//! Single sign-on by SAML: with a real identity provider, and with responses of an attacker.

#![cfg(feature = "saml")]

use crate::browser::{Browser, Form, Page};
use crate::process::databases;
use crate::providers::{Node, Organization, at_provider};
use serde_json::{Value as Json, json};

/// The origin of the identity provider's forms: another site than the application's.
const ELSEWHERE: &str = "http://localhost/";

fn signed_in(visitor: &Browser) -> bool {
    visitor.cookie("platform_session").is_some()
}

fn refused(visitor: &Browser, page: &Page, sentence: &str) {
    page.assert_has(sentence);
    assert!(page.status >= 400, "{}", page.status);
    assert!(!signed_in(visitor), "{sentence}");
}

#[test]
fn settings_that_cannot_work_are_refused() {
    for place in databases() {
        let mut organization = Organization::start(&place.url);
        let page = organization.page("sign-on?kind=saml");
        assert!(page.has(&format!("Single sign-on URL {}", organization.url("sign-on/acs"))), "{}", page.words());
        let metadata = Browser::visitor().get(&organization.url("sign-on/metadata"));
        assert_eq!(metadata.headers["content-type"], "application/samlmetadata+xml; charset=utf-8");
        for part in [organization.url("sign-on/metadata"), organization.url("sign-on/acs"), "HTTP-POST".to_owned()] {
            assert!(metadata.text.contains(&part), "{part}: {}", metadata.text);
        }
        let bare = |content: &str| {
            format!(
                "<EntityDescriptor xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"x\"><IDPSSODescriptor \
                 protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">{content}</IDPSSODescriptor>\
                 </EntityDescriptor>"
            )
        };
        let cases = [
            (String::new(), "Enter the address of the metadata"),
            ("nothing".to_owned(), "isn’t the metadata of an identity provider"),
            (format!("<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>{}", bare("&e;")), "isn’t the metadata"),
            (bare(""), "has no signing certificate"),
            ("http://idp.example.com/metadata".to_owned(), "must begin with https://"),
            ("http://localhost:9/metadata".to_owned(), "can't be reached"),
            (organization.url("sign-on"), "answers 303"),
        ];
        for (metadata, sentence) in cases {
            let page = organization.save_saml(&metadata, "assertion");
            assert_eq!(page.status, 422, "{metadata}");
            page.assert_has(sentence);
        }
        assert_eq!(organization.count("SELECT count(*) FROM sign_on"), 0);
    }
}

/// Both bindings of requests, and both parts that a provider may sign.
#[test]
fn people_sign_in_at_samlp() {
    for place in databases() {
        let mut organization = Organization::start(&place.url);
        organization.add_by_scim("ADA@example.com", "1", true);
        for (signed, binding) in [("assertion", "redirect"), ("response", "post")] {
            let (entity, acs) = (organization.url("sign-on/metadata"), organization.url("sign-on/acs"));
            let person = |login: &str| json!({"login": login, "password": "secret", "nameId": login});
            let people = [person("administrator"), person("ada@example.com"), person("eve@example.com")];
            let services = json!({entity: acs});
            let settings = json!({"services": services, "people": people, "sign": signed, "binding": binding});
            let Some(node) = Node::start("saml.cjs", &settings) else { return };

            // The other part is not signed, and the test sign-in reports this.
            let other = if signed == "assertion" { "response" } else { "assertion" };
            organization.save_saml(&node.address(), other).assert_has("Read, with a signing certificate");
            let leave = |organization: &mut Organization| {
                let leaving = organization.test("saml");
                let administrator = organization.administrator.clone();
                let page = go_on(&administrator, &leaving, Some("administrator"));
                organization.administrator = administrator;
                page
            };
            let page = leave(&mut organization);
            page.assert_has("Test sign-in failed");
            page.assert_has(&format!("The {other} of the answer isn’t signed"));
            organization.save_saml(&node.address(), signed);
            let page = leave(&mut organization);
            page.assert_has("Test sign-in passed");
            page.assert_has("NameID = administrator");
            page.assert_has("Administrator, by user name");
            organization.turn_on("saml").assert_has("Single sign-on is on");

            let (ada, leaving) = organization.leave();
            let pending = ada.cookie("platform_sign_in").unwrap();
            assert_eq!(pending.path, "/o/demo/sign-on/acs");
            for part in ["SameSite=None", "Secure", "HttpOnly"] {
                assert!(pending.attributes.contains(part), "{pending:?}");
            }
            go_on(&ada, &leaving, Some("ada@example.com"));
            let session = ada.cookie("platform_session").unwrap();
            assert!(session.attributes.contains("SameSite=Lax"), "{session:?}");
            let (eve, leaving) = organization.leave();
            let page = go_on(&eve, &leaving, Some("eve@example.com"));
            refused(&eve, &page, "You don’t have an account here");
            page.assert_has("You tried as eve@example.com");
            organization.execute("UPDATE account SET active = 0 WHERE origin = 'scim'");
            let (ada, leaving) = organization.leave();
            let page = go_on(&ada, &leaving, Some("ada@example.com"));
            refused(&ada, &page, "Your account is deactivated");
            organization.execute("UPDATE account SET active = 1 WHERE origin = 'scim'");
            let (ada, leaving) = organization.leave();
            let page = go_on(&ada, &leaving, None);
            refused(&ada, &page, "The sign-in was cancelled");
        }
    }
}

/// Leaves by the address or the form of the page, signs in at the provider, and comes back.
fn go_on(visitor: &Browser, leaving: &Page, login: Option<&str>) -> Page {
    if leaving.text.contains("data-submit") {
        let page = visitor.send(&leaving.forms().remove(0), &leaving.url);
        let mut form = page.forms().remove(0);
        form.fields.retain(|(name, _)| !matches!(&**name, "login" | "password"));
        let more = match login {
            Some(login) => vec![("login", login), ("password", "secret")],
            None => vec![("cancel", "1")],
        };
        form.fields.extend(more.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
        let page = visitor.send(&form, &page.url);
        return visitor.send(&page.forms().remove(0), &page.url);
    }
    at_provider(visitor, &leaving.onward(), login)
}

/// The attacker.
struct Attack {
    node: Node,
    signs: &'static str,
}

impl Attack {
    fn form(&mut self, organization: &Organization, name: &str, leaving: &Page) -> Form {
        let (acs, audience) = (organization.url("sign-on/acs"), organization.url("sign-on/metadata"));
        let question = json!({
            "name": name, "address": leaving.onward(), "acs": acs, "audience": audience, "signs": self.signs,
            "person": "mallory@example.com", "victim": "victim@example.com",
        });
        let answer = self.node.ask(&question);
        let field = |name: &str| (name.to_owned(), answer[name].as_str().unwrap().to_owned());
        Form { action: acs, fields: vec![field("SAMLResponse"), field("RelayState")] }
    }

    fn post(&mut self, organization: &Organization, name: &str) -> (Browser, Page) {
        let (visitor, leaving) = organization.leave();
        let form = self.form(organization, name, &leaving);
        let page = visitor.send(&form, ELSEWHERE);
        (visitor, page)
    }
}

const INVALID: &str = "We refused the directory’s answer";

/// Each response is refused for the intended reason, and no session begins.
#[test]
fn hostile_responses_are_refused() {
    for place in databases() {
        let Some(node) = Node::start("hostile.cjs", &Json::Null) else { return };
        let metadata = serde_json::from_str::<Json>(&node.first).unwrap()["metadata"].as_str().unwrap().to_owned();
        let mut attack = Attack { node, signs: "assertion" };
        let mut organization = Organization::start(&place.url);
        for user_name in ["mallory@example.com", "victim@example.com"] {
            organization.add_by_scim(user_name, user_name, true);
        }
        organization.save_saml(&metadata, "assertion").assert_has("Not tested yet");
        turn_on(&organization);

        let reasons = [
            ("unsigned", "isn’t signed"),
            ("altered", "isn’t signed with the key in the metadata"),
            ("signed with another key", "isn’t signed with the key in the metadata"),
            ("signed with SHA-1", "algorithm that isn’t safe"),
            ("with a DOCTYPE", ""),
            ("another issuer", "comes from another provider"),
            ("another audience", "meant for another application"),
            ("another recipient", "meant for another recipient"),
            ("another destination", "meant for another address"),
            ("another request", "belongs to another sign-in"),
            ("no request", "belongs to another sign-in"),
            ("expired an hour ago", "has expired"),
            ("expired four minutes ago", "has expired"),
            ("forged before", ""),
            ("forged after", ""),
            ("forged around", ""),
            ("signed in an object", ""),
            ("signed in extensions", ""),
            ("forged with the same ID", ""),
            ("signature moved", ""),
        ];
        let before = (count(&organization, "session"), count(&organization, "replay WHERE expires > 0"));
        let mut seen = Vec::new();
        for (name, reason) in reasons {
            let (visitor, page) = attack.post(&organization, name);
            refused(&visitor, &page, INVALID);
            // The page for the person does not state the reason; the log of the server does.
            let log = organization.server.log();
            let line = log.lines().rfind(|line| line.contains("a sign-in is refused")).unwrap().to_owned();
            seen.push(format!("{name}: {line}"));
            assert!(line.contains(reason), "{name}: {line}");
        }
        assert_eq!(count(&organization, "session"), before.0, "{seen:#?}");

        // A genuine response signs in once, in the browser from which it left.
        let (visitor, leaving) = organization.leave();
        let form = attack.form(&organization, "genuine", &leaving);
        let stranger = Browser::visitor();
        refused(&stranger.clone(), &stranger.send(&form, ELSEWHERE), "The sign-in took too long");
        visitor.send(&form, ELSEWHERE);
        assert!(signed_in(&visitor));
        assert_eq!(count(&organization, "session WHERE account = 'scim-mallory@example.com'"), 1);
        let again = Browser::visitor();
        refused(&again.clone(), &again.send(&form, ELSEWHERE), "This sign-in was used already");

        // The same assertion for another sign-in, unchanged and in another response.
        for name in ["replayed", "replayed with another ID"] {
            let (visitor, page) = attack.post(&organization, name);
            refused(&visitor, &page, INVALID);
        }
        assert_eq!(count(&organization, "session"), before.0 + 1);

        // The same assertion for the same sign-in: only the table `replay` detects it.
        let (visitor, leaving) = organization.leave();
        let first = visitor.clone();
        let form = attack.form(&organization, "genuine", &leaving);
        let pending = keep_pending(&organization);
        first.send(&form, ELSEWHERE);
        assert!(signed_in(&first));
        restore_pending(&organization, pending);
        let second = visitor.clone();
        refused(&second.clone(), &second.send(&form, ELSEWHERE), "This sign-in was used already");
        assert_eq!(count(&organization, "session"), before.0 + 2);

        // An answer that is too large, and a missing answer.
        let (visitor, leaving) = organization.leave();
        let mut form = attack.form(&organization, "genuine", &leaving);
        form.fields[0].1 = "A".repeat(300 << 10);
        assert_eq!(visitor.send(&form, ELSEWHERE).status, 413);
        form.fields[0].1 = "not base64".to_owned();
        refused(&visitor.clone(), &visitor.send(&form, ELSEWHERE), INVALID);

        // A response that wraps a signed response.
        organization.save_saml(&metadata, "response");
        turn_on(&organization);
        attack.signs = "response";
        for name in ["response in an object", "response in extensions", "altered", "unsigned"] {
            let (visitor, page) = attack.post(&organization, name);
            refused(&visitor, &page, INVALID);
        }
        attack.signs = "assertion";
        let (visitor, page) = attack.post(&organization, "genuine");
        refused(&visitor, &page, INVALID);
        attack.signs = "response";
        let (visitor, page) = attack.post(&organization, "genuine");
        assert!(signed_in(&visitor), "{}", page.words());
    }
}

fn count(organization: &Organization, from: &str) -> i64 {
    organization.count(&format!("SELECT count(*) FROM {from}"))
}

/// Sets the state after a successful test sign-in: the identity provider of these tests has no sign-in page.
fn turn_on(organization: &Organization) {
    organization.execute("UPDATE sign_on SET tested = 1, used = settings, used_version = version");
    organization.execute("UPDATE organization SET sign_on = 'saml'");
}

fn keep_pending(organization: &Organization) -> i64 {
    organization.execute("CREATE TABLE kept AS SELECT * FROM sign_in");
    count(organization, "kept")
}

/// Restores the pending sign-in, as if two instances had taken it at the same time.
fn restore_pending(organization: &Organization, rows: i64) {
    assert!(rows > 0);
    organization.execute("INSERT INTO sign_in SELECT * FROM kept WHERE digest NOT IN (SELECT digest FROM sign_in)");
    organization.execute("DROP TABLE kept");
}
