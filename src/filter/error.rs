//! Errors of a filter: faults in its text, or in the parts from which a host builds it.

use std::fmt;

use crate::path::{PathError, PathErrorKind};

/// The error for a text that is not a filter, with the place of the fault (RFC 7644 §3.12 `invalidFilter`).
///
/// ```
/// use scim_core::filter::{Filter, FilterErrorKind};
///
/// let source = r#"userName lke "x""#;
/// let error = source.parse::<Filter>().unwrap_err();
/// assert_eq!((error.kind(), error.offset()), (&FilterErrorKind::Operator, 9));
/// assert_eq!(error.render(source).to_string(), r#"expected an operator at byte 9 of 'userName lke "x"'"#);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct FilterError {
    kind: FilterErrorKind,
    offset: usize,
}

impl FilterError {
    pub(super) fn new(kind: FilterErrorKind, offset: usize) -> Self {
        Self { kind, offset }
    }

    /// Converts `error` from a path that starts at byte `start`.
    pub(super) fn in_path(error: PathError, start: usize) -> Self {
        Self::new(FilterErrorKind::Path(*error.kind()), start + error.offset())
    }

    /// The fault.
    pub fn kind(&self) -> &FilterErrorKind {
        &self.kind
    }

    /// The byte offset in the text at which the parser expected something else.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The message with an excerpt of `source` around the fault, at most about 60 bytes.
    pub fn render(&self, source: &str) -> impl fmt::Display {
        Rendered { error: *self, source }
    }
}

struct Rendered<'a> {
    error: FilterError,
    source: &'a str,
}

/// The number of bytes that an excerpt has before the fault, and after the fault.
const EXCERPT: usize = 30;

impl fmt::Display for Rendered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { error, source } = self;
        let place = error.offset.min(source.len());
        let mut start = place.saturating_sub(EXCERPT);
        while !source.is_char_boundary(start) {
            start -= 1;
        }
        let mut end = source.len().min(place + EXCERPT);
        while !source.is_char_boundary(end) {
            end += 1;
        }
        write!(f, "{error} of '")?;
        if start > 0 {
            f.write_str("…")?;
        }
        for c in source.get(start..end).unwrap_or_default().chars() {
            // Messages reach logs and terminals: escape control characters, which terminals would execute.
            if c.is_control() { write!(f, "{}", c.escape_unicode())? } else { write!(f, "{c}")? }
        }
        f.write_str(if end < source.len() { "…'" } else { "'" })
    }
}

/// The faults in the text of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterErrorKind {
    /// No expression, or text that cannot start an expression.
    #[error("expected an attribute, `not` or `(`")]
    Expression,
    /// An invalid attribute path.
    #[error(transparent)]
    Path(PathErrorKind),
    /// No operator after an attribute, or an unknown operator.
    #[error("expected an operator")]
    Operator,
    /// No value after an operator.
    #[error("expected a string in double quotes, a number, true, false or null")]
    Value,
    /// A string without quotes, or in single quotes.
    #[error("expected double quotes around the string")]
    Quotes,
    /// `True`, `FALSE`, `Null`: JSON has them in lower case only.
    #[error("expected true, false or null in lower case, or double quotes around a string")]
    LowerCase,
    /// `01`, `1.`, `1e`, or a string without quotes that starts with a digit.
    #[error("expected a number as in JSON, or double quotes around a string")]
    Number,
    /// A string without a closing quote.
    #[error("expected a closing double quote")]
    ClosingQuote,
    /// A backslash with a character that is not an escape of JSON.
    #[error("expected one of the escapes of JSON")]
    Escape,
    /// Half a surrogate pair.
    #[error("expected both halves of a surrogate pair")]
    Surrogate,
    /// A control character that is not escaped.
    #[error("expected control characters in strings to be escaped")]
    Control,
    /// U+0000, which many databases cannot store.
    #[error("expected a string without U+0000")]
    Nul,
    /// Two words without a space between them.
    #[error("expected a space")]
    Space,
    /// Text that cannot continue a filter.
    #[error("expected `and`, `or` or the end of the filter")]
    End,
    /// Text that neither continues nor closes parentheses.
    #[error("expected `and`, `or` or `)`")]
    Parenthesis,
    /// Text that neither continues nor closes brackets.
    #[error("expected `and`, `or` or `]`")]
    Bracket,
    /// `not` without parentheses.
    #[error("expected `(` after `not`")]
    Not,
    /// Brackets within brackets (RFC 7644 errata 4690 and 7322).
    #[error("expected no brackets within brackets")]
    NestedBrackets,
    /// A comparison after brackets, where [`Quirk::ValuePathComparison`](crate::quirks::Quirk) is not tolerated.
    #[error("expected the comparison within the brackets")]
    AfterBrackets,
    /// Text after the end of a PATCH path.
    #[error("expected the end of the path")]
    PathEnd,
    /// More bytes than allowed.
    #[error("expected at most {0} bytes")]
    TooLong(usize),
    /// More levels of parentheses, `not` and brackets than allowed.
    #[error("expected at most {0} levels of parentheses, `not` and brackets")]
    TooDeep(usize),
    /// More comparisons than allowed.
    #[error("expected at most {0} comparisons")]
    TooManyTerms(usize),
}

/// The error for parts that do not form a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct BuildError {
    kind: BuildErrorKind,
}

impl BuildError {
    pub(super) fn new(kind: BuildErrorKind) -> Self {
        Self { kind }
    }

    /// The fault.
    pub fn kind(&self) -> &BuildErrorKind {
        &self.kind
    }
}

/// The faults in the parts of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildErrorKind {
    /// `and` or `or` without operands.
    #[error("expected at least one filter")]
    Empty,
    /// More levels than [`Filter::MAX_DEPTH`](super::Filter::MAX_DEPTH).
    #[error("expected at most 64 levels of parentheses, `not` and brackets")]
    TooDeep,
    /// Text of more than 4 GiB.
    #[error("expected at most 4 GiB of text")]
    TooLong,
    /// Brackets within brackets.
    #[error("expected no brackets within brackets")]
    NestedBrackets,
    /// A string with U+0000.
    #[error("expected a string without U+0000")]
    Nul,
    /// A text that is not a JSON number.
    #[error("expected a number as in JSON")]
    Number,
}
