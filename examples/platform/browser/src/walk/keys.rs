//! Line 9: several keys, rotation without downtime, and revocation.

use std::time::Duration;

use serde_json::Value as Json;

use super::Walk;
use crate::{Scim, browser::until};

impl Walk<'_> {
    fn status(scim: &Scim) -> u16 {
        scim.ask("GET", "/Users?count=1", &Json::Null).status
    }

    /// Whether the client gets such a response within 10 seconds. A server may trust a cached key for some seconds.
    fn comes_to_answer(&self, is_right: impl Fn(u16) -> bool) -> bool {
        until(Duration::from_secs(10), || is_right(Self::status(&self.scim)).then_some(())).is_some()
    }

    /// A second key works in addition to the first key, and then the first key is revoked.
    pub fn rotates_keys(&mut self, first: &Scim) {
        let admin = &self.admin;
        admin.press("SCIM");
        admin.shows("API keys");
        admin.shows("from 127.0.0.1");
        admin.press("New key");
        admin.fill("Name", "The new key");
        admin.press("Make the key");
        admin.shows("You see this key only now.");
        let second = self.scim.with(&admin.element("api-key"));
        assert_eq!((Self::status(first), Self::status(&second)), (200, 200), "nobody is shut out");
        admin.press("I've saved the key");
        admin.shows("The new key");
        let old = format!("{} production", self.provider);
        admin.press(&format!("Revoke “{old}”"));
        admin.shows("for good");
        admin.press("Cancel");
        assert_eq!(Self::status(first), 200, "the question revokes nothing");
        admin.press(&format!("Revoke “{old}”"));
        admin.press("Revoke the key");
        admin.shows("The key is revoked.");
        admin.hides(&old);
        assert_eq!((Self::status(first), Self::status(&second)), (401, 200));
        self.scim = second;
    }

    /// Turning SCIM off ends all requests and keeps all data. Revoking all keys takes effect at once.
    pub fn turns_off(&self) {
        let admin = &self.admin;
        admin.press("SCIM");
        admin.press("SCIM is active");
        admin.shows("Turn off SCIM?");
        admin.press("Turn off SCIM");
        admin.shows("SCIM is off. Nothing was removed.");
        assert!(self.comes_to_answer(|status| (400..500).contains(&status)), "SCIM is off");
        admin.press("Activate SCIM");
        admin.shows("SCIM is active.");
        assert!(self.comes_to_answer(|status| status == 200), "SCIM is on again");
        admin.press("Revoke all");
        admin.press("Revoke all");
        admin.shows("All keys and OAuth clients are revoked.");
        assert!(self.comes_to_answer(|status| status == 401), "the key is revoked");
        admin.shows("No key is valid");
    }
}
