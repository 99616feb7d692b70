//! Single sign-on by OpenID Connect: the settings, the test, the sign-ins of people, and hostile answers.

use crate::browser;
use crate::browser::{Browser, Page, encoded, parameter};
use crate::fake::{self, Fake};
use crate::process;
use crate::process::databases;
use crate::providers;
use crate::providers::{Node, Organization, at_provider};
use serde_json::{Value as Json, json};

/// Returns from the fake provider with a code and these further parameters.
fn come_back(organization: &Organization, visitor: &Browser, fake: &Fake, leaving: &Page, more: &str) -> Page {
    let address = leaving.onward();
    let (code, state) = (fake.code(&address), parameter(&address, "state").unwrap());
    visitor.get(&organization.url(&format!("sign-on/return?code={code}&state={state}{more}")))
}

/// The administrator tests the settings, and returns.
fn test(organization: &mut Organization, fake: &Fake) -> Page {
    let leaving = organization.test("openid");
    return_to_test(organization, fake, &leaving)
}

fn return_to_test(organization: &mut Organization, fake: &Fake, leaving: &Page) -> Page {
    let administrator = organization.administrator.clone();
    let page = come_back(organization, &administrator, fake, leaving, "");
    organization.administrator = administrator;
    page
}

/// The organization with the settings of the fake provider, tested and turned on.
fn set_up(store: &str, claim: &str) -> (Organization, Fake) {
    let fake = Fake::start();
    let mut organization = Organization::start(store);
    organization.save_openid(&fake.issuer, claim).assert_has("Found, with sign-in address and 1 key");
    test(&mut organization, &fake).assert_has("Test sign-in passed");
    organization.turn_on("openid").assert_has("Single sign-on is on");
    (organization, fake)
}

fn signed_in(visitor: &Browser) -> bool {
    visitor.cookie("platform_session").is_some()
}

fn refused(visitor: &Browser, page: &Page, sentence: &str) {
    page.assert_has(sentence);
    assert!(page.status >= 400, "{}", page.status);
    assert!(!signed_in(visitor), "{sentence}");
}

/// Errors are shown next to their fields, and nothing is stored.
#[test]
fn settings_that_cannot_work_are_refused() {
    for place in databases() {
        let fake = Fake::start();
        let mut organization = Organization::start(&place.url);
        organization.page("sign-on").assert_has("Not set up");
        let page = organization.page("sign-on");
        assert!(page.has(&format!("Redirect address {}", organization.url("sign-on/return"))), "{}", page.words());
        let cases = [
            ("", "Enter the issuer."),
            ("no address", "is no address"),
            ("ftp://localhost/", "must begin with https://"),
            ("http://idp.example.com", "must begin with https://"),
            ("http://169.254.169.254/", "must begin with https://"),
            ("http://localhost:9", "can't be reached"),
            (&*format!("{}/nothing", fake.issuer), "answers 404"),
        ];
        for (issuer, sentence) in cases {
            let page = organization.save_openid(issuer, "sub");
            assert_eq!(page.status, 422, "{issuer}");
            page.assert_has(sentence);
            assert!(page.text.contains("aria-describedby=\"issuer-error\""), "{issuer}");
        }
        fake.state.lock().unwrap().named = Some("https://another.example.com".to_owned());
        organization.save_openid(&fake.issuer, "sub").assert_has("calls itself https://another.example.com");
        organization.save_openid(&fake.issuer, "another").assert_has("Choose a value");
        assert_eq!(organization.count("SELECT count(*) FROM sign_on"), 0);

        // The secret is never shown. It stays when the field is empty, and is not sent to another provider.
        fake.state.lock().unwrap().named = None;
        let page = organization.save_openid(&fake.issuer, "sub");
        page.assert_has("Not tested yet");
        assert!(!page.text.contains("a-secret-of-the-client"));
        let kept = [("client_secret", ""), ("claim", "email")];
        organization.administrator.clone().submit(&page, "/sign-on/openid", &kept).assert_has("Not tested yet");
        assert_eq!(
            organization.count("SELECT count(*) FROM sign_on WHERE settings LIKE '%a-secret-of-the-client%'"),
            1
        );
        let moved = Fake::start();
        let moved = [("issuer", &*moved.issuer), ("client_secret", "")];
        let page = organization.administrator.clone().submit(&page, "/sign-on/openid", &moved);
        page.assert_has("Enter the secret of this client");
    }
}

