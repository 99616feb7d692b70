//! A batch of changes to one tenant, with the information to undo them.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use chrono::{DateTime, Utc};

use super::{
    index::Id,
    keys::Claims,
    list::{self, List},
    tenant::{Head, Holding, Tenant},
};
use crate::{
    patch::ValueEdit,
    path::AttributePath,
    resource::Resource,
    schema::{AttributeId, ResourceType},
    store::{Change, ChangeOutcome, Entry, ListEdit, Replacement, StoreError, Version, referred},
    value::{Object, Text, Value},
};

/// A sequence of changes. Dropping it undoes them, unless they are [kept](Transaction::keep).
pub(super) struct Transaction<'a> {
    tenant: &'a mut Tenant,
    indexed: &'a [AttributePath],
    undo: Steps,
}

/// The state before a step.
enum Undo {
    Head { table: usize, id: Id, head: Option<Head> },
    Value { table: usize, id: Id, list: AttributeId, place: u64, value: Option<Value> },
}

/// The state before each step. Most transactions have one step, which needs no allocation.
#[derive(Default)]
struct Steps {
    first: Option<Undo>,
    more: Vec<Undo>,
}

impl Steps {
    fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.more.len()
    }

    fn push(&mut self, step: Undo) {
        if self.first.is_none() {
            self.first = Some(step);
        } else {
            self.more.push(step);
        }
    }

    /// The state before the last step.
    fn pop(&mut self) -> Option<Undo> {
        self.more.pop().or_else(|| self.first.take())
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        while let Some(step) = self.undo.pop() {
            match step {
                Undo::Head { table, id, head } => drop(self.tenant.swap_head(table, &id, head)),
                Undo::Value { table, id, list, place, value } => {
                    self.tenant.swap_value(table, &id, list, place, value);
                }
            }
        }
    }
}

impl<'a> Transaction<'a> {
    pub(super) fn new(tenant: &'a mut Tenant, indexed: &'a [AttributePath]) -> Self {
        Self { tenant, indexed, undo: Steps::default() }
    }

    pub(super) fn keep(mut self) {
        self.undo = Steps::default();
    }

    pub(super) fn apply(&mut self, change: &Change) -> Result<ChangeOutcome, StoreError> {
        let table = self.tenant.need_table(change.resource_type(), self.indexed);
        // A look-up by hash is much faster than a search in the tree of the rows, which has no row for most new ids.
        let known = self.tenant.locate(change.id());
        let row = known.and_then(|(id, _)| self.tenant.table(table)?.row(id));
        let current = row.map(|row| &row.head.version);
        if current.is_none() && change.expect().is_none() && known.is_some() {
            return Err(StoreError::NotUnique { attribute: AttributeId::ID });
        }
        change.check(current)?;
        let id = known.map_or_else(|| Id::from(change.id()), |(id, _)| Arc::clone(id));
        match (change, row) {
            (Change::Create(entry), _) => self.create(table, &id, entry),
            (Change::Replace(Replacement { entry, .. }), _) => self.replace(table, &id, entry),
            (Change::Delete(_), _) => self.delete(table, &id),
            (Change::EditValues(edit), _) if edit.resource_type.is_reference_list(edit.attribute) => {
                self.edit(table, &id, edit)
            }
            // The attribute is not a list that is stored separately, so the whole resource is replaced.
            (Change::EditValues(edit), Some(row)) => match edit.apply(row.whole()) {
                Some((edited, effect)) => Ok(self.replace(table, &id, &Entry::new(edited))?.with_edit(effect)),
                None => Ok(ChangeOutcome::kept(row.head.version.clone())),
            },
            (Change::EditValues(_), None) => Err(StoreError::NotFound),
        }
    }

    fn create(&mut self, table: usize, id: &Id, entry: &Entry) -> Result<ChangeOutcome, StoreError> {
        if id.is_empty() {
            return Err(StoreError::backend("expected a resource with an id"));
        }
        self.claim(table, id, entry)?;
        // The head comes first, since a resource may refer to itself.
        let head = without_lists(&entry.resource);
        let claims = Claims::new(&head, &entry.unique);
        let version = self.set_head(table, id, head, claims);
        for list in entry.resource.resource_type().reference_lists() {
            self.set_list(table, id, *list, elements(&entry.resource, *list))?;
        }
        Ok(ChangeOutcome::written(version))
    }

