//! Attributes with a default: assigned at create, kept by every other request (RFC 7644 §3.3, §3.5.1).

mod property;

use std::sync::Arc;

use crate::fixture::host::{BASE, Counting, Host, PATCH, Ticking, USER, host_of, now};
use scim_core::{
    error::{Error, ScimType},
    limits::Limits,
    patch::diff,
    provider::{Access, Action, Policy, ServiceProvider},
    resource::{Resource, ResourceErrorKind, judge},
    schema::{
        Attribute, AttributeType, Mutability, Registry, ResourceType, Returned, Schema, SchemaErrorKind, Uniqueness,
    },
    store::{Change, Entry, MemoryStore, RequestContext, Store, TenantId},
};
use serde_json::{Map, Value as Json, json};

const DOOR: &str = "urn:example:scim:schemas:door:1.0:Door";
const ALARM: &str = "urn:example:scim:schemas:alarm:1.0:Door";

fn string(name: &str) -> Attribute {
    Attribute::new(name, AttributeType::String)
}

fn boolean(name: &str) -> Attribute {
    Attribute::new(name, AttributeType::Boolean)
}

/// Users, and doors with a default of each type, one of them immutable and one in an extension.
fn registry() -> Registry {
    let door = Schema::new(DOOR, "Door")
        .with_attribute(string("name").required())
        .with_attribute(boolean("locked").with_default_value(true))
        .with_attribute(Attribute::new("floor", AttributeType::Integer).with_default_value(0))
        .with_attribute(string("color").with_default_value("grey"))
        .with_attribute(string("maker").with_mutability(Mutability::Immutable).with_default_value("ACME"));
    let alarm = Schema::new(ALARM, "Alarm")
        .with_attribute(boolean("armed").with_default_value(true))
        .with_attribute(string("code"));
    let door = ResourceType::builder("Door", "Doors", door).extension(alarm, false).build().unwrap();
    Registry::builder().resource_type(ResourceType::user().unwrap()).resource_type(door).build().unwrap()
}

/// The body of a door: a name and `members`.
fn door(members: &Json) -> Json {
    let mut body = json!({"schemas": [DOOR], "name": "front"});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    body
}

/// The values of a door in addition to its name: `locked floor color maker armed code`.
fn values(door: &Json) -> String {
    let parts = [&door["locked"], &door["floor"], &door["color"], &door["maker"], &door[ALARM]["armed"]];
    let parts: Vec<String> = parts.iter().chain([&&door[ALARM]["code"]]).map(ToString::to_string).collect();
    parts.join(" ").replace('"', "")
}

const DEFAULTS: &str = "true 0 grey ACME true null";

/// The four ways to give no value: left out, `null`, an empty list, and the empty string that some clients send.
fn nothing() -> Vec<Json> {
    let all = |nothing: Json| json!({"locked": nothing, "floor": nothing, "color": nothing, "maker": nothing, ALARM: {"armed": nothing}});
    vec![
        json!({}),
        all(Json::Null),
        all(json!([])),
        all(json!("")),
        json!({ALARM: null}),
        json!({ALARM: {}}),
        json!({ALARM: ""}),
        json!({"schemas": [DOOR, ALARM]}),
    ]
}

