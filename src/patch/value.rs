//! Values in operations as the client wrote them: JSON packed in a string, and the JSON that means no value.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{PatchError, members::members, path::Target};
use crate::{
    quirks::{Quirk, Reading, Tolerance},
    resource::is_deeper,
    schema::{AttributeId, AttributeType, ResourceType},
};

/// The value of an operation, unpacked if it is JSON text in a string and the target holds objects or arrays.
pub(super) fn unpacked<'r>(
    resource_type: &ResourceType,
    target: &Target,
    raw: &'r RawValue,
    reading: &mut Reading<'_>,
) -> Cow<'r, RawValue> {
    // Most values are plain, and a look at their first character costs less than a second reading.
    let opening = raw.get().strip_prefix('"').map(str::trim_ascii_start);
    if !opening.is_some_and(|text| text.starts_with(['{', '[', '\\'])) {
        return Cow::Borrowed(raw);
    }
    let Ok(text) = serde_json::from_str::<Cow<'_, str>>(raw.get()) else { return Cow::Borrowed(raw) };
    if matches!(target, Target::Elements(_)) {
        // The reader unpacks a single element, since the text may describe the element in the words of the identity
        // provider.
        return Cow::Borrowed(raw);
    }
    let attribute = target.attribute();
    let is_packed = match text.trim_ascii_start().as_bytes().first() {
        Some(b'{') => {
            attribute == AttributeId::ROOT || resource_type.attribute(attribute).data_type() == AttributeType::Complex
        }
        // An extension, the resource and one element of a list are not arrays.
        Some(b'[') => matches!(target, Target::Attribute(list) if resource_type.attribute(*list).is_multi_valued()),
        _ => false,
    };
    if !is_packed || is_deeper(text.as_bytes(), reading.limits.json_depth) || !reading.tolerates(Quirk::PackedValue) {
        return Cow::Borrowed(raw);
    }
    match RawValue::from_string(text.trim_ascii().to_owned()) {
        Ok(unpacked) if reading.allows(Quirk::PackedValue) => Cow::Owned(unpacked),
        _ => Cow::Borrowed(raw),
    }
}

/// The sub-attributes of `attribute` that the JSON object unassigns: by `null` or `[]` (RFC 7643 §2.5), or by `""`
/// where an empty text is no value.
pub(super) fn cleared(
    resource_type: &ResourceType,
    attribute: AttributeId,
    raw: &RawValue,
    tolerance: &Tolerance,
) -> Vec<AttributeId> {
    let text = raw.get();
    if !["null", "]", "\"\"", " \""].iter().any(|nothing| text.contains(nothing)) {
        return Vec::new();
    }
    let Ok(members) = members(raw) else { return Vec::new() };
    let named = members.into_iter().filter_map(|(name, value)| Some((resource_type.child(attribute, &name)?, value)));
    let empties = tolerance.tolerated().contains(Quirk::EmptyString);
    let is_text = |sub| {
        let is_emptied = resource_type.has_no_empty_text(sub) || empties && resource_type.is_element_value(sub);
        !resource_type.attribute(sub).is_multi_valued() && !is_emptied
    };
    let blank_uris = tolerance.tolerated().contains(Quirk::BlankUri);
    let is_blank_uri = |sub, value: &RawValue| {
        let text = value.get().strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        blank_uris
            && resource_type.attribute(sub).data_type() == AttributeType::Reference
            && text.is_some_and(|text| text.trim_ascii().is_empty())
    };
    let cleared = named.filter(|(sub, value)| {
        is_nothing(value) && !(value.get() == "\"\"" && is_text(*sub)) || is_blank_uri(*sub, value)
    });
    cleared.map(|(sub, _)| sub).collect()
}

/// Whether the JSON means that there is no value: `null`, `[]` or `""` (RFC 7643 §2.5).
pub(super) fn is_nothing(raw: &RawValue) -> bool {
    let mut text = raw.get().bytes().filter(|byte| !byte.is_ascii_whitespace());
    matches!(raw.get(), "null" | "\"\"") || text.next() == Some(b'[') && text.next() == Some(b']')
}

/// The JSON object that has the sub-attribute `attribute` with the value `raw` and no other member.
pub(super) fn object_of(
    resource_type: &ResourceType,
    attribute: AttributeId,
    raw: &RawValue,
    expected: &str,
) -> Result<Box<RawValue>, PatchError> {
    let object = RawValue::from_string(format!("{{\"{}\":{}}}", resource_type.attribute(attribute).name(), raw.get()));
    object.map_err(|error| PatchError::json(&error, expected))
}
