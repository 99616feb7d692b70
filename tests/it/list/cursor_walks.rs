//! Walks by cursor during writes: every resource that no writer touches is found exactly once.

use std::collections::{BTreeMap, BTreeSet};

use crate::fixture::host::{GROUP, Host, USER, host, host_with};
use crate::fixture::modest::{Plain, modest_with};
use proptest::{collection::vec, prelude::*};
use scim_core::{
    limits::Limits,
    quirks::Quirks,
    schema::Registry,
    store::{Capabilities, Pushdown, Store},
};
use serde_json::{Value as Json, json};

/// A write of another client between two pages.
#[derive(Clone, Debug)]
enum Write {
    Create(u8),
    Delete(usize),
    Retitle(usize, u8),
}

fn write() -> impl Strategy<Value = Write> {
    prop_oneof![
        any::<u8>().prop_map(Write::Create),
        (0..40_usize).prop_map(Write::Delete),
        (0..40_usize, any::<u8>()).prop_map(|(which, title)| Write::Retitle(which, title)),
    ]
}

const QUERIES: &[&str] = &[
    "/Users?",
    "/Users?sortBy=title&",
    "/Users?sortBy=title&sortOrder=descending&",
    "/Users?filter=active eq true&",
    "/Users?filter=active eq true&sortBy=title&",
    "/Users?filter=not (title eq \"b\")&",
    "/?",
    "/?sortBy=title&",
    "/?sortBy=meta.lastModified&sortOrder=descending&",
    "/?filter=active eq true or displayName pr&",
    "/?filter=active eq true or displayName pr&sortBy=title&sortOrder=descending&",
];

/// A host with the ids of its users and the ids that writes have touched.
struct World<'a, S> {
    host: &'a Host<S>,
    /// The ids of all users that ever were, and whether each is still there.
    users: Vec<(String, bool)>,
    touched: BTreeSet<String>,
    /// The ids of users that existed before the walk and have another position now.
    moved: BTreeSet<String>,
    made: usize,
}

impl<S: Store> World<'_, S> {
    fn create(&mut self, title: u8) {
        self.made += 1;
        let mut body = json!({"schemas": [USER], "userName": format!("u{:03}", self.made), "active": !self.made.is_multiple_of(3)});
        if let Some(title) = title_of(title) {
            body["title"] = json!(title);
        }
        let id = self.host.post("/Users", &body).id();
        self.touched.insert(id.clone());
        self.users.push((id, true));
    }

    fn write(&mut self, write: &Write) {
        let (Write::Delete(which) | Write::Retitle(which, _)) = write else {
            let Write::Create(title) = write else { return };
            return self.create(*title);
        };
        let index = which % self.users.len();
        let (id, is_there) = self.users[index].clone();
        if !is_there {
            return;
        }
        self.touched.insert(id.clone());
        if let Write::Retitle(_, title) = write {
            let operation = match title_of(*title) {
                Some(title) => json!([{"op": "replace", "path": "title", "value": title}]),
                None => json!([{"op": "remove", "path": "title"}]),
            };
            assert_eq!(self.host.patch(&format!("/Users/{id}"), &operation).status, 200);
            self.moved.insert(id);
        } else {
            assert_eq!(self.host.delete(&format!("/Users/{id}")).status, 204);
            self.users[index].1 = false;
        }
    }

    fn page(&self, query: &str, cursor: &str) -> Json {
        let reply = self.host.get(&format!("{query}cursor={cursor}"));
        assert_eq!(reply.status, 200, "{query}: {}", reply.json());
        reply.json()
    }

    /// Walks from a page on, forward or backward, with the writes of one step after each page. Returns the found ids
    /// in order, page by page.
    fn walk(&mut self, query: &str, start: Json, towards: &str, steps: &[Vec<Write>]) -> Vec<Vec<String>> {
        let mut steps = steps.iter();
        let (mut page, mut met) = (start, Vec::new());
        loop {
            met.push(ids(&page));
            assert!(met.len() < 400, "{query}: a walk without end");
            for write in steps.next().into_iter().flatten() {
                self.write(write);
            }
            let Some(cursor) = page.get(towards) else { return met };
            page = self.page(query, cursor.as_str().unwrap());
        }
    }

    fn all(&self, query: &str) -> Vec<String> {
        ids(&self.host.get(&format!("{query}count=1000")).json())
    }

    /// Each id of `before` that was not touched was found once, and no id was found twice unless it has moved.
    fn check(&self, query: &str, before: &[String], met: &[Vec<String>]) {
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for id in met.iter().flatten() {
            *times.entry(id).or_default() += 1;
        }
        for id in before.iter().filter(|id| !self.touched.contains(*id)) {
            assert_eq!(times.get(id.as_str()), Some(&1), "{query}: {id}, met {met:?}");
        }
        for (id, times) in times {
            assert!(times == 1 || self.moved.contains(id), "{query}: {id} was met {times} times: {met:?}");
        }
    }
}

