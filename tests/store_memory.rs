//! What the store in memory promises, alone and behind an erased type (RFC 7643 §3.1, RFC 7644 §3.5, §3.6).
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

#[allow(dead_code, reason = "each test uses its part")]
mod documents;
#[allow(dead_code, reason = "each test uses its part")]
mod stores;

use std::{sync::Arc, thread};

use scim_core::{
    AttributePath, Quirks, Store,
    filter::Condition,
    quirks::Tolerance,
    resource::Sort,
    schema::{AttributeId, Relation, ResourceType},
    store::{
        Capabilities, Change, CommitError, Context, Done, DynStore, Entry, Expect, Holder, Key, MemoryStore, Page,
        Pushdown, Scan, StoreError, Stored, TenantId, Version, Wanted, Window,
    },
};
use serde_json::json;
use stores::{World, compile, create, edit, element, now, replace, time};

/// A store with two users, two groups of which one is a member of the other, and a device.
fn filled(world: &World, store: impl Store) -> impl Store {
    let device = json!({"id": "d1", "serial": "S1", "owners": [{"value": "u1"}], "watchers": [{"value": "u1"},
        {"value": "g1"}]});
    let batch = [
        create(world.user("u1", "Ann")),
        create(world.user("u2", "bob")),
        create(world.group("g1", "Guides", &["u1", "u2"])),
        create(world.group("g2", "All", &["g1", "u1"])),
        create(world.resource(&world.device, device)),
    ];
    let done = world.commit(&store, &batch).unwrap();
    assert!(done.iter().all(|done| done.changed && done.version.is_some()));
    store
}

/// Forwards what a store must have and nothing else.
struct Least(MemoryStore);

impl Store for Least {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new()
    }

    async fn get<'a>(
        &'a self,
        cx: &'a Context,
        key: Key<'a>,
        wanted: &'a Wanted<'a>,
    ) -> Result<Option<Stored>, StoreError> {
        self.0.get(cx, key, wanted).await
    }

    async fn scan<'a>(&'a self, cx: &'a Context, scan: &'a Scan<'a>) -> Result<Page, StoreError> {
        assert!(scan.sort.is_none() && scan.filter.is_empty(), "it was not asked whether it can");
        self.0.scan(cx, scan).await
    }

    async fn commit<'a>(&'a self, cx: &'a Context, batch: &'a [Change]) -> Result<Vec<Done>, CommitError> {
        self.0.commit(cx, batch).await
    }
}

#[test]
fn a_failed_batch_changes_nothing() {
    let world = World::new();
    every_failure(&world, || MemoryStore::new());
    every_failure(&world, || DynStore::new(MemoryStore::new()));
    every_failure(&world, || Arc::new(Arc::new(MemoryStore::new())));
    every_failure(&world, || Least(MemoryStore::new()));
}

