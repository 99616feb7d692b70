//! A batch of changes as one transaction: the preconditions of each change, its writes, and the hooks of the host.

use std::sync::Arc;

use super::{
    super::{
        comparable::comparable as comparable_text,
        counted::Counted,
        database::{Session, Work},
        statement::{Dialect, Statement},
    },
    hooks::{DocumentHooks, Taken},
    references::Held,
    spent::{of_commit, of_written, rates},
    tables::{KindTable, Tables, claim, comparable, shared_value, unique_value},
    tally::Balance,
};
use crate::{
    event::Event,
    resource::{Resource, UniqueKey},
    schema::{AttributeId, ResourceType},
    store::{
        Change, ChangeOutcome, CommitError, Entry, ListEdit, Replacement, RequestContext, StoreError, TenantId, Version,
    },
    value::{Object, Value},
};

/// A batch to be written.
pub(super) struct Commit<H> {
    pub(super) tables: Arc<Tables>,
    pub(super) hooks: Arc<H>,
    pub(super) context: RequestContext,
    pub(super) batch: Vec<Change>,
    /// The units that the batch may cost, not counting its last change.
    pub(super) room: u64,
}

impl<H: DocumentHooks> Work for Commit<H> {
    /// The results of the changes, and the units that the batch has cost.
    type Output = (Vec<ChangeOutcome>, u64);

    fn tenant(&self) -> Option<&TenantId> {
        Some(self.context.tenant())
    }

    async fn run<S: Session>(&self, session: &mut S) -> Result<(Vec<ChangeOutcome>, u64), CommitError> {
        let dialect = session.dialect();
        let session = &mut Counted::new(session, rates(dialect));
        session.spend(of_commit(dialect));
        let mut all = Vec::with_capacity(self.batch.len());
        let mut balance = Balance::default();
        for (index, change) in self.batch.iter().enumerate() {
            let failed = |error| CommitError::new(index, error);
            if index > 0 && session.units > self.room {
                return Err(failed(StoreError::TooMany));
            }
            let earlier = session.units;
            match change {
                Change::Create(entry) => session.spend(of_written(dialect, &entry.resource, None)),
                Change::Replace(Replacement { entry, before, .. }) => {
                    session.spend(of_written(dialect, &entry.resource, Some(&**before)));
                }
                _ => {}
            }
            match self.one(session, change, &mut balance).await {
                Ok(done) => all.push(done),
                Err(error) => {
                    // The core does a change again after a lost race: the attempts do not exhaust the request. The core also
                    // commits the earlier changes again, without this one.
                    if !matches!(error, StoreError::Busy)
                        && let Some(spent) = self.context.spent()
                    {
                        spent.write(session.units.saturating_sub(earlier));
                    }
                    return Err(failed(error));
                }
            }
        }
        // Last, so that other commits wait for these rows as briefly as possible.
        balance.write(session, self.context.tenant()).await?;
        Ok((all, session.units))
    }
}

/// A row of `resource`, locked until the commit.
struct Locked {
    version: Version,
    modified: Option<String>,
    places: i64,
    /// The size of the comparable document.
    bytes: i64,
    /// A new version, which no process has issued before.
    next: Version,
}

impl<H: DocumentHooks> Commit<H> {
    /// Does a change, with the hooks of the host.
    async fn one<S: Session>(
        &self,
        session: &mut Counted<'_, S>,
        change: &Change,
        balance: &mut Balance,
    ) -> Result<ChangeOutcome, StoreError> {
        self.hooks.before(session, &self.context, change).await?;
        let done = self.apply(session, change, balance).await?;
        if let Some(event) = Event::of(&self.context, change, &done) {
            self.hooks.after(session, &self.context, change, &done, &event).await?;
        }
        Ok(done)
    }

