//! The resources of one tenant, with every index over them.
//!
//! Two methods make all changes: [`Tenant::swap_head`] and [`Tenant::swap_value`]. Each keeps every index consistent
//! and returns the old state, so that a second call with the old state undoes the first.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, btree_map::Entry},
    mem,
    sync::{Arc, OnceLock},
};

use super::{
    index::{Id, Owners},
    keys::{Claims, Keyed, Keys},
    list::List,
    tree_id::TreeId,
};
use crate::{
    path::AttributePath,
    resource::{Resource, UniqueKey},
    schema::{AttributeId, ResourceType},
    store::{RequestedAttributes, Stored, Version},
    value::Value,
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
    pub(super) rows: BTreeMap<TreeId, Arc<Row>>,
    pub(super) keys: Keys,
}

/// A resource without its lists of references, with its version and its unique keys.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) resource: Arc<Resource>,
    pub(super) version: Version,
    pub(super) claims: Claims,
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
        let is_empty = |table: &Table| table.rows.is_empty() && table.keys.is_empty();
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
        let Table { rows, keys, .. } = tables.get_mut(table)?;
        let Some(head) = head else {
            ids.remove(id);
            let old = Arc::unwrap_or_clone(rows.remove(&**id)?).head;
            keys.replace(id, old.keyed(), None);
            return Some(old);
        };
        ids.insert(Arc::clone(id), IndexedResource { table, resource: Arc::clone(&head.resource) });
        match rows.entry(Arc::clone(id).into()) {
            Entry::Vacant(place) => {
                keys.add(id, head.keyed());
                place.insert(Arc::new(Row { head, lists: Vec::new(), whole: OnceLock::new() }));
                None
            }
            Entry::Occupied(place) => {
                let row = Arc::make_mut(place.into_mut());
                keys.replace(id, row.head.keyed(), Some(head.keyed()));
                row.whole = OnceLock::new();
                Some(mem::replace(&mut row.head, head))
            }
        }
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
        let row = Arc::make_mut(rows.rows.get_mut(&**id)?);
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
    fn new(resource_type: Arc<ResourceType>, indexed: &[AttributePath]) -> Self {
        let keys = Keys::new(&resource_type, indexed);
        Self { resource_type, rows: BTreeMap::new(), keys }
    }

    /// The row with this id. Finds it by the first bytes of the id, which a search with a text cannot use.
    pub(super) fn row(&self, id: &Id) -> Option<&Arc<Row>> {
        self.rows.get(&TreeId::from(Arc::clone(id)))
    }

    /// Whether a resource other than `id` has the unique key.
    pub(super) fn is_taken(&self, key: &UniqueKey, id: &Id) -> bool {
        // With the keys of the core a value has one owner at most.
        let claims = |owner: &Id| self.row(owner).is_some_and(|row| row.head.claims.includes(&self.resource_type, key));
        let mut having = self.keys.having(key.attribute, &key.folded).into_iter().flat_map(Owners::iter);
        having.any(|owner| owner != id && claims(owner))
            || self.keys.owner_beside_index(key).is_some_and(|owner| owner != id)
    }
}

impl Head {
    fn keyed(&self) -> Keyed<'_> {
        (&self.resource, &self.claims)
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
        let mut complete = true;
        let mut read = Vec::new();
        // Without lists nothing has to fit, and the size of the resource would be computed in vain.
        let limit = requested.byte_limit().filter(|_| !self.lists.is_empty());
        let mut room = limit.map(|limit| limit.saturating_sub(self.head.resource.size()));
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
