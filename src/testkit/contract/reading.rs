//! Resources are read as they were written.

use std::sync::Arc;

use super::{
    super::samples::{HOSTILE, moment, reference, text},
    Expect, Failure, Key, Kit, RequestContext, RequestedAttributes, Resource, Stop, Store, check, create, delete,
    failed, held, replace, sorted,
};
use crate::{schema::AttributeId, value::Value};

pub(super) async fn round_trip<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    let context = kit.tenant("a")?;
    let mut numbers = kit.random();
    for resource_type in kit.whole.registry.resource_types() {
        for round in 0..40_usize {
            let id = numbers.id();
            let name = HOSTILE
                .get(round)
                .map_or_else(|| format!("{} {round}", resource_type.name()), |hostile| (*hostile).to_owned());
            let mut resource = kit.samples.random(resource_type, &id, &name, &mut numbers);
            resource.root_mut().insert(AttributeId::EXTERNAL_ID, text(&name));
            // A service provider writes times with milliseconds, which a column of whole seconds would lose.
            let created = moment(i64::try_from(round).unwrap_or_default()) + chrono::TimeDelta::milliseconds(7);
            resource.set_times(Some(created), created + chrono::TimeDelta::milliseconds(1));
            let what = format!("a {} is created", resource_type.name());
            kit.write_one(&context, &what, create(resource.clone())).await?;
            let stored = kit.existing(&context, resource_type, &id, &what).await?;
            differs(&resource, &stored.resource)?;
            // Replace twice: with other values, then with almost none.
            for resource in [
                kit.samples.random(resource_type, &id, &name, &mut numbers),
                kit.samples.named(resource_type, &id, &name),
            ] {
                let what = format!("a {} is replaced", resource_type.name());
                kit.write_one(&context, &what, replace(resource.clone(), Expect::Exists)).await?;
                differs(&resource, &kit.existing(&context, resource_type, &id, &what).await?.resource)?;
            }
        }
    }
    long_text(kit, &context, &numbers.id()).await
}

async fn long_text<S: Store>(kit: &Kit<'_, S>, context: &RequestContext, id: &str) -> Result<(), Stop> {
    let resource_type = &kit.samples.subject;
    let mut resource = kit.samples.subject(id, "long");
    let long = "0123456789abcdef".repeat(4_096);
    resource.assign(AttributeId::EXTERNAL_ID, Some(text(&long)));
    kit.write_one(context, "text of 64 KiB is kept", create(resource.clone())).await?;
    differs(&resource, &kit.existing(context, resource_type, id, "text of 64 KiB").await?.resource)
}

/// Ends the check if the two resources differ. The message names paths only, since the values may be a host's.
fn differs(written: &Resource, read: &Resource) -> Result<(), Stop> {
    if written == read {
        return Ok(());
    }
    let resource_type = written.resource_type();
    let differing = resource_type.attributes().filter(|attribute| written.value(*attribute) != read.value(*attribute));
    let mut paths: Vec<String> = differing.map(|attribute| resource_type.path(attribute)).collect();
    paths.truncate(5);
    let what = format!("a {} comes back as it was written", resource_type.name());
    Err(Failure::new(what, format!("these differ: {}", paths.join(", "))).into())
}

pub(super) async fn requested<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    let context = kit.tenant("a")?;
    let (referrer, list) = kit.referrer()?;
    let mut numbers = kit.random();
    let group = numbers.id();
    let members: Vec<String> = (0..5).map(|_| numbers.id()).collect();
    for id in &members {
        kit.write_one(&context, "a member is created", create(kit.samples.subject(id, &format!("name of {id}"))))
            .await?;
    }
    let mut resource = kit.samples.named(&referrer, &group, "list");
    let elements = members.iter().map(|id| Value::Complex(reference(&referrer, list, id, &kit.samples.subject)));
    resource.root_mut().insert(list, Value::List(elements.collect()));
    let version = kit.write_one(&context, "a list is created", create(resource)).await?.version;

    let get = async |requested: RequestedAttributes<'_>| {
        let found = kit.store().get(&context, Key { resource_type: &referrer, id: &group }, &requested).await;
        let found = found.map_err(|error| failed("a part of a resource is read", &error))?;
        found.ok_or_else(|| Stop::from(Failure::new("a part of a resource is read", "it is not there")))
    };
    let lists = [list];
    for (limit, whole) in [(4, false), (5, true), (6, true)] {
        let stored = get(RequestedAttributes::everything().with_list_limit(limit)).await?;
        let found = held(&stored.resource, list);
        let right =
            if whole { stored.complete && sorted(found.clone()) == sorted(members.clone()) } else { !stored.complete };
        check(right, &format!("a list of 5 that is requested up to {limit}"), || {
            format!("{} values, complete: {}", found.len(), stored.complete)
        })?;
    }
    let stored = get(RequestedAttributes::without(&lists)).await?;
    check(stored.complete, "a list that is not requested is not missing", || "the resource is incomplete".to_owned())?;
    check(Some(&stored.version) == version.as_ref(), "a part of a resource has the version of the whole", || {
        format!("{}, not {version:?}", stored.version)
    })?;
    let parts = [stored.resource.id() == group, stored.resource.created() == Some(moment(0))];
    check(parts == [true, true], "the rest of a resource is there without its list", || "it is not".to_owned())
}

