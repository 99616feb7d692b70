//! The faults of a resource, and the place of each fault.

use std::fmt;

use crate::schema::{AttributeId, ResourceType};

/// JSON that is not a resource of its type, or a resource that breaks a rule of its schema.
///
/// ```
/// use scim_core::{limits::Limits, quirks::{Quirks, Reading, Tolerance}, resource::Resource, schema::Registry};
///
/// let registry = Registry::standard();
/// let user = registry.resource_type("User").expect("registered");
/// let body = br#"{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "emails": [{"value": true}]}"#;
/// let error = Resource::read(user, body, Reading::new(&Limits::default(), &mut Tolerance::new(Quirks::default())))
///     .expect_err("an address is no boolean");
/// assert_eq!(error.path(), "emails.value");
/// assert_eq!(error.to_string(), "expected a string, found a boolean: `emails.value` of value 1, line 1 column 85");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceError {
    kind: ResourceErrorKind,
    path: Box<str>,
    /// The attribute of the path, if the schema has it.
    attribute: Option<AttributeId>,
    /// The name of the resource type, if it does not have the attribute.
    missing_in: Option<Box<str>>,
    index: Option<usize>,
    position: Option<(usize, usize)>,
}

/// The kind of fault in a resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResourceErrorKind {
    /// The text is not JSON, or not JSON of the expected form. The sentence names the expectation.
    #[error("{0}")]
    Syntax(Box<str>),
    /// The body has more bytes than [`Limits::body`](crate::limits::Limits::body), the number in this variant.
    #[error("the body has more than {0} bytes")]
    BodyTooLong(usize),
    /// JSON is nested deeper than [`Limits::json_depth`](crate::limits::Limits::json_depth), the number in this variant.
    #[error("expected at most {0} nested objects and arrays")]
    TooDeep(usize),
    /// A name occurs twice in one object, compared without case (RFC 7643 §2.1).
    #[error("expected the attribute once")]
    Duplicate,
    /// The schema has no such attribute.
    #[error("the attribute is not in the schema")]
    Unknown,
    /// The value has another type than its attribute (RFC 7643 §2.3).
    #[error("expected {expected}, found {found}")]
    Type {
        /// The type in the schema, with its article.
        expected: &'static str,
        /// The type of the value, with its article.
        found: &'static str,
    },
    /// Text without the form that the attribute requires, which is named.
    #[error("expected {0}")]
    Form(&'static str),
    /// `schemas` lacks the resource type's own schema (RFC 7643 §3), the URI in this variant.
    #[error("expected `{0}` in `schemas`")]
    MissingSchema(Box<str>),
    /// `schemas` has a URI that the resource type does not know; the URI, cut to 60 characters.
    #[error("expected a schema of the resource type, found `{0}`")]
    UnknownSchema(Box<str>),
    /// A value that is not canonical, although the attribute is [restricted](crate::schema::Attribute::restricted)
    /// to canonical values.
    #[error("expected one of the canonical values")]
    Canonical,
    /// A value has more bytes than [`Limits::string`](crate::limits::Limits::string), the number in this variant.
    #[error("expected at most {0} bytes")]
    TooLong(usize),
    /// A list has more values than [`Limits::values`](crate::limits::Limits::values), the number in this variant.
    #[error("expected at most {0} values")]
    TooMany(usize),
    /// Text contains U+0000, which databases do not store.
    #[error("expected text without the character U+0000")]
    NulCharacter,
    /// An element of a list without any sub-attribute that the schema has and a client may set.
    #[error("expected a sub-attribute of the schema that clients may set")]
    NoContent,
    /// A required attribute without a value (RFC 7643 §7).
    #[error("the attribute is required and has no value")]
    Required,
    /// A read-only attribute that changed (RFC 7643 §7).
    #[error("the attribute is read-only")]
    ReadOnly,
    /// An immutable attribute that changed (RFC 7643 §7).
    #[error("the attribute is immutable and keeps its value")]
    Immutable,
    /// An attribute that lost its value, although it has a [default](crate::schema::Attribute::with_default_value).
    #[error("the attribute has a default and keeps a value")]
    Default,
    /// More than one primary value (RFC 7643 §2.4).
    #[error("expected at most one primary value")]
    Primary,
}

impl ResourceError {
    pub(super) fn new(kind: ResourceErrorKind, path: impl Into<Box<str>>) -> Self {
        Self { kind, path: path.into(), attribute: None, missing_in: None, index: None, position: None }
    }

    pub(super) fn of(kind: ResourceErrorKind, of: &ResourceType, attribute: AttributeId) -> Self {
        Self { attribute: Some(attribute), ..Self::new(kind, of.path(attribute)) }
    }

    /// An error for an attribute that the schema does not have, as far as the client knows.
    pub(crate) fn unknown(kind: &ResourceType, attribute: AttributeId) -> Self {
        Self { attribute: Some(attribute), ..Self::unknown_at(kind, kind.path(attribute)) }
    }

    /// An error for a path that names no attribute of the schema.
    pub(super) fn unknown_at(kind: &ResourceType, path: impl Into<Box<str>>) -> Self {
        Self { missing_in: Some(kind.name().into()), ..Self::new(ResourceErrorKind::Unknown, path) }
    }

    pub(super) fn in_value(mut self, index: Option<usize>) -> Self {
        self.index = index;
        self
    }

    pub(super) fn at(mut self, position: Option<(usize, usize)>) -> Self {
        self.position = position;
        self
    }

    /// The kind of fault.
    pub fn kind(&self) -> &ResourceErrorKind {
        &self.kind
    }

    /// The path of the attribute, as the schema spells it; empty for the resource as a whole.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The attribute that the path names, if the schema has it.
    pub(crate) fn attribute(&self) -> Option<AttributeId> {
        self.attribute
    }

    /// The index of the faulty value of a multi-valued attribute, counted from 0.
    pub fn index(&self) -> Option<usize> {
        self.index
    }

    /// The line and column in the JSON at which reading stopped, both counted from 1.
    pub fn position(&self) -> Option<(usize, usize)> {
        self.position
    }
}

impl fmt::Display for ResourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = match &self.missing_in {
            Some(kind) => format!("the attribute is not an attribute of {kind}"),
            None => self.kind.to_string(),
        };
        let index = self.index.map_or_else(String::new, |index| format!(" of value {}", index + 1));
        // The path is the subject of a fact about the attribute, and follows any other message.
        match message.strip_prefix("the attribute ") {
            _ if self.path.is_empty() => write!(f, "{message}{index}")?,
            Some(fact) => write!(f, "`{:.200}`{index} {fact}", self.path)?,
            None => write!(f, "{message}: `{:.200}`{index}", self.path)?,
        }
        if let Some((line, column)) = self.position {
            write!(f, ", line {line} column {column}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ResourceError {}
