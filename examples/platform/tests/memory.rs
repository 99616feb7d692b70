//! The memory of the process is bounded by the size of an answer, not by the size of the database: rows are counted as
//! they arrive, and lists are measured before they are read.
#![cfg(target_os = "linux")]
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

/// Modules of the program `it`.
#[allow(dead_code, unused_imports, reason = "this program uses a part of them")]
mod it {
    pub(crate) mod process;
}

use std::fs;

use it::process::{Place, databases};
use platform::{
    database::Database,
    registry,
    store::{self, Resources},
};
use scim_core::{
    limits::Limits,
    protocol::Request,
    provider::ServiceProvider,
    resource::Resource,
    store::{Change, Entry, RequestContext, Store, TenantId},
};
use serde_json::{Value as Json, json};

/// The tested bound.
const ANSWER: usize = 1 << 20;

/// The growth that the process may have for one request: some copies of the resources, and the caches of SQLite.
const GROWTH: usize = 24 << 20;

/// Users of 100 kB: 40 MB in all.
const USERS: usize = 400;

/// Groups that fit one by one, and a group that does not fit.
const GROUPS: usize = 60;
const MEMBERS: usize = 3_000;
const HUGE: usize = 40_000;

struct Host {
    provider: ServiceProvider<Resources>,
    context: RequestContext,
}

fn create(resource_type: &str, json: &Json) -> Change {
    let registry = registry();
    let resource_type = registry.resource_type(resource_type).unwrap();
    Change::Create(Entry::new(Resource::from_json(resource_type, json.to_string().as_bytes()).unwrap()))
}

/// A query of the numbers from 1 to `last`.
fn numbers(place: &Place, last: usize) -> String {
    if place.url.starts_with("sqlite") {
        format!("WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {last}) SELECT n FROM n")
    } else {
        format!("SELECT generate_series(1, {last}) AS n")
    }
}

/// Inserts members directly into the database, since the program would take a while.
fn insert_members(place: &Place, group: &str, members: usize) {
    let numbers = numbers(place, members);
    place.run(&format!(
        "INSERT INTO member (tenant, holder, list, place, value, element) SELECT 'acme', '{group}', 'members', n, \
         'm' || n, '{{\"value\":\"m' || n || '\",\"type\":\"User\"}}' FROM ({numbers}) AS n; \
         UPDATE resource SET places = {members} + 1 WHERE tenant = 'acme' AND id = '{group}'"
    ));
}

/// Copies the user `u1000` in the same way.
fn insert_users(place: &Place, users: usize) {
    let numbers = numbers(place, users);
    place.run(&format!(
        "INSERT INTO resource (tenant, id, kind, version, modified, places, document, comparable) SELECT tenant, \
         'u' || (1000 + n), kind, version, modified, places, replace(document, 'u1000', 'u' || (1000 + n)), comparable \
         FROM resource, ({numbers}) AS n WHERE tenant = 'acme' AND id = 'u1000'"
    ));
}

impl Host {
    async fn new(place: &Place) -> Self {
        let registry = registry();
        let store = store::open(Database::open(&place.url).await.unwrap(), &registry).await.unwrap();
        let context = RequestContext::new(TenantId::new("acme").unwrap());
        let long = "x".repeat(50_000);
        let user = json!({"id": "u1000", "userName": "u1000", "title": long, "nickName": long});
        store.commit(&context, &[create("User", &user)]).await.unwrap();
        insert_users(place, USERS - 1);
        let group = |id: &str| create("Group", &json!({"id": id, "displayName": id}));
        let mut groups: Vec<Change> = (0..GROUPS).map(|index| group(&format!("g{index:02}"))).collect();
        groups.push(group("huge"));
        store.commit(&context, &groups).await.unwrap();
        for index in 0..GROUPS {
            insert_members(place, &format!("g{index:02}"), MEMBERS);
        }
        let mut limits = Limits::default();
        limits.answer = ANSWER;
        let provider =
            ServiceProvider::builder(registry, store, "https://example.com/scim/v2").limits(limits).build().unwrap();
        Self { provider, context }
    }

    async fn send(&self, method: &str, target: &str, body: &Json) -> (u16, Json) {
        let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(body).unwrap() };
        let before = resident("VmRSS");
        // Linux resets the highest size.
        fs::write("/proc/self/clear_refs", "5").unwrap();
        let response =
            Box::pin(self.provider.handle(&self.context, &Request::new(method, target).with_body(&body))).await;
        let growth = resident("VmHWM").saturating_sub(before);
        println!("{method} {target}: {} kB", growth / 1_024);
        assert!(growth < GROWTH, "{method} {target}: {growth} bytes");
        (response.status, serde_json::from_slice(&response.body).unwrap_or(Json::Null))
    }

    /// The number of resources that a walk by cursor finds.
    async fn walk(&self, target: &str) -> usize {
        let (mut found, mut next) = (0, String::new());
        loop {
            let (status, json) = self.send("GET", &format!("{target}&cursor={next}"), &Json::Null).await;
            assert_eq!(status, 200, "{target}: {}", json["detail"]);
            found += json["Resources"].as_array().unwrap().len();
            match json["nextCursor"].as_str() {
                Some(cursor) => cursor.clone_into(&mut next),
                None => return found,
            }
        }
    }
}

/// A line of the process's status, in bytes.
fn resident(name: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1_024
}

/// The only test of this process, whose memory it measures.
#[tokio::test(flavor = "multi_thread")]
async fn the_memory_of_the_process_is_bounded() {
    for place in databases() {
        let host = Host::new(&place).await;
        assert_eq!(host.walk("/Users?count=1000").await, USERS, "{place:?}");
        assert_eq!(host.walk("/Groups?count=1000").await, GROUPS + 1, "{place:?}");
        insert_members(&place, "huge", HUGE);
        let none = Json::Null;
        let add = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "add", "path": "members", "value": [{"value": "u1001"}]}]});
        for (method, target, body, status) in [
            ("GET", "/Users?count=1000", &none, 400),
            ("GET", "/Users?count=1000&sortBy=userName", &none, 400),
            ("GET", "/Users?count=1000&sortBy=title", &none, 400),
            ("GET", "/Users?count=5", &none, 200),
            ("GET", "/Users/u1001", &none, 200),
            ("GET", "/Groups?count=100", &none, 400),
            ("GET", "/Groups?count=100&excludedAttributes=members", &none, 200),
            ("GET", "/Groups/huge", &none, 400),
            ("GET", "/Groups/huge?excludedAttributes=members", &none, 200),
            ("GET", "/Groups/g00", &none, 200),
            ("PATCH", "/Groups/huge", &add, 204),
            ("GET", "/?count=1000", &none, 400),
        ] {
            let (found, json) = host.send(method, target, body).await;
            assert_eq!(found, status, "{place:?}: {method} {target}: {}", json["detail"]);
            if status == 400 {
                assert_eq!(json["scimType"], "tooMany", "{place:?}: {method} {target}");
            }
        }
    }
}
