//! Paging by cursor (RFC 9865): walks, the validity of a cursor, and refusals.

use crate::fixture::host;
use crate::fixture::modest;
use std::{sync::Arc, time::Duration};

use crate::fixture::forgery::{forged, forged_with, revealed};
use crate::fixture::host::{BASE, GROUP, Host, LIST, Reply, Ticking, USER, encoded, host, host_with};
use crate::fixture::modest::{modest_under, modest_with};
use proptest::prelude::*;
use scim_core::{
    error::Error,
    filter::{Filter, Matcher},
    limits::Limits,
    provider::{Access, Action, Policy, ServiceProvider},
    quirks::{Quirks, Tolerance},
    schema::{Registry, ResourceType},
    store::{Capabilities, MemoryStore, Pushdown, RequestContext, Store, TenantId},
};
use serde_json::{Value as Json, json};

const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// Many users share a title, and some have no title; every second user is active.
fn fill<S: Store>(host: &Host<S>, users: usize) {
    for n in 0..users {
        let mut body =
            json!({"schemas": [USER], "userName": format!("user{:03}", (n * 7) % 101), "active": n % 2 == 0});
        if n % 4 != 0 {
            body["title"] = json!(["Boss", "clerk", "Clerk", "ant"][n % 3]);
        }
        assert_eq!(host.post("/Users", &body).status, 201);
    }
}

fn ids(list: &Json) -> Vec<String> {
    let resources = list["Resources"].as_array().unwrap_or_else(|| panic!("{list}")).iter();
    resources.map(|resource| resource["id"].as_str().unwrap().to_owned()).collect()
}

fn next(list: &Json) -> Option<&str> {
    list.get("nextCursor").map(|cursor| cursor.as_str().unwrap())
}

fn previous(list: &Json) -> Option<&str> {
    list.get("previousCursor").map(|cursor| cursor.as_str().unwrap())
}

fn page<S: Store>(host: &Host<S>, query: &str, cursor: &str) -> Json {
    let reply = host.get(&format!("{query}&cursor={cursor}"));
    assert_eq!(reply.status, 200, "{query}: {}", reply.json());
    reply.json()
}

/// All pages of a walk forward.
fn pages<S: Store>(host: &Host<S>, query: &str) -> Vec<Json> {
    let mut pages = vec![page(host, query, "")];
    while let Some(cursor) = next(pages.last().unwrap()) {
        pages.push(page(host, query, cursor));
        assert!(pages.len() < 500, "{query}: a walk without end");
    }
    pages
}

fn refused<S: Store>(host: &Host<S>, query: &str, keyword: &str) -> Reply {
    host.refused("GET", query, b"", 400, keyword)
}