/// Settings without a successful test are never used, and a change requires another test.
#[test]
fn single_sign_on_turns_on_after_a_test() {
    for place in databases() {
        let fake = Fake::start();
        let mut organization = Organization::start(&place.url);
        organization.save_openid(&fake.issuer, "preferred_username");
        let page = organization.page("sign-on");
        assert!(page.forms().iter().all(|form| !form.action.ends_with("/sign-on/on")), "no test, no button");
        let mut forged = page.form("/sign-on/test");
        forged.action = organization.url("sign-on/on");
        let version = organization.on_tables(|database| async move {
            let sign_on = platform::sign_on::SignOn::new(database, "http://127.0.0.1");
            let kind = platform::sign_on::Kind::OpenId;
            sign_on.configuration("demo", kind).await.unwrap().unwrap().version
        });
        forged.fields.push(("version".to_owned(), version));
        let answer = organization.administrator.send(&forged, &page.url);
        assert_eq!(answer.status, 403);
        answer.assert_has("turns on after a test");
        assert_eq!(organization.count("SELECT count(*) FROM organization WHERE sign_on = 'none'"), 1);

        // A failed test is reported, and a successful test names the person.
        fake.state.lock().unwrap().claims = json!({"aud": "another"});
        let page = test(&mut organization, &fake);
        page.assert_has("Test sign-in failed");
        page.assert_has("meant for another application");
        page.assert_has("We expect platform");
        fake.state.lock().unwrap().claims = json!({"preferred_username": "Administrator"});
        let page = test(&mut organization, &fake);
        page.assert_has("Test sign-in passed");
        page.assert_has("preferred_username = Administrator");
        page.assert_has("Administrator, by user name");

        // A session in another browser does not see this test sign-in.
        let leaving = organization.test("openid");
        let stranger = Browser::visitor();
        refused(&stranger.clone(), &come_back(&organization, &stranger, &fake, &leaving, ""), "took too long");

        // New settings require another test.
        organization.save_openid(&fake.issuer, "sub").assert_has("Not tested yet");
        let page = organization.page("sign-on");
        assert!(page.forms().iter().all(|form| !form.action.ends_with("/sign-on/on")));

        // A test that began before the change does not count for them.
        organization.save_openid(&fake.issuer, "preferred_username");
        let leaving = organization.test("openid");
        organization.save_openid(&fake.issuer, "sub");
        return_to_test(&mut organization, &fake, &leaving).assert_has("Not tested yet");
    }
}

/// People keep signing in with the tested settings while an administrator changes them.
#[test]
fn settings_in_use_change_only_when_they_are_turned_on() {
    for place in databases() {
        let (mut organization, fake) = set_up(&place.url, "preferred_username");
        organization.add_by_hand("ada@example.com", false);
        let page = organization.save_openid(&fake.issuer, "sub");
        page.assert_has("These settings aren’t in use yet");
        let (visitor, leaving) = organization.leave();
        come_back(&organization, &visitor, &fake, &leaving, "");
        assert!(signed_in(&visitor));

        // A sign-in that began before the change cannot be completed after it.
        let (late, late_leaving) = organization.leave();
        test(&mut organization, &fake).assert_has("Test sign-in passed");
        organization.turn_on("openid").assert_has("Single sign-on is on");
        let page = come_back(&organization, &late, &fake, &late_leaving, "");
        refused(&late, &page, "took too long");
        let (visitor, leaving) = organization.leave();
        refused(
            &visitor.clone(),
            &come_back(&organization, &visitor, &fake, &leaving, ""),
            "You don’t have an account here",
        );
    }
}

