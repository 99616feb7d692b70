//! Bodies that have to be there by a certain time: a client that sends a byte a minute would hold its place for ever.
//!
//! A body that nobody wants, because the request is refused without it, is read all the same for a little while. To end
//! the connection while the client still sends would take the answer from it too.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use tokio::time::Sleep;

/// How long a body that nobody wants is read.
const UNWANTED_TIME: Duration = Duration::from_secs(2);

/// How much of it: more than any request may have, so that who sends a little too much learns of it.
const UNWANTED_BYTES: usize = 16 << 20;

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
            self.body = Body::empty();
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

impl Drop for Timed {
    fn drop(&mut self) {
        let mut body = std::mem::take(&mut self.body);
        if body.is_end_stream() {
            return;
        }
        tokio::spawn(tokio::time::timeout(UNWANTED_TIME, async move {
            let mut left = UNWANTED_BYTES;
            while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
                left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
                if left == 0 {
                    return;
                }
            }
        }));
    }
}
