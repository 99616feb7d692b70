//! Deleted resources that a later creation restores, under the old id or under a new id.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use scim_core::{
    error::Error,
    event::{Event, StateChange},
    limits::Limits,
    provider::{Access, Action, Policy, ServiceProvider},
    quirks::Quirks,
    resource::Resource,
    schema::Registry,
    store::{
        Capabilities, Change, ChangeOutcome, CommitError, DynStore, Key, MemoryStore, RequestContext,
        RequestedAttributes, Store, StoreError, TenantId,
    },
    value::Text,
};
use serde_json::{Value as Json, json};

use crate::fixture::{
    forward::forward,
    host::{BASE, Counting, Host, Ticking, USER, host_with},
};

/// The store of the guide.
#[allow(dead_code, reason = "the guide shows whole types")]
mod keeping {
    include!("../../manual/keeping_store.rs");

    pub(super) fn store() -> impl Store {
        Keeping::default()
    }

    #[cfg(feature = "testkit")]
    #[test]
    fn a_store_that_keeps_deleted_accounts_passes_every_check() {
        use scim_core::{schema::Registry, testkit::StoreKit};

        let report = smol::block_on(StoreKit::new(store(), Registry::standard(), 1).with_many(2_000).run_all());
        assert!(report.is_passed(), "{report}");
    }
}

fn body(name: &str, external_id: &str) -> Json {
    json!({"schemas": [USER], "userName": name, "externalId": external_id})
}

fn host<S: Store>(store: S) -> Host<S> {
    host_with(Registry::standard(), store, Limits::default(), Quirks::default())
}

/// 7644-3.6: a deleted account is gone for the client: 404, in no list and in no group, and its name is free. A later
/// creation restores the account under its old id, with the values of the request alone and in no group.
#[test]
fn a_creation_restores_a_deleted_account_under_its_old_id() {
    let host = host(keeping::store());
    let mut first = body("ann", "00u1");
    first["title"] = json!("Guide");
    let created = host.post("/Users", &first);
    let (id, target) = (created.id(), format!("/Users/{}", created.id()));
    let group = host.post("/Groups", &json!({"displayName": "All", "members": [{"value": id}]})).id();
    assert_eq!(host.delete(&target).status, 204);

    assert_eq!(host.get(&target).status, 404);
    assert_eq!(host.patch(&target, &json!([{"op": "add", "path": "title", "value": "x"}])).status, 404);
    assert_eq!(host.delete(&target).status, 404);
    assert_eq!(host.get("/Users").json()["totalResults"], 0);
    assert_eq!(host.get(&format!("/Groups/{group}")).json().get("members"), None);
    let other = host.post("/Users", &body("ann", "00u2"));
    assert_eq!((other.status, other.id() == id), (201, false), "the name is free, and this is another person");
    assert_eq!(host.post("/Users", &body("ann", "00u1")).error(), (409, "uniqueness".to_owned()));
    assert_eq!(host.get(&target).status, 404, "a refused creation restores nothing");

    let restored = host.post("/Users", &body("ann2", "00u1"));
    assert_eq!((restored.status, restored.id()), (201, id.clone()), "{}", restored.json());
    assert!(restored.header("Location").is_some_and(|location| location.ends_with(&target)));
    assert_ne!(restored.etag(), created.etag());
    let read = host.get(&target).json();
    assert_eq!((&read["userName"], read.get("title"), read.get("groups")), (&json!("ann2"), None, None));
    let twice = host.post("/Users", &body("ann3", "00u1"));
    assert_eq!((twice.status, twice.id() == id), (201, false), "the account is not deleted any more");
    // The tenants are separate.
    assert_eq!(host.delete(&target).status, 204);
    let tenant = RequestContext::new(TenantId::new("other").unwrap());
    let elsewhere = host.send_as(&tenant, "POST", "/Users", &[], body("ann", "00u1").to_string().as_bytes());
    assert_ne!(elsewhere.id(), id);
}

