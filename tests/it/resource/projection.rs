//! Which attributes an answer shows (RFC 7643 §7 `returned`; RFC 7644 §3.4.2.5, §3.9).

use std::sync::Arc;

use crate::fixture::host::{self, ENTERPRISE, Host, USER, encoded, host, host_of, host_with};
use scim_core::{
    limits::Limits,
    quirks::{Quirks, Tolerance},
    resource::Projection,
    schema::{Attribute, AttributeId, AttributeType, Mutability, Registry, ResourceType, Returned, Schema},
    store::MemoryStore,
};
use serde_json::{Value as Json, json};

const THING: &str = "urn:example:scim:schemas:thing:1.0:Thing";

fn full_user() -> Json {
    json!({
        "schemas": [USER, ENTERPRISE], "userName": "bjensen", "externalId": "e", "password": "t1meMa$heen", "title": "Guide",
        "name": {"givenName": "Barbara", "familyName": "Jensen", "formatted": "Barbara Jensen"},
        "emails": [{"value": "b@example.com", "type": "work", "primary": true}, {"value": "b@home.example"}],
        ENTERPRISE: {"department": "Tours", "employeeNumber": "7"},
    })
}

/// The paths of all members in the answer, without `schemas`; the members of a list's elements count once.
fn shown(json: &Json) -> String {
    fn walk(json: &Json, path: &str, out: &mut Vec<String>) {
        match json {
            Json::Object(members) => members.iter().for_each(|(name, value)| {
                let name = if name == ENTERPRISE { "ENT" } else { name };
                walk(value, &if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }, out);
            }),
            Json::Array(values) => values.iter().for_each(|value| walk(value, path, out)),
            _ => out.push(path.to_owned()),
        }
    }
    let mut out = Vec::new();
    walk(json, "", &mut out);
    out.retain(|path| path != "schemas");
    out.sort();
    out.dedup();
    out.join(" ")
}

const META: &str = "meta.created meta.lastModified meta.location meta.resourceType meta.version";

/// Parameters, and the paths in the answer. 7644-3.4.2.5-01, 7644-3.4.2.5-02, 7644-3.4.2.5-03, 7644-3.4.2.5-04,
/// 7644-3.9-01, 7644-3.9-02, 7644-3.9-04, 7644-3.9-05, 7644-3.9-06, 7644-3.4-01, 7643-7-15, 7643-7-16, 7643-7-17,
/// 7643-4.1.1-09, 7643-7-14, 7643-3.1-13, 7644-3.4.2.1-01.
fn table() -> Vec<(&'static str, String)> {
    let emails = "emails.primary emails.type emails.value";
    let name = "name.familyName name.formatted name.givenName";
    let ent = "ENT.department ENT.employeeNumber";
    vec![
        ("", format!("{ent} active {emails} externalId id {META} {name} title userName")),
        ("attributes=", format!("{ent} active {emails} externalId id {META} {name} title userName")),
        ("attributes=userName", "id userName".to_owned()),
        ("attributes=USERNAME, title", "id title userName".to_owned()),
        ("attributes=name", format!("id {name}")),
        ("attributes=name.givenName,emails.value", "emails.value id name.givenName".to_owned()),
        ("attributes=password", "id".to_owned()),
        ("attributes=shoeSize", "id".to_owned()),
        ("attributes=[],a b,title", "id title".to_owned()),
        ("attributes=meta.location", "id meta.location".to_owned()),
        ("attributes=meta.version", "id meta.version".to_owned()),
        ("attributes=meta.resourceType,meta.created", "id meta.created meta.resourceType".to_owned()),
        ("attributes=meta", format!("id {META}")),
        ("attributes=urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", format!("{ent} id")),
        (
            "attributes=urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
            "ENT.department id".to_owned(),
        ),
        ("attributes=urn:ietf:params:scim:schemas:core:2.0:User:title", "id title".to_owned()),
        ("excludedAttributes=id,emails,meta", format!("{ent} active externalId id {name} title userName")),
        (
            "excludedAttributes=name.formatted,emails.type",
            format!(
                "{ent} active emails.primary emails.value externalId id {META} name.familyName name.givenName title userName"
            ),
        ),
        (
            "excludedAttributes=name.formatted,name.givenName,name.familyName",
            format!("{ent} active {emails} externalId id {META} title userName"),
        ),
        (
            "excludedAttributes=urn:ietf:params:scim:schemas:extension:enterprise:2.0:User,shoeSize",
            format!("active {emails} externalId id {META} {name} title userName"),
        ),
    ]
}

