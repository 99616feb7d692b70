//! Resources: reading, writing, judging, replacing, and the patch between two (RFC 7643 §2, RFC 7644 §3.5).

use std::sync::Arc;

use scim_core::{
    patch::diff,
    quirks::{Quirks, Reading, Tolerance},
    resource::{Projection, Rendering, Resource, judge},
    schema::{Attribute, AttributeType, ResourceType, Returned},
};
use serde_json::Value as Json;

use crate::samples::{ENTERPRISE, LIMITS, REGISTRY, group, quirks, user};

/// Input: one byte that selects the resource type and the quirks, then one or two JSON documents with a line feed
/// between them.
///
/// A resource that was read is written as values of the schema's types and read again unchanged; clients never see
/// attributes that are never returned; replacing twice has the same result as replacing once; the patch from one
/// resource to another leads to the other.
///
/// # Panics
///
/// When the library breaks one of these promises.
pub fn resource(data: &[u8]) {
    let Some((setting, text)) = data.split_first() else { return };
    let kind = if setting & 1 == 0 { user() } else { group() };
    let quirks = quirks(setting >> 1);
    let mut documents = text.splitn(2, |byte| *byte == b'\n');
    let mut read = || Resource::read(kind, documents.next()?, Reading::new(&LIMITS, &mut Tolerance::new(quirks))).ok();
    let Some(first) = read() else { return };
    written(kind, &first);
    let Some(second) = read() else { return };
    written(kind, &second);
    let replaced = first.replaced_by(second.clone());
    assert_eq!(replaced.replaced_by(second), replaced, "replaced twice");
    if judge(None, &first).is_ok() && judge(Some(&first), &replaced).is_ok() {
        changed(&first, &replaced);
    }
}

fn written(kind: &Arc<ResourceType>, resource: &Resource) {
    let stored = resource.to_json();
    assert_eq!(Resource::from_json(kind, &stored).as_ref(), Ok(resource), "{}", String::from_utf8_lossy(&stored));
    drop(judge(None, resource));
    assert_eq!(&resource.replaced_by(resource.clone()), resource);
    drop(resource.unique_keys());

    let projection = Projection::default_of(kind);
    let rendering = Rendering {
        registry: &REGISTRY,
        base: "https://x",
        projection: &projection,
        version: None,
        derived: &[],
        displays: &[],
    };
    let mut shown = Vec::new();
    resource.write(&mut shown, &rendering);
    let shown: Json = serde_json::from_slice(&shown).expect("JSON");
    assert!(shown["schemas"].as_array().is_some_and(|schemas| schemas[0] == kind.schema().id()), "{shown}");
    let extension = kind.extension(ENTERPRISE).map(|extension| extension.schema().attributes());
    for (name, value) in shown.as_object().expect("an object") {
        if ["schemas", "id", "externalId", "meta"].contains(&name.as_str()) {
            continue;
        }
        match (name == ENTERPRISE, extension) {
            (true, Some(attributes)) => shown_object(attributes, value),
            _ => shown_value(find(kind.schema().attributes(), name), value, false),
        }
    }
}

fn find<'a>(attributes: &'a [Attribute], name: &str) -> &'a Attribute {
    attributes.iter().find(|known| known.name() == name).unwrap_or_else(|| panic!("no attribute `{name}`"))
}

fn shown_object(attributes: &[Attribute], value: &Json) {
    let object = value.as_object().unwrap_or_else(|| panic!("no object: {value}"));
    assert!(!object.is_empty(), "an empty object is unassigned");
    object.iter().for_each(|(name, value)| shown_value(find(attributes, name), value, false));
}

/// A value in an answer has the type of its attribute (RFC 7643 §2.3).
fn shown_value(attribute: &Attribute, value: &Json, is_element: bool) {
    let name = attribute.name();
    assert_ne!(attribute.returned(), Returned::Never, "`{name}` is never returned");
    if attribute.is_multi_valued() && !is_element {
        let values = value.as_array().unwrap_or_else(|| panic!("`{name}` is no list: {value}"));
        assert!(!values.is_empty(), "an empty list is unassigned");
        values.iter().for_each(|value| shown_value(attribute, value, true));
        return;
    }
    match attribute.data_type() {
        AttributeType::Complex => shown_object(attribute.sub_attributes(), value),
        AttributeType::Boolean => assert!(value.is_boolean(), "`{name}`: {value}"),
        AttributeType::Integer => assert!(value.is_i64(), "`{name}`: {value}"),
        AttributeType::Decimal => assert!(value.is_number(), "`{name}`: {value}"),
        _ => assert!(value.is_string(), "`{name}`: {value}"),
    }
}

/// The patch between two resources leads from one to the other.
fn changed(before: &Resource, after: &Resource) {
    let Ok(patches) = diff(before, after, &LIMITS) else { return };
    let mut at = before.clone();
    for patch in &patches {
        // The service provider that gets the patch may tolerate no quirk.
        let next = patch.apply(&at, Reading::new(&LIMITS, &mut Tolerance::new(Quirks::strict())));
        let next = next.unwrap_or_else(|error| panic!("{patch:?}: {error}"));
        at = next.unwrap_or(at);
    }
    let left = diff(&at, after, &LIMITS).unwrap_or_else(|error| panic!("after {patches:?}: {error}"));
    assert!(left.is_empty(), "after {patches:?} there is still {left:?}");
}
