//! Every page: accessible, without errors, at every width, by keyboard alone, and without scripts.

use std::time::Duration;

use platform_browser::{Audit, Browser, PASSWORD, Populated, Stage, walk};
use serde_json::json;
use thirtyfour::Key;

/// axe-core reports no violations, no page is too wide, and the console stays empty, on each page and in each
/// state.
#[test]
fn every_page_is_accessible_and_fits() {
    let Some(stage) = Stage::on_sqlite() else { return };
    let mut audit = Audit::new();
    let browser = stage.browser();
    browser.go(stage.program.link.as_deref().unwrap());
    audit.page(&browser, "invitation");
    browser.fill("Password", PASSWORD);
    browser.fill("The same password again", "another password");
    browser.press("Save and sign in");
    browser.shows("Welcome");
    audit.page(&browser, "invitation with an error");
    browser.go(stage.program.link.as_deref().unwrap());
    browser.fill("Password", PASSWORD);
    browser.fill("The same password again", PASSWORD);
    browser.press("Save and sign in");
    browser.shows("Not available yet");
    audit.page(&browser, "scim not available");
    for page in
        ["sign-on?kind=openid", "sign-on?kind=saml", "users", "users?tab=unassigned", "user-groups", "log", "me"]
    {
        browser.go(&stage.program.page(page));
        audit.page(&browser, &format!("empty {page}"));
    }
    browser.go(&stage.program.page("sign-on?kind=openid"));
    browser.fill("Issuer", "http://localhost:9");
    browser.fill("Client ID", "x");
    browser.fill("Client secret", "x");
    browser.press("Save");
    browser.shows("can't be reached");
    audit.page(&browser, "sign-on with an error");
    browser.go(&stage.program.page("users/new"));
    browser.run("for (const form of document.forms) form.noValidate = true", &[]);
    browser.press("Add the person");
    browser.shows("Enter a name");
    audit.page(&browser, "user with errors");
    let link = stage.program.link.as_deref().unwrap();
    let used = stage.browser();
    used.go(link);
    used.shows("This link doesn't work anymore");
    audit.page(&used, "used invitation");

    let populated = Populated::new(&stage, browser, "Microsoft Entra ID");
    let admin = &populated.admin;
    for (name, url) in populated.pages(&stage) {
        admin.go(&url);
        audit.page(admin, name);
    }
    admin.go(&stage.program.page("scim/keys/new"));
    admin.fill("Name", "Another key");
    admin.press("Make the key");
    admin.shows("You see this key only now.");
    audit.page(admin, "new key");
    admin.go(&stage.program.page("log"));
    admin.press("Record for 60 minutes");
    admin.shows("started it");
    audit.page(admin, "log while it records");
    people_without_a_session(&stage, &mut audit);
    admin.go(&stage.program.page("scim"));
    admin.press("SCIM is active");
    admin.press("Turn off SCIM");
    admin.shows("SCIM is off.");
    audit.page(admin, "scim is off");
    audit.finish();
}

/// The pages of people who sign in, or fail to.
fn people_without_a_session(stage: &Stage, audit: &mut Audit) {
    let person = stage.browser();
    person.go(&stage.program.page("me"));
    person.shows("Sign in");
    audit.page(&person, "sign-in");
    person.press("Sign in as an administrator with a password");
    person.fill("User name", "administrator");
    person.fill("Password", "wrong");
    person.press("Sign in");
    person.shows("The sign-in failed.");
    audit.page(&person, "sign-in that failed");
    person.go(&stage.program.page("me"));
    person.press("Sign in with demo");
    walk::at_provider(&person, "nobody@example.com");
    person.shows("You don't have an account here");
    person.console();
    audit.page(&person, "refused sign-in");
    let person = stage.browser();
    person.go(&stage.program.page("me"));
    person.press("Sign in with demo");
    walk::at_provider(&person, "lena.fischer@example.com");
    person.shows("Hello, Lena");
    person.console();
    audit.page(&person, "own page of a person");
}

/// Moves with the Tab key to the element with these words, at most once around the page. Each stop on the way has a
/// visible focus mark.
#[track_caller]
fn tab_to(browser: &Browser, words: &str) {
    let script = r#"
        const element = document.activeElement;
        const style = getComputedStyle(element);
        const words = element.getAttribute("aria-label") || (element.labels?.[0] ?? element).textContent;
        const marked = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
        const box = element.getBoundingClientRect();
        const covered = box.bottom < 0 || box.top > innerHeight;
        return [words.replace(/[‘’]/g, "'").replace(/\s+/g, " ").trim(), marked && !covered, element.tagName];"#;
    for _ in 0..120 {
        browser.key(Key::Tab);
        let stop = browser.run(script, &[]);
        let (text, marked, tag) = (stop[0].as_str().unwrap(), &stop[1], stop[2].as_str().unwrap());
        if tag == "BODY" {
            continue;
        }
        assert_eq!(marked, &json!(true), "the focus on {tag} “{text}” is not seen: {}", browser.url());
        if text.starts_with(words) {
            return;
        }
    }
    panic!("Tab does not reach “{words}”: {}\n{}", browser.url(), browser.text());
}

