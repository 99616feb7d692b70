//! A batch of changes as one transaction.

use std::sync::Arc;

use super::{
    edits::Held,
    forget,
    insertion::Failure,
    remove, spent,
    tables::{Tables, TypeTable},
    write::{self, Locked},
};
use crate::{
    event::Event,
    schema::AttributeId,
    sql::{
        counted::Counted,
        database::{Session, Work},
        hooks::Hooks,
        statement::Param,
    },
    store::{Change, ChangeOutcome, CommitError, Entry, ListEdit, Replacement, RequestContext, StoreError, TenantId},
    value::Value,
};

/// A batch to be written.
pub(super) struct Commit<H> {
    pub(super) tables: Arc<Tables>,
    pub(super) hooks: Arc<H>,
    pub(super) context: RequestContext,
    pub(super) batch: Vec<Change>,
    /// The units that the changes may cost, not counting the last of them.
    pub(super) room: u64,
}

impl<H: Hooks> Work for Commit<H> {
    type Output = Vec<ChangeOutcome>;

    fn tenant(&self) -> Option<&TenantId> {
        Some(self.context.tenant())
    }

    async fn run<S: Session>(&self, session: &mut S) -> Result<Vec<ChangeOutcome>, CommitError> {
        let rates = spent::rates(session.dialect());
        let session = &mut Counted::new(session, rates);
        let mut all = Vec::with_capacity(self.batch.len());
        for (index, change) in self.batch.iter().enumerate() {
            let before = session.units;
            if index > 0 && before > self.room {
                // Nothing is counted: the core commits the earlier changes again, without this one.
                self.context.charge(before).map_err(|error| CommitError::new(index, error))?;
            }
            match self.one(session, change).await {
                Ok(done) => all.push(done),
                Err(error) => {
                    // The core does a change again after a lost race: the attempts do not exhaust the request.
                    if !matches!(error, StoreError::Busy) {
                        self.spend(session.units.saturating_sub(before));
                    }
                    return Err(CommitError::new(index, error));
                }
            }
        }
        self.spend(session.units);
        Ok(all)
    }
}

impl<H: Hooks> Commit<H> {
    /// Charges work that is done.
    fn spend(&self, units: u64) {
        if let Some(work) = self.context.work() {
            work.spend(units);
        }
    }

    /// Applies a change, with the host's hooks.
    async fn one<S: Session>(&self, session: &mut S, change: &Change) -> Result<ChangeOutcome, StoreError> {
        self.hooks.before(session, &self.context, change).await?;
        let done = self.apply(session, change).await?;
        if let Some(event) = Event::of(&self.context, change, &done) {
            self.hooks.after(session, &self.context, change, &done, &event).await?;
        }
        Ok(done)
    }

    async fn apply<S: Session>(&self, session: &mut S, change: &Change) -> Result<ChangeOutcome, StoreError> {
        let (_, table) = self.tables.find(change.resource_type().name())?;
        let tenant = table.tenant(&self.context)?;
        let tenant = tenant.as_ref();
        match change {
            Change::Create(entry) => self.create(session, table, tenant, entry).await,
            Change::Replace(Replacement { entry, .. }) => {
                let locked = self.lock(session, table, tenant, change).await?;
                let unnamed = write::without_derived_name(table, &locked, &entry.resource);
                let after = unnamed.as_ref().unwrap_or(&entry.resource);
                let written = write::replace(session, table, tenant, &locked, after).await;
                written.map_err(|failure| table.explained(failure))?;
                self.set_lists(session, table, tenant, &locked.key, entry).await?;
                let version = write::version(session, table, tenant, &locked.key).await?;
                let has_other_values = unnamed.is_some() || table.restates(&entry.resource);
                Ok(ChangeOutcome::written(version).with_other_values(has_other_values))
            }
            Change::Delete(_) => {
                let locked = self.lock(session, table, tenant, change).await?;
                forget::forget(session, &self.tables, table, tenant, &locked.key).await?;
                forget::clear(session, &self.tables, table, tenant, &locked.key).await?;
                remove::delete(session, table, tenant, &locked.key).await?;
                Ok(ChangeOutcome::deleted())
            }
            Change::EditValues(edit) => self.edit(session, table, tenant, change, edit).await,
        }
    }

