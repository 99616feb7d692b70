//! The service provider as a service of the crate `tower-service`, which collects request bodies up to the limit.

use std::{convert::Infallible, error::Error as StdError, pin::Pin, task::Poll};

use bytes::Bytes;
use http_body::Body;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};

use super::convert;
use crate::{
    error::Error,
    protocol::Response,
    provider::ServiceProvider,
    store::{RequestContext, Store},
};

/// A [`ServiceProvider`] as a service for axum, hyper and other users of [`tower_service::Service`].
///
/// The host's authentication runs first and puts a [`RequestContext`] into the request's extensions. The response to a
/// request without a context is 401 with `WWW-Authenticate: Bearer`, and the body is not read: if a host forgets to
/// authenticate, every request is refused. The path of the request is relative to the base URL, as axum's
/// `Router::nest_service` makes it. A body beyond [`ServiceProvider::body_limit`] is refused with 413 and not
/// collected.
///
/// The service never fails and is always ready. Cheap to clone.
///
/// ```
/// # #[cfg(feature = "system")] {
/// use scim_core::{http::ScimService, provider::ServiceProvider, schema::Registry, store::MemoryStore};
///
/// let provider = ServiceProvider::builder(Registry::standard(), MemoryStore::new(), "https://example.com/scim/v2")
///     .build()?;
/// let service = ScimService::new(provider);
/// // axum::Router::new().nest_service("/scim/v2", service).layer(authentication)
/// # let _ = service;
/// # }
/// # Ok::<(), scim_core::provider::ConfigurationError>(())
/// ```
pub struct ScimService<S> {
    provider: ServiceProvider<S>,
}

impl<S: Store> ScimService<S> {
    /// Returns the service for `provider`.
    pub fn new(provider: ServiceProvider<S>) -> Self {
        Self { provider }
    }
}

impl<S> Clone for ScimService<S> {
    fn clone(&self) -> Self {
        Self { provider: self.provider.clone() }
    }
}

impl<S> std::fmt::Debug for ScimService<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ScimService").field(&self.provider).finish()
    }
}

impl<S, B> tower_service::Service<::http::Request<B>> for ScimService<S>
where
    S: Store,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Response = ::http::Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: ::http::Request<B>) -> Self::Future {
        let provider = self.provider.clone();
        Box::pin(async move { Ok(answer(&provider, request).await.map(|body| Full::new(Bytes::from(body)))) })
    }
}

async fn answer<S, B>(provider: &ServiceProvider<S>, request: ::http::Request<B>) -> ::http::Response<Vec<u8>>
where
    S: Store,
    B: Body + Send,
    B::Data: Send,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let (parts, body) = request.into_parts();
    let Some(context) = parts.extensions.get::<RequestContext>().cloned() else {
        let mut response = refuse(Error::new(401, "the caller is not authenticated"));
        let challenge = ::http::HeaderValue::from_static("Bearer");
        response.headers_mut().insert(::http::header::WWW_AUTHENTICATE, challenge);
        return response;
    };
    // A request without a body, such as most GETs, needs no look-up of the limit.
    let limit = if body.is_end_stream() { 0 } else { provider.body_limit(parts.uri.path()) };
    // Refuse by the declared length, before reading.
    let declared = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if declared > limit {
        return refuse(too_long(limit));
    }
    match Limited::new(body, limit).collect().await {
        Ok(body) => {
            let request = ::http::Request::from_parts(parts, body.to_bytes());
            provider.handle_http(&context, &request).await
        }
        Err(error) if error.is::<LengthLimitError>() => refuse(too_long(limit)),
        Err(error) => refuse(Error::new(400, "expected a body that can be read to its end").with_source(error)),
    }
}

fn too_long(limit: usize) -> Error {
    Error::new(413, format!("the body has more than {limit} bytes"))
}

fn refuse(error: Error) -> ::http::Response<Vec<u8>> {
    convert(Response::refusal(error))
}
