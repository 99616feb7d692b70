//! Reads JSON as resources: types, characteristics, and the values that count as absent (RFC 7643 §2, §3, §7).

use std::sync::Arc;

use proptest::prelude::*;
use scim_core::{
    limits::Limits,
    quirks::{Quirk, Quirks, Reading, Tolerance},
    resource::{Projection, Rendering, Resource, ResourceErrorKind, judge},
    schema::{Attribute, AttributeId, AttributeType, Mutability, Registry, ResourceType, Schema, Uniqueness},
    value::{Object, Value},
};
use serde_json::{Value as Json, json};

const URN: &str = "urn:example:scim:schemas:sample:1.0:Sample";
const EXTENSION: &str = "urn:example:scim:schemas:more:1.0:Sample";

/// A resource type with an attribute of each type and each characteristic.
fn sample() -> Arc<ResourceType> {
    use AttributeType::{Binary, Boolean, DateTime, Decimal, Integer, Reference, String};
    let part = |name: &str| Attribute::new(name, String);
    let elements = || [part("value"), part("type"), part("display"), Attribute::new("primary", Boolean)];
    let link = |name: &str| Attribute::new(name, Reference);
    let mut schema = Schema::new(URN, "Sample");
    for (name, resource_type) in [
        ("string", String),
        ("boolean", Boolean),
        ("decimal", Decimal),
        ("integer", Integer),
        ("dateTime", DateTime),
        ("binary", Binary),
        ("reference", Reference),
    ] {
        schema = schema
            .with_attribute(Attribute::new(name, resource_type))
            .with_attribute(Attribute::new(format!("{name}s"), resource_type).multi_valued());
    }
    schema = schema
        .with_attribute(Attribute::complex(
            "complex",
            [part("one"), part("two").required(), part("many").multi_valued()],
        ))
        .with_attribute(Attribute::complex("complexes", elements()).multi_valued())
        .with_attribute(part("exact").case_exact())
        .with_attribute(part("suggested").with_canonical_values(["a", "b"]))
        .with_attribute(part("restricted").with_canonical_values(["a", "b"]).restricted())
        .with_attribute(part("unique").with_uniqueness(Uniqueness::Server))
        .with_attribute(part("readOnly").with_mutability(Mutability::ReadOnly))
        .with_attribute(part("immutable").with_mutability(Mutability::Immutable))
        .with_attribute(part("writeOnly").with_mutability(Mutability::WriteOnly))
        .with_attribute(
            Attribute::complex(
                "links",
                [
                    part("value").case_exact().with_mutability(Mutability::Immutable),
                    link("$ref").with_reference_types(["Sample"]),
                    part("kind").with_mutability(Mutability::Immutable),
                    part("display").with_mutability(Mutability::ReadOnly),
                ],
            )
            .multi_valued(),
        );
    let more = Schema::new(EXTENSION, "More")
        .with_attribute(part("extra"))
        .with_attribute(Attribute::new("fixed", Integer).with_mutability(Mutability::Immutable));
    Arc::new(ResourceType::builder("Sample", "Samples", schema).extension(more, false).build().unwrap())
}

fn read_with(json: &str, quirks: Quirks) -> (Result<Resource, scim_core::resource::ResourceError>, Quirks) {
    let mut tolerance = Tolerance::new(quirks);
    let read = Resource::read(&sample(), json.as_bytes(), Reading::new(&Limits::default(), &mut tolerance));
    (read, tolerance.applied())
}