/// Every kind of store gives the same list, and its pages together are the list that paging by index returns.
///
/// 9865-2-03, 9865-2-05, 9865-2-07, 9865-2-08, 9865-2-10, 9865-2-11, 9865-2.2-01.
#[test]
fn the_pages_are_the_list() {
    let queries = [
        "/Users?count=4",
        "/Users?count=1",
        "/Users?count=23",
        "/Users?count=22",
        "/Users?sortBy=title&count=4",
        "/Users?sortBy=title&sortOrder=descending&count=5",
        "/Users?sortBy=active&count=3",
        "/Users?sortBy=meta.created&sortOrder=descending&count=4",
        "/Users?sortBy=groups.display&count=4",
        "/Users?sortBy=meta.location&sortOrder=descending&count=4",
        "/Users?filter=active eq true&count=3",
        "/Users?filter=active eq true&sortBy=title&count=3",
        "/Users?filter=title pr&sortBy=userName&sortOrder=descending&count=4",
        "/Users?filter=groups pr&count=2",
        "/Users?filter=userName eq \"nobody\"&count=2",
        "/?count=4",
        "/?sortBy=displayName&count=3",
        "/?sortBy=displayName&sortOrder=descending&count=3",
        "/?sortBy=meta.resourceType&count=7",
        "/?sortBy=meta.resourceType&sortOrder=descending&count=7",
        "/?sortBy=meta.created&count=4",
        "/?filter=title pr or displayName pr&count=4",
        "/?filter=active eq true or displayName co \"e\"&sortBy=meta.created&count=2",
    ];
    let full = host();
    let mut limits = Limits::default();
    let least = Capabilities::new();
    let some = least.with_sort(true).with_backward(true);
    let modest = [
        modest_with(Some(Pushdown::No), least, limits.clone()),
        modest_with(Some(Pushdown::No), some, limits.clone()),
        modest_with(Some(Pushdown::Superset), some.with_total(true), limits.clone()),
        modest_with(None, least.with_sort(true), limits.clone()),
    ];
    let plain = host_with(Registry::standard(), modest::Plain::default(), limits.clone(), Quirks::default());
    // So few that walks by id find nothing on some pages.
    limits.scan = 3;
    let weary = modest_with(Some(Pushdown::No), some, limits);
    let groups = |host: &dyn Fn(&Json)| {
        for (name, member) in [("Beta", "id-002"), ("alpha", "id-007"), ("Delta", "id-002")] {
            host(&json!({"schemas": [GROUP], "displayName": name, "members": [{"value": member}]}));
        }
    };
    macro_rules! filled {
        ($host:expr) => {{
            fill($host, 23);
            groups(&|body| assert_eq!($host.post("/Groups", body).status, 201));
        }};
    }
    filled!(&full);
    filled!(&plain);
    filled!(&weary);
    for host in &modest {
        filled!(host);
    }
    for query in queries {
        let whole = full.get(&query.replace("count=", "x=")).json();
        let expected = ids(&whole);
        assert_eq!(whole["totalResults"], json!(expected.len()), "{query}");
        walked(&full, query, &expected, true);
        // By index it is the same list, too.
        let count: usize = query.rsplit_once("count=").unwrap().1.parse().unwrap();
        for start in (1..=expected.len()).step_by(count) {
            let list = full.get(&format!("{query}&startIndex={start}")).json();
            assert_eq!(ids(&list), expected[start - 1..expected.len().min(start - 1 + count)], "{query} from {start}");
            assert_eq!((list["totalResults"].as_u64(), next(&list)), (Some(expected.len() as u64), None));
            assert_eq!(plain.get(&format!("{query}&startIndex={start}")).json(), list, "{query} from {start}");
        }
        walked(&plain, query, &expected, false);
        for (index, host) in modest.iter().enumerate() {
            walked(host, query, &expected, index == 1 || index == 2);
        }
        let sorts_here = query.contains("groups") && query.contains("sortBy") || query.contains("sortBy=meta.location");
        if sorts_here {
            refused(&weary, &format!("{query}&cursor="), "tooMany");
        } else {
            walked(&weary, query, &expected, true);
        }
    }
}

/// Walks to the end and, where the store can, back.
fn walked<S: Store>(host: &Host<S>, query: &str, expected: &[String], leads_back: bool) {
    let count: usize = query.rsplit_once("count=").unwrap().1.parse().unwrap();
    let forward = pages(host, query);
    let met: Vec<String> = forward.iter().flat_map(ids).collect();
    assert_eq!(met, expected, "{query}");
    for (number, page) in forward.iter().enumerate() {
        assert!(ids(page).len() <= count, "{query}");
        assert_eq!(page["itemsPerPage"], json!(ids(page).len()));
        assert_eq!(page.get("startIndex"), None, "A033");
        assert!(page.get("totalResults").is_none_or(|total| *total == json!(expected.len())), "A032: {query}: {page}");
        if number == 0 {
            assert_eq!(previous(page), None, "{query}");
        } else if leads_back {
            assert!(previous(page).is_some(), "{query}");
        }
        for cursor in [next(page), previous(page)].into_iter().flatten() {
            assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)), "{cursor}");
        }
    }
    // Back from every page, as far as the cursors lead.
    for (number, start) in forward.iter().enumerate() {
        let mut before: Vec<String> = Vec::new();
        let mut at = start.clone();
        while let Some(cursor) = previous(&at) {
            at = page(host, query, cursor);
            before.splice(0..0, ids(&at));
            assert!(ids(&at).len() <= count, "{query}");
            // The page before an empty last page is a last page, too.
            assert!(next(&at).is_some() || expected.ends_with(&ids(&at)), "{query}: {at}");
        }
        if previous(start).is_some() {
            let ahead: usize = forward[..number].iter().map(|page| ids(page).len()).sum();
            assert_eq!(before, expected[..ahead], "{query}: back from page {number}");
            // And forward again: no resource is lost.
            let mut again = Vec::new();
            let mut here = Some(at);
            while let Some(list) = here {
                again.extend(ids(&list));
                here = next(&list).map(|cursor| page(host, query, cursor));
            }
            assert_eq!(again, expected, "{query}: back and forward");
        }
    }
}

