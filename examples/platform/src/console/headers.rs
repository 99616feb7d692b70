//! The headers that protect a page against use by other sites, and the files that pages load.

use axum::{
    Router,
    extract::Request,
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::get,
};

use super::Console;

const STYLE: &str = include_str!("../../assets/style.css");
const SCRIPT: &str = include_str!("../../assets/script.js");
const ICON: &str = include_str!("../../assets/icon.svg");

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The style sheet, the script and the icon.
pub(super) fn files() -> Router<Console> {
    let file = |content: &'static str, kind: &'static str| {
        get(move || async move {
            ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "public, max-age=3600")], content).into_response()
        })
    };
    Router::new()
        .route("/assets/style.css", file(STYLE, "text/css; charset=utf-8"))
        .route("/assets/script.js", file(SCRIPT, "text/javascript; charset=utf-8"))
        .route("/assets/icon.svg", file(ICON, "image/svg+xml"))
}

/// Adds the headers to every response. By default a page must not be cached: pages show personal data and keys.
///
/// A page that must redirect a form to another site, such as the sign-in at an identity provider, sets its own
/// policy, which stays.
pub(super) async fn protect(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let all: [(HeaderName, &'static str); 5] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in all {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
