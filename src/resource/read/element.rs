//! The elements of multi-valued attributes: which JSON counts as an element (RFC 7643 §2.4).
//!
//! An element that lost its content while it was read must neither be stored nor select a stored element, or a
//! request would affect more than the client named. Every verb reads its lists here, so every verb gives the same
//! answer.

use serde::{
    Deserialize,
    de::{DeserializeSeed, Error, IgnoredAny},
};

use super::{
    super::ResourceErrorKind,
    Reader,
    seen::Tally,
    value::{Mode, OfAttribute},
};
use crate::{
    quirks::Quirk,
    schema::{AttributeId, AttributeType, Mutability, ResourceType},
    value::{Object, Value},
};

/// Elements of a list that were dropped because they have no content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Loss {
    #[default]
    None,
    /// An object without members.
    Void,
    /// An element all of whose members are unknown, or set by the service provider only.
    Unknown,
}

impl OfAttribute<'_, '_> {
    /// Puts an object into its place, unless it has no content.
    pub(super) fn complex<E: Error>(self, mut object: Object, tally: &Tally) -> Result<(), E> {
        let resource_type = self.reader.resource_type;
        let is_multi_valued = resource_type.attribute(self.attribute).is_multi_valued();
        if is_multi_valued
            && !self.reader.is_stored()
            && let Some(packed) = self.reader.packed_in(self.attribute, &object)
        {
            self.reader.unpack(self.attribute, &mut object, packed)?;
        }
        if !is_multi_valued || self.mode == Mode::One || self.reader.is_stored() {
            if !object.is_empty() {
                self.put(Value::Complex(object));
            }
            return Ok(());
        }
        if let Some(id) =
            resource_type.value_of(self.attribute).filter(|_| resource_type.is_reference_list(self.attribute))
        {
            if object.get(id).and_then(Value::as_str).is_none_or(str::is_empty) {
                return Err(self.reader.fail(id, ResourceErrorKind::Required));
            }
            self.put(Value::Complex(object));
            return Ok(());
        }
        if object.is_empty() && !tally.unassigned {
            if self.reader.selects() && !tally.lost {
                return Err(self.reader.fail(self.attribute, ResourceErrorKind::NoContent));
            }
            // The element is ignored, as an unknown attribute is; the reader remembers that the request had an element.
            self.reader.loss = self.reader.loss.max(if tally.lost { Loss::Unknown } else { Loss::Void });
        }
        let says_nothing = if self.reader.selects() {
            tally.lost || tally.unassigned
        } else {
            object.is_empty() || tally.no_value && only_labels(resource_type, self.attribute, &object)
        };
        if !says_nothing {
            self.put(Value::Complex(object));
        }
        Ok(())
    }

    /// Reads an app role that Entra packed into the text of a whole element.
    pub(super) fn packed_element<E: Error>(&mut self, text: &str) -> Result<Option<Object>, E> {
        let resource_type = self.reader.resource_type;
        let is_list = resource_type.attribute(self.attribute).is_multi_valued()
            && !resource_type.is_reference_list(self.attribute);
        if !is_list || !text.starts_with('{') {
            return Ok(None);
        }
        let packed = self.reader.packed(self.attribute, text).filter(|packed| packed.display_name.is_some());
        let mut object = Object::new();
        let is_unpacked = match packed {
            Some(packed) => self.reader.unpack(self.attribute, &mut object, packed)?,
            None => false,
        };
        Ok(Some(object).filter(|_| is_unpacked))
    }

    /// Reads text that holds the JSON of an object or an array where the schema has an object or array. `None` for
    /// other text.
    pub(super) fn packed<E: Error>(&mut self, text: &str) -> Option<Result<(), E>> {
        if !text.starts_with(['{', '[', ' ', '\t', '\r', '\n']) {
            return None;
        }
        let is_packed = match text.trim_ascii_start().as_bytes().first() {
            Some(b'{') => self.data_type == AttributeType::Complex,
            Some(b'[') => self.mode == Mode::List,
            _ => false,
        };
        if !is_packed || self.reader.is_stored() || serde_json::from_str::<IgnoredAny>(text).is_err() {
            return None;
        }
        if !self.reader.tolerance.allows(Quirk::PackedValue) {
            // A packed value must not be read as a bare value.
            let expected = if self.mode == Mode::List { "an array" } else { "an object" };
            let fault = ResourceErrorKind::Type { expected, found: "JSON in a string" };
            return Some(Err(self.reader.fail(self.attribute, fault)));
        }
        let OfAttribute { reader, attribute, mode, place, .. } = self;
        let again = OfAttribute::new(reader, *attribute, *mode, place.reborrow());
        let read = again.deserialize(&mut serde_json::Deserializer::from_str(text));
        Some(read.map_err(|_| match reader.fault {
            // The text did not fit the schema.
            Some(_) => E::custom(""),
            None => reader.fail(*attribute, ResourceErrorKind::Form("packed JSON that fits the attribute")),
        }))
    }
}

impl Reader<'_> {
    /// The app role in the `value` of an element.
    fn packed_in(&self, attribute: AttributeId, object: &Object) -> Option<PackedElement> {
        let text = object.get(self.resource_type.value_of(attribute)?)?.as_str()?;
        if text.trim_ascii_start().starts_with('{') { self.packed(attribute, text) } else { None }
    }

    /// The app role in a text that may be the `value` of an element.
    fn packed(&self, attribute: AttributeId, text: &str) -> Option<PackedElement> {
        let value = self.resource_type.value_of(attribute)?;
        let is_text = self.resource_type.attribute(value).data_type() == AttributeType::String;
        is_text.then(|| serde_json::from_str(text).ok()).flatten()
    }

    /// Makes an app role the content of an element; returns `false` if the element must stay as it is.
    fn unpack<E: Error>(
        &mut self,
        attribute: AttributeId,
        object: &mut Object,
        packed: PackedElement,
    ) -> Result<bool, E> {
        let PackedElement { value: name, display_name: shown } = packed;
        let Some(value) = self.resource_type.value_of(attribute).filter(|_| !name.is_empty()) else { return Ok(false) };
        if !self.tolerance.allows(Quirk::PackedElement) {
            return Ok(false);
        }
        if name.contains('\0') || shown.as_ref().is_some_and(|shown| shown.contains('\0')) {
            return Err(self.fail(attribute, ResourceErrorKind::NulCharacter));
        }
        object.insert(value, self.text(value, &name)?);
        let display = self.resource_type.child(attribute, "display");
        let is_free = |display: &AttributeId| {
            self.resource_type.attribute(*display).mutability() != Mutability::ReadOnly && !object.contains(*display)
        };
        if let (Some(display), Some(shown)) = (display.filter(is_free), shown) {
            object.insert(display, self.text(display, &shown)?);
        }
        self.unpacked.push(name.into());
        Ok(true)
    }
}

/// An app role as Entra packs it. Its `id` is an identifier of the identity provider, which no attribute holds.
#[derive(Deserialize)]
struct PackedElement {
    value: String,
    #[serde(default, rename = "displayName", alias = "display")]
    display_name: Option<String>,
}

/// Whether the sub-attributes only label a value: `type` and `primary`.
pub(crate) fn only_labels(resource_type: &ResourceType, list: AttributeId, object: &Object) -> bool {
    let conventional = resource_type.conventional(list);
    object.iter().all(|(id, _)| Some(id) == conventional.type_of || Some(id) == conventional.primary)
}