fn every_failure<S: Store>(world: &World, empty: impl Fn() -> S) {
    let user = |id: &str, name: &str| create(world.user(id, name));
    let stale = |change: Change| match change {
        Change::Replace { entry, .. } => Change::Replace { entry, expect: Expect::Version(Version::from(999)) },
        Change::Delete { kind, id, .. } => Change::Delete { kind, id, expect: Expect::Version(Version::from(999)) },
        Change::EditValues { kind, id, attribute, edit, modified, .. } => {
            Change::EditValues { kind, id, attribute, edit, modified, expect: Expect::Version(Version::from(999)) }
        }
        other => other,
    };
    let device = |id, list: &str, to: &str| {
        let mut document = json!({ "id": id });
        document[list] = json!([{ "value": to }]);
        create(world.resource(&world.device, document))
    };
    let own = |name: &str| world.user.child(AttributeId::ROOT, name).unwrap();
    let name = |error: &StoreError| match error {
        StoreError::NotFound => "not found".to_owned(),
        StoreError::VersionMismatch { current } => format!("mismatch {}", current.is_some()),
        StoreError::NotUnique { attribute } if *attribute == AttributeId::ID => "not unique id".to_owned(),
        StoreError::NotUnique { attribute } if *attribute == own("userName") => "not unique userName".to_owned(),
        StoreError::BadReference { attribute, value } => {
            assert!([world.members, world.list("owners")].contains(attribute));
            format!("reference {value}")
        }
        StoreError::TooMany => "too many".to_owned(),
        StoreError::Backend(source) => format!("backend {source}"),
        other => panic!("{other:?}"),
    };
    let cases: Vec<(&str, Change, &str)> = vec![
        ("7643-3.1-05", user("u1", "new"), "not unique id"),
        ("7643-3.1-05", create(world.group("u1", "of another type", &[])), "not unique id"),
        ("7644-3.3-09 7643-4.1.1-01", user("u9", "aNN"), "not unique userName"),
        ("7644-3.5.1-12 7644-3.12-15", replace(world.user("u2", "ANN")), "not unique userName"),
        ("7644-3.6-02", replace(world.user("u9", "new")), "not found"),
        ("7644-3.6-02", replace(world.user("g1", "of another type")), "not found"),
        ("7644-3.6-02", world.delete(&world.user, "u9"), "not found"),
        ("7644-3.6-02", world.delete(&world.user, "U1"), "not found"),
        ("7644-3.6-02", world.delete(&world.group, "u1"), "not found"),
        ("7644-3.6-02", world.edit_members("g9", &[], &["u1"]), "not found"),
        ("7644-3.14-06", stale(replace(world.user("u1", "Ann"))), "mismatch true"),
        ("7644-3.14-06", stale(world.delete(&world.user, "u1")), "mismatch true"),
        ("7644-3.14-06", stale(world.edit_members("g1", &[], &["u9"])), "mismatch true"),
        ("a missing resource has no version", stale(world.delete(&world.user, "u9")), "not found"),
        ("7643-4.2-03", world.edit_members("g1", &["u1"], &["u2", "u9"]), "reference u9"),
        ("7643-4.2-03", world.edit_members("g1", &[], &["U1"]), "reference U1"),
        ("7643-4.2-03", world.edit_members("g1", &[], &["d1"]), "reference d1"),
        ("7643-4.2-03", world.edit_members("g1", &[], &[""]), "reference "),
        ("7643-4.2-03", create(world.group("g9", "new", &["u1", "u9"])), "reference u9"),
        ("7643-4.2-03", replace(world.group("g1", "Guides", &["u9", "u2"])), "reference u9"),
        ("7643-4.2-03", device("d9", "owners", "g1"), "reference g1"),
        ("7643-3.1-04", user("", "new"), "backend expected a resource with an id"),
    ];
    for (requirement, change, expected) in cases {
        let store = filled(world, empty());
        let before = world.snapshot(&store, &world.cx);
        // What precedes the failure has touched every index by then.
        let batch = [
            create(world.user("u8", "early")),
            replace(world.user("u2", "early bird")),
            world.edit_members("g1", &["u2"], &["u8", "g1"]),
            replace(world.group("g2", "renamed", &["u2"])),
            create(world.user("u7", "later gone")),
            world.delete(&world.user, "u7"),
            world.delete(&world.device, "d1"),
            change,
            create(world.user("u6", "late")),
        ];
        // In the first place, alone and after others. What a case needs is still there then, but for the device.
        for batch in [&batch[7..], &batch[..]] {
            let case = format!("{requirement} {expected} in {}", batch.len());
            let CommitError { index, error } = world.commit(&store, batch).expect_err(&case);
            assert_eq!((index, name(&error)), (batch.len() - 2, expected.to_owned()), "{case}");
            assert_eq!(world.snapshot(&store, &world.cx), before, "{case}: 7644-3.5.2-18");
            let ids = ["u1", "u2", "u6", "u7", "u8", "g1", "d1"];
            let kinds = world.kinds();
            let located = now(store.locate(&world.cx, &kinds, &ids)).unwrap();
            assert_eq!(located, [Some(0), Some(0), None, None, None, Some(1), Some(2)], "{case}");
            let groups = holders(world, &store, &["u1", "u2", "u8"]);
            assert_eq!(groups, ["u1<g1 Guides", "u1<g2 All", "u2<g1 Guides"], "{case}");
        }
        // Nothing of what was undone is still claimed, found or referred to.
        let again = [create(world.user("u8", "early")), create(world.user("u9", "late"))];
        assert!(world.commit(&store, &again).is_ok(), "{requirement} {expected}");
    }
    let store = filled(world, empty());
    let before = world.snapshot(&store, &world.cx);
    let many: Vec<Change> = (0..=MemoryStore::MAX_BATCH).map(|n| user(&format!("n{n}"), &format!("n{n}"))).collect();
    let CommitError { index, error } = world.commit(&store, &many).expect_err("too many");
    assert_eq!((index, name(&error)), (MemoryStore::MAX_BATCH, "too many".to_owned()));
    assert_eq!(world.snapshot(&store, &world.cx), before);
    assert_eq!(world.commit(&store, &many[1..]).unwrap().len(), MemoryStore::MAX_BATCH);
    assert_eq!(world.commit(&store, &[]).unwrap(), []);
}

fn groups_of(world: &World) -> Relation {
    world.registry.relations(&world.user)[0].clone()
}

/// Who has whom as a member, as text.
fn holders(world: &World, store: &impl Store, ids: &[&str]) -> Vec<String> {
    let found = now(store.holders(&world.cx, &groups_of(world), ids)).unwrap();
    let text = |it: Holder| format!("{}<{} {}", it.value, it.id, it.display.as_deref().unwrap_or("-"));
    let mut found: Vec<String> = found.into_iter().map(text).collect();
    found.sort_unstable();
    found
}

