//! A request affects only the elements that it names: through every verb, in lists of references and in other lists.

use crate::fixture::host::{self, Host, host, host_with};
use scim_core::{limits::Limits, quirks::Quirks, schema::Registry, store::MemoryStore};
use serde_json::{Value as Json, json};

const CORE_USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// A group with two members, and the ids of the group and of the members.
fn group(host: &Host<MemoryStore>) -> (String, String, String) {
    let (ann, bob) = (host.user("ann"), host.user("bob"));
    let members = json!([{"value": ann}, {"value": bob}]);
    let group = host.post("/Groups", &json!({"displayName": "Guides", "members": members})).id();
    (group, ann, bob)
}

fn values(host: &Host<MemoryStore>, target: &str, list: &str) -> Vec<String> {
    let resource = host.get(target).json();
    let elements = resource[list].as_array().cloned().unwrap_or_default();
    elements.iter().map(|element| element["value"].as_str().unwrap_or_default().to_owned()).collect()
}

fn patch_body(operations: &Json) -> String {
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations}).to_string()
}

/// 7644-3.5.2.2, A038: a reference without a usable `value` is refused by every verb and in every notation.
#[test]
fn references_without_a_value_are_refused_by_every_verb() {
    let host = host();
    let (group, ann, _) = group(&host);
    let target = format!("/Groups/{group}");
    let unusable = [
        json!([{"display": "Ann", "type": "User"}]),
        json!([{"$ref": null, "value": null, "type": "User"}]),
        json!([{"id": ann, "type": "User"}]),
        json!([{"display": "Ann"}]),
        json!([{}]),
        json!([""]),
        json!([{"value": ""}]),
        json!({"members": [{"value": ann}]}),
        json!({}),
        json!([{"value": ann}, {"value": null}]),
        json!([{"value": ann}, {}]),
        json!([{"$ref": ""}]),
    ];
    for members in unusable {
        let body = json!({"displayName": "Other", "members": members}).to_string();
        host.refused("POST", "/Groups", body.as_bytes(), 400, "invalidValue");
        host.refused("PUT", &target, body.as_bytes(), 400, "invalidValue");
        for op in ["add", "replace", "remove"] {
            let with_path = patch_body(&json!([{"op": op, "path": "members", "value": members}]));
            host.refused("PATCH", &target, with_path.as_bytes(), 400, "invalidValue");
            let by_urn = "urn:ietf:params:scim:schemas:core:2.0:Group:members";
            let with_urn = patch_body(&json!([{"op": op, "path": by_urn, "value": members}]));
            host.refused("PATCH", &target, with_urn.as_bytes(), 400, "invalidValue");
            // With another change in the same patch, the group is read and written as a whole.
            let mixed = json!([
                {"op": "replace", "path": "displayName", "value": "Renamed"},
                {"op": op, "path": "members", "value": members},
            ]);
            host.refused("PATCH", &target, patch_body(&mixed).as_bytes(), 400, "invalidValue");
            if op != "remove" {
                let bare = patch_body(&json!([{"op": op, "value": {"members": members}}]));
                host.refused("PATCH", &target, bare.as_bytes(), 400, "invalidValue");
            }
        }
        let patch = json!({"Operations": [{"op": "remove", "path": "members", "value": members}]});
        for (method, path, data) in [
            ("POST", "/Groups".to_owned(), json!({"displayName": "Other", "members": members})),
            ("PUT", target.clone(), json!({"displayName": "Other", "members": members})),
            ("PATCH", target.clone(), patch),
        ] {
            let before = host.everything();
            let operation = json!({"method": method, "path": path, "bulkId": "b", "data": data});
            let reply = host.post("/Bulk", &json!({"Operations": [operation]})).json();
            assert_eq!(reply["Operations"][0]["status"], "400", "{method} {members}: {reply}");
            assert_eq!(host.everything(), before, "{method} {members}");
        }
    }
    let empty_text = patch_body(&json!([{"op": "remove", "path": "members", "value": ""}]));
    host.refused("PATCH", &target, empty_text.as_bytes(), 400, "invalidValue");
}

