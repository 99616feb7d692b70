//! A store in memory: the default, for tests, demonstrations and hosts that keep their data elsewhere.
//!
//! It has no more knowledge of the protocol than any other store.

mod candidates;
mod fetch;
mod index;
mod keys;
mod list;
mod query;
mod sorting;
mod tenant;
mod transaction;
mod tree_id;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use self::{query::Query, tenant::Tenant, transaction::Transaction};
use super::{
    Capabilities, Change, ChangeOutcome, CommitError, Key, Page, Pushdown, Referrer, RequestContext,
    RequestedAttributes, Scan, Store, StoreError, Stored, TenantId,
};
use crate::{
    filter::Condition,
    path::AttributePath,
    resource::Resource,
    schema::{Relation, ResourceType},
    value::{Text, Value},
};

/// A [`Store`] in memory.
///
/// It keeps every guarantee of the trait, and loses all data when it is dropped. Tenants do not wait for each other.
/// Within a tenant, reads run concurrently and a commit runs alone.
///
/// Queries by `eq` on `id`, `externalId`, `displayName`, unique attributes and the ids in lists of references use an
/// index, also inside `and`, `or` and brackets; [`with_index`](Self::with_index) adds other attributes. Every other
/// query examines each resource of the type. A change of a list of references takes time in proportion to the change.
/// A resource whose lists are not [requested](RequestedAttributes) is read without a copy.
///
/// One store belongs to one [`Registry`](crate::schema::Registry): attribute ids have no meaning under another registry.
///
/// ```
/// use std::{pin::pin, task::{Context as Task, Poll, Waker}};
/// use scim_core::{resource::Resource, schema::{AttributeId, Registry}, store::*, value::Value};
///
/// /// The futures of this store are ready at once.
/// fn now<T>(future: impl Future<Output = T>) -> T {
///     match pin!(future).poll(&mut Task::from_waker(Waker::noop())) {
///         Poll::Ready(output) => output,
///         Poll::Pending => panic!("it waits for nothing"),
///     }
/// }
///
/// let registry = Registry::standard();
/// let resource_type = registry.resource_type("User").expect("registered");
/// let user_name = resource_type.child(AttributeId::ROOT, "userName").expect("defined");
/// let mut user = Resource::new(resource_type.clone());
/// user.root_mut().insert(AttributeId::ID, Value::String("2819c223".into()));
/// user.root_mut().insert(user_name, Value::String("bjensen".into()));
///
/// let store = MemoryStore::new();
/// let context = RequestContext::new(TenantId::single());
/// let done = now(store.commit(&context, &[Change::Create(Entry::new(user))]))?;
///
/// let key = Key { resource_type, id: "2819c223" };
/// let stored = now(store.get(&context, key, &RequestedAttributes::everything()))?.expect("created");
/// assert_eq!(Some(stored.version), done[0].version);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct MemoryStore {
    tenants: RwLock<HashMap<TenantId, Arc<RwLock<Tenant>>>>,
    indexed: Vec<AttributePath>,
}

impl MemoryStore {
    /// The maximum number of changes in one commit.
    pub const MAX_BATCH: usize = 1_000;

    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps an index of an attribute's values, for queries by `eq`. It serves every resource type that has the
    /// attribute. Boolean and binary attributes are not indexed.
    ///
    /// ```
    /// use scim_core::store::MemoryStore;
    ///
    /// let store = MemoryStore::new().with_index("emails.value".parse()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_index(mut self, path: AttributePath) -> Self {
        self.indexed.push(path);
        self
    }

    // A poisoned lock never hides an incomplete change: a commit that does not finish is undone, even when it panics.

    fn find(&self, context: &RequestContext) -> Option<Arc<RwLock<Tenant>>> {
        self.tenants.read().unwrap_or_else(PoisonError::into_inner).get(context.tenant()).cloned()
    }

    /// The result of `read` on the caller's tenant; `None` before the first commit there.
    fn read<T>(&self, context: &RequestContext, read: impl FnOnce(&Tenant) -> T) -> Option<T> {
        let tenant = self.find(context)?;
        let tenant = tenant.read().unwrap_or_else(PoisonError::into_inner);
        Some(read(&tenant))
    }

    fn write<T>(&self, context: &RequestContext, write: impl FnOnce(&mut Tenant) -> T) -> T {
        let tenant = self.find(context).unwrap_or_else(|| {
            let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(tenants.entry(context.tenant().clone()).or_default())
        });
        let mut tenant = tenant.write().unwrap_or_else(PoisonError::into_inner);
        write(&mut tenant)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("indexed", &self.indexed).finish_non_exhaustive()
    }
}

