//! The `value` of a `remove`: the elements that it names, and the values that it must not name (RFC 7644 §3.5.2.2
//! has no such value).

use super::{PatchError, application::Application};
use crate::{
    quirks::Quirk,
    resource::Named,
    schema::{AttributeId, ResourceType},
    value::{Object, Value},
};

impl Application<'_> {
    pub(super) fn expect_no_value(&mut self) -> Result<(), PatchError> {
        if self.reading.allows(Quirk::RemoveWithValue) {
            return Ok(());
        }
        Err(PatchError::value("expected no `value` for `remove`"))
    }

    /// Refuses a value that no client may read: the removal would confirm a guess.
    pub(super) fn expect_nothing_secret(&self, given: &[Value]) -> Result<(), PatchError> {
        if given.iter().any(|value| self.holds_secret(value)) {
            return Err(PatchError::value("the `value` has an attribute that may not be read"));
        }
        Ok(())
    }

    /// Whether a sub-attribute of a complex value is never returned.
    pub(super) fn holds_secret(&self, value: &Value) -> bool {
        let mut parts = value.as_object().into_iter().flat_map(Object::iter);
        parts.any(|(id, _)| self.resource_type.is_sensitive(id))
            || matches!(value, Value::List(values) if values.iter().any(|value| self.holds_secret(value)))
    }
}

/// The elements that the values of a `remove` name. A value that has `value` names an element by it, and by `type`
/// if the value has a `type` and is no reference. A value without `value` names an element by all its sub-attributes.
pub(super) fn named(resource_type: &ResourceType, list: AttributeId, values: Vec<Value>) -> Named<'_> {
    let conventional = resource_type.conventional(list);
    let is_reference = resource_type.is_reference_list(list);
    Named::new(resource_type, list, values, |given| match conventional.value.filter(|id| given.contains(*id)) {
        Some(id) => {
            let type_of = conventional.type_of.filter(|type_of| !is_reference && given.contains(*type_of));
            std::iter::once(id).chain(type_of).collect()
        }
        None => given.iter().map(|(id, _)| id).collect(),
    })
}
