//! Operations on singular attributes (RFC 7644 §3.5.2.1, §3.5.2.3).

use serde_json::value::RawValue;

use super::{
    Op, PatchError,
    application::Application,
    path::Target,
    value::{cleared, is_nothing, object_of},
};
use crate::{
    resource::is_assigned,
    schema::{AttributeId, AttributeType},
    value::{Object, Value},
};

impl Application<'_> {
    /// Applies an operation to a singular attribute.
    pub(super) fn singular(
        &mut self,
        op: Op,
        attribute: AttributeId,
        raw: Option<&RawValue>,
    ) -> Result<(), PatchError> {
        if let Some(owner) = self.reference_owner(attribute) {
            return self.reference(op, owner, attribute, raw);
        }
        let value = match raw {
            Some(raw) => self.read(attribute, raw)?,
            None => None,
        };
        // A simple value that reads as `None` means that there is no value: `null`, `""`, or a URI of blanks.
        let is_simple = self.resource_type.attribute(attribute).data_type() != AttributeType::Complex;
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
        for sub in
            raw.map(|raw| cleared(self.resource_type, attribute, raw, self.reading.tolerance)).unwrap_or_default()
        {
            if !Target::Attribute(sub).is_read_only(self.resource_type) && self.reference_owner(sub).is_none() {
                self.unassign(sub)?;
            }
        }
        Ok(())
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
            return Err(self.refused(attribute, "follows from `value`, which can be changed"));
        };
        let object = object_of(self.resource_type, attribute, raw, "a reference")?;
        self.singular(op, owner, Some(&object))
    }
}
