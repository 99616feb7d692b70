//! The form of a request, read strictly: `application/x-www-form-urlencoded` in UTF-8, every name at most once
//! (RFC 6749 §3.2, appendix B).

use std::{borrow::Cow, collections::BTreeMap};

use super::{REQUEST_BYTES, error::TokenError};

/// The maximum number of parameters in a request; a token request has at most seven known parameters.
const PARAMETERS: usize = 32;

/// Parameters by name. Those without a value are left out (RFC 6749 §3.2).
pub(super) struct Parameters<'a>(BTreeMap<Cow<'a, str>, Cow<'a, str>>);

impl<'a> Parameters<'a> {
    pub(super) fn read(content_type: Option<&str>, body: &'a [u8]) -> Result<Self, TokenError> {
        let media = content_type.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
        if !media.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(TokenError::request("expected the content type application/x-www-form-urlencoded"));
        }
        if body.len() > REQUEST_BYTES {
            return Err(TokenError::request("expected a shorter request"));
        }
        let pairs = body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
        let mut parameters = BTreeMap::new();
        for (index, pair) in pairs.enumerate() {
            if index == PARAMETERS {
                return Err(TokenError::request("expected fewer parameters"));
            }
            let (name, value) = split(pair, b'=').unwrap_or((pair, b""));
            let (Some(name), Some(value)) = (decoded(name), decoded(value)) else {
                return Err(TokenError::request("expected parameters in UTF-8"));
            };
            if parameters.insert(name, value).is_some() {
                return Err(TokenError::request("expected each parameter once"));
            }
        }
        parameters.retain(|_, value| !value.is_empty());
        Ok(Self(parameters))
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Cow<'a, str>> {
        self.0.remove(name)
    }
}

/// The two sides of the first `separator`.
pub(super) fn split(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let position = bytes.iter().position(|byte| *byte == separator)?;
    let (before, rest) = bytes.split_at_checked(position)?;
    Some((before, rest.split_first()?.1))
}

/// Decodes a name or a value of a form; `None` for text that is not UTF-8.
pub(super) fn decoded(bytes: &[u8]) -> Option<Cow<'_, str>> {
    if !bytes.contains(&b'+') {
        return percent_encoding::percent_decode(bytes).decode_utf8().ok();
    }
    let spaced: Vec<u8> = bytes.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let text = percent_encoding::percent_decode(&spaced).decode_utf8().ok()?;
    Some(Cow::Owned(text.into_owned()))
}
