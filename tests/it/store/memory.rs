//! The promises of the memory store for commits, alone and behind an erased type (RFC 7643 §3.1, RFC 7644 §3.5, §3.6).

use std::{sync::Arc, thread};

use crate::fixture::stores::{Least, World, create, delete, edit, filled, now, referrers, replace, sample, time};
use scim_core::{
    schema::AttributeId,
    store::{
        Change, ChangeOutcome, CommitError, Deletion, DynStore, Entry, Expect, ListEdit, MemoryStore, Replacement,
        RequestContext, Store, StoreError, TenantId, Version,
    },
};
use serde_json::json;

#[test]
fn a_failed_batch_changes_nothing() {
    let world = World::new();
    every_failure(&world, MemoryStore::new);
    every_failure(&world, || DynStore::new(MemoryStore::new()));
    every_failure(&world, || Arc::new(Arc::new(MemoryStore::new())));
    every_failure(&world, || Least(MemoryStore::new()));
}

fn every_failure<S: Store>(world: &World, empty: impl Fn() -> S) {
    let user = |id: &str, name: &str| create(world.user(id, name));
    let stale = |change: Change| match change {
        Change::Replace(Replacement { entry, before, .. }) => {
            Change::Replace(Replacement { entry, before, expect: Expect::Version(Version::from(999)) })
        }
        Change::Delete(Deletion { resource_type, id, at, before, .. }) => {
            Change::Delete(Deletion { resource_type, id, at, before, expect: Expect::Version(Version::from(999)) })
        }
        Change::EditValues(ListEdit { resource_type, id, attribute, edit, modified, .. }) => {
            Change::EditValues(ListEdit {
                resource_type,
                id,
                attribute,
                edit,
                modified,
                expect: Expect::Version(Version::from(999)),
            })
        }
        other => other,
    };
    let device = |id, list: &str, to: &str| {
        let mut document = json!({ "id": id });
        document[list] = json!([{ "value": to }]);
        create(sample(&world.device, document))
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
        ("7644-3.6-02", delete(&world.user, "u9"), "not found"),
        ("7644-3.6-02", delete(&world.user, "U1"), "not found"),
        ("7644-3.6-02", delete(&world.group, "u1"), "not found"),
        ("7644-3.6-02", world.edit_members("g9", &[], &["u1"]), "not found"),
        ("7644-3.14-06", stale(replace(world.user("u1", "Ann"))), "mismatch true"),
        ("7644-3.14-06", stale(delete(&world.user, "u1")), "mismatch true"),
        ("7644-3.14-06", stale(world.edit_members("g1", &[], &["u9"])), "mismatch true"),
        ("a missing resource has no version", stale(delete(&world.user, "u9")), "not found"),
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
        let before = world.snapshot(&store, &world.context);
        // The changes before the failure have touched every index by then.
        let batch = [
            create(world.user("u8", "early")),
            replace(world.user("u2", "early bird")),
            world.edit_members("g1", &["u2"], &["u8", "g1"]),
            replace(world.group("g2", "renamed", &["u2"])),
            create(world.user("u7", "later gone")),
            delete(&world.user, "u7"),
            delete(&world.device, "d1"),
            change,
            create(world.user("u6", "late")),
        ];
        // First alone, then after other changes. The resources that a case needs still exist then, except for the
        // device.
        for batch in [&batch[7..], &batch[..]] {
            let case = format!("{requirement} {expected} in {}", batch.len());
            let CommitError { index, error } = world.commit(&store, batch).expect_err(&case);
            assert_eq!((index, name(&error)), (batch.len() - 2, expected.to_owned()), "{case}");
            assert_eq!(world.snapshot(&store, &world.context), before, "{case}: 7644-3.5.2-18");
            let ids = ["u1", "u2", "u6", "u7", "u8", "g1", "d1"];
            let resource_types = world.resource_types();
            let located = now(store.locate(&world.context, &resource_types, &ids)).unwrap();
            assert_eq!(located, [Some(0), Some(0), None, None, None, Some(1), Some(2)], "{case}");
            let groups = referrers(world, &store, &["u1", "u2", "u8"]);
            assert_eq!(groups, ["u1<g1 Guides", "u1<g2 All", "u2<g1 Guides"], "{case}");
        }
        // No undone change still claims a name, is found or refers to a resource.
        let again = [create(world.user("u8", "early")), create(world.user("u9", "late"))];
        assert!(world.commit(&store, &again).is_ok(), "{requirement} {expected}");
    }
    let store = filled(world, empty());
    let before = world.snapshot(&store, &world.context);
    let many: Vec<Change> = (0..=MemoryStore::MAX_BATCH).map(|n| user(&format!("n{n}"), &format!("n{n}"))).collect();
    let CommitError { index, error } = world.commit(&store, &many).expect_err("too many");
    assert_eq!((index, name(&error)), (MemoryStore::MAX_BATCH, "too many".to_owned()));
    assert_eq!(world.snapshot(&store, &world.context), before);
    assert_eq!(world.commit(&store, &many[1..]).unwrap().len(), MemoryStore::MAX_BATCH);
    assert_eq!(world.commit(&store, &[]).unwrap(), []);
}

