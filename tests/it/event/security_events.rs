//! Events as the claims of security event tokens: the form of each example of RFC 9967 §2, and the values that must
//! never be in a token.

use std::sync::{Arc, Mutex};

use crate::fixture::host::{BASE, Counting, ENTERPRISE, GROUP, Host, PATCH, Ticking, USER};
use scim_core::{
    event::{Event, EventUri, Issuance, SecurityEvent},
    limits::Limits,
    patch::{Patch, ValueEdit},
    provider::ServiceProvider,
    quirks::{Quirks, Reading, Tolerance},
    resource::Resource,
    schema::{AttributeId, Registry, SERVICE_PROVIDER_CONFIG},
    store::{Change, ChangeOutcome, Expect, ListEdit, MemoryStore, RequestContext, TenantId, Version},
    value::{Object, Value},
};
use serde_json::{Value as Json, json};

const FEED: &str = "https://scim.example.com/Feeds/1";

type Log = Arc<Mutex<Vec<Event>>>;

fn observed() -> (Host<MemoryStore>, Log) {
    let log = Log::default();
    let seen = Arc::clone(&log);
    let provider = ServiceProvider::builder(Registry::standard(), MemoryStore::new(), BASE)
        .clock(Ticking::default())
        .ids(Counting::default())
        .observer(move |_: &RequestContext, event: &Event| seen.lock().unwrap().push(event.clone()))
        .build()
        .unwrap();
    (Host { provider, context: RequestContext::new(TenantId::single()) }, log)
}

fn last(log: &Log) -> Event {
    log.lock().unwrap().last().expect("something happened").clone()
}

fn claims(event: &SecurityEvent) -> Json {
    let issued_at = "2016-03-20T20:17:24Z".parse().unwrap();
    let issuance = Issuance { issuer: "https://scim.example.com", audience: &[FEED], token_id: "4d35", issued_at };
    serde_json::from_slice(&event.claims(&issuance)).unwrap()
}

fn uri(name: &str) -> String {
    format!("urn:ietf:params:scim:event:{name}")
}

/// A token in the form of the RFC's examples, with one event of this name.
fn token(subject: &str, external_id: Option<&str>, name: &str, payload: &Json) -> Json {
    let mut token = json!({"iss": "https://scim.example.com", "iat": 1_458_505_044, "jti": "4d35", "aud": [FEED],
        "sub_id": {"format": "scim", "uri": subject}, "events": {uri(name): payload}});
    if let Some(id) = external_id {
        token["sub_id"]["externalId"] = json!(id);
    }
    token
}

/// Compares with an example: no member of the example is missing, and every additional member is in `allowed`, as a
/// JSON pointer without the event's URI.
fn is_like(figure: u8, mut found: Json, expected: &Json, allowed: &[(&str, Json)]) {
    let (name, _) = expected["events"].as_object().unwrap().iter().next().unwrap();
    for (place, value) in allowed {
        let (place, last) = place.rsplit_once('/').unwrap();
        let object = match place.strip_prefix("event") {
            Some(place) => found["events"][name].pointer_mut(place),
            None => found.pointer_mut(place),
        };
        let removed = object.and_then(Json::as_object_mut).unwrap().remove(last);
        assert_eq!(removed.as_ref(), Some(value), "figure {figure}: {place}/{last}");
    }
    assert_eq!(found, *expected, "figure {figure}");
}

