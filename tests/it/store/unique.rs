//! The keys by which `MemoryStore` keeps values unique (RFC 7643 §7): of values in lists of references, and keys that a
//! host makes by a rule of its own.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use proptest::prelude::*;
use scim_core::{
    resource::UniqueKey,
    schema::{Attribute, AttributeId, AttributeType, ResourceType, Schema, Uniqueness},
    store::{Change, Entry, Expect, MemoryStore, Replacement, RequestContext, Store, TenantId},
};
use serde_json::{Value as Json, json};

use crate::fixture::stores::{World, create, delete, now, replace, sample};

fn is_accepted(store: &MemoryStore, change: Change) -> bool {
    now(store.commit(&RequestContext::new(TenantId::single()), &[change])).is_ok()
}

/// A club, whose members have badges. No badge occurs twice.
fn club() -> Arc<ResourceType> {
    let value = Attribute::new("value", AttributeType::String).case_exact();
    let reference = Attribute::new("$ref", AttributeType::Reference).with_reference_types(["User"]);
    let badge = Attribute::new("badge", AttributeType::String).with_uniqueness(Uniqueness::Server);
    let schema = Schema::new("urn:example:Club", "Club")
        .with_attribute(Attribute::new("displayName", AttributeType::String))
        .with_attribute(Attribute::complex("members", [value, reference, badge]).multi_valued());
    let club = Arc::new(ResourceType::builder("Club", "Clubs", schema).build().unwrap());
    assert_eq!(club.reference_lists().len(), 1);
    club
}

/// 7643-7-20: a unique value in a list of references is taken until its list or its resource is gone.
#[test]
fn a_unique_value_in_a_list_of_references_is_taken_until_it_is_gone() {
    let (world, store, club) = (World::new(), MemoryStore::new(), club());
    let with = |id: &str, badges: Json| {
        let members: Vec<Json> =
            badges.as_array().unwrap().iter().map(|badge| json!({"value": "u1", "badge": badge})).collect();
        sample(&club, json!({"id": id, "displayName": "Chess", "members": members}))
    };
    let steps = [
        (create(world.user("u1", "Ann")), true),
        (create(with("c1", json!(["B1"]))), true),
        (create(with("c2", json!(["b1"]))), false),
        (create(with("c2", json!(["b2"]))), true),
        (replace(with("c2", json!(["b1"]))), false),
        (replace(with("c1", json!(["b1"]))), true),
        (replace(with("c1", json!(["b3"]))), true),
        (replace(with("c2", json!(["b1"]))), true),
        (create(with("c3", json!(["b3"]))), false),
        (delete(&club, "c1"), true),
        (create(with("c3", json!(["b3"]))), true),
        (create(with("c4", json!(["b1"]))), false),
    ];
    for (index, (change, accepted)) in steps.into_iter().enumerate() {
        assert_eq!(is_accepted(&store, change), accepted, "step {index}");
    }
}

