//! Media types and content codings (RFC 7644 §3.1, §3.8; RFC 9110 §8.3, §8.4).

use super::{CONTENT_TYPE, request::Lines};
use crate::error::Error;

const JSON: &str = "application/json";

/// Returns the media type of the response: SCIM's, or plain JSON if the client accepts only that.
pub(super) fn answer_type(accept: &Lines<'_>) -> &'static str {
    let mut json = false;
    for range in accept.iter().flat_map(|line| line.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        // RFC 9110 §12.4.2: a weight of zero refuses the type.
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        if weight.is_some_and(|weight| weight.trim().parse() == Ok(0.0_f32)) {
            continue;
        }
        if ["application/scim+json", "application/*", "*/*"].iter().any(|scim| scim.eq_ignore_ascii_case(name)) {
            return CONTENT_TYPE;
        }
        json |= name.eq_ignore_ascii_case(JSON);
    }
    // A client that accepts neither type gets SCIM's type: a response in the wrong type is better than no response.
    if json { JSON } else { CONTENT_TYPE }
}

/// Checks that the request declares its body as JSON; a request without `Content-Type` passes. If there are several
/// lines, each must name an accepted type, so that the result does not depend on the line that a client means.
pub(super) fn check_content_type(content_type: &Lines<'_>) -> Result<(), Error> {
    let is_json = |line: &str| {
        let name = line.split(';').next().unwrap_or_default().trim();
        name.is_empty() || [CONTENT_TYPE, JSON].iter().any(|json| json.eq_ignore_ascii_case(name))
    };
    if content_type.iter().all(is_json) {
        return Ok(());
    }
    Err(Error::new(415, format!("expected a body of the type {CONTENT_TYPE}")))
}

/// Returns the first content coding that changes the body (RFC 9110 §8.4.1). Such a body is not decoded here.
pub(super) fn content_coding<'a>(content_encoding: &Lines<'a>) -> Option<&'a str> {
    let mut codings = content_encoding.iter().flat_map(|line| line.split(',')).map(str::trim);
    codings.find(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity"))
}
