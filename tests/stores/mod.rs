//! What the tests of stores share: resource types with several lists of references, and calls that wait for nothing.
#![allow(dead_code, clippy::allow_attributes, reason = "each test uses its part")]

use std::{
    pin::pin,
    sync::Arc,
    task::{Context as Task, Poll, Waker},
};

use chrono::{DateTime, Utc};
use scim_core::{
    Filter, Registry, Resource, Store,
    filter::Matcher,
    patch::ValueEdit,
    quirks::{Quirks, Tolerance},
    schema::{Attribute, AttributeId, AttributeType, Mutability, Relation, ResourceType, Schema, Uniqueness},
    store::{
        Capabilities, Change, CommitError, Context, Done, Entry, Expect, Holder, Key, MemoryStore, Page, Scan,
        StoreError, Stored, TenantId, Version, Wanted, Window,
    },
    value::Object,
};
use serde_json::{Value as Json, json};

use crate::{documents::resource, forward::forward};

/// The output of a future that is ready at once.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Task::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a store in memory waits for nothing"),
    }
}

/// Users, groups, and devices: these have two lists, of which one refers to users only, and a serial number that is
/// unique, case and all, and are told which devices they watch.
pub(crate) fn registry() -> Registry {
    let references = |name: &str, types: &[&str]| {
        let value = Attribute::new("value", AttributeType::String).case_exact();
        let reference = Attribute::new("$ref", AttributeType::Reference).reference_types(types.iter().copied());
        let note = Attribute::new("note", AttributeType::String);
        let tags = Attribute::new("tags", AttributeType::String).multi_valued();
        Attribute::complex(name, [value, reference, note, tags]).multi_valued()
    };
    let device = Schema::new("urn:example:scim:schemas:device:1.0:Device", "Device")
        .attribute(Attribute::new("displayName", AttributeType::String))
        .attribute(Attribute::new("serial", AttributeType::String).case_exact().uniqueness(Uniqueness::Server))
        .attribute(Attribute::new("weight", AttributeType::Decimal).uniqueness(Uniqueness::Server))
        .attribute(Attribute::complex("emails", [Attribute::new("value", AttributeType::String)]).multi_valued())
        .attribute(references("watching", &["Device"]).mutability(Mutability::ReadOnly))
        .attribute(references("owners", &["User"]))
        .attribute(references("watchers", &["User", "Group", "Device"]));
    let device = ResourceType::builder("Device", "Devices", device)
        .relation("watching", "Device", "watchers", "displayName")
        .build()
        .unwrap();
    Registry::builder()
        .resource_type(ResourceType::user().unwrap())
        .resource_type(ResourceType::group().unwrap())
        .resource_type(device)
        .build()
        .unwrap()
}

/// The resource types at hand, and one tenant.
pub(crate) struct World {
    pub(crate) registry: Registry,
    pub(crate) user: Arc<ResourceType>,
    pub(crate) group: Arc<ResourceType>,
    pub(crate) device: Arc<ResourceType>,
    pub(crate) members: AttributeId,
    pub(crate) cx: Context,
}

pub(crate) fn time(second: u32) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + i64::from(second), 0).unwrap()
}

pub(crate) fn element(kind: &ResourceType, list: AttributeId, id: &str) -> Object {
    Object::from_iter([(kind.value_of(list).unwrap(), scim_core::value::Value::String(id.into()))])
}

