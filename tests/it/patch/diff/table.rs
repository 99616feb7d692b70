//! The operations of the patch between two resources, in the usual cases.

use std::{fmt::Write, sync::Arc};

use scim_core::{
    limits::Limits,
    patch::{DiffErrorKind, Op, Patch, diff},
    resource::{Resource, ResourceErrorKind},
    schema::{Attribute, AttributeType, Mutability, Registry, ResourceType, Returned, Schema},
};
use serde_json::{Value as Json, json};

use super::{group, seen, send, user, wanted};
use crate::patch::fixtures::{Before, expand};

const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The operations of the single patch between the two resources, after a check of its result.
pub(super) fn between(before: &Resource, after: &Resource) -> Json {
    let limits = Limits::default();
    let patches = diff(before, after, &limits).unwrap();
    assert_eq!(seen(&send(before, &patches, &limits)), wanted(before, after));
    match &patches[..] {
        [] => json!([]),
        [patch] => serde_json::to_value(patch).unwrap()["Operations"].clone(),
        patches => panic!("{} patches", patches.len()),
    }
}

/// The patch from one user to the other has these operations.
fn row(before: &str, after: &str, operations: &str) {
    let with_name = |json: &str| -> Json {
        let mut json: Json = serde_json::from_str(&expand(json)).unwrap();
        json.as_object_mut().unwrap().entry("userName").or_insert("bjensen".into());
        json
    };
    let expected: Json = serde_json::from_str(&expand(operations)).unwrap();
    assert_eq!(between(&user(&with_name(before)), &user(&with_name(after))), expected, "{before} to {after}");
}

#[test]
fn diff_names_singular_attributes_by_path() {
    row("{}", "{}", "[]");
    row("{}", r#"{"title": "Guide"}"#, r#"[{"op": "add", "path": "title", "value": "Guide"}]"#);
    row(r#"{"title": "a"}"#, r#"{"title": "A"}"#, r#"[{"op": "replace", "path": "title", "value": "A"}]"#);
    row(r#"{"active": true}"#, r#"{"active": false}"#, r#"[{"op": "replace", "path": "active", "value": false}]"#);
    row(r#"{"title": "Guide"}"#, "{}", r#"[{"op": "remove", "path": "title"}]"#);
    row(
        r#"{"externalId": "1"}"#,
        r#"{"externalId": "2"}"#,
        r#"[{"op": "replace", "path": "externalId", "value": "2"}]"#,
    );
}

/// Read-only attributes belong to the service provider, so the patch ignores them.
#[test]
fn diff_ignores_read_only_attributes() {
    row(
        r#"{"id": "1", "meta": {"created": "2011-05-13T04:42:34Z"}, "groups": [{"value": "g"}]}"#,
        r#"{"id": "2", "meta": {"created": "2012-05-13T04:42:34Z"}, "groups": [{"value": "h"}]}"#,
        "[]",
    );
    row(
        r#"{"ENT": {"manager": {"value": "1", "displayName": "x"}}}"#,
        r#"{"ENT": {"manager": {"value": "1", "displayName": "y"}}}"#,
        "[]",
    );
}

#[test]
fn a_password_is_sent_and_its_absence_says_nothing() {
    row("{}", r#"{"password": "s"}"#, r#"[{"op": "add", "path": "password", "value": "s"}]"#);
    row(r#"{"password": "s"}"#, r#"{"password": "t"}"#, r#"[{"op": "replace", "path": "password", "value": "t"}]"#);
    row(r#"{"password": "s"}"#, r#"{"password": "s"}"#, "[]");
    row(r#"{"password": "s"}"#, "{}", "[]");
}

#[test]
fn diff_sends_the_changed_sub_attributes() {
    row("{}", r#"{"name": {"givenName": "B"}}"#, r#"[{"op": "add", "path": "name.givenName", "value": "B"}]"#);
    row(
        "{}",
        r#"{"name": {"givenName": "B", "familyName": "J"}}"#,
        r#"[{"op": "add", "path": "name", "value": {"familyName": "J", "givenName": "B"}}]"#,
    );
    row(
        r#"{"name": {"givenName": "B", "familyName": "J"}}"#,
        r#"{"name": {"givenName": "C", "familyName": "J"}}"#,
        r#"[{"op": "replace", "path": "name.givenName", "value": "C"}]"#,
    );
    row(
        r#"{"name": {"givenName": "B", "familyName": "J", "middleName": "x"}}"#,
        r#"{"name": {"givenName": "C", "familyName": "K", "middleName": "x"}}"#,
        r#"[{"op": "replace", "path": "name", "value": {"familyName": "K", "givenName": "C"}}]"#,
    );
    row(
        r#"{"name": {"givenName": "B", "familyName": "J"}}"#,
        r#"{"name": {"familyName": "J"}}"#,
        r#"[{"op": "remove", "path": "name.givenName"}]"#,
    );
    row(r#"{"name": {"givenName": "B"}}"#, "{}", r#"[{"op": "remove", "path": "name"}]"#);
    row(
        r#"{"name": {"givenName": "B", "familyName": "J", "middleName": "x", "formatted": "B x J"}}"#,
        r#"{"name": {"familyName": "K"}}"#,
        r#"[{"op": "remove", "path": "name"}, {"op": "add", "path": "name", "value": {"familyName": "K"}}]"#,
    );
}

#[test]
fn diff_sends_the_changed_attributes_of_an_extension() {
    row("{}", r#"{"ENT": {"department": "Tours"}}"#, r#"[{"op": "add", "path": "ENT:department", "value": "Tours"}]"#);
    row(
        "{}",
        r#"{"ENT": {"department": "Tours", "manager": {"value": "7"}}}"#,
        r#"[{"op": "add", "value": {"ENT": {"department": "Tours", "manager": {"value": "7"}}}}]"#,
    );
    row(
        r#"{"ENT": {"department": "Tours", "manager": {"value": "7"}}}"#,
        r#"{"ENT": {"department": "Sales", "manager": {"value": "8"}}}"#,
        r#"[{"op": "replace", "path": "ENT:department", "value": "Sales"},
            {"op": "replace", "path": "ENT:manager.value", "value": "8"}]"#,
    );
    row(
        r#"{"ENT": {"department": "Tours", "manager": {"value": "7"}}}"#,
        "{}",
        r#"[{"op": "remove", "path": "ENT:department"}, {"op": "remove", "path": "ENT:manager"}]"#,
    );
}

/// A change in a value of a list goes through a value path.
#[test]
fn diff_changes_list_values_through_value_paths() {
    const TWO: &str = r#"{"emails": [{"value": "b@work.com", "type": "work", "primary": true},
        {"value": "b@home.com", "type": "home"}]}"#;
    row("{}", r#"{"emails": [{"value": "x"}]}"#, r#"[{"op": "add", "path": "emails", "value": [{"value": "x"}]}]"#);
    row(TWO, "{}", r#"[{"op": "remove", "path": "emails"}]"#);
    row(
        TWO,
        r#"{"emails": [{"value": "b@home.com", "type": "other"}, {"value": "b@work.com", "type": "work", "primary": true}]}"#,
        r#"[{"op": "replace", "path": "emails[value eq \"b@home.com\"].type", "value": "other"}]"#,
    );
    row(
        TWO,
        r#"{"emails": [{"value": "b@work.com", "type": "work", "primary": true},
            {"value": "b@home.com", "type": "home", "display": "B"}]}"#,
        r#"[{"op": "replace", "path": "emails[value eq \"b@home.com\"].display", "value": "B"}]"#,
    );
    row(
        TWO,
        r#"{"emails": [{"value": "b@work.com", "primary": true}, {"value": "b@home.com", "type": "home"}]}"#,
        r#"[{"op": "remove", "path": "emails[value eq \"b@work.com\"].type"}]"#,
    );
    row(
        TWO,
        r#"{"emails": [{"value": "b@work.com", "type": "work", "primary": true},
            {"value": "b@home.com", "type": "home"}, {"value": "c"}]}"#,
        r#"[{"op": "add", "path": "emails", "value": [{"value": "c"}]}]"#,
    );
    row(
        TWO,
        r#"{"emails": [{"value": "b@work.com", "type": "work", "primary": true}]}"#,
        r#"[{"op": "remove", "path": "emails[value eq \"b@home.com\"]"}]"#,
    );
    // A value becomes primary before the patch adds another value that the condition would select as well.
    row(
        r#"{"emails": [{"value": "a", "type": "work", "display": "an address with a name that is longer than an operation"}]}"#,
        r#"{"emails": [{"value": "a", "type": "work", "display": "an address with a name that is longer than an operation",
            "primary": true}, {"value": "a", "type": "home"}]}"#,
        r#"[{"op": "replace", "path": "emails[value eq \"a\"].primary", "value": true},
            {"op": "add", "path": "emails", "value": [{"value": "a", "type": "home"}]}]"#,
    );
    // The order has no meaning, and `primary: false` means the same as no `primary`.
    row(
        TWO,
        r#"{"emails": [{"value": "b@home.com", "type": "home", "primary": false},
            {"type": "work", "value": "b@work.com", "primary": true}]}"#,
        "[]",
    );
    // A value with another address but the same type is matched as the same value.
    row(
        r#"{"emails": [{"value": "b@work.com", "type": "work", "display": "Barbara Jensen at work"},
            {"value": "b@home.com", "type": "home", "display": "Barbara Jensen at home"}]}"#,
        r#"{"emails": [{"value": "c@work.com", "type": "work", "display": "Barbara Jensen at work"},
            {"value": "b@home.com", "type": "home", "display": "Barbara Jensen at home"}]}"#,
        r#"[{"op": "replace", "path": "emails[value eq \"b@work.com\"].value", "value": "c@work.com"}]"#,
    );
    // The shorter form is sent.
    row(
        r#"{"emails": [{"value": "b"}, {"value": "a rather long address"}]}"#,
        r#"{"emails": [{"value": "b"}]}"#,
        r#"[{"op": "replace", "path": "emails", "value": [{"value": "b"}]}]"#,
    );
}