#[test]
fn versions_change_with_the_resource_and_never_come_again() {
    let world = World::new();
    let store = filled(&world, MemoryStore::new());
    let mut seen: Vec<Version> =
        world.snapshot(&store, &world.context).into_iter().map(|(_, version)| version).collect();
    let mut is_new = |version: &Version| {
        let new = !seen.contains(version);
        seen.push(version.clone());
        new
    };
    let first = world.version(&store, &world.user, "u1");
    // 7643-3.1-18: the version in the commit's answer is the version that a read finds.
    let done = world.commit(&store, &[replace(world.user("u1", "Anna"))]).unwrap();
    let second = world.version(&store, &world.user, "u1");
    assert_eq!(done, [ChangeOutcome::written(second.clone())]);
    assert!(is_new(&second));
    let back = Entry::new(world.user("u1", "Ann"));
    let back = Change::Replace(Replacement {
        before: Arc::clone(&back.resource),
        entry: back,
        expect: Expect::Version(second),
    });
    let third = world.commit(&store, &[back]).unwrap().remove(0).version.unwrap();
    assert!(is_new(&third) && third != first, "the same content again is another state");

    // Deleted and created again, also after a batch that failed.
    assert_eq!(world.commit(&store, &[delete(&world.user, "u1")]).unwrap()[0].version, None);
    assert!(world.commit(&store, &[create(world.user("u1", "Ann")), create(world.user("u5", "ANN"))]).is_err());
    let again = world.commit(&store, &[create(world.user("u1", "Ann"))]).unwrap().remove(0).version.unwrap();
    assert!(is_new(&again));
}

#[test]
fn an_edit_without_effect_keeps_the_version() {
    let world = World::new();
    let store = filled(&world, MemoryStore::new());
    let mut reordered = world.group("g1", "Guides", &["u2", "u1"]);
    let clear = |add: &[&str]| {
        Change::EditValues(ListEdit {
            resource_type: Arc::clone(&world.group),
            id: "g1".into(),
            attribute: world.members,
            expect: Expect::Exists,
            edit: edit(&world.group, world.members, true, &[], add),
            modified: time(5),
        })
    };
    let later = json!({"created": time(0).to_rfc3339(), "lastModified": time(5).to_rfc3339()});
    let touched = sample(&world.user, json!({"id": "u1", "userName": "Ann", "meta": later}));
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
        let before = world.snapshot(&store, &world.context);
        let version = world.version(&store, change.resource_type(), change.id());
        let done = world.commit(&store, &[change]).unwrap();
        assert_eq!(done, [ChangeOutcome::kept(version)], "{case}");
        assert_eq!(world.snapshot(&store, &world.context), before, "{case}");
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
    let change = |document| replace(sample(&world.device, document));
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

    // Several values in one edit, present or not.
    world.commit(&store, &[world.edit_members("g1", &["u2", "u9", "u1"], &["g2", "u2"])]).unwrap();
    assert_eq!(world.held(&store, &world.group, "g1", world.members), ["u2", "g2"], "7644-3.5.2.2-08");
    world.commit(&store, &[world.edit_members("g1", &["g2", "u2", "g2"], &[])]).unwrap();
    assert!(world.held(&store, &world.group, "g1", world.members).is_empty());

    // A list that does not refer to resources can also be edited.
    let emails = world.list("emails");
    let edit_emails = |remove: &[&str], add: &[&str]| {
        Change::EditValues(ListEdit {
            resource_type: Arc::clone(&world.device),
            id: "d1".into(),
            attribute: emails,
            expect: Expect::Exists,
            edit: edit(&world.device, emails, false, remove, add),
            modified: time(7),
        })
    };
    assert!(world.commit(&store, &[edit_emails(&[], &["a@x", "b@x"])]).unwrap()[0].changed);
    assert!(world.commit(&store, &[edit_emails(&["a@x"], &["b@x"])]).unwrap()[0].changed);
    assert!(!world.commit(&store, &[edit_emails(&["a@x"], &["b@x"])]).unwrap()[0].changed);
    assert_eq!(world.held(&store, &world.device, "d1", emails), ["b@x"]);
    assert_eq!(world.held(&store, &world.device, "d1", watchers), ["u1", "g2"]);
}

