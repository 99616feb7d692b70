//! The token endpoint of each organization, and the metadata by which clients find it. The module
//! [`oauth`](crate::oauth) decides which clients get a token.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::to_bytes,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use scim_core::{
    error::Error,
    oauth::{Credential, Metadata, REQUEST_BYTES, TokenError, TokenErrorKind, TokenRequest, TokenResponse},
    store::TenantId,
};
use tokio::time::{Instant, timeout, timeout_at};

use super::{admission::Gate, outages::Scope, peers::Peer, refusal};
use crate::{
    directory::OrganizationName,
    log::with_causes,
    oauth::{
        self,
        grant::{GrantError, Grants, SCOPES},
    },
};

/// The time after which a client should retry when the tables could not be read.
const RETRY: Duration = Duration::from_secs(5);

/// The parts of the server that the endpoint uses.
pub(super) struct Tokens {
    pub(super) gate: Arc<Gate>,
    pub(super) grants: Grants,
    /// The time that a body may take.
    pub(super) patience: Duration,
    /// The URL under which clients see the server.
    pub(super) url: Box<str>,
}

pub(super) fn routes(tokens: Tokens) -> Router {
    Router::new()
        .route("/scim/{organization}/oauth/token", post(token))
        .route("/.well-known/oauth-authorization-server/scim/{organization}", get(metadata))
        .with_state(Arc::new(tokens))
}

/// The metadata is the same for organizations that do not exist, so it does not reveal which organizations exist.
async fn metadata(State(tokens): State<Arc<Tokens>>, Path(organization): Path<String>) -> Response {
    let Ok(organization) = organization.parse::<OrganizationName>() else {
        return refusal(Error::new(404, "no organization has this name"));
    };
    let (url, organization) = (&*tokens.url, organization.as_str());
    let document = Metadata::new(oauth::issuer(url, organization), oauth::token_url(url, organization)).scopes(SCOPES);
    ([(header::CONTENT_TYPE, "application/json")], document.to_json()).into_response()
}

async fn token(State(tokens): State<Arc<Tokens>>, Path(organization): Path<String>, request: Request) -> Response {
    let (gate, end) = (&tokens.gate, Instant::now() + tokens.gate.deadline);
    let (address, has_query) = (gate.address(&request), request.uri().query().is_some());
    let peer = request.extensions().get::<Arc<Peer>>().cloned();
    let (parts, body) = request.into_parts();
    let body = match timeout(tokens.patience, to_bytes(body, REQUEST_BYTES)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return invalid("expected a shorter request"),
        Err(_) => return refusal(Error::new(408, "the body did not arrive in time")),
    };
    let _busy = peer.as_ref().map(Peer::busy);
    if has_query {
        // Secrets in a URL end up in the logs of other parties (RFC 6749 §2.3.1).
        return invalid("expected no query in the URL");
    }
    let [Ok(authorization), Ok(content_type)] =
        [header::AUTHORIZATION, header::CONTENT_TYPE].map(|name| only(&parts.headers, &name))
    else {
        return invalid("expected each header once, in ASCII");
    };
    let parsed = TokenRequest::parse(authorization, content_type, &body);
    // A client whose credential was valid the last time is not counted among clients without a valid key. Each
    // assertion is different, so the client id and the address identify a client with assertions.
    let fingerprint = parsed.as_ref().ok().map(|request| {
        let credential = match request.credential() {
            Credential::Basic(secret) | Credential::Post(secret) => secret.to_string(),
            _ => format!("{address:?}"),
        };
        gate.rates.fingerprint(&organization, &format!("OAuth {} {credential}", request.client_id()))
    });
    if let Err(error) = gate.rates.knock(address, fingerprint) {
        return refusal(error);
    }
    let (request, fingerprint) = match (parsed, fingerprint) {
        (Ok(request), Some(fingerprint)) => (request, fingerprint),
        (Err(error), _) => return response(&error.response()),
        (Ok(request), None) => return response(&request.unknown().response()),
    };
    let tenant = organization.parse::<OrganizationName>().ok().and_then(|name| TenantId::new(name.as_str()).ok());
    let Some(tenant) = tenant else { return response(&request.unknown().response()) };
    let granted = match timeout_at(end, tokens.grants.grant(&tenant, &request)).await {
        Ok(granted) => granted,
        Err(error) => return away(gate, &error.to_string()),
    };
    match granted {
        Ok(issued) => {
            gate.outages.worked(&Scope::Keys);
            gate.rates.known(fingerprint, true);
            tracing::Span::current().record("tenant", tenant.as_str());
            match gate.rates.count(&tenant, fingerprint) {
                Ok(()) => response(&issued.response()),
                Err(error) => refusal(error),
            }
        }
        Err(GrantError::Token(error)) => {
            // Other errors come from a known client.
            gate.rates.known(fingerprint, error.kind() != TokenErrorKind::InvalidClient);
            response(&error.response())
        }
        Err(error @ GrantError::Store(_)) => away(gate, &with_causes(&error)),
    }
}

/// The value of a header that occurs at most once; an error if it occurs more often.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(drop),
        (Some(_), Some(_)) => Err(()),
    }
}

fn invalid(description: &'static str) -> Response {
    response(&TokenError::new(TokenErrorKind::InvalidRequest, description).response())
}

fn away(gate: &Gate, cause: &str) -> Response {
    gate.outages.failed(&Scope::Keys, cause);
    refusal(Error::new(503, "the clients cannot be looked up at the moment").with_retry_after(RETRY))
}

fn response(answer: &TokenResponse) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, answer.body.clone()).into_response();
    for (name, value) in &answer.headers {
        if let Ok(name) = HeaderName::try_from(*name) {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
    }
    response
}
