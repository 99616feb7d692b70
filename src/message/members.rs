//! The members of a message that is a JSON object: names are compared without case, and each known member occurs at
//! most once (RFC 7643 §2.1).

use std::fmt;

use serde::{
    Deserialize,
    de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor},
};

/// Reads the members of one object, in their order. Unknown members are skipped.
pub(super) struct Members<A> {
    map: A,
    known: &'static [&'static str],
    /// One bit for each known name that has occurred.
    seen: u32,
}

impl<'de, A: MapAccess<'de>> Members<A> {
    /// Reads the members of `map` whose names are in `known`, which has at most 32 names.
    pub(super) fn new(map: A, known: &'static [&'static str]) -> Self {
        Self { map, known, seen: 0 }
    }

    /// Returns the name of the next known member, in the spelling of the protocol; `None` at the end of the object. If
    /// the name occurs a second time, fails with the error that `twice` makes of it.
    pub(super) fn next(
        &mut self,
        twice: impl FnOnce(&'static str) -> A::Error,
    ) -> Result<Option<&'static str>, A::Error> {
        while let Some(found) = self.map.next_key_seed(Name(self.known))? {
            let Some((position, name)) = found else {
                self.map.next_value::<IgnoredAny>()?;
                continue;
            };
            let bit = 1_u32.checked_shl(position).unwrap_or_default();
            if self.seen & bit != 0 {
                return Err(twice(name));
            }
            self.seen |= bit;
            return Ok(Some(name));
        }
        Ok(None)
    }

    /// Returns the value of the current member.
    pub(super) fn value<T: Deserialize<'de>>(&mut self) -> Result<T, A::Error> {
        self.map.next_value()
    }

    /// Returns the value of the current member, read by `seed`.
    pub(super) fn value_by<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

/// Reads a member's name: its position among the known names, and its spelling there; `None` for an unknown name.
struct Name(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<(u32, &'static str)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<(u32, &'static str)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
        // Most clients use the spelling of the protocol.
        let is_name = |known: &str| known == name || known.eq_ignore_ascii_case(name);
        Ok((0..).zip(self.0.iter().copied()).find(|(_, known)| is_name(known)))
    }
}
