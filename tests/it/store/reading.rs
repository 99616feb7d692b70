//! Reads of the memory store: pages, filters, lists of references and referrers (RFC 7644 §3.4.2).

use std::{collections::BTreeSet, sync::Arc};

use crate::fixture::stores::{Least, World, compile, create, delete, filled, now, referrers, sample};
use scim_core::{
    filter::{Condition, Matcher},
    path::AttributePath,
    quirks::{Quirks, Tolerance},
    resource::{Position, Sort, SortKey},
    schema::ResourceType,
    store::{
        Change, DynStore, Key, MemoryStore, Pushdown, RequestContext, RequestedAttributes, Scan, Store, TenantId,
        Window,
    },
};
use serde_json::json;

#[test]
fn a_walk_meets_each_remaining_resource_once() {
    let world = World::new();
    let store = MemoryStore::new();
    let user = |n: u32| world.user(&format!("{n:04}"), &format!("user {n}"));
    // Multiples of 10 stay; other ids come and go before and behind the walk.
    let batch: Vec<Change> = (0..100).map(|n| create(user(n * 10))).collect();
    world.commit(&store, &batch).unwrap();
    let writer = |round: u32| {
        let n = round * 37 % 1_000;
        let n = if n.is_multiple_of(10) { n + 1 } else { n };
        if world.commit(&store, &[create(user(n))]).is_err() {
            world.commit(&store, &[delete(&world.user, &format!("{n:04}"))]).unwrap();
        }
    };
    for take in [1, 7, 1_000] {
        let mut met: Vec<String> = Vec::new();
        for round in 0.. {
            let last = met.last().cloned();
            let scan = Scan {
                resource_type: &world.user,
                filter: &[],
                sort: None,
                window: Window::behind(last.as_deref(), take),
                requested: &RequestedAttributes::everything(),
                count: false,
            };
            let page = now(store.scan(&world.context, &scan)).unwrap();
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
    let read = |requested: &RequestedAttributes<'_>| {
        now(store.get(&world.context, Key { resource_type: &world.device, id: "d1" }, requested)).unwrap().unwrap()
    };
    // For `owners` (1 value) and `watchers` (2 values): whether each list is read, and whether the read is complete.
    let (both, no_owners, no_watchers) = ([owners, watchers], [owners], [watchers]);
    let cases = [
        (RequestedAttributes::everything(), [true, true], true),
        (RequestedAttributes::without(&both), [false, false], true),
        (RequestedAttributes::without(&no_owners), [false, true], true),
        (RequestedAttributes::everything().with_list_limit(2), [true, true], true),
        (RequestedAttributes::everything().with_list_limit(1), [true, false], false),
        (RequestedAttributes::everything().with_list_limit(0), [false, false], false),
        (RequestedAttributes::without(&no_watchers).with_list_limit(1), [true, false], true),
        (RequestedAttributes::without(&no_owners).with_list_limit(1), [false, false], false),
    ];
    let version = world.version(&store, &world.device, "d1");
    for (requested, lists, complete) in cases {
        let stored = read(&requested);
        let found = [owners, watchers].map(|list| stored.resource.root().contains(list));
        assert_eq!((found, stored.complete), (lists, complete), "{requested:?}");
        assert_eq!(stored.version, version, "the state is that of the whole resource");
        assert_eq!(stored.resource.id(), "d1");
    }
    // A list that was not requested is not built, and a requested list is built once.
    for requested in [RequestedAttributes::everything(), RequestedAttributes::without(&both)] {
        assert!(Arc::ptr_eq(&read(&requested).resource, &read(&requested).resource), "{requested:?}");
    }
    let before = read(&RequestedAttributes::everything()).resource;
    world.commit(&store, &[delete(&world.user, "u1")]).unwrap();
    assert!(
        before.root().contains(owners) && !read(&RequestedAttributes::everything()).resource.root().contains(owners)
    );
}

#[test]
fn a_store_finds_referrers_and_types_of_ids() {
    let world = World::new();
    for store in [DynStore::new(MemoryStore::new()), DynStore::new(Least(MemoryStore::new()))] {
        let store = filled(&world, store);
        // More groups than one page of the default implementation's walk has.
        let batch: Vec<Change> = (0..250)
            .map(|n| create(sample(&world.group, json!({"id": format!("h{n:03}"), "members": [{"value": "u2"}]}))))
            .collect();
        world.commit(&store, &batch).unwrap();
        assert_eq!(referrers(&world, &store, &["u1", "u9", "u1"]), ["u1<g1 Guides", "u1<g2 All"]);
        let of_u2 = referrers(&world, &store, &["u2"]);
        assert_eq!((of_u2.len(), &*of_u2[250]), (251, "u2<h249 -"));
        assert_eq!(referrers(&world, &store, &[]), [""; 0]);
        let watching = &world.registry.relations(&world.device)[0];
        let watched = now(store.referrers(&world.context, watching, &["d1", "g1", "u1"], usize::MAX)).unwrap();
        let watchers: BTreeSet<&str> = watched.iter().map(|it| &*it.value).collect();
        assert_eq!((watched.len(), watchers), (2, ["g1", "u1"].into()), "one list, not the others");
        let located = |resource_types: &[Arc<ResourceType>], ids: &[&str]| {
            now(store.locate(&world.context, resource_types, ids)).unwrap()
        };
        let [user, group, device] = world.resource_types();
        assert_eq!(
            located(&world.resource_types(), &["d1", "u1", "x", "g1", "u1"]),
            [Some(2), Some(0), None, Some(1), Some(0)]
        );
        assert_eq!(located(&[group, user], &["u1", "g1", "d1"]), [Some(1), Some(0), None]);
        assert_eq!(located(&[device], &[]), [None; 0]);
    }
}

#[test]
fn one_value_of_a_hundred_thousand_is_changed_alone() {
    let world = World::new();
    let store = MemoryStore::new();
    let ids: Vec<String> = (0..100_000).map(|n| format!("m{n:06}")).collect();
    for chunk in ids.chunks(MemoryStore::MAX_BATCH) {
        let batch: Vec<Change> = chunk.iter().map(|id| create(world.user(id, id))).collect();
        world.commit(&store, &batch).unwrap();
    }
    let members: Vec<&str> = ids[1..].iter().map(String::as_str).collect();
    world.commit(&store, &[create(world.group("g", "All", &members))]).unwrap();
    let bare = |requested: &RequestedAttributes<'_>| {
        now(store.get(&world.context, Key { resource_type: &world.group, id: "g" }, requested)).unwrap().unwrap()
    };
    let limited = bare(&RequestedAttributes::everything().with_list_limit(1_000));
    assert!(!limited.complete && !limited.resource.root().contains(world.members));

    assert!(world.commit(&store, &[world.edit_members("g", &[], &["m000000"])]).unwrap()[0].changed);
    assert!(world.commit(&store, &[world.edit_members("g", &["m050000"], &[])]).unwrap()[0].changed);
    assert_eq!(referrers(&world, &store, &["m000000", "m050000", "m099999"]), ["m000000<g All", "m099999<g All"]);
    assert_eq!(world.held(&store, &world.group, "g", world.members).len(), 99_999);
    // Membership is looked up; the list is not walked for it.
    for (filter, found) in [
        (r#"id eq "g" and members.value eq "m000000""#, 1),
        (r#"members[value eq "m000000"]"#, 1),
        (r#"members.value eq "m050000""#, 0),
        (r#"displayName eq "ALL" and not (members eq "m050000")"#, 1),
    ] {
        assert_eq!(select(&world, &store, &world.group, filter).len(), found, "{filter}");
    }
    world.commit(&store, &[delete(&world.user, "m000000")]).unwrap();
    assert_eq!(world.held(&store, &world.group, "g", world.members).len(), 99_998);
}

/// The ids that a filter finds if the store evaluates the whole filter.
fn select(world: &World, store: &impl Store, resource_type: &Arc<ResourceType>, filter: &str) -> Vec<String> {
    let matcher = compile(resource_type, filter);
    let filter: Vec<&Condition> = matcher.conditions().iter().collect();
    assert!(filter.iter().all(|condition| store.pushdown(resource_type, condition) == Pushdown::Exact));
    let requested = RequestedAttributes::without(resource_type.reference_lists());
    let window = Window::Offset { skip: 0, take: 1_000 };
    let scan = Scan { resource_type, filter: &filter, sort: None, window, requested: &requested, count: true };
    let page = now(store.scan(&world.context, &scan)).unwrap();
    assert_eq!(page.total, Some(page.items.len() as u64));
    page.items.iter().map(|stored| stored.resource.id().to_owned()).collect()
}

#[test]
fn pages_are_cut_after_filter_and_sort() {
    let world = World::new();
    let store = MemoryStore::new();
    let batch: Vec<Change> = (0..10)
        .map(|n| {
            create(sample(
                &world.user,
                json!({"id": format!("i{n}"), "userName": format!("n{}", 9 - n), "active": n % 2 == 0}),
            ))
        })
        .collect();
    world.commit(&store, &batch).unwrap();
    let user_name: AttributePath = "userName".parse().unwrap();
    let sort = Sort::new(&world.user, user_name.as_ref(), false, &mut Tolerance::new(Quirks::default())).unwrap();
    let offset = |skip, take| Window::Offset { skip, take };
    let after = |id, take| Window::behind(id, take);
    let before = |id: Option<&'static str>, take| Window::Before { first: id.map(Position::of_id), take };
    let [n2, n5, n55] = ["n2", "n5", "n55"].map(|name| SortKey::Text(name.into()));
    let behind = |key, id, take| Window::After { last: Some(Position { key: Some(key), id }), take };
    let ahead = |key, id, take| Window::Before { first: Some(Position { key: Some(key), id }), take };
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
        ("", None, before(None, 2), "89", 10, true),
        ("", None, before(Some("i3"), 2), "12", 10, true),
        ("", None, before(Some("i3"), 3), "012", 10, false),
        ("", None, before(Some("i0"), 3), "", 10, false),
        ("", None, before(Some("zz"), 0), "", 10, true),
        ("active eq true", None, before(Some("i7"), 2), "46", 5, true),
        ("", Some(&sort), after(None, 2), "98", 10, true),
        ("", Some(&sort), behind(&n5, "i4", 2), "32", 10, true),
        ("", Some(&sort), behind(&n5, "a", 2), "43", 10, true),
        ("", Some(&sort), behind(&n55, "i9", 9), "3210", 10, false),
        ("", Some(&sort), after(Some("i4"), 9), "", 10, false),
        ("", Some(&sort), before(None, 3), "210", 10, true),
        ("", Some(&sort), before(Some("i4"), 3), "210", 10, true),
        ("", Some(&sort), ahead(&n2, "i7", 1), "8", 10, true),
        ("", Some(&sort), ahead(&n2, "i7", 2), "98", 10, false),
        ("", Some(&sort), ahead(&n2, "i8", 9), "987", 10, false),
        ("active eq true", Some(&sort), behind(&n2, "", 2), "64", 5, true),
        ("active eq true", Some(&sort), ahead(&n5, "i4", 1), "6", 5, true),
        (r#"userName eq "N0" or userName eq "n5" or id eq "i4""#, Some(&sort), ahead(&n5, "i4", 2), "9", 2, false),
    ];
    for (filter, sort, window, ids, total, more) in cases {
        let matcher = (!filter.is_empty() && !filter.starts_with("7644")).then(|| compile(&world.user, filter));
        let filter: Vec<&Condition> = matcher.iter().flat_map(Matcher::conditions).collect();
        for count in [true, false] {
            let requested = RequestedAttributes::everything();
            let scan = Scan { resource_type: &world.user, filter: &filter, sort, window, requested: &requested, count };
            let page = now(store.scan(&world.context, &scan)).unwrap();
            let found: String = page.items.iter().map(|stored| &stored.resource.id()[1..]).collect();
            let expected = (ids, count.then_some(total), more);
            assert_eq!((&*found, page.total, page.more), expected, "{scan:?}");
            // The same selection from all resources.
            let all = Scan { filter: &[], sort: None, window: after(None, usize::MAX), ..scan };
            let all = now(store.scan(&world.context, &all)).unwrap().items;
            let page = scan.select(all.into_iter().rev());
            let found: String = page.items.iter().map(|stored| &stored.resource.id()[1..]).collect();
            assert_eq!((&*found, page.total, page.more), expected, "select of {scan:?}");
        }
    }
    // 7644-3.4.2-09: neither an unknown tenant nor a type without resources is an error.
    let other = World { context: RequestContext::new(TenantId::new("other").unwrap()), ..World::new() };
    assert_eq!(select(&other, &store, &world.user, "id pr"), [""; 0]);
    assert_eq!(select(&world, &store, &world.group, "id pr"), [""; 0]);
}

#[test]
fn derived_conditions_are_left_to_the_core() {
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

/// A list that is sorted in several stretches is the same list, wherever its window is.
#[test]
fn a_long_list_is_sorted_as_a_short_one() {
    const USERS: usize = 17_000;
    let world = World::new();
    let store = MemoryStore::new();
    let id = |index: usize| format!("u{index:05}");
    // The order of the names is not that of the ids.
    let name = |index: usize| format!("n{:05}", index * 7_919 % USERS);
    let users: Vec<Change> = (0..USERS).map(|index| create(world.user(&id(index), &name(index)))).collect();
    for batch in users.chunks(MemoryStore::MAX_BATCH) {
        now(store.commit(&world.context, batch)).unwrap();
    }
    let mut expected: Vec<usize> = (0..USERS).collect();
    expected.sort_by_key(|index| name(*index));
    let expected: Vec<String> = expected.into_iter().map(id).collect();
    let path: AttributePath = "userName".parse().unwrap();
    let sort = Sort::new(&world.user, path.as_ref(), false, &mut Tolerance::new(Quirks::strict())).unwrap();
    let requested = RequestedAttributes::everything();
    for (skip, take) in [(0, 10), (0, USERS), (8_190, 5), (16_380, 10), (USERS - 3, 10), (USERS, 10), (5_000, 9_000)] {
        let window = Window::Offset { skip: skip as u64, take };
        let scan = Scan {
            resource_type: &world.user,
            filter: &[],
            sort: Some(&sort),
            window,
            requested: &requested,
            count: true,
        };
        let page = now(store.scan(&world.context, &scan)).unwrap();
        let found: Vec<&str> = page.items.iter().map(|stored| stored.resource.id()).collect();
        let shown: Vec<&str> = expected.iter().skip(skip).take(take).map(String::as_str).collect();
        assert_eq!(found, shown, "{skip}, {take}");
        assert_eq!((page.total, page.more), (Some(USERS as u64), skip + take < USERS), "{skip}, {take}");
    }
}
