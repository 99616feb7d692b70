//! Tenants, and batches that are atomic.

use super::{
    super::futures::Cut, Change, CommitError, Expect, Failure, Kit, Resource, Stop, Store, StoreError, ValueEdit,
    Version, check, create, delete, edit, failed, replace,
};
use crate::{schema::AttributeId, value::Value};

/// A resource of the subject type whose name is made from its id.
fn subject<S: Store>(kit: &Kit<'_, S>, id: &str) -> Resource {
    kit.samples.subject(id, &format!("name of {id}"))
}

/// Whether an error is the expected one.
type Accepts = fn(&StoreError) -> bool;

pub(super) async fn tenants<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    let (one, other, third) = (kit.tenant("one")?, kit.tenant("other")?, kit.tenant("one-2")?);
    let resource_type = &kit.samples.subject;
    let mut random = kit.random();
    let (id, mine) = (random.id(), random.id());
    kit.write_one(&one, "a tenant creates", create(subject(kit, &id))).await?;
    for context in [&other, &third] {
        check(kit.get(context, resource_type, &id).await?.is_none(), "another tenant does not read it", || {
            "it does".to_owned()
        })?;
        check(kit.all(context, resource_type).await?.is_empty(), "another tenant does not list it", || {
            "it does".to_owned()
        })?;
        kit.refuse(
            context,
            "another tenant does not replace it",
            &[replace(subject(kit, &id), Expect::Exists)],
            0,
            |error| matches!(error, StoreError::NotFound),
        )
        .await?;
        kit.refuse(
            context,
            "another tenant does not delete it",
            &[delete(resource_type, &id, Expect::Exists)],
            0,
            |error| matches!(error, StoreError::NotFound),
        )
        .await?;
        // Each tenant has its own names and ids.
        let name = if kit.whole.are_names_global { context.tenant().as_str() } else { id.as_str() };
        let same_name = kit.samples.subject(&mine, &format!("name of {name}"));
        match kit.commit(context, &[create(same_name)]).await {
            // Ids are unique beyond the tenant.
            Err(CommitError { error: StoreError::NotUnique { attribute: AttributeId::ID }, .. }) => {
                let own = kit.samples.subject(&random.id(), &format!("name of {name}"));
                kit.write_one(context, "another tenant uses the same name", create(own)).await?;
            }
            Err(CommitError { error: StoreError::NotUnique { attribute }, .. }) => {
                let (path, tenant) = (resource_type.path(attribute), context.tenant());
                let found = format!(
                    "`{path}` in the tenant {tenant} is taken by another tenant; if your platform intends this, call \
                     StoreKit::with_global_names"
                );
                return Err(Failure::new("another tenant uses the same name", found).into());
            }
            other => drop(other.map_err(|error| failed("another tenant uses the same name", &error))?),
        }
    }
    if let Some((referrer, list)) = &kit.samples.referrer {
        let group = random.id();
        kit.write_one(&other, "another tenant has a list", create(kit.samples.named(referrer, &group, "list"))).await?;
        let element = super::super::samples::reference(referrer, *list, &id, resource_type);
        let add = ValueEdit { add: vec![element], ..ValueEdit::default() };
        kit.refuse(
            &other,
            "another tenant does not refer to it",
            &[edit(referrer, *list, &group, add, 1)],
            0,
            |error| matches!(error, StoreError::BadReference { .. }),
        )
        .await?;
        // A new list and a replaced list, too.
        let with = |list_id: &str| {
            // The names of lists can be unique.
            let name = if list_id == group { "list" } else { "another list" };
            let mut resource = kit.samples.named(referrer, list_id, name);
            let element = super::super::samples::reference(referrer, *list, &id, resource_type);
            resource.root_mut().insert(*list, Value::List([Value::Complex(element)].into()));
            resource
        };
        for change in [create(with(&random.id())), replace(with(&group), Expect::Exists)] {
            kit.refuse(&other, "another tenant does not refer to it in a whole list", &[change], 0, |error| {
                matches!(error, StoreError::BadReference { .. })
            })
            .await?;
        }
        let located = kit.store().locate(&other, std::slice::from_ref(resource_type), &[&id]).await;
        let located = located.map_err(|error| failed("ids are located", &error))?;
        check(located == [None], "another tenant does not locate it", || format!("{located:?}"))?;
    }
    kit.write_one(&other, "another tenant deletes its own", delete(resource_type, &mine, Expect::Exists)).await?;
    kit.existing(&one, resource_type, &id, "what one tenant has stays when another deletes").await.map(drop)
}

