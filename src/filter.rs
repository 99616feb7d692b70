//! Filters (RFC 7644 §3.4.2.2): parsed from text, built by a host, printed and walked.
//!
//! [`Filter`] knows the grammar only. [`Filter::compile`] resolves the attributes against a schema and gives the
//! filter its meaning for a resource.

mod build;
mod compile;
mod compile_error;
mod condition;
mod display;
mod error;
mod grammar;
mod literal;
mod lookahead;
mod matcher;
mod nodes;
mod spending;
mod stretches;
mod tree;

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use self::nodes::Nodes;
pub use self::{
    build::LiteralBuf,
    compile_error::{CompileError, CompileErrorKind},
    condition::{Comparand, Comparison, Condition},
    error::{BuildError, BuildErrorKind, FilterError, FilterErrorKind},
    matcher::Matcher,
    tree::{Operand, OperandIter, Operands},
};
pub(crate) use self::{
    grammar::parse_patch_path,
    lookahead::{FETCHED, Lookahead},
    spending::Spending,
};
use crate::{
    limits::Limits,
    path::PathRef,
    quirks::{Quirks, Reading, Tolerance},
    value::Text,
};

/// A filter, as in `?filter=userName eq "bjensen"` (RFC 7644 §3.4.2.2).
///
/// A filter owns its text and is one flat structure: clones and drops do not recurse, even for a deeply nested filter.
/// The printed form is canonical: lower-case operators and no unnecessary parentheses. Parsing it gives an equal
/// filter. Two filters are equal if they have the same expressions in the same order; names are compared without
/// regard to ASCII case.
///
/// ```
/// use scim_core::filter::Filter;
///
/// let filter: Filter = r#"(userName Eq "bjensen") AND (emails[type eq "work"] OR not(active eq true))"#.parse()?;
/// let canonical = r#"userName eq "bjensen" and (emails[type eq "work"] or not (active eq true))"#;
/// assert_eq!(filter.to_string(), canonical);
/// assert_eq!(filter, canonical.parse()?);
/// # Ok::<(), scim_core::filter::FilterError>(())
/// ```
#[derive(Clone)]
pub struct Filter {
    /// The text to which the nodes' spans point: names, numbers and strings without their escapes.
    text: Text,
    /// Children precede their parents, so the last node is the root and each subtree is one range.
    nodes: Nodes,
    height: u16,
    brackets: bool,
}

impl Filter {
    /// The maximum number of levels of parentheses, `not` and brackets in a filter, independent of [`Limits`]. Code
    /// that walks a filter may therefore recurse.
    pub const MAX_DEPTH: usize = 64;

    /// Parses a filter within the limits of `reading`, in time and memory proportional to its length.
    ///
    /// [`FromStr`] parses with the default limits and quirks.
    ///
    /// # Errors
    ///
    /// A [`FilterError`] if `text` does not follow RFC 7644 §3.4.2.2, or exceeds `filter_bytes`, `filter_depth` or
    /// `filter_terms` of the limits.
    ///
    /// ```
    /// use scim_core::{filter::Filter, limits::Limits, quirks::{Quirk, Quirks, Reading, Tolerance}};
    ///
    /// let text = r#"emails[type eq "work"].value sw "b""#;
    /// let mut tolerance = Tolerance::new(Quirks::default());
    /// let filter = Filter::parse(text, Reading::new(&Limits::default(), &mut tolerance))?;
    /// assert_eq!(filter.to_string(), r#"emails[type eq "work" and value sw "b"]"#);
    /// assert!(tolerance.applied().contains(Quirk::ValuePathComparison));
    ///
    /// let mut strict = Tolerance::new(Quirks::strict());
    /// assert!(Filter::parse(text, Reading::new(&Limits::default(), &mut strict)).is_err());
    /// # Ok::<(), scim_core::filter::FilterError>(())
    /// ```
    pub fn parse(text: &str, reading: Reading<'_>) -> Result<Self, FilterError> {
        grammar::parse_filter(text, reading)
    }

