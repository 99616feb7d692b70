//! PATCH as tables: the resource, the operations, and the outcome (RFC 7644 §3.5.2).

mod providers;
mod quirks;
mod rfc;

use std::{fmt::Write, sync::Arc};

use crate::patch::fixtures::{Before, expand};
use scim_core::{
    limits::Limits,
    patch::{Op, Patch, PatchError, PatchErrorKind, ValueEdit},
    quirks::{Quirk, Quirks, Reading, Tolerance},
    resource::Resource,
    schema::{Attribute, AttributeId, AttributeType, Mutability, ResourceType, Schema},
    value::{Object, Value},
};

/// One row of a table.
pub(crate) struct Case {
    name: &'static str,
    before: Before,
    /// The operations, without the brackets of their list.
    operations: &'static str,
    outcome: Outcome,
}

/// The outcome of a patch.
#[derive(Clone, Copy)]
pub(crate) enum Outcome {
    /// Only these top-level attributes are changed; null for a removed attribute.
    To(&'static str),
    /// The patch changes nothing, and the result says so.
    Same,
    /// The patch is refused because of the operation with this index.
    Error(PatchErrorKind, usize),
}

pub(crate) const fn case(name: &'static str, before: Before, operations: &'static str, outcome: Outcome) -> Case {
    Case { name, before, operations, outcome }
}

fn message(operations: &str) -> String {
    let operations = expand(operations);
    format!(r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{operations}]}}"#)
}

fn run(before: &Resource, body: &str, tolerance: &mut Tolerance) -> Result<Option<Resource>, PatchError> {
    let limits = Limits::default();
    Patch::parse(body.as_bytes(), Reading::new(&limits, tolerance))?.apply(before, Reading::new(&limits, tolerance))
}

fn shown(resource: &Resource) -> String {
    String::from_utf8_lossy(&resource.to_json()).into_owned()
}

/// Checks a row. The error describes the difference.
fn check(case: &Case, quirks: Quirks) -> Result<(), String> {
    let before = case.before.resource();
    let body = message(case.operations);
    let result = run(&before, &body, &mut Tolerance::new(quirks));
    let expected = match case.outcome {
        Outcome::Error(kind, index) => {
            return match result {
                Err(error) if error.kind() == kind && error.operation() == Some(index) => Ok(()),
                Err(error) => Err(format!(
                    "expected {kind:?} in {index}, found {:?} in {:?}: {error}",
                    error.kind(),
                    error.operation()
                )),
                Ok(after) => Err(format!("expected {kind:?}, found {}", shown(after.as_ref().unwrap_or(&before)))),
            };
        }
        Outcome::Same => None,
        Outcome::To(changes) => Some(case.before.with(changes)),
    };
    assert!(expected.as_ref() != Some(&before), "{}: the table expects no change and should say so", case.name);
    match result {
        Ok(after) if after == expected => {}
        Ok(after) => {
            let show = |it: &Option<Resource>| it.as_ref().map_or_else(|| "no change".to_owned(), shown);
            return Err(format!("expected {}\n      found    {}", show(&expected), show(&after)));
        }
        Err(error) => return Err(format!("expected success, found {:?}: {error}", error.kind())),
    }
    // The same request again changes nothing, unless its operations undo each other.
    let after = expected.as_ref().unwrap_or(&before);
    if !case.operations.contains("remove") && !case.operations.contains("},{\"op\"") {
        match run(after, &body, &mut Tolerance::new(quirks)) {
            Ok(None) => {}
            Ok(Some(again)) => return Err(format!("again: found {}", shown(&again))),
            // The selected value no longer exists.
            Err(error) if error.kind() == PatchErrorKind::NoTarget => {}
            Err(error) => return Err(format!("again: {error}")),
        }
    }
    Ok(())
}

