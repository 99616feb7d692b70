use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use scim_core::{
    resource::Resource,
    store::{
        Change, ChangeOutcome, CommitError, Deletion, Key, MemoryStore, RequestContext, RequestedAttributes, Store,
        StoreError, TenantId,
    },
    value::Text,
};

/// A store that keeps the accounts which SCIM deletes.
#[derive(Default)]
struct Keeping {
    /// The rows of `account` whose `deleted` is NULL.
    live: MemoryStore,
    /// The ids of the other rows, by the `externalId` that the account had.
    deleted: Mutex<HashMap<(TenantId, Text), Text>>,
}

impl Keeping {
    /// Stands for one transaction of the database.
    async fn change(&self, context: &RequestContext, batch: &[Change]) -> Result<Vec<ChangeOutcome>, CommitError> {
        let mut kept = Vec::new();
        for change in batch {
            if let Change::Delete(Deletion { resource_type, id, .. }) = change
                && let Some(found) =
                    self.live.get(context, Key { resource_type, id }, &RequestedAttributes::everything()).await?
                && let Some(external_id) = found.resource.external_id()
            {
                kept.push(((context.tenant().clone(), external_id.into()), id.clone()));
            }
        }
        // Deletion: UPDATE account SET deleted = $3, version = nextval('scim_version') …; DELETE FROM team_member …
        // Creation: INSERT … ON CONFLICT (tenant, id) DO UPDATE SET deleted = NULL, version = …
        // WHERE account.deleted IS NOT NULL. No row: the id belongs to a live account, so `NotUnique` of the id.
        let outcomes = self.live.commit(context, batch).await?;
        let mut deleted = self.deleted.lock().unwrap_or_else(PoisonError::into_inner);
        for change in batch {
            if let Change::Create(entry) = change {
                deleted.retain(|(tenant, _), id| tenant != context.tenant() || **id != *entry.resource.id());
            }
        }
        deleted.extend(kept);
        Ok(outcomes)
    }

    /// `SELECT id FROM account WHERE tenant = $1 AND external_id = $2 AND deleted IS NOT NULL`.
    fn find_deleted(&self, context: &RequestContext, resource: &Resource) -> Option<Text> {
        let key = (context.tenant().clone(), Text::from(resource.external_id()?));
        let deleted = self.deleted.lock().unwrap_or_else(PoisonError::into_inner);
        (resource.resource_type().name() == "User").then(|| deleted.get(&key).cloned()).flatten()
    }
}
