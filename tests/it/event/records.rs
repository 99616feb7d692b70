//! Events: each write that changed something has one event, no other request has an event, and the events suffice to
//! repeat all writes.

use crate::fixture::host;
use std::{
    collections::{BTreeMap, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
};

use crate::fixture::forward::forward;
use crate::fixture::host::{BASE, Counting, ENTERPRISE, GROUP, Host, Reply, Ticking, USER, now};
use proptest::{collection::vec, prelude::*};
use scim_core::{
    error::Error,
    event::{Event, StateChange},
    patch::{Membership, ValueEdit},
    provider::{Access, Action, Policy, ServiceProvider},
    resource::Resource,
    schema::{Attribute, AttributeId, AttributeType, Registry, ResourceType, Returned, Schema},
    store::{
        Change, ChangeOutcome, CommitError, Entry, Expect, MemoryStore, Replacement, RequestContext, Store, StoreError,
        TenantId, Version,
    },
    value::{Object, Value},
};
use serde_json::{Value as Json, json};

/// A store that writes the events of a commit as rows in the same unit of work.
#[derive(Default)]
struct Outbox {
    tables: MemoryStore,
    rows: Mutex<Vec<Vec<u8>>>,
    /// Whether the store leaves out which values an edit of a list added and removed.
    forgets: bool,
    /// Whether the commit fails after it was requested.
    fails: bool,
}

impl Store for Outbox {
    forward! { tables: capabilities, get, scan }

    async fn commit(&self, context: &RequestContext, batch: &[Change]) -> Result<Vec<ChangeOutcome>, CommitError> {
        if self.fails {
            return Err(StoreError::Busy.into());
        }
        let done = self.tables.commit(context, batch).await?;
        let forget = |done: ChangeOutcome| if self.forgets { done.with_edit(None) } else { done };
        let done: Vec<ChangeOutcome> = done.into_iter().map(forget).collect();
        let events = batch.iter().zip(&done).filter_map(|(change, done)| Event::of(context, change, done));
        self.rows.lock().unwrap().extend(events.map(|event| event.to_json()));
        Ok(done)
    }
}

type Log = Arc<Mutex<Vec<Event>>>;

/// A host that logs the events that its observer receives.
fn observed_by<S: Store>(registry: Registry, store: S) -> (Host<S>, Log) {
    let log = Log::default();
    let seen = Arc::clone(&log);
    let provider = ServiceProvider::builder(registry, store, BASE)
        .clock(Ticking::default())
        .ids(Counting::default())
        .observer(move |_: &RequestContext, event: &Event| seen.lock().unwrap().push(event.clone()))
        .build()
        .unwrap();
    let context = RequestContext::new(TenantId::new("acme").unwrap()).with_actor("okta").with_request_id("r1");
    (Host { provider, context }, log)
}

fn observed() -> (Host<MemoryStore>, Log) {
    observed_by(Registry::standard(), MemoryStore::new())
}

/// The events since the last call.
fn told(log: &Log) -> Vec<Event> {
    std::mem::take(&mut *log.lock().unwrap())
}

fn only(log: &Log) -> Event {
    let mut events = told(log);
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

fn who_went_and_came(event: &Event) -> Vec<(String, Vec<String>, Vec<String>)> {
    let text = |Membership { attribute, edit, .. }: &Membership| {
        let value = event.resource_type().value_of(*attribute).unwrap();
        let came = edit.add.iter().map(|it| it.get(value).unwrap().as_str().unwrap().to_owned());
        let went = edit.remove.iter().map(|id| id.as_str().to_owned());
        (event.resource_type().path(*attribute), went.collect(), came.collect())
    };
    event.memberships().iter().map(text).collect()
}

#[test]
fn an_event_names_the_change_the_caller_and_the_time() {
    let (host, log) = observed();
    let body = json!({"schemas": [USER, ENTERPRISE], "userName": "ann", "externalId": "e1", "active": true,
        "password": "t1meMa$heen", "name": {"givenName": "Ann"}, "emails": [{"value": "ann@example.com"}],
        ENTERPRISE: {"department": "Tours", "manager": {"value": "26118915"}}});
    let reply = host.post("/Users", &body);
    let created = only(&log);
    assert_eq!(created.state_change(), StateChange::Created);
    assert_eq!((created.tenant().as_str(), created.actor(), created.request_id()), ("acme", Some("okta"), Some("r1")));
    assert_eq!(
        (created.resource_type().name(), created.resource_id(), created.external_id()),
        ("User", "id-001", Some("e1"))
    );
    assert_eq!(format!("W/\"{}\"", created.version().unwrap()), reply.etag());
    assert_eq!(created.time().to_rfc3339(), "2023-11-14T22:13:21+00:00", "as `meta.created` says");
    let mut attributes = created.attributes().to_vec();
    attributes.sort_unstable();
    let extension = |name: &str| format!("{ENTERPRISE}:{name}");
    let expected = ["active", "emails", "externalId", "id", "name.givenName", "password", "userName"];
    let mut expected: Vec<String> = expected.map(String::from).into_iter().collect();
    expected.extend([extension("department"), extension("manager.value")]);
    expected.sort_unstable();
    assert_eq!(attributes, expected);
    assert!(created.secrets().is_empty() && !created.is_activated(), "a create is only that");
    assert_eq!(created.id(), "acme/Users/id-001/1");

    let operations = json!([{"op": "replace", "path": "name.familyName", "value": "Lee"},
        {"op": "add", "path": "password", "value": "n3w"}, {"op": "remove", "path": "emails"},
        {"op": "remove", "path": format!("{ENTERPRISE}:manager")}]);
    host.patch("/Users/id-001", &operations);
    let updated = only(&log);
    assert_eq!(updated.state_change(), StateChange::Updated);
    let mut attributes = updated.attributes().to_vec();
    attributes.sort_unstable();
    assert_eq!(attributes, ["emails", "name.familyName", "password", &extension("manager.value")]);
    assert_eq!(updated.secrets(), ["password"]);
    assert_eq!(updated.external_id(), Some("e1"));
    assert!(!updated.is_activated() && !updated.is_deactivated());

    host.delete("/Users/id-001");
    let deleted = only(&log);
    assert_eq!((deleted.state_change(), deleted.version()), (StateChange::Deleted, None));
    assert!(deleted.attributes().is_empty() && deleted.resource().is_none() && deleted.time() > updated.time());
    let time = deleted.time().timestamp_micros();
    assert_eq!(deleted.id(), format!("acme/Users/id-001!deleted/{time}"));

    for event in [created, updated, deleted] {
        let (row, shown) = (String::from_utf8(event.to_json()).unwrap(), format!("{event:?}"));
        for secret in ["t1me", "n3w"] {
            assert!(!row.contains(secret) && !shown.contains(secret), "{row} {shown}");
        }
        assert!(!["ann", "Lee", "Tours", "e1", "2611"].iter().any(|value| shown.contains(value)), "{shown}");
    }
}

/// Every kind of request that deactivates a user has exactly one deactivation event.
#[test]
fn each_request_reports_a_deactivation_once() {
    type Way = (&'static str, fn(&Host<MemoryStore>, &str, bool) -> Reply);
    let ways: [Way; 6] = [
        ("PUT", |host, id, active| {
            host.put(
                &format!("/Users/{id}"),
                &json!({"schemas": [USER], "userName": id, "nickName": "A", "active": active}),
            )
        }),
        ("PATCH with a path", |host, id, active| {
            host.patch(&format!("/Users/{id}"), &json!([{"op": "replace", "path": "active", "value": active}]))
        }),
        ("PATCH without", |host, id, active| {
            host.patch(&format!("/Users/{id}"), &json!([{"op": "replace", "value": {"active": active}}]))
        }),
        ("as a string", |host, id, active| {
            let value = if active { "True" } else { "False" };
            host.patch(&format!("/Users/{id}"), &json!([{"op": "Replace", "path": "active", "value": value}]))
        }),
        ("with its URN", |host, id, active| {
            let path = format!("{USER}:active");
            host.patch(&format!("/Users/{id}"), &json!([{"op": "add", "path": path, "value": active}]))
        }),
        ("to and fro in one request", |host, id, active| {
            let set = |value: bool| json!({"op": "replace", "path": "active", "value": value});
            host.patch(&format!("/Users/{id}"), &json!([set(!active), set(active)]))
        }),
    ];
    for (way, set) in ways {
        for before in [json!(true), Json::Null] {
            let (host, log) = observed();
            let id = "id-001";
            host.post("/Users", &json!({"schemas": [USER], "userName": "ann", "active": before}));
            assert!(!only(&log).is_deactivated());
            assert_eq!(set(&host, id, false).status, 200, "{way}");
            let event = only(&log);
            assert!(event.is_deactivated() && !event.is_activated(), "{way} {before}");
            assert!(event.attributes().contains(&"active".to_owned()));
            set(&host, id, false);
            assert!(told(&log).is_empty(), "{way}: nothing more to change");
            set(&host, id, true);
            let event = only(&log);
            assert!(event.is_activated() && !event.is_deactivated(), "{way}");
        }
    }
    let (host, log) = observed();
    host.post("/Users", &json!({"schemas": [USER], "userName": "ann", "active": false}));
    assert!(!only(&log).is_deactivated(), "a create is only that");
}

#[test]
fn events_name_members_by_id() {
    let (host, log) = observed();
    let ids: Vec<String> = ["ann", "bob", "cid"].iter().map(|name| host.user(name)).collect();
    let members = |ids: &[&String]| ids.iter().map(|id| json!({"value": id})).collect::<Json>();
    let group = |name: &str, ids: &[&String]| json!({"schemas": [GROUP], "displayName": name, "members": members(ids)});
    told(&log);
    let id = host.post("/Groups", &group("all", &[&ids[0], &ids[1]])).id();
    let target = format!("/Groups/{id}");
    let [a, b, c] = [&ids[0], &ids[1], &ids[2]].map(|id| vec![id.clone()]);
    let list = |went: &Vec<String>, came: &Vec<String>| vec![("members".to_owned(), went.clone(), came.clone())];
    let none = Vec::new();
    assert_eq!(who_went_and_came(&only(&log)), list(&none, &[a.clone(), b.clone()].concat()));

    host.put(&target, &group("all", &[&ids[2], &ids[1]]));
    assert_eq!(who_went_and_came(&only(&log)), list(&a, &c), "replaced as a whole");
    host.put(&target, &group("guides", &[&ids[1], &ids[2]]));
    let renamed = only(&log);
    assert_eq!(renamed.attributes(), ["displayName"], "an order has no meaning");
    assert!(renamed.memberships().is_empty());

    // An event of a delta has only the effective edits: one added value is already a member, one removed value is not
    // a member.
    let add = json!({"op": "add", "path": "members", "value": members(&[&ids[0], &ids[1]])});
    let nobody = json!({"op": "remove", "path": "members[value eq \"nobody\"]"});
    host.patch(&target, &json!([add, nobody]));
    let event = only(&log);
    assert_eq!(who_went_and_came(&event), list(&none, &a));
    assert_eq!((event.attributes(), event.resource().is_none()), (["members".to_owned()].as_slice(), true));
    host.patch(&target, &json!([{"op": "remove", "path": format!("members[value eq \"{}\"]", ids[0])}]));
    assert_eq!(who_went_and_came(&only(&log)), list(&a, &none));
    host.patch(&target, &json!([{"op": "replace", "path": "members", "value": members(&[&ids[0], &ids[1]])}]));
    assert_eq!(who_went_and_came(&only(&log)), list(&c, &a));
    host.patch(&target, &json!([{"op": "remove", "path": "members"}]));
    let [(_, mut went, came)] = who_went_and_came(&only(&log)).try_into().unwrap();
    went.sort_unstable();
    assert_eq!((went, came), ([a.clone(), b.clone()].concat(), none.clone()));

    // The deletion of a member is the only event.
    host.patch(&target, &json!([{"op": "add", "path": "members", "value": members(&[&ids[0]])}]));
    told(&log);
    let before = host.get(&target).etag();
    host.delete(&format!("/Users/{}", ids[0]));
    assert_eq!(only(&log).state_change(), StateChange::Deleted);
    assert_ne!(host.get(&target).etag(), before);
}

/// 9967-2.5.1.1-01: a request for an asynchronous answer gets its answer at once, as the RFC allows.
#[test]
fn respond_async_is_answered_normally() {
    let (host, log) = observed();
    let body = json!({"schemas": [USER], "userName": "ann"}).to_string();
    let prefer = [("Prefer", "respond-async, wait=10")];
    let created = host.send("POST", "/Users", &prefer, body.as_bytes());
    let patch = json!({"schemas": [host::PATCH], "Operations": [{"op": "add", "path": "title", "value": "Guide"}]});
    let replies = [
        created.clone(),
        host.send("PUT", "/Users/id-001", &prefer, body.as_bytes()),
        host.send("PATCH", "/Users/id-001", &prefer, patch.to_string().as_bytes()),
        host.send("DELETE", "/Users/id-001", &prefer, b""),
    ];
    assert_eq!(replies.each_ref().map(|reply| reply.status), [201, 200, 200, 204]);
    for reply in replies {
        assert!(reply.header("Preference-Applied").is_none() && reply.header("Set-Txn").is_none());
    }
    assert_eq!(told(&log).len(), 3, "the PUT changed nothing");
}

#[test]
fn a_request_without_a_change_makes_no_event() {
    let (host, log) = observed();
    let id = host.user("ann");
    host.user("bob");
    let group = host.post("/Groups", &json!({"schemas": [GROUP], "displayName": "all", "members": [{"value": id}]}));
    let group = format!("/Groups/{}", group.id());
    told(&log);
    let target = format!("/Users/{id}");
    let named = |name: &str| json!({"schemas": [USER], "userName": name}).to_string();
    host.refused("POST", "/Users", named("ann").as_bytes(), 409, "uniqueness");
    host.refused("PUT", &target, named("bob").as_bytes(), 409, "uniqueness");
    host.refused("PUT", "/Users/nobody", named("eve").as_bytes(), 404, "");
    host.refused("DELETE", "/Users/nobody", b"", 404, "");
    let stale = host.send("DELETE", &target, &[("If-Match", "W/\"999\"")], b"");
    assert_eq!(stale.status, 412);
    let add = |id: &str| json!([{"op": "add", "path": "members", "value": [{"value": id}]}]);
    assert_eq!(host.patch(&group, &add("nobody")).status, 400);
    assert_eq!(host.patch(&group, &add(&id)).status, 200);
    assert_eq!(host.send("PUT", &target, &[], named("ann").as_bytes()).status, 200);
    assert_eq!(host.patch(&target, &json!([{"op": "replace", "path": "userName", "value": "ann"}])).status, 200);
    assert!(told(&log).is_empty());

    let (host, log) = observed_by(Registry::standard(), Outbox { fails: true, ..Outbox::default() });
    assert_eq!(host.send("POST", "/Users", &[], named("ann").as_bytes()).status, 503);
    assert!(told(&log).is_empty(), "what was not committed did not happen");
}

#[test]
fn an_observer_that_panics_takes_nothing_back() {
    let provider = ServiceProvider::builder(Registry::standard(), MemoryStore::new(), BASE)
        .clock(Ticking::default())
        .ids(Counting::default())
        .observer(|_: &RequestContext, event: &Event| {
            assert_ne!(event.state_change(), StateChange::Updated, "no updates");
        })
        .build()
        .unwrap();
    let host = Host { provider, context: RequestContext::new(TenantId::single()) };
    let id = host.user("ann");
    let target = format!("/Users/{id}");
    let rename = || host.put(&target, &json!({"schemas": [USER], "userName": "eve"}));
    assert!(catch_unwind(AssertUnwindSafe(rename)).is_err());
    assert_eq!(host.get(&target).json()["userName"], "eve", "it is committed");
    assert_eq!(rename().status, 200, "and nothing is in its way");
}

/// Policies read the resource before it is deleted, so the event has the client's name for it. An attribute that a
/// policy hides from a client is not hidden from the host.
#[test]
fn policies_hide_nothing_from_the_host() {
    #[derive(Debug)]
    struct House;
    impl Policy for House {
        fn access(&self, _: &RequestContext, _: Action, resource_type: &Arc<ResourceType>) -> Result<Access, Error> {
            Ok(Access::full().with_hidden(resource_type, &["title"]))
        }
        fn prepare(&self, _: &RequestContext, resource: &mut Resource) {
            let title = resource.resource_type().child(AttributeId::ROOT, "title").unwrap();
            resource.root_mut().insert(title, Value::String("Guide".into()));
        }
    }
    let log = Log::default();
    let seen = Arc::clone(&log);
    let provider = ServiceProvider::builder(Registry::standard(), MemoryStore::new(), BASE)
        .policy(House)
        .observer(move |_: &RequestContext, event: &Event| seen.lock().unwrap().push(event.clone()))
        .build()
        .unwrap();
    let host = Host { provider, context: RequestContext::new(TenantId::single()) };
    let body = json!({"schemas": [USER], "userName": "ann", "externalId": "e1"});
    let id = host.post("/Users", &body).id();
    assert!(only(&log).attributes().contains(&"title".to_owned()));
    host.patch(&format!("/Users/{id}"), &json!([{"op": "add", "path": "nickName", "value": "A"}]));
    let event = only(&log);
    assert_eq!(event.attributes(), ["nickName"]);
    assert!(String::from_utf8_lossy(&event.to_json()).contains("Guide"));
    host.delete(&format!("/Users/{id}"));
    assert_eq!(only(&log).external_id(), Some("e1"));
}

/// For a list of references with a secret sub-attribute, and for a secret list, events have at most the names.
#[test]
fn events_contain_no_secret() {
    let list = |name: &str, code: Attribute| {
        let value = Attribute::new("value", AttributeType::String).case_exact();
        let reference = Attribute::new("$ref", AttributeType::Reference).with_reference_types(["User"]);
        Attribute::complex(name, [value, reference, code]).multi_valued()
    };
    let code = || Attribute::new("code", AttributeType::String);
    let safe = Schema::new("urn:example:scim:schemas:safe:1.0:Safe", "Safe")
        .with_attribute(list("keepers", code().with_returned(Returned::Never)))
        .with_attribute(list("informers", code()).with_returned(Returned::Never))
        .with_attribute(Attribute::complex("lock", [code().with_returned(Returned::Never)]));
    let safe = ResourceType::builder("Safe", "Safes", safe).build().unwrap();
    let registry =
        Registry::builder().resource_type(ResourceType::user().unwrap()).resource_type(safe).build().unwrap();
    let (host, log) = observed_by(registry.clone(), MemoryStore::new());
    let id = host.user("ann");
    told(&log);
    let keeper = json!([{"value": id, "code": "s3cret"}]);
    let schemas = json!(["urn:example:scim:schemas:safe:1.0:Safe"]);
    let safe = host.post(
        "/Safes",
        &json!({"schemas": schemas, "keepers": keeper, "informers": keeper, "lock": {"code": "s3cret"}}),
    );
    let target = format!("/Safes/{}", safe.id());
    for path in ["keepers", "informers"] {
        host.patch(&target, &json!([{"op": "remove", "path": path}]));
        host.patch(&target, &json!([{"op": "add", "path": path, "value": keeper}]));
    }
    host.patch(&target, &json!([{"op": "replace", "path": "lock.code", "value": "s3cret too"}]));
    let events = told(&log);
    assert_eq!(events.len(), 6);
    for event in &events {
        let row = event.to_json();
        assert!(!String::from_utf8_lossy(&row).contains("s3cret"), "{}", String::from_utf8_lossy(&row));
        let full = scim_core::event::SecurityEvent::full(event, &registry);
        let issuance = scim_core::event::Issuance {
            issuer: "i",
            audience: &[],
            token_id: "t",
            issued_at: chrono::DateTime::UNIX_EPOCH,
        };
        assert!(!String::from_utf8_lossy(&full.claims(&issuance)).contains("s3cret"));
    }
    let informers = events.iter().filter(|event| event.attributes() == ["informers"]);
    assert_eq!(informers.clone().count(), 2);
    assert!(informers.flat_map(Event::memberships).next().is_none());
    assert_eq!(events[5].secrets(), ["lock.code"]);
}

#[test]
fn json_that_is_no_event_is_refused() {
    let registry = Registry::standard();
    let (host, log) = observed();
    host.post("/Users", &json!({"schemas": [USER], "userName": "ann"}));
    let row: Json = serde_json::from_slice(&only(&log).to_json()).unwrap();
    let with = |name: &str, value: Json| {
        let mut row = row.clone();
        row[name] = value;
        Event::from_json(&registry, row.to_string().as_bytes()).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(with("later", json!("what a later version adds")), Ok(()));
    let lists = json!([{"attribute": "friends"}]);
    let cases = [
        ("resourceType", json!("Robot"), "expected a registered resource type"),
        ("time", json!("yesterday"), "expected a time"),
        ("version", json!("a b"), "expected a version"),
        ("tenant", json!(""), "expected a tenant"),
        ("stateChange", json!("vanished"), "expected an event"),
        ("resource", json!({"userName": true}), "expected a resource"),
        ("memberships", lists, "expected a list of the resource type: friends"),
    ];
    for (name, value, expected) in cases {
        let error = with(name, value).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
    assert!(Event::from_json(&registry, b"[]").is_err());
}

/// The resources that exist after the events, by type and id, with the version if the events have it.
type State = BTreeMap<(String, String), (Resource, Option<Version>)>;

fn replay(events: &[Event]) -> State {
    let mut state = State::new();
    for event in events {
        let key = (event.resource_type().name().to_owned(), event.resource_id().to_owned());
        match (event.state_change(), event.resource()) {
            (StateChange::Deleted, _) => {
                assert!(state.remove(&key).is_some(), "{event:?}");
                let gone = ValueEdit { remove: vec![event.resource_id().into()], ..ValueEdit::default() };
                for (resource, version) in state.values_mut() {
                    let resource_type = Arc::clone(resource.resource_type());
                    for list in resource_type.reference_lists() {
                        if gone.apply(*list, resource).is_some() {
                            *version = None;
                        }
                    }
                }
            }
            (StateChange::Created, Some(resource)) => {
                let new = (Resource::clone(resource), event.version().cloned());
                assert!(state.insert(key, new).is_none(), "{event:?}");
            }
            (_, Some(resource)) => {
                let new = (Resource::clone(resource), event.version().cloned());
                assert!(state.insert(key, new).is_some(), "{event:?}");
            }
            (_, None) => {
                let (resource, version) = state.get_mut(&key).expect("it was created");
                for Membership { attribute, edit, .. } in event.memberships() {
                    edit.apply(*attribute, resource).expect("it changed something");
                }
                let time = resource.last_modified().unwrap().max(event.time());
                if let Some(Value::Complex(meta)) = resource.root_mut().get_mut(AttributeId::META) {
                    meta.insert(AttributeId::META_LAST_MODIFIED, Value::DateTime(time));
                }
                *version = event.version().cloned();
            }
        }
    }
    state
}

/// A host that has the resources of `state`.
fn rebuilt(state: &State, context: &RequestContext) -> Host<MemoryStore> {
    let (host, _) = observed();
    let store = host.provider.store();
    // References may form cycles, so they are added when all resources exist.
    let without_lists = |resource: &Resource| {
        let resource_type = Arc::clone(resource.resource_type());
        let root = resource.root().iter().filter(|(attribute, _)| !resource_type.is_reference_list(*attribute));
        let root: Object = root.map(|(attribute, value)| (attribute, value.clone())).collect();
        Resource::from_object(resource_type, root)
    };
    let creates = state.values().map(|(it, _)| Change::Create(Entry::new(without_lists(it))));
    let replaces = state.values().map(|(it, _)| {
        Change::Replace(Replacement {
            entry: Entry::new(it.clone()),
            expect: Expect::Exists,
            before: Arc::new(it.clone()),
        })
    });
    for change in creates.chain(replaces) {
        now(store.commit(context, &[change])).unwrap();
    }
    host
}

/// The answers that clients see, without versions, in an order that does not depend on the history.
fn seen(host: &Host<impl Store>) -> Vec<Json> {
    let mut seen = host.everything();
    for resource in seen.iter_mut().flat_map(|list| list["Resources"].as_array_mut().into_iter().flatten()) {
        resource["meta"].as_object_mut().unwrap().remove("version");
        for list in ["members", "groups"] {
            if let Some(values) = resource.get_mut(list).and_then(Json::as_array_mut) {
                values.sort_by_key(|value| value["value"].to_string());
            }
        }
    }
    seen
}

#[derive(Clone, Debug)]
struct Step {
    operation: usize,
    id: usize,
    name: usize,
    flag: bool,
    others: Vec<usize>,
}

fn step() -> impl Strategy<Value = Step> {
    let step = (0..12_usize, 0..8_usize, 0..6_usize, any::<bool>(), vec(0..8_usize, 0..4));
    step.prop_map(|(operation, id, name, flag, others)| Step { operation, id, name, flag, others })
}

/// Sends a request that may or may not succeed.
fn take(host: &Host<impl Store>, Step { operation, id, name, flag, others }: &Step) -> Reply {
    let id_of = |n: usize| format!("id-{:03}", n + 1);
    let (id, label) = (id_of(*id), ["ann", "Bob", "cid", "dan", "eve", "Ömer"][*name]);
    // Mostly existing ids.
    let exists = |id: &String| {
        let found = |resource_type: &str| host.get(&format!("/{resource_type}/{id}")).status == 200;
        *name == 5 || found("Users") || found("Groups")
    };
    let members: Json = others.iter().map(|n| id_of(*n)).filter(exists).map(|id| json!({"value": id})).collect();
    let user = || {
        let mut user = json!({"schemas": [USER, ENTERPRISE], "userName": label, "active": flag,
            "name": {"givenName": label}, "emails": [{"value": format!("{label}@example.com"), "primary": flag}]});
        if *flag {
            user["externalId"] = json!(format!("e-{label}"));
            user["password"] = json!(format!("secret {label}"));
            user[ENTERPRISE] = json!({"department": label});
        }
        user
    };
    let group = || json!({"schemas": [GROUP], "displayName": label, "members": members});
    let patch_group = |operations: Json| host.patch(&format!("/Groups/{id}"), &operations);
    let removals =
        || others.iter().map(|n| json!({"op": "remove", "path": format!("members[value eq \"{}\"]", id_of(*n))}));
    match operation {
        0 | 1 => host.post("/Users", &user()),
        2 | 3 => host.post("/Groups", &group()),
        4 => host.put(&format!("/Users/{id}"), &user()),
        5 => host.put(&format!("/Groups/{id}"), &group()),
        6 => host.patch(
            &format!("/Users/{id}"),
            &json!([{"op": "replace", "value": {"active": flag, "name.familyName": label}},
                {"op": if *flag { "add" } else { "remove" }, "path": "emails[type eq \"work\"]",
                 "value": {"value": "w@example.com"}}]),
        ),
        7 => patch_group(json!([{"op": "add", "path": "members", "value": members}])),
        8 => patch_group(removals().chain([json!({"op": "add", "path": "members", "value": members})]).collect()),
        9 => patch_group(json!([{"op": "replace", "path": "members", "value": members}])),
        10 if *flag => patch_group(json!([{"op": "remove", "path": "members"}])),
        10 => patch_group(json!([{"op": "replace", "path": "displayName", "value": label},
            {"op": "add", "path": "members", "value": members}])),
        _ => host.delete(&format!("/{}/{id}", if *flag { "Users" } else { "Groups" })),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// The events of a random run are read back from the rows of an outbox. Applied to an empty state, they give the
    /// stored resources. The observer gets the same events. Each write that changed something has one event, and no
    /// other request has an event.
    #[test]
    fn a_replay_of_the_events_gives_the_current_state(steps in vec(step(), 1..40), forgets in any::<bool>()) {
        let registry = Registry::standard();
        let (host, log) = observed_by(registry.clone(), Outbox { forgets, ..Outbox::default() });
        for step in &steps {
            let (before, count) = (host.everything(), log.lock().unwrap().len());
            let reply = take(&host, step);
            let changed = host.everything() != before;
            prop_assert!(!changed || reply.status < 300, "{step:?} {}", reply.json());
            prop_assert_eq!(log.lock().unwrap().len() - count, usize::from(changed), "{:?}", step);
        }
        let rows = host.provider.store().rows.lock().unwrap();
        let told: Vec<Vec<u8>> = log.lock().unwrap().iter().map(Event::to_json).collect();
        prop_assert_eq!(&*rows, &told);
        let events: Vec<Event> = rows.iter().map(|row| Event::from_json(&registry, row).unwrap()).collect();
        let again: Vec<Vec<u8>> = events.iter().map(Event::to_json).collect();
        prop_assert_eq!(&*rows, &again);
        let ids: HashSet<String> = events.iter().map(Event::id).collect();
        prop_assert_eq!(ids.len(), events.len());

        let state = replay(&events);
        prop_assert_eq!(seen(&rebuilt(&state, &host.context)), seen(&host));
        for ((_, id), (resource, version)) in &state {
            if let Some(version) = version {
                let etag = host.get(&format!("/{}/{id}", resource.resource_type().endpoint())).etag();
                prop_assert_eq!(etag, format!("W/\"{version}\""));
            }
        }
    }
}
