//! Line 7: people sign in, and the provider decides for how long.

use super::{Walk, setup::at_provider};
use crate::Browser;

impl Walk<'_> {
    fn signs_in(&self, browser: &Browser, login: &str) {
        browser.go(&self.stage.program.page("me"));
        browser.press("Sign in with demo");
        at_provider(browser, login);
    }

    /// A person signs in and sees the person's own page. Deactivation ends the session at the next request, and
    /// reactivation restores access.
    pub fn people_sign_in(&self) {
        let eve = self.scim.user("eve@example.com", "Eve Moreau");
        let browser = self.stage.browser();
        self.signs_in(&browser, "eve@example.com");
        browser.shows("Hello, Eve");
        browser.shows("Nothing yet.");
        browser.shows("They come from demo's directory.");
        assert!(!browser.has("SCIM"), "a person sees no page of the administrator");
        browser.go(&self.stage.program.page("users"));
        browser.shows("Only administrators of the organization may do this.");
        browser.go(&self.stage.program.page("me"));
        browser.shows("Hello, Eve");

        self.scim.set_active(&eve, false);
        browser.reload();
        browser.shows("Sign in with demo");
        browser.hides("Hello");
        // The provider may still have its own session. After the refusal, the page asks the provider for another
        // account.
        self.returns(&browser);
        browser.shows("Your account is deactivated");
        self.admin.press("Users");
        self.admin.press("Deactivated");
        self.admin.shows("Eve Moreau");

        self.scim.set_active(&eve, true);
        self.returns(&browser);
        browser.shows("Hello, Eve");

        // Deletion ends the session as well.
        assert_eq!(self.scim.ask("DELETE", &format!("/Users/{eve}"), &serde_json::Value::Null).status, 204);
        browser.reload();
        browser.shows("Sign in with demo");
    }

    /// Signs in as Eve, with the provider's form where the provider shows it.
    fn returns(&self, browser: &Browser) {
        browser.go(&self.stage.program.page("me"));
        browser.press("Sign in with demo");
        browser.shows_any(&["Sign in at the provider", "Hello, Eve", "Your account is deactivated"]);
        if browser.url().starts_with("http://localhost") {
            at_provider(browser, "eve@example.com");
        }
    }
}