pub(super) async fn atomic<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    kit.need_batch(4)?;
    let context = kit.tenant("a")?;
    let resource_type = &kit.samples.subject;
    let mut random = kit.random();
    let [kept, gone, missing] = [random.id(), random.id(), random.id()];
    for id in [&kept, &gone] {
        kit.write_one(&context, "a resource is created", create(subject(kit, id))).await?;
    }
    let [a, b] = [random.id(), random.id()];
    let changed = kit.samples.subject(&kept, "another name");
    let good =
        [create(subject(kit, &a)), replace(changed, Expect::Exists), delete(resource_type, &gone, Expect::Exists)];
    let taken = kit.samples.subject(&b, &format!("name of {a}"));
    let bad: [(&str, Change, Accepts); 4] = [
        ("a deletion of nothing", delete(resource_type, &missing, Expect::Exists), |e| {
            matches!(e, StoreError::NotFound)
        }),
        ("an old version", replace(kit.samples.subject(&kept, "x"), Expect::Version(Version::from(u64::MAX))), |e| {
            matches!(e, StoreError::VersionMismatch { .. })
        }),
        ("a name that an earlier change takes", create(taken), |e| matches!(e, StoreError::NotUnique { .. })),
        ("an id that an earlier change takes", create(kit.samples.subject(&a, "free")), |e| {
            matches!(e, StoreError::NotUnique { .. })
        }),
    ];
    for (what, bad, accepts) in bad {
        for index in 0..=good.len() {
            // A creation that collides with an earlier one fails only after the change that it collides with.
            if index == 0 && matches!(bad, Change::Create(_)) {
                continue;
            }
            let mut batch = good.to_vec();
            batch.insert(index, bad.clone());
            kit.refuse(&context, &format!("a batch with {what} at {index} fails"), &batch, index, accepts).await?;
        }
    }
    let done = kit.write(&context, "the batch without it is committed", &good).await?;
    check(done.iter().all(|done| done.changed), "each change of it changed something", || format!("{done:?}"))
}

pub(super) async fn order<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    kit.need_batch(4)?;
    let context = kit.tenant("a")?;
    let resource_type = &kit.samples.subject;
    let mut random = kit.random();
    let [a, b] = [random.id(), random.id()];
    // A later change may reuse the name of a resource deleted before it, and may change a resource created before it.
    let first = kit.samples.subject(&a, "first");
    kit.write_one(&context, "a resource is created", create(first)).await?;
    let batch = [
        delete(resource_type, &a, Expect::Exists),
        create(kit.samples.subject(&b, "first")),
        replace(kit.samples.subject(&b, "second"), Expect::Exists),
        create(kit.samples.subject(&random.id(), "first")),
    ];
    let done = kit.write(&context, "each change of a batch sees those before it", &batch).await?;
    let twice = [1, 2].map(|index| done.get(index).and_then(|done| done.version.clone()));
    check(twice.first() != twice.last(), "a resource that a batch changes twice has two versions", || {
        format!("{twice:?}")
    })?;
    let stored = kit.existing(&context, resource_type, &b, "what a batch creates and then replaces").await?;
    let last = done.get(2).and_then(|done| done.version.clone());
    check(last.as_ref() == Some(&stored.version), "the version of the last change is the resource's", || {
        format!("{last:?}, {:?}", stored.version)
    })?;
    let key = stored.resource.unique_keys().into_iter().find(|key| key.attribute == kit.samples.unique);
    check(key.is_some_and(|key| key.folded.starts_with("second")), "the last change of a batch holds", || {
        "it does not".to_owned()
    })
}

/// More polls than a commit takes on a realistic store.
const POLLS: usize = 200;

pub(super) async fn cancelled<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    let context = kit.tenant("a")?;
    let resource_type = &kit.samples.subject;
    let mut random = kit.random();
    let several = kit.capabilities().max_batch >= 2;
    for polls in 0..POLLS {
        let ids = [random.id(), random.id()];
        let mut batch: Vec<Change> = ids.iter().map(|id| create(subject(kit, id))).collect();
        if !several {
            batch.truncate(1);
        }
        let outcome = Cut::new(kit.store().commit(&context, &batch), polls).await;
        // This commit waits for any work that the store still does for the dropped commit.
        kit.write_one(&context, "a commit follows one that was dropped", create(subject(kit, &random.id()))).await?;
        let mut there = Vec::new();
        for id in ids.iter().take(batch.len()) {
            there.push(kit.get(&context, resource_type, id).await?.is_some());
        }
        let whole = there.iter().all(|there| *there) || !there.iter().any(|there| *there);
        let what = format!("a commit that is dropped after {polls} polls has happened as a whole or not at all");
        check(whole, &what, || format!("of its changes, these have happened: {there:?}"))?;
        if let Some(outcome) = outcome {
            outcome.map_err(|error| failed("a commit that was polled to its end", &error))?;
            return check(there.iter().all(|there| *there), "a commit that is done has happened", || {
                format!("{there:?}")
            });
        }
    }
    Ok(())
}
