//! The standard schemas, a host's own schemas, and the rules for both (RFC 7643 §2 to §4, §6, §7).

use crate::fixture::host::{self, ENTERPRISE, GROUP, USER, host, host_of, host_with};
use scim_core::{
    limits::Limits,
    quirks::Quirks,
    schema::{
        Attribute, AttributeId, AttributeType, Mutability, Registry, ResourceType, Returned, Schema, SchemaErrorKind,
        Uniqueness,
    },
    store::MemoryStore,
};
use serde_json::{Value as Json, json};

/// Schema, path, and the differences from the defaults of RFC 7643 §2.2. 7643-4.1.1-08, 7643-4.1.2-06, 7643-4.1.2-07,
/// 7643-4.2-01, 7643-4.3-01, 7643-4.3-02, 7643-2.4-05, 7643-2.4-10, 7643-7-23, 7643-3.1-08, 7643-3.1-11, 7643-8.7-01.
const FACTS: &[(&str, &str, &str)] = &[
    ("User", "id", "caseExact mutability=readOnly returned=always uniqueness=server"),
    ("User", "externalId", "caseExact"),
    ("User", "meta", "type=complex mutability=readOnly"),
    ("User", "userName", "required uniqueness=server"),
    ("User", "name", "type=complex"),
    ("User", "name.givenName", ""),
    ("User", "displayName", ""),
    ("User", "profileUrl", "caseExact type=reference references=external"),
    ("User", "active", "type=boolean"),
    ("User", "password", "mutability=writeOnly returned=never"),
    ("User", "emails", "type=complex multiValued"),
    ("User", "emails.value", ""),
    ("User", "emails.type", "canonical=work,home,other"),
    ("User", "emails.primary", "type=boolean"),
    ("User", "emails.display", ""),
    ("User", "groups.display", "mutability=readOnly"),
    ("Group", "members.display", "mutability=readOnly"),
    ("User", "addresses.country", ""),
    ("User", "addresses.type", "canonical=work,home,other"),
    ("User", "groups", "type=complex multiValued mutability=readOnly"),
    ("User", "groups.type", "mutability=readOnly canonical=direct,indirect"),
    ("User", "x509Certificates.value", "type=binary caseExact"),
    ("User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", ""),
    ("User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", "type=complex"),
    ("User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value", "caseExact"),
    ("User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName", "mutability=readOnly"),
    ("Group", "displayName", "required"),
    ("Group", "members", "type=complex multiValued"),
    ("Group", "members.value", "mutability=immutable caseExact"),
    ("Group", "members.$ref", "mutability=immutable type=reference caseExact references=User,Group"),
    ("Group", "members.type", "mutability=immutable canonical=User,Group"),
];

fn facts(attribute: &Attribute) -> String {
    let mut facts: Vec<String> = Vec::new();
    let name = |value: &dyn erased::Named| value.name();
    if attribute.data_type() != AttributeType::String {
        facts.push(format!("type={}", name(&attribute.data_type())));
    }
    for (holds, fact) in [
        (attribute.is_multi_valued(), "multiValued"),
        (attribute.is_required(), "required"),
        (attribute.is_case_exact(), "caseExact"),
    ] {
        facts.extend(holds.then(|| fact.to_owned()));
    }
    if attribute.mutability() != Mutability::ReadWrite {
        facts.push(format!("mutability={}", name(&attribute.mutability())));
    }
    if attribute.returned() != Returned::Default {
        facts.push(format!("returned={}", name(&attribute.returned())));
    }
    if attribute.uniqueness() != Uniqueness::None {
        facts.push(format!("uniqueness={}", name(&attribute.uniqueness())));
    }
    if !attribute.canonical_values().is_empty() {
        facts.push(format!("canonical={}", attribute.canonical_values().join(",")));
    }
    if !attribute.reference_types().is_empty() {
        facts.push(format!("references={}", attribute.reference_types().join(",")));
    }
    facts.sort();
    facts.join(" ")
}

/// The standard names of characteristics, read from their JSON.
mod erased {
    pub(crate) trait Named {
        fn name(&self) -> String;
    }

    impl<T: serde::Serialize> Named for T {
        fn name(&self) -> String {
            serde_json::to_value(self).unwrap().as_str().unwrap().to_owned()
        }
    }
}