pub(super) async fn get_many<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    let (context, other) = (kit.tenant("a")?, kit.tenant("b")?);
    let subject = &kit.samples.subject;
    let mut numbers = kit.random();
    let ids: [String; 5] = std::array::from_fn(|_| numbers.id());
    let [first, second, gone, foreign, missing] = &ids;
    for id in [first, second, gone] {
        kit.write_one(&context, "a resource is created", create(kit.samples.subject(id, &format!("name of {id}"))))
            .await?;
    }
    let renamed = kit.samples.subject(second, "another name");
    kit.write_one(&context, "a resource gets another name", replace(renamed, Expect::Exists)).await?;
    kit.write_one(&context, "a resource is deleted", delete(subject, gone, Expect::Exists)).await?;
    // A resource of another type and a resource of another tenant: the store must find neither of them under its id.
    let mut types = kit.whole.registry.resource_types().iter();
    if let Some(another) = types.find(|resource_type| resource_type.name() != subject.name()) {
        kit.write_one(&context, "a resource of another type", create(kit.samples.named(another, foreign, "other")))
            .await?;
    }
    if other.tenant() != context.tenant() {
        kit.write_one(&other, "a resource of another tenant", create(kit.samples.subject(missing, "elsewhere")))
            .await?;
    }

    let asked: Vec<&str> = [second, missing, first, gone, second, foreign, first].map(String::as_str).into();
    let top = subject.top_level(kit.samples.unique);
    let everything = RequestedAttributes::everything();
    let parts = [top];
    for (requested, what) in [
        (&everything, "many resources are read"),
        (&RequestedAttributes::without(subject.reference_lists()), "many resources are read without their lists"),
        (&RequestedAttributes::only(&parts), "one attribute of many resources is read"),
        (&RequestedAttributes::only(&[]), "the ids of many resources are read"),
    ] {
        let found = kit.store().get_many(&context, subject, &asked, requested).await;
        let found = found.map_err(|error| failed(what, &error))?;
        let id = |found: &Option<Arc<Resource>>| found.as_ref().map(|found| found.id().to_owned());
        let places: Vec<Option<String>> = found.iter().map(id).collect();
        let expected = [Some(second), None, Some(first), None, Some(second), None, Some(first)];
        check(places.iter().map(Option::as_ref).eq(expected), &format!("{what}: each at its place"), || {
            format!("{} places, {} of them empty", places.len(), places.iter().filter(|place| place.is_none()).count())
        })?;
        for (found, id) in found.iter().zip(&asked) {
            let Some(found) = found else { continue };
            let stored = kit.existing(&context, subject, id, what).await?;
            let is_same = |attribute| found.root().get(attribute) == stored.resource.root().get(attribute);
            let same = subject.children(AttributeId::ROOT).iter().all(|it| !requested.includes(*it) || is_same(*it));
            check(same, &format!("{what}: as they are now"), || "a requested attribute has another value".to_owned())?;
        }
    }
    let found = kit.store().get_many(&context, subject, &[], &everything).await;
    let found = found.map_err(|error| failed("no resources are read", &error))?;
    check(found.is_empty(), "no ids, no resources", || format!("{} resources", found.len()))?;

    let Some((referrer, list)) = &kit.samples.referrer else { return Ok(()) };
    let group = numbers.id();
    let mut resource = kit.samples.named(referrer, &group, "list");
    let elements = [first, second].map(|id| Value::Complex(reference(referrer, *list, id, subject)));
    resource.root_mut().insert(*list, Value::List(elements.into()));
    kit.write_one(&context, "a list is created", create(resource)).await?;
    let what = "many resources are read with their lists";
    let found = kit.store().get_many(&context, referrer, &[&group], &everything).await;
    let found = found.map_err(|error| failed(what, &error))?;
    let values: Vec<String> = found.iter().flatten().flat_map(|found| held(found, *list)).collect();
    check(sorted(values.clone()) == sorted(vec![first.clone(), second.clone()]), what, || {
        format!("{} values instead of 2", values.len())
    })
}