#[test]
fn every_answer_shows_the_requested_attributes() {
    for (parameters, expected) in table() {
        let host = host();
        let body = full_user().to_string();
        let send = |method: &str, target: &str, body: &str| {
            let reply = host.send(method, &encoded(&format!("{target}?{parameters}")), &[], body.as_bytes());
            assert!([200, 201].contains(&reply.status), "{method} {target} {parameters}: {}", reply.json());
            reply.json()
        };
        let created = send("POST", "/Users", &body);
        let target = "/Users/id-001";
        let patch = json!({"schemas": [host::PATCH], "Operations": [{"op": "add", "path": "title", "value": "Guide"}]});
        let list = send("GET", "/Users", "");
        let mut answers = vec![
            created,
            send("GET", target, ""),
            send("PUT", target, &body),
            send("PATCH", target, &patch.to_string()),
            list["Resources"][0].clone(),
        ];
        let (name, value) = parameters.split_once('=').unwrap_or(("", ""));
        if !value.is_empty() {
            let search = json!({name: value.split(',').collect::<Vec<_>>()});
            answers.push(host.post("/Users/.search", &search).json()["Resources"][0].clone());
        }
        for (index, answer) in answers.iter().enumerate() {
            assert_eq!(shown(answer), expected, "{parameters}, answer {index}");
            // All schemas, whatever the answer shows.
            assert_eq!(answer["schemas"], json!([USER, ENTERPRISE]), "{parameters}");
        }
    }
}

/// 7644-3.9-03: `attributes` and `excludedAttributes` exclude each other.
#[test]
fn attributes_and_excluded_attributes_exclude_each_other() {
    let lenient = host_with(
        Registry::standard(),
        MemoryStore::new(),
        Limits::default(),
        Quirks::default().with(scim_core::quirks::Quirk::BothProjections),
    );
    let strict = host();
    for host in [&lenient, &strict] {
        host.user("bjensen");
    }
    let target = "/Users/id-001?attributes=userName&excludedAttributes=meta";
    strict.refused("GET", target, b"", 400, "invalidValue");
    let reply = lenient.get(target);
    assert_eq!((shown(&reply.json()).as_str(), reply.quirks.to_string().as_str()), ("id userName", "both-projections"));
}

/// An attribute of each kind of `returned`, alone and as a sub-attribute.
fn things() -> Host<MemoryStore> {
    let resource_types = [
        ("always", Returned::Always),
        ("never", Returned::Never),
        ("default", Returned::Default),
        ("request", Returned::Request),
    ];
    let simple = |name: &str, returned| Attribute::new(name, AttributeType::String).with_returned(returned);
    let parts = || resource_types.map(|(name, returned)| simple(&format!("{name}Part"), returned));
    let mut schema = Schema::new(THING, "Thing");
    for (name, returned) in resource_types {
        schema = schema
            .with_attribute(simple(name, returned))
            .with_attribute(Attribute::complex(format!("{name}Parts"), parts()).multi_valued().with_returned(returned));
    }
    schema = schema.with_attribute(simple("secret", Returned::Default).with_mutability(Mutability::WriteOnly));
    let resource_type = ResourceType::builder("Thing", "Things", schema).build().unwrap();
    host_of(Registry::builder().resource_type(resource_type).build().unwrap())
}

/// 7643-7-18 and the other kinds of `returned`, on sub-attributes, too.
#[test]
fn returned_decides_which_attributes_an_answer_shows() {
    let host = things();
    let mut body = json!({"schemas": [THING], "secret": "s"});
    for resource_type in ["always", "never", "default", "request"] {
        body[resource_type] = json!("x");
        body[format!("{resource_type}Parts")] =
            json!([{"alwaysPart": "a", "neverPart": "n", "defaultPart": "d", "requestPart": "r"}]);
    }
    let created = host.post("/Things", &body);
    // An attribute that is returned on request is in the answer to the client that has just given it.
    assert_eq!(
        shown(&created.json()).replace(META, "META"),
        "always alwaysParts.alwaysPart alwaysParts.defaultPart alwaysParts.requestPart default defaultParts.alwaysPart \
         defaultParts.defaultPart defaultParts.requestPart id META request requestParts.alwaysPart requestParts.defaultPart \
         requestParts.requestPart",
    );
    let target = format!("/Things/{}", created.id());
    for (parameters, expected) in [
        (
            "",
            "always alwaysParts.alwaysPart alwaysParts.defaultPart default defaultParts.alwaysPart defaultParts.defaultPart id META requestParts.alwaysPart",
        ),
        (
            "?attributes=default",
            "always alwaysParts.alwaysPart alwaysParts.defaultPart default defaultParts.alwaysPart id requestParts.alwaysPart",
        ),
        (
            "?attributes=request,requestParts.requestPart,never,secret",
            "always alwaysParts.alwaysPart alwaysParts.defaultPart defaultParts.alwaysPart id request requestParts.alwaysPart requestParts.requestPart",
        ),
        (
            "?excludedAttributes=always,alwaysParts,default,defaultParts,meta",
            "always alwaysParts.alwaysPart alwaysParts.defaultPart defaultParts.alwaysPart id requestParts.alwaysPart",
        ),
    ] {
        assert_eq!(
            shown(&host.get(&format!("{target}{parameters}")).json()).replace(META, "META"),
            expected,
            "{parameters}"
        );
    }
    let patched = host.patch(&target, &json!([{"op": "replace", "path": "request", "value": "y"}])).json();
    assert_eq!(patched["request"], "y", "it was changed");
    let patched = host.patch(&target, &json!([{"op": "replace", "path": "default", "value": "y"}])).json();
    assert_eq!(patched.get("request"), None, "it was not touched");
}

