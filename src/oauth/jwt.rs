//! The parts of a JWT in compact form (RFC 7515 §7.1), before any of them is verified.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, de::IgnoredAny};

use super::ASSERTION_BYTES;

/// The header of a JWT.
#[derive(Deserialize)]
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) kid: Option<String>,
    crit: Option<IgnoredAny>,
}

/// The parts of a JWT.
pub(super) struct Parts<'a> {
    pub(super) header: Header,
    pub(super) signed: &'a str,
    pub(super) claims: &'a str,
    pub(super) signature: Vec<u8>,
}

impl<'a> Parts<'a> {
    pub(super) fn read(assertion: &'a str) -> Option<Self> {
        if assertion.len() > ASSERTION_BYTES {
            return None;
        }
        let (signed, signature) = assertion.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        // An unknown extension must be refused, and this code knows no extension (RFC 7515 §4.1.11).
        header.crit.is_none().then_some(Self { header, signed, claims, signature })
    }
}

/// The id of the key that an assertion names.
pub(super) fn key_id(assertion: &str) -> Option<String> {
    Parts::read(assertion)?.header.kid
}