/// In a bulk request, references to a restored account have its old id.
#[test]
fn a_bulk_request_restores_accounts() {
    let host = host(keeping::store());
    let ids = ["00u1", "00u2"].map(|external_id| host.post("/Users", &body(external_id, external_id)).id());
    for id in &ids {
        assert_eq!(host.delete(&format!("/Users/{id}")).status, 204);
    }
    let post = |bulk_id: &str, path: &str, data: Json| json!({"method": "POST", "path": path, "bulkId": bulk_id, "data": data});
    let members = json!([{"value": "bulkId:one"}, {"value": "bulkId:two"}, {"value": "bulkId:new"}]);
    let operations = json!([
        post("all", "/Groups", json!({"displayName": "All", "members": members})),
        post("one", "/Users", body("ann", "00u1")),
        post("two", "/Users", body("bob", "00u2")),
        post("new", "/Users", body("carl", "00u3")),
        // The same person twice: the second creation gets a new id.
        post("again", "/Users", body("dora", "00u1")),
        post("bad", "/Users", json!({"externalId": "00u2"})),
    ]);
    let reply = host.post("/Bulk", &json!({"Operations": operations})).json();
    let outcomes = reply["Operations"].as_array().unwrap();
    let statuses: Vec<&str> = outcomes.iter().map(|outcome| outcome["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["201", "201", "201", "201", "201", "400"], "{reply}");
    let id_of = |index: usize| outcomes[index]["location"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    assert_eq!([id_of(1), id_of(2)], ids, "{reply}");
    assert!(!ids.contains(&id_of(4)));
    let group = host.get(&format!("/Groups/{}", id_of(0))).json();
    let members: Vec<&str> =
        group["members"].as_array().unwrap().iter().map(|member| member["value"].as_str().unwrap()).collect();
    assert_eq!(members, [&ids[0], &ids[1], &id_of(3)]);
}

/// Each deletion of a restored account has an event of its own: a consumer that drops duplicates ends the sessions each
/// time.
#[test]
fn two_deletions_of_one_id_are_two_events() {
    let log = std::sync::Arc::new(Mutex::new(Vec::<Event>::new()));
    let seen = log.clone();
    let provider = ServiceProvider::builder(Registry::standard(), keeping::store(), BASE)
        .clock(Ticking::default())
        .ids(Counting::default())
        .observer(move |_: &RequestContext, event: &Event| seen.lock().unwrap().push(event.clone()))
        .build()
        .unwrap();
    let host = Host { provider, context: RequestContext::new(TenantId::single()) };
    for _ in 0..3 {
        let id = host.post("/Users", &body("ann", "00u1")).id();
        assert_eq!((id.as_str(), host.delete(&format!("/Users/{id}")).status), ("id-001", 204));
    }
    let events = log.lock().unwrap();
    let kinds: Vec<StateChange> = events.iter().map(Event::state_change).collect();
    assert_eq!(kinds, [[StateChange::Created, StateChange::Deleted]; 3].concat());
    let ids: std::collections::BTreeSet<String> = events.iter().map(Event::id).collect();
    assert_eq!(ids.len(), events.len(), "{ids:?}");
    for event in &*events {
        let read = Event::from_json(host.provider.registry(), &event.to_json()).unwrap();
        assert_eq!((read.id(), read.ends_access()), (event.id(), event.ends_access()));
    }
}

type Answer = fn(usize) -> Result<Option<Text>, StoreError>;

/// A store with fixed answers to `id_of_new`.
struct Answering {
    inner: MemoryStore,
    answer: Answer,
    asked: AtomicUsize,
    restore: bool,
}

impl Store for Answering {
    forward! { inner: pushdown, get, scan, commit }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities().with_new_ids(self.restore)
    }

    async fn id_of_new(&self, _: &RequestContext, resource: &Resource) -> Result<Option<Text>, StoreError> {
        let has = |path: &str| resource.get(path).is_some();
        assert!(
            has("userName") && has("active") && !has("id") && !has("meta"),
            "it is complete but for its id and `meta`"
        );
        (self.answer)(self.asked.fetch_add(1, Ordering::Relaxed))
    }
}

fn answering(answer: Answer) -> Host<Answering> {
    host(Answering { inner: MemoryStore::new(), answer, asked: AtomicUsize::new(0), restore: true })
}

/// An id that is taken is another creation that was faster: the core asks again. A busy store is asked again. Other
/// errors and broken answers create nothing.
#[test]
fn the_core_judges_the_answer_of_the_store() {
    let bulk = |host: &Host<Answering>| {
        let operation = json!({"method": "POST", "path": "/Users", "bulkId": "a", "data": body("bulk", "x")});
        let reply = host.post("/Bulk", &json!({"Operations": [operation]})).json();
        reply["Operations"][0]["status"].as_str().unwrap().parse::<u16>().unwrap()
    };
    let host = answering(|_| Ok(None));
    assert_eq!((host.post("/Users", &body("ann", "x")).id().as_str(), bulk(&host)), ("id-001", 201));

    let host = answering(|asked| Ok((asked == 0 || asked == 1).then(|| "old".into())));
    assert_eq!(host.post("/Users", &body("ann", "x")).id(), "old");
    assert_eq!(host.post("/Users", &body("bob", "x")).id(), "id-001", "`old` is taken");

    let host = answering(|asked| if asked == 0 { Err(StoreError::Busy) } else { Ok(Some("old".into())) });
    assert_eq!(host.post("/Users", &body("ann", "x")).id(), "old");

    let cases: [(Answer, u16); 4] = [
        (|_| Err(StoreError::Unavailable { retry_after: None }), 503),
        (|_| Err(StoreError::Denied), 403),
        (|_| Ok(Some("".into())), 500),
        (|_| Ok(Some("x".repeat(129).into())), 500),
    ];
    for (answer, status) in cases {
        let host = answering(answer);
        assert_eq!(host.post("/Users", &body("ann", "x")).error().0, status);
        assert_eq!(bulk(&host), status);
        assert_eq!(host.get("/Users").json()["totalResults"], 0);
    }
}

/// The store is not asked without the capability, nor about a creation that a policy or the schema refuses.
#[test]
fn the_store_is_asked_about_permitted_creations_only() {
    #[derive(Debug)]
    struct ReadOnly;

    impl Policy for ReadOnly {
        fn access(
            &self,
            _: &RequestContext,
            action: Action,
            _: &std::sync::Arc<scim_core::schema::ResourceType>,
        ) -> Result<Access, Error> {
            if action == Action::Create { Err(Error::new(403, "not for you")) } else { Ok(Access::full()) }
        }
    }

    let old = |_| Ok(Some("old".into()));
    let without =
        host(Answering { inner: MemoryStore::new(), answer: old, asked: AtomicUsize::new(0), restore: false });
    assert_eq!(without.post("/Users", &body("ann", "x")).id(), "id-001");
    assert_eq!(without.provider.store().asked.load(Ordering::Relaxed), 0);

    let store = Answering { inner: MemoryStore::new(), answer: old, asked: AtomicUsize::new(0), restore: true };
    let provider = ServiceProvider::builder(Registry::standard(), store, BASE).policy(ReadOnly).build().unwrap();
    let refused = Host { provider, context: RequestContext::new(TenantId::single()) };
    let operation = json!({"method": "POST", "path": "/Users", "bulkId": "a", "data": body("ann", "x")});
    assert_eq!(refused.post("/Users", &body("ann", "x")).status, 403);
    assert_eq!(refused.post("/Bulk", &json!({"Operations": [operation]})).json()["Operations"][0]["status"], "403");
    assert_eq!(refused.provider.store().asked.load(Ordering::Relaxed), 0);
}

/// A store with the capability that has only the default of the function.
struct Boasting(MemoryStore);

impl Store for Boasting {
    forward! { 0: pushdown, get, scan }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities().with_new_ids(true)
    }

    async fn commit(&self, context: &RequestContext, batch: &[Change]) -> Result<Vec<ChangeOutcome>, CommitError> {
        self.0.commit(context, batch).await
    }
}

/// A store whose type is erased, and a shared store, forward the question. A store without the function answers `None`.
#[test]
fn erased_and_shared_stores_forward_the_question() {
    let erased = host(DynStore::new(std::sync::Arc::new(keeping::store())));
    let id = erased.post("/Users", &body("ann", "00u1")).id();
    assert_eq!(erased.delete(&format!("/Users/{id}")).status, 204);
    assert_eq!(erased.post("/Users", &body("ann", "00u1")).id(), id);

    let host = host(Boasting(MemoryStore::new()));
    assert_eq!(host.post("/Users", &body("ann", "00u1")).id(), "id-001");
}

/// A store that keeps the documents of deleted accounts and gives them to the account with the new id.
#[derive(Default)]
struct Moving {
    inner: MemoryStore,
    /// The documents of each account: the host's own data, which SCIM does not know.
    documents: Mutex<HashMap<Text, &'static str>>,
    /// The ids of the deleted accounts, by `externalId`.
    deleted: Mutex<HashMap<Text, Text>>,
}

impl Store for Moving {
    forward! { inner: capabilities, pushdown, get, scan }

    async fn commit(&self, context: &RequestContext, batch: &[Change]) -> Result<Vec<ChangeOutcome>, CommitError> {
        let [change] = batch else { return Err(StoreError::TooMany.into()) };
        let key = Key { resource_type: change.resource_type(), id: change.id() };
        let before = self.inner.get(context, key, &RequestedAttributes::everything()).await?;
        let done = self.inner.commit(context, batch).await?;
        let (mut deleted, mut documents) = (self.deleted.lock().unwrap(), self.documents.lock().unwrap());
        match change {
            Change::Delete(_) => {
                let external_id = before.and_then(|before| before.resource.external_id().map(Text::from)).unwrap();
                deleted.insert(external_id, change.id().into());
            }
            Change::Create(entry) => {
                let old = entry.resource.external_id().and_then(|external_id| deleted.remove(external_id));
                let kept = old.and_then(|old| documents.remove(&old)).unwrap_or("none");
                documents.insert(change.id().into(), kept);
            }
            _ => {}
        }
        Ok(done)
    }
}

/// A host can also give the old row a new id: the store does this within `Create`, and needs no capability.
#[test]
fn a_store_can_restore_an_account_under_a_new_id() {
    let host = host(Moving::default());
    let documents = |id: &str| host.provider.store().documents.lock().unwrap().get(id).copied();
    let old = host.post("/Users", &body("ann", "00u1")).id();
    host.provider.store().documents.lock().unwrap().insert(old.as_str().into(), "a thesis");
    assert_eq!(host.delete(&format!("/Users/{old}")).status, 204);
    let other = host.post("/Users", &body("ann", "00u2")).id();
    let new = host.post("/Users", &body("anna", "00u1")).id();
    assert_ne!(new, old);
    assert_eq!([documents(&old), documents(&other), documents(&new)], [None, Some("none"), Some("a thesis")]);
    assert_eq!(host.get(&format!("/Users/{old}")).status, 404);
}
