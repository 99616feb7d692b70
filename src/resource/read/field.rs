//! The members of JSON objects: the attribute of each member, and the treatment of members that are not read.

use std::{fmt, mem};

use serde::{
    Deserialize,
    de::{Deserializer, Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    super::ResourceErrorKind,
    Reader, is_deeper,
    seen::{Seen, Tally},
    value::{Mode, OfAttribute, Place, found_at},
};
use crate::{
    quirks::Quirk,
    schema::{AttributeId, Mutability, ResourceType},
    value::{Object, Text, Value},
};

use serde::de::DeserializeSeed;

/// Room for the members of a typical request: to grow later would move all of them.
const ROOM: usize = 24;

/// Reads the resource as a whole.
pub(super) struct Body<'r, 'a>(pub(super) &'r mut Reader<'a>);

impl<'de> DeserializeSeed<'de> for Body<'_, '_> {
    type Value = Object;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Object, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Body<'_, '_> {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of attributes")
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Object, M::Error> {
        self.0.members.reserve_exact(ROOM);
        self.0.members(AttributeId::ROOT, map, &mut Tally::default())
    }
}

/// Reads attributes of the core schema from an object of their own under its URN.
struct CoreObject<'r, 'a> {
    reader: &'r mut Reader<'a>,
    /// The position of the first member of the resource.
    first: usize,
    seen: &'r mut Seen,
}

impl<'de> DeserializeSeed<'de> for CoreObject<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for CoreObject<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of attributes")
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<(), M::Error> {
        let Self { reader, first, seen } = self;
        reader.open(AttributeId::ROOT)?;
        reader.in_core_object = true;
        reader.collect(AttributeId::ROOT, map, first, seen, &mut Tally::default())?;
        reader.in_core_object = false;
        reader.depth -= 1;
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut array: S) -> Result<(), S::Error> {
        match array.next_element::<&RawValue>()? {
            None => Ok(()),
            Some(_) => Err(self.refuse("an array")),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if text.is_empty() {
            return Ok(());
        }
        let opens = text.trim_ascii_start().starts_with('{');
        if !opens || !self.reader.tolerance.allows(Quirk::PackedValue) {
            return Err(self.refuse("a string"));
        }
        let mut packed = serde_json::Deserializer::from_str(text);
        self.deserialize(&mut packed).and_then(|()| packed.end()).map_err(|error| E::custom(error))
    }
}

impl CoreObject<'_, '_> {
    fn refuse<E: Error>(self, found: &'static str) -> E {
        self.reader.fail(AttributeId::ROOT, ResourceErrorKind::Type { expected: "an object of attributes", found })
    }
}

impl Reader<'_> {
    /// Counts an object or array that opens; fails beyond the depth limit.
    pub(super) fn open<E: Error>(&mut self, attribute: AttributeId) -> Result<(), E> {
        self.depth += 1;
        if self.depth > self.limits.json_depth {
            return Err(self.fail(attribute, ResourceErrorKind::TooDeep(self.limits.json_depth)));
        }
        Ok(())
    }

    /// Reads the members of the object of `parent`, and notes in `tally` the members that left no trace.
    pub(super) fn members<'de, M: MapAccess<'de>>(
        &mut self,
        parent: AttributeId,
        map: M,
        tally: &mut Tally,
    ) -> Result<Object, M::Error> {
        self.open(parent)?;
        let first = self.members.len();
        // The reader of a resource has room from the start; the reader of a value makes it for each outermost object.
        let is_alone = self.members.capacity() == 0;
        if is_alone {
            // The elements of a list mostly have the same members.
            self.members.reserve_exact(match &self.previous {
                Some(previous) if previous.parent == parent => previous.members,
                _ => self.resource_type.children(parent).len().min(ROOM),
            });
        }
        let mut seen = Seen::default();
        self.collect(parent, map, first, &mut seen, tally)?;
        self.previous = Some(seen.into_previous(parent, self.members.len().saturating_sub(first)));
        self.depth -= 1;
        // An outermost object takes the allocation, which holds nothing else.
        let object = if is_alone { mem::take(&mut self.members) } else { self.members.split_off(first) };
        Ok(Object::of_distinct(object))
    }

    /// Collects the members of the object of `parent`, of which the first is at `first`. A member that occurs twice is
    /// refused (RFC 7643 §2.1). The value of a read-only attribute, such as `id` or `meta` (§3.1), is dropped
    /// (RFC 7644 §3.3).
    fn collect<'de, M: MapAccess<'de>>(
        &mut self,
        parent: AttributeId,
        mut map: M,
        first: usize,
        seen: &mut Seen,
        tally: &mut Tally,
    ) -> Result<(), M::Error> {
        let at_root = parent == AttributeId::ROOT;
        // Each answer derives `$ref` to a resource; the core keeps only the id in it.
        let conventional = self.resource_type.conventional(parent);
        let derived = conventional.reference.filter(|_| !at_root);
        let derived = derived.and_then(|reference| Some((reference, self.resource_type.referred_id(reference)?)));
        let mut referred: Option<Text> = None;
        let mut probable = self.probable(parent, seen.count(), AttributeId::ROOT);
        while let Some(name) = map.next_key_seed(Name { reader: self, parent, probable })? {
            let attribute = match name {
                Named::Attribute(attribute) => attribute,
                Named::CoreSchema => {
                    map.next_value_seed(CoreObject { reader: self, first, seen })?;
                    continue;
                }
                Named::Unknown => {
                    tally.lost = true;
                    self.skip(parent, &mut map)?;
                    continue;
                }
            };
            if !seen.insert(attribute) {
                return Err(self.fail(attribute, ResourceErrorKind::Duplicate));
            }
            probable = self.probable(parent, seen.count(), attribute);
            if attribute == AttributeId::SCHEMAS {
                if self.is_stored() {
                    self.skip(attribute, &mut map)?;
                } else {
                    map.next_value_seed(Schemas(self))?;
                }
                continue;
            }
            if let Some((reference, value)) = derived
                && reference == attribute
            {
                let is_needed = !self.is_stored() && !self.has(first, value);
                let place = Place::IdInUrl(is_needed.then_some(&mut referred));
                map.next_value_seed(OfAttribute::new(self, attribute, Mode::One, place))?;
                continue;
            }
            let definition = self.resource_type.attribute(attribute);
            if !self.keeps_read_only && definition.mutability() == Mutability::ReadOnly {
                tally.lost = true;
                self.skip(attribute, &mut map)?;
                continue;
            }
            let mode = Mode::of(self.resource_type, attribute);
            let before = self.members.len();
            map.next_value_seed(OfAttribute::new(self, attribute, mode, Place::Member))?;
            if self.members.len() == before {
                tally.unassigned = true;
                tally.no_value |= conventional.value == Some(attribute);
            }
        }
        if let (Some(id), Some((_, value))) = (referred, derived)
            && !self.has(first, value)
        {
            self.members.push((value, Value::String(id)));
        }
        Ok(())
    }

    /// Whether the innermost open object, whose first member is at `first`, has a value of `attribute`.
    fn has(&self, first: usize, attribute: AttributeId) -> bool {
        self.members.iter().skip(first).any(|(id, _)| *id == attribute)
    }

    /// The attribute that probably comes next in the object of `parent`, after `count` attributes, the last one `last`.
    /// The elements of a list have the same order, and many clients and every store keep the order of the schema.
    fn probable(&self, parent: AttributeId, count: usize, last: AttributeId) -> AttributeId {
        match &self.previous {
            Some(previous) if previous.parent == parent => {
                previous.order.get(count).copied().unwrap_or(AttributeId::ROOT)
            }
            _ if last == AttributeId::ROOT => {
                self.resource_type.children(parent).first().copied().unwrap_or(AttributeId::ROOT)
            }
            _ => self.resource_type.next(last),
        }
    }

    /// Skips a value, which must still be JSON within the allowed depth.
    fn skip<'de, M: MapAccess<'de>>(&mut self, attribute: AttributeId, map: &mut M) -> Result<(), M::Error> {
        let raw = map.next_value::<&RawValue>()?.get();
        if matches!(raw.as_bytes().first(), Some(b'{' | b'['))
            && is_deeper(raw.as_bytes(), self.limits.json_depth.saturating_sub(self.depth))
        {
            return Err(self.fail(attribute, ResourceErrorKind::TooDeep(self.limits.json_depth)));
        }
        Ok(())
    }
}

/// Reads the name of a member.
struct Name<'r, 'a> {
    reader: &'r mut Reader<'a>,
    parent: AttributeId,
    /// The attribute that probably comes next.
    probable: AttributeId,
}

/// The meaning of a name.
enum Named {
    Attribute(AttributeId),
    /// The URN of the core schema, as the name of an object of attributes.
    CoreSchema,
    /// An unknown attribute, which is tolerated.
    Unknown,
}

impl<'de> DeserializeSeed<'de> for Name<'_, '_> {
    type Value = Named;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_, '_> {
    type Value = Named;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        let Self { reader, parent, probable } = self;
        // An optional attribute without a value is missing, so the attribute after it is probable as well.
        for probable in [probable, reader.resource_type.next(probable)] {
            if probable != AttributeId::ROOT && reader.resource_type.is_named(probable, name) {
                return Ok(Named::Attribute(probable));
            }
        }
        if let Some(attribute) = reader.resource_type.child(parent, name) {
            return Ok(Named::Attribute(attribute));
        }
        let is_core = parent == AttributeId::ROOT && !reader.in_core_object && !reader.is_stored();
        if is_core
            && reader.resource_type.schema().id().eq_ignore_ascii_case(name)
            && reader.tolerance.allows(Quirk::CoreSchemaObject)
        {
            return Ok(Named::CoreSchema);
        }
        if reader.is_stored() || reader.tolerance.allows(Quirk::UnknownAttribute) {
            return Ok(Named::Unknown);
        }
        let path = path_of_unknown(reader.resource_type, parent, name);
        reader.fault = Some(super::ResourceError::unknown_at(reader.resource_type, path).in_value(reader.index));
        Err(E::custom(""))
    }
}

