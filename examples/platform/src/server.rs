//! HTTP: the URLs of organizations, and bounds on clients. The core decides the meaning of a SCIM request;
//! [`Directory`] decides who may send a request.

mod admission;
mod answers;
mod attempts;
mod bodies;
mod bounds;
mod connections;
mod host;
mod ledger;
mod lines;
mod notes;
mod outages;
mod peers;
mod providers;
mod rates;
mod socket;
mod tls;
mod tokens;
mod unwanted;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use scim_core::{error::Error as ScimError, protocol, provider::CursorKey, schema::Registry, store::DynStore};

use self::{
    admission::Gate,
    bodies::Reading,
    ledger::Ledger,
    notes::Notes,
    outages::{Outages, Scope},
    providers::Providers,
    rates::Rates,
    tokens::Tokens,
    unwanted::Unwanted,
};
pub use self::{
    bounds::{Bounds, Quotas},
    connections::{Ending, serve},
    tls::Certificate,
};
use crate::{
    console::{self, Console},
    directory::Directory,
    log::with_causes,
    oauth::grant::Grants,
};

/// The time within which the database must answer a health check.
const HEALTH: Duration = Duration::from_secs(2);

/// The settings of a server.
#[derive(Debug)]
pub struct Settings {
    /// The URL under which clients see the server: `https://example.com`.
    pub url: String,
    /// The secrets that seal cursors. The first secret seals new cursors.
    pub cursor_keys: Vec<CursorKey>,
    /// Bounds on clients.
    pub bounds: Bounds,
    /// The resource types.
    pub registry: Registry,
}

/// Returns the SCIM URL of an organization, below which its identity provider finds `/Users`.
pub fn scim_url(url: &str, organization: &str) -> String {
    format!("{}/scim/{organization}/v2", url.trim_end_matches('/'))
}

/// Returns the router of all URLs: SCIM below `/scim/{organization}/v2`, the token endpoint of OAuth clients and
/// the pages below `/o/{organization}` if there is a database, and `/health`.
///
/// # Errors
///
/// When `settings.url` is not an http or https URL without a query, or the system offers no TLS for requests of the
/// server.
pub fn router(
    directory: Arc<Directory>,
    resources: &DynStore,
    console: Option<Console>,
    settings: &Settings,
) -> Result<Router, Box<dyn std::error::Error>> {
    let (providers, bounds) = (Providers::build(resources, settings, console.is_some())?, &settings.bounds);
    let outages = Arc::<Outages>::default();
    let gate = Arc::new(Gate {
        directory: Arc::clone(&directory),
        rates: Rates::new(bounds.quotas),
        outages: Arc::clone(&outages),
        deadline: bounds.deadline,
        address_header: bounds.address_header.clone(),
    });
    let tokens = match &console {
        Some(console) => {
            let grants = Grants::new(console.database.clone(), &settings.url).map_err(Box::new)?;
            let (gate, url) = (Arc::clone(&gate), settings.url.as_str().into());
            tokens::routes(Tokens { gate, grants, patience: bounds.request, url })
        }
        None => Router::new(),
    };
    let reading = Reading {
        provider: providers.any().clone(),
        patience: bounds.request,
        bytes: Ledger::new(bounds.request_bytes),
        work: Ledger::new(bounds.connections),
    };
    let scim = Router::new()
        .fallback(move |request: Request| providers.clone().answer(request))
        // The first layer of a tuple is the outermost. Each call of `layer` adds one copy of the route, with all its inner
        // layers, to every request.
        .layer((
            middleware::from_fn_with_state(Arc::clone(&gate), admission::admit),
            middleware::from_fn_with_state(reading, bodies::collect),
            middleware::from_fn(notes::take),
        ));
    let (pages, scim) = match console {
        Some(console) => {
            let (writer, database) = (console.writer.clone(), console.database.clone());
            let notes = Arc::new(Notes::new(writer, Arc::clone(&directory), database, settings.registry.clone()));
            let pages = console::router(console).layer(middleware::from_fn_with_state(gate, attempts::count));
            (pages, scim.layer(middleware::from_fn_with_state(notes, notes::note)))
        }
        None => (Router::new(), scim),
    };
    Ok(pages
        // With or without a slash at its end. Without the state, axum would build the service with its layers again for
        // every request.
        .nest_service("/scim/{organization}/v2", scim.with_state(()))
        .merge(tokens)
        .route("/health", get(health).with_state((directory, outages)))
        .fallback(|| async { not_found() })
        .layer((
            middleware::from_fn(lines::one_line),
            middleware::from_fn_with_state(Ledger::new(bounds.answer_bytes), answers::watch),
            middleware::from_fn(host::check),
            middleware::from_fn(drain),
        ))
        .with_state(()))
}

/// Reads the body of a refused request to its end.
async fn drain(request: Request, next: Next) -> Response {
    next.run(request.map(Unwanted::unless_read)).await
}

/// Whether the server can work. Load balancers ask this without a key.
async fn health(State((directory, outages)): State<(Arc<Directory>, Arc<Outages>)>) -> (StatusCode, &'static str) {
    let (cause, answer) = match tokio::time::timeout(HEALTH, directory.answers()).await {
        Ok(Ok(())) => {
            outages.worked(&Scope::Database);
            return (StatusCode::OK, "ok\n");
        }
        Ok(Err(error)) => (with_causes(&error), "the database does not answer\n"),
        Err(error) => (error.to_string(), "the database takes too long to answer\n"),
    };
    outages.failed(&Scope::Database, &cause);
    (StatusCode::SERVICE_UNAVAILABLE, answer)
}

/// The response to a request for an unknown URL.
pub(crate) fn not_found() -> Response {
    refusal(ScimError::new(404, "nothing is at this URL; SCIM is below /scim/{organization}/v2"))
}

/// A response of the server itself, as a SCIM error (RFC 7644 §3.12).
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