    async fn apply<S: Session>(
        &self,
        session: &mut Counted<'_, S>,
        change: &Change,
        balance: &mut Balance,
    ) -> Result<ChangeOutcome, StoreError> {
        let table = self.tables.find(change.resource_type())?;
        let version = match change {
            Change::Create(entry) => self.create(session, table, entry, balance).await?,
            Change::Replace(Replacement { entry, .. }) => {
                let locked = self.lock(session, change, "NO KEY UPDATE").await?;
                self.replace(session, table, entry, &locked, balance).await?;
                locked.next
            }
            Change::Delete(_) => {
                let locked = self.lock(session, change, "UPDATE").await?;
                balance.add(change.resource_type().name(), -1, locked.bytes.saturating_neg());
                self.delete(session, change.id(), &locked.next, balance).await?;
                return Ok(ChangeOutcome::deleted());
            }
            Change::EditValues(edit) => return self.edit(session, table, change, edit, balance).await,
        };
        Ok(ChangeOutcome::written(version))
    }

    /// Edits a list of references. `change` is the change with this edit.
    async fn edit<S: Session>(
        &self,
        session: &mut Counted<'_, S>,
        table: &KindTable,
        change: &Change,
        ListEdit { resource_type, id, attribute, edit, modified, .. }: &ListEdit,
        balance: &mut Balance,
    ) -> Result<ChangeOutcome, StoreError> {
        let locked = self.lock(session, change, "NO KEY UPDATE").await?;
        let list = table.list(*attribute)?;
        let mut held = Held { tenant: self.context.tenant(), resource_type, holder: id, list, next: locked.places };
        let effect = held.edit(session, edit).await?;
        if effect.is_empty() {
            return Ok(ChangeOutcome::kept(locked.version));
        }
        balance.add_references(count(effect.add.len()).saturating_sub(count(effect.remove.len())));
        // The clocks of several machines differ; the modification time of a resource must not go backward.
        let modified = modified_text(resource_type, &Value::DateTime(*modified)).max(locked.modified);
        let mut update = Statement::new(session.dialect());
        update.push("UPDATE resource SET version = ").bind(locked.next.as_str()).push(", modified = ");
        update.bind_optional(modified.as_deref());
        update.push(", places = ").bind(held.next);
        self.of_resource(&mut update, id);
        session.execute(&update).await?;
        Ok(ChangeOutcome::written(locked.next).with_edit(effect))
    }

    /// Finds the row of the resource, checks the precondition of the change, and locks the row until the commit.
    /// SQLite has only one writer at a time and needs no lock.
    async fn lock<S: Session>(&self, session: &mut S, change: &Change, strength: &str) -> Result<Locked, StoreError> {
        let mut query = Statement::new(session.dialect());
        query.push("SELECT version, modified, places, bytes, ").push(session.dialect().random_text());
        query.push(" FROM resource");
        self.of_resource(&mut query, change.id()).push(" AND kind = ").bind(change.resource_type().name());
        if session.dialect() == Dialect::Postgres {
            query.push(" FOR ").push(strength);
        }
        // PostgreSQL has no text with a NUL character, so no resource has that id.
        let is_text = !change.id().contains('\0');
        let found = if is_text { session.rows(&query).await?.pop() } else { None };
        let Some(mut row) = found else { return Err(StoreError::NotFound) };
        let locked = Locked {
            version: Version::new(row.required_text(0)?).map_err(StoreError::backend)?,
            modified: row.text(1)?,
            places: row.required_integer(2)?,
            bytes: row.required_integer(3)?,
            next: Version::new(row.required_text(4)?).map_err(StoreError::backend)?,
        };
        change.check(Some(&locked.version))?;
        Ok(locked)
    }

    async fn create<S: Session>(
        &self,
        session: &mut Counted<'_, S>,
        table: &KindTable,
        entry: &Entry,
        balance: &mut Balance,
    ) -> Result<Version, StoreError> {
        let resource = &*entry.resource;
        let (document, comparable_document) = table.documents(resource)?;
        let bytes = count(comparable_document.len());
        balance.add(resource.resource_type().name(), 1, bytes);
        let mut insert = Statement::new(session.dialect());
        insert.push("INSERT INTO resource (tenant, id, kind, version, modified, places, bytes, document, comparable) ");
        insert.push("VALUES (");
        insert.bind(self.context.tenant().as_str()).push(", ").bind(resource.id()).push(", ");
        insert.bind(resource.resource_type().name()).push(", ").push(session.dialect().random_text()).push(", ");
        insert.bind_optional(modified_of(resource).as_deref());
        insert.push(", ").bind(room(table, resource)).push(", ").bind(bytes).push(", ");
        insert.bind(document).push(", ");
        comparable(&mut insert, comparable_document);
        insert.push(") ON CONFLICT DO NOTHING RETURNING version");
        let Some(mut row) = session.rows(&insert).await?.pop() else {
            return Err(StoreError::NotUnique { attribute: AttributeId::ID });
        };
        session.count_written(1);
        self.claim(session, resource, &self.keys(entry)).await?;
        self.set_lists(session, table, entry, 0, balance).await?;
        Version::new(row.required_text(0)?).map_err(StoreError::backend)
    }

