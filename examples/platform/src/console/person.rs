//! The page of a person for administrators, the form for an account made by hand, its changes and its removal.

mod change;
mod new;
mod way;

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State},
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use serde::Deserialize;

use super::{
    Console, Failure, Frame,
    form::Form,
    frame::page,
    session::{Administrator, Signed},
    wording::{Moment, provider},
};
use crate::{
    account::{Account, Details},
    session::random,
    user_group::{Assignment, Member, Reason, UserGroup, UserGroupError},
};

/// The maximum number of characters of a name, a user name and an address.
const LONGEST: usize = 128;

pub(super) fn routes() -> Router<Console> {
    Router::new()
        .route("/users/new", get(new::new).post(new::add))
        .route("/users/{id}", get(show))
        .route("/users/{id}/groups", post(assign))
        .route("/users/{id}/details", post(change::edit))
        .route("/users/{id}/active", post(change::set_active))
        .route("/users/{id}/remove", get(change::ask).post(change::remove))
        .route("/users/{id}/invitation", post(change::invite))
}

/// A user group in the page's choice.
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
    /// The time of the deactivation, and the person who did it, if that is known.
    deactivated: Option<(Moment, String)>,
    /// The way in which the person signs in, in words.
    way: String,
    is_own: bool,
    /// The form for the name and the address of an account made by hand.
    filled: Values,
    errors: Errors,
    /// The name of the form for a one-time link. A form creates only one link.
    form: String,
    done: Option<&'static str>,
    error: Option<&'static str>,
}

/// The fields that an administrator may change of an account made by hand.
#[derive(Deserialize)]
struct Values {
    name: String,
    #[serde(default)]
    email: String,
}

/// The sentences at the fields.
#[derive(Clone, Copy, Default)]
struct Errors {
    name: Option<&'static str>,
    email: Option<&'static str>,
}

const NAME_ERROR: &str = "Enter a name of up to 128 characters.";

/// Returns the trimmed text of a field if it may be a name.
fn text(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().count() <= LONGEST && !text.contains(char::is_control);
    fits.then(|| text.to_owned())
}

/// Returns the address in a field, if it has a valid address, and the sentence about an invalid address.
fn address(given: &str) -> (Option<String>, Option<&'static str>) {
    let is_address = |address: &String| address.contains('@') && !address.contains(char::is_whitespace);
    let email = text(given).filter(is_address);
    let error = (email.is_none() && !given.trim().is_empty()).then_some("Enter one address, or none.");
    (email, error)
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Parameters {
    done: String,
}

/// Finds the account in the path.
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
    Query(asked): Query<Parameters>,
) -> Result<Response, Failure> {
    let account = account(&console, &signed, &id).await?;
    let filled = Values { name: account.name.clone(), email: account.email.clone().unwrap_or_default() };
    render(&console, &signed, account, filled, Errors::default(), &asked.done).await
}

async fn render(
    console: &Console,
    signed: &Signed,
    account: Account,
    filled: Values,
    errors: Errors,
    done: &str,
) -> Result<Response, Failure> {
    let (organization, id) = (&*signed.organization, &*account.id);
    let assignments = console.user_groups.of_person(organization, id).await?;
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
    let details = console.accounts.details(organization, id).await?;
    let provider = provider(console, organization).await?;
    let by = match &details.deactivated_by {
        Some(by) => {
            console.accounts.find(organization, by).await?.map_or("a former administrator".into(), |by| by.name)
        }
        None => provider.to_owned(),
    };
    page(&Person {
        frame: Frame::of(console, signed, "users").await?,
        released: account.released.map(Moment::of),
        deactivated: details.deactivated.filter(|_| !account.active).map(|time| (Moment::of(time), by)),
        way: way::of(console, organization, &account).await?,
        details,
        provider,
        choices,
        created: Moment::of(account.created),
        made_by,
        is_own: signed.account.id == account.id,
        filled,
        errors,
        form: random()?,
        done: match done {
            "added" => Some("The account is made."),
            "saved" => Some("The user groups are saved."),
            "changed" => Some("The name and the e-mail are saved."),
            "activated" => Some("The account is active. The person can sign in again."),
            "deactivated" => Some("The account is deactivated. Its sessions and one-time links have ended."),
            _ => None,
        },
        error: match done {
            "gone" => Some("A user group was removed meanwhile. Nothing was saved."),
            "repeated" => Some("A link is shown once. This form has made one before; make a new one if it is lost."),
            _ => None,
        },
        account,
    })
}

/// The user groups of the person: the current choice in the form, and the choice when the form was shown.
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
    // Apply only the differences: another administrator may have changed the other groups since.
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
