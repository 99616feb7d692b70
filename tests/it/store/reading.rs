//! Reads of the memory store: pages, filters, lists of references and referrers (RFC 7644 §3.4.2).

use std::{collections::BTreeSet, sync::Arc};

use crate::fixture::host::now as now_after_pauses;
use crate::fixture::stores::{Least, World, compile, create, delete, filled, now, referrers, sample};
use scim_core::{
    filter::{Condition, Matcher},
    path::AttributePath,
    quirks::{Quirks, Tolerance},
    resource::{Position, Sort, SortKey},
    schema::{Attribute, AttributeType, ResourceType, Schema},
    store::{
        Change, DynStore, Key, MemoryStore, Pushdown, RequestContext, RequestedAttributes, Scan, Store, StoreError,
        TenantId, Window,
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

/// A page with a filter is full, however many resources before it do not satisfy the filter, and it says whether more
/// resources follow (the promise of `Store::scan`).
#[test]
fn a_filtered_page_is_full_behind_thousands_of_other_resources() {
    let world = World::new();
    let store = MemoryStore::new();
    let name = |n: usize| if [1_700, 2_400].contains(&n) { format!("match{n}") } else { format!("other{n}") };
    let users: Vec<Change> = (0..2_500).map(|n| create(world.user(&format!("{n:04}"), &name(n)))).collect();
    for batch in users.chunks(MemoryStore::MAX_BATCH) {
        world.commit(&store, batch).unwrap();
    }
    let matcher = compile(&world.user, r#"userName sw "match""#);
    let filter: Vec<&Condition> = matcher.conditions().iter().collect();
    let before = |first: Option<&'static str>, take| Window::Before { first: first.map(Position::of_id), take };
    let cases = [
        (Window::behind(None, 1), &["1700"][..], true),
        (Window::behind(None, 2), &["1700", "2400"], false),
        (Window::behind(Some("1700"), 1), &["2400"], false),
        (Window::Offset { skip: 1, take: 1 }, &["2400"], false),
        (before(None, 1), &["2400"], true),
        (before(Some("2400"), 1), &["1700"], false),
    ];
    for (window, ids, more) in cases {
        let requested = RequestedAttributes::everything();
        let resource_type = &world.user;
        let scan = Scan { resource_type, filter: &filter, sort: None, window, requested: &requested, count: false };
        let page = now(store.scan(&world.context, &scan)).unwrap();
        let found: Vec<&str> = page.items.iter().map(|stored| stored.resource.id()).collect();
        assert_eq!((&*found, page.more), (ids, more), "{window:?}");
    }
}

/// 7644-3.4.2.2: an empty text is not present, in a list that is stored separately, too.
#[test]
fn an_empty_part_of_a_reference_is_not_present() {
    let world = World::new();
    let store = filled(&world, MemoryStore::new());
    let device =
        |id: &str, owner: serde_json::Value| create(sample(&world.device, json!({"id": id, "owners": [owner]})));
    let batch = [
        device("d2", json!({"value": "u1", "note": "", "tags": [""]})),
        device("d3", json!({"value": "u1", "note": "x", "tags": ["", "x"]})),
    ];
    world.commit(&store, &batch).unwrap();
    for (filter, expected) in [
        ("owners.note pr", &["d3"][..]),
        ("owners.tags pr", &["d3"]),
        ("not (owners.note pr)", &["d1", "d2"]),
        ("owners.value pr", &["d1", "d2", "d3"]),
    ] {
        assert_eq!(select(&world, &store, &world.device, filter), expected, "{filter}");
    }
}

/// A page with a bound of bytes counts the lists that it has, and no list that exceeds the limit of values (the promise of
/// `RequestedAttributes::with_byte_limit`).
#[test]
fn a_page_counts_the_lists_that_it_has() {
    const LIMIT: usize = 5;
    let world = World::new();
    let store = MemoryStore::new();
    let ids: Vec<String> = (0..40).map(|n| format!("{n:02}{}", "x".repeat(40))).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut batch: Vec<Change> = ids.iter().map(|id| create(world.user(id, id))).collect();
    for (id, members) in [("a", 1), ("b", LIMIT), ("c", LIMIT + 1), ("d", 40), ("e", LIMIT)] {
        batch.push(create(world.group(id, id, &ids[..members])));
    }
    world.commit(&store, &batch).unwrap();
    let read = |bytes: Option<usize>| {
        let requested = RequestedAttributes::everything().with_list_limit(LIMIT);
        let requested = bytes.map_or(requested, |bytes| requested.with_byte_limit(bytes));
        let scan = Scan {
            resource_type: &world.group,
            filter: &[],
            sort: None,
            window: Window::behind(None, 9),
            requested: &requested,
            count: false,
        };
        now(store.scan(&world.context, &scan)).unwrap()
    };
    let all = read(None).items;
    let complete: Vec<bool> = all.iter().map(|stored| stored.complete).collect();
    assert_eq!(complete, [true, true, false, false, true]);
    let bytes: usize = all.iter().map(|stored| stored.resource.size()).sum();
    let page = read(Some(bytes));
    assert_eq!((page.items.len(), page.more), (5, false), "all that is read fits");
    // The size is approximate, by less than the size of a list.
    let page = read(Some(bytes - 200));
    assert_eq!((page.items.len(), page.more), (4, true), "each list counts that is read");
}

/// A resource whose evaluation takes many stretches of work is read whole only within the bound of bytes (the promise of
/// `RequestedAttributes::with_byte_limit`).
#[test]
fn a_costly_resource_is_evaluated_within_the_bound_of_bytes() {
    const MEMBERS: usize = 12_000;
    let world = World::new();
    let store = MemoryStore::new();
    let ids: Vec<String> = (0..MEMBERS).map(|n| format!("m{n:05}")).collect();
    for chunk in ids.chunks(MemoryStore::MAX_BATCH) {
        let batch: Vec<Change> = chunk.iter().map(|id| create(world.user(id, id))).collect();
        world.commit(&store, &batch).unwrap();
    }
    let members: Vec<&str> = ids.iter().map(String::as_str).collect();
    world.commit(&store, &[create(world.group("g", "All", &members))]).unwrap();
    for (filter, found) in [(r#"members.value ew "x""#, 0), (r#"not (members.value ew "x")"#, 1)] {
        let matcher = compile(&world.group, filter);
        let filter: Vec<&Condition> = matcher.conditions().iter().collect();
        let scan = |bytes: Option<usize>| {
            let lists = [world.members];
            let requested = RequestedAttributes::without(&lists);
            let requested = bytes.map_or(requested, |bytes| requested.with_byte_limit(bytes));
            let window = Window::behind(None, 9);
            let resource_type = &world.group;
            let scan = Scan { resource_type, filter: &filter, sort: None, window, requested: &requested, count: false };
            now_after_pauses(store.scan(&world.context, &scan)).map(|page| page.items.len())
        };
        assert_eq!(scan(None).unwrap(), found);
        assert_eq!(scan(Some(10 << 20)).unwrap(), found);
        assert!(matches!(scan(Some(1_000)), Err(StoreError::TooMany)));
    }
}

/// 7644-3.4.2.3-04: resources are sorted by the values of a list that is stored separately, in whole lists and from a
/// position on.
#[test]
fn a_list_of_references_sorts_its_resources() {
    let world = World::new();
    let store = MemoryStore::new();
    let mut batch: Vec<Change> = ["u1", "u2", "u3"].map(|id| create(world.user(id, id))).into();
    for (id, members) in [("a", &["u3", "u1"][..]), ("b", &["u1"]), ("c", &[]), ("d", &["u2", "u3"])] {
        batch.push(create(world.group(id, id, members)));
    }
    world.commit(&store, &batch).unwrap();
    let path: AttributePath = "members.value".parse().unwrap();
    let sort = Sort::new(&world.group, path.as_ref(), false, &mut Tolerance::new(Quirks::default())).unwrap();
    let u2 = SortKey::Text("u2".into());
    let position = Some(Position { key: Some(&u2), id: "d" });
    for (window, ids) in [
        (Window::Offset { skip: 0, take: 9 }, "bdac"),
        (Window::After { last: position, take: 9 }, "ac"),
        (Window::Before { first: position, take: 9 }, "b"),
    ] {
        let lists = [world.members];
        for requested in [RequestedAttributes::everything(), RequestedAttributes::without(&lists)] {
            let resource_type = &world.group;
            let scan =
                Scan { resource_type, filter: &[], sort: Some(&sort), window, requested: &requested, count: false };
            let page = now(store.scan(&world.context, &scan)).unwrap();
            let found: String = page.items.iter().map(|stored| stored.resource.id()).collect();
            assert_eq!(found, ids, "{window:?}");
        }
    }
}

/// RFC 7644 §3.4.2.2: only the id of a reference is looked up; every other part of it is compared, and a missing
/// reference satisfies no condition.
#[test]
fn parts_of_references_are_compared_and_ids_are_looked_up() {
    let world = World::new();
    let exact = |name: &str| Attribute::new(name, AttributeType::String).case_exact();
    let link = Attribute::new("$ref", AttributeType::Reference).with_reference_types(["User"]);
    let staff = Attribute::complex("staff", [exact("value"), link, exact("code")]).multi_valued();
    let schema = Schema::new("urn:example:Team", "Team").with_attribute(staff);
    let team = Arc::new(ResourceType::builder("Team", "Teams", schema).build().unwrap());
    let store = MemoryStore::new();
    let staffed = |id: &str, staff: serde_json::Value| create(sample(&team, json!({"id": id, "staff": staff})));
    let batch = [
        create(world.user("u1", "Ann")),
        create(world.user("u2", "bob")),
        staffed("t1", json!([{"value": "u1", "code": "u2"}])),
        staffed("t2", json!([{"value": "u2", "code": "c"}, {"value": "u1"}])),
        create(sample(&team, json!({"id": "t3"}))),
    ];
    world.commit(&store, &batch).unwrap();
    for (filter, expected) in [
        (r#"staff.code eq "u2""#, &["t1"][..]),
        (r#"staff.code eq "u1""#, &[]),
        (r#"staff[code eq "u2"]"#, &["t1"]),
        (r#"staff[value eq "u2" and code eq "c"]"#, &["t2"]),
        (r#"staff[value eq "u2" and code eq "u2"]"#, &[]),
        (r#"staff.value eq "u2""#, &["t2"]),
        (r#"not (staff.value eq "u2")"#, &["t1", "t3"]),
        (r#"not (staff[value eq "u2"])"#, &["t1", "t3"]),
        (r#"not (staff[value eq "u9"])"#, &["t1", "t2", "t3"]),
        (r#"not (staff.code eq "c")"#, &["t1", "t3"]),
    ] {
        assert_eq!(select(&world, &store, &team, filter), expected, "{filter}");
    }
}

/// An index changes no result (`MemoryStore::with_index`): for attributes of any type, in lists of references, too.
#[test]
fn an_index_changes_no_result() {
    let world = World::new();
    let paths = ["members.value", "members", "active", "emails.value", "x509Certificates.value", "title", "owners"];
    for path in paths {
        let store = filled(&world, MemoryStore::new().with_index(path.parse().unwrap()));
        let user = json!({"id": "u3", "userName": "cid", "active": true, "title": "Boss",
            "emails": [{"value": "c@x"}], "x509Certificates": [{"value": "TUlJ"}]});
        world.commit(&store, &[create(sample(&world.user, user))]).unwrap();
        for (resource_type, filter, expected) in [
            (&world.group, r#"members.value eq "u2""#, "g1"),
            (&world.group, r#"members[value eq "g1"]"#, "g2"),
            (&world.device, r#"owners.value eq "u1""#, "d1"),
            (&world.user, "active eq true", "u3"),
            (&world.user, r#"emails.value eq "C@X""#, "u3"),
            (&world.user, r#"x509Certificates.value eq "TUlJ""#, "u3"),
            (&world.user, r#"title eq "boss""#, "u3"),
        ] {
            assert_eq!(select(&world, &store, resource_type, filter), [expected], "{filter} with {path}");
        }
    }
}

/// Many resources are read with exactly the lists that are requested (the promise of `Store::get_many`).
#[test]
fn many_resources_are_read_with_their_requested_lists() {
    let world = World::new();
    let store = filled(&world, MemoryStore::new());
    let lists @ [owners, watchers] = [world.list("owners"), world.list("watchers")];
    for (without, expected) in
        [(&[][..], [true, true]), (&[owners], [false, true]), (&[watchers], [true, false]), (&lists, [false, false])]
    {
        let requested = RequestedAttributes::without(without);
        let found = now(store.get_many(&world.context, &world.device, &["d9", "d1"], &requested)).unwrap();
        let device = found[1].as_ref().unwrap();
        assert!(found[0].is_none());
        assert_eq!([owners, watchers].map(|list| device.root().contains(list)), expected);
    }
}
