//! The resources of one tenant, with every index over them.
//!
//! Two methods make all changes: [`Tenant::swap_head`] and [`Tenant::swap_value`]. Each keeps every index consistent
//! and returns the old state, so that a second call with the old state undoes the first.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, OnceLock},
};

use super::{
    index::{Id, KeyIndex, Owners},
    list::List,
};
use crate::{
    path::AttributePath,
    quirks::{Quirks, Tolerance},
    resource::{Resource, UniqueKey},
    schema::{AttributeId, AttributeType, ResourceType},
    store::{RequestedAttributes, Stored, Version},
    value::{Text, Value},
};

#[derive(Debug, Default)]
pub(super) struct Tenant {
    tables: Vec<Table>,
    /// Each resource by its id. An id is unique across all resource types (RFC 7643 §3.1).
    ids: HashMap<Id, IndexedResource>,
    /// The references, ordered by their target.
    holdings: BTreeSet<Holding>,
    /// The number of versions that were issued. It never decreases, so that no version is reused.
    versions: u64,
}

/// A resource that is found by its id alone.
#[derive(Debug)]
struct IndexedResource {
    table: usize,
    /// Without its lists of references, as in the [`Head`].
    resource: Arc<Resource>,
}

/// The resources of one type.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) resource_type: Arc<ResourceType>,
    /// Shared with the running scans: a change copies a row, or a list, that a scan still reads.
    pub(super) rows: BTreeMap<Id, Arc<Row>>,
    /// The values of the indexed attributes, as the fold that filters compare.
    index: KeyIndex,
    /// The owners of the unique keys that are not in the index, because the value is in a list of references, or because a
    /// host makes its own keys.
    unique: HashMap<UniqueKey, Id>,
    indexed: Vec<AttributeId>,
}

/// A resource without its lists of references, with its version and unique keys.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) resource: Arc<Resource>,
    pub(super) version: Version,
    pub(super) unique: Vec<UniqueKey>,
}

/// A resource whose lists of references are stored separately, so that a change of one value costs one value.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) head: Head,
    lists: Vec<(AttributeId, Arc<List>)>,
    /// The resource with its lists, cached by the first read of them.
    whole: OnceLock<Arc<Resource>>,
}

/// A reference, indexed by its target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Holding {
    /// The id of the resource that is referred to.
    target: Id,
    pub(super) table: usize,
    pub(super) list: AttributeId,
    /// The id of the referrer.
    pub(super) referrer: Id,
}

impl Tenant {
    /// The position of the table of a type's resources; `None` if the table does not exist.
    pub(super) fn find_table(&self, resource_type: &ResourceType) -> Option<usize> {
        self.tables.iter().position(|table| table.resource_type.name() == resource_type.name())
    }

    /// Returns the position as [`Tenant::find_table`], and makes the table if it does not exist.
    pub(super) fn need_table(&mut self, resource_type: &Arc<ResourceType>, indexed: &[AttributePath]) -> usize {
        self.find_table(resource_type).unwrap_or_else(|| {
            self.tables.push(Table::new(Arc::clone(resource_type), indexed));
            self.tables.len() - 1
        })
    }

    pub(super) fn table(&self, table: usize) -> Option<&Table> {
        self.tables.get(table)
    }

    pub(super) fn row(&self, table: usize, id: &str) -> Option<&Arc<Row>> {
        self.tables.get(table)?.rows.get(id)
    }

    /// The shared id of a resource and the position of its table.
    pub(super) fn locate(&self, id: &str) -> Option<(&Id, usize)> {
        self.ids.get_key_value(id).map(|(id, known)| (id, known.table))
    }

    /// The resources of a table with these ids, with their requested attributes.
    pub(super) fn many(
        &self,
        table: usize,
        ids: &[&str],
        requested: &RequestedAttributes<'_>,
    ) -> Vec<Option<Arc<Resource>>> {
        let lists = self.table(table).map_or(&[][..], |table| table.resource_type.reference_lists());
        if lists.iter().any(|list| requested.includes(*list)) {
            let row = |id: &&str| self.row(table, id).map(|row| row.stored(requested).resource);
            return ids.iter().map(row).collect();
        }
        // A resource without its lists is found by a hash lookup alone, in a third of the time.
        let known = |id: &&str| self.ids.get(*id).filter(|known| known.table == table);
        ids.iter().map(|id| known(id).map(|known| Arc::clone(&known.resource))).collect()
    }

    /// The references to `id`.
    pub(super) fn holdings(&self, id: &str) -> impl Iterator<Item = &Holding> {
        // Sorts before every other reference to the same target.
        let first = |(target, _): (&Id, usize)| Holding {
            target: Arc::clone(target),
            table: 0,
            list: AttributeId::ROOT,
            referrer: Id::default(),
        };
        let target = self.locate(id);
        let behind = target.into_iter().flat_map(move |target| self.holdings.range(first(target)..));
        behind.take_while(move |holding| target.is_some_and(|(target, _)| holding.target == *target))
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let is_empty = |table: &Table| table.rows.is_empty() && table.unique.is_empty() && table.index.is_empty();
        self.ids.is_empty() && self.holdings.is_empty() && self.tables.iter().all(is_empty)
    }