/// 9967-2.1-01, 9967-2.2-01: each of the figures 1 to 11.
#[test]
fn every_example_of_the_rfc_is_made() {
    let (host, log) = observed();
    let registry = host.provider.registry();
    let user = registry.resource_type("User").unwrap();
    let txn = |id: &str| ("/txn", json!(id));

    // Figure 1 shows the claims that all tokens have; figures 2 and 3 show the events of the feed.
    let feeds = [
        (2, SecurityEvent::feed_add(user, "2b2f"), "feed:add"),
        (3, SecurityEvent::feed_remove(user, "2b2f"), "feed:remove"),
    ];
    for (figure, event, name) in feeds {
        let expected = token("/Users/2b2f", Some("jdoe"), name, &json!({}));
        let event = event.with_external_id("jdoe");
        assert_eq!(claims(&event), expected, "figure {figure}");
        is_like(figure, claims(&event.with_transaction("b7b9")), &expected, &[txn("b7b9")]);
    }

    let body = json!({"schemas": [USER], "userName": "jdoe", "externalId": "jdoe", "password": "s3cret",
        "name": {"givenName": "John", "familyName": "Doe"}, "emails": [{"type": "work", "value": "jdoe@example.com"}]});
    let shown = host.post("/Users", &body).json();
    let created = last(&log);
    let mut data = body.clone();
    data.as_object_mut().unwrap().remove("password");
    let mut meta = shown["meta"].clone();
    meta["location"] = json!("/Users/id-001");
    let version = shown["meta"]["version"].clone();
    is_like(
        4,
        claims(&SecurityEvent::full(&created, registry)),
        &token("/Users/id-001", Some("jdoe"), "prov:create:full", &json!({ "data": data })),
        &[
            txn("single/Users/id-001/1"),
            ("event/data/id", json!("id-001")),
            ("event/data/meta", meta),
            ("event/data/active", json!(true)),
            ("event/version", version.clone()),
        ],
    );
    let notice = claims(&SecurityEvent::notice(&created));
    let names = notice["events"][uri("prov:create:notice")]["attributes"].clone();
    is_like(
        5,
        notice,
        &token("/Users/id-001", Some("jdoe"), "prov:create:notice", &json!({ "attributes": names })),
        &[txn("single/Users/id-001/1"), ("event/version", version)],
    );
    let mut names: Vec<&str> = names.as_array().unwrap().iter().filter_map(Json::as_str).collect();
    names.sort_unstable();
    let expected =
        ["active", "emails", "externalId", "id", "name.familyName", "name.givenName", "password", "userName"];
    assert_eq!(names, expected, "the name of a secret is none");

    let group = host.post("/Groups", &json!({"schemas": [GROUP], "displayName": "CRM"})).id();
    let target = format!("/Groups/{group}");
    host.patch(&target, &json!([{"op": "add", "path": "members", "value": [{"value": "id-001"}]}]));
    let version = host.get(&target).json()["meta"]["version"].clone();
    // The member in the RFC's example has a `display`, which the schema of RFC 7643 does not have.
    let value = json!([{"$ref": "/Users/id-001", "value": "id-001", "type": "User"}]);
    let operations = json!([{"op": "add", "path": "members", "value": value}]);
    let payload = json!({"version": version, "data": {"schemas": [PATCH], "Operations": operations}});
    let txn_of_group = txn("single/Groups/id-002/3");
    is_like(
        6,
        claims(&SecurityEvent::full(&last(&log), registry)),
        &token(&target, None, "prov:patch:full", &payload),
        std::slice::from_ref(&txn_of_group),
    );
    is_like(
        7,
        claims(&SecurityEvent::notice(&last(&log))),
        &token(&target, None, "prov:patch:notice", &json!({"attributes": ["members"], "version": version})),
        &[txn_of_group],
    );

    let body = json!({"schemas": [USER], "userName": "jdoe2",
        "name": {"formatted": "Mr. Jon Doe", "familyName": "Doe", "givenName": "Jon"},
        "emails": [{"value": "jdoe@example.com"}, {"value": "anon@jdoe.org"}]});
    let shown = host.put("/Users/id-001", &body).json();
    let updated = last(&log);
    let mut meta = shown["meta"].clone();
    meta["location"] = json!("/Users/id-001");
    let version = shown["meta"]["version"].clone();
    is_like(
        8,
        claims(&SecurityEvent::full(&updated, registry)),
        &token("/Users/id-001", Some("jdoe"), "prov:put:full", &json!({"version": version, "data": body})),
        &[
            txn("single/Users/id-001/4"),
            ("event/data/id", json!("id-001")),
            ("event/data/meta", meta),
            ("event/data/active", json!(true)),
        ],
    );
    let names = json!(["userName", "name.givenName", "name.formatted", "emails", "externalId"]);
    let sorted = |names: &Json| {
        let mut names: Vec<String> = names.as_array().unwrap().iter().map(ToString::to_string).collect();
        names.sort_unstable();
        names
    };
    let notice = claims(&SecurityEvent::notice(&updated));
    let found = notice["events"][uri("prov:put:notice")]["attributes"].clone();
    assert_eq!(sorted(&found), sorted(&names));
    is_like(
        9,
        notice,
        &token("/Users/id-001", Some("jdoe"), "prov:put:notice", &json!({"version": version, "attributes": found})),
        &[txn("single/Users/id-001/4")],
    );

    for (figure, active, name) in [(11, false, "prov:deactivate"), (11, true, "prov:activate")] {
        host.patch("/Users/id-001", &json!([{"op": "replace", "path": "active", "value": active}]));
        let event = SecurityEvent::notice(&last(&log));
        let told: Vec<EventUri> = event.uris().collect();
        let change = if active { EventUri::Activate } else { EventUri::Deactivate };
        assert_eq!(told, [EventUri::PutNotice, change], "one state change, two names");
        let transaction = claims(&event)["txn"].clone();
        let alone = event.only(&[EventUri::Activate, EventUri::Deactivate]).unwrap();
        is_like(figure, claims(&alone), &token("/Users/id-001", None, name, &json!({})), &[("/txn", transaction)]);
    }

    host.delete("/Users/id-001");
    let transaction = format!("single/Users/id-001!deleted/{}", last(&log).time().timestamp_micros());
    for event in [SecurityEvent::notice(&last(&log)), SecurityEvent::full(&last(&log), registry)] {
        let expected = token("/Users/id-001", None, "prov:delete", &json!({}));
        is_like(10, claims(&event), &expected, &[txn(&transaction)]);
    }

    for event in log.lock().unwrap().iter() {
        for event in [SecurityEvent::notice(event), SecurityEvent::full(event, registry)] {
            let claims = claims(&event);
            assert!(claims.get("sub").is_none() && claims["sub_id"]["format"] == "scim", "figure 1: {claims}");
            assert!(claims["sub_id"]["uri"].as_str().is_some_and(|uri| uri.starts_with('/')), "figure 1");
            assert!(!claims.to_string().contains("s3cret") && !format!("{event:?}").contains("jdoe"));
            for (uri, payload) in claims["events"].as_object().unwrap() {
                let [data, attributes] = ["data", "attributes"].map(|name| payload.get(name).is_some());
                let expected = match &uri[uri.rfind(':').unwrap()..] {
                    ":full" => (true, false),
                    ":notice" => (false, true),
                    _ => (false, false),
                };
                assert_eq!((data, attributes), expected, "9967-2.2-01: exactly one, or none where none belongs: {uri}");
            }
        }
    }
}

