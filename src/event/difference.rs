//! The differences between a resource before and after a change. This module knows attributes and lists of references,
//! but no events.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use crate::{
    patch::{Membership, ValueEdit},
    resource::{Resource, strip as strip_object},
    schema::{AttributeId, DefaultValue, ResourceType},
    value::{Object, Value},
};

/// The changed attributes. `meta`, which changes with every write, is left out.
#[derive(Default)]
pub(super) struct Difference {
    /// The changed attributes: each sub-attribute of a singular complex attribute separately, a list as a whole.
    pub(super) attributes: Vec<AttributeId>,
    /// The lists of references with added or removed values.
    pub(super) lists: Vec<Membership>,
}

impl Difference {
    pub(super) fn between(resource_type: &ResourceType, before: &Object, after: &Object) -> Self {
        let mut found = Self::default();
        compare(resource_type, before, after, &mut found);
        found
    }
}

fn compare(resource_type: &ResourceType, before: &Object, after: &Object, found: &mut Difference) {
    let now = after.iter().map(|(attribute, now)| (attribute, before.get(attribute), Some(now)));
    let gone = before.iter().filter(|(attribute, _)| !after.contains(*attribute));
    let gone = gone.map(|(attribute, was)| (attribute, Some(was), None));
    let nothing = Object::new();
    for (attribute, was, now) in now.chain(gone) {
        if attribute == AttributeId::META || was == now {
            continue;
        }
        match (was, now) {
            (Some(Value::Complex(was)), Some(Value::Complex(now))) => compare(resource_type, was, now, found),
            (Some(Value::Complex(was)), None) => compare(resource_type, was, &nothing, found),
            (None, Some(Value::Complex(now))) => compare(resource_type, &nothing, now, found),
            _ if resource_type.is_reference_list(attribute) => {
                let [was, now] = [was, now].map(|list| list.map(Value::elements).unwrap_or_default());
                let edit = references(resource_type, attribute, was, now);
                if !edit.is_empty() {
                    found.attributes.push(attribute);
                    found.lists.push(Membership { attribute, edit });
                } else if !is_reordered(resource_type, attribute, was, now) {
                    found.attributes.push(attribute);
                }
            }
            _ => found.attributes.push(attribute),
        }
    }
}

/// The new value of `active`, if it changed. A missing value counts as the default.
pub(super) fn active(resource_type: &ResourceType, before: &Object, after: &Object) -> Option<bool> {
    let active = resource_type.child(AttributeId::ROOT, "active")?;
    let default = match resource_type.attribute(active).default_value() {
        Some(DefaultValue::Boolean(default)) => Some(*default),
        _ => None,
    };
    let [before, after] = [before, after].map(|root| root.get(active).and_then(Value::as_bool).or(default));
    after.filter(|_| after != before)
}

/// Whether a list of references has the same values in another order, which has no meaning (RFC 7643 §2.4).
fn is_reordered(resource_type: &ResourceType, list: AttributeId, before: &[Value], after: &[Value]) -> bool {
    let Some(value) = resource_type.value_of(list) else { return false };
    let known: HashMap<Option<&str>, &Value> = before.iter().map(|element| (key(value, element), element)).collect();
    let is_known = |element: &Value| {
        let key = key(value, element);
        key.is_some() && known.get(&key) == Some(&element)
    };
    before.len() == after.len() && known.len() == after.len() && after.iter().all(is_known)
}

/// The removed and the added values of a list of references.
fn references(resource_type: &ResourceType, list: AttributeId, before: &[Value], after: &[Value]) -> ValueEdit {
    let mut edit = ValueEdit::default();
    let Some(value) = resource_type.value_of(list) else { return edit };
    let mut had: HashSet<&str> = before.iter().filter_map(|element| key(value, element)).collect();
    let mut has = HashSet::with_capacity(after.len());
    for element in after {
        if let (Some(key), Value::Complex(element)) = (key(value, element), element)
            && has.insert(key)
            && !had.contains(key)
        {
            edit.add.push(element.clone());
        }
    }
    // An id that was in the list twice is reported once.
    let gone = before.iter().filter_map(|element| key(value, element)).filter(|key| !has.contains(key));
    edit.remove.extend(gone.filter(|key| had.remove(key)).map(Into::into));
    edit
}

fn key(value: AttributeId, element: &Value) -> Option<&str> {
    element.as_object()?.get(value)?.as_str()
}

/// The resource without its sensitive values. Most resources have no sensitive values, and are shared unchanged.
pub(super) fn without_secrets(resource: &Arc<Resource>) -> Arc<Resource> {
    let secrets = secrets(resource.resource_type());
    if secrets.iter().all(|secret| resource.values_of(*secret).is_empty()) {
        return Arc::clone(resource);
    }
    let mut stripped = Resource::clone(resource);
    strip_object(stripped.root_mut(), &secrets);
    Arc::new(stripped)
}

/// Removes the sensitive values from elements of a list.
pub(super) fn strip(resource_type: &ResourceType, list: AttributeId, elements: &mut [Object]) {
    if resource_type.children(list).iter().any(|part| resource_type.is_sensitive(*part)) {
        let secrets = secrets(resource_type);
        for element in elements {
            strip_object(element, &secrets);
        }
    }
}

fn secrets(resource_type: &ResourceType) -> Vec<AttributeId> {
    resource_type.attributes().filter(|attribute| resource_type.is_sensitive(*attribute)).collect()
}
