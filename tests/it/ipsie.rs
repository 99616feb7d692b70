//! The requirements of the IPSIE profile for SCIM (draft 00) that the core fulfills, and the page of the manual that
//! lists them.

use std::{collections::BTreeSet, fs, path::Path};

use crate::fixture::host::{GROUP, Host, USER, host, host_of, host_with};
use scim_core::{
    limits::Limits,
    quirks::Quirks,
    schema::{Registry, ResourceType, Schema},
    store::MemoryStore,
};
use serde_json::{Value as Json, json};

/// The rows of all tables of the page: requirement, answer, proof.
fn rows() -> Vec<[&'static str; 3]> {
    let page = include_str!("../../src/manual/ipsie.md");
    let lines = page.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let cells = lines.map(|line| line.split(" | ").collect::<Vec<_>>());
    let rows = cells.filter_map(|cells| <[&str; 3]>::try_from(cells).ok());
    rows.filter(|[first, ..]| !["requirement", "---"].contains(first)).collect()
}

/// The names in code style that are paths of tests, such as `list::queries::a_list_states_its_page`.
fn tests_in(cell: &str) -> Vec<&str> {
    let code = cell.split('`').skip(1).step_by(2);
    let is_path =
        |text: &&str| text.contains("::") && text.chars().all(|c| c.is_ascii_lowercase() || "_:0123456789".contains(c));
    code.filter(is_path).collect()
}

