//! The span of each request, from which its line in the [log](crate::log) is made.

use std::sync::Arc;

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use tracing::{Instrument as _, field::Empty};

/// The id of a request, in the log, in the events of its changes, and in a header of its response.
#[derive(Clone)]
pub(super) struct RequestId(pub(super) Arc<str>);

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

pub(super) async fn one_line(mut request: Request, next: Next) -> Response {
    // A client could send the same id twice, so the server creates the id itself. Ids of version 7 are in the order of
    // time, so the index of the provisioning log grows at its end.
    let id: Arc<str> = uuid::Uuid::now_v7().to_string().into();
    let span = tracing::info_span!(
        "request",
        method = %format_args!("{:.16}", request.method().as_str()),
        path = %format_args!("{:.256}", request.uri().path()),
        request_id = &*id,
        status = Empty,
        tenant = Empty,
    );
    request.extensions_mut().insert(RequestId(Arc::clone(&id)));
    let mut response = next.run(request).instrument(span.clone()).await;
    span.record("status", response.status().as_u16());
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, id);
    }
    response
}
