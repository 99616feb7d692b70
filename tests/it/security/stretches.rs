//! No request holds its thread: between two pauses, a request spends a bounded number of units of work.

use std::{
    pin::pin,
    sync::{Mutex, PoisonError},
    task::{Context as Task, Poll, Waker},
    time::{Duration, Instant},
};

use crate::fixture::forward::forward;
use crate::fixture::host::{Host, encoded, host_with};
use scim_core::{
    filter::Condition,
    limits::{Limits, Work},
    protocol::Request,
    quirks::Quirks,
    schema::{Registry, ResourceType},
    store::{
        Capabilities, Key, MemoryStore, Page, Pushdown, RequestContext, RequestedAttributes, Scan, Store, StoreError,
        Stored,
    },
};
use serde_json::{Value as Json, json};

/// Two stretches of 10,000 units, and the list of 3,000 values whose examination ends the second stretch.
const MOST: u64 = 25_000;

/// The memory store with the last caller. `filters` is false for a store that leaves filters to the core.
struct Watched {
    inner: MemoryStore,
    filters: bool,
    caller: Mutex<Option<RequestContext>>,
}

impl Watched {
    fn see(&self, context: &RequestContext) {
        *self.caller.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.clone());
    }

    /// The units that the present request has spent.
    fn spent(&self) -> u64 {
        let caller = self.caller.lock().unwrap_or_else(PoisonError::into_inner);
        caller.as_ref().and_then(RequestContext::work).map_or(0, Work::spent)
    }
}

impl Store for Watched {
    forward! { inner: commit, referrers, get_many, locate }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities().with_sort(self.filters)
    }

    fn pushdown(&self, resource_type: &ResourceType, conjunct: &Condition) -> Pushdown {
        if self.filters { self.inner.pushdown(resource_type, conjunct) } else { Pushdown::No }
    }

    async fn get(
        &self,
        context: &RequestContext,
        key: Key<'_>,
        requested: &RequestedAttributes<'_>,
    ) -> Result<Option<Stored>, StoreError> {
        self.see(context);
        self.inner.get(context, key, requested).await
    }

    async fn scan(&self, context: &RequestContext, scan: &Scan<'_>) -> Result<Page, StoreError> {
        self.see(context);
        self.inner.scan(context, scan).await
    }
}

/// The course of one request.
#[derive(Debug)]
struct Course {
    status: u16,
    spent: u64,
    /// The most units between two pauses.
    longest: u64,
    /// The pauses.
    pauses: usize,
    /// The longest time between two pauses, which is printed and not checked.
    time: Duration,
}

fn course(host: &Host<Watched>, store: &Watched, method: &str, target: &str, body: &Json) -> Course {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let target = encoded(target);
    let request = Request::new(method, &target).with_body(&body);
    *store.caller.lock().unwrap() = None;
    let (mut future, mut task) = (pin!(host.provider.handle(&host.context, &request)), Task::from_waker(Waker::noop()));
    let (mut before, mut longest, mut pauses, mut time) = (0, 0, 0, Duration::ZERO);
    loop {
        let start = Instant::now();
        let poll = future.as_mut().poll(&mut task);
        time = time.max(start.elapsed());
        let spent = store.spent();
        longest = longest.max(spent - before);
        before = spent;
        if let Poll::Ready(response) = poll {
            return Course { status: response.status, spent, longest, pauses, time };
        }
        pauses += 1;
    }
}

fn any_of(terms: usize, term: impl Fn(usize) -> String) -> String {
    (0..terms).map(term).collect::<Vec<_>>().join(" or ")
}

fn watched(filters: bool) -> Host<Watched> {
    let store = Watched { inner: MemoryStore::new(), filters, caller: Mutex::new(None) };
    host_with(Registry::standard(), store, Limits::default(), Quirks::default())
}

/// 100 users, one of whom has 3,000 e-mail addresses.
fn filled(filters: bool) -> Host<Watched> {
    let host = watched(filters);
    let emails =
        |count: usize| -> Json { (0..count).map(|n| json!({"value": format!("{n}@x"), "display": "d"})).collect() };
    let operations: Vec<Json> = (0..100)
        .map(|n| {
            let data = json!({"userName": format!("u{n}"), "emails": emails(if n == 0 { 3_000 } else { 5 })});
            json!({"method": "POST", "path": "/Users", "bulkId": format!("b{n}"), "data": data})
        })
        .collect();
    assert_eq!(host.post("/Bulk", &json!({"Operations": operations})).status, 200);
    host
}

