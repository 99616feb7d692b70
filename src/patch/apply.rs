//! Applying operations to a resource, one after the other, on a copy (RFC 7644 §3.5.2).
//!
//! This file has the operations on singular attributes and on objects of attributes; `elements` has those on lists.

use std::{cell::Cell, sync::Arc};

use serde_json::value::RawValue;

use super::{
    Op, Operation, Patch, PatchError, PatchErrorKind,
    membership::{Fold, foldable},
    path::Target,
    value::{cleared, is_nothing, members, unpacked},
};
use crate::{
    limits::{Limits, Work},
    quirks::{Quirk, Tolerance},
    resource::{
        Resource, ResourceError, ResourceErrorKind, is_assigned, judge, read_value, same, search_units, text_units,
    },
    schema::{AttributeId, AttributeType, Mutability, ResourceType},
    value::{Object, Value},
};

pub(super) fn apply(
    patch: &Patch,
    before: &Resource,
    limits: &Limits,
    tolerance: &mut Tolerance,
    work: &Work,
) -> Result<Option<Resource>, PatchError> {
    let mut application = Application::new(before, limits, tolerance, work);
    for (index, operation) in patch.operations.iter().enumerate() {
        application.step(index, operation)?;
    }
    application.finish()
}

/// A patch that is being applied.
pub(crate) struct Application<'a> {
    pub(super) kind: &'a Arc<ResourceType>,
    pub(super) before: &'a Resource,
    pub(super) after: Resource,
    /// Changes of lists of references that are not made yet.
    folds: Vec<(AttributeId, Fold)>,
    /// Lists with changed single values, two of which may have become the same value.
    pub(super) edited: Vec<AttributeId>,
    /// The attribute that each operation wrote to, in order to name the operation when the result breaks a rule.
    written: Vec<(usize, AttributeId)>,
    /// The work of the request to which the patch belongs.
    work: &'a Work,
    /// The units that the current operation may still spend.
    left: Cell<u64>,
    /// Whether the current members are in the object under the URN of the core schema.
    in_core_object: bool,
    pub(super) limits: &'a Limits,
    pub(super) tolerance: &'a mut Tolerance,
}

impl<'a> Application<'a> {
    /// The units that one operation may spend. No other task of the thread runs before the operation ends.
    const OPERATION: u64 = 1_000_000;

    /// An application to `before`, with no operation applied yet.
    pub(crate) fn new(before: &'a Resource, limits: &'a Limits, tolerance: &'a mut Tolerance, work: &'a Work) -> Self {
        Self {
            kind: before.kind(),
            before,
            after: before.clone(),
            folds: Vec::new(),
            edited: Vec::new(),
            written: Vec::new(),
            work,
            left: Cell::new(0),
            in_core_object: false,
            limits,
            tolerance,
        }
    }

    /// Applies the operation with this index. After an error the application must not be used again.
    pub(crate) fn step(&mut self, index: usize, operation: &Operation) -> Result<(), PatchError> {
        self.left.set(Self::OPERATION);
        self.operation(index, operation.op, operation.path(), operation.value.as_deref())
            .map_err(|error| error.in_operation(index).at(operation.path().unwrap_or_default()))
    }
}

