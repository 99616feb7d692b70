include!("keeping.rs");

use std::sync::Arc;

use scim_core::{
    filter::Condition,
    schema::{Relation, ResourceType},
    store::{Capabilities, Page, Pushdown, Referrer, Scan, Stored},
};

impl Store for Keeping {
    fn capabilities(&self) -> Capabilities {
        self.live.capabilities().with_new_ids(true)
    }

    async fn commit(&self, context: &RequestContext, batch: &[Change]) -> Result<Vec<ChangeOutcome>, CommitError> {
        self.change(context, batch).await
    }

    async fn id_of_new(&self, context: &RequestContext, resource: &Resource) -> Result<Option<Text>, StoreError> {
        Ok(self.find_deleted(context, resource))
    }

    // A database has `deleted IS NULL` in each of these statements.

    fn pushdown(&self, resource_type: &ResourceType, conjunct: &Condition) -> Pushdown {
        self.live.pushdown(resource_type, conjunct)
    }

    async fn get(
        &self,
        context: &RequestContext,
        key: Key<'_>,
        requested: &RequestedAttributes<'_>,
    ) -> Result<Option<Stored>, StoreError> {
        self.live.get(context, key, requested).await
    }

    async fn scan(&self, context: &RequestContext, scan: &Scan<'_>) -> Result<Page, StoreError> {
        self.live.scan(context, scan).await
    }

    async fn referrers(
        &self,
        context: &RequestContext,
        relation: &Relation,
        ids: &[&str],
        bytes: usize,
    ) -> Result<Vec<Referrer>, StoreError> {
        self.live.referrers(context, relation, ids, bytes).await
    }

    async fn get_many(
        &self,
        context: &RequestContext,
        resource_type: &Arc<ResourceType>,
        ids: &[&str],
        requested: &RequestedAttributes<'_>,
    ) -> Result<Vec<Option<Arc<Resource>>>, StoreError> {
        self.live.get_many(context, resource_type, ids, requested).await
    }

    async fn locate(
        &self,
        context: &RequestContext,
        resource_types: &[Arc<ResourceType>],
        ids: &[&str],
    ) -> Result<Vec<Option<usize>>, StoreError> {
        self.live.locate(context, resource_types, ids).await
    }
}
