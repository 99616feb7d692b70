//! The target of a diff: the resource that a client wants, limited to attributes that a client can set.

use std::collections::{HashMap, HashSet};

use super::{
    DiffError, Form,
    element::{distinct, is_primary},
    is_writable,
};
use crate::{
    patch::draft::object_mut,
    resource::{Resource, ResourceErrorKind, ValueSearch, judge, same},
    schema::{AttributeId, Mutability, ResourceType},
    value::{Object, Value},
};

/// The resource that `before` becomes when `after` replaces it (RFC 7644 §3.5.1), if the rules of the schemas allow it.
pub(super) fn wanted(before: &Resource, after: &Resource) -> Result<Resource, DiffError> {
    let resource_type = before.resource_type();
    let mut given = after.clone();
    strip(resource_type, AttributeId::ROOT, given.root_mut());
    let mut lists = Vec::new();
    for list in resource_type.attributes().filter(|id| resource_type.attribute(*id).is_multi_valued()) {
        // The id identifies a reference at any position.
        if !resource_type.is_reference_list(list)
            && let (Some(was), Some(now)) = (before.value(list), given.value(list))
        {
            lists.push((list, settled(resource_type, list, was, now)));
        }
    }
    check_reference_types(before, &given)?;
    let mut wanted = before.replaced_by(given);
    for (list, values) in lists {
        if let Some(object) = object_mut(resource_type, wanted.root_mut(), resource_type.parent(list)) {
            object.insert(list, values);
        }
    }
    judge(Some(before), &wanted)?;
    strip(resource_type, AttributeId::ROOT, wanted.root_mut());
    for list in resource_type.attributes().filter(|id| resource_type.attribute(*id).is_multi_valued()) {
        let Some(values) = wanted.value(list).filter(|_| !resource_type.is_reference_list(list)) else { continue };
        let values = arranged(resource_type, list, values.elements());
        if let Some(object) = object_mut(resource_type, wanted.root_mut(), resource_type.parent(list)) {
            object.insert(list, Value::List(values.into()));
        }
    }
    Ok(wanted)
}

/// Refuses another type for a reference that stays: the service provider knows the type of each resource, so no
/// patch changes the type.
fn check_reference_types(before: &Resource, given: &Resource) -> Result<(), DiffError> {
    let resource_type = before.resource_type();
    for &list in resource_type.reference_lists() {
        let type_of =
            resource_type.conventional(list).type_of.filter(|type_of| resource_type.is_reference_type(*type_of));
        let (Some(id), Some(type_of)) = (resource_type.value_of(list), type_of) else { continue };
        let (Some(was), Some(now)) = (before.value(list), given.value(list)) else { continue };
        let there = by_id(id, was.elements());
        for element in now.elements().iter().filter_map(Value::as_object) {
            let stored = element.get(id).and_then(Value::as_str).and_then(|id| there.get(id).copied().flatten());
            let types = stored.and_then(|stored| stored.get(type_of)).zip(element.get(type_of));
            if types.is_some_and(|(was, now)| !same(resource_type, type_of, was, now)) {
                return Err(DiffError::rule(ResourceErrorKind::Immutable, resource_type, type_of));
            }
        }
    }
    Ok(())
}

/// The values of a list, each once, in an order in which each value can be added to those before it: a value that
/// is a subset of a present value is not added; a superset is (RFC 7644 §3.5.2.1).
fn arranged(resource_type: &ResourceType, list: AttributeId, values: &[Value]) -> Vec<Value> {
    let mut values: Vec<Value> = distinct(resource_type, list, values)
        .into_iter()
        .map(|it| it.to_value(resource_type, list).into_owned())
        .collect();
    if !can_be_added(resource_type, list, Vec::new(), &values) {
        let primary = resource_type.conventional(list).primary;
        let extent = |object: &Object| object.iter().filter(|(id, _)| Some(*id) != primary).count();
        values.sort_by_key(|value| value.as_object().map_or(0, extent));
    }
    values
}