    fn replace(&mut self, table: usize, id: &Id, entry: &Entry) -> Result<ChangeOutcome, StoreError> {
        self.claim(table, id, entry)?;
        let steps = self.undo.len();
        for list in entry.resource.resource_type().reference_lists().iter().filter(|list| !entry.kept.contains(list)) {
            self.set_list(table, id, *list, elements(&entry.resource, *list))?;
        }
        let after = without_lists(&entry.resource);
        let row = self.tenant.row(table, id).ok_or(StoreError::NotFound)?;
        let is_same = is_same_but_for_the_time(row.head.resource.root(), after.root());
        if is_same && self.undo.len() == steps {
            return Ok(ChangeOutcome::kept(row.head.version.clone()));
        }
        let claims = Claims::new(&after, &entry.unique);
        let version = self.set_head(table, id, after, claims);
        Ok(ChangeOutcome::written(version))
    }

    /// Removes a resource, its unique keys and every reference to it (RFC 7644 §3.6).
    fn delete(&mut self, table: usize, id: &Id) -> Result<ChangeOutcome, StoreError> {
        let holdings: Vec<Holding> = self.tenant.holdings(id).cloned().collect();
        for Holding { table, list, referrer, .. } in holdings {
            let row = self.tenant.row(table, &referrer);
            if let Some(place) = row.and_then(|row| row.list(list)?.place(id)) {
                self.set_value(table, &referrer, list, place, None);
                self.touch(table, &referrer, None);
            }
        }
        let row = self.tenant.row(table, id).ok_or(StoreError::NotFound)?;
        let mut held = Vec::new();
        for (list, values) in row.lists() {
            held.extend(values.iter().map(|(place, _)| (list, *place)));
        }
        for (list, place) in held {
            self.set_value(table, id, list, place, None);
        }
        let head = self.tenant.swap_head(table, id, None);
        self.undo.push(Undo::Head { table, id: Arc::clone(id), head });
        Ok(ChangeOutcome::deleted())
    }

    fn edit(&mut self, table: usize, id: &Id, change: &ListEdit) -> Result<ChangeOutcome, StoreError> {
        let (list, edit) = (change.attribute, &change.edit);
        let steps = self.undo.len();
        let row = self.tenant.row(table, id).ok_or(StoreError::NotFound)?;
        let resource_type = Arc::clone(row.head.resource.resource_type());
        let coming: HashSet<&str> =
            edit.add.iter().filter_map(|element| referred(&resource_type, list, element)).collect();
        let mut effect = ValueEdit::default();
        let mut going = Vec::new();
        if let Some(values) = row.list(list) {
            let stays = |key: &str| coming.contains(key);
            if edit.clear {
                let cleared = values.iter().filter(|(_, value)| !values.key(value).is_some_and(stays));
                going.extend(cleared.map(|(place, value)| (*place, values.key(value).map(Text::from))));
            } else {
                let removed = edit.remove.iter().filter(|key| !stays(key));
                going.extend(removed.filter_map(|key| Some((values.place(key)?, Some(key.clone())))));
            }
        }
        for (place, key) in going {
            // An id that the edit names twice is removed once.
            if self.set_value(table, id, list, place, None) {
                effect.remove.extend(key);
            }
        }
        for element in edit.add.iter().filter(|element| referred(&resource_type, list, element).is_some()) {
            if self.add(table, id, list, Value::Complex(element.clone()))? {
                effect.add.push(element.clone());
            }
        }
        let modified = (self.undo.len() != steps).then_some(change.modified);
        let version = match modified {
            Some(_) => self.touch(table, id, modified),
            None => self.tenant.row(table, id).map(|row| row.head.version.clone()),
        };
        let changed = modified.is_some();
        Ok(ChangeOutcome { version, changed, edit: changed.then_some(effect), has_other_values: false })
    }

    /// Refuses unique keys that another resource has.
    fn claim(&self, table: usize, id: &Id, entry: &Entry) -> Result<(), StoreError> {
        let Some(rows) = self.tenant.table(table) else { return Ok(()) };
        match entry.unique.iter().find(|key| rows.is_taken(key, id)) {
            Some(taken) => Err(StoreError::NotUnique { attribute: taken.attribute }),
            None => Ok(()),
        }
    }

