//! Values in operations as they were written: the members of an object, and what says that there is no value.

use std::{borrow::Cow, collections::HashSet, fmt};

use serde::{
    Deserialize,
    de::{Deserializer, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::PatchError;
use crate::schema::{AttributeId, ResourceType};

/// The members of a JSON object, in order, their values untouched. Names that differ at most by case are refused.
pub(super) fn members(raw: &RawValue) -> Result<Vec<(Cow<'_, str>, &RawValue)>, PatchError> {
    let Ok(Members(members)) = serde_json::from_str::<Members<'_>>(raw.get()) else {
        return Err(PatchError::value("expected an object of attributes"));
    };
    let mut seen = HashSet::new();
    let twice = if members.len() <= 16 {
        let earlier = |index: usize| members.iter().take(index);
        members.iter().enumerate().find(|(index, (name, _))| earlier(*index).any(|(other, _)| same_name(name, other)))
    } else {
        members.iter().enumerate().find(|(_, (name, _))| !seen.insert(name.to_ascii_lowercase()))
    };
    match twice {
        Some((_, (name, _))) => Err(PatchError::syntax("expected the member once").at(name)),
        None => Ok(members),
    }
}

fn same_name(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right)
}

struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((Name(name), value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// The sub-attributes of `attribute` that the JSON object sets to nothing: `null` or `[]` (RFC 7643 §2.5), or `""` where
/// that is no text.
pub(super) fn cleared(kind: &ResourceType, attribute: AttributeId, raw: &RawValue) -> Vec<AttributeId> {
    let text = raw.get();
    if !["null", "]", "\"\""].iter().any(|nothing| text.contains(nothing)) {
        return Vec::new();
    }
    let Ok(members) = members(raw) else { return Vec::new() };
    let named = members.into_iter().filter_map(|(name, value)| Some((kind.child(attribute, &name)?, value)));
    let is_text = |sub| !kind.attribute(sub).is_multi_valued() && !kind.has_no_empty_text(sub);
    let cleared = named.filter(|(sub, value)| is_nothing(value) && !(value.get() == "\"\"" && is_text(*sub)));
    cleared.map(|(sub, _)| sub).collect()
}

/// Whether JSON says that there is no value: `null`, `[]` or `""` (RFC 7643 §2.5).
pub(super) fn is_nothing(raw: &RawValue) -> bool {
    let mut text = raw.get().bytes().filter(|byte| !byte.is_ascii_whitespace());
    matches!(raw.get(), "null" | "\"\"") || text.next() == Some(b'[') && text.next() == Some(b']')
}
