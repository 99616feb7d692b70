//! The form for an account made by hand.

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use scim_core::store::StoreError;
use serde::Deserialize;

use super::{NAME_ERROR, address, text, to, way::of_members};
use crate::{
    account::{NewAccount, Origin},
    console::{Console, Failure, Frame, form::Form, frame::page, session::Administrator},
};

/// The form for an account made by hand, with its entered values.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Filled {
    name: String,
    user_name: String,
    email: String,
    role: String,
}

#[derive(Template)]
#[template(path = "person-new.html")]
struct New {
    frame: Frame,
    filled: Filled,
    name_error: Option<&'static str>,
    user_name_error: Option<String>,
    email_error: Option<&'static str>,
    /// The way in which the person will sign in, in words.
    way: String,
}

pub(super) async fn new(
    State(console): State<Console>,
    Administrator(signed): Administrator,
) -> Result<Response, Failure> {
    let frame = Frame::of(&console, &signed, "users").await?;
    let (filled, way) = (Filled::default(), of_members(&console, &signed.organization).await?);
    page(&New { frame, filled, name_error: None, user_name_error: None, email_error: None, way })
}

pub(super) async fn add(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Form(filled): Form<Filled>,
) -> Result<Response, Failure> {
    if filled.role == "administrator" {
        signed.must_be_recent(&Console::path(&signed.organization, "users/new"))?;
    }
    let (name, user_name) = (text(&filled.name), text(&filled.user_name));
    let (email, email_error) = address(&filled.email);
    let name_error = name.is_none().then_some(NAME_ERROR);
    let mut user_name_error = user_name.is_none().then(|| "Enter a user name of up to 128 characters.".to_owned());
    let mut status = StatusCode::UNPROCESSABLE_ENTITY;
    if let (Some(name), Some(user_name), None) = (name, user_name, email_error) {
        let tenant = signed.organization.clone();
        let (administrator, made_by) = (filled.role == "administrator", Some(signed.account.id.clone()));
        let account = NewAccount { tenant, user_name: user_name.clone(), name, email, administrator, made_by };
        match console.accounts.add(account).await {
            Ok(id) => return Ok(to(&signed, &format!("users/{id}?done=added"))),
            Err(StoreError::NotUnique { .. }) => {
                status = StatusCode::CONFLICT;
                let other = console.accounts.conflicting(&signed.organization, &user_name).await?;
                user_name_error = Some(match other {
                    Some(other) if other.origin == Origin::Scim => {
                        format!("{} has this user name. The account comes from SCIM.", other.name)
                    }
                    Some(other) => format!("{} has this user name. The account was made by hand.", other.name),
                    None => "Somebody has this user name.".to_owned(),
                });
            }
            Err(error) => return Err(error.into()),
        }
    }
    let frame = Frame::of(&console, &signed, "users").await?;
    let way = of_members(&console, &signed.organization).await?;
    let mut response = page(&New { frame, filled, name_error, user_name_error, email_error, way })?;
    *response.status_mut() = status;
    Ok(response)
}
