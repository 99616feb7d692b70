//! The values of two states of a list, paired by their `value`.
//!
//! This file compares ids only. Its callers decide what follows from a pair.

use std::collections::HashMap;

use crate::{
    schema::{AttributeId, ResourceType},
    value::{Object, Value},
};

/// The values of a list, found by their `value`. Two lists in the same order, the usual case, need no index, even if each
/// list lacks a few values of the other.
///
/// The first of two values with one id counts, unless one of them is beside the value that it is compared with. The core
/// keeps each id once in a list of references, so there the order of the values shortens a search. A store of the host may
/// have an id twice in such a list; then the value that follows the pair before counts.
pub(super) struct Pairs<'a> {
    id: AttributeId,
    values: &'a [Value],
    is_distinct: bool,
    /// The position after the value that was found last.
    next: usize,
    /// The number of searches through the whole list so far.
    searches: usize,
    index: Option<HashMap<&'a [u8], usize>>,
}

impl<'a> Pairs<'a> {
    /// The number of values at which a search looks before it looks at all values: a change removes a few in a row. A list
    /// of as many values needs no index.
    const NEAR: usize = 16;
    /// The number of searches through the whole list that cost less than an index.
    const SEARCHES: usize = 4;

    /// The values of a list, of which each has its `value` in the sub-attribute `id`.
    pub(super) fn new(resource_type: &ResourceType, id: AttributeId, values: &'a [Value]) -> Self {
        let is_distinct = resource_type.is_reference_list(resource_type.parent(id));
        Self { id, values, is_distinct, next: 0, searches: 0, index: None }
    }

    /// The value with the id of `like`, which is probably at `index`.
    pub(super) fn find(&mut self, index: usize, like: &Object) -> Option<&'a Object> {
        let (id, values) = (self.id, self.values);
        let wanted = text(like, id)?;
        let has_id = |value: &Value| id_of(value, id) == Some(wanted);
        let beside = values.get(index).is_some_and(has_id).then_some(index);
        let near = || {
            let from = (self.is_distinct && self.index.is_none()).then_some(self.next)?;
            Some(from + values.iter().skip(from).take(Self::NEAR).position(has_id)?)
        };
        let found = beside.or_else(near).or_else(|| self.search(wanted))?;
        self.next = found + 1;
        values.get(found)?.as_object()
    }

    /// The position of the first value with the id `wanted`.
    fn search(&mut self, wanted: &[u8]) -> Option<usize> {
        let (id, values) = (self.id, self.values);
        if values.len() <= Self::NEAR || self.searches < Self::SEARCHES {
            self.searches += 1;
            return values.iter().position(|value| id_of(value, id) == Some(wanted));
        }
        let index = self.index.get_or_insert_with(|| {
            // The first of two values with one id counts.
            let ids = values.iter().enumerate().rev();
            ids.filter_map(|(index, value)| Some((id_of(value, id)?, index))).collect()
        });
        index.get(wanted).copied()
    }
}

/// The id in a value of a list.
fn id_of(value: &Value, id: AttributeId) -> Option<&[u8]> {
    text(value.as_object()?, id)
}

/// The text of a member, as bytes: to compare a text needs no check for UTF-8.
fn text(object: &Object, attribute: AttributeId) -> Option<&[u8]> {
    if let Value::String(text) = object.get(attribute)? { Some(text.as_bytes()) } else { None }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::schema::Registry;

    fn group() -> (Arc<ResourceType>, AttributeId) {
        let group = Arc::clone(Registry::standard().resource_type("Group").unwrap());
        let members = group.child(AttributeId::ROOT, "members").unwrap();
        let value = group.child(members, "value").unwrap();
        (group, value)
    }

    fn user() -> (Arc<ResourceType>, AttributeId) {
        let user = Arc::clone(Registry::standard().resource_type("User").unwrap());
        let emails = user.child(AttributeId::ROOT, "emails").unwrap();
        let value = user.child(emails, "value").unwrap();
        (user, value)
    }

    /// Values with these ids.
    fn values(id: AttributeId, ids: impl IntoIterator<Item = usize>) -> Vec<Value> {
        let object = |text: usize| Object::from_iter([(id, Value::String(text.to_string().into()))]);
        ids.into_iter().map(|text| Value::Complex(object(text))).collect()
    }

    /// The position of the value that is found for the id `wanted`.
    fn found(pairs: &mut Pairs<'_>, index: usize, wanted: usize) -> Option<usize> {
        let like = values(pairs.id, [wanted]);
        let found = pairs.find(index, like[0].as_object()?)?;
        pairs.values.iter().position(|value| value.as_object().is_some_and(|object| std::ptr::eq(object, found)))
    }

    proptest! {
        /// In a list of references, whatever the order of the searches, each search finds the value with the id, and no
        /// search finds an id that the list lacks.
        #[test]
        fn each_reference_is_found_by_its_id(
            length in 0..60_usize,
            wanted in prop::collection::vec((0..60_usize, 0..80_usize), 0..60),
        ) {
            let (group, value) = group();
            let values = values(value, 0..length);
            let mut pairs = Pairs::new(&group, value, &values);
            for (index, id) in wanted {
                prop_assert_eq!(found(&mut pairs, index, id), (id < length).then_some(id));
            }
        }

        /// In any other list the value beside counts, otherwise the first value with the id, whatever was found before.
        #[test]
        fn the_value_beside_or_the_first_value_counts(
            ids in prop::collection::vec(0..12_usize, 0..40),
            wanted in prop::collection::vec((0..45_usize, 0..14_usize), 0..40),
        ) {
            let (user, value) = user();
            let values = values(value, ids.iter().copied());
            let mut pairs = Pairs::new(&user, value, &values);
            for (index, id) in wanted {
                let beside = ids.get(index).is_some_and(|own| *own == id).then_some(index);
                let expected = beside.or_else(|| ids.iter().position(|own| *own == id));
                prop_assert_eq!(found(&mut pairs, index, id), expected);
            }
        }

        /// A list of references of which some values were removed, and to which some were added, needs no index and few
        /// searches.
        #[test]
        fn a_changed_list_needs_few_searches(removed in prop::collection::vec(0..200_usize, 0..12), added in 0..4_usize) {
            let (group, value) = group();
            let values = values(value, 0..200);
            let after = (0..200).filter(|id| !removed.contains(id)).chain(1_000..1_000 + added);
            let mut pairs = Pairs::new(&group, value, &values);
            for (index, id) in after.enumerate() {
                prop_assert_eq!(found(&mut pairs, index, id), (id < 200).then_some(id));
            }
            prop_assert_eq!(pairs.searches, added);
            prop_assert!(pairs.index.is_none());
        }
    }

    /// Beyond the searches that cost less than an index, the list is read once more only. A short list is searched.
    #[test]
    fn many_searches_make_an_index() {
        for (length, searches, has_index) in [(1_000, Pairs::SEARCHES, true), (Pairs::NEAR, Pairs::NEAR, false)] {
            for (resource_type, value) in [group(), user()] {
                let values = values(value, 0..length);
                let mut pairs = Pairs::new(&resource_type, value, &values);
                for id in (0..length).rev() {
                    assert_eq!(found(&mut pairs, 2_000, id), Some(id));
                }
                // A list of references is searched from the first value on before it is searched as a whole.
                assert!(pairs.searches == searches || pairs.is_distinct && !has_index);
                assert_eq!(pairs.index.is_some(), has_index);
            }
        }
    }
}