#[test]
fn the_standard_schemas_state_the_facts_of_the_rfc() {
    let registry = Registry::standard();
    let mut wrong = Vec::new();
    for (resource_type, path, expected) in FACTS {
        let resource_type = registry.resource_type(resource_type).unwrap();
        let parsed: scim_core::path::AttributePath = path.parse().unwrap();
        let mut tolerance = scim_core::quirks::Tolerance::new(Quirks::strict());
        let id =
            resource_type.resolve(parsed.as_ref(), &mut tolerance).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut expected: Vec<&str> = expected.split_whitespace().collect();
        expected.sort_unstable();
        if facts(resource_type.attribute(id)) != expected.join(" ") {
            wrong.push(format!(
                "{path}: expected {}, found {}",
                expected.join(" "),
                facts(resource_type.attribute(id))
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// 7643-2.2-01.
#[test]
fn an_omitted_characteristic_has_its_default() {
    let attribute: Attribute = serde_json::from_value(json!({"name": "plain"})).unwrap();
    assert_eq!(facts(&attribute), "");
    assert_eq!(attribute, Attribute::new("plain", AttributeType::String));
    // Some servers write `null` for an absent member.
    let nulls = json!({"name": "plain", "type": null, "multiValued": null, "description": null, "required": null,
        "caseExact": null, "canonicalValues": null, "mutability": null, "returned": null, "uniqueness": null,
        "referenceTypes": null, "subAttributes": null});
    assert_eq!(serde_json::from_value::<Attribute>(nulls).unwrap(), attribute);
    let schema = json!({"id": "urn:x:y", "name": null, "description": null, "attributes": null, "meta": null});
    assert_eq!(serde_json::from_value::<Schema>(schema).unwrap(), Schema::new("urn:x:y", ""));
}

/// 7643-2.3.5-01, 7643-2.3.8-02, 7643-2.3.8-03, 7643-2.1-02, 7643-10.2.1-01, 7643-3.1-03.
#[test]
fn contradictory_definitions_are_refused() {
    let text = |name: &str| Attribute::new(name, AttributeType::String);
    let build = |id: &str, attribute: Attribute| {
        ResourceType::builder("Thing", "Things", Schema::new(id, "Thing").with_attribute(attribute)).build().map(drop)
    };
    let urn = "urn:example:scim:schemas:thing:1.0:Thing";
    let complex = |name: &str| Attribute::complex(name, [text("part")]);
    for (id, attribute, resource_type) in [
        (urn, Attribute::complex("outer", [complex("inner")]), SchemaErrorKind::NestedComplex),
        (urn, complex("name").with_uniqueness(Uniqueness::Server), SchemaErrorKind::Uniqueness),
        (
            urn,
            Attribute::new("flag", AttributeType::Boolean).with_uniqueness(Uniqueness::Server),
            SchemaErrorKind::Uniqueness,
        ),
        (
            urn,
            Attribute::new("since", AttributeType::DateTime).with_uniqueness(Uniqueness::Server),
            SchemaErrorKind::Uniqueness,
        ),
        (
            urn,
            Attribute::new("print", AttributeType::Binary).with_uniqueness(Uniqueness::Global),
            SchemaErrorKind::Uniqueness,
        ),
        (urn, text("boss").with_reference_types(["User"]), SchemaErrorKind::ReferenceTypes),
        (urn, Attribute::complex("empty", []), SchemaErrorKind::SubAttributes),
        (urn, text("1st"), SchemaErrorKind::Name),
        (urn, text("a b"), SchemaErrorKind::Name),
        (urn, text("é"), SchemaErrorKind::Name),
        (urn, Attribute::complex("outer", [text("a"), text("A")]), SchemaErrorKind::Duplicate),
        ("no urn", text("a"), SchemaErrorKind::SchemaId),
    ] {
        assert_eq!(build(id, attribute.clone()).expect_err("cannot be").kind(), &resource_type, "{attribute:?}");
    }
    for name in ["a", "a-b", "a_b", "a$b1"] {
        assert!(build(urn, text(name)).is_ok(), "{name}");
    }
    // An older schema that lists `id`: the common attribute wins.
    let old = Schema::new(urn, "Thing")
        .with_attribute(text("id").with_mutability(Mutability::ReadWrite))
        .with_attribute(text("a"));
    let resource_type = ResourceType::builder("Thing", "Things", old).build().unwrap();
    assert_eq!(resource_type.attribute(AttributeId::ID).mutability(), Mutability::ReadOnly);
}

/// If the URI of a schema continues the URI of another schema, it has the form of an attribute's path.
#[test]
fn a_schema_uri_may_continue_another_one() {
    let text = |name: &str| Attribute::new(name, AttributeType::String);
    let resource_type =
        ResourceType::builder("Thing", "Things", Schema::new("urn:x:thing", "Thing").with_attribute(text("a")))
            .extension(Schema::new("urn:x:thing:more", "More").with_attribute(text("b")), false)
            .extension(Schema::new("urn:x:thing:more:yet", "Yet").with_attribute(text("c")), false)
            .build()
            .unwrap();
    let resolved = |path: &str| {
        let path: scim_core::path::AttributePath = path.parse().unwrap();
        resource_type
            .resolve(path.as_ref(), &mut scim_core::quirks::Tolerance::new(Quirks::strict()))
            .map(|id| resource_type.path(id))
            .ok()
    };
    for path in ["urn:x:thing:more", "urn:x:thing:more:b", "urn:x:thing:more:yet", "urn:x:thing:more:yet:c"] {
        assert_eq!(resolved(path).as_deref(), Some(path));
    }
    assert_eq!((resolved("urn:x:thing:a").as_deref(), resolved("urn:x:thing").as_deref()), (Some("a"), Some("")));
    assert_eq!((resolved("urn:x:thing:b"), resolved("urn:x:thing:more:c")), (None, None));
}

/// A type with two extensions, of which one is required. 7643-6-06, 7643-6-07, 7643-3-05, 7643-3.1-01, 7643-3.3-03,
/// 7644-3.1-06, 7643-4.2-04, 7644-3.2-01.
#[test]
fn a_hosts_own_type_is_served() {
    let core: Schema = serde_json::from_value(json!({
        "id": "urn:example:scim:schemas:robot:1.0:Robot", "name": "Robot", "description": "A machine that works",
        "attributes": [{"name": "model", "type": "string", "description": "What it is", "required": true}],
    }))
    .unwrap();
    let (needed, optional) = ("urn:example:scim:schemas:safety:1.0:Robot", "urn:example:scim:schemas:paint:1.0:Robot");
    let safety =
        Schema::new(needed, "Safety").with_attribute(Attribute::new("class", AttributeType::Integer).required());
    // An extension may use an attribute name of the base schema: the two attributes are separate.
    let paint = Schema::new(optional, "Paint").with_attribute(Attribute::new("model", AttributeType::String));
    let robot = ResourceType::builder("Robot", "Robots", core).extension(safety, true).extension(paint, false);
    let named = |attribute: Attribute| attribute.change("type", Attribute::required);
    let group =
        ResourceType::builder("Group", "Groups", Schema::group().change("members", named).without("externalId"));
    let registry = Registry::builder()
        .resource_type(robot.build().unwrap())
        .resource_type(group.build().unwrap())
        .resource_type(ResourceType::user().unwrap())
        .build()
        .unwrap();
    let host = host_of(registry);
    let body = |more: Json| {
        let mut body = json!({"schemas": ["urn:example:scim:schemas:robot:1.0:Robot"], "model": "R2"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    host.refused("POST", "/Robots", body(json!({})).to_string().as_bytes(), 400, "invalidValue");
    host.refused("POST", "/Robots", body(json!({needed: {}})).to_string().as_bytes(), 400, "invalidValue");
    host.refused(
        "POST",
        "/Robots",
        body(json!({optional: {"model": "red"}})).to_string().as_bytes(),
        400,
        "invalidValue",
    );
    let created = host.post("/Robots", &body(json!({needed: {"class": 3}, "externalId": "x"})));
    assert_eq!(created.json()["schemas"], json!(["urn:example:scim:schemas:robot:1.0:Robot", needed]));
    assert_eq!(
        (&created.json()["externalId"], &created.json()["meta"]["resourceType"]),
        (&json!("x"), &json!("Robot"))
    );
    let target = format!("/Robots/{}", created.id());
    let painted =
        host.patch(&target, &json!([{"op": "add", "path": format!("{optional}:model"), "value": "red"}])).json();
    assert_eq!((&painted["model"], &painted[optional]["model"]), (&json!("R2"), &json!("red")));
    assert_eq!(painted["schemas"].as_array().unwrap().len(), 3);
    let remove = json!({"schemas": [host::PATCH], "Operations": [{"op": "remove", "path": needed}]}).to_string();
    host.refused("PATCH", &target, remove.as_bytes(), 400, "mutability");
    let found = host.get(&format!("/Robots?filter={optional}:model eq \"RED\" and {needed}:class gt 2")).json();
    assert_eq!(found["totalResults"], 1);
}

/// 7643-4.1.2-08, 7643-4.1.2-09, 7643-4.1.2-10, 7643-2.4-07, 7643-2.3.7-04.
#[test]
fn groups_of_a_user_follow_from_groups() {
    let host = host();
    let user = host.user("bjensen");
    let group =
        host.post("/Groups", &json!({"schemas": [GROUP], "displayName": "Guides", "members": [{"value": user}]}));
    let target = format!("/Users/{user}");
    let shown = host.get(&target).json();
    let expected = json!([{"value": group.id(), "display": "Guides", "type": "direct", "$ref": format!("{}/Groups/{}", host::BASE, group.id())}]);
    assert_eq!(shown["groups"], expected);
    // A write to the user does not change its groups.
    let replaced = host.put(&target, &json!({"schemas": [USER], "userName": "bjensen", "groups": []}));
    assert_eq!(replaced.json()["groups"], expected);
    for operation in [
        json!({"op": "remove", "path": "groups"}),
        json!({"op": "add", "path": "groups", "value": [{"value": group.id()}]}),
        json!({"op": "remove", "path": format!("groups[value eq \"{}\"]", group.id())}),
    ] {
        let body = json!({"schemas": [host::PATCH], "Operations": [operation]}).to_string();
        host.refused("PATCH", &target, body.as_bytes(), 400, "mutability");
    }
    assert_eq!(host.get(&target).json()["groups"], expected);
}

/// 7644-3.5.2-20, 7644-3.5.2-21: if the client names attributes, the answer shows them, however many members.
#[test]
fn an_answer_to_a_patch_shows_the_named_attributes() {
    let mut limits = Limits::default();
    limits.members_in_answer = 1;
    let host = host_with(Registry::standard(), MemoryStore::new(), limits, Quirks::default());
    let ids: Vec<String> = (0..3).map(|n| host.user(&format!("u{n}"))).collect();
    let target = format!("/Groups/{}", host.post("/Groups", &json!({"displayName": "g"})).id());
    let add = |id: &str| json!([{"op": "add", "path": "members", "value": [{"value": id}]}]);
    assert_eq!(host.patch(&target, &add(&ids[0])).json()["displayName"], "g");
    let short = host.patch(&target, &add(&ids[1]));
    assert_eq!((short.status, short.body.len(), short.header("ETag").is_some()), (204, 0, true));
    let named = host.patch(&format!("{target}?attributes=members"), &add(&ids[2]));
    assert_eq!((named.status, named.json()["members"].as_array().unwrap().len()), (200, 3));
    assert_eq!(named.json().get("displayName"), None);
}

/// 7643-2.3.8-01, 7643-2-01, 7644-3.1-04, 7644-3.3-03: the order of members has no meaning, and a client may send
/// attributes that it cannot set.
#[test]
fn clients_need_not_know_order_and_mutability() {
    let host = host();
    let orders = [
        format!(
            r#"{{"userName":"a","schemas":["{USER}"],"name":{{"givenName":"B","familyName":"J"}},"meta":{{}},"id":"x"}}"#
        ),
        format!(
            r#"{{"id":7,"name":{{"familyName":"J","givenName":"B"}},"groups":"none","schemas":["{USER}"],"userName":"b"}}"#
        ),
    ];
    let created: Vec<Json> =
        orders.iter().map(|body| host.send("POST", "/Users", &[], body.as_bytes()).json()["name"].clone()).collect();
    assert_eq!(created[0], json!({"givenName": "B", "familyName": "J"}));
    assert_eq!(created[0], created[1]);
    let shown = host.get("/Users/id-001").json();
    let put = host.put("/Users/id-001", &shown);
    assert_eq!((put.status, put.json()), (200, shown));
    assert!(host.get("/Users/id-001").json().get(ENTERPRISE).is_none());
}

/// The registry refuses an endpoint that would be unreachable or would hide an endpoint of the protocol. The error
/// names it.
#[test]
fn endpoints_that_are_taken_are_refused() {
    let resource_type = |name: &str, endpoint: &str| {
        let schema = Schema::new(format!("urn:example:scim:schemas:{name}"), name)
            .with_attribute(Attribute::new("model", AttributeType::String));
        ResourceType::builder(name, endpoint, schema).build().unwrap()
    };
    for endpoint in ["Schemas", "bulk", "ME", "v2", "V10", "things"] {
        let registry = Registry::builder()
            .resource_type(resource_type("Thing", "Things"))
            .resource_type(resource_type("Other", endpoint));
        let error = registry.build().unwrap_err();
        assert_eq!((error.kind(), error.place()), (&SchemaErrorKind::Endpoint, endpoint));
    }
    for endpoint in ["v", "v2x", "Vans"] {
        let registry = Registry::builder().resource_type(resource_type("Other", endpoint)).build().unwrap();
        assert_eq!(registry.endpoint(endpoint).unwrap().name(), "Other");
    }
}
