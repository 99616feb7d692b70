//! PATCH as tables: the resource, the operations, and the outcome (RFC 7644 §3.5.2).

mod providers;
mod quirks;
mod rfc;

use std::{fmt::Write, sync::Arc};

use crate::patch::fixtures::{Before, expand};
use scim_core::{
    limits::Limits,
    patch::{Op, Patch, PatchError, PatchErrorKind},
    quirks::{Quirk, Quirks, Reading, Tolerance},
    resource::Resource,
    schema::{Attribute, AttributeType, ResourceType, Schema},
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
    check_all(
        &[case("7644-3.5.2.3-08, 7644-3.12-19", Before::User, replace, no_target)],
        &[STRICT, ("default", Quirks::default()), OKTA],
    );
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
