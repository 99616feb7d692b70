//! Attributes that exist but are hidden from a client: the client can neither set nor remove them.
//!
//! Other modules decide which attributes a client sees; this file handles only the values.

use std::sync::Arc;

use super::{Resource, pairs::Pairs};
use crate::{
    schema::{AttributeId, ResourceType},
    value::{Object, Value},
};

impl Resource {
    /// The same values under another view of the resource type, in which every attribute has the same id.
    pub(crate) fn seen_as(self, resource_type: &Arc<ResourceType>) -> Self {
        Self { resource_type: Arc::clone(resource_type), root: self.root }
    }

    /// Removes all values of the `hidden` attributes; returns the first attribute that had a value.
    pub(crate) fn strip(&mut self, hidden: &[AttributeId]) -> Option<AttributeId> {
        strip(&mut self.root, hidden)
    }

    /// Gives the `hidden` attributes the values that they have in `before`, in every list value that still exists.
    pub(crate) fn restore(&mut self, before: &Self, hidden: &[AttributeId]) {
        // Only old hidden values are left here: they were stripped from the request body, and a patch cannot name them.
        let resource_type = Arc::clone(&self.resource_type);
        restore(&resource_type, hidden, &before.root, &mut self.root);
    }
}

/// Removes all values of the `hidden` attributes in `object`; returns the first attribute that had a value.
pub(crate) fn strip(object: &mut Object, hidden: &[AttributeId]) -> Option<AttributeId> {
    let mut first = None;
    object.retain(|attribute, value| {
        if hidden.contains(&attribute) {
            first.get_or_insert(attribute);
            return false;
        }
        match value {
            Value::Complex(below) => {
                if let Some(found) = strip(below, hidden) {
                    first.get_or_insert(found);
                    return !below.is_empty();
                }
            }
            Value::List(values) if values.iter().any(|value| has_any(value, hidden)) => {
                values.retain(|value| {
                    let Value::Complex(below) = value else { return true };
                    let Some(found) = strip(below, hidden) else { return true };
                    first.get_or_insert(found);
                    !below.is_empty()
                });
                return !values.is_empty();
            }
            _ => {}
        }
        true
    });
    first
}

/// Whether the value or a part of the value is one of the `hidden` attributes.
fn has_any(value: &Value, hidden: &[AttributeId]) -> bool {
    match value {
        Value::Complex(object) => object.iter().any(|(part, value)| hidden.contains(&part) || has_any(value, hidden)),
        Value::List(values) => values.iter().any(|value| has_any(value, hidden)),
        _ => false,
    }
}

fn restore(resource_type: &ResourceType, hidden: &[AttributeId], before: &Object, after: &mut Object) {
    for (attribute, was) in before {
        if hidden.contains(&attribute) {
            after.insert(attribute, was.clone());
            continue;
        }
        match (was, after.get_mut(attribute)) {
            (Value::Complex(was), Some(Value::Complex(now))) => restore(resource_type, hidden, was, now),
            // The client removed the part of the object that it saw, but not the rest.
            (Value::Complex(was), None) => {
                let mut rest = Object::new();
                restore(resource_type, hidden, was, &mut rest);
                if !rest.is_empty() {
                    after.insert(attribute, Value::Complex(rest));
                }
            }
            (Value::List(was), Some(Value::List(now))) => {
                if !resource_type.children(attribute).iter().any(|child| hidden.contains(child)) {
                    continue;
                }
                let has_hidden = |object: &Object| hidden.iter().any(|hidden| object.contains(*hidden));
                let seen = |object: &Object| -> Object {
                    let parts = object.iter().filter(|(part, _)| !hidden.contains(part));
                    parts.map(|(part, value)| (part, value.clone())).collect()
                };
                let id = resource_type.value_of(attribute).filter(|id| !hidden.contains(id));
                let mut pairs = id.map(|id| Pairs::new(resource_type, id, was));
                for (index, value) in now.make_mut().iter_mut().enumerate() {
                    // A value that the patch did not change still has its own hidden sub-attributes.
                    let Value::Complex(now) = value else { continue };
                    if has_hidden(now) {
                        continue;
                    }
                    let beside = was.get(index).and_then(Value::as_object).filter(|was| seen(was) == *now);
                    if let Some(was) = beside.or_else(|| pairs.as_mut()?.find(index, now)) {
                        restore(resource_type, hidden, was, now);
                    }
                }
            }
            _ => {}
        }
    }
}
