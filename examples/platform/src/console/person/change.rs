//! Changes of an account by an administrator: name and address, activation, removal, and the one-time link.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use serde::Deserialize;

use super::{Errors, NAME_ERROR, Values, account, address, render, text, to};
use crate::{
    account::{Account, Changed},
    console::{
        Console, Failure, Frame,
        form::{Form, form_name},
        frame::page,
        gone::gone,
        session::{Administrator, Signed},
    },
    invitation::{self, Earlier},
};

/// Returns to the person's page or the list after a change, or shows the page with the reason of the refusal.
async fn outcome(
    console: &Console,
    signed: &Signed,
    changed: Changed,
    done: String,
    words: &Words,
) -> Result<Response, Failure> {
    match changed {
        Changed::Done => Ok(to(signed, &done)),
        Changed::Missing => Err(missing(console, signed).await),
        Changed::FromScim => Err(Failure::Refused(words.from_scim)),
        Changed::Own => Err(Failure::Refused(words.own)),
        Changed::LastAdministrator => {
            Err(Failure::Refused("This is the last administrator. Make another administrator first."))
        }
        Changed::NoAdministrator => Err(Failure::Refused("Only administrators of the organization may do this.")),
    }
}

/// The sentences for forbidden changes.
struct Words {
    from_scim: &'static str,
    own: &'static str,
}

const CHANGE: Words = Words {
    from_scim: "Accounts from SCIM can't be changed here. Change the person at the identity provider.",
    own: "You can't deactivate your own account. Ask another administrator.",
};

const REMOVE: Words = Words {
    from_scim: "Accounts from SCIM can't be removed here. Take the person out of the application at the identity provider.",
    own: "You can't remove your own account. Ask another administrator.",
};

/// The page for an account that another tab or another administrator has removed.
async fn missing(console: &Console, signed: &Signed) -> Failure {
    gone(console, signed, "users", "This account is already removed", "users", "Back to the users").await
}

pub(super) async fn edit(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Path((_, id)): Path<(String, String)>,
    Form(filled): Form<Values>,
) -> Result<Response, Failure> {
    let Some(account) = console.accounts.find(&signed.organization, &id).await? else {
        return Err(missing(&console, &signed).await);
    };
    if account.is_from_scim() {
        return Err(Failure::Refused(CHANGE.from_scim));
    }
    let (email, email_error) = address(&filled.email);
    let (Some(name), None) = (text(&filled.name), email_error) else {
        let name = text(&filled.name).is_none().then_some(NAME_ERROR);
        let errors = Errors { name, email: email_error };
        let mut response = render(&console, &signed, account, filled, errors, "").await?;
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        return Ok(response);
    };
    let (organization, by) = (&*signed.organization, &*signed.account.id);
    let changed = console.accounts.edit(organization, &id, name, email, by).await?;
    if changed == Changed::Done {
        tracing::info!(organization, account = by, changed = id, "an account made by hand was changed");
    }
    outcome(&console, &signed, changed, format!("users/{id}?done=changed"), &CHANGE).await
}

#[derive(Deserialize)]
pub(super) struct Activation {
    active: String,
}

pub(super) async fn set_active(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Path((_, id)): Path<(String, String)>,
    Form(Activation { active }): Form<Activation>,
) -> Result<Response, Failure> {
    let active = match &*active {
        "1" => true,
        "0" => false,
        _ => return Err(Failure::Forged),
    };
    let found = console.accounts.find(&signed.organization, &id).await?;
    if found.is_some_and(|account| account.is_administrator()) {
        signed.must_be_recent(&Console::path(&signed.organization, &format!("users/{id}")))?;
    }
    let (organization, by) = (&*signed.organization, &*signed.account.id);
    let changed = console.accounts.set_active(organization, &id, active, by).await?;
    if changed == Changed::Done {
        tracing::info!(organization, account = by, changed = id, active, "an account made by hand was switched");
    }
    let done = if active { "activated" } else { "deactivated" };
    outcome(&console, &signed, changed, format!("users/{id}?done={done}"), &CHANGE).await
}

#[derive(Template)]
#[template(path = "person-remove.html")]
struct Ask {
    frame: Frame,
    account: Account,
}

pub(super) async fn ask(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let Some(account) = console.accounts.find(&signed.organization, &id).await? else {
        return Err(missing(&console, &signed).await);
    };
    if account.is_from_scim() {
        return Err(Failure::Refused(REMOVE.from_scim));
    }
    page(&Ask { frame: Frame::of(&console, &signed, "users").await?, account })
}

pub(super) async fn remove(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Path((_, id)): Path<(String, String)>,
    Form(()): Form<()>,
) -> Result<Response, Failure> {
    let found = console.accounts.find(&signed.organization, &id).await?;
    if found.is_some_and(|account| account.is_administrator()) {
        signed.must_be_recent(&Console::path(&signed.organization, &format!("users/{id}/remove")))?;
    }
    let (organization, by) = (&*signed.organization, &*signed.account.id);
    let changed = console.accounts.remove(organization, &id, by).await?;
    if changed == Changed::Done {
        tracing::info!(organization, account = by, removed = id, "an account made by hand was removed");
    }
    outcome(&console, &signed, changed, "users?done=removed".to_owned(), &REMOVE).await
}

#[derive(Template)]
#[template(path = "person-link.html")]
struct Link {
    frame: Frame,
    account: Account,
    url: String,
}

#[derive(Deserialize)]
pub(super) struct Invitation {
    #[serde(default)]
    form: String,
}

/// Shows a new one-time link for an administrator. The link is only in this response and in no address, so there is
/// no redirect. The form creates only one link, so a reload does not create a second link.
pub(super) async fn invite(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Path((_, id)): Path<(String, String)>,
    Form(Invitation { form }): Form<Invitation>,
) -> Result<Response, Failure> {
    let account = account(&console, &signed, &id).await?;
    if !account.is_administrator() {
        return Err(Failure::Refused("Only administrators sign in by a one-time link."));
    }
    if !account.active {
        return Err(Failure::Refused("The account is deactivated. Activate it first, then make a link."));
    }
    signed.must_be_recent(&Console::path(&signed.organization, &format!("users/{}", account.id)))?;
    let form = form_name(&form)?;
    let made =
        invitation::invite(&console.database, &signed.organization, &account.id, Some(form), Earlier::End).await?;
    let Some(secret) = made else { return Ok(to(&signed, &format!("users/{id}?done=repeated"))) };
    let path = Console::path(&signed.organization, &format!("invitation/{secret}"));
    let link = format!("{}{path}", console.url);
    page(&Link { frame: Frame::of(&console, &signed, "users").await?, account, url: link })
}
