//! Queries at the base URL: the resources of all types in one list, with one total and one order (RFC 7644 §3.4.2.1,
//! §3.4.3).

use std::sync::Arc;

use crate::fixture::host::{BASE, ENTERPRISE, GROUP, Host, LIST, USER, encoded, host, host_of, now};
use crate::fixture::modest::{modest, modest_under, modest_with};
use scim_core::{
    error::Error,
    limits::Limits,
    message::SearchRequest,
    provider::{Access, Action, Policy},
    schema::{Attribute, AttributeType, Registry, ResourceType, Schema},
    store::{Capabilities, MemoryStore, Pushdown, RequestContext, Store, TenantId},
};
use serde_json::{Value as Json, json};

const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
const ROBOT: &str = "urn:example:scim:schemas:robot:1.0:Robot";

/// `a-1` and so on, where the letter is that of the name.
fn fill<S: Store>(host: &Host<S>) {
    let user = |name: &str, display: Option<&str>, active: bool| {
        let mut body = json!({"schemas": [USER], "userName": name, "active": active});
        if let Some(display) = display {
            body["displayName"] = json!(display);
        }
        assert_eq!(host.post("/Users", &body).status, 201);
    };
    let group = |name: &str, members: &[&str]| {
        let members: Vec<Json> = members.iter().map(|id| json!({"value": id})).collect();
        let body = json!({"schemas": [GROUP], "displayName": name, "members": members});
        assert_eq!(host.post("/Groups", &body).status, 201);
    };
    user("ann", Some("Mallory"), true);
    group("beta", &["id-001"]);
    user("bob", None, false);
    group("Zeta", &["id-003"]);
    user("cid", Some("alpha"), true);
    group("mallory", &[]);
}

fn ids(list: &Json) -> String {
    let resources = list["Resources"].as_array().unwrap_or_else(|| panic!("{list}")).iter();
    let ids: Vec<&str> =
        resources.map(|resource| resource["id"].as_str().unwrap().trim_start_matches("id-00")).collect();
    ids.join(" ")
}

/// Users are 1, 3 and 5; groups are 2, 4 and 6. 7644-3.4.2.1-02, 7644-3.4.2.1-03, 7644-3.4.2.1-05, 7644-3.4.3-07.
const QUERIES: &[(&str, u64, &str)] = &[
    ("", 6, "1 3 5 2 4 6"),
    ("count=2", 6, "1 3"),
    ("startIndex=3&count=2", 6, "5 2"),
    ("startIndex=5&count=9", 6, "4 6"),
    ("startIndex=7", 6, ""),
    ("startIndex=99&sortBy=displayName", 6, ""),
    ("count=0", 6, ""),
    ("count=0&sortBy=displayName", 6, ""),
    ("sortOrder=descending", 6, "1 3 5 2 4 6"),
    ("sortBy=displayName", 6, "5 2 1 6 4 3"),
    ("sortBy=displayName&sortOrder=descending", 6, "3 4 1 6 2 5"),
    ("sortBy=displayName&startIndex=3&count=2", 6, "1 6"),
    ("sortBy=userName", 6, "1 3 5 2 4 6"),
    ("sortBy=userName&sortOrder=descending", 6, "2 4 6 5 3 1"),
    ("sortBy=userName&sortOrder=descending&startIndex=2&count=3", 6, "4 6 5"),
    ("sortBy=id&sortOrder=descending", 6, "6 5 4 3 2 1"),
    ("sortBy=meta.created", 6, "1 2 3 4 5 6"),
    ("sortBy=meta.resourceType", 6, "2 4 6 1 3 5"),
    ("sortBy=meta.resourceType&sortOrder=descending&count=4", 6, "1 3 5 2"),
    ("sortBy=meta.location", 6, "2 4 6 1 3 5"),
    ("sortBy=groups.display", 6, "1 3 2 4 5 6"),
    ("filter=displayName eq \"MALLORY\"", 2, "1 6"),
    ("filter=displayName sw \"m\" or userName eq \"bob\"", 3, "1 3 6"),
    ("filter=userName eq \"ann\"", 1, "1"),
    ("filter=userName ne \"ann\"", 5, "3 5 2 4 6"),
    ("filter=not (userName eq \"ann\")", 5, "3 5 2 4 6"),
    ("filter=userName pr", 3, "1 3 5"),
    ("filter=not (userName pr)", 3, "2 4 6"),
    ("filter=members pr", 2, "2 4"),
    ("filter=emails[type eq \"work\"]", 0, ""),
    ("filter=not (emails[type eq \"work\"])", 6, "1 3 5 2 4 6"),
    ("filter=urn:ietf:params:scim:schemas:core:2.0:Group:displayName pr", 3, "2 4 6"),
    ("filter=urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department pr", 0, ""),
    ("filter=meta.resourceType eq \"Group\"", 3, "2 4 6"),
    ("filter=meta.resourceType eq \"User\" and displayName pr&sortBy=displayName", 2, "5 1"),
    ("filter=(meta.resourceType eq \"User\") or (meta.resourceType eq \"Group\")&startIndex=3&count=2", 6, "5 2"),
    ("filter=groups.display eq \"beta\" or members.value eq \"id-003\"", 2, "1 4"),
    ("filter=id eq \"id-004\"", 1, "4"),
];

