//! The words of a filter (RFC 7644 §3.4.2.2): attribute paths, operators, `and`, `or`, and the blanks between words.
//!
//! The parsers of expressions decide the order of the words.

use nom::{Err, IResult, Input, Parser, bytes::complete::take_while, combinator::map_opt};

use super::state::{Parsed, State};
use crate::{
    filter::{
        FilterError, FilterErrorKind, Operator,
        nodes::{Join, PathSpan, narrow},
    },
    path::{PathError, PathErrorKind, Shape, is_path_byte},
};

/// One of the `wanted` bytes. The parsers of nom for one character read each byte above 0x7f as two bytes.
#[inline]
pub(super) fn byte<I: Input<Item = u8>>(wanted: &'static [u8]) -> impl Fn(I) -> IResult<I, u8, ()> {
    move |input| match input.iter_elements().next() {
        Some(byte) if wanted.contains(&byte) => Ok((input.take_from(1), byte)),
        _ => Err(Err::Error(())),
    }
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// `SP`, which clients also repeat or leave out.
#[inline]
pub(super) fn blanks(input: &[u8]) -> Parsed<'_, &[u8]> {
    take_while(is_blank).parse_complete(input)
}

/// An operator, a keyword or a literal without quotes. `and(` is two words, and so is `and"`.
#[inline]
pub(super) fn word(input: &[u8]) -> Parsed<'_, &[u8]> {
    take_while(is_path_byte).parse_complete(input)
}

/// `attrPath = [URI ":"] ATTRNAME *1subAttr`. A text that starts no path is the error `expected`.
#[inline]
pub(super) fn attr_path<'a>(state: &State<'a>, input: &'a [u8], expected: FilterErrorKind) -> Parsed<'a, PathSpan> {
    let (rest, path) = match path(state, input) {
        Ok(path) => path,
        Err(error) if *error.kind() == PathErrorKind::Name && error.offset() == 0 => {
            return state.fail(input, expected);
        }
        Err(error) => return state.refuse(FilterError::in_path(error, state.offset(input))),
    };
    match rest.first() {
        Some(byte) if !is_blank(*byte) && !matches!(byte, b'(' | b')' | b'[' | b']') => {
            state.fail(rest, FilterErrorKind::Path(PathErrorKind::Character))
        }
        _ => Ok((rest, path)),
    }
}

/// `subAttr = "." ATTRNAME`.
pub(super) fn sub_attr<'a>(state: &State<'a>, input: &'a [u8]) -> Parsed<'a, PathSpan> {
    let (name, _) = byte(b".").parse_complete(input)?;
    match path(state, name) {
        Ok((rest, path)) if path.shape.is_name() => Ok((rest, path)),
        Ok(_) => state.fail(name, FilterErrorKind::Path(PathErrorKind::SubAttributes)),
        Err(error) => state.refuse(FilterError::in_path(error, state.offset(name))),
    }
}

#[inline]
fn path<'a>(state: &State<'a>, input: &'a [u8]) -> Result<(&'a [u8], PathSpan), PathError> {
    let shape = Shape::scan(input)?;
    let rest = input.get(usize::from(shape.len())..).unwrap_or_default();
    Ok((rest, PathSpan { start: narrow(state.offset(input)), shape }))
}

/// `"pr"` (the result is `None`) or `compareOp = "eq" / "ne" / "co" / "sw" / "ew" / "gt" / "lt" / "ge" / "le"`, compared
/// without case (RFC 7643 §2.1).
#[inline]
pub(super) fn present_or_compare_op(input: &[u8]) -> Parsed<'_, Option<Operator>> {
    map_opt(two_letters, |word| {
        Some(Some(match &word {
            b"pr" => return Some(None),
            b"eq" => Operator::Eq,
            b"ne" => Operator::Ne,
            b"co" => Operator::Co,
            b"sw" => Operator::Sw,
            b"ew" => Operator::Ew,
            b"gt" => Operator::Gt,
            b"ge" => Operator::Ge,
            b"lt" => Operator::Lt,
            b"le" => Operator::Le,
            _ => return None,
        }))
    })
    .parse_complete(input)
}

/// A word of two bytes, in lower case.
#[inline]
fn two_letters(input: &[u8]) -> Parsed<'_, [u8; 2]> {
    match input {
        [first, second, rest @ ..] if !rest.first().is_some_and(|byte| is_path_byte(*byte)) => {
            let word = [first.to_ascii_lowercase(), second.to_ascii_lowercase()];
            Ok((rest, word))
        }
        _ => Err(Err::Error(())),
    }
}

/// `"and" / "or"`, compared without case (RFC 7643 §2.1).
#[inline]
pub(super) fn join(input: &[u8]) -> Parsed<'_, Join> {
    map_opt(word, |word: &[u8]| match word.len() {
        3 if word.eq_ignore_ascii_case(b"and") => Some(Join::And),
        2 if word.eq_ignore_ascii_case(b"or") => Some(Join::Or),
        _ => None,
    })
    .parse_complete(input)
}

/// The end of a word: a blank, a bracket or another byte that no word contains.
#[inline]
pub(super) fn word_end<'a>(state: &State<'a>, input: &'a [u8], expected: FilterErrorKind) -> Parsed<'a, ()> {
    if input.first().is_some_and(|byte| is_path_byte(*byte)) { state.fail(input, expected) } else { Ok((input, ())) }
}
