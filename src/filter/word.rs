//! The words of a filter, each read by nom. The parser decides the order of the words.

use nom::{
    IResult, Parser as _,
    branch::alt,
    bytes::complete::{tag, take_till, take_while},
    character::complete::{digit0, digit1, one_of},
    combinator::{all_consuming, map_opt, opt, recognize},
};

use super::{Operator, literal::is_special, tree::Join};
use crate::path::is_path_byte;

/// The result of a parser of one word. The error is empty, because the calling parser knows the expected word.
pub(super) type Word<'a, T> = IResult<&'a [u8], T, ()>;

pub(super) fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// A path, an operator, a keyword or a literal without quotes. `and(` is two words, and so is `and"`.
pub(super) fn word(input: &[u8]) -> Word<'_, &[u8]> {
    take_while(is_path_byte).parse(input)
}

/// `compareOp` of RFC 7644 §3.4.2.2, or `None` for `pr`; compared without case (RFC 7643 §2.1).
pub(super) fn operator(input: &[u8]) -> Word<'_, Option<Operator>> {
    map_opt(word, |word| {
        let [first, second] = word else { return None };
        Some(match [first.to_ascii_lowercase(), second.to_ascii_lowercase()] {
            [b'p', b'r'] => None,
            [b'e', b'q'] => Some(Operator::Eq),
            [b'n', b'e'] => Some(Operator::Ne),
            [b'c', b'o'] => Some(Operator::Co),
            [b's', b'w'] => Some(Operator::Sw),
            [b'e', b'w'] => Some(Operator::Ew),
            [b'g', b't'] => Some(Operator::Gt),
            [b'g', b'e'] => Some(Operator::Ge),
            [b'l', b't'] => Some(Operator::Lt),
            [b'l', b'e'] => Some(Operator::Le),
            _ => return None,
        })
    })
    .parse(input)
}

pub(super) fn join(input: &[u8]) -> Word<'_, Join> {
    map_opt(word, |word| match word.len() {
        3 if word.eq_ignore_ascii_case(b"and") => Some(Join::And),
        2 if word.eq_ignore_ascii_case(b"or") => Some(Join::Or),
        _ => None,
    })
    .parse(input)
}

/// `number` of RFC 8259 §6.
pub(super) fn number(input: &[u8]) -> Word<'_, &[u8]> {
    let integer = alt((recognize(tag(&b"0"[..])), recognize((one_of(&b"123456789"[..]), digit0))));
    let fraction = opt((tag(&b"."[..]), digit1));
    let exponent = opt((one_of(&b"eE"[..]), opt(one_of(&b"+-"[..])), digit1));
    recognize((opt(tag(&b"-"[..])), integer, fraction, exponent)).parse(input)
}

/// Whether `text` is a JSON number.
pub(super) fn is_number(text: &str) -> bool {
    all_consuming(number).parse(text.as_bytes()).is_ok()
}

/// The part of a string without quotes, escapes and control characters.
pub(super) fn plain(input: &[u8]) -> Word<'_, &[u8]> {
    take_till(is_special).parse(input)
}
