//! HTTP: who calls is found out here, before anything of SCIM is looked at.

use std::{error::Error, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Path, Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use scim_core::{
    Quirks, Registry, ServiceProvider,
    error::Error as ScimError,
    http::{Outcome, ScimService},
    protocol,
    store::{Context, DynStore, TenantId},
};
use tokio::{net::TcpListener, signal};

use crate::directory::{Directory, DirectoryError};

/// How long requests in flight may take when the server is told to end.
const GRACE: Duration = Duration::from_secs(30);

/// The server's parts.
pub(crate) struct Platform {
    directory: Arc<Directory>,
    scim: ServiceProvider<DynStore>,
}

impl Platform {
    /// `url` is where clients see the server, without a slash at its end.
    pub(crate) fn new(directory: Directory, url: &str) -> Result<Self, Box<dyn Error>> {
        let scim = ServiceProvider::builder(Registry::standard(), directory.store())
            .base_url(format!("{url}/scim/{{tenant}}/v2"))
            // Whichever provider an organisation has, it is served.
            .quirks(Quirks::entra())
            .build()?;
        Ok(Self { directory: Arc::new(directory), scim })
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }

    fn router(self) -> Router {
        let service = ScimService::new(self.scim);
        let authenticated = middleware::from_fn_with_state(self.directory, authenticate);
        Router::new()
            .nest("/scim/{organization}/v2", Router::new().fallback_service(service).layer(authenticated))
            .route("/health", get(|| async { "ok\n" }))
            .fallback(|| async { refusal(ScimError::new(404, "expected /scim/{organization}/v2/…")) })
    }
}

/// Lets a request through whose key opens the organisation that the URL names; who else asks learns nothing.
async fn authenticate(
    State(directory): State<Arc<Directory>>,
    Path(parameters): Path<Vec<(String, String)>>,
    mut request: Request,
    next: Next,
) -> Response {
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let key = match authorization {
        Some(authorization) => directory.authenticate(authorization).await,
        None => Ok(None),
    };
    let organization = parameters.iter().find(|(name, _)| name == "organization").map(|(_, value)| value.as_str());
    let key = match key {
        Ok(key) => key.filter(|key| organization == Some(&key.organization)),
        Err(error) => {
            tracing::error!(%error, "a key could not be looked up");
            return refusal(ScimError::new(503, "the keys cannot be looked up at the moment"));
        }
    };
    let tenant = key.as_ref().map(|key| TenantId::new(key.organization.as_str()));
    let (Some(key), Some(Ok(tenant))) = (key, tenant) else {
        let mut response = refusal(ScimError::new(401, "expected an API key of the organization"));
        response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        return response;
    };
    let id = uuid::Uuid::new_v4().to_string();
    request.extensions_mut().insert(Context::new(tenant).with_actor(key.name).with_request_id(id));
    let response = next.run(request).await;
    if let Some(error) = response.extensions().get::<Outcome>().and_then(|outcome| outcome.error.as_ref())
        && error.status() >= 500
    {
        tracing::error!(error = %error, source = error.as_ref().source(), "a request failed");
    }
    response
}

fn refusal(error: ScimError) -> Response {
    let response = protocol::Response::refusal(error);
    let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, protocol::CONTENT_TYPE)], response.body).into_response()
}

/// Serves until the process is told to end; requests that are being answered then get their answers.
pub(crate) async fn serve(listener: TcpListener, platform: Platform) -> std::io::Result<()> {
    let (told, ending) = tokio::sync::oneshot::channel();
    let signal = async move {
        ended().await;
        tracing::info!("ending: requests in flight are completed");
        let _ = told.send(());
    };
    let serving = axum::serve(listener, platform.router()).with_graceful_shutdown(signal);
    tokio::select! {
        outcome = serving.into_future() => outcome,
        // A client that never finishes its request does not keep the server up for ever.
        () = async { let _ = ending.await; tokio::time::sleep(GRACE).await } => Ok(()),
    }
}

/// Ends with the first SIGINT or SIGTERM.
async fn ended() {
    #[cfg(unix)]
    {
        let mut terminate = match signal::unix::signal(signal::unix::SignalKind::terminate()) {
            Ok(terminate) => terminate,
            Err(error) => {
                tracing::warn!(%error, "SIGTERM will not be noticed");
                return drop(signal::ctrl_c().await);
            }
        };
        tokio::select! {
            _ = signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    drop(signal::ctrl_c().await);
}