/// A text in quotes is escaped for the path, and the path for JSON.
#[test]
fn diff_escapes_text_in_paths() {
    let other = "x".repeat(80);
    let before = user(&json!({"userName": "b", "emails": [{"value": "a\"] \\ü"}, {"value": "b", "display": other}]}));
    let after = user(&json!({"userName": "b", "emails": [{"value": "b", "display": other}]}));
    let expected = json!([{"op": "remove", "path": r#"emails[value eq "a\"] \\ü"]"#}]);
    assert_eq!(between(&before, &after), expected);
}

/// RFC 7644 §3.5.2: making one value primary makes the others not primary.
#[test]
fn diff_moves_primary_by_one_operation() {
    let emails = |first: Json, second: Json, more: &[Json]| {
        let (mut one, mut two) = (json!({"value": "b@work.com", "type": "work"}), json!({"value": "b@home.com"}));
        one["primary"] = first;
        two["primary"] = second;
        let mut all = vec![one, two];
        all.extend_from_slice(more);
        user(&json!({"userName": "b", "emails": all}))
    };
    let (before, none) = (emails(true.into(), Json::Null, &[]), emails(Json::Null, Json::Null, &[]));
    assert_eq!(
        between(&before, &emails(false.into(), true.into(), &[])),
        json!([{"op": "replace", "path": r#"emails[value eq "b@home.com"].primary"#, "value": true}])
    );
    assert_eq!(between(&before, &none), json!([{"op": "remove", "path": r#"emails[value eq "b@work.com"].primary"#}]));
    assert_eq!(
        between(&none, &before),
        json!([{"op": "replace", "path": r#"emails[value eq "b@work.com"].primary"#, "value": true}])
    );
    let more = json!({"value": "c", "primary": true});
    assert_eq!(
        between(&before, &emails(Json::Null, Json::Null, std::slice::from_ref(&more))),
        json!([{"op": "add", "path": "emails", "value": [more]}])
    );
}

/// A value that no condition selects alone is sent with the list.
#[test]
fn diff_sends_the_list_if_no_condition_selects_a_value() {
    row(
        r#"{"emails": [{"value": "a", "type": "x", "display": "1"}, {"value": "a", "type": "x", "display": ""}]}"#,
        r#"{"emails": [{"value": "a", "type": "x", "display": "1"}]}"#,
        r#"[{"op": "replace", "path": "emails", "value": [{"value": "a", "type": "x", "display": "1"}]}]"#,
    );
    // Two comparisons are needed to distinguish these values.
    row(
        r#"{"emails": [{"value": "address", "type": "work"}, {"value": "address", "type": "home"},
            {"value": "other address", "type": "work"}]}"#,
        r#"{"emails": [{"value": "address", "type": "home"}, {"value": "other address", "type": "work"}]}"#,
        r#"[{"op": "remove", "path": "emails[value eq \"address\" and type eq \"work\"]"}]"#,
    );
    // A value that is part of a stored value cannot be added, but a value that includes a stored value can.
    row(
        r#"{"emails": [{"value": "a", "type": "work"}]}"#,
        r#"{"emails": [{"value": "a", "type": "work"}, {"value": "a"}]}"#,
        r#"[{"op": "replace", "path": "emails", "value": [{"value": "a"}, {"value": "a", "type": "work"}]}]"#,
    );
}

#[test]
fn diff_adds_and_removes_members_one_by_one() {
    let members = |ids: &[&str]| {
        let members: Vec<_> = ids.iter().map(|id| json!({"value": id, "type": "User"})).collect();
        group(&json!({"displayName": "g", "members": members}))
    };
    let abc = members(&["a", "b", "c"]);
    assert_eq!(between(&abc, &members(&["c", "b", "a"])), json!([]));
    assert_eq!(
        between(&abc, &members(&["a", "b", "c", "d", "e"])),
        json!([{"op": "add", "path": "members", "value": [{"value": "d", "type": "User"}, {"value": "e", "type": "User"}]}])
    );
    assert_eq!(
        between(&abc, &members(&["b"])),
        json!([{"op": "remove", "path": r#"members[value eq "a" or value eq "c"]"#}])
    );
    assert_eq!(
        between(&abc, &members(&["d"])),
        json!([{"op": "add", "path": "members", "value": [{"value": "d", "type": "User"}]},
            {"op": "remove", "path": r#"members[value eq "a" or value eq "b" or value eq "c"]"#}])
    );
    assert_eq!(between(&abc, &members(&[])), json!([{"op": "remove", "path": "members"}]));
    assert_eq!(
        between(&members(&[]), &members(&["d"])),
        json!([{"op": "add", "path": "members", "value": [{"value": "d", "type": "User"}]}])
    );
    // An immutable sub-attribute that is not sent again stays; a read-only sub-attribute is not compared.
    let bare = group(
        &json!({"displayName": "g", "members": [{"value": "a", "display": "A"}, {"value": "b"}, {"value": "c"}]}),
    );
    assert_eq!(between(&abc, &bare), json!([]));
    assert_eq!(
        between(&bare, &members(&["a", "b"])),
        json!([{"op": "remove", "path": r#"members[value eq "c"]"#},
            {"op": "replace", "path": r#"members[value eq "a"].type"#, "value": "User"},
            {"op": "replace", "path": r#"members[value eq "b"].type"#, "value": "User"}])
    );
}

#[test]
fn diff_handles_the_attributes_of_a_hosts_own_schema() {
    let before = Before::Badge.resource();
    let changes = |changes: &str| between(&before, &Before::Badge.with(changes));
    assert_eq!(changes(r#"{"tags": ["blue", "red"]}"#), json!([]));
    assert_eq!(changes(r#"{"price": 1.05e1, "opened": "2020-01-01T01:00:00+01:00"}"#), json!([]));
    assert_eq!(
        changes(r#"{"tags": ["blue", "green", "red"]}"#),
        json!([{"op": "add", "path": "tags", "value": ["green"]}])
    );
    assert_eq!(changes(r#"{"tags": ["blue"]}"#), json!([{"op": "replace", "path": "tags", "value": ["blue"]}]));
    assert_eq!(changes(r#"{"tags": null}"#), json!([{"op": "remove", "path": "tags"}]));
    assert_eq!(changes(r#"{"keys": ["k3"]}"#), json!([{"op": "replace", "path": "keys", "value": ["k3"]}]));
    assert_eq!(changes(r#"{"box": null}"#), json!([{"op": "remove", "path": "box"}]));
    assert_eq!(
        changes(r#"{"box": {"width": 1}}"#),
        json!([{"op": "remove", "path": "box.height"}]),
        "what is immutable stays"
    );
    assert_eq!(
        changes(r#"{"seats": [{"name": "s1", "row": 1, "mark": "m1"}, {"name": "s2", "row": 2, "mark": "m2"}]}"#),
        json!([{"op": "replace", "path": r#"seats[name eq "s2"].mark"#, "value": "m2"}])
    );
    assert_eq!(
        changes(r#"{"staff": [{"value": "u1", "role": "boss"}, {"value": "u2", "role": "clerk", "primary": true}]}"#),
        json!([{"op": "replace", "path": r#"staff[value eq "u2"].role"#, "value": "clerk"},
            {"op": "replace", "path": r#"staff[value eq "u2"].primary"#, "value": true}])
    );
    assert_eq!(
        changes(r#"{"urn:example:Paint": {"stamp": "other", "color": "red", "maker": "M"}}"#),
        json!([{"op": "replace", "path": "urn:example:Paint:color", "value": "red"},
            {"op": "add", "path": "urn:example:Paint:maker", "value": "M"}])
    );
    assert_eq!(changes(r#"{"urn:example:Paint": null}"#), json!([{"op": "remove", "path": "urn:example:Paint:color"}]));
    // An immutable value keeps its stored spelling.
    let spelt = Before::Badge.with(r#"{"serial": "s1", "box": {"width": 1, "height": 2, "label": "l"}}"#);
    assert!(diff(&before, &spelt, &Limits::default()).unwrap().is_empty());
}

#[test]
fn diff_respects_immutable_and_required_attributes() {
    let text = |name: &str| Attribute::new(name, AttributeType::String);
    let schema = Schema::new("urn:example:Thing", "Thing")
        .with_attribute(text("fixed").multi_valued().with_mutability(Mutability::Immutable))
        .with_attribute(
            Attribute::complex("origin", [text("place"), text("year")]).with_mutability(Mutability::Immutable),
        )
        .with_attribute(Attribute::complex(
            "owner",
            [text("value"), text("since").with_mutability(Mutability::Immutable)],
        ))
        .with_attribute(
            Attribute::complex(
                "keys",
                [text("value"), text("name"), text("secret").with_mutability(Mutability::WriteOnly)],
            )
            .multi_valued(),
        );
    let option = Schema::new("urn:example:Option:1.0", "Option")
        .with_attribute(text("level").required())
        .with_attribute(text("note"));
    let odd = Schema::new("urn:example:ö:1.0", "Odd").with_attribute(text("note"));
    let builder = ResourceType::builder("Thing", "Things", schema).extension(option, false).extension(odd, false);
    let resource_type = Arc::new(builder.build().unwrap());
    let thing = |json: Json| Resource::from_json(&resource_type, json.to_string().as_bytes()).unwrap();
    let limits = Limits::default();

    // An immutable list is sent in one operation, since nothing can be added to it. Its order then has no meaning; any
    // other difference counts.
    let (none, full) = (thing(json!({})), thing(json!({"fixed": ["a", "b"], "origin": {"place": "P", "year": "1"}})));
    assert_eq!(
        between(&none, &full),
        json!([{"op": "add", "path": "fixed", "value": ["a", "b"]},
            {"op": "add", "path": "origin", "value": {"place": "P", "year": "1"}}])
    );
    assert!(diff(&full, &thing(json!({"fixed": ["b", "A"]})), &limits).unwrap().is_empty());
    let rule = |path: &str| (DiffErrorKind::Rule(ResourceErrorKind::Immutable), path.to_owned());
    assert_eq!(refused(&full, &thing(json!({"fixed": ["a"]})), &limits), rule("fixed"));
    assert_eq!(refused(&full, &thing(json!({"origin": {"place": "P"}})), &limits), rule("origin"));
    let owner = |value: &str, since: &str| thing(json!({"owner": {"value": value, "since": since}}));
    assert_eq!(refused(&owner("1", "a"), &owner("2", "b"), &limits), rule("owner.since"));
    let mut few = Limits::default();
    few.values = 1;
    assert_eq!(refused(&none, &full, &few), (DiffErrorKind::TooLarge, "fixed".to_owned()));

    // An extension with a required attribute is removed as a whole or not at all.
    let with = thing(json!({"urn:example:Option:1.0": {"level": "1", "note": "n"}}));
    assert_eq!(between(&with, &none), json!([{"op": "remove", "path": "urn:example:Option:1.0"}]));
    let odd = thing(json!({"urn:example:ö:1.0": {"note": "n"}}));
    let inexpressible = (DiffErrorKind::Inexpressible, "urn:example:ö:1.0:note".to_owned());
    assert_eq!(refused(&none, &odd, &limits), inexpressible);

    // The list may have secrets that cannot be read. The patch does not remove them with the list, although that would
    // be shorter.
    let keys = |keys: Json| thing(json!({"keys": keys}));
    assert_eq!(
        between(&keys(json!([{"value": "1"}, {"value": "2", "name": "x"}])), &keys(json!([{"value": "1"}]))),
        json!([{"op": "remove", "path": r#"keys[value eq "2"]"#}])
    );
    // Even if ids do not identify the values, the order has no meaning.
    let same = keys(json!([{"value": "1", "secret": "s"}, {"value": "1", "name": "n"}]));
    let turned = keys(json!([{"value": "1", "name": "n"}, {"value": "1", "secret": "s"}]));
    assert!(diff(&same, &turned, &limits).unwrap().is_empty());
}

pub(super) fn refused(before: &Resource, after: &Resource, limits: &Limits) -> (DiffErrorKind, String) {
    let (before_copy, after_copy) = (before.clone(), after.clone());
    let error = diff(before, after, limits).unwrap_err();
    assert_eq!((before, after), (&before_copy, &after_copy), "refused and nothing changed");
    assert!(error.to_string().contains(error.path()), "{error}");
    (error.kind().clone(), error.path().to_owned())
}

#[test]
fn diff_refuses_unreachable_targets() {
    use ResourceErrorKind::{Canonical, Immutable, NulCharacter, Primary, Required, TooLong};
    let limits = Limits::default();
    let badge = |changes: &str| refused(&Before::Badge.resource(), &Before::Badge.with(changes), &limits);
    let rule = |rule, path: &str| (DiffErrorKind::Rule(rule), path.to_owned());
    assert_eq!(badge(r#"{"serial": "S2"}"#), rule(Immutable, "serial"));
    assert_eq!(badge(r#"{"box": {"width": 1, "label": "M"}}"#), rule(Immutable, "box.label"));
    assert_eq!(badge(r#"{"box": {"height": 1}}"#), rule(Required, "box.width"));
    assert_eq!(badge(r#"{"number": null}"#), rule(Required, "number"));
    assert_eq!(badge(r#"{"keys": null}"#), rule(Required, "keys"));
    assert_eq!(badge(r#"{"urn:example:must:1.0": null}"#), rule(Required, "urn:example:must:1.0"));
    let two = r#"{"staff": [{"value": "u1", "primary": true}, {"value": "u2", "primary": true}]}"#;
    assert_eq!(badge(two), rule(Primary, "staff"));

    let members = |json: Json| group(&json!({"displayName": "g", "members": json}));
    let (user_a, group_a) =
        (members(json!([{"value": "a", "type": "User"}])), members(json!([{"value": "a", "type": "Group"}])));
    assert_eq!(refused(&user_a, &group_a, &limits), rule(Immutable, "members.type"));
    let nameless = members(json!([{"type": "User"}]));
    let inexpressible = (DiffErrorKind::Inexpressible, "members.value".to_owned());
    assert_eq!(refused(&nameless, &user_a, &limits), inexpressible);
    assert_eq!(refused(&user_a, &nameless, &limits), rule(Required, "members.value"));
    assert_eq!(diff(&nameless, &nameless, &limits).unwrap().len(), 0);
    let empty = members(json!([{"value": ""}, {"value": "a", "type": "User"}]));
    assert_eq!(refused(&empty, &user_a, &limits), inexpressible);

    let named = |title: &str| user(&json!({"userName": "b", "title": title}));
    assert_eq!(refused(&named("a"), &named(&"x".repeat(70_000)), &limits), rule(TooLong(65_536), "title"));
    let mut nul = named("a");
    let title = nul.resource_type().child(scim_core::schema::AttributeId::ROOT, "title").unwrap();
    nul.root_mut().insert(title, scim_core::value::Value::String("\0".into()));
    assert_eq!(refused(&named("a"), &nul, &limits), rule(NulCharacter, "title"));

    let size = Attribute::new("size", AttributeType::String).with_canonical_values(["S", "M"]).restricted();
    let schema = Schema::new("urn:example:Shirt", "Shirt").with_attribute(size);
    let size = Arc::new(ResourceType::builder("Shirt", "Shirts", schema).build().unwrap());
    let of_size =
        |size_text: &str| Resource::from_json(&size, json!({"size": size_text}).to_string().as_bytes()).unwrap();
    assert_eq!(refused(&of_size("S"), &of_size("L"), &limits), rule(Canonical, "size"));
}

#[test]
fn diff_refuses_two_types() {
    let limits = Limits::default();
    let other_type = (DiffErrorKind::ResourceType, String::new());
    assert_eq!(refused(&Before::User.resource(), &Before::Group.resource(), &limits), other_type);
    let error = diff(&Before::User.resource(), &Before::Group.resource(), &limits).unwrap_err();
    assert_eq!(error.to_string(), "expected two resources of one type");
    // An equal set of schemas read again is the same type; other schemas under the same name are not.
    let again = Registry::standard();
    let json = Before::User.json().to_string();
    let user = |resource_type| Resource::from_json(resource_type, json.as_bytes()).unwrap();
    assert!(diff(&Before::User.resource(), &user(again.resource_type("User").unwrap()), &limits).unwrap().is_empty());
    let bare = Arc::new(ResourceType::builder("User", "Users", Schema::user()).build().unwrap());
    assert_eq!(refused(&Before::User.resource(), &user(&bare), &limits), other_type);
}

#[test]
fn diff_refuses_a_value_that_fits_no_request() {
    let too_large = |path: &str| (DiffErrorKind::TooLarge, path.to_owned());
    let named = |title: &str| user(&json!({"userName": "b", "title": title}));
    let limits = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        limits
    };
    assert_eq!(refused(&named("a"), &named(&"x".repeat(300)), &limits(|limits| limits.body = 300)), too_large("title"));
    assert_eq!(refused(&named("a"), &named("b"), &limits(|limits| limits.patch_operations = 0)), too_large("title"));
    assert_eq!(refused(&named("a"), &named("b"), &limits(|limits| limits.path_bytes = 4)), too_large("title"));
    let long = "x".repeat(1_100);
    let members = |ids: &[&str]| {
        let members: Vec<_> = ids.iter().map(|id| json!({"value": id})).collect();
        group(&json!({"displayName": "g", "members": members}))
    };
    let (with, without) = (members(&["a", &long]), members(&["a"]));
    assert_eq!(refused(&with, &without, &Limits::default()), too_large("members.value"));
    assert_eq!(refused(&without, &with, &limits(|limits| limits.body = 1_000)), too_large("members"));
    assert_eq!(refused(&without, &with, &limits(|limits| limits.values = 0)), too_large("members"));
}

fn large(ids: impl IntoIterator<Item = usize>) -> Resource {
    let mut json = String::from(r#"{"displayName": "g", "members": ["#);
    for (index, id) in ids.into_iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        write!(json, r#"{comma}{{"value":"00000000-0000-0000-0000-{id:012}"}}"#).unwrap();
    }
    json.push_str("]}");
    Resource::from_json(Before::Group.resource_type(), json.as_bytes()).unwrap()
}

/// If each member were searched among all the others, this test would take hours.
#[test]
fn a_large_group_costs_what_changes() {
    let before = large(0..100_000);
    let one_more = diff(&before, &large((0..=100_000).rev()), &Limits::default()).unwrap();
    let operations: Vec<_> = one_more.iter().flat_map(Patch::operations).collect();
    let [operation] = &operations[..] else { panic!("{} operations", operations.len()) };
    assert_eq!((operation.op(), operation.path()), (Op::Add, Some("members")));
    assert_eq!(operation.value(), Some(r#"[{"value":"00000000-0000-0000-0000-000000100000"}]"#));

    // All members leave and as many come: the operations are no more than necessary, and no member is named twice.
    let others = diff(&before, &large(100_000..200_000), &Limits::default()).unwrap();
    let operations: Vec<_> = others.iter().flat_map(Patch::operations).collect();
    let adds = operations.iter().filter(|it| it.op() == Op::Add).count();
    let removed: usize =
        operations.iter().filter(|it| it.op() == Op::Remove).map(|it| it.path().unwrap().matches(" eq ").count()).sum();
    assert_eq!((adds, removed), (10, 100_000));
    // 19 ids of 36 letters fit into a path of 1,024 bytes, and 10,000 values into a request.
    assert_eq!((operations.len(), others.len()), (adds + 5_270, 20));
}

/// As [`a_large_group_costs_what_changes`], with values that have more than an id.
#[test]
fn a_large_list_costs_what_changes() {
    let emails = |from: usize, to: usize| {
        let emails: Vec<_> =
            (from..to).map(|at| json!({"value": format!("{at}@x.com"), "type": format!("t{at}")})).collect();
        user(&json!({"userName": "b", "emails": emails}))
    };
    let patches = diff(&emails(0, 20_000), &emails(1, 20_001), &Limits::default()).unwrap();
    let operations: Vec<_> = patches[0].operations().iter().map(|it| (it.op(), it.path().unwrap())).collect();
    assert_eq!(operations, [(Op::Remove, r#"emails[value eq "0@x.com"]"#), (Op::Add, "emails")]);
}

#[test]
fn each_request_is_within_the_limits() {
    let (before, after) = (large(0..50), large(25..90));
    let limits = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        limits
    };
    let rows = [
        (limits(|_| {}), 1),
        (limits(|limits| limits.body = 600), 8),
        (limits(|limits| limits.patch_operations = 1), 3),
        (limits(|limits| limits.values = 10), 7),
        (limits(|limits| limits.path_bytes = 100), 1),
        (limits(|limits| (limits.filter_terms, limits.patch_operations) = (1, 6)), 5),
    ];
    for (limits, requests) in rows {
        let patches = diff(&before, &after, &limits).unwrap();
        assert_eq!(seen(&send(&before, &patches, &limits)), wanted(&before, &after), "{limits:?}");
        assert_eq!(patches.len(), requests, "{limits:?}");
    }
}

/// A list that is sent as a whole and exceeds the limit: the first operation sets the values that fit, and the next
/// add the rest.
#[test]
fn a_list_that_is_replaced_is_divided() {
    let mut limits = Limits::default();
    limits.values = 2;
    let tags = |tags: Json| Before::Badge.with(&json!({"tags": tags}).to_string());
    let (before, after) = (Before::Badge.resource(), tags(json!(["1", "2", "3", "4", "5"])));
    let patches = diff(&before, &after, &limits).unwrap();
    assert_eq!(seen(&send(&before, &patches, &limits)), wanted(&before, &after));
    let operations: Vec<_> =
        patches.iter().map(|patch| (patch.operations()[0].op(), patch.operations()[0].value())).collect();
    let expected = [(Op::Replace, Some(r#"["1","2"]"#)), (Op::Add, Some(r#"["3","4"]"#)), (Op::Add, Some(r#"["5"]"#))];
    assert_eq!(operations, expected);
    // If the whole list does not fit, kept values are not sent again.
    let (before, after) = (tags(json!(["1", "2", "3"])), tags(json!(["1", "2", "4"])));
    let patches = diff(&before, &after, &limits).unwrap();
    assert_eq!(seen(&send(&before, &patches, &limits)), wanted(&before, &after));
    let operations = serde_json::to_value(&patches[0]).unwrap()["Operations"].clone();
    let expected =
        json!([{"op": "remove", "path": r#"tags[value eq "3"]"#}, {"op": "add", "path": "tags", "value": ["4"]}]);
    assert_eq!(operations, expected);
}

/// The patch between a resource and itself is empty, whatever the resource has.
#[test]
fn diff_of_a_resource_with_itself_is_empty() {
    for before in [Before::User, Before::Group, Before::Bare, Before::Badge] {
        assert_eq!(between(&before.resource(), &before.resource()), json!([]), "{before:?}");
    }
    let doubles = user(&json!({"userName": "b", ENT: {"department": "x"},
        "emails": [{"value": "a"}, {"value": "A"}, {"value": "a", "primary": true}, {"primary": false}]}));
    assert_eq!(between(&doubles, &doubles), json!([]));
    // A store may hold values that the core would no longer accept.
    let members = json!([{"value": "a"}, {"value": "a", "type": "User"}, {"type": "User"}]);
    let doubles = group(&json!({"displayName": "g", "members": members}));
    assert!(diff(&doubles, &doubles, &Limits::default()).unwrap().is_empty());
}

/// A type whose attributes have parts that a client cannot set, see or change, and lists in values.
pub(super) fn guarded() -> Arc<ResourceType> {
    use Mutability::{Immutable, ReadOnly, WriteOnly};
    let text = |name: &str| Attribute::new(name, AttributeType::String);
    let of = |name: &str, mutability| text(name).with_mutability(mutability);
    let secret = |name: &str| of(name, WriteOnly).with_returned(Returned::Never);
    let complex = |name: &str, special: &[Attribute]| {
        let plain = ["first", "second", "third", "fourth", "fifth", "sixth"].map(text);
        Attribute::complex(name, special.iter().cloned().chain(plain))
    };
    let tags = text("tags").multi_valued().case_exact();
    let schema = Schema::new("urn:example:Guarded", "Guarded")
        .with_attribute(complex("derived", &[of("x", ReadOnly), of("y", ReadOnly)]))
        .with_attribute(complex("secret", &[secret("x"), secret("y")]))
        .with_attribute(complex("fixed", &[of("x", Immutable)]))
        .with_attribute(complex("needed", &[]).required())
        .with_attribute(Attribute::complex("plan", [text("name"), tags.clone()]).with_mutability(Immutable))
        .with_attribute(
            Attribute::complex(
                "teams",
                [text("value"), tags, text("labels").multi_valued(), text("note"), of("mark", Immutable)],
            )
            .multi_valued(),
        )
        .with_attribute(text("codes").multi_valued())
        .with_attribute(Attribute::complex("open", [text("name"), text("tags").multi_valued()]))
        .with_attribute(
            Attribute::complex("flags", [text("value"), Attribute::new("primary", AttributeType::Boolean).required()])
                .multi_valued(),
        )
        .with_attribute(Attribute::complex("keys", [text("value"), secret("secret")]).multi_valued());
    Arc::new(ResourceType::builder("Guarded", "Guarded", schema).build().unwrap())
}

/// RFC 7643 §2.2, §7: a patch does not remove a complex attribute as a whole, although that would be shorter, if the
/// attribute has parts that the client cannot set, see or change, or if the attribute is required.
#[test]
fn diff_keeps_the_parts_that_a_client_cannot_give_back() {
    let resource_type = guarded();
    let full = json!({"first": "1", "second": "2", "third": "3", "fourth": "4", "fifth": "5", "sixth": "6"});
    let rows = [
        ("derived", json!({"x": "s", "y": "s"})),
        ("secret", json!({"x": "s", "y": "s"})),
        ("fixed", json!({"x": "s"})),
        ("needed", json!({})),
    ];
    for (name, special) in rows {
        let thing = |parts: &Json| {
            let mut value = special.clone();
            value.as_object_mut().unwrap().extend(parts.as_object().unwrap().clone());
            let mut json = json!({"needed": {"first": "1"}});
            json[name] = value;
            Resource::from_json(&resource_type, json.to_string().as_bytes()).unwrap()
        };
        let operations = between(&thing(&full), &thing(&json!({"first": "other"})));
        let mut expected = vec![json!({"op": "replace", "path": format!("{name}.first"), "value": "other"})];
        for part in ["second", "third", "fourth", "fifth", "sixth"] {
            expected.push(json!({"op": "remove", "path": format!("{name}.{part}")}));
        }
        assert_eq!(operations, Json::Array(expected), "{name}");
    }
}

/// A list within a value fits into a request exactly up to the limit of the receiver.
#[test]
fn diff_counts_the_lists_within_a_value() {
    let resource_type = guarded();
    let thing = |tags: &[&str]| {
        let json = json!({"needed": {"first": "1"}, "plan": {"name": "n", "tags": tags}});
        Resource::from_json(&resource_type, json.to_string().as_bytes()).unwrap()
    };
    let none = Resource::from_json(&resource_type, br#"{"needed": {"first": "1"}}"#).unwrap();
    let mut limits = Limits::default();
    limits.values = 2;
    let patches = diff(&none, &thing(&["a", "b"]), &limits).unwrap();
    assert_eq!(seen(&send(&none, &patches, &limits)), wanted(&none, &thing(&["a", "b"])));
    assert_eq!(refused(&none, &thing(&["a", "b", "c"]), &limits), (DiffErrorKind::TooLarge, "plan".to_owned()));
    // A list in an attribute that can change later is divided.
    let open = |open: Json| {
        let json = json!({"needed": {"first": "1"}, "open": open});
        Resource::from_json(&resource_type, json.to_string().as_bytes()).unwrap()
    };
    for (before, after) in [
        (none, open(json!({"name": "n", "tags": ["a", "b", "c", "d", "e"]}))),
        (open(json!({"tags": ["a"]})), open(json!({"tags": ["b"]}))),
    ] {
        let patches = diff(&before, &after, &limits).unwrap();
        assert_eq!(seen(&send(&before, &patches, &limits)), wanted(&before, &after));
    }
}

/// RFC 7643 §2.4: a list within a value is compared by its values, not by their order. A value of a list loses a part by
/// its path, but an immutable or required part only together with the value.
#[test]
fn diff_compares_the_parts_of_list_values() {
    let resource_type = guarded();
    let thing = |teams: Json| {
        let json = json!({"needed": {"first": "1"}, "teams": teams});
        Resource::from_json(&resource_type, json.to_string().as_bytes()).unwrap()
    };
    let team = |tags: &[&str]| thing(json!([{"value": "1", "tags": tags}, {"value": "2"}]));
    assert_eq!(between(&team(&["a", "b"]), &team(&["b", "a"])), json!([]));
    assert_eq!(
        between(&team(&["a", "b"]), &team(&["a", "B"])),
        json!([{"op": "replace", "path": r#"teams[value eq "1"].tags"#, "value": ["a", "B"]}])
    );
    let labeled = |label: &str| thing(json!([{"value": "1", "labels": [label], "note": "n"}, {"value": "2"}]));
    assert_eq!(
        between(&labeled("a"), &labeled("A")),
        json!([{"op": "replace", "path": r#"teams[value eq "1"].labels"#, "value": ["A"]}])
    );
    let noted = thing(json!([{"value": "1", "note": "n", "mark": "m"}, {"value": "2"}]));
    assert_eq!(
        between(&noted, &thing(json!([{"value": "1", "mark": "m"}, {"value": "2"}]))),
        json!([{"op": "remove", "path": r#"teams[value eq "1"].note"#}])
    );
    // A value that also loses a part is not merged: the part would stay. The shortest form depends on the lengths.
    let address = |street: usize, changes: Json| {
        let mut first = json!({"locality": "L", "streetAddress": "s".repeat(street)});
        first.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let more = (0..9).map(|n| json!({"locality": format!("another place {n}"), "type": "other"}));
        user(&json!({"userName": "b", "addresses": std::iter::once(first).chain(more).collect::<Vec<_>>()}))
    };
    let by_parts = (1..90).filter(|street| {
        let before = address(*street, json!({"type": "work", "region": "R"}));
        let operations = between(&before, &address(*street, json!({"type": "home"})));
        operations[1]["path"].as_str().is_some_and(|path| path.ends_with(".region"))
    });
    assert!(by_parts.count() > 10);
    for place in 1..60 {
        let place = "p".repeat(place);
        let before = address(1, json!({"locality": place, "region": "R", "country": "C"}));
        between(&before, &address(1, json!({ "locality": place })));
    }
    // A value that is nothing but primary is a value.
    let bare = user(&json!({"userName": "b"}));
    let primary = user(&json!({"userName": "b", "emails": [{"primary": true}]}));
    assert_eq!(between(&bare, &primary), json!([{"op": "add", "path": "emails", "value": [{"primary": true}]}]));
    // A required `primary` becomes false, and any other is removed.
    let flags = |first: bool| {
        let json = json!({"needed": {"first": "1"},
            "flags": [{"value": "a", "primary": first}, {"value": "b", "primary": false}]});
        Resource::from_json(&resource_type, json.to_string().as_bytes()).unwrap()
    };
    assert_eq!(
        between(&flags(true), &flags(false)),
        json!([{"op": "replace", "path": r#"flags[value eq "a"].primary"#, "value": false}])
    );
    // No condition shows a secret, and no condition compares a value that a client cannot read.
    let keys = |keys: Json| {
        let json = json!({"needed": {"first": "1"}, "keys": keys});
        Resource::from_json(&resource_type, json.to_string().as_bytes()).unwrap()
    };
    let two = keys(json!([{"value": "1", "secret": "s"}, {"value": "1", "secret": "t"}, {"value": "2"}]));
    let patches = diff(&two, &keys(json!([{"value": "1", "secret": "t"}, {"value": "2"}])), &Limits::default());
    let text = serde_json::to_string(&patches.unwrap()).unwrap();
    assert!(!text.contains("secret eq"), "{text}");
    let before = Before::Badge.resource();
    let changes = |changes: &str| between(&before, &Before::Badge.with(changes));
    assert_eq!(
        changes(r#"{"tags": ["RED", "blue"]}"#),
        json!([{"op": "replace", "path": "tags", "value": ["RED", "blue"]}])
    );
    let seats = json!([{"name": "s1", "row": 1}, {"name": "s2", "row": 2}]);
    assert_eq!(
        changes(&json!({"seats": seats}).to_string()),
        json!([{"op": "replace", "path": "seats", "value": seats}]),
        "an immutable part goes with its value"
    );
    changes(r#"{"seats": [{"name": "s1", "row": 1, "mark": "other"}, {"name": "s2", "row": 2}]}"#);
    changes(r#"{"seats": [{"name": "s1", "row": 5, "mark": "m1"}, {"name": "s2", "row": 2}]}"#);
    // An immutable part keeps its stored spelling.
    let spelt = Before::Badge.with(r#"{"seats": [{"name": "s1", "row": 5, "mark": "M1"}, {"name": "s2", "row": 2}]}"#);
    let patches = diff(&before, &spelt, &Limits::default()).unwrap();
    assert_eq!(
        serde_json::to_value(&patches[0]).unwrap()["Operations"],
        json!([{"op": "replace", "path": r#"seats[name eq "s1"].row"#, "value": 5}])
    );
    assert_eq!(
        changes(r#"{"staff": [{"value": "u1", "primary": true}, {"value": "u2"}]}"#),
        json!([{"op": "remove", "path": r#"staff[value eq "u1"].role"#}]),
        "a reference loses a part, too"
    );
}

/// A request uses the limits of its receiver to the last byte, and not a byte more.
#[test]
fn a_request_may_be_as_large_as_the_limits() {
    let titled = |title: &str, nick: &str| user(&json!({"userName": "b", "title": title, "nickName": nick}));
    let three = |text: &str| user(&json!({"userName": "b", "title": text, "nickName": text, "locale": text}));
    let members = |ids: &[&str]| {
        let members: Vec<_> = ids.iter().map(|id| json!({"value": id})).collect();
        group(&json!({"displayName": "g", "members": members}))
    };
    let tags = |tags: Json| Before::Badge.with(&json!({ "tags": tags }).to_string());
    // The resources, and whether the longest path is a name.
    let rows = [
        (titled("a", "n"), titled("other", "n"), true),
        (titled("a", "n"), titled("other", "more"), true),
        (three("a"), three("other"), true),
        (members(&["a"]), members(&["a", "b", "c", "d"]), true),
        (members(&["a", "b", "c", "d"]), members(&["a"]), false),
        (tags(json!(["red", "blue"])), tags(json!(["red", "green", "white"])), true),
    ];
    for (before, after, is_name) in rows {
        let patches = diff(&before, &after, &Limits::default()).unwrap();
        let [patch] = &patches[..] else { panic!("{patches:?}") };
        let body = serde_json::to_string(patch).unwrap();
        let paths = patch.operations().iter().map(|operation| operation.path().unwrap_or_default().len());
        let path = paths.max().unwrap();
        let again = |change: &dyn Fn(&mut Limits)| {
            let mut limits = Limits::default();
            change(&mut limits);
            let patches = diff(&before, &after, &limits).ok()?;
            assert_eq!(seen(&send(&before, &patches, &limits)), wanted(&before, &after), "{body}");
            Some(serde_json::to_string(&patches).unwrap())
        };
        let whole = Some(format!("[{body}]"));
        assert_eq!(again(&|limits| limits.body = body.len()), whole);
        assert_ne!(again(&|limits| limits.body = body.len() - 1), whole);
        assert_eq!(again(&|limits| limits.patch_operations = patch.operations().len()), whole);
        if is_name {
            assert_eq!(again(&|limits| limits.path_bytes = path), whole, "{body}");
            assert_eq!(again(&|limits| limits.path_bytes = path - 1), None, "{body}");
        }
    }
    let mut limits = Limits::default();
    limits.values = 3;
    let added = diff(&members(&["a"]), &members(&["a", "b", "c", "d"]), &limits).unwrap();
    let removed = diff(&members(&["a", "b", "c", "d"]), &members(&["a"]), &limits).unwrap();
    assert_eq!((added.len(), removed.len()), (1, 1));
    limits.values = 2;
    let added = diff(&members(&["a"]), &members(&["a", "b", "c", "d"]), &limits).unwrap();
    let removed = diff(&members(&["a", "b", "c", "d"]), &members(&["a"]), &limits).unwrap();
    assert_eq!((added.len(), removed.len()), (2, 2));
    // All operations on a list together name as many values as the limit allows.
    limits.values = 4;
    limits.filter_terms = 1;
    let (before, after) = (members(&["a", "b", "c", "d"]), members(&["e"]));
    let patches = diff(&before, &after, &limits).unwrap();
    assert_eq!(seen(&send(&before, &patches, &limits)), wanted(&before, &after));
    assert_eq!(patches.iter().map(|patch| patch.operations().len()).collect::<Vec<_>>(), [4, 1]);
    let fixed = |fixed: Json| {
        let schema = Schema::new("urn:example:Fixed", "Fixed").with_attribute(
            Attribute::new("fixed", AttributeType::String).multi_valued().with_mutability(Mutability::Immutable),
        );
        let resource_type = Arc::new(ResourceType::builder("Fixed", "Fixed", schema).build().unwrap());
        Resource::from_json(&resource_type, json!({ "fixed": fixed }).to_string().as_bytes()).unwrap()
    };
    limits.values = 2;
    assert_eq!(diff(&fixed(json!([])), &fixed(json!(["a", "b"])), &limits).unwrap().len(), 1);
}

/// Every path is within the limit of the receiver, however short it is.
#[test]
fn paths_are_within_any_limit() {
    let emails = |kind: &str| {
        user(&json!({"userName": "b", "emails": [{"value": "a@example.com", "type": kind, "display": "d"},
            {"value": "b@example.com", "type": "other"}]}))
    };
    let members = |ids: &[&str]| {
        let members: Vec<_> = ids.iter().map(|id| json!({"value": id})).collect();
        group(&json!({"displayName": "g", "members": members}))
    };
    let rows = [
        (emails("work"), emails("home")),
        (members(&["first", "second", "third"]), members(&["first"])),
        (members(&["first", "second", "third"]), members(&["fourth"])),
    ];
    let mut sent = 0;
    for (before, after) in &rows {
        for bytes in 4..120 {
            let mut limits = Limits::default();
            limits.path_bytes = bytes;
            // `send` checks the length of each path.
            if let Ok(patches) = diff(before, after, &limits) {
                assert_eq!(seen(&send(before, &patches, &limits)), wanted(before, after), "{bytes}");
                sent += 1;
            }
        }
    }
    assert!(sent > 200, "{sent}");
}

/// A value that no condition can state is not removed by a condition: the list is sent again, in parts.
#[test]
fn an_empty_text_is_not_named_by_a_condition() {
    let tags: Vec<String> = (0..60).map(|n| format!("a long tag with the number {n:03}")).collect();
    let with = |first: &[&str]| {
        let all: Vec<&str> = first.iter().copied().chain(tags.iter().map(String::as_str)).collect();
        Before::Badge.with(&json!({ "tags": all }).to_string())
    };
    let mut limits = Limits::default();
    limits.body = 1_000;
    for (gone, stays) in [(&["", "x"][..], &["x"][..]), (&["", "x"], &[]), (&["x", "y"], &["y"])] {
        let (before, after) = (with(gone), with(stays));
        let patches = diff(&before, &after, &limits).unwrap();
        assert_eq!(seen(&send(&before, &patches, &limits)), wanted(&before, &after), "{gone:?} to {stays:?}");
        let text = serde_json::to_string(&patches).unwrap();
        assert_eq!(text.contains("value eq"), !gone.contains(&""), "{gone:?} to {stays:?}: {text}");
    }
}

/// A complex attribute is set anew only in a request that the receiver accepts.
#[test]
fn a_value_that_fits_no_request_is_sent_in_parts() {
    let parts = ["formatted", "familyName", "givenName", "middleName", "honorificPrefix", "honorificSuffix"];
    let named = |parts: &[&str], length: usize| {
        let name: serde_json::Map<String, Json> =
            parts.iter().map(|part| ((*part).to_owned(), json!("x".repeat(length)))).collect();
        user(&json!({"userName": "b", "name": name}))
    };
    let (before, after) = (named(&parts, 1), named(&parts[..2], 150));
    for body in [320, 400, 500, 600, 4_000] {
        let mut limits = Limits::default();
        limits.body = body;
        let patches = diff(&before, &after, &limits).unwrap();
        assert_eq!(seen(&send(&before, &patches, &limits)), wanted(&before, &after), "{body}");
    }
}
