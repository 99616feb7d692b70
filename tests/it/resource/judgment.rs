//! The comparison rules of [`judge`] and of PUT on attributes that the standard schemas do not have (RFC 7643 §2.2,
//! §7).

use std::sync::Arc;

use scim_core::{
    limits::Limits,
    patch::{Patch, PatchErrorKind},
    quirks::{Quirks, Reading, Tolerance},
    resource::{Resource, ResourceErrorKind, judge},
    schema::{Attribute, AttributeType, Mutability, ResourceType, Schema},
};
use serde_json::{Value as Json, json};

const OPTION: &str = "urn:example:Option";
const MUST: &str = "urn:example:Must";

fn thing(must: bool) -> Arc<ResourceType> {
    let text = |name: &str| Attribute::new(name, AttributeType::String);
    let fixed = |attribute: Attribute| attribute.with_mutability(Mutability::Immutable);
    let schema = Schema::new("urn:example:Thing", "Thing")
        .with_attribute(fixed(text("serial")))
        .with_attribute(fixed(text("code").case_exact()))
        .with_attribute(fixed(text("marks").multi_valued()))
        .with_attribute(text("size").with_canonical_values(["Small", "Large"]).restricted())
        .with_attribute(text("grade").case_exact().with_canonical_values(["A"]).restricted())
        .with_attribute(text("sizes").multi_valued().with_canonical_values(["Small", "Large"]).restricted())
        .with_attribute(Attribute::complex("owner", [text("value"), fixed(text("since"))]))
        .with_attribute(Attribute::complex("frame", [text("color"), fixed(text("maker"))]))
        .with_attribute(Attribute::complex("parts", [text("value"), fixed(text("mark"))]).multi_valued());
    let option = Schema::new(OPTION, "Option").with_attribute(text("note")).with_attribute(fixed(text("origin")));
    let required = Schema::new(MUST, "Must").with_attribute(text("level"));
    let builder = ResourceType::builder("Thing", "Things", schema).extension(option, false);
    Arc::new(if must { builder.extension(required, true) } else { builder }.build().unwrap())
}

fn resource(resource_type: &Arc<ResourceType>, document: &Json) -> Resource {
    Resource::from_json(resource_type, document.to_string().as_bytes()).unwrap()
}

fn judged(before: &Json, after: &Json) -> Option<ResourceErrorKind> {
    let resource_type = thing(false);
    judge(Some(&resource(&resource_type, before)), &resource(&resource_type, after))
        .err()
        .map(|error| error.kind().clone())
}

/// 7643-7: the value of an immutable attribute stays equal, by the comparison rule of the attribute.
#[test]
fn immutable_values_stay_as_their_attribute_compares_them() {
    let refused = Some(ResourceErrorKind::Immutable);
    let rows = [
        (json!({"serial": "S1"}), json!({"serial": "s1"}), None),
        (json!({"serial": "S1"}), json!({"serial": "S2"}), refused.clone()),
        (json!({"serial": "S1"}), json!({}), refused.clone()),
        (json!({}), json!({"serial": "S1"}), None),
        (json!({"code": "C1"}), json!({"code": "C1"}), None),
        (json!({"code": "C1"}), json!({"code": "c1"}), refused.clone()),
        (json!({"marks": ["a", "b"]}), json!({"marks": ["A", "B"]}), None),
        (json!({"marks": ["a", "b"]}), json!({"marks": ["a"]}), refused.clone()),
        (json!({"marks": ["a"]}), json!({"marks": ["a", "b"]}), refused.clone()),
        (json!({"marks": ["a", "b"]}), json!({"marks": ["a", "c"]}), refused.clone()),
        (
            json!({"owner": {"value": "1", "since": "x"}}),
            json!({"owner": {"value": "1", "since": "y"}}),
            refused.clone(),
        ),
        (json!({"owner": {"value": "1", "since": "x"}}), json!({"owner": {"value": "2", "since": "y"}}), None),
        (json!({"frame": {"maker": "m"}}), json!({"frame": {"maker": "n"}}), refused.clone()),
        // Two values with one `value` each keep their own.
        (
            json!({"parts": [{"value": "p", "mark": "a"}, {"value": "p", "mark": "b"}]}),
            json!({"parts": [{"value": "p", "mark": "a"}, {"value": "p", "mark": "b"}], "serial": "S1"}),
            None,
        ),
        // The first of them counts for a value at another position, whatever value was paired before.
        (
            json!({"parts": [{"value": "p", "mark": "a"}, {"value": "q"}, {"value": "p", "mark": "b"}]}),
            json!({"parts": [{"value": "q"}, {"value": "p", "mark": "a"}]}),
            None,
        ),
        (
            json!({"parts": [{"value": "p", "mark": "a"}, {"value": "q"}, {"value": "p", "mark": "b"}]}),
            json!({"parts": [{"value": "q"}, {"value": "p", "mark": "b"}]}),
            refused.clone(),
        ),
    ];
    for (before, after, expected) in rows {
        assert_eq!(judged(&before, &after), expected, "{before} to {after}");
    }
}

