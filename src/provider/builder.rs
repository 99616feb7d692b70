//! Putting a service provider together.

use std::{fmt, sync::Arc};

use super::{
    base::BaseUrl,
    cursor::Seals,
    permit::Policies,
    policy::Policy,
    subject::{Subject, Subjects},
    system::{Clock, IdSource},
};
use crate::{
    event::Observer,
    limits::Limits,
    message::AuthenticationScheme,
    quirks::Quirks,
    schema::{AttributeId, Mutability, Registry},
    store::{Context, Store},
};

/// The operations of a SCIM service provider over a host's store. Cheap to clone; one serves all requests and tenants.
///
/// ```
/// # #[cfg(feature = "system")] {
/// use scim_core::{Registry, ServiceProvider, store::MemoryStore};
///
/// let provider = ServiceProvider::builder(Registry::standard(), MemoryStore::new())
///     .base_url("https://example.com/scim/{tenant}/v2")
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
    /// The URIs of the security events that the host delivers, if it does.
    pub(super) security_events: Option<Vec<Box<str>>>,
}

/// Who is told of every commit.
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
    /// Starts a service provider for the resource types of `registry`, kept in `store`.
    pub fn builder(registry: Registry, store: S) -> ServiceProviderBuilder<S> {
        let (clock, ids) = defaults();
        ServiceProviderBuilder {
            registry,
            store,
            base: None,
            limits: Limits::default(),
            quirks: Quirks::default(),
            clock,
            ids,
            schemes: Vec::new(),
            documentation: None,
            policies: Vec::new(),
            subjects: Subjects(None),
            seals: Seals::default(),
            observers: Observers(Vec::new()),
            security_events: None,
        }
    }

    /// The resource types.
    pub fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    /// The store.
    pub fn store(&self) -> &S {
        &self.inner.store
    }

    /// The bounds that are enforced.
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    /// The habits of identity providers that are tolerated.
    pub fn quirks(&self) -> Quirks {
        self.inner.quirks
    }

    /// Whether a client can set a password: some resource type has an attribute of that name that can be written.
    pub(super) fn sets_passwords(&self) -> bool {
        self.inner.registry.resource_types().iter().any(|kind| {
            let password = kind.child(AttributeId::ROOT, "password");
            password.is_some_and(|password| kind.attribute(password).mutable() != Mutability::ReadOnly)
        })
    }
}

/// The machine's clock and random ids, where the feature `system` has them.
type Defaults = (Option<Box<dyn Clock>>, Option<Box<dyn IdSource>>);

#[cfg(feature = "system")]
fn defaults() -> Defaults {
    (Some(Box::new(super::SystemClock)), Some(Box::new(super::RandomIds)))
}

#[cfg(not(feature = "system"))]
fn defaults() -> Defaults {
    (None, None)
}

/// Puts a [`ServiceProvider`] together. Made by [`ServiceProvider::builder`].
#[must_use]
pub struct ServiceProviderBuilder<S> {
    registry: Registry,
    store: S,
    base: Option<Box<str>>,
    limits: Limits,
    quirks: Quirks,
    clock: Option<Box<dyn Clock>>,
    ids: Option<Box<dyn IdSource>>,
    schemes: Vec<AuthenticationScheme>,
    documentation: Option<Box<str>>,
    policies: Vec<Box<dyn Policy>>,
    subjects: Subjects,
    seals: Seals,
    observers: Observers,
    security_events: Option<Vec<Box<str>>>,
}

impl<S> fmt::Debug for ServiceProviderBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceProviderBuilder").field("base", &self.base).finish_non_exhaustive()
    }
}

impl<S: Store> ServiceProviderBuilder<S> {
    /// The URL under which clients see the service provider, `https://example.com/scim/v2`; every `meta.location` and
    /// `$ref` starts with it (RFC 7644 §1.3). `{tenant}` in it stands for the [`TenantId`](crate::store::TenantId) of
    /// the request. Required: what a request says of its host is the client's word.
    pub fn base_url(mut self, url: impl Into<Box<str>>) -> Self {
        self.base = Some(url.into());
        self
    }

    /// Other bounds than the default ones.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Tolerates other habits than the default ones.
    pub fn quirks(mut self, quirks: Quirks) -> Self {
        self.quirks = quirks;
        self
    }

