//! The page of one person for administrators, the form for an account made by hand, and its removal.

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use scim_core::store::StoreError;
use serde::Deserialize;

use super::{
    Console, Failure, Frame,
    form::Form,
    frame::page,
    session::{Administrator, Signed},
    wording::{Moment, provider},
};
use crate::{
    account::{Account, Details, NewAccount, Origin, Removed},
    invitation,
    user_group::{Assignment, Member, Reason, UserGroup, UserGroupError},
};

/// Characters of a name, a user name and an address.
const LONGEST: usize = 128;

pub(super) fn routes() -> Router<Console> {
    Router::new()
        .route("/users/new", get(new).post(add))
        .route("/users/{id}", get(show))
        .route("/users/{id}/groups", post(assign))
        .route("/users/{id}/remove", get(ask).post(remove))
        .route("/users/{id}/invitation", post(invite))
}

/// A user group that the page offers.
struct Choice {
    group: UserGroup,
    by_hand: bool,
    /// The names of the identity provider's groups that assign the person.
    mapped: Vec<String>,
}

#[derive(Template)]
#[template(path = "person.html")]
struct Person {
    frame: Frame,
    account: Account,
    details: Details,
    provider: &'static str,
    choices: Vec<Choice>,
    created: Moment,
    /// The time at which an account from SCIM became one made by hand.
    released: Option<Moment>,
    /// The name of the administrator who made the account.
    made_by: Option<String>,
    is_own: bool,
    done: Option<&'static str>,
    error: Option<&'static str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    done: String,
}

/// The account that the path names.
async fn account(console: &Console, signed: &Signed, id: &str) -> Result<Account, Failure> {
    console.accounts.find(&signed.organization, id).await?.ok_or(Failure::NotFound)
}

fn to(signed: &Signed, target: &str) -> Response {
    Redirect::to(&Console::path(&signed.organization, target)).into_response()
}

async fn show(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Path((_, id)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let organization = &*signed.organization;
    let account = account(&console, &signed, &id).await?;
    let assignments = console.user_groups.of_person(organization, &id).await?;
    let choice = |group: UserGroup| {
        let of_group = || assignments.iter().filter(|member| member.user_group == group.id);
        let mapping = |member: &Member| match &member.reason {
            Reason::Mapping(name) => Some(name.clone()),
            Reason::ByHand => None,
        };
        let mapped = of_group().filter_map(mapping).collect();
        Choice { by_hand: of_group().any(|member| member.reason == Reason::ByHand), mapped, group }
    };
    let choices = console.user_groups.all(organization).await?.into_iter().map(choice).collect();
    let made_by = match &account.made_by {
        Some(by) => console.accounts.find(organization, by).await?.map(|by| by.name),
        None => None,
    };
    let details = console.accounts.details(organization, &id).await?;
    page(&Person {
        frame: Frame::of(&console, &signed, "users").await?,
        released: details.released.map(Moment::of),
        details,
        provider: provider(&console, organization).await?,
        choices,
        created: Moment::of(account.created),
        made_by,
        is_own: signed.account.id == account.id,
        done: match &*asked.done {
            "added" => Some("The account is made."),
            "saved" => Some("The user groups are saved."),
            _ => None,
        },
        error: (asked.done == "gone").then_some("A user group was removed meanwhile. Nothing was saved."),
        account,
    })
}

/// The user groups of the person, as the form has them now and had them when it was shown.
#[derive(Deserialize)]
struct Groups {
    #[serde(default)]
    group: Vec<String>,
    #[serde(default)]
    seen: Vec<String>,
}

async fn assign(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Path((_, id)): Path<(String, String)>,
    Form(groups): Form<Groups>,
) -> Result<Response, Failure> {
    let account = account(&console, &signed, &id).await?;
    // Only the differences: another administrator may have changed the rest since.
    let join = groups.group.iter().filter(|group| !groups.seen.contains(group)).cloned().collect();
    let leave = groups.seen.iter().filter(|group| !groups.group.contains(group)).cloned().collect();
    let by = signed.account.id.clone();
    let assignment = Assignment { people: vec![account.id], join, leave, by };
    match console.user_groups.assign(&signed.organization, assignment).await {
        Ok(_) => Ok(to(&signed, &format!("users/{id}?done=saved"))),
        Err(UserGroupError::Store(error)) => Err(error.into()),
        Err(_) => Ok(to(&signed, &format!("users/{id}?done=gone"))),
    }
}

/// The form for an account made by hand, as it was filled in.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Filled {
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
}