/// 7643-7: each value of a long list keeps its immutable sub-attributes, wherever it is in the list.
#[test]
fn immutable_parts_are_found_in_long_lists() {
    for count in [2, 16, 17, 40] {
        let part = |at: usize, mark: &str| json!({"value": format!("p{at}"), "mark": format!("m{at}{mark}")});
        let before: Vec<Json> = (0..count).map(|at| part(at, "")).collect();
        let turned: Vec<Json> = before.iter().rev().cloned().collect();
        let before = json!({"parts": before});
        assert_eq!(judged(&before, &json!({"parts": turned})), None, "{count}");
        for changed in [0, count / 2, count - 1] {
            let mut other = turned.clone();
            other[changed] = part(count - 1 - changed, "x");
            let after = json!({"parts": other});
            assert_eq!(judged(&before, &after), Some(ResourceErrorKind::Immutable), "{changed} of {count}");
        }
    }
}

/// 7643-7: a restricted attribute compares its values with the canonical values by its own comparison rule.
#[test]
fn canonical_values_compare_by_the_case_rule() {
    let rows = [
        (json!({"size": "Small"}), None),
        (json!({"size": "SMALL"}), None),
        (json!({"size": "Medium"}), Some(ResourceErrorKind::Canonical)),
        (json!({"grade": "A"}), None),
        (json!({"grade": "a"}), Some(ResourceErrorKind::Canonical)),
        (json!({"sizes": ["large", "Small"]}), None),
        (json!({"sizes": ["Large", "Medium"]}), Some(ResourceErrorKind::Canonical)),
    ];
    for (document, expected) in rows {
        let found = judge(None, &resource(&thing(false), &document)).err().map(|error| error.kind().clone());
        assert_eq!(found, expected, "{document}");
    }
}

/// 7643-6: a resource has its required extensions.
#[test]
fn required_extensions_are_required() {
    let resource_type = thing(true);
    let error = judge(None, &resource(&resource_type, &json!({"serial": "S"}))).unwrap_err();
    assert_eq!((error.kind(), error.path()), (&ResourceErrorKind::Required, MUST));
    assert_eq!(judge(None, &resource(&resource_type, &json!({MUST: {"level": "1"}}))), Ok(()));
}

/// 7644-3.5.1: PUT unassigns an attribute that it omits. Sub-attributes that a client cannot change are kept only in
/// values that stay.
#[test]
fn put_keeps_immutable_parts_only_where_the_value_stays() {
    let rows = [
        (
            json!({"owner": {"value": "1", "since": "x"}}),
            json!({"owner": {"value": "1"}}),
            json!({"owner": {"value": "1", "since": "x"}}),
        ),
        (
            json!({"owner": {"value": "1", "since": "x"}}),
            json!({"owner": {"value": "2"}}),
            json!({"owner": {"value": "2"}}),
        ),
        (json!({"frame": {"color": "red", "maker": "m"}}), json!({}), json!({})),
        (json!({OPTION: {"note": "n"}}), json!({}), json!({})),
        (json!({OPTION: {"note": "n", "origin": "o"}}), json!({}), json!({OPTION: {"origin": "o"}})),
        (json!({"serial": "S1"}), json!({"serial": "s1"}), json!({"serial": "S1"})),
    ];
    for (before, incoming, expected) in rows {
        let resource_type = thing(false);
        let after = resource(&resource_type, &before).replaced_by(resource(&resource_type, &incoming));
        assert_eq!(after, resource(&resource_type, &expected), "{before} by {incoming}");
    }
}

/// Things whose staff are references with a required role.
fn staffed() -> Arc<ResourceType> {
    let text = |name: &str| Attribute::new(name, AttributeType::String);
    let link = Attribute::new("$ref", AttributeType::Reference).with_reference_types(["User"]);
    let staff = Attribute::complex("staff", [text("value").case_exact(), link, text("role").required()]);
    let schema = Schema::new("urn:example:Team", "Team").with_attribute(staff.multi_valued());
    Arc::new(ResourceType::builder("Team", "Teams", schema).build().unwrap())
}

/// 7643-2.4: a reference has an id and its required sub-attributes, in a whole resource and in a change of members
/// alone.
#[test]
fn references_have_an_id_and_what_is_required() {
    let resource_type = staffed();
    let rows = [
        (json!({"value": "1", "role": "boss"}), None),
        (json!({"role": "boss"}), Some("staff.value")),
        (json!({"value": "", "role": "boss"}), Some("staff.value")),
        (json!({"value": "1"}), Some("staff.role")),
        (json!({"value": "1", "role": ""}), Some("staff.role")),
    ];
    for (member, refused) in rows {
        if let Ok(team) = Resource::from_json(&resource_type, json!({"staff": [member]}).to_string().as_bytes()) {
            let result = judge(None, &team).map_err(|error| error.path().to_owned());
            assert_eq!(result.err().as_deref(), refused, "{member}");
        }
        let patch = Patch::builder().add("staff", json!([member])).build().unwrap();
        let (limits, mut tolerance) = (Limits::default(), Tolerance::new(Quirks::default()));
        let before = Resource::new(Arc::clone(&resource_type));
        let applied = patch.apply(&before, Reading::new(&limits, &mut tolerance));
        let delta = patch.membership(&resource_type, Reading::new(&limits, &mut tolerance));
        let is_delta = matches!(&delta, Ok(Some(_)));
        assert_eq!((applied.is_err(), is_delta), (refused.is_some(), refused.is_none()), "{member}: {delta:?}");
        if let Some(path) = refused {
            assert!(applied.unwrap_err().to_string().contains(path), "{member}");
        }
    }
}

