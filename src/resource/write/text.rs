//! The texts in the JSON of a resource: strings, times and URLs.
//!
//! This file knows no resource. Text is checked once as a whole and then copied, since most text needs no escape.

use std::{fmt, io::Write};

use chrono::{DateTime, Datelike as _, SecondsFormat, Timelike as _, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{schema::ResourceType, value::Text};

/// The characters to escape in a segment of a path: more than RFC 3986 §3.3 requires.
pub(crate) const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Writes text as a JSON string. Most text needs no escape; a check for that is faster than a copy character by
/// character.
pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    if is_plain(text.as_bytes()) {
        plain(out, text.as_bytes());
    } else {
        escaped(out, text);
    }
}

/// Writes a text of a resource.
pub(super) fn string(out: &mut Vec<u8>, value: &Text) {
    if is_plain_text(value) {
        plain(out, value.as_bytes());
    } else {
        escaped(out, value);
    }
}

/// Writes text with the escapes that it needs.
fn escaped(out: &mut Vec<u8>, text: &str) {
    // Cannot fail: neither a string nor a vector does.
    let written = serde_json::to_writer(out, text);
    debug_assert!(written.is_ok(), "writing text to memory does not fail");
}

/// Writes text that needs no escape.
fn plain(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(text);
    out.push(b'"');
}

/// Writes `text",` after `"name":"`. Most members of resources are texts, so their parts are few: each part that is added
/// waits for the length of the output after the part before.
pub(super) fn rest_of_member(out: &mut Vec<u8>, text: &Text) {
    if is_plain_text(text) {
        text.append_to(out);
        out.extend_from_slice(b"\",");
    } else {
        // The escaped text has its own quotation marks.
        out.pop();
        escaped(out, text);
        out.push(b',');
    }
}

/// As [`is_plain`]. Most texts of a resource came as JSON without escapes.
#[inline]
fn is_plain_text(text: &Text) -> bool {
    // `Text::as_bytes` makes no check for UTF-8.
    text.is_known_plain() || is_plain(text.as_bytes())
}

/// Whether text needs no escape in JSON: it has no control character, no quotation mark and no backslash.
fn is_plain(text: &[u8]) -> bool {
    let found = if let Some(last) = text.last_chunk() {
        // The last word overlaps the one before. The loop has no early exit: a branch for each word would cost more than
        // it saves.
        let (words, _) = text.as_chunks::<8>();
        words.iter().chain([last]).fold(0, |found, word| found | escapes(u64::from_le_bytes(*word)))
    } else {
        let dots = u64::MAX / 255 * u64::from(b'.');
        escapes(text.iter().fold(dots, |word, byte| word << 8 | u64::from(*byte)))
    };
    found == 0
}

/// Finds bytes that JSON escapes among the eight bytes of a word. The result is 0 if no byte needs an escape.
fn escapes(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    // A subtraction sets the highest bit of a byte that is smaller than the subtrahend. A byte above 127 has the bit
    // anyway, and the last term removes it.
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit));
    let control = below(word, b' ');
    let quote = below(word ^ (ONES * u64::from(b'"')), 1);
    let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
    (control | quote | backslash) & !word & (ONES * 128)
}

pub(super) fn display(out: &mut Vec<u8>, value: impl fmt::Display) {
    // Cannot fail: a vector accepts all bytes.
    let written = write!(out, "{value}");
    debug_assert!(written.is_ok(), "writing to memory does not fail");
}

/// Writes a time in UTC with milliseconds, or with more digits if the time has them (RFC 7643 §2.3.5).
pub(super) fn date_time(out: &mut Vec<u8>, time: DateTime<Utc>) {
    out.push(b'"');
    let (nanos, year) = (time.nanosecond(), time.year());
    match u32::try_from(year) {
        // Every answer has two such times. The general form below allocates.
        Ok(year @ 0..=9_999) if nanos.is_multiple_of(1_000_000) && nanos < 1_000_000_000 => {
            let mut form = *b"0000-00-00T00:00:00.000Z";
            let parts = [(year, 3), (time.month(), 6), (time.day(), 9), (time.hour(), 12), (time.minute(), 15)];
            for (number, last) in parts.into_iter().chain([(time.second(), 18), (nanos / 1_000_000, 22)]) {
                digits(&mut form, number, last);
            }
            out.extend_from_slice(&form);
        }
        _ => {
            let seconds = if nanos.is_multiple_of(1_000_000) { SecondsFormat::Millis } else { SecondsFormat::AutoSi };
            out.extend_from_slice(time.to_rfc3339_opts(seconds, true).as_bytes());
        }
    }
    out.push(b'"');
}

