//! All calls to the store, so that counting, charging and retrying have one place.
//!
//! A read is repeated while the store is busy. A commit is not repeated here, because its change must be computed
//! again first.

use std::sync::Arc;

use super::{
    failure::{broken_store, refused, too_long, too_much_work},
    service_provider::ServiceProvider,
    system::new_id,
};
use crate::{
    error::Error,
    event::Event,
    limits::Work,
    resource::Resource,
    schema::{AttributeId, Relation, ResourceType},
    store::{
        Change, ChangeOutcome, CommitError, Key, Page, Referrer, RequestContext, RequestedAttributes, Scan, Store,
        StoreError, Stored,
    },
    value::Text,
};

/// Units of work for a referrer: the core reads it and makes it a value of the resource to which it refers.
const REFERRER: u64 = 224;

impl<S: Store> ServiceProvider<S> {
    /// Reads one resource, within [`Limits::answer`](crate::limits::Limits::answer). If a list of references does not fit,
    /// the resource is incomplete where `requested` limits the lists. Otherwise the read fails with 400 `tooMany`,
    /// since the resource must not look as if it had no references.
    pub(super) async fn read(
        &self,
        context: &RequestContext,
        key: Key<'_>,
        requested: &RequestedAttributes<'_>,
    ) -> Result<Option<Stored>, Error> {
        let limit = self.limits().answer;
        let within = requested.with_byte_limit(limit);
        let found = self.retry(context, || counted(context, self.inner.store.get(context, key, &within))).await;
        context.count_rows(found.as_ref().map_or(0, |found| usize::from(found.is_some())));
        charge(context, found.as_ref().ok().and_then(Option::as_ref))?;
        let Some(mut stored) = found.map_err(|error| refused(key.resource_type, error))? else { return Ok(None) };
        if !is_whole(&stored, &within) {
            if requested.list_limit().is_none() {
                return Err(long_lists(key.resource_type, requested, limit));
            }
            stored.complete = false;
        }
        Ok(Some(stored))
    }

    /// Reads a resource that was just written, even if the request has no work left: an error would tell the client
    /// that nothing was changed. If a list of references does not fit into an answer, the resource is incomplete.
    pub(super) async fn read_written(
        &self,
        context: &RequestContext,
        key: Key<'_>,
        requested: &RequestedAttributes<'_>,
    ) -> Result<Option<Stored>, Error> {
        let within = requested.with_byte_limit(self.limits().answer);
        let found = self.retry(context, || counted(context, self.inner.store.get(context, key, &within))).await;
        context.count_rows(found.as_ref().map_or(0, |found| usize::from(found.is_some())));
        let found = found.map_err(|error| refused(key.resource_type, error))?;
        Ok(found.map(|stored| Stored { complete: is_whole(&stored, &within), ..stored }))
    }

    /// Reads a page of resources of one type. Fails with 400 `tooMany` if a list of references does not fit.
    pub(super) async fn scan(&self, context: &RequestContext, scan: &Scan<'_>) -> Result<Page, Error> {
        let page = self.retry(context, || counted(context, self.inner.store.scan(context, scan))).await;
        context.count_rows(page.as_ref().map_or(0, |page| page.items.len()));
        charge(context, page.iter().flat_map(|page| &page.items))?;
        let page = page.map_err(|error| refused(scan.resource_type, error))?;
        // A page contains its first resource whatever the size of that resource.
        let is_whole = page.items.iter().all(|stored| stored.complete)
            && page.items.first().is_none_or(|stored| is_whole(stored, scan.requested));
        if is_whole { Ok(page) } else { Err(long_lists(scan.resource_type, scan.requested, self.limits().answer)) }
    }

    /// Returns the referrers of the resources with these `ids`, which are of the type `resource_type`.
    pub(super) async fn referrers(
        &self,
        context: &RequestContext,
        resource_type: &ResourceType,
        relation: &Relation,
        ids: &[&str],
    ) -> Result<Vec<Referrer>, Error> {
        let limit = self.limits().answer;
        let referrers =
            self.retry(context, || counted(context, self.inner.store.referrers(context, relation, ids, limit))).await;
        context.count_rows(referrers.as_ref().map_or(0, Vec::len));
        let referrers = referrers.map_err(|error| match error {
            StoreError::TooMany => too_long(resource_type, relation.attribute(), limit),
            error => refused(resource_type, error),
        })?;
        let units = u64::try_from(referrers.len()).unwrap_or(u64::MAX).saturating_mul(REFERRER);
        context.charge(units).map_err(|error| refused(resource_type, error))?;
        let size = referrers.iter().map(Referrer::size).fold(0, usize::saturating_add);
        if size > limit { Err(too_long(resource_type, relation.attribute(), limit)) } else { Ok(referrers) }
    }

    /// Reads many resources of one type by their ids, which are all different.
    pub(super) async fn get_many(
        &self,
        context: &RequestContext,
        resource_type: &Arc<ResourceType>,
        ids: &[&str],
        requested: &RequestedAttributes<'_>,
    ) -> Result<Vec<Option<Arc<Resource>>>, Error> {
        if let Some(work) = context.work() {
            work.charge(u64::try_from(ids.len()).unwrap_or(u64::MAX)).map_err(too_much_work)?;
        }
        let found = self
            .retry(context, || counted(context, self.inner.store.get_many(context, resource_type, ids, requested)))
            .await;
        context.count_rows(found.as_ref().map_or(0, |found| found.iter().flatten().count()));
        let found = found.map_err(|error| refused(resource_type, error))?;
        if found.len() == ids.len() { Ok(found) } else { Err(broken_store("`get_many` answers for each id")) }
    }

