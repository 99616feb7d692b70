//! The cost of member changes: one member added and removed, in a group of 100 and in a group of 100,000. And the cost
//! of the members' names when a group is shown.
//!
//! `cargo bench --bench members`. Every response is checked.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::allow_attributes,
    reason = "a benchmark that panics has found a wrong answer"
)]

mod measure;

use std::{
    pin::pin,
    sync::Arc,
    task::{Context as Task, Poll, Waker},
};

use measure::{compare, report};
use scim_core::{
    limits::Limits,
    protocol::Request,
    provider::ServiceProvider,
    quirks::{Quirks, Reading, Tolerance},
    resource::Resource,
    schema::{AttributeId, Registry, ResourceType},
    store::{Change, Entry, MemoryStore, RequestContext, Store, TenantId},
    value::{Object, Value},
};

fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Task::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a store in memory waits for nothing"),
    }
}

struct Host {
    provider: ServiceProvider<MemoryStore>,
    context: RequestContext,
    members: usize,
    add: String,
    remove: String,
}

impl Host {
    /// Makes `members + 1` users, and a group with the first `members` of them.
    fn new(members: usize) -> Self {
        let registry = Registry::standard();
        let [user, group] = ["User", "Group"].map(|name| registry.resource_type(name).expect("registered").clone());
        let context = RequestContext::new(TenantId::single());
        let store = MemoryStore::new();
        let create = |resource: Resource| {
            now(store.commit(&context, &[Change::Create(Entry::new(resource))])).expect("created");
        };
        for n in 0..=members {
            create(resource(&user, &format!("u{n}"), None));
        }
        let list = group.reference_lists()[0];
        let id = group.value_of(list).expect("defined");
        let resource_type = group.child(list, "type").expect("defined");
        let text = |text: &str| Value::String(text.into());
        let element =
            |n| Value::Complex(Object::from_iter([(id, text(&format!("u{n}"))), (resource_type, text("User"))]));
        create(resource(&group, "g", Some((list, Value::List((0..members).map(element).collect())))));
        let provider = ServiceProvider::builder(registry, store, "https://example.com").build().expect("complete");
        let patch = |operation: String| {
            format!(r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{operation}]}}"#)
        };
        let add = patch(format!(r#"{{"op":"add","path":"members","value":[{{"value":"u{members}"}}]}}"#));
        let remove = patch(format!(r#"{{"op":"remove","path":"members[value eq \"u{members}\"]"}}"#));
        Self { provider, context, members, add, remove }
    }

    fn patch(&self, body: &str) {
        // The response omits the members, as Entra requests: otherwise the benchmark would measure showing them.
        let request = Request::new("PATCH", "/Groups/g?excludedAttributes=members").with_body(body.as_bytes());
        let response = now(self.provider.handle(&self.context, &request));
        assert_eq!(response.status, 200);
    }

    /// Adds one member and removes the same member.
    fn there_and_back(&self) {
        self.patch(&self.add);
        self.patch(&self.remove);
    }

    /// The response body with the group.
    fn show(&self, query: &str) -> Vec<u8> {
        now(self.provider.handle(&self.context, &Request::new("GET", &format!("/Groups/g{query}")))).body
    }

    fn members(&self, query: &str) -> Vec<serde_json::Value> {
        let json: serde_json::Value = serde_json::from_slice(&self.show(query)).expect("JSON");
        json["members"].as_array().expect("members").clone()
    }

    fn count(&self) -> usize {
        self.members("").len()
    }
}

/// A resource whose id is also its name; groups have no `userName`, so reading drops it.
fn resource(resource_type: &Arc<ResourceType>, id: &str, more: Option<(AttributeId, Value)>) -> Resource {
    let json = format!(r#"{{"userName":"{id}","displayName":"{id}"}}"#);
    let mut tolerance = Tolerance::new(Quirks::default());
    let mut resource = Resource::read(resource_type, json.as_bytes(), Reading::new(&Limits::default(), &mut tolerance))
        .expect("a resource");
    resource.root_mut().insert(AttributeId::ID, Value::String(id.into()));
    if let Some((attribute, value)) = more {
        resource.root_mut().insert(attribute, value);
    }
    resource
}

fn main() {
    const TIMES: usize = 200;
    const NAMELESS: &str = "?excludedAttributes=members.display";
    let (large, small) = (Host::new(100_000), Host::new(100));
    for host in [&large, &small] {
        host.patch(&host.add);
        assert_eq!(host.count(), host.members + 1);
        host.patch(&host.remove);
        assert_eq!(host.count(), host.members);
    }
    let comparison = compare(
        "add and remove one, 100,000 members / 100",
        1.5,
        TIMES * 2,
        || (0..TIMES).for_each(|_| large.there_and_back()),
        || (0..TIMES).for_each(|_| small.there_and_back()),
    );
    report("A change of members, from request to response", &[comparison]);
    assert_eq!((large.count(), small.count()), (100_000, 100));

    let host = Host::new(1_000);
    assert!(host.members("").iter().all(|member| member["display"] == member["value"]));
    assert!(host.members(NAMELESS).iter().all(|member| member.get("display").is_none()));
    let comparison = compare("a group of 1,000 with names / without", 4.0, 1, || host.show(""), || host.show(NAMELESS));
    report("A group with its members, from request to response", &[comparison]);
}
