//! Hostile requests: each gets an error that names the place, changes nothing and stops nothing.

use crate::fixture::host;
use std::thread;

use crate::fixture::host::{Host, PATCH, USER, host, host_with};
use proptest::prelude::*;
use scim_core::{
    limits::Limits,
    quirks::Quirks,
    schema::{AttributeId, AttributeType, Mutability, Registry, ResourceType},
    store::MemoryStore,
};
use serde_json::{Value as Json, json};

fn patch(operation: &Json) -> String {
    json!({"schemas": [PATCH], "Operations": [operation]}).to_string()
}

/// Values of the right form but the wrong type, for each type.
fn wrong_values(kind: AttributeType) -> Vec<Json> {
    let all = [json!("text"), json!(true), json!(7), json!(1.5), json!({"x": 1}), json!([["x"]]), json!([1, null])];
    let right = |value: &Json| match kind {
        // A whole number is read as text.
        AttributeType::String => value.is_string() || value.is_u64(),
        AttributeType::Boolean => value.is_boolean(),
        AttributeType::Integer => value.is_u64(),
        AttributeType::Decimal => value.is_number(),
        AttributeType::Binary | AttributeType::Reference => value == "text",
        AttributeType::DateTime => false,
        // Unknown members are dropped, and a bare text is read as `value`.
        AttributeType::Complex => value.is_object() || value.is_string(),
    };
    all.into_iter().filter(|value| !right(value)).collect()
}

/// Every attribute of every resource type, with every wrong type, by POST, PUT and PATCH.
#[test]
fn values_of_wrong_types_are_refused() {
    let host = host();
    let user = host.user("bjensen");
    let group = host.post("/Groups", &json!({"displayName": "g"})).id();
    let registry = Registry::standard();
    let mut sent = 0;
    for (kind, id) in [("User", &user), ("Group", &group)] {
        let kind = registry.resource_type(kind).unwrap();
        let mut ids = kind.children(AttributeId::ROOT).to_vec();
        ids.extend(ids.clone().iter().flat_map(|id| kind.children(*id).to_vec()));
        ids.extend(
            kind.extensions().iter().flat_map(|it| kind.children(it.attribute())).flat_map(|id| kind.children(*id)),
        );
        for attribute in ids {
            let definition = kind.attribute(attribute);
            let read_only =
                |id: AttributeId| id != AttributeId::ROOT && kind.attribute(id).mutability() == Mutability::ReadOnly;
            let is_extension = kind.extensions().iter().any(|extension| extension.attribute() == attribute);
            if read_only(attribute)
                || read_only(kind.parent(attribute))
                || attribute == AttributeId::SCHEMAS
                || is_extension
            {
                continue;
            }
            for value in wrong_values(definition.data_type()) {
                let body = nested(kind, attribute, &value);
                let target = format!("/{}", kind.endpoint());
                let text = body.to_string();
                for (method, target) in [("POST", target.clone()), ("PUT", format!("{target}/{id}"))] {
                    let reply = host.refused(method, &target, text.as_bytes(), 400, "invalidValue");
                    let detail = reply.json()["detail"].as_str().unwrap().to_owned();
                    assert!(detail.contains(definition.name()), "{text}: {detail}");
                }
                let operation = patch(&json!({"op": "add", "value": body}));
                host.refused("PATCH", &format!("{target}/{id}"), operation.as_bytes(), 400, "invalidValue");
                sent += 1;
            }
        }
    }
    assert!(sent > 300, "{sent}");
}

/// A body in which the attribute has this value.
fn nested(kind: &ResourceType, attribute: AttributeId, value: &Json) -> Json {
    let parent = kind.parent(attribute);
    let value = json!({kind.attribute(attribute).name(): value});
    if parent == AttributeId::ROOT { value } else { nested(kind, parent, &value) }
}

