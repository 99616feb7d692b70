//! A store that fails after a commit: the read for the answer is lost, and the write has happened (RFC 7644 §3.3, §3.5).

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::fixture::forward::forward;
use crate::fixture::host::{GROUP, Host, USER, host_with};
use scim_core::{
    limits::Limits,
    quirks::Quirks,
    schema::Registry,
    store::{Change, ChangeOutcome, CommitError, MemoryStore, RequestContext, Store, StoreError},
};
use serde_json::{Value as Json, json};

/// A store whose reads fail after each commit until the flag is cleared.
struct Failing {
    inner: MemoryStore,
    fails: Arc<AtomicBool>,
    has_other_values: bool,
    error: fn() -> StoreError,
}

impl Failing {
    fn check(&self) -> Result<(), StoreError> {
        if self.fails.load(Ordering::Relaxed) { Err((self.error)()) } else { Ok(()) }
    }
}

impl Store for Failing {
    forward! { inner: capabilities, pushdown, locate }
    forward! { inner after check: get, scan, referrers, get_many }

    async fn commit(&self, context: &RequestContext, batch: &[Change]) -> Result<Vec<ChangeOutcome>, CommitError> {
        let done = self.inner.commit(context, batch).await?;
        if done.iter().any(|outcome| outcome.changed) {
            self.fails.store(true, Ordering::Relaxed);
        }
        Ok(done.into_iter().map(|outcome| outcome.with_other_values(self.has_other_values)).collect())
    }
}

fn hosts() -> Vec<(Host<Failing>, Arc<AtomicBool>)> {
    let errors: [fn() -> StoreError; 4] = [
        || StoreError::backend("the disk is gone"),
        || StoreError::Unavailable { retry_after: None },
        || StoreError::TooMany,
        || StoreError::Denied,
    ];
    let mut hosts = Vec::new();
    for error in errors {
        for has_other_values in [false, true] {
            let fails = Arc::new(AtomicBool::new(false));
            let store = Failing { inner: MemoryStore::new(), fails: Arc::clone(&fails), has_other_values, error };
            hosts.push((host_with(Registry::standard(), store, Limits::default(), Quirks::default()), fails));
        }
    }
    hosts
}

/// 7644-3.3-06, 7644-3.3-07: a create answers 201 with the id, although nothing can be read after the commit. After an error the client
/// would create the user again, and the conflict would be with its own user.
#[test]
fn a_create_is_answered_with_the_written_values() {
    for (host, fails) in hosts() {
        let created = host.post("/Users", &json!({"schemas": [USER], "userName": "ann"}));
        assert_eq!(created.status, 201);
        let (id, shown) = (created.id(), created.json());
        assert_eq!((&shown["userName"], shown.get("groups")), (&json!("ann"), None));
        fails.store(false, Ordering::Relaxed);
        assert_eq!(host.get(&format!("/Users/{id}")).json(), shown);
    }
}

/// 7644-3.5.1-11, 7644-3.5.2-20: a change is answered with 204 and the new version if the store fails after the commit. A
/// change that has no effect writes nothing, and its answer is read as usual.
#[test]
fn a_change_is_answered_without_values() {
    for (host, fails) in hosts() {
        let again = || fails.store(false, Ordering::Relaxed);
        let user = host.post("/Users", &json!({"schemas": [USER], "userName": "ann"})).id();
        again();
        let group = json!({"schemas": [GROUP], "displayName": "all"});
        let group = host.post("/Groups", &group).id();
        let (user, group) = (format!("/Users/{user}"), format!("/Groups/{group}"));
        let member = json!({"value": user.rsplit('/').next()});
        let patch = |path: &str, value: Json| json!([{"op": "add", "path": path, "value": value}]);
        let requests = [
            ("PUT", &user, json!({"schemas": [USER], "userName": "ann", "title": "Guide"})),
            ("PATCH", &user, patch("title", json!("Pilot"))),
            ("PATCH", &group, patch("members", json!([member]))),
            ("PATCH", &group, patch("displayName", json!("some"))),
        ];
        for (method, target, body) in requests {
            again();
            let before = host.get(target);
            let send = || if method == "PUT" { host.put(target, &body) } else { host.patch(target, &body) };
            let changed = send();
            assert_eq!((changed.status, changed.body.len()), (204, 0), "{method} {target} {body}");
            again();
            let after = host.get(target);
            assert_ne!(after.json(), before.json(), "{method} {target} {body}");
            assert_eq!(changed.header("etag"), after.header("etag"), "{method} {target} {body}");
            let unchanged = send();
            assert_eq!((unchanged.status, unchanged.json()), (200, after.json()), "{method} {target} {body}");
        }
    }
}

/// A read that fails before the commit is an error, and nothing has changed.
#[test]
fn a_read_that_fails_before_the_commit_changes_nothing() {
    for (host, fails) in hosts() {
        let user = format!("/Users/{}", host.post("/Users", &json!({"schemas": [USER], "userName": "ann"})).id());
        assert!(fails.load(Ordering::Relaxed));
        let refused = host.patch(&user, &json!([{"op": "add", "path": "title", "value": "Guide"}]));
        assert!([400, 403, 500, 503].contains(&refused.status), "{}", refused.status);
        fails.store(false, Ordering::Relaxed);
        assert_eq!(host.get(&user).json().get("title"), None);
    }
}
