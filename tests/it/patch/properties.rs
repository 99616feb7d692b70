//! Properties of PATCH for arbitrary operations, sensible or not (RFC 7644 §3.5.2).

use std::sync::Arc;

use crate::patch::fixtures::{Before, expand};
use proptest::{collection::vec, prelude::*, sample::select};
use scim_core::{
    limits::Limits,
    patch::{Patch, PatchErrorKind},
    quirks::{Quirks, Reading, Tolerance},
    resource::{Resource, judge},
    schema::{Attribute, AttributeId, AttributeType, ResourceType, Schema},
    value::Value,
};
use serde_json::{Value as Json, json};

const PATHS: &[&str] = &[
    "title",
    "displayName",
    "userName",
    "active",
    "name",
    "name.givenName",
    "NAME.FAMILYNAME",
    "emails",
    "emails.type",
    "emails.primary",
    r#"emails[type eq "work"]"#,
    r#"emails[type eq "work"].value"#,
    r#"emails[type eq "work"].primary"#,
    r#"emails[type eq "home"].type"#,
    r#"emails[value co "@"]"#,
    r#"emails[value co "@"].primary"#,
    "emails[primary eq true]",
    r#"emails[not (type eq "home")].display"#,
    r#"phoneNumbers[type eq "mobile" and primary eq "True"].value"#,
    "roles",
    "ENT",
    "ENT:manager",
    "ENT:manager.value",
    "ENT:manager.$ref",
    "ENT:department",
    "manager",
    "id",
    "meta",
    "meta.version",
    "schemas",
    r#"schemas[value eq "ENT"]"#,
    "groups",
    "members",
    r#"members[value eq "a"]"#,
    r#"members[value eq "a" or value eq "b"]"#,
    r#"members[type eq "User"]"#,
    r#"members[value eq "a"].type"#,
    "members.value",
    "urn:ietf:params:scim:schemas:core:2.0:User",
    "urn:ietf:params:scim:schemas:core:2.0:User:title",
    "password",
    "number",
    "serial",
    "state",
    "pin",
    "tags",
    r#"tags[value eq "red"]"#,
    r#"tags eq "blue""#,
    "codes",
    "keys",
    r#"keys[value eq "k1"]"#,
    "opened",
    "price",
    "lost",
    "box",
    "box.width",
    "box.label",
    "box.weight",
    "seats",
    "seats[row eq 1]",
    "seats[row eq 1].mark",
    r#"seats[name eq "s9"].row"#,
    "staff",
    r#"staff[value eq "u1"]"#,
    r#"staff[value eq "u2"].primary"#,
    r#"staff[value eq "u9"].role"#,
    "urn:example:Paint",
    "urn:example:Paint:stamp",
    "urn:example:Paint:maker",
    "urn:example:must:1.0",
    "urn:example:must:1.0:level",
    "",
    " ",
    ".",
    "a.b.c",
    "[",
    "]",
    "emails[",
    "emails[type eq",
    r#"emails[type eq "work"]."#,
    "urn:",
    "emails[0]",
    "/title",
    "$ref",
    "é",
    "\u{0}",
];

fn leaf() -> impl Strategy<Value = Json> {
    let leaves = vec![
        json!(null),
        json!(true),
        json!(false),
        json!("True"),
        json!("false"),
        json!(""),
        json!("x"),
        json!("work"),
        json!("home"),
        json!("a"),
        json!("b"),
        json!("u1"),
        json!("red"),
        json!("k1"),
        json!("S1"),
        json!("n@x"),
        json!(0),
        json!(7),
        json!(1.5),
        json!(-1),
        json!([]),
        json!({}),
        json!([null]),
        json!("2819"),
        json!("2020-01-01T00:00:00Z"),
        json!("{\"title\":\"packed\"}"),
        json!("http://x/Users/9"),
        json!("new"),
    ];
    select(leaves)
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => select(PATHS).prop_map(str::to_owned),
        5 => select(vec!["value", "type", "primary", "display", "$ref", "givenName", "familyName", "name", "row", "mark",
            "width", "label", "weight", "role", "department", "manager", "emails", "members", "id", "ID", "meta", "color",
            "stamp", "maker", "level", "unknown"]).prop_map(str::to_owned),
    ]
}

