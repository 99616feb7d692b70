//! Responses: the header that every response has, and the bytes that clients have not read yet.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{Request, State},
    http::{HeaderValue, header},
    middleware::Next,
    response::Response,
};
use http_body::{Frame, SizeHint};
use scim_core::{error::Error, store::TenantId};

use super::{
    ledger::{Holding, Ledger},
    peers::Peer,
    refusal,
};

/// Responses smaller than this are not counted: the bound on connections limits them.
const COUNTED: u64 = 16 << 10;

/// The organization of a response, as an extension of the response.
#[derive(Clone)]
pub(super) struct Organization(pub(super) TenantId);

/// Adds `X-Content-Type-Options`, and counts the bytes of the response until the client has read them. When clients
/// leave too many bytes unread, the ledger chooses connections to cut.
pub(super) async fn watch(State(ledger): State<Arc<Ledger>>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Arc<Peer>>().cloned();
    let mut response = next.run(request).await;
    let bytes = response.body().size_hint().lower();
    if let Some(peer) = peer
        && bytes >= COUNTED
    {
        let organization = response.extensions().get::<Organization>();
        let owner: Arc<str> = organization.map_or("", |Organization(tenant)| tenant.as_str()).into();
        let holding = ledger.open(&owner, peer.cut());
        if holding.grow(usize::try_from(bytes).unwrap_or(usize::MAX)) {
            let holding = Arc::new(holding);
            response = response.map(|body| Body::new(Counted { body, holding }));
        } else {
            response = refusal(Error::new(503, "too many bytes of answers are unread at the moment"));
        }
    }
    // Responses contain personal data: a browser must not interpret them as a page or a script.
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A body whose bytes release the holding when the connection has written the last of them.
struct Counted {
    body: Body,
    holding: Arc<Holding>,
}

/// Bytes that keep the holding alive.
struct Unread {
    bytes: Bytes,
    _holding: Arc<Holding>,
}

impl AsRef<[u8]> for Unread {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let holding = Arc::clone(&self.holding);
        Pin::new(&mut self.body)
            .poll_frame(cx)
            .map_ok(|frame| frame.map_data(|bytes| Bytes::from_owner(Unread { bytes, _holding: holding })))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
