//! The memory of a request is bounded by its own bytes and by `Limits::answer`, whatever is stored. Each kind of
//! request has one test. The store holds many times the bound and copies each resource that it returns, as a database
//! does.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::allow_attributes,
    reason = "a test that panics has failed"
)]

/// The modules that most tests share.
#[allow(dead_code, reason = "this program uses a part of it")]
mod it {
    pub(crate) mod fixture {
        pub(crate) mod forward;
        pub(crate) mod host;
    }
}

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use it::fixture::forward::forward;
use it::fixture::host::{BASE, Counting, GROUP, Host, PATCH, Reply, Ticking, USER, encoded, now};
use peak_alloc::PeakAlloc;
use scim_core::{
    limits::Limits,
    provider::ServiceProvider,
    resource::Resource,
    schema::{AttributeId, Registry, ResourceType},
    store::{
        Change, Entry, Key, MemoryStore, Page, RequestContext, RequestedAttributes, Scan, Store, StoreError, Stored,
        TenantId,
    },
    value::{Object, Value},
};
use serde_json::{Value as Json, json};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// The tested bound, in bytes.
const ANSWER: usize = 1 << 20;

/// The memory of a request is at most this factor times the sum of its own bytes and the bound. SECURITY.md states it.
const FACTOR: usize = 5;

/// The memory that a request needs whatever its size: the texts of errors, headers and lists.
const BASIS: usize = 256 << 10;

/// The number of users with values of some hundred kilobytes.
const LARGE: usize = 60;

/// The number of members of a group that exceeds the bound, and of each group of which only a few fit into an answer.
const HUGE: usize = 15_000;
const MANY: usize = 4_000;

/// The memory store with copies of the resources that it returns, and with the greatest work that any request has
/// spent.
struct Copying {
    inner: Arc<MemoryStore>,
    spent: Arc<AtomicU64>,
}

impl Copying {
    fn copy(stored: Stored) -> Stored {
        Stored { resource: Arc::new(Resource::clone(&stored.resource)), ..stored }
    }

    fn look(&self, context: &RequestContext) {
        let spent = context.work().map_or(0, scim_core::limits::Work::spent);
        self.spent.fetch_max(spent, Ordering::Relaxed);
    }
}

impl Store for Copying {
    forward! { inner: capabilities, pushdown, commit, locate, referrers, get_many }

    async fn get(
        &self,
        context: &RequestContext,
        key: Key<'_>,
        requested: &RequestedAttributes<'_>,
    ) -> Result<Option<Stored>, StoreError> {
        self.look(context);
        Ok(self.inner.get(context, key, requested).await?.map(Self::copy))
    }

    async fn scan(&self, context: &RequestContext, scan: &Scan<'_>) -> Result<Page, StoreError> {
        self.look(context);
        let page = self.inner.scan(context, scan).await?;
        Ok(Page::new(page.items.into_iter().map(Self::copy).collect(), page.total, page.more))
    }
}

struct World {
    host: Host<Copying>,
    /// The store of the host.
    inner: Arc<MemoryStore>,
    spent: Arc<AtomicU64>,
}

fn text(text: &str) -> Value {
    Value::String(text.into())
}

fn named(resource_type: &Arc<ResourceType>, id: &str, name: &str) -> Resource {
    let mut root = Object::from_iter([(AttributeId::ID, text(id))]);
    let attribute = if resource_type.name() == "User" { "userName" } else { "displayName" };
    root.insert(resource_type.child(AttributeId::ROOT, attribute).unwrap(), text(name));
    let created = Value::DateTime(chrono::DateTime::UNIX_EPOCH);
    root.insert(AttributeId::META, Value::Complex(Object::from_iter([(AttributeId::META_CREATED, created)])));
    Resource::from_object(Arc::clone(resource_type), root)
}

fn group(resource_type: &Arc<ResourceType>, id: &str, name: &str, members: impl Iterator<Item = String>) -> Resource {
    let list = resource_type.reference_lists()[0];
    let (value, type_of) = (resource_type.value_of(list).unwrap(), resource_type.child(list, "type").unwrap());
    let element = |id: String| Value::Complex(Object::from_iter([(value, text(&id)), (type_of, text("User"))]));
    let mut group = named(resource_type, id, name);
    group.root_mut().insert(list, Value::List(members.map(element).collect()));
    group
}