fn value() -> impl Strategy<Value = Json> {
    leaf().prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Json::Array),
            vec((key(), inner), 0..4).prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

fn operation() -> impl Strategy<Value = Json> {
    let op = select(vec!["add", "remove", "replace", "Add", "Replace", "Remove"]);
    let path = proptest::option::weighted(0.85, select(PATHS));
    (op, path, proptest::option::weighted(0.8, value())).prop_map(|(op, path, value)| {
        let mut operation = json!({"op": op});
        if let Some(path) = path {
            operation["path"] = path.into();
        }
        if let Some(value) = value {
            operation["value"] = value;
        }
        operation
    })
}

fn before() -> impl Strategy<Value = Before> {
    select(vec![Before::User, Before::Group, Before::Bare, Before::Badge])
}

fn quirks() -> impl Strategy<Value = Quirks> {
    select(vec![Quirks::default(), Quirks::entra(), Quirks::strict()])
}

fn body(operations: &[Json]) -> String {
    expand(&json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations}).to_string())
}

fn parse(operations: &[Json], tolerance: &mut Tolerance) -> Option<Patch> {
    Patch::parse(body(operations).as_bytes(), Reading::new(&Limits::default(), tolerance)).ok()
}

fn at(resource: &Resource, path: &[&str]) -> Option<Value> {
    let resource_type = resource.resource_type();
    let found = path.iter().try_fold(AttributeId::ROOT, |parent, name| resource_type.child(parent, name))?;
    resource.value(found).cloned()
}

