//! Who is let in: found out before anything of SCIM is looked at.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Path, Request, State, rejection::PathRejection},
    http::{HeaderMap, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use scim_core::{error::Error, store::Context};
use tracing::Span;

use super::{lines::RequestId, refusal};
use crate::{directory::Directory, log::with_causes};

/// When it is worth trying again after the keys could not be looked up.
const RETRY: Duration = Duration::from_secs(5);

/// Lets a request through whose key opens the organisation that the URL names. Who else asks learns nothing: neither
/// whether there is such an organisation, nor what is wrong with the key.
pub(super) async fn admit(
    State(directory): State<Arc<Directory>>,
    parameters: Result<Path<Vec<(String, String)>>, PathRejection>,
    mut request: Request,
    next: Next,
) -> Response {
    // A name that is no text is one that no organisation has.
    let parameters = parameters.map(|Path(parameters)| parameters).unwrap_or_default();
    let organization = parameters.iter().find(|(name, _)| name == "organization").map(|(_, value)| value.as_str());
    let caller = match organization.zip(authorization(request.headers())) {
        Some((organization, header)) => directory.authenticate(organization, header).await,
        None => Ok(None),
    };
    let caller = match caller {
        Ok(Some(caller)) => caller,
        Ok(None) => return unknown(),
        Err(error) => {
            tracing::error!(error = with_causes(&error), "a key could not be looked up");
            return refusal(Error::new(503, "the keys cannot be looked up at the moment").with_retry_after(RETRY));
        }
    };
    Span::current().record("tenant", caller.tenant.as_str());
    let mut context = Context::new(caller.tenant).with_actor(caller.name);
    if let Some(RequestId(id)) = request.extensions().get() {
        context = context.with_request_id(Arc::clone(id));
    }
    request.extensions_mut().insert(context);
    next.run(request).await
}

/// The header, when there is one: of two, nobody knows which one counts.
fn authorization(headers: &HeaderMap) -> Option<&str> {
    let mut headers = headers.get_all(header::AUTHORIZATION).iter();
    let header = headers.next()?;
    if headers.next().is_some() { None } else { header.to_str().ok() }
}

fn unknown() -> Response {
    let mut response = refusal(Error::new(401, "expected an API key that is valid for this organization"));
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"SCIM\""));
    response
}
