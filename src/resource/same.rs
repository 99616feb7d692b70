//! Equality of values as the schema defines it: strings with or without case (RFC 7643 §2.2 `caseExact`).

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::{
    fold::{eq_ignoring_case, fold},
    schema::{AttributeId, Mutability, ResourceType},
    value::{Object, Value},
};

/// Whether two values of `attribute` are the same.
pub(crate) fn same(resource_type: &ResourceType, attribute: AttributeId, left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::String(left), Value::String(right)) => {
            left == right
                || !resource_type.compares_exactly(attribute) && eq_ignoring_case(left.as_bytes(), right.as_bytes())
        }
        (Value::Complex(left), Value::Complex(right)) => {
            left.len() == right.len() && includes(resource_type, left, right, None)
        }
        (Value::List(left), Value::List(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| same(resource_type, attribute, left, right))
        }
        (left, right) => left == right,
    }
}

/// Whether `object` has every member of `given` except `ignored`.
pub(crate) fn includes(
    resource_type: &ResourceType,
    object: &Object,
    given: &Object,
    ignored: Option<AttributeId>,
) -> bool {
    let mut compared = given.iter().filter(|(id, _)| Some(*id) != ignored);
    compared.all(|(id, value)| object.get(id).is_some_and(|own| same(resource_type, id, own, value)))
}

/// Whether the stored value of an attribute stays although a client sends `given` or no value. It stays for the
/// type of a referenced resource, which the service provider knows, and for an immutable value that the client
/// omits or repeats in any spelling.
pub(crate) fn keeps_stored(
    resource_type: &ResourceType,
    attribute: AttributeId,
    stored: &Value,
    given: Option<&Value>,
) -> bool {
    resource_type.is_reference_type(attribute)
        || resource_type.attribute(attribute).mutability() == Mutability::Immutable
            && given.is_none_or(|given| same(resource_type, attribute, stored, given))
}

/// A hash of one sub-attribute and its value. Values that are the same have the same hash.
pub(super) fn part_hash(resource_type: &ResourceType, attribute: AttributeId, value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    attribute.hash(&mut hasher);
    hash(resource_type, attribute, value, &mut hasher);
    hasher.finish()
}

fn hash(resource_type: &ResourceType, attribute: AttributeId, value: &Value, hasher: &mut DefaultHasher) {
    match value {
        Value::String(text) if resource_type.compares_exactly(attribute) => text.hash(hasher),
        Value::String(text) => fold(text).hash(hasher),
        Value::Boolean(truth) => truth.hash(hasher),
        Value::Integer(number) => number.hash(hasher),
        Value::DateTime(time) => time.hash(hasher),
        // Equal numbers can have different spellings.
        Value::Decimal(number) => number.canonical().hash(hasher),
        Value::List(values) => values.iter().for_each(|value| hash(resource_type, attribute, value, hasher)),
        // No sub-attribute is complex (RFC 7643 §2.3.8).
        Value::Complex(_) => {}
    }
}
