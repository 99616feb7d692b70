//! Writes JSON strings (RFC 8259 §7) with their escapes. The grammar reads them.

use std::fmt::{self, Write};

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