impl Application<'_> {
    fn operation(
        &mut self,
        index: usize,
        op: Op,
        path: Option<&str>,
        raw: Option<&RawValue>,
    ) -> Result<(), PatchError> {
        let Some(path) = path else {
            return raw.map_or(Ok(()), |raw| self.object(index, op, AttributeId::ROOT, raw));
        };
        match self.at_path(index, op, path, raw) {
            Err(error) if error.kind() == PatchErrorKind::InvalidPath && self.passes_over(path) => Ok(()),
            done => done,
        }
    }

    fn at_path(&mut self, index: usize, op: Op, path: &str, raw: Option<&RawValue>) -> Result<(), PatchError> {
        let target = Target::parse(self.kind, path, self.limits, self.tolerance)?;
        if target.is_read_only(self.kind) {
            return Err(PatchError::mutability("expected an attribute that clients may change"));
        }
        self.write(index, op, &target, raw, false)
    }

    /// Whether the operation is ignored because its path names an attribute that the schema does not have. Such a
    /// path fails before the operation changes anything.
    fn passes_over(&mut self, path: &str) -> bool {
        Target::is_unknown(self.kind, path, self.limits, self.tolerance) && self.tolerance.allows(Quirk::UnknownPath)
    }

    /// Charges work that is about to be done.
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

    /// Applies one operation to one target. `among` means that the target is a member of an object of attributes.
    fn write(
        &mut self,
        index: usize,
        op: Op,
        target: &Target,
        raw: Option<&RawValue>,
        among: bool,
    ) -> Result<(), PatchError> {
        self.written.push((index, target.attribute()));
        let raw = raw.map(|raw| unpacked(self.kind, target, raw, self.limits, self.tolerance));
        let raw = self.value_for(op, target, raw.as_deref())?;
        if let Some(list) = target.list()
            && let Some(value) = foldable(self.kind, list)
        {
            let position = self.folds.iter().position(|(folded, _)| *folded == list).unwrap_or_else(|| {
                self.folds.push((list, Fold::new(value)));
                self.folds.len() - 1
            });
            if let Some((_, fold)) = self.folds.get_mut(position)
                && fold.operation(self.kind, op, target, raw, self.limits, self.tolerance)?
            {
                return Ok(());
            }
        }
        match target {
            Target::Attribute(AttributeId::SCHEMAS) => self.schemas(op, raw, among),
            Target::Attribute(attribute) if self.is_object(*attribute) => match raw {
                Some(raw) if raw.get() != "null" && !(among && is_nothing(raw)) => {
                    self.in_object(index, op, *attribute, raw)
                }
                // Among other attributes, the core schema without a value has no effect.
                Some(_) if among && *attribute == AttributeId::ROOT => Ok(()),
                Some(_) if op == Op::Add => Ok(()),
                _ => self.remove_object(*attribute),
            },
            Target::Attribute(attribute) if self.kind.attribute(*attribute).is_multi_valued() => {
                self.unfold(*attribute)?;
                self.list(op, *attribute, raw)
            }
            Target::Attribute(attribute) => self.singular(op, *attribute, raw),
            Target::Elements(elements) if elements.list == AttributeId::SCHEMAS => self.schema_elements(op, elements),
            Target::Elements(elements) => {
                self.unfold(elements.list)?;
                self.elements(op, elements, raw)
            }
        }
    }

    /// The value that counts for the operation. RFC 7644 §3.5.2.2 defines no `value` for `remove`: a value narrows
    /// the removal only for a bare list or the object of a schema. For every other path the operation removes the
    /// whole target.
    fn value_for<'r>(
        &mut self,
        op: Op,
        target: &Target,
        raw: Option<&'r RawValue>,
    ) -> Result<Option<&'r RawValue>, PatchError> {
        if op != Op::Remove || raw.is_none_or(|raw| raw.get() == "null") {
            return Ok(raw);
        }
        self.expect_no_value()?;
        let Target::Attribute(attribute) = target else { return Ok(None) };
        // The members of an extension are attributes, and a `value` names some of them.
        let names_members = self.is_object(*attribute) && raw.is_some_and(|raw| raw.get().starts_with('{'));
        Ok(raw.filter(|_| names_members || self.kind.attribute(*attribute).is_multi_valued()))
    }

    /// Applies an operation to the members of an extension, or of the resource under the URN of its core schema.
    fn in_object(&mut self, index: usize, op: Op, parent: AttributeId, raw: &RawValue) -> Result<(), PatchError> {
        if parent != AttributeId::ROOT {
            return self.object(index, op, parent, raw);
        }
        if std::mem::replace(&mut self.in_core_object, true) {
            // The object of the core schema has no member of this name.
            let ignored = self.tolerance.allows(Quirk::UnknownAttribute);
            return if ignored { Ok(()) } else { Err(PatchError::syntax("expected the core schema once")) };
        }
        let done = self.object(index, op, parent, raw);
        self.in_core_object = false;
        done
    }

    /// Whether `attribute` is the resource or an extension's object, whose members are attributes.
    fn is_object(&self, attribute: AttributeId) -> bool {
        attribute == AttributeId::ROOT
            || self.kind.extensions().iter().any(|extension| extension.attribute() == attribute)
    }

    /// The attribute of the resource or extension that contains the sub-attribute `attribute`; `attribute` if it
    /// is at the top.
    fn top(&self, mut attribute: AttributeId) -> AttributeId {
        while !self.is_object(attribute) && !self.is_object(self.kind.parent(attribute)) {
            attribute = self.kind.parent(attribute);
        }
        attribute
    }

    /// Applies each member of a value as an operation of its own (RFC 7644 §3.5.2.1, §3.5.2.3).
    fn object(&mut self, index: usize, op: Op, parent: AttributeId, raw: &RawValue) -> Result<(), PatchError> {
        let raw = unpacked(self.kind, &Target::Attribute(parent), raw, self.limits, self.tolerance);
        for (key, raw) in members(&raw)? {
            let target = Target::parse_key(self.kind, parent, &key, self.limits, self.tolerance)?;
            let Some(target) = target else { continue };
            let written = if target.is_read_only(self.kind) {
                self.echo(&target, raw)
            } else {
                self.write(index, op, &target, Some(raw), true)
            };
            match written {
                // An unknown attribute in the brackets of a key is ignored.
                Err(error)
                    if error.kind() == PatchErrorKind::InvalidPath
                        && Target::is_unknown(
                            self.kind,
                            &Target::path_of_key(self.kind, parent, &key),
                            self.limits,
                            self.tolerance,
                        )
                        && self.tolerance.allows(Quirk::UnknownAttribute) => {}
                written => written.map_err(|error| error.at(&key))?,
            }
        }
        Ok(())
    }

    /// Accepts a read-only attribute among others if it is an echo: clients send back the attributes that they
    /// have read.
    fn echo(&mut self, target: &Target, raw: &RawValue) -> Result<(), PatchError> {
        let attribute = target.attribute();
        let top = self.top(attribute);
        // The service provider derives such an attribute for each answer, so there is no stored value to compare with.
        let is_top = |[name, ..]: &[Box<str>; 4]| self.kind.child(AttributeId::ROOT, name) == Some(top);
        let derived = top == AttributeId::META
            || self.kind.is_reference_name(attribute)
            || self.kind.declared_relations().iter().any(is_top);
        let equal = derived || {
            let mut met = *self.tolerance;
            match (read_value(self.kind, attribute, raw, self.limits, &mut met), self.before.value(attribute)) {
                // No client has read an attribute that is never returned, so its value is no echo. An acceptance
                // would confirm a guess.
                _ if self.kind.is_sensitive(attribute) => false,
                (Ok(Some(value)), _) if self.holds_secret(&value) => false,
                (Ok(Some(value)), Some(stored)) => same(self.kind, attribute, &value, stored),
                (Ok(None), None) => true,
                _ => false,
            }
        };
        if equal && self.tolerance.allows(Quirk::ReadOnlyEcho) {
            return Ok(());
        }
        Err(PatchError::mutability("expected an attribute that clients may change"))
    }

    fn singular(&mut self, op: Op, attribute: AttributeId, raw: Option<&RawValue>) -> Result<(), PatchError> {
        if let Some(owner) = self.reference_owner(attribute) {
            return self.reference(op, owner, attribute, raw);
        }
        let value = match raw {
            Some(raw) => self.read(attribute, raw)?,
            None => None,
        };
        // A simple value that reads as `None` means that there is no value: `null`, `""`, or a URI of blanks.
        let is_simple = self.kind.attribute(attribute).kind() != AttributeType::Complex;
        let says_nothing = is_simple || raw.is_none_or(is_nothing);
        match value {
            // As in PUT, a missing value asserts nothing about an attribute that has a default (RFC 7644 §3.5.1).
            value if op != Op::Remove && self.keeps_value(attribute) && !is_assigned(value.as_ref()) => Ok(()),
            None if op == Op::Remove || says_nothing => self.unassign(attribute),
            // Every sub-attribute was dropped, but the client did not clear the attribute.
            None => self.merge_into(attribute, Object::new(), raw),
            Some(Value::Complex(object)) => self.merge_into(attribute, object, raw),
            Some(value) => self.assign(attribute, value),
        }
    }

    /// Merges `object` into a complex attribute. Sub-attributes that are not given keep their values (RFC 7644
    /// §3.5.2.3).
    fn merge_into(&mut self, attribute: AttributeId, object: Object, raw: Option<&RawValue>) -> Result<(), PatchError> {
        for (sub, value) in object {
            self.assign(sub, value)?;
        }
        for sub in raw.map(|raw| cleared(self.kind, attribute, raw, self.tolerance)).unwrap_or_default() {
            if !Target::Attribute(sub).is_read_only(self.kind) && self.reference_owner(sub).is_none() {
                self.unassign(sub)?;
            }
        }
        Ok(())
    }

    /// The complex attribute whose `$ref` is `attribute`; `None` unless `$ref` is derived from the id next to it.
    pub(super) fn reference_owner(&self, attribute: AttributeId) -> Option<AttributeId> {
        self.kind.referred_id(attribute).map(|_| self.kind.parent(attribute))
    }

    /// Applies an operation to `manager.$ref`, which is not stored: its value determines the id in
    /// `manager.value`.
    fn reference(
        &mut self,
        op: Op,
        owner: AttributeId,
        attribute: AttributeId,
        raw: Option<&RawValue>,
    ) -> Result<(), PatchError> {
        let (Some(raw), Op::Add | Op::Replace) = (raw.filter(|raw| raw.get() != "null"), op) else {
            return Err(PatchError::mutability("expected `value` to be changed, from which `$ref` follows"));
        };
        let name = self.kind.attribute(attribute).name();
        let object = RawValue::from_string(format!("{{\"{name}\":{}}}", raw.get()));
        self.singular(op, owner, Some(&*object.map_err(|error| PatchError::json(&error, "a reference"))?))
    }

    /// Reads the JSON of one attribute's value.
    pub(super) fn read(&mut self, attribute: AttributeId, raw: &RawValue) -> Result<Option<Value>, PatchError> {
        Ok(read_value(self.kind, attribute, raw, self.limits, self.tolerance)?)
    }

    /// Sets a singular attribute.
    fn assign(&mut self, attribute: AttributeId, value: Value) -> Result<(), PatchError> {
        self.check_immutable(attribute, Some(&value))?;
        if self.kind.attribute(attribute).mutable() == Mutability::Immutable && self.after.value(attribute).is_some() {
            // The values are the same, perhaps in another spelling: an immutable value keeps its spelling.
            return Ok(());
        }
        let parent = self.kind.parent(attribute);
        if let Some(object) = object_mut(self.kind, self.after.root_mut(), parent) {
            object.insert(attribute, value);
        }
        Ok(())
    }

    /// Removes the value of an attribute, and every object around it that becomes empty.
    pub(super) fn unassign(&mut self, attribute: AttributeId) -> Result<(), PatchError> {
        if self.after.value(attribute).is_none() {
            return Ok(());
        }
        if self.kind.attribute(attribute).is_required() || self.is_required_extension(attribute) {
            return Err(PatchError::mutability("expected a required attribute to keep a value"));
        }
        if self.keeps_value(attribute) {
            return Err(PatchError::mutability("expected an attribute with a default to keep a value"));
        }
        self.check_immutable(attribute, None)?;
        let parent = self.kind.parent(attribute);
        let Some(object) = object_mut(self.kind, self.after.root_mut(), parent) else { return Ok(()) };
        object.remove(attribute);
        if object.is_empty() && parent != AttributeId::ROOT {
            return self.unassign(parent);
        }
        Ok(())
    }

    /// Whether the attribute has a value that must stay, since the attribute has a default.
    fn keeps_value(&self, attribute: AttributeId) -> bool {
        self.kind.attribute(attribute).default().is_some() && is_assigned(self.after.value(attribute))
    }

    fn is_required_extension(&self, attribute: AttributeId) -> bool {
        let mut required = self.kind.extensions().iter().filter(|extension| extension.is_required());
        required.any(|extension| extension.attribute() == attribute)
    }

    /// Checks that an immutable attribute keeps the value that it has before the patch: removing the value first
    /// does not help.
    fn check_immutable(&self, attribute: AttributeId, value: Option<&Value>) -> Result<(), PatchError> {
        if self.kind.attribute(attribute).mutable() != Mutability::Immutable {
            return Ok(());
        }
        match (self.before.value(attribute), value) {
            (None, _) => Ok(()),
            (Some(before), Some(value)) if same(self.kind, attribute, before, value) => Ok(()),
            _ => Err(PatchError::mutability("expected an immutable attribute to keep its value")),
        }
    }

    /// Removes an extension. No operation may remove the resource's own attributes as a whole.
    pub(super) fn remove_object(&mut self, object: AttributeId) -> Result<(), PatchError> {
        if object == AttributeId::ROOT {
            return Err(PatchError::no_target());
        }
        if self.is_required_extension(object) {
            return Err(PatchError::mutability("expected a required extension to stay"));
        }
        // As in PUT, read-only attributes, immutable attributes with an old value, and attributes with a default stay,
        // and with them the extension.
        let (kind, before) = (Arc::clone(self.kind), self.before);
        let Some(Value::Complex(members)) = self.after.root_mut().get_mut(object) else { return Ok(()) };
        members.retain(|id, _| {
            let definition = kind.attribute(id);
            match definition.mutable() {
                Mutability::ReadOnly => true,
                Mutability::Immutable if before.value(id).is_some() => true,
                _ => definition.default().is_some(),
            }
        });
        if members.is_empty() {
            self.after.root_mut().remove(object);
        }
        Ok(())
    }

    /// Makes the postponed changes of one list.
    fn unfold(&mut self, list: AttributeId) -> Result<(), PatchError> {
        if let Some(position) = self.folds.iter().position(|(folded, _)| *folded == list) {
            let (_, fold) = self.folds.swap_remove(position);
            let values = self.after.value(list).map_or(0, |values| values.elements().len());
            self.charge(u64::try_from(values).unwrap_or(u64::MAX))?;
            fold.into_edit().apply(list, &mut self.after);
        }
        Ok(())
    }

    /// The changed resource, or `None` if the operations change nothing.
    pub(crate) fn finish(mut self) -> Result<Option<Resource>, PatchError> {
        self.left.set(Self::OPERATION);
        while let Some((list, _)) = self.folds.last() {
            let list = *list;
            self.unfold(list)?;
        }
        let mut edited = std::mem::take(&mut self.edited);
        edited.sort_unstable();
        edited.dedup();
        for list in edited {
            self.drop_doubles(list)?;
        }
        if self.after == *self.before {
            return Ok(None);
        }
        match judge(Some(self.before), &self.after) {
            Ok(()) => Ok(Some(self.after)),
            Err(error) => Err(self.blame(&error)),
        }
    }

    /// Blames a broken rule on the last operation that wrote to the attribute.
    fn blame(&self, error: &ResourceError) -> PatchError {
        let mut blamed = PatchError::from(error.clone());
        let Some(broken) = error.attribute() else { return blamed };
        if matches!(error.kind(), ResourceErrorKind::Required) && self.before.value(broken).is_some() {
            blamed = PatchError::mutability(error.to_string()).at(error.path());
        }
        let top = self.top(broken);
        let mut writers = self.written.iter().rev();
        match writers.find(|(_, attribute)| self.top(*attribute) == top) {
            Some((index, _)) => blamed.in_operation(*index),
            None => blamed,
        }
    }
}

/// The object of `attribute`, created if it is missing.
pub(super) fn object_mut<'o>(
    kind: &ResourceType,
    root: &'o mut Object,
    attribute: AttributeId,
) -> Option<&'o mut Object> {
    if attribute == AttributeId::ROOT {
        return Some(root);
    }
    let outer = object_mut(kind, root, kind.parent(attribute))?;
    if !outer.contains(attribute) {
        outer.insert(attribute, Value::Complex(Object::new()));
    }
    match outer.get_mut(attribute) {
        Some(Value::Complex(object)) => Some(object),
        _ => None,
    }
}
