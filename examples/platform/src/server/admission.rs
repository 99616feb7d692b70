//! Admission of requests, decided before the server looks at any part of SCIM (RFC 7644 §2).

use std::{
    error::Error as StdError,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::{Path, Request, State, rejection::PathRejection},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use scim_core::{
    error::Error,
    http::Outcome,
    store::{RequestContext, TenantId},
};
use tokio::time::{Instant, timeout_at};
use tracing::Span;

use super::{
    answers::Organization,
    lines::RequestId,
    outages::{Outages, Scope},
    peers::Peer,
    rates::Rates,
    refusal,
};
use crate::{
    directory::{Directory, Refused},
    log::with_causes,
    provisioning::RequestNotes,
};

/// The time after which a client should retry when the keys could not be looked up, or a request took too long.
const RETRY: Duration = Duration::from_secs(5);

/// The paths whose responses do not need the store.
const DISCOVERY: [&str; 3] = ["/ServiceProviderConfig", "/Schemas", "/ResourceTypes"];

/// The place in which the admission stores the client's address, for the outer layer that provided the place.
#[derive(Clone)]
pub(super) struct Address(pub(super) Arc<Mutex<Option<String>>>);

/// The parts that decide about a request.
pub(super) struct Gate {
    /// Looks up the keys.
    pub(super) directory: Arc<Directory>,
    /// Counts the requests.
    pub(super) rates: Rates,
    /// Records which failures were logged.
    pub(super) outages: Arc<Outages>,
    /// The time that a request may take, from its head to its response.
    pub(super) deadline: Duration,
    /// The header in which a proxy gives the address of its client.
    pub(super) address_header: Option<HeaderName>,
}

/// Lets a request pass if its key gives access to the organization in the URL, unless there are too many requests.
/// Other clients learn neither whether the organization exists nor why the key is refused.
pub(super) async fn admit(
    State(gate): State<Arc<Gate>>,
    parameters: Result<Path<Vec<(String, String)>>, PathRejection>,
    mut request: Request,
    next: Next,
) -> Response {
    let end = Instant::now() + gate.deadline;
    // A name that is not text is not the name of an organization.
    let parameters = parameters.map(|Path(parameters)| parameters).unwrap_or_default();
    let organization = parameters.iter().find(|(name, _)| name == "organization").map(|(_, value)| value.as_str());
    let shown = organization.zip(authorization(request.headers()));
    let fingerprint = shown.map(|(organization, header)| gate.rates.fingerprint(organization, header));
    let address = gate.address(&request);
    if let Some(Address(place)) = request.extensions().get() {
        *place.lock().unwrap_or_else(PoisonError::into_inner) = address.map(|address| address.to_string());
    }
    if let Err(error) = gate.rates.knock(address, fingerprint) {
        return refusal(error);
    }
    let (Some((organization, header)), Some(fingerprint)) = (shown, fingerprint) else {
        return unknown(Refused::default());
    };
    let caller = match timeout_at(end, gate.directory.admit(organization, header, address)).await {
        Ok(Ok(caller)) => caller,
        Ok(Err(error)) => return gate.keys_are_away(&error),
        Err(error) => return gate.keys_are_away(&error),
    };
    gate.outages.worked(&Scope::Keys);
    gate.rates.known(fingerprint, caller.is_ok());
    let caller = match caller {
        Ok(caller) => caller,
        Err(refused) => return unknown(refused),
    };
    let tenant = caller.tenant.clone();
    Span::current().record("tenant", tenant.as_str());
    if let Err(error) = gate.rates.count(&tenant, fingerprint) {
        return refusal(error);
    }
    let mut context = RequestContext::new(caller.tenant).with_actor(caller.name);
    if let Some(RequestId(id)) = request.extensions().get() {
        context = context.with_request_id(Arc::clone(id));
    }
    if let Some(notes) = request.extensions().get::<Arc<RequestNotes>>() {
        context = context.with_host(Arc::clone(notes));
    }
    request.extensions_mut().insert(context);
    request.extensions_mut().insert(caller.identity_provider);
    let uses_store = !DISCOVERY.iter().any(|path| request.uri().path().starts_with(path));
    let mut response = match timeout_at(end, next.run(request)).await {
        Ok(response) => {
            gate.observe(&tenant, &response, uses_store);
            response
        }
        Err(error) => {
            gate.outages.failed(&Scope::Organization(tenant.clone()), &error.to_string());
            let detail = "the request took too long and was given up: a change may have been made or not";
            refusal(Error::new(503, detail).with_retry_after(RETRY))
        }
    };
    response.extensions_mut().insert(Organization(tenant));
    response
}

impl Gate {
    /// The client's address: the last address from the proxy, which is the address that the proxy itself saw.
    pub(super) fn address(&self, request: &Request) -> Option<IpAddr> {
        let told = self.address_header.as_ref().and_then(|name| {
            let last = request.headers().get_all(name).iter().next_back()?.to_str().ok()?;
            last.rsplit(',').next()?.trim().parse().ok()
        });
        told.or_else(|| request.extensions().get::<Arc<Peer>>().map(|peer| peer.address()))
    }

    fn keys_are_away(&self, error: &(dyn StdError + 'static)) -> Response {
        self.outages.failed(&Scope::Keys, &with_causes(error));
        refusal(Error::new(503, "the keys cannot be looked up at the moment").with_retry_after(RETRY))
    }

    /// Records whether the store works for the organization.
    fn observe(&self, tenant: &TenantId, response: &Response, uses_store: bool) {
        let failure = response.extensions().get::<Outcome>().and_then(|outcome| outcome.error.as_deref());
        match failure.filter(|failure| failure.status() >= 500) {
            Some(failure) => self.outages.failed(&Scope::Organization(tenant.clone()), &with_causes(failure)),
            None if uses_store && response.status().is_success() => {
                self.outages.worked(&Scope::Organization(tenant.clone()));
            }
            None => {}
        }
    }
}

/// The header, if the request has exactly one. With two headers it is not clear which one counts.
fn authorization(headers: &HeaderMap) -> Option<&str> {
    let mut headers = headers.get_all(header::AUTHORIZATION).iter();
    let header = headers.next()?;
    if headers.next().is_some() { None } else { header.to_str().ok() }
}

/// The response for every reason of refusal: 401 (RFC 7644 §3.12). The reason itself is only for the log.
fn unknown(refused: Refused) -> Response {
    let mut response = refusal(Error::new(401, "invalid or missing token"));
    response.extensions_mut().insert(refused);
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"SCIM\""));
    response
}
