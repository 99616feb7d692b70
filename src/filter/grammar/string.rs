//! `string` of RFC 8259 §7: the text between double quotes, without its escapes.

use nom::{
    Offset, Parser,
    branch::alt,
    bytes::complete::{take, take_till},
    combinator::map_opt,
    multi::fold_many0,
    sequence::preceded,
};

use super::{
    state::{Parsed, State},
    word::{byte, word_end},
};
use crate::filter::{
    FilterErrorKind,
    literal::is_special,
    nodes::{Span, narrow},
};

/// `string = quotation-mark *char quotation-mark`.
#[inline]
pub(super) fn string<'a>(state: &State<'a>, input: &'a [u8]) -> Parsed<'a, Span> {
    let (start, _) = byte(b"\"").parse_complete(input)?;
    let (end, _) = take_till(is_special).parse_complete(start)?;
    let (end, span) = match end.first() {
        Some(b'\\') => with_escapes(state, start, end)?,
        _ => (end, Span::new(narrow(state.offset(start)), narrow(start.offset(end)))),
    };
    let (rest, ()) = closing_quote(state, end)?;
    let (rest, ()) = word_end(state, rest, FilterErrorKind::Space)?;
    Ok((rest, span))
}

/// `*char` with an escape, from `first_escape` on; `text` begins with the characters before it. The decoded string follows the
/// source in the filter's text.
fn with_escapes<'a>(state: &State<'a>, text: &'a [u8], first_escape: &'a [u8]) -> Parsed<'a, Span> {
    let mut decoded = state.take_decoded();
    let start = decoded.len();
    if start == 0 {
        // An escape is never shorter than its character, so this capacity suffices for all further strings.
        decoded.reserve(text.len());
    }
    decoded.push_str(state.between(text, first_escape));
    let add = |(), (escaped, unescaped): (char, &str)| {
        decoded.push(escaped);
        decoded.push_str(unescaped);
    };
    let part = (|input| escaped(state, input), |input| unescaped(state, input));
    let (rest, ()) = fold_many0(part, || (), add).parse_complete(first_escape)?;
    let span = Span::new(narrow(state.source().len() + start), narrow(decoded.len() - start));
    state.set_decoded(decoded);
    Ok((rest, span))
}

/// `*unescaped`: the text up to a quotation mark, an escape or a control character.
#[inline]
fn unescaped<'a>(state: &State<'a>, input: &'a [u8]) -> Parsed<'a, &'a str> {
    let (rest, _) = take_till(is_special).parse_complete(input)?;
    Ok((rest, state.between(input, rest)))
}

/// `escape ( %x22 / %x5C / %x2F / %x62 / %x66 / %x6E / %x72 / %x74 / %x75 4HEXDIG )`: one character, which can need two
/// code units.
#[inline]
fn escaped<'a>(state: &State<'a>, input: &'a [u8]) -> Parsed<'a, char> {
    let (rest, _) = byte(b"\\").parse_complete(input)?;
    let (rest, unit) = match alt((short_escape, preceded(byte(b"u"), code_unit))).parse_complete(rest) {
        Ok((_, 0)) => return state.fail(input, FilterErrorKind::Nul),
        Ok(unit) => unit,
        Err(_) => return state.fail(input, FilterErrorKind::Escape),
    };
    let (rest, point) = match unit {
        0xd800..=0xdbff => {
            let Ok((rest, _)) = (byte(b"\\"), byte(b"u")).parse_complete(rest) else {
                return state.fail(input, FilterErrorKind::Surrogate);
            };
            match code_unit(rest) {
                Ok((rest, low @ 0xdc00..=0xdfff)) => (rest, 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00)),
                Ok(_) => return state.fail(input, FilterErrorKind::Surrogate),
                Err(_) => return state.fail(input, FilterErrorKind::Escape),
            }
        }
        unit => (rest, unit),
    };
    match char::from_u32(point) {
        Some(escaped) => Ok((rest, escaped)),
        None => state.fail(input, FilterErrorKind::Surrogate),
    }
}

/// `%x22 / %x5C / %x2F / %x62 / %x66 / %x6E / %x72 / %x74`: the character of an escape of two bytes.
#[inline]
fn short_escape(input: &[u8]) -> Parsed<'_, u32> {
    let (rest, byte) = byte(b"\"\\/bfnrt").parse_complete(input)?;
    let escaped = match byte {
        b'b' => b'\x08',
        b'f' => b'\x0c',
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        itself => itself,
    };
    Ok((rest, escaped.into()))
}

/// `4HEXDIG`.
#[inline]
fn code_unit(input: &[u8]) -> Parsed<'_, u32> {
    let value =
        |digits: &[u8]| digits.iter().try_fold(0, |unit, digit| Some(unit * 16 + char::from(*digit).to_digit(16)?));
    map_opt(take(4_usize), value).parse_complete(input)
}

/// `quotation-mark` after `*char`. Any other byte here is a byte that no string contains.
#[inline]
fn closing_quote<'a>(state: &State<'a>, input: &'a [u8]) -> Parsed<'a, ()> {
    match input {
        [b'"', rest @ ..] => Ok((rest, ())),
        [b'\0', ..] => state.fail(input, FilterErrorKind::Nul),
        [_, ..] => state.fail(input, FilterErrorKind::Control),
        [] => state.fail(input, FilterErrorKind::ClosingQuote),
    }
}
