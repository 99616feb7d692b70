//! A store with its own SQL for everything. It runs on each adapter of `scim_core_native`.

use std::{collections::HashMap, sync::Arc};

use scim_core::{
    filter::Condition,
    resource::Resource,
    schema::{Registry, Relation, ResourceType},
    sql::{
        Dialect, Statement,
        database::{Database, Work},
    },
    store::{
        Capabilities, Change, ChangeOutcome, CommitError, Key, Page, Pushdown, Referrer, RequestContext,
        RequestedAttributes, Scan, Store, StoreError, Stored,
    },
    value::Text,
};

use crate::{
    read::{Fetch, Query, first_number, key, push_among, referrers, teams_of},
    rows::Types,
    write::Commit,
};

/// The users and groups of the platform.
pub struct Directory<D> {
    database: D,
    types: Arc<Types>,
}

impl<D: Database> Directory<D> {
    /// `None` if the registry lacks an attribute.
    pub fn new(database: D, registry: &Registry) -> Option<Self> {
        let types = Arc::new(Types::new(registry, database.dialect())?);
        Some(Self { database, types })
    }

    async fn read<W: Work>(&self, work: W) -> Result<W::Output, StoreError> {
        self.database.read(work).await.map_err(|failed| failed.error)
    }
}

/// The key of the tenant. Every statement names it.
pub fn organization(context: &RequestContext) -> Result<i64, StoreError> {
    key(context.tenant().as_str()).ok_or(StoreError::Denied)
}

impl<D: Database> Store for Directory<D> {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new()
            .with_max_batch(500)
            .with_sort(true)
            .with_total(true)
            .with_backward(true)
            .with_get_many(true)
            .with_partial(true)
            .with_new_ids(true)
    }

    fn pushdown(&self, resource_type: &ResourceType, conjunct: &Condition) -> Pushdown {
        self.types.of(resource_type).map_or(Pushdown::No, |place| place.mapping.pushdown(self.types.dialect, conjunct))
    }

    async fn get(
        &self,
        context: &RequestContext,
        address: Key<'_>,
        requested: &RequestedAttributes<'_>,
    ) -> Result<Option<Stored>, StoreError> {
        let Some(id) = key(address.id) else { return Ok(None) };
        let mut fetch = Fetch::new(&self.types, address.resource_type, organization(context)?, requested)?;
        fetch.query.push(" AND r.id = ").bind(id);
        Ok(self.read(fetch).await?.items.into_iter().next())
    }

    async fn scan(&self, context: &RequestContext, scan: &Scan<'_>) -> Result<Page, StoreError> {
        self.read(Fetch::page(&self.types, organization(context)?, scan)?).await
    }

    async fn commit(&self, context: &RequestContext, batch: &[Change]) -> Result<Vec<ChangeOutcome>, CommitError> {
        if batch.len() > self.capabilities().max_batch {
            return Err(StoreError::TooMany.into());
        }
        let work = Commit {
            types: Arc::clone(&self.types),
            organization: organization(context)?,
            context: context.clone(),
            batch: batch.to_vec(),
        };
        self.database.write(work).await
    }

    async fn referrers(
        &self,
        context: &RequestContext,
        _: &Relation,
        ids: &[&str],
        bytes: usize,
    ) -> Result<Vec<Referrer>, StoreError> {
        let statement = teams_of(self.types.dialect, organization(context)?, ids.iter().filter_map(|id| key(id)));
        referrers(self.read(Query { statement, bytes }).await?)
    }

    async fn get_many(
        &self,
        context: &RequestContext,
        resource_type: &Arc<ResourceType>,
        ids: &[&str],
        requested: &RequestedAttributes<'_>,
    ) -> Result<Vec<Option<Arc<Resource>>>, StoreError> {
        let mut fetch = Fetch::new(&self.types, resource_type, organization(context)?, requested)?;
        push_among(fetch.query.push(" AND "), "r.id", ids.iter().filter_map(|id| key(id)));
        let page = self.read(fetch).await?;
        if page.more {
            return Err(StoreError::TooMany);
        }
        // The rows come in any order; each resource goes to the position of its id.
        let by_id: HashMap<&str, &Arc<Resource>> =
            page.items.iter().map(|stored| (stored.resource.id(), &stored.resource)).collect();
        Ok(ids.iter().map(|id| by_id.get(id).map(|resource| Arc::clone(resource))).collect())
    }

    async fn id_of_new(&self, _: &RequestContext, resource: &Resource) -> Result<Option<Text>, StoreError> {
        let table = self.types.of(resource.resource_type())?.table;
        let mut statement = Statement::new(self.types.dialect);
        if self.types.dialect == Dialect::Sqlite {
            statement.push("UPDATE scim_number SET last = 1 + max(last, (SELECT COALESCE(max(id), 0) FROM ");
            statement.push(table).push(")) WHERE name = ").bind(table).push(" RETURNING last");
        } else {
            statement.push("SELECT nextval(pg_get_serial_sequence(").bind(table).push(", 'id'))");
        }
        let rows = self.database.write(Query { statement, bytes: usize::MAX }).await.map_err(|failed| failed.error)?;
        let number = first_number(rows)?.ok_or_else(|| StoreError::backend("the database numbers no rows"))?;
        Ok(Some(Text::from(number.to_string())))
    }

    async fn locate(
        &self,
        context: &RequestContext,
        resource_types: &[Arc<ResourceType>],
        ids: &[&str],
    ) -> Result<Vec<Option<usize>>, StoreError> {
        let mut types = HashMap::new();
        for (index, resource_type) in resource_types.iter().enumerate() {
            let table = self.types.of(resource_type)?.table;
            let mut statement = Statement::new(self.types.dialect);
            statement.push("SELECT id FROM ").push(table).push(" WHERE organization = ").bind(organization(context)?);
            push_among(statement.push(" AND "), "id", ids.iter().filter_map(|id| key(id)));
            for row in self.read(Query { statement, bytes: usize::MAX }).await?.into_rows() {
                types.extend(row.integer(0)?.map(|key| (key, index)));
            }
        }
        Ok(ids.iter().map(|id| types.get(&key(id)?).copied()).collect())
    }
}
