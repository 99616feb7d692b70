//! `number` of RFC 8259 §6, for the text of a filter and for a number that a host gives.

use nom::{
    IResult, Input, Offset, Parser,
    branch::alt,
    character::complete::{digit0, digit1},
    combinator::{all_consuming, opt, recognize},
};

use super::word::byte;

/// `number = [ minus ] int [ frac ] [ exp ]`.
pub(super) fn number<I: Input<Item = u8> + Offset>(input: I) -> IResult<I, I, ()> {
    recognize((opt(byte(b"-")), int, opt(frac), opt(exp))).parse_complete(input)
}

/// `int = zero / ( digit1-9 *DIGIT )`.
fn int<I: Input<Item = u8> + Offset>(input: I) -> IResult<I, I, ()> {
    alt((recognize(byte(b"0")), recognize((byte(b"123456789"), digit0)))).parse_complete(input)
}

/// `frac = decimal-point 1*DIGIT`.
fn frac<I: Input<Item = u8> + Offset>(input: I) -> IResult<I, I, ()> {
    recognize((byte(b"."), digit1)).parse_complete(input)
}

/// `exp = e [ minus / plus ] 1*DIGIT`.
fn exp<I: Input<Item = u8> + Offset>(input: I) -> IResult<I, I, ()> {
    recognize((byte(b"eE"), opt(byte(b"+-")), digit1)).parse_complete(input)
}

/// Whether `text` is a JSON number.
pub(in crate::filter) fn is_number(text: &str) -> bool {
    all_consuming(number).parse_complete(text.as_bytes()).is_ok()
}