    async fn replace<S: Session>(
        &self,
        session: &mut Counted<'_, S>,
        table: &KindTable,
        entry: &Entry,
        locked: &Locked,
        balance: &mut Balance,
    ) -> Result<(), StoreError> {
        let (resource, places) = (&*entry.resource, locked.places);
        let (document, comparable_document) = table.documents(resource)?;
        let bytes = count(comparable_document.len());
        balance.add(resource.resource_type().name(), 0, bytes.saturating_sub(locked.bytes));
        self.keep_keys(session, resource, &self.keys(entry)).await?;
        let mut update = Statement::new(session.dialect());
        update.push("UPDATE resource SET version = ").bind(locked.next.as_str()).push(", modified = ");
        update.bind_optional(modified_of(resource).as_deref());
        update.push(", places = ").bind(places.saturating_add(room(table, resource)));
        update.push(", bytes = ").bind(bytes).push(", document = ").bind(document).push(", comparable = ");
        comparable(&mut update, comparable_document);
        self.of_resource(&mut update, resource.id());
        session.execute(&update).await?;
        self.set_lists(session, table, entry, places, balance).await
    }

    async fn delete<S: Session>(
        &self,
        session: &mut S,
        id: &str,
        version: &Version,
        balance: &mut Balance,
    ) -> Result<(), StoreError> {
        let dialect = session.dialect();
        let tenant = self.context.tenant().as_str();
        if dialect == Dialect::Postgres {
            // A fixed order prevents a deadlock of two deletions.
            let mut lock = Statement::new(dialect);
            lock.push("SELECT count(*) FROM (SELECT id FROM resource WHERE tenant = ").bind(tenant);
            lock.push(" AND id IN (SELECT holder FROM member WHERE tenant = ").bind(tenant).push(" AND value = ");
            lock.bind(id).push(") ORDER BY id FOR NO KEY UPDATE) AS r");
            session.rows(&lock).await?;
        }
        // Each referrer gets a new version, so that no client mistakes a stale copy for current; its modification
        // time stays.
        let mut holders = Statement::new(dialect);
        holders.push("UPDATE resource SET version = ").bind(version.as_str()).push(" WHERE tenant = ").bind(tenant);
        holders.push(" AND id IN (SELECT holder FROM member WHERE tenant = ").bind(tenant).push(" AND value = ");
        holders.bind(id).push(")");
        session.execute(&holders).await?;
        for (sql, column) in [
            ("DELETE FROM member", "value"),
            ("DELETE FROM member", "holder"),
            ("DELETE FROM unique_key", "id"),
            ("DELETE FROM resource", "id"),
        ] {
            let mut delete = Statement::new(dialect);
            delete.push(sql).push(" WHERE tenant = ").bind(tenant).push(" AND ").push(column).push(" = ").bind(id);
            let deleted = session.execute(&delete).await?;
            if sql == "DELETE FROM member" {
                balance.add_references(i64::try_from(deleted).unwrap_or(i64::MAX).saturating_neg());
            }
        }
        Ok(())
    }

    /// Stores the reference lists of a resource, except those that the entry keeps; `places` is the position of
    /// the next value.
    async fn set_lists<S: Session>(
        &self,
        session: &mut Counted<'_, S>,
        table: &KindTable,
        entry: &Entry,
        places: i64,
        balance: &mut Balance,
    ) -> Result<(), StoreError> {
        let resource = &*entry.resource;
        let (tenant, resource_type, holder) = (self.context.tenant(), resource.resource_type(), resource.id());
        let mut next = places;
        for list in table.lists.iter().filter(|list| !entry.kept.contains(&list.attribute)) {
            let elements = elements(resource, list.attribute);
            // If no value ever had a position, there is nothing to delete.
            if places > 0 || !elements.is_empty() {
                let mut held = Held { tenant, resource_type, holder, list, next };
                balance.add_references(held.set(session, elements).await?);
                next = held.next;
            }
        }
        Ok(())
    }