fn strict(members: &str) -> Result<Resource, scim_core::resource::ResourceError> {
    let comma = if members.is_empty() { "" } else { "," };
    read_with(&format!(r#"{{"schemas":["{URN}"]{comma}{members}}}"#), Quirks::strict()).0
}

/// The kept attributes, without `schemas`.
fn kept(resource: &Resource) -> Json {
    let mut json: Json = serde_json::from_slice(&resource.to_json()).unwrap();
    json.as_object_mut().unwrap().remove("schemas");
    json
}

/// Attribute, JSON, and the kept value. 7643-2.3-01, 7643-2.3.1-01, 7643-2.3.2-01, 7643-2.3.3-01, 7643-2.3.4-01,
/// 7643-2.3.5-01, 7643-2.3.6-01, 7643-2.3.6-02, 7643-2.3.6-03, 7643-2.3.7-01, 7643-2.4-01, 7643-1.2-01, 7643-1.2-02,
/// 7643-7-09, 7643-7-07, 7643-2.4-09.
const ACCEPTED: &[(&str, &str, &str)] = &[
    ("string", r#""""#, r#""""#),
    ("string", r#""  Ünï 😀 \u0041\n ""#, r#""  Ünï 😀 A\n ""#),
    ("boolean", "true", "true"),
    ("boolean", "false", "false"),
    ("decimal", "5", "5"),
    ("decimal", "-0.10", "-0.10"),
    ("decimal", "1.5e300", "1.5e300"),
    ("decimal", "12345678901234567890.12345678901234567890", "12345678901234567890.12345678901234567890"),
    ("integer", "0", "0"),
    ("integer", "-9223372036854775808", "-9223372036854775808"),
    ("integer", "9223372036854775807", "9223372036854775807"),
    ("dateTime", r#""2008-01-23T04:56:22Z""#, r#""2008-01-23T04:56:22.000Z""#),
    ("dateTime", r#""2008-01-23T04:56:22.5+01:00""#, r#""2008-01-23T03:56:22.500Z""#),
    ("dateTime", r#""9999-12-31T23:59:60Z""#, r#""9999-12-31T23:59:60.000Z""#),
    ("dateTime", r#""2008-01-23T04:56:22.123456Z""#, r#""2008-01-23T04:56:22.123456Z""#),
    // Text that reads as JSON is still text.
    ("string", r#"" 5""#, r#"" 5""#),
    ("string", r#""\ttrue""#, r#""\ttrue""#),
    ("string", r#""{}""#, r#""{}""#),
    ("binary", r#""""#, ""),
    ("binary", r#""aGVsbG8=""#, r#""aGVsbG8=""#),
    ("binary", r#""aGVsbG8""#, r#""aGVsbG8""#),
    ("binary", r#""_-_-""#, r#""_-_-""#),
    ("reference", r#""https://example.com/a?b=c#d""#, r#""https://example.com/a?b=c#d""#),
    ("reference", r#""../Users/26118915""#, r#""../Users/26118915""#),
    ("reference", r#""urn:ietf:params:scim""#, r#""urn:ietf:params:scim""#),
    ("strings", r#"["a","b"]"#, r#"["a","b"]"#),
    ("integers", "[1,2]", "[1,2]"),
    ("decimals", "[1.0,2]", "[1.0,2]"),
    ("booleans", "[true,false]", "[true,false]"),
    ("dateTimes", r#"["2008-01-23T04:56:22Z"]"#, r#"["2008-01-23T04:56:22.000Z"]"#),
    ("complex", r#"{"one":"1","two":"2","many":["x","y"]}"#, r#"{"one":"1","two":"2","many":["x","y"]}"#),
    (
        "complexes",
        r#"[{"value":"a","type":"x"},{"value":"a","type":"y"}]"#,
        r#"[{"value":"a","type":"x"},{"value":"a","type":"y"}]"#,
    ),
    ("exact", r#""MiXed""#, r#""MiXed""#),
    ("suggested", r#""other""#, r#""other""#),
    ("restricted", r#""A""#, r#""A""#),
    ("readOnly", r#""x""#, ""),
    ("writeOnly", r#""x""#, r#""x""#),
    ("immutable", r#""x""#, r#""x""#),
];

#[test]
fn values_of_each_type_are_read() {
    for (name, value, expected) in ACCEPTED {
        let resource = if *name == "binary" && value.len() == 2 {
            // Only tolerated, and read as no value.
            read_with(&format!(r#"{{"{name}":{value}}}"#), Quirks::default()).0
        } else {
            strict(&format!(r#""{name}":{value}"#))
        };
        let resource = resource.unwrap_or_else(|error| panic!("{name}: {value}: {error}"));
        judge(None, &resource).unwrap();
        // Compared as text, since numbers keep every digit.
        let text = String::from_utf8(resource.to_json()).unwrap();
        let expected = if expected.is_empty() { String::new() } else { format!(r#","{name}":{expected}"#) };
        assert_eq!(text, format!(r#"{{"schemas":["{URN}"]{expected}}}"#), "{name}: {value}");
        assert_eq!(Resource::from_json(&sample(), text.as_bytes()).unwrap(), resource, "{name}: {value}");
    }
}

/// Members, and the path that the error names. 7643-2.1-05, 7643-2.3.1-03, 7643-2.4-03, 7643-2.3.1-02.
const REFUSED: &[(&str, &str)] = &[
    (r#""string":1"#, "string"),
    (r#""string":true"#, "string"),
    (r#""string":["a"]"#, "string"),
    (r#""string":{}"#, "string"),
    (r#""string":"a","STRING":"b""#, "string"),
    (r#""string":null,"string":null"#, "string"),
    (r#""boolean":"true""#, "boolean"),
    (r#""boolean":1"#, "boolean"),
    (r#""decimal":"1.0""#, "decimal"),
    (r#""integer":1.0"#, "integer"),
    (r#""integer":1e3"#, "integer"),
    (r#""integer":9223372036854775808"#, "integer"),
    (r#""integer":"1""#, "integer"),
    (r#""integers":[1,2.5]"#, "integers"),
    (r#""integers":1"#, "integers"),
    (r#""dateTime":"2008-01-23""#, "dateTime"),
    (r#""dateTime":"2008-13-23T04:56:22Z""#, "dateTime"),
    (r#""dateTime":"2008-01-23T04:56:22""#, "dateTime"),
    (r#""dateTime":"0000-01-01T00:00:00+10:00""#, "dateTime"),
    (r#""dateTime":"9999-12-31T23:59:59-10:00""#, "dateTime"),
    (r#""dateTime":"+12345-01-01T00:00:00""#, "dateTime"),
    (r#""dateTime":"-0001-01-01T00:00:00""#, "dateTime"),
    (r#""dateTime":1201064182"#, "dateTime"),
    (r#""binary":"a""#, "binary"),
    (r#""binary":"ab=c""#, "binary"),
    (r#""binary":"a b=""#, "binary"),
    (r#""binary":"ab======""#, "binary"),
    (r#""reference":"a b""#, "reference"),
    (r#""reference":"a%2""#, "reference"),
    (r#""reference":"<x>""#, "reference"),
    (r#""strings":"a""#, "strings"),
    (r#""strings":["a",1]"#, "strings"),
    (r#""strings":["a",null]"#, "strings"),
    (r#""strings":[["a"]]"#, "strings"),
    (r#""complex":"x""#, "complex"),
    (r#""complex":[{"two":"2"}]"#, "complex"),
    (r#""complex":{"two":2}"#, "complex.two"),
    (r#""complex":{"two":"2","many":"x"}"#, "complex.many"),
    (r#""complex":{"two":"2","three":"3"}"#, "complex.three"),
    (r#""complexes":{"value":"a"}"#, "complexes"),
    (r#""complexes":["a"]"#, "complexes"),
    (r#""complexes":[{"value":"a"},{"value":1}]"#, "complexes.value"),
    (r#""unknown":1"#, "unknown"),
    (r#""urn:example:scim:schemas:more:1.0:Sample":{"extra":1}"#, "urn:example:scim:schemas:more:1.0:Sample:extra"),
    (r#""links":[{"value":"a","$ref":1}]"#, "links.$ref"),
];

#[test]
fn values_that_do_not_fit_are_refused() {
    for (members, path) in REFUSED {
        let error = strict(members).expect_err(members);
        assert_eq!(error.path(), *path, "{members}: {error}");
        assert!(error.position().is_some(), "{members}: {error}");
    }
    let error = strict(r#""complexes":[{"value":"a"},{"value":1}]"#).unwrap_err();
    assert_eq!(error.index(), Some(1));
    assert_eq!(*error.kind(), ResourceErrorKind::Type { expected: "a string", found: "a number" });
}

/// A number may have at most as many digits as a string may have bytes.
#[test]
fn numbers_have_a_bound_on_their_digits() {
    let mut limits = Limits::default();
    limits.string = 20;
    let read = |decimal: &str| {
        let json = format!(r#"{{"schemas":["{URN}"],"decimal":{decimal}}}"#);
        Resource::read(&sample(), json.as_bytes(), Reading::new(&limits, &mut Tolerance::new(Quirks::strict())))
    };
    assert!(read(&"1".repeat(20)).is_ok());
    let error = read(&"1".repeat(21)).unwrap_err();
    assert_eq!((error.kind(), error.path()), (&ResourceErrorKind::TooLong(20), "decimal"));
}

/// A resource that a rule of the schema refuses, the kind of the error, and its path.
#[test]
fn rules_of_the_schema_refuse_a_resource() {
    let cases = [
        (r#""complex":{"one":"1"}"#, ResourceErrorKind::Required, "complex.two"),
        (r#""complex":{"two":"","one":"1"}"#, ResourceErrorKind::Required, "complex.two"),
        (
            r#""complexes":[{"value":"a","primary":true},{"value":"b","primary":true}]"#,
            ResourceErrorKind::Primary,
            "complexes",
        ),
        (r#""restricted":"c""#, ResourceErrorKind::Canonical, "restricted"),
    ];
    for (members, resource_type, path) in cases {
        let resource = strict(members).unwrap();
        let error = judge(None, &resource).expect_err(members);
        assert_eq!((error.kind(), error.path()), (&resource_type, path), "{members}");
    }
    let one_primary =
        strict(r#""complexes":[{"value":"a","primary":true},{"value":"b","primary":false},{"value":"c"}]"#);
    assert_eq!(judge(None, &one_primary.unwrap()), Ok(()));
}

/// 7643-2.5-01, 7643-2.5-02, 7643-2.5-03, 7644-3.3-05, 7643-2.1-01, 7643-2.4-08.
#[test]
fn null_and_empty_lists_mean_no_value() {
    for members in [
        "",
        r#""string":null"#,
        r#""strings":[]"#,
        r#""strings":null"#,
        r#""complex":{}"#,
        r#""complex":null"#,
        r#""complexes":[{"value":null}]"#,
        r#""complexes":[{"value":null,"primary":true}]"#,
        r#""complex":{"one":null,"many":[]}"#,
        r#""urn:example:scim:schemas:more:1.0:Sample":{}"#,
        r#""readOnly":"x""#,
        r#""id":"x","meta":{"created":"2008-01-23T04:56:22Z"}"#,
    ] {
        let resource = strict(members).unwrap_or_else(|error| panic!("{members}: {error}"));
        assert_eq!(kept(&resource), json!({}), "{members}");
    }
    let spelt =
        strict(r#""STRING":"x","COMPLEX":{"TWO":"2"},"URN:EXAMPLE:SCIM:SCHEMAS:MORE:1.0:SAMPLE":{"Extra":"e"}"#)
            .unwrap();
    assert_eq!(kept(&spelt), json!({"string": "x", "complex": {"two": "2"}, EXTENSION: {"extra": "e"}}));
    let doubles =
        strict(r#""strings":["a","b","A","a"],"complexes":[{"value":"a"},{"VALUE":"a"},{"value":"a","type":"t"}]"#);
    assert_eq!(
        kept(&doubles.unwrap()),
        json!({"strings": ["a", "b"], "complexes": [{"value": "a"}, {"value": "a", "type": "t"}]})
    );
}

/// The id of a reference that has a `value`, a URL, or both. 7643-2.4-06, 7643-2.3.7-05, 7643-4.2-03.
#[test]
fn references_are_read_by_value_or_url() {
    for (element, id) in [
        (r#"{"value":"7"}"#, "7"),
        (r#"{"value":"7","$ref":"https://example.com/v2/Samples/8"}"#, "7"),
        (r#"{"$ref":"https://example.com/v2/Samples/8"}"#, "8"),
        (r#"{"$ref":"../Samples/8/"}"#, "8"),
        (r#"{"$ref":"Samples/a%20b?x=y"}"#, "a b"),
        (r#"{"$ref":null,"value":"7"}"#, "7"),
        (r#"{"value":"7","display":"seven"}"#, "7"),
        (r#"{"value":"7","$ref":"https://example.com/v2/Samples/a%00b"}"#, "7"),
    ] {
        let resource = strict(&format!(r#""links":[{element}]"#)).unwrap();
        assert_eq!(kept(&resource), json!({"links": [{"value": id}]}), "{element}");
    }
    for url in ["https://example.com/v2/Samples/a%00b", "/", "?x=y"] {
        let error = strict(&format!(r#""links":[{{"$ref":"{url}"}}]"#)).expect_err(url);
        assert_eq!((error.kind(), error.path()), (&ResourceErrorKind::Required, "links.value"), "{url} has no id");
    }
    let twice = strict(r#""links":[{"value":"7","kind":"a"},{"value":"7","kind":"b"},{"value":"8"}]"#).unwrap();
    assert_eq!(kept(&twice), json!({"links": [{"value": "7", "kind": "a"}, {"value": "8"}]}));
}

/// 7643-3-01, 7643-3-02, 7643-3-03, 7643-3-04, 7643-3.3-01, 7643-3.3-02, 7643-3.3-04, 7643-2.1-03, 7643-3-06.
#[test]
fn schemas_must_fit_the_resource_type() {
    let body = |schemas: Json| json!({"schemas": schemas, "string": "x", EXTENSION: {"extra": "e"}}).to_string();
    for schemas in
        [json!([URN]), json!([URN, EXTENSION]), json!([EXTENSION, URN]), json!([URN, URN]), json!([URN.to_uppercase()])]
    {
        let resource =
            read_with(&body(schemas.clone()), Quirks::strict()).0.unwrap_or_else(|error| panic!("{schemas}: {error}"));
        let written: Json = serde_json::from_slice(&resource.to_json()).unwrap();
        assert_eq!(
            written,
            json!({"schemas": [URN, EXTENSION], "string": "x", EXTENSION: {"extra": "e"}}),
            "{schemas}"
        );
    }
    for (schemas, quirk) in [
        (Json::Null, Quirk::MissingSchema),
        (json!([]), Quirk::MissingSchema),
        (json!([EXTENSION]), Quirk::MissingSchema),
        (json!([URN, "urn:x"]), Quirk::UnknownSchema),
        (json!(URN), Quirk::OneForList),
    ] {
        assert!(read_with(&body(schemas.clone()), Quirks::strict()).0.is_err(), "{schemas}");
        let (read, applied) = read_with(&body(schemas.clone()), Quirks::strict().with(quirk));
        assert!(read.is_ok() && applied.contains(quirk), "{schemas}");
    }
    for schemas in [json!(7), json!(-7), json!(1.5), json!({}), json!([7]), json!([[URN]]), json!(true)] {
        let error = read_with(&body(schemas.clone()), Quirks::default()).0.expect_err("no list of URIs");
        assert_eq!(error.path(), "schemas", "{schemas}");
    }
    for (element, found) in [
        ("7", "a number"),
        ("-1.5", "a number"),
        ("{}", "an object"),
        ("[]", "an array"),
        ("true", "a boolean"),
        ("false", "a boolean"),
        ("null", "null"),
    ] {
        let json = format!(r#"{{"schemas":["{URN}",{element}]}}"#);
        let error = read_with(&json, Quirks::default()).0.expect_err("no URI");
        let message = error.to_string();
        assert!(message.contains(&format!("found {found}")), "{element}: {message}");
    }
    // JSON may escape any character of a URI.
    let escaped = format!(r#"{{"schemas":["{}"],"string":"x"}}"#, URN.replace(':', r"\u003a"));
    assert!(read_with(&escaped, Quirks::strict()).0.is_ok());
}

/// Each quirk of reading: its form is refused without the quirk, and read and reported with the quirk.
#[test]
fn each_quirk_of_reading_is_tolerated_and_reported() {
    for (quirk, members, expected) in [
        (Quirk::BooleanStrings, r#""boolean":"True""#, json!({"boolean": true})),
        (Quirk::BooleanStrings, r#""booleans":["false"]"#, json!({"booleans": [false]})),
        (Quirk::BareValue, r#""complexes":["a"]"#, json!({"complexes": [{"value": "a"}]})),
        (Quirk::ListOfOne, r#""string":["a"]"#, json!({"string": "a"})),
        (Quirk::ListOfOne, r#""integer":[1]"#, json!({"integer": 1})),
        (Quirk::ListOfOne, r#""complex":[{"two":"2"}]"#, json!({"complex": {"two": "2"}})),
        (Quirk::OneForList, r#""strings":"a""#, json!({"strings": ["a"]})),
        (Quirk::OneForList, r#""integers":1"#, json!({"integers": [1]})),
        (Quirk::OneForList, r#""complexes":{"value":"a"}"#, json!({"complexes": [{"value": "a"}]})),
        (Quirk::EmptyString, r#""boolean":"""#, json!({})),
        (Quirk::EmptyString, r#""complex":"""#, json!({})),
        (Quirk::EmptyString, r#""integer":"""#, json!({})),
        (Quirk::EmptyString, r#""strings":"""#, json!({})),
        (Quirk::UnknownAttribute, r#""unknown":{"a":[1]},"string":"x""#, json!({"string": "x"})),
        (Quirk::UnknownAttribute, r#""complex":{"two":"2","three":3}"#, json!({"complex": {"two": "2"}})),
        (
            Quirk::ZonelessDateTime,
            r#""dateTime":"2008-01-23T04:56:22""#,
            json!({"dateTime": "2008-01-23T04:56:22.000Z"}),
        ),
    ] {
        assert!(strict(members).is_err(), "{members}");
        let body = format!(r#"{{"schemas":["{URN}"],{members}}}"#);
        let (read, applied) = read_with(&body, Quirks::strict().with(quirk));
        assert_eq!(kept(&read.unwrap_or_else(|error| panic!("{members}: {error}"))), expected, "{members}");
        assert_eq!(applied, Quirks::strict().with(quirk), "{members}");
        let (_, applied) = read_with(&format!(r#"{{"schemas":["{URN}"],"string":"x"}}"#), Quirks::default());
        assert!(applied.is_empty(), "nothing was tolerated where nothing had to be");
    }
    // A list of two is not a list of one.
    assert!(read_with(r#"{"string":["a","b"]}"#, Quirks::default()).0.is_err());
}

/// Before, incoming, and the result of a PUT, or the path of the attribute that it may not change. 7644-3.5.1-02,
/// 7644-3.5.1-03, 7644-3.5.1-05, 7644-3.5.1-06, 7644-3.5.1-07, 7644-3.5.1-08, 7644-3.5.1-09, 7643-7-11, 7643-7-12,
/// 7643-7-13, 7643-4.2-02, 7643-3.1-09.
#[test]
fn a_replacement_respects_mutability() {
    let cases = [
        (json!({"string": "a", "integer": 1}), json!({"integer": 2}), Ok(json!({"integer": 2}))),
        (
            json!({"id": "1", "readOnly": "r"}),
            json!({"id": "2", "readOnly": "x"}),
            Ok(json!({"id": "1", "readOnly": "r"})),
        ),
        (
            json!({"immutable": "i", "writeOnly": "w", "string": "s"}),
            json!({}),
            Ok(json!({"immutable": "i", "writeOnly": "w"})),
        ),
        (json!({"immutable": "i"}), json!({"immutable": "I"}), Ok(json!({"immutable": "i"}))),
        (json!({"immutable": "i"}), json!({"immutable": "j"}), Err("immutable")),
        (json!({}), json!({"immutable": "j"}), Ok(json!({"immutable": "j"}))),
        (json!({"writeOnly": "w"}), json!({"writeOnly": "v"}), Ok(json!({"writeOnly": "v"}))),
        (json!({"string": "a"}), json!({"string": null}), Ok(json!({}))),
        (json!({EXTENSION: {"extra": "e", "fixed": 1}}), json!({}), Ok(json!({EXTENSION: {"fixed": 1}}))),
        (
            json!({EXTENSION: {"fixed": 1}}),
            json!({EXTENSION: {"fixed": 2}}),
            Err("urn:example:scim:schemas:more:1.0:Sample:fixed"),
        ),
        (
            json!({"links": [{"value": "1", "kind": "a"}, {"value": "2", "kind": "b"}]}),
            json!({"links": [{"value": "2"}, {"value": "3", "kind": "c"}]}),
            Ok(json!({"links": [{"value": "2", "kind": "b"}, {"value": "3", "kind": "c"}]})),
        ),
        (
            json!({"links": [{"value": "1", "kind": "a"}]}),
            json!({"links": [{"value": "1", "kind": "b"}]}),
            Err("links.kind"),
        ),
    ];
    let resource_type = sample();
    for (before, incoming, expected) in cases {
        let context = format!("{before} by {incoming}");
        let before = Resource::from_json(&resource_type, before.to_string().as_bytes()).unwrap();
        let incoming = read_with(&incoming.to_string(), Quirks::default()).0.unwrap();
        let after = before.replaced_by(incoming);
        match (judge(Some(&before), &after), expected) {
            (Ok(()), Ok(expected)) => assert_eq!(kept(&after), expected, "{context}"),
            (Err(error), Err(path)) => {
                assert_eq!((error.kind(), error.path()), (&ResourceErrorKind::Immutable, path), "{context}");
            }
            (found, expected) => panic!("{context}: expected {expected:?}, found {found:?}"),
        }
    }
    // A long list in another order.
    let links = |ids: &mut dyn Iterator<Item = u32>| {
        let elements: Vec<Json> = ids.map(|n| json!({"value": n.to_string(), "kind": format!("k{n}")})).collect();
        Resource::from_json(&resource_type, json!({"links": elements}).to_string().as_bytes()).unwrap()
    };
    let (before, after) = (links(&mut (0..5_000)), links(&mut (100..6_000).rev()));
    assert_eq!(judge(Some(&before), &after), Ok(()));
    assert_eq!(before.replaced_by(after.clone()), after);
}

/// 7643-7-11, 7643-7-13: `judge` also refuses a missing fixed value. It is the last check before a write, so it does
/// not rely on its callers, which keep such values. Before, after, and the attribute that may not change.
#[test]
fn judge_refuses_the_loss_of_a_fixed_value() {
    let resource_type = sample();
    let stored = |json: &Json| Resource::from_json(&resource_type, json.to_string().as_bytes()).unwrap();
    let fixed = "urn:example:scim:schemas:more:1.0:Sample:fixed";
    let (read_only, immutable) = (ResourceErrorKind::ReadOnly, ResourceErrorKind::Immutable);
    let refused = [
        (json!({"readOnly": "r", "string": "s"}), json!({"string": "s"}), &read_only, "readOnly"),
        (json!({"readOnly": "r"}), json!({}), &read_only, "readOnly"),
        (json!({"id": "1"}), json!({}), &read_only, "id"),
        (json!({"meta": {"created": "2020-01-01T00:00:00Z"}}), json!({}), &read_only, "meta"),
        (json!({"immutable": "i", "string": "s"}), json!({"string": "t"}), &immutable, "immutable"),
        (json!({"immutable": "i"}), json!({"readOnly": null}), &immutable, "immutable"),
        (json!({EXTENSION: {"fixed": 1, "extra": "e"}}), json!({EXTENSION: {"extra": "e"}}), &immutable, fixed),
    ];
    for (before, after, resource_type, path) in refused {
        let error = judge(Some(&stored(&before)), &stored(&after)).expect_err(path);
        assert_eq!((error.kind(), error.path()), (resource_type, path), "{before} to {after}");
    }
    let allowed = [
        (json!({"string": "s", "writeOnly": "w", "complex": {"two": "x"}}), json!({})),
        (json!({"readOnly": "r", "immutable": "i", "string": "s"}), json!({"readOnly": "r", "immutable": "i"})),
        // A value of a list is removed as a whole.
        (json!({"links": [{"value": "1", "kind": "a", "display": "d"}]}), json!({})),
        (json!({"links": [{"value": "1", "kind": "a"}, {"value": "2"}]}), json!({"links": [{"value": "2"}]})),
    ];
    for (before, after) in allowed {
        assert_eq!(judge(Some(&stored(&before)), &stored(&after)), Ok(()), "{before} to {after}");
    }
}

/// 7643-4.1.1-09: secrets are not in a log either.
#[test]
fn secrets_are_not_printed() {
    let registry = Registry::standard();
    let user = registry.resource_type("User").unwrap();
    let resource =
        Resource::from_json(user, br#"{"id": "1", "userName": "bjensen", "password": "t1meMa$heen"}"#).unwrap();
    let text = format!("{resource:?} {resource:#?}");
    assert!(text.contains("bjensen") && text.contains("password") && !text.contains("t1meMa"), "{text}");
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,12}",
        prop::sample::select(vec![
            "",
            "\"",
            "\\\\",
            "\u{1}\u{1f}",
            "\u{7f}",
            "</script>",
            "\u{2028}",
            "\u{feff}",
            "😀"
        ])
        .prop_map(str::to_owned),
        "[ -~]{18,30}",
    ]
}

fn members() -> impl Strategy<Value = Json> {
    let texts = || prop::collection::vec(text(), 1..4);
    let element = (text(), prop::option::of(text()), prop::option::of(any::<bool>()))
        .prop_map(|(value, resource_type, primary)| json!({"value": value, "type": resource_type, "primary": primary}));
    (
        prop::option::of(text()),
        prop::option::of(texts()),
        prop::option::of(any::<i64>()),
        any::<bool>(),
        prop::option::of((text(), texts())),
        prop::option::of(prop::collection::vec(element, 1..5)),
        prop::option::of(text()),
    )
        .prop_map(|(string, strings, integer, boolean, complex, complexes, extra)| {
            json!({
                "string": string, "strings": strings, "integer": integer, "boolean": boolean,
                "complex": complex.map(|(two, many)| json!({"two": two, "many": many})),
                "complexes": complexes, EXTENSION: {"extra": extra}, "id": "1",
            })
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Writing and reading a resource gives the same resource.
    #[test]
    fn writing_and_reading_gives_the_same_resource(json in members()) {
        let resource_type = sample();
        let resource = Resource::from_json(&resource_type, json.to_string().as_bytes()).unwrap();
        let again = Resource::from_json(&resource_type, &resource.to_json()).unwrap();
        prop_assert_eq!(&again, &resource);
        prop_assert_eq!(again.to_json(), resource.to_json());
        prop_assert_eq!(judge(Some(&resource), &again).is_ok(), judge(None, &resource).is_ok());
    }

    /// The members of an object have no order, so each of them may come first.
    #[test]
    fn members_in_another_order_give_the_same_resource(json in members(), first in 0_usize..8) {
        let resource_type = sample();
        let resource = Resource::from_json(&resource_type, json.to_string().as_bytes()).unwrap();
        let mut members: Vec<String> =
            json.as_object().unwrap().iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
        members.rotate_left(first);
        let again = Resource::from_json(&resource_type, format!("{{{}}}", members.join(",")).as_bytes()).unwrap();
        prop_assert_eq!(&again, &resource);
    }
}

/// 7643-2.1: a name occurs once in an object, however many attributes the schema has.
#[test]
fn a_name_occurs_once_in_a_schema_of_any_size() {
    let names: Vec<String> = (0..300).map(|n| format!("field{n}")).collect();
    let schema = names.iter().fold(Schema::new("urn:example:Wide", "Wide"), |schema, name| {
        schema.with_attribute(Attribute::new(name.as_str(), AttributeType::Integer))
    });
    let wide = Arc::new(ResourceType::builder("Wide", "Wides", schema).build().unwrap());
    let read = |members: &[String]| {
        let body = format!(r#"{{"schemas":["urn:example:Wide"],{}}}"#, members.join(","));
        let mut tolerance = Tolerance::new(Quirks::default());
        Resource::read(&wide, body.as_bytes(), Reading::new(&Limits::default(), &mut tolerance))
            .map_err(|error| error.kind().clone())
    };
    let mut members: Vec<String> = names.iter().map(|name| format!(r#""{name}":1"#)).collect();
    assert_eq!(read(&members).unwrap().root().len(), 300);
    for again in ["field0", "FIELD0", "field299", "FIELD299"] {
        members.push(format!(r#""{again}":2"#));
        assert_eq!(read(&members), Err(ResourceErrorKind::Duplicate), "{again}");
        members.pop();
    }
}

/// A resource has an extension exactly if it has data of the extension (RFC 7643 §3.3).
#[test]
fn a_resource_has_the_extensions_of_its_data() {
    let registry = Registry::standard();
    let user = registry.resource_type("User").unwrap();
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let read = |document: serde_json::Value| Resource::from_json(user, document.to_string().as_bytes()).unwrap();
    let employed = read(serde_json::json!({"userName": "ann", enterprise: {"department": "Tours"}}));
    let bare = read(serde_json::json!({"userName": "bob"}));
    assert_eq!([&employed, &bare].map(|user| user.has_extension(enterprise)), [true, false]);
    assert_eq!([&employed, &bare].map(|user| user.has_extension(&enterprise.to_uppercase())), [true, false]);
    assert!(!employed.has_extension("urn:ietf:params:scim:schemas:core:2.0:User"));
    assert!(!employed.has_extension("urn:example:Other"));
}

/// 7643-2.4: only equal values are one value. A value with a part of another value's sub-attributes stays, in lists of
/// any length.
#[test]
fn a_value_within_another_value_is_no_double() {
    for count in [2, 16, 17, 40, 60] {
        let more = (2..count).map(|n| format!(r#"{{"value":"v{n}","type":"t{n}"}}"#));
        let values: Vec<String> =
            [r#"{"value":"a","type":"x"}"#, r#"{"value":"a"}"#].map(str::to_owned).into_iter().chain(more).collect();
        let resource = strict(&format!(r#""complexes":[{},{{"VALUE":"A"}}]"#, values.join(","))).unwrap();
        let expected: Json = serde_json::from_str(&format!("[{}]", values.join(","))).unwrap();
        assert_eq!(kept(&resource)["complexes"], expected, "{count}");
    }
}

/// RFC 8259 §7: every text is written as JSON that reads as the same text, whatever characters it consists of.
#[test]
fn each_text_is_written_as_itself() {
    let resource_type = sample();
    let mut texts: Vec<String> = (0..=0x7f_u8).map(|byte| char::from(byte).to_string()).collect();
    texts.extend(["\"\"", "\\\\", "\"\\", "\u{1f}\u{1f}", "a\tb", "a b", "Zoë", "\u{2028}", "😀"].map(str::to_owned));
    for text in texts {
        let mut resource = Resource::new(Arc::clone(&resource_type));
        resource.set("string", text.as_str()).unwrap();
        let written: Json =
            serde_json::from_slice(&resource.to_json()).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!(written["string"], json!(text));
    }
}

/// A host sets a value of the attribute's own type, and no other value (the promise of `Resource::set`).
#[test]
fn a_host_sets_values_of_the_type_of_the_attribute() {
    let text = |text: &str| Value::String(text.into());
    let resource_type = sample();
    let complexes = resource_type.child(AttributeId::ROOT, "complexes").unwrap();
    let [value, kind] = ["value", "type"].map(|name| resource_type.child(complexes, name).unwrap());
    let foreign = resource_type.child(AttributeId::ROOT, "string").unwrap();
    let element = |parts: &[(AttributeId, Value)]| Value::Complex(parts.iter().cloned().collect::<Object>());
    let whole = element(&[(value, text("a")), (kind, text("t"))]);
    let rows: Vec<(&str, Value, Option<&str>)> = vec![
        ("string", text("a"), None),
        ("string", Value::Boolean(true), Some("expected a string, found a boolean: `string`")),
        ("string", Value::List([text("a")].into()), Some("expected a string, found a list: `string`")),
        ("boolean", Value::Integer(1), Some("expected a boolean, found an integer: `boolean`")),
        ("integer", text("1"), Some("expected an integer, found a string: `integer`")),
        ("decimal", Value::Integer(1), Some("expected a decimal, found an integer: `decimal`")),
        ("dateTime", text("x"), Some("expected a date and time, found a string: `dateTime`")),
        ("strings", Value::List([text("a"), text("b")].into()), None),
        ("strings", text("a"), Some("expected a list of the attribute's values, found a string: `strings`")),
        ("strings", Value::List([].into()), Some("expected a list of the attribute's values, found a list: `strings`")),
        (
            "strings",
            Value::List([Value::List([text("a")].into())].into()),
            Some("expected a list of the attribute's values, found a list: `strings`"),
        ),
        (
            "strings",
            Value::List([text("a"), Value::Integer(1)].into()),
            Some("expected a list of the attribute's values, found a list: `strings`"),
        ),
        ("complexes", Value::List([whole.clone()].into()), None),
        ("complexes", whole, Some("expected a list of the attribute's values, found an object: `complexes`")),
        (
            "complexes",
            Value::List([element(&[(foreign, text("a"))])].into()),
            Some("expected a list of the attribute's values, found a list: `complexes`"),
        ),
        (
            "complexes",
            Value::List([element(&[(value, text("a")), (foreign, text("a"))])].into()),
            Some("expected a list of the attribute's values, found a list: `complexes`"),
        ),
        (
            "complexes",
            Value::List([element(&[])].into()),
            Some("expected a list of the attribute's values, found a list: `complexes`"),
        ),
        ("complex", text("x"), Some("expected an object of the attribute's sub-attributes, found a string: `complex`")),
    ];
    for (path, value, refused) in rows {
        let mut resource = Resource::new(Arc::clone(&resource_type));
        let result = resource.set(path, value.clone()).map_err(|error| error.to_string());
        assert_eq!(result.err().as_deref(), refused, "{path}: {value:?}");
        assert_eq!(resource.get(path), refused.is_none().then_some(&value), "{path}");
    }
}

/// An error has the place of its fault: the position in the JSON, and the index of the value in a list.
#[test]
fn an_error_has_the_place_of_its_fault() {
    let start = format!(r#"{{"schemas":["{URN}"],"#).len();
    for (members, index, column) in [
        (r#""complexes":[{"value":1}]"#, Some(0), 23),
        (r#""complexes":[{"value":"a"},{"value":"b"},{"value":1}]"#, Some(2), 51),
        (r#""string":1"#, None, 10),
    ] {
        let error = strict(members).unwrap_err();
        assert_eq!((error.index(), error.position()), (index, Some((1, start + column))), "{members}: {error}");
    }
}

/// The object of the core schema, a tolerated habit, occurs once, holds attributes, and counts as one level.
#[test]
fn the_object_of_the_core_schema_holds_attributes_of_the_resource() {
    let quirks = Quirks::strict().with(Quirk::CoreSchemaObject);
    let read = |members: &str, depth: usize| {
        let json = format!(r#"{{"schemas":["{URN}"],{members}}}"#);
        let mut limits = Limits::default();
        limits.json_depth = depth;
        Resource::read(&sample(), json.as_bytes(), Reading::new(&limits, &mut Tolerance::new(quirks)))
    };
    let inside = r#"{"string":"x","complex":{"two":"2"}}"#;
    for (members, depth, expected) in [
        (format!(r#""{URN}":{inside}"#), 3, true),
        (format!(r#""{URN}":{inside}"#), 2, false),
        // The levels of the object end with it.
        (format!(r#""{URN}":{inside},"complexes":[{{"value":"a"}}]"#), 3, true),
        (format!(r#""{URN}":{inside},"{URN}":{{"boolean":true}}"#), 3, true),
        (format!(r#""{URN}":null"#), 3, true),
        (format!(r#""{URN}":[]"#), 3, true),
        (format!(r#""{URN}":[{inside}]"#), 9, false),
        (format!(r#""{URN}":"x""#), 9, false),
        (format!(r#""{URN}":{{"{URN}":{{"string":"x"}}}}"#), 9, false),
        (format!(r#""{URN}":{{"string":"x"}},"string":"y""#), 9, false),
        // JSON in a string is another habit.
        (format!(r#""{URN}":"{{\"string\":\"x\"}}""#), 9, false),
    ] {
        let result = read(&members, depth);
        assert_eq!(result.is_ok(), expected, "{members} within {depth}: {result:?}");
    }
    for (value, found) in [(format!("[{inside}]"), "an array"), (r#""x""#.to_owned(), "a string")] {
        let error = read(&format!(r#""{URN}":{value}"#), 9).unwrap_err();
        let expected = "an object of attributes";
        assert_eq!(error.kind(), &ResourceErrorKind::Type { expected, found }, "{value}");
    }
    let both = read(&format!(r#""{URN}":{inside},"{URN}":{{"boolean":true}}"#), 3).unwrap();
    assert_eq!(kept(&both), json!({"string": "x", "complex": {"two": "2"}, "boolean": true}));
}

/// The limits hold to the last value and the last level (`Limits::values`, `Limits::json_depth`).
#[test]
fn the_limits_of_lists_and_levels_are_exact() {
    let mut limits = Limits::default();
    limits.values = 3;
    limits.json_depth = 3;
    let read = |members: &str, quirks: Quirks| {
        let json = format!(r#"{{"schemas":["{URN}"],{members}}}"#);
        Resource::read(&sample(), json.as_bytes(), Reading::new(&limits, &mut Tolerance::new(quirks)))
            .map_err(|error| error.kind().clone())
    };
    let list = |values: &[&str]| format!(r#""strings":["{}"]"#, values.join(r#"",""#));
    assert!(read(&list(&["a", "b", "c"]), Quirks::strict()).is_ok());
    assert_eq!(read(&list(&["a", "b", "c", "d"]), Quirks::strict()), Err(ResourceErrorKind::TooMany(3)));
    // Lists and objects side by side are no deeper than one of them.
    let beside = r#""strings":["a"],"integers":[1],"booleans":[true],"complex":{"two":"2"},
        "complexes":[{"value":"a"},{"value":"b"}],"decimals":[1],"links":[{"value":"7"}]"#;
    assert!(read(beside, Quirks::strict()).is_ok());
    let one = read(r#""string":["a"],"complexes":[{"value":"a"}]"#, Quirks::strict().with(Quirk::ListOfOne));
    assert!(one.is_ok(), "a list of one is left again: {one:?}");
    // An unknown attribute is skipped, but its levels count. Brackets in its texts do not.
    let quirks = Quirks::strict().with(Quirk::UnknownAttribute);
    for (value, fits) in [
        ("[[1]]", true),
        ("[[[1]]]", false),
        (r#"{"a":[1],"b":[1],"c":{"d":1}}"#, true),
        (r#"{"a":[{"b":1}]}"#, false),
        (r#"{"a":"[[[[[{{{{"}"#, true),
        (r#"{"a":"\"[[[[[","b":"x"}"#, true),
        (r#"{"a":"\"","b":[[1]]}"#, false),
        (r#"{"a":"\\","b":[[1]]}"#, false),
        (r#"{"a":"]]]]}}}}","b":[[1]]}"#, false),
        (r#"{"a":"\\\"[[[[[","b":[1]}"#, true),
    ] {
        let result = read(&format!(r#""unknown":{value}"#), quirks);
        assert_eq!(result.is_ok(), fits, "{value}: {result:?}");
        if !fits {
            assert_eq!(result, Err(ResourceErrorKind::TooDeep(3)), "{value}");
        }
    }
}

/// Databases do not store U+0000. A value that arrives as JSON in a string does not bring it, in any of its parts.
#[test]
fn a_packed_value_has_no_zero_character() {
    let registry = Registry::standard();
    let user = registry.resource_type("User").unwrap();
    let read = |packed: &str| {
        let role = serde_json::to_string(packed).unwrap();
        let urn = "urn:ietf:params:scim:schemas:core:2.0:User";
        let json = format!(r#"{{"schemas":["{urn}"],"userName":"ann","roles":[{{"value":{role}}}]}}"#);
        let mut tolerance = Tolerance::new(Quirks::entra());
        Resource::read(user, json.as_bytes(), Reading::new(&Limits::default(), &mut tolerance))
    };
    let packed = read(r#"{"id":"1","value":"admin","displayName":"Admin"}"#).unwrap();
    let roles: Json = serde_json::from_slice(&packed.to_json()).unwrap();
    assert_eq!(roles["roles"], json!([{"value": "admin", "display": "Admin"}]));
    for text in
        [r#"{"id":"1","value":"a\u0000","displayName":"A"}"#, r#"{"id":"1","value":"a","displayName":"\u0000"}"#]
    {
        let error = read(text).unwrap_err();
        assert_eq!(error.kind(), &ResourceErrorKind::NulCharacter, "{text}");
    }
}

/// A value that arrives as JSON in a string fills only sub-attributes that the request leaves free, and only in a list.
/// Without the quirk it is the text of the value.
#[test]
fn a_packed_value_fills_what_is_free() {
    let registry = Registry::standard();
    let user = registry.resource_type("User").unwrap();
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let packed = r#"{"id":"1","value":"admin","displayName":"Admin"}"#;
    let nameless = r#"{"id":"1","value":"","displayName":"Admin"}"#;
    let read = |members: Json, quirks: Quirks| -> Json {
        let mut json =
            json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", enterprise], "userName": "ann"});
        json.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let mut tolerance = Tolerance::new(quirks);
        let read = Resource::read(user, json.to_string().as_bytes(), Reading::new(&Limits::default(), &mut tolerance));
        let resource = read.unwrap();
        let written: Json = serde_json::from_slice(&resource.to_json()).unwrap();
        // No value is without a sub-attribute.
        let roles = resource.get("roles").map_or(0, |roles| roles.elements().len());
        assert_eq!(roles, written["roles"].as_array().map_or(0, Vec::len));
        written
    };
    let (entra, without) = (Quirks::entra(), Quirks::entra().without(Quirk::PackedElement));
    for (roles, quirks, expected) in [
        (json!([{"value": packed}]), entra, json!([{"value": "admin", "display": "Admin"}])),
        (json!([{"value": packed, "display": "mine"}]), entra, json!([{"value": "admin", "display": "mine"}])),
        (json!([packed]), entra, json!([{"value": "admin", "display": "Admin"}])),
        (json!([{"value": nameless}]), entra, json!([{"value": nameless}])),
        (json!([{"value": packed}]), without, json!([{"value": packed}])),
        (json!([packed]), without, json!([{"value": "admin"}])),
        (json!([nameless]), entra, Json::Null),
    ] {
        assert_eq!(read(json!({ "roles": roles }), quirks)["roles"], expected, "{roles}");
    }
    let manager = json!({"manager": {"value": packed}});
    assert_eq!(read(json!({ enterprise: manager }), entra)[enterprise], manager);
    for (members, expected) in [(r#""strings":"[\"a\"]""#, "an array"), (r#""complex":"{\"two\":\"2\"}""#, "an object")]
    {
        let found = "JSON in a string";
        assert_eq!(strict(members).unwrap_err().kind(), &ResourceErrorKind::Type { expected, found });
    }
}

/// RFC 8259 §7: an answer is JSON whatever characters its URLs have.
#[test]
fn a_url_is_written_as_json() {
    let registry = Registry::standard();
    let user = registry.resource_type("User").unwrap();
    let resource = Resource::from_json(user, br#"{"id": "a b\"c", "userName": "ann"}"#).unwrap();
    let projection = Projection::default_of(user);
    for base in ["https://example.com/scim", "https://example.com/\"scim\""] {
        let rendering = Rendering {
            registry: &registry,
            base,
            projection: &projection,
            version: None,
            derived: &[],
            displays: &[],
        };
        let mut out = Vec::new();
        resource.write(&mut out, &rendering);
        let written: Json = serde_json::from_slice(&out).unwrap();
        assert_eq!(written["meta"]["location"], format!("{base}/Users/a%20b%22c"));
    }
}
