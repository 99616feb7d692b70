//! The work of scim-core, as a host calls it.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context as Task, Poll, Waker},
};

use scim_core::{
    filter::{Filter, Matcher},
    limits::Limits,
    patch::Patch,
    protocol::{Request, Response},
    provider::ServiceProvider,
    quirks::{Quirks, Reading, Tolerance},
    resource::{Projection, Rendering, Resource, judge},
    schema::{Registry, ResourceType},
    store::{Change, Entry, MemoryStore, RequestContext, Store, TenantId},
};

use crate::inputs::BASE;

/// The resource types with all that a host prepares once.
#[derive(Debug)]
pub struct Ours {
    registry: Registry,
    user: Arc<ResourceType>,
    group: Arc<ResourceType>,
    limits: Limits,
    projections: [Projection; 2],
}

impl Default for Ours {
    fn default() -> Self {
        let registry = Registry::standard();
        let [user, group] = ["User", "Group"].map(|name| registry.resource_type(name).expect("registered").clone());
        let projections = [&user, &group].map(Projection::default_of);
        let mut limits = Limits::default();
        // One of the filters has 50 levels.
        limits.filter_depth = Filter::MAX_DEPTH;
        Self { registry, user, group, limits, projections }
    }
}

impl Ours {
    /// Parses a filter.
    pub fn parse(&self, text: &str) -> Filter {
        let mut tolerance = Tolerance::new(Quirks::default());
        Filter::parse(text, Reading::new(&self.limits, &mut tolerance)).expect("a filter")
    }

    /// Compiles a filter for users.
    pub fn compile(&self, text: &str) -> Matcher {
        self.parse(text).compile(&self.user, &mut Tolerance::new(Quirks::default())).expect("a filter of users")
    }

    /// A stored user.
    pub fn user(&self, stored: &str) -> Resource {
        Resource::from_json(&self.user, stored.as_bytes()).expect("a user")
    }

    /// A stored group.
    pub fn group(&self, stored: &str) -> Resource {
        Resource::from_json(&self.group, stored.as_bytes()).expect("a group")
    }

    /// Reads the request body of a new user, checks all rules, and writes the user as the response.
    pub fn create(&self, body: &str, out: &mut Vec<u8>) {
        let mut tolerance = Tolerance::new(Quirks::default());
        let reading = Reading::new(&self.limits, &mut tolerance);
        let user = Resource::read(&self.user, body.as_bytes(), reading).expect("a user");
        judge(None, &user).expect("all rules are kept");
        self.write(&user, out);
    }

    /// Changes a stored resource by a PATCH, from JSON to JSON.
    pub fn patch(&self, mut resource: Resource, message: &str, out: &mut Vec<u8>) {
        let mut tolerance = Tolerance::new(Quirks::default());
        let patch = Patch::parse(message.as_bytes(), Reading::new(&self.limits, &mut tolerance)).expect("a patch");
        let reading = Reading::new(&self.limits, &mut tolerance);
        assert!(patch.apply_to(&mut resource, reading).expect("it fits"), "it changes the resource");
        self.write(&resource, out);
    }

    /// Changes a stored group by a PATCH of its members alone: the change as a delta, applied in place.
    pub fn edit_members(&self, mut group: Resource, message: &str, out: &mut Vec<u8>) {
        let mut tolerance = Tolerance::new(Quirks::default());
        let patch = Patch::parse(message.as_bytes(), Reading::new(&self.limits, &mut tolerance)).expect("a patch");
        let reading = Reading::new(&self.limits, &mut tolerance);
        let membership = patch.membership(&self.group, reading).expect("it fits").expect("members alone");
        assert!(membership.edit.apply(membership.attribute, &mut group).is_some(), "it changes the group");
        self.write(&group, out);
    }

    fn write(&self, resource: &Resource, out: &mut Vec<u8>) {
        let [user, group] = &self.projections;
        let projection = if Arc::ptr_eq(resource.resource_type(), &self.user) { user } else { group };
        let version = Some("W/\"1\"");
        resource.write(
            out,
            &Rendering { registry: &self.registry, base: BASE, projection, version, derived: &[], displays: &[] },
        );
    }
}

/// A service provider with a store in memory, and one tenant.
#[derive(Debug)]
pub struct Host {
    provider: ServiceProvider<MemoryStore>,
    context: RequestContext,
}

impl Default for Host {
    fn default() -> Self {
        let mut limits = Limits::default();
        (limits.bulk_operations, limits.bulk_payload) = (10_000, 64 << 20);
        Self::new(limits)
    }
}

impl Host {
    /// A service provider with these limits.
    pub fn new(limits: Limits) -> Self {
        let builder = ServiceProvider::builder(Registry::standard(), MemoryStore::new(), BASE);
        Self {
            provider: builder.limits(limits).build().expect("complete"),
            context: RequestContext::new(TenantId::single()),
        }
    }

    /// A service provider with users of these ids and a stored group. Returns the target of requests that change the
    /// group without a list of members in the response.
    pub fn with_group(stored: &str, users: &[String]) -> (Self, String) {
        let (host, ours) = (Self::default(), Ours::default());
        let create = |resource| Change::Create(Entry::new(resource));
        let user = |id: &String| create(ours.user(&format!(r#"{{"id":"{id}","userName":"{id}"}}"#)));
        for users in users.chunks(MemoryStore::MAX_BATCH) {
            host.commit(&users.iter().map(user).collect::<Vec<_>>());
        }
        let group = ours.group(stored);
        let target = format!("/Groups/{}?excludedAttributes=members", group.id());
        host.commit(&[create(group)]);
        (host, target)
    }

    fn commit(&self, changes: &[Change]) {
        now(self.provider.store().commit(&self.context, changes)).expect("created");
    }

    /// The response to a request.
    pub fn send(&self, method: &str, target: &str, body: &str) -> Response {
        let request = Request::new(method, target).with_body(body.as_bytes());
        now(self.provider.handle(&self.context, &request))
    }

    /// Creates a resource and returns its id.
    pub fn create(&self, endpoint: &str, body: &str) -> String {
        let response = self.send("POST", endpoint, body);
        assert_eq!(response.status, 201, "{}", String::from_utf8_lossy(&response.body));
        let json: serde_json::Value = serde_json::from_slice(&response.body).expect("JSON");
        json["id"].as_str().expect("an id").to_owned()
    }
}

/// Polls until the future is ready. The store in memory waits for nothing; long work only gives way to other tasks.
fn now<T>(future: impl Future<Output = T>) -> T {
    let (mut future, mut task) = (pin!(future), Task::from_waker(Waker::noop()));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut task) {
            return output;
        }
    }
}
