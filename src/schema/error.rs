//! What can be wrong with a schema or a resource type, found when they are put together.

/// A schema, resource type or registry that contradicts itself or the RFC.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: `{place}`")]
pub struct SchemaError {
    kind: SchemaErrorKind,
    place: Box<str>,
}

impl SchemaError {
    pub(crate) fn new(kind: SchemaErrorKind, place: impl Into<Box<str>>) -> Self {
        Self { kind, place: place.into() }
    }

    /// What is wrong.
    pub fn kind(&self) -> &SchemaErrorKind {
        &self.kind
    }

    /// Where: a schema URI, or the path of an attribute.
    pub fn place(&self) -> &str {
        &self.place
    }
}

/// What is wrong with a schema, resource type or registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaErrorKind {
    /// Not `ALPHA *("$" / "-" / "_" / DIGIT / ALPHA)` (RFC 7643 §2.1); `$ref` is allowed.
    #[error("expected an attribute name of letters, digits, `$`, `-` and `_`")]
    Name,
    /// Two attributes of one object differ at most by case.
    #[error("expected each attribute once")]
    Duplicate,
    /// A complex attribute within a complex attribute (RFC 7643 §2.3.8).
    #[error("expected a simple sub-attribute, found a complex one")]
    NestedComplex,
    /// A complex attribute without sub-attributes, or a simple one with some.
    #[error("expected sub-attributes in a complex attribute, and only there")]
    SubAttributes,
    /// A unique attribute of a type that has no uniqueness: boolean, date and time, binary or complex (RFC 7643 §2.3).
    #[error("expected uniqueness on a string, number or reference only")]
    Uniqueness,
    /// Reference types of an attribute that is no reference (RFC 7643 §7).
    #[error("expected reference types on a reference only")]
    ReferenceTypes,
    /// A default on a sub-attribute, a list, a complex attribute or a common attribute (RFC 7643 §3.1).
    #[error("expected a default on singular simple attributes of a schema or an extension only")]
    DefaultPlace,
    /// A default of another type than its attribute, or not among the values to which the attribute is restricted.
    #[error(
        "expected a boolean, an integer or a text that is not empty as the default, as the attribute's type demands"
    )]
    DefaultType,
    /// A default on an attribute that is required, unique, read-only, write-only or never returned.
    #[error("expected no default on an attribute that is required, unique, read-only, write-only or never returned")]
    DefaultRule,
    /// A default in an optional extension that has a required attribute: every resource would have the extension.
    #[error("expected no default in an optional extension that has a required attribute")]
    DefaultExtension,
    /// A schema URI without a colon, or with white space or quotes.
    #[error("expected a URI as the schema's id")]
    SchemaId,
    /// An endpoint that another resource type has, or that is the protocol's own (RFC 7644 §3.2, §3.13).
    #[error("expected an endpoint that is not in use; `v` with a number is the protocol's version")]
    Endpoint,
    /// An endpoint or resource type name that is empty or has other characters than a path segment's, or a name that is
    /// used twice.
    #[error("expected a unique name of letters, digits, `-` and `_`")]
    ResourceType,
    /// A relation names a resource type or attribute that does not exist, or one that is no list of references.
    #[error("expected a list of references of a registered resource type")]
    Relation,
    /// A resource type is named by an attribute that does not exist, is not a singular string of the resource itself, or
    /// is never returned.
    #[error("expected an attribute of the resource that is a single readable string")]
    Display,
    /// More attributes than an id of 16 bits can tell apart.
    #[error("expected fewer attributes in one resource type")]
    TooMany,
}