/// A host that makes its own keys decides which values are the same. A filter still finds each value as the core compares.
#[test]
fn the_keys_of_an_entry_decide_and_not_its_values() {
    let (world, store) = (World::new(), MemoryStore::new());
    let user_name = world.user.child(AttributeId::ROOT, "userName").unwrap();
    let keyed = |change: Change, keys: &[&str]| {
        let unique = keys.iter().map(|key| UniqueKey { attribute: user_name, folded: (*key).into() }).collect();
        match change {
            Change::Create(entry) => Change::Create(Entry { unique, ..entry }),
            Change::Replace(mut replacement) => {
                replacement.entry.unique = unique;
                Change::Replace(replacement)
            }
            other => other,
        }
    };
    let user = |id: &str, name: &str| world.user(id, name);
    let steps = [
        (keyed(create(user("u1", "Ann")), &["Ann"]), true),
        (keyed(create(user("u2", "ann")), &["ann"]), true),
        (keyed(create(user("u3", "ANN")), &["ann"]), false),
        (keyed(create(user("u3", "ANN")), &["Ann"]), false),
        (keyed(create(user("u3", "ANN")), &[]), true),
        (keyed(replace(user("u2", "aNn")), &["other"]), true),
        (keyed(create(user("u4", "Bob")), &["other"]), false),
        (keyed(create(user("u4", "Bob")), &["ann"]), true),
        (delete(&world.user, "u1"), true),
        (keyed(create(user("u5", "Ann")), &["Ann"]), true),
        (delete(&world.user, "u4"), true),
        (keyed(replace(user("u3", "AnN")), &["ann"]), true),
        (keyed(create(user("u6", "x")), &["ann"]), false),
    ];
    for (index, (change, accepted)) in steps.into_iter().enumerate() {
        assert_eq!(is_accepted(&store, change), accepted, "step {index}");
    }
    let provider =
        scim_core::provider::ServiceProvider::builder(world.registry.clone(), store, "https://x").build().unwrap();
    let mut request = scim_core::message::SearchRequest::default();
    request.filter = Some(r#"userName eq "aNN""#.into());
    let found = now(provider.search(&world.context, "User", &request)).unwrap();
    let mut ids: Vec<&str> = found.resources().map(|(resource, _)| resource.id()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["u2", "u3", "u5"]);
}

/// A type whose resources have many codes, none of which occurs twice, a name that is indexed and may occur twice, and a
/// number that makes each write a change.
fn coded() -> Arc<ResourceType> {
    let codes = Attribute::new("codes", AttributeType::String).multi_valued().with_uniqueness(Uniqueness::Server);
    let schema = Schema::new("urn:example:Coded", "Coded")
        .with_attribute(codes)
        .with_attribute(Attribute::new("displayName", AttributeType::String))
        .with_attribute(Attribute::new("number", AttributeType::Integer));
    Arc::new(ResourceType::builder("Coded", "Coded", schema).build().unwrap())
}

/// The keys of a write.
#[derive(Clone, Debug)]
enum Keys {
    /// The keys of the core.
    OfValues,
    WithoutFirst,
    /// Keys of a host: of `displayName` or of `codes`.
    Listed(Vec<(bool, String)>),
}

fn keys() -> impl Strategy<Value = Keys> {
    let listed = proptest::collection::vec((any::<bool>(), "[abAÉé]{1,2}"), 0..4).prop_map(Keys::Listed);
    prop_oneof![3 => Just(Keys::OfValues), 1 => Just(Keys::WithoutFirst), 2 => listed]
}

fn write() -> impl Strategy<Value = (usize, Vec<String>, String, Keys)> {
    (0..4_usize, proptest::collection::vec("[abAÉé]{1,2}", 0..12), "[abAÉé]{1,2}", keys())
}

proptest! {
    /// A write is accepted if no other resource has one of its keys, whatever values the resources have. A resource has the
    /// keys of its last accepted write.
    #[test]
    fn a_key_belongs_to_the_resource_whose_last_write_had_it(writes in proptest::collection::vec(write(), 1..40)) {
        let (store, coded) = (MemoryStore::new(), coded());
        let [codes, name] = ["codes", "displayName"].map(|name| coded.child(AttributeId::ROOT, name).unwrap());
        let mut owned: BTreeMap<usize, BTreeSet<UniqueKey>> = BTreeMap::new();
        for (number, (index, values, named, keys)) in writes.into_iter().enumerate() {
            let id = format!("c{index}");
            if values.is_empty() {
                prop_assert_eq!(is_accepted(&store, delete(&coded, &id)), owned.remove(&index).is_some());
                continue;
            }
            let document = json!({"id": id, "codes": values, "displayName": named, "number": number});
            let mut entry = Entry::new(sample(&coded, document));
            match keys {
                Keys::OfValues => {}
                Keys::WithoutFirst => drop(entry.unique.remove(0)),
                Keys::Listed(listed) => {
                    let key = |(of_name, text): &(bool, String)| UniqueKey {
                        attribute: if *of_name { name } else { codes },
                        folded: text.as_str().into(),
                    };
                    entry.unique = listed.iter().map(key).collect();
                }
            }
            let wanted: BTreeSet<UniqueKey> = entry.unique.iter().cloned().collect();
            let is_free = owned.iter().all(|(owner, keys)| *owner == index || keys.is_disjoint(&wanted));
            let change = if owned.contains_key(&index) {
                let before = Arc::clone(&entry.resource);
                Change::Replace(Replacement { entry, expect: Expect::Exists, before })
            } else {
                Change::Create(entry)
            };
            prop_assert_eq!(is_accepted(&store, change), is_free);
            if is_free {
                owned.insert(index, wanted);
            }
        }
    }
}
