//! HTTP: which URL is whose, and how long a client may take. What a SCIM request means is scim-core's business, who may
//! send one [`Directory`]'s.

mod admission;
mod connections;
mod deadline;
mod lines;

use std::{error::Error, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use scim_core::{
    Quirks, ServiceProvider,
    error::Error as ScimError,
    http::{Outcome, ScimService},
    protocol,
    provider::{ConfigurationError, CursorKey},
    store::DynStore,
};

pub use self::connections::{Ending, serve};
use self::deadline::{Late, Timed};
use crate::{
    directory::Directory,
    log::{causes, with_causes},
    registry,
};

/// How long the database may take to say that it is there.
const HEALTH: Duration = Duration::from_secs(2);

/// What a server is told.
#[derive(Debug)]
pub struct Settings {
    /// The URL under which clients see it, `https://example.com`.
    pub url: String,
    /// The secrets that cursors are sealed with, the one that new ones get first.
    pub cursor_keys: Vec<CursorKey>,
    /// How long a client may take to send the head of a request, and again as long for its body.
    pub patience: Duration,
}

/// The URL of an organisation, under which its identity provider finds `/Users`.
pub fn scim_url(url: &str, organization: &str) -> String {
    format!("{}/scim/{organization}/v2", url.trim_end_matches('/'))
}

/// Everything that the server answers: SCIM below `/scim/{organization}/v2`, and `/health`.
///
/// # Errors
///
/// When `settings.url` is no http or https URL without a query.
pub fn router(
    directory: Arc<Directory>,
    resources: DynStore,
    settings: &Settings,
) -> Result<Router, ConfigurationError> {
    let mut provider = ServiceProvider::builder(registry(), resources)
        .base_url(scim_url(&settings.url, "{tenant}"))
        // Whichever provider an organisation has, it is served.
        .quirks(Quirks::entra());
    for key in &settings.cursor_keys {
        provider = provider.cursor_key(key.clone());
    }
    let scim = Router::new()
        .fallback_service(ScimService::new(provider.build()?))
        .layer(middleware::from_fn_with_state(Arc::clone(&directory), admission::admit));
    Ok(Router::new()
        // With or without a slash at its end.
        .nest_service("/scim/{organization}/v2", scim)
        .route("/health", get(health).with_state(directory))
        .fallback(|| async { refusal(ScimError::new(404, "expected a URL below /scim/{organization}/v2")) })
        .layer(middleware::from_fn_with_state(settings.patience, patient))
        .layer(middleware::from_fn(lines::one_line)))
}

/// Answers 408 when a body takes too long.
async fn patient(State(patience): State<Duration>, request: Request, next: Next) -> Response {
    let request = request.map(|body| Timed::within(patience, body));
    let response = next.run(request).await;
    let failure = response.extensions().get::<Outcome>().and_then(|outcome| outcome.error.as_deref());
    if failure.is_some_and(|failure| causes(failure).any(<dyn Error>::is::<Late>)) {
        return refusal(ScimError::new(408, format!("expected the body within {} s", patience.as_secs())));
    }
    response
}

/// Whether the server can work: for load balancers, which have no key.
async fn health(State(directory): State<Arc<Directory>>) -> (StatusCode, &'static str) {
    match tokio::time::timeout(HEALTH, directory.answers()).await {
        Ok(Ok(())) => (StatusCode::OK, "ok\n"),
        Ok(Err(error)) => {
            tracing::error!(error = with_causes(&error), "the database does not answer");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n")
        }
        Err(_) => {
            tracing::error!("the database takes too long to answer");
            (StatusCode::SERVICE_UNAVAILABLE, "the database takes too long to answer\n")
        }
    }
}

/// A response of the server's own, as SCIM clients read it (RFC 7644 §3.12).
fn refusal(error: ScimError) -> Response {
    let response = protocol::Response::refusal(error);
    let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut refusal = status.into_response();
    for (name, value) in response.headers() {
        if let (Ok(name), Ok(value)) = (header::HeaderName::try_from(name), HeaderValue::from_str(value)) {
            refusal.headers_mut().insert(name, value);
        }
    }
    *refusal.body_mut() = response.body.into();
    refusal
}
