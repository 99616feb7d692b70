//! Texts that no request may contain: texts that are too long, and texts without the form that their attribute requires
//! (RFC 7643 §2.3).

use scim_core::{
    limits::Limits,
    patch::{DiffErrorKind, diff},
    resource::{Resource, ResourceErrorKind},
    schema::AttributeId,
    value::Value,
};
use serde_json::{Value as Json, json};

use super::{
    seen, send,
    table::{between, guarded, refused},
    user, wanted,
};

/// A text may have as many bytes as the receiver accepts, wherever the text is.
#[test]
fn diff_refuses_texts_that_are_too_long_wherever_they_are() {
    let resource_type = guarded();
    let mut limits = Limits::default();
    limits.string = 10;
    let (fits, long) = ("x".repeat(10), "x".repeat(11));
    let thing = |text: &str, at: &str| {
        let mut json = json!({"needed": {"first": "1"}});
        match at {
            "needed.second" => json["needed"]["second"] = json!(text),
            "teams.note" => json["teams"] = json!([{"value": "1", "note": text}]),
            "teams.tags" => json["teams"] = json!([{"value": "1", "tags": ["a", text]}]),
            _ => json["codes"] = json!(["a", text]),
        }
        Resource::from_json(&resource_type, json.to_string().as_bytes()).unwrap()
    };
    let none = Resource::from_json(&resource_type, br#"{"needed": {"first": "1"}}"#).unwrap();
    for at in ["needed.second", "teams.note", "teams.tags", "codes"] {
        let patches = diff(&none, &thing(&fits, at), &limits).unwrap();
        assert_eq!(seen(&send(&none, &patches, &limits)), wanted(&none, &thing(&fits, at)), "{at}");
        let too_long = (DiffErrorKind::Rule(ResourceErrorKind::TooLong(10)), at.to_owned());
        assert_eq!(refused(&none, &thing(&long, at), &limits), too_long, "{at}");
    }
}

/// RFC 7643 §2.3.6, §2.3.7: a store may contain a URI with a blank, because a client was allowed to send one, and a host
/// may set any text. A service provider without quirks refuses such a text.
#[test]
fn diff_refuses_texts_without_the_form_of_their_attribute() {
    let form = |form, path: &str| (DiffErrorKind::Rule(ResourceErrorKind::Form(form)), path.to_owned());
    let none = user(&json!({"userName": "b"}));
    let limits = Limits::default();
    for (attribute, value) in [
        ("profileUrl", json!("https://x/a b")),
        ("photos", json!([{"value": "https://x/a"}, {"value": "https://x/a b", "type": "photo"}])),
    ] {
        let path = if attribute == "photos" { "photos.value" } else { attribute };
        let blank = user(&json!({"userName": "b", attribute: value}));
        assert_eq!(refused(&none, &blank, &limits), form("a URI", path));
        assert!(diff(&blank, &blank, &limits).unwrap().is_empty());
        assert_eq!(seen(&send(&blank, &diff(&blank, &none, &limits).unwrap(), &limits)), wanted(&blank, &none));
    }
    for (text, at) in [("", "profileUrl"), ("<>", "profileUrl")] {
        let mut odd = none.clone();
        let id = odd.resource_type().child(AttributeId::ROOT, at).unwrap();
        odd.root_mut().insert(id, Value::String(text.into()));
        assert_eq!(refused(&none, &odd, &limits), form("a URI", at), "{text}");
    }
    for text in ["", "%", "A"] {
        let mut odd = user(&json!({"userName": "b", "x509Certificates": [{"value": "AAAA"}]}));
        let list = odd.resource_type().child(AttributeId::ROOT, "x509Certificates").unwrap();
        let value = odd.resource_type().child(list, "value").unwrap();
        let mut certificate = odd.value(list).unwrap().elements()[0].as_object().unwrap().clone();
        certificate.insert(value, Value::String(text.into()));
        odd.root_mut().insert(list, Value::List(vec![Value::Complex(certificate)].into()));
        if text.is_empty() {
            // The empty `value` of an element says nothing.
            assert!(diff(&none, &odd, &limits).unwrap().is_empty());
        } else {
            assert_eq!(refused(&none, &odd, &limits), form("base64", "x509Certificates.value"), "{text}");
        }
    }
}

/// A text that no request may contain prevents no change beside it.
#[test]
fn diff_changes_values_beside_texts_that_no_request_may_contain() {
    let photos = |photos: Json| user(&json!({"userName": "b", "profileUrl": "https://x/a b", "photos": photos}));
    let blank = json!({"value": "https://x/a b", "type": "photo"});
    let other = json!({"value": "https://x/c", "type": "thumbnail"});
    let rows = [
        (json!([blank]), json!([blank, other]), json!([{"op": "add", "path": "photos", "value": [other]}])),
        (json!([blank, other]), json!([blank]), json!([{"op": "remove", "path": r#"photos[value eq "https://x/c"]"#}])),
        (
            json!([blank]),
            json!([{"value": "https://x/a b", "type": "thumbnail", "display": "d"}]),
            json!([
                {"op": "replace", "path": r#"photos[value eq "https://x/a b"].display"#, "value": "d"},
                {"op": "replace", "path": r#"photos[value eq "https://x/a b"].type"#, "value": "thumbnail"},
            ]),
        ),
        (
            json!([blank, other]),
            json!([other]),
            json!([{"op": "remove", "path": r#"photos[value eq "https://x/a b"]"#}]),
        ),
    ];
    for (before, after, operations) in rows {
        let found = between(&photos(before), &photos(after));
        let sorted = |operations: &Json| {
            let mut texts: Vec<String> = operations.as_array().unwrap().iter().map(Json::to_string).collect();
            texts.sort();
            texts
        };
        assert_eq!(sorted(&found), sorted(&operations));
    }

    let resource_type = guarded();
    let thing = |json: Json| Resource::from_json(&resource_type, json.to_string().as_bytes()).unwrap();
    let mut limits = Limits::default();
    limits.string = 10;
    let long = "x".repeat(11);
    for (before, after) in [
        (json!({"codes": ["a", long, "b"]}), json!({"codes": ["b", long]})),
        (
            json!({"open": {"name": long, "tags": ["a"]}, "codes": ["a"]}),
            json!({"open": {"name": long}, "codes": ["b"]}),
        ),
        (
            json!({"teams": [{"value": "1", "note": long}, {"value": "2"}]}),
            json!({"teams": [{"value": "1", "note": long, "tags": ["a"]}]}),
        ),
        (
            json!({"derived": {"first": long, "second": "2", "third": "3", "fourth": "4", "fifth": "5"}}),
            json!({"derived": {"first": long}}),
        ),
    ] {
        let with_needed = |mut json: Json| {
            json["needed"] = json!({"first": "1"});
            thing(json)
        };
        let (before, after) = (with_needed(before), with_needed(after));
        let patches = diff(&before, &after, &limits).unwrap();
        assert_eq!(seen(&send(&before, &patches, &limits)), wanted(&before, &after));
    }
}