    /// Replaces the values of a list by `elements`. A value that is in the list already keeps its place.
    fn set_list(&mut self, table: usize, id: &Id, list: AttributeId, elements: &[Value]) -> Result<(), StoreError> {
        let Some(row) = self.tenant.row(table, id) else { return Ok(()) };
        let Some(value) = row.head.resource.resource_type().value_of(list) else { return Ok(()) };
        let mut coming: HashMap<&str, &Value> = HashMap::with_capacity(elements.len());
        let mut nameless = Vec::new();
        for element in elements {
            match list::key(value, element) {
                Some(key) => drop(coming.entry(key).or_insert(element)),
                None => nameless.push(element),
            }
        }
        let mut steps = Vec::new();
        let mut nameless_before = Vec::new();
        for (&place, element) in row.list(list).into_iter().flat_map(List::iter) {
            match list::key(value, element).map(|key| coming.get(key).copied()) {
                Some(Some(same)) if same == element => {}
                Some(other) => steps.push((place, other.cloned())),
                None => nameless_before.push((place, element)),
            }
        }
        let same_nameless = nameless_before.iter().map(|(_, element)| *element).eq(nameless.iter().copied());
        if !same_nameless {
            steps.extend(nameless_before.iter().map(|(place, _)| (*place, None)));
        }
        for (place, element) in steps {
            self.set_value(table, id, list, place, element);
        }
        for element in elements {
            if !same_nameless || list::key(value, element).is_some() {
                self.add(table, id, list, element.clone())?;
            }
        }
        Ok(())
    }

    /// Adds a value to a list, unless the list has a value with the same target. Returns whether it was added.
    fn add(&mut self, table: usize, id: &Id, list: AttributeId, element: Value) -> Result<bool, StoreError> {
        let Some(row) = self.tenant.row(table, id) else { return Ok(false) };
        let resource_type = row.head.resource.resource_type();
        let values = row.list(list);
        if let Some(key) = element.as_object().and_then(|element| referred(resource_type, list, element)) {
            if values.is_some_and(|values| values.place(key).is_some()) {
                return Ok(false);
            }
            let target = self.tenant.locate(key).and_then(|(_, table)| self.tenant.table(table));
            if !target.is_some_and(|target| may_refer(resource_type, list, &target.resource_type)) {
                return Err(StoreError::BadReference { attribute: list, value: key.into() });
            }
        }
        let end = values.map_or(0, List::end);
        self.set_value(table, id, list, end, Some(element));
        Ok(true)
    }

    /// Sets or removes the value at a place. Returns whether the place had a value before.
    fn set_value(&mut self, table: usize, id: &Id, list: AttributeId, place: u64, value: Option<Value>) -> bool {
        let value = self.tenant.swap_value(table, id, list, place, value);
        let was_there = value.is_some();
        self.undo.push(Undo::Value { table, id: Arc::clone(id), list, place, value });
        was_there
    }

    fn set_head(&mut self, table: usize, id: &Id, resource: Arc<Resource>, claims: Claims) -> Version {
        let version = self.tenant.next_version();
        let head = Head { resource, version: version.clone(), claims };
        let head = self.tenant.swap_head(table, id, Some(head));
        self.undo.push(Undo::Head { table, id: Arc::clone(id), head });
        version
    }

    /// Gives a resource a new version after one of its lists has changed. `modified`, if given, becomes its
    /// `meta.lastModified`.
    fn touch(&mut self, table: usize, id: &Id, modified: Option<DateTime<Utc>>) -> Option<Version> {
        let row = self.tenant.row(table, id)?;
        let claims = row.head.claims.clone();
        let mut resource = Arc::clone(&row.head.resource);
        if let Some(modified) = modified {
            // Clocks of several machines differ; `meta.lastModified` must not decrease.
            let modified = resource.last_modified().map_or(modified, |before| before.max(modified));
            Arc::make_mut(&mut resource).set_times(None, modified);
        }
        Some(self.set_head(table, id, resource, claims))
    }
}

/// The resource without its lists of references. Most resources have no such list and are shared unchanged.
fn without_lists(resource: &Arc<Resource>) -> Arc<Resource> {
    let (resource_type, root) = (resource.resource_type(), resource.root());
    if !resource_type.reference_lists().iter().any(|list| root.contains(*list)) {
        return Arc::clone(resource);
    }
    let kept = root.iter().filter(|(attribute, _)| !resource_type.is_reference_list(*attribute));
    let kept = kept.map(|(attribute, value)| (attribute, value.clone())).collect();
    Arc::new(Resource::from_object(Arc::clone(resource_type), kept))
}

fn elements(resource: &Resource, list: AttributeId) -> &[Value] {
    resource.root().get(list).map(Value::elements).unwrap_or_default()
}

/// Whether the list may refer to resources of type `target`.
fn may_refer(resource_type: &ResourceType, list: AttributeId, target: &ResourceType) -> bool {
    let types = resource_type
        .conventional(list)
        .reference
        .map(|reference| resource_type.attribute(reference).reference_types());
    types.unwrap_or_default().iter().any(|name| **name == *target.name())
}

