//! A [`Store`] with tables of its own, for a host that has no tables of users and groups: on SQLite and on PostgreSQL.
//!
//! A resource is a row with its JSON. The values of its reference lists, such as the members of a group, are
//! separate rows, and so are its unique values: the cost of a change depends on the change. All access is SQL by
//! way of [`Statement`]; only the host's [`Database`] knows which of the two databases runs it.
//!
//! `tables` describes the rows, and `migration`, `index_sql` and `prepare` make them. `select` and `read` have the queries,
//! and `commit` and `references` the changes. `charge` charges a scan before the scan begins, by the numbers that `tally`
//! keeps, and `spent` charges a commit.

mod charge;
mod commit;
mod hooks;
mod index_sql;
mod indexes;
mod migration;
mod prepare;
mod read;
mod references;
mod select;
mod spent;
mod statistics;
mod tables;
mod tally;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use self::{
    charge::{charge_rows, charge_scan},
    commit::Commit,
    prepare::Prepare,
    read::{Found, Reading},
    select::{PageQuery, Queries, Select},
    tables::Tables,
};
pub use self::{
    hooks::{DocumentHooks, Taken},
    tables::{shared_value, unique_value},
    tally::{Balance, total},
};
use super::{
    database::{Cell, Database, Reads, Row, Rows, Shape},
    hooks::NoHooks,
    order::page,
    statement::{Dialect, Statement},
};
use crate::{
    filter::Condition,
    limits::{Spent, yield_now},
    resource::Resource,
    schema::{Registry, Relation, ResourceType},
    store::{
        Capabilities, Change, ChangeOutcome, CommitError, Key, Page, Pushdown, Referrer, RequestContext,
        RequestedAttributes, Scan, Store, StoreError, Stored, Window,
    },
    value::Value,
};

/// A store with tables of its own: for a host without tables of users and groups, or with tables that only follow SCIM.
/// For a host whose own tables have the users, choose a [`TableStore`](super::TableStore).
///
/// The host's migration executes [`DocumentStore::migrations`] once. Then [`DocumentStore::open`] makes the indexes of the
/// registered types, and the store. The names of the tables must be free in the schema of the connection. The host reads
/// the tables in its own queries, and joins its own tables by the column `id`. The host writes only its own tables, in the
/// transaction of each commit, by [hooks](super::Hooks). Two exceptions are documented: [`unique_value`] for claims of the
/// host's own rows, and [`Balance`] for the deletion of a whole tenant.
///
///
/// | table | a row is |
/// | --- | --- |
/// | `resource` | a resource without its lists of references: its JSON in `document`, and the text that filters compare |
/// | `member` | a value of a list of references: `holder` is the id of the resource, `value` the id that it refers to |
/// | `unique_key` | a unique value: the insert claims it for the resource with the `id` |
/// | `tally` | a part of the number of a tenant's resources of a type |
/// | `element` | an e-mail address in a document, for look-ups in SQLite; triggers write it |
/// | `setting` | the rules that made the derived data |
///
/// The store charges the work of the database to the request:
///
/// - A search costs the resources that it reads, by the terms of its filter and the bytes that each term compares. The
///   store knows these numbers from `tally`. A look-up by an index costs next to nothing. If the request cannot pay for
///   the search within [`Limits::work`](crate::limits::Limits::work), the search does not begin and fails with
///   [`TooMany`](StoreError::TooMany).
/// - A commit costs its statements, the rows that they write, and the bytes and values of its resources. A single operation
///   is always completed. A request with several operations ends with [`TooMany`](StoreError::TooMany) when they have cost
///   10,000,000 units, about a second of the database's time.
///
/// The database is SQLite 3.45 or later, or PostgreSQL 13 or later. Set a timeout of statements in the database, too.
///
/// ```
/// use scim_core::{
///     schema::Registry, sql::{Dialect, DocumentStore, database::Database}, store::StoreError,
/// };
///
/// async fn store<D: Database>(database: D) -> Result<DocumentStore<D>, StoreError> {
///     DocumentStore::open(database, &Registry::standard()).await
/// }
///
/// for statement in DocumentStore::<()>::migrations(Dialect::Postgres) {
///     println!("{statement};");
/// }
/// ```
pub struct DocumentStore<D, H = NoHooks> {
    database: D,
    tables: Arc<Tables>,
    hooks: Arc<H>,
}

impl<D: fmt::Debug, H: fmt::Debug> fmt::Debug for DocumentStore<D, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DocumentStore")
            .field("database", &self.database)
            .field("hooks", &self.hooks)
            .finish_non_exhaustive()
    }
}

impl<D: Clone, H> Clone for DocumentStore<D, H> {
    fn clone(&self) -> Self {
        Self { database: self.database.clone(), tables: Arc::clone(&self.tables), hooks: Arc::clone(&self.hooks) }
    }
}

/// The bytes of rows that are parsed as resources without a pause, which takes some milliseconds.
const STRETCH: usize = 512 << 10;