#[test]
fn what_the_store_says_of_failures_reaches_through_an_erased_type() {
    struct Failing;
    fn error(id: &str) -> StoreError {
        match id {
            "busy" => StoreError::Busy,
            "unavailable" => StoreError::Unavailable { retry_after: Some(std::time::Duration::from_secs(3)) },
            "denied" => StoreError::Denied,
            _ => StoreError::backend("password authentication failed"),
        }
    }
    impl Store for Failing {
        fn capabilities(&self) -> Capabilities {
            Capabilities::new()
        }
        async fn get<'a>(
            &'a self,
            _: &'a Context,
            key: Key<'a>,
            _: &'a Wanted<'a>,
        ) -> Result<Option<Stored>, StoreError> {
            Err(error(key.id))
        }
        async fn scan<'a>(&'a self, cx: &'a Context, _: &'a Scan<'a>) -> Result<Page, StoreError> {
            Err(error(cx.tenant().as_str()))
        }
        async fn commit<'a>(&'a self, _: &'a Context, batch: &'a [Change]) -> Result<Vec<Done>, CommitError> {
            Err(error(batch[0].id()).into())
        }
    }
    let world = World::new();
    let store = DynStore::new(Failing);
    let cases = [
        ("busy", "Busy", "the store is busy"),
        ("unavailable", "Unavailable { retry_after: Some(3s) }", "the store is unavailable"),
        ("denied", "Denied", "the store denies the request"),
        ("other", r#"Backend("password authentication failed")"#, "the store failed"),
    ];
    for (id, expected, message) in cases {
        let cx = Context::new(TenantId::new(id).unwrap());
        let kinds = world.kinds();
        let key = Key { kind: &world.user, id };
        let errors = [
            now(store.get(&cx, key, &Wanted::everything())).unwrap_err(),
            now(store.locate(&cx, &kinds, &[id])).unwrap_err(),
            now(store.holders(&cx, &groups_of(&world), &[id])).unwrap_err(),
            world.commit(&store, &[world.delete(&world.user, id)]).unwrap_err().error,
        ];
        for error in errors {
            assert_eq!((&*format!("{error:?}"), &*error.to_string()), (expected, message), "no secret in the message");
        }
    }
}

#[test]
fn versions_change_with_the_resource_and_never_come_again() {
    let world = World::new();
    let store = filled(&world, MemoryStore::new());
    let mut seen: Vec<Version> = world.snapshot(&store, &world.cx).into_iter().map(|(_, version)| version).collect();
    let mut is_new = |version: &Version| {
        let new = !seen.contains(version);
        seen.push(version.clone());
        new
    };
    let first = world.version(&store, &world.user, "u1");
    // 7643-3.1-18: what the commit answers is what a read finds.
    let done = world.commit(&store, &[replace(world.user("u1", "Anna"))]).unwrap();
    let second = world.version(&store, &world.user, "u1");
    assert_eq!(done, [Done { version: Some(second.clone()), changed: true }]);
    assert!(is_new(&second));
    let back = Change::Replace { entry: Entry::new(world.user("u1", "Ann")), expect: Expect::Version(second) };
    let third = world.commit(&store, &[back]).unwrap().remove(0).version.unwrap();
    assert!(is_new(&third) && third != first, "the same content again is another state");

    // Deleted and created anew, also after a batch that failed.
    assert_eq!(world.commit(&store, &[world.delete(&world.user, "u1")]).unwrap()[0].version, None);
    assert!(world.commit(&store, &[create(world.user("u1", "Ann")), create(world.user("u5", "ANN"))]).is_err());
    let again = world.commit(&store, &[create(world.user("u1", "Ann"))]).unwrap().remove(0).version.unwrap();
    assert!(is_new(&again));
}

#[test]
fn no_change_is_no_change() {
    let world = World::new();
    let store = filled(&world, MemoryStore::new());
    let mut reordered = world.group("g1", "Guides", &["u2", "u1"]);
    let clear = |add: &[&str]| Change::EditValues {
        kind: Arc::clone(&world.group),
        id: "g1".into(),
        attribute: world.members,
        expect: Expect::Exists,
        edit: edit(&world.group, world.members, true, &[], add),
        modified: time(5),
    };
    let later = json!({"created": time(0).to_rfc3339(), "lastModified": time(5).to_rfc3339()});
    let touched = world.resource(&world.user, json!({"id": "u1", "userName": "Ann", "meta": later}));
    reordered
        .root_mut()
        .insert(world.members, world.group("", "", &["u2", "u1", "u2"]).root().get(world.members).unwrap().clone());
    let cases = [
        ("7644-3.5.2.1-09 7644-3.5.2.1-10", world.edit_members("g1", &[], &["u1"])),
        ("7644-3.5.2.1-09", world.edit_members("g1", &["u1", "u2"], &["u1", "u2", "u1"])),
        ("7644-3.5.2.2-08", world.edit_members("g1", &["u9", ""], &[])),
        ("nothing to do", world.edit_members("g1", &[], &[])),
        ("replaced by itself", clear(&["u2", "u1"])),
        ("put as it is", replace(world.group("g1", "Guides", &["u1", "u2"]))),
        ("put in another order, one twice", replace(reordered)),
        ("another time alone", replace(touched)),
    ];
    for (case, change) in cases {
        let before = world.snapshot(&store, &world.cx);
        let version = world.version(&store, change.kind(), change.id());
        let done = world.commit(&store, &[change]).unwrap();
        assert_eq!(done, [Done { version: Some(version), changed: false }], "{case}");
        assert_eq!(world.snapshot(&store, &world.cx), before, "{case}");
    }
    let done = world.commit(&store, &[clear(&["u2"])]).unwrap();
    assert!(done[0].changed);
    assert_eq!(world.held(&store, &world.group, "g1", world.members), ["u2"]);
    let group = world.get(&store, &world.group, "g1").unwrap().resource;
    assert_eq!((group.created(), group.last_modified()), (Some(time(0)), Some(time(5))));
}

