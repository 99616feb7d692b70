//! Replacements, reported versions, and values that only the service provider sets.

use super::{
    super::samples::{flags, put, reference},
    ChangeOutcome, Expect, Kit, RequestContext, Stop, Store, ValueEdit, check, create, edit, held, replace,
};
use crate::{resource::Resource, schema::AttributeId, value::Value};

/// Checks that a read returns the version that the commit reported.
async fn reported<S: Store>(
    kit: &Kit<'_, S>,
    context: &RequestContext,
    resource: &Resource,
    what: &str,
    done: &ChangeOutcome,
) -> Result<(), Stop> {
    let stored = kit.existing(context, resource.resource_type(), resource.id(), what).await?;
    check(done.version.as_ref() == Some(&stored.version), &format!("{what} reports the stored version"), || {
        let reported = done.version.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
        format!("{reported}, but a read returns {}", stored.version)
    })
}

pub(super) async fn reported_versions<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    let context = kit.tenant("a")?;
    let (referrer, list) = kit.referrer()?;
    let mut random = kit.random();
    let members = [random.id(), random.id()];
    let [one, other] = &members;
    for id in &members {
        let member = kit.samples.subject(id, &format!("name of {id}"));
        let done = kit.write_one(&context, "a creation", create(member.clone())).await?;
        reported(kit, &context, &member, "a creation", &done).await?;
    }
    let group = random.id();
    let element = |id: &str| reference(&referrer, list, id, &kit.samples.subject);
    let with = |name: &str, ids: &[&String]| {
        let mut resource = kit.samples.named(&referrer, &group, name);
        if !ids.is_empty() {
            let elements = ids.iter().map(|id| Value::Complex(element(id)));
            resource.root_mut().insert(list, Value::List(elements.collect()));
        }
        resource
    };
    let first = with("list", &[one]);
    let done = kit.write_one(&context, "a creation with a list", create(first.clone())).await?;
    reported(kit, &context, &first, "a creation with a list", &done).await?;
    // A store may write the row and the values of the list by separate statements, each with a new version.
    for (what, resource) in [
        ("a replacement of the list", with("list", &[one, other])),
        ("a replacement of the name", with("name", &[one, other])),
        ("a replacement of both", with("both", &[other])),
        ("a replacement without values", with("both", &[])),
    ] {
        let done = kit.write_one(&context, what, replace(resource.clone(), Expect::Exists)).await?;
        reported(kit, &context, &resource, what, &done).await?;
    }
    let add = ValueEdit { add: vec![element(one), element(other)], ..ValueEdit::default() };
    let remove = ValueEdit { remove: vec![one.as_str().into()], ..ValueEdit::default() };
    for (step, (what, values)) in (1..).zip([("an added value", add), ("a removed value", remove)]) {
        let done = kit.write_one(&context, what, edit(&referrer, list, &group, values, step)).await?;
        reported(kit, &context, &first, what, &done).await?;
    }
    Ok(())
}

pub(super) async fn replacements<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    let context = kit.tenant("a")?;
    let resource_type = &kit.samples.subject;
    let (referrer, list) = kit.referrer()?;
    let mut random = kit.random();
    let [member, group] = [random.id(), random.id()];
    kit.write_one(&context, "a member is created", create(kit.samples.subject(&member, "before"))).await?;
    let mut resource = kit.samples.named(&referrer, &group, "list");
    let element = reference(&referrer, list, &member, resource_type);
    resource.root_mut().insert(list, Value::List([Value::Complex(element)].into()));
    kit.write_one(&context, "a list is created", create(resource)).await?;
    let before = kit.existing(&context, &referrer, &group, "the list").await?;

    let change = replace(kit.samples.subject(&member, "after"), Expect::Exists);
    kit.write_one(&context, "a member is replaced", change).await?;
    let after = kit.existing(&context, &referrer, &group, "the list").await?;
    check(
        held(&after.resource, list) == [member.as_str()],
        "a replacement keeps the references to the resource",
        || "the list has lost the reference, as after a deletion and a creation".to_owned(),
    )?;
    check(after.version == before.version, "a replacement does not change the referrers", || {
        format!("the referrer had the version {} and has {}", before.version, after.version)
    })
}

pub(super) async fn read_only_values<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    let context = kit.tenant("a")?;
    let mut random = kit.random();
    let mut is_skipped = true;
    let states = [None, Some(true), Some(false)];
    for resource_type in kit.whole.registry.resource_types() {
        for flag in flags(resource_type) {
            is_skipped = false;
            for (from, to) in states.into_iter().flat_map(|from| states.map(|to| (from, to))) {
                let id = random.id();
                let with = |state: Option<bool>| {
                    let mut resource = kit.samples.named(resource_type, &id, &format!("name of {id}"));
                    put(resource_type, resource.root_mut(), flag, state.map(Value::Boolean));
                    resource
                };
                kit.write_one(&context, "a resource is created", create(with(from))).await?;
                holds(kit, &context, &with(from), flag).await?;
                if to != from {
                    kit.write_one(&context, "a resource is replaced", replace(with(to), Expect::Exists)).await?;
                    holds(kit, &context, &with(to), flag).await?;
                }
            }
        }
    }
    if is_skipped { Err(Stop::Skipped("no resource type has a singular read-only boolean")) } else { Ok(()) }
}

/// Checks that a read returns the flag of the written resource. A column that is never null holds false for an absent
/// value.
async fn holds<S: Store>(
    kit: &Kit<'_, S>,
    context: &RequestContext,
    written: &Resource,
    flag: AttributeId,
) -> Result<(), Stop> {
    let resource_type = written.resource_type();
    let stored = kit.existing(context, resource_type, written.id(), "the resource").await?;
    let [found, expected] = [&*stored.resource, written].map(|it| it.value(flag).and_then(Value::as_bool));
    let what = format!("`{}` is read as the service provider wrote it", resource_type.path(flag));
    check((found == Some(true)) == (expected == Some(true)), &what, || format!("{found:?} in place of {expected:?}"))
}
