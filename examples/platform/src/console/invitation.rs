//! The one-time link of a new administrator: its page asks for a password and signs the administrator in.

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

/// The minimum number of characters of a password.
const SHORTEST: usize = 12;

pub(super) fn routes() -> Router<Console> {
    Router::new().route("/invitation/{secret}", get(show).post(accept))
}

#[derive(Template)]
#[template(path = "invitation.html")]
struct Invitation<'a> {
    organization: &'a str,
    secret: &'a str,
    /// The name of the new administrator; `None` for a link that was used or is too old.
    name: Option<&'a str>,
    user_name: &'a str,
    error: Option<&'static str>,
    /// The command that creates a new link.
    command: String,
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
    let command = if account.is_none() { command(console, organization, secret).await? } else { String::new() };
    let mut response = page(&Invitation { organization, secret, name, user_name, error, command })?;
    if account.is_none() {
        *response.status_mut() = StatusCode::GONE;
    }
    Ok(response.into_response())
}

/// The command that creates a new link for the account of a link that no longer works, for a POSIX shell.
async fn command(console: &Console, organization: &str, secret: &str) -> Result<String, Failure> {
    let id = invitation::account_of(&console.database, organization, secret).await?;
    let account = match &id {
        Some(id) => console.accounts.find(organization, id).await?,
        None => None,
    };
    let organization = quoted(organization);
    // The command takes this name by default.
    let user_name = account.filter(|account| account.user_name != "administrator");
    let user_name =
        user_name.map_or_else(String::new, |account| format!(" --user-name {}", quoted(&account.user_name)));
    let (store, url) = (quoted(&console.store), quoted(&console.url));
    Ok(format!(
        "platform administrator invite --organization {organization}{user_name} --store {store} --public-url {url}"
    ))
}

/// Quotes the text as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_./:@,+%".contains(character);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[derive(Deserialize)]
struct Passwords {
    password: String,
    again: String,
}

/// The sentence for a refused password. Spaces at the ends do not count, but stay a part of the password.
fn mistake(Passwords { password, again }: &Passwords) -> Option<&'static str> {
    let mut characters = password.trim().chars();
    let first = characters.clone().next();
    match () {
        () if characters.clone().count() < SHORTEST => Some("Use at least 12 characters, blanks at the ends aside."),
        () if characters.all(|character| Some(character) == first) => Some("Use more than one character."),
        () if password != again => Some("The two passwords differ."),
        () => None,
    }
}

async fn accept(
    State(console): State<Console>,
    Public(organization): Public,
    Path((_, secret)): Path<(String, String)>,
    Form(given): Form<Passwords>,
) -> Result<Response, Failure> {
    let error = mistake(&given);
    if error.is_some() {
        return render(&console, &organization, &secret, error).await;
    }
    // If two browsers have the link, only one gets the account.
    let Some(account) = invitation::redeem(&console.database, &organization, &secret, &given.password).await? else {
        return render(&console, &organization, &secret, None).await;
    };
    session::begin(&console, &organization, &account, None, &Console::path(&organization, "")).await
}