/// Each requirement has one of three answers; a requirement that is built in names its tests; and each named test
/// exists.
#[test]
fn the_page_names_tests_that_exist() {
    let rows = rows();
    assert!(rows.len() >= 38, "{} rows", rows.len());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let mut wrong = Vec::new();
    for [requirement, answer, proof] in &rows {
        let tests = tests_in(proof);
        match *answer {
            "built in" if tests.is_empty() => wrong.push(format!("{requirement} names no test")),
            "built in" | "host" | "not supported" => {}
            other => wrong.push(format!("{requirement} has the answer {other}")),
        }
        for test in tests {
            let (module, name) = test.rsplit_once("::").unwrap();
            let file = root.join(format!("{}.rs", module.replace("::", "/")));
            let text = fs::read_to_string(&file).unwrap_or_default();
            let is_there = text.match_indices(&format!("fn {name}()")).any(|(at, _)| {
                let before = text[..at].trim_end();
                before.ends_with("#[test]")
            });
            if !is_there {
                wrong.push(format!("{test} is no test"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Proves that the search finds tests.
    let named: BTreeSet<&str> = rows.iter().flat_map(|[_, _, proof]| tests_in(proof)).collect();
    assert!(named.contains("ipsie::one_patch_changes_several_attributes") && named.len() >= 20, "{named:?}");
}

fn created(host: &Host<MemoryStore>, endpoint: &str, body: &Json) -> String {
    let reply = host.post(endpoint, body);
    assert_eq!(reply.status, 201, "{}", reply.json());
    reply.id()
}

fn found(host: &Host<MemoryStore>, query: &str) -> Vec<String> {
    let reply = host.get(query);
    assert_eq!(reply.status, 200, "{query}: {}", reply.json());
    let list = reply.json();
    list["Resources"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn one_patch_changes_several_attributes() {
    let host = host();
    let target = format!("/Users/{}", host.user("ann"));
    let reply = host.patch(
        &target,
        &json!([
            {"op": "replace", "path": "displayName", "value": "Ann"},
            {"op": "add", "path": "title", "value": "Buyer"},
            {"op": "replace", "value": {"active": false, "name": {"givenName": "Ann"}}},
        ]),
    );
    let user = reply.json();
    assert_eq!((reply.status, &user["displayName"], &user["title"]), (200, &json!("Ann"), &json!("Buyer")));
    assert_eq!((&user["active"], &user["name"]["givenName"]), (&json!(false), &json!("Ann")));
    // If one operation fails, no attribute changes.
    let before = host.get(&target).json();
    let refused = host.patch(
        &target,
        &json!([
        {"op": "replace", "path": "title", "value": "Seller"}, {"op": "replace", "path": "active", "value": "maybe"}]),
    );
    assert_eq!((refused.status, host.get(&target).json()), (400, before));
}

#[test]
fn a_user_is_deactivated_reactivated_and_deleted() {
    let host = host();
    let target = format!("/Users/{}", host.user("ann"));
    for active in [false, true, false] {
        let reply = host.patch(&target, &json!([{"op": "replace", "path": "active", "value": active}]));
        assert_eq!((reply.status, &reply.json()["active"]), (200, &json!(active)));
        assert_eq!(host.get(&target).json()["active"], active);
        assert_eq!(found(&host, "/Users?filter=userName eq \"ann\"").len(), 1);
    }
    let taken = host.post("/Users", &json!({"schemas": [USER], "userName": "Ann"}));
    assert_eq!(taken.error(), (409, "uniqueness".to_owned()));
    assert_eq!(host.delete(&target).status, 204);
    assert_eq!(host.get(&target).status, 404);
    let again = host.user("ann");
    assert_ne!(format!("/Users/{again}"), target);
}

#[test]
fn the_filters_of_the_profile_find_users_and_groups() {
    let host = host();
    let user = |name: &str, type_of: &str| {
        created(
            &host,
            "/Users",
            &json!({"schemas": [USER], "userName": name, "externalId": format!("x-{name}"),
            "emails": [{"value": format!("{name}@example.com"), "type": type_of}]}),
        )
    };
    let (ann, bob) = (user("ann", "work"), user("bob", "home"));
    let guides = created(
        &host,
        "/Groups",
        &json!({"schemas": [GROUP], "displayName": "Guides", "externalId": "x-guides",
        "members": [{"value": ann}]}),
    );
    created(&host, "/Groups", &json!({"schemas": [GROUP], "displayName": "Others", "members": [{"value": bob}]}));
    for (endpoint, filter, expected) in [
        ("/Users", "username eq \"ANN\"", Some(&ann)),
        ("/Users", "externalId eq \"x-ann\"", Some(&ann)),
        ("/Users", "externalId eq \"x-ANN\"", None),
        ("/Users", "emails[value eq \"ann@example.com\"]", Some(&ann)),
        ("/Users", "emails[type eq \"work\" and value eq \"ann@example.com\"]", Some(&ann)),
        ("/Users", "emails[type eq \"work\" and value eq \"bob@example.com\"]", None),
        ("/Groups", "displayName eq \"guides\"", Some(&guides)),
        ("/Groups", "externalId eq \"x-guides\"", Some(&guides)),
        ("/Groups", &format!("members[value eq \"{ann}\"]"), Some(&guides)),
        ("/Groups", "members[value eq \"nobody\"]", None),
    ] {
        let expected: Vec<String> = expected.into_iter().cloned().collect();
        assert_eq!(found(&host, &format!("{endpoint}?filter={filter}")), expected, "{filter}");
    }
}

#[test]
fn a_registry_without_password_keeps_none() {
    let user = ResourceType::builder("User", "Users", Schema::user().without("password")).build().unwrap();
    let host = host_of(Registry::builder().resource_type(user).build().unwrap());
    let reply = host.post("/Users", &json!({"schemas": [USER], "userName": "ann", "password": "t1meMa$heen"}));
    assert_eq!(reply.status, 201);
    let schema = host.get(&format!("/Schemas/{USER}"));
    assert!(!String::from_utf8_lossy(&schema.body).contains("password"));
    let user = host.provider.registry().resource_type("User").unwrap();
    let key = scim_core::store::Key { resource_type: user, id: &reply.id() };
    let requested = scim_core::store::RequestedAttributes::everything();
    let stored = scim_core::store::Store::get(host.provider.store(), &host.context, key, &requested);
    let stored = crate::fixture::host::now(stored).unwrap().unwrap();
    assert!(!String::from_utf8(stored.resource.to_json()).unwrap().contains("t1meMa$heen"));
}

#[test]
fn pages_have_at_most_a_thousand_users() {
    assert!(Limits::default().page_max <= 1_000);
    let mut limits = Limits::default();
    limits.page_max = 3;
    let host = host_with(Registry::standard(), MemoryStore::new(), limits, Quirks::default());
    for number in 0..5 {
        host.user(&format!("user-{number}"));
    }
    let list = host.get("/Users?count=2000").json();
    assert_eq!((&list["itemsPerPage"], &list["totalResults"]), (&json!(3), &json!(5)));
}

#[test]
fn a_group_has_no_members_and_then_many() {
    let host = host();
    let ids: Vec<String> = (0..60).map(|number| host.user(&format!("user-{number}"))).collect();
    let group = created(&host, "/Groups", &json!({"schemas": [GROUP], "displayName": "Guides", "members": []}));
    let target = format!("/Groups/{group}");
    assert_eq!(host.get(&target).json()["members"], Json::Null);
    let add = |id: &String| json!({"op": "add", "path": "members", "value": [{"value": id}]});
    let all: Vec<Json> = ids.iter().map(add).collect();
    assert_eq!(host.patch(&target, &Json::from(all)).status, 200);
    let remove = |id: &String| json!({"op": "remove", "path": format!("members[value eq \"{id}\"]")});
    let most: Vec<Json> = ids.iter().skip(2).map(remove).collect();
    assert_eq!(host.patch(&target, &Json::from(most)).status, 200);
    let members = host.get(&target).json()["members"].as_array().unwrap().len();
    assert_eq!(members, 2);
    assert_eq!(found(&host, "/Groups?excludedAttributes=members"), [group]);
    assert_eq!(host.get("/Groups?excludedAttributes=members").json()["Resources"][0]["members"], Json::Null);
}