/// The place and the reason of each default that the builder refuses.
#[test]
fn the_builder_refuses_a_default_that_cannot_be() {
    use AttributeType::{Binary, DateTime, Decimal, Integer, Reference};
    use SchemaErrorKind::{DefaultExtension, DefaultPlace, DefaultRule, DefaultType};
    let sub = Attribute::complex("box", [string("label").with_default_value("a")]);
    let restricted = || string("size").with_canonical_values(["S", "M"]).restricted();
    let cases = [
        (sub.clone(), Some((DefaultPlace, "box.label"))),
        (sub.multi_valued(), Some((DefaultPlace, "box.label"))),
        (Attribute::complex("box", [string("label")]).with_default_value("a"), Some((DefaultPlace, "box"))),
        (string("tags").multi_valued().with_default_value("a"), Some((DefaultPlace, "tags"))),
        (string("externalId").with_default_value("a"), Some((DefaultPlace, "externalId"))),
        (string("a").with_default_value(true), Some((DefaultType, "a"))),
        (boolean("a").with_default_value("true"), Some((DefaultType, "a"))),
        (Attribute::new("a", Integer).with_default_value(true), Some((DefaultType, "a"))),
        (Attribute::new("a", Decimal).with_default_value(1), Some((DefaultType, "a"))),
        (Attribute::new("a", DateTime).with_default_value("2020-01-01T00:00:00Z"), Some((DefaultType, "a"))),
        (Attribute::new("a", Binary).with_default_value("AAAA"), Some((DefaultType, "a"))),
        (Attribute::new("a", Reference).with_default_value("https://example.com"), Some((DefaultType, "a"))),
        (string("a").with_default_value(""), Some((DefaultType, "a"))),
        (string("a").with_default_value("\0"), Some((DefaultType, "a"))),
        (restricted().with_default_value("L"), Some((DefaultType, "size"))),
        (string("a").with_default_value("a").required(), Some((DefaultRule, "a"))),
        (string("a").with_default_value("a").with_uniqueness(Uniqueness::Server), Some((DefaultRule, "a"))),
        (string("a").with_default_value("a").with_mutability(Mutability::ReadOnly), Some((DefaultRule, "a"))),
        (string("a").with_default_value("a").with_mutability(Mutability::WriteOnly), Some((DefaultRule, "a"))),
        (string("a").with_default_value("a").with_returned(Returned::Never), Some((DefaultRule, "a"))),
        (restricted().with_default_value("m"), None),
        (string("a").with_default_value("a").with_returned(Returned::Request), None),
        (string("a").with_default_value("a").required().without_default_value(), None),
    ];
    for (attribute, expected) in cases {
        let context = format!("{attribute:?}");
        let schema = Schema::new(DOOR, "Door").with_attribute(attribute.clone());
        let built = ResourceType::builder("Door", "Doors", schema).build();
        let found = built.map_err(|error| (*error.kind(), error.place().to_owned())).err();
        assert_eq!(found, expected.map(|(resource_type, place)| (resource_type, place.to_owned())), "{context}");
        let extension = Schema::new(ALARM, "Alarm").with_attribute(attribute);
        let built =
            ResourceType::builder("Door", "Doors", Schema::new(DOOR, "Door")).extension(extension, true).build();
        let is_common = expected.is_some_and(|(_, place)| place == "externalId");
        assert_eq!(built.is_err(), expected.is_some() && !is_common, "{context} in an extension");
    }
    // Every resource would have the extension, and only the client knows the extension's required value.
    let extension = || {
        Schema::new(ALARM, "Alarm")
            .with_attribute(boolean("armed").with_default_value(true))
            .with_attribute(string("code").required())
    };
    let build = |required| {
        ResourceType::builder("Door", "Doors", Schema::new(DOOR, "Door")).extension(extension(), required).build()
    };
    let error = build(false).unwrap_err();
    assert_eq!((*error.kind(), error.place()), (DefaultExtension, &*format!("{ALARM}:armed")));
    assert!(build(true).is_ok());
}

/// 7644-3.3-03, 7644-3.4.2.2-40: a new resource has its defaults, and they are compared like given values.
#[test]
fn create_assigns_what_the_client_leaves_out() {
    let given = json!({"locked": false, "floor": 3, "color": "red", "maker": "Lock-Co", ALARM: {"armed": false}});
    let mut cases: Vec<(Json, &str)> = nothing().into_iter().map(|body| (body, DEFAULTS)).collect();
    cases.push((given, "false 3 red Lock-Co false null"));
    cases.push((json!({"floor": 3, ALARM: {"code": "7"}}), "true 3 grey ACME true 7"));
    for (body, expected) in cases {
        let host = host_of(registry());
        let created = host.post("/Doors", &door(&body));
        assert_eq!((created.status, values(&created.json()).as_str()), (201, expected), "{body}");
        assert_eq!(created.json()["schemas"], json!([DOOR, ALARM]), "a default is a value of the extension");
        let shown = host.get(&format!("/Doors/{}", created.id())).json();
        assert_eq!(shown, created.json());
        for path in ["locked", "floor", "color", "maker", &format!("{ALARM}:armed")] {
            let value = path.strip_prefix(ALARM).map_or(&shown[path], |_| &shown[ALARM]["armed"]);
            let found = host.get(&format!("/Doors?filter={path} eq {value}")).json();
            assert_eq!(found["totalResults"], 1, "{path} eq {value} after {body}");
        }
    }
    let host = host_of(registry());
    host.user("ann");
    assert_eq!(host.get("/Users?filter=active eq true").json()["totalResults"], 1);
    assert_eq!(host.get("/Users?filter=not (active pr)").json()["totalResults"], 0);
    let schema = host.get(&format!("/Schemas/{USER}")).json().to_string();
    assert!(!schema.contains("defaultValue") && !schema.contains("\"default\":"), "{schema}");
}

/// A door whose values are not the defaults: its values, and its location.
const SET: &str = "false 3 red B false 7";