fn check_all<'a>(cases: impl IntoIterator<Item = &'a Case>, presets: &[(&str, Quirks)]) {
    let mut wrong = String::new();
    for case in cases {
        for (preset, quirks) in presets {
            if let Err(what) = check(case, *quirks) {
                writeln!(wrong, "  {} [{preset}]\n    {}\n      {what}", case.name, case.operations).unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

const STRICT: (&str, Quirks) = ("strict", Quirks::strict());
/// The handling of an unknown path is a separate quirk, in the table of quirks.
const ENTRA: (&str, Quirks) = ("entra", Quirks::entra().without(Quirk::UnknownPath));
const OKTA: (&str, Quirks) = ("okta", Quirks::okta());

#[test]
fn operations_have_the_effects_of_the_rfc() {
    let default = ("default", Quirks::default());
    check_all(
        rfc::ADD.iter().chain(rfc::REMOVE).chain(rfc::REPLACE).chain(rfc::RULES),
        &[STRICT, default, ENTRA, OKTA],
    );
}

/// 7644-3.5.2.3-08 and A035 literally, where the presets differ.
#[test]
fn a_value_path_without_match_follows_the_preset() {
    let add = r#"{"op":"add","path":"emails[type eq \"other\"].value","value":"n@x"}"#;
    let replace = r#"{"op":"replace","path":"emails[type eq \"other\"].value","value":"n@x"}"#;
    let no_target = Outcome::Error(PatchErrorKind::NoTarget, 0);
    check_all(&[case("7644-3.5.2.1-11, 7644-3.12-19", Before::User, add, no_target)], &[STRICT]);
    let clear = r#"{"op":"replace","path":"emails[type eq \"other\"].value","value":null}"#;
    for operations in [replace, clear] {
        check_all(
            &[case("7644-3.5.2.3-08, 7644-3.12-19", Before::User, operations, no_target)],
            &[STRICT, ("default", Quirks::default()), OKTA],
        );
    }
}

#[test]
fn operations_of_identity_providers_have_their_effects() {
    check_all(providers::CASES, &[("default", Quirks::default()), OKTA]);
    // The presets differ only in E-09.
    check_all(providers::CASES.iter().filter(|case| !case.name.starts_with("E-09")), &[ENTRA]);
    check_all(providers::ENTRA, &[ENTRA]);
}

#[test]
fn each_quirk_alone_tolerates_its_habit() {
    for habit in quirks::HABITS {
        let what = format!("{:?} {}", habit.quirk, habit.operations);
        let (before, body) = (habit.before.resource(), message(habit.operations));
        let mut tolerance = Tolerance::new(Quirks::strict().with(habit.quirk));
        let after = run(&before, &body, &mut tolerance).unwrap_or_else(|error| panic!("{what}: {error}"));
        let expected = habit.before.with(habit.changes);
        assert_eq!(after.unwrap_or_else(|| before.clone()), expected, "{what}");
        assert_eq!(tolerance.applied(), Quirks::strict().with(habit.quirk), "{what}");

        let all_but = Quirk::ALL.iter().fold(Quirks::strict(), |all, quirk| all.with(*quirk)).without(habit.quirk);
        // A form that the RFC does not define is then an unknown attribute, which is refused here.
        let mut tolerance = Tolerance::new(all_but.without(Quirk::UnknownAttribute).without(Quirk::UnknownPath));
        let error = run(&before, &body, &mut tolerance).expect_err(&what);
        assert_eq!(error.kind(), habit.refused, "{what}: {error}");
    }
}

#[test]
fn requests_of_the_rfc_show_no_quirk() {
    for case in rfc::ADD.iter().chain(rfc::REMOVE).chain(rfc::REPLACE).chain(rfc::RULES) {
        let mut tolerance = Tolerance::new(Quirks::default());
        drop(run(&case.before.resource(), &message(case.operations), &mut tolerance));
        assert!(tolerance.applied().is_empty(), "{}: {}", case.name, tolerance.applied());
    }
}

/// 7644-3.5.2-03, 7644-3.5.2-04, 7644-3.5.2-05, 7644-3.5.2-06, 7644-3.5.2.1-01, 7644-3.5.2.2-01 and A061, A062.
#[test]
fn messages_that_are_no_patch_are_refused() {
    use PatchErrorKind::{BodyTooLong, InvalidPath, InvalidSyntax, InvalidValue, NoTarget, TooMany};
    const S: &str = r#""schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]"#;
    const OP: &str = r#"{"op":"replace","path":"active","value":true}"#;
    let long_path = format!(r#"{{{S},"Operations":[{{"op":"remove","path":"{}"}}]}}"#, "a".repeat(1_025));
    let many = format!(r#"{{{S},"Operations":[{}]}}"#, vec![OP; 1_001].join(","));
    let long = format!(r#"{{{S},"x":"{}"}}"#, "a".repeat(4 << 20));
    let rows: Vec<(&str, String, PatchErrorKind, Option<usize>)> = vec![
        (
            "7644-3.5.2-03: another schema",
            format!(r#"{{"schemas":["urn:x"],"Operations":[{OP}]}}"#),
            InvalidSyntax,
            None,
        ),
        ("7644-3.5.2-04: no operations", format!("{{{S}}}"), InvalidSyntax, None),
        ("7644-3.5.2-04: no list", format!(r#"{{{S},"Operations":{OP}}}"#), InvalidSyntax, None),
        ("7644-3.5.2-04: null", format!(r#"{{{S},"Operations":null}}"#), InvalidSyntax, None),
        ("7644-3.5.2-04: no objects", format!(r#"{{{S},"Operations":[{OP},"x"]}}"#), InvalidSyntax, Some(1)),
        (
            "7644-3.5.2-04: operations twice",
            format!(r#"{{{S},"Operations":[{OP}],"operations":[{OP}]}}"#),
            InvalidSyntax,
            None,
        ),
        (
            "7644-3.5.2-05: no op",
            format!(r#"{{{S},"Operations":[{{"path":"active","value":true}}]}}"#),
            InvalidSyntax,
            Some(0),
        ),
        (
            "7644-3.5.2-05, 7644-3.5.2-02: move",
            format!(r#"{{{S},"Operations":[{OP},{{"op":"move","from":"a","path":"active"}}]}}"#),
            InvalidSyntax,
            Some(1),
        ),
        (
            "7644-3.5.2-05, 7644-3.5.2-02: copy",
            format!(r#"{{{S},"Operations":[{{"op":"copy","from":"a","path":"active"}}]}}"#),
            InvalidSyntax,
            Some(0),
        ),
        (
            "7644-3.5.2-05, 7644-3.5.2-02: test",
            format!(r#"{{{S},"Operations":[{{"op":"test","path":"active","value":true}}]}}"#),
            InvalidSyntax,
            Some(0),
        ),
        (
            "7644-3.5.2-05: op twice",
            format!(r#"{{{S},"Operations":[{{"op":"add","op":"add","path":"active","value":true}}]}}"#),
            InvalidSyntax,
            Some(0),
        ),
        ("7644-3.5.2-05: a number", format!(r#"{{{S},"Operations":[{{"op":1}}]}}"#), InvalidSyntax, Some(0)),
        (
            "7644-3.5.2-06: a number as path",
            format!(r#"{{{S},"Operations":[{{"op":"add","path":1,"value":true}}]}}"#),
            InvalidSyntax,
            Some(0),
        ),
        (
            "7644-3.5.2-06, 7644-3.5.2.2-01: remove without path",
            format!(r#"{{{S},"Operations":[{OP},{{"op":"remove"}}]}}"#),
            NoTarget,
            Some(1),
        ),
        (
            "7644-3.5.2.2-01: remove with an empty path",
            format!(r#"{{{S},"Operations":[{{"op":"remove","path":""}}]}}"#),
            NoTarget,
            Some(0),
        ),
        (
            "7644-3.5.2.2-01: remove with a null path",
            format!(r#"{{{S},"Operations":[{{"op":"remove","path":null}}]}}"#),
            NoTarget,
            Some(0),
        ),
        (
            "7644-3.5.2.1-01: add without value, peer 41",
            format!(r#"{{{S},"Operations":[{{"op":"add","path":"title"}}]}}"#),
            InvalidValue,
            Some(0),
        ),
        (
            "7644-3.5.2.1-01: add without value and path",
            format!(r#"{{{S},"Operations":[{{"op":"add"}}]}}"#),
            InvalidValue,
            Some(0),
        ),
        (
            "7644-3.12-20: replace without value",
            format!(r#"{{{S},"Operations":[{{"op":"replace","path":"title"}}]}}"#),
            InvalidValue,
            Some(0),
        ),
        ("7644-3.12-18: a path that is too long", long_path, InvalidPath, Some(0)),
        ("limits: too many operations", many, TooMany, None),
        ("limits: too long", long, BodyTooLong, None),
        ("no JSON", "{".to_owned(), InvalidSyntax, None),
        ("no object", "[]".to_owned(), InvalidSyntax, None),
        ("nothing", String::new(), InvalidSyntax, None),
        ("something behind it", format!(r#"{{{S},"Operations":[{OP}]}} x"#), InvalidSyntax, None),
        (
            "broken off within an operation",
            format!(r#"{{{S},"Operations":[{OP},{{"op":"add","#),
            InvalidSyntax,
            Some(1),
        ),
    ];
    for (name, body, kind, index) in rows {
        for quirks in [Quirks::strict(), Quirks::default(), Quirks::entra()] {
            let error = Patch::parse(body.as_bytes(), Reading::new(&Limits::default(), &mut Tolerance::new(quirks)))
                .expect_err(name);
            assert_eq!((error.kind(), error.operation()), (kind, index), "{name}: {error}");
        }
    }

    let accepted = [
        format!(
            r#"{{"operations":[{OP}],"SCHEMAS":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"more":{{"a":[1]}}}}"#
        ),
        format!(r#"{{"Operations":[{{"value":true,"note":null,"path":"active","op":"replace"}}],{S}}}"#),
    ];
    for body in accepted {
        let patch =
            Patch::parse(body.as_bytes(), Reading::new(&Limits::default(), &mut Tolerance::new(Quirks::strict())))
                .unwrap();
        let operation = &patch.operations()[0];
        assert_eq!((operation.op(), operation.path(), operation.value()), (Op::Replace, Some("active"), Some("true")));
    }
}

/// 7644-3.5.2-03, A062: a message without `schemas` is a quirk.
#[test]
fn a_message_without_schemas_is_a_quirk() {
    for body in [
        r#"{"Operations":[{"op":"remove","path":"title"}]}"#,
        r#"{"schemas":[],"Operations":[{"op":"remove","path":"title"}]}"#,
    ] {
        let mut tolerance = Tolerance::new(Quirks::default());
        Patch::parse(body.as_bytes(), Reading::new(&Limits::default(), &mut tolerance)).unwrap();
        assert_eq!(tolerance.applied(), Quirks::strict().with(Quirk::MissingMessageSchema));
        let error =
            Patch::parse(body.as_bytes(), Reading::new(&Limits::default(), &mut Tolerance::new(Quirks::strict())))
                .unwrap_err();
        assert_eq!(error.kind(), PatchErrorKind::InvalidSyntax);
    }
}

/// Spellings of the message itself, each accepted and reported under its quirk, and refused by the strict rules of the
/// RFC.
#[test]
fn other_spellings_of_the_message_are_quirks() {
    const OP: &str = r#"{"op":"remove","path":"title"}"#;
    const URN: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
    let rows = [
        (Quirk::OneForList, format!(r#"{{"schemas":"{URN}","Operations":[{OP}]}}"#)),
        (
            Quirk::MessageSchemaSpelling,
            format!(r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:PatchOp"],"Operations":[{OP}]}}"#),
        ),
        (
            Quirk::MessageSchemaSpelling,
            format!(r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOperation"],"Operations":[{OP}]}}"#),
        ),
        (Quirk::ByteOrderMark, format!("\u{FEFF}{{\"schemas\":[\"{URN}\"],\"Operations\":[{OP}]}}")),
        (Quirk::NoOperations, format!(r#"{{"schemas":["{URN}"],"Operations":[]}}"#)),
        (
            Quirk::AddWithoutValue,
            format!(r#"{{"schemas":["{URN}"],"Operations":[{{"op":"add","path":"emails[value eq \"n@x\"]"}}]}}"#),
        ),
    ];
    for (quirk, body) in rows {
        let parse = |quirks| {
            let mut tolerance = Tolerance::new(quirks);
            Patch::parse(body.as_bytes(), Reading::new(&Limits::default(), &mut tolerance)).map(|_| tolerance.applied())
        };
        let alone = Quirks::strict().with(quirk);
        assert_eq!(parse(alone).unwrap_or_else(|error| panic!("{quirk:?}: {error}")), alone, "{body}");
        for without in [Quirks::strict(), Quirks::entra().without(quirk)] {
            let error = parse(without).expect_err(&body);
            let expected = if quirk == Quirk::AddWithoutValue {
                PatchErrorKind::InvalidValue
            } else {
                PatchErrorKind::InvalidSyntax
            };
            assert_eq!(error.kind(), expected, "{body}: {error}");
        }
        let default = Quirks::default().contains(quirk);
        assert_eq!(default, quirk != Quirk::NoOperations, "{quirk:?}");
        assert!(Quirks::entra().contains(quirk), "{quirk:?}");
    }
}

/// An `add` through a value path without a `value` adds the element that the condition describes.
#[test]
fn add_without_value_adds_the_described_element() {
    let rows = [
        (
            Before::Bare,
            r#"emails[value eq \"n@x\" and type eq \"work\"]"#,
            r#"{"emails":[{"value":"n@x","type":"work"}]}"#,
        ),
        (
            Before::Group,
            r#"members[value eq \"d\"]"#,
            r#"{"members":[{"value":"a","type":"User"},{"value":"b","type":"User"},{"value":"c","type":"Group"},{"value":"d"}]}"#,
        ),
    ];
    for (before, path, changes) in rows {
        let body = message(&format!(r#"{{"op":"add","path":"{path}"}}"#));
        let mut tolerance = Tolerance::new(Quirks::default());
        let after = run(&before.resource(), &body, &mut tolerance).unwrap().expect("a change");
        assert_eq!(after, before.with(changes), "{path}");
        assert!(tolerance.applied().contains(Quirk::AddWithoutValue));
        assert_eq!(run(&after, &body, &mut tolerance).unwrap(), None, "{path} again");
    }
    let partial = message(r#"{"op":"add","path":"emails[type eq \"work\"].value"}"#);
    let error = run(&Before::Bare.resource(), &partial, &mut Tolerance::new(Quirks::entra())).unwrap_err();
    assert_eq!(error.kind(), PatchErrorKind::InvalidValue);
}

/// The app roles of Entra: an element's `value` that is JSON text describes the element.
#[test]
fn packed_elements_become_elements() {
    const PACKED: &str = r#"{\"id\":\"6a1f\",\"value\":\"reviewer\",\"displayName\":\"Reviewer\"}"#;
    const REVIEWER: &str = r#"{"roles":[{"value":"reviewer","display":"Reviewer"}]}"#;
    let add =
        |path: &str, text: &str| message(&format!(r#"{{"op":"Add","path":"{path}","value":[{{"value":"{text}"}}]}}"#));
    let apply = |before: &Resource, body: &str, quirks: Quirks| run(before, body, &mut Tolerance::new(quirks)).unwrap();

    let with_role = |role: &str| Before::Bare.with(&format!(r#"{{"roles":[{role}]}}"#));
    let rows = [
        (Before::Bare.resource(), Some(Before::Bare.with(REVIEWER))),
        (Before::Bare.with(REVIEWER), None),
        (
            with_role(r#"{"value":"reviewer","type":"App","primary":true}"#),
            Some(with_role(r#"{"value":"reviewer","type":"App","primary":true,"display":"Reviewer"}"#)),
        ),
        (
            with_role(r#"{"value":"editor"}"#),
            Some(with_role(r#"{"value":"editor"},{"value":"reviewer","display":"Reviewer"}"#)),
        ),
    ];
    for (before, expected) in rows {
        assert_eq!(apply(&before, &add("roles", PACKED), Quirks::default()), expected, "{before:?}");
    }
    let remove = add("roles", PACKED).replace("Add", "remove");
    assert_eq!(apply(&Before::Bare.with(REVIEWER), &remove, Quirks::default()), Some(Before::Bare.resource()));
    // Braces alone are not JSON: a GUID in braces is an ordinary value.
    let guid = apply(&Before::Bare.resource(), &add("roles", "{6a1f0c52}"), Quirks::default());
    assert_eq!(guid, Some(with_role(r#"{"value":"{6a1f0c52}"}"#)));
    let literal = apply(&Before::Bare.resource(), &add("roles", PACKED), Quirks::strict().with(Quirk::OperationCase));
    assert!(literal.is_some_and(|user| String::from_utf8(user.to_json()).unwrap().contains("displayName")));
}

/// 7644-3.5.2-19: the error names the operation that wrote to the attribute, not an operation on an attribute whose
/// name begins alike.
#[test]
fn an_error_blames_the_operation_by_the_attribute() {
    let code = |name: &str| Attribute::new(name, AttributeType::String).with_canonical_values(["a", "b"]).restricted();
    let schema = Schema::new("urn:example:Lock", "Lock").with_attribute(code("code")).with_attribute(code("codeName"));
    let resource_type = Arc::new(ResourceType::builder("Lock", "Locks", schema).build().unwrap());
    let before = Resource::from_json(&resource_type, br#"{"id": "1", "code": "a", "codeName": "a"}"#).unwrap();
    let rows = [
        (r#"{"op":"replace","path":"code","value":"b"},{"op":"replace","path":"codeName","value":"x"}"#, "codeName", 1),
        (r#"{"op":"replace","path":"codeName","value":"x"},{"op":"replace","path":"code","value":"b"}"#, "codeName", 0),
        (r#"{"op":"replace","path":"code","value":"x"},{"op":"replace","path":"codeName","value":"b"}"#, "code", 0),
    ];
    for (operations, path, index) in rows {
        let error = run(&before, &message(operations), &mut Tolerance::new(Quirks::strict())).unwrap_err();
        assert_eq!((error.path(), error.operation()), (Some(path), Some(index)), "{operations}: {error}");
    }
}

/// A store's own JSON is read without limits: unknown content may be nested to any depth.
#[test]
fn stored_json_has_no_limit_of_depth() {
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let json = format!(r#"{{"id": "1", "userName": "u", "gone": {deep}}}"#);
    let user = Resource::from_json(Before::User.resource_type(), json.as_bytes()).unwrap();
    assert_eq!(user.id(), "1");
}

/// JSON text describes the element in every notation, and the same request again changes nothing.
#[test]
fn packed_elements_are_read_in_every_notation() {
    const PACKED: &str = r#"{\"id\":\"1\",\"value\":\"reviewer\",\"displayName\":\"Reviewer\"}"#;
    let user = Before::Bare.with(r#"{"roles":[{"value":"old","primary":true}]}"#);
    let named = Before::Bare.with(r#"{"roles":[{"value":"reviewer","primary":true,"display":"Reviewer"}]}"#);
    let both = r#"{"roles":[{"value":"old","primary":true},{"value":"reviewer","display":"Reviewer"}]}"#;
    let both = Before::Bare.with(both);
    let with_label = r#"{"roles":[{"value":"old","primary":true},{"value":"reviewer","display":"Reviewer"},{"type":"q","display":"d"}]}"#;
    let rows = [
        (format!(r#"{{"op":"add","path":"roles[primary eq \"True\"].value","value":"{PACKED}"}}"#), &named),
        (format!(r#"{{"op":"replace","value":{{"roles[primary eq \"True\"].value":"{PACKED}"}}}}"#), &named),
        (format!(r#"{{"op":"replace","path":"roles[primary eq \"True\"]","value":{{"value":"{PACKED}"}}}}"#), &named),
        (format!(r#"{{"op":"replace","path":"roles[primary eq \"True\"]","value":"{PACKED}"}}"#), &named),
        (format!(r#"{{"op":"add","path":"roles","value":["{PACKED}"]}}"#), &both),
        (format!(r#"{{"op":"add","path":"roles","value":[{{"value":"{PACKED}"}}]}}"#), &both),
        (
            format!(
                r#"{{"op":"add","path":"roles","value":[{{"value":"{{\"value\":\"reviewer\"}}"}},{{"value":"{PACKED}"}}]}}"#
            ),
            &both,
        ),
        (
            format!(r#"{{"op":"add","path":"roles","value":[{{"value":"{PACKED}"}},{{"type":"q","display":"d"}}]}}"#),
            &Before::Bare.with(with_label),
        ),
    ];
    for (operation, expected) in rows {
        let body = message(&operation);
        let mut tolerance = Tolerance::new(Quirks::default());
        let after = run(&user, &body, &mut tolerance).unwrap_or_else(|error| panic!("{operation}: {error}"));
        assert_eq!(after.as_ref(), Some(expected), "{operation}");
        assert!(tolerance.applied().contains(Quirk::PackedElement), "{operation}");
        assert_eq!(run(expected, &body, &mut tolerance).unwrap(), None, "{operation} again");
    }
}

/// 7643-7: removing an extension keeps its immutable attributes, as a PUT without the extension does.
#[test]
fn a_removed_extension_keeps_immutable_attributes() {
    let before = Before::Badge.with(r#"{"urn:example:Paint":{"color":"green","stamp":"ok","maker":"M"}}"#);
    let kept = Before::Badge.with(r#"{"urn:example:Paint":{"stamp":"ok","maker":"M"}}"#);
    for operation in [
        r#"{"op":"remove","path":"urn:example:Paint"}"#,
        r#"{"op":"replace","value":{"urn:example:Paint":null}}"#,
        r#"{"op":"remove","path":"schemas","value":["urn:example:Paint"]}"#,
    ] {
        let after = run(&before, &message(operation), &mut Tolerance::new(Quirks::default())).unwrap();
        assert_eq!(after.as_ref(), Some(&kept), "{operation}");
    }
    // An immutable value that the same patch has set may be removed again.
    let both =
        r#"{"op":"add","path":"urn:example:Paint:maker","value":"M"},{"op":"remove","path":"urn:example:Paint"}"#;
    let after = run(&Before::Badge.resource(), &message(both), &mut Tolerance::new(Quirks::default())).unwrap();
    assert_eq!(after, Some(Before::Badge.with(r#"{"urn:example:Paint":{"stamp":"ok"}}"#)));
}

#[test]
fn a_patch_is_written_as_it_was_read() {
    let body = message(
        r#"{"op":"add","path":"title","value":"T"},{"op":"remove","path":"emails[type eq \"x\"]"},{"op":"replace","value":{"a":[1,null]}}"#,
    );
    let patch =
        Patch::parse(body.as_bytes(), Reading::new(&Limits::default(), &mut Tolerance::new(Quirks::strict()))).unwrap();
    assert_eq!(serde_json::to_string(&patch).unwrap(), body);
    let built = Patch::builder()
        .add("title", "T")
        .remove(r#"emails[type eq "x"]"#)
        .replace("", serde_json::json!({"a": [1, null]}));
    assert_eq!(serde_json::to_string(&built.build().unwrap()).unwrap(), body);

    assert_eq!(Patch::builder().build().unwrap_err().kind(), PatchErrorKind::InvalidSyntax);
    assert_eq!(Patch::builder().remove("").build().unwrap_err().kind(), PatchErrorKind::NoTarget);
}

/// 7644-3.5.2-19: an error names the expectation, the operation and the path.
#[test]
fn an_error_names_the_operation_and_the_path() {
    let rows = [
        (r#"{"op":"replace","path":"shoeSize","value":1}"#, "operation 1: `shoeSize` is not an attribute of User"),
        (r#"{"op":"replace","path":"id","value":1}"#, "operation 1: `id` is read-only"),
        (r#"{"op":"replace","value":{"id":"x"}}"#, "operation 1: `id` is read-only"),
        (r#"{"op":"remove","path":"userName"}"#, "operation 1: `userName` is required and keeps a value"),
        (
            r#"{"op":"replace","path":"emails[type eq \"x\"].value","value":"n"}"#,
            "operation 1: no value matches the path: `emails[type eq \"x\"].value`",
        ),
        (r#"{"op":"remove"}"#, "operation 1: expected a `path` for `remove`"),
    ];
    for (operations, expected) in rows {
        let result = run(&Before::User.resource(), &message(operations), &mut Tolerance::new(Quirks::default()));
        assert_eq!(result.unwrap_err().to_string(), expected);
    }
}

/// 7644-3.5.2-04: an object names each attribute once, with few members and with many.
#[test]
fn an_object_of_many_attributes_names_each_once() {
    let texts =
        ["displayName", "nickName", "title", "userType", "preferredLanguage", "locale", "timezone", "externalId"];
    let lists = ["emails", "phoneNumbers", "ims", "addresses", "roles", "entitlements", "photos", "x509Certificates"];
    let members: Vec<String> = texts
        .iter()
        .map(|name| format!(r#""{name}":"en""#))
        .chain(lists.iter().map(|name| format!(r#""{name}":[]"#)))
        .chain([r#""active":false"#.to_owned(), r#""name":{"givenName":"Eva"}"#.to_owned()])
        .collect();
    let before = Before::Bare.resource();
    let apply = |members: &[String]| {
        let body = message(&format!(r#"{{"op":"add","value":{{{}}}}}"#, members.join(",")));
        run(&before, &body, &mut Tolerance::new(Quirks::strict()))
    };
    assert_eq!(members.len(), 18);
    let after = apply(&members).unwrap().expect("it has changed");
    assert_eq!(after.get("locale").and_then(|text| text.as_str()), Some("en"));
    for count in [3, 16, 17, 18] {
        let mut twice = members[members.len() - count..].to_vec();
        twice.push(r#""ACTIVE":true"#.to_owned());
        let error = apply(&twice).unwrap_err();
        assert_eq!((error.kind(), error.operation()), (PatchErrorKind::InvalidSyntax, Some(0)), "{count}: {error}");
    }
}

/// 7643-7, A036: among other attributes, a read-only attribute without a value is an echo if the resource has no value.
#[test]
fn a_missing_read_only_value_is_the_echo_of_a_missing_value() {
    let with_state = Before::Badge.resource();
    let without = Before::Badge.with(r#"{"state":null}"#);
    let rows = [
        (&with_state, r#""new""#, true),
        (&with_state, r#""old""#, false),
        (&with_state, "null", false),
        (&without, "null", true),
        (&without, r#""new""#, false),
    ];
    for (before, state, is_echo) in rows {
        let body = message(&format!(r#"{{"op":"add","value":{{"state":{state}}}}}"#));
        let result = run(before, &body, &mut Tolerance::new(Quirks::default()));
        if is_echo {
            assert_eq!(result, Ok(None), "{state}");
        } else {
            assert_eq!(result.unwrap_err().kind(), PatchErrorKind::Mutability, "{state}");
        }
    }
}

/// 7644-3.5.2.3: an element keeps the sub-attributes that the request gives, and loses those that have no value in it: a
/// URI of blanks has no value, any other URI has one.
#[test]
fn a_uri_is_cleared_by_blanks_alone() {
    let photo = r#"{"photos":[{"value":"https://x/a","type":"photo","display":"d"}]}"#;
    let before = {
        let mut json = Before::Bare.json();
        json["photos"] = serde_json::from_str::<serde_json::Value>(photo).unwrap()["photos"].take();
        Resource::from_json(Before::Bare.resource_type(), json.to_string().as_bytes()).unwrap()
    };
    let rows = [
        (r#"{"value":"https://x/b","display":null}"#, r#"[{"value":"https://x/b","type":"photo"}]"#),
        (r#"{"value":" ","display":"e"}"#, r#"[{"type":"photo","display":"e"}]"#),
    ];
    for (value, expected) in rows {
        let body = message(&format!(r#"{{"op":"replace","path":"photos[type eq \"photo\"]","value":{value}}}"#));
        let after = run(&before, &body, &mut Tolerance::new(Quirks::default().with(Quirk::BlankUri)));
        let after: serde_json::Value = serde_json::from_slice(&after.unwrap().unwrap().to_json()).unwrap();
        assert_eq!(after["photos"], serde_json::from_str::<serde_json::Value>(expected).unwrap(), "{value}");
    }
}

/// Notations that the RFC leaves open, with the default quirks: an operation without an effect changes nothing, and an
/// operation without a target is refused.
#[test]
fn operations_on_unknown_parts_and_values_change_nothing_else() {
    use Before::{Group, User};
    let no_target = Outcome::Error(PatchErrorKind::NoTarget, 0);
    let emails = r#"{"emails":[{"value":"b@work.com","type":"work","primary":true},{"value":"b@home.com","type":"home"},{"value":"n@x","type":"OTHER"}]}"#;
    let cases = [
        case(
            "a value of unknown sub-attributes",
            User,
            r#"{"op":"replace","path":"emails[type eq \"work\"]","value":{"kind":"x"}}"#,
            Outcome::Same,
        ),
        case(
            "an extension that there is not",
            User,
            r#"{"op":"remove","path":"schemas","value":["urn:example:x"]}"#,
            Outcome::Same,
        ),
        case(
            "an extension without a URI",
            User,
            r#"{"op":"remove","path":"schemas","value":["ENT",""]}"#,
            Outcome::Error(PatchErrorKind::InvalidValue, 0),
        ),
        case(
            "an empty text in a list of texts",
            Before::Badge,
            r#"{"op":"remove","path":"tags","value":[""]}"#,
            Outcome::Error(PatchErrorKind::InvalidValue, 0),
        ),
        case(
            "a text that is there already",
            Before::Badge,
            r#"{"op":"add","path":"tags[value eq \"red\"]"}"#,
            Outcome::Same,
        ),
        case(
            "a key with an unknown sub-attribute in brackets",
            User,
            r#"{"op":"add","value":{"emails[shoe eq \"x\"].value":"v","title":"T"}}"#,
            Outcome::To(r#"{"title":"T"}"#),
        ),
        case(
            "a value of a list without a sub-attribute `value`",
            User,
            r#"{"op":"add","path":"addresses[type eq \"other\"]","value":{"primary":true}}"#,
            Outcome::To(r#"{"addresses":[{"type":"other","primary":true}]}"#),
        ),
        case(
            "a condition that states a sub-attribute in two spellings",
            User,
            r#"{"op":"add","path":"emails[type eq \"other\" and type eq \"OTHER\"].value","value":"n@x"}"#,
            Outcome::To(emails),
        ),
        case(
            "a condition that states a sub-attribute twice",
            User,
            r#"{"op":"add","path":"emails[type eq \"other\" and type eq \"more\"].value","value":"n@x"}"#,
            no_target,
        ),
        case(
            "a member that is one of two",
            Group,
            r#"{"op":"add","path":"members[value eq \"x\" or value eq \"y\"]"}"#,
            no_target,
        ),
        case(
            "a member without an id",
            Group,
            r#"{"op":"add","path":"members[value eq \"\"]"}"#,
            Outcome::Error(PatchErrorKind::InvalidValue, 0),
        ),
    ];
    check_all(&cases, &[("default", Quirks::default())]);
}

/// RFC 7644 §3.5.2: a name in the object of an extension is a name of that extension, even if it continues the URI to that
/// of another extension.
#[test]
fn a_name_in_an_extension_does_not_reach_another_extension() {
    let extension = |uri: &str| Schema::new(uri, "More").with_attribute(Attribute::new("note", AttributeType::String));
    let builder = ResourceType::builder("User", "Users", Schema::user())
        .extension(extension("urn:example:more"), false)
        .extension(extension("urn:example:more:User"), false);
    let resource_type = Arc::new(builder.build().unwrap());
    let before = Resource::from_json(&resource_type, br#"{"userName":"ann"}"#).unwrap();
    let apply = |name: &str| {
        let body = message(&format!(r#"{{"op":"add","value":{{"urn:example:more":{{"{name}":"x"}}}}}}"#));
        run(&before, &body, &mut Tolerance::new(Quirks::default()))
    };
    let after = apply("note").unwrap().expect("it has changed");
    assert_eq!(after.get("urn:example:more:note").and_then(|note| note.as_str()), Some("x"));
    for name in ["User:note", "userName", "title"] {
        assert_eq!(apply(name), Ok(None), "{name}");
    }
}

/// 7643-7: read-only parts count where a request only names or repeats them: in the echo of a read-only attribute, and in
/// the values of a `remove`.
#[test]
fn read_only_parts_are_compared_where_they_are_only_named() {
    let text = |name: &str| Attribute::new(name, AttributeType::String);
    let fixed = |name: &str| text(name).with_mutability(Mutability::ReadOnly);
    let schema = Schema::new("urn:example:Exam", "Exam")
        .with_attribute(Attribute::complex("report", [fixed("score")]).with_mutability(Mutability::ReadOnly))
        .with_attribute(Attribute::complex("items", [text("value"), fixed("grade")]).multi_valued());
    let resource_type = Arc::new(ResourceType::builder("Exam", "Exams", schema).build().unwrap());
    let exam = |json: &str| Resource::from_json(&resource_type, json.as_bytes()).unwrap();
    let before = exam(r#"{"report":{"score":"1"},"items":[{"value":"a","grade":"x"},{"value":"b","grade":"y"}]}"#);
    let apply = |operation: &str| run(&before, &message(operation), &mut Tolerance::new(Quirks::default()));
    assert_eq!(apply(r#"{"op":"add","value":{"report":{"score":"1"}}}"#), Ok(None));
    let error = apply(r#"{"op":"add","value":{"report":{"score":"2"}}}"#).unwrap_err();
    assert_eq!(error.kind(), PatchErrorKind::Mutability, "{error}");
    // A condition on a read-only part describes no new value.
    let error = apply(r#"{"op":"add","path":"items[grade eq \"z\"].value","value":"c"}"#).unwrap_err();
    assert_eq!(error.kind(), PatchErrorKind::NoTarget, "{error}");
    // As for a read-only attribute, values of nothing but read-only parts are ignored.
    assert_eq!(apply(r#"{"op":"replace","path":"items","value":[{"grade":"z"}]}"#), Ok(None));
    let after = apply(r#"{"op":"remove","path":"items","value":[{"grade":"x"}]}"#);
    assert_eq!(after, Ok(Some(exam(r#"{"report":{"score":"1"},"items":[{"value":"b","grade":"y"}]}"#))));
}

/// An error has its message, and an edit without parts is empty (`PatchError::message`, `ValueEdit::is_empty`).
#[test]
fn an_error_has_its_message_and_an_edit_knows_whether_it_has_a_step() {
    let before = Before::User.resource();
    let error = run(&before, &message(r#"{"op":"remove","path":"shoe"}"#), &mut Tolerance::new(Quirks::strict()));
    let error = error.unwrap_err();
    assert_eq!((error.message(), error.path()), ("`shoe` is not an attribute of User", Some("shoe")));
    assert_eq!(error.to_string(), "operation 1: `shoe` is not an attribute of User");
    // The path that is nearest to the fault, and the keyword of the fault.
    for (name, path, kind) in [
        (r#""givenName":1"#, "name.givenName", PatchErrorKind::InvalidValue),
        (r#""shoe":1"#, "name.shoe", PatchErrorKind::InvalidSyntax),
        (r#""givenName":"a","GIVENNAME":"b""#, "name.givenName", PatchErrorKind::InvalidSyntax),
    ] {
        let body = message(&format!(r#"{{"op":"add","value":{{"name":{{{name}}}}}}}"#));
        let error = run(&before, &body, &mut Tolerance::new(Quirks::strict())).unwrap_err();
        assert_eq!((error.path(), error.kind()), (Some(path), kind), "{error}");
    }
    assert!(ValueEdit::default().is_empty());
    let element = Object::new();
    for edit in [
        ValueEdit { clear: true, ..ValueEdit::default() },
        ValueEdit { remove: vec!["a".into()], ..ValueEdit::default() },
        ValueEdit { add: vec![element], ..ValueEdit::default() },
    ] {
        assert!(!edit.is_empty(), "{edit:?}");
    }
    // A value is added once, and a value without an id is not removed by an id.
    let group = Before::Group.resource_type();
    let members = group.child(AttributeId::ROOT, "members").unwrap();
    let [id, kind] = ["value", "type"].map(|name| group.child(members, name).unwrap());
    let member = |id: AttributeId, text: &str| Object::from_iter([(id, Value::String(text.into()))]);
    let mut resource = Resource::new(Arc::clone(group));
    resource.root_mut().insert(members, Value::List([Value::Complex(member(kind, "User"))].into()));
    let edit =
        ValueEdit { remove: vec!["b".into()], add: vec![member(id, "a"), member(id, "a")], ..ValueEdit::default() };
    let effect = ValueEdit { add: vec![member(id, "a")], ..ValueEdit::default() };
    assert_eq!(edit.apply(members, &mut resource), Some(effect));
    assert_eq!(resource.value(members).map(|members| members.elements().len()), Some(2));
}

/// A patch is a change of members alone only if it is one with the tolerated quirks, and only if no added member breaks a
/// rule: such a change is made without a look at the group.
#[test]
fn a_change_of_members_alone_tolerates_what_the_patch_tolerates() {
    let group = Before::Group.resource_type();
    let text = |name: &str| Attribute::new(name, AttributeType::String);
    let link = Attribute::new("$ref", AttributeType::Reference).with_reference_types(["User"]);
    let staff = Attribute::complex("members", [text("value").case_exact(), link, text("role").required()]);
    let schema = Schema::new("urn:example:Team", "Team").with_attribute(staff.multi_valued());
    let team = Arc::new(ResourceType::builder("Team", "Teams", schema).build().unwrap());
    let limits = Limits::default();
    let all = Quirk::ALL.iter().fold(Quirks::strict(), |all, quirk| all.with(*quirk));
    for (resource_type, operations, quirk, with, without) in [
        (group, r#"{"op":"remove","path":"members","value":[{"value":"a"}]}"#, Quirk::RemoveWithValue, true, false),
        (
            group,
            r#"{"op":"add","value":{"urn:ietf:params:scim:schemas:core:2.0:Group:members":[{"value":"d"}]}}"#,
            Quirk::PathKeys,
            false,
            false,
        ),
        (group, r#"{"op":"add","path":"members[value eq \"d\"]"}"#, Quirk::AddCreatesElement, true, false),
        (group, r#"{"op":"add","path":"members[value eq \"\"]"}"#, Quirk::AddCreatesElement, false, false),
        (&team, r#"{"op":"add","path":"members[value eq \"d\"]"}"#, Quirk::AddCreatesElement, false, false),
    ] {
        let patch =
            Patch::parse(message(operations).as_bytes(), Reading::new(&limits, &mut Tolerance::new(all))).unwrap();
        for (quirks, expected) in [(all, with), (all.without(quirk), without)] {
            let found = patch.membership(resource_type, Reading::new(&limits, &mut Tolerance::new(quirks)));
            assert_eq!(matches!(found, Ok(Some(_))), expected, "{operations} with {quirks}: {found:?}");
        }
    }
}

/// An app role that arrives as text names a value by its id alone; a value beside it in the request does not.
#[test]
fn a_packed_value_changes_no_value_beside_it() {
    let mut json = Before::Bare.json();
    json["roles"] = serde_json::json!([
        {"value": "plain", "type": "t"}, {"value": "admin", "type": "t"}, {"value": "x", "display": "Shown"}]);
    let before = Resource::from_json(Before::Bare.resource_type(), json.to_string().as_bytes()).unwrap();
    let packed = r#"{"id":"1","value":"admin","displayName":"Admin"}"#;
    let other = r#"{"id":"2","value":"reader","displayName":"Reader"}"#;
    let add = serde_json::json!([
        {"value": packed}, {"value": "plain", "display": "d"}, {"value": other}, {"value": "admin", "type": "u"},
        {"display": "Shown"}]);
    let body = message(&format!(r#"{{"op":"add","path":"roles","value":{add}}}"#));
    let after = run(&before, &body, &mut Tolerance::new(Quirks::entra())).unwrap().unwrap();
    let after: serde_json::Value = serde_json::from_slice(&after.to_json()).unwrap();
    assert_eq!(
        after["roles"],
        serde_json::json!([
            {"value": "plain", "type": "t"}, {"value": "admin", "type": "t", "display": "Admin"},
            {"value": "x", "display": "Shown"}, {"value": "plain", "display": "d"},
            {"value": "reader", "display": "Reader"}, {"value": "admin", "type": "u"}])
    );
}