#[test]
fn all_types_are_one_list() {
    let full = host();
    let modest = [
        modest(Some(Pushdown::No), false, false, Limits::default()),
        modest(None, false, true, Limits::default()),
        modest(Some(Pushdown::Superset), true, false, Limits::default()),
    ];
    fill(&full);
    modest.iter().for_each(fill);
    for (query, total, expected) in QUERIES {
        let list = full.get(&format!("/?{query}")).json();
        assert_eq!((list["totalResults"].as_u64(), &*ids(&list)), (Some(*total), *expected), "{query}: {list}");
        assert_eq!(list["schemas"], json!([LIST]));
        for host in &modest {
            assert_eq!(host.get(&format!("/?{query}")).json(), list, "{query}");
        }
        let mut body = json!({"schemas": [SEARCH]});
        for (name, value) in query.split('&').filter_map(|part| part.split_once('=')) {
            body[name] = value.parse::<i64>().map_or_else(|_| json!(value), Json::from);
        }
        assert_eq!(full.post("/.search", &body).json(), list, "{query}");
    }
    for target in ["", "/", "/v2", "/v2/", "?count=6"] {
        assert_eq!(ids(&full.get(target).json()), "1 3 5 2 4 6", "{target}");
    }
}

/// 7644-3.4.2.1-05, A-33: an attribute that no type has is unknown; an attribute that one type keeps secret is
/// refused.
#[test]
fn attributes_that_no_type_has_or_one_type_hides_are_refused() {
    let host = host();
    fill(&host);
    for (query, status, keyword) in [
        ("filter=shoeSize eq 1", 400, "invalidFilter"),
        ("filter=userName eq \"a\" or shoeSize pr", 400, "invalidFilter"),
        ("filter=userName zz 1", 400, "invalidFilter"),
        ("filter=password pr", 403, "sensitive"),
        ("filter=meta.resourceType eq \"Group\" and password eq \"x\"", 403, "sensitive"),
        ("sortBy=password", 403, "sensitive"),
        ("sortBy=shoeSize", 400, "invalidValue"),
        ("sortBy=name", 400, "invalidValue"),
        ("sortBy=[", 400, "invalidValue"),
        ("attributes=id&excludedAttributes=meta&count=x", 400, "invalidValue"),
    ] {
        host.refused("GET", &format!("/?{query}"), b"", status, keyword);
    }
    for (body, keyword) in [
        (json!({"schemas": [SEARCH], "filter": "password pr"}), "invalidFilter"),
        (json!({"schemas": [SEARCH], "sortBy": "password"}), "invalidValue"),
        (json!({"schemas": [SEARCH], "filter": "shoeSize pr"}), "invalidFilter"),
        (json!({"schemas": ["urn:x"]}), "invalidSyntax"),
    ] {
        host.refused("POST", "/.search", body.to_string().as_bytes(), 400, keyword);
    }
}

/// An attribute name with different types in two resource types has no common order.
#[test]
fn keys_of_one_order_have_one_type() {
    let schema = Schema::new(ROBOT, "Robot")
        .with_attribute(Attribute::new("displayName", AttributeType::String).case_exact())
        .with_attribute(Attribute::new("userName", AttributeType::Integer));
    let registry = Registry::builder()
        .resource_type(ResourceType::builder("Robot", "Robots", schema).build().unwrap())
        .resource_type(ResourceType::user().unwrap())
        .build()
        .unwrap();
    let host = host_of(registry);
    let user = |name: &str| {
        assert_eq!(host.post("/Users", &json!({"schemas": [USER], "userName": name, "displayName": name})).status, 201);
    };
    user("B");
    for name in ["b", "B", "C"] {
        assert_eq!(host.post("/Robots", &json!({"schemas": [ROBOT], "displayName": name})).status, 201);
    }
    user("C");
    host.refused("GET", "/?sortBy=userName", b"", 400, "invalidValue");
    // By code point of the compared form: exact for robots, folded for users.
    let expected = "3 4 1 2 5";
    assert_eq!(ids(&host.get("/?sortBy=displayName").json()), expected);
    let (mut met, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = host.get(&format!("/?sortBy=displayName&count=1&cursor={cursor}")).json();
        met.push(ids(&page));
        let Some(next) = page["nextCursor"].as_str() else { break };
        next.clone_into(&mut cursor);
    }
    assert_eq!(met.join(" "), expected);
}

