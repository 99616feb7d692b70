//! The state of a patch that is being applied: the resource, its budget of work, and the steps on one attribute that
//! every operation consists of.
//!
//! This file knows no operation. `apply` divides a patch into operations, and the files between the two apply them.

use std::{cell::Cell, sync::Arc};

use serde_json::value::RawValue;

use super::{PatchError, PatchErrorKind, draft::Draft, membership::Fold};
use crate::{
    limits::Work,
    quirks::Reading,
    resource::{Resource, is_assigned, read_value, same, search_units, text_units},
    schema::{AttributeId, Mutability, ResourceType},
    value::Value,
};

/// Room for the writes of a typical patch.
const ROOM: usize = 8;

/// A patch that is being applied.
pub(crate) struct Application<'a> {
    pub(super) resource_type: &'a Arc<ResourceType>,
    pub(super) draft: Draft<'a>,
    /// Changes of lists of references that are not made yet.
    pub(super) folds: Vec<(AttributeId, Fold)>,
    /// Lists with changed single values, two of which may have become the same value.
    pub(super) edited: Vec<AttributeId>,
    /// The attribute that each operation wrote to, in order to name the operation when the result breaks a rule.
    pub(super) written: Vec<(usize, AttributeId)>,
    /// The work of the request to which the patch belongs.
    work: &'a Work,
    /// The units that the current operation may still spend.
    left: Cell<u64>,
    /// Whether the current members are in the object under the URN of the core schema.
    pub(super) in_core_object: bool,
    pub(super) reading: Reading<'a>,
}

impl<'a> Application<'a> {
    /// The units that one operation may spend. No other task of the thread runs before the operation ends.
    const OPERATION: u64 = 1_000_000;

    /// An application to `resource`, with no operation applied yet.
    pub(crate) fn new(resource: &'a mut Resource, reading: Reading<'a>, work: &'a Work) -> Self {
        let draft = Draft::new(resource);
        Self {
            resource_type: draft.resource_type(),
            draft,
            folds: Vec::new(),
            edited: Vec::new(),
            written: Vec::with_capacity(ROOM),
            work,
            left: Cell::new(0),
            in_core_object: false,
            reading,
        }
    }
}

