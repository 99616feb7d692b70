//! The forms of text that is not plain text: URIs and base64 (RFC 7643 §2.3.6, §2.3.7).

use percent_encoding::percent_decode_str;

use crate::value::Text;

/// The id in the URL of a resource (RFC 7644 §3.2): the text after the last slash, percent-decoded.
pub(super) fn last_segment(url: &str) -> Option<Text> {
    let path = url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let segment = path.rsplit('/').next().unwrap_or_default();
    let id = percent_decode_str(segment).decode_utf8().ok()?;
    (!id.is_empty() && !id.contains('\0')).then(|| Text::from(&*id))
}

/// Whether the characters are those of a URI or IRI reference (RFC 7643 §2.3.7; RFC 3986 §2, RFC 3987 §2.2).
pub(super) fn is_reference(text: &str) -> bool {
    // A bit for each ASCII character that a reference may have.
    const FITS: (u64, u64) = {
        let (mut low, mut high, mut byte) = (0, 0, 0_u8);
        while byte < 128 {
            let excluded = matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}');
            let bit = (byte.is_ascii_graphic() && !excluded) as u64;
            if byte < 64 {
                low |= bit << byte;
            } else {
                high |= bit << (byte - 64);
            }
            byte += 1;
        }
        (low, high)
    };
    let fits = |byte: u8| {
        let bits = if byte < 64 { FITS.0 } else { FITS.1 };
        !byte.is_ascii() || bits >> (byte % 64) & 1 == 1
    };
    let is_escape = |rest: &str| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    text.bytes().all(fits) && text.split('%').skip(1).all(is_escape)
}

/// Whether the text is base64, of either alphabet and with or without padding (RFC 4648 §4, §5; RFC 7643 §2.3.6).
pub(super) fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    let alphabet = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    digits.len() % 4 != 1
        && (padding == 0 || padding <= 2 && text.len().is_multiple_of(4))
        && digits.bytes().all(alphabet)
}