    /// Returns for each of `ids` the index in `resource_types` of its resource's type. `resource_type` is the type of
    /// the referrer.
    pub(super) async fn locate(
        &self,
        context: &RequestContext,
        resource_type: &ResourceType,
        resource_types: &[Arc<ResourceType>],
        ids: &[&str],
    ) -> Result<Vec<Option<usize>>, Error> {
        let located =
            self.retry(context, || counted(context, self.inner.store.locate(context, resource_types, ids))).await;
        context.count_rows(located.as_ref().map_or(0, |located| located.iter().flatten().count()));
        let located = located.map_err(|error| refused(resource_type, error))?;
        if located.len() == ids.len() { Ok(located) } else { Err(broken_store("`locate` answers for each id")) }
    }

    /// Returns the id of a new resource: the id that the store gives, or else an id of the core's.
    pub(super) async fn id_for(&self, context: &RequestContext, resource: &Resource) -> Result<Text, Error> {
        match self.id_of_new(context, resource).await? {
            Some(id) => Ok(id),
            None => new_id(&*self.inner.ids),
        }
    }

    /// Returns the id that the store gives to a new resource.
    pub(super) async fn id_of_new(&self, context: &RequestContext, resource: &Resource) -> Result<Option<Text>, Error> {
        if !self.inner.store.capabilities().new_ids {
            return Ok(None);
        }
        let given = self.retry(context, || counted(context, self.inner.store.id_of_new(context, resource))).await;
        match given.map_err(|error| refused(resource.resource_type(), error))? {
            Some(id) if id.is_empty() || id.len() > self.limits().id_bytes => {
                Err(broken_store("`id_of_new` gives the id of a resource"))
            }
            given => Ok(given),
        }
    }

    /// Commits all changes or none of them, and notifies the observers.
    pub(super) async fn commit(
        &self,
        context: &RequestContext,
        batch: &[Change],
    ) -> Result<Vec<ChangeOutcome>, CommitError> {
        let done = counted(context, self.inner.store.commit(context, batch)).await?;
        if done.len() != batch.len() {
            return Err(wrong_count().into());
        }
        if !self.inner.observers.0.is_empty() {
            let events = batch.iter().zip(&done).filter_map(|(change, done)| Event::of(context, change, done));
            events.for_each(|event| {
                self.inner.observers.0.iter().for_each(|observer| observer.committed(context, &event));
            });
        }
        Ok(done)
    }

    /// Commits one change.
    pub(super) async fn commit_one(
        &self,
        context: &RequestContext,
        change: Change,
    ) -> Result<ChangeOutcome, StoreError> {
        let done = self.commit(context, &[change]).await.map_err(|error| error.error)?;
        done.into_iter().next().ok_or_else(wrong_count)
    }
}

/// Makes one call to the store and counts it.
async fn counted<T>(context: &RequestContext, call: impl Future<Output = T>) -> T {
    let outcome = call.await;
    context.count_call();
    outcome
}

/// Returns whether the resource has the requested lists of references and fits into the byte limit with them.
fn is_whole(stored: &Stored, requested: &RequestedAttributes<'_>) -> bool {
    let resource = &stored.resource;
    if !stored.complete {
        return false;
    }
    let Some(limit) = requested.byte_limit() else { return true };
    let is_wanted = |list: &AttributeId| requested.includes(*list) && resource.root().contains(*list);
    // A resource that is too large without these lists cannot be read in any other way.
    !resource.resource_type().reference_lists().iter().any(is_wanted) || resource.size() <= limit
}

/// 400 `tooMany`: the requested lists of references of a resource do not fit into memory.
fn long_lists(resource_type: &ResourceType, requested: &RequestedAttributes<'_>, limit: usize) -> Error {
    let list = resource_type.reference_lists().iter().find(|list| requested.includes(**list));
    too_long(resource_type, list.copied().unwrap_or(AttributeId::ROOT), limit)
}

/// Charges a unit of work for each resource that a store returned, and for each of its references.
fn charge<'s>(context: &RequestContext, read: impl IntoIterator<Item = &'s Stored>) -> Result<(), Error> {
    let Some(work) = context.work() else { return Ok(()) };
    let references = |resource: &Resource| {
        let lists = resource.resource_type().reference_lists().iter();
        lists.map(|list| resource.root().get(*list).map_or(0, |list| list.elements().len())).sum::<usize>()
    };
    let rows = read.into_iter().map(|stored| 1 + references(&stored.resource)).sum::<usize>();
    work.charge(u64::try_from(rows).unwrap_or(u64::MAX)).map_err(too_much_work)
}

/// Charges a write for the size of the resource before or after the write: the write visits every value, to copy,
/// judge, commit and show the resource. Returns the size in bytes.
pub(super) fn charge_bytes(context: &RequestContext, resource: &Resource) -> Result<usize, Error> {
    let size = resource.size();
    context.work().map_or(Ok(()), |work| work.charge(Work::of_text(size))).map_err(too_much_work)?;
    Ok(size)
}

fn wrong_count() -> StoreError {
    StoreError::backend("the store broke its contract: one outcome a change")
}
