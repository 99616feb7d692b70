//! Queries: filter, order, pages, totals, with stores of many and of few capabilities (RFC 7644 §3.4.2, §3.4.3).

use crate::fixture::host::{ENTERPRISE, Host, LIST, USER, host, host_with};
use crate::fixture::modest::modest;
use scim_core::{
    limits::Limits,
    quirks::Quirks,
    schema::Registry,
    store::{MemoryStore, Pushdown, Store},
};
use serde_json::{Value as Json, json};

const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// Twelve users, two groups.
fn fill<S: Store>(host: &Host<S>) {
    const FAMILIES: [&str; 4] = ["Ärmel", "zorn", "Adam", "adam"];
    for n in 0..12 {
        let kind = if n % 3 == 0 { "work" } else { "home" };
        let mut body = json!({
            "schemas": [USER, ENTERPRISE], "userName": format!("User{:02}", 11 - n), "active": n % 2 == 0,
            "name": {"familyName": FAMILIES[n % 4]},
            "emails": [{"value": format!("u{n}@example.com"), "type": kind},
                       {"value": format!("p{:02}@example.org", 20 - n), "type": "other", "primary": n % 4 == 0}],
            ENTERPRISE: {"department": format!("D{}", n % 3)},
        });
        if n % 5 != 0 {
            body["title"] = json!(format!("Title {}", n % 5));
        }
        assert_eq!(host.post("/Users", &body).status, 201);
    }
    for (name, members) in [("Beta", ["id-002", "id-004"]), ("Alpha", ["id-004", "id-006"])] {
        let members: Vec<Json> = members.iter().map(|id| json!({"value": id})).collect();
        assert_eq!(host.post("/Groups", &json!({"displayName": name, "members": members})).status, 201);
    }
}

fn ids(list: &Json) -> Vec<String> {
    let resources = list["Resources"].as_array().unwrap().iter();
    resources.map(|resource| resource["id"].as_str().unwrap().trim_start_matches("id-0").to_owned()).collect()
}

/// Query, total, ids on the page. 7644-3.4.2-01, 7644-3.4.2-05, 7644-3.4.2-06, 7644-3.4.2-09, 7644-3.4.2.4-01,
/// 7644-3.4.2.4-02, 7644-3.4.2.4-03, 7644-3.4.2.4-04, 7644-3.4.2.3-01, 7644-3.4.2.3-05, 7644-3.4.2.3-07.
const QUERIES: &[(&str, u64, &str)] = &[
    ("", 12, "01 02 03 04 05 06 07 08 09 10 11 12"),
    ("startIndex=1&count=5", 12, "01 02 03 04 05"),
    ("startIndex=6&count=5", 12, "06 07 08 09 10"),
    ("startIndex=11&count=5", 12, "11 12"),
    ("startIndex=13&count=5", 12, ""),
    ("startIndex=900", 12, ""),
    ("startIndex=0&count=2", 12, "01 02"),
    ("startIndex=-7&count=2", 12, "01 02"),
    ("count=0", 12, ""),
    ("count=-3", 12, ""),
    ("sortBy=userName", 12, "12 11 10 09 08 07 06 05 04 03 02 01"),
    ("sortBy=userName&sortOrder=descending&count=3", 12, "01 02 03"),
    ("sortBy=userName&sortOrder=ascending&startIndex=3&count=2", 12, "10 09"),
    ("sortBy=title&count=4", 12, "02 07 12 03"),
    ("sortBy=title&startIndex=10", 12, "01 06 11"),
    ("sortBy=title&sortOrder=descending&count=4", 12, "01 06 11 05"),
    ("sortBy=name.familyName&count=7", 12, "03 04 07 08 11 12 02"),
    ("sortBy=emails&count=3", 12, "09 05 01"),
    ("sortBy=emails.value&sortOrder=descending&count=2", 12, "10 08"),
    ("sortBy=groups.display&count=3", 12, "06 02 04"),
    ("sortBy=groups.display&sortOrder=descending&startIndex=10", 12, "02 04 06"),
    ("sortBy=meta.location&sortOrder=descending&count=2", 12, "12 11"),
    ("sortBy=meta.created&sortOrder=descending&count=2", 12, "12 11"),
    ("filter=userName eq \"user03\"", 1, "09"),
    ("filter=userName eq \"nobody\"", 0, ""),
    ("filter=active eq true&count=2", 6, "01 03"),
    ("filter=active eq true and title pr&sortBy=title&count=3", 4, "07 03 09"),
    ("filter=emails[type eq \"work\" and value co \"@example.com\"]", 4, "01 04 07 10"),
    ("filter=not (title pr) or userName eq \"USER00\"", 4, "01 06 11 12"),
    ("filter=urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq \"d1\"", 4, "02 05 08 11"),
    ("filter=groups.display eq \"alpha\"", 2, "04 06"),
    ("filter=groups.display eq \"alpha\" and active eq false", 2, "04 06"),
    ("filter=groups.value pr&sortBy=userName", 3, "06 04 02"),
    ("filter=meta.location ew \"/Users/id-007\"", 1, "07"),
    ("filter=meta.version pr&count=1&startIndex=12", 12, "12"),
    ("filter=id eq \"id-005\" or externalId pr", 1, "05"),
    ("filter=meta.resourceType eq \"User\"&count=1", 12, "01"),
    ("filter=meta.resourceType eq \"Group\"", 0, ""),
];

