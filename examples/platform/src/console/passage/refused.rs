//! The page for a person who came back from the identity provider and is refused: the reason, and the people to
//! ask.

use askama::Template;
use axum::{http::StatusCode, response::Response};

use super::super::{Console, Failure, frame::page};
use crate::{
    account::Account,
    session::random,
    sign_on::{By, Fault, Identity, Purpose, Reason},
};

/// The page for a refused sign-in.
#[derive(Template)]
#[template(path = "refused.html")]
pub(super) struct Refusal<'a> {
    organization: &'a str,
    title: String,
    icon: &'static str,
    heading: &'a str,
    sentence: String,
    advice: String,
    /// The person's name at the provider.
    tried: Option<&'a str>,
    /// The administrators whom the person may ask.
    ask: Vec<Account>,
    /// The reference of the log line with the details.
    reference: String,
    /// The words of the button, and whether the provider must ask for another account.
    button: &'static str,
    again: bool,
    /// Whether an administrator was confirming an action and therefore goes back to the dashboard.
    confirming: bool,
}

impl Refusal<'_> {
    /// The page for a failed sign-in. The person has not proven to belong to the organization, so the page names no
    /// administrators.
    pub(super) async fn of(
        console: &Console,
        organization: &str,
        purpose: Purpose,
        fault: &Fault,
    ) -> Result<Response, Failure> {
        let title = title(console, organization).await?;
        let reference = reference()?;
        let Fault { reason, sentence, found, expected, .. } = fault;
        tracing::warn!(organization, reference, ?reason, sentence, found, expected, "a sign-in is refused");
        let lasting = format!("If this returns, tell {title}’s administrator the reference below.");
        let (icon, heading, sentence, advice) = match reason {
            Reason::Cancelled => (
                "minus",
                "The sign-in was cancelled",
                format!("{title}’s directory says that you didn’t sign in, or may not use this application."),
                format!("Sign in again, or ask {title}’s administrator to assign the application to you."),
            ),
            Reason::TooOld => (
                "clock",
                "The sign-in took too long",
                "It is older than 10 minutes, or it began in another browser.".to_owned(),
                "Sign in again. Nothing was changed.".to_owned(),
            ),
            Reason::Replayed => (
                "arrows",
                "This sign-in was used already",
                "Each answer of the directory works once. You may have gone back or reloaded the page.".to_owned(),
                "Sign in again. Nothing was changed.".to_owned(),
            ),
            Reason::Unavailable => (
                "warning",
                "The directory doesn’t answer",
                format!("We couldn’t reach {title}’s directory, so nobody can sign in with it now."),
                format!("Try again in a minute. {lasting}"),
            ),
            Reason::Invalid => (
                "cross",
                "We refused the directory’s answer",
                format!("The answer of {title}’s directory isn’t valid, so you aren’t signed in."),
                format!("Sign in again. {lasting} They can test it under Single sign-on."),
            ),
            Reason::Internal => (
                "warning",
                "Something failed here",
                "The server couldn’t finish the sign-in.".to_owned(),
                format!("Try again in a minute. {lasting}"),
            ),
        };
        let status = match reason {
            Reason::Unavailable | Reason::Internal => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::FORBIDDEN,
        };
        Self::show(
            status,
            &Refusal {
                organization,
                title,
                icon,
                heading,
                sentence,
                advice,
                tried: None,
                ask: Vec::new(),
                reference,
                button: "Sign in again",
                again: false,
                confirming: purpose == Purpose::Confirm,
            },
        )
    }

    /// The page for a person without an account in the organization.
    pub(super) async fn unknown(
        console: &Console,
        organization: &str,
        identity: &Identity,
    ) -> Result<Response, Failure> {
        let title = title(console, organization).await?;
        let reference = reference()?;
        let Identity { source, value, by, .. } = identity;
        tracing::warn!(organization, reference, source, value, "a sign-in is refused: there is no account");
        let property = match by {
            By::UserName => "user name",
            By::ExternalId => "external ID",
        };
        let (sentence, advice) = (
            format!("You signed in at {title}’s directory, but no account here has this {property}."),
            format!("Ask {title}’s administrator to assign this application to you in the directory."),
        );
        let page = Refusal {
            organization,
            title,
            icon: "info",
            heading: "You don’t have an account here",
            sentence,
            advice,
            tried: Some(value),
            ask: console.accounts.administrators(organization).await?,
            reference,
            button: "Use another account",
            again: true,
            confirming: false,
        };
        Self::show(StatusCode::FORBIDDEN, &page)
    }

    /// The page for a person whose account is deactivated.
    pub(super) async fn deactivated(
        console: &Console,
        organization: &str,
        account: &Account,
    ) -> Result<Response, Failure> {
        let title = title(console, organization).await?;
        let reference = reference()?;
        tracing::warn!(organization, reference, account = account.id, "a sign-in is refused: it is deactivated");
        let (sentence, advice) = (
            if account.is_from_scim() {
                format!("{title}’s directory turned it off, so you can’t sign in.")
            } else {
                "It was turned off, so you can’t sign in.".to_owned()
            },
            format!(
                "If this is a mistake, ask {title}’s administrator to turn the account on again. You can then sign in at \
                 once; nothing of yours is lost."
            ),
        );
        let page = Refusal {
            organization,
            title,
            icon: "pause",
            heading: "Your account is deactivated",
            sentence,
            advice,
            tried: Some(&account.user_name),
            ask: console.accounts.administrators(organization).await?,
            reference,
            button: "Use another account",
            again: true,
            confirming: false,
        };
        Self::show(StatusCode::FORBIDDEN, &page)
    }

    /// The page for an administrator who has a password, and must sign in with the password.
    pub(super) async fn password(
        console: &Console,
        organization: &str,
        account: &Account,
    ) -> Result<Response, Failure> {
        let title = title(console, organization).await?;
        let reference = reference()?;
        tracing::warn!(
            organization,
            reference,
            account = account.id,
            "a sign-in is refused: the account has a password"
        );
        let page = Refusal {
            organization,
            title,
            icon: "info",
            heading: "This account needs its password",
            sentence: "An administrator who has chosen a password signs in with that password only.".to_owned(),
            advice: "Enter the user name and the password on the sign-in page.".to_owned(),
            tried: Some(&account.user_name),
            ask: Vec::new(),
            reference,
            button: "Go to the sign-in page",
            again: true,
            confirming: false,
        };
        Self::show(StatusCode::FORBIDDEN, &page)
    }

    fn show(status: StatusCode, template: &Refusal<'_>) -> Result<Response, Failure> {
        let mut response = page(template)?;
        *response.status_mut() = status;
        Ok(response)
    }
}

async fn title(console: &Console, organization: &str) -> Result<String, Failure> {
    Ok(console.organization(organization).await?.title().to_owned())
}

/// A short text that the person can read out, and that the log contains.
fn reference() -> Result<String, Failure> {
    let digits = random()?.to_uppercase();
    let mut characters = digits.chars();
    let (first, second) = (characters.by_ref().take(4).collect::<String>(), characters.take(4).collect::<String>());
    Ok(format!("{first}-{second}"))
}
