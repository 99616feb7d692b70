//! A value that is hidden from a client stays unchanged, whatever the client writes; and the findings of an external
//! review of bulk.

use crate::fixture::host::{self, ENTERPRISE, GROUP, Host, PATCH, USER, host_under};
use base64::Engine as _;
use scim_core::{
    error::Error,
    filter::Filter,
    limits::Limits,
    provider::{Access, Action, Policy},
    quirks::{Quirks, Reading, Tolerance},
    schema::{Registry, ResourceType},
    store::{MemoryStore, RequestContext, TenantId},
};
use serde_json::{Value as Json, json};
use std::sync::Arc;

const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

fn admin() -> RequestContext {
    RequestContext::new(TenantId::single()).with_actor("administrator")
}

#[derive(Debug)]
struct Hiding(&'static [&'static str]);
impl Policy for Hiding {
    fn access(&self, context: &RequestContext, _: Action, resource_type: &Arc<ResourceType>) -> Result<Access, Error> {
        Ok(if context.actor() == Some("administrator") {
            Access::full()
        } else {
            Access::full().with_hidden(resource_type, self.0)
        })
    }
}
#[derive(Debug)]
struct Scoped;
impl Policy for Scoped {
    fn access(&self, context: &RequestContext, _: Action, resource_type: &Arc<ResourceType>) -> Result<Access, Error> {
        if context.actor() == Some("administrator") || resource_type.name() != "User" {
            return Ok(Access::full());
        }
        let mut t = Tolerance::new(Quirks::default());
        let f = Filter::parse("not (userName sw \"hidden\")", Reading::new(&Limits::default(), &mut t)).unwrap();
        Ok(Access::full().with_scope(f.compile(resource_type, &mut t).unwrap()))
    }
}
fn as_admin(host: &Host<MemoryStore>, method: &str, target: &str, body: &Json) -> Json {
    let body = if body.is_null() { vec![] } else { body.to_string().into_bytes() };
    host.send_as(&admin(), method, &host::encoded(target), &[], &body).json()
}
/// Creates a user with this value of `attribute` as the administrator; returns the user and its path.
fn ann(host: &Host<MemoryStore>, attribute: &str, value: &Json) -> (Json, String) {
    let made = as_admin(host, "POST", "/Users", &json!({"schemas": [USER], "userName": "ann", attribute: value}));
    let path = format!("/Users/{}", made["id"].as_str().unwrap());
    (made, path)
}
/// Checks that `attribute` is the same in the administrator's view before and after a client's change of another
/// attribute.
fn stays(hidden: &'static [&'static str], attribute: &str, value: &Json) {
    let host = host_under(Registry::standard(), Quirks::default(), Hiding(hidden));
    let (made, path) = ann(&host, attribute, value);
    let reply = host.patch(&path, &json!([{"op": "add", "path": "nickName", "value": "A"}]));
    assert_eq!(reply.status, 200, "{}", reply.json());
    assert_eq!(as_admin(&host, "GET", &path, &Json::Null)[attribute], made[attribute]);
}