/// For every list with a sub-attribute `primary`, the number of its primary values.
fn primaries(resource: &Resource) -> Vec<usize> {
    let resource_type = resource.resource_type();
    let lists = resource.root().iter().filter_map(|(id, value)| Some((resource_type.child(id, "primary")?, value)));
    lists
        .map(|(primary, value)| {
            let is_primary = |it: &&Value| it.as_object().and_then(|it| it.get(primary)) == Some(&Value::Boolean(true));
            value.elements().iter().filter(is_primary).count()
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    /// 7644-3.5.2-10, 7644-3.5.2-11, 7644-3.5.2-17, 7644-3.5.2-18, 7644-3.5.2.2-07.
    #[test]
    fn protected_values_never_change(before in before(), operations in vec(operation(), 1..6), quirks in quirks()) {
        let mut tolerance = Tolerance::new(quirks);
        let Some(patch) = parse(&operations, &mut tolerance) else { return Ok(()) };
        let resource = before.resource();
        let result = patch.apply(&resource, Reading::new(&Limits::default(), &mut tolerance));
        prop_assert_eq!(&resource, &before.resource());
        prop_assert!(tolerance.applied().iter().all(|quirk| quirks.contains(quirk)));
        match result {
            Err(error) => prop_assert!(error.operation().is_none_or(|index| index < operations.len())),
            Ok(None) => {}
            Ok(Some(after)) => {
                prop_assert_ne!(&after, &resource);
                prop_assert_eq!(judge(Some(&resource), &after), Ok(()), "the patch judges the attributes that it changes");
                for path in [&["id"][..], &["meta"], &["groups"], &["state"], &["urn:example:Paint", "stamp"], &["serial"]] {
                    prop_assert_eq!(at(&after, path), at(&resource, path), "{:?}", path);
                }
                for path in [&["userName"][..], &["displayName"], &["number"], &["keys"], &["urn:example:must:1.0"]] {
                    let is_required = path != ["displayName"] || matches!(before, Before::Group);
                    if is_required && at(&resource, path).is_some() {
                        prop_assert!(at(&after, path).is_some(), "{:?}", path);
                    }
                }
                if at(&resource, &["active"]).is_some() {
                    prop_assert!(at(&after, &["active"]).is_some(), "it has a default");
                }
                if let Some(label) = at(&after, &["box", "label"]) {
                    prop_assert_eq!(Some(label), at(&resource, &["box", "label"]));
                }
                prop_assert!(primaries(&after).iter().all(|count| *count <= 1));
            }
        }
    }

    /// 7644-3.5.2-18: a change in place is that of a copy, and an error restores the resource.
    #[test]
    fn a_resource_changes_in_place_as_a_copy_does(
        before in before(), operations in vec(operation(), 1..6), quirks in quirks(),
    ) {
        let mut tolerance = Tolerance::new(quirks);
        let Some(patch) = parse(&operations, &mut tolerance) else { return Ok(()) };
        let copied = patch.apply(&before.resource(), Reading::new(&Limits::default(), &mut tolerance.clone()));
        let mut resource = before.resource();
        match (patch.apply_to(&mut resource, Reading::new(&Limits::default(), &mut tolerance)), copied) {
            (Ok(changed), Ok(after)) => {
                prop_assert_eq!(changed, after.is_some());
                prop_assert_eq!(resource, after.unwrap_or_else(|| before.resource()));
            }
            (Err(error), Err(copied)) => {
                prop_assert_eq!(error, copied);
                prop_assert_eq!(resource, before.resource());
            }
            (changed, copied) => prop_assert!(false, "{:?} in place, {:?} on a copy", changed, copied),
        }
    }

    /// 7644-3.5.2.1-08: the same operation again changes nothing.
    #[test]
    fn one_operation_is_idempotent(before in before(), operation in operation(), quirks in quirks()) {
        let mut tolerance = Tolerance::new(quirks);
        let Some(patch) = parse(&[operation], &mut tolerance) else { return Ok(()) };
        let Ok(Some(after)) = patch.apply(&before.resource(), Reading::new(&Limits::default(), &mut tolerance)) else { return Ok(()) };
        match patch.apply(&after, Reading::new(&Limits::default(), &mut tolerance)) {
            Ok(again) => prop_assert_eq!(again, None),
            Err(error) => prop_assert_eq!(error.kind(), PatchErrorKind::NoTarget),
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        drop(Patch::parse(&bytes, Reading::new(&Limits::default(), &mut Tolerance::new(Quirks::default()))));
    }

    #[test]
    fn any_path_is_resolved_or_refused(path in ".{0,40}", before in before()) {
        let patch = Patch::builder().add(&path, json!({"value": "x"})).replace(&path, "x").build().unwrap();
        drop(patch.apply(&before.resource(), Reading::new(&Limits::default(), &mut Tolerance::new(Quirks::default()))));
    }
}

fn id() -> impl Strategy<Value = &'static str> {
    select(vec!["a", "b", "c", "d", "e", "A"])
}

/// Operations on members in all forms, with the effect of each.
#[derive(Clone, Debug)]
enum Step {
    Add(Vec<&'static str>),
    Remove(Vec<&'static str>),
    Replace(Vec<&'static str>),
    Clear,
}

fn step() -> impl Strategy<Value = (Json, Step)> {
    let members = |ids: &[&'static str]| ids.iter().map(|id| json!({"value": id, "$ref": null})).collect::<Vec<_>>();
    let chain = |ids: &[&'static str]| {
        let terms: Vec<_> = ids.iter().map(|id| format!(r#"value eq "{id}""#)).collect();
        format!("members[{}]", terms.join(" or "))
    };
    let ids = || vec(id(), 1..4);
    prop_oneof![
        ids().prop_map(move |ids| (json!({"op": "add", "path": "members", "value": members(&ids)}), Step::Add(ids))),
        ids().prop_map(move |ids| (json!({"op": "add", "value": {"Members": members(&ids)}}), Step::Add(ids))),
        id().prop_map(|id| (
            json!({"op": "Add", "path": "members", "value": {"value": id, "type": "User"}}),
            Step::Add(vec![id])
        )),
        ids().prop_map(move |ids| (json!({"op": "remove", "path": chain(&ids)}), Step::Remove(ids))),
        ids().prop_map(move |ids| (
            json!({"op": "Remove", "path": "MEMBERS", "value": members(&ids)}),
            Step::Remove(ids)
        )),
        ids().prop_map(move |ids| (
            json!({"op": "replace", "path": "members", "value": members(&ids)}),
            Step::Replace(ids)
        )),
        ids().prop_map(move |ids| (json!({"op": "replace", "value": {"members": members(&ids)}}), Step::Replace(ids))),
        Just((json!({"op": "remove", "path": "members"}), Step::Clear)),
        Just((json!({"op": "replace", "path": "members", "value": []}), Step::Clear)),
        Just((json!({"op": "add", "path": "members", "value": []}), Step::Add(Vec::new()))),
    ]
}

fn member_ids(group: &Resource) -> Vec<String> {
    let members = group.resource_type().child(AttributeId::ROOT, "members").unwrap();
    let value = group.resource_type().value_of(members).unwrap();
    let elements = group.value(members).map(Value::elements).unwrap_or_default();
    elements.iter().map(|member| member.as_object().unwrap().get(value).unwrap().as_str().unwrap().to_owned()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// 7644-3.5.2.1-06, 7644-3.5.2.1-10, 7644-3.5.2.2-04, 7644-3.5.2.2-08, 7644-3.5.2.3-03: the delta, the patch and a
    /// set that is changed step by step agree.
    #[test]
    fn the_delta_is_the_patch(steps in vec(step(), 1..8)) {
        let (limits, mut tolerance) = (Limits::default(), Tolerance::new(Quirks::default()));
        let operations: Vec<Json> = steps.iter().map(|(operation, _)| operation.clone()).collect();
        let patch = parse(&operations, &mut tolerance).unwrap();
        let group = Before::Group.resource();

        let mut model: Vec<&str> = vec!["a", "b", "c"];
        for (_, step) in &steps {
            match step {
                Step::Add(ids) => for id in ids {
                    if !model.contains(id) {
                        model.push(id);
                    }
                },
                Step::Remove(ids) => model.retain(|id| !ids.contains(id)),
                Step::Replace(ids) => {
                    model.clear();
                    for id in ids {
                        if !model.contains(id) {
                            model.push(id);
                        }
                    }
                }
                Step::Clear => model.clear(),
            }
        }
        model.sort_unstable();

        let patched = patch.apply(&group, Reading::new(&limits, &mut tolerance)).unwrap();
        let membership = patch.membership(group.resource_type(), Reading::new(&limits, &mut tolerance)).unwrap().expect("nothing but members");
        let mut edited = group.clone();
        let changed = membership.edit.apply(membership.attribute, &mut edited).is_some();
        prop_assert_eq!(changed, patched.is_some());
        prop_assert_eq!(&edited, patched.as_ref().unwrap_or(&group));
        let mut ids = member_ids(&edited);
        ids.sort_unstable();
        prop_assert_eq!(ids, model);
        for id in &membership.edit.remove {
            let comes_too = membership.edit.add.iter().any(|member| member.iter().any(|(_, value)| value.as_str() == Some(id)));
            prop_assert!(!comes_too, "{id} goes and comes");
        }
    }

    /// For arbitrary operations: if there is a delta, it has the result of the patch.
    #[test]
    fn a_delta_never_differs_from_its_patch(
        before in before(), operations in vec(prop_oneof![operation(), step().prop_map(|(operation, _)| operation)], 1..4), quirks in quirks()
    ) {
        let (limits, mut tolerance) = (Limits::default(), Tolerance::new(quirks));
        let Some(patch) = parse(&operations, &mut tolerance) else { return Ok(()) };
        let resource = before.resource();
        let patched = patch.apply(&resource, Reading::new(&limits, &mut tolerance.clone()));
        match patch.membership(resource.resource_type(), Reading::new(&limits, &mut tolerance)) {
            Ok(None) => {}
            Ok(Some(membership)) => {
                let mut edited = resource.clone();
                let changed = membership.edit.apply(membership.attribute, &mut edited).is_some();
                let patched = patched.unwrap();
                prop_assert_eq!(changed, patched.is_some());
                prop_assert_eq!(edited, patched.unwrap_or(resource));
            }
            Err(error) => prop_assert_eq!(Err(error), patched),
        }
    }
}

/// 7644-3.5.2-16: the time of a request with a thousand operations on a large group is proportional to the sum of
/// both, not to their product: the product would take minutes.
#[test]
fn many_operations_on_a_large_group_take_linear_time() {
    let members = Before::Group.resource_type().child(AttributeId::ROOT, "members").unwrap();
    let value = Before::Group.resource_type().value_of(members).unwrap();
    let mut group = Before::Group.resource();
    let element =
        |index: usize| Value::Complex([(value, Value::String(format!("member-{index}").into()))].into_iter().collect());
    group.root_mut().insert(members, Value::List((0..100_000).map(element).collect()));
    let mut builder = Patch::builder();
    for index in 0..500 {
        builder = builder
            .add("members", json!([{"value": format!("new-{index}")}, {"value": format!("member-{index}")}]))
            .remove(&format!(r#"members[value eq "member-{}"]"#, 50_000 + index));
    }
    let many: Vec<_> = (0..9_000).map(|index| json!({"value": format!("more-{index}")})).collect();
    let patch = builder.add("members", many).build().unwrap();
    let mut limits = Limits::default();
    limits.values = 20_000;
    let after = patch.apply(&group, Reading::new(&limits, &mut Tolerance::new(Quirks::strict()))).unwrap().unwrap();
    assert_eq!(member_ids(&after).len(), 100_000 + 500 - 500 + 9_000);
}

/// Lists of other values are searched by an index, too, when there are many.
#[test]
fn many_values_in_a_list_take_linear_time() {
    let emails = |from: usize| -> Vec<Json> {
        (from..from + 8_000).map(|index| json!({"value": format!("{index}@x"), "type": "work"})).collect()
    };
    let patch = Patch::builder().add("emails", emails(0)).add("emails", emails(4_000)).build().unwrap();
    let mut limits = Limits::default();
    limits.values = 12_000;
    let apply = |limits: &Limits| {
        patch.apply(&Before::Bare.resource(), Reading::new(limits, &mut Tolerance::new(Quirks::strict())))
    };
    let after = apply(&limits).unwrap().unwrap();
    assert_eq!(at(&after, &["emails"]).unwrap().elements().len(), 12_000);
    limits.values = 11_999;
    assert!(apply(&limits).is_err(), "the operations of one patch are one request");
}

/// 7644-3.5.2-18: a patch without an effect changes neither the spelling of a number nor anything else.
#[test]
fn an_equal_number_keeps_its_spelling() {
    let schema =
        Schema::new("urn:example:Ware", "Ware").with_attribute(Attribute::new("price", AttributeType::Decimal));
    let resource_type = Arc::new(ResourceType::builder("Ware", "Wares", schema).build().unwrap());
    let mut ware = Resource::from_json(&resource_type, br#"{"price": 1.50}"#).unwrap();
    let stored = ware.to_json();
    for patch in [
        Patch::builder().replace("price", 1.5),
        Patch::builder().remove("price").add("price", 1.5),
        Patch::builder().replace("", json!({"price": 1.5})),
    ] {
        let (limits, mut tolerance) = (Limits::default(), Tolerance::new(Quirks::default()));
        let changed = patch.build().unwrap().apply_to(&mut ware, Reading::new(&limits, &mut tolerance));
        assert_eq!((changed, ware.to_json()), (Ok(false), stored.clone()));
    }
}
