//! Promises that several modules keep together: which requests are retried, which values are shown, in which order
//! requests are refused.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use crate::fixture::forward::forward;
use crate::fixture::host::{BASE, GROUP, Host, PATCH, USER, host, host_with, now};
use chrono::{DateTime, TimeDelta, Utc};
use scim_core::{
    error::Error,
    limits::Limits,
    patch::Patch,
    protocol::Request,
    provider::{Access, Action, Clock, Policy, Proposal, ServiceProvider},
    quirks::{Quirks, Reading, Tolerance},
    resource::Resource,
    schema::{Attribute, AttributeId, AttributeType, Registry, ResourceType, Schema},
    store::{
        Change, ChangeOutcome, CommitError, Deletion, Entry, Expect, Key, MemoryStore, Replacement, RequestContext,
        RequestedAttributes, Store, StoreError, TenantId,
    },
    value::Value,
};
use serde_json::json;

/// A store that loses the next races inside: a deadlock, a serialization failure.
#[derive(Default)]
struct Busy {
    inner: MemoryStore,
    commits: AtomicUsize,
    reads: AtomicUsize,
}

impl Busy {
    fn read(&self) -> Result<(), StoreError> {
        let busy = |left: usize| left.checked_sub(1);
        match self.reads.fetch_update(Ordering::Relaxed, Ordering::Relaxed, busy) {
            Ok(_) => Err(StoreError::Busy),
            Err(_) => Ok(()),
        }
    }
}

impl Store for Busy {
    forward! { inner: capabilities, pushdown }
    forward! { inner after read: get, scan }

    async fn commit(&self, context: &RequestContext, batch: &[Change]) -> Result<Vec<ChangeOutcome>, CommitError> {
        let busy = |left: usize| left.checked_sub(1);
        if self.commits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, busy).is_ok() {
            return Err(StoreError::Busy.into());
        }
        self.inner.commit(context, batch).await
    }
}

/// As `StoreError::Busy` promises, the core retries the whole operation, whichever it is.
#[test]
fn a_busy_store_is_asked_again() {
    let host: Host<Busy> = host_with(Registry::standard(), Busy::default(), Limits::default(), Quirks::default());
    let busy = |times| host.provider.store().commits.store(times, Ordering::Relaxed);
    busy(2);
    let created = host.post("/Users", &json!({"schemas": [USER], "userName": "barbara"}));
    assert_eq!(created.status, 201, "{}", created.json());
    let target = format!("/Users/{}", created.id());
    busy(2);
    assert_eq!(host.put(&target, &json!({"schemas": [USER], "userName": "babs"})).status, 200);
    busy(2);
    assert_eq!(host.patch(&target, &json!([{"op": "add", "path": "title", "value": "x"}])).status, 200);
    busy(2);
    let etag = host.get(&target).etag();
    assert_eq!(host.send("DELETE", &target, &[("If-Match", &etag)], b"").status, 204);
    // The core retries no more often than allowed.
    busy(1_000);
    let refused = host.post("/Users", &json!({"schemas": [USER], "userName": "barbara"}));
    assert_eq!(refused.error().0, 503);
    let attempts = 1 + host.provider.limits().write_retries;
    assert_eq!(host.provider.store().commits.load(Ordering::Relaxed), 1_000 - attempts);
}

/// DESIGN: no echo of long input. Once, a body that is a single string was returned whole.
#[test]
fn a_body_that_is_no_object_is_not_echoed() {
    let host = host();
    let id = host.user("barbara");
    let body = serde_json::to_vec(&"secret at line 7, expected nothing ".repeat(50_000)).unwrap();
    for (method, target) in [
        ("POST", "/Users".to_owned()),
        ("PUT", format!("/Users/{id}")),
        ("PATCH", format!("/Users/{id}")),
        ("POST", "/Users/.search".to_owned()),
    ] {
        let reply = host.send(method, &target, &[], &body);
        assert_eq!(reply.error(), (400, "invalidSyntax".to_owned()));
        let text = String::from_utf8(reply.body).unwrap();
        assert!(text.len() < 400 && !text.contains("secret"), "{method} {target}: {} bytes", text.len());
    }
}

