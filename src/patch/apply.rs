//! Applying the operations of a patch to a resource, one after the other (RFC 7644 §3.5.2).
//!
//! This file finds the target of each operation and divides an object of attributes into its members. `singular`,
//! `list`, `elements` and `schemas` apply an operation to one target.

use serde_json::value::RawValue;

use super::{
    Op, Operation, Patch, PatchError, PatchErrorKind,
    application::Application,
    members::members,
    membership::{Fold, foldable},
    path::Target,
    value::{is_nothing, unpacked},
};
use crate::{
    limits::Work,
    quirks::{Quirk, Reading},
    resource::{Resource, ResourceError, ResourceErrorKind, judge_changes, read_value, same},
    schema::{AttributeId, ResourceType},
};

pub(super) fn apply(
    patch: &Patch,
    resource: &mut Resource,
    reading: Reading<'_>,
    work: &Work,
) -> Result<bool, PatchError> {
    let mut application = Application::new(resource, reading, work);
    let mut operations = patch.operations.iter().enumerate();
    let applied = operations.try_for_each(|(index, operation)| application.step(index, operation));
    let done = applied.and_then(|()| application.finish());
    // Equal values can have different spellings, such as `1.0` and `1.00`: a resource without a change keeps its own.
    if done != Ok(true) {
        application.draft.undo();
    }
    done
}

impl Application<'_> {
    /// Applies the operation with this index. After an error the application must not be used again.
    pub(crate) fn step(&mut self, index: usize, operation: &Operation) -> Result<(), PatchError> {
        self.begin_operation();
        self.operation(index, operation.op, operation.path(), operation.value.as_deref())
            .map_err(|error| error.in_operation(index).at(operation.path().unwrap_or_default()))
    }

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
        let target = Target::parse(self.resource_type, path, &mut self.reading)?;
        if target.is_read_only(self.resource_type) {
            return Err(read_only(self.resource_type, &target));
        }
        self.write(index, op, &target, raw, false)
    }

    /// Whether the operation is ignored because its path names an attribute that the schema does not have. Such a
    /// path fails before the operation changes anything.
    fn passes_over(&mut self, path: &str) -> bool {
        Target::is_unknown(self.resource_type, path, &self.reading) && self.reading.allows(Quirk::UnknownPath)
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
        let raw = raw.map(|raw| unpacked(self.resource_type, target, raw, &mut self.reading));
        let raw = self.value_for(op, target, raw.as_deref())?;
        if let Some(list) = target.list()
            && let Some(value) = foldable(self.resource_type, list)
        {
            let position = self.folds.iter().position(|(folded, _)| *folded == list).unwrap_or_else(|| {
                self.folds.push((list, Fold::new(value)));
                self.folds.len() - 1
            });
            if let Some((_, fold)) = self.folds.get_mut(position)
                && fold.operation(self.resource_type, op, target, raw, &mut self.reading)?
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
            Target::Attribute(attribute) if self.resource_type.attribute(*attribute).is_multi_valued() => {
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
        Ok(raw.filter(|_| names_members || self.resource_type.attribute(*attribute).is_multi_valued()))
    }

    /// Applies an operation to the members of an extension, or of the resource under the URN of its core schema.
    fn in_object(&mut self, index: usize, op: Op, parent: AttributeId, raw: &RawValue) -> Result<(), PatchError> {
        if parent != AttributeId::ROOT {
            return self.object(index, op, parent, raw);
        }
        if std::mem::replace(&mut self.in_core_object, true) {
            // The object of the core schema has no member of this name.
            let ignored = self.reading.allows(Quirk::UnknownAttribute);
            return if ignored { Ok(()) } else { Err(PatchError::syntax("expected the core schema once")) };
        }
        let done = self.object(index, op, parent, raw);
        self.in_core_object = false;
        done
    }

    /// Applies each member of a value as an operation of its own (RFC 7644 §3.5.2.1, §3.5.2.3).
    fn object(&mut self, index: usize, op: Op, parent: AttributeId, raw: &RawValue) -> Result<(), PatchError> {
        let raw = unpacked(self.resource_type, &Target::Attribute(parent), raw, &mut self.reading);
        for (key, raw) in members(&raw)? {
            let target = Target::parse_key(self.resource_type, parent, &key, &mut self.reading)?;
            let Some(target) = target else { continue };
            let written = if target.is_read_only(self.resource_type) {
                self.echo(&target, raw)
            } else {
                self.write(index, op, &target, Some(raw), true)
            };
            match written {
                // An unknown attribute in the brackets of a key is ignored.
                Err(error)
                    if error.kind() == PatchErrorKind::InvalidPath
                        && Target::is_unknown(
                            self.resource_type,
                            &Target::path_of_key(self.resource_type, parent, &key),
                            &self.reading,
                        )
                        && self.reading.allows(Quirk::UnknownAttribute) => {}
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
        let is_top = |[name, ..]: &[Box<str>; 4]| self.resource_type.child(AttributeId::ROOT, name) == Some(top);
        let derived = top == AttributeId::META
            || self.resource_type.is_reference_name(attribute)
            || self.resource_type.declared_relations().iter().any(is_top);
        let equal = derived || {
            let mut met = *self.reading.tolerance;
            match (
                read_value(self.resource_type, attribute, raw, &mut self.reading.on_trial(&mut met)),
                self.draft.value_before(attribute),
            ) {
                // No client has read an attribute that is never returned, so its value is no echo. An acceptance
                // would confirm a guess.
                _ if self.resource_type.is_sensitive(attribute) => false,
                (Ok(Some(value)), _) if self.holds_secret(&value) => false,
                (Ok(Some(value)), Some(stored)) => same(self.resource_type, attribute, &value, stored),
                (Ok(None), None) => true,
                _ => false,
            }
        };
        if equal && self.reading.allows(Quirk::ReadOnlyEcho) {
            return Ok(());
        }
        Err(read_only(self.resource_type, target))
    }

    /// Makes the postponed changes of one list.
    fn unfold(&mut self, list: AttributeId) -> Result<(), PatchError> {
        if let Some(position) = self.folds.iter().position(|(folded, _)| *folded == list) {
            let (_, fold) = self.folds.swap_remove(position);
            let values = self.draft.value(list).map_or(0, |values| values.elements().len());
            self.charge(u64::try_from(values).unwrap_or(u64::MAX))?;
            self.draft.edit(list, &fold.into_edit());
        }
        Ok(())
    }

    /// Ends the application after its last operation. Returns whether the operations changed the resource.
    pub(crate) fn finish(&mut self) -> Result<bool, PatchError> {
        self.begin_operation();
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
        if !self.draft.is_changed() {
            return Ok(false);
        }
        let judged = judge_changes(self.resource_type, self.draft.before(), self.draft.root());
        judged.map_err(|error| self.blame(&error))?;
        Ok(true)
    }

    /// Blames a broken rule on the last operation that wrote to the attribute.
    fn blame(&self, error: &ResourceError) -> PatchError {
        let mut blamed = PatchError::from(error.clone());
        let Some(broken) = error.attribute() else { return blamed };
        if matches!(error.kind(), ResourceErrorKind::Required) && self.draft.value_before(broken).is_some() {
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

/// The error for an operation on a target that only the service provider changes.
fn read_only(resource_type: &ResourceType, target: &Target) -> PatchError {
    PatchError::mutability(format!("`{:.200}` is read-only", resource_type.path(target.attribute())))
}
