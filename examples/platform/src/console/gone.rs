//! The page for an action on an object that another tab or another administrator has already removed.

use askama::Template;
use axum::{http::StatusCode, response::Response};

use super::{Console, Failure, Frame, frame::page, session::Signed};

#[derive(Template)]
#[template(path = "gone.html")]
struct Gone<'a> {
    frame: Frame,
    title: &'a str,
    back: &'a str,
    link: &'a str,
}

/// Returns the page with this title, in the frame, with a link back. The page is a failure, since no action is left
/// to do.
pub(super) async fn gone(
    console: &Console,
    signed: &Signed,
    current: &'static str,
    title: &str,
    back: &str,
    link: &str,
) -> Failure {
    match render(console, signed, current, title, back, link).await {
        Ok(response) => Failure::Shown(Box::new(response)),
        Err(failure) => failure,
    }
}

async fn render(
    console: &Console,
    signed: &Signed,
    current: &'static str,
    title: &str,
    back: &str,
    link: &str,
) -> Result<Response, Failure> {
    let frame = Frame::of(console, signed, current).await?;
    let mut response = page(&Gone { frame, title, back, link })?;
    *response.status_mut() = StatusCode::NOT_FOUND;
    Ok(response)
}
