//! The header `Host`: exactly one in HTTP/1.1, and an authority (RFC 9112 §3.2).

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, Version, header, uri::Authority},
    middleware::Next,
    response::Response,
};
use scim_core::error::Error;

use super::refusal;

/// Answers 400 unless the request has a valid `Host`, and then closes the connection: two parties that read an
/// invalid request may disagree about its end.
pub(super) async fn check(request: Request, next: Next) -> Response {
    if is_valid(request.version(), request.headers()) {
        return next.run(request).await;
    }
    let mut response = refusal(Error::new(400, "expected exactly one `Host` header with the host of the URL"));
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn is_valid(version: Version, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => version < Version::HTTP_11,
        // The header is empty if the URL has no authority.
        (Some(host), None) => {
            host.is_empty() || Authority::try_from(host.as_bytes()).is_ok_and(|it| !it.as_str().contains('@'))
        }
        (Some(_), Some(_)) => false,
    }
}
