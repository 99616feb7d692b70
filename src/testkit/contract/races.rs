//! Concurrent writers.

use super::{
    super::futures::together, Change, Expect, Failure, Kit, Stop, Store, StoreError, ValueEdit, check, create, edit,
    failed, held, replace, sorted,
};

pub(super) async fn creators<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    let context = kit.tenant("a")?;
    let resource_type = &kit.samples.subject;
    let mut random = kit.random();
    for round in 0..5 {
        let exact = resource_type.compares_exactly(kit.samples.unique);
        let spelling = |index: usize| match index % 2 {
            0 => format!("Racing Name {round}"),
            _ if exact => format!("Racing Name {round}"),
            _ => format!("rACING nAME {round}"),
        };
        let batches: Vec<[Change; 1]> =
            (0..20).map(|index| [create(kit.samples.subject(&random.id(), &spelling(index)))]).collect();
        let outcomes = together(batches.iter().map(|batch| kit.commit(&context, batch)).collect()).await;
        let mut winners = 0;
        for outcome in outcomes {
            match outcome.map_err(|error| error.error) {
                Ok(_) => winners += 1,
                Err(StoreError::NotUnique { .. } | StoreError::Busy) => {}
                Err(error) => return Err(failed("20 create one name at the same time", &error)),
            }
        }
        let there = kit.all(&context, resource_type).await?.len();
        let expected = round + 1;
        check(winners == 1 && there == expected, "of 20 that create one name at the same time, one does", || {
            format!("{winners} were committed, and {there} are there instead of {expected}")
        })?;
    }
    Ok(())
}

pub(super) async fn writers<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    let context = kit.tenant("a")?;
    let resource_type = &kit.samples.subject;
    let id = kit.random().id();
    kit.write_one(&context, "a resource is created", create(kit.samples.subject(&id, "start"))).await?;
    for round in 0..5 {
        let before = kit.existing(&context, resource_type, &id, "the resource").await?.version;
        let name = |index: usize| format!("writer {round} {index}");
        let batches: Vec<[Change; 1]> = (0..20)
            .map(|index| [replace(kit.samples.subject(&id, &name(index)), Expect::Version(before.clone()))])
            .collect();
        let outcomes = together(batches.iter().map(|batch| kit.commit(&context, batch)).collect()).await;
        let mut winner = None;
        for (index, outcome) in outcomes.into_iter().enumerate() {
            match outcome.map_err(|error| error.error) {
                Ok(_) if winner.is_some() => {
                    return Err(Failure::new("of 20 that write one version, one does", "two did").into());
                }
                Ok(_) => winner = Some(index),
                Err(StoreError::VersionMismatch { .. } | StoreError::Busy) => {}
                Err(error) => return Err(failed("20 write one version at the same time", &error)),
            }
        }
        let stored = kit.existing(&context, resource_type, &id, "the resource").await?;
        let Some(winner) = winner else {
            return Err(Failure::new("of 20 that write one version, one does", "none did").into());
        };
        let key = stored.resource.keys_of(kit.samples.unique).into_iter().next();
        let expected = kit.samples.subject(&id, &name(winner)).keys_of(kit.samples.unique).into_iter().next();
        check(key == expected, "what is there is what the winner wrote", || "it is what another wrote".to_owned())?;
    }
    Ok(())
}

pub(super) async fn members<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    let context = kit.tenant("a")?;
    let (referrer, list) = kit.referrer()?;
    let mut random = kit.random();
    let group = random.id();
    let ids: Vec<String> = (0..50).map(|_| random.id()).collect();
    for id in &ids {
        kit.write_one(&context, "a member is created", create(kit.samples.subject(id, &format!("name of {id}"))))
            .await?;
    }
    kit.write_one(&context, "a list is created", create(kit.samples.named(&referrer, &group, "list"))).await?;
    let add = |id: &String| {
        let element = super::super::samples::reference(&referrer, list, id, &kit.samples.subject);
        [edit(&referrer, list, &group, ValueEdit { add: vec![element], ..ValueEdit::default() }, 1)]
    };
    let mut batches: Vec<[Change; 1]> = ids.iter().map(add).collect();
    // A store may return `Busy`; the check then repeats the commit, as the core does.
    for _ in 0..50 {
        let outcomes = together(batches.iter().map(|batch| kit.commit(&context, batch)).collect()).await;
        let mut again = Vec::new();
        for (outcome, batch) in outcomes.into_iter().zip(batches) {
            match outcome.map_err(|error| error.error) {
                Ok(_) => {}
                Err(StoreError::Busy) => again.push(batch),
                Err(error) => return Err(failed("50 members are added at the same time", &error)),
            }
        }
        batches = again;
        if batches.is_empty() {
            break;
        }
    }
    check(batches.is_empty(), "50 members are added at the same time", || {
        format!("{} could not be added in 50 attempts", batches.len())
    })?;
    let stored = kit.existing(&context, &referrer, &group, "the list").await?;
    let found = sorted(held(&stored.resource, list));
    check(found == sorted(ids), "of 50 members that are added at the same time none is lost", || {
        format!("{} are there", found.len())
    })?;
    // An identity provider that got no response sends the request again while the first one is in progress.
    let late = random.id();
    let member = kit.samples.subject(&late, &format!("name of {late}"));
    kit.write_one(&context, "a member is created", create(member)).await?;
    let what = "20 requests add one member at the same time";
    let mut batches: Vec<[Change; 1]> = std::iter::repeat_with(|| add(&late)).take(20).collect();
    for _ in 0..50 {
        let outcomes = together(batches.iter().map(|batch| kit.commit(&context, batch)).collect()).await;
        let mut again = Vec::new();
        for outcome in outcomes {
            match outcome.map_err(|error| error.error) {
                Ok(_) => {}
                Err(StoreError::Busy) => again.push(add(&late)),
                Err(error) => return Err(failed(what, &error)),
            }
        }
        batches = again;
        if batches.is_empty() {
            break;
        }
    }
    let stored = kit.existing(&context, &referrer, &group, "the list").await?;
    let count = held(&stored.resource, list).into_iter().filter(|id| *id == late).count();
    check(batches.is_empty() && count == 1, &format!("{what}, and the list has the member once"), || {
        format!("{count} times")
    })
}