    async fn lock<S: Session>(
        &self,
        session: &mut S,
        table: &TypeTable,
        tenant: Option<&Param>,
        change: &Change,
    ) -> Result<Locked, StoreError> {
        let is_deletion = matches!(change, Change::Delete(_));
        let locked = write::lock(session, table, tenant, change.id(), is_deletion).await?;
        let locked = locked.ok_or(StoreError::NotFound)?;
        change.check(Some(&locked.version))?;
        Ok(locked)
    }

    async fn create<S: Session>(
        &self,
        session: &mut S,
        table: &TypeTable,
        tenant: Option<&Param>,
        entry: &Entry,
    ) -> Result<ChangeOutcome, StoreError> {
        let resource = &*entry.resource;
        let taken = StoreError::NotUnique { attribute: AttributeId::ID };
        let Some(id) = table.id_type().parse(resource.id()) else {
            return Err(StoreError::backend(format!(
                "the id `{:.64}` does not fit the type of the key: give the service provider another source of ids",
                resource.id()
            )));
        };
        let explained = |failure: Failure| table.explained(failure);
        if remove::restore(session, table, tenant, &id).await.map_err(explained)? {
            let locked = write::lock(session, table, tenant, resource.id(), false).await?;
            let locked =
                locked.ok_or_else(|| StoreError::backend("the assignments of `restored_by` restore no row"))?;
            // A row that the host marked can still be in lists.
            forget::forget(session, &self.tables, table, tenant, &locked.key).await?;
            write::replace(session, table, tenant, &locked, resource).await.map_err(explained)?;
            self.set_lists(session, table, tenant, &locked.key, entry).await?;
            let version = write::version(session, table, tenant, &locked.key).await?;
            return Ok(ChangeOutcome::written(version).with_other_values(table.restates(resource)));
        }
        if write::exists(session, table, tenant, &id).await? {
            return Err(taken);
        }
        let (key, keeps_values) = write::insert(session, table, tenant, &id, resource).await.map_err(explained)?;
        self.set_lists(session, table, tenant, &key, entry).await?;
        let version = write::version(session, table, tenant, &key).await?;
        Ok(ChangeOutcome::written(version).with_other_values(keeps_values || table.restates(resource)))
    }

    async fn set_lists<S: Session>(
        &self,
        session: &mut S,
        table: &TypeTable,
        tenant: Option<&Param>,
        key: &Param,
        entry: &Entry,
    ) -> Result<(), StoreError> {
        for list in table.resource_type.reference_lists().iter().filter(|list| !entry.kept.contains(list)) {
            let elements = entry.resource.root().get(*list).map(Value::elements).unwrap_or_default();
            Held { tables: &self.tables, table, tenant, list: *list, holder: key }.set(session, elements).await?;
        }
        Ok(())
    }

    /// Edits a list of references. `change` is the change with this edit.
    async fn edit<S: Session>(
        &self,
        session: &mut S,
        table: &TypeTable,
        tenant: Option<&Param>,
        change: &Change,
        edit: &ListEdit,
    ) -> Result<ChangeOutcome, StoreError> {
        let locked = self.lock(session, table, tenant, change).await?;
        let held = Held { tables: &self.tables, table, tenant, list: edit.attribute, holder: &locked.key };
        let effect = held.edit(session, &edit.edit).await?;
        if effect.is_empty() {
            return Ok(ChangeOutcome::kept(locked.version));
        }
        let mut after = locked.resource.clone();
        // Clocks of several machines differ; `meta.lastModified` must not decrease.
        after.set_times(None, locked.resource.last_modified().map_or(edit.modified, |old| old.max(edit.modified)));
        write::replace(session, table, tenant, &locked, &after).await.map_err(|failure| table.explained(failure))?;
        let version = write::version(session, table, tenant, &locked.key).await?;
        Ok(ChangeOutcome::written(version).with_edit(effect))
    }
}
