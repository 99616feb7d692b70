//! Defaults of attributes (RFC 7644 §3.3), and the rules for attributes with a default.

use super::{Attribute, AttributeType, Mutability, Returned, Schema, SchemaErrorKind, Uniqueness};

/// The value that a new resource gets if the client sets no value (RFC 7644 §3.3). Set by
/// [`Attribute::default_value`].
///
/// ```
/// use scim_core::schema::DefaultValue;
///
/// assert_eq!(DefaultValue::from(true), DefaultValue::Boolean(true));
/// assert_eq!(DefaultValue::from("Employee"), DefaultValue::String("Employee".into()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DefaultValue {
    /// The default of a boolean attribute.
    Boolean(bool),
    /// The default of an integer attribute.
    Integer(i64),
    /// The default of a string attribute.
    String(Box<str>),
}

impl From<bool> for DefaultValue {
    fn from(truth: bool) -> Self {
        Self::Boolean(truth)
    }
}

impl From<i64> for DefaultValue {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<&str> for DefaultValue {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for DefaultValue {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

/// Returns the fault in the default of an attribute that is not a sub-attribute; `None` if the default is valid or the
/// attribute has no default.
pub(super) fn fault(attribute: &Attribute) -> Option<SchemaErrorKind> {
    let default = attribute.default()?;
    if attribute.is_multi_valued() || attribute.kind() == AttributeType::Complex {
        return Some(SchemaErrorKind::DefaultPlace);
    }
    let is_canonical = |text: &str| {
        let exact = attribute.is_case_exact();
        let mut canonical = attribute.canonical().iter();
        canonical.any(|value| **value == *text || !exact && value.eq_ignore_ascii_case(text))
    };
    let fits = match (attribute.kind(), default) {
        (AttributeType::Boolean, DefaultValue::Boolean(_)) | (AttributeType::Integer, DefaultValue::Integer(_)) => true,
        (AttributeType::String, DefaultValue::String(text)) => {
            !text.is_empty() && !text.contains('\0') && (!attribute.is_restricted() || is_canonical(text))
        }
        _ => false,
    };
    if !fits {
        return Some(SchemaErrorKind::DefaultType);
    }
    let is_settable = matches!(attribute.mutable(), Mutability::ReadWrite | Mutability::Immutable);
    let is_usable = is_settable
        && attribute.return_rule() != Returned::Never
        && attribute.unique() == Uniqueness::None
        && !attribute.is_required();
    (!is_usable).then_some(SchemaErrorKind::DefaultRule)
}

/// Returns an attribute whose default would add an optional extension to every resource, although the extension also
/// has a required attribute that only the client can set. `None` if there is no such conflict.
pub(super) fn forces_extension(schema: &Schema) -> Option<&Attribute> {
    let is_due = |attribute: &Attribute| attribute.is_required() && attribute.mutable() != Mutability::ReadOnly;
    let mut attributes = schema.attributes().iter();
    attributes.clone().any(is_due).then(|| attributes.find(|attribute| attribute.default().is_some())).flatten()
}