// `#[inline]` lets the files of operations have these short steps as their own, as if all were one file.
impl Application<'_> {
    /// Gives the next operation its units of work.
    #[inline]
    pub(super) fn begin_operation(&self) {
        self.left.set(Self::OPERATION);
    }

    /// Charges work that is about to be done.
    #[inline]
    pub(super) fn charge(&self, units: u64) -> Result<(), PatchError> {
        let Some(left) = self.left.get().checked_sub(units) else {
            let detail = format!("the operation needs more work than {} units", Self::OPERATION);
            return Err(PatchError::new(PatchErrorKind::TooMany, detail));
        };
        self.left.set(left);
        self.work.charge(units).map_err(|exceeded| PatchError::new(PatchErrorKind::TooMany, exceeded.to_string()))
    }

    /// Charges `times` looks at every value of a list, at least one look.
    pub(super) fn look_at(&self, list: &[Value], times: usize) -> Result<(), PatchError> {
        let units: u64 = list.iter().map(text_units).sum();
        self.charge(units.saturating_mul(u64::try_from(times.max(1)).unwrap_or(u64::MAX)))
    }

    /// Charges `times` substring searches in every value of a list.
    pub(super) fn search(&self, list: &[Value], times: usize) -> Result<(), PatchError> {
        if times == 0 {
            return Ok(());
        }
        let units: u64 = list.iter().map(search_units).sum();
        self.charge(units.saturating_mul(u64::try_from(times).unwrap_or(u64::MAX)))
    }

    /// Whether `attribute` is the resource or an extension's object, whose members are attributes.
    #[inline]
    pub(super) fn is_object(&self, attribute: AttributeId) -> bool {
        attribute == AttributeId::ROOT
            || self.resource_type.extensions().iter().any(|extension| extension.attribute() == attribute)
    }

    /// The attribute of the resource or extension that contains the sub-attribute `attribute`; `attribute` if it
    /// is at the top.
    pub(super) fn top(&self, mut attribute: AttributeId) -> AttributeId {
        while !self.is_object(attribute) && !self.is_object(self.resource_type.parent(attribute)) {
            attribute = self.resource_type.parent(attribute);
        }
        attribute
    }

    /// The complex attribute whose `$ref` is `attribute`; `None` unless `$ref` is derived from the id next to it.
    #[inline]
    pub(super) fn reference_owner(&self, attribute: AttributeId) -> Option<AttributeId> {
        self.resource_type.referred_id(attribute).map(|_| self.resource_type.parent(attribute))
    }

    /// Reads the JSON of one attribute's value.
    #[inline]
    pub(super) fn read(&mut self, attribute: AttributeId, raw: &RawValue) -> Result<Option<Value>, PatchError> {
        Ok(read_value(self.resource_type, attribute, raw, &mut self.reading)?)
    }

    /// Sets a singular attribute (RFC 7644 §3.5.2.1).
    pub(super) fn assign(&mut self, attribute: AttributeId, value: Value) -> Result<(), PatchError> {
        self.check_immutable(attribute, Some(&value))?;
        if self.resource_type.attribute(attribute).mutability() == Mutability::Immutable
            && self.draft.value(attribute).is_some()
        {
            // The values are the same, perhaps in another spelling: an immutable value keeps its spelling.
            return Ok(());
        }
        if let Some(object) = self.draft.object_with(attribute) {
            object.insert(attribute, value);
        }
        Ok(())
    }

    /// Removes the value of an attribute, and every object around it that becomes empty (RFC 7644 §3.5.2.2).
    pub(super) fn unassign(&mut self, attribute: AttributeId) -> Result<(), PatchError> {
        if self.draft.value(attribute).is_none() {
            return Ok(());
        }
        if self.resource_type.attribute(attribute).is_required() || self.is_required_extension(attribute) {
            return Err(self.refused(attribute, "is required and keeps a value"));
        }
        if self.keeps_value(attribute) {
            return Err(self.refused(attribute, "has a default and keeps a value"));
        }
        self.check_immutable(attribute, None)?;
        let parent = self.resource_type.parent(attribute);
        let Some(object) = self.draft.object_with(attribute) else { return Ok(()) };
        object.remove(attribute);
        let is_empty = object.is_empty();
        self.forget_absent();
        if is_empty && parent != AttributeId::ROOT {
            return self.unassign(parent);
        }
        Ok(())
    }

    /// Whether the attribute has a value that must stay, since the attribute has a default.
    #[inline]
    pub(super) fn keeps_value(&self, attribute: AttributeId) -> bool {
        self.resource_type.attribute(attribute).default_value().is_some() && is_assigned(self.draft.value(attribute))
    }

    #[inline]
    pub(super) fn is_required_extension(&self, attribute: AttributeId) -> bool {
        let mut required = self.resource_type.extensions().iter().filter(|extension| extension.is_required());
        required.any(|extension| extension.attribute() == attribute)
    }

    /// Checks that an immutable attribute keeps the value that it has before the patch (RFC 7644 §3.5.2): removing the
    /// value first does not help.
    fn check_immutable(&self, attribute: AttributeId, value: Option<&Value>) -> Result<(), PatchError> {
        if self.resource_type.attribute(attribute).mutability() != Mutability::Immutable {
            return Ok(());
        }
        match (self.draft.value_before(attribute), value) {
            (None, _) => Ok(()),
            (Some(before), Some(value)) if same(self.resource_type, attribute, before, value) => Ok(()),
            _ => Err(self.refused(attribute, "is immutable and keeps its value")),
        }
    }

    /// The error for a change that the attribute does not allow.
    pub(super) fn refused(&self, attribute: AttributeId, fact: &str) -> PatchError {
        PatchError::mutability(format!("`{:.200}` {fact}", self.resource_type.path(attribute)))
    }

    /// Takes the values of a list out of the resource; an empty list keeps their position.
    pub(super) fn take(&mut self, list: AttributeId) -> Vec<Value> {
        if self.draft.value(list).is_none() {
            return Vec::new();
        }
        match self.draft.object_with(list).and_then(|object| object.get_mut(list)) {
            Some(Value::List(values)) => std::mem::take(values).into_vec(),
            _ => Vec::new(),
        }
    }

    /// Puts a list back. An empty list is unassigned.
    pub(super) fn put(&mut self, list: AttributeId, values: Vec<Value>) -> Result<(), PatchError> {
        if values.is_empty() {
            return self.unassign(list);
        }
        // All operations together may add as many values as one request may have. `Fold` counts references.
        let most = self.reading.limits.values;
        let before = self.draft.value_before(list).map_or(0, |before| before.elements().len());
        if values.len() > before.saturating_add(most) && !self.resource_type.is_reference_list(list) {
            return Err(PatchError::new(PatchErrorKind::TooMany, format!("expected at most {most} values")));
        }
        if let Some(object) = self.draft.object_with(list) {
            object.insert(list, Value::List(values.into()));
        }
        Ok(())
    }

    /// Notes that single values of a list were changed. The list is noted once, since a request may do so a
    /// thousand times.
    pub(super) fn edit(&mut self, list: AttributeId) {
        if !self.edited.contains(&list) {
            self.edited.push(list);
        }
    }

    /// Forgets that single values were changed of lists that no longer have a value.
    pub(super) fn forget_absent(&mut self) {
        self.edited.retain(|list| self.draft.value(*list).is_some());
    }

    /// Forgets that single values of a list were changed, since the client has replaced the whole list.
    pub(super) fn forget_edits(&mut self, list: AttributeId) {
        self.edited.retain(|edited| *edited != list);
    }
}
