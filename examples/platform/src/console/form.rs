//! Forms: read up to a limit, and accepted only where this server can have sent them.
//!
//! A form of a session carries the session's token. A form without a session, such as the sign-in form, is accepted
//! only from pages of the same origin, as the browser reports it.

use std::time::Duration;

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, HeaderValue, header, request::Parts},
};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::time::timeout;

use super::{
    Console, Failure,
    session::{organization, present},
};
use crate::session::is_same;

/// The maximum number of bytes of a form.
const MOST: usize = 64 << 10;

/// The number of characters of the name of a form: 32 random bytes in hexadecimal.
const NAME: usize = 64;

/// The time that the bytes of a form may take. A browser sends them at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// The fields of a form that this server can have sent.
pub(super) struct Form<T>(pub(super) T);

/// The fields of a form that has only its token.
#[derive(Deserialize)]
pub(super) struct Nothing {}

impl<T: DeserializeOwned + Send> FromRequest<Console> for Form<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, console: &Console) -> Result<Self, Failure> {
        let (mut parts, body) = request.into_parts();
        if !is_of_this_origin(&parts.headers, &console.url) {
            return Err(Failure::Forged);
        }
        let organization = organization(&mut parts, console).await?;
        let body = read(body, MOST).await?;
        if let Some(session) = present(&parts.headers, console, &organization).await? {
            let mut fields = form_urlencoded::parse(&body);
            let token = fields.find(|(name, _)| name == "token").map(|(_, value)| value);
            if !token.is_some_and(|token| is_same(&token, &session.token)) {
                return Err(Failure::Forged);
            }
        }
        // The token is not a field of the form: a form without fields is read as `()`, which accepts no field.
        let fields = form_urlencoded::parse(&body).filter(|(name, _)| name != "token");
        let fields = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        serde_html_form::from_str(&fields).map(Self).map_err(|_| Failure::Forged)
    }
}

/// Checks the name that a page of this server has given to a form for one use.
pub(super) fn form_name(name: &str) -> Result<&str, Failure> {
    if name.len() == NAME { Ok(name) } else { Err(Failure::Forged) }
}

/// Reads the bytes of a form: 408 if they do not arrive in time, 413 if there are more than `most` bytes.
pub(super) async fn read(body: Body, most: usize) -> Result<Bytes, Failure> {
    match timeout(PATIENCE, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(Failure::TooLong),
        Err(_) => Err(Failure::TooSlow),
    }
}

/// Whether a browser sent the form from a page of this server.
fn is_of_this_origin(headers: &HeaderMap, url: &str) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    match headers.get(header::ORIGIN) {
        // The browser may have opened the page under another name of the server than the public URL.
        Some(origin) => origin == url || is_of_host(origin, headers.get(header::HOST)),
        // A client other than a browser sends neither header, and has no session that another site could use.
        None => true,
    }
}

fn is_of_host(origin: &HeaderValue, host: Option<&HeaderValue>) -> bool {
    let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
    authority.is_some() && authority == host.and_then(|host| host.to_str().ok())
}

/// A page without a sign-in: only the organization must exist.
pub(super) struct Public(pub(super) String);

impl FromRequestParts<Console> for Public {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Failure> {
        organization(parts, console).await.map(Self)
    }
}
