//! Errors of compiling a filter for a resource type.

use std::fmt;

use crate::schema::AttributeType;

/// The error for a filter that does not fit a resource type, with the attribute at fault (RFC 7644 §3.12
/// `invalidFilter`).
///
/// ```
/// use scim_core::{filter::{CompileErrorKind, Filter}, quirks::{Quirks, Tolerance}, schema::Registry};
///
/// let registry = Registry::standard();
/// let user = registry.resource_type("User").expect("registered");
/// let filter: Filter = "shoeSize gt 40".parse()?;
/// let error = filter.compile(user, &mut Tolerance::new(Quirks::default())).unwrap_err();
/// assert_eq!(error.kind(), CompileErrorKind::UnknownAttribute);
/// assert_eq!(error.to_string(), "`shoeSize` is not an attribute of User");
/// # Ok::<(), scim_core::filter::FilterError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileError {
    kind: CompileErrorKind,
    attribute: Box<str>,
    /// The resource type or the attribute that does not have the attribute.
    missing_in: Option<Box<str>>,
}

impl CompileError {
    pub(super) fn new(kind: CompileErrorKind, attribute: impl Into<Box<str>>) -> Self {
        Self { kind, attribute: attribute.into(), missing_in: None }
    }

    /// An error for an attribute that `owner` does not have.
    pub(super) fn unknown(attribute: impl Into<Box<str>>, owner: impl Into<Box<str>>) -> Self {
        Self { missing_in: Some(owner.into()), ..Self::new(CompileErrorKind::UnknownAttribute, attribute) }
    }

    /// The fault.
    pub fn kind(&self) -> CompileErrorKind {
        self.kind
    }

    /// The attribute at fault, as the filter names it.
    pub fn attribute(&self) -> &str {
        &self.attribute
    }
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, attribute, missing_in } = self;
        match (kind, missing_in) {
            (_, Some(owner)) => write!(f, "`{attribute:.60}` is not an attribute of {owner}"),
            (CompileErrorKind::Sensitive, _) => write!(f, "`{attribute:.60}` may not be read"),
            _ => write!(f, "{kind}: `{attribute:.60}`"),
        }
    }
}

impl std::error::Error for CompileError {}

/// The faults of a filter under a resource type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompileErrorKind {
    /// The resource type does not have the attribute.
    #[error("the attribute is not in the schema")]
    UnknownAttribute,
    /// The value is never returned (`password`), and the result would reveal the value.
    #[error("the attribute may not be read")]
    Sensitive,
    /// An operator that does not apply to the attribute's type (RFC 7644 §3.4.2.2).
    #[error("expected {}", operators(*.0))]
    Operator(AttributeType),
    /// A literal that is not a value of the attribute's type.
    #[error("expected {} to compare with", literal(*.0))]
    Value(AttributeType),
    /// An operator other than `eq` and `ne` with null.
    #[error("expected `eq` or `ne` with null")]
    Null,
    /// A comparison of a complex attribute without `value`: the filter must name a sub-attribute.
    #[error("expected a sub-attribute to compare")]
    Complex,
    /// Brackets after an attribute that is neither complex nor multi-valued, or within brackets.
    #[error("expected brackets behind a complex or multi-valued attribute")]
    NoElements,
    /// An operator other than `eq`, `ne` and `pr` on a `$ref` to a resource, which is derived from an id.
    #[error("expected `eq`, `ne` or `pr` for a reference to a resource")]
    Derived,
}

fn operators(kind: AttributeType) -> &'static str {
    match kind {
        AttributeType::Boolean => "`eq`, `ne` or `pr` for a boolean",
        AttributeType::Binary => "`eq`, `ne` or `pr` for a binary value",
        AttributeType::Complex => "`pr` for a complex attribute",
        AttributeType::Integer | AttributeType::Decimal => "no operator for text with a number",
        AttributeType::DateTime => "no operator for text with a date and time",
        AttributeType::String | AttributeType::Reference => "another operator",
    }
}

fn literal(kind: AttributeType) -> &'static str {
    match kind {
        AttributeType::Boolean => "true or false",
        AttributeType::Integer | AttributeType::Decimal => "a number",
        AttributeType::DateTime => "a date and time in quotes, such as \"2011-05-13T04:42:34Z\",",
        AttributeType::String | AttributeType::Binary | AttributeType::Reference | AttributeType::Complex => {
            "text in double quotes"
        }
    }
}