impl<D> DocumentStore<D> {
    /// The statements that the host's migration executes, once: the tables, without the indexes that depend on the
    /// registered types. Each can be executed again without harm.
    pub fn migrations(dialect: Dialect) -> Vec<String> {
        migration::statements(dialect)
    }
}

impl<D: Database> DocumentStore<D> {
    /// Opens the store for the resource types of `registry`: [`open_with`](Self::open_with) without hooks.
    ///
    /// # Errors
    ///
    /// Those of `open_with`.
    pub async fn open(database: D, registry: &Registry) -> Result<Self, StoreError> {
        Self::open_with(database, registry, NoHooks).await
    }
}

impl<D, H> DocumentStore<D, H> {
    /// The maximum number of changes in one commit.
    pub const MAX_BATCH: usize = 1_000;

    /// The host's database.
    pub fn database(&self) -> &D {
        &self.database
    }
}

impl<D: Database, H: DocumentHooks> DocumentStore<D, H> {
    /// Opens the store for the resource types of `registry`, with the host's hooks in the transaction of each commit.
    /// Creates the indexes that the attributes need, and derives data again that was made by other rules: after a change of
    /// a schema, of the [representation](super::representation), or of the [host's rules](DocumentHooks::form). This takes
    /// some minutes for a million resources; other writers wait.
    ///
    /// # Errors
    ///
    /// When the database does not answer, lacks the tables of [`migrations`](DocumentStore::migrations), or has resources
    /// that the registry does not allow.
    pub async fn open_with(database: D, registry: &Registry, hooks: H) -> Result<Self, StoreError> {
        let tables = Arc::new(Tables::new(registry, database.dialect()));
        let hooks = Arc::new(hooks);
        let prepare = Prepare { tables: Arc::clone(&tables), hooks: Arc::clone(&hooks) };
        database.write(prepare).await.map_err(|failed| failed.error)?;
        Ok(Self { database, tables, hooks })
    }

    /// The beginning of every query for resources of a type.
    fn select<'a>(&'a self, resource_type: &'a Arc<ResourceType>) -> Result<Select<'a>, StoreError> {
        Ok(Select { table: self.tables.find(resource_type)?, resource_type, dialect: self.database.dialect() })
    }

    /// Runs a query of the store itself, whose cost depends on the rows that it names. Returns all its rows, or
    /// the error [`StoreError::TooMany`].
    async fn look_up(&self, context: &RequestContext, query: Statement, keep: Rows) -> Result<Vec<Row>, StoreError> {
        let found = Reading::of(query, context.tenant(), keep).run(&self.database).await?;
        if found.is_cut { Err(StoreError::TooMany) } else { Ok(found.rows.into_iter().flatten().collect()) }
    }
}

/// The rows of resources that are kept.
fn keep(requested: &RequestedAttributes<'_>) -> Rows {
    requested.byte_limit().map_or_else(Rows::default, Rows::within)
}