#[test]
fn a_list_is_changed_in_place() {
    let world = World::new();
    let store = filled(&world, MemoryStore::new());
    let watchers = world.list("watchers");
    let change = |document| replace(world.resource(&world.device, document));
    let noted = json!({"id": "d1", "serial": "S1", "watchers": [
        {"note": "nobody"}, {"value": "g2"}, {"value": "u1", "note": "new"}]});
    assert!(world.commit(&store, &[change(noted.clone())]).unwrap()[0].changed);
    let device = world.get(&store, &world.device, "d1").unwrap().resource;
    assert!(device.root().get(world.list("owners")).is_none(), "a list that the resource lacks is gone");
    let note = world.device.child(watchers, "note").unwrap();
    let notes: Vec<_> =
        device.root().get(watchers).unwrap().elements().iter().map(|it| it.as_object().unwrap()).collect();
    assert_eq!(notes.len(), 3);
    assert_eq!(notes[0].get(note).unwrap().as_str(), Some("new"), "what stays keeps its place");
    assert!(!world.commit(&store, &[change(noted)]).unwrap()[0].changed);
    let fewer = json!({"id": "d1", "serial": "S1", "watchers": [{"value": "g2"}, {"value": "u1", "note": "new"}]});
    assert!(world.commit(&store, &[change(fewer)]).unwrap()[0].changed);
    assert_eq!(world.held(&store, &world.device, "d1", watchers), ["u1", "g2"]);

    // A list that does not refer to resources is edited all the same.
    let emails = world.list("emails");
    let edit_emails = |remove: &[&str], add: &[&str]| Change::EditValues {
        kind: Arc::clone(&world.device),
        id: "d1".into(),
        attribute: emails,
        expect: Expect::Exists,
        edit: edit(&world.device, emails, false, remove, add),
        modified: time(7),
    };
    assert!(world.commit(&store, &[edit_emails(&[], &["a@x", "b@x"])]).unwrap()[0].changed);
    assert!(world.commit(&store, &[edit_emails(&["a@x"], &["b@x"])]).unwrap()[0].changed);
    assert!(!world.commit(&store, &[edit_emails(&["a@x"], &["b@x"])]).unwrap()[0].changed);
    assert_eq!(world.held(&store, &world.device, "d1", emails), ["b@x"]);
    assert_eq!(world.held(&store, &world.device, "d1", watchers), ["u1", "g2"]);
}

#[test]
fn unique_values_are_free_again_when_nobody_has_them() {
    let world = World::new();
    let store = filled(&world, MemoryStore::new());
    let device = |id: &str, serial: &str| create(world.resource(&world.device, json!({"id": id, "serial": serial})));
    let cases = [
        ("7643-7-22", create(world.group("g8", "Guides", &[])), true),
        ("7643-7-20, case and all", device("d2", "s1"), true),
        ("7643-7-20", device("d3", "s1"), false),
        (
            "one number, written differently",
            create(world.resource(&world.device, json!({"id": "d4", "weight": 2.5}))),
            true,
        ),
        (
            "one number, written differently",
            create(world.resource(&world.device, json!({"id": "d5", "weight": 2.50e0}))),
            false,
        ),
        ("of another type", create(world.group("g9", "Ann", &[])), true),
        ("a name that was given up", replace(world.user("u1", "Zoe")), true),
        ("a name that was given up", create(world.user("u3", "ann")), true),
        ("7644-3.6-04", world.delete(&world.user, "u2"), true),
        ("7644-3.6-04", create(world.user("u2", "BOB")), true),
        ("its own name in another case", replace(world.user("u2", "bob")), true),
        ("the empty string is no value", create(world.user("u4", "")), true),
        ("the empty string is no value", create(world.user("u5", "")), true),
        (
            "7643-3.1-11",
            create(world.resource(&world.user, json!({"id": "u6", "userName": "f", "externalId": "e"}))),
            true,
        ),
        (
            "7643-3.1-11",
            create(world.resource(&world.user, json!({"id": "u7", "userName": "s", "externalId": "e"}))),
            true,
        ),
    ];
    for (case, change, accepted) in cases {
        let result = world.commit(&store, &[change]);
        assert_eq!(result.is_ok(), accepted, "{case}: {result:?}");
    }
}

