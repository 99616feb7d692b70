//! Errors in schemas and resource types, found when the host builds them.

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

    /// The fault.
    pub fn kind(&self) -> &SchemaErrorKind {
        &self.kind
    }

    /// The place of the fault: a schema URI, the path of an attribute, or the name or endpoint of a resource type.
    pub fn place(&self) -> &str {
        &self.place
    }
}

/// The faults of a schema, resource type or registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaErrorKind {
    /// Not `ALPHA *("$" / "-" / "_" / DIGIT / ALPHA)` (RFC 7643 §2.1); `$ref` is allowed.
    #[error("expected an attribute name of letters, digits, `$`, `-` and `_`")]
    Name,
    /// Two attributes of one object have the same name, compared without case; or two schemas have the same URI.
    #[error("expected each attribute once")]
    Duplicate,
    /// A complex attribute within a complex attribute (RFC 7643 §2.3.8).
    #[error("expected a simple sub-attribute, found a complex one")]
    NestedComplex,
    /// A complex attribute without sub-attributes, or a simple attribute with sub-attributes.
    #[error("expected sub-attributes in a complex attribute, and only there")]
    SubAttributes,
    /// A unique attribute of a type that cannot be unique: boolean, date and time, binary or complex (RFC 7643 §2.3).
    #[error("expected uniqueness on a string, number or reference only")]
    Uniqueness,
    /// Reference types on an attribute that is not a reference (RFC 7643 §7).
    #[error("expected reference types on a reference only")]
    ReferenceTypes,
    /// A default on a sub-attribute, a list, a complex attribute or a common attribute (RFC 7643 §3.1).
    #[error("expected a default on singular simple attributes of a schema or an extension only")]
    DefaultPlace,
    /// A default of another type than its attribute, or outside the values to which the attribute is restricted.
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
    /// A schema URI without a colon, or with white space, control characters, quotes, brackets, commas or backslashes.
    #[error("expected a URI as the schema's id")]
    SchemaId,
    /// An endpoint of another resource type or of the protocol itself (RFC 7644 §3.2, §3.13).
    #[error("expected an endpoint that is not in use; `v` with a number is the protocol's version")]
    Endpoint,
    /// An endpoint or resource type name that is empty or has other characters than letters, digits, `-` and `_`, or a
    /// name that is used twice.
    #[error("expected a unique name of letters, digits, `-` and `_`")]
    ResourceType,
    /// A relation whose attributes do not exist, whose derived attribute is not a read-only list with `value`, or
    /// whose list is not a list of references.
    #[error("expected a list of references of a registered resource type")]
    Relation,
    /// The attribute that names a resource does not exist, is not a singular string of the resource itself, or is not
    /// readable.
    #[error("expected an attribute of the resource that is a single readable string")]
    Display,
    /// More attributes than a 16-bit id can distinguish.
    #[error("expected fewer attributes in one resource type")]
    TooMany,
}