/// Members that the answer leaves out are not read either, and the answer to a large change of members is short.
#[test]
fn members_are_read_where_they_are_shown() {
    let mut limits = Limits::default();
    limits.members_in_answer = 2;
    let host = host_with(Registry::standard(), MemoryStore::new(), limits, Quirks::default());
    let ids: Vec<String> = (0..4).map(|n| host.user(&format!("u{n}"))).collect();
    let group = format!("/Groups/{}", host.post("/Groups", &json!({"displayName": "g"})).id());
    let add = |id: &str| json!([{"op": "add", "path": "members", "value": [{"value": id}]}]);
    for (index, id) in ids.iter().enumerate() {
        let reply = host.patch(&group, &add(id));
        let expected = if index < 2 { 200 } else { 204 };
        assert_eq!((reply.status, reply.body.is_empty()), (expected, expected == 204), "{index}");
        assert_eq!(reply.etag(), host.get(&group).etag());
    }
    assert_eq!(host.get(&group).json()["members"].as_array().unwrap().len(), 4, "reading shows all");
    let without = host.patch(&format!("{group}?excludedAttributes=members"), &add(&ids[0]));
    assert_eq!((without.status, without.json().get("members")), (200, None));
}

/// 7644-3.4.2.5: an attribute is shown if a part of it is shown. An attribute whose last part is excluded is not shown,
/// so that a store need not read it.
#[test]
fn an_attribute_without_a_shown_part_is_not_shown() {
    let registry = Registry::standard();
    let user = registry.resource_type("User").unwrap();
    let name = user.child(AttributeId::ROOT, "name").unwrap();
    let parts: Vec<Box<str>> =
        user.children(name).iter().map(|part| format!("name.{}", user.attribute(*part).name()).into()).collect();
    let excluding = |parts: &[Box<str>]| {
        Projection::new(user, &[], parts, &mut Tolerance::new(Quirks::default())).unwrap().includes(name)
    };
    assert!(excluding(&parts[1..]) && !excluding(&parts));
}

/// 7643-7-14: sub-attributes that are always returned are in every answer, one or several; 7643-7: a sub-attribute that is
/// never returned does not show the attribute around it.
#[test]
fn a_part_decides_whether_the_attribute_around_it_is_shown() {
    let part = |name: &str, returned| Attribute::new(name, AttributeType::String).with_returned(returned);
    let one = Attribute::complex("one", [part("a", Returned::Always), part("c", Returned::Default)]);
    let two = Attribute::complex("two", [part("a", Returned::Always), part("b", Returned::Always)]);
    let three = ["a", "b", "c"].map(|name| part(name, Returned::Always));
    let none = Attribute::complex("none", [part("a", Returned::Never), part("b", Returned::Default)]);
    let schema = Schema::new(THING, "Thing").with_attribute(one).with_attribute(two).with_attribute(none);
    let schema =
        schema.with_attribute(Attribute::complex("three", three)).with_attribute(part("text", Returned::Default));
    let thing = Arc::new(ResourceType::builder("Thing", "Things", schema).build().unwrap());
    let projection = Projection::new(&thing, &["text".into()], &[], &mut Tolerance::new(Quirks::default())).unwrap();
    let shown: Vec<bool> = ["one", "two", "three", "none", "text"]
        .map(|name| projection.includes(thing.child(AttributeId::ROOT, name).unwrap()))
        .into();
    assert_eq!(shown, [true, true, true, false, true]);
}
