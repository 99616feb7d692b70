//! The context of a request: the tenant, which every call of a store names, the caller, and data that the host passes
//! to its store.
//!
//! This module does not authenticate. The host authenticates the caller and then makes a context.

use std::{
    any::Any,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::StoreError;
#[cfg(feature = "sql")]
use crate::limits::Spent;
use crate::limits::{Limits, Work};

/// A customer whose data a store keeps separate (RFC 7644 §6, §6.1).
///
/// Ids, unique values and references are looked up within a tenant only (RFC 7644 §6.2; RFC 7643 §3.1, §9.3). Cheap to
/// clone.
///
/// ```
/// use scim_core::store::TenantId;
///
/// let tenant = TenantId::new("acme")?;
/// assert_eq!(tenant.as_str(), "acme");
/// assert!(TenantId::new("").is_err());
/// # Ok::<(), scim_core::store::InvalidTenantId>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(Arc<str>);

impl TenantId {
    /// The maximum length of a tenant's name in bytes.
    pub const MAX_BYTES: usize = 255;

    /// The tenant with this name. Names are compared exactly.
    ///
    /// # Errors
    ///
    /// When the name is empty, longer than [`TenantId::MAX_BYTES`] or has a control character: not every database
    /// could store such a name.
    pub fn new(name: impl Into<Arc<str>>) -> Result<Self, InvalidTenantId> {
        let name = name.into();
        if name.is_empty() || name.len() > Self::MAX_BYTES || name.chars().any(char::is_control) {
            return Err(InvalidTenantId { bytes: name.len() });
        }
        Ok(Self(name))
    }

    /// The only tenant, `single`, of a host without multiple tenants. Such a host names it explicitly, so that no host
    /// omits the tenant by accident.
    pub fn single() -> Self {
        Self(Arc::from("single"))
    }

    /// The tenant's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The error for a name that no tenant can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a tenant of 1 to {} bytes without control characters, found {bytes} bytes", TenantId::MAX_BYTES)]
pub struct InvalidTenantId {
    bytes: usize,
}

/// The caller and the tenant of a request: an argument of every call of a [`Store`](super::Store).
///
/// The host makes a context after it has authenticated the caller. A context has no default value: without
/// authentication no context exists, and no operation can be called (RFC 9865 §5.3). Cheap to clone.
///
/// ```
/// use std::sync::Arc;
/// use scim_core::store::{RequestContext, TenantId};
///
/// struct Session { admin: bool }
///
/// let context = RequestContext::new(TenantId::new("acme")?)
///     .with_actor("okta")
///     .with_request_id("4f1c")
///     .with_host(Arc::new(Session { admin: true }));
/// assert_eq!(context.actor(), Some("okta"));
/// assert!(context.host::<Session>().is_some_and(|session| session.admin));
/// # Ok::<(), scim_core::store::InvalidTenantId>(())
/// ```
#[derive(Clone)]
pub struct RequestContext {
    tenant: TenantId,
    actor: Option<Arc<str>>,
    request_id: Option<Arc<str>>,
    host: Option<Arc<dyn Any + Send + Sync>>,
    meter: Option<Arc<Meter>>,
}

/// The cost of one request, counted while the core answers the request.
#[derive(Debug)]
pub(crate) struct Meter {
    work: Work,
    #[cfg(feature = "sql")]
    spent: Spent,
    calls: AtomicU64,
    rows: AtomicU64,
    retries: AtomicU64,
}

impl Meter {
    /// A meter at zero.
    pub(crate) const fn new(limits: &Limits) -> Self {
        Self {
            work: Work::new(limits.work),
            #[cfg(feature = "sql")]
            spent: Spent::new(),
            calls: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            retries: AtomicU64::new(0),
        }
    }
}

#[cfg(feature = "tracing")]
impl Meter {
    /// The number of calls to the store.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// The number of resources that the store returned.
    pub(crate) fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// The number of retries after a lost race or because the store was busy.
    pub(crate) fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }
}

impl RequestContext {
    /// The context of a request for the data of `tenant`.
    pub fn new(tenant: TenantId) -> Self {
        Self { tenant, actor: None, request_id: None, host: None, meter: None }
    }

    /// Names the caller, for audit records.
    #[must_use]
    pub fn with_actor(mut self, actor: impl Into<Arc<str>>) -> Self {
        self.actor = Some(actor.into());
        self
    }

    /// Sets the id of the request, for logs.
    #[must_use]
    pub fn with_request_id(mut self, request_id: impl Into<Arc<str>>) -> Self {
        self.request_id = Some(request_id.into());
        self
    }

    /// Passes a value of the host to its store: a database role, a transaction, a span. A context has room for one
    /// value; a later value replaces it.
    #[must_use]
    pub fn with_host<T: Any + Send + Sync>(mut self, host: Arc<T>) -> Self {
        self.host = Some(host);
        self
    }

    /// The same request, counted by this meter.
    pub(crate) fn metered(&self, meter: Arc<Meter>) -> Self {
        Self { meter: Some(meter), ..self.clone() }
    }

    /// The work of the request, which all its parts share; `None` outside of a request.
    ///
    /// A store that examines rows charges them to this account, before it examines them.
    pub fn work(&self) -> Option<&Work> {
        self.meter.as_deref().map(|meter| &meter.work)
    }

    /// The cost of the request in the database of its store; `None` outside of a request.
    #[cfg(feature = "sql")]
    pub(crate) fn spent(&self) -> Option<&Spent> {
        self.meter.as_deref().map(|meter| &meter.spent)
    }

    /// Charges `units` of work: see [`Work`].
    ///
    /// # Errors
    ///
    /// [`StoreError::TooMany`] when the request would exceed its bound. The caller must then not do the work.
    pub fn charge(&self, units: u64) -> Result<(), StoreError> {
        self.work().map_or(Ok(()), |work| work.charge(units)).map_err(|_| StoreError::TooMany)
    }

    /// Lets other tasks of the thread run, if this request has computed for a while since the last pause. The future
    /// wakes itself, so any executor can run it.
    ///
    /// A store calls this in a loop that computes without waiting, so that one request occupies a thread for a few
    /// milliseconds at most.
    pub async fn pause(&self) {
        if let Some(work) = self.work() {
            work.pause().await;
        }
    }

    /// Counts a call of the store.
    pub(crate) fn count_call(&self) {
        if let Some(meter) = &self.meter {
            meter.calls.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts resources that the store returned.
    pub(crate) fn count_rows(&self, rows: usize) {
        if let Some(meter) = &self.meter {
            meter.rows.fetch_add(u64::try_from(rows).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    /// Counts a retry.
    pub(crate) fn count_retry(&self) {
        if let Some(meter) = &self.meter {
            meter.retries.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The tenant whose data the request reads or writes.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The name of the caller, if the host has set it.
    pub fn actor(&self) -> Option<&str> {
        self.actor.as_deref()
    }

    /// The id of the request, if the host has set it.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// The value that the host passed, if it is a `T`.
    pub fn host<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.host.as_deref()?.downcast_ref()
    }
}

impl fmt::Debug for RequestContext {
    /// Omits the value that the host passed: it may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestContext")
            .field("tenant", &self.tenant)
            .field("actor", &self.actor)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}
