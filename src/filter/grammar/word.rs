//! The words of a filter (RFC 7644 §3.4.2.2): attribute paths, operators, `and`, `or`, and the blanks between words.
//!
//! The parsers of expressions decide the order of the words.

use nom::{Err, IResult, Input as _, Parser, bytes::complete::take_while, combinator::map_opt};

use super::{
    input::{Input, Parsed},
    state::narrow,
};
use crate::{
    filter::{
        FilterError, FilterErrorKind, Operator,
        nodes::{Join, PathSpan},
    },
    path::{PathError, PathErrorKind, Shape, is_path_byte},
};

/// One of the `wanted` bytes. The parsers of nom for one character read each byte above 0x7f as two bytes.
#[inline]
pub(super) fn byte<I: nom::Input<Item = u8>>(wanted: &'static [u8]) -> impl Fn(I) -> IResult<I, u8, ()> {
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
pub(super) fn blanks(input: Input<'_>) -> Parsed<'_, Input<'_>> {
    take_while(is_blank).parse_complete(input)
}

/// An operator, a keyword or a literal without quotes. `and(` is two words, and so is `and"`.
#[inline]
pub(super) fn word(input: Input<'_>) -> Parsed<'_, Input<'_>> {
    take_while(is_path_byte).parse_complete(input)
}

/// `attrPath = [URI ":"] ATTRNAME *1subAttr`. A text that starts no path is the error `expected`.
#[inline]
pub(super) fn attr_path<'a>(expected: FilterErrorKind) -> impl Fn(Input<'a>) -> Parsed<'a, PathSpan> {
    move |input| {
        let (rest, path) = match path(input) {
            Ok(path) => path,
            Err(error) if *error.kind() == PathErrorKind::Name && error.offset() == 0 => return input.fail(expected),
            Err(error) => return input.refuse(FilterError::in_path(error, input.offset())),
        };
        match rest.first() {
            Some(byte) if !is_blank(byte) && !matches!(byte, b'(' | b')' | b'[' | b']') => {
                rest.fail(FilterErrorKind::Path(PathErrorKind::Character))
            }
            _ => Ok((rest, path)),
        }
    }
}

/// `subAttr = "." ATTRNAME`.
pub(super) fn sub_attr(input: Input<'_>) -> Parsed<'_, PathSpan> {
    let (name, _) = byte(b".").parse_complete(input)?;
    match path(name) {
        Ok((rest, path)) if path.shape.is_name() => Ok((rest, path)),
        Ok(_) => name.fail(FilterErrorKind::Path(PathErrorKind::SubAttributes)),
        Err(error) => name.refuse(FilterError::in_path(error, name.offset())),
    }
}

#[inline]
fn path(input: Input<'_>) -> Result<(Input<'_>, PathSpan), PathError> {
    let shape = Shape::scan(input.rest)?;
    Ok((input.take_from(shape.len.into()), PathSpan { start: narrow(input.offset()), shape }))
}

/// `"pr"` (the result is `None`) or `compareOp = "eq" / "ne" / "co" / "sw" / "ew" / "gt" / "lt" / "ge" / "le"`, compared
/// without case (RFC 7643 §2.1).
#[inline]
pub(super) fn present_or_compare_op(input: Input<'_>) -> Parsed<'_, Option<Operator>> {
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
fn two_letters(input: Input<'_>) -> Parsed<'_, [u8; 2]> {
    match input.rest {
        [first, second, rest @ ..] if !rest.first().is_some_and(|byte| is_path_byte(*byte)) => {
            let word = [first.to_ascii_lowercase(), second.to_ascii_lowercase()];
            Ok((Input { rest, ..input }, word))
        }
        _ => Err(Err::Error(())),
    }
}

/// `"and" / "or"`, compared without case (RFC 7643 §2.1).
#[inline]
pub(super) fn join(input: Input<'_>) -> Parsed<'_, Join> {
    map_opt(word, |word| match word.rest.len() {
        3 if word.rest.eq_ignore_ascii_case(b"and") => Some(Join::And),
        2 if word.rest.eq_ignore_ascii_case(b"or") => Some(Join::Or),
        _ => None,
    })
    .parse_complete(input)
}

/// The end of a word: a blank, a bracket or another byte that no word contains.
#[inline]
pub(super) fn word_end<'a>(expected: FilterErrorKind) -> impl Fn(Input<'a>) -> Parsed<'a, ()> {
    move |input| if input.first().is_some_and(is_path_byte) { input.fail(expected) } else { Ok((input, ())) }
}
