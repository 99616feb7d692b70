//! A [`Store`] with the resources in tables, on SQLite and on PostgreSQL: a template for other stores.
//!
//! A resource is a row with its JSON. The values of its reference lists, such as the members of a group, are
//! separate rows, and so are its unique values: the cost of a change depends on the change. All access is SQL by
//! way of [`Statement`]; only [`Database`] knows which of the two databases runs it.

pub(crate) mod assignments;
mod charge;
mod commit;
mod group_name;
mod indexes;
mod outbox;
mod people;
pub(crate) mod references;
pub(crate) mod release;
mod select;
mod spent;
mod statistics;
mod tables;
mod tally;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use scim_core::{
    filter::Condition,
    resource::Resource,
    schema::{Registry, Relation, ResourceType},
    sql::Statement,
    store::{
        Capabilities, Change, ChangeOutcome, CommitError, Key, ListEdit, Page, Pushdown, Referrer, Replacement,
        RequestContext, RequestedAttributes, Scan, Store, StoreError, Stored, Window,
    },
    value::Value,
};

use self::{
    charge::charge_rows,
    commit::Commit,
    select::{PageQuery, Queries, Select},
    statistics::Growth,
    tables::Tables,
};
pub use self::{
    outbox::{OutboxRow, outbox},
    spent::Spent,
};
pub(crate) use self::{tables::unique_value, tally::total};
use crate::{
    database::{Cell, Database, Found, OpenError, Reading, Reads, Row, Rows, Shape},
    provisioning::RequestNotes,
};

/// The store of resources in tables.
#[derive(Clone, Debug)]
pub struct TableStore {
    database: Database,
    tables: Arc<Tables>,
    growth: Arc<Growth>,
}

/// The bytes of rows that are parsed as resources without a pause, which takes some milliseconds.
const STRETCH: usize = 512 << 10;

impl TableStore {
    /// The maximum number of changes in one commit.
    pub const MAX_BATCH: usize = 1_000;

    /// Opens the store for the resource types of `registry` in `database`. Creates the indexes that their
    /// attributes need, and rebuilds derived data where other rules produced it.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or has resources that the registry does not allow.
    pub async fn open(database: Database, registry: &Registry) -> Result<Self, OpenError> {
        let tables = Arc::new(Tables::new(registry, database.dialect()));
        tables::prepare(&database, &tables).await?;
        Ok(Self { database, tables, growth: Arc::new(Growth::new()) })
    }

    /// The beginning of every query for resources of a type.
    fn select<'a>(&'a self, resource_type: &'a Arc<ResourceType>) -> Result<Select<'a>, StoreError> {
        Ok(Select { table: self.tables.find(resource_type)?, resource_type, dialect: self.database.dialect() })
    }

    /// Runs a query of the program itself, whose cost depends on the rows that it names. Returns all its rows, or
    /// the error [`StoreError::TooMany`].
    async fn look_up(&self, context: &RequestContext, query: Statement, keep: Rows) -> Result<Vec<Row>, StoreError> {
        let owner = Some(context.tenant().clone());
        let (queries, last) = (vec![query], None);
        let reading = Reading { queries, last, lane: Reads::LookUps, owner, shape: Shape::Own, keep };
        let found = self.database.run(reading).await?;
        if found.is_cut { Err(StoreError::TooMany) } else { Ok(found.rows.into_iter().flatten().collect()) }
    }
}

/// The rows of resources that are kept.
fn keep(requested: &RequestedAttributes<'_>) -> Rows {
    requested.byte_limit().map_or_else(Rows::default, Rows::within)
}

/// The approximate number of rows that a batch adds.
fn rows_of(batch: &[Change]) -> u64 {
    let rows = batch.iter().map(|change| match change {
        Change::Create(entry) | Change::Replace(Replacement { entry, .. }) => {
            let resource = &*entry.resource;
            let lists = resource.resource_type().reference_lists().iter();
            1 + lists.map(|list| resource.root().get(*list).map_or(0, |list| list.elements().len())).sum::<usize>()
        }
        Change::EditValues(ListEdit { edit, .. }) => edit.add.len(),
        _ => 0,
    });
    u64::try_from(rows.sum::<usize>()).unwrap_or(u64::MAX)
}

impl Store for TableStore {
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
        let spent = context.host::<RequestNotes>().map(|notes| &notes.spent);
        if spent.is_some_and(|spent| !spent.may_read()) {
            return Err(StoreError::TooMany);
        }
        let found = self.look_up(context, query, keep(requested)).await?;
        let Some(row) = found.into_iter().next() else { return Ok(None) };
        if let Some(spent) = spent {
            let lists = row.text_size(select::DOCUMENT + 1);
            spent.read(row.text_size(select::DOCUMENT).saturating_sub(lists), lists);
        }
        select.stored(row, requested).map(Some)
    }

    async fn scan(&self, context: &RequestContext, scan: &Scan<'_>) -> Result<Page, StoreError> {
        let select = self.select(scan.resource_type)?;
        self.charge_scan(context, scan, &select).await?;
        let (lane, shape) = (Reads::of(scan), Shape::of(scan));
        let Queries { count, page } = select.page(context, scan)?;
        let counts = count.is_some();
        let (queries, last) = match page {
            PageQuery::One(page) => (count.into_iter().chain([page]).collect(), None),
            PageQuery::Either(choice) => (count.into_iter().collect(), Some(choice)),
        };
        let owner = Some(context.tenant().clone());
        // A list of short values takes about twice the bytes of its row once it is part of a resource.
        let keep = keep(scan.requested).doubled_from(select::DOCUMENT + 1);
        let reading = Reading { queries, last, lane, owner, shape, keep };
        let Found { rows, is_cut } = self.database.run(reading).await?;
        let mut found = rows.into_iter();
        let total = if counts { found.next().and_then(|rows| rows.into_iter().next()) } else { None };
        let (mut rows, more) = scim_core::sql::page(found.next().unwrap_or_default(), scan.window);
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
                tokio::task::yield_now().await;
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
        let spent = context.host::<RequestNotes>().map(|notes| &notes.spent);
        let Some(room) = spent.map_or(Some(u64::MAX), Spent::left) else {
            return Err(CommitError::new(0, StoreError::TooMany));
        };
        // Resources are shared, so the copy is cheap.
        let commit = Commit { tables: Arc::clone(&self.tables), context: context.clone(), batch: batch.to_vec(), room };
        let (done, units) = self.database.write(commit).await?;
        if let Some(spent) = spent {
            spent.write(units);
        }
        self.growth.note(&self.database, rows_of(batch));
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