    /// A version that was never issued before.
    pub(super) fn next_version(&mut self) -> Version {
        self.versions += 1;
        Version::from(self.versions)
    }

    /// Replaces the head of the resource with `id`, or removes the resource if `head` is `None`. Returns the old head.
    /// The lists of a replaced resource stay; a resource must have no lists when it is removed.
    pub(super) fn swap_head(&mut self, table: usize, id: &Id, head: Option<Head>) -> Option<Head> {
        let Self { tables, ids, .. } = self;
        let rows = tables.get_mut(table)?;
        rows.index(id, head.as_ref());
        let Some(head) = head else {
            ids.remove(id);
            return rows.rows.remove(id).map(|row| Arc::unwrap_or_clone(row).head);
        };
        ids.insert(Arc::clone(id), IndexedResource { table, resource: Arc::clone(&head.resource) });
        if let Some(row) = rows.rows.get_mut(id).map(Arc::make_mut) {
            row.whole = OnceLock::new();
            return Some(std::mem::replace(&mut row.head, head));
        }
        rows.rows.insert(Arc::clone(id), Arc::new(Row { head, lists: Vec::new(), whole: OnceLock::new() }));
        None
    }

    /// Sets or removes the value at a place of a resource's list of references. Returns the old value.
    pub(super) fn swap_value(
        &mut self,
        table: usize,
        id: &Id,
        list: AttributeId,
        place: u64,
        value: Option<Value>,
    ) -> Option<Value> {
        let Self { tables, ids, holdings, .. } = self;
        let rows = tables.get_mut(table)?;
        let row = Arc::make_mut(rows.rows.get_mut(id)?);
        row.whole = OnceLock::new();
        let values = row.list_mut(list)?;
        let key = value.as_ref().and_then(|value| values.key(value)).map(|key| match ids.get_key_value(key) {
            Some((shared, _)) => Arc::clone(shared),
            None => Arc::from(key),
        });
        let holding = |target| Holding { target, table, list, referrer: Arc::clone(id) };
        let old = values.swap(place, key.clone(), value);
        if let Some(old) = old.as_ref().and_then(|old| values.key(old)) {
            holdings.remove(&holding(Id::from(old)));
        }
        if values.len() == 0 {
            row.lists.retain(|(attribute, _)| *attribute != list);
        }
        if let Some(key) = key {
            holdings.insert(holding(key));
        }
        old
    }
}

impl Table {
    fn new(resource_type: Arc<ResourceType>, chosen: &[AttributePath]) -> Self {
        let mut indexed = vec![AttributeId::EXTERNAL_ID];
        indexed.extend(resource_type.unique_attributes());
        let mut tolerance = Tolerance::new(Quirks::strict());
        let chosen = chosen.iter().filter_map(|path| resource_type.resolve(path.as_ref(), &mut tolerance).ok());
        indexed.extend(resource_type.child(AttributeId::ROOT, "displayName").into_iter().chain(chosen));
        for attribute in &mut indexed {
            *attribute = resource_type.value_of(*attribute).unwrap_or(*attribute);
        }
        indexed.retain(|attribute| {
            let without_key = [AttributeType::Boolean, AttributeType::Binary, AttributeType::Complex];
            !without_key.contains(&resource_type.attribute(*attribute).data_type())
                && reference_list(&resource_type, *attribute).is_none()
        });
        indexed.sort_unstable();
        indexed.dedup();
        Self { resource_type, rows: BTreeMap::new(), unique: HashMap::new(), index: KeyIndex::default(), indexed }
    }

    /// Whether a resource other than `id` has the unique key.
    pub(super) fn is_taken(&self, key: &UniqueKey, id: &Id) -> bool {
        // A host may make its own keys, so a resource need not claim each unique value that it has. With the keys of the core
        // a value has one owner at most.
        let claims = |owner: &Id| self.rows.get(owner).is_some_and(|row| row.head.unique.contains(key));
        let mut having = self.having(key.attribute, &key.folded).into_iter().flat_map(Owners::iter);
        having.any(|owner| owner != id && claims(owner)) || self.unique.get(key).is_some_and(|owner| owner != id)
    }

    pub(super) fn is_indexed(&self, attribute: AttributeId) -> bool {
        self.indexed.contains(&attribute)
    }

    /// The resources that have a value with this key; `None` if there are none.
    pub(super) fn having(&self, attribute: AttributeId, key: &Text) -> Option<&Owners> {
        self.index.owners(attribute, key)
    }

