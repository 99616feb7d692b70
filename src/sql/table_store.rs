//! A [`Store`] on tables that the host has declared by [layouts](super::layout).
//!
//! `tables` derives the parts of statements from the layouts, `read` and `write` make statements, `lists` handles
//! lists of references, and `migration` makes the SQL for the host's migration. `price`, `terms` and `survey` charge a
//! scan, and `spent` charges a commit.

mod change;
mod edits;
mod filters;
mod forget;
mod from;
mod insertion;
mod lists;
mod migration;
mod new_id;
mod price;
mod read;
mod remove;
mod rows;
mod shared;
mod spent;
mod start;
mod survey;
mod tables;
mod terms;
mod write;

use std::{collections::HashMap, sync::Arc};

pub use self::start::StartError;
use self::{
    change::Commit,
    filters::LowerCase,
    new_id::{NewNumber, deleted},
    read::{Fetch, Locate, Referrers, Texts},
    survey::Survey,
    tables::{Tables, TypeTable},
};
use super::{
    database::Database,
    hooks::{Hooks, NoHooks},
    layout::{Layout, LayoutError},
    statement::Dialect,
};
use crate::{
    filter::Condition,
    limits::Work,
    resource::Resource,
    schema::{Relation, ResourceType},
    store::{
        Capabilities, Change, ChangeOutcome, CommitError, Key, Page, Pushdown, Referrer, RequestContext,
        RequestedAttributes, Scan, Store, StoreError, Stored,
    },
    value::Text,
};

/// A store on a host's own tables. The host declares one [`Layout`] for each resource type; the store derives all
/// statements from it.
///
/// The host's migration executes [`TableStore::migrations`] once. Then [`TableStore::open`] checks the tables against
/// the layouts and makes the store.
///
/// The store charges the work of the database to the request, within [`Limits::work`](crate::limits::Limits::work):
///
/// - A search by `eq` for an id, for a [unique](super::layout::Field::unique) value or for a
///   [searched](Layout::searched) value costs about as much as the rows that it finds. A list without a filter costs
///   about as much as the rows of its page, and the count of all rows if the page shows the total.
/// - For any other filter or order, the database reads all rows of the tenant. The store first counts these rows and
///   their bytes, up to the number that the request can pay for. If the request cannot pay for the search, the search
///   does not begin and fails with [`TooMany`](StoreError::TooMany).
/// - A commit costs its statements, and the rows and bytes that the statements read and write. The first change that a
///   request commits is always completed. A later change fails with [`TooMany`](StoreError::TooMany) if the request has
///   no work left.
///
/// Set a timeout of statements in the database, too. The timeout bounds a statement for which the database chooses a bad
/// plan.
///
/// ```
/// use scim_core::{
///     schema::{Registry, ResourceType, Schema},
///     sql::{Dialect, TableStore, layout::{Field, Join, Key, KeyType, Layout}},
/// };
///
/// # let user = ResourceType::builder("User", "Users", Schema::user().without("password")).build()?;
/// # let group = ResourceType::builder("Group", "Groups", Schema::group()).build()?;
/// # let registry = Registry::builder().resource_type(user).resource_type(group).build()?;
/// let [user, group] = ["User", "Group"].map(|name| registry.resource_type(name).expect("registered"));
/// let layouts = || {
///     let users = Layout::of(user, "account", Key::uuid("id"))
///         .tenant("organization", KeyType::Integer)
///         .field("userName", Field::text("login").lower().unique("account_login"))
///         .field("active", Field::inverted("disabled"))
///         .side_table("scim_account");
///     let groups = Layout::of(group, "team", Key::uuid("id"))
///         .tenant("organization", KeyType::Integer)
///         .field("displayName", Field::text("name"))
///         .list("members", Join::table("team_member").holder("team").value("account", "User"))
///         .side_table("scim_team");
///     [users, groups]
/// };
/// for statement in TableStore::<()>::migrations(Dialect::Postgres, layouts())? {
///     println!("{statement};");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TableStore<D, H = NoHooks> {
    database: D,
    tables: Arc<Tables>,
    hooks: Arc<H>,
}