    /// Returns the outermost expression, from which the whole filter can be walked.
    pub fn expression(&self) -> Expression<'_> {
        tree::root(self).expression()
    }

    /// Returns the parts that must all hold: the operands of an outermost `and`, otherwise the filter itself.
    ///
    /// ```
    /// use scim_core::filter::{Filter, Operand};
    ///
    /// let filter: Filter = r#"active eq true and (title pr or nickName pr)"#.parse()?;
    /// let parts: Vec<Filter> = filter.conjuncts().map(Operand::to_filter).collect();
    /// assert_eq!(parts[1].to_string(), "title pr or nickName pr");
    /// # Ok::<(), scim_core::filter::FilterError>(())
    /// ```
    pub fn conjuncts(&self) -> impl ExactSizeIterator<Item = Operand<'_>> {
        tree::conjuncts(self)
    }
}

/// One expression of a filter, with views of its operands (RFC 7644 §3.4.2.2).
///
/// Precedence is resolved: a comparison binds tightest, then `not`, then `and`, then `or`. An `And` is never an
/// operand of an `And`, nor an `Or` of an `Or`; both have two or more operands.
///
/// ```
/// use scim_core::filter::{Expression, Filter, Literal, Operator};
///
/// fn terms(expression: Expression<'_>) -> usize {
///     match expression {
///         Expression::And(operands) | Expression::Or(operands) => operands.into_iter().map(terms).sum(),
///         Expression::Not(operand) | Expression::ValuePath { condition: operand, .. } => terms(operand.expression()),
///         Expression::Compare { .. } | Expression::Present { .. } => 1,
///     }
/// }
///
/// let filter: Filter = r#"title pr and emails[type eq "work" or primary eq true]"#.parse()?;
/// assert_eq!(terms(filter.expression()), 3);
/// # Ok::<(), scim_core::filter::FilterError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 7644 §3.4.2.2 closes the set, and a walk must handle each")]
pub enum Expression<'a> {
    /// `a and b and …`: all operands hold.
    And(Operands<'a>),
    /// `a or b or …`: at least one operand holds.
    Or(Operands<'a>),
    /// `not (a)`: the operand does not hold.
    Not(Operand<'a>),
    /// `path operator value`.
    Compare {
        /// The compared attribute.
        path: PathRef<'a>,
        /// The comparison operator.
        operator: Operator,
        /// The compared value.
        value: Literal<'a>,
    },
    /// `path pr`: the attribute has a value.
    Present {
        /// The attribute.
        path: PathRef<'a>,
    },
    /// `path[condition]`: the condition holds for at least one of the attribute's values.
    ValuePath {
        /// The complex attribute.
        path: PathRef<'a>,
        /// The condition on its sub-attributes.
        condition: Operand<'a>,
    },
}

/// A comparison operator (RFC 7644 §3.4.2.2, Table 3).
///
/// `pr` has no value to compare; see [`Expression::Present`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "RFC 7644 §3.4.2.2 closes the set")]
pub enum Operator {
    /// `eq`: equal.
    Eq,
    /// `ne`: not equal.
    Ne,
    /// `co`: contains.
    Co,
    /// `sw`: starts with.
    Sw,
    /// `ew`: ends with.
    Ew,
    /// `gt`: greater than.
    Gt,
    /// `ge`: greater than or equal.
    Ge,
    /// `lt`: less than.
    Lt,
    /// `le`: less than or equal.
    Le,
}

impl Operator {
    /// The operator in the spelling of the RFC: `eq`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Co => "co",
            Self::Sw => "sw",
            Self::Ew => "ew",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Lt => "lt",
            Self::Le => "le",
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The value of a comparison: a JSON literal (`compValue` of RFC 7644 §3.4.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 7644 §3.4.2.2 closes the set")]
pub enum Literal<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number, as written and without rounding.
    Number(&'a str),
    /// A string, without quotes and escapes.
    String(&'a str),
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        Self::parse(text, Reading::new(&Limits::default(), &mut Tolerance::new(Quirks::default())))
    }
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        tree::root(self) == tree::root(other)
    }
}

impl Eq for Filter {}

impl Serialize for Filter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Filter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