/// A change of members is published as a PatchOp. Applied to the old state, it gives the new state, whatever the ids
/// contain, and also if the store could not report its edits.
#[test]
fn a_change_of_members_is_reported_as_a_patch() {
    let registry = Registry::standard();
    let group = registry.resource_type("Group").unwrap();
    let members = group.reference_lists()[0];
    let value = group.value_of(members).unwrap();
    let resource_type = group.child(members, "type").unwrap();
    let member = |id: &str| {
        Object::from_iter([(value, Value::String(id.into())), (resource_type, Value::String("User".into()))])
    };
    let odd = r#"a"b\c]é"#;
    let edit = |clear, remove: &[&str], add: &[&str]| ValueEdit {
        clear,
        remove: remove.iter().map(|id| (*id).into()).collect(),
        add: add.iter().map(|id| member(id)).collect(),
    };
    let cases = [
        edit(false, &[], &["u3", odd]),
        edit(false, &["u1", "u2"], &[]),
        edit(false, &["u1"], &["u4"]),
        edit(true, &[], &["u2", "u5"]),
        edit(true, &[], &[]),
    ];
    let id = (AttributeId::ID, Value::String("g1".into()));
    let name = (group.child(AttributeId::ROOT, "displayName").unwrap(), Value::String("All".into()));
    let before =
        Object::from_iter([id, name, (members, Value::List(["u1", "u2"].map(|id| Value::Complex(member(id))).into()))]);
    let before = Resource::from_object(Arc::clone(group), before);
    for edit in cases {
        for tells in [true, false] {
            let mut after = before.clone();
            let effect = edit.apply(members, &mut after).unwrap();
            let change = Change::EditValues(ListEdit {
                resource_type: Arc::clone(group),
                id: "g1".into(),
                attribute: members,
                expect: Expect::Exists,
                edit: edit.clone(),
                modified: chrono::DateTime::UNIX_EPOCH,
            });
            let done = ChangeOutcome::written(Version::from(2)).with_edit(tells.then_some(effect));
            let event = Event::of(&RequestContext::new(TenantId::single()), &change, &done).unwrap();
            let data =
                claims(&SecurityEvent::full(&event, &registry))["events"][uri("prov:patch:full")]["data"].clone();
            let limits = Limits::default();
            let mut tolerance = Tolerance::new(Quirks::strict());
            let patch = Patch::parse(data.to_string().as_bytes(), Reading::new(&limits, &mut tolerance)).unwrap();
            let patched = patch.apply(&before, Reading::new(&limits, &mut tolerance)).unwrap().expect("a change");
            let ids = |resource: &Resource| {
                let elements = resource.root().get(members).map(Value::elements).unwrap_or_default();
                let id =
                    |element: &Value| element.as_object().unwrap().get(value).unwrap().as_str().unwrap().to_owned();
                elements.iter().map(id).collect::<Vec<_>>()
            };
            let (mut patched, mut expected) = (ids(&patched), ids(&after));
            patched.sort_unstable();
            expected.sort_unstable();
            assert_eq!(patched, expected, "{data}");
        }
    }
}

