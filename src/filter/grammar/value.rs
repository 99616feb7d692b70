//! The value of a comparison: a JSON literal (RFC 7644 §3.4.2.2, RFC 8259).

use nom::{
    Parser,
    branch::alt,
    combinator::{map_opt, peek},
    sequence::{preceded, terminated},
};

use super::{
    number,
    state::{Parsed, State},
    string::string,
    word::{byte, word, word_end},
};
use crate::filter::{
    FilterErrorKind,
    nodes::{Span, Value, narrow},
};

/// `compValue = false / null / true / number / string`.
#[inline]
pub(super) fn comp_value<'a>(state: &State<'a>, input: &'a [u8]) -> Parsed<'a, Value> {
    let string = |input| string(state, input);
    let number = |input| number(state, input);
    let no_value = |input| no_value(state, input);
    alt((string.map(Value::String), number.map(Value::Number), name, no_value)).parse_complete(input)
}

/// `false / null / true`, in lower case only.
#[inline]
fn name(input: &[u8]) -> Parsed<'_, Value> {
    map_opt(word, |word| match word {
        b"true" => Some(Value::Boolean(true)),
        b"false" => Some(Value::Boolean(false)),
        b"null" => Some(Value::Null),
        _ => None,
    })
    .parse_complete(input)
}

/// `number`. A minus or a digit decides that the value is a number.
#[inline]
fn number<'a>(state: &State<'a>, input: &'a [u8]) -> Parsed<'a, Span> {
    let kind = FilterErrorKind::Number;
    let number = terminated(state.expect(kind, number::number), |rest| word_end(state, rest, kind));
    let (rest, number) = preceded(peek(byte(b"-0123456789")), number).parse_complete(input)?;
    Ok((rest, Span::new(narrow(state.offset(input)), narrow(number.len()))))
}

/// Refuses a text that is not a value. The error says how the client can correct the text.
#[cold]
fn no_value<'a>(state: &State<'a>, input: &'a [u8]) -> Parsed<'a, Value> {
    let (_, word) = word(input)?;
    let is_name = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    let kind = match input.first() {
        Some(b'\'' | 0x80..) => FilterErrorKind::Quotes,
        _ if word.is_empty() => FilterErrorKind::Value,
        _ if ["true", "false", "null"].into_iter().any(is_name) => FilterErrorKind::LowerCase,
        _ => FilterErrorKind::Quotes,
    };
    state.fail(input, kind)
}
