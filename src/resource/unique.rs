//! The keys by which a store keeps values unique (RFC 7643 §7, `uniqueness`).
//!
//! They are computed here and nowhere else, with the fold that filters compare with: what `eq` finds is what is taken.

use std::collections::BTreeSet;

use chrono::SecondsFormat;

use super::Resource;
use crate::{
    fold::fold,
    path::Place,
    schema::AttributeId,
    value::{Object, Text, Value},
};

/// A value that at most one resource of its type may have in a tenant.
///
/// A store keeps the keys of each resource in a unique index over (tenant, resource type, attribute, folded text).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UniqueKey {
    /// The unique attribute.
    pub attribute: AttributeId,
    /// The value as text: two values are equal to a filter exactly when their texts are the same.
    pub folded: Text,
}

impl Resource {
    /// The keys of all unique values of the resource, `id` left out; each once, ordered by attribute and text.
    ///
    /// A multi-valued attribute has a key for each of its values. The empty string has none: `pr` calls it no value,
    /// and clients that send it for every field they leave blank would collide with each other.
    ///
    /// ```
    /// use scim_core::{Resource, schema::{AttributeId, Registry}, value::Value};
    ///
    /// let registry = Registry::standard();
    /// let user = registry.resource_type("User").expect("registered");
    /// let user_name = user.child(AttributeId::ROOT, "userName").expect("defined");
    /// let mut resource = Resource::new(user.clone());
    /// resource.root_mut().insert(user_name, Value::String("BJensen".into()));
    /// assert_eq!(&*resource.unique_keys()[0].folded, "bjensen");
    /// ```
    pub fn unique_keys(&self) -> Vec<UniqueKey> {
        let mut keys = BTreeSet::new();
        for attribute in self.kind.unique_attributes() {
            let place = Place::new(&self.kind, AttributeId::ROOT, *attribute);
            let exact = self.kind.compares_exactly(*attribute);
            each_value(&self.root, place.route(), &mut |value| {
                if let Some(folded) = key(value, exact) {
                    keys.insert(UniqueKey { attribute: *attribute, folded });
                }
            });
        }
        keys.into_iter().collect()
    }
}

fn each_value(object: &Object, route: &[AttributeId], visit: &mut impl FnMut(&Value)) {
    let Some((first, rest)) = route.split_first() else { return };
    for value in object.get(*first).map(Value::elements).unwrap_or_default() {
        match value {
            value if rest.is_empty() => visit(value),
            Value::Complex(object) => each_value(object, rest, visit),
            _ => {}
        }
    }
}

fn key(value: &Value, exact: bool) -> Option<Text> {
    match value {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) if exact => Some(text.clone()),
        Value::String(text) => Some(fold(text).into_owned().into()),
        Value::Integer(number) => Some(number.to_string().into()),
        Value::Decimal(number) => Some(number.canonical().into()),
        Value::DateTime(time) => Some(time.to_rfc3339_opts(SecondsFormat::AutoSi, true).into()),
        // No uniqueness is declared on these: the schema refuses it.
        Value::Boolean(_) | Value::Complex(_) | Value::List(_) => None,
    }
}