/// A `{:?}` in a log shows no password.
#[test]
fn debug_output_shows_no_value() {
    let body = json!({"schemas": [PATCH], "Operations": [{"op": "replace", "path": "password", "value": "hunter2"}]});
    let body = body.to_string().into_bytes();
    let patch = Patch::parse(&body, Reading::new(&Limits::default(), &mut Tolerance::new(Quirks::default()))).unwrap();
    let shown = format!("{patch:?}");
    assert!(!shown.contains("hunter2") && shown.contains("password"), "{shown}");
    let request = Request::new("PATCH", "/Users/1?filter=userName%20eq%20%22barbara%22").with_body(&body);
    let shown = format!("{request:?}");
    assert!(!shown.contains("barbara") && !shown.contains("104, 117, 110"), "{shown}");
    assert!(shown.contains("PATCH") && shown.contains("/Users/1"), "{shown}");
}

/// 7644-3.5.1: the answer to a PUT shows the stored values.
#[test]
fn an_answer_to_put_shows_the_stored_values() {
    let host = host();
    let ids = [host.user("a"), host.user("b")];
    let group = host.post(
        "/Groups",
        &json!({"schemas": [GROUP], "displayName": "all", "members": [{"value": ids[0]}, {"value": ids[1]}]}),
    );
    let target = format!("/Groups/{}", group.id());
    let body = json!({"schemas": [GROUP], "displayName": "all", "members": [{"value": ids[1]}, {"value": ids[0]}]});
    let put = host.put(&target, &body);
    let get = host.get(&target);
    assert_eq!((put.status, put.etag()), (200, get.etag()));
    assert_eq!(put.json(), get.json(), "one version has one state");
}

/// A missing resource gives 404, whatever else is wrong with the request.
#[test]
fn a_missing_group_gets_404_before_any_other_error() {
    let host = host();
    let add = json!([{"op": "add", "path": "members", "value": [{"value": "nobody"}]}]);
    assert_eq!(host.patch("/Groups/gone", &add).error().0, 404);
}

/// Goes back an hour at each call, as if two machines had different clocks.
#[derive(Debug, Default)]
struct Backwards(Mutex<i64>);

impl Clock for Backwards {
    fn now(&self) -> DateTime<Utc> {
        let mut hours = self.0.lock().unwrap();
        *hours += 1;
        DateTime::UNIX_EPOCH + TimeDelta::hours(500_000 - *hours)
    }
}

/// `meta.lastModified` does not go back, neither when a resource is written as a whole nor when a member is added.
#[test]
fn last_modified_never_goes_back() {
    let provider = ServiceProvider::builder(Registry::standard(), MemoryStore::new(), BASE)
        .clock(Backwards::default())
        .build()
        .unwrap();
    let host = Host { provider, context: RequestContext::new(TenantId::single()) };
    let user = host.user("barbara");
    let group = host.post("/Groups", &json!({"schemas": [GROUP], "displayName": "all"}));
    let created = group.json()["meta"]["created"].clone();
    let target = format!("/Groups/{}", group.id());
    for operation in [
        json!({"op": "replace", "path": "displayName", "value": "some"}),
        json!({"op": "add", "path": "members", "value": [{"value": user}]}),
    ] {
        let reply = host.patch(&target, &json!([operation]));
        assert_eq!(reply.json()["meta"]["lastModified"], created, "{operation}");
    }
}

