//! The page at the root of the server, for a browser that knows no organization. The page lists no organizations.

use askama::Template;
use axum::{
    Router,
    extract::Query,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};
use serde::Deserialize;

use super::{Console, Failure, frame::page};
use crate::{directory::OrganizationName, server};

pub(super) fn routes() -> Router<Console> {
    Router::new().route("/", get(show).fallback(|| async { server::not_found() })).route("/o/", get(go))
}

#[derive(Template)]
#[template(path = "door.html")]
struct Door<'a> {
    name: &'a str,
    failed: bool,
}

/// The page for a browser; any other client gets a SCIM error.
async fn show(headers: HeaderMap) -> Result<Response, Failure> {
    let mut kinds = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    if kinds.any(|kinds| kinds.contains("text/html")) {
        return page(&Door { name: "", failed: false });
    }
    Ok(server::not_found())
}

#[derive(Deserialize)]
struct Parameters {
    #[serde(default)]
    organization: String,
}

/// Redirects the browser to the organization in the form, whether the organization exists or not.
async fn go(Query(asked): Query<Parameters>) -> Result<Response, Failure> {
    let name = asked.organization.trim().to_lowercase();
    if name.parse::<OrganizationName>().is_ok() {
        return Ok(Redirect::to(&Console::path(&name, "")).into_response());
    }
    let mut response = page(&Door { name: &asked.organization, failed: !asked.organization.is_empty() })?;
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(response)
}
