//! A span for each request, with the feature `tracing`. Without the feature the trace has no cost.
//!
//! A span has the operation, the resource type, the result and the cost of a request. A span never has a value of a
//! resource, a filter, a header, an id of a resource or an error of a backend: the host decides whether to log those.

use std::borrow::Cow;
#[cfg(feature = "tracing")]
use std::sync::Arc;

#[cfg(feature = "tracing")]
use tracing::{Instrument as _, Span, field::Empty};

use super::{Response, route::Route};
#[cfg(feature = "tracing")]
use crate::store::Meter;
use crate::{limits::Limits, store::RequestContext};

/// The span of a request.
pub(super) struct Trace {
    #[cfg(feature = "tracing")]
    span: Span,
    #[cfg(feature = "tracing")]
    meter: Arc<Meter>,
}

#[cfg(not(feature = "tracing"))]
#[expect(clippy::unused_self, reason = "there is something to do with the feature only")]
impl Trace {
    pub(super) fn start(_: &RequestContext, _: &Limits) -> Self {
        Self {}
    }

    pub(super) fn context<'a>(&self, context: &'a RequestContext) -> Cow<'a, RequestContext> {
        Cow::Borrowed(context)
    }

    pub(super) fn route(&self, _: &Route<'_>, _: &str) {}

    pub(super) async fn around<T>(&self, answering: impl Future<Output = T> + Send) -> T {
        answering.await
    }

    pub(super) fn end(&self, _: &Response) {}
}

#[cfg(feature = "tracing")]
impl Trace {
    pub(super) fn start(context: &RequestContext, limits: &Limits) -> Self {
        let span = tracing::info_span!(
            "scim.request",
            tenant = context.tenant().as_str(),
            actor = context.actor(),
            request_id = context.request_id(),
            operation = Empty,
            resource_type = Empty,
            status = Empty,
            scim_type = Empty,
            store_calls = Empty,
            rows = Empty,
            retries = Empty,
            quirks = Empty,
        );
        Self { span, meter: Arc::new(Meter::new(limits)) }
    }

    /// Returns the context that counts the work.
    pub(super) fn context<'a>(&self, context: &'a RequestContext) -> Cow<'a, RequestContext> {
        if self.span.is_disabled() {
            return Cow::Borrowed(context);
        }
        Cow::Owned(context.metered(Arc::clone(&self.meter)))
    }

    /// Records the operation and the resource type.
    pub(super) fn route(&self, route: &Route<'_>, method: &str) {
        if self.span.is_disabled() {
            return;
        }
        let (operation, resource_type) = match (route, method) {
            (Route::Collection(resource_type), "GET") | (Route::Search(Some(resource_type)), "POST") => {
                ("search", Some(resource_type))
            }
            (Route::Collection(resource_type), "POST") => ("create", Some(resource_type)),
            (Route::Resource(resource_type, _), "GET") => ("read", Some(resource_type)),
            (Route::Resource(resource_type, _), "PUT") => ("replace", Some(resource_type)),
            (Route::Resource(resource_type, _), "PATCH") => ("patch", Some(resource_type)),
            (Route::Resource(resource_type, _), "DELETE") => ("delete", Some(resource_type)),
            (Route::Root, "GET") | (Route::Search(None), "POST") => ("search", None),
            (Route::Bulk, "POST") => ("bulk", None),
            (
                Route::Definitions(_)
                | Route::Definition(..)
                | Route::SearchDefinitions(_)
                | Route::ServiceProviderConfig,
                _,
            ) => ("discover", None),
            _ => ("none", None),
        };
        self.span.record("operation", operation);
        if let Some(resource_type) = resource_type {
            self.span.record("resource_type", resource_type.name());
        }
    }

    /// Runs the work within the span, so that the store's spans are its children.
    pub(super) async fn around<T>(&self, answering: impl Future<Output = T> + Send) -> T {
        answering.instrument(self.span.clone()).await
    }

    /// Records the result.
    pub(super) fn end(&self, response: &Response) {
        if self.span.is_disabled() {
            return;
        }
        self.span.record("status", response.status);
        if let Some(scim_type) = response.error.as_ref().and_then(crate::error::Error::scim_type) {
            self.span.record("scim_type", scim_type.name());
        }
        self.span.record("store_calls", self.meter.calls());
        self.span.record("rows", self.meter.rows());
        self.span.record("retries", self.meter.retries());
        if !response.quirks.is_empty() {
            self.span.record("quirks", tracing::field::display(response.quirks));
        }
    }
}