/// 9865-2-01, 9865-2-02, 9865-2-04, 9865-2-06, 9865-2-09, 9865-2.3-01, 9865-2.4-01, 9865-2.4-02, 9865-2.4-03.
#[test]
fn a_walk_begins_with_an_empty_cursor() {
    let mut limits = Limits::default();
    (limits.page_default, limits.page_max) = (4, 6);
    let host = host_with(Registry::standard(), MemoryStore::new(), limits, Quirks::default());
    fill(&host, 10);
    let first = host.get("/Users?cursor=&count=4").json();
    assert_eq!(ids(&first), ["id-001", "id-002", "id-003", "id-004"]);
    let members: Vec<&String> = first.as_object().unwrap().keys().collect();
    // A total needs a read of the whole list, which a page does not need.
    assert_eq!(members, ["Resources", "itemsPerPage", "nextCursor", "schemas"]);
    assert_eq!(first["schemas"], json!([LIST]));
    for query in ["/Users?cursor&count=4", "/Users?count=4&cursor", "/Users?cursor", "/Users?CURSOR="] {
        assert_eq!(ids(&host.get(query).json()), ids(&first), "{query}");
    }
    // Without a cursor the answer has a start index and no cursor to another page.
    let counted = host.get("/Users?count=4").json();
    assert_eq!((next(&counted), &counted["startIndex"]), (None, &json!(1)));
    // A page has at most the number of resources that the service provider allows.
    assert_eq!(ids(&host.get("/Users?cursor=&count=600").json()).len(), 6);
    for count in ["0", "-3"] {
        let list = host.get(&format!("/Users?cursor=&count={count}")).json();
        let expected = json!({"schemas": [LIST], "totalResults": 10, "itemsPerPage": 0, "Resources": []});
        assert_eq!(list, expected, "A031: {count}");
    }
    for query in ["startIndex=1&cursor=", "cursor&startIndex=3&count=2", "cursor=x&startIndex=3"] {
        refused(&host, &format!("/Users?{query}"), "invalidValue");
    }
    let empty = host.get("/Groups?cursor=").json();
    assert_eq!(empty, json!({"schemas": [LIST], "totalResults": 0, "itemsPerPage": 0, "Resources": []}));
}

/// 9865-3-01: a cursor in the body works like a cursor in the URL, and each form accepts a cursor of the other.
#[test]
fn a_cursor_in_the_body_works_like_one_in_the_url() {
    let host = host();
    fill(&host, 9);
    for target in ["/Users/.search", "/.search"] {
        let query = if target == "/.search" { "/?filter=title pr&count=2" } else { "/Users?filter=title pr&count=2" };
        let body = |cursor: &str| json!({"schemas": [SEARCH], "filter": "title pr", "count": 2, "cursor": cursor});
        let (mut cursor, mut met) = (String::new(), Vec::new());
        loop {
            let list = host.post(target, &body(&cursor)).json();
            let same = page(&host, query, &cursor);
            assert_eq!((ids(&list), &list["totalResults"]), (ids(&same), &same["totalResults"]));
            met.extend(ids(&list));
            let Some(next) = next(&list) else { break };
            next.clone_into(&mut cursor);
        }
        assert_eq!(met.len(), 6);
        for (body, keyword) in [
            (json!({"schemas": [SEARCH], "cursor": "", "startIndex": 1}), "invalidValue"),
            (json!({"schemas": [SEARCH], "cursor": "", "count": "ten"}), "invalidCount"),
            (json!({"schemas": [SEARCH], "cursor": "", "count": 1.5}), "invalidCount"),
            (json!({"schemas": [SEARCH], "count": "ten"}), "invalidSyntax"),
            (json!({"schemas": [SEARCH], "cursor": 7}), "invalidSyntax"),
            (json!({"schemas": [SEARCH], "cursor": "x"}), "invalidCursor"),
            (json!({"schemas": [SEARCH], "cursor": cursor, "count": 2}), "invalidCursor"),
            (json!({"schemas": [SEARCH], "filter": "title pr", "cursor": cursor, "count": 3}), "invalidCount"),
        ] {
            host.refused("POST", target, body.to_string().as_bytes(), 400, keyword);
        }
    }
}