fn host_with_door() -> (Host<MemoryStore>, String) {
    let host = host_of(registry());
    let set = json!({"locked": false, "floor": 3, "color": "red", "maker": "B", ALARM: {"armed": false, "code": "7"}});
    let created = host.post("/Doors", &door(&set));
    assert_eq!(values(&created.json()), SET);
    (host, format!("/Doors/{}", created.id()))
}

/// 7644-3.5.1-03, 7644-3.5.1-05: PUT keeps the stored values, not the defaults, and changes the given values.
#[test]
fn put_keeps_what_the_client_leaves_out() {
    let kept = "false 3 red B false null";
    let mut cases: Vec<(Json, &str)> = nothing().into_iter().map(|body| (body, kept)).collect();
    cases.push((json!({"locked": true}), "true 3 red B false null"));
    cases.push((json!({"floor": 0, "color": "grey"}), "false 0 grey B false null"));
    cases.push((json!({ALARM: {"code": "8"}}), "false 3 red B false 8"));
    cases.push((json!({ALARM: {"armed": true}}), "false 3 red B true null"));
    for (body, expected) in cases {
        let (host, target) = host_with_door();
        let replaced = host.put(&target, &door(&body));
        assert_eq!((replaced.status, values(&replaced.json()).as_str()), (200, expected), "{body}");
        let again = host.put(&target, &door(&body));
        assert_eq!((again.status, again.json()), (200, replaced.json()), "the same again changes nothing: {body}");
    }
    let (host, target) = host_with_door();
    let other_maker = door(&json!({"maker": "C"})).to_string();
    host.refused("PUT", &target, other_maker.as_bytes(), 400, "mutability");
}

/// Operations, and the resulting values of the door; `None` if they are refused with `mutability`.
fn patches() -> Vec<(Json, Option<&'static str>)> {
    let without_code = Some("false 3 red B false null");
    let armed = format!("{ALARM}:armed");
    let mut cases = vec![
        (json!({"op": "remove", "path": ALARM}), without_code),
        (json!({"op": "replace", "path": ALARM, "value": null}), without_code),
        (json!({"op": "replace", "value": {ALARM: null}}), without_code),
        (json!({"op": "replace", "value": {ALARM: {"armed": null, "code": null}}}), without_code),
        (json!({"op": "remove", "path": format!("{ALARM}:code")}), without_code),
        (json!({"op": "remove", "path": "schemas", "value": [ALARM]}), without_code),
        (json!({"op": "replace", "path": "schemas", "value": [DOOR]}), without_code),
        (json!({"op": "remove", "path": format!("schemas[value eq \"{ALARM}\"]")}), without_code),
        (json!({"op": "replace", "value": "{\"locked\":null,\"floor\":4}"}), Some("false 4 red B false 7")),
        (json!({"op": "add", "value": {"locked": "", "color": "blue"}}), Some("false 3 blue B false 7")),
        (json!({"op": "replace", "path": "color", "value": [""]}), Some(SET)),
        (json!({"op": "replace", "path": "locked", "value": true}), Some("true 3 red B false 7")),
        (json!({"op": "remove", "path": "locked", "value": false}), None),
        (json!([{"op": "add", "path": "floor", "value": 9}, {"op": "remove", "path": "locked"}]), None),
        (json!([{"op": "remove", "path": "locked"}, {"op": "add", "path": "locked", "value": true}]), None),
        (json!([{"op": "remove", "path": ALARM}, {"op": "remove", "path": armed}]), None),
    ];
    for path in ["locked", "floor", "color", "maker", &armed] {
        cases.push((json!({"op": "remove", "path": path}), None));
        for nothing in [Json::Null, json!([]), json!("")] {
            for op in ["add", "replace"] {
                cases.push((json!({"op": op, "path": path, "value": nothing}), Some(SET)));
                cases.push((json!({"op": op, "value": {path: nothing}}), Some(SET)));
            }
        }
    }
    cases
}

#[test]
fn patch_takes_no_default_away() {
    for (operations, expected) in patches() {
        let operations = if operations.is_array() { operations } else { json!([operations]) };
        let (host, target) = host_with_door();
        let Some(expected) = expected else {
            let body = json!({"schemas": [PATCH], "Operations": operations}).to_string();
            host.refused("PATCH", &target, body.as_bytes(), 400, "mutability");
            continue;
        };
        let before = host.get(&target).etag();
        let reply = host.patch(&target, &operations);
        assert_eq!((reply.status, values(&reply.json()).as_str()), (200, expected), "{operations}");
        assert_eq!(reply.etag() == before, expected == SET, "{operations}");
    }
}