/// The changes of one list of references.
pub(crate) fn edit(kind: &ResourceType, list: AttributeId, clear: bool, remove: &[&str], add: &[&str]) -> ValueEdit {
    ValueEdit {
        clear,
        remove: remove.iter().map(|id| (*id).into()).collect(),
        add: add.iter().map(|id| element(kind, list, id)).collect(),
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let registry = registry();
        let [user, group, device] =
            ["User", "Group", "Device"].map(|name| Arc::clone(registry.resource_type(name).unwrap()));
        let members = group.child(AttributeId::ROOT, "members").unwrap();
        let cx = Context::new(TenantId::single());
        Self { registry, user, group, device, members, cx }
    }

    pub(crate) fn kinds(&self) -> [Arc<ResourceType>; 3] {
        [&self.user, &self.group, &self.device].map(Arc::clone)
    }

    pub(crate) fn list(&self, name: &str) -> AttributeId {
        self.device.child(AttributeId::ROOT, name).unwrap()
    }

    pub(crate) fn user(&self, id: &str, name: &str) -> Resource {
        sample(&self.user, json!({"id": id, "userName": name}))
    }

    pub(crate) fn group(&self, id: &str, name: &str, members: &[&str]) -> Resource {
        let mut document = json!({"id": id, "displayName": name});
        if !members.is_empty() {
            document["members"] = members.iter().map(|id| json!({"value": id})).collect();
        }
        sample(&self.group, document)
    }

    pub(crate) fn edit_members(&self, id: &str, remove: &[&str], add: &[&str]) -> Change {
        Change::EditValues {
            kind: Arc::clone(&self.group),
            id: id.into(),
            attribute: self.members,
            expect: Expect::Exists,
            edit: edit(&self.group, self.members, false, remove, add),
            modified: time(9),
        }
    }

    pub(crate) fn commit(&self, store: &impl Store, batch: &[Change]) -> Result<Vec<Done>, CommitError> {
        now(store.commit(&self.cx, batch))
    }

    pub(crate) fn get(&self, store: &impl Store, kind: &Arc<ResourceType>, id: &str) -> Option<Stored> {
        now(store.get(&self.cx, Key { kind, id }, &Wanted::everything())).unwrap()
    }

    pub(crate) fn version(&self, store: &impl Store, kind: &Arc<ResourceType>, id: &str) -> Version {
        self.get(store, kind, id).unwrap().version
    }

    /// The ids in a list of references.
    pub(crate) fn held(
        &self,
        store: &impl Store,
        kind: &Arc<ResourceType>,
        id: &str,
        list: AttributeId,
    ) -> Vec<String> {
        let stored = self.get(store, kind, id).unwrap();
        let value = kind.value_of(list).unwrap();
        let elements = stored.resource.root().get(list).map(|list| list.elements().to_vec()).unwrap_or_default();
        elements.iter().map(|it| it.as_object().unwrap().get(value).unwrap().as_str().unwrap().to_owned()).collect()
    }

    /// Everything that a tenant has, in an order that does not depend on the store.
    pub(crate) fn snapshot(&self, store: &impl Store, cx: &Context) -> Vec<(Resource, Version)> {
        let pages = self.kinds().map(|kind| {
            let window = Window::behind(None, usize::MAX);
            let wanted = Wanted::everything();
            let scan = Scan { kind: &kind, filter: &[], sort: None, window, wanted: &wanted, count: false };
            now(store.scan(cx, &scan)).unwrap()
        });
        let items = pages.into_iter().flat_map(|page| page.items);
        items.map(|stored| (Resource::clone(&stored.resource), stored.version)).collect()
    }
}

/// The resource that a document describes, created and modified at [`time`] 0 unless it says otherwise.
pub(crate) fn sample(kind: &Arc<ResourceType>, mut document: Json) -> Resource {
    let times = json!({"created": time(0).to_rfc3339(), "lastModified": time(0).to_rfc3339()});
    document.as_object_mut().unwrap().entry("meta").or_insert(times);
    resource(kind, &document)
}

pub(crate) fn delete(kind: &Arc<ResourceType>, id: &str) -> Change {
    Change::Delete { kind: Arc::clone(kind), id: id.into(), expect: Expect::Exists, at: time(9), before: None }
}

pub(crate) fn create(resource: Resource) -> Change {
    Change::Create { entry: Entry::new(resource) }
}

/// No store here looks at what was before.
pub(crate) fn replace(resource: Resource) -> Change {
    let entry = Entry::new(resource);
    Change::Replace { before: Arc::clone(&entry.resource), entry, expect: Expect::Exists }
}

pub(crate) fn compile(kind: &Arc<ResourceType>, filter: &str) -> Matcher {
    let filter: Filter = filter.parse().unwrap_or_else(|error| panic!("{filter}: {error}"));
    filter.compile(kind, &mut Tolerance::new(Quirks::default())).unwrap_or_else(|error| panic!("{error}"))
}

/// A store with two users, two groups of which one is a member of the other, and a device.
pub(crate) fn filled(world: &World, store: impl Store) -> impl Store {
    let device = json!({"id": "d1", "serial": "S1", "owners": [{"value": "u1"}], "watchers": [{"value": "u1"},
        {"value": "g1"}]});
    let batch = [
        create(world.user("u1", "Ann")),
        create(world.user("u2", "bob")),
        create(world.group("g1", "Guides", &["u1", "u2"])),
        create(world.group("g2", "All", &["g1", "u1"])),
        create(sample(&world.device, device)),
    ];
    let done = world.commit(&store, &batch).unwrap();
    assert!(done.iter().all(|done| done.changed && done.version.is_some()));
    store
}

/// Forwards what a store must have and nothing else.
pub(crate) struct Least(pub(crate) MemoryStore);

impl Store for Least {
    forward! { 0: get, commit }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new()
    }

    async fn scan<'a>(&'a self, cx: &'a Context, scan: &'a Scan<'a>) -> Result<Page, StoreError> {
        assert!(scan.sort.is_none() && scan.filter.is_empty(), "it was not asked whether it can");
        self.0.scan(cx, scan).await
    }
}

pub(crate) fn groups_of(world: &World) -> Relation {
    world.registry.relations(&world.user)[0].clone()
}

/// Who has whom as a member, as text.
pub(crate) fn holders(world: &World, store: &impl Store, ids: &[&str]) -> Vec<String> {
    let found = now(store.holders(&world.cx, &groups_of(world), ids, usize::MAX)).unwrap();
    let text = |it: Holder| format!("{}<{} {}", it.value, it.id, it.display.as_deref().unwrap_or("-"));
    let mut found: Vec<String> = found.into_iter().map(text).collect();
    found.sort_unstable();
    found
}
