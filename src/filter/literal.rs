//! JSON strings (RFC 8259 §7) within a filter: reads and writes their escapes.

use std::fmt::{self, Write};

use super::FilterErrorKind;

/// Reads the escape at the start of `rest`, after its backslash. Returns the character and the length in bytes.
pub(super) fn read_escape(rest: &[u8]) -> Result<(char, usize), FilterErrorKind> {
    let simple = match rest.first() {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return read_unicode_escape(rest),
        Some(_) | None => return Err(FilterErrorKind::Escape),
    };
    Ok((simple, 1))
}

fn read_unicode_escape(rest: &[u8]) -> Result<(char, usize), FilterErrorKind> {
    let unit = read_unit(rest)?;
    match unit {
        0 => Err(FilterErrorKind::Nul),
        0xd800..=0xdbff => {
            let low =
                rest.get(6..).filter(|_| rest.get(5) == Some(&b'\\')).map_or(Ok(0), |rest| match rest.first() {
                    Some(b'u') => read_unit(rest),
                    Some(_) | None => Ok(0),
                })?;
            if !(0xdc00..=0xdfff).contains(&low) {
                return Err(FilterErrorKind::Surrogate);
            }
            let point = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
            char::from_u32(point).map(|c| (c, 11)).ok_or(FilterErrorKind::Surrogate)
        }
        _ => char::from_u32(unit).map(|c| (c, 5)).ok_or(FilterErrorKind::Surrogate),
    }
}

/// Reads the code unit of `uXXXX`.
fn read_unit(rest: &[u8]) -> Result<u32, FilterErrorKind> {
    let digits = rest.get(1..5).ok_or(FilterErrorKind::Escape)?;
    digits.iter().try_fold(0, |unit, digit| {
        char::from(*digit).to_digit(16).map(|digit| unit * 16 + digit).ok_or(FilterErrorKind::Escape)
    })
}

/// Writes `text` as a JSON string, with the required escapes only.
pub(super) fn write_json(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    let mut rest = text;
    while let Some((plain, special, after)) = split_special(rest) {
        f.write_str(plain)?;
        match special {
            b'"' => f.write_str("\\\"")?,
            b'\\' => f.write_str("\\\\")?,
            b'\n' => f.write_str("\\n")?,
            b'\r' => f.write_str("\\r")?,
            b'\t' => f.write_str("\\t")?,
            0x8 => f.write_str("\\b")?,
            0xc => f.write_str("\\f")?,
            control => write!(f, "\\u{control:04x}")?,
        }
        rest = after;
    }
    f.write_str(rest)?;
    f.write_char('"')
}

/// Whether `byte` must be escaped in a JSON string.
pub(super) fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn split_special(text: &str) -> Option<(&str, u8, &str)> {
    let (position, special) = text.bytes().enumerate().find(|(_, byte)| is_special(*byte))?;
    Some((text.get(..position)?, special, text.get(position + 1..)?))
}
