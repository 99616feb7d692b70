//! The page for a request that the pages cannot answer.

use std::time::Duration;

use askama::Template;
use axum::{
    http::{StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use scim_core::store::StoreError;

use crate::{directory::DirectoryError, log::with_causes, oauth::ClientError};

/// The reason why a browser does not get the page that it asked for.
#[derive(Debug)]
pub enum Failure {
    /// A page that explains the reason.
    Shown(Box<Response>),
    /// The browser is redirected to another page, such as the sign-in page or the page that asks for the password
    /// again.
    Elsewhere(String),
    /// The page does not exist, or this person may not see it.
    NotFound,
    /// The request is refused: 403 with a sentence.
    Refused(&'static str),
    /// The form cannot come from this server.
    Forged,
    /// The form has more bytes than its fields can need.
    TooLong,
    /// The bytes of the form did not arrive in time.
    TooSlow,
    /// The browser's address made too many attempts. The value is the time to wait.
    TooMany(Duration),
    /// The store does not answer.
    Store(StoreError),
    /// Any other failure of the server, with its cause for the log.
    Internal(String),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<DirectoryError> for Failure {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::Store(error) => Self::Store(error),
            DirectoryError::Removing => {
                Self::Refused("The connection is being removed. SCIM can be activated again after the end.")
            }
            other => Self::Internal(with_causes(&other)),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::NoClient(_) | ClientError::NoSecret(_) | ClientError::Revoked(_) => Self::NotFound,
            ClientError::Store(error) => Self::Store(error),
            other => Self::Internal(with_causes(&other)),
        }
    }
}

#[derive(Template)]
#[template(path = "failure.html")]
struct Page<'a> {
    title: &'a str,
    sentence: &'a str,
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, title, sentence) = match self {
            Self::Shown(response) => return *response,
            Self::Elsewhere(path) => return Redirect::to(&path).into_response(),
            Self::NotFound => (StatusCode::NOT_FOUND, "There is no such page", "Check the address, or go back."),
            Self::Refused(sentence) => (StatusCode::FORBIDDEN, "The server refused this", sentence),
            Self::Forged => (
                StatusCode::FORBIDDEN,
                "The server refused this form",
                "The form is too old or comes from another site. Go back, reload the page and try again.",
            ),
            Self::TooLong => {
                (StatusCode::PAYLOAD_TOO_LARGE, "The form is too long", "Go back, shorten your text and try again.")
            }
            Self::TooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                "The form did not arrive",
                "The connection is slow or broken. Go back and try again.",
            ),
            Self::TooMany(wait) => {
                let (title, sentence) = ("Too many attempts", "Wait a minute, then try again.");
                let page = Page { title, sentence }.render().unwrap_or_default();
                let seconds = wait.as_secs().saturating_add(1).to_string();
                let headers = [(header::RETRY_AFTER, seconds)];
                return (StatusCode::TOO_MANY_REQUESTS, headers, Html(page)).into_response();
            }
            Self::Store(StoreError::TooMany) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "This is too much for one page",
                "Choose a shorter time or another filter, then try again.",
            ),
            Self::Store(error) => {
                tracing::error!(error = with_causes(&error), "a page cannot be shown");
                (StatusCode::SERVICE_UNAVAILABLE, "The page isn't available", "The database doesn't answer. Try again.")
            }
            Self::Internal(cause) => {
                tracing::error!(cause, "a page cannot be shown");
                (StatusCode::INTERNAL_SERVER_ERROR, "Something failed", "The server's log has the reason.")
            }
        };
        let page = Page { title, sentence }.render().unwrap_or_default();
        (status, Html(page)).into_response()
    }
}
