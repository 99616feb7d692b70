//! A resource that a patch changes in place, with the values before the change: no copy of the resource is needed, and a
//! failed patch takes its changes back (RFC 7644 §3.5.2).
//!
//! This file knows no operation.

use std::sync::Arc;

use super::ValueEdit;
use crate::{
    resource::{Resource, value_at},
    schema::{AttributeId, ResourceType},
    value::{Object, Value},
};

/// Room for the attributes that a typical patch changes: to grow later would move their values.
const ROOM: usize = 6;

/// A resource that is being changed.
pub(super) struct Draft<'a> {
    resource_type: &'a Arc<ResourceType>,
    root: &'a mut Object,
    /// The attributes at the top of the resource that may have changed, each with its value before the first change.
    before: Vec<(AttributeId, Option<Value>)>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(resource: &'a mut Resource) -> Self {
        let (resource_type, root) = resource.parts_mut();
        Self { resource_type, root, before: Vec::with_capacity(ROOM) }
    }

    pub(super) fn resource_type(&self) -> &'a Arc<ResourceType> {
        self.resource_type
    }

    /// The top-level attributes as they are now.
    pub(super) fn root(&self) -> &Object {
        self.root
    }

    /// The value of an attribute now; `None` for a sub-attribute of a list's elements, as in [`Resource::value`].
    #[inline]
    pub(super) fn value(&self, attribute: AttributeId) -> Option<&Value> {
        value_at(self.resource_type, attribute, |top| self.root.get(top))
    }

    /// The value of an attribute before the patch.
    pub(super) fn value_before(&self, attribute: AttributeId) -> Option<&Value> {
        value_at(self.resource_type, attribute, |top| match self.before.iter().find(|(changed, _)| *changed == top) {
            Some((_, before)) => before.as_ref(),
            None => self.root.get(top),
        })
    }

    /// The object that has `attribute` as a member, to be changed; it is created if it is missing.
    pub(super) fn object_with(&mut self, attribute: AttributeId) -> Option<&mut Object> {
        self.keep(self.resource_type.top_level(attribute));
        object_mut(self.resource_type, self.root, self.resource_type.parent(attribute))
    }

    /// Changes a list of references.
    pub(super) fn edit(&mut self, list: AttributeId, edit: &ValueEdit) {
        if let Some(value) = self.resource_type.value_of(list) {
            self.keep(list);
            edit.apply_in(self.root, list, value);
        }
    }

    /// Keeps the value of a top-level attribute that is about to change.
    fn keep(&mut self, top: AttributeId) {
        if !self.before.iter().any(|(kept, _)| *kept == top) {
            self.before.push((top, self.root.get(top).cloned()));
        }
    }

    /// The attributes at the top of the resource that may have changed, each with its value before the patch.
    pub(super) fn before(&self) -> impl Iterator<Item = (AttributeId, Option<&Value>)> + Clone {
        self.before.iter().map(|(top, before)| (*top, before.as_ref()))
    }

    /// Whether a value differs from its state before the patch.
    pub(super) fn is_changed(&self) -> bool {
        self.before().any(|(top, before)| self.root.get(top) != before)
    }

    /// Takes all changes back. An attribute that was removed becomes the last one: the order has no meaning (RFC 7643
    /// §2.3.8).
    pub(super) fn undo(&mut self) {
        for (top, before) in self.before.drain(..) {
            match before {
                Some(value) => drop(self.root.insert(top, value)),
                None => drop(self.root.remove(top)),
            }
        }
    }
}

/// The object of `attribute`, created if it is missing.
pub(super) fn object_mut<'o>(
    resource_type: &ResourceType,
    root: &'o mut Object,
    attribute: AttributeId,
) -> Option<&'o mut Object> {
    if attribute == AttributeId::ROOT {
        return Some(root);
    }
    let outer = object_mut(resource_type, root, resource_type.parent(attribute))?;
    if !outer.contains(attribute) {
        outer.insert(attribute, Value::Complex(Object::new()));
    }
    match outer.get_mut(attribute) {
        Some(Value::Complex(object)) => Some(object),
        _ => None,
    }
}