#[test]
fn unique_values_are_free_again_after_their_last_use() {
    let world = World::new();
    let store = filled(&world, MemoryStore::new());
    let device = |id: &str, serial: &str| create(sample(&world.device, json!({"id": id, "serial": serial})));
    let cases = [
        ("7643-7-22", create(world.group("g8", "Guides", &[])), true),
        ("7643-7-20, case and all", device("d2", "s1"), true),
        ("7643-7-20", device("d3", "s1"), false),
        ("one number, written differently", create(sample(&world.device, json!({"id": "d4", "weight": 2.5}))), true),
        (
            "one number, written differently",
            create(sample(&world.device, json!({"id": "d5", "weight": 2.50e0}))),
            false,
        ),
        ("of another type", create(world.group("g9", "Ann", &[])), true),
        ("a name that was given up", replace(world.user("u1", "Zoe")), true),
        ("a name that was given up", create(world.user("u3", "ann")), true),
        ("7644-3.6-04", delete(&world.user, "u2"), true),
        ("7644-3.6-04", create(world.user("u2", "BOB")), true),
        ("its own name in another case", replace(world.user("u2", "bob")), true),
        ("the empty string is no value", create(world.user("u4", "")), true),
        ("the empty string is no value", create(world.user("u5", "")), true),
        ("7643-3.1-11", create(sample(&world.user, json!({"id": "u6", "userName": "f", "externalId": "e"}))), true),
        ("7643-3.1-11", create(sample(&world.user, json!({"id": "u7", "userName": "s", "externalId": "e"}))), true),
    ];
    for (case, change, accepted) in cases {
        let result = world.commit(&store, &[change]);
        assert_eq!(result.is_ok(), accepted, "{case}: {result:?}");
    }
}

#[test]
fn a_deleted_resource_is_in_no_list() {
    let world = World::new();
    let store = filled(&world, MemoryStore::new());
    // A group can be a member of itself, in one step and by creation.
    world.commit(&store, &[world.edit_members("g1", &[], &["g1"])]).unwrap();
    world.commit(&store, &[create(world.group("g3", "Self", &["g3", "u2"]))]).unwrap();
    let versions = || {
        ["u2", "g1", "g2", "g3", "d1"].map(|id| {
            let resource_type = world
                .resource_types()
                .into_iter()
                .find(|resource_type| world.get(&store, resource_type, id).is_some())
                .unwrap();
            world.version(&store, &resource_type, id)
        })
    };
    let before = versions();
    world.commit(&store, &[delete(&world.user, "u1")]).unwrap();
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
    assert_eq!(referrers(&world, &store, &["u1", "g1"]), ["g1<g1 Guides", "g1<g2 All"]);

    // Created again, the resource is in no list either.
    world.commit(&store, &[create(world.user("u1", "Ann"))]).unwrap();
    assert_eq!(referrers(&world, &store, &["u1"]), [""; 0]);
    // A resource that refers to itself and has referrers is deleted with its references.
    world.commit(&store, &[delete(&world.group, "g1"), delete(&world.group, "g3")]).unwrap();
    assert_eq!(referrers(&world, &store, &["u1", "u2", "g1", "g3"]), [""; 0]);
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
        delete(&world.user, "a"),
        create(world.user("b", "ANN")),
        world.edit_members("g", &[], &["b"]),
        replace(world.user("b", "Bea")),
    ];
    let done = world.commit(&store, &batch).unwrap();
    assert_eq!(done.len(), batch.len());
    assert_eq!(referrers(&world, &store, &["a", "b"]), ["b<g First"]);
    // Two groups that refer to each other: each must exist before the other refers to it.
    let circle = [
        create(world.group("x", "X", &[])),
        create(world.group("y", "Y", &["x"])),
        world.edit_members("x", &[], &["y"]),
    ];
    assert!(world.commit(&store, &circle).is_ok(), "7644-3.7.1-01");
    assert_eq!(referrers(&world, &store, &["x", "y"]), ["x<y Y", "y<x X"]);
}