/// Each bound of `Limits` that a request can reach, just met and just exceeded.
#[test]
fn each_limit_is_enforced() {
    let mut limits = Limits::default();
    (limits.body, limits.json_depth, limits.string, limits.values) = (4_000, 8, 50, 5);
    (limits.filter_bytes, limits.filter_depth, limits.filter_terms) = (300, 4, 6);
    (limits.path_bytes, limits.patch_operations, limits.attribute_names, limits.id_bytes) = (80, 3, 4, 20);
    let host = host_with(Registry::standard(), MemoryStore::new(), limits, Quirks::default());
    let user = host.user("bjensen");
    let target = format!("/Users/{user}");
    let with = |name: &str, value: Json| json!({"schemas": [USER], "userName": "bjensen", name: value}).to_string();
    let emails = |count| (0..count).map(|n| json!({"value": format!("{n}@example.com")})).collect::<Json>();
    let deep = |levels: usize| format!(r#"{{"userName":"bjensen","x":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
    let operations = |count: usize| {
        json!({"schemas": [PATCH], "Operations": vec![json!({"op": "add", "path": "title", "value": "x"}); count]})
            .to_string()
    };
    let deep_value = |levels: usize| {
        format!(
            r#"{{"schemas":["{PATCH}"],"Operations":[{{"op":"add","value":{{"x":{}{}}}}}]}}"#,
            "[".repeat(levels),
            "]".repeat(levels)
        )
    };
    let or = |terms: usize| vec!["title pr"; terms].join(" or ");
    let parens = |levels: usize| format!("{}title pr{}", "(".repeat(levels), ")".repeat(levels));
    let long_path = |bytes: usize| patch(&json!({"op": "remove", "path": format!("title{}", "e".repeat(bytes - 5))}));
    // Method, target, body, status and keyword; the first row of each pair is within the limit.
    let table: Vec<(&str, String, String, u16, &str)> = vec![
        ("PUT", target.clone(), with("title", json!("x".repeat(50))), 200, ""),
        ("PUT", target.clone(), with("title", json!("x".repeat(51))), 400, "invalidValue"),
        ("PUT", target.clone(), with("emails", emails(5)), 200, ""),
        ("PUT", target.clone(), with("emails", emails(6)), 400, "tooMany"),
        ("PUT", target.clone(), deep(7), 200, ""),
        ("PUT", target.clone(), deep(8), 400, "invalidSyntax"),
        ("PUT", target.clone(), deep(1_900), 400, "invalidSyntax"),
        ("PUT", target.clone(), deep(2_100), 413, ""),
        ("POST", "/Users".into(), format!("{}{}", with("title", json!("x")), " ".repeat(4_000)), 413, ""),
        ("PATCH", target.clone(), format!("{}{}", operations(1), " ".repeat(4_000)), 413, ""),
        ("POST", "/Users/.search".into(), format!("{{}}{}", " ".repeat(4_000)), 413, ""),
        ("PATCH", target.clone(), operations(3), 200, ""),
        ("PATCH", target.clone(), operations(4), 400, "tooMany"),
        ("PATCH", target.clone(), deep_value(4), 200, ""),
        ("PATCH", target.clone(), deep_value(5), 400, "invalidSyntax"),
        ("PATCH", target.clone(), patch(&json!({"op": "add", "path": "emails", "value": emails(6)})), 400, "tooMany"),
        (
            "PATCH",
            target.clone(),
            patch(&json!({"op": "add", "path": "title", "value": "x".repeat(51)})),
            400,
            "invalidValue",
        ),
        ("PATCH", target.clone(), long_path(80), 400, "invalidPath"),
        ("PATCH", target.clone(), long_path(81), 400, "invalidPath"),
        ("GET", format!("/Users?filter={}", or(6)), String::new(), 200, ""),
        ("GET", format!("/Users?filter={}", or(7)), String::new(), 400, "invalidFilter"),
        ("GET", format!("/Users?filter={}", parens(4)), String::new(), 200, ""),
        ("GET", format!("/Users?filter={}", parens(5)), String::new(), 400, "invalidFilter"),
        ("GET", format!("/Users?filter=title eq \"{}\"", "x".repeat(289)), String::new(), 200, ""),
        ("GET", format!("/Users?filter=title eq \"{}\"", "x".repeat(290)), String::new(), 400, "invalidFilter"),
        ("GET", "/Users?attributes=a,b,c,d".into(), String::new(), 200, ""),
        ("GET", "/Users?attributes=a,b,c,d,e".into(), String::new(), 400, "invalidValue"),
        ("GET", "/Users?excludedAttributes=a,b,c,d,e".into(), String::new(), 400, "invalidValue"),
        ("GET", format!("/Users/{}", "x".repeat(20)), String::new(), 404, ""),
        ("DELETE", format!("/Users/{}", "x".repeat(21)), String::new(), 404, ""),
    ];
    for (method, target, body, status, keyword) in table {
        if status == 200 {
            let reply = host.send(method, &host::encoded(&target), &[], body.as_bytes());
            assert_eq!(reply.status, 200, "{method} {target} {body}: {}", reply.json());
        } else {
            host.refused(method, &target, body.as_bytes(), status, keyword);
        }
    }
}

/// Junk in bodies and paths.
#[test]
fn junk_is_refused() {
    let host = host();
    let target = format!("/Users/{}", host.user("bjensen"));
    let nul = r#"{"userName":"a\u0000b"}"#;
    let surrogate = r#"{"userName":"\ud800"}"#;
    let bodies: [(&[u8], &str); 12] = [
        (b"", "invalidSyntax"),
        (b"null", "invalidSyntax"),
        (b"7", "invalidSyntax"),
        (b"[{}]", "invalidSyntax"),
        (b"{\"userName\":\"a\"", "invalidSyntax"),
        (b"{\"userName\":\"a\"} x", "invalidSyntax"),
        (b"{\"userName\":\"\xff\xfe\"}", "invalidSyntax"),
        (b"{\"userName\":\"a\",\"username\":\"b\"}", "invalidSyntax"),
        (b"{\"title\":null,\"Title\":null,\"userName\":\"x\"}", "invalidSyntax"),
        (b"{\"userName\":\"a\",}", "invalidSyntax"),
        (nul.as_bytes(), "invalidValue"),
        (surrogate.as_bytes(), "invalidSyntax"),
    ];
    for (body, keyword) in bodies {
        host.refused("POST", "/Users", body, 400, keyword);
        host.refused("PUT", &target, body, 400, keyword);
    }
    for id in ["..", "%00", "a%2Fb", "a%20b", "'; DROP TABLE users --", "%F0%9F%98%80", "%FF", "%", "%zz", "é"] {
        for method in ["GET", "DELETE"] {
            let before = host.everything();
            let reply = host.send(method, &format!("/Users/{id}"), &[], b"");
            assert_eq!(reply.error(), (404, String::new()), "{method} {id}");
            assert_eq!(host.everything(), before);
        }
    }
    for path in [
        "emails[",
        "emails[type eq",
        "emails]]",
        "a.b.c.d.e",
        "urn:",
        ":",
        ".",
        "..",
        "$ref",
        "emails[type eq \"x\"][type eq \"y\"]",
        "__proto__",
    ] {
        let operation = patch(&json!({"op": "add", "path": path, "value": "x"}));
        let before = host.everything();
        let reply = host.send("PATCH", &target, &[], operation.as_bytes());
        assert_eq!(reply.error().0, 400, "{path}");
        assert!(
            ["invalidPath", "invalidFilter", "noTarget"].contains(&reply.error().1.as_str()),
            "{path}: {}",
            reply.json()
        );
        assert_eq!(host.everything(), before, "{path}");
    }
}

/// Endless nesting, on a stack of 256 KiB.
#[test]
fn depth_needs_no_stack() {
    let run = || {
        let host = host();
        let target = format!("/Users/{}", host.user("bjensen"));
        let times = 100_000;
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}"), (r#"[{"emails":"#, "}]")] {
            let deep = format!("{}1{}", open.repeat(times), close.repeat(times));
            for body in
                [deep.clone(), format!(r#"{{"x":{deep}}}"#), format!(r#"{{"name":{deep}}}"#), open.repeat(times)]
            {
                // Where an object is expected, the missing object is reported before the depth of the value.
                let keyword = if body.starts_with("{\"name\":[[") { "invalidValue" } else { "invalidSyntax" };
                host.refused("POST", "/Users", body.as_bytes(), 400, keyword);
                host.refused("PATCH", &target, body.as_bytes(), 400, "invalidSyntax");
                host.refused("POST", "/Users/.search", body.as_bytes(), 400, "invalidSyntax");
            }
        }
        for open in ["(", "not (", "emails[", "a."] {
            let filter = open.repeat(times);
            let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": filter})
                .to_string();
            host.refused("POST", "/Users/.search", body.as_bytes(), 400, "invalidFilter");
            let operation = patch(&json!({"op": "remove", "path": filter}));
            assert_eq!(host.send("PATCH", &target, &[], operation.as_bytes()).error().0, 400);
        }
    };
    thread::Builder::new().stack_size(256 << 10).spawn(run).unwrap().join().expect("no panic, and the stack is enough");
}

fn filled() -> Host<MemoryStore> {
    let host = host();
    let user = host.user("bjensen");
    assert_eq!(user, "id-001");
    host.post("/Groups", &json!({"displayName": "g", "members": [{"value": user}]}));
    host
}

fn json_value() -> impl Strategy<Value = Json> {
    let word = prop::sample::select(vec![
        "userName",
        "emails",
        "members",
        "value",
        "type",
        "active",
        "path",
        "op",
        "add",
        "remove",
        "replace",
        "Operations",
        "schemas",
        PATCH,
        USER,
        "id",
        "id-001",
        "$ref",
        "name.givenName",
        "emails[type eq \"work\"].value",
        "",
        "\u{0}",
        "true",
    ]);
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        word.clone().prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 24, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            prop::collection::vec((word.clone(), inner), 0..6).prop_map(|members| members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect::<Json>()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    /// Every request gets an answer of the protocol, and a failed request leaves no trace.
    #[test]
    fn every_request_is_answered(
        method in prop::sample::select(vec!["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "X"]),
        target in prop_oneof![
            prop::sample::select(vec![
                "/Users", "/Groups", "/Users/id-001", "/Groups/id-002", "/Users/.search", "/Bulk", "/Me", "/Schemas", "/",
            ]).prop_map(str::to_owned),
            "/Users\\?(filter|sortBy|attributes|count|startIndex)=[ -~]{0,40}",
            "\\PC{0,30}",
        ],
        body in prop_oneof![
            json_value().prop_map(|json| json.to_string().into_bytes()),
            json_value().prop_map(|json| json!({"schemas": [PATCH], "Operations": [json]}).to_string().into_bytes()),
            prop::collection::vec(any::<u8>(), 0..60),
        ],
    ) {
        let host = filled();
        let before = host.everything();
        let reply = host.send(method, &target, &[], &body);
        prop_assert!([200, 201, 204, 304, 400, 403, 404, 405, 409, 412, 413, 415, 501].contains(&reply.status), "{reply:?}");
        if reply.status >= 400 {
            if method != "HEAD" {
                reply.error();
            }
            prop_assert_eq!(host.everything(), before);
        }
    }
}