/// If a store does not count, the core does not count for it: 9865-2-13, 9865-2-14, 9865-2-04.
#[test]
fn totals_are_exact_or_left_out() {
    let host = modest_with(Some(Pushdown::No), Capabilities::new(), Limits::default());
    fill(&host, 9);
    assert_eq!(page(&host, "/Users?count=4", "").get("totalResults"), None);
    assert_eq!(page(&host, "/Users?count=9", "")["totalResults"], 9, "all were seen");
    assert_eq!(page(&host, "/Users?filter=active eq true&count=9", "")["totalResults"], 5);
    assert_eq!(page(&host, "/Users?filter=active eq true&count=2", "").get("totalResults"), None);
    assert_eq!(page(&host, "/Users?sortBy=title&count=2", "")["totalResults"], 9, "to sort, all have to be seen");
    assert_eq!(page(&host, "/Users?filter=active eq true&count=0", "")["totalResults"], 5, "nothing else was asked");
    // A page reads no more resources than it needs.
    host.provider.store().scans.lock().unwrap().clear();
    page(&host, "/Users?filter=active eq true&count=2", "");
    let read: usize = host.provider.store().scans.lock().unwrap().iter().map(|(_, read)| read).sum();
    assert!(read <= 9);
    // A store that counts is asked for the total by index; by cursor, only if nothing else is asked.
    let host = modest_with(None, Capabilities::new().with_total(true), Limits::default());
    fill(&host, 9);
    let query = "/Users?filter=active eq true";
    assert!(pages(&host, &format!("{query}&count=2")).iter().all(|page| page.get("totalResults").is_none()));
    assert_eq!(page(&host, &format!("{query}&count=9"), "")["totalResults"], 5, "the page is the whole list");
    assert_eq!(page(&host, &format!("{query}&count=0"), "")["totalResults"], 5);
    assert_eq!(host.get(&format!("{query}&count=2")).json()["totalResults"], 5);
}

/// 9865-2-12, 9865-2.1-01, 9865-2.1-02, 9865-2.1-04, 9865-5.2-05.
#[test]
fn a_cursor_belongs_to_its_query() {
    let host = host();
    fill(&host, 9);
    host.post("/Groups", &json!({"schemas": [GROUP], "displayName": "All"}));
    let queries = [
        "/Users?count=2",
        "/Users?count=2&filter=active pr",
        "/Users?count=2&filter=active pr ",
        "/Users?count=2&sortBy=userName",
        "/Users?count=2&sortBy=userName&sortOrder=descending",
        "/Users?count=2&attributes=userName",
        "/Users?count=2&attributes=userName,title",
        "/Users?count=2&excludedAttributes=title",
        "/?count=2",
        "/?count=2&sortBy=userName",
    ];
    let cursors: Vec<String> =
        queries.iter().map(|query| next(&page(&host, query, "")).expect(query).to_owned()).collect();
    let mut details = Vec::new();
    for (query, own) in queries.iter().zip(&cursors) {
        for other in &cursors {
            let target = format!("{query}&cursor={other}");
            if own == other {
                assert_eq!(host.get(&target).status, 200);
            } else {
                details.push(refused(&host, &target, "invalidCursor").json()["detail"].clone());
            }
        }
        for count in [1, 3, 900] {
            let other = query.replace("count=2", &format!("count={count}"));
            refused(&host, &format!("{other}&cursor={own}"), "invalidCount");
        }
        for count in ["two", "1.5", "0x2"] {
            let other = query.replace("count=2", &format!("count={count}"));
            refused(&host, &format!("{other}&cursor={own}"), "invalidCount");
            refused(&host, &format!("{other}&cursor="), "invalidCount");
            refused(&host, &other, "invalidValue");
        }
        refused(&host, &format!("{query}&cursor={own}&startIndex=1"), "invalidValue");
    }
    refused(&host, &format!("/Groups?count=2&cursor={}", cursors[0]), "invalidCursor");
    // Texts that are not a cursor.
    let own = &cursors[0];
    for wrong in [
        "x",
        "1",
        "id-003",
        "..",
        "~",
        "AAAA",
        "%00",
        "Zoë",
        " ",
        &"A".repeat(4_096),
        &"A".repeat(100_000),
        &own[1..],
        &own[..own.len() - 1],
        &format!("{own}A"),
        &format!("{own}="),
        &format!("{own}{own}"),
    ] {
        details
            .push(refused(&host, &format!("/Users?count=2&cursor={wrong}"), "invalidCursor").json()["detail"].clone());
    }
    for (index, altered) in altered(own) {
        let reply = host.get(&format!("/Users?count=2&cursor={altered}"));
        assert_eq!(reply.error(), (400, "invalidCursor".to_owned()), "{index}");
        details.push(reply.json()["detail"].clone());
    }
    // The cursor of another tenant.
    let stranger = RequestContext::new(TenantId::new("stranger").unwrap());
    let reply = host.send_as(&stranger, "GET", &encoded(&format!("/Users?count=2&cursor={own}")), &[], b"");
    assert_eq!(reply.error(), (400, "invalidCursor".to_owned()));
    details.push(reply.json()["detail"].clone());
    details.dedup();
    assert_eq!(details.len(), 1, "nobody learns what is wrong with it: {details:?}");
}