/// A038: the `value` of a `remove` narrows the operation only if the path is a bare list.
#[test]
fn remove_narrows_only_a_bare_list() {
    let (a, b) = ("a@x", "b@x");
    let emails = json!([{"value": a, "type": "work", "display": "A"}, {"value": b, "type": "work"}]);
    // The `value` of a `remove` of `emails`, and the addresses that stay.
    let rows = [
        (Json::Null, vec![]),
        (json!([]), vec![a, b]),
        (json!([{"value": a}]), vec![b]),
        (json!({"value": a}), vec![b]),
        (json!([a]), vec![b]),
        (json!([{"type": "work"}]), vec![]),
        (json!([{"value": null, "type": "work"}]), vec![a, b]),
        (json!([{"value": "", "type": "work"}]), vec![a, b]),
        (json!([{"kind": "work"}]), vec![a, b]),
        (json!([{"kind": "x", "type": "work"}]), vec![a, b]),
        (json!([{"value": a, "type": "home"}]), vec![a, b]),
        (json!([{"value": a, "display": null}]), vec![a, b]),
        (json!([{"value": a}, {"value": null, "type": "work"}]), vec![b]),
    ];
    for (value, left) in rows {
        let host = host();
        let id = host.post("/Users", &json!({"userName": "ann", "emails": emails})).id();
        let target = format!("/Users/{id}");
        let reply = host.patch(&target, &json!([{"op": "remove", "path": "emails", "value": value}]));
        assert_eq!(reply.status, 200, "{value}: {}", reply.json());
        assert_eq!(values(&host, &target, "emails"), left, "{value}");
    }
    let host = host();
    let id = host.post("/Users", &json!({"userName": "ann", "emails": emails})).id();
    for value in [json!(""), json!({}), json!([""]), json!([{}]), json!([null])] {
        let body = patch_body(&json!([{"op": "remove", "path": "emails", "value": value}]));
        host.refused("PATCH", &format!("/Users/{id}"), body.as_bytes(), 400, "invalidValue");
    }
}

/// 7644-3.5.2.2: RFC 7644 defines no `value` for `remove`, so any other path removes its target.
#[test]
fn remove_ignores_a_value_beside_any_other_path() {
    for value in [json!([]), json!("other"), json!([{"value": "nobody"}]), json!({"x": 1}), json!(null), json!("")] {
        let host = host();
        let (group, ann, bob) = group(&host);
        let target = format!("/Groups/{group}");
        let path = format!("members[value eq \"{ann}\"]");
        assert_eq!(host.patch(&target, &json!([{"op": "remove", "path": path, "value": value}])).status, 200);
        assert_eq!(values(&host, &target, "members"), [bob], "{value}");

        let user = json!({
            "userName": "cat", "title": "Guide", "name": {"givenName": "C", "familyName": "D"},
            "emails": [{"value": "c@x", "type": "work", "display": "C"}],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "T", "costCenter": "1"},
        });
        let target = format!("/Users/{}", host.post("/Users", &user).id());
        let paths = [
            "title",
            "name.givenName",
            "emails[type eq \"work\"].display",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
        ];
        for path in paths {
            let reply = host.patch(&target, &json!([{"op": "remove", "path": path, "value": value}]));
            assert_eq!(reply.status, 200, "{path} {value}: {}", reply.json());
        }
        let left = host.get(&target).json();
        assert_eq!(left["title"], Json::Null, "{value}");
        assert_eq!(left["name"], json!({"familyName": "D"}), "{value}");
        assert_eq!(left["emails"], json!([{"value": "c@x", "type": "work"}]), "{value}");
        let enterprise = &left["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"];
        assert_eq!(*enterprise, json!({"costCenter": "1"}), "{value}");
    }
}

