//! The keys of the resources of one type: the values by which requests find resources, and the values that are unique.
//!
//! This file knows no row. `tenant` tells this file each change of a resource.

use std::{collections::HashMap, sync::Arc};

use super::index::{Id, KeyIndex, Owners};
use crate::{
    path::AttributePath,
    quirks::{Quirks, Tolerance},
    resource::{Resource, UniqueKey},
    schema::{AttributeId, AttributeType, ResourceType},
    value::Text,
};

/// The keys of all resources of one type.
#[derive(Debug)]
pub(super) struct Keys {
    /// The values of the indexed attributes, as the fold that filters compare.
    index: KeyIndex,
    /// The owners of the unique keys that are not in the index, because the value is in a list of references, or because a
    /// host makes its own keys.
    unique: HashMap<UniqueKey, Id>,
    indexed: Vec<AttributeId>,
}

/// The unique keys that a resource has.
#[derive(Clone, Debug)]
pub(super) enum Claims {
    /// The keys of its values of unique attributes, all of which are in the index.
    Values,
    /// The keys themselves: a host may make its own keys, [`Resource::has_unique_keys`] compares few keys, and the index has
    /// no values of lists of references.
    Listed(Box<[UniqueKey]>),
}

impl Claims {
    pub(super) fn new(resource: &Resource, keys: &[UniqueKey]) -> Self {
        let resource_type = resource.resource_type();
        let has_index = |attribute: &AttributeId| has_index(resource_type, *attribute);
        let are_values = resource_type.unique_attributes().iter().all(has_index) && resource.has_unique_keys(keys);
        if are_values { Self::Values } else { Self::Listed(keys.into()) }
    }

    /// Whether a resource of this type, which has a value with this key, claims the key.
    pub(super) fn includes(&self, resource_type: &ResourceType, key: &UniqueKey) -> bool {
        match self {
            // The index has values of other attributes as well.
            Self::Values => resource_type.unique_attributes().contains(&key.attribute),
            Self::Listed(keys) => keys.contains(key),
        }
    }

    fn listed(&self) -> &[UniqueKey] {
        match self {
            Self::Values => &[],
            Self::Listed(keys) => keys,
        }
    }
}

/// A resource and the unique keys that it has.
pub(super) type Keyed<'a> = (&'a Resource, &'a Claims);

impl Keys {
    pub(super) fn new(resource_type: &ResourceType, chosen: &[AttributePath]) -> Self {
        let mut indexed = vec![AttributeId::EXTERNAL_ID];
        indexed.extend(resource_type.unique_attributes());
        let mut tolerance = Tolerance::new(Quirks::strict());
        let chosen = chosen.iter().filter_map(|path| resource_type.resolve(path.as_ref(), &mut tolerance).ok());
        indexed.extend(resource_type.child(AttributeId::ROOT, "displayName").into_iter().chain(chosen));
        for attribute in &mut indexed {
            *attribute = resource_type.value_of(*attribute).unwrap_or(*attribute);
        }
        indexed.retain(|attribute| has_index(resource_type, *attribute));
        indexed.sort_unstable();
        indexed.dedup();
        Self { index: KeyIndex::default(), unique: HashMap::new(), indexed }
    }

    pub(super) fn is_indexed(&self, attribute: AttributeId) -> bool {
        self.indexed.contains(&attribute)
    }

    /// The resources that have a value with this key; `None` if there are none.
    pub(super) fn having(&self, attribute: AttributeId, key: &Text) -> Option<&Owners> {
        self.index.owners(attribute, key)
    }

    /// The resource that has a unique key that is not in the index.
    pub(super) fn owner_beside_index(&self, key: &UniqueKey) -> Option<&Id> {
        self.unique.get(key)
    }

    /// Adds the keys of a new resource. The index has none of these keys of the resource yet.
    pub(super) fn add(&mut self, id: &Id, (resource, claims): Keyed<'_>) {
        resource.each_key(self.indexed.iter().copied(), &mut |key| self.index.insert(key, id));
        self.claim(id, claims.listed());
    }

    /// Replaces the keys of the resource with `id`. A key that stays is not touched.
    pub(super) fn replace(&mut self, id: &Id, before: Keyed<'_>, after: Option<Keyed<'_>>) {
        let states = [Some(before), after];
        let has_changed = |attribute: &AttributeId| {
            let top = before.0.resource_type().top_level(*attribute);
            let [old, new] = states.map(|state| state.and_then(|(resource, _)| resource.root().get(top)));
            old != new
        };
        let changed = || self.indexed.iter().copied().filter(has_changed);
        let keys = |(resource, _): Keyed<'_>| resource.keys_of_all(changed());
        let [old, new] = states.map(|state| state.map(keys).unwrap_or_default());
        for key in old.iter().filter(|key| new.binary_search(key).is_err()) {
            self.index.remove(key, id);
        }
        let is_same = old == new;
        for key in new.into_iter().filter(|key| old.binary_search(key).is_err()) {
            self.index.insert(key, id);
        }
        let [old, new] = states.map(|state| state.map_or(&[][..], |(_, claims)| claims.listed()));
        if old != new || !is_same {
            for key in old {
                self.unique.remove(key);
            }
            self.claim(id, new);
        }
    }

    fn claim(&mut self, id: &Id, keys: &[UniqueKey]) {
        for key in keys.iter().filter(|key| !self.index.has(key, id)) {
            self.unique.insert(key.clone(), Arc::clone(id));
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.unique.is_empty() && self.index.is_empty()
    }
}

/// Whether the index can have the values of the attribute: they have keys, and are not in a list of references, which a row
/// keeps apart.
fn has_index(resource_type: &ResourceType, attribute: AttributeId) -> bool {
    let without_key = [AttributeType::Boolean, AttributeType::Binary, AttributeType::Complex];
    !without_key.contains(&resource_type.attribute(attribute).data_type())
        && resource_type.reference_list_of(attribute).is_none()
}
