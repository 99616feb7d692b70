//! The index of the resources of one type by their values: unique values, and values that filters often name.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::Arc,
};

use crate::{resource::UniqueKey, schema::AttributeId, value::Text};

/// An id. All structures that contain the id share its text.
pub(super) type Id = Arc<str>;

/// The ids of the resources that have a value, by the attribute and by the value as the key that filters compare. A type
/// has few indexed attributes.
#[derive(Debug, Default)]
// A hash map would move all its keys at some insertions, all maps at the same one, while writers and readers wait.
pub(super) struct KeyIndex(Vec<(AttributeId, BTreeMap<Text, Owners>)>);

/// The resources with one value; at least one. Most values have one owner, which then needs no set.
#[derive(Debug)]
pub(super) enum Owners {
    One(Id),
    Many(BTreeSet<Id>),
}

impl KeyIndex {
    /// The resources with a value; `None` if no resource has the value.
    pub(super) fn owners(&self, attribute: AttributeId, key: &Text) -> Option<&Owners> {
        self.0.iter().find(|(known, _)| *known == attribute)?.1.get(key)
    }

    /// Whether the resource has the value.
    pub(super) fn has(&self, key: &UniqueKey, id: &Id) -> bool {
        match self.owners(key.attribute, &key.folded) {
            Some(Owners::One(only)) => only == id,
            Some(Owners::Many(ids)) => ids.contains(id),
            None => false,
        }
    }

    pub(super) fn insert(&mut self, key: UniqueKey, id: &Id) {
        let position = self.0.iter().position(|(known, _)| *known == key.attribute).unwrap_or_else(|| {
            self.0.push((key.attribute, BTreeMap::new()));
            self.0.len() - 1
        });
        let Some((_, values)) = self.0.get_mut(position) else { return };
        match values.entry(key.folded) {
            Entry::Vacant(new) => drop(new.insert(Owners::One(Id::clone(id)))),
            Entry::Occupied(mut owners) => match owners.get_mut() {
                Owners::Many(ids) => drop(ids.insert(Id::clone(id))),
                Owners::One(first) if first == id => {}
                Owners::One(first) => {
                    let mut ids = BTreeSet::new();
                    ids.extend([Id::clone(first), Id::clone(id)]);
                    owners.insert(Owners::Many(ids));
                }
            },
        }
    }

    pub(super) fn remove(&mut self, key: &UniqueKey, id: &Id) {
        let Some((_, values)) = self.0.iter_mut().find(|(known, _)| *known == key.attribute) else { return };
        match values.get_mut(&key.folded) {
            Some(Owners::Many(ids)) => {
                ids.remove(id);
                if ids.is_empty() {
                    values.remove(&key.folded);
                }
            }
            Some(Owners::One(only)) if only == id => drop(values.remove(&key.folded)),
            _ => {}
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|(_, values)| values.is_empty())
    }
}

impl Owners {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(ids) => ids.len(),
        }
    }

    /// The ids, ascending.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Id> {
        let (one, many) = match self {
            Self::One(id) => (Some(id), None),
            Self::Many(ids) => (None, Some(ids)),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// After any insertions and removals the index has the owners of each value, ascending, and nothing else.
        #[test]
        fn it_has_the_owners_of_each_value(steps in prop::collection::vec((any::<bool>(), 0..3_u8, 0..5_u8), 0..60)) {
            let key = |value: u8| UniqueKey { attribute: AttributeId::EXTERNAL_ID, folded: Text::from(value.to_string()) };
            let (mut index, mut model) = (KeyIndex::default(), BTreeSet::new());
            for (adds, value, id) in steps {
                let shared = Id::from(id.to_string());
                if adds {
                    index.insert(key(value), &shared);
                    model.insert((value, id));
                } else {
                    index.remove(&key(value), &shared);
                    model.remove(&(value, id));
                }
                for value in 0..3 {
                    let expected: Vec<String> =
                        model.iter().filter(|(known, _)| *known == value).map(|(_, id)| id.to_string()).collect();
                    let owners = index.owners(AttributeId::EXTERNAL_ID, &key(value).folded);
                    prop_assert_eq!(owners.map_or(0, Owners::len), expected.len());
                    for id in 0..5_u8 {
                        let has = index.has(&key(value), &Id::from(id.to_string()));
                        prop_assert_eq!(has, model.contains(&(value, id)));
                    }
                    let ids = |owners: Option<&Owners>| -> Vec<String> {
                        owners.into_iter().flat_map(Owners::iter).map(|id| (**id).to_owned()).collect()
                    };
                    prop_assert_eq!(ids(owners), expected);
                    prop_assert!(index.owners(AttributeId::ID, &key(value).folded).is_none());
                }
                prop_assert_eq!(index.is_empty(), model.is_empty());
            }
        }
    }
}
