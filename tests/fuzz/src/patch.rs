//! PATCH against a naive model (RFC 7644 §3.5.2).

mod generate;
mod model;

use std::sync::Arc;

use scim_core::{
    patch::{Patch, PatchError, PatchErrorKind, diff},
    quirks::{Quirks, Reading, Tolerance},
    resource::Resource,
    schema::ResourceType,
};
use serde_json::{Value as Json, json};

use self::{
    generate::{operation, stored},
    model::{Kind, Model, Preset, Refusal},
};
use crate::{
    choice::Choices,
    host::PATCH,
    samples::{LIMITS, group, user},
};

/// Input: decisions, see [`Choices`].
///
/// A patch of a random resource has the result, or the refusal, of the model, which knows the rules of RFC 7644 and
/// does not use the library. The delta of a membership has the result of the patch, and the patch between the
/// resources before and after leads from one to the other.
///
/// # Panics
///
/// When the library breaks one of these promises.
pub fn patch(data: &[u8]) {
    let mut choices = Choices::new(data);
    let preset = choices.pick(&[Preset::Default, Preset::Entra, Preset::Strict]);
    let kind = choices.pick(&[Kind::User, Kind::User, Kind::Group]);
    let document = stored(&mut choices, kind);
    let operations: Vec<_> = (0..=choices.below(4)).map(|_| operation(&mut choices, kind)).collect();

    let before = read(resource_type(kind), &document);
    let body = json!({
        "schemas": [PATCH],
        "Operations": operations.iter().map(model::Operation::json).collect::<Vec<_>>(),
    });
    let context = || format!("{preset:?}\nbefore {document}\nbody {body}");
    let result = apply(&before, &body, preset);
    let mut model = Model::new(kind, preset, written(&before));
    match (model.apply(&operations), result) {
        (Ok(()), Ok(after)) => {
            let expected = model.document();
            let found = written(after.as_ref().unwrap_or(&before));
            assert_eq!(shape(&found), shape(&expected), "found, expected\n{}", context());
            assert_eq!(after.is_none(), written(&before) == found, "{}", context());
            if let Some(after) = after {
                lead_to(&before, &after, &context());
            }
        }
        (Err(expected), Err(error)) => assert_eq!(refusal(error.kind()), Some(expected), "{error}\n{}", context()),
        (Ok(()), Err(error)) => panic!("{error}\nexpected {}\n{}", model.document(), context()),
        (Err(expected), Ok(after)) => {
            panic!("expected {expected:?}\nfound {}\n{}", written(after.as_ref().unwrap_or(&before)), context())
        }
    }
}

fn resource_type(kind: Kind) -> &'static Arc<ResourceType> {
    match kind {
        Kind::User => user(),
        Kind::Group => group(),
    }
}

fn quirks(preset: Preset) -> Quirks {
    match preset {
        Preset::Default => Quirks::default(),
        Preset::Entra => Quirks::entra(),
        Preset::Strict => Quirks::strict(),
    }
}

fn read(kind: &Arc<ResourceType>, document: &Json) -> Resource {
    Resource::from_json(kind, document.to_string().as_bytes()).unwrap_or_else(|error| panic!("{document}: {error}"))
}

/// The attributes of a resource.
fn written(resource: &Resource) -> Json {
    let mut document: Json = serde_json::from_slice(&resource.to_json()).expect("JSON");
    if let Some(members) = document.as_object_mut() {
        members.remove("schemas");
    }
    document
}

/// The document with members in the order of their ids and without their types: the client decides neither.
fn shape(document: &Json) -> Json {
    let mut document = document.clone();
    if let Some(Json::Array(members)) = document.get_mut("members") {
        members.iter_mut().filter_map(Json::as_object_mut).for_each(|member| drop(member.remove("type")));
        members.sort_by_key(|member| member["value"].to_string());
    }
    document
}

fn apply(before: &Resource, body: &Json, preset: Preset) -> Result<Option<Resource>, PatchError> {
    let mut tolerance = Tolerance::new(quirks(preset));
    let patch = Patch::parse(body.to_string().as_bytes(), Reading::new(&LIMITS, &mut tolerance))?;
    let mut resource = before.clone();
    let changed = patch.apply_to(&mut resource, Reading::new(&LIMITS, &mut tolerance.clone()));
    let result = patch.apply(before, Reading::new(&LIMITS, &mut tolerance));
    assert_eq!(changed, result.as_ref().map(Option::is_some).map_err(Clone::clone), "{body}");
    assert_eq!(&resource, result.as_ref().ok().and_then(Option::as_ref).unwrap_or(before), "{body}");
    match patch.membership(before.resource_type(), Reading::new(&LIMITS, &mut Tolerance::new(quirks(preset)))) {
        Ok(None) => {}
        Ok(Some(membership)) => {
            let mut edited = before.clone();
            let changed = membership.edit.apply(membership.attribute, &mut edited).is_some();
            let patched = result.clone().unwrap_or_else(|error| panic!("{error}, but there is a delta: {body}"));
            assert_eq!((changed, &edited), (patched.is_some(), patched.as_ref().unwrap_or(before)), "{body}");
        }
        Err(error) => assert_eq!(Err(error), result, "{body}"),
    }
    result
}

fn refusal(kind: PatchErrorKind) -> Option<Refusal> {
    match kind {
        PatchErrorKind::Mutability => Some(Refusal::Mutability),
        PatchErrorKind::NoTarget => Some(Refusal::NoTarget),
        PatchErrorKind::InvalidValue => Some(Refusal::InvalidValue),
        PatchErrorKind::InvalidSyntax => Some(Refusal::InvalidSyntax),
        _ => None,
    }
}

fn lead_to(before: &Resource, after: &Resource, context: &str) {
    let patches = diff(before, after, &LIMITS).unwrap_or_else(|error| panic!("no way back: {error}\n{context}"));
    let mut at = before.clone();
    for patch in &patches {
        let next = patch.apply(&at, Reading::new(&LIMITS, &mut Tolerance::new(Quirks::strict())));
        at = next.unwrap_or_else(|error| panic!("{patch:?}: {error}\n{context}")).unwrap_or(at);
    }
    let left = diff(&at, after, &LIMITS);
    assert!(left.as_ref().is_ok_and(Vec::is_empty), "after {patches:?} there is still {left:?}\n{context}");
}
