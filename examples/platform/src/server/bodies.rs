//! Request bodies: collected in one buffer each, in bounded time, and in bounded total memory.
//!
//! A body that stays in its original frames costs more than its bytes: a frame of one byte has an owner of 32
//! bytes, and keeps a whole buffer of the connection alive.

use std::{future::poll_fn, pin::Pin, sync::Arc, time::Duration};

use axum::{
    body::{Body, HttpBody as _},
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use scim_core::{
    error::Error,
    provider::ServiceProvider,
    store::{DynStore, RequestContext},
};
use tokio::{sync::Notify, time::timeout};

use super::{
    ledger::{Holding, Ledger},
    peers::Peer,
    refusal,
};

/// The first buffer for a body. Most bodies fit into it.
const FIRST_BUFFER: usize = 4 << 10;

/// The time after which a client should retry a request whose body had no room.
const RETRY: Duration = Duration::from_secs(5);

/// The settings for reading bodies.
#[derive(Clone)]
pub(super) struct Reading {
    /// Determines the limit of a body from its path.
    pub(super) provider: ServiceProvider<DynStore>,
    /// The time that a body may take.
    pub(super) patience: Duration,
    /// The bytes of all bodies.
    pub(super) bytes: Arc<Ledger>,
    /// The requests in progress, at most as many as there are connections.
    pub(super) work: Arc<Ledger>,
}

/// Forwards a request with its complete body, or refuses the request: 408 when the body takes too long, 413 when it
/// is too long, 503 when there is no room for it.
pub(super) async fn collect(State(reading): State<Reading>, request: Request, next: Next) -> Response {
    let owner: Arc<str> =
        request.extensions().get::<RequestContext>().map_or("", |context| context.tenant().as_str()).into();
    if request.body().is_end_stream() {
        return work(&reading, &owner, request, next).await;
    }
    let limit = reading.provider.body_limit(request.uri().path());
    let declared = request.body().size_hint().lower();
    // The service refuses a body that declares too many bytes, without reading it.
    if usize::try_from(declared).map_or(true, |declared| declared > limit) {
        return work(&reading, &owner, request, next).await;
    }
    let lost = Arc::new(Notify::new());
    let holding = reading.bytes.open(&owner, Arc::clone(&lost));
    let (parts, body) = request.into_parts();
    let read = tokio::select! {
        read = timeout(reading.patience, read(body, limit, &holding)) => read,
        () = lost.notified() => Ok(Err(no_room())),
    };
    let bytes = match read {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => return refusal(error),
        Err(_) => {
            return refusal(Error::new(
                408,
                format!("the body did not arrive within {} s", reading.patience.as_secs()),
            ));
        }
    };
    // The ledger counts the bytes until the response exists, but the request can no longer be cut off.
    if !holding.keep() {
        return refusal(no_room());
    }
    work(&reading, &owner, Request::from_parts(parts, Body::from(bytes)), next).await
}

/// Forwards a complete request. An organization may have half of all requests in progress.
async fn work(reading: &Reading, owner: &Arc<str>, request: Request, next: Next) -> Response {
    let place = reading.work.open(owner, Arc::default());
    // Keep the holding before it grows: the ledger then refuses this request instead of an earlier request.
    if !(place.keep() && place.grow(1)) {
        let error = Error::new(429, "too many requests of this organization are in work");
        return refusal(error.with_retry_after(Duration::from_secs(1)));
    }
    let _busy = request.extensions().get::<Arc<Peer>>().map(Peer::busy);
    next.run(request).await
}

async fn read(mut body: Body, limit: usize, holding: &Holding) -> Result<Vec<u8>, Error> {
    let most =
        body.size_hint().upper().and_then(|bytes| usize::try_from(bytes).ok()).map_or(limit, |most| most.min(limit));
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame =
            frame.map_err(|error| Error::new(400, "expected a body that can be read to its end").with_source(error))?;
        // Trailers have no meaning here.
        let Ok(data) = frame.into_data() else { continue };
        let length = bytes.len() + data.len();
        if length > limit {
            return Err(Error::new(413, format!("the body has more than {limit} bytes")));
        }
        if length > bytes.capacity() {
            // Reserve by the received bytes, not by the declared length: a declaration costs a client nothing.
            let capacity = length.max(bytes.capacity() * 2).max(FIRST_BUFFER).min(most.max(length));
            if !holding.grow(capacity - bytes.capacity()) {
                return Err(no_room());
            }
            bytes.reserve_exact(capacity - bytes.len());
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

fn no_room() -> Error {
    Error::new(503, "too many bytes of request bodies are being read at the moment").with_retry_after(RETRY)
}