/// Elements of other lists: an element without content is ignored, as an unknown attribute is, and so is an element
/// whose client states that it has no value. Every verb gives the same answer.
#[test]
fn elements_of_other_lists_read_alike_in_every_verb() {
    let stored = json!([{"value": "old@x"}]);
    // The list that a client sends, and the list that is stored.
    let rows = [
        (json!([{"value": "a@x"}, {"kind": "work"}]), Some(json!([{"value": "a@x"}]))),
        (json!([{"value": "a@x"}, {}]), Some(json!([{"value": "a@x"}]))),
        (json!([{"value": null}]), Some(json!([]))),
        (json!([{"value": "", "type": "work", "primary": true}]), Some(json!([]))),
        (json!([{"value": null, "type": "work"}, {"value": "a@x"}]), Some(json!([{"value": "a@x"}]))),
        (json!([{"type": "work", "primary": true}]), Some(json!([{"type": "work", "primary": true}]))),
        (json!([{"value": "", "display": "A"}]), Some(json!([{"display": "A"}]))),
        // The schema does not know the members of the value: the attribute counts as unknown.
        (json!([{"kind": "work"}]), None),
    ];
    for (emails, kept) in rows {
        let host = host();
        let id = host.post("/Users", &json!({"userName": "ann", "emails": stored})).id();
        let target = format!("/Users/{id}");
        let user = |name: &str| json!({"userName": name, "emails": emails});
        let operation = |op: &str| json!([{"op": op, "path": "emails", "value": emails}]);
        let Some(kept) = kept else {
            assert_eq!(host.post("/Users", &user("bob")).status, 201, "{emails}");
            for op in ["add", "replace"] {
                let reply = host.patch(&target, &operation(op));
                assert_eq!((reply.status, &reply.json()["emails"]), (200, &stored), "{op} {emails}");
            }
            continue;
        };
        let shown = |reply: &host::Reply| match &reply.json()["emails"] {
            Json::Null => json!([]),
            emails => emails.clone(),
        };
        let created = host.post("/Users", &user("bob"));
        assert_eq!((created.status, shown(&created)), (201, kept.clone()), "POST {emails}");
        let added = host.patch(&target, &operation("add"));
        let mut both = stored.as_array().unwrap().clone();
        both.extend(kept.as_array().unwrap().clone());
        assert_eq!((added.status, shown(&added)), (200, Json::Array(both)), "add {emails}");
        let put = host.put(&target, &user("ann"));
        assert_eq!((put.status, shown(&put)), (200, kept.clone()), "PUT {emails}");
        host.put(&target, &json!({"userName": "ann", "emails": stored}));
        let replaced = host.patch(&target, &operation("replace"));
        assert_eq!((replaced.status, shown(&replaced)), (200, kept), "replace {emails}");
    }
}

/// A condition that selects nothing creates no element if the client states that there is no value, and only labels
/// remain.
#[test]
fn a_condition_makes_no_element_of_labels_alone() {
    let stored = json!([{"value": "old@x"}]);
    let nothing = [
        json!({"value": ""}),
        json!({"value": null}),
        json!({"value": "", "type": "work"}),
        json!({"value": null, "type": "WORK", "primary": true}),
    ];
    let nothing = nothing.into_iter().map(|value| (value, None));
    let something = [
        (json!({"value": "", "display": "A"}), Some(json!({"type": "work", "display": "A"}))),
        // As in a list, the client does not state that there is no value.
        (json!({"type": "work"}), Some(json!({"type": "work"}))),
    ];
    for (value, made) in nothing.chain(something) {
        for op in ["add", "replace"] {
            let host = host_with(Registry::standard(), MemoryStore::new(), Limits::default(), Quirks::entra());
            let target = format!("/Users/{}", host.post("/Users", &json!({"userName": "ann", "emails": stored})).id());
            let operations = json!([{"op": op, "path": "emails[type eq \"work\"]", "value": value}]);
            let reply = host.patch(&target, &operations);
            let expected: Json = stored.as_array().into_iter().flatten().chain(made.iter()).cloned().collect();
            assert_eq!((reply.status, &reply.json()["emails"]), (200, &expected), "{op} {value}");
        }
    }
}

/// 7644-3.5.2.3: `replace` and PUT store the values that were sent, in any order.
#[test]
fn replace_stores_exactly_the_values_sent() {
    let values = [json!({"type": "home", "value": "c@x"}), json!({"value": "c@x"}), json!({"value": "d@x"})];
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]] {
        let sent: Vec<Json> = order.iter().map(|at| values[*at].clone()).collect();
        let host = host();
        let target = format!("/Users/{}", host.user("ann"));
        let replaced = host.patch(&target, &json!([{"op": "replace", "path": "emails", "value": sent}]));
        assert_eq!(replaced.json()["emails"], json!(sent), "{order:?}");
        let put = host.put(&target, &json!({"userName": "ann", "emails": sent}));
        assert_eq!((put.json()["emails"].clone(), put.etag()), (json!(sent), replaced.etag()), "{order:?}");
        let bob = format!("/Users/{}", host.user("bob"));
        let added = host.patch(&bob, &json!([{"op": "add", "path": "emails", "value": sent}]));
        assert_eq!(added.json()["emails"], json!(sent), "{order:?}");
        let again = host.patch(&bob, &json!([{"op": "add", "path": "emails", "value": sent}]));
        assert_eq!(again.etag(), added.etag(), "{order:?}: the list contains each value already");
    }
}