async fn new(State(console): State<Console>, Administrator(signed): Administrator) -> Result<Response, Failure> {
    let frame = Frame::of(&console, &signed, "users").await?;
    page(&New { frame, filled: Filled::default(), name_error: None, user_name_error: None, email_error: None })
}

async fn add(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Form(filled): Form<Filled>,
) -> Result<Response, Failure> {
    if filled.role == "administrator" {
        signed.must_be_recent(&Console::path(&signed.organization, "users/new"))?;
    }
    let text = |text: &str| {
        let text = text.trim();
        let fits = !text.is_empty() && text.chars().count() <= LONGEST && !text.contains(char::is_control);
        fits.then(|| text.to_owned())
    };
    let (name, user_name) = (text(&filled.name), text(&filled.user_name));
    let is_address = |address: &String| address.contains('@') && !address.contains(char::is_whitespace);
    let email = text(&filled.email).filter(is_address);
    let email_error = (email.is_none() && !filled.email.trim().is_empty()).then_some("Enter one address, or none.");
    let name_error = name.is_none().then_some("Enter a name of up to 128 characters.");
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
    let mut response = page(&New { frame, filled, name_error, user_name_error, email_error })?;
    *response.status_mut() = status;
    Ok(response)
}

#[derive(Template)]
#[template(path = "person-remove.html")]
struct Ask {
    frame: Frame,
    account: Account,
}

const FROM_SCIM: Failure = Failure::Refused(
    "Accounts from SCIM can't be removed here. Take the person out of the application at the identity provider.",
);

async fn ask(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let account = account(&console, &signed, &id).await?;
    if account.origin == Origin::Scim {
        return Err(FROM_SCIM);
    }
    page(&Ask { frame: Frame::of(&console, &signed, "users").await?, account })
}

async fn remove(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Path((_, id)): Path<(String, String)>,
    Form(()): Form<()>,
) -> Result<Response, Failure> {
    if account(&console, &signed, &id).await?.is_administrator() {
        signed.must_be_recent(&Console::path(&signed.organization, &format!("users/{id}/remove")))?;
    }
    match console.accounts.remove(&signed.organization, &id, &signed.account.id).await? {
        Removed::Done => Ok(to(&signed, "users?done=removed")),
        Removed::Missing => Err(Failure::NotFound),
        Removed::FromScim => Err(FROM_SCIM),
        Removed::Own => Err(Failure::Refused("You can't remove your own account. Ask another administrator.")),
        Removed::LastAdministrator => {
            Err(Failure::Refused("This is the last administrator. Make another administrator first."))
        }
        Removed::NoAdministrator => Err(Failure::Refused("Only administrators of the organization may do this.")),
    }
}

#[derive(Template)]
#[template(path = "person-link.html")]
struct Link {
    frame: Frame,
    account: Account,
    url: String,
}

/// Shows a new one-time link for an administrator. It is in this one answer and in no address, so it is not redirected.
async fn invite(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Path((_, id)): Path<(String, String)>,
    Form(()): Form<()>,
) -> Result<Response, Failure> {
    let account = account(&console, &signed, &id).await?;
    if !account.is_administrator() {
        return Err(Failure::Refused("Only administrators sign in by a one-time link."));
    }
    signed.must_be_recent(&Console::path(&signed.organization, &format!("users/{}", account.id)))?;
    let secret = invitation::invite(&console.database, &signed.organization, &account.id).await?;
    let path = Console::path(&signed.organization, &format!("invitation/{secret}"));
    let link = format!("{}{path}", console.url);
    page(&Link { frame: Frame::of(&console, &signed, "users").await?, account, url: link })
}