    /// Replaces the keys of the resource with `id` in the indexes. A key that stays is not touched.
    fn index(&mut self, id: &Id, head: Option<&Head>) {
        let Self { rows, index, unique, indexed, resource_type, .. } = self;
        let before = rows.get(id).map(|row| &row.head);
        let has_changed = |attribute: &AttributeId| {
            let top = resource_type.top_level(*attribute);
            let [old, new] = [before, head].map(|head| head.and_then(|head| head.resource.root().get(top)));
            old != new
        };
        let keys = |head: Option<&Head>| {
            let changed = indexed.iter().copied().filter(has_changed);
            head.map(|head| head.resource.keys_of_all(changed)).unwrap_or_default()
        };
        let is_same = if let (None, Some(head)) = (before, head) {
            // No key of a new resource is in the index yet, so there is nothing to compare.
            head.resource.each_key(indexed.iter().copied(), &mut |key| index.insert(key, id));
            false
        } else {
            let (old, new) = (keys(before), keys(head));
            for key in old.iter().filter(|key| new.binary_search(key).is_err()) {
                index.remove(key, id);
            }
            let is_same = old == new;
            for key in new.into_iter().filter(|key| old.binary_search(key).is_err()) {
                index.insert(key, id);
            }
            is_same
        };
        let [old, new] = [before, head].map(|head| head.map_or(&[][..], |head| &head.unique));
        if old != new || !is_same {
            for key in old {
                unique.remove(key);
            }
            for key in new.iter().filter(|key| !index.has(key, id)) {
                unique.insert(key.clone(), Arc::clone(id));
            }
        }
    }
}

impl Row {
    pub(super) fn list(&self, attribute: AttributeId) -> Option<&List> {
        self.lists.iter().find(|(list, _)| *list == attribute).map(|(_, values)| &**values)
    }

    fn list_mut(&mut self, attribute: AttributeId) -> Option<&mut List> {
        let value = self.head.resource.resource_type().value_of(attribute)?;
        let position = self.lists.iter().position(|(list, _)| *list == attribute).unwrap_or_else(|| {
            self.lists.push((attribute, Arc::new(List::new(value))));
            self.lists.len() - 1
        });
        self.lists.get_mut(position).map(|(_, values)| Arc::make_mut(values))
    }

    pub(super) fn lists(&self) -> impl Iterator<Item = (AttributeId, &List)> {
        self.lists.iter().map(|(attribute, values)| (*attribute, &**values))
    }

    /// The approximate size in bytes of the resource with its requested lists. Computed without copying a list.
    pub(super) fn size(&self, requested: &RequestedAttributes<'_>) -> usize {
        let lists = self.lists().filter(|(attribute, values)| {
            requested.includes(*attribute) && requested.list_limit().is_none_or(|limit| values.len() <= limit)
        });
        lists.fold(self.head.resource.size(), |size, (_, values)| size.saturating_add(values.size()))
    }

    /// The resource with its requested attributes. A list that is not requested is not copied.
    pub(super) fn stored(&self, requested: &RequestedAttributes<'_>) -> Stored {
        let mut room = requested.byte_limit().map(|limit| limit.saturating_sub(self.head.resource.size()));
        let mut complete = true;
        let mut read = Vec::new();
        for (attribute, values) in self.lists().filter(|(attribute, _)| requested.includes(*attribute)) {
            let is_short = requested.list_limit().is_none_or(|limit| values.len() <= limit);
            let left = room.map(|room| room.checked_sub(values.size()));
            if is_short && left != Some(None) {
                read.push((attribute, values));
                room = left.flatten();
            } else {
                complete = false;
            }
        }
        let resource = if read.is_empty() {
            Arc::clone(&self.head.resource)
        } else if read.len() == self.lists.len() {
            Arc::clone(self.whole())
        } else {
            Arc::new(self.with_lists(read))
        };
        Stored { resource, version: self.head.version.clone(), complete }
    }

    /// The resource with all its lists; built once and cached until the resource changes.
    pub(super) fn whole(&self) -> &Arc<Resource> {
        if self.lists.is_empty() {
            return &self.head.resource;
        }
        self.whole.get_or_init(|| Arc::new(self.with_lists(self.lists())))
    }

    /// The resource, with its lists or without.
    pub(super) fn resource(&self, with_lists: bool) -> &Arc<Resource> {
        if with_lists { self.whole() } else { &self.head.resource }
    }

    fn with_lists<'a>(&self, lists: impl IntoIterator<Item = (AttributeId, &'a List)>) -> Resource {
        let mut resource = Resource::clone(&self.head.resource);
        for (attribute, values) in lists {
            let values = values.iter().map(|(_, value)| value.clone()).collect();
            resource.root_mut().insert(attribute, Value::List(values));
        }
        resource
    }
}

/// The list of references that `attribute` is or belongs to.
pub(super) fn reference_list(resource_type: &ResourceType, attribute: AttributeId) -> Option<AttributeId> {
    let top = resource_type.top_level(attribute);
    resource_type.is_reference_list(top).then_some(top)
}
