//! Lines 1 to 4: single sign-on, activation, the key, the guide, and the state of the connection.

use std::time::Duration;

use scim_core::testkit::Traffic;
use serde_json::json;

use super::Walk;
use crate::{Browser, Node, Scim, Stage, setup::CLIENT_SECRET};

/// Signs in with the form of a provider, and returns to the platform.
pub fn at_provider(browser: &Browser, login: &str) {
    browser.shows("Sign in at the provider");
    browser.fill("Name", login);
    browser.fill("Password", "secret");
    browser.press("Sign in");
}

/// Line 1: without single sign-on, SCIM cannot be activated. The page gives the reason and a link.
pub fn scim_is_locked(browser: &Browser) {
    browser.shows("Not available yet");
    browser.shows("Set up single sign-on first. Without it, people who arrive through SCIM have no way to sign in.");
    let disabled = browser.run("return document.querySelector('[role=switch]').disabled", &[]);
    assert_eq!(disabled, json!(true), "the switch cannot be pressed");
    browser.press("Set up single sign-on");
    browser.shows("Not set up");
}

/// Line 2: single sign-on by SAML, with the test sign-in that it needs.
pub fn sign_on_by_saml(browser: &Browser, node: &Node) {
    browser.press("SAML 2.0");
    browser.fill("Metadata", &node.address);
    browser.press("Save");
    browser.shows("Read, with a signing certificate");
    turn_on(browser, "NameID = administrator");
}

/// Line 2: single sign-on by OpenID Connect, with the test sign-in that it needs.
pub fn sign_on_by_openid(browser: &Browser, node: &Node) {
    browser.fill("Issuer", &node.address);
    browser.fill("Client ID", "platform");
    browser.fill("Client secret", CLIENT_SECRET);
    browser.press("Save");
    browser.shows("Found, with sign-in address and 1 key");
    turn_on(browser, "preferred_username = administrator");
}

fn turn_on(browser: &Browser, value: &str) {
    assert!(!browser.has("Turn on single sign-on"), "a test comes first");
    browser.press("Test sign-in");
    at_provider(browser, "administrator");
    browser.shows("Test sign-in passed");
    browser.shows(value);
    browser.press("Turn on single sign-on");
    browser.shows("Single sign-on is on");
}

/// Lines 2 and 3: activation, the choice of the provider, and the key, which is shown once. Returns a client with
/// the key.
pub fn first_key(stage: &Stage, browser: &Browser, provider: &str, label: &str) -> Scim {
    browser.press("SCIM");
    browser.shows("Not connected");
    browser.press("Activate SCIM");
    browser.shows("SCIM is active.");
    browser.choose(label);
    browser.fill("Name", &format!("{provider} production"));
    browser.press("Generate SCIM URL and API key");
    browser.shows(&format!("Copy these two values into {provider}"));
    let (url, key) = (browser.element("scim-url"), browser.element("api-key"));
    assert_eq!(url, stage.program.scim);
    browser.devtools(
        "Browser.grantPermissions",
        &json!({"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"], "origin": stage.program.root()}),
    );
    for (button, text) in [("Copy the SCIM URL", &url), ("Copy the API key", &key)] {
        browser.press(button);
        browser.shows("Copied");
        let copied = browser.run_async("return await navigator.clipboard.readText();", &[]);
        assert_eq!(copied, json!(text), "{button}");
    }

    // The browser sends the form again, as if a person pressed F5.
    browser.reload();
    browser.shows("A key is shown only once.");
    let html = browser.run("return document.documentElement.outerHTML", &[]);
    assert!(!html.as_str().unwrap().contains(&key), "the key is shown again");
    browser.shows("Waiting for the first request");
    Scim::new(&url, &key)
}

impl Walk<'_> {
    /// Line 4: the page notices the first request by itself, and then shows the numbers.
    pub fn connects(&self, traffic: &Traffic, tests: &[&str]) {
        self.admin.shows("Waiting for the first request");
        for test in tests {
            assert_eq!(self.scim.ask("GET", test, &json!(null)).status, 200, "{test}");
        }
        // The page's script polls every 10 seconds.
        self.admin.shows_within("Connected", Duration::from_secs(30));
        for run in 1..=2 {
            let replay = self.scim.replay(traffic, run);
            assert!(replay.is_passed(), "{replay}");
        }
        // About a tenth of a sequence fails on purpose, which the page reports as failing. A real provider sends
        // more requests.
        for test in tests.iter().cycle().take(60) {
            assert_eq!(self.scim.ask("GET", test, &json!(null)).status, 200, "{test}");
        }
        self.log_settles();
        self.admin.reload();
        self.admin.shows(&format!("People from {}", self.provider));
        self.admin.shows("Connected Last request");
    }
}
