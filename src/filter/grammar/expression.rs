//! The expressions of a filter (RFC 7644 §3.4.2.2).
//!
//! The recursive productions call each other as plain functions: each combinator between them would add a frame to the
//! stack for each level of the filter.

use nom::Parser;

use super::{
    state::{Parsed, State},
    value::comp_value,
    word::{attr_path, blanks, join, present_or_compare_op, sub_attr},
};
use crate::{
    filter::{
        Filter, FilterError, FilterErrorKind,
        nodes::{Join, Node, PathSpan},
        tree::{Chain, Subtree},
    },
    quirks::{Quirk, Reading},
};

pub(in crate::filter) fn parse_filter(
    text: &str,
    Reading { limits, tolerance }: Reading<'_>,
) -> Result<Filter, FilterError> {
    let state = State::new(text, limits.filter_bytes, limits, tolerance)?;
    let root = state.parse(|state, input| filter(state, input, End::Text))?;
    Ok(state.take_filter(root))
}

/// The end of an expression with all its operands.
#[derive(Clone, Copy)]
enum End {
    Text,
    Parenthesis,
    Bracket,
}

impl End {
    /// The closing byte; `None` for the end of the text.
    fn byte(self) -> Option<u8> {
        match self {
            Self::Text => None,
            Self::Parenthesis => Some(b')'),
            Self::Bracket => Some(b']'),
        }
    }

    /// The error for a text that neither is the end nor starts another operand.
    fn expected(self) -> FilterErrorKind {
        match self {
            Self::Text => FilterErrorKind::End,
            Self::Parenthesis => FilterErrorKind::Parenthesis,
            Self::Bracket => FilterErrorKind::Bracket,
        }
    }
}

/// `FILTER = attrExp / logExp / valuePath / *1"not" "(" FILTER ")"`, with the end after it.
///
/// `valFilter = attrExp / logExp / *1"not" "(" valFilter ")"` is the same without `valuePath`, which [`brackets`]
/// refuses inside brackets.
fn filter<'a>(state: &State<'a>, input: &'a [u8], end: End) -> Parsed<'a, Subtree> {
    let (input, first) = operand(state, input)?;
    match join_or_end(state, input, end)? {
        (input, None) => Ok((input, first)),
        (input, Some(join)) => log_exp(state, input, first, join, end),
    }
}

/// `logExp = FILTER SP ("and" / "or") SP FILTER`, after its first `FILTER` and its first join.
///
/// `and` binds tighter than `or`. A loop reads the operands, so a long chain is not deep.
fn log_exp<'a>(
    state: &State<'a>,
    mut input: &'a [u8],
    first: Subtree,
    mut join: Join,
    end: End,
) -> Parsed<'a, Subtree> {
    let (mut any, mut all) = (Chain::new(Join::Or), Chain::new(Join::And));
    state.add(&mut all, first);
    loop {
        if join == Join::Or {
            let part = state.finish(&mut all);
            state.add(&mut any, part);
        }
        let (rest, part) = operand(state, input)?;
        state.add(&mut all, part);
        (input, join) = match join_or_end(state, rest, end)? {
            (rest, Some(join)) => (rest, join),
            (rest, None) => {
                let part = state.finish(&mut all);
                state.add(&mut any, part);
                return Ok((rest, state.finish(&mut any)));
            }
        };
    }
}

/// `SP ("and" / "or") SP`, or the end of the expression: `None`.
fn join_or_end<'a>(state: &State<'a>, input: &'a [u8], end: End) -> Parsed<'a, Option<Join>> {
    let (input, _) = blanks(input)?;
    if input.first().copied() == end.byte() {
        return Ok((input.get(1..).unwrap_or_default(), None));
    }
    state.expect(end.expected(), join.map(Some))(input)
}