/// A person who may not sign in reads the reason, and whom to ask.
#[test]
fn people_sign_in_or_read_why_not() {
    for place in databases() {
        let (organization, fake) = set_up(&place.url, "preferred_username");
        let attempt = |claims: Json, more: &str| {
            fake.state.lock().unwrap().claims = claims;
            let (visitor, leaving) = organization.leave();
            let page = come_back(&organization, &visitor, &fake, &leaving, more);
            (visitor, page)
        };
        let (visitor, page) = attempt(json!({}), "");
        refused(&visitor, &page, "You don’t have an account here");
        page.assert_has("You tried as ada@example.com");
        page.assert_has("Ask Administrator");

        // The row of such a name has a digest in place of the end.
        let long = format!("{}@example.com", "ä".repeat(600));
        organization.add_by_hand(&long, false);
        let (visitor, page) = attempt(json!({"preferred_username": long.to_uppercase()}), "");
        assert!(signed_in(&visitor), "{}", page.words());

        organization.add_by_scim("ADA@example.com", "0001", false);
        let (visitor, page) = attempt(json!({}), "");
        refused(&visitor, &page, "Your account is deactivated");
        organization.execute("UPDATE account SET active = 1 WHERE origin = 'scim'");
        let (visitor, _) = attempt(json!({}), "");
        let cookie = visitor.cookie("platform_session").unwrap();
        assert!(cookie.attributes.contains("SameSite=Lax") && cookie.attributes.contains("HttpOnly"), "{cookie:?}");
        assert!(visitor.cookie("platform_sign_in").is_none(), "the cookie of the sign-in is gone");
        assert_eq!(organization.count("SELECT count(*) FROM sign_in"), 0);

        let (visitor, leaving) = organization.leave();
        let state = parameter(&leaving.onward(), "state").unwrap();
        let cancelled = format!("sign-on/return?error=access_denied&state={state}");
        let page = visitor.get(&organization.url(&cancelled));
        refused(&visitor, &page, "The sign-in was cancelled");
        refused(&visitor, &visitor.clone().get(&organization.url(&cancelled)), "This sign-in was used already");

        let (visitor, leaving) = organization.leave();
        organization.execute("UPDATE sign_in SET expires = 1");
        let page = come_back(&organization, &visitor, &fake, &leaving, "");
        refused(&visitor, &page, "The sign-in took too long");
        let page = Browser::visitor().get(&organization.url("sign-on/return"));
        refused(&Browser::visitor(), &page, "The sign-in took too long");

        // Off means off: for a new form, and for a sign-in that began before.
        let (visitor, leaving) = organization.leave();
        let page = Browser::visitor().get(&organization.url("sign-in"));
        organization.execute("UPDATE organization SET sign_on = 'none'");
        refused(&visitor.clone(), &come_back(&organization, &visitor, &fake, &leaving, ""), "took too long");
        let page = Browser::visitor().submit(&page, "/sign-on/start", &[]);
        assert_eq!(page.status, 403);
    }
}

/// A sign-in begins a new session, so a party that knew the old cookie does not share it.
#[test]
fn a_sign_in_rotates_the_session() {
    for place in databases() {
        let (mut organization, fake) = set_up(&place.url, "preferred_username");
        let before = organization.administrator.cookie("platform_session").unwrap().clone();
        organization.add_by_hand("ada@example.com", true);
        fake.state.lock().unwrap().claims = json!({"preferred_username": "ada@example.com"});
        let page = organization.page("sign-in");
        let leaving = organization.administrator.submit(&page, "/sign-on/start", &[]);
        let administrator = organization.administrator.clone();
        come_back(&organization, &administrator, &fake, &leaving, "");
        let after = administrator.cookie("platform_session").unwrap().clone();
        assert_ne!(before.value, after.value);
        let page = organization.page("sign-on");
        page.assert_has("Sign in");
        assert!(page.url.contains("/sign-in?target="), "the old session has ended: {}", page.url);
    }
}