    /// Claims the unique values of a resource: the insertion inserts no row if another resource has claimed the
    /// value first.
    async fn claim<S: Session>(
        &self,
        session: &mut S,
        resource: &Resource,
        keys: &[UniqueKey],
    ) -> Result<(), StoreError> {
        for key in keys {
            let value = unique_value(&key.folded);
            let insert = claim(session.dialect(), self.context.tenant().as_str(), resource, key.attribute, value);
            if session.execute(&insert).await? > 0 {
                continue;
            }
            if self.hooks.taken(session, &self.context, resource, key).await? == Taken::Refused {
                return Err(StoreError::NotUnique { attribute: key.attribute });
            }
            let value = shared_value(resource.id(), &key.folded);
            let insert = claim(session.dialect(), self.context.tenant().as_str(), resource, key.attribute, value);
            session.execute(&insert).await?;
        }
        Ok(())
    }

    /// Claims new unique values, and frees those that the resource no longer has.
    async fn keep_keys<S: Session>(
        &self,
        session: &mut S,
        resource: &Resource,
        keys: &[UniqueKey],
    ) -> Result<(), StoreError> {
        let resource_type = resource.resource_type();
        let mut query = Statement::new(session.dialect());
        query.push("SELECT attribute, value FROM unique_key WHERE tenant = ").bind(self.context.tenant().as_str());
        query.push(" AND id = ").bind(resource.id());
        let rows = session.rows(&query).await?;
        let had = rows.into_iter().map(|mut row| Ok((row.required_text(0)?, row.required_text(1)?)));
        let had = had.collect::<Result<Vec<_>, StoreError>>()?;
        let names = |key: &UniqueKey| {
            let values = [unique_value(&key.folded), shared_value(resource.id(), &key.folded)];
            values.map(|value| (resource_type.path(key.attribute), value))
        };
        let has: Vec<(String, String)> = keys.iter().flat_map(names).collect();
        for (attribute, value) in had.iter().filter(|key| !has.contains(key)) {
            let mut delete = Statement::new(session.dialect());
            delete.push("DELETE FROM unique_key WHERE tenant = ").bind(self.context.tenant().as_str());
            delete.push(" AND kind = ").bind(resource_type.name()).push(" AND attribute = ").bind(attribute.as_str());
            delete.push(" AND value = ").bind(value.as_str());
            session.execute(&delete).await?;
        }
        let is_new = |key: &&UniqueKey| !names(key).iter().any(|name| had.contains(name));
        let new: Vec<UniqueKey> = keys.iter().filter(is_new).cloned().collect();
        self.claim(session, resource, &new).await
    }

    /// The values that the resource claims: those that its type declares unique, and those that the host adds.
    fn keys(&self, entry: &Entry) -> Vec<UniqueKey> {
        entry.unique.iter().cloned().chain(self.hooks.claims(&entry.resource)).collect()
    }

    /// Ends a statement with the condition for the row of a resource.
    fn of_resource<'a>(&self, statement: &'a mut Statement, id: &str) -> &'a mut Statement {
        statement.push(" WHERE tenant = ").bind(self.context.tenant().as_str()).push(" AND id = ").bind(id)
    }
}

fn elements(resource: &Resource, list: AttributeId) -> &[Value] {
    resource.root().get(list).map(Value::elements).unwrap_or_default()
}

/// The maximum number of positions that the lists of a resource take.
fn room(table: &KindTable, resource: &Resource) -> i64 {
    let elements = table.lists.iter().map(|list| elements(resource, list.attribute).len()).sum::<usize>();
    count(elements)
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// The text by which a resource's `meta.lastModified` is compared.
fn modified_of(resource: &Resource) -> Option<String> {
    let meta = resource.root().get(AttributeId::META).and_then(Value::as_object);
    modified_text(resource.resource_type(), meta.and_then(|meta: &Object| meta.get(AttributeId::META_LAST_MODIFIED))?)
}

fn modified_text(resource_type: &ResourceType, time: &Value) -> Option<String> {
    comparable_text(resource_type, AttributeId::META_LAST_MODIFIED, time)
}