#[test]
fn each_type_is_shown_as_it_is() {
    let host = host();
    fill(&host);
    let list = host.get("/?attributes=userName,members.value&filter=id eq \"id-001\" or id eq \"id-002\"").json();
    assert_eq!(
        list["Resources"],
        json!([
            {"schemas": [USER], "id": "id-001", "userName": "ann"},
            {"schemas": [GROUP], "id": "id-002", "members": [{"value": "id-001"}]},
        ])
    );
    let list = host.get("/?excludedAttributes=members,userName,groups,active&count=4").json();
    for resource in list["Resources"].as_array().unwrap() {
        assert!(["members", "userName", "groups", "active"].iter().all(|name| resource.get(name).is_none()));
        assert!(resource["meta"]["location"].as_str().unwrap().starts_with(BASE));
    }
    // Derived attributes are the same as in a single read.
    let list = host.get("/").json();
    for resource in list["Resources"].as_array().unwrap() {
        let own = host.get(resource["meta"]["location"].as_str().unwrap().trim_start_matches(BASE)).json();
        assert_eq!(*resource, own);
    }
    assert_eq!(host.get(&format!("/?attributes={ENTERPRISE}:manager")).json()["totalResults"], 6);
}

/// 7644-3.4.2.1-03: a type that the filter leaves out is not read.
#[test]
fn a_type_that_cannot_match_is_not_read() {
    let host = modest_with(None, MemoryStore::new().capabilities(), Limits::default());
    fill(&host);
    let read = |query: &str| {
        let scans = &host.provider.store().scans;
        scans.lock().unwrap().clear();
        // Without `attributes=id` the core would also read the groups of each user.
        let query = format!("{query}&attributes=id");
        assert_eq!(host.get(&query).status, 200, "{query}");
        let mut resource_types: Vec<String> =
            scans.lock().unwrap().iter().map(|(resource_type, _)| resource_type.clone()).collect();
        resource_types.dedup();
        resource_types.join(" ")
    };
    for more in ["", "&cursor=", "&sortBy=displayName", "&sortBy=displayName&cursor=", "&cursor&count=0"] {
        assert_eq!(read(&format!("/?filter=meta.resourceType eq \"User\"{more}")), "User", "{more}");
        assert_eq!(read(&format!("/?filter=meta.resourceType eq \"Group\" and id pr{more}")), "Group", "{more}");
        assert_eq!(read(&format!("/?filter=members pr{more}")), "Group", "{more}");
        assert_eq!(read(&format!("/?filter=meta.resourceType eq \"Robot\"{more}")), "", "{more}");
    }
    // A page that the first type fills has read only the number of resources of the other types.
    assert_eq!(read("/?cursor=&count=2"), "User Group");
    assert!(
        host.provider
            .store()
            .scans
            .lock()
            .unwrap()
            .iter()
            .all(|(resource_type, read)| resource_type == "User" || *read == 0)
    );
}

/// The scan limit also holds for several types together.
#[test]
fn the_scan_limit_bounds_all_types_together() {
    let mut limits = Limits::default();
    limits.scan = 3;
    let host = modest_with(None, MemoryStore::new().capabilities(), limits.clone());
    fill(&host);
    assert_eq!(ids(&host.get("/?sortBy=displayName&count=3").json()), "5 2 1");
    assert_eq!(ids(&host.get("/?sortBy=displayName&startIndex=4").json()), "6 4 3", "three of each are all");
    host.user("dan");
    host.refused("GET", "/?sortBy=displayName&startIndex=4", b"", 400, "tooMany");
    assert_eq!(ids(&host.get("/?sortBy=displayName&startIndex=8").json()), "", "there is nothing there");
    assert_eq!(ids(&host.get("/?startIndex=4").json()), "7 2 4 6", "unsorted, nothing is read in vain");
    let host = modest_with(Some(Pushdown::No), Capabilities::new(), limits);
    fill(&host);
    assert_eq!(host.get("/?filter=id pr").json()["totalResults"], 6);
    host.user("dan");
    host.refused("GET", "/?filter=id pr", b"", 400, "tooMany");
}

/// Hides groups from some callers, and everything from others.
#[derive(Debug)]
struct ByActor;

impl Policy for ByActor {
    fn access(
        &self,
        context: &RequestContext,
        action: Action,
        resource_type: &Arc<ResourceType>,
    ) -> Result<Access, Error> {
        assert!(action != Action::Search || context.actor() != Some("nobody") || resource_type.name() != "Robot");
        match (context.actor(), resource_type.name()) {
            (Some("nobody"), _) => Err(Error::new(403, "nothing is permitted")),
            (Some("users"), "Group") => Err(Error::new(403, "no groups are permitted")),
            (Some("blind"), "User") => Ok(Access::full().with_hidden(resource_type, &["userName", "displayName"])),
            (Some("broken"), "Group") => Err(Error::new(503, "not now")),
            _ => Ok(Access::full()),
        }
    }
}

