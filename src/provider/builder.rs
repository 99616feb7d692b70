//! The builder of the service provider.

use std::{fmt, sync::Arc};

use super::{
    access::{Policies, Policy, Subject, Subjects},
    base::BaseUrl,
    seal::Seals,
    service_provider::{Inner, Observers, ServiceProvider},
    system::{Clock, IdSource},
};
use crate::{
    event::Observer,
    limits::Limits,
    message::AuthenticationScheme,
    quirks::Quirks,
    schema::Registry,
    store::{RequestContext, Store},
};

impl<S: Store> ServiceProvider<S> {
    /// Returns a builder for a service provider with the resource types of `registry`, whose resources are in
    /// `store`.
    ///
    /// `base_url` is the URL under which clients reach the service provider, for example
    /// `https://example.com/scim/v2`. Every `meta.location` and `$ref` starts with it (RFC 7644 §1.3). The core
    /// replaces `{tenant}` in the URL by the [`TenantId`](crate::store::TenantId) of the request. The host sets the
    /// URL, because the host name in a request is only a claim of the client.
    /// [`build`](ServiceProviderBuilder::build) checks the URL.
    ///
    /// ```
    /// # #[cfg(feature = "system")] {
    /// use scim_core::{provider::ServiceProvider, schema::Registry, store::MemoryStore};
    ///
    /// let url = "https://example.com/{tenant}/scim/v2";
    /// let provider = ServiceProvider::builder(Registry::standard(), MemoryStore::new(), url).build()?;
    /// # }
    /// # Ok::<(), scim_core::provider::ConfigurationError>(())
    /// ```
    pub fn builder(registry: Registry, store: S, base_url: impl Into<Box<str>>) -> ServiceProviderBuilder<S> {
        let (clock, ids) = defaults();
        ServiceProviderBuilder {
            registry,
            store,
            base: base_url.into(),
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
}

/// The default clock and the default source of ids; `None` without the feature `system`.
type Defaults = (Option<Box<dyn Clock>>, Option<Box<dyn IdSource>>);

#[cfg(feature = "system")]
fn defaults() -> Defaults {
    (Some(Box::new(super::system::SystemClock)), Some(Box::new(super::system::RandomIds)))
}

#[cfg(not(feature = "system"))]
fn defaults() -> Defaults {
    (None, None)
}

/// Builds a [`ServiceProvider`]. Created by [`ServiceProvider::builder`].
#[must_use]
pub struct ServiceProviderBuilder<S> {
    registry: Registry,
    store: S,
    base: Box<str>,
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
    /// Replaces the default limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Replaces the default set of tolerated quirks.
    pub fn quirks(mut self, quirks: Quirks) -> Self {
        self.quirks = quirks;
        self
    }

    /// Sets the clock. Without the feature `system` there is no default.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Box::new(clock));
        self
    }

    /// Sets the source of new ids. Without the feature `system` there is no default.
    pub fn ids(mut self, ids: impl IdSource) -> Self {
        self.ids = Some(Box::new(ids));
        self
    }

    /// Adds an authentication scheme to ServiceProviderConfig (RFC 7643 §5). Several calls add several schemes; the
    /// first scheme is the primary one. The default is [`AuthenticationScheme::bearer`].
    pub fn authentication_scheme(mut self, scheme: AuthenticationScheme) -> Self {
        self.schemes.push(scheme);
        self
    }

    /// Sets the URL of the documentation for people, which ServiceProviderConfig shows.
    pub fn documentation(mut self, url: impl Into<Box<str>>) -> Self {
        self.documentation = Some(url.into());
        self
    }

    /// Adds a key that seals cursors: a client then cannot make, alter or read a cursor (RFC 9865 §5.2). Several
    /// calls add several keys: the first key seals new cursors, and cursors of all keys are accepted. This lets a
    /// host change its key without breaking walks that are under way.
    ///
    /// Without a key, cursors have only a checksum, and a client that knows this crate can make a cursor. Such a
    /// cursor leads to no more data than the caller could read by its own query. An unsealed cursor does show the
    /// sort key of a resource to every reader of the URL.
    #[cfg(feature = "signed-cursors")]
    #[cfg_attr(docsrs, doc(cfg(feature = "signed-cursors")))]
    pub fn cursor_key(mut self, key: super::seal::CursorKey) -> Self {
        self.seals.keys.push(key);
        self
    }

    /// Adds a policy, which decides which actions callers may perform and which data they see. With several policies
    /// an action needs the permission of all of them, and the attributes that any of them hides are hidden. Without a
    /// policy, every caller with a [`RequestContext`] may do everything in its tenant.
    pub fn policy(mut self, policy: impl Policy) -> Self {
        self.policies.push(Box::new(policy));
        self
    }

    /// Sets the function that finds the caller's own resource for `/Me` (RFC 7644 §3.11). `/Me` then stands for that
    /// resource, under the same rules as the URL of the resource. If the function returns `None`, the caller has no
    /// resource and `/Me` gets 404. Without this function `/Me` gets 501.
    ///
    /// The function must not block. The host puts the data that it needs into the [`RequestContext`] during
    /// authentication.
    ///
    /// ```
    /// # #[cfg(feature = "system")] {
    /// use scim_core::{provider::{ServiceProvider, Subject}, schema::Registry, store::MemoryStore};
    ///
    /// /// The host's data about an authenticated caller.
    /// struct Session { user: String }
    ///
    /// let provider = ServiceProvider::builder(Registry::standard(), MemoryStore::new(), "https://example.com/scim/v2")
    ///     .me(|context| context.host::<Session>().map(|session| Subject::new("User", session.user.as_str())))
    ///     .build()?;
    /// # }
    /// # Ok::<(), scim_core::provider::ConfigurationError>(())
    /// ```
    pub fn me(mut self, subject_of: impl Fn(&RequestContext) -> Option<Subject> + Send + Sync + 'static) -> Self {
        self.subjects = Subjects(Some(Box::new(subject_of)));
        self
    }

    /// Adds an observer, which the core notifies of every committed change. Several calls add several observers.
    /// Without an observer the core builds no events.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observers.0.push(Box::new(observer));
        self
    }