impl Store for MemoryStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new()
            .with_max_batch(Self::MAX_BATCH)
            .with_sort(true)
            .with_total(true)
            .with_backward(true)
            .with_get_many(true)
            .with_partial(true)
    }

    fn pushdown(&self, resource_type: &ResourceType, conjunct: &Condition) -> Pushdown {
        if query::is_stored(resource_type, conjunct) { Pushdown::Exact } else { Pushdown::No }
    }

    async fn get(
        &self,
        context: &RequestContext,
        key: Key<'_>,
        requested: &RequestedAttributes<'_>,
    ) -> Result<Option<Stored>, StoreError> {
        let row = self.read(context, |tenant| tenant.row(tenant.find_table(key.resource_type)?, key.id).cloned());
        Ok(row.flatten().map(|row| row.stored(requested)))
    }

    async fn scan(&self, context: &RequestContext, scan: &Scan<'_>) -> Result<Page, StoreError> {
        match self.find(context) {
            Some(tenant) => Query::new(&tenant, context, scan).page().await,
            None => Ok(Page::new(Vec::new(), scan.count.then_some(0), false)),
        }
    }

    async fn commit(&self, context: &RequestContext, batch: &[Change]) -> Result<Vec<ChangeOutcome>, CommitError> {
        if batch.len() > Self::MAX_BATCH {
            return Err(CommitError::new(Self::MAX_BATCH, StoreError::TooMany));
        }
        self.write(context, |tenant| {
            let mut transaction = Transaction::new(tenant, &self.indexed);
            let mut done = Vec::with_capacity(batch.len());
            for (index, change) in batch.iter().enumerate() {
                done.push(transaction.apply(change).map_err(|error| CommitError::new(index, error))?);
            }
            transaction.keep();
            Ok(done)
        })
    }

    async fn referrers(
        &self,
        context: &RequestContext,
        relation: &Relation,
        ids: &[&str],
        bytes: usize,
    ) -> Result<Vec<Referrer>, StoreError> {
        let mut sorted: Vec<&str> = Vec::new();
        if ids.len() > 1 {
            sorted.extend(ids);
            sorted.sort_unstable();
            sorted.dedup();
        }
        let ids = if sorted.is_empty() { ids } else { &sorted };
        let found = self.read(context, |tenant| {
            let (mut found, mut room) = (Vec::new(), bytes);
            let Some(table) = tenant.find_table(relation.referrer()) else { return Ok(found) };
            for &value in ids {
                for holding in tenant.holdings(value).filter(|it| it.table == table && it.list == relation.list()) {
                    let Some(row) = tenant.row(table, &holding.referrer) else { continue };
                    let display = row.head.resource.root().get(relation.display());
                    let display = display.and_then(Value::as_str).map(Text::from);
                    let referrer = Referrer::new(value, &*holding.referrer, display);
                    room = room.checked_sub(referrer.size()).ok_or(StoreError::TooMany)?;
                    found.push(referrer);
                }
            }
            Ok(found)
        });
        found.unwrap_or_else(|| Ok(Vec::new()))
    }

    async fn get_many(
        &self,
        context: &RequestContext,
        resource_type: &Arc<ResourceType>,
        ids: &[&str],
        requested: &RequestedAttributes<'_>,
    ) -> Result<Vec<Option<Arc<Resource>>>, StoreError> {
        let found = self.read(context, |tenant| Some(tenant.many(tenant.find_table(resource_type)?, ids, requested)));
        Ok(found.flatten().unwrap_or_else(|| vec![None; ids.len()]))
    }

    async fn locate(
        &self,
        context: &RequestContext,
        resource_types: &[Arc<ResourceType>],
        ids: &[&str],
    ) -> Result<Vec<Option<usize>>, StoreError> {
        let located = self.read(context, |tenant| {
            let position = |id: &&str| {
                let (_, table) = tenant.locate(id)?;
                let name = tenant.table(table)?.resource_type.name();
                resource_types.iter().position(|resource_type| resource_type.name() == name)
            };
            ids.iter().map(position).collect()
        });
        Ok(located.unwrap_or_else(|| vec![None; ids.len()]))
    }
}