/// Whether each value can be added to those before it, because no present value includes it.
pub(super) fn can_be_added<'v>(
    resource_type: &ResourceType,
    list: AttributeId,
    mut there: Vec<Value>,
    added: impl IntoIterator<Item = &'v Value, IntoIter: ExactSizeIterator>,
) -> bool {
    let mut added = added.into_iter();
    let mut known = ValueSearch::new(resource_type, list, &there, added.len());
    added.all(|value| {
        let is_new = known.position(&there, value).is_none();
        there.push(value.clone());
        is_new
    })
}

/// The new value of a list that changes from `was` to `now`. A value that keeps its `value` also keeps immutable
/// and write-only sub-attributes that `now` lacks. If both lists are the same set, the result is `was`: the rules
/// compare an immutable list in order.
fn settled(resource_type: &ResourceType, list: AttributeId, was: &Value, now: &Value) -> Value {
    if set(resource_type, list, was) == set(resource_type, list, now) {
        return was.clone();
    }
    let stays = |part: AttributeId| {
        matches!(resource_type.attribute(part).mutability(), Mutability::Immutable | Mutability::WriteOnly)
    };
    let id = resource_type.value_of(list).filter(|_| resource_type.children(list).iter().any(|part| stays(*part)));
    let Some(id) = id else { return now.clone() };
    let now: Vec<Value> = distinct(resource_type, list, now.elements())
        .into_iter()
        .map(|it| it.to_value(resource_type, list).into_owned())
        .collect();
    let (there, given) = (by_id(id, was.elements()), by_id(id, &now));
    let mut settled = now.clone();
    for value in &mut settled {
        let Value::Complex(object) = value else { continue };
        let key = object.get(id).and_then(Value::as_str);
        let pair = key.and_then(|key| given.get(key).copied().flatten().and(there.get(key).copied().flatten()));
        for (part, value) in pair.into_iter().flat_map(Object::iter) {
            if stays(part) && !object.contains(part) {
                object.insert(part, value.clone());
            }
        }
    }
    Value::List(settled.into())
}

/// The values by their id; `None` for an id that several values have.
fn by_id(id: AttributeId, list: &[Value]) -> HashMap<&str, Option<&Object>> {
    let mut found = HashMap::new();
    for object in list.iter().filter_map(Value::as_object) {
        if let Some(key) = object.get(id).and_then(Value::as_str) {
            found.entry(key).and_modify(|only| *only = None).or_insert(Some(object));
        }
    }
    found
}

/// The values of a list as a set, each in its text form with a mark if the value is primary.
fn set(resource_type: &ResourceType, list: AttributeId, values: &Value) -> HashSet<String> {
    let form = Form { resource_type, exact: resource_type.attribute(list).mutability() != Mutability::Immutable };
    let primary = |value: &Value| value.as_object().is_some_and(|object| is_primary(resource_type, list, object));
    let marked = |value: &Value| form.of(list, value) + if primary(value) { "*" } else { "" };
    values.elements().iter().map(marked).collect()
}

/// Removes attributes that no client sets, and values that mean the same as their absence.
fn strip(resource_type: &ResourceType, parent: AttributeId, object: &mut Object) {
    let primary =
        resource_type.conventional(parent).primary.filter(|_| resource_type.attribute(parent).is_multi_valued());
    let idle = primary.filter(|primary| !resource_type.attribute(*primary).is_required());
    object.retain(|id, value| {
        let is_idle = Some(id) == idle && *value == Value::Boolean(false);
        // A client that sends an empty `value` states that there is no value.
        let is_empty = resource_type.is_element_value(id) && value.as_str() == Some("");
        if !is_writable(resource_type, id) || is_idle || is_empty {
            return false;
        }
        if let Value::List(values) = value {
            values.retain(|value| says_something(resource_type, id, value));
            return !values.is_empty();
        }
        says_something(resource_type, id, value)
    });
}

/// Strips a complex value with [`strip`]; whether anything is left of the value.
fn says_something(resource_type: &ResourceType, attribute: AttributeId, value: &mut Value) -> bool {
    let Value::Complex(object) = value else { return true };
    strip(resource_type, attribute, object);
    !object.is_empty()
}