    /// States in ServiceProviderConfig that the host delivers security event tokens with these event URIs (RFC 9967
    /// §4). The service provider answers every request synchronously, even with `Prefer: respond-async`, as §2.5.1.1
    /// allows: `asyncRequest` is `none`.
    ///
    /// ```
    /// # #[cfg(feature = "system")] {
    /// use scim_core::{event::EventUri, provider::ServiceProvider, schema::Registry, store::MemoryStore};
    ///
    /// let provider = ServiceProvider::builder(Registry::standard(), MemoryStore::new(), "https://example.com/scim/v2")
    ///     .security_events([EventUri::CreateNotice, EventUri::Deactivate])
    ///     .build()?;
    /// # }
    /// # Ok::<(), scim_core::provider::ConfigurationError>(())
    /// ```
    pub fn security_events(mut self, uris: impl IntoIterator<Item = impl Into<Box<str>>>) -> Self {
        self.security_events = Some(uris.into_iter().map(Into::into).collect());
        self
    }

    /// Builds the service provider.
    ///
    /// # Errors
    ///
    /// If the base URL is invalid, the clock or the source of ids is missing, or a limit is zero although
    /// no request could then meet it.
    pub fn build(self) -> Result<ServiceProvider<S>, ConfigurationError> {
        use ConfigurationError as Fault;
        let Some(base) = BaseUrl::new(&self.base) else { return Err(Fault::BaseUrl(self.base)) };
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
            // Advertised in whole seconds, so at least one second is needed.
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

/// The reason why a service provider cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigurationError {
    /// The base URL is not an absolute http or https URL, or it has a query (RFC 7644 §1.3).
    #[error("expected an http or https URL without a query: `{0:.60}`")]
    BaseUrl(Box<str>),
    /// The builder has no [`Clock`].
    #[error("expected a clock, since the feature `system` is off")]
    NoClock,
    /// The builder has no [`IdSource`].
    #[error("expected a source of ids, since the feature `system` is off")]
    NoIds,
    /// The limit with this name is zero.
    #[error("limits.{0}: expected more than zero")]
    Limit(&'static str),
}
