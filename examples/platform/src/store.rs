//! The store of resources: the library's [`DocumentStore`], with the platform's own rows in the transaction of each
//! commit.
//!
//! The library owns the tables of resources, references and unique values. Its hooks keep the tables of people, user groups
//! and events equal to the resources.

pub(crate) mod assignments;
mod group_name;
mod outbox;
mod people;
pub(crate) mod release;
mod statistics;

pub use scim_core::sql::document_store::{total, unique_value};
use scim_core::{
    event::Event,
    resource::{Resource, UniqueKey},
    schema::{AttributeId, Registry},
    sql::{
        DocumentStore, Hooks,
        document_store::{DocumentHooks, Taken},
    },
    store::{Change, ChangeOutcome, RequestContext, StoreError, TenantId},
};

pub use self::outbox::{OutboxRow, outbox};
use self::statistics::Growth;
use crate::database::{Database, OpenError, Session};

/// The store of resources in the tables of a database.
pub type Resources = DocumentStore<Database, PlatformHooks>;

/// Opens the store for the resource types of `registry` in `database`. Creates the indexes that their
/// attributes need, and rebuilds derived data where other rules produced it.
///
/// # Errors
///
/// When the database does not answer, or has resources that the registry does not allow.
pub async fn open(database: Database, registry: &Registry) -> Result<Resources, OpenError> {
    let hooks = PlatformHooks { database: database.clone(), growth: Growth::new() };
    let store = DocumentStore::open_with(database, registry, hooks).await?;
    statistics::write(store.database()).await?;
    Ok(store)
}

/// Writes the platform's own rows with each change of a resource: the event, people, assignments to user groups, and the
/// claims of group names.
#[derive(Debug)]
pub struct PlatformHooks {
    database: Database,
    growth: Growth,
}

impl Hooks for PlatformHooks {
    async fn after<S: Session>(
        &self,
        session: &mut S,
        _: &RequestContext,
        change: &Change,
        done: &ChangeOutcome,
        event: &Event,
    ) -> Result<(), StoreError> {
        let insert = outbox::insert(session.dialect(), event);
        session.execute(&insert).await?;
        people::follow(session, change, done, event).await
    }

    fn committed(&self, _: &RequestContext, batch: &[Change]) {
        self.growth.note(&self.database, batch);
    }
}

impl DocumentHooks for PlatformHooks {
    fn claims(&self, resource: &Resource) -> Vec<UniqueKey> {
        group_name::key(resource).into_iter().collect()
    }

    async fn taken<S: Session>(
        &self,
        session: &mut S,
        context: &RequestContext,
        resource: &Resource,
        key: &UniqueKey,
    ) -> Result<Taken, StoreError> {
        let is_group_name = group_name::attribute(resource.resource_type()) == Some(key.attribute);
        if is_group_name && !group_name::is_unique(session, context.tenant()).await? {
            return Ok(Taken::Shared);
        }
        people::tell_conflict(session, context, resource, key).await?;
        Ok(Taken::Refused)
    }

    async fn derive<S: Session>(
        &self,
        session: &mut S,
        tenant: &TenantId,
        resource: &Resource,
        shared: &[AttributeId],
    ) -> Result<(), StoreError> {
        let resource_type = resource.resource_type();
        let group_name = group_name::attribute(resource_type);
        for attribute in shared.iter().filter(|attribute| group_name != Some(**attribute)) {
            let (tenant, id, attribute) = (tenant.as_str(), resource.id(), resource_type.path(*attribute));
            tracing::error!(
                tenant,
                id,
                attribute,
                "another resource has the same unique value since the fold changed: change one of them"
            );
        }
        people::write(session, tenant.as_str(), resource).await
    }

    async fn derived<S: Session>(&self, session: &mut S) -> Result<(), StoreError> {
        people::claim_names(session).await
    }
}