/// 9967-4-01: the configuration lists the events if the host declares them, and only then.
#[test]
fn the_configuration_names_the_events() {
    let (host, _) = observed();
    assert!(host.get("/ServiceProviderConfig").json().get("securityEvents").is_none());
    let provider = ServiceProvider::builder(Registry::standard(), MemoryStore::new(), BASE)
        .clock(Ticking::default())
        .ids(Counting::default())
        .security_events([EventUri::CreateFull, EventUri::Delete])
        .build()
        .unwrap();
    let host = Host { provider, context: RequestContext::new(TenantId::single()) };
    let told = host.get("/ServiceProviderConfig").json()["securityEvents"].clone();
    let uris = [uri("prov:create:full"), uri("prov:delete")];
    assert_eq!(told, json!({"asyncRequest": "none", "eventUris": uris}));
    let schema = host.get(&format!("/Schemas/{SERVICE_PROVIDER_CONFIG}")).json();
    let defined = schema["attributes"].as_array().unwrap().iter().find(|it| it["name"] == "securityEvents").unwrap();
    let parts: Vec<&str> =
        defined["subAttributes"].as_array().unwrap().iter().filter_map(|it| it["name"].as_str()).collect();
    assert_eq!(parts, ["asyncRequest", "eventUris"]);
}

/// The attributes of an extension have their URN in the name, and characters that a URL path cannot have are escaped.
#[test]
fn names_and_paths_are_whole() {
    let (host, log) = observed();
    let body = json!({"schemas": [USER, ENTERPRISE], "userName": "a", ENTERPRISE: {"department": "Tours"}});
    host.post("/Users", &body);
    let notice = claims(&SecurityEvent::notice(&last(&log)));
    let names = notice["events"][uri("prov:create:notice")]["attributes"].to_string();
    assert!(names.contains(&format!("{ENTERPRISE}:department")), "{names}");
    let resource_type = host.provider.registry().resource_type("User").unwrap();
    assert_eq!(claims(&SecurityEvent::feed_add(resource_type, "a/b é"))["sub_id"]["uri"], "/Users/a%2Fb%20%C3%A9");
}
