//! The patch between two resources: its operations, and its result (RFC 7644 §3.5.2).

mod properties;
mod table;
mod texts;

use std::{collections::HashMap, sync::Arc};

use crate::patch::fixtures::Before;
use scim_core::{
    fold::fold,
    limits::Limits,
    patch::Patch,
    quirks::{Quirks, Reading, Tolerance},
    resource::Resource,
    schema::{Attribute, AttributeId, AttributeType, Mutability, ResourceType, Schema},
};
use serde_json::{Map, Value as Json, json};

pub(crate) fn user(json: &Json) -> Resource {
    Resource::from_json(Before::User.resource_type(), json.to_string().as_bytes()).unwrap()
}

pub(crate) fn group(json: &Json) -> Resource {
    Resource::from_json(Before::Group.resource_type(), json.to_string().as_bytes()).unwrap()
}

/// A resource type with a list of 120 whole numbers `s0` to `s119` in each value.
fn wide() -> Arc<ResourceType> {
    let parts = (0..120).map(|number| Attribute::new(format!("s{number}"), AttributeType::Integer));
    let schema =
        Schema::new("urn:example:Wide", "Wide").with_attribute(Attribute::complex("list", parts).multi_valued());
    Arc::new(ResourceType::builder("Wide", "Wides", schema).build().unwrap())
}

/// The ids of two sub-attributes can have the same digits at the start: 11 and 15 is not 111 and 5.
#[test]
fn values_of_sub_attributes_with_similar_ids_differ() {
    let resource_type = wide();
    for (was, becomes) in (0..120).flat_map(|was| [(was, (was + 100) % 120), (was, (was + 11) % 120)]) {
        for (number, other) in [(15, 5), (5, 15), (11, 1)] {
            let read = |name: u32, number: u32| {
                let json = json!({"id": "1", "list": [{(format!("s{name}")): number}]});
                Resource::from_json(&resource_type, json.to_string().as_bytes()).unwrap()
            };
            let (before, after) = (read(was, number), read(becomes, other));
            let patches = scim_core::patch::diff(&before, &after, &Limits::default()).unwrap();
            assert_eq!(seen(&send(&before, &patches, &Limits::default())), seen(&after), "s{was} and s{becomes}");
        }
    }
}

/// Sends the patches one after the other to a service provider with these limits that tolerates no quirk. Each patch
/// is within the limits, is read without any quirk, and changes something. Returns the resulting resource.
pub(crate) fn send(before: &Resource, patches: &[Patch], limits: &Limits) -> Resource {
    let mut resource = before.clone();
    for patch in patches {
        let body = serde_json::to_string(patch).unwrap();
        assert!(body.len() <= limits.body, "{} bytes: {body}", body.len());
        assert!((1..=limits.patch_operations).contains(&patch.operations().len()), "{body}");
        for operation in patch.operations() {
            assert!(operation.path().unwrap_or_default().len() <= limits.path_bytes, "{body}");
        }
        let mut strict = Tolerance::new(Quirks::strict());
        let read = Patch::parse(body.as_bytes(), Reading::new(limits, &mut strict))
            .unwrap_or_else(|error| panic!("{error}: {body}"));
        let applied = read.apply(&resource, Reading::new(limits, &mut strict));
        let mut lenient = Tolerance::new(Quirks::default());
        assert_eq!(patch.apply(&resource, Reading::new(limits, &mut lenient)), applied, "{body}");
        assert!(lenient.applied().is_empty(), "{}: {body}", lenient.applied());
        match applied {
            Ok(Some(after)) => resource = after,
            Ok(None) => panic!("changes nothing: {body}"),
            Err(error) => panic!("{error}: {body}"),
        }
    }
    resource
}

/// The result of replacing `before` by `after`, as far as a client can see and change it.
pub(crate) fn wanted(before: &Resource, after: &Resource) -> Json {
    let resource_type = before.resource_type();
    let given = normal(resource_type, AttributeId::ROOT, serde_json::from_slice(&after.to_json()).unwrap());
    let given = Resource::from_json(resource_type, given.to_string().as_bytes()).unwrap();
    seen(&before.replaced_by(given))
}

/// A resource as a client sees it, in a normal form: resources that are equal to a client have the same form.
pub(crate) fn seen(resource: &Resource) -> Json {
    normal(resource.resource_type(), AttributeId::ROOT, serde_json::from_slice(&resource.to_json()).unwrap())
}

fn normal(resource_type: &ResourceType, parent: AttributeId, json: Json) -> Json {
    match json {
        Json::Object(members) => {
            let in_list = resource_type.attribute(parent).is_multi_valued();
            let mut out = Map::new();
            for (name, value) in members {
                let id = resource_type.child(parent, &name).unwrap();
                let is_idle = in_list && name == "primary" && value == false;
                if resource_type.attribute(id).mutability() == Mutability::ReadOnly
                    || id == AttributeId::SCHEMAS
                    || is_idle
                {
                    continue;
                }
                let value = normal(resource_type, id, value);
                if value != Json::Array(Vec::new()) && value != Json::Object(Map::new()) {
                    out.insert(name, value);
                }
            }
            Json::Object(out)
        }
        Json::Array(values) => {
            let mut kept: Vec<(String, Json)> = Vec::new();
            for value in values {
                let value = normal(resource_type, parent, value);
                let key = folded(resource_type, parent, &value).to_string();
                match kept.iter_mut().find(|(other, _)| *other == key) {
                    Some((_, first)) if value.get("primary").is_some() => first["primary"] = true.into(),
                    Some(_) => {}
                    None if value == Json::Object(Map::new()) => {}
                    None => kept.push((key, value)),
                }
            }
            kept.sort_by(|(left, _), (right, _)| left.cmp(right));
            Json::Array(kept.into_iter().map(|(_, value)| value).collect())
        }
        Json::Number(number) if resource_type.attribute(parent).data_type() == AttributeType::Decimal => {
            number.as_f64().into()
        }
        value => value,
    }
}

/// The value without the differences that do not distinguish values of a list: `primary`, and case if it does not
/// count.
fn folded(resource_type: &ResourceType, attribute: AttributeId, json: &Json) -> Json {
    match json {
        Json::Object(members) => {
            let members = members.iter().filter(|(name, _)| *name != "primary");
            members
                .map(|(name, value)| {
                    (name.clone(), folded(resource_type, resource_type.child(attribute, name).unwrap(), value))
                })
                .collect()
        }
        Json::String(text) if !resource_type.attribute(attribute).is_case_exact() => fold(text).into_owned().into(),
        value => value.clone(),
    }
}

/// Removes values of lists that differ from another value only in case: either of them may be kept.
pub(crate) fn without_variants(resource_type: &ResourceType, parent: AttributeId, json: &mut Json) {
    match json {
        Json::Object(members) => {
            for (name, value) in members {
                without_variants(resource_type, resource_type.child(parent, name).unwrap(), value);
            }
        }
        Json::Array(values) => {
            let mut seen = HashMap::new();
            values.retain_mut(|value| {
                without_variants(resource_type, parent, value);
                let mut exact = normal(resource_type, parent, value.clone());
                if let Json::Object(members) = &mut exact {
                    members.remove("primary");
                }
                let first =
                    seen.entry(folded(resource_type, parent, &exact).to_string()).or_insert_with(|| exact.clone());
                *first == exact
            });
        }
        _ => {}
    }
}