#[test]
fn hidden_part_of_addresses_survives_a_patch_of_nick_name() {
    stays(
        &["addresses.country"],
        "addresses",
        &json!([{"type": "work", "locality": "Berlin", "country": "DE"}, {"type": "home", "locality": "Graz", "country": "AT"}]),
    );
}
#[test]
fn hidden_value_of_emails_survives() {
    stays(&["emails.value"], "emails", &json!([{"type": "work", "value": "a@example.com"}]));
}
#[test]
fn hidden_part_of_email_without_value_survives() {
    stays(
        &["emails.display"],
        "emails",
        &json!([{"type": "work", "display": "x"}, {"value": "b@example.com", "display": "y"}]),
    );
}
#[test]
fn element_with_only_hidden_survives() {
    stays(&["emails.display"], "emails", &json!([{"display": "x"}]));
}
#[test]
fn two_with_the_same_value_keep_their_own() {
    stays(
        &["emails.display"],
        "emails",
        &json!([{"type": "home", "value": "a@x.org", "display": "1"}, {"type": "work", "value": "a@x.org", "display": "2"}]),
    );
}
/// The same value twice: removing the first must not give its secret to the second.
#[test]
fn the_second_of_two_with_one_value_keeps_its_own() {
    for hidden in [&["emails.display"][..], &["emails.display", "title"]] {
        let host = host_under(Registry::standard(), Quirks::default(), Hiding(hidden));
        let (made, path) = ann(
            &host,
            "emails",
            &json!([
            {"type": "home", "value": "a@x.org", "display": "1"}, {"type": "work", "value": "a@x.org", "display": "2"}]),
        );
        let reply = host.patch(&path, &json!([{"op": "remove", "path": "emails[type eq \"home\"]"}]));
        assert_eq!(reply.status, 200);
        assert_eq!(as_admin(&host, "GET", &path, &Json::Null)["emails"], json!([made["emails"][1]]), "{hidden:?}");
    }
}
/// The order in which a client sends its values does not choose between the hidden parts of two values.
#[test]
fn the_first_of_two_with_one_value_counts_in_another_order() {
    let host = host_under(Registry::standard(), Quirks::default(), Hiding(&["emails.display"]));
    let (made, path) = ann(
        &host,
        "emails",
        &json!([
            {"type": "work", "value": "a@x.org", "display": "1"}, {"type": "other", "value": "b@x.org"},
            {"type": "home", "value": "a@x.org", "display": "2"}]),
    );
    let emails = json!([{"type": "other", "value": "b@x.org"}, {"type": "work", "value": "a@x.org"}]);
    let reply = host.put(&path, &json!({"schemas": [USER], "userName": "ann", "emails": emails}));
    assert_eq!(reply.status, 200);
    let expected = json!([{"type": "other", "value": "b@x.org"}, made["emails"][0]]);
    assert_eq!(as_admin(&host, "GET", &path, &Json::Null)["emails"], expected);
}
#[test]
fn adding_what_is_seen_already_is_no_second() {
    let host = host_under(Registry::standard(), Quirks::default(), Hiding(&["emails.display"]));
    let (made, path) = ann(&host, "emails", &json!([{"type": "home", "value": "a@x.org", "display": "1"}]));
    let reply =
        host.patch(&path, &json!([{"op": "add", "path": "emails", "value": [{"type": "home", "value": "a@x.org"}]}]));
    assert_eq!(reply.status, 200);
    assert_eq!(as_admin(&host, "GET", &path, &Json::Null)["emails"], made["emails"]);
}
#[test]
fn schemas_do_not_name_a_hidden_extension() {
    let host = host_under(
        Registry::standard(),
        Quirks::default(),
        Hiding(&["employeeNumber", "costCenter", "organization", "division", "department", "manager"]),
    );
    let made = as_admin(
        &host,
        "POST",
        "/Users",
        &json!({"schemas": [USER, ENTERPRISE], "userName": "ann", ENTERPRISE: {"employeeNumber": "1"}}),
    );
    let reply = host.get(&format!("/Users/{}", made["id"].as_str().unwrap()));
    assert!(!reply.json().to_string().contains("enterprise"), "{}", reply.json());
    let found = host.get(&format!("/Users?filter=schemas eq \"{ENTERPRISE}\"")).json();
    assert_eq!(found["totalResults"], 0, "{found}");
}

/// failOnErrors: the operations before the last error are done.
#[test]
fn operations_before_the_last_error_are_done() {
    let host = host::host();
    host.user("taken");
    let mut ops = vec![
        json!({"method": "POST", "path": "/Users", "bulkId": "x", "data": {"schemas": [USER], "userName": "taken"}}),
    ];
    for n in 1..=4 {
        ops.push(json!({"method": "POST", "path": "/Users", "bulkId": format!("a{n}"), "data": {"schemas": [USER], "userName": format!("a{n}")}}));
    }
    ops.push(json!({"method": "POST", "path": "/Groups", "bulkId": "c", "data": {"schemas": [GROUP], "displayName": "c", "members": [{"value": "bulkId:x"}]}}));
    ops.push(json!({"method": "POST", "path": "/Users", "bulkId": "z", "data": {"schemas": [USER], "userName": "z"}}));
    let reply = host.post("/Bulk", &json!({"schemas": [BULK], "failOnErrors": 2, "Operations": ops})).json();
    let got: Vec<_> = reply["Operations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| (o["bulkId"].as_str().unwrap().to_owned(), o["status"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(
        got.iter().map(|(b, s)| format!("{b}:{s}")).collect::<Vec<_>>(),
        ["x:409", "a1:201", "a2:201", "a3:201", "a4:201", "c:409"]
    );
}