/// A provider may let people choose the name that it reports. No person becomes the administrator by that choice.
#[test]
fn single_sign_on_never_signs_an_administrator_with_a_password_in() {
    for place in databases() {
        let (mut organization, fake) = set_up(&place.url, "preferred_username");
        fake.state.lock().unwrap().claims = json!({"preferred_username": "Administrator"});
        let (visitor, leaving) = organization.leave();
        let sessions = organization.count("SELECT count(*) FROM session");
        refused(&visitor.clone(), &come_back(&organization, &visitor, &fake, &leaving, ""), "needs its password");
        assert_eq!(organization.count("SELECT count(*) FROM session"), sessions);

        // A sign-in at the provider does not replace the password where the page asks for it again.
        organization.execute("UPDATE session SET confirmed = 0");
        let asked = organization.page("sign-on/off");
        let asked = organization.administrator.submit(&asked, "/sign-on/off", &[]);
        organization.administrator.submit(&asked, "/confirm", &[("password", "")]).assert_has("The password is wrong");
        assert_eq!(organization.count("SELECT count(*) FROM session WHERE confirmed > 0"), 0);
    }
}

/// The rule decides which claim is compared with which property.
#[test]
fn people_are_found_by_the_rule() {
    let place = process::sqlite();
    let (mut organization, fake) = set_up(&place.url, "sub");
    organization.add_by_scim("lena", "00u1", true);
    organization.add_by_hand("00u1", false);
    let attempt = |organization: &Organization, claims: Json, more: Json| {
        {
            let mut state = fake.state.lock().unwrap();
            (state.claims, state.more) = (claims, more);
        }
        let (visitor, leaving) = organization.leave();
        let page = come_back(organization, &visitor, &fake, &leaving, "");
        (visitor, page)
    };
    assert!(signed_in(&attempt(&organization, json!({"sub": "00u1"}), json!({})).0));
    let owner = "SELECT count(*) FROM session WHERE account = 'scim-lena'";
    assert_eq!(organization.count(owner), 1, "the external id, and not the user name of the account made by hand");
    let (visitor, page) = attempt(&organization, json!({"sub": "00U1"}), json!({}));
    refused(&visitor, &page, "no account here has this external ID");

    let use_claim = |organization: &mut Organization, claim: &str, claims: Json| {
        organization.save_openid(&fake.issuer, claim);
        fake.state.lock().unwrap().claims = claims;
        test(organization, &fake).assert_has("Test sign-in passed");
        organization.turn_on("openid").assert_has("Single sign-on is on");
    };
    organization.add_by_scim("Ada@Example.com", "2", true);
    use_claim(&mut organization, "email", json!({"email": "x@example.com", "email_verified": true}));
    let cases = [
        (json!({"email": "ADA@example.com", "email_verified": true}), json!({}), None),
        (json!({}), json!({"sub": "ada", "email": "ada@example.com", "email_verified": true}), None),
        (
            json!({"email": "ada@example.com", "email_verified": false}),
            json!({}),
            Some("refused the directory’s answer"),
        ),
        (json!({"email": "ada@example.com"}), json!({"sub": "ada"}), Some("refused the directory’s answer")),
        // The userinfo endpoint returns another person.
        (
            json!({}),
            json!({"sub": "eve", "email": "ada@example.com", "email_verified": true}),
            Some("The directory doesn’t answer"),
        ),
    ];
    for (claims, more, sentence) in cases {
        let told = format!("{claims} {more}");
        let (visitor, page) = attempt(&organization, claims, more);
        match sentence {
            None => assert!(signed_in(&visitor), "{told}: {}", page.words()),
            Some(sentence) => refused(&visitor, &page, sentence),
        }
    }
}

/// A change of the next answer of the provider.
type Change = fn(&mut fake::State);

