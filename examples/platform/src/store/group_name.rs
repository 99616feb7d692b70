//! The names of groups as claims, so that a second group with the same name can be refused.
//!
//! RFC 7643 allows several groups to share a `displayName`, and the schema declares this. Identity providers such
//! as Entra match groups by name and expect 409 for a second group, so an organization decides:
//! `organization.unique_groups`. Every group claims its name in either case, and the decision is read when a claim
//! fails: it can change at any time, and groups that already share a name keep it.

use scim_core::{
    fold::fold,
    resource::{Resource, UniqueKey},
    schema::{AttributeId, ResourceType},
    sql::Statement,
    store::{StoreError, TenantId},
    value::Value,
};

use crate::database::Session;

/// The attribute whose value is the name of a group; `None` for other types.
pub(super) fn attribute(resource_type: &ResourceType) -> Option<AttributeId> {
    (resource_type.name() == "Group").then(|| resource_type.child(AttributeId::ROOT, "displayName")).flatten()
}

/// The unique key of the name; `None` for a resource that is not a group or has no name.
pub(super) fn key(resource: &Resource) -> Option<UniqueKey> {
    let attribute = attribute(resource.resource_type())?;
    match resource.root().get(attribute)? {
        Value::String(name) if !name.is_empty() => {
            Some(UniqueKey { attribute, folded: fold(name).into_owned().into() })
        }
        _ => None,
    }
}

/// Whether the organization forbids two groups with the same name.
pub(super) async fn is_unique<S: Session>(session: &mut S, tenant: &TenantId) -> Result<bool, StoreError> {
    let mut query = Statement::new(session.dialect());
    query.push("SELECT unique_groups FROM organization WHERE name = ").bind(tenant.as_str());
    session.rows(&query).await?.first().map_or(Ok(false), |row| Ok(row.required_integer(0)? != 0))
}
