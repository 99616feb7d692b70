//! Operations on `schemas`, which is not stored: it is derived from the extensions that have data (RFC 7644 §3.5.2).
//! An operation that removes a schema removes the object of its extension.

use serde_json::value::RawValue;

use super::{Op, PatchError, application::Application, path::Elements};
use crate::{
    quirks::Quirk,
    schema::{AttributeId, Extension, Mutability, Schema},
    value::Value,
};

impl Application<'_> {
    /// Applies an operation to `schemas` as a whole: `remove` drops the given extensions, `replace` drops all
    /// others, and `add` changes nothing. `among` means that `schemas` is a member among other attributes, where
    /// it is an echo.
    pub(super) fn schemas(&mut self, op: Op, raw: Option<&RawValue>, among: bool) -> Result<(), PatchError> {
        let Some(raw) = raw.filter(|raw| raw.get() != "null") else {
            return if op == Op::Add || among { Ok(()) } else { Err(base_schema_stays()) };
        };
        let uris = match serde_json::from_str::<Vec<String>>(raw.get()) {
            Ok(uris) => uris,
            Err(_) => match serde_json::from_str(raw.get()) {
                Ok(uri) if self.reading.allows(Quirk::OneForList) => vec![uri],
                _ => return Err(PatchError::value("expected a list of schema URIs")),
            },
        };
        if op == Op::Remove {
            if uris.iter().any(String::is_empty) {
                return Err(PatchError::value("expected schema URIs that are not empty"));
            }
            return uris.iter().try_for_each(|uri| self.drop_schema(uri));
        }
        let is_base = |uri: &String| uri.eq_ignore_ascii_case(self.resource_type.schema().id());
        let is_unknown = |uri: &&String| !is_base(uri) && self.resource_type.extension(uri).is_none();
        if let Some(unknown) = uris.iter().find(is_unknown)
            && !self.reading.allows(Quirk::UnknownSchema)
        {
            let message = format!("expected a schema of the resource type, found `{unknown:.60}`");
            return Err(PatchError::value(message));
        }
        if op == Op::Add || among {
            return Ok(());
        }
        if !uris.iter().any(is_base) {
            return Err(base_schema_stays());
        }
        for extension in self.resource_type.extensions() {
            if !uris.iter().any(|uri| uri.eq_ignore_ascii_case(extension.schema().id())) {
                self.drop_schema(extension.schema().id())?;
            }
        }
        Ok(())
    }

    /// Applies an operation to `schemas[value eq "urn:…"]`, also written as `schemas eq "urn:…"`.
    pub(super) fn schema_elements(&mut self, op: Op, elements: &Elements) -> Result<(), PatchError> {
        let condition = elements.condition(self.resource_type, self.reading.tolerance)?;
        if op != Op::Remove {
            return Err(PatchError::mutability("`schemas` follows from the attributes and cannot be changed"));
        }
        let resource_type = self.resource_type;
        for uri in resource_type.schemas().map(Schema::id) {
            let uri_value = Value::String(uri.into());
            if condition.as_ref().is_none_or(|condition| condition.matches_element(&uri_value)) {
                self.drop_schema(uri)?;
            }
        }
        Ok(())
    }

    /// Removes an extension. No operation may remove the resource's own attributes as a whole.
    pub(super) fn remove_object(&mut self, object: AttributeId) -> Result<(), PatchError> {
        if object == AttributeId::ROOT {
            return Err(PatchError::no_target());
        }
        if self.is_required_extension(object) {
            return Err(PatchError::mutability("the extension is required and cannot be removed"));
        }
        // As in PUT, read-only attributes, immutable attributes with an old value, and attributes with a default stay,
        // and with them the extension.
        let stays = |attribute: &AttributeId| {
            let definition = self.resource_type.attribute(*attribute);
            match definition.mutability() {
                Mutability::ReadOnly => true,
                Mutability::Immutable if self.draft.value_before(*attribute).is_some() => true,
                _ => definition.default_value().is_some(),
            }
        };
        let children = self.resource_type.children(object);
        let stay: Vec<AttributeId> = children.iter().copied().filter(stays).collect();
        let Some(root) = self.draft.object_with(object) else { return Ok(()) };
        let Some(Value::Complex(members)) = root.get_mut(object) else { return Ok(()) };
        members.retain(|attribute, _| stay.contains(&attribute));
        if members.is_empty() {
            root.remove(object);
        }
        self.forget_absent();
        Ok(())
    }

    fn drop_schema(&mut self, uri: &str) -> Result<(), PatchError> {
        match self.resource_type.extension(uri).map(Extension::attribute) {
            Some(extension) if self.draft.root().contains(extension) => self.remove_object(extension),
            None if uri.eq_ignore_ascii_case(self.resource_type.schema().id()) => Err(base_schema_stays()),
            _ => Ok(()),
        }
    }
}

fn base_schema_stays() -> PatchError {
    PatchError::mutability("the base schema cannot be removed from `schemas`")
}
