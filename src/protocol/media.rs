//! Media types (RFC 7644 §3.1, §3.8).

use super::CONTENT_TYPE;
use crate::error::Error;

const JSON: &str = "application/json";

/// The media type to answer with: SCIM's, or plain JSON for a client that takes nothing else.
pub(super) fn answer_type(accept: Option<&str>) -> &'static str {
    let mut json = false;
    for range in accept.unwrap_or_default().split(',') {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        // RFC 9110 §12.4.2: a weight of zero refuses.
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        if weight.is_some_and(|weight| weight.trim().parse() == Ok(0.0_f32)) {
            continue;
        }
        if ["application/scim+json", "application/*", "*/*"].iter().any(|scim| scim.eq_ignore_ascii_case(name)) {
            return CONTENT_TYPE;
        }
        json |= name.eq_ignore_ascii_case(JSON);
    }
    // What nobody can satisfy is answered with SCIM's own: an answer in the wrong type helps more than none.
    if json { JSON } else { CONTENT_TYPE }
}

/// Checks that a body is JSON by its own account; saying nothing is fine.
pub(super) fn check_content_type(content_type: Option<&str>) -> Result<(), Error> {
    let name = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if name.is_empty() || [CONTENT_TYPE, JSON].iter().any(|json| json.eq_ignore_ascii_case(name)) {
        return Ok(());
    }
    Err(Error::new(415, format!("expected a body of the type {CONTENT_TYPE}")))
}
