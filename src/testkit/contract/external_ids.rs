//! The client's own name of a resource (RFC 7643 §3.1): it is not an id, and it may change.

use super::{
    super::samples::{put, text},
    Expect, Failure, Kit, Stop, Store, StoreError, check, create, delete, replace, sorted,
};
use crate::schema::AttributeId;

pub(super) async fn external_ids<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    let context = kit.tenant("a")?;
    let resource_type = &kit.samples.subject;
    let mut random = kit.random();
    let [first, second] = [random.id(), random.id()];
    // A host with numeric keys could take this text for the key of a row.
    let number = (4_711 + random.below(1_000_000)).to_string();
    let with = |id: &str, name: &str, external_id: Option<&str>| {
        let mut resource = kit.samples.subject(id, name);
        put(resource_type, resource.root_mut(), AttributeId::EXTERNAL_ID, external_id.map(text));
        resource
    };
    let own = with(&first, "first", Some(&number));
    kit.write_one(&context, "a resource with a numeric externalId is created", create(own)).await?;
    let before = kit.existing(&context, resource_type, &first, "the first resource").await?;
    let found = kit.get(&context, resource_type, &number).await?;
    check(found.is_none(), "an externalId is not an id, and a read by it finds nothing", || "a resource".to_owned())?;
    let what = "an externalId is not an id, and a deletion by it finds nothing";
    let by_external_id = delete(resource_type, &number, Expect::Exists);
    kit.refuse(&context, what, &[by_external_id], 0, |error| matches!(error, StoreError::NotFound)).await?;

    // The externalId of the second resource is the id of the first one.
    let what = "a resource is created whose externalId is the id of another one";
    kit.write_one(&context, what, create(with(&second, "second", Some(&first)))).await?;
    let changes = [Some("kit 1"), Some("kit 2"), None, Some("kit 1"), Some("kit 3")];
    let ids = sorted(vec![first.clone(), second.clone()]);
    for external_id in std::iter::once(None).chain(changes.map(Some)) {
        let what = match external_id {
            Some(external_id) => {
                let change = replace(with(&second, "second", external_id), Expect::Exists);
                kit.write_one(&context, "a resource gets another externalId", change).await?;
                "after a change of its externalId, each resource is found once"
            }
            None => "after the creation, each resource is found once",
        };
        let all = kit.all(&context, resource_type).await?;
        let found = sorted(all.iter().map(|stored| stored.resource.id().to_owned()).collect());
        check(found == ids, what, || format!("{} resources instead of 2", found.len()))?;
        kit.existing(&context, resource_type, &second, what).await?;
        let now = kit.existing(&context, resource_type, &first, what).await?;
        if now.resource != before.resource || now.version != before.version {
            let what = "the externalId of one resource does not change another one";
            return Err(Failure::new(what, "it has other values or another version").into());
        }
    }
    Ok(())
}