impl<D: Database, H: DocumentHooks> Store for DocumentStore<D, H> {
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
        let table = self.tables.find(resource_type);
        table.map_or(Pushdown::No, |table| table.mapping.pushdown(self.database.dialect(), conjunct))
    }

    async fn get(
        &self,
        context: &RequestContext,
        key: Key<'_>,
        requested: &RequestedAttributes<'_>,
    ) -> Result<Option<Stored>, StoreError> {
        // PostgreSQL has no text with a NUL character, so no resource has that id.
        if key.id.contains('\0') {
            return Ok(None);
        }
        let select = self.select(key.resource_type)?;
        let mut query = select.resources(context, requested);
        query.push(" AND r.id = ").bind(key.id);
        let spent = context.spent();
        if spent.is_some_and(|spent| !spent.may_read()) {
            return Err(StoreError::TooMany);
        }
        let found = self.look_up(context, query, keep(requested)).await?;
        let Some(row) = found.into_iter().next() else { return Ok(None) };
        if let Some(spent) = spent {
            let lists = row.text_size(select::DOCUMENT + 1);
            spent.read(spent::of_read(row.text_size(select::DOCUMENT).saturating_sub(lists), lists));
        }
        select.stored(row, requested).map(Some)
    }

    async fn scan(&self, context: &RequestContext, scan: &Scan<'_>) -> Result<Page, StoreError> {
        let select = self.select(scan.resource_type)?;
        charge_scan(&self.database, context, scan, &select).await?;
        let (reads, shape) = (Reads::of(scan), Shape::of(scan));
        let Queries { count, page: query } = select.page(context, scan)?;
        let counts = count.is_some();
        let (queries, last) = match query {
            PageQuery::One(query) => (count.into_iter().chain([query]).collect(), None),
            PageQuery::Either(choice) => (count.into_iter().collect(), Some(choice)),
        };
        let tenant = context.tenant().clone();
        // A list of short values takes about twice the bytes of its row once it is part of a resource.
        let keep = keep(scan.requested).doubled_from(select::DOCUMENT + 1);
        let reading = Reading { queries, last, reads, shape, tenant, keep };
        let Found { rows, is_cut } = reading.run(&self.database).await?;
        let mut found = rows.into_iter();
        let total = if counts { found.next().and_then(|rows| rows.into_iter().next()) } else { None };
        let (mut rows, more) = page(found.next().unwrap_or_default(), scan.window);
        charge_rows(context, rows.iter().map(Row::size).sum())?;
        let mut more = more || is_cut;
        // The resource nearest to the position comes first, and the farthest ones are left out.
        let is_backward = matches!(scan.window, Window::Before { .. });
        if is_backward {
            rows.reverse();
        }
        let mut items = Vec::with_capacity(rows.len());
        let mut read = 0;
        let mut room = scan.requested.byte_limit().unwrap_or(usize::MAX);
        for row in rows {
            read += row.size();
            if read > STRETCH {
                // Lets other tasks of the thread run.
                yield_now().await;
                read = 0;
            }
            let stored = select.stored(row, scan.requested)?;
            let left = room.checked_sub(stored.resource.size());
            if left.is_none() && !items.is_empty() {
                more = true;
                break;
            }
            room = left.unwrap_or_default();
            items.push(stored);
        }
        if is_backward {
            items.reverse();
        }
        let total = total.map(|row| row.required_integer(0)).transpose()?.and_then(|total| u64::try_from(total).ok());
        Ok(Page::new(items, total, more))
    }

    async fn commit(&self, context: &RequestContext, batch: &[Change]) -> Result<Vec<ChangeOutcome>, CommitError> {
        if batch.len() > Self::MAX_BATCH {
            return Err(CommitError::new(Self::MAX_BATCH, StoreError::TooMany));
        }
        let spent = context.spent();
        let Some(room) = spent.map_or(Some(u64::MAX), Spent::left) else {
            return Err(CommitError::new(0, StoreError::TooMany));
        };
        let (tables, hooks) = (Arc::clone(&self.tables), Arc::clone(&self.hooks));
        // Resources are shared, so the copy is cheap.
        let commit = Commit { tables, hooks, context: context.clone(), batch: batch.to_vec(), room };
        let (done, units) = self.database.write(commit).await?;
        if let Some(spent) = spent {
            spent.write(units);
        }
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
        let select = self.select(relation.referrer())?;
        let (resource_type, display) = (Arc::clone(select.resource_type), relation.display());
        // Only the name of a document is kept. The document of a referrer that occurs several times is parsed
        // once.
        let names = Mutex::<HashMap<String, Option<String>>>::default();
        let keep = Rows::within(bytes).shortened(move |row| {
            let mut names = names.lock().unwrap_or_else(PoisonError::into_inner);
            let id = row.required_text(1)?;
            let name = if let Some(name) = names.get(&id) {
                name.clone()
            } else {
                let resource = Resource::from_json(&resource_type, row.required_text(2)?.as_bytes())
                    .map_err(StoreError::backend)?;
                let name = resource.value(display).and_then(Value::as_str).map(str::to_owned);
                names.insert(id.clone(), name.clone());
                name
            };
            row.set(1, Cell::Text(id));
            row.set(2, name.map_or(Cell::Null, Cell::Text));
            Ok(())
        });
        let found = self.look_up(context, select.referrers(context, relation, ids)?, keep).await?;
        let referrer = |mut row: Row| {
            let (value, id, display) = (row.required_text(0)?, row.required_text(1)?, row.text(2)?);
            Ok(Referrer::new(value, id, display.map(Into::into)))
        };
        found.into_iter().map(referrer).collect()
    }

    async fn get_many(
        &self,
        context: &RequestContext,
        resource_type: &Arc<ResourceType>,
        ids: &[&str],
        requested: &RequestedAttributes<'_>,
    ) -> Result<Vec<Option<Arc<Resource>>>, StoreError> {
        let select = self.select(resource_type)?;
        let mut keep = keep(requested);
        if let Some(attributes) = requested.attributes() {
            let (resource_type, attributes) = (Arc::clone(resource_type), attributes.to_vec());
            keep = keep.shortened(move |row| {
                let part = select::part(&resource_type, &row.required_text(select::DOCUMENT)?, &attributes)?;
                row.set(select::DOCUMENT, Cell::Text(part));
                Ok(())
            });
        }
        let rows = self.look_up(context, select.many(context, ids, requested), keep).await?;
        let mut found = HashMap::with_capacity(ids.len());
        for row in rows {
            let resource = select.stored(row, requested)?.resource;
            found.insert(resource.id().to_owned(), resource);
        }
        Ok(ids.iter().map(|id| found.get(*id).cloned()).collect())
    }

    async fn locate(
        &self,
        context: &RequestContext,
        resource_types: &[Arc<ResourceType>],
        ids: &[&str],
    ) -> Result<Vec<Option<usize>>, StoreError> {
        let query = references::resource_types(self.database.dialect(), context.tenant(), ids.iter().copied());
        let found = references::by_id(self.look_up(context, query, Rows::default()).await?)?;
        let position = |id: &&str| {
            resource_types
                .iter()
                .position(|resource_type| Some(resource_type.name()) == found.get(*id).map(String::as_str))
        };
        Ok(ids.iter().map(position).collect())
    }
}