impl World {
    /// 60 users of 200 kB, 15,000 small ones, a group of all these, 20 groups of 4,000, and 30 users and 30 groups with
    /// names of 60 kB that belong to each other.
    fn new() -> Self {
        let registry = Registry::standard();
        let [user, resource_type] = ["User", "Group"].map(|name| registry.resource_type(name).unwrap());
        let mut all = Vec::new();
        for index in 0..LARGE {
            let mut large = named(user, &format!("large-{index:02}"), &format!("large {index}"));
            for name in ["title", "nickName", "locale", "timezone"] {
                large.root_mut().insert(user.child(AttributeId::ROOT, name).unwrap(), text(&"x".repeat(50_000)));
            }
            all.push(large);
        }
        let id = |index: usize| format!("small-{index:05}");
        all.extend((0..HUGE).map(|index| named(user, &id(index), &format!("small {index}"))));
        for index in 0..30 {
            let mut long = named(user, &format!("long-{index:02}"), &format!("long {index}"));
            long.root_mut().insert(user.child(AttributeId::ROOT, "displayName").unwrap(), text(&"n".repeat(60_000)));
            all.push(long);
        }
        all.push(group(resource_type, "huge", "huge", (0..HUGE).map(id)));
        all.extend((0..20).map(|index| {
            group(resource_type, &format!("many-{index:02}"), &format!("many {index}"), (0..MANY).map(id))
        }));
        let long = || (0..30).map(|index| format!("long-{index:02}"));
        all.push(group(resource_type, "names", "names", long()));
        all.extend((0..30).map(|index| {
            let name = format!("{index} {}", "g".repeat(60_000));
            group(resource_type, &format!("zz-{index:02}"), &name, std::iter::once("long-00".to_owned()))
        }));
        let inner = Arc::new(MemoryStore::new());
        let context = RequestContext::new(TenantId::single());
        let changes: Vec<Change> = all.into_iter().map(|resource| Change::Create(Entry::new(resource))).collect();
        for batch in changes.chunks(MemoryStore::MAX_BATCH) {
            now(inner.commit(&context, batch)).unwrap();
        }
        let mut limits = Limits::default();
        limits.answer = ANSWER;
        let spent = Arc::<AtomicU64>::default();
        let store = Copying { inner: Arc::clone(&inner), spent: Arc::clone(&spent) };
        let provider = ServiceProvider::builder(registry, store, BASE)
            .limits(limits)
            .clock(Ticking::default())
            .ids(Counting::default())
            .build()
            .unwrap();
        Self { host: Host { provider, context }, inner, spent }
    }

    /// Sends a request, and checks its memory and its work.
    fn send(&self, method: &str, target: &str, body: &Json, measured: &mut Vec<String>) -> Reply {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let target = encoded(target);
        let before = ALLOCATOR.current_usage();
        ALLOCATOR.reset_peak_usage();
        let reply = self.host.send(method, &target, &[], body.as_bytes());
        let peak = ALLOCATOR.peak_usage().saturating_sub(before);
        let bound = FACTOR * (target.len() + body.len() + ANSWER) + BASIS;
        let label = &target[..target.len().min(60)];
        measured.push(format!("{method} {label}: {} kB, {}", peak / 1_024, reply.status));
        assert!(peak <= bound, "{method} {label}: {peak} bytes of {bound}");
        assert!(reply.body.len() <= 2 * ANSWER, "{method} {label}: {} bytes", reply.body.len());
        assert!(self.spent.load(Ordering::Relaxed) <= Limits::default().work, "{method} {label}");
        reply
    }
}

fn operations(operations: &Json) -> Json {
    json!({"schemas": [PATCH], "Operations": operations})
}

