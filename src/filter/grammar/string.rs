//! `string` of RFC 8259 §7: the text between double quotes, without its escapes.

use nom::{
    Input as _, Offset, Parser,
    branch::alt,
    bytes::complete::{take, take_till},
    combinator::map_opt,
    multi::fold_many0,
    sequence::preceded,
};

use super::{
    input::{Input, Parsed},
    state::narrow,
    word::{byte, word_end},
};
use crate::filter::{FilterErrorKind, literal::is_special, nodes::Span};

/// `string = quotation-mark *char quotation-mark`.
#[inline]
pub(super) fn string(input: Input<'_>) -> Parsed<'_, Span> {
    let (start, _) = byte(b"\"").parse_complete(input)?;
    let (end, first) = unescaped(start)?;
    let (end, span) = match end.first() {
        Some(b'\\') => with_escapes(end, first)?,
        _ => (end, Span { start: narrow(start.offset()), len: narrow(Offset::offset(&start, &end)) }),
    };
    let (rest, _) = (closing_quote, word_end(FilterErrorKind::Space)).parse_complete(end)?;
    Ok((rest, span))
}

/// `*char` with an escape, after the characters in `first`. The decoded string follows the source in the filter's text.
fn with_escapes<'a>(input: Input<'a>, first: &str) -> Parsed<'a, Span> {
    let state = input.state;
    let mut decoded = state.take_decoded();
    let start = decoded.len();
    if start == 0 {
        // An escape is never shorter than its character, so this capacity suffices for all further strings.
        decoded.reserve(input.rest.len() + first.len());
    }
    decoded.push_str(first);
    let add = |(), (escaped, unescaped): (char, &str)| {
        decoded.push(escaped);
        decoded.push_str(unescaped);
    };
    let (rest, ()) = fold_many0((escaped, unescaped), || (), add).parse_complete(input)?;
    let span = Span { start: narrow(state.source().len() + start), len: narrow(decoded.len() - start) };
    state.set_decoded(decoded);
    Ok((rest, span))
}

/// `*unescaped`: the text up to a quotation mark, an escape or a control character.
#[inline]
fn unescaped(input: Input<'_>) -> Parsed<'_, &str> {
    let (rest, text) = take_till(is_special).parse_complete(input)?;
    let start = input.offset();
    Ok((rest, input.state.source().get(start..start + text.rest.len()).unwrap_or_default()))
}

/// `escape ( %x22 / %x5C / %x2F / %x62 / %x66 / %x6E / %x72 / %x74 / %x75 4HEXDIG )`: one character, which can need two
/// code units.
#[inline]
fn escaped(input: Input<'_>) -> Parsed<'_, char> {
    let (rest, _) = byte(b"\\").parse_complete(input)?;
    let (rest, unit) = match alt((short_escape, preceded(byte(b"u"), code_unit))).parse_complete(rest) {
        Ok((_, 0)) => return input.fail(FilterErrorKind::Nul),
        Ok(unit) => unit,
        Err(_) => return input.fail(FilterErrorKind::Escape),
    };
    let (rest, point) = match unit {
        0xd800..=0xdbff => {
            let Ok((rest, _)) = (byte(b"\\"), byte(b"u")).parse_complete(rest) else {
                return input.fail(FilterErrorKind::Surrogate);
            };
            match code_unit(rest) {
                Ok((rest, low @ 0xdc00..=0xdfff)) => (rest, 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00)),
                Ok(_) => return input.fail(FilterErrorKind::Surrogate),
                Err(_) => return input.fail(FilterErrorKind::Escape),
            }
        }
        unit => (rest, unit),
    };
    match char::from_u32(point) {
        Some(escaped) => Ok((rest, escaped)),
        None => input.fail(FilterErrorKind::Surrogate),
    }
}

/// `%x22 / %x5C / %x2F / %x62 / %x66 / %x6E / %x72 / %x74`: the character of an escape of two bytes.
#[inline]
fn short_escape(input: Input<'_>) -> Parsed<'_, u32> {
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
fn code_unit(input: Input<'_>) -> Parsed<'_, u32> {
    let value = |digits: Input<'_>| {
        digits.rest.iter().try_fold(0, |unit, digit| Some(unit * 16 + char::from(*digit).to_digit(16)?))
    };
    map_opt(take(4_usize), value).parse_complete(input)
}

/// `quotation-mark` after `*char`. Any other byte here is a byte that no string contains.
#[inline]
fn closing_quote(input: Input<'_>) -> Parsed<'_, ()> {
    match input.first() {
        Some(b'"') => Ok((input.take_from(1), ())),
        Some(b'\0') => input.fail(FilterErrorKind::Nul),
        Some(_) => input.fail(FilterErrorKind::Control),
        None => input.fail(FilterErrorKind::ClosingQuote),
    }
}
