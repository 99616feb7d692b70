//! Operations on a list as a whole.
//!
//! A list is taken out of the resource, changed and put back. An operation that fails does not put the list back,
//! which does no harm: the whole patch has failed then.

use serde_json::value::RawValue;

use super::{Op, PatchError, application::Application, remove_value::named};
use crate::{
    resource::{List, Loss, ValueSearch, keeps_stored, read_list, read_selection},
    schema::AttributeId,
    value::{Object, Text, Value},
};

impl Application<'_> {
    /// Applies an operation to a list as a whole (RFC 7644 §3.5.2.1, §3.5.2.2, §3.5.2.3).
    pub(super) fn list(&mut self, op: Op, list: AttributeId, raw: Option<&RawValue>) -> Result<(), PatchError> {
        let Some(raw) = raw.filter(|raw| raw.get() != "null") else {
            return if op == Op::Add { Ok(()) } else { self.unassign(list) };
        };
        if op == Op::Remove {
            let given = read_selection(self.resource_type, list, raw, &mut self.reading)?;
            self.expect_nothing_secret(&given)?;
            let mut there = self.take(list);
            let given = named(self.resource_type, list, given);
            self.look_at(&there, given.lookups())?;
            there.retain(|element| !given.names(element));
            return self.put(list, there);
        }
        let List { values: given, loss, unpacked } = read_list(self.resource_type, list, raw, &mut self.reading)?;
        match op {
            Op::Add => {
                let there = self.take(list);
                self.append(list, there, given, &unpacked)
            }
            // The list gets exactly the values that the client sent.
            _ if !given.is_empty() => {
                let given = self.with_fixed_parts(list, given)?;
                self.take(list);
                self.forget_edits(list);
                self.put(list, given)
            }
            // The schema knows none of the values, so the operation is ignored, as an operation on an unknown
            // attribute is.
            _ if loss == Loss::Unknown => Ok(()),
            _ if loss == Loss::Void => Err(PatchError::value("expected values that are not empty")),
            // Every value in the list is unassigned.
            _ => self.unassign(list),
        }
    }

    /// Adds values to a list that was taken out, and puts the list back. A value that the list already contains is
    /// not added again (RFC 7644 §3.5.2.1). The values in `unpacked` came as text that names a value without all
    /// of its sub-attributes.
    fn append(
        &mut self,
        list: AttributeId,
        mut there: Vec<Value>,
        given: Vec<Value>,
        unpacked: &[Text],
    ) -> Result<(), PatchError> {
        let is_reference = self.resource_type.is_reference_list(list);
        let (value_of, display) = (self.resource_type.value_of(list), self.resource_type.child(list, "display"));
        let before = there.len();
        let mut known = ValueSearch::new(self.resource_type, list, &there, given.len());
        let mut named = ValueSearch::new(self.resource_type, list, &there, unpacked.len());
        let mut primaries = Vec::new();
        for value in given {
            let is_primary = value.as_object().is_some_and(|object| self.is_primary(list, object));
            let is_unpacked = !unpacked.is_empty()
                && value.as_object().is_some_and(|object| {
                    let name = value_of.and_then(|id| object.get(id)?.as_str());
                    name.is_some_and(|name| unpacked.iter().any(|unpacked| unpacked.as_str() == name))
                        && object.iter().all(|(id, _)| Some(id) == value_of || Some(id) == display)
                });
            // The `value` identifies such an element, regardless of its other sub-attributes in the request body.
            let identity = value_of.filter(|_| is_reference || is_unpacked);
            let only_id = identity.and_then(|id| Some((id, value.as_object()?.get(id)?.clone())));
            let found = match (identity, only_id) {
                (_, Some(only_id)) => {
                    let only = Value::Complex(Object::from_iter([only_id]));
                    let found = if is_unpacked { &mut named } else { &mut known };
                    let among = if is_unpacked { there.len() } else { before };
                    found.position(there.get(..among).unwrap_or_default(), &only)
                }
                (Some(_), None) => None,
                // Only the stored values are compared: the order of the given values must not decide which of them
                // are added.
                (None, None) => known.position(there.get(..before).unwrap_or_default(), &value),
            };
            self.charge(known.take_units().saturating_add(named.take_units()))?;
            let position = found.unwrap_or(there.len());
            match (found, value) {
                (None, value) => there.push(value),
                (Some(position), Value::Complex(given)) if is_unpacked => {
                    if let Some(Value::Complex(element)) = there.get_mut(position) {
                        self.merge(element, &given, &[], true)?;
                    }
                }
                _ => {}
            }
            if is_primary {
                primaries.push(position);
            }
        }
        if !primaries.is_empty() {
            self.only_primary(list, &mut there, &primaries)?;
        }
        self.put(list, there)
    }

    /// Copies immutable sub-attributes and the resource's type to references that stay in a list, whether or not
    /// the client repeats them.
    fn with_fixed_parts(&self, list: AttributeId, mut given: Vec<Value>) -> Result<Vec<Value>, PatchError> {
        let identity = self.resource_type.value_of(list).filter(|_| self.resource_type.is_reference_list(list));
        let (Some(identity), Some(before)) = (identity, self.draft.value(list)) else { return Ok(given) };
        let before = before.elements();
        let mut known = ValueSearch::new(self.resource_type, list, before, given.len());
        for value in &mut given {
            let Value::Complex(object) = value else { continue };
            let Some(id) = object.get(identity).cloned() else { continue };
            let found = known.position(before, &Value::Complex(Object::from_iter([(identity, id)])));
            self.charge(known.take_units())?;
            let Some(stored) = found.and_then(|position| before.get(position)?.as_object()) else { continue };
            for (sub, part) in stored {
                if keeps_stored(self.resource_type, sub, part, object.get(sub)) {
                    object.insert(sub, part.clone());
                }
            }
        }
        Ok(given)
    }
}