#[test]
fn bulk_obeys_the_same_rules() {
    let (host, target) = host_with_door();
    let patch = |operations: Json| json!({"schemas": [PATCH], "Operations": operations});
    let operations = json!([
        {"method": "POST", "path": "/Doors", "bulkId": "new", "data": door(&json!({"locked": null}))},
        {"method": "PUT", "path": target, "data": door(&json!({ALARM: {"code": "7"}}))},
        {"method": "PATCH", "path": target, "data": patch(json!([{"op": "replace", "value": {"locked": null}}]))},
        {"method": "PATCH", "path": target, "data": patch(json!([{"op": "remove", "path": "locked"}]))},
    ]);
    let request = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
    let reply = host.post("/Bulk", &json!({"schemas": [request], "Operations": operations})).json();
    let outcomes: Vec<&str> =
        reply["Operations"].as_array().unwrap().iter().map(|outcome| outcome["status"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["201", "200", "200", "400"], "{reply}");
    assert_eq!(reply["Operations"][3]["response"]["scimType"], "mutability");
    assert_eq!(values(&host.get(&target).json()), SET);
    assert_eq!(values(&host.get("/Doors/id-002").json()), DEFAULTS);
}

/// `diff` leads to the result of the PUT: no operation removes a value that PUT keeps.
#[test]
fn diff_leaves_out_what_put_keeps() {
    let registry = registry();
    let resource_type = registry.resource_type("Door").unwrap();
    let read = |json: Json| Resource::from_json(resource_type, json.to_string().as_bytes()).unwrap();
    let before = read(
        json!({"id": "1", "name": "a", "locked": false, "color": "red", "maker": "B", ALARM: {"armed": false, "code": "7"}}),
    );
    for (after, expected) in [
        (json!({"name": "a"}), json!([{"op": "remove", "path": format!("{ALARM}:code")}])),
        (
            json!({"name": "b", "color": "", ALARM: {"code": "7"}}),
            json!([{"op": "replace", "path": "name", "value": "b"}]),
        ),
        (
            json!({"name": "a", "locked": true, ALARM: {"code": "7"}}),
            json!([{"op": "replace", "path": "locked", "value": true}]),
        ),
    ] {
        let patches = diff(&before, &read(after.clone()), &Limits::default()).unwrap();
        let operations: Vec<Json> =
            patches.iter().map(|patch| serde_json::to_value(patch).unwrap()["Operations"].clone()).collect();
        assert_eq!(operations, [expected], "{after}");
    }
}

/// The check that all writes pass refuses a lost default, although no request should lead to it.
#[test]
fn the_rules_refuse_a_lost_default() {
    let registry = registry();
    let resource_type = registry.resource_type("Door").unwrap();
    let read = |json: Json| Resource::from_json(resource_type, json.to_string().as_bytes()).unwrap();
    let before = read(json!({"name": "a", "color": "red", ALARM: {"armed": false}}));
    for (after, lost) in [
        (json!({"name": "a", ALARM: {"armed": true}}), Some("color".to_owned())),
        (json!({"name": "a", "color": "", ALARM: {"armed": true}}), Some("color".to_owned())),
        (json!({"name": "a", "color": "blue", ALARM: {"code": "7"}}), Some(format!("{ALARM}:armed"))),
        (json!({"name": "a", "color": "blue"}), Some(format!("{ALARM}:armed"))),
        (json!({"name": "a", "color": "blue", ALARM: {"armed": true}}), None),
    ] {
        let found = judge(Some(&before), &read(after.clone())).err();
        assert_eq!(found.as_ref().map(|error| error.path().to_owned()), lost, "{after}");
        if let Some(error) = found {
            assert_eq!(error.kind(), &ResourceErrorKind::Default);
            let error = Error::from(error);
            assert_eq!((error.status(), error.scim_type()), (400, Some(ScimType::Mutability)));
        }
    }
}

/// A client that does not see an attribute neither sets nor clears it, and the host can tell that it was left out.
#[test]
fn a_client_neither_sets_nor_clears_a_hidden_default() {
    #[derive(Debug)]
    struct House;
    impl Policy for House {
        fn access(
            &self,
            context: &RequestContext,
            _: Action,
            resource_type: &Arc<ResourceType>,
        ) -> Result<Access, Error> {
            Ok(if context.actor() == Some("guest") {
                Access::full().with_hidden(resource_type, &["active"])
            } else {
                Access::full()
            })
        }
        fn prepare(&self, _: &RequestContext, resource: &mut Resource) {
            if resource.get("title").is_some() && resource.get("active").is_none() {
                resource.set("active", false).unwrap();
            }
        }
    }
    let provider = ServiceProvider::builder(registry(), MemoryStore::new(), BASE)
        .clock(Ticking::default())
        .ids(Counting::default())
        .policy(House)
        .build()
        .unwrap();
    let host = Host { provider, context: RequestContext::new(TenantId::single()) };
    let guest = host.context.clone().with_actor("guest");
    let send = |context: &RequestContext, method: &str, target: &str, body: Json| {
        host.send_as(context, method, target, &[], body.to_string().as_bytes())
    };
    let active = |id: &str| host.get(&format!("/Users/{id}")).json()["active"].clone();
    let user = |members: Json| {
        let mut body = json!({"schemas": [USER], "userName": "ann"});
        body.as_object_mut().unwrap().extend::<Map<_, _>>(members.as_object().unwrap().clone());
        body
    };
    assert_eq!(send(&guest, "POST", "/Users", user(json!({"active": false}))).status, 201);
    assert_eq!(active("id-001"), true, "to the guest there is no such attribute");
    host.patch("/Users/id-001", &json!([{"op": "replace", "path": "active", "value": false}]));
    assert_eq!(send(&guest, "PUT", "/Users/id-001", user(json!({"nickName": "A"}))).status, 200);
    assert_eq!(active("id-001"), false);
    host.delete("/Users/id-001");
    assert_eq!(host.post("/Users", &user(json!({"title": "Guide"}))).json()["active"], false, "the policy decides");
}

/// Resources that were stored before their type had the default. An absent value counts as absent everywhere, and a
/// request gives such a resource only the values that it names.
#[test]
fn resources_without_the_value_are_found_and_left_alone() {
    let host = host_of(registry());
    let user = host.provider.registry().resource_type("User").unwrap().clone();
    let old = Resource::from_json(&user, br#"{"id": "old", "userName": "old"}"#).unwrap();
    now(host.provider.store().commit(&host.context, &[Change::Create(Entry::new(old.clone()))])).unwrap();
    let found = |filter: &str| host.get(&format!("/Users?filter={filter}")).json()["totalResults"].clone();
    let is_absent = || host.get("/Users/old").json().get("active").is_none();
    for step in ["at first", "PATCH", "PUT", "remove"] {
        let reply = match step {
            "PATCH" => host.patch("/Users/old", &json!([{"op": "add", "path": "title", "value": "Guide"}])),
            "PUT" => host.put("/Users/old", &json!({"schemas": [USER], "userName": "old", "active": null})),
            "remove" => host.patch("/Users/old", &json!([{"op": "remove", "path": "active"}])),
            _ => host.get("/Users/old"),
        };
        assert_eq!(reply.status, 200, "{step}");
        assert!(is_absent() && found("active eq true") == 0 && found("not (active pr)") == 1, "{step}");
    }
    let mut migrated = old;
    assert!(migrated.assign_defaults() && !migrated.assign_defaults());
    host.patch("/Users/old", &json!([{"op": "add", "path": "active", "value": true}]));
    assert!(found("active eq true") == 1 && found("not (active pr)") == 0);
    assert_eq!(host.get("/Users/old").json()["active"], migrated.get("active").unwrap().as_bool().unwrap());
}

/// Without the default, absence is a separate state, which PUT and PATCH can produce.
#[test]
fn the_default_of_active_can_be_switched_off() {
    let user = Schema::user().change("ACTIVE", Attribute::without_default_value);
    let user = ResourceType::builder("User", "Users", user).build().unwrap();
    let host = host_of(Registry::builder().resource_type(user).build().unwrap());
    let created = host.post("/Users", &json!({"schemas": [USER], "userName": "ann"}));
    assert!(created.json().get("active").is_none());
    for (method, body) in [
        ("PUT", json!({"schemas": [USER], "userName": "ann"})),
        ("PUT", json!({"schemas": [USER], "userName": "ann", "active": null})),
        ("PATCH", json!({"schemas": [PATCH], "Operations": [{"op": "remove", "path": "active"}]})),
        ("PATCH", json!({"schemas": [PATCH], "Operations": [{"op": "replace", "value": {"active": null}}]})),
    ] {
        host.patch("/Users/id-001", &json!([{"op": "add", "path": "active", "value": false}]));
        let reply = host.send(method, "/Users/id-001", &[], body.to_string().as_bytes());
        assert!(reply.status == 200 && reply.json().get("active").is_none(), "{method} {body}");
    }
}
