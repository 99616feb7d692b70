//! Attempts to sign in at a page: counted by the client's address before the server computes or stores anything for
//! them.
//!
//! A password check takes a processor tens of milliseconds, and every client may try it.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::Method,
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::admission::Gate;
use crate::console::Failure;

/// The forms that a client can send without being signed in.
const FORMS: [&str; 3] = ["/sign-in", "/confirm", "/sign-on/start"];

/// Counts the attempts, as a layer around the pages.
pub(super) async fn count(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_form = FORMS.iter().any(|form| path.ends_with(form)) || path.contains("/invitation/");
    if request.method() == Method::POST
        && is_form
        && let Some(wait) = gate.rates.attempt(gate.address(&request))
    {
        return Failure::TooMany(wait).into_response();
    }
    next.run(request).await
}