#[test]
fn whoever_is_deleted_is_in_no_list() {
    let world = World::new();
    let store = filled(&world, MemoryStore::new());
    // A group can be a member of itself, in one step and by creation.
    world.commit(&store, &[world.edit_members("g1", &[], &["g1"])]).unwrap();
    world.commit(&store, &[create(world.group("g3", "Self", &["g3", "u2"]))]).unwrap();
    let versions = || {
        ["u2", "g1", "g2", "g3", "d1"].map(|id| {
            let kind = world.kinds().into_iter().find(|kind| world.get(&store, kind, id).is_some()).unwrap();
            world.version(&store, &kind, id)
        })
    };
    let before = versions();
    world.commit(&store, &[world.delete(&world.user, "u1")]).unwrap();
    let after = versions();
    let changed: Vec<bool> = before.iter().zip(&after).map(|(before, after)| before != after).collect();
    assert_eq!(changed, [false, true, true, false, true], "who referred to it is in another state");
    let group = world.get(&store, &world.group, "g2").unwrap().resource;
    assert_eq!(group.last_modified(), Some(time(0)), "but nobody modified it");

    let (owners, watchers) = (world.list("owners"), world.list("watchers"));
    assert!(world.held(&store, &world.device, "d1", owners).is_empty());
    assert_eq!(world.held(&store, &world.device, "d1", watchers), ["g1"]);
    assert_eq!(world.held(&store, &world.group, "g1", world.members), ["u2", "g1"]);
    assert_eq!(world.held(&store, &world.group, "g2", world.members), ["g1"]);
    // 7644-3.6-02 7644-3.6-03
    assert!(world.get(&store, &world.user, "u1").is_none());
    assert_eq!(holders(&world, &store, &["u1", "g1"]), ["g1<g1 Guides", "g1<g2 All"]);

    // Created anew, it is in no list either.
    world.commit(&store, &[create(world.user("u1", "Ann"))]).unwrap();
    assert_eq!(holders(&world, &store, &["u1"]), [""; 0]);
    // One that refers to itself and is referred to goes, with what it referred to.
    world.commit(&store, &[world.delete(&world.group, "g1"), world.delete(&world.group, "g3")]).unwrap();
    assert_eq!(holders(&world, &store, &["u1", "u2", "g1", "g3"]), [""; 0]);
    assert!(world.held(&store, &world.group, "g2", world.members).is_empty());
    let g2 = world.get(&store, &world.group, "g2").unwrap().resource;
    assert!(!g2.root().contains(world.members), "an empty list is unassigned");
}

#[test]
fn a_batch_sees_itself() {
    let world = World::new();
    let store = MemoryStore::new();
    let batch = [
        create(world.user("a", "Ann")),
        create(world.group("g", "First", &["a"])),
        world.delete(&world.user, "a"),
        create(world.user("b", "ANN")),
        world.edit_members("g", &[], &["b"]),
        replace(world.user("b", "Bea")),
    ];
    let done = world.commit(&store, &batch).unwrap();
    assert_eq!(done.len(), batch.len());
    assert_eq!(holders(&world, &store, &["a", "b"]), ["b<g First"]);
    // Two that refer to each other: each must be there before the other refers to it.
    let circle = [
        create(world.group("x", "X", &[])),
        create(world.group("y", "Y", &["x"])),
        world.edit_members("x", &[], &["y"]),
    ];
    assert!(world.commit(&store, &circle).is_ok(), "7644-3.7.1-01");
    assert_eq!(holders(&world, &store, &["x", "y"]), ["x<y Y", "y<x X"]);
}

#[test]
fn tenants_have_nothing_in_common() {
    let world = World::new();
    let store = filled(&world, MemoryStore::new());
    let other = World { cx: Context::new(TenantId::new("other").unwrap()), ..World::new() };
    assert!(other.snapshot(&store, &other.cx).is_empty());
    let before = world.snapshot(&store, &world.cx);
    let kinds = world.kinds();
    // 7644-6.1-01: what the other tenant has is not there, not to be written and not to be referred to.
    assert!(other.commit(&store, &[other.delete(&other.user, "u1")]).is_err());
    assert!(other.commit(&store, &[other.edit_members("g1", &[], &["u1"])]).is_err());
    assert!(other.commit(&store, &[create(other.group("g7", "x", &["u1"]))]).is_err());
    assert_eq!(now(store.locate(&other.cx, &kinds, &["u1", "g1"])).unwrap(), [None, None]);
    assert_eq!(holders(&other, &store, &["u1"]), [""; 0]);
    // 7644-6.2-01 7643-3.1-10: the same ids and names again, and then gone again.
    let _ = filled(&other, Arc::new(MemoryStore::new()));
    other.commit(&store, &[create(other.user("u1", "Ann")), create(other.group("g1", "x", &["u1"]))]).unwrap();
    assert_eq!(holders(&other, &store, &["u1"]), ["u1<g1 x"]);
    other.commit(&store, &[other.delete(&other.user, "u1"), other.delete(&other.group, "g1")]).unwrap();
    assert_eq!(world.snapshot(&store, &world.cx), before);
}

#[test]
fn of_racing_writers_one_wins_and_none_is_lost() {
    let world = World::new();
    let store = filled(&world, MemoryStore::new());
    let race = |change: &(dyn Fn(usize) -> Change + Sync)| -> usize {
        thread::scope(|scope| {
            let racers: Vec<_> = (0..20)
                .map(|n| {
                    scope.spawn({
                        let (world, store) = (&world, &store);
                        move || world.commit(store, &[change(n)]).is_ok()
                    })
                })
                .collect();
            racers.into_iter().map(|racer| usize::from(racer.join().unwrap())).sum()
        })
    };
    let same_name = |n: usize| create(world.user(&format!("n{n}"), if n % 2 == 0 { "racer" } else { "RACER" }));
    assert_eq!(race(&same_name), 1, "7643-4.1.1-01");
    assert_eq!(race(&|n| create(world.user("same-id", &format!("r{n}")))), 1, "7643-3.1-05");
    let version = world.version(&store, &world.user, "u1");
    let update = |n: usize| {
        let entry = Entry::new(world.user("u1", &format!("w{n}")));
        Change::Replace { entry, expect: Expect::Version(version.clone()) }
    };
    assert_eq!(race(&update), 1);
    assert_eq!(race(&|n| create(world.user(&format!("m{n}"), &format!("m{n}")))), 20);
    assert_eq!(race(&|n| world.edit_members("g1", &[], &[&format!("m{n}")])), 20);
    assert_eq!(world.held(&store, &world.group, "g1", world.members).len(), 22);
}