/// Several conditions on the members of a group have the same meaning as each condition alone: a store that keeps
/// members separately agrees with the matcher.
#[test]
fn conditions_on_members_mean_the_same_together_and_alone() {
    let host = host();
    let ids = [host.user("a"), host.post("/Groups", &json!({"schemas": [GROUP], "displayName": "inner"})).id()];
    for (name, members) in [("none", &ids[..0]), ("user", &ids[..1]), ("both", &ids[..])] {
        let members: Vec<_> = members.iter().map(|id| json!({"value": id})).collect();
        host.post("/Groups", &json!({"schemas": [GROUP], "displayName": name, "members": members}));
    }
    for (filter, expected) in [
        (r#"members.type eq "user""#.to_owned(), vec!["user", "both"]),
        (r#"members.type eq "x" or members.type eq "group""#.to_owned(), vec!["both"]),
        (r#"members.type eq "user" and members.type eq "group""#.to_owned(), vec!["both"]),
        (r#"members[type eq "user" and type eq "group"]"#.to_owned(), vec![]),
        (r#"members[type eq "x" or type eq "group"]"#.to_owned(), vec!["both"]),
        (r#"not (members.type eq "group")"#.to_owned(), vec!["inner", "none", "user"]),
        ("members pr".to_owned(), vec!["user", "both"]),
        ("members.display pr".to_owned(), vec![]),
        (format!(r#"members.value co "{}""#, &ids[1]), vec!["both"]),
        (format!(r#"members ne "{}""#, &ids[1]), vec!["inner", "none", "user"]),
        (r#"members.type sw "g" or members.type eq "x""#.to_owned(), vec!["both"]),
    ] {
        let reply = host.get(&format!("/Groups?filter={filter}"));
        let json = reply.json();
        let found: Vec<_> =
            json["Resources"].as_array().into_iter().flatten().map(|group| group["displayName"].as_str()).collect();
        let expected: Vec<_> = expected.into_iter().map(Some).collect();
        assert_eq!(found, expected, "{filter}: {json}");
    }
}

/// The client's `type` of a member is checked like its id; otherwise `$ref` would lead nowhere. (RFC 7643 §4.2)
#[test]
fn the_core_decides_the_type_of_a_member() {
    let host = host();
    let user = host.user("barbara");
    let members = |resource_type: &str| json!([{"value": user, "type": resource_type}]);
    let group = host.post("/Groups", &json!({"schemas": [GROUP], "displayName": "all"})).id();
    let expected = json!([{"value": user, "type": "User", "$ref": format!("{BASE}/Users/{user}")}]);
    for resource_type in ["Group", "Robot", "user"] {
        let body = json!({"schemas": [GROUP], "displayName": resource_type, "members": members(resource_type)});
        let add = json!([{"op": "add", "path": "members", "value": members(resource_type)}]);
        for reply in [host.post("/Groups", &body), host.patch(&format!("/Groups/{group}"), &add)] {
            let json = reply.json();
            let shown: Vec<_> =
                json["members"].as_array().into_iter().flatten().map(|member| &member["$ref"]).collect();
            assert_eq!(shown, [&expected[0]["$ref"]], "{resource_type}: {} {json}", reply.status);
        }
    }
    // A member without a type must exist. A member with a type may come with the commit, and the store reports that it
    // has not.
    for member in [json!({"value": "nobody"}), json!({"value": "nobody", "type": "User"})] {
        let body = json!({"schemas": [GROUP], "displayName": "none", "members": [member]});
        host.refused("POST", "/Groups", body.to_string().as_bytes(), 400, "invalidValue");
    }
}

/// A read is retried a bounded number of times if the store is busy.
#[test]
fn a_read_of_a_busy_store_is_repeated() {
    let host: Host<Busy> = host_with(Registry::standard(), Busy::default(), Limits::default(), Quirks::default());
    let id = host.user("barbara");
    let reads = |times| host.provider.store().reads.store(times, Ordering::Relaxed);
    for target in [format!("/Users/{id}"), "/Users".to_owned()] {
        reads(3);
        assert_eq!(host.get(&target).status, 200, "{target}");
        reads(1_000);
        let refused = host.get(&target);
        assert_eq!((refused.error().0, refused.header("Retry-After")), (503, Some("1")), "{target}");
    }
}

/// Refuses to delete users that are active; the store makes the user active just before the commit.
#[derive(Debug)]
struct OnlyInactive;

impl Policy for OnlyInactive {
    fn access(&self, _: &RequestContext, _: Action, _: &Arc<ResourceType>) -> Result<Access, Error> {
        Ok(Access::full())
    }

    fn review(&self, _: &RequestContext, proposal: &Proposal<'_>) -> Result<(), Error> {
        let shown = |resource: &Resource| String::from_utf8_lossy(&resource.to_json()).contains("protected");
        match proposal.before {
            Some(before) if shown(before) => Err(Error::new(403, "it is protected")),
            _ => Ok(()),
        }
    }
}

/// The commit deletes only the state that a policy has judged: a user that becomes protected in between is not
/// deleted.
#[test]
fn delete_deletes_the_reviewed_version() {
    let store = Arc::new(Meddling::default());
    let provider =
        ServiceProvider::builder(Registry::standard(), Arc::clone(&store), BASE).policy(OnlyInactive).build().unwrap();
    let host = Host { provider, context: RequestContext::new(TenantId::single()) };
    let id = host.user("barbara");
    store.meddle.store(true, Ordering::Relaxed);
    assert_eq!(host.delete(&format!("/Users/{id}")).error().0, 403);
    assert_eq!(host.get(&format!("/Users/{id}")).json()["title"], "protected");
}

/// A store in which another writer changes a user just before it is deleted.
#[derive(Default)]
struct Meddling {
    inner: MemoryStore,
    meddle: AtomicBool,
}

impl Store for Meddling {
    forward! { inner: capabilities, get, scan }

    async fn commit(&self, context: &RequestContext, batch: &[Change]) -> Result<Vec<ChangeOutcome>, CommitError> {
        if let [Change::Delete(Deletion { resource_type, id, .. })] = batch
            && self.meddle.swap(false, Ordering::Relaxed)
        {
            let key = Key { resource_type, id };
            let found = self.inner.get(context, key, &RequestedAttributes::everything()).await?.unwrap();
            let mut resource = Resource::clone(&found.resource);
            let title = resource_type.child(AttributeId::ROOT, "title").unwrap();
            resource.root_mut().insert(title, Value::String("protected".into()));
            let before = found.resource;
            let change = Change::Replace(Replacement { entry: Entry::new(resource), expect: Expect::Exists, before });
            self.inner.commit(context, &[change]).await?;
        }
        self.inner.commit(context, batch).await
    }
}

/// A member without an id is refused, because no request could remove it again.
#[test]
fn a_member_without_an_id_is_refused() {
    let host = host();
    let group = host.post("/Groups", &json!({"schemas": [GROUP], "displayName": "all"})).id();
    for member in [json!({"type": "User"}), json!({"value": ""}), json!({"value": null, "type": "User"})] {
        let body = json!({"schemas": [GROUP], "displayName": "some", "members": [member]}).to_string();
        host.refused("POST", "/Groups", body.as_bytes(), 400, "invalidValue");
        host.refused("PUT", &format!("/Groups/{group}"), body.as_bytes(), 400, "invalidValue");
        let add = json!({"schemas": [PATCH], "Operations": [{"op": "add", "path": "members", "value": [member]}]});
        host.refused("PATCH", &format!("/Groups/{group}"), add.to_string().as_bytes(), 400, "invalidValue");
    }
}

/// Many operations of one patch together may add as many values as one request, and no patch may exceed the work
/// limit.
#[test]
fn a_patch_is_bounded_as_a_whole() {
    let mut limits = Limits::default();
    limits.values = 10;
    limits.work = 2_000;
    let host = host_with(Registry::standard(), MemoryStore::new(), limits, Quirks::default());
    let id = host.user("barbara");
    let target = format!("/Users/{id}");
    let mails = |from: usize, count: usize| -> serde_json::Value {
        (from..from + count).map(|n| json!({"value": format!("{n}@example.com"), "type": "work"})).collect()
    };
    let add = |value: &serde_json::Value| json!({"op": "add", "path": "emails", "value": value});
    let patch = |operations: serde_json::Value| json!({"schemas": [PATCH], "Operations": operations}).to_string();
    let over = patch(json!([add(&mails(0, 6)), add(&mails(6, 5))]));
    host.refused("PATCH", &target, over.as_bytes(), 400, "tooMany");
    assert_eq!(host.patch(&target, &json!([add(&mails(0, 6)), add(&mails(6, 4))])).status, 200);
    // Each operation examines ten values, once for each comparison of its condition.
    let replace = json!({"op": "replace", "path": "emails[type eq \"work\"].display", "value": "x"});
    let both = json!({"op": "replace", "path": "emails[type eq \"work\" and value pr].display", "value": "y"});
    let fine: serde_json::Value = (0..20).map(|_| replace.clone()).collect();
    assert_eq!(host.patch(&target, &fine).status, 200);
    for (operation, count) in [(&replace, 60), (&both, 30)] {
        let operations: serde_json::Value = (0..count).map(|_| operation.clone()).collect();
        host.refused("PATCH", &target, patch(operations).as_bytes(), 400, "tooMany");
    }
}

/// A value that was stored under other rules of the schema refuses no PATCH of other attributes, also of a type with
/// lists of references, and is refused itself.
#[test]
fn a_stored_value_under_older_rules_refuses_no_other_change() {
    let group = |levels: &[&str]| {
        let level = Attribute::new("level", AttributeType::String).with_canonical_values(levels.iter().copied());
        let extension = Schema::new("urn:example:Level", "Level").with_attribute(level.restricted());
        let group = ResourceType::builder("Group", "Groups", Schema::group()).extension(extension, false);
        let user = ResourceType::builder("User", "Users", Schema::user());
        let registry = Registry::builder().resource_type(user.build().unwrap()).resource_type(group.build().unwrap());
        host_with(registry.build().unwrap(), MemoryStore::new(), Limits::default(), Quirks::default())
    };
    let (older, newer) = (group(&["old", "low"]), group(&["low", "high"]));
    let body = json!({"schemas": [GROUP], "displayName": "all", "urn:example:Level": {"level": "old"}});
    // The ids of both are counted from one.
    older.user("bob");
    let (target, user) = (format!("/Groups/{}", older.post("/Groups", &body).id()), newer.user("ann"));
    // The newer service provider has the resource that the older one stored.
    let registry = newer.provider.registry();
    let key = older.provider.registry().resource_type("Group").unwrap();
    let id = target.rsplit('/').next().unwrap();
    let stored = now(older.provider.store().get(
        &older.context,
        Key { resource_type: key, id },
        &RequestedAttributes::everything(),
    ));
    let json = stored.unwrap().unwrap().resource.to_json();
    let resource = Resource::from_json(registry.resource_type("Group").unwrap(), &json).unwrap();
    let create = Change::Create(Entry::new(resource));
    now(newer.provider.store().commit(&newer.context, &[create])).unwrap();

    let replace = |path: &str, value: &str| json!([{"op": "replace", "path": path, "value": value}]);
    for operations in [
        replace("displayName", "some"),
        json!([{"op": "replace", "path": "displayName", "value": "a few"},
            {"op": "add", "path": "members", "value": [{"value": user}]}]),
    ] {
        let changed = newer.patch(&target, &operations);
        assert_eq!(changed.status, 200, "{operations}: {}", changed.json());
    }
    let before = newer.get(&target).json();
    let refused = newer.patch(&target, &replace("urn:example:Level:level", "older"));
    assert_eq!((refused.status, &refused.json()["scimType"]), (400, &json!("invalidValue")));
    let missing = newer.patch(
        &target,
        &json!([{"op": "add", "path": "members", "value": [{"value": "nobody"}]},
        {"op": "replace", "path": "displayName", "value": "none"}]),
    );
    assert_eq!(missing.status, 400, "{}", missing.json());
    assert_eq!(newer.get(&target).json(), before);
    assert_eq!(newer.patch(&target, &replace("urn:example:Level:level", "high")).status, 200);
}

/// In an Entra cycle, a path to an attribute that the schema does not have is reported and blocks no other change. By
/// default such a path is refused. A malformed path is always refused.
#[test]
fn an_unknown_path_blocks_no_other_change_if_tolerated() {
    let paths = ["attributeGroups", "attributeGroups[value eq \"1\"].display", "name.nothing", "urn:x:y:User:level"];
    let operations = |path: &str| json!([{"op": "Add", "path": path, "value": "x"}, {"op": "replace", "path": "title", "value": path}]);
    let entra = host_with(Registry::standard(), MemoryStore::new(), Limits::default(), Quirks::entra());
    let user = format!("/Users/{}", entra.user("barbara"));
    for path in paths {
        let reply = entra.patch(&user, &operations(path));
        assert_eq!((reply.status, &reply.json()["title"]), (200, &json!(path)), "{path}");
        assert!(reply.quirks.contains(scim_core::quirks::Quirk::UnknownPath), "{path}");
    }
    for malformed in ["title[", "emails[", "title[value eq \"x\"]", "na me", "", "9x"] {
        let body =
            json!({"schemas": [PATCH], "Operations": [{"op": "add", "path": malformed, "value": "x"}]}).to_string();
        let reply = entra.send("PATCH", &user, &[], body.as_bytes());
        assert_eq!(reply.status, 400, "{malformed}: {}", reply.json());
    }
    let host = host();
    let user = format!("/Users/{}", host.user("barbara"));
    for path in paths {
        let body = json!({"schemas": [PATCH], "Operations": operations(path)}).to_string();
        host.refused("PATCH", &user, body.as_bytes(), 400, "invalidPath");
    }
}

/// An attribute that no caller may read cannot be used to filter or sort. In a request body the refusal is an error of
/// the query only.
#[test]
fn passwords_are_no_oracle_in_a_search() {
    let host = host();
    host.user("barbara");
    for (search, keyword) in
        [(json!({"filter": "password sw \"a\""}), "invalidFilter"), (json!({"sortBy": "password"}), "invalidValue")]
    {
        for target in ["/Users/.search", "/.search"] {
            host.refused("POST", target, search.to_string().as_bytes(), 400, keyword);
        }
    }
}