#[test]
fn tenants_have_nothing_in_common() {
    let world = World::new();
    let store = filled(&world, MemoryStore::new());
    let other = World { context: RequestContext::new(TenantId::new("other").unwrap()), ..World::new() };
    assert!(other.snapshot(&store, &other.context).is_empty());
    let before = world.snapshot(&store, &world.context);
    let resource_types = world.resource_types();
    // 7644-6.1-01: a resource of the other tenant cannot be read, written or referred to.
    assert!(other.commit(&store, &[delete(&other.user, "u1")]).is_err());
    assert!(other.commit(&store, &[other.edit_members("g1", &[], &["u1"])]).is_err());
    assert!(other.commit(&store, &[create(other.group("g7", "x", &["u1"]))]).is_err());
    assert_eq!(now(store.locate(&other.context, &resource_types, &["u1", "g1"])).unwrap(), [None, None]);
    assert_eq!(referrers(&other, &store, &["u1"]), [""; 0]);
    // 7644-6.2-01 7643-3.1-10: the same ids and names are created again, and then deleted again.
    let _ = filled(&other, Arc::new(MemoryStore::new()));
    other.commit(&store, &[create(other.user("u1", "Ann")), create(other.group("g1", "x", &["u1"]))]).unwrap();
    assert_eq!(referrers(&other, &store, &["u1"]), ["u1<g1 x"]);
    other.commit(&store, &[delete(&other.user, "u1"), delete(&other.group, "g1")]).unwrap();
    assert_eq!(world.snapshot(&store, &world.context), before);
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
    let same_name =
        |n: usize| create(world.user(&format!("n{n}"), if n.is_multiple_of(2) { "racer" } else { "RACER" }));
    assert_eq!(race(&same_name), 1, "7643-4.1.1-01");
    assert_eq!(race(&|n| create(world.user("same-id", &format!("r{n}")))), 1, "7643-3.1-05");
    let version = world.version(&store, &world.user, "u1");
    let update = |n: usize| {
        let entry = Entry::new(world.user("u1", &format!("w{n}")));
        Change::Replace(Replacement {
            before: Arc::clone(&entry.resource),
            entry,
            expect: Expect::Version(version.clone()),
        })
    };
    assert_eq!(race(&update), 1);
    assert_eq!(race(&|n| create(world.user(&format!("m{n}"), &format!("m{n}")))), 20);
    assert_eq!(race(&|n| world.edit_members("g1", &[], &[&format!("m{n}")])), 20);
    assert_eq!(world.held(&store, &world.group, "g1", world.members).len(), 22);
}

/// 7644-3.6: a deleted resource is in no list, also of a resource that has only one of its lists; and an edit that clears
/// a list removes the values without an id as well (the promise of `ValueEdit::clear`).
#[test]
fn no_value_of_a_list_is_left_behind() {
    let world = World::new();
    let store = filled(&world, MemoryStore::new());
    let [owners, watchers] = ["owners", "watchers"].map(|name| world.list(name));
    let device = json!({"id": "d2", "owners": [{"value": "u2"}]});
    let noted = json!({"id": "d3", "watchers": [{"note": "nobody"}, {"value": "u1"}, {"value": "g1"}]});
    world.commit(&store, &[create(sample(&world.device, device)), create(sample(&world.device, noted))]).unwrap();
    world.commit(&store, &[delete(&world.user, "u2")]).unwrap();
    let read = |id: &str| world.get(&store, &world.device, id).unwrap().resource;
    assert!(read("d2").root().get(owners).is_none());
    let clear = Change::EditValues(ListEdit {
        resource_type: Arc::clone(&world.device),
        id: "d3".into(),
        attribute: watchers,
        expect: Expect::Exists,
        edit: edit(&world.device, watchers, true, &[], &["u1"]),
        modified: time(9),
    });
    assert!(world.commit(&store, &[clear]).unwrap()[0].changed);
    assert_eq!(read("d3").root().get(watchers).map(|list| list.elements().len()), Some(1));
    assert_eq!(world.held(&store, &world.device, "d3", watchers), ["u1"]);
}