/// Whether two resources without lists differ at most in `meta.lastModified`.
fn is_same_but_for_the_time(before: &Object, after: &Object) -> bool {
    let is_same = |(attribute, before): (AttributeId, &Value)| match (after.get(attribute), before) {
        (Some(Value::Complex(after)), Value::Complex(before)) if attribute == AttributeId::META => {
            let is_other = |(attribute, _): &(AttributeId, &Value)| *attribute != AttributeId::META_LAST_MODIFIED;
            before.iter().filter(is_other).count() == after.iter().filter(is_other).count()
                && before.iter().filter(is_other).all(|(attribute, before)| after.get(attribute) == Some(before))
        }
        (after, before) => after == Some(before),
    };
    before.len() == after.len() && before.iter().all(is_same)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Deletion, Expect};

    fn with_id(resource_type: &Arc<ResourceType>, id: &str) -> Resource {
        let mut resource = Resource::new(Arc::clone(resource_type));
        resource.root_mut().insert(AttributeId::ID, Value::String(id.into()));
        resource.root_mut().insert(AttributeId::EXTERNAL_ID, Value::String(id.into()));
        resource
    }

    fn commit(tenant: &mut Tenant, change: &Change) -> usize {
        let mut transaction = Transaction::new(tenant, &[]);
        transaction.apply(change).expect("it is valid");
        let steps = transaction.undo.len();
        transaction.keep();
        steps
    }

    /// The address of the text of each value in the group's list.
    fn addresses(tenant: &Tenant, list: AttributeId) -> HashMap<String, *const u8> {
        let group = tenant.locate("g").and_then(|(_, table)| tenant.row(table, "g")).expect("it is there");
        let values = group.list(list).into_iter().flat_map(|values| values.iter().map(|(_, value)| values.key(value)));
        values.flatten().map(|key| (key.to_owned(), key.as_ptr())).collect()
    }

    /// Adding and removing one member takes as many steps in a large group as in a small one. No other value is
    /// copied: each keeps its address.
    #[test]
    fn cost_follows_the_change() {
        let (user, group) = (ResourceType::user().map(Arc::new), ResourceType::group().map(Arc::new));
        let (user, group) = (user.expect("consistent"), group.expect("consistent"));
        let members = group.reference_lists()[0];
        let value = group.value_of(members).expect("defined");
        let member = |id: &str| Object::from_iter([(value, Value::String(id.into()))]);
        let edit = |clear, remove: &[&str], add: &[&str]| {
            Change::EditValues(ListEdit {
                resource_type: Arc::clone(&group),
                id: "g".into(),
                attribute: members,
                expect: Expect::Exists,
                edit: ValueEdit {
                    clear,
                    remove: remove.iter().map(|id| (*id).into()).collect(),
                    add: add.iter().map(|id| member(id)).collect(),
                },
                modified: DateTime::default(),
            })
        };
        let delete = |resource_type, id: &str| {
            Change::Delete(Deletion {
                resource_type: Arc::clone(resource_type),
                id: id.into(),
                expect: Expect::Exists,
                at: DateTime::default(),
                before: None,
            })
        };
        for size in [3, 30_000] {
            let mut tenant = Tenant::default();
            let ids: Vec<String> = (0..size).map(|n| format!("u{n}")).collect();
            for id in &ids {
                let create = Change::Create(Entry::new(with_id(&user, id)));
                assert_eq!(commit(&mut tenant, &create), 1);
            }
            let mut all = with_id(&group, "g");
            let values = ids.iter().skip(1).map(|id| Value::Complex(member(id))).collect();
            all.root_mut().insert(members, Value::List(values));
            commit(&mut tenant, &Change::Create(Entry::new(all)));

            let before = addresses(&tenant, members);
            assert_eq!(commit(&mut tenant, &edit(false, &[], &["u0"])), 2, "a value and a version");
            assert_eq!(commit(&mut tenant, &edit(false, &[], &["u0", "u1"])), 0);
            assert_eq!(commit(&mut tenant, &edit(false, &["u0", "u9999999"], &[])), 2);
            assert_eq!(commit(&mut tenant, &edit(false, &[], &["u0"])), 2);
            assert_eq!(commit(&mut tenant, &delete(&user, "u0")), 3, "a value, a version and the user");
            assert_eq!(addresses(&tenant, members), before, "no other value was touched");
            assert_eq!(commit(&mut tenant, &edit(true, &[], &["u1"])), size - 1);
            assert_eq!(commit(&mut tenant, &delete(&group, "g")), 2);
            for id in ids.iter().skip(1) {
                commit(&mut tenant, &delete(&user, id));
            }
            assert!(tenant.is_empty(), "no index names what is gone");
        }
    }
}
