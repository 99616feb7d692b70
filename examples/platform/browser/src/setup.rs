//! The beginning of a test: the program with its data, the driver, and an administrator who has opened the link.

use serde_json::json;

use crate::{Browser, Driver, Node, Place, Program, node};

/// The password of the administrator.
pub const PASSWORD: &str = "a long enough password";

/// The processes of a test. The driver with its browsers ends first, then the program, then its data.
pub struct Stage {
    driver: Driver,
    /// The platform.
    pub program: Program,
    /// The location of the program's data.
    pub place: Place,
}

impl Stage {
    /// Starts the program with SQLite; `None` if a browser or the providers are missing.
    pub fn on_sqlite() -> Option<Self> {
        let driver = driver()?;
        Some(Self::new(driver, Place::sqlite()))
    }

    /// Starts the program with PostgreSQL; `None` if a browser, the providers or the PostgreSQL server are missing.
    pub fn on_postgresql() -> Option<Self> {
        let driver = driver()?;
        Some(Self::new(driver, Place::postgres()?))
    }

    fn new(driver: Driver, place: Place) -> Self {
        Self { driver, program: Program::start(&place.url), place }
    }

    /// Starts a browser with a fresh profile.
    pub fn browser(&self) -> Browser {
        self.driver.browser()
    }

    /// Starts a browser in which the administrator has opened the printed link and chosen a password.
    pub fn administrator(&self) -> Browser {
        let browser = self.browser();
        browser.go(self.program.link.as_deref().expect("a link is printed"));
        browser.shows("Welcome, Administrator");
        browser.fill("Password", PASSWORD);
        browser.fill("The same password again", PASSWORD);
        browser.press("Save and sign in");
        browser.shows("Your identity provider creates, updates and deactivates accounts here");
        browser
    }

    /// Starts a SAML identity provider that knows the platform, and these people by their user names.
    pub fn saml(&self, people: &[&str]) -> Node {
        let person = |name: &&str| json!({"login": name, "password": "secret", "nameId": name});
        let people: Vec<_> = people.iter().map(person).collect();
        let services = json!({self.program.page("sign-on/metadata"): self.program.page("sign-on/acs")});
        Node::start("saml.cjs", &json!({"services": services, "people": people}))
    }

    /// Starts an OpenID provider that knows the platform as a client, and these people by their user names.
    pub fn openid(&self, people: &[&str]) -> Node {
        let claims = |name: &str| json!({"preferred_username": name, "name": name});
        let person = |name: &&str| json!({"login": name, "password": "secret", "sub": name, "claims": claims(name)});
        let people: Vec<_> = people.iter().map(person).collect();
        let client = json!({
            "id": "platform", "secret": CLIENT_SECRET, "redirects": [self.program.page("sign-on/return")],
        });
        Node::start("openid.mjs", &json!({"clients": [client], "people": people}))
    }
}

/// The secret of the platform at the OpenID provider.
pub(crate) const CLIENT_SECRET: &str = "a-secret-of-the-client";

/// Starts a driver if all parts are installed. Otherwise prints the missing part, or fails if `SCIM_TEST_BROWSER`
/// requires a browser.
fn driver() -> Option<Driver> {
    let missing = |what: &str| {
        assert!(std::env::var_os("SCIM_TEST_BROWSER").is_none_or(|value| value != "1"), "{what}");
        eprintln!("skipped: {what}");
    };
    let Some(driver) = Driver::start() else {
        missing("there is no chromedriver in PATH, and SCIM_TEST_CHROMEDRIVER is not set");
        return None;
    };
    if node::directory().is_none() {
        missing("SCIM_TEST_PROVIDERS names no directory with node and node_modules");
        return None;
    }
    Some(driver)
}
