//! Concurrent writers: no update is lost silently, and one writer wins where only one can (RFC 7644 §3.14).

use std::{
    sync::{
        Barrier,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use crate::fixture::forward::forward;
use crate::fixture::host::{Host, PATCH, Reply, USER, host, host_with};
use scim_core::{
    limits::Limits,
    quirks::Quirks,
    schema::Registry,
    store::{
        Change, ChangeOutcome, CommitError, Key, MemoryStore, RequestContext, RequestedAttributes, Store, StoreError,
        Stored,
    },
};
use serde_json::{Value as Json, json};

/// A memory store that pauses between reading and writing, so that writers collide, or that never lets a change
/// through.
#[derive(Debug, Default)]
struct Slow {
    inner: MemoryStore,
    pauses: bool,
    refuses: AtomicBool,
    commits: AtomicUsize,
}

impl Store for Slow {
    forward! { inner: capabilities, pushdown, scan }

    async fn get(
        &self,
        context: &RequestContext,
        key: Key<'_>,
        requested: &RequestedAttributes<'_>,
    ) -> Result<Option<Stored>, StoreError> {
        let found = self.inner.get(context, key, requested).await;
        if self.pauses {
            thread::sleep(Duration::from_millis(2));
        }
        found
    }

    async fn commit(&self, context: &RequestContext, batch: &[Change]) -> Result<Vec<ChangeOutcome>, CommitError> {
        self.commits.fetch_add(1, Ordering::Relaxed);
        if self.refuses.load(Ordering::Relaxed) {
            return Err(StoreError::Busy.into());
        }
        self.inner.commit(context, batch).await
    }
}

fn slow(limits: Limits) -> Host<Slow> {
    let store = Slow { pauses: true, ..Slow::default() };
    host_with(Registry::standard(), store, limits, Quirks::default())
}

/// Runs all writers at the same time, each in its own thread.
fn together<S: Store>(host: &Host<S>, writers: usize, write: impl Fn(&Host<S>, usize) -> Reply + Sync) -> Vec<Reply> {
    let start = Barrier::new(writers);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..writers)
            .map(|writer| {
                let (start, write) = (&start, &write);
                scope.spawn(move || {
                    start.wait();
                    write(host, writer)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    })
}

fn statuses(replies: &[Reply], status: u16) -> usize {
    replies.iter().filter(|reply| reply.status == status).count()
}

fn add(member: &str) -> Json {
    json!([{"op": "add", "path": "members", "value": [{"value": member}]}])
}

#[test]
fn members_added_at_once_are_all_there() {
    for round in 0..4 {
        let host = slow(Limits::default());
        let users: Vec<String> = (0..50).map(|n| host.user(&format!("user{n}"))).collect();
        let group = host.post("/Groups", &json!({"displayName": format!("round {round}")})).id();
        let target = format!("/Groups/{group}");
        let replies = together(&host, 50, |host, writer| host.patch(&target, &add(&users[writer])));
        assert_eq!(statuses(&replies, 200), 50, "{replies:?}");
        let members = host.get(&target).json()["members"].as_array().unwrap().len();
        assert_eq!(members, 50);
    }
}

/// The same for changes that are computed from the whole group, because they change the name in addition to a member.
#[test]
fn changes_of_a_whole_resource_are_computed_again() {
    let mut limits = Limits::default();
    limits.write_retries = 1_000;
    let host = slow(limits);
    let users: Vec<String> = (0..20).map(|n| host.user(&format!("user{n}"))).collect();
    let target = format!("/Groups/{}", host.post("/Groups", &json!({"displayName": "all"})).id());
    let replies = together(&host, 20, |host, writer| {
        let operations = json!([
            {"op": "add", "path": "members", "value": [{"value": users[writer]}]},
            {"op": "replace", "path": "displayName", "value": format!("by {writer}")},
        ]);
        host.patch(&target, &operations)
    });
    assert_eq!(statuses(&replies, 200), 20, "{replies:?}");
    assert_eq!(host.get(&target).json()["members"].as_array().unwrap().len(), 20);
    // The writers collided: there were more commits than necessary.
    let needed = 20 + 1 + 20;
    assert!(host.provider.store().commits.load(Ordering::Relaxed) > needed);
}

/// 7643-4.1.1-01, 7644-3.3-09.
#[test]
fn one_name_is_created_once() {
    for _ in 0..10 {
        let host = slow(Limits::default());
        let replies = together(&host, 20, |host, writer| {
            let name: String = "barbara"
                .chars()
                .enumerate()
                .map(|(at, c)| if at == writer % 7 { c.to_ascii_uppercase() } else { c })
                .collect();
            host.post("/Users", &json!({"schemas": [USER], "userName": name}))
        });
        assert_eq!((statuses(&replies, 201), statuses(&replies, 409)), (1, 19));
        for refused in replies.iter().filter(|reply| reply.status == 409) {
            assert_eq!(refused.error(), (409, "uniqueness".to_owned()));
        }
        assert_eq!(host.get("/Users").json()["totalResults"], 1);
    }
}

/// 7644-3.14-05, 7644-3.14-06.
#[test]
fn one_version_is_replaced_once() {
    for round in 0..10 {
        let host = slow(Limits::default());
        let created = host.post("/Users", &json!({"schemas": [USER], "userName": "barbara"}));
        let (target, etag) = (format!("/Users/{}", created.id()), created.etag());
        let replies = together(&host, 20, |host, writer| {
            let title = format!("writer {writer}");
            let headers = [("If-Match", etag.as_str())];
            // By PUT and by PATCH.
            if writer % 2 == round % 2 {
                let body = json!({"schemas": [USER], "userName": "barbara", "title": title}).to_string();
                host.send("PUT", &target, &headers, body.as_bytes())
            } else {
                let operations = [json!({"op": "add", "path": "title", "value": title})];
                let body = json!({"schemas": [PATCH], "Operations": operations}).to_string();
                host.send("PATCH", &target, &headers, body.as_bytes())
            }
        });
        assert_eq!((statuses(&replies, 200), statuses(&replies, 412)), (1, 19), "{replies:?}");
        let winner = replies.iter().find(|reply| reply.status == 200).expect("one");
        assert_eq!(host.get(&target).json(), winner.json());
    }
}

#[test]
fn a_member_list_under_if_match_changes_once() {
    let host = slow(Limits::default());
    let users: Vec<String> = (0..20).map(|n| host.user(&format!("user{n}"))).collect();
    let created = host.post("/Groups", &json!({"displayName": "all"}));
    let (target, etag) = (format!("/Groups/{}", created.id()), created.etag());
    let replies = together(&host, 20, |host, writer| {
        let body = json!({"schemas": [PATCH], "Operations": add(&users[writer])}).to_string();
        host.send("PATCH", &target, &[("If-Match", etag.as_str())], body.as_bytes())
    });
    assert_eq!((statuses(&replies, 200), statuses(&replies, 412)), (1, 19), "{replies:?}");
    assert_eq!(host.get(&target).json()["members"].as_array().unwrap().len(), 1);
}

/// A writer that never succeeds gets 503 after the permitted number of attempts, and nothing has changed.
#[test]
fn contention_has_an_end() {
    let mut limits = Limits::default();
    limits.write_retries = 3;
    let host = host_with(Registry::standard(), Slow::default(), limits, Quirks::default());
    let user = host.user("barbara");
    let group = host.post("/Groups", &json!({"displayName": "all"})).id();
    let before = host.everything();
    let store = host.provider.store();
    store.refuses.store(true, Ordering::Relaxed);
    let requests = [
        ("PUT", format!("/Users/{user}"), json!({"schemas": [USER], "userName": "babs"})),
        (
            "PATCH",
            format!("/Users/{user}"),
            json!({"schemas": [PATCH], "Operations": [{"op": "add", "path": "title", "value": "x"}]}),
        ),
        ("PATCH", format!("/Groups/{group}"), json!({"schemas": [PATCH], "Operations": add(&user)})),
    ];
    for (method, target, body) in requests {
        let commits = store.commits.load(Ordering::Relaxed);
        let reply = host.send(method, &target, &[], body.to_string().as_bytes());
        assert_eq!(reply.error(), (503, String::new()), "{method} {target}");
        assert!(reply.header("Retry-After").is_some_and(|seconds| seconds.parse::<u64>().is_ok_and(|s| s > 0)));
        assert_eq!(store.commits.load(Ordering::Relaxed) - commits, 4, "one attempt and three more");
    }
    store.refuses.store(false, Ordering::Relaxed);
    assert_eq!(host.everything(), before);
}

/// 7644-6.2-01: the same names in two tenants do not conflict.
#[test]
fn tenants_do_not_meet() {
    let host = host();
    let tenants: Vec<RequestContext> = ["acme", "globex"]
        .iter()
        .map(|name| RequestContext::new(scim_core::store::TenantId::new(*name).unwrap()))
        .collect();
    let body = json!({"schemas": [USER], "userName": "barbara"}).to_string();
    let ids: Vec<String> =
        tenants.iter().map(|tenant| host.send_as(tenant, "POST", "/Users", &[], body.as_bytes()).id()).collect();
    for (tenant, other) in [(0, 1), (1, 0)] {
        let context = &tenants[tenant];
        let own = host.send_as(context, "GET", &format!("/Users/{}", ids[tenant]), &[], b"");
        assert_eq!(own.status, 200);
        let target = format!("/Users/{}", ids[other]);
        for method in ["GET", "DELETE", "PUT"] {
            assert_eq!(host.send_as(context, method, &target, &[], body.as_bytes()).error().0, 404, "{method}");
        }
        let group = json!({"displayName": "g", "members": [{"value": ids[other]}]}).to_string();
        let reply = host.send_as(context, "POST", "/Groups", &[], group.as_bytes());
        assert_eq!(reply.error(), (400, "invalidValue".to_owned()));
        assert_eq!(host.send_as(context, "GET", "/Users", &[], b"").json()["totalResults"], 1);
    }
}