fn path_of_unknown(resource_type: &ResourceType, parent: AttributeId, name: &str) -> String {
    match resource_type.path(parent) {
        path if path.is_empty() => format!("{name:.60}"),
        path => format!("{path}.{name:.60}"),
    }
}

/// Reads `schemas`, which must fit the resource type (RFC 7643 §3). It is not stored, since it is derived from the
/// resource's data.
struct Schemas<'r, 'a>(&'r mut Reader<'a>);

impl Schemas<'_, '_> {
    fn one<E: Error>(&mut self, uri: &str) -> Result<(), E> {
        let reader = &mut *self.0;
        if reader.resource_type.schema().id().eq_ignore_ascii_case(uri) {
            reader.base_schema_named = true;
        } else if reader.resource_type.extension(uri).is_none() && !reader.tolerance.allows(Quirk::UnknownSchema) {
            let kind = ResourceErrorKind::UnknownSchema(format!("{uri:.60}").into());
            return Err(reader.fail(AttributeId::SCHEMAS, kind));
        }
        Ok(())
    }

    fn refuse<E: Error>(self, found: &'static str) -> E {
        let expected = "an array of schema URIs";
        self.0.fail(AttributeId::SCHEMAS, ResourceErrorKind::Type { expected, found })
    }
}

impl<'de> DeserializeSeed<'de> for Schemas<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Schemas<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of schema URIs")
    }

    fn visit_seq<S: SeqAccess<'de>>(mut self, mut uris: S) -> Result<(), S::Error> {
        self.0.open(AttributeId::SCHEMAS)?;
        while let Some(raw) = uris.next_element::<&RawValue>()? {
            // A URI has no escapes; text with escapes is decoded first.
            let plain = raw.get().strip_prefix('"').and_then(|text| text.strip_suffix('"'));
            match plain.filter(|text| !text.contains('\\')) {
                Some(uri) => self.one(uri)?,
                None => match String::deserialize(raw) {
                    Ok(uri) => self.one(&uri)?,
                    Err(_) => return Err(self.refuse(found_at(raw))),
                },
            }
        }
        self.0.depth -= 1;
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(mut self, uri: &str) -> Result<(), E> {
        if self.0.tolerance.allows(Quirk::OneForList) {
            return self.one(uri);
        }
        Err(self.refuse("a string"))
    }

    fn visit_map<M: MapAccess<'de>>(self, _: M) -> Result<(), M::Error> {
        Err(self.refuse("an object"))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Err(self.refuse("a boolean"))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Err(self.refuse("a number"))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Err(self.refuse("a number"))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Err(self.refuse("a number"))
    }
}