/// Forged answers of the provider, or of a party in between. Each is refused, and no session begins.
#[test]
fn hostile_answers_are_refused() {
    for place in databases() {
        let (organization, fake) = set_up(&place.url, "preferred_username");
        organization.add_by_hand("ada@example.com", false);
        let sessions = organization.count("SELECT count(*) FROM session");
        let invalid = "We refused the directory’s answer";
        let tokens: [(&str, Change); 9] = [
            ("another issuer", |state| state.claims = json!({"iss": "https://another.example.com"})),
            ("another audience", |state| state.claims = json!({"aud": "another"})),
            ("two audiences", |state| state.claims = json!({"aud": ["platform", "another"]})),
            ("another nonce", |state| state.claims = json!({"nonce": "0123456789abcdef"})),
            ("no nonce", |state| state.claims = json!({"nonce": null})),
            ("expired", |state| state.claims = json!({"exp": 1})),
            ("another key", |state| state.other_key = true),
            ("no signature", |state| state.algorithm = Some("none")),
            ("a MAC", |state| state.algorithm = Some("HS256")),
        ];
        for (name, change) in tokens {
            change(&mut fake.state.lock().unwrap());
            let (visitor, leaving) = organization.leave();
            let page = come_back(&organization, &visitor, &fake, &leaving, "");
            refused(&visitor, &page, invalid);
            assert_eq!(page.status, 403, "{name}");
            let mut state = fake.state.lock().unwrap();
            (state.claims, state.other_key, state.algorithm) = (json!({}), false, None);
        }

        // The answer of another provider to the same browser.
        let (visitor, leaving) = organization.leave();
        let mixed = format!("&{}", encoded(&[("iss", "https://another.example.com")]));
        let page = come_back(&organization, &visitor, &fake, &leaving, &mixed);
        refused(&visitor, &page, invalid);

        // A missing state, a state of another browser, and a repeated state.
        let (visitor, leaving) = organization.leave();
        let (code, state) = (fake.code(&leaving.onward()), parameter(&leaving.onward(), "state").unwrap());
        let redeemed = fake.state.lock().unwrap().redeemed;
        for query in [
            format!("code={code}&state=0123456789abcdef"),
            format!("code={code}"),
            format!("code={code}&state={state}&state={state}"),
        ] {
            let page = visitor.get(&organization.url(&format!("sign-on/return?{query}")));
            refused(&visitor, &page, "The sign-in took too long");
        }
        let (other, _) = organization.leave();
        let answer = organization.url(&format!("sign-on/return?code={code}&state={state}"));
        refused(&other.clone(), &other.get(&answer), "The sign-in took too long");
        assert_eq!(fake.state.lock().unwrap().redeemed, redeemed, "the code was not even asked for");

        // The right browser can still sign in, once: neither the state nor the code works again.
        visitor.get(&answer);
        assert!(signed_in(&visitor));
        let (again, leaving) = organization.leave();
        let state = parameter(&leaving.onward(), "state").unwrap();
        let page = again.get(&organization.url(&format!("sign-on/return?code={code}&state={state}")));
        refused(&again, &page, invalid);
        refused(&again.clone(), &again.get(&answer), "This sign-in was used already");

        // A code with the verifier of another sign-in.
        let (visitor, leaving) = organization.leave();
        let (_, stolen) = organization.leave();
        let code = fake.code(&stolen.onward());
        let state = parameter(&leaving.onward(), "state").unwrap();
        let page = visitor.get(&organization.url(&format!("sign-on/return?code={code}&state={state}")));
        refused(&visitor, &page, invalid);
        assert_eq!(organization.count("SELECT count(*) FROM session"), sessions + 1);
    }
}

