//! The frame of a page: the organization, the navigation, and the person who is signed in.

use askama::Template;
use axum::response::{Html, IntoResponse as _, Response};

use super::{Console, Failure, session::Signed};

/// The parts that every page of the dashboard shows.
pub(super) struct Frame {
    /// The organization's name in paths.
    pub(super) organization: String,
    /// The organization's name for people.
    pub(super) title: String,
    /// The current page in the navigation.
    pub(super) current: &'static str,
    /// The person's name.
    pub(super) person: String,
    /// Whether the person is an administrator, who sees the navigation.
    pub(super) administrator: bool,
    /// The people who wait for a user group.
    pub(super) unassigned: i64,
    /// The token that forms carry.
    pub(super) token: String,
}

impl Frame {
    /// Reads the frame for this person.
    pub(super) async fn of(console: &Console, signed: &Signed, current: &'static str) -> Result<Self, Failure> {
        let title = console.organization(&signed.organization).await?.title().to_owned();
        let administrator = signed.account.is_administrator();
        let unassigned = if administrator { console.accounts.unassigned(&signed.organization).await? } else { 0 };
        Ok(Self {
            organization: signed.organization.clone(),
            title,
            current,
            person: signed.account.name.clone(),
            administrator,
            unassigned,
            token: signed.session.token.clone(),
        })
    }

    /// The path of a page of the organization.
    pub(super) fn path(&self, page: &str) -> String {
        Console::path(&self.organization, page)
    }
}

/// The response that shows a page.
///
/// A name from outside may contain characters that reverse the order of the following text, so that a page would
/// read differently. A page shows a mark in their place.
pub(super) fn page(template: &impl Template) -> Result<Response, Failure> {
    let mut html = template.render().map_err(|error| Failure::Internal(error.to_string()))?;
    if html.contains(turns_around) {
        html = html.replace(turns_around, "\u{fffd}");
    }
    Ok(Html(html).into_response())
}

/// The embeddings, overrides and isolates of Unicode's bidirectional algorithm.
fn turns_around(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
