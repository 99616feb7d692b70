//! A person's own page: the user groups, the details, and the keeper of the details.

use askama::Template;
use axum::{Router, extract::State, response::Response, routing::get};

use super::{Console, Failure, Frame, frame::page, session::Signed};
use crate::{
    account::{Account, Details},
    user_group::Member,
};

pub(super) fn routes() -> Router<Console> {
    Router::new().route("/me", get(show))
}

#[derive(Template)]
#[template(path = "me.html")]
struct Me {
    frame: Frame,
    account: Account,
    details: Details,
    groups: Vec<Member>,
}

impl Me {
    /// The name in the greeting.
    fn greeted(&self) -> &str {
        self.details.given_name.as_deref().unwrap_or(&self.account.name)
    }
}

async fn show(State(console): State<Console>, signed: Signed) -> Result<Response, Failure> {
    let account = &signed.account;
    let mut groups = console.user_groups.of_person(&signed.organization, &account.id).await?;
    groups.dedup_by(|one, other| one.user_group == other.user_group);
    page(&Me {
        frame: Frame::of(&console, &signed, "me").await?,
        details: console.accounts.details(&signed.organization, &account.id).await?,
        groups,
        account: account.clone(),
    })
}