#[test]
fn a_walk_meets_once_what_stays() {
    let world = World::new();
    let store = MemoryStore::new();
    let user = |n: u32| world.user(&format!("{n:04}"), &format!("user {n}"));
    // Multiples of 10 stay; others come and go before and behind the walk.
    let batch: Vec<Change> = (0..100).map(|n| create(user(n * 10))).collect();
    world.commit(&store, &batch).unwrap();
    let writer = |round: u32| {
        let n = round * 37 % 1_000;
        let n = if n % 10 == 0 { n + 1 } else { n };
        if world.commit(&store, &[create(user(n))]).is_err() {
            world.commit(&store, &[world.delete(&world.user, &format!("{n:04}"))]).unwrap();
        }
    };
    for take in [1, 7, 1_000] {
        let mut met: Vec<String> = Vec::new();
        for round in 0.. {
            let last = met.last().cloned();
            let scan = Scan {
                kind: &world.user,
                filter: &[],
                sort: None,
                window: Window::After { id: last.as_deref(), take },
                wanted: &Wanted::everything(),
                count: false,
            };
            let page = now(store.scan(&world.cx, &scan)).unwrap();
            assert!(page.items.len() <= take && page.total.is_none());
            met.extend(page.items.iter().map(|stored| stored.resource.id().to_owned()));
            if !page.more {
                break;
            }
            (0..5).for_each(|write| writer(round * 5 + write));
        }
        assert!(met.is_sorted_by(|left, right| left < right), "each once");
        let stayed = met.iter().filter(|id| id.ends_with('0')).count();
        assert_eq!(stayed, 100, "{take}");
    }
}

#[test]
fn a_list_is_read_only_if_it_is_wanted() {
    let world = World::new();
    let store = filled(&world, MemoryStore::new());
    let (owners, watchers) = (world.list("owners"), world.list("watchers"));
    let read = |wanted: &Wanted<'_>| {
        now(store.get(&world.cx, Key { kind: &world.device, id: "d1" }, wanted)).unwrap().unwrap()
    };
    // Of `owners` (1 value) and `watchers` (2 values): which are read, and is that all that was wanted?
    let (both, no_owners, no_watchers) = ([owners, watchers], [owners], [watchers]);
    let cases = [
        (Wanted::everything(), [true, true], true),
        (Wanted::without(&both), [false, false], true),
        (Wanted::without(&no_owners), [false, true], true),
        (Wanted::everything().limit(2), [true, true], true),
        (Wanted::everything().limit(1), [true, false], false),
        (Wanted::everything().limit(0), [false, false], false),
        (Wanted::without(&no_watchers).limit(1), [true, false], true),
        (Wanted::without(&no_owners).limit(1), [false, false], false),
    ];
    let version = world.version(&store, &world.device, "d1");
    for (wanted, lists, complete) in cases {
        let stored = read(&wanted);
        let found = [owners, watchers].map(|list| stored.resource.root().contains(list));
        assert_eq!((found, stored.complete), (lists, complete), "{wanted:?}");
        assert_eq!(stored.version, version, "the state is that of the whole resource");
        assert_eq!(stored.resource.id(), "d1");
    }
    // Nothing is built for what is not wanted, and once for what is.
    for wanted in [Wanted::everything(), Wanted::without(&both)] {
        assert!(Arc::ptr_eq(&read(&wanted).resource, &read(&wanted).resource), "{wanted:?}");
    }
    let before = read(&Wanted::everything()).resource;
    world.commit(&store, &[world.delete(&world.user, "u1")]).unwrap();
    assert!(before.root().contains(owners) && !read(&Wanted::everything()).resource.root().contains(owners));
}

#[test]
fn who_refers_and_what_an_id_is_of() {
    let world = World::new();
    for store in [DynStore::new(MemoryStore::new()), DynStore::new(Least(MemoryStore::new()))] {
        let store = filled(&world, store);
        // More groups than a page of the default's walk has.
        let batch: Vec<Change> = (0..250)
            .map(|n| {
                create(world.resource(&world.group, json!({"id": format!("h{n:03}"), "members": [{"value": "u2"}]})))
            })
            .collect();
        world.commit(&store, &batch).unwrap();
        assert_eq!(holders(&world, &store, &["u1", "u9", "u1"]), ["u1<g1 Guides", "u1<g2 All"]);
        let of_u2 = holders(&world, &store, &["u2"]);
        assert_eq!((of_u2.len(), &*of_u2[250]), (251, "u2<h249 -"));
        assert_eq!(holders(&world, &store, &[]), [""; 0]);
        let located = |kinds: &[Arc<ResourceType>], ids: &[&str]| now(store.locate(&world.cx, kinds, ids)).unwrap();
        let [user, group, device] = world.kinds();
        assert_eq!(located(&world.kinds(), &["d1", "u1", "x", "g1", "u1"]), [Some(2), Some(0), None, Some(1), Some(0)]);
        assert_eq!(located(&[group, user], &["u1", "g1", "d1"]), [Some(1), Some(0), None]);
        assert_eq!(located(&[device], &[]), [None; 0]);
    }
}

