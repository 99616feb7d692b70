//! The records of changes that a store writes in the transaction of a commit.

use super::{
    super::samples::reference, Change, Expect, Failure, Kit, Stop, Store, ValueEdit, check, create, delete, edit,
    failed, replace,
};
use crate::event::StateChange;

pub(super) async fn outbox<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    let Some(outbox) = &kit.whole.outbox else {
        return Err(Stop::Skipped("the kit has no access to an outbox: StoreKit::with_outbox"));
    };
    let context = kit.tenant("a")?;
    let resource_type = &kit.samples.subject;
    let mut random = kit.random();
    let [id, taken] = [random.id(), random.id()];
    let mut expected: Vec<(String, StateChange)> = Vec::new();
    let mut changes: Vec<(Change, String, StateChange)> = vec![
        (create(kit.samples.subject(&id, "one")), id.clone(), StateChange::Created),
        (replace(kit.samples.subject(&id, "two"), Expect::Exists), id.clone(), StateChange::Updated),
    ];
    if let Some((referrer, list)) = &kit.samples.referrer {
        let group = random.id();
        let add = ValueEdit { add: vec![reference(referrer, *list, &id, resource_type)], ..ValueEdit::default() };
        changes.push((create(kit.samples.named(referrer, &group, "list")), group.clone(), StateChange::Created));
        changes.push((edit(referrer, *list, &group, add, 1), group.clone(), StateChange::Updated));
        changes.push((delete(referrer, &group, Expect::Exists), group, StateChange::Deleted));
    }
    changes.push((delete(resource_type, &id, Expect::Exists), id, StateChange::Deleted));
    for (change, id, state_change) in changes {
        kit.write_one(&context, "a change is committed", change).await?;
        expected.push((id, state_change));
        let events = outbox(&context).await.map_err(|error| failed("the outbox is read", &error))?;
        let found: Vec<(String, StateChange)> =
            events.iter().map(|event| (event.resource_id().to_owned(), event.state_change())).collect();
        if found != expected {
            let last = expected.len();
            let what = "each commit writes one event for its change, in the order of the commits";
            return Err(Failure::new(what, format!("{} events after {last} changes: {found:?}", found.len())).into());
        }
    }
    // A refused commit leaves no event.
    let missing = delete(resource_type, &taken, Expect::Exists);
    check(kit.commit(&context, &[missing]).await.is_err(), "a deletion of nothing fails", || {
        "it succeeded".to_owned()
    })?;
    let events = outbox(&context).await.map_err(|error| failed("the outbox is read", &error))?;
    check(events.len() == expected.len(), "a refused commit writes no event", || {
        format!("{} events in place of {}", events.len(), expected.len())
    })
}
