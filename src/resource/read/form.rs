//! The forms of text that is not plain text: URIs and base64 (RFC 7643 §2.3.6, §2.3.7).

use percent_encoding::percent_decode_str;

use crate::{schema::AttributeType, value::Text};

/// The name of the form that an attribute of this type requires, if the text lacks that form.
pub(crate) fn missing_form(data_type: AttributeType, text: &str) -> Option<&'static str> {
    match data_type {
        AttributeType::Reference if text.is_empty() || !is_reference(text) => Some(URI),
        AttributeType::Binary if text.is_empty() || !is_base64(text) => Some(BASE64),
        _ => None,
    }
}

/// The form of a reference, in a message.
pub(super) const URI: &str = "a URI";

/// The form of binary data, in a message.
pub(super) const BASE64: &str = "base64";

/// The id in the URL of a resource (RFC 7644 §3.2): the text after the last slash, percent-decoded.
pub(super) fn last_segment(url: &str) -> Option<Text> {
    let path = url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let segment = path.rsplit('/').next().unwrap_or_default();
    let id = percent_decode_str(segment).decode_utf8().ok()?;
    (!id.is_empty() && !id.contains('\0')).then(|| Text::from(&*id))
}

/// Whether the characters are those of a URI or IRI reference (RFC 7643 §2.3.7; RFC 3986 §2, RFC 3987 §2.2).
pub(super) fn is_reference(text: &str) -> bool {
    // One pass without a branch for a byte finds both kinds of bytes that need a look.
    let kind = |byte: u8| {
        let is_control = u8::from(byte <= b' ') | u8::from(byte == 0x7f);
        let unfit = EXCLUDED.iter().fold(is_control, |unfit, excluded| unfit | u8::from(byte == *excluded));
        (unfit * UNFIT) | (u8::from(byte == b'%') * ESCAPE)
    };
    let kinds = text.bytes().fold(0, |kinds, byte| kinds | kind(byte));
    let is_escape = |rest: &str| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    kinds & UNFIT == 0 && (kinds & ESCAPE == 0 || text.split('%').skip(1).all(is_escape))
}

const UNFIT: u8 = 1;
const ESCAPE: u8 = 2;

/// The visible characters of ASCII that no URI has.
const EXCLUDED: &[u8; 9] = b"\"<>\\^`{|}";

/// Whether the text is base64, of either alphabet and with or without padding (RFC 4648 §4, §5; RFC 7643 §2.3.6).
pub(super) fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    let alphabet = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    digits.len() % 4 != 1
        && (padding == 0 || padding <= 2 && text.len().is_multiple_of(4))
        && digits.bytes().all(alphabet)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each character of ASCII, and one beyond, in a URI (RFC 3986 §2).
    #[test]
    fn a_reference_has_the_characters_of_a_uri() {
        for char in (0..=0x7f_u8).map(char::from).chain(['é']) {
            let belongs = char.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=é".contains(char);
            for text in [format!("{char}"), format!("https://example.com/photos/{char}/2819c223-7f76-453a")] {
                assert_eq!(is_reference(&text), belongs, "{text:?}");
            }
        }
        for (text, belongs) in [("a%2fb%C3", true), ("a%2", false), ("%", false), ("%%41", false), ("", true)] {
            assert_eq!(is_reference(text), belongs, "{text:?}");
        }
    }
}
