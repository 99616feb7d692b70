//! A store that can do less than the one in memory could, and a host over it.
#![allow(dead_code, clippy::allow_attributes, reason = "each test uses its part")]

use std::sync::Mutex;

use scim_core::{
    Limits, Quirks, Registry, ServiceProvider, Store,
    filter::Condition,
    provider::Policy,
    schema::ResourceType,
    store::{Capabilities, Context, MemoryStore, Page, Pushdown, Scan, StoreError, TenantId, Wanted, Window},
};

use crate::{
    forward::forward,
    host::{BASE, Counting, Host, Ticking, host_with},
};

/// A store in memory that can do less than it could.
#[derive(Debug)]
pub(crate) struct Modest {
    pub(crate) inner: MemoryStore,
    pub(crate) pushdown: Option<Pushdown>,
    pub(crate) capabilities: Capabilities,
    /// The types that were scanned, with how many resources were returned.
    pub(crate) scans: Mutex<Vec<(String, usize)>>,
}

impl Store for Modest {
    forward! { inner: get, commit }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn pushdown(&self, kind: &ResourceType, conjunct: &Condition) -> Pushdown {
        match self.pushdown {
            // What it narrows down it must be able to evaluate.
            Some(Pushdown::Superset) if self.inner.pushdown(kind, conjunct) == Pushdown::Exact => Pushdown::Superset,
            Some(_) => Pushdown::No,
            None => self.inner.pushdown(kind, conjunct),
        }
    }

    async fn scan<'a>(&'a self, cx: &'a Context, scan: &'a Scan<'a>) -> Result<Page, StoreError> {
        let Capabilities { sort, total, backward, .. } = self.capabilities;
        assert!(sort || scan.sort.is_none(), "it was told that this store does not sort");
        assert!(backward || !matches!(scan.window, Window::Before { .. }), "nor does it read backward");
        let mut page = self.inner.scan(cx, scan).await?;
        if !total {
            page.total = None;
        }
        self.scans.lock().unwrap().push((scan.kind.name().to_owned(), page.items.len()));
        Ok(page)
    }
}

pub(crate) fn modest(pushdown: Option<Pushdown>, sort: bool, total: bool, limits: Limits) -> Host<Modest> {
    let capabilities = Capabilities::new().with_sort(sort).with_total(total).with_get_many(true);
    modest_with(pushdown, capabilities, limits)
}

pub(crate) fn modest_with(pushdown: Option<Pushdown>, capabilities: Capabilities, limits: Limits) -> Host<Modest> {
    let store = Modest { inner: MemoryStore::new(), pushdown, capabilities, scans: Mutex::default() };
    host_with(Registry::standard(), store, limits, Quirks::default())
}

/// With all that the store in memory can do but this pushdown, and with a policy.
pub(crate) fn modest_under(pushdown: Option<Pushdown>, limits: Limits, policy: impl Policy) -> Host<Modest> {
    let inner = MemoryStore::new();
    let store = Modest { capabilities: inner.capabilities(), inner, pushdown, scans: Mutex::default() };
    let provider = ServiceProvider::builder(Registry::standard(), store)
        .base_url(BASE)
        .limits(limits)
        .clock(Ticking::default())
        .ids(Counting::default())
        .policy(policy)
        .build()
        .unwrap();
    Host { provider, context: Context::new(TenantId::single()) }
}

/// Lists and nothing else: what it is asked for, [`Scan::select`] finds in everything there is.
#[derive(Debug, Default)]
pub(crate) struct Plain(pub(crate) MemoryStore);

impl Store for Plain {
    forward! { 0: get, commit }

    fn capabilities(&self) -> Capabilities {
        // By the trait's own way, one after the other: the names in its answers are those of other stores.
        Capabilities::new().with_get_many(true)
    }

    async fn scan<'a>(&'a self, cx: &'a Context, scan: &'a Scan<'a>) -> Result<Page, StoreError> {
        assert!(scan.sort.is_none() && scan.filter.is_empty(), "it was not asked whether it can");
        let everything = Wanted::everything();
        let all = Scan { window: Window::behind(None, usize::MAX), wanted: &everything, count: false, ..*scan };
        let all = self.0.scan(cx, &all).await?;
        let mut page = scan.select(all.items.into_iter().rev());
        page.total = None;
        Ok(page)
    }
}