fn hidden_user(host: &Host<MemoryStore>) -> String {
    as_admin(host, "POST", "/Users", &json!({"schemas": [USER], "userName": "hidden", "displayName": "Secret Name"}))["id"].as_str().unwrap().to_owned()
}
#[test]
fn a_path_that_is_no_reference_is_left_alone() {
    let host = host::host();
    let id = host
        .post(
            "/Users",
            &json!({"schemas": [USER], "userName": "ann", "emails": [{"value": "bulkId:x", "type": "work"}]}),
        )
        .id();
    let reply = host
        .post(
            "/Bulk",
            &json!({"schemas": [BULK], "Operations": [{"method": "PATCH", "path": format!("/Users/{id}"), "data":
        {"schemas": [PATCH], "Operations": [{"op": "remove", "path": "emails[value eq \"bulkId:x\"]"}]}}]}),
        )
        .json();
    assert_eq!(reply["Operations"][0]["status"], "200", "{reply}");
}
/// A cursor that is not signed reveals no id outside the caller's scope.
#[test]
fn an_unsigned_cursor_reveals_no_id_of_a_hidden_resource() {
    let host = host_under(Registry::standard(), Quirks::default(), Scoped);
    for n in 0..3 {
        host.user(&format!("u{n}"));
    }
    let id = hidden_user(&host);
    let mut target = "/Users?count=1&cursor=".to_owned();
    for _ in 0..12 {
        let page = host.get(&target).json();
        let Some(next) = page["nextCursor"].as_str() else { break };
        let out = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(next).unwrap();
        assert!(!String::from_utf8_lossy(&out).contains(&id), "{target}: {:?}", String::from_utf8_lossy(&out));
        target = format!("/Users?count=1&cursor={next}");
    }
}