fn write(browser: &Browser, text: &str) {
    browser.wait(browser.driver.action_chain().send_keys(text).perform()).unwrap();
}

/// Walks from the link to an assigned person without a pointer.
#[test]
fn the_keyboard_is_enough() {
    let Some(stage) = Stage::on_sqlite() else { return };
    let node = stage.openid(&["administrator"]);
    let browser = stage.browser();
    browser.go(stage.program.link.as_deref().unwrap());
    tab_to(&browser, "Password");
    write(&browser, PASSWORD);
    browser.key(Key::Tab);
    write(&browser, PASSWORD);
    browser.key(Key::Enter);
    browser.shows("Not available yet");

    // The first stop of a page skips the navigation.
    tab_to(&browser, "Skip to the content");
    browser.key(Key::Enter);
    tab_to(&browser, "Set up single sign-on");
    browser.key(Key::Enter);
    browser.shows("Not set up");
    tab_to(&browser, "Issuer");
    write(&browser, &node.address);
    browser.key(Key::Tab);
    write(&browser, "platform");
    browser.key(Key::Tab);
    write(&browser, "a-secret-of-the-client");
    browser.key(Key::Enter);
    browser.shows("Found, with sign-in address");
    tab_to(&browser, "Test sign-in");
    browser.key(Key::Enter);
    walk::at_provider(&browser, "administrator");
    browser.shows("Test sign-in passed");
    tab_to(&browser, "Turn on single sign-on");
    browser.key(Key::Enter);
    browser.shows("Single sign-on is on");

    tab_to(&browser, "SCIM");
    browser.key(Key::Enter);
    tab_to(&browser, "Activate SCIM");
    browser.key(Key::Enter);
    browser.shows("SCIM is active.");
    tab_to(&browser, "Another one");
    browser.key(Key::Up);
    browser.key(Key::Up);
    // The choice between a key and an OAuth client comes before the name.
    browser.key(Key::Tab);
    browser.key(Key::Tab);
    write(&browser, "Okta");
    browser.key(Key::Enter);
    browser.shows("Copy these two values into Okta");
    tab_to(&browser, "Copy the API key");
    browser.key(Key::Enter);
    browser.shows("Copied");

    // Each page has only visible stops, on the whole round.
    for page in ["users/new", "users", "user-groups", "log", "sign-on?kind=saml", "scim", "me"] {
        browser.go(&stage.program.page(page));
        tab_to(&browser, "Sign out");
        round(&browser);
    }
}

/// Goes once around the page: the focus reaches every element that can have it.
fn round(browser: &Browser) {
    let count = r#"
        const all = document.querySelectorAll("a[href], button:not(:disabled), input:not([type=hidden]), select, textarea, summary");
        return [...all].filter((element) => element.checkVisibility({ visibilityProperty: true })
            && (element.type !== "radio" || element.checked)).length;"#;
    let count = browser.run(count, &[]).as_u64().unwrap();
    browser.reload();
    let mut reached = std::collections::BTreeSet::new();
    for _ in 0..count + 12 {
        browser.key(Key::Tab);
        let stop = "const element = document.activeElement; \
                    return element === document.body ? -1 : [...document.querySelectorAll('*')].indexOf(element)";
        reached.insert(browser.run(stop, &[]).as_i64().unwrap());
    }
    reached.remove(&-1);
    assert!(reached.len() as u64 >= count, "{} of {count} are reached: {}", reached.len(), browser.url());
}

/// Walks the same way with scripts off.
#[test]
fn scripts_are_not_needed() {
    let Some(stage) = Stage::on_sqlite() else { return };
    let node = stage.openid(&["administrator"]);
    let browser = stage.browser();
    browser.scripts(false);
    browser.go(stage.program.link.as_deref().unwrap());
    browser.fill("Password", PASSWORD);
    browser.fill("The same password again", PASSWORD);
    browser.press("Save and sign in");
    walk::scim_is_locked(&browser);
    walk::sign_on_by_openid(&browser, &node);
    browser.press("SCIM");
    browser.press("Activate SCIM");
    browser.choose("Okta");
    browser.fill("Name", "Okta");
    browser.press("Generate SCIM URL and API key");
    browser.shows("You see this key only now.");
    assert!(!browser.has("Copy the API key"), "a button that can do nothing is not shown");
    browser.press("I've saved the key");
    browser.shows("Waiting for the first request");
    browser.press("Users");
    browser.press("Add a person by hand");
    browser.fill("Name", "Harper Quinn");
    browser.fill("User name", "harper@example.com");
    browser.press("Add the person");
    browser.shows("The account is made.");
    browser.press("User groups");
    browser.press("New user group");
    browser.fill("Name", "Editors");
    browser.press("Make the user group");
    browser.shows("Nobody is in this user group.");
    browser.size(380, 800);
    browser.press("Menu");
    browser.press("Provisioning log");
    browser.shows_within("No requests yet.", Duration::from_secs(5));
    browser.press("Menu");
    browser.press("Sign out");
    browser.shows("Sign in with demo");
}