/// One test only: the counter counts the allocations of the whole process.
#[test]
fn memory_is_bounded_for_each_kind_of_request() {
    let world = World::new();
    let mut measured = Vec::new();
    let total = |measured: &mut Vec<String>| {
        let counted =
            ["/Users?count=0", "/Groups?count=0"].map(|target| world.send("GET", target, &Json::Null, measured));
        counted.map(|reply| reply.json()["totalResults"].clone())
    };
    let before = total(&mut measured);
    let none = Json::Null;
    let search = |more: Json| {
        let mut request = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "count": 1_000});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        request
    };
    // The members of a group whose list must be read, a user of more than a quarter of the bound, and a list that
    // takes the whole bound.
    let replaced =
        operations(&json!([{"op": "replace", "path": "members[value eq \"small-00001\"].type", "value": "User"}]));
    let grown = operations(
        &json!([{"op": "add", "path": "profileUrl", "value": format!("https://example.com/{}", "u".repeat(60_000))},
        {"op": "replace", "path": "preferredLanguage", "value": "p".repeat(60_000)}]),
    );
    let too_large = json!({"schemas": [USER], "userName": "another", "title": "t".repeat(60_000), "nickName": "n".repeat(60_000),
        "locale": "l".repeat(60_000), "timezone": "z".repeat(60_000), "displayName": "d".repeat(60_000)});
    let members: Vec<Json> = (0..1_000).map(|index| json!({"value": format!("small-{index:05}")})).collect();
    let group = json!({"schemas": [GROUP], "displayName": "huge", "members": members});
    for (method, target, body, status, keyword) in [
        // One resource.
        ("GET", "/Users/large-00", &none, 200, ""),
        ("GET", "/Groups/huge", &none, 400, "tooMany"),
        ("GET", "/Groups/huge?excludedAttributes=members", &none, 200, ""),
        ("GET", "/Groups/names", &none, 400, "tooMany"),
        ("GET", "/Groups/names?excludedAttributes=members.display", &none, 200, ""),
        ("GET", "/Users/long-00", &none, 400, "tooMany"),
        ("GET", "/Users/long-00?excludedAttributes=groups", &none, 200, ""),
        // Lists by index.
        ("GET", "/Users?count=1000", &none, 400, "tooMany"),
        ("GET", "/Users?count=1000&sortBy=userName", &none, 400, "tooMany"),
        ("GET", "/Users?count=1000&sortBy=groups.value&filter=userName sw \"large\"", &none, 400, "tooMany"),
        ("GET", "/Users?count=1000&filter=userName sw \"large\" and meta.location co \"large\"", &none, 400, "tooMany"),
        ("GET", "/Users?count=2&filter=userName sw \"large\" and meta.location co \"large\"", &none, 200, ""),
        ("GET", "/Groups?count=1000", &none, 400, "tooMany"),
        ("GET", "/Groups?count=1000&sortBy=members.value", &none, 400, "tooMany"),
        ("GET", "/Groups?count=1000&filter=displayName sw \"many\"", &none, 400, "tooMany"),
        ("GET", "/Groups?count=10&excludedAttributes=members", &none, 200, ""),
        // By cursor: shorter pages.
        ("GET", "/Users?count=1000&cursor", &none, 200, ""),
        ("GET", "/Users?count=1000&cursor&sortBy=userName&sortOrder=descending", &none, 200, ""),
        ("GET", "/Users?count=1000&cursor&sortBy=groups.value&filter=userName sw \"large\"", &none, 200, ""),
        ("GET", "/Users?count=1000&cursor&filter=userName sw \"large\" and meta.location co \"large\"", &none, 200, ""),
        ("GET", "/Groups?count=1000&cursor&filter=displayName sw \"many\"", &none, 200, ""),
        ("GET", "/Groups?count=1000&cursor", &none, 400, "tooMany"),
        // All types.
        ("GET", "/?count=1000", &none, 400, "tooMany"),
        ("GET", "/?count=1000&sortBy=id&excludedAttributes=members", &none, 400, "tooMany"),
        ("GET", "/?count=1000&cursor", &none, 200, ""),
        ("GET", "/?count=1000&cursor&sortBy=id&excludedAttributes=members", &none, 200, ""),
        ("POST", "/Users/.search", &search(json!({})), 400, "tooMany"),
        ("POST", "/Users/.search", &search(json!({"cursor": ""})), 200, ""),
        ("POST", "/.search", &search(json!({})), 400, "tooMany"),
        ("POST", "/.search", &search(json!({"cursor": ""})), 200, ""),
        // Definitions.
        ("GET", "/Schemas", &none, 200, ""),
        ("GET", "/ResourceTypes", &none, 200, ""),
        ("GET", "/ServiceProviderConfig", &none, 200, ""),
        // Writes.
        ("POST", "/Users", &too_large, 400, "tooMany"),
        ("PUT", "/Groups/huge", &group, 400, "tooMany"),
        ("PATCH", "/Groups/huge", &replaced, 400, "tooMany"),
        ("PATCH", "/Users/large-00", &grown, 400, "tooMany"),
    ] {
        let reply = world.send(method, target, body, &mut measured);
        let found = (reply.status, reply.json()["scimType"].as_str().unwrap_or_default().to_owned());
        assert_eq!(found, (status, keyword.to_owned()), "{method} {target}: {}", reply.json()["detail"]);
    }
    assert_eq!(total(&mut measured), before, "what is refused changes nothing");
    for (target, attribute) in [("/Groups/huge?excludedAttributes=members", "meta"), ("/Users/large-00", "meta")] {
        let reply = world.send("GET", target, &none, &mut measured).json();
        assert_eq!(reply[attribute].get("lastModified"), None, "{target} was never changed");
    }
    // A write whose resource exceeds the bound is done, and its answer leaves out the large parts.
    let add = operations(&json!([{"op": "add", "path": "members", "value": [{"value": "large-00"}]}]));
    let rename = operations(&json!([{"op": "replace", "path": "displayName", "value": "renamed"}]));
    let bulk: Vec<Json> = (0..100)
        .map(|index| {
            json!({"method": "PATCH", "path": format!("/Groups/many-{:02}", index % 20),
            "data": operations(&json!([{"op": "replace", "path": "displayName", "value": format!("many {index}")}]))})
        })
        .collect();
    let bulk = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": bulk});
    for (method, target, body, status) in [
        ("PATCH", "/Groups/huge", &add, 204),
        ("PATCH", "/Groups/huge?attributes=members", &rename, 204),
        ("PATCH", "/Groups/names", &rename, 200),
        ("PUT", "/Groups/many-00", &group, 200),
        ("POST", "/Bulk", &bulk, 200),
        ("DELETE", "/Users/small-00000", &none, 204),
        ("DELETE", "/Groups/huge", &none, 204),
    ] {
        let reply = world.send(method, target, body, &mut measured);
        assert_eq!(reply.status, status, "{method} {target}: {}", reply.json()["detail"]);
        if target == "/Bulk" {
            let json = reply.json();
            let statuses = json["Operations"].as_array().unwrap().iter().map(|operation| &operation["status"]);
            assert_eq!(statuses.filter(|status| *status == "200" || *status == "204").count(), 100, "{json}");
        }
    }
    // A search that has spent its work ends, although its conditions cost nothing. The store would otherwise join each of
    // the other groups with its members.
    let mut limits = Limits::default();
    limits.work = 30;
    let provider = ServiceProvider::builder(Registry::standard(), Arc::clone(&world.inner), BASE).limits(limits);
    let provider = provider.clock(Ticking::default()).ids(Counting::default()).build().unwrap();
    let poor = Host { provider, context: RequestContext::new(TenantId::single()) };
    for query in ["sortBy=displayName", "filter=not (externalId pr)", "sortBy=id&filter=not (externalId pr)"] {
        let target = encoded(&format!("/Groups?count=10&excludedAttributes=members&{query}"));
        let before = ALLOCATOR.current_usage();
        ALLOCATOR.reset_peak_usage();
        let reply = poor.send("GET", &target, &[], &[]);
        let peak = ALLOCATOR.peak_usage().saturating_sub(before);
        assert_eq!(reply.error(), (400, "tooMany".to_owned()), "{query}");
        assert!(peak <= BASIS, "{query}: {peak} bytes");
    }
    println!("{}", measured.join("\n"));
}