/// The cursor with each character in turn replaced.
fn altered(cursor: &str) -> impl Iterator<Item = (usize, String)> + '_ {
    (0..cursor.len()).map(|index| {
        let other = if cursor.as_bytes()[index] == b'A' { 'B' } else { 'A' };
        (index, format!("{}{other}{}", &cursor[..index], &cursor[index + 1..]))
    })
}

/// 9865-2.1-03: each page has new cursors, so a walk may last any time.
#[test]
fn a_cursor_has_its_time() {
    let mut limits = Limits::default();
    limits.cursor_timeout = Duration::from_secs(5);
    let host = host_with(Registry::standard(), MemoryStore::new(), limits, Quirks::default());
    fill(&host, 30);
    assert_eq!(host.get("/ServiceProviderConfig").json()["pagination"]["cursorTimeout"], 5);
    let first = page(&host, "/Users?count=1", "");
    // Each page takes a second by this clock.
    assert_eq!(pages(&host, "/Users?count=1").len(), 30);
    let cursor = next(&first).unwrap();
    let reply = refused(&host, &format!("/Users?count=1&cursor={cursor}"), "expiredCursor");
    assert!(reply.json()["detail"].as_str().unwrap().contains("begin again"));
    for timeout in [Duration::ZERO, Duration::from_millis(999)] {
        let mut limits = Limits::default();
        limits.cursor_timeout = timeout;
        let builder = ServiceProvider::builder(Registry::standard(), MemoryStore::new(), BASE).limits(limits);
        let message = builder.build().map(|_| ()).unwrap_err().to_string();
        assert_eq!(message, "limits.cursor_timeout: expected more than zero");
    }
}

/// A key that is too long for a URL is read again, so the cursor becomes invalid with the resource or its value.
#[test]
fn long_keys_are_not_in_the_cursor() {
    let host = host();
    let name = |n: u32| format!("{}{n}", "x".repeat(5_000));
    let ids: Vec<String> = (0..6).map(|n| host.user(&name(n))).collect();
    let query = "/Users?sortBy=userName&count=1";
    let walk = pages(&host, query);
    assert_eq!(walk.iter().flat_map(self::ids).collect::<Vec<_>>(), ids);
    let cursor = |page: &Json| next(page).unwrap().to_owned();
    assert!(walk[..5].iter().all(|page| cursor(page).len() < 200));
    host.patch(&format!("/Users/{}", ids[0]), &json!([{"op": "add", "path": "title", "value": "Boss"}]));
    assert_eq!(self::ids(&page(&host, query, &cursor(&walk[0]))), [ids[1].as_str()], "its place is the same");
    host.patch(&format!("/Users/{}", ids[1]), &json!([{"op": "replace", "path": "userName", "value": "a"}]));
    refused(&host, &format!("{query}&cursor={}", cursor(&walk[1])), "expiredCursor");
    host.delete(&format!("/Users/{}", ids[2]));
    refused(&host, &format!("{query}&cursor={}", cursor(&walk[2])), "expiredCursor");
    assert_eq!(self::ids(&page(&host, query, &cursor(&walk[3]))), [ids[4].as_str()]);
}

