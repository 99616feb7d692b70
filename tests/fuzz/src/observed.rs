//! A store that records the cost of a request: the calls of the core, and the count of work that they share.

use std::sync::{Mutex, MutexGuard, PoisonError};

use scim_core::store::{Key, MemoryStore, Page, RequestContext, RequestedAttributes, Scan, Store, StoreError, Stored};

use crate::forward::forward;

/// The cost of one request.
#[derive(Default)]
pub(crate) struct Cost {
    /// The context of each call that read or wrote.
    pub(crate) contexts: Vec<RequestContext>,
    /// The number of resources that the calls returned.
    pub(crate) rows: u64,
    /// The number of resources that the last call returned: a call is paid for when its rows are known.
    pub(crate) last: u64,
}

/// The memory store, with the cost of the present request so far.
#[derive(Default)]
pub(crate) struct Observed {
    inner: MemoryStore,
    cost: Mutex<Cost>,
}

impl Observed {
    /// The cost since the last call.
    pub(crate) fn take(&self) -> Cost {
        std::mem::take(&mut self.cost())
    }

    fn cost(&self) -> MutexGuard<'_, Cost> {
        self.cost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, context: &RequestContext, rows: usize) {
        let mut cost = self.cost();
        cost.contexts.push(context.clone());
        cost.last = rows as u64;
        cost.rows += rows as u64;
    }
}

impl Store for Observed {
    forward! { inner: capabilities, pushdown, commit, referrers, get_many, locate }

    async fn get(
        &self,
        context: &RequestContext,
        key: Key<'_>,
        requested: &RequestedAttributes<'_>,
    ) -> Result<Option<Stored>, StoreError> {
        let found = self.inner.get(context, key, requested).await;
        self.note(context, found.as_ref().map_or(0, |found| usize::from(found.is_some())));
        found
    }

    async fn scan(&self, context: &RequestContext, scan: &Scan<'_>) -> Result<Page, StoreError> {
        let page = self.inner.scan(context, scan).await;
        self.note(context, page.as_ref().map_or(0, |page| page.items.len()));
        page
    }
}
