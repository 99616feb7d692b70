//! Signing in again before an action that must not happen in an unattended browser: with the password, or at the
//! identity provider for an administrator without a password.

use askama::Template;
use axum::{
    Router,
    extract::{Query, State},
    response::Response,
    routing::get,
};
use serde::Deserialize;

use super::{
    Console, Failure, Frame,
    form::Form,
    frame::page,
    passage,
    session::{self, Administrator, Signed, within},
};

pub(super) fn routes() -> Router<Console> {
    Router::new().route("/confirm", get(show).post(confirm))
}

/// The page that asks for the sign-in.
#[derive(Template)]
#[template(path = "confirm.html")]
struct Confirm<'a> {
    frame: Frame,
    target: &'a str,
    /// Whether the person has a password.
    password: bool,
    /// Whether the person can sign in again at the identity provider.
    sign_on: bool,
    failed: bool,
}

impl<'a> Confirm<'a> {
    async fn of(console: &Console, signed: &Signed, target: &'a str, failed: bool) -> Result<Self, Failure> {
        let password = signed.account.has_password();
        let sign_on = !password && passage::in_use(console, &signed.organization).await?.is_some();
        Ok(Self { frame: Frame::of(console, signed, "").await?, target, password, sign_on, failed })
    }
}

#[derive(Deserialize)]
struct Confirmation {
    /// The page that the browser goes to afterwards.
    #[serde(default)]
    target: String,
    /// Empty for a person without a password.
    #[serde(default)]
    password: String,
}

async fn show(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Query(Confirmation { target, .. }): Query<Confirmation>,
) -> Result<Response, Failure> {
    page(&Confirm::of(&console, &signed, &target, false).await?)
}

async fn confirm(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Form(given): Form<Confirmation>,
) -> Result<Response, Failure> {
    let target = within(&signed.organization, &given.target);
    if !signed.account.has_password() {
        return passage::confirm(&console, &signed, &target).await;
    }
    if !console.accounts.has_this_password(Some(&signed.account), &given.password).await? {
        return page(&Confirm::of(&console, &signed, &given.target, true).await?);
    }
    session::begin(&console, &signed.organization, &signed.account.id, Some(&signed.session), &target).await
}
