//! The identity provider whose assertions prove that a caller is a client: the settings that an administrator
//! enters.

use std::net::IpAddr;

use reqwest::Url;
use scim_core::{oauth::Federation, store::StoreError};
use serde::{Deserialize, Serialize};

use crate::outside::{is_inside, is_loopback};

/// The maximum number of characters of each field.
const CHARACTERS: usize = 512;

/// The four values that Entra ID displays for workload identity federation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FederationSettings {
    issuer: String,
    audience: String,
    subject: String,
    keys: String,
}

/// The error for values that are not valid settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidFederation {
    /// A value is empty, too long, or has control characters or blanks.
    #[error("expected issuer, audience and subject of 1 to {CHARACTERS} characters without blanks")]
    Text,
    /// The URL of the keys is not a URL that the server may fetch from.
    #[error("expected an https URL of the keys without user name and fragment")]
    Url,
}

impl FederationSettings {
    /// Creates the settings for assertions with these claims, signed by a key of the set at the URL `keys`: https, or
    /// http to this machine.
    ///
    /// Entra ID displays the audience as `api://…/.default`, which is the form of a scope. The audience in its
    /// assertions lacks the suffix `/.default`, which is therefore removed.
    ///
    /// # Errors
    ///
    /// When a value is not valid.
    pub fn new(issuer: &str, audience: &str, subject: &str, keys: &str) -> Result<Self, InvalidFederation> {
        let [issuer, audience, subject, keys] = [issuer, audience, subject, keys].map(str::trim);
        let audience = audience.strip_suffix("/.default").unwrap_or(audience);
        let is_value = |text: &&str| {
            !text.is_empty()
                && text.len() <= CHARACTERS
                && !text.contains(|c: char| c.is_control() || c.is_whitespace())
        };
        if ![issuer, audience, subject].iter().all(is_value) {
            return Err(InvalidFederation::Text);
        }
        if !is_value(&keys) || url(keys, true).is_none() {
            return Err(InvalidFederation::Url);
        }
        let [issuer, audience, subject, keys] = [issuer, audience, subject, keys].map(str::to_owned);
        Ok(Self { issuer, audience, subject, keys })
    }

    /// Returns the claim `iss`.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns the claim `aud`.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// Returns the claim `sub`.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Returns the URL of the keys.
    pub fn keys(&self) -> &str {
        &self.keys
    }

    /// The rules for assertions.
    pub(super) fn rules(&self) -> Federation {
        Federation::new(self.issuer.as_str(), self.audience.as_str(), self.subject.as_str())
    }

    pub(super) fn to_json(&self) -> String {
        // An object of four strings can always be serialized.
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(super) fn from_json(json: &str) -> Result<Self, StoreError> {
        serde_json::from_str(json).map_err(StoreError::backend)
    }
}

/// Returns the URL if the server may fetch from it. The argument `loopback` allows http to this machine. A public
/// server must not allow it: its administrators could make the server call its neighbors.
pub(super) fn url(text: &str, loopback: bool) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    let is_allowed = match url.scheme() {
        "https" => loopback || !is_of_this_network(&url),
        "http" => loopback && is_loopback(&url),
        _ => false,
    };
    (is_bare && is_allowed).then_some(url)
}

/// Whether a URL names this machine, or an address that only this machine reaches.
fn is_of_this_network(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    is_loopback(url) || host.parse::<IpAddr>().is_ok_and(is_inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_outside_of_the_network_are_fetched() {
        for (text, public, loopback) in [
            ("https://login.example/keys", true, true),
            ("http://login.example/keys", false, false),
            ("https://127.0.0.1/keys", false, true),
            ("https://localhost/keys", false, true),
            ("http://localhost:9/keys", false, true),
            ("https://0.0.0.0/keys", false, true),
            ("https://169.254.169.254/keys", false, true),
            ("https://[::]/keys", false, true),
            ("https://[::ffff:127.0.0.1]/keys", false, true),
            ("http://[::1]/keys", false, true),
            ("http://[::ffff:127.0.0.1]/keys", false, false),
            ("https://[fe80::1]/keys", false, true),
            ("https://user@login.example/keys", false, false),
        ] {
            assert_eq!((url(text, false).is_some(), url(text, true).is_some()), (public, loopback), "{text}");
        }
    }
}
