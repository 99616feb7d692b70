//! Requests and responses of the crate [http](https://docs.rs/http), and a service for HTTP servers that use `tower`.
//!
//! This module only converts types; [`protocol`](crate::protocol) interprets the requests.

#[cfg(feature = "tower")]
mod tower;

use ::http::{HeaderValue, header::HeaderMap};

#[cfg(feature = "tower")]
#[cfg_attr(docsrs, doc(cfg(feature = "tower")))]
pub use self::tower::ScimService;
use crate::{
    protocol::{Request, Response},
    provider::ServiceProvider,
    store::{RequestContext, Store},
};

impl<S: Store> ServiceProvider<S> {
    /// Like [`ServiceProvider::handle`], for a request of the crate `http`. The path is relative to the base URL. The
    /// host has read the body, at most [`ServiceProvider::body_limit`] bytes of it.
    ///
    /// The extensions of the response have an [`Outcome`] for the host's log: the error and the quirks of the
    /// [`Response`].
    ///
    /// ```
    /// # #[cfg(feature = "system")] {
    /// # use std::{future::Future, pin::pin, task::{Context as Task, Poll, Waker}};
    /// # fn block_on<F: Future>(future: F) -> F::Output {
    /// #     let (mut future, mut task) = (pin!(future), Task::from_waker(Waker::noop()));
    /// #     loop { if let Poll::Ready(output) = future.as_mut().poll(&mut task) { return output } }
    /// # }
    /// use scim_core::{provider::ServiceProvider, schema::Registry, store::{MemoryStore, RequestContext, TenantId}};
    ///
    /// let provider = ServiceProvider::builder(Registry::standard(), MemoryStore::new(), "https://example.com/scim/v2")
    ///     .build()?;
    /// let request = http::Request::get("/Users?count=0").body(Vec::new())?;
    /// let response = block_on(provider.handle_http(&RequestContext::new(TenantId::single()), &request));
    /// assert_eq!(response.status(), 200);
    /// assert_eq!(response.headers()["content-type"], "application/scim+json");
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn handle_http<B: AsRef<[u8]> + Sync>(
        &self,
        context: &RequestContext,
        request: &::http::Request<B>,
    ) -> ::http::Response<Vec<u8>> {
        let target = request.uri().path_and_query().map_or("/", ::http::uri::PathAndQuery::as_str);
        let request = Request::new(request.method().as_str(), target)
            .with_headers(texts(request.headers()))
            .with_body(request.body().as_ref());
        convert(self.handle(context, &request).await)
    }
}

/// The data of a [`Response`] for the host, which the client does not see. Stored in the extensions of the `http`
/// response.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// The error in the body, with its cause, which the body does not show; `None` for a success.
    pub error: Option<std::sync::Arc<crate::error::Error>>,
    /// The quirks of the identity provider that the request showed and that were tolerated.
    pub quirks: crate::quirks::Quirks,
}

/// Header values as text. A value that is not text becomes `?`, so that an unreadable `If-Match` fails instead of
/// being ignored.
fn texts(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap_or("?")))
}

fn convert(response: Response) -> ::http::Response<Vec<u8>> {
    let mut out = ::http::Response::new(Vec::new());
    // Every status of a [`Response`] is a valid status, so the fallback is never used.
    *out.status_mut() =
        ::http::StatusCode::from_u16(response.status).unwrap_or(::http::StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in response.headers() {
        if let (Ok(name), Ok(value)) = (::http::HeaderName::try_from(name), HeaderValue::from_str(value)) {
            out.headers_mut().insert(name, value);
        }
    }
    let outcome = Outcome { error: response.error.map(std::sync::Arc::new), quirks: response.quirks };
    out.extensions_mut().insert(outcome);
    *out.body_mut() = response.body;
    out
}
