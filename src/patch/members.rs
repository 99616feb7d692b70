//! The members of a JSON object in an operation, before the schema gives their names a meaning.

use std::{borrow::Cow, collections::HashSet, fmt};

use serde::{
    Deserialize,
    de::{Deserializer, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::PatchError;

/// The members of a JSON object, in order, with unparsed values. Names that differ at most by case are refused.
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
