//! The text of a request body before it is parsed, and the messages for JSON that cannot be parsed.

use serde_json::error::Category;

use crate::quirks::{Quirk, Tolerance};

/// The body as text in UTF-8 (RFC 7644 §3.8), without a byte order mark.
///
/// # Errors
///
/// A sentence with the byte at which the text stops being UTF-8, or about a byte order mark that is not tolerated.
pub(crate) fn body_text<'b>(body: &'b [u8], tolerance: &mut Tolerance) -> Result<&'b str, String> {
    // One check of the whole body is faster than a check for each string.
    let text = std::str::from_utf8(body)
        .map_err(|error| format!("expected UTF-8, found other bytes after byte {}", error.valid_up_to()))?;
    match text.strip_prefix('\u{FEFF}') {
        None => Ok(text),
        Some(text) if tolerance.allows(Quirk::ByteOrderMark) => Ok(text),
        Some(_) => Err("expected JSON, found a byte order mark".to_owned()),
    }
}

/// A sentence about JSON that could not be read, with its line and column.
pub(crate) fn json_fault_at(error: &serde_json::Error, expected: &str) -> String {
    // At the end of a line, serde counts the column as 0.
    format!("{}, line {} column {}", json_fault(error, expected), error.line(), error.column().max(1))
}

/// A sentence about JSON that could not be read, without its position. `expected` names the JSON that belongs
/// there, such as `a SearchRequest`.
pub(crate) fn json_fault(error: &serde_json::Error, expected: &str) -> String {
    match error.classify() {
        Category::Data => format!("expected {expected}"),
        Category::Eof => "expected JSON, found the end of the text".to_owned(),
        Category::Syntax | Category::Io => {
            let text = error.to_string();
            let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
            match text.strip_prefix("expected ") {
                Some("value") => "expected a JSON value".to_owned(),
                Some("ident") => "expected `true`, `false` or `null`".to_owned(),
                Some(expected) => format!("expected {expected} in JSON"),
                None => format!("expected JSON, found a fault: {text}"),
            }
        }
    }
}

/// Whether objects and arrays in JSON are nested deeper than `limit`. The result has no meaning for malformed JSON.
pub(crate) fn is_deeper(json: &[u8], limit: usize) -> bool {
    // The depth is at most the number of brackets. Most texts have few, and counting is fast: a count in a byte needs no
    // wider numbers, and no count of a chunk exceeds a byte.
    let in_chunk = |chunk: &[u8]| chunk.iter().map(|byte| u8::from(matches!(byte, b'{' | b'['))).sum::<u8>();
    let brackets: usize = json.chunks(u8::MAX.into()).map(|chunk| usize::from(in_chunk(chunk))).sum();
    brackets > limit && nesting(json) > limit
}

fn nesting(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The count of brackets changes no result, also for more brackets in a row than a byte can count.
        #[test]
        fn depth_is_that_of_the_brackets(
            parts in prop::collection::vec((prop::sample::select(vec!['[', ']', '{', '}', '"', 'x']), 0..300_usize), 0..6),
            limit in 0..600_usize,
        ) {
            let json: String = parts.into_iter().map(|(char, count)| char.to_string().repeat(count)).collect();
            prop_assert_eq!(is_deeper(json.as_bytes(), limit), nesting(json.as_bytes()) > limit);
        }
    }
}