/// The attributes of the core schema in an object under its URN, by every verb.
#[test]
fn the_core_schema_may_have_an_object_of_its_own() {
    let host = host();
    let created = host.post("/Users", &json!({CORE_USER: {"userName": "ann", "title": "Guide"}}));
    assert_eq!(created.status, 201, "{}", created.json());
    let target = format!("/Users/{}", created.id());
    for (op, title) in [("add", "A"), ("replace", "B")] {
        let reply = host.patch(&target, &json!([{"op": op, "value": {CORE_USER: {"title": title}}}]));
        assert_eq!((reply.status, &reply.json()["title"]), (200, &json!(title)));
    }
    let put = host.put(&target, &json!({"userName": "ann", CORE_USER: {"title": "C"}}));
    assert_eq!((put.status, &put.json()["title"]), (200, &json!("C")));
    let twice = json!({"userName": "ann", CORE_USER: {"userName": "bob"}}).to_string();
    host.refused("PUT", &target, twice.as_bytes(), 400, "invalidSyntax");
    let nested = json!({"op": "add", "value": {CORE_USER: {CORE_USER: {"title": "D"}}}});
    let reply = host.patch(&target, &json!([nested]));
    assert_eq!((reply.status, &reply.json()["title"]), (200, &json!("C")), "an object inside is an unknown attribute");
}

/// An empty address for a value that does not exist creates no element, whatever the operation.
#[test]
fn an_empty_address_makes_no_element() {
    let host = host();
    let target = format!("/Users/{}", host.user("ann"));
    let rows = [
        ("emails[type eq \"fax\"].value", json!("")),
        ("emails[type eq \"fax\"].value", Json::Null),
        ("phoneNumbers[type eq \"mobile\" and primary eq true].value", json!("")),
        ("emails[type eq \"fax\"]", json!({})),
        ("emails[type eq \"fax\"]", json!({"value": ""})),
        ("emails[type eq \"fax\"]", json!({"value": null, "display": ""})),
        ("emails[type eq \"fax\"].display", json!("")),
        ("photos[type eq \"photo\"].value", json!(" ")),
    ];
    for (path, value) in rows {
        let before = host.get(&target);
        let reply = host.patch(&target, &json!([{"op": "add", "path": path, "value": value}]));
        assert_eq!((reply.status, reply.etag()), (200, before.etag()), "{path} {value}: {}", reply.json());
    }
}

/// A condition with labels only creates no element, but this matters only where an operation may create elements: a
/// `replace` that selects nothing fails with `noTarget` (RFC 7644 §3.5.2.3).
#[test]
fn a_replace_that_finds_nothing_fails_for_labels_too() {
    let (standard, limits) = (Registry::standard(), Limits::default());
    for quirks in [Quirks::default(), Quirks::strict(), Quirks::entra()] {
        let host = host_with(standard.clone(), MemoryStore::new(), limits.clone(), quirks);
        let target =
            format!("/Users/{}", host.post("/Users", &json!({"schemas": [CORE_USER], "userName": "ann"})).id());
        for path in ["emails[type eq \"fax\"]", "emails[primary eq true]", "emails[display eq \"fax\"]"] {
            let operation = json!([{"op": "replace", "path": path, "value": {"value": null}}]);
            if quirks == Quirks::entra() {
                let before = host.get(&target);
                let reply = host.patch(&target, &operation);
                assert_eq!((reply.status, reply.etag()), (200, before.etag()), "{path}: {}", reply.json());
            } else {
                host.refused("PATCH", &target, patch_body(&operation).as_bytes(), 400, "noTarget");
            }
        }
    }
}

