//! Request shapes of identity providers through the whole service provider: accepted and reported under their quirk,
//! refused without it, and a refusal changes nothing.

use crate::fixture::host::{self, Host, host_with};
use scim_core::{
    limits::Limits,
    quirks::{Quirk, Quirks},
    schema::Registry,
    store::MemoryStore,
};
use serde_json::{Value as Json, json};

const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

fn host_of(quirks: Quirks) -> Host<MemoryStore> {
    host_with(Registry::standard(), MemoryStore::new(), Limits::default(), quirks)
}

/// All quirks except this one.
fn without(quirk: Quirk) -> Quirks {
    Quirk::ALL.iter().fold(Quirks::strict(), |all, quirk| all.with(*quirk)).without(quirk)
}

struct Shape {
    quirk: Quirk,
    method: &'static str,
    target: &'static str,
    body: String,
    /// A part of the answer, as a JSON pointer, with its value.
    shows: (&'static str, Json),
    refused: (u16, &'static str),
}

fn shapes() -> Vec<Shape> {
    let shape = |quirk, method, target, body: &Json, shows, refused| Shape {
        quirk,
        method,
        target,
        body: if body.is_null() { String::new() } else { body.to_string() },
        shows,
        refused,
    };
    let user = |name: &str, value: Json| json!({"schemas": [host::USER], "userName": "bob", name: value});
    let marked = |body: Json| format!("\u{FEFF}{body}");
    let invalid_value = (400, "invalidValue");
    let mut shapes = vec![
        shape(
            Quirk::EmptyFilter,
            "GET",
            "/Users?filter=",
            &Json::Null,
            ("/totalResults", json!(1)),
            (400, "invalidFilter"),
        ),
        shape(
            Quirk::EmptyFilter,
            "POST",
            "/Users/.search",
            &json!({"schemas": [SEARCH], "filter": " "}),
            ("/totalResults", json!(1)),
            (400, "invalidFilter"),
        ),
        shape(Quirk::EmptyFilter, "GET", "/Schemas?filter=", &Json::Null, ("/totalResults", json!(6)), (403, "")),
        shape(
            Quirk::OneForList,
            "POST",
            "/Users/.search",
            &json!({"schemas": SEARCH}),
            ("/totalResults", json!(1)),
            (400, "invalidSyntax"),
        ),
        shape(
            Quirk::NumberForString,
            "POST",
            "/Users",
            &user("title", json!(701_984)),
            ("/title", json!("701984")),
            invalid_value,
        ),
        shape(
            Quirk::NumberForString,
            "POST",
            "/Users",
            &user("phoneNumbers", json!([{"value": -5}])),
            ("/phoneNumbers", json!([{"value": "-5"}])),
            invalid_value,
        ),
        shape(
            Quirk::BlankUri,
            "POST",
            "/Users",
            &user("photos", json!([{"value": " ", "type": "photo"}, {"value": "https://x/y"}])),
            ("/photos", json!([{"value": "https://x/y"}])),
            invalid_value,
        ),
        shape(
            Quirk::UriWithBlank,
            "POST",
            "/Users",
            &user("profileUrl", json!("https://x/a b")),
            ("/profileUrl", json!("https://x/a b")),
            invalid_value,
        ),
        shape(
            Quirk::PackedValue,
            "POST",
            "/Users",
            &user("emails", json!("[{\"value\":\"b@x\"}]")),
            ("/emails", json!([{"value": "b@x"}])),
            invalid_value,
        ),
        shape(
            Quirk::PackedValue,
            "POST",
            "/Users",
            &user("emails", json!(["{\"value\":\"b@x\",\"type\":\"work\"}"])),
            ("/emails", json!([{"value": "b@x", "type": "work"}])),
            invalid_value,
        ),
        shape(
            Quirk::CoreSchemaObject,
            "POST",
            "/Users",
            &json!({"schemas": [host::USER], host::USER: {"userName": "bob"}}),
            ("/userName", json!("bob")),
            // The object is an unknown attribute, which is ignored.
            invalid_value,
        ),
        shape(
            Quirk::CompactZone,
            "GET",
            "/Users?filter=meta.created lt \"2099-01-01T00:00:00+0000\"",
            &Json::Null,
            ("/totalResults", json!(1)),
            (400, "invalidFilter"),
        ),
        shape(
            Quirk::BlankForPlus,
            "GET",
            "/Users?filter=meta.created lt \"2099-01-01T00:00:00 00:00\"",
            &Json::Null,
            ("/totalResults", json!(1)),
            (400, "invalidFilter"),
        ),
        shape(
            Quirk::BlankForT,
            "GET",
            "/Users?filter=meta.created lt \"2099-01-01 00:00:00Z\"",
            &Json::Null,
            ("/totalResults", json!(1)),
            (400, "invalidFilter"),
        ),
    ];
    let bulk = json!({"schemas": [BULK], "Operations": [
        {"method": "POST", "path": "/Users", "bulkId": "b", "data": {"schemas": [host::USER], "userName": "bob"}},
    ]});
    for (method, target, body, shows) in [
        ("POST", "/Users", user("title", json!("T")), ("/title", json!("T"))),
        ("PUT", "/Users/id-001", user("title", json!("T")), ("/title", json!("T"))),
        ("POST", "/Users/.search", json!({"schemas": [SEARCH]}), ("/totalResults", json!(1))),
        ("POST", "/Bulk", bulk, ("/Operations/0/status", json!("201"))),
    ] {
        let refused = (400, "invalidSyntax");
        shapes.push(Shape { quirk: Quirk::ByteOrderMark, method, target, body: marked(body), shows, refused });
    }
    shapes
}

#[test]
fn shapes_are_accepted_and_reported_under_their_quirk_and_refused_without_it() {
    for Shape { quirk, method, target, body, shows, refused } in shapes() {
        let context = format!("{quirk:?}: {method} {target} {body}");
        let host = host_of(Quirks::default().with(quirk));
        let id = host.user("ann");
        assert_eq!(id, "id-001");
        let reply = host.send(method, &host::encoded(target), &[], body.as_bytes());
        assert!(reply.status < 300, "{context}: {}", reply.json());
        assert_eq!(reply.json().pointer(shows.0), Some(&shows.1), "{context}: {}", reply.json());
        assert!(reply.quirks.contains(quirk), "{context}: {}", reply.quirks);

        let strict = host_of(without(quirk));
        strict.user("ann");
        strict.refused(method, target, body.as_bytes(), refused.0, refused.1);
    }
}

/// A URI with a blank that one request has stored can be read by the next request.
#[test]
fn a_stored_uri_with_a_blank_stays_readable() {
    let host = host_of(Quirks::entra());
    let user = json!({"userName": "ann", "profileUrl": "https://x/a b"});
    let target = format!("/Users/{}", host.post("/Users", &user).id());
    let reply = host.patch(&target, &json!([{"op": "replace", "path": "title", "value": "T"}]));
    assert_eq!((reply.status, &reply.json()["profileUrl"]), (200, &user["profileUrl"]));
}

/// One way to send references to a group.
type Send = fn(&Host<MemoryStore>, &str, &Json) -> host::Reply;

/// A reference to no resource: refused by default, and by each preset; dropped and reported under the quirk.
#[test]
fn a_missing_reference_is_refused_or_dropped() {
    for quirks in [Quirks::strict(), Quirks::default(), Quirks::okta(), Quirks::entra()] {
        assert!(!quirks.contains(Quirk::MissingReference));
    }
    let tolerant = || host_of(Quirks::default().with(Quirk::MissingReference));
    let known = |host: &Host<MemoryStore>| {
        let ann = host.user("ann");
        let group = host.post("/Groups", &json!({"displayName": "g", "members": [{"value": ann}]})).id();
        (host.user("bob"), ann, format!("/Groups/{group}"))
    };
    let requests: [(&str, Send); 6] = [
        ("add", |host, target, new| host.patch(target, &json!([{"op": "add", "path": "members", "value": new}]))),
        ("path-less", |host, target, new| host.patch(target, &json!([{"op": "add", "value": {"members": new}}]))),
        ("mixed", |host, target, new| {
            let rename = json!({"op": "replace", "path": "displayName", "value": "h"});
            host.patch(target, &json!([rename, {"op": "add", "path": "members", "value": new}]))
        }),
        ("replace", |host, target, new| {
            host.patch(target, &json!([{"op": "replace", "path": "members", "value": new}]))
        }),
        ("PUT", |host, target, new| host.put(target, &json!({"displayName": "g", "members": new}))),
        ("POST", |host, _, new| host.post("/Groups", &json!({"displayName": "other", "members": new}))),
    ];
    for (name, send) in requests {
        let host = tolerant();
        let (bob, ann, target) = known(&host);
        let new = json!([{"value": "nobody"}, {"value": bob}, {"value": "no one", "type": "User"}]);
        let reply = send(&host, &target, &new);
        assert!([200, 201].contains(&reply.status), "{name}: {}", reply.json());
        let members: Vec<String> =
            reply.json()["members"].as_array().unwrap().iter().map(|it| it["value"].as_str().unwrap().into()).collect();
        let adds = ["add", "path-less", "mixed"].contains(&name);
        assert_eq!(members, if adds { vec![ann, bob] } else { vec![bob] }, "{name}");
        assert!(reply.quirks.contains(Quirk::MissingReference), "{name}");

        let refusing = host_of(Quirks::default());
        let (_, _, target) = known(&refusing);
        let before = refusing.everything();
        assert_eq!(send(&refusing, &target, &new).error(), (400, "invalidValue".to_owned()), "{name}");
        assert_eq!(refusing.everything(), before, "{name}");
    }
    // A group of members that all are missing is an empty group.
    let host = tolerant();
    let created = host.post("/Groups", &json!({"displayName": "g", "members": [{"value": "nobody"}]}));
    assert_eq!((created.status, &created.json()["members"]), (201, &Json::Null));
}

/// 7644-3.5.2-04: an empty list of operations changes nothing where it is tolerated.
#[test]
fn a_patch_without_operations_changes_nothing() {
    let host = host_of(Quirks::entra());
    let target = format!("/Users/{}", host.user("ann"));
    let before = host.get(&target);
    let reply = host.patch(&target, &json!([]));
    assert_eq!((reply.status, reply.json(), reply.etag()), (200, before.json(), before.etag()));
    assert!(reply.quirks.contains(Quirk::NoOperations));
    assert_eq!(host.patch("/Users/nobody", &json!([])).status, 404);
    let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": []}).to_string();
    let strict = host_of(Quirks::default());
    let target = format!("/Users/{}", strict.user("ann"));
    strict.refused("PATCH", &target, body.as_bytes(), 400, "invalidSyntax");
}

/// The presets of quirks: each quirk is in the sets that its declaration lists, and `entra` adds to the default.
#[test]
fn presets_follow_the_declarations() {
    let entra_only = [Quirk::ReplaceCreatesElement, Quirk::UnknownPath, Quirk::NoOperations, Quirk::UriWithBlank];
    let in_none = [Quirk::BothProjections, Quirk::MissingReference];
    for quirk in Quirk::ALL {
        let expected = !entra_only.contains(quirk) && !in_none.contains(quirk);
        assert_eq!(Quirks::default().contains(*quirk), expected, "{quirk:?}");
        assert_eq!(Quirks::okta().contains(*quirk), expected, "{quirk:?}");
        assert_eq!(Quirks::entra().contains(*quirk), expected || entra_only.contains(quirk), "{quirk:?}");
        assert!(!Quirks::strict().contains(*quirk), "{quirk:?}");
    }
}

/// A body that is not JSON: the detail names the fault and a place that exists.
#[test]
fn details_of_broken_json_name_the_fault_and_its_place() {
    let host = host_of(Quirks::default());
    let target = format!("/Users/{}", host.user("ann"));
    let rows: [(&[u8], &str); 8] = [
        (b"", "expected JSON, found the end of the text, line 1 column 1"),
        (b"{", "expected JSON, found the end of the text, line 1 column 1"),
        (b"{\"userName\":\n", "expected JSON, found the end of the text, line 2 column 1"),
        (b"{\"userName\" 1}", "expected `:` in JSON, line 1 column 13"),
        (b"{\"userName\": }", "expected a JSON value, line 1 column 14"),
        (b"{\"userName\": tru}", "expected `true`, `false` or `null`, line 1 column 17"),
        (b"{\"userName\":\"a\"}x", "expected JSON, found a fault: trailing characters, line 1 column 17"),
        (b"{\"userName\":\"\xff\"}", "expected UTF-8, found other bytes after byte 13"),
    ];
    for (body, detail) in rows {
        for (method, target) in
            [("POST", "/Users"), ("PUT", &target), ("PATCH", &target), ("POST", "/Users/.search"), ("POST", "/Bulk")]
        {
            let reply = host.refused(method, target, body, 400, "invalidSyntax");
            let found = reply.json()["detail"].as_str().unwrap().to_owned();
            let context = String::from_utf8_lossy(body);
            // A message reads other members before the fault, but never invents another place.
            assert!(!found.contains("column 0"), "{method} {target} {context}: {found}");
            if method == "PUT" || target == "/Users" {
                assert_eq!(found, detail, "{method} {target} {context}");
            }
        }
    }
}
