//! The one-time link of a new administrator: the page behind it asks for a password and signs in.

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde::Deserialize;

use super::{
    Console, Failure,
    form::{Form, Public},
    frame::page,
    session,
};
use crate::invitation;

/// Characters that a password must have at least.
const SHORTEST: usize = 12;

pub(super) fn routes() -> Router<Console> {
    Router::new().route("/invitation/{secret}", get(show).post(accept))
}

#[derive(Template)]
#[template(path = "invitation.html")]
struct Invitation<'a> {
    organization: &'a str,
    secret: &'a str,
    /// The name of the new administrator; `None` for a link that is used or too old.
    name: Option<&'a str>,
    user_name: &'a str,
    error: Option<&'static str>,
}

async fn show(
    State(console): State<Console>,
    Public(organization): Public,
    Path((_, secret)): Path<(String, String)>,
) -> Result<Response, Failure> {
    render(&console, &organization, &secret, None).await
}

async fn render(
    console: &Console,
    organization: &str,
    secret: &str,
    error: Option<&'static str>,
) -> Result<Response, Failure> {
    let id = invitation::find(&console.database, organization, secret).await?;
    let account = match &id {
        Some(id) => console.accounts.find(organization, id).await?,
        None => None,
    };
    let name = account.as_ref().map(|account| &*account.name);
    let user_name = account.as_ref().map_or("", |account| &account.user_name);
    let mut response = page(&Invitation { organization, secret, name, user_name, error })?;
    if account.is_none() {
        *response.status_mut() = StatusCode::GONE;
    }
    Ok(response.into_response())
}

#[derive(Deserialize)]
struct Passwords {
    password: String,
    again: String,
}

async fn accept(
    State(console): State<Console>,
    Public(organization): Public,
    Path((_, secret)): Path<(String, String)>,
    Form(given): Form<Passwords>,
) -> Result<Response, Failure> {
    let error = if given.password.chars().count() < SHORTEST {
        Some("Use at least 12 characters.")
    } else if given.password != given.again {
        Some("The two passwords differ.")
    } else {
        None
    };
    if error.is_some() {
        return render(&console, &organization, &secret, error).await;
    }
    // Of two browsers with the link, one gets the account.
    let Some(account) = invitation::redeem(&console.database, &organization, &secret, &given.password).await? else {
        return render(&console, &organization, &secret, None).await;
    };
    session::begin(&console, &organization, &account, None, &Console::path(&organization, "")).await
}
