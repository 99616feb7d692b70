//! Request bodies: collected in one buffer each, in bounded time, and in bounded memory all together.
//!
//! One buffer, because a body in the frames in which it came costs more than its bytes: a frame of one byte has an owner
//! of 32, and keeps a whole buffer of the connection.

use std::{future::poll_fn, pin::Pin, sync::Arc, time::Duration};

use axum::{
    body::{Body, HttpBody as _},
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use scim_core::{
    ServiceProvider,
    error::Error,
    store::{Context, DynStore},
};
use tokio::{sync::Notify, time::timeout};

use super::{
    ledger::{Holding, Ledger},
    peers::Peer,
    refusal,
};

/// The first buffer for a body. Most bodies need no other.
const FIRST_BUFFER: usize = 4 << 10;

/// When a client should repeat a request whose body had no room.
const RETRY: Duration = Duration::from_secs(5);

/// How bodies are read.
#[derive(Clone)]
pub(super) struct Reading {
    /// Knows the limit of a body by its path.
    pub(super) provider: ServiceProvider<DynStore>,
    /// How long a body may take.
    pub(super) patience: Duration,
    /// The bytes of all bodies.
    pub(super) bytes: Arc<Ledger>,
    /// The requests in work, as many as there are connections.
    pub(super) work: Arc<Ledger>,
}

/// Hands on a request with its whole body, or refuses it: 408 when the body takes too long, 413 when it is too long,
/// 503 when there is no room for it.
pub(super) async fn collect(State(reading): State<Reading>, request: Request, next: Next) -> Response {
    let limit = reading.provider.body_limit(request.uri().path());
    let declared = request.body().size_hint().lower();
    // The service refuses a body that declares too many bytes, without reading it.
    let owner: Arc<str> = request.extensions().get::<Context>().map_or("", |context| context.tenant().as_str()).into();
    if request.body().is_end_stream() || usize::try_from(declared).map_or(true, |declared| declared > limit) {
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
            return refusal(Error::new(408, format!("expected the body within {} s", reading.patience.as_secs())));
        }
    };
    // The ledger counts the bytes until the answer is there, but the request runs to its end.
    if !holding.keep() {
        return refusal(no_room());
    }
    work(&reading, &owner, Request::from_parts(parts, Body::from(bytes)), next).await
}

/// Hands on a request that is complete. Its organization may have half of all requests in work.
async fn work(reading: &Reading, owner: &Arc<str>, request: Request, next: Next) -> Response {
    let place = reading.work.open(owner, Arc::default());
    // Kept before it counts, so that it is this request that is refused and no earlier one.
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
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame =
            frame.map_err(|error| Error::new(400, "expected a body that can be read to its end").with_source(error))?;
        // Trailers mean nothing here.
        let Ok(data) = frame.into_data() else { continue };
        let length = bytes.len() + data.len();
        if length > limit {
            return Err(Error::new(413, format!("expected a body of at most {limit} bytes")));
        }
        if length > bytes.capacity() {
            // From the bytes that came, not from the declared length: to declare costs a client nothing.
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
