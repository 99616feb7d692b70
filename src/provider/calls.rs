//! Every call of the store is made here, and nowhere else: what has to happen at each happens once.

use std::sync::Arc;

use super::{
    ServiceProvider,
    failure::{broken_store, refused, too_much_work},
};
use crate::{
    error::Error,
    event::Event,
    resource::Resource,
    schema::{Relation, ResourceType},
    store::{Change, CommitError, Context, Done, Holder, Key, Page, Scan, Store, StoreError, Stored, Wanted},
};

/// Units of a resource that refers to another: it is read, and becomes a value of the other.
const HOLDER: u64 = 64;

/// Reads, and reads again while the store is busy, a bounded number of times. A commit is not repeated so: what it
/// writes has to be computed anew first.
macro_rules! again {
    ($provider:expr, $cx:expr, $call:expr) => {{
        let mut left = $provider.limits().write_retries;
        loop {
            let outcome = $call.await;
            $cx.count_call();
            match outcome {
                Err(StoreError::Busy) if left > 0 => {
                    left -= 1;
                    $cx.count_retry();
                }
                outcome => break outcome,
            }
        }
    }};
}

impl<S: Store> ServiceProvider<S> {
    /// Reads one resource.
    pub(super) async fn read(&self, cx: &Context, key: Key<'_>, wanted: &Wanted<'_>) -> Result<Option<Stored>, Error> {
        let found = again!(self, cx, self.inner.store.get(cx, key, wanted));
        cx.count_rows(found.as_ref().map_or(0, |found| usize::from(found.is_some())));
        charge(cx, found.as_ref().ok().and_then(Option::as_ref))?;
        found.map_err(|error| refused(key.kind, error))
    }

    /// Reads a page of resources of one type.
    pub(super) async fn scan(&self, cx: &Context, scan: &Scan<'_>) -> Result<Page, Error> {
        let page = again!(self, cx, self.inner.store.scan(cx, scan));
        cx.count_rows(page.as_ref().map_or(0, |page| page.items.len()));
        charge(cx, page.iter().flat_map(|page| &page.items))?;
        page.map_err(|error| refused(scan.kind, error))
    }

    /// Asks who refers to resources of `kind`.
    pub(super) async fn holders(
        &self,
        cx: &Context,
        kind: &ResourceType,
        relation: &Relation,
        ids: &[&str],
    ) -> Result<Vec<Holder>, Error> {
        let holders = again!(self, cx, self.inner.store.holders(cx, relation, ids));
        cx.count_rows(holders.as_ref().map_or(0, Vec::len));
        let holders = holders.map_err(|error| refused(kind, error))?;
        let units = u64::try_from(holders.len()).unwrap_or(u64::MAX).saturating_mul(HOLDER);
        cx.charge(units).map_err(|error| refused(kind, error))?;
        Ok(holders)
    }

    /// Reads many resources of one type by their ids.
    pub(super) async fn get_many(
        &self,
        cx: &Context,
        kind: &Arc<ResourceType>,
        ids: &[&str],
        wanted: &Wanted<'_>,
    ) -> Result<Vec<Option<Arc<Resource>>>, Error> {
        if let Some(work) = cx.work() {
            work.charge(u64::try_from(ids.len()).unwrap_or(u64::MAX)).map_err(too_much_work)?;
        }
        let found = again!(self, cx, self.inner.store.get_many(cx, kind, ids, wanted));
        cx.count_rows(found.as_ref().map_or(0, |found| found.iter().flatten().count()));
        let found = found.map_err(|error| refused(kind, error))?;
        if found.len() == ids.len() { Ok(found) } else { Err(broken_store("`get_many` answers for each id")) }
    }

    /// Asks which of `kinds` each of `ids` is of. `kind` is the type of the resource that refers to them.
    pub(super) async fn locate(
        &self,
        cx: &Context,
        kind: &ResourceType,
        kinds: &[Arc<ResourceType>],
        ids: &[&str],
    ) -> Result<Vec<Option<usize>>, Error> {
        let located = again!(self, cx, self.inner.store.locate(cx, kinds, ids));
        cx.count_rows(located.as_ref().map_or(0, |located| located.iter().flatten().count()));
        let located = located.map_err(|error| refused(kind, error))?;
        if located.len() == ids.len() { Ok(located) } else { Err(broken_store("`locate` answers for each id")) }
    }

    /// Commits changes, all or none, and tells who wants to know.
    pub(super) async fn commit(&self, cx: &Context, batch: &[Change]) -> Result<Vec<Done>, CommitError> {
        let done = self.inner.store.commit(cx, batch).await;
        cx.count_call();
        let done = done?;
        if done.len() != batch.len() {
            return Err(wrong_count().into());
        }
        if !self.inner.observers.0.is_empty() {
            let events = batch.iter().zip(&done).filter_map(|(change, done)| Event::of(cx, change, done));
            events.for_each(|event| self.inner.observers.0.iter().for_each(|observer| observer.committed(cx, &event)));
        }
        Ok(done)
    }

    /// Commits one change.
    pub(super) async fn commit_one(&self, cx: &Context, change: Change) -> Result<Done, StoreError> {
        let done = self.commit(cx, &[change]).await.map_err(|error| error.error)?;
        done.into_iter().next().ok_or_else(wrong_count)
    }
}

/// Charges the resources that a store returned: each, and each of its references.
fn charge<'s>(cx: &Context, read: impl IntoIterator<Item = &'s Stored>) -> Result<(), Error> {
    let Some(work) = cx.work() else { return Ok(()) };
    let references = |resource: &Resource| {
        let lists = resource.kind().reference_lists().iter();
        lists.map(|list| resource.root().get(*list).map_or(0, |list| list.elements().len())).sum::<usize>()
    };
    let rows = read.into_iter().map(|stored| 1 + references(&stored.resource)).sum::<usize>();
    work.charge(u64::try_from(rows).unwrap_or(u64::MAX)).map_err(too_much_work)
}

fn wrong_count() -> StoreError {
    StoreError::backend("the store broke its contract: one outcome a change")
}