fn title_of(title: u8) -> Option<&'static str> {
    ["a", "B", "b", "C"].get(usize::from(title % 5)).copied()
}

fn ids(list: &Json) -> Vec<String> {
    list["Resources"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
}

fn run<S: Store>(host: &Host<S>, leads_back: bool, query: &str, count: usize, titles: &[u8], steps: &[Vec<Write>]) {
    let mut world = World { host, users: Vec::new(), touched: BTreeSet::new(), moved: BTreeSet::new(), made: 0 };
    for title in titles {
        world.create(*title);
    }
    for name in ["x", "y", "z"] {
        assert_eq!(host.post("/Groups", &json!({"schemas": [GROUP], "displayName": name})).status, 201);
    }
    let limited = host.provider.limits().scan < 100;
    let counted = format!("{query}count={count}&");

    world.touched.clear();
    let first = world.page(&counted, "");
    let before =
        if limited { world.walk(&counted, first.clone(), "nextCursor", &[]).concat() } else { world.all(query) };
    let met = world.walk(&counted, first, "nextCursor", steps);
    world.check(query, &before, &met);
    assert!(met.iter().all(|page| page.len() <= count));

    // Without writes the pages are the list.
    let first = world.page(&counted, "");
    let quiet = world.walk(&counted, first.clone(), "nextCursor", &[]);
    let list = quiet.concat();
    if !limited {
        assert_eq!(list, world.all(query), "{query}");
    }
    if !leads_back {
        return;
    }
    // And backward, from the last page, with writes again.
    let mut last = first;
    while let Some(cursor) = last.get("nextCursor") {
        last = world.page(&counted, cursor.as_str().unwrap());
    }
    let mut back = world.walk(&counted, last.clone(), "previousCursor", &[]);
    back.reverse();
    assert_eq!(back.concat(), list, "{query}");
    (world.touched, world.moved) = (BTreeSet::new(), BTreeSet::new());
    let met = world.walk(&counted, last, "previousCursor", steps);
    world.check(query, &list, &met);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// 9865-2-07, 9865-2-08, 9865-2-09: with a store of all capabilities, with a store that filters nothing and is
    /// read up to the scan limit, and with a store that can only list.
    #[test]
    fn a_walk_meets_each_unchanged_resource_once(
        query in 0..QUERIES.len(),
        count in 1..7_usize,
        titles in vec(any::<u8>(), 1..30),
        steps in vec(vec(write(), 0..4), 0..20),
    ) {
        let query = QUERIES[query];
        run(&host(), true, query, count, &titles, &steps);
        let mut limits = Limits::default();
        let plain = host_with(Registry::standard(), Plain::default(), limits.clone(), Quirks::default());
        run(&plain, false, query, count, &titles, &steps);
        limits.scan = 4;
        let capabilities = Capabilities::new().with_sort(true).with_backward(true);
        run(&modest_with(Some(Pushdown::No), capabilities, limits), true, query, count, &titles, &steps);
    }
}