/// 9865-5.2-02, 7644-3.4.2.1-02: the policy decides for each type separately.
#[test]
fn policies_decide_for_each_type() {
    let host = modest_under(None, Limits::default(), ByActor);
    fill(&host);
    let get = |actor: &'static str, target: &str| {
        let context = RequestContext::new(TenantId::single()).with_actor(actor);
        host.send_as(&context, "GET", &encoded(target), &[], b"")
    };
    for query in ["/", "/?sortBy=displayName", "/?sortBy=displayName&cursor="] {
        let list = get("users", query).json();
        assert_eq!((list["totalResults"].as_u64(), ids(&list).len()), (Some(3), 5), "{query}");
    }
    assert_eq!(get("nobody", "/").error(), (403, String::new()));
    assert_eq!(get("broken", "/").error(), (503, String::new()));
    assert_eq!(get("users", "/?filter=members pr").error(), (400, "invalidFilter".to_owned()));
    assert_eq!(get("blind", "/?filter=userName pr").error(), (400, "invalidFilter".to_owned()));
    assert_eq!(ids(&get("blind", "/?filter=displayName pr").json()), "2 4 6");
    assert_eq!(ids(&get("blind", "/?sortBy=displayName").json()), "2 6 4 1 3 5");
    assert!(!String::from_utf8(get("blind", "/").body).unwrap().contains("alpha"));
    // A caller that sees less and uses the cursor of a caller that sees more gets only its own resources.
    let all = host.get("/?count=4&cursor=").json();
    let cursor = all["nextCursor"].as_str().unwrap();
    let own = get("users", &format!("/?count=4&cursor={cursor}"));
    assert_eq!(own.error(), (400, "invalidCursor".to_owned()));
    let all = host.get("/?count=2&cursor=").json();
    let own = get("users", &format!("/?count=2&cursor={}", all["nextCursor"].as_str().unwrap())).json();
    assert_eq!((ids(&own), own["totalResults"].as_u64(), own.get("nextCursor")), ("5".to_owned(), None, None));
}

/// The same query as a function of the provider.
#[test]
fn a_host_can_search_all_types() {
    let host = host();
    fill(&host);
    let mut request = SearchRequest::default();
    (request.count, request.cursor) = (Some(4), Some("".into()));
    let page = now(host.provider.search_all(&host.context, &request)).unwrap();
    let resource_types: Vec<&str> = page.resources().map(|(resource, _)| resource.resource_type().name()).collect();
    assert_eq!(resource_types, ["User", "User", "User", "Group"]);
    assert_eq!((page.total(), page.start_index(), page.previous_cursor()), (None, None, None));
    request.cursor = page.next_cursor().map(Into::into);
    let page = now(host.provider.search_all(&host.context, &request)).unwrap();
    assert_eq!((page.resources().len(), page.next_cursor()), (2, None));
    assert!(page.previous_cursor().is_some());
}

/// RFC 7644 §3.4.2.3: resources of several types are sorted by an attribute whose values can be compared: text and URIs
/// can, text and numbers cannot.
#[test]
fn an_attribute_of_comparable_types_sorts_all_types() {
    let host = |kinds: &[(&str, AttributeType)]| {
        let builder = kinds.iter().fold(Registry::builder(), |builder, (name, kind)| {
            let schema =
                Schema::new(format!("urn:example:{name}"), *name).with_attribute(Attribute::new("label", *kind));
            builder.resource_type(ResourceType::builder(name, &format!("{name}s"), schema).build().unwrap())
        });
        let host = host_of(builder.build().unwrap());
        for (number, (name, kind)) in kinds.iter().enumerate() {
            let label = match kind {
                AttributeType::String | AttributeType::Reference => json!(format!("l{}", 9 - number)),
                _ => json!(number),
            };
            let body = json!({"schemas": [format!("urn:example:{name}")], "label": label});
            assert_eq!(host.post(&format!("/{name}s"), &body).status, 201);
        }
        host
    };
    let (text, uri) = (AttributeType::String, AttributeType::Reference);
    let (whole, decimal) = (AttributeType::Integer, AttributeType::Decimal);
    let found = host(&[("A", text), ("B", uri), ("C", text)]).get("/?sortBy=label").json();
    let labels: Vec<&str> =
        found["Resources"].as_array().unwrap().iter().map(|it| it["label"].as_str().unwrap()).collect();
    assert_eq!(labels, ["l7", "l8", "l9"]);
    for kinds in [[("A", text), ("B", whole)], [("A", whole), ("B", decimal)], [("A", whole), ("B", uri)]] {
        host(&kinds).refused("GET", "/?sortBy=label", b"", 400, "invalidValue");
    }
}
