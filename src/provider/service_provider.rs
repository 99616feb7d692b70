//! The service provider: its parts, which all operations share.
//!
//! This file has no operation of the protocol. Each wing adds the operations that it is about.

use std::{borrow::Cow, fmt, sync::Arc};

use super::{
    access::{Policies, Subjects},
    base::BaseUrl,
    seal::Seals,
    system::{Clock, IdSource},
};
use crate::{
    error::Error,
    event::Observer,
    limits::Limits,
    message::AuthenticationScheme,
    quirks::Quirks,
    schema::{AttributeId, Display, Mutability, Registry, ResourceType},
    store::{Meter, RequestContext, Store},
    value::Text,
};

/// A SCIM service provider over a host's store. Its methods are the operations of the protocol. It is cheap to clone,
/// and one instance serves all requests and tenants.
///
/// ```
/// # #[cfg(feature = "system")] {
/// use scim_core::{provider::ServiceProvider, schema::Registry, store::MemoryStore};
///
/// let provider = ServiceProvider::builder(Registry::standard(), MemoryStore::new(), "https://example.com/scim/{tenant}/v2")
///     .build()?;
/// # }
/// # Ok::<(), scim_core::provider::ConfigurationError>(())
/// ```
pub struct ServiceProvider<S> {
    pub(super) inner: Arc<Inner<S>>,
}

#[derive(Debug)]
pub(super) struct Inner<S> {
    pub(super) registry: Registry,
    pub(super) store: S,
    pub(super) base: BaseUrl,
    pub(super) limits: Limits,
    pub(super) quirks: Quirks,
    pub(super) clock: Box<dyn Clock>,
    pub(super) ids: Box<dyn IdSource>,
    pub(super) schemes: Vec<AuthenticationScheme>,
    pub(super) documentation: Option<Box<str>>,
    pub(super) policies: Policies,
    pub(super) subjects: Subjects,
    pub(super) seals: Seals,
    pub(super) observers: Observers,
    /// The URIs of the security events that the host delivers; `None` if it delivers no events.
    pub(super) security_events: Option<Vec<Box<str>>>,
}

/// The observers, which the core notifies of every commit.
pub(super) struct Observers(pub(super) Vec<Box<dyn Observer>>);

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Observers").field(&self.0.len()).finish()
    }
}

impl<S> Clone for ServiceProvider<S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<S> fmt::Debug for ServiceProvider<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceProvider").field("limits", &self.inner.limits).finish_non_exhaustive()
    }
}

impl<S: Store> ServiceProvider<S> {
    /// Returns the registry of the resource types.
    pub fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    /// Returns the store.
    pub fn store(&self) -> &S {
        &self.inner.store
    }

    /// Returns the limits that the service provider enforces.
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    /// Returns the quirks that the service provider tolerates.
    pub fn quirks(&self) -> Quirks {
        self.inner.quirks
    }

    /// Returns whether a client can set a password: whether any resource type has a writable attribute `password`.
    pub(super) fn sets_passwords(&self) -> bool {
        self.inner.registry.resource_types().iter().any(|resource_type| {
            let password = resource_type.child(AttributeId::ROOT, "password");
            password.is_some_and(|password| resource_type.attribute(password).mutability() != Mutability::ReadOnly)
        })
    }

    /// Returns the resource type and the id of the caller's own resource, which the function that was set with
    /// [`me`](super::ServiceProviderBuilder::me) finds.
    ///
    /// # Errors
    ///
    /// 501 if the host has not set a function; 404 if the caller has no resource, or a resource of an unknown type.
    pub fn subject(&self, context: &RequestContext) -> Result<(Arc<ResourceType>, Text), Error> {
        self.inner.subjects.find(context, self.registry())
    }

    /// Returns the sub-attributes of a resource type that show the names of other resources. Empty if the store does
    /// not read many resources at once: these sub-attributes then show their stored values.
    pub(super) fn displays(&self, resource_type: &ResourceType) -> &[Display] {
        if self.inner.store.capabilities().get_many { self.registry().displays(resource_type) } else { &[] }
    }

    /// Returns the context with a meter for the work of the request. Operations that share a request share the meter.
    pub(crate) fn metered<'c>(&self, context: &'c RequestContext) -> Cow<'c, RequestContext> {
        match context.work() {
            Some(_) => Cow::Borrowed(context),
            None => Cow::Owned(context.metered(Arc::new(Meter::new(self.limits())))),
        }
    }
}