impl<D> TableStore<D> {
    /// The statements that the host's migration executes, once: the side tables, the triggers that set versions, and the
    /// indexes that ids and searches need. Each can be executed again without harm.
    ///
    /// # Errors
    ///
    /// When a layout is incomplete.
    pub fn migrations(dialect: Dialect, layouts: impl IntoIterator<Item = Layout>) -> Result<Vec<String>, LayoutError> {
        Ok(migration::statements(&Tables::new(dialect, layouts, LowerCase::Ascii)?))
    }
}

impl<D, H> TableStore<D, H> {
    /// The maximum number of changes in one commit.
    pub const MAX_BATCH: usize = 1_000;
}

impl<D: Database> TableStore<D> {
    /// Makes the store of these layouts. Checks that the tables have the declared columns, and that the
    /// [migration](Self::migrations) was executed. Finds out whether `lower()` of the database agrees with the core.
    ///
    /// # Errors
    ///
    /// When a layout is incomplete, the tables do not fit the layouts, or the database does not answer.
    pub async fn open(database: D, layouts: impl IntoIterator<Item = Layout>) -> Result<Self, StartError> {
        let dialect = database.dialect();
        let tables = Tables::new(dialect, layouts, LowerCase::Ascii)?;
        let lower = start::check(&database, &tables).await?;
        let tables = tables.with_lower(lower);
        let is_known = dialect == Dialect::Sqlite && start::knows_lengths(&database).await;
        let tables = if is_known { tables.with_lengths() } else { tables };
        let tables = Arc::new(tables);
        Ok(Self { database, tables, hooks: Arc::new(NoHooks) })
    }

    /// Adds the host's [hooks](Hooks), which run in the transaction of each commit.
    #[must_use]
    pub fn with_hooks<H: Hooks>(self, hooks: H) -> TableStore<D, H> {
        TableStore { database: self.database, tables: self.tables, hooks: Arc::new(hooks) }
    }
}

impl<D: Database, H: Hooks> TableStore<D, H> {
    /// The host's database.
    pub fn database(&self) -> &D {
        &self.database
    }

    fn table(&self, resource_type: &ResourceType) -> Result<(usize, &TypeTable), StoreError> {
        self.tables.find(resource_type.name())
    }
}