#[test]
fn a_search_pauses_however_costly_a_row_is() {
    let none = |operator: &str| any_of(200, |n| format!("emails.value {operator} \"none{n}\""));
    let filters = [
        none("co"),
        format!("not ({})", none("ew")),
        format!("emails[{}]", any_of(200, |n| format!("value co \"none{n}\""))),
        format!("userName pr and ({})", any_of(200, |n| format!("emails.value co \"none{n}\""))),
        format!("groups.display co \"x\" or {}", any_of(200, |n| format!("emails.value sw \"none{n}\""))),
    ];
    for filters_itself in [true, false] {
        let host = filled(filters_itself);
        let store = host.provider.store();
        for filter in &filters {
            for order in ["", "&sortBy=userName", "&cursor"] {
                let target = format!("/Users?count=10&filter={filter}{order}");
                let course = course(&host, store, "GET", &target, &Json::Null);
                let context = format!("{filters_itself} {order} {filter:.60}: {course:?}");
                println!("{context}");
                assert!(course.status == 200 || course.status == 400, "{context}");
                assert!(course.spent > 20 * MOST, "{context}");
                assert!(course.longest <= MOST, "{context}");
            }
        }
    }
}

#[test]
fn a_write_pauses_however_many_values_it_has() {
    let host = watched(true);
    let store = host.provider.store();
    let emails = |count: usize| -> Json { (0..count).map(|n| json!({"value": format!("{n}@x")})).collect() };
    let user = |name: &str, count: usize| {
        let body = json!({"userName": name, "emails": emails(count)});
        let reply = host.post("/Users", &body);
        assert_eq!(reply.status, 201, "{}", reply.json());
        format!("/Users/{}", reply.id())
    };
    let patch = |operations: Json| json!({"Operations": operations});
    let many = user("many", 2_000);
    let most = user("most", 10_000);
    let few = user("few", 1);
    let displays: Vec<Json> = (0..300)
        .map(|n| json!({"op": "replace", "path": format!("emails[value eq \"{n}@x\"].display"), "value": "d"}))
        .collect();
    let long = any_of(40, |n| format!("value co \"none{n}\""));
    let addresses: Json = (0..10_000)
        .map(|n| json!({"locality": format!("l{}", n % 20), "region": format!("r{}", n / 20 % 20), "country": format!("c{}", n / 400)}))
        .collect();
    let mut members = Vec::new();
    for chunk in 0..10 {
        let operations: Vec<Json> = (0..1_000)
            .map(|n| json!({"method": "POST", "path": "/Users", "bulkId": format!("b{n}"), "data": {"userName": format!("{chunk}.{n}")}}))
            .collect();
        let reply = host.post("/Bulk", &json!({"Operations": operations})).json();
        for outcome in reply["Operations"].as_array().unwrap() {
            members.push(json!({"value": outcome["location"].as_str().unwrap().rsplit('/').next().unwrap()}));
        }
    }
    let group = format!("/Groups/{}", host.post("/Groups", &json!({"displayName": "g"})).id());
    let of_all = json!({"displayName": "g", "members": members});
    let bulk: Vec<Json> = (0..100)
        .map(|n| json!({"method": "PATCH", "path": many, "data": patch(json!([{"op": "replace", "path": format!("emails[value eq \"{n}@x\"].type"), "value": "work"}]))}))
        .collect();
    let requests = [
        ("PATCH", &*many, patch(json!(displays))),
        ("PATCH", &*most, patch(json!([{"op": "remove", "path": format!("emails[{long}]")}]))),
        ("PATCH", &*most, patch(json!([{"op": "add", "path": "emails", "value": emails(10_000)}]))),
        ("PATCH", &*few, patch(json!([{"op": "add", "path": "addresses", "value": addresses}]))),
        ("PUT", &*few, json!({"userName": "few", "addresses": addresses})),
        ("POST", "/Users", json!({"userName": "new", "addresses": addresses})),
        ("PUT", &*group, of_all.clone()),
        ("PATCH", &*group, patch(json!([{"op": "replace", "path": "members", "value": of_all["members"]}]))),
        ("POST", "/Groups", json!({"displayName": "h", "members": of_all["members"]})),
        ("POST", "/Bulk", json!({"Operations": bulk})),
        ("GET", &*group, Json::Null),
        ("GET", "/Groups", Json::Null),
        ("DELETE", &*group, Json::Null),
    ];
    for (method, target, body) in requests {
        let course = course(&host, store, method, target, &body);
        println!("{method} {target}: {course:?}, {:?} at a time at most", course.time);
        assert!((200..300).contains(&course.status), "{method} {target}: {course:?}");
        // One operation of a PATCH runs without a pause, within its own bound.
        let most = if method == "PATCH" { 1_000_000 } else { MOST };
        assert!(course.longest <= most, "{method} {target}: {course:?}");
        // Reading, judging, committing and writing are separate phases.
        let phases = if matches!(method, "POST" | "PUT" | "PATCH") { 3 } else { 0 };
        assert!(course.pauses >= phases, "{method} {target}: {course:?}");
    }
}