/// Forms without the token, of another site, of people who are not administrators, and without a session.
#[test]
fn forged_requests_change_nothing() {
    for place in databases() {
        let (mut organization, fake) = set_up(&place.url, "preferred_username");
        organization.add_by_hand("ada@example.com", false);
        let (member, leaving) = organization.leave();
        come_back(&organization, &member, &fake, &leaving, "");
        let page = organization.page("sign-on");
        let rows = "SELECT count(*) FROM sign_on WHERE settings LIKE '%preferred_username%'";
        for action in ["sign-on/openid", "sign-on/saml", "sign-on/test", "sign-on/on", "sign-on/off", "confirm"] {
            let fields =
                [("issuer", "http://localhost:9"), ("client_id", "x"), ("client_secret", "x"), ("claim", "sub")];
            let fields = fields.iter().chain(&[("metadata", "x"), ("kind", "openid"), ("password", "x")]);
            let fields = fields.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>();
            let action = organization.url(action);
            let form = browser::Form { action: action.clone(), fields };
            assert_eq!(organization.administrator.send(&form, &page.url).status, 403, "no token: {action}");
            let token = page.form("/sign-on/test").fields.remove(0);
            assert_eq!(token.0, "token");
            let mut other = form.clone();
            other.fields.push(token.clone());
            assert_eq!(organization.administrator.send(&other, "http://127.0.0.1:1/").status, 403, "{action}");
            assert_eq!(member.send(&other, &page.url).status, 403, "no administrator: {action}");
            let nobody = Browser::visitor().send(&other, &page.url);
            assert!(nobody.url.ends_with("/sign-in"), "nobody: {action} {}", nobody.url);
        }
        assert_eq!(member.get(&organization.url("sign-on")).status, 403);
        assert_eq!(organization.count(rows), 1);
        assert_eq!(organization.count("SELECT count(*) FROM organization WHERE sign_on = 'openid'"), 1);
    }
}

#[test]
fn single_sign_on_turns_off_with_a_warning() {
    for place in databases() {
        let (mut organization, _) = set_up(&place.url, "preferred_username");
        organization.execute("UPDATE organization SET scim = 1");
        let page = organization.page("sign-on/off");
        page.assert_has("SCIM is on and needs single sign-on");
        let mut form = organization.page("sign-on").form("/sign-on/test");
        form.action = organization.url("sign-on/off");
        let answer = organization.administrator.send(&form, &page.url);
        assert_eq!(answer.status, 403);
        assert_eq!(organization.count("SELECT count(*) FROM organization WHERE sign_on = 'openid'"), 1);
        organization.execute("UPDATE organization SET scim = 0");
        let page = organization.page("sign-on/off");
        page.assert_has("Administrators sign in with their password");

        // The page asks for the password again if the sign-in is some time ago.
        organization.execute("UPDATE session SET confirmed = 0");
        let asked = organization.administrator.submit(&page, "/sign-on/off", &[]);
        asked.assert_has("Sign in once more");
        assert_eq!(organization.count("SELECT count(*) FROM organization WHERE sign_on = 'openid'"), 1);
        let page = organization.administrator.submit(&asked, "/confirm", &[("password", providers::PASSWORD)]);
        let page = organization.administrator.submit(&page, "/sign-on/off", &[]);
        page.assert_has("Single sign-on is off");
        assert_eq!(organization.count("SELECT count(*) FROM organization WHERE sign_on = 'none'"), 1);
        let page = organization.page("sign-in");
        assert!(!page.has("Sign in with demo"), "{}", page.words());
    }
}