impl<D: Database, H: Hooks> Store for TableStore<D, H> {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new()
            .with_max_batch(Self::MAX_BATCH)
            .with_sort(self.tables.sorts())
            .with_total(true)
            .with_backward(true)
            .with_get_many(true)
            .with_partial(true)
            .with_new_ids(self.tables.gives_ids())
    }

    fn pushdown(&self, resource_type: &ResourceType, conjunct: &Condition) -> Pushdown {
        self.table(resource_type).map_or(Pushdown::No, |(_, table)| table.pushdown(conjunct))
    }

    async fn get(
        &self,
        context: &RequestContext,
        key: Key<'_>,
        requested: &RequestedAttributes<'_>,
    ) -> Result<Option<Stored>, StoreError> {
        let (index, table) = self.table(key.resource_type)?;
        let tenant = table.tenant(context)?;
        let Some(id) = table.id_type().parse(key.id) else { return Ok(None) };
        let mut query = table.select(tenant.as_ref());
        table.push_id(&mut query, &id);
        let work = Fetch::new(context, &self.tables, index, tenant, query, requested);
        Ok(self.read(work).await?.items.pop())
    }

    async fn scan(&self, context: &RequestContext, scan: &Scan<'_>) -> Result<Page, StoreError> {
        let (index, table) = self.table(scan.resource_type)?;
        let tenant = table.tenant(context)?;
        let unmapped = StoreError::backend;
        let mut query = table.matching(tenant.as_ref(), scan.filter).map_err(unmapped)?;
        query.window(table.mapping(), scan.sort, scan.window).map_err(unmapped)?;
        let survey = Survey::of(&self.tables, table, tenant.as_ref(), scan, context)?;
        let work = Fetch::new(context, &self.tables, index, tenant.clone(), query, scan.requested);
        let mut work = work.page_of(scan).after(survey);
        if scan.count {
            work = work.with_count(table.count(tenant.as_ref(), scan.filter).map_err(unmapped)?);
        }
        self.read(work).await
    }

    async fn commit(&self, context: &RequestContext, batch: &[Change]) -> Result<Vec<ChangeOutcome>, CommitError> {
        if batch.len() > Self::MAX_BATCH {
            return Err(StoreError::TooMany.into());
        }
        let room = context.work().map_or(u64::MAX, Work::left);
        if room == 0 {
            context.charge(1)?;
        }
        let work = Commit {
            tables: Arc::clone(&self.tables),
            hooks: Arc::clone(&self.hooks),
            context: context.clone(),
            batch: batch.to_vec(),
            room,
        };
        let done = self.database.write(work).await?;
        self.hooks.committed(context, batch);
        Ok(done)
    }

    async fn referrers(
        &self,
        context: &RequestContext,
        relation: &Relation,
        ids: &[&str],
        bytes: usize,
    ) -> Result<Vec<Referrer>, StoreError> {
        let (index, table) = self.table(relation.referrer())?;
        let tenant = table.tenant(context)?;
        let work = Referrers {
            owner: context.tenant().clone(),
            tables: Arc::clone(&self.tables),
            index,
            tenant,
            list: relation.list(),
            display: relation.display(),
            ids: ids.iter().map(|id| (*id).into()).collect(),
            bytes,
        };
        self.read(work).await
    }

    async fn get_many(
        &self,
        context: &RequestContext,
        resource_type: &Arc<ResourceType>,
        ids: &[&str],
        requested: &RequestedAttributes<'_>,
    ) -> Result<Vec<Option<Arc<Resource>>>, StoreError> {
        let (index, table) = self.table(resource_type)?;
        let tenant = table.tenant(context)?;
        let mut query = table.select(tenant.as_ref());
        table.push_ids(&mut query, ids.iter().copied());
        let page = self.read(Fetch::new(context, &self.tables, index, tenant, query, requested)).await?;
        if page.more {
            return Err(StoreError::TooMany);
        }
        let by_id: HashMap<&str, &Arc<Resource>> =
            page.items.iter().map(|stored| (stored.resource.id(), &stored.resource)).collect();
        Ok(ids.iter().map(|id| by_id.get(id).map(|resource| Arc::clone(resource))).collect())
    }

    async fn id_of_new(&self, context: &RequestContext, resource: &Resource) -> Result<Option<Text>, StoreError> {
        let (_, table) = self.table(resource.resource_type())?;
        let tenant = table.tenant(context)?;
        if let Some(query) = deleted(table, tenant.as_ref(), resource) {
            // Of two deleted rows, none is certainly the right one.
            if let [id] = &*self.read(Texts(query)).await? {
                return Ok(Some(id.as_str().into()));
            }
        }
        match NewNumber::of(table) {
            Some(work) => Ok(Some(self.database.write(work).await.map_err(|failed| failed.error)?)),
            None => Ok(None),
        }
    }

    async fn locate(
        &self,
        context: &RequestContext,
        resource_types: &[Arc<ResourceType>],
        ids: &[&str],
    ) -> Result<Vec<Option<usize>>, StoreError> {
        let mut queries = Vec::with_capacity(resource_types.len());
        for resource_type in resource_types {
            let (_, table) = self.table(resource_type)?;
            let tenant = table.tenant(context)?;
            let mut query = table.ids(tenant.as_ref());
            table.push_ids(&mut query, ids.iter().copied());
            queries.push(query);
        }
        self.read(Locate { owner: context.tenant().clone(), queries, ids: ids.iter().map(|id| (*id).into()).collect() })
            .await
    }
}

impl<D: Database, H: Hooks> TableStore<D, H> {
    async fn read<W: super::database::Work>(&self, work: W) -> Result<W::Output, StoreError> {
        self.database.read(work).await.map_err(|failed| failed.error)
    }
}