/// A `remove` of an extension with an object as its `value` removes the attributes that the object names.
#[test]
fn remove_of_an_extension_takes_only_the_attributes_that_it_names() {
    let host = host();
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let user = json!({"userName": "ann", "title": "T", enterprise: {"department": "d", "costCenter": "c"}});
    let target = format!("/Users/{}", host.post("/Users", &user).id());
    let reply = host.patch(&target, &json!([{"op": "remove", "path": enterprise, "value": {"department": "other"}}]));
    assert_eq!((reply.status, &reply.json()[enterprise]), (200, &json!({"costCenter": "c"})));
    let reply = host.patch(&target, &json!([{"op": "remove", "path": CORE_USER, "value": {"title": "other"}}]));
    assert_eq!((reply.status, &reply.json()["title"]), (200, &Json::Null), "{}", reply.json());
    let reply = host.patch(&target, &json!([{"op": "remove", "path": enterprise}]));
    assert_eq!((reply.status, &reply.json()[enterprise]), (200, &Json::Null));
}

/// An empty text is not a list of references: a template that renders to an empty text must not empty a group.
#[test]
fn an_empty_text_does_not_empty_a_group() {
    let host = host();
    let (group, ..) = group(&host);
    let target = format!("/Groups/{group}");
    let put = json!({"displayName": "Guides", "members": ""}).to_string();
    host.refused("PUT", &target, put.as_bytes(), 400, "invalidValue");
    for operation in
        [json!({"op": "replace", "path": "members", "value": ""}), json!({"op": "replace", "value": {"members": ""}})]
    {
        host.refused("PATCH", &target, patch_body(&json!([operation])).as_bytes(), 400, "invalidValue");
    }
}

/// The core schema's object without a value has no effect, in every verb.
#[test]
fn the_core_object_may_say_nothing() {
    for (index, nothing) in [Json::Null, json!([]), json!(""), json!({}), json!({CORE_USER: {}})].iter().enumerate() {
        let host = host();
        let created = host.post("/Users", &json!({"userName": format!("u{index}"), "title": "T", CORE_USER: nothing}));
        assert_eq!(created.status, 201, "{nothing}: {}", created.json());
        let target = format!("/Users/{}", created.id());
        let reply = host.patch(&target, &json!([{"op": "replace", "value": {CORE_USER: nothing}}]));
        assert_eq!((reply.status, &reply.json()["title"]), (200, &json!("T")), "{nothing}: {}", reply.json());
    }
    let host = host();
    let packed = json!({"title": "P"}).to_string();
    let created = host.post("/Users", &json!({"userName": "ann", CORE_USER: packed}));
    assert_eq!((created.status, &created.json()["title"]), (201, &json!("P")));
}

/// A condition on a derived name would match nothing, so it is refused.
#[test]
fn a_condition_on_a_shown_name_is_refused_and_an_echo_accepted() {
    let host = host();
    let (group, ..) = group(&host);
    let body = patch_body(&json!([{"op": "remove", "path": "members[display eq \"ann\"]"}]));
    host.refused("PATCH", &format!("/Groups/{group}"), body.as_bytes(), 400, "invalidFilter");

    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let boss = host.post("/Users", &json!({"userName": "boss", "displayName": "Boss"})).id();
    let user = json!({"userName": "cat", enterprise: {"manager": {"value": boss}}});
    let target = format!("/Users/{}", host.post("/Users", &user).id());
    assert_eq!(host.get(&target).json()[enterprise]["manager"]["displayName"], "Boss");
    let echo = json!({format!("{enterprise}:manager.displayName"): "Boss", "title": "T"});
    let reply = host.patch(&target, &json!([{"op": "replace", "value": echo}]));
    assert_eq!((reply.status, &reply.json()["title"]), (200, &json!("T")), "{}", reply.json());
}

/// An object without members replaces nothing: PATCH refuses it, and it creates no element.
#[test]
fn an_object_without_members_is_no_element() {
    let host = host();
    let created = host.post("/Users", &json!({"userName": "ann", "addresses": [{}], "emails": [{"value": "a@x"}]}));
    assert_eq!((created.status, &created.json()["addresses"]), (201, &Json::Null));
    let target = format!("/Users/{}", created.id());
    let body = patch_body(&json!([{"op": "replace", "path": "emails", "value": [{}]}]));
    host.refused("PATCH", &target, body.as_bytes(), 400, "invalidValue");
}