#[test]
fn one_value_of_a_hundred_thousand() {
    let world = World::new();
    let store = MemoryStore::new();
    let ids: Vec<String> = (0..100_000).map(|n| format!("m{n:06}")).collect();
    for chunk in ids.chunks(MemoryStore::MAX_BATCH) {
        let batch: Vec<Change> = chunk.iter().map(|id| create(world.user(id, id))).collect();
        world.commit(&store, &batch).unwrap();
    }
    let members: Vec<&str> = ids[1..].iter().map(String::as_str).collect();
    world.commit(&store, &[create(world.group("g", "All", &members))]).unwrap();
    let bare =
        |wanted: &Wanted<'_>| now(store.get(&world.cx, Key { kind: &world.group, id: "g" }, wanted)).unwrap().unwrap();
    let limited = bare(&Wanted::everything().limit(1_000));
    assert!(!limited.complete && !limited.resource.root().contains(world.members));

    assert!(world.commit(&store, &[world.edit_members("g", &[], &["m000000"])]).unwrap()[0].changed);
    assert!(world.commit(&store, &[world.edit_members("g", &["m050000"], &[])]).unwrap()[0].changed);
    assert_eq!(holders(&world, &store, &["m000000", "m050000", "m099999"]), ["m000000<g All", "m099999<g All"]);
    assert_eq!(world.held(&store, &world.group, "g", world.members).len(), 99_999);
    // Whether somebody is a member is looked up; the list is not walked for it.
    for (filter, found) in [
        (r#"id eq "g" and members.value eq "m000000""#, 1),
        (r#"members[value eq "m000000"]"#, 1),
        (r#"members.value eq "m050000""#, 0),
        (r#"displayName eq "ALL" and not (members eq "m050000")"#, 1),
    ] {
        assert_eq!(select(&world, &store, &world.group, filter).len(), found, "{filter}");
    }
    world.commit(&store, &[world.delete(&world.user, "m000000")]).unwrap();
    assert_eq!(world.held(&store, &world.group, "g", world.members).len(), 99_998);
}

/// The ids that a filter finds, given down as a whole.
fn select(world: &World, store: &impl Store, kind: &Arc<ResourceType>, filter: &str) -> Vec<String> {
    let matcher = compile(kind, filter);
    let filter: Vec<&Condition> = matcher.conditions().iter().collect();
    assert!(filter.iter().all(|condition| store.pushdown(kind, condition) == Pushdown::Exact));
    let wanted = Wanted::without(kind.reference_lists());
    let window = Window::Offset { skip: 0, take: 1_000 };
    let scan = Scan { kind, filter: &filter, sort: None, window, wanted: &wanted, count: true };
    let page = now(store.scan(&world.cx, &scan)).unwrap();
    assert_eq!(page.total, Some(page.items.len() as u64));
    page.items.iter().map(|stored| stored.resource.id().to_owned()).collect()
}

#[test]
fn pages_are_cut_after_filter_and_sort() {
    let world = World::new();
    let store = MemoryStore::new();
    let batch: Vec<Change> = (0..10)
        .map(|n| {
            create(world.resource(
                &world.user,
                json!({"id": format!("i{n}"), "userName": format!("n{}", 9 - n), "active": n % 2 == 0}),
            ))
        })
        .collect();
    world.commit(&store, &batch).unwrap();
    let user_name: AttributePath = "userName".parse().unwrap();
    let sort = Sort::new(&world.user, user_name.as_ref(), false, &mut Tolerance::new(Quirks::default())).unwrap();
    let offset = |skip, take| Window::Offset { skip, take };
    let after = |id, take| Window::After { id, take };
    let cases = [
        ("", None, offset(0, 3), "012", 10, true),
        ("", None, offset(8, 3), "89", 10, false),
        ("", None, offset(7, 3), "789", 10, false),
        ("", None, offset(99, 3), "", 10, false),
        ("", None, offset(u64::MAX, usize::MAX), "", 10, false),
        ("7644-3.4.2.4-03", None, offset(0, 0), "", 10, true),
        ("", None, after(None, 2), "01", 10, true),
        ("", None, after(Some("i7"), 9), "89", 10, false),
        ("", None, after(Some("i"), 1), "0", 10, true),
        ("", None, after(Some("zz"), 1), "", 10, false),
        ("active eq true", None, offset(0, 3), "024", 5, true),
        ("active eq true", None, offset(3, 3), "68", 5, false),
        ("active eq true", None, offset(9, 3), "", 5, false),
        ("active eq true", None, after(Some("i4"), 1), "6", 5, true),
        ("", Some(&sort), offset(0, 3), "987", 10, true),
        ("", Some(&sort), offset(7, 3), "210", 10, false),
        ("", Some(&sort), offset(8, 9), "10", 10, false),
        ("", Some(&sort), offset(0, 0), "", 10, true),
        ("active eq true", Some(&sort), offset(1, 2), "64", 5, true),
        (r#"userName eq "N0" or userName eq "n5" or id eq "i4""#, Some(&sort), offset(0, 9), "94", 2, false),
        (r#"userName eq "x""#, None, offset(0, 9), "", 0, false),
    ];
    for (filter, sort, window, ids, total, more) in cases {
        let matcher = (!filter.is_empty() && !filter.starts_with("7644")).then(|| compile(&world.user, filter));
        let filter: Vec<&Condition> = matcher.iter().flat_map(|matcher| matcher.conditions()).collect();
        for count in [true, false] {
            let wanted = Wanted::everything();
            let scan = Scan { kind: &world.user, filter: &filter, sort, window, wanted: &wanted, count };
            let page = now(store.scan(&world.cx, &scan)).unwrap();
            let found: String = page.items.iter().map(|stored| &stored.resource.id()[1..]).collect();
            let expected = (ids, count.then_some(total), more);
            assert_eq!((&*found, page.total, page.more), expected, "{scan:?}");
            // The same, out of everything.
            let all = Scan { filter: &[], sort: None, window: after(None, usize::MAX), ..scan };
            let all = now(store.scan(&world.cx, &all)).unwrap().items;
            let page = scan.select(all.into_iter().rev());
            let found: String = page.items.iter().map(|stored| &stored.resource.id()[1..]).collect();
            assert_eq!((&*found, page.total, page.more), expected, "select of {scan:?}");
        }
    }
    // 7644-3.4.2-09: neither an unknown tenant nor a type without resources is an error.
    let other = World { cx: Context::new(TenantId::new("other").unwrap()), ..World::new() };
    assert_eq!(select(&other, &store, &world.user, "id pr"), [""; 0]);
    assert_eq!(select(&world, &store, &world.group, "id pr"), [""; 0]);
}

#[test]
fn what_is_derived_is_left_to_the_core() {
    let world = World::new();
    let store = MemoryStore::new();
    let cases = [
        (r#"userName eq "a""#, Pushdown::Exact),
        (r#"emails[type eq "work" and value co "x"]"#, Pushdown::Exact),
        (r#"meta.lastModified gt "2020-01-01T00:00:00Z""#, Pushdown::Exact),
        (r#"schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User""#, Pushdown::Exact),
        ("meta pr", Pushdown::Exact),
        (r#"groups.value eq "g""#, Pushdown::No),
        ("not (groups pr)", Pushdown::No),
        (r#"title pr or groups[value eq "g"]"#, Pushdown::No),
        (r#"meta.location eq "x""#, Pushdown::No),
        (r#"meta[version eq "x"]"#, Pushdown::No),
    ];
    for (filter, expected) in cases {
        let matcher = compile(&world.user, filter);
        for condition in matcher.conditions() {
            assert_eq!(store.pushdown(&world.user, condition), expected, "{filter}");
        }
    }
    assert_eq!(Least(store).pushdown(&world.user, &compile(&world.user, "title pr").conditions()[0]), Pushdown::No);
}

#[test]
fn names_and_versions_that_fit_everywhere() {
    let long = "x".repeat(256);
    for (name, valid) in
        [("a", true), (&long[1..], true), ("", false), (&long, false), ("a\0b", false), ("a\nb", false)]
    {
        assert_eq!(TenantId::new(name).is_ok(), valid, "{name:?}");
    }
    assert_eq!(TenantId::new("").unwrap_err().to_string().lines().count(), 1);
    let long = "v".repeat(65);
    let cases = [
        ("1", true),
        ("a!~#:", true),
        (&long[1..], true),
        ("", false),
        (&long, false),
        ("a b", false),
        ("a\"b", false),
        ("é", false),
        ("a\r\nb", false),
        ("\u{7f}", false),
    ];
    for (text, valid) in cases {
        assert_eq!(Version::new(text).is_ok(), valid, "{text:?}");
    }
    assert_eq!(Version::from(u64::MAX).as_str(), "18446744073709551615");
}

#[test]
fn nothing_shows_a_value_when_it_is_debugged() {
    const SECRET: &str = "hush";
    let world = World::new();
    let mut member = element(&world.group, world.members, "u1");
    let display = world.group.child(world.members, "display").unwrap();
    member.insert(display, scim_core::value::Value::String(SECRET.into()));
    let edit = scim_core::patch::ValueEdit { add: vec![member], ..Default::default() };
    let change = Change::EditValues {
        kind: Arc::clone(&world.group),
        id: "g1".into(),
        attribute: world.members,
        expect: Expect::Exists,
        edit,
        modified: time(1),
    };
    let matcher = compile(&world.user, r#"userName eq "hush""#);
    let filter: Vec<&Condition> = matcher.conditions().iter().collect();
    let window = Window::After { id: None, take: 1 };
    let scan =
        Scan { kind: &world.user, filter: &filter, sort: None, window, wanted: &Wanted::everything(), count: true };
    let holder = Holder { value: "u1".into(), id: "g1".into(), display: Some(SECRET.into()) };
    let cx = Context::new(TenantId::single()).with_host(Arc::new(SECRET));
    let store = MemoryStore::new();
    world.commit(&store, &[create(world.user("u1", SECRET))]).unwrap();
    let debugged = [
        format!("{change:?}"),
        format!("{:?}", create(world.user("u1", SECRET))),
        format!("{scan:?}"),
        format!("{holder:?}"),
        format!("{cx:?}"),
        format!("{store:?}"),
        format!("{:?}", DynStore::new(store)),
    ];
    for text in debugged {
        assert!(!text.to_ascii_lowercase().contains(SECRET), "{text}");
    }
}