/// Shows each caller the users with the caller's title, and all users to a caller without a name.
#[derive(Debug)]
struct ByTitle;

impl Policy for ByTitle {
    fn access(&self, context: &RequestContext, _: Action, resource_type: &Arc<ResourceType>) -> Result<Access, Error> {
        let Some(title) = context.actor().filter(|_| resource_type.name() == "User") else { return Ok(Access::full()) };
        let filter: Filter = format!("title eq \"{title}\"").parse().unwrap();
        let scope: Matcher = filter.compile(resource_type, &mut Tolerance::new(Quirks::default()))?;
        Ok(Access::full().with_scope(scope))
    }
}

/// 9865-5.2-01, 9865-5.2-02, 9865-5.2-03: neither the owner nor the maker of a cursor changes the caller's rights.
#[test]
fn a_cursor_grants_nothing() {
    for pushdown in [None, Some(Pushdown::No)] {
        let host = modest_under(pushdown, Limits::default(), ByTitle);
        fill(&host, 24);
        let clerk = RequestContext::new(TenantId::single()).with_actor("clerk");
        let own = |cursor: &str| {
            let reply = host.send_as(&clerk, "GET", &encoded(&format!("/Users?count=2&cursor={cursor}")), &[], b"");
            assert_eq!(reply.status, 200, "{}", reply.json());
            reply.json()
        };
        let all = pages(&host, "/Users?count=2");
        assert_eq!(all.len(), 12);
        for page in &all {
            let total = own("")["totalResults"].clone();
            for cursor in [next(page), previous(page)].into_iter().flatten() {
                let list = own(cursor);
                assert!(
                    list["Resources"].as_array().unwrap().iter().all(|user| {
                        user["title"].as_str().is_some_and(|title| title.eq_ignore_ascii_case("clerk"))
                    })
                );
                assert_eq!(list["totalResults"], total, "what is counted is what may be seen");
            }
        }
        // A forged cursor gives access to no more resources.
        for id in ["a", "id-000", "id-007", "id-999", "zzz"] {
            let cursor = forged("single", "User", 2, id);
            assert!(own(&cursor)["Resources"].as_array().unwrap().iter().all(|user| user["title"] != "Boss"));
            let stranger = RequestContext::new(TenantId::new("stranger").unwrap());
            let cursor = forged("stranger", "User", 2, id);
            let reply = host.send_as(&stranger, "GET", &format!("/Users?count=2&cursor={cursor}"), &[], b"");
            assert_eq!((reply.status, ids(&reply.json()).len()), (200, 0), "there is nothing of that tenant's");
        }
    }
}

/// 9865-5.2-05: no caller learns whether the resource that a cursor names exists.
#[test]
fn a_cursor_reveals_no_hidden_resource() {
    let provider = ServiceProvider::builder(Registry::standard(), MemoryStore::new(), BASE)
        .clock(Ticking::default())
        .ids(host::Counting::default())
        .policy(ByTitle)
        .build()
        .unwrap();
    let host = Host { provider, context: RequestContext::new(TenantId::single()) };
    for (n, title) in ["Boss", "clerk", "Boss", "clerk"].into_iter().enumerate() {
        let name = format!("{}{n}", "x".repeat(2_000));
        assert_eq!(host.post("/Users", &json!({"schemas": [USER], "userName": name, "title": title})).status, 201);
    }
    let query = "/Users?sortBy=userName&count=1";
    let walk = pages(&host, query);
    let clerk = RequestContext::new(TenantId::single()).with_actor("clerk");
    let own = |page: &Json| {
        host.send_as(&clerk, "GET", &encoded(&format!("{query}&cursor={}", next(page).unwrap())), &[], b"")
    };
    assert_eq!(ids(&own(&walk[1]).json()), ["id-004"]);
    let hidden = own(&walk[2]);
    assert_eq!(hidden.error(), (400, "expiredCursor".to_owned()));
    host.delete("/Users/id-003");
    assert_eq!(own(&walk[2]).body, hidden.body, "what is hidden is as what is gone");
}