/// A list of complex values is compared by its `value`: a hidden `value` must not be compared.
#[test]
fn a_hidden_value_is_not_what_its_list_stands_for() {
    let host = host_under(Registry::standard(), Quirks::default(), Hiding(&["emails.value", "emails.display"]));
    for (name, mail) in [("ann", "z@example.com"), ("bob", "a@example.com")] {
        as_admin(
            &host,
            "POST",
            "/Users",
            &json!({"schemas": [USER], "userName": name, "emails": [{"type": "work", "value": mail}]}),
        );
    }
    let mut wrong = Vec::new();
    for target in [
        "/Users?filter=emails eq \"a@example.com\"",
        "/Users?filter=emails sw \"a\"",
        "/?filter=emails eq \"a@example.com\"",
        "/Users?filter=emails[not (value eq \"x\")]",
        "/Users?sortBy=emails",
        "/?sortBy=emails",
        "/Users?sortBy=emails&cursor=&count=1",
    ] {
        let reply = host.get(target);
        if reply.status == 200 {
            wrong.push(format!("{target}: {}", reply.json()));
        }
    }
    for ops in [
        json!([{"op": "add", "path": "emails", "value": "new@example.com"}]),
        json!([{"op": "add", "path": "emails", "value": ["new@example.com"]}]),
        json!([{"op": "replace", "path": "emails[type eq \"work\"]", "value": "new@example.com"}]),
    ] {
        let before = as_admin(&host, "GET", "/Users", &Json::Null);
        let reply = host.patch("/Users/id-001", &ops);
        let after = as_admin(&host, "GET", "/Users", &Json::Null);
        if before != after {
            wrong.push(format!("{ops}: {} {}", reply.status, after["Resources"][0]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
/// An extension that is hidden as a whole cannot be seen or changed.
#[test]
fn an_extension_hidden_as_a_whole_stays_unseen_and_unchanged() {
    let host = host_under(
        Registry::standard(),
        Quirks::default(),
        Hiding(&["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]),
    );
    let made = as_admin(
        &host,
        "POST",
        "/Users",
        &json!({"schemas": [USER, ENTERPRISE], "userName": "ann", ENTERPRISE: {"employeeNumber": "7"}}),
    );
    let path = format!("/Users/{}", made["id"].as_str().unwrap());
    let seen = host.get(&path).json().to_string();
    assert!(!seen.contains("enterprise") && !seen.contains("employeeNumber"), "{seen}");
    for filter in [
        "employeeNumber eq \"7\"".to_owned(),
        format!("{ENTERPRISE}:employeeNumber eq \"7\""),
        format!("schemas eq \"{ENTERPRISE}\""),
    ] {
        let found = host.get(&format!("/Users?filter={filter}")).json();
        assert_ne!(found["totalResults"], 1, "{filter} {found}");
    }
    for p in [ENTERPRISE.to_owned(), format!("{ENTERPRISE}:employeeNumber"), "schemas".into()] {
        host.patch(&path, &json!([{"op": "remove", "path": p}]));
        assert_eq!(as_admin(&host, "GET", &path, &Json::Null)[ENTERPRISE], made[ENTERPRISE], "{p}");
    }
    host.put(&path, &json!({"schemas": [USER], "userName": "ann"}));
    assert_eq!(as_admin(&host, "GET", &path, &Json::Null)[ENTERPRISE], made[ENTERPRISE]);
}
/// bulkId of a resource of a type that the list does not refer to.
#[test]
fn members_of_a_wrong_type_are_refused() {
    use scim_core::schema::{Attribute, AttributeType, Schema};
    let device = ResourceType::builder(
        "Robot",
        "Robots",
        Schema::new("urn:x:Robot", "Robot").with_attribute(Attribute::new("name", AttributeType::String)),
    )
    .build()
    .unwrap();
    let registry = Registry::builder()
        .resource_type(ResourceType::user().unwrap())
        .resource_type(ResourceType::group().unwrap())
        .resource_type(device)
        .build()
        .unwrap();
    let host = host::host_of(registry);
    for circle in [false, true] {
        let mut robot = json!({"schemas": ["urn:x:Robot"], "name": "r"});
        let _ = &mut robot;
        let _ = circle;
        let reply = host.post("/Bulk", &json!({"schemas": [BULK], "Operations": [
            {"method": "POST", "path": "/Robots", "bulkId": "r", "data": robot},
            {"method": "POST", "path": "/Groups", "bulkId": "g", "data": {"schemas": [GROUP], "displayName": "g", "members": [{"value": "bulkId:r"}]}}]})).json();
        assert_eq!(reply["Operations"][1]["status"], "400", "{reply} {}", host.get("/Groups").json());
    }
}

/// A hidden sub-attribute in a request body is ignored; the attribute around it gets all its other values.
#[test]
fn the_rest_of_an_object_with_a_hidden_part_is_stored() {
    let host = host_under(Registry::standard(), Quirks::default(), Hiding(&["name.middleName"]));
    let rows = [
        (json!({"givenName": "Ann", "middleName": "mine"}), json!({"givenName": "Ann"})),
        (json!({"givenName": "Ann"}), json!({"givenName": "Ann"})),
        (json!({"middleName": "mine"}), Json::Null),
    ];
    for (number, (name, stored)) in rows.into_iter().enumerate() {
        let body = json!({"schemas": [USER], "userName": format!("user{number}"), "name": name});
        let reply = host.post("/Users", &body);
        assert_eq!(reply.status, 201, "{}", reply.json());
        let path = format!("/Users/{}", reply.id());
        assert_eq!(as_admin(&host, "GET", &path, &Json::Null)["name"], stored, "{name}");
    }
}

/// A value without an identity keeps its hidden part in a PUT if the client repeats all that it sees of the value at the
/// same place. The hidden part of a value that the client changes is gone with the value.
#[test]
fn a_value_that_a_put_repeats_keeps_its_hidden_part() {
    let host = host_under(Registry::standard(), Quirks::default(), Hiding(&["addresses.country"]));
    let addresses = json!([
        {"type": "work", "locality": "Berlin", "country": "DE"}, {"type": "home", "locality": "Graz", "country": "AT"}]);
    let body = json!({"schemas": [USER], "userName": "ann", "addresses": addresses});
    let made = as_admin(&host, "POST", "/Users", &body);
    let path = format!("/Users/{}", made["id"].as_str().unwrap());
    let put = |home: &str| {
        let seen = json!([{"type": "work", "locality": "Berlin"}, {"type": "home", "locality": home}]);
        let reply = host.put(&path, &json!({"schemas": [USER], "userName": "ann", "addresses": seen}));
        assert_eq!(reply.status, 200, "{}", reply.json());
        as_admin(&host, "GET", &path, &Json::Null)["addresses"].clone()
    };
    assert_eq!(put("Graz"), addresses);
    assert_eq!(put("Wien"), json!([addresses[0], {"type": "home", "locality": "Wien"}]));
}

/// RFC 7643 §3: `schemas` names the extensions of which the client sees data, whether or not other attributes are hidden.
#[test]
fn schemas_name_the_extensions_with_visible_data() {
    for (hidden, extension, named) in [
        (&["title"][..], json!({"department": "Tours"}), true),
        (&["employeeNumber"], json!({"department": "Tours", "employeeNumber": "1"}), true),
        (&["employeeNumber"], json!({"employeeNumber": "1"}), false),
    ] {
        let host = host_under(Registry::standard(), Quirks::default(), Hiding(hidden));
        let body = json!({"schemas": [USER, ENTERPRISE], "userName": "ann", ENTERPRISE: extension});
        let made = as_admin(&host, "POST", "/Users", &body);
        let reply = host.get(&format!("/Users/{}", made["id"].as_str().unwrap())).json();
        let expected = if named { json!([USER, ENTERPRISE]) } else { json!([USER]) };
        assert_eq!(reply["schemas"], expected, "{hidden:?} {extension}");
    }
}
