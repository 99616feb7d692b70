//! The rules for attributes with a default (RFC 7644 §3.3).

use super::{Attribute, AttributeType, DefaultValue, Mutability, Returned, Schema, SchemaErrorKind, Uniqueness};

/// Returns the fault in the default of an attribute that is not a sub-attribute; `None` if the default is valid or the
/// attribute has no default.
pub(super) fn fault(attribute: &Attribute) -> Option<SchemaErrorKind> {
    let default = attribute.default_value()?;
    if attribute.is_multi_valued() || attribute.data_type() == AttributeType::Complex {
        return Some(SchemaErrorKind::DefaultPlace);
    }
    let is_canonical = |text: &str| {
        let exact = attribute.is_case_exact();
        let mut canonical = attribute.canonical_values().iter();
        canonical.any(|value| **value == *text || !exact && value.eq_ignore_ascii_case(text))
    };
    let fits = match (attribute.data_type(), default) {
        (AttributeType::Boolean, DefaultValue::Boolean(_)) | (AttributeType::Integer, DefaultValue::Integer(_)) => true,
        (AttributeType::String, DefaultValue::String(text)) => {
            !text.is_empty() && !text.contains('\0') && (!attribute.is_restricted() || is_canonical(text))
        }
        _ => false,
    };
    if !fits {
        return Some(SchemaErrorKind::DefaultType);
    }
    let is_settable = matches!(attribute.mutability(), Mutability::ReadWrite | Mutability::Immutable);
    let is_usable = is_settable
        && attribute.returned() != Returned::Never
        && attribute.uniqueness() == Uniqueness::None
        && !attribute.is_required();
    (!is_usable).then_some(SchemaErrorKind::DefaultRule)
}

/// Returns an attribute whose default would add an optional extension to every resource, although the extension also
/// has a required attribute that only the client can set. `None` if there is no such conflict.
pub(super) fn forces_extension(schema: &Schema) -> Option<&Attribute> {
    let is_due = |attribute: &Attribute| attribute.is_required() && attribute.mutability() != Mutability::ReadOnly;
    let mut attributes = schema.attributes().iter();
    attributes.clone().any(is_due).then(|| attributes.find(|attribute| attribute.default_value().is_some())).flatten()
}