/// 9865-5.2-01: no cursor has a value of a resource that the caller may not see, even if the core has read the
/// resource.
#[test]
fn a_cursor_contains_no_hidden_value() {
    let mut limits = Limits::default();
    limits.scan = 30;
    let host = modest_under(Some(Pushdown::No), limits, ByTitle);
    fill(&host, 30);
    let boss = RequestContext::new(TenantId::single()).with_actor("Boss");
    for query in ["/Users?sortBy=userName&count=2", "/Users?sortBy=userName&filter=active eq true&count=1"] {
        let (mut cursor, mut own, mut shown) = (String::new(), Vec::new(), String::new());
        loop {
            let page = host.send_as(&boss, "GET", &encoded(&format!("{query}&cursor={cursor}")), &[], b"").json();
            own.extend(
                page["Resources"].as_array().unwrap().iter().map(|it| it["userName"].as_str().unwrap().to_owned()),
            );
            shown.extend([next(&page), previous(&page)].into_iter().flatten().map(revealed));
            let Some(next) = next(&page) else { break };
            next.clone_into(&mut cursor);
        }
        assert!(own.len() > 1 && own.len() < 15, "{own:?}");
        let others = (0..101).map(|n| format!("user{n:03}")).filter(|name| !own.contains(name));
        let leaked: Vec<String> = others.filter(|name| shown.contains(name)).collect();
        assert!(leaked.is_empty(), "{query}: {leaked:?}");
        assert!(shown.contains("user"), "the test finds what is there");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any text sent as a cursor, also with a correct checksum, gives a page or a refusal.
    #[test]
    fn no_cursor_does_harm(text in "[A-Za-z0-9_-]{0,60}|\\PC{0,20}", resource_type in 0..10_u8, place in any::<Vec<u8>>()) {
        let host = host();
        fill(&host, 5);
        let mut place = place;
        place.insert(0, resource_type);
        let by = |sort: &'static str| ["single", "User", "0", "", "1", sort, "ascending", "0", "0"];
        let tokens = [
            ("/Users?count=2", text),
            ("/Users?count=2", forged_with(["single", "User", "0", "", "0", "", "ascending", "0", "0"], 2, &place)),
            ("/Users?count=2&sortBy=title", forged_with(by("title"), 2, &place)),
            ("/Users?count=2&sortBy=active", forged_with(by("active"), 2, &place)),
            ("/Users?count=2&sortBy=meta.created", forged_with(by("meta.created"), 2, &place)),
            ("/?count=2", forged_with(["single", "", "0", "", "0", "", "ascending", "0", "0"], 2, &place)),
        ];
        let before = host.everything();
        for (query, token) in tokens {
            let reply = host.get(&format!("{query}&cursor={}", token.replace(['&', '#'], "")));
            if reply.status != 200 {
                let (status, keyword) = reply.error();
                prop_assert!(status == 400 && ["invalidCursor", "expiredCursor"].contains(&&*keyword), "{keyword}");
            }
        }
        prop_assert_eq!(host.everything(), before);
    }
}

/// 9865-5.2-04: with a key no other party can make a cursor; keys can be changed during walks.
#[cfg(feature = "signed-cursors")]
#[test]
fn a_key_seals_cursors_and_can_be_changed() {
    use scim_core::provider::CursorKey;

    let host = |keys: &[u8]| {
        let builder = ServiceProvider::builder(Registry::standard(), MemoryStore::new(), BASE)
            .clock(Ticking::default())
            .ids(host::Counting::default());
        let builder = keys.iter().fold(builder, |it, key| it.cursor_key(CursorKey::new(&[*key; 32]).unwrap()));
        let host = Host { provider: builder.build().unwrap(), context: RequestContext::new(TenantId::single()) };
        fill(&host, 12);
        host
    };
    let [open, one, twin, both, two] = [&[][..], &[1], &[1], &[2, 1], &[2]].map(host);
    let query = "/Users?count=2&sortBy=userName";
    let cursor = |host: &Host<MemoryStore>| next(&page(host, query, "")).unwrap().to_owned();
    let target = |cursor: &str| format!("{query}&cursor={cursor}");
    let mine = cursor(&one);
    let expected = ids(&page(&one, query, &mine));
    assert_eq!(ids(&page(&twin, query, &mine)), expected, "another instance with the key");
    assert_eq!(ids(&page(&both, query, &mine)), expected, "one that has a newer key, too");
    for host in [&open, &two] {
        refused(host, &target(&mine), "invalidCursor");
    }
    let theirs = cursor(&both);
    assert_eq!(ids(&page(&two, query, &theirs)), expected, "the first key makes them");
    refused(&one, &target(&theirs), "invalidCursor");
    for (index, altered) in altered(&mine) {
        assert_eq!(one.get(&target(&altered)).error(), (400, "invalidCursor".to_owned()), "{index}");
    }
    refused(&one, &target(&cursor(&open)), "invalidCursor");
    refused(&one, &format!("/Users?count=2&cursor={}", forged("single", "User", 2, "id-003")), "invalidCursor");
    assert_eq!(open.get(&format!("/Users?count=2&cursor={}", forged("single", "User", 2, "id-003"))).status, 200);
    assert_eq!(pages(&both, query).iter().flat_map(ids).count(), 12);
}

/// 9865-2.1-03: a walk continues behind the last value of its page, whatever the type of the attribute.
#[test]
fn a_walk_continues_behind_a_value_of_any_type() {
    let host = host::host_of(crate::fixture::documents::registry());
    let badge = crate::fixture::documents::BADGE;
    for n in 0..9_i64 {
        let number = n * 7 % 5;
        let mut body = json!({"schemas": [USER, badge], "userName": format!("u{n}"), "active": n % 2 == 0, badge: {
            "number": number * 10 + n, "weight": f64::from(i32::try_from(n * 7 % 9).unwrap()) / 2.0,
            "issued": format!("2020-01-0{}T00:00:00Z", 1 + number), "lost": n % 3 == 0, "serial": format!("S{number}{n}")}});
        if n == 4 {
            body = json!({"schemas": [USER], "userName": "bare"});
        }
        let reply = host.post("/Users", &body);
        assert_eq!(reply.status, 201, "{}", reply.json());
    }
    for by in ["number", "weight", "issued", "lost", "serial"] {
        for order in ["ascending", "descending"] {
            let query = format!("/Users?sortBy={badge}:{by}&sortOrder={order}");
            let all = ids(&host.get(&query).json());
            assert_eq!(all.len(), 9);
            let walk = pages(&host, &format!("{query}&count=2"));
            assert_eq!(walk.iter().flat_map(ids).collect::<Vec<_>>(), all, "{query}");
        }
    }
}

/// 9865-2-12: a forged key that is not of the type of the sorted attribute makes the cursor invalid.
#[test]
fn a_key_of_another_type_is_no_place_in_an_order() {
    let host = host();
    fill(&host, 5);
    let (no_value, truth, integer) = (vec![1], vec![3], [&[4][..], &7_i64.to_be_bytes()].concat());
    let text = [&[7, 1][..], b"b"].concat();
    let time = [&[6][..], &1_i64.to_be_bytes(), &0_u32.to_be_bytes()].concat();
    for (by, own) in [("title", &text), ("active", &truth), ("meta.created", &time)] {
        for key in [&no_value, &truth, &integer, &text, &time] {
            let place = [&key[..], &[0], b"id-003"].concat();
            let token = forged_with(["single", "User", "0", "", "1", by, "ascending", "0", "0"], 2, &place);
            let query = format!("/Users?count=2&sortBy={by}&cursor={token}");
            if key == own || *key == no_value {
                assert_eq!(host.get(&query).status, 200, "{by}: {key:?}");
            } else {
                refused(&host, &query, "invalidCursor");
            }
        }
    }
}