/// 7643-7: a read-only attribute neither gets, changes nor loses a value.
#[test]
fn read_only_values_stay() {
    let text = |name: &str| Attribute::new(name, AttributeType::String);
    let schema = Schema::new("urn:example:Meter", "Meter")
        .with_attribute(text("label"))
        .with_attribute(text("state").with_mutability(Mutability::ReadOnly));
    let resource_type = Arc::new(ResourceType::builder("Meter", "Meters", schema).build().unwrap());
    let refused = Some(ResourceErrorKind::ReadOnly);
    let rows = [
        (json!({"state": "a"}), json!({"state": "a", "label": "x"}), None),
        (json!({"state": "a"}), json!({"state": "b"}), refused.clone()),
        (json!({"state": "a"}), json!({"label": "x"}), refused.clone()),
        (json!({"label": "x"}), json!({"label": "x", "state": "a"}), refused),
    ];
    for (before, after, expected) in rows {
        let (old, new) = (resource(&resource_type, &before), resource(&resource_type, &after));
        let found = judge(Some(&old), &new).err().map(|error| error.kind().clone());
        assert_eq!(found, expected, "{before} to {after}");
    }
    // The service provider sets such attributes of a new resource.
    assert_eq!(judge(None, &resource(&resource_type, &json!({"state": "a"}))), Ok(()));
}

/// 7644-3.12: a patch whose result changes an immutable sub-attribute of a value that stays is refused as `mutability`.
#[test]
fn a_patch_that_changes_an_immutable_part_is_a_matter_of_mutability() {
    let resource_type = thing(false);
    let before = resource(&resource_type, &json!({"parts": [{"value": "p", "mark": "m"}]}));
    let replace = |mark: &str| {
        let patch = Patch::builder().replace("parts", json!([{"value": "p", "mark": mark}])).build().unwrap();
        patch.apply(&before, Reading::new(&Limits::default(), &mut Tolerance::new(Quirks::default())))
    };
    assert_eq!(replace("m"), Ok(None));
    let error = replace("other").unwrap_err();
    assert_eq!((error.kind(), error.operation()), (PatchErrorKind::Mutability, Some(0)), "{error}");
}

/// 7643-2.3.1, 7644-3.5.2: a PATCH is judged by the attributes that it changes. A value that was stored under other rules
/// refuses no change of another attribute.
#[test]
fn a_patch_is_judged_by_the_attributes_that_it_changes() {
    let restricted =
        |name: &str| Attribute::new(name, AttributeType::String).with_canonical_values(["low", "high"]).restricted();
    let list = Attribute::complex("rooms", [restricted("level"), Attribute::new("value", AttributeType::String)]);
    let schema = Schema::new("urn:example:Meter", "Meter")
        .with_attribute(restricted("level"))
        .with_attribute(restricted("state"))
        .with_attribute(list.multi_valued());
    let resource_type = Arc::new(ResourceType::builder("Meter", "Meters", schema).build().unwrap());
    let stored = json!({"level": "low", "state": "old", "rooms": [{"value": "a", "level": "old"}]});
    let before = resource(&resource_type, &stored);
    let applied = |patch: Patch| {
        let (limits, mut tolerance) = (Limits::default(), Tolerance::new(Quirks::default()));
        patch
            .apply(&before, Reading::new(&limits, &mut tolerance))
            .map_err(|error| error.path().unwrap_or_default().to_owned())
    };
    let patched = |path: &str, value: &str| applied(Patch::builder().replace(path, value).build().unwrap());
    let level = patched("level", "high").unwrap().expect("another level");
    assert_eq!(level, resource(&resource_type, &json!({"level": "high", "state": "old", "rooms": stored["rooms"]})));
    let refused = |path: &str| Err(path.to_owned());
    assert_eq!(patched("level", "none"), refused("level"));
    assert_eq!(patched("state", "older"), refused("state"));
    assert!(patched("state", "low").is_ok());
    assert_eq!(patched("rooms[value eq \"a\"].value", "b"), refused("rooms.level"));
    assert!(patched("rooms[value eq \"a\"].level", "low").is_ok());
    assert_eq!(before, resource(&resource_type, &stored), "a refusal changes nothing");

    // An operation that names the resource or its schemas changes no more than its members.
    let whole = Patch::builder().replace("", json!({"level": "high"})).add("schemas", json!(["urn:example:Meter"]));
    assert_eq!(applied(whole.build().unwrap()), Ok(Some(level)));
    let two = Patch::builder().replace("state", "older").replace("level", "none");
    assert_eq!(applied(two.build().unwrap()), refused("state"), "the first write that breaks a rule");
}
