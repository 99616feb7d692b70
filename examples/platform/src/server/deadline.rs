//! Bodies that have to be there by a certain time: a client that sends a byte a minute would hold its place for ever.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use tokio::time::Sleep;

/// A body was not complete in time.
#[derive(Debug, thiserror::Error)]
#[error("the body was not there in time")]
pub(super) struct Late;

/// A body that fails with [`Late`].
pub(super) struct Timed {
    body: Body,
    deadline: Pin<Box<Sleep>>,
}

impl Timed {
    /// The body, which has to be complete within this time from now.
    pub(super) fn within(time: Duration, body: Body) -> Body {
        if body.is_end_stream() {
            return body;
        }
        Body::new(Self { body, deadline: Box::pin(tokio::time::sleep(time)) })
    }
}

impl HttpBody for Timed {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        // Asked first, so that it also ends a body of which there is always a little more.
        if self.deadline.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(Late.into())));
        }
        Pin::new(&mut self.body).poll_frame(cx).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
