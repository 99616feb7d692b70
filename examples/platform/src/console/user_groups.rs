//! The pages of user groups: their list, the identity provider's groups that fill them, and the page of a user
//! group.

use std::collections::HashMap;

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use serde::Deserialize;

use super::{
    Console, Failure, Frame,
    form::Form,
    frame::page,
    session::{Administrator, Signed, url_encoded},
    wording::{counted, counted_people, people, provider},
};
use crate::user_group::{Assignment, Mapped, Members, Reason, ScimGroup, UserGroup, UserGroupError, UserGroups};

/// The maximum number of group names in a row.
const CHIPS: usize = 4;

pub(super) fn routes() -> Router<Console> {
    Router::new()
        .route("/user-groups", get(show))
        .route("/user-groups/mapping", post(map))
        .route("/user-groups/new", get(new).post(add))
        .route("/user-groups/{id}", get(one).post(rename))
        .route("/user-groups/{id}/leave", post(leave))
        .route("/user-groups/{id}/remove", get(ask).post(remove))
}

/// A user group in the list.
struct Row {
    group: UserGroup,
    filled_by: Vec<String>,
    more: usize,
}

impl Row {
    fn people(&self) -> String {
        counted(self.group.people, UserGroups::COUNTED)
    }

    fn mapped(&self) -> String {
        counted(self.group.mapped, UserGroups::COUNTED)
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Parameters {
    q: String,
    after: String,
    /// The group of the identity provider whose mapping is to be changed.
    map: String,
    done: String,
    /// The number of people who joined and left user groups by a mapping.
    joined: usize,
    left: usize,
}

#[derive(Template)]
#[template(path = "user-groups.html")]
struct List {
    frame: Frame,
    provider: &'static str,
    rows: Vec<Row>,
    groups: Vec<ScimGroup>,
    search: String,
    next: Option<String>,
    paged: bool,
    mapping: Option<ScimGroup>,
    done: Option<String>,
    error: Option<&'static str>,
}

impl List {
    fn people(group: &ScimGroup) -> String {
        counted(group.people, UserGroups::COUNTED)
    }

    fn is_filled(group: &ScimGroup, id: &str) -> bool {
        group.fills.iter().any(|(filled, _)| filled == id)
    }
}

async fn show(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Query(asked): Query<Parameters>,
) -> Result<Response, Failure> {
    let organization = &*signed.organization;
    let mut filled: HashMap<String, Vec<String>> = console.user_groups.filled_by(organization).await?;
    let rows = console.user_groups.all(organization).await?.into_iter().map(|group| {
        let mut filled_by = filled.remove(&group.id).unwrap_or_default();
        let more = filled_by.len().saturating_sub(CHIPS);
        filled_by.truncate(CHIPS);
        Row { group, filled_by, more }
    });
    let rows = rows.collect();
    let search: String = asked.q.trim().chars().take(100).collect();
    let after = Some(&*asked.after).filter(|after| !after.is_empty());
    let found = console.user_groups.scim_groups(organization, &search, after).await?;
    let next = found.groups.last().filter(|_| found.more);
    let next = next.map(|last| format!("q={}&after={}", url_encoded(&search), url_encoded(&last.id)));
    let mapping = match &*asked.map {
        "" => None,
        id => console.user_groups.scim_group(organization, id).await?,
    };
    page(&List {
        frame: Frame::of(&console, &signed, "user-groups").await?,
        provider: provider(&console, organization).await?,
        rows,
        groups: found.groups,
        search,
        next,
        paged: after.is_some(),
        mapping,
        done: match &*asked.done {
            "mapped" => Some(mapped(asked.joined, asked.left)),
            "removed" => Some("The user group is removed.".to_owned()),
            _ => None,
        },
        error: match &*asked.done {
            "gone" => Some("A group was removed meanwhile. Nothing was saved."),
            _ => None,
        },
    })
}

/// The result of a mapping in words.
fn mapped(joined: usize, left: usize) -> String {
    let outcome = match (joined, left) {
        (0, 0) => "Nobody joined or left a user group.".to_owned(),
        (joined, 0) => format!("{} joined.", people(joined)),
        (0, left) => format!("{} left.", people(left)),
        (joined, left) => format!("{} joined, {} left.", people(joined), people(left)),
    };
    format!("The mapping is saved. {outcome}")
}

/// The user groups that a group of the identity provider fills: the current choice in the form, and the choice when
/// the form was shown.
#[derive(Deserialize)]
struct Mapping {
    scim_group: String,
    #[serde(default)]
    group: Vec<String>,
    #[serde(default)]
    seen: Vec<String>,
}

async fn map(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Form(mapping): Form<Mapping>,
) -> Result<Response, Failure> {
    let Mapping { scim_group, group, seen } = mapping;
    // Apply only the differences: another administrator may have changed the other groups since.
    let add = group.iter().filter(|group| !seen.contains(group)).cloned().collect();
    let remove = seen.iter().filter(|seen| !group.contains(seen)).cloned().collect();
    match console.user_groups.map(&signed.organization, &scim_group, add, remove).await {
        Ok(Mapped { joined, left }) => Ok(to(&signed, &format!("user-groups?done=mapped&joined={joined}&left={left}"))),
        Err(UserGroupError::Store(error)) => Err(error.into()),
        Err(_) => Ok(to(&signed, "user-groups?done=gone")),
    }
}

fn to(signed: &Signed, target: &str) -> Response {
    Redirect::to(&Console::path(&signed.organization, target)).into_response()
}

/// The form for a user group with its entered values.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Filled {
    name: String,
    purpose: String,
}

impl Filled {
    /// Returns the name and the purpose; `None` if a value is not valid.
    fn checked(&self) -> Option<(&str, Option<&str>)> {
        let (name, purpose) = (self.name.trim(), self.purpose.trim());
        let fits = |text: &str, most: usize| text.chars().count() <= most && !text.contains(char::is_control);
        let is_right = !name.is_empty() && fits(name, UserGroups::NAME) && fits(purpose, 2 * UserGroups::NAME);
        is_right.then_some((name, Some(purpose).filter(|purpose| !purpose.is_empty())))
    }
}

const UNFIT: &str = "Enter a name of up to 64 characters, and a short description or none.";

#[derive(Template)]
#[template(path = "user-group-new.html")]
struct New {
    frame: Frame,
    filled: Filled,
    error: Option<&'static str>,
}

async fn new(State(console): State<Console>, Administrator(signed): Administrator) -> Result<Response, Failure> {
    page(&New { frame: Frame::of(&console, &signed, "user-groups").await?, filled: Filled::default(), error: None })
}

async fn add(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Form(filled): Form<Filled>,
) -> Result<Response, Failure> {
    let by = &signed.account.id;
    let (status, error) = match filled.checked() {
        None => (StatusCode::UNPROCESSABLE_ENTITY, UNFIT),
        Some((name, purpose)) => match console.user_groups.add(&signed.organization, name, purpose, by).await {
            Ok(id) => return Ok(to(&signed, &format!("user-groups/{id}?done=made"))),
            Err(error) => refusal(error)?,
        },
    };
    let frame = Frame::of(&console, &signed, "user-groups").await?;
    let mut response = page(&New { frame, filled, error: Some(error) })?;
    *response.status_mut() = status;
    Ok(response)
}

/// Returns the status and the sentence for a refusal.
fn refusal(error: UserGroupError) -> Result<(StatusCode, &'static str), Failure> {
    match error {
        UserGroupError::NameTaken => Ok((StatusCode::CONFLICT, "Another user group has this name.")),
        UserGroupError::TooMany => Ok((StatusCode::CONFLICT, "An organization has at most 100 user groups.")),
        UserGroupError::Gone => Err(Failure::NotFound),
        UserGroupError::Store(error) => Err(error.into()),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Position {
    source: String,
    after: String,
    done: String,
}

#[derive(Template)]
#[template(path = "user-group.html")]
struct One {
    frame: Frame,
    group: UserGroup,
    filled: Filled,
    members: Members,
    next: Option<String>,
    paged: bool,
    done: Option<&'static str>,
    error: Option<&'static str>,
}

impl One {
    fn people(&self) -> String {
        counted_people(self.group.people, UserGroups::COUNTED)
    }
}

async fn one(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Path((_, id)): Path<(String, String)>,
    Query(position): Query<Position>,
) -> Result<Response, Failure> {
    let group = group(&console, &signed, &id).await?;
    let filled = Filled { name: group.name.clone(), purpose: group.purpose.clone().unwrap_or_default() };
    render(&console, &signed, group, filled, &position, None).await
}

async fn group(console: &Console, signed: &Signed, id: &str) -> Result<UserGroup, Failure> {
    console.user_groups.find(&signed.organization, id).await?.ok_or(Failure::NotFound)
}

async fn render(
    console: &Console,
    signed: &Signed,
    group: UserGroup,
    filled: Filled,
    position: &Position,
    error: Option<&'static str>,
) -> Result<Response, Failure> {
    let after = Some((&*position.source, &*position.after)).filter(|(_, account)| !account.is_empty());
    let members = console.user_groups.people(&signed.organization, &group.id, after).await?;
    let next = members.next.as_ref();
    let next = next.map(|(source, account)| format!("source={}&after={}", url_encoded(source), url_encoded(account)));
    page(&One {
        frame: Frame::of(console, signed, "user-groups").await?,
        group,
        filled,
        members,
        next,
        paged: after.is_some(),
        done: match &*position.done {
            "made" => Some("The user group is made. Assign people under Users, or map a group."),
            "saved" => Some("The user group is saved."),
            "left" => Some("The person left the user group."),
            _ => None,
        },
        error,
    })
}

async fn rename(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Path((_, id)): Path<(String, String)>,
    Form(filled): Form<Filled>,
) -> Result<Response, Failure> {
    let group = group(&console, &signed, &id).await?;
    let (status, error) = match filled.checked() {
        None => (StatusCode::UNPROCESSABLE_ENTITY, UNFIT),
        Some((name, purpose)) => match console.user_groups.rename(&signed.organization, &id, name, purpose).await {
            Ok(()) => return Ok(to(&signed, &format!("user-groups/{id}?done=saved"))),
            Err(error) => refusal(error)?,
        },
    };
    let mut response = render(&console, &signed, group, filled, &Position::default(), Some(error)).await?;
    *response.status_mut() = status;
    Ok(response)
}

/// A person who leaves the user group.
#[derive(Deserialize)]
struct Leaving {
    person: String,
}

async fn leave(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Path((_, id)): Path<(String, String)>,
    Form(Leaving { person }): Form<Leaving>,
) -> Result<Response, Failure> {
    let group = group(&console, &signed, &id).await?;
    let (people, leave, by) = (vec![person], vec![group.id], signed.account.id.clone());
    match console.user_groups.assign(&signed.organization, Assignment { people, join: Vec::new(), leave, by }).await {
        Ok(_) => Ok(to(&signed, &format!("user-groups/{id}?done=left"))),
        Err(error) => Err(refusal(error).err().unwrap_or(Failure::NotFound)),
    }
}

#[derive(Template)]
#[template(path = "user-group-remove.html")]
struct Ask {
    frame: Frame,
    group: UserGroup,
}

impl Ask {
    fn people(&self) -> String {
        counted_people(self.group.people, UserGroups::COUNTED)
    }
}

async fn ask(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let group = group(&console, &signed, &id).await?;
    page(&Ask { frame: Frame::of(&console, &signed, "user-groups").await?, group })
}

async fn remove(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Path((_, id)): Path<(String, String)>,
    Form(()): Form<()>,
) -> Result<Response, Failure> {
    match console.user_groups.remove(&signed.organization, &id).await {
        Ok(()) => Ok(to(&signed, "user-groups?done=removed")),
        Err(error) => Err(refusal(error).err().unwrap_or(Failure::NotFound)),
    }
}