/// The answers are the same, whatever the capabilities of the store.
#[test]
fn a_store_may_leave_the_work_to_the_core() {
    let limits = Limits::default;
    let full = host();
    fill(&full);
    let modest = [
        modest(None, true, true, limits()),
        modest(Some(Pushdown::No), true, true, limits()),
        modest(Some(Pushdown::Superset), true, true, limits()),
        modest(None, false, true, limits()),
        modest(None, true, false, limits()),
        modest(Some(Pushdown::Superset), false, false, limits()),
        modest(Some(Pushdown::No), false, false, limits()),
    ];
    modest.iter().for_each(fill);
    for (query, total, page) in QUERIES {
        let target = format!("/Users?{query}");
        let list = full.get(&target).json();
        assert_eq!(
            (list["totalResults"].as_u64(), ids(&list).join(" ").as_str()),
            (Some(*total), *page),
            "{query}: {list}"
        );
        for (index, host) in modest.iter().enumerate() {
            assert_eq!(host.get(&target).json(), list, "{query}, store {index}");
        }
    }
}

/// 7644-3.4.2-04, 7644-3.4.2-07, 7644-3.4.2-08, 7644-3.4.2.4-05, 7644-3.4.2.4-06.
#[test]
fn a_list_states_its_page() {
    let mut limits = Limits::default();
    (limits.page_default, limits.page_max) = (4, 6);
    let host = host_with(Registry::standard(), MemoryStore::new(), limits, Quirks::default());
    assert_eq!(
        host.get("/Users").json(),
        json!({"schemas": [LIST], "totalResults": 0, "startIndex": 1, "itemsPerPage": 0, "Resources": []}),
    );
    fill(&host);
    for (query, start, items) in [
        ("", 1, 4),
        ("?count=5", 1, 5),
        ("?count=600", 1, 6),
        ("?startIndex=11", 11, 2),
        ("?count=99999999999999999999", 1, 6),
    ] {
        let reply = host.get(&format!("/Users{query}"));
        let list = reply.json();
        assert_eq!(reply.status, 200, "{query}: {list}");
        assert_eq!((&list["startIndex"], &list["itemsPerPage"]), (&json!(start), &json!(items)), "{query}");
        assert_eq!(list["Resources"].as_array().unwrap().len(), items);
        assert_eq!(list["totalResults"], 12);
    }
}

/// 7644-3.1-02, 7644-3.4.3-01, 7644-3.4.3-02, 7644-3.4.3-03, 7644-3.4.3-04, 7644-3.4.3-05, 7644-3.4.3-06.
#[test]
fn a_search_by_post_is_the_same_query() {
    let host = host();
    fill(&host);
    for (query, total, page) in QUERIES {
        let mut body = json!({"schemas": [SEARCH]});
        for (name, value) in query.split('&').filter_map(|part| part.split_once('=')) {
            let number = value.parse::<i64>().ok().map(Json::from);
            body[name] = number.unwrap_or_else(|| json!(value));
        }
        let list = host.post("/Users/.search", &body).json();
        assert_eq!(
            (list["totalResults"].as_u64(), ids(&list).join(" ").as_str()),
            (Some(*total), *page),
            "{query}: {list}"
        );
        assert_eq!(list, host.get(&format!("/Users?{query}")).json());
    }
    let projected = host.post("/Users/.search", &json!({"schemas": [SEARCH], "attributes": ["userName"], "count": 1}));
    assert_eq!(
        projected.json()["Resources"][0],
        json!({"schemas": [USER, ENTERPRISE], "id": "id-001", "userName": "User11"})
    );
    let without = json!({"schemas": [SEARCH], "excludedAttributes": ["emails", "name"], "count": 1});
    let without = host.post("/Users/.search", &without).json();
    assert!(without["Resources"][0].get("emails").is_none() && without["Resources"][0].get("active").is_some());
    for (body, keyword) in [
        (json!({"schemas": [SEARCH], "filter": "userName"}), "invalidFilter"),
        (json!({"schemas": [SEARCH], "filter": "password eq \"x\""}), "invalidFilter"),
        (json!({"schemas": [SEARCH], "filter": 7}), "invalidSyntax"),
        (json!({"schemas": ["urn:x"], "filter": "id pr"}), "invalidSyntax"),
        (json!([]), "invalidSyntax"),
    ] {
        host.refused("POST", "/Users/.search", body.to_string().as_bytes(), 400, keyword);
    }
}

