//! The steps on one element of a list: merging sub-attributes into it, and making it the primary one.

use super::{PatchError, application::Application};
use crate::{
    resource::{keeps_stored, same},
    schema::{AttributeId, Mutability},
    value::{Object, Value},
};

impl Application<'_> {
    /// Puts the sub-attributes of `object` into an element and removes those in `cleared`. `whole` means that the
    /// client sent an element, in which the type of a referenced resource is an echo.
    pub(super) fn merge(
        &self,
        element: &mut Object,
        object: &Object,
        cleared: &[AttributeId],
        whole: bool,
    ) -> Result<(), PatchError> {
        for (sub, value) in object {
            if whole && self.resource_type.is_reference_type(sub) && element.contains(sub) {
                continue;
            }
            self.check_part(sub, element, Some(value))?;
            if element.get(sub).is_some_and(|stored| keeps_stored(self.resource_type, sub, stored, Some(value))) {
                continue;
            }
            element.insert(sub, value.clone());
        }
        for sub in cleared.iter().filter(|sub| self.resource_type.attribute(**sub).mutability() != Mutability::ReadOnly)
        {
            if element.contains(*sub) {
                self.check_part(*sub, element, None)?;
                element.remove(*sub);
            }
        }
        Ok(())
    }

    /// Checks that a sub-attribute of an element may get this value, or lose its value if `value` is `None`.
    pub(super) fn check_part(
        &self,
        sub: AttributeId,
        element: &Object,
        value: Option<&Value>,
    ) -> Result<(), PatchError> {
        let definition = self.resource_type.attribute(sub);
        if value.is_none() && definition.is_required() {
            return Err(self.refused(sub, "is required and keeps a value"));
        }
        let fixed = definition.mutability() == Mutability::Immutable;
        let keeps = |there: &Value| value.is_some_and(|value| same(self.resource_type, sub, there, value));
        if fixed && element.get(sub).is_some_and(|there| !keeps(there)) {
            return Err(self.refused(sub, "is immutable and keeps its value"));
        }
        Ok(())
    }

    /// Makes the value at the single position in `positions` the primary value (RFC 7644 §3.5.2, §3.5.2.3).
    pub(super) fn only_primary(
        &self,
        list: AttributeId,
        there: &mut [Value],
        positions: &[usize],
    ) -> Result<(), PatchError> {
        let [position] = positions else { return Err(PatchError::value("expected at most one primary value")) };
        let Some(primary) = self.resource_type.conventional(list).primary else { return Ok(()) };
        for (at, value) in there.iter_mut().enumerate() {
            let Value::Complex(object) = value else { continue };
            if at == *position {
                object.insert(primary, Value::Boolean(true));
            } else if let Some(other @ Value::Boolean(true)) = object.get_mut(primary) {
                *other = Value::Boolean(false);
            }
        }
        Ok(())
    }

    pub(super) fn is_primary(&self, list: AttributeId, object: &Object) -> bool {
        let primary = self.resource_type.conventional(list).primary.and_then(|primary| object.get(primary));
        primary.and_then(Value::as_bool) == Some(true)
    }
}
