//! Request bodies of refused requests: read for a short time and dropped.
//!
//! If the server closed the connection while the client is still sending, the client would not get the response.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};

/// The time for which the server reads an unwanted body.
const TIME: Duration = Duration::from_secs(2);

/// The number of bytes of the body that the server reads. It is more than `Limits` allows, so that a client that
/// sends slightly too much gets its 413.
const BYTES: usize = 16 << 20;

/// A body whose rest is read and dropped when the server drops it.
pub(super) struct Unwanted(Body);

impl Unwanted {
    /// Wraps the body of a request.
    pub(super) fn unless_read(body: Body) -> Body {
        if body.is_end_stream() { body } else { Body::new(Self(body)) }
    }
}

impl HttpBody for Unwanted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

impl Drop for Unwanted {
    fn drop(&mut self) {
        let mut body = std::mem::take(&mut self.0);
        if body.is_end_stream() {
            return;
        }
        tokio::spawn(tokio::time::timeout(TIME, async move {
            let mut left = BYTES;
            while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
                left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
                if left == 0 {
                    return;
                }
            }
        }));
    }
}