/// 7644-3.4.2-02, 7644-3.4.2.2-42, 7643-2.1-01.
#[test]
fn parameters_are_read_in_any_case_or_ignored() {
    let host = host();
    fill(&host);
    let all = host.get("/Users").json();
    for query in ["?x=y", "?Filter2=userName", "?&&", "?attributes=", "?excludedAttributes=&sortBy=", "?=1"] {
        assert_eq!(host.get(&format!("/Users{query}")).json(), all, "{query}");
    }
    for (query, same) in [
        ("?filter=", ""),
        ("?filter= &count=3", "?count=3"),
        ("?FILTER=USERNAME EQ \"user03\"", "?filter=userName eq \"user03\""),
        ("?SORTBY=USERNAME&sortorder=DESCENDING", "?sortBy=userName&sortOrder=descending"),
        ("?ATTRIBUTES=USERNAME", "?attributes=userName"),
    ] {
        assert_eq!(host.get(&format!("/Users{query}")).json(), host.get(&format!("/Users{same}")).json(), "{query}");
    }
    // A plus is a space, as in forms.
    let plus = host.send("GET", "/Users?filter=userName+eq+%22user03%22", &[], b"").json();
    assert_eq!(ids(&plus), ["09"]);
    for (query, keyword) in [
        ("filter=userName zz \"x\"", "invalidFilter"),
        ("filter=userName eq \"a\"&filter=userName eq \"b\"", "invalidValue"),
        ("startIndex=one", "invalidValue"),
        ("count=1.5", "invalidValue"),
        ("sortOrder=up", "invalidValue"),
        ("sortBy=name", "invalidValue"),
        ("sortBy=[", "invalidValue"),
    ] {
        host.refused("GET", &format!("/Users?{query}"), b"", 400, keyword);
    }
}

/// 7644-3.4.2.1-04, 7644-3.12-14: the core reads a bounded number of resources of a store that cannot evaluate a
/// filter.
#[test]
fn the_scan_limit_bounds_a_query() {
    let mut limits = Limits::default();
    limits.scan = 10;
    let host = modest(Some(Pushdown::No), true, true, limits);
    fill(&host);
    let reply = host.refused("GET", "/Users?filter=title pr", b"", 400, "tooMany");
    assert!(reply.json()["detail"].as_str().unwrap().contains("10"));
    assert_eq!(host.get("/Users?count=3").json()["totalResults"], 12, "without a filter it need not look");
    host.delete("/Users/id-001");
    host.delete("/Users/id-002");
    assert_eq!(host.get("/Users?filter=title pr").status, 200, "ten it may look at");
}

/// 7644-3.6-03 and the derived list: a deleted user is in no list.
#[test]
fn a_deleted_user_is_in_no_list() {
    let host = host();
    fill(&host);
    assert_eq!(host.delete("/Users/id-004").status, 204);
    let groups = host.get("/Groups?sortBy=displayName").json();
    let members: Vec<usize> = groups["Resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| group["members"].as_array().unwrap().len())
        .collect();
    assert_eq!(members, [1, 1]);
    assert_eq!(host.get("/Groups?filter=members.value eq \"id-004\"").json()["totalResults"], 0);
    assert_eq!(host.get("/Groups?filter=members eq \"id-006\"").json()["totalResults"], 1);
}

/// A filter on members that names no id finds the groups with such a member, and no other groups.
#[test]
fn a_filter_on_members_finds_groups_by_one_of_their_members() {
    let host = host();
    let ann = host.user("ann");
    let inner = host.post("/Groups", &json!({"displayName": "users", "members": [{"value": ann}]})).id();
    host.post("/Groups", &json!({"displayName": "groups", "members": [{"value": inner}]}));
    host.post("/Groups", &json!({"displayName": "both", "members": [{"value": ann}, {"value": inner}]}));
    host.post("/Groups", &json!({"displayName": "none"}));
    // The filter, and the names of the groups in their order.
    let rows: [(&str, &[&str]); 8] = [
        ("members.type eq \"User\"", &["both", "users"]),
        ("members.type eq \"Group\"", &["both", "groups"]),
        ("members.type eq \"Robot\"", &[]),
        ("members.value co \"nobody\"", &[]),
        ("members.value sw \"id-\"", &["both", "groups", "users"]),
        ("members.type pr", &["both", "groups", "users"]),
        ("not (members.type eq \"User\")", &["groups", "none"]),
        ("members[type eq \"Group\" and value sw \"id-\"]", &["both", "groups"]),
    ];
    for (filter, expected) in rows {
        let reply = host.get(&format!("/Groups?sortBy=displayName&filter={filter}"));
        assert_eq!(reply.status, 200, "{filter}: {}", reply.json());
        let resources = reply.json()["Resources"].as_array().cloned().unwrap_or_default();
        let names: Vec<&str> = resources.iter().filter_map(|group| group["displayName"].as_str()).collect();
        assert_eq!(names, expected, "{filter}");
    }
}