    /// Takes the time from here. Without the feature `system` there is no default.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Box::new(clock));
        self
    }

    /// Takes new ids from here. Without the feature `system` there is no default.
    pub fn ids(mut self, ids: impl IdSource) -> Self {
        self.ids = Some(Box::new(ids));
        self
    }

    /// Tells in ServiceProviderConfig how clients authenticate (RFC 7643 §5). Called again it adds; the first is the
    /// primary one. Without any it is [`AuthenticationScheme::bearer`].
    pub fn authentication_scheme(mut self, scheme: AuthenticationScheme) -> Self {
        self.schemes.push(scheme);
        self
    }

    /// Tells in ServiceProviderConfig where people read about the service.
    pub fn documentation(mut self, url: impl Into<Box<str>>) -> Self {
        self.documentation = Some(url.into());
        self
    }

    /// Seals cursors with this key: a client can then neither make one, nor alter it, nor read what is in it (RFC 9865
    /// §5.2). Called again it adds: the first key makes cursors, and those of all are accepted, so that a key can be
    /// changed without breaking the walks that are under way.
    ///
    /// Without any, cursors have a checksum, and whoever knows this crate can make one. It leads to no more than the
    /// caller could read by a query of its own, but it does show the sort key of a resource to who sees the URL.
    #[cfg(feature = "signed-cursors")]
    #[cfg_attr(docsrs, doc(cfg(feature = "signed-cursors")))]
    pub fn cursor_key(mut self, key: super::CursorKey) -> Self {
        self.seals.keys.push(key);
        self
    }

    /// Asks `policy` what callers may do and see. Called again it adds: what one refuses is refused, and what one hides
    /// is hidden. Without any, who has a [`Context`] may do everything in its tenant.
    pub fn policy(mut self, policy: impl Policy) -> Self {
        self.policies.push(Box::new(policy));
        self
    }

    /// Tells which resource a caller is, for `/Me` (RFC 7644 §3.11): `None` for one that is none, which gets 404. `/Me`
    /// then stands for that resource, under the same rules as its own URL. Without this `/Me` is answered with 501.
    ///
    /// It must answer at once. What it takes to know the resource, the host puts into the [`Context`] when it
    /// authenticates.
    ///
    /// ```
    /// # #[cfg(feature = "system")] {
    /// use scim_core::{Registry, ServiceProvider, provider::Subject, store::MemoryStore};
    ///
    /// /// What the host found out about a caller.
    /// struct Session { user: String }
    ///
    /// let provider = ServiceProvider::builder(Registry::standard(), MemoryStore::new())
    ///     .base_url("https://example.com/scim/v2")
    ///     .me(|cx| cx.host::<Session>().map(|session| Subject::new("User", session.user.as_str())))
    ///     .build()?;
    /// # }
    /// # Ok::<(), scim_core::provider::ConfigurationError>(())
    /// ```
    pub fn me(mut self, subject_of: impl Fn(&Context) -> Option<Subject> + Send + Sync + 'static) -> Self {
        self.subjects = Subjects(Some(Box::new(subject_of)));
        self
    }

    /// Tells `observer` of every committed change. Called again it adds. Without any it costs nothing.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observers.0.push(Box::new(observer));
        self
    }

    /// Tells in ServiceProviderConfig that the host delivers security event tokens, with these event URIs
    /// (RFC 9967 §4). Requests are answered when they are done, also with `Prefer: respond-async`, as §2.5.1.1 allows:
    /// `asyncRequest` is `none`.
    ///
    /// ```
    /// # #[cfg(feature = "system")] {
    /// use scim_core::{Registry, ServiceProvider, event::EventUri, store::MemoryStore};
    ///
    /// let provider = ServiceProvider::builder(Registry::standard(), MemoryStore::new())
    ///     .base_url("https://example.com/scim/v2")
    ///     .security_events([EventUri::CreateNotice, EventUri::Deactivate])
    ///     .build()?;
    /// # }
    /// # Ok::<(), scim_core::provider::ConfigurationError>(())
    /// ```
    pub fn security_events(mut self, uris: impl IntoIterator<Item = impl Into<Box<str>>>) -> Self {
        self.security_events = Some(uris.into_iter().map(Into::into).collect());
        self
    }

    /// The service provider.
    ///
    /// # Errors
    ///
    /// When there is no base URL or it is none, there is no clock or source of ids, or a limit is zero that no request
    /// could then meet.
    pub fn build(self) -> Result<ServiceProvider<S>, ConfigurationError> {
        use ConfigurationError as Fault;
        let base = self.base.ok_or(Fault::NoBaseUrl)?;
        let base = BaseUrl::new(&base).ok_or(Fault::BaseUrl(base))?;
        let limits = &self.limits;
        let vital = [
            ("body", limits.body),
            ("json_depth", limits.json_depth),
            ("string", limits.string),
            ("values", limits.values),
            ("id_bytes", limits.id_bytes),
            ("page_default", limits.page_default),
            ("page_max", limits.page_max),
            ("scan", limits.scan),
            // Advertised in whole seconds, of which there must be one.
            ("cursor_timeout", usize::from(limits.cursor_timeout.as_secs() > 0)),
        ];
        if let Some((name, _)) = vital.into_iter().find(|(_, limit)| *limit == 0) {
            return Err(Fault::Limit(name));
        }
        let schemes = if self.schemes.is_empty() { vec![AuthenticationScheme::bearer()] } else { self.schemes };
        Ok(ServiceProvider {
            inner: Arc::new(Inner {
                registry: self.registry,
                store: self.store,
                base,
                limits: self.limits,
                quirks: self.quirks,
                clock: self.clock.ok_or(Fault::NoClock)?,
                ids: self.ids.ok_or(Fault::NoIds)?,
                schemes,
                documentation: self.documentation,
                policies: Policies::new(self.policies),
                subjects: self.subjects,
                seals: self.seals,
                observers: self.observers,
                security_events: self.security_events,
            }),
        })
    }
}

/// Why a service provider cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigurationError {
    /// [`ServiceProviderBuilder::base_url`] was not called.
    #[error("expected a base URL")]
    NoBaseUrl,
    /// The base URL is no absolute http or https URL, or has a query (RFC 7644 §1.3).
    #[error("expected an http or https URL without a query: `{0:.60}`")]
    BaseUrl(Box<str>),
    /// There is no [`Clock`].
    #[error("expected a clock, since the feature `system` is off")]
    NoClock,
    /// There is no [`IdSource`].
    #[error("expected a source of ids, since the feature `system` is off")]
    NoIds,
    /// This limit is zero.
    #[error("limits.{0}: expected more than zero")]
    Limit(&'static str),
}