/// An alternative of `FILTER` except `logExp`. The byte after the path decides the alternative.
///
/// No keyword is reserved: in `NOT pr` the name `not` is an attribute, because an operator follows.
fn operand<'a>(state: &State<'a>, input: &'a [u8]) -> Parsed<'a, Subtree> {
    let (input, _) = blanks(input)?;
    if input.first() == Some(&b'(') {
        return parentheses(state, input);
    }
    let (input, path) = attr_path(state, input, FilterErrorKind::Expression)?;
    let (input, _) = blanks(input)?;
    match input.first() {
        Some(b'(') if is_word(state, path, "not") => {
            let (input, child) = parentheses(state, input)?;
            Ok((input, state.push(Node::Not { child: child.index() }, child.height() + 1)))
        }
        Some(b'[') => value_path(state, input, path),
        _ => attr_exp(state, input, path),
    }
}

/// `"(" FILTER ")"`, at its first parenthesis.
fn parentheses<'a>(state: &State<'a>, input: &'a [u8]) -> Parsed<'a, Subtree> {
    if let Err(kind) = state.enter() {
        return state.fail(input, kind);
    }
    let (input, part) = filter(state, input.get(1..).unwrap_or_default(), End::Parenthesis)?;
    state.leave();
    Ok((input, part))
}

/// `valuePath = attrPath "[" valFilter "]"`, after its path, with a sub-attribute and a comparison as Entra appends
/// them: `emails[type eq "work"].value eq "x"` is `emails[type eq "work" and value eq "x"]`.
fn value_path<'a>(state: &State<'a>, input: &'a [u8], path: PathSpan) -> Parsed<'a, Subtree> {
    let (mut input, mut condition) = brackets(state, input)?;
    if input.first() == Some(&b'.') {
        if !state.allows(Quirk::ValuePathComparison) {
            return state.fail(input, FilterErrorKind::AfterBrackets);
        }
        let mut all = Chain::new(Join::And);
        state.add(&mut all, condition);
        let (rest, sub) = sub_attr(state, input)?;
        let (rest, _) = blanks(rest)?;
        let (rest, comparison) = attr_exp(state, rest, sub)?;
        state.add(&mut all, comparison);
        condition = state.finish(&mut all);
        // An `or` in the brackets gets parentheses, which the source does not have: check the depth again.
        if let Err(kind) = state.check_height(condition.height()) {
            return state.fail(input, kind);
        }
        input = rest;
    }
    Ok((input, state.push(Node::ValuePath { path, condition: condition.index() }, condition.height() + 1)))
}

/// `"[" valFilter "]"`, at its first bracket.
pub(super) fn brackets<'a>(state: &State<'a>, input: &'a [u8]) -> Parsed<'a, Subtree> {
    if let Err(kind) = state.enter_brackets().and_then(|()| state.enter()) {
        return state.fail(input, kind);
    }
    let (input, condition) = filter(state, input.get(1..).unwrap_or_default(), End::Bracket)?;
    state.leave();
    state.leave_brackets();
    Ok((input, condition))
}

/// `attrExp = (attrPath SP "pr") / (attrPath SP compareOp SP compValue)`, after its path.
pub(super) fn attr_exp<'a>(state: &State<'a>, input: &'a [u8], path: PathSpan) -> Parsed<'a, Subtree> {
    if let Err(kind) = state.count_term() {
        return state.refuse(FilterError::new(kind, path.start as usize));
    }
    match present_or_compare_op(input) {
        Ok((rest, None)) => Ok((rest, state.push(Node::Present { path }, 0))),
        Ok((rest, Some(operator))) => {
            let (rest, _) = blanks(rest)?;
            let (rest, value) = comp_value(state, rest)?;
            Ok((rest, state.push(Node::Compare { path, operator, value }, 0)))
        }
        Err(_) => no_operator(state, input, path),
    }
}

/// Refuses a path without an operator. The error says whether a keyword was read as a path.
#[cold]
fn no_operator<'a>(state: &State<'a>, input: &'a [u8], path: PathSpan) -> Parsed<'a, Subtree> {
    if is_word(state, path, "not") {
        state.fail(input, FilterErrorKind::Not)
    } else if is_word(state, path, "and") || is_word(state, path, "or") {
        state.refuse(FilterError::new(FilterErrorKind::Expression, path.start as usize))
    } else {
        state.fail(input, FilterErrorKind::Operator)
    }
}

fn is_word(state: &State<'_>, path: PathSpan, word: &str) -> bool {
    path.within(state.source()).eq_ignore_ascii_case(word)
}