/// Writes the digits of a number over zeros, with the last digit at the position `last`.
fn digits(form: &mut [u8], mut number: u32, last: usize) {
    for place in form.iter_mut().take(last + 1).rev() {
        if number == 0 {
            break;
        }
        // A digit is below 10.
        *place = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
}

/// Writes the URL of a resource as a JSON string.
pub(super) fn location(out: &mut Vec<u8>, base: &str, resource_type: &ResourceType, id: &str) {
    if !is_plain(base.as_bytes()) {
        return text(out, &url(base, resource_type, id));
    }
    out.push(b'"');
    for part in [base, "/", resource_type.endpoint(), "/"] {
        out.extend_from_slice(part.as_bytes());
    }
    if is_simple(id.as_bytes()) {
        out.extend_from_slice(id.as_bytes());
    } else {
        for part in utf8_percent_encode(id, SEGMENT) {
            out.extend_from_slice(part.as_bytes());
        }
    }
    out.push(b'"');
}

/// Whether an id has letters, digits and hyphens only, as UUIDs and numbers have. The loop has no branch for a byte: in a
/// UUID no processor can predict whether the next byte is a letter.
#[expect(clippy::needless_bitwise_bool, reason = "a lazy operator is a branch")]
fn is_simple(id: &[u8]) -> bool {
    !id.iter().fold(false, |other, byte| {
        let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
        let digit = byte.wrapping_sub(b'0') < 10;
        other | !(letter | digit | (*byte == b'-'))
    })
}

/// The URL of a resource (RFC 7643 §3.1 `meta.location`).
pub(crate) fn url(base: &str, resource_type: &ResourceType, id: &str) -> String {
    let mut url = String::with_capacity(base.len() + resource_type.endpoint().len() + id.len() + 2);
    for part in [base, "/", resource_type.endpoint(), "/"] {
        url.push_str(part);
    }
    url.extend(utf8_percent_encode(id, SEGMENT));
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte at every position of a short and of a long text, beside ASCII and beside other characters.
    #[test]
    fn text_is_plain_if_no_character_needs_an_escape() {
        for filler in ['a', 'é', '\u{7f}'] {
            for length in 1..20 {
                for place in 0..length {
                    for character in (0..=0x7f_u8).map(char::from).chain(['é', '李', '😀']) {
                        let text: String = (0..length).map(|at| if at == place { character } else { filler }).collect();
                        let mut own = Vec::new();
                        string(&mut own, &Text::from(text.as_str()));
                        assert_eq!(own, serde_json::to_vec(&text).unwrap(), "{text:?}");
                        let mut member = b"\"name\":\"".to_vec();
                        rest_of_member(&mut member, &Text::from(text.as_str()));
                        assert_eq!(member, [b"\"name\":", own.as_slice(), b","].concat(), "{text:?}");
                        assert_eq!(is_plain(text.as_bytes()), !matches!(character, '\0'..' ' | '"' | '\\'), "{text:?}");
                    }
                }
            }
        }
    }

    /// An id without escapes is copied; every other id has the same form as in a `Location` header.
    #[test]
    fn locations_have_the_form_of_urls() {
        let registry = crate::schema::Registry::standard();
        let user = registry.resource_type("User").unwrap();
        let alone = (0..=0x7f_u8).map(|byte| char::from(byte).to_string());
        let within = (0..=0x7f_u8).map(|byte| format!("2819c223-7f76{}453a-919d", char::from(byte)));
        for id in alone.chain(within).chain([String::new(), "é".to_owned(), "李-2".to_owned()]) {
            let mut own = Vec::new();
            location(&mut own, "https://example.com", user, &id);
            let expected = serde_json::to_vec(&url("https://example.com", user, &id)).unwrap();
            assert_eq!(own, expected, "{id:?}");
        }
    }

    #[test]
    fn times_have_their_general_form() {
        for text in
            ["0000-01-01T00:00:00Z", "0987-12-31T23:59:59.007Z", "2024-02-29T09:05:01.120Z", "9999-10-09T10:00:00Z"]
        {
            let time: DateTime<Utc> = text.parse().unwrap();
            let mut own = Vec::new();
            date_time(&mut own, time);
            assert_eq!(own, format!("\"{}\"", time.to_rfc3339_opts(SecondsFormat::Millis, true)).into_bytes());
        }
    }
}
