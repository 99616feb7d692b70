//! Attempts to sign in at a page: counted by the client's address before anything is computed or stored for them.
//!
//! A password takes a processor tens of milliseconds, and everybody may try one.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::Method,
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::admission::Gate;
use crate::console::Failure;

/// The forms that somebody who is not signed in can send.
const FORMS: [&str; 3] = ["/sign-in", "/confirm", "/sign-on/start"];

/// A layer around the pages.
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