/// An administrator without a password confirms by another sign-in, which must be new and of the same person.
#[test]
fn an_administrator_without_a_password_confirms_by_single_sign_on() {
    for place in databases() {
        let (mut organization, fake) = set_up(&place.url, "preferred_username");
        organization.add_by_hand("ada@example.com", true);
        organization.add_by_hand("eve@example.com", true);
        let (ada, leaving) = organization.leave();
        come_back(&organization, &ada, &fake, &leaving, "");
        organization.execute("UPDATE session SET confirmed = 0");
        let off = ada.get(&organization.url("sign-on/off"));
        let asked = ada.submit(&off, "/sign-on/off", &[]);
        asked.assert_has("has no password here");
        let attempts = [
            (json!({"auth_time": 1}), "We refused the directory’s answer"),
            (json!({"auth_time": null}), "We refused the directory’s answer"),
            (json!({"preferred_username": "eve@example.com"}), "Another person signed in"),
        ];
        for (claims, sentence) in attempts {
            let leaving = ada.submit(&asked, "/confirm", &[]);
            let address = leaving.onward();
            assert_eq!(parameter(&address, "prompt").as_deref(), Some("login"), "{address}");
            assert_eq!(parameter(&address, "max_age").as_deref(), Some("0"), "{address}");
            fake.state.lock().unwrap().claims = claims;
            come_back(&organization, &ada, &fake, &leaving, "").assert_has(sentence);
            assert_eq!(organization.count("SELECT count(*) FROM session WHERE confirmed > 0"), 0, "{sentence}");
        }
        fake.state.lock().unwrap().claims = json!({});
        let before = ada.cookie("platform_session").unwrap().value.clone();
        let leaving = ada.submit(&asked, "/confirm", &[]);
        let page = come_back(&organization, &ada, &fake, &leaving, "");
        assert!(page.url.ends_with("/sign-on/off"), "{}", page.url);
        assert_ne!(ada.cookie("platform_session").unwrap().value, before);
        organization.administrator = ada;
        organization.page("sign-on").assert_has("Single sign-on is on");
    }
}

/// The real provider: with the claims in the ID token, and with the claims at the userinfo endpoint only.
#[test]
fn people_sign_in_at_oidc_provider() {
    for place in databases() {
        for conform in [true, false] {
            let mut organization = Organization::start(&place.url);
            let person = |sub: &str| {
                let login = format!("{sub}@example.com");
                let claims = json!({"preferred_username": login, "email": login, "email_verified": true, "name": sub});
                json!({"login": login, "password": "secret", "sub": sub, "claims": claims})
            };
            let redirects = json!([organization.url("sign-on/return")]);
            let client = json!({"id": "platform", "secret": "a-secret-of-the-client", "redirects": redirects});
            let people = [person("administrator"), person("ada"), person("eve")];
            let settings = json!({"clients": [client], "people": people, "conform": conform});
            let Some(node) = Node::start("openid.mjs", &settings) else { return };
            let issuer = node.address();

            organization.save_openid(&issuer, "email").assert_has("Found, with sign-in address and 1 key");
            let leaving = organization.test("openid");
            let administrator = organization.administrator.clone();
            let page = at_provider(&administrator, &leaving.onward(), Some("administrator@example.com"));
            page.assert_has("Test sign-in passed");
            page.assert_has("email = administrator@example.com");
            organization.administrator = administrator;
            organization.turn_on("openid").assert_has("Single sign-on is on");

            let user_name = if conform { "ada@example.com" } else { "ADA@example.com" };
            organization.execute("DELETE FROM account WHERE origin = 'scim'");
            organization.add_by_scim(user_name, "1", true);
            let (ada, leaving) = organization.leave();
            at_provider(&ada, &leaving.onward(), Some("ada@example.com"));
            assert!(signed_in(&ada));
            let (eve, leaving) = organization.leave();
            let page = at_provider(&eve, &leaving.onward(), Some("eve@example.com"));
            refused(&eve, &page, "You don’t have an account here");
            let (ada, leaving) = organization.leave();
            let page = at_provider(&ada, &leaving.onward(), None);
            refused(&ada, &page, "The sign-in was cancelled");
            // Without PKCE the provider refuses, so the application uses it.
            let address = leaving.onward().replace("code_challenge", "no_challenge");
            let page = ada.get(&address);
            assert!(!page.has("Sign in at the provider"), "{}", page.words());
            organization.execute("DELETE FROM account");
            organization.execute("DELETE FROM unique_key");
            organization.execute("DELETE FROM sign_on");
            organization.execute("UPDATE organization SET sign_on = 'none'");
        }
    }
}
