//! The types around a store: names that every store can hold, errors that keep their source, and output without
//! values.

use std::sync::Arc;

use crate::fixture::stores::{World, compile, create, delete, element, groups_of, now, time};
use scim_core::{
    filter::Condition,
    store::{
        Capabilities, Change, ChangeOutcome, CommitError, DynStore, Expect, Key, ListEdit, MemoryStore, Page, Referrer,
        RequestContext, RequestedAttributes, Scan, Store, StoreError, Stored, TenantId, Version, Window,
    },
};

#[test]
fn errors_of_a_store_pass_through_an_erased_type() {
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
        async fn get(
            &self,
            _: &RequestContext,
            key: Key<'_>,
            _: &RequestedAttributes<'_>,
        ) -> Result<Option<Stored>, StoreError> {
            Err(error(key.id))
        }
        async fn scan(&self, context: &RequestContext, _: &Scan<'_>) -> Result<Page, StoreError> {
            Err(error(context.tenant().as_str()))
        }
        async fn commit(&self, _: &RequestContext, batch: &[Change]) -> Result<Vec<ChangeOutcome>, CommitError> {
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
        let context = RequestContext::new(TenantId::new(id).unwrap());
        let resource_types = world.resource_types();
        let key = Key { resource_type: &world.user, id };
        let errors = [
            now(store.get(&context, key, &RequestedAttributes::everything())).unwrap_err(),
            now(store.locate(&context, &resource_types, &[id])).unwrap_err(),
            now(store.referrers(&context, &groups_of(&world), &[id], usize::MAX)).unwrap_err(),
            world.commit(&store, &[delete(&world.user, id)]).unwrap_err().error,
        ];
        for error in errors {
            assert_eq!((&*format!("{error:?}"), &*error.to_string()), (expected, message), "no secret in the message");
        }
    }
}

#[test]
fn names_and_versions_fit_everywhere() {
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
    let change = Change::EditValues(ListEdit {
        resource_type: Arc::clone(&world.group),
        id: "g1".into(),
        attribute: world.members,
        expect: Expect::Exists,
        edit,
        modified: time(1),
    });
    let matcher = compile(&world.user, r#"userName eq "hush""#);
    let filter: Vec<&Condition> = matcher.conditions().iter().collect();
    let window = Window::behind(None, 1);
    let scan = Scan {
        resource_type: &world.user,
        filter: &filter,
        sort: None,
        window,
        requested: &RequestedAttributes::everything(),
        count: true,
    };
    let referrer = Referrer::new("u1", "g1", Some(SECRET.into()));
    let context = RequestContext::new(TenantId::single()).with_host(Arc::new(SECRET));
    let store = MemoryStore::new();
    world.commit(&store, &[create(world.user("u1", SECRET))]).unwrap();
    let debugged = [
        format!("{change:?}"),
        format!("{:?}", create(world.user("u1", SECRET))),
        format!("{scan:?}"),
        format!("{referrer:?}"),
        format!("{context:?}"),
        format!("{store:?}"),
        format!("{:?}", DynStore::new(store)),
    ];
    for text in debugged {
        assert!(!text.to_ascii_lowercase().contains(SECRET), "{text}");
    }
}
