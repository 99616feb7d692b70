//! Creations that share values with another resource: with its name in another tenant, and with its address.

use super::{
    super::samples::{put, text},
    Expect, Failure, Kit, RequestContext, Resource, Stop, Store, StoreError, check, create, delete, failed,
};
use crate::{
    schema::{AttributeId, ResourceType},
    value::{Object, Value},
};

pub(super) async fn other_users<S: Store>(kit: &Kit<'_, S>) -> Result<(), Stop> {
    let (one, other) = (kit.tenant("one")?, kit.tenant("other")?);
    let resource_type = &kit.samples.subject;
    let mut numbers = kit.random();
    let [first, foreign, second] = [numbers.id(), numbers.id(), numbers.id()];
    let mail = |name: &str| format!("{name}-{}@example.com", kit.seed);
    let mut resource = kit.samples.random(resource_type, &first, "first", &mut numbers);
    give_values(&mut resource, &mail("first"));
    kit.write_one(&one, "a resource is created", create(resource.clone())).await?;
    let before = kit.snapshot(&one).await?;

    // The same name in another tenant, with other values.
    let mut namesake = kit.samples.random(resource_type, &foreign, "first", &mut numbers);
    give_values(&mut namesake, &mail("foreign"));
    let what = "another tenant creates a resource with the same name";
    stands_alone(kit, &other, &namesake, &[], what).await?;
    check(kit.snapshot(&one).await? == before, &format!("{what}, and the first one stays unchanged"), || {
        "it has other values or another version".to_owned()
    })?;

    // Every value of the first resource but the id and the name, in its own tenant.
    let mut alike = resource.clone();
    alike.root_mut().insert(AttributeId::ID, text(&second));
    let name = kit.samples.subject(&second, "second");
    for &attribute in resource_type.unique_attributes() {
        put(resource_type, alike.root_mut(), attribute, name.value(attribute).cloned());
    }
    let what = "a resource with another name and the same address is created";
    let is_created = stands_alone(kit, &one, &alike, &[&first], what).await?;
    if is_created {
        kit.write_one(&one, "that resource is deleted", delete(resource_type, &second, Expect::Exists)).await?;
    }
    check(
        kit.snapshot(&one).await? == before,
        &format!("{what} and deleted, and the first one stays unchanged"),
        || "it has other values or another version".to_owned(),
    )
}

/// Creates a resource. The store may refuse it because a value is not unique; then it is not in the tenant. Otherwise it
/// is there, with its own values, next to `others`. Returns whether it was created.
async fn stands_alone<S: Store>(
    kit: &Kit<'_, S>,
    context: &RequestContext,
    resource: &Resource,
    others: &[&str],
    what: &str,
) -> Result<bool, Stop> {
    let resource_type = resource.resource_type();
    let is_created = match kit.commit(context, &[create(resource.clone())]).await {
        Ok(_) => true,
        Err(error) if matches!(error.error, StoreError::NotUnique { .. }) => false,
        Err(error) => return Err(failed(what, &error)),
    };
    let all = kit.all(context, resource_type).await?;
    let mut found: Vec<&str> = all.iter().map(|stored| stored.resource.id()).collect();
    let mut expected: Vec<&str> = others.iter().copied().chain(is_created.then(|| resource.id())).collect();
    found.sort_unstable();
    expected.sort_unstable();
    check(found == expected, &format!("{what}, and no other resource appears"), || {
        format!("{} resources instead of {}", found.len(), expected.len())
    })?;
    if is_created {
        let stored = kit.existing(context, resource_type, resource.id(), what).await?;
        let is_own = shared(resource_type).iter().all(|it| stored.resource.value(*it) == resource.value(*it));
        if !is_own {
            return Err(Failure::new(format!("{what}, and has its own values"), "it has values of another one").into());
        }
    }
    Ok(is_created)
}

/// The attributes by which a store may take one resource for another.
fn shared(resource_type: &ResourceType) -> Vec<AttributeId> {
    let emails = resource_type.child(AttributeId::ROOT, "emails");
    let own = resource_type.unique_attributes().iter().copied();
    own.chain(emails).chain([AttributeId::EXTERNAL_ID]).collect()
}

/// Gives a resource an external id and, if its type has `emails`, an address.
fn give_values(resource: &mut Resource, mail: &str) {
    let resource_type = std::sync::Arc::clone(resource.resource_type());
    resource.assign(AttributeId::EXTERNAL_ID, Some(text(mail)));
    let emails = resource_type.child(AttributeId::ROOT, "emails");
    if let Some((emails, value)) = emails.and_then(|emails| Some((emails, resource_type.value_of(emails)?))) {
        let element = Value::Complex(Object::from_iter([(value, text(mail))]));
        resource.root_mut().insert(emails, Value::List([element].into()));
    }
}
