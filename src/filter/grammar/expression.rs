//! The expressions of a filter (RFC 7644 §3.4.2.2).
//!
//! The recursive productions call each other as plain functions: each combinator between them would add a frame to the
//! stack for each level of the filter.

use nom::{Input as _, Parser};

use super::{
    input::{Input, Parsed, expect, parse},
    state::State,
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
    let root = parse(&state, |input| filter(input, End::Text))?;
    Ok(state.into_filter(root))
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
fn filter(input: Input<'_>, end: End) -> Parsed<'_, Subtree> {
    let (input, first) = operand(input)?;
    match join_or_end(input, end)? {
        (input, None) => Ok((input, first)),
        (input, Some(join)) => log_exp(input, first, join, end),
    }
}

/// `logExp = FILTER SP ("and" / "or") SP FILTER`, after its first `FILTER` and its first join.
///
/// `and` binds tighter than `or`. A loop reads the operands, so a long chain is not deep.
fn log_exp(mut input: Input<'_>, first: Subtree, mut join: Join, end: End) -> Parsed<'_, Subtree> {
    let state = input.state;
    let (mut any, mut all) = (Chain::new(Join::Or), Chain::new(Join::And));
    state.add(&mut all, first);
    loop {
        if join == Join::Or {
            let part = state.finish(std::mem::replace(&mut all, Chain::new(Join::And)));
            state.add(&mut any, part);
        }
        let (rest, part) = operand(input)?;
        state.add(&mut all, part);
        (input, join) = match join_or_end(rest, end)? {
            (rest, Some(join)) => (rest, join),
            (rest, None) => {
                let part = state.finish(all);
                state.add(&mut any, part);
                return Ok((rest, state.finish(any)));
            }
        };
    }
}

/// `SP ("and" / "or") SP`, or the end of the expression: `None`.
fn join_or_end(input: Input<'_>, end: End) -> Parsed<'_, Option<Join>> {
    let (input, _) = blanks(input)?;
    if input.first() == end.byte() {
        return Ok((input.take_from(1), None));
    }
    expect(end.expected(), join.map(Some)).parse_complete(input)
}

/// An alternative of `FILTER` except `logExp`. The byte after the path decides the alternative.
///
/// No keyword is reserved: in `NOT pr` the name `not` is an attribute, because an operator follows.
fn operand(input: Input<'_>) -> Parsed<'_, Subtree> {
    let (input, _) = blanks(input)?;
    if input.first() == Some(b'(') {
        return parentheses(input);
    }
    let (input, path) = attr_path(FilterErrorKind::Expression)(input)?;
    let (input, _) = blanks(input)?;
    match input.first() {
        Some(b'(') if is_word(input, path, "not") => {
            let (input, child) = parentheses(input)?;
            Ok((input, input.state.push(Node::Not { child: child.index }, child.height + 1)))
        }
        Some(b'[') => value_path(input, path),
        _ => attr_exp(input, path),
    }
}

/// `"(" FILTER ")"`.
fn parentheses(input: Input<'_>) -> Parsed<'_, Subtree> {
    if let Err(kind) = input.state.enter() {
        return input.fail(kind);
    }
    let (input, part) = filter(input.take_from(1), End::Parenthesis)?;
    input.state.leave();
    Ok((input, part))
}

/// `valuePath = attrPath "[" valFilter "]"`, after its path, with a sub-attribute and a comparison as Entra appends
/// them: `emails[type eq "work"].value eq "x"` is `emails[type eq "work" and value eq "x"]`.
fn value_path(input: Input<'_>, path: PathSpan) -> Parsed<'_, Subtree> {
    let state = input.state;
    let (mut input, mut condition) = brackets(input)?;
    if input.first() == Some(b'.') {
        if !state.allows(Quirk::ValuePathComparison) {
            return input.fail(FilterErrorKind::AfterBrackets);
        }
        let mut all = Chain::new(Join::And);
        state.add(&mut all, condition);
        let (rest, (sub, _)) = (sub_attr, blanks).parse_complete(input)?;
        let (rest, comparison) = attr_exp(rest, sub)?;
        state.add(&mut all, comparison);
        condition = state.finish(all);
        // An `or` in the brackets gets parentheses, which the source does not have: check the depth again.
        if let Err(kind) = state.check_height(condition.height) {
            return input.fail(kind);
        }
        input = rest;
    }
    Ok((input, state.push(Node::ValuePath { path, condition: condition.index }, condition.height + 1)))
}

/// `"[" valFilter "]"`.
pub(super) fn brackets(input: Input<'_>) -> Parsed<'_, Subtree> {
    let state = input.state;
    if let Err(kind) = state.enter_brackets().and_then(|()| state.enter()) {
        return input.fail(kind);
    }
    let (input, condition) = filter(input.take_from(1), End::Bracket)?;
    state.leave();
    state.leave_brackets();
    Ok((input, condition))
}

/// `attrExp = (attrPath SP "pr") / (attrPath SP compareOp SP compValue)`, after its path.
pub(super) fn attr_exp(input: Input<'_>, path: PathSpan) -> Parsed<'_, Subtree> {
    if let Err(kind) = input.state.count_term() {
        return input.refuse(FilterError::new(kind, path.start as usize));
    }
    match present_or_compare_op(input) {
        Ok((rest, None)) => Ok((rest, input.state.push(Node::Present { path }, 0))),
        Ok((rest, Some(operator))) => {
            let (rest, (_, value)) = (blanks, comp_value).parse_complete(rest)?;
            Ok((rest, input.state.push(Node::Compare { path, operator, value }, 0)))
        }
        Err(_) => no_operator(input, path),
    }
}

/// Refuses a path without an operator. The error says whether a keyword was read as a path.
#[cold]
fn no_operator(input: Input<'_>, path: PathSpan) -> Parsed<'_, Subtree> {
    if is_word(input, path, "not") {
        input.fail(FilterErrorKind::Not)
    } else if is_word(input, path, "and") || is_word(input, path, "or") {
        input.refuse(FilterError::new(FilterErrorKind::Expression, path.start as usize))
    } else {
        input.fail(FilterErrorKind::Operator)
    }
}

fn is_word(input: Input<'_>, path: PathSpan, word: &str) -> bool {
    path.within(input.state.source()).eq_ignore_ascii_case(word)
}
