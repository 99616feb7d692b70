//! API keys on the page *SCIM*: their list, and revocation. The form for a new key is in `scim/new.rs`.

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::get,
};
use chrono::{DateTime, Utc};

use super::{Ask, View, back, organization};
use crate::{
    calendar::{clock, date, day, days_until, on_day},
    console::{
        Console, Failure,
        form::Form,
        frame::page,
        gone::gone,
        session::{Administrator, Signed},
    },
    directory::Key,
};

/// The number of days before the end of a key or a secret from which on the page warns.
const WARNING: i64 = 20;

pub(super) fn routes() -> Router<Console> {
    Router::new()
        .route("/scim/keys/revoke-all", get(ask_to_revoke_all).post(revoke_all))
        .route("/scim/keys/{digest}/revoke", get(ask_to_revoke).post(revoke))
}

/// A key in the list.
pub(super) struct KeyRow {
    pub(super) digest: String,
    pub(super) name: String,
    pub(super) ending: Option<String>,
    pub(super) made_by: String,
    pub(super) created: String,
    pub(super) used: Option<String>,
    pub(super) address: Option<String>,
    pub(super) tag: Tag,
    pub(super) expires: Option<String>,
    /// The words of the warning, for a key that ends soon.
    pub(super) warning: Option<String>,
    pub(super) is_valid: bool,
}

impl KeyRow {
    pub(super) async fn of(console: &Console, key: &Key, now: DateTime<Utc>) -> Result<Self, Failure> {
        let (tag, warning) = expiry(key.expires, now);
        Ok(Self {
            digest: key.digest.to_string(),
            name: key.name.clone(),
            ending: key.ending.clone(),
            made_by: maker(console, &key.organization, key.made_by.as_deref()).await?,
            created: date(key.created),
            used: key.used.map(|at| at_clock(at, now)),
            address: key.address.clone(),
            tag,
            expires: key.expires.map(date),
            warning,
            is_valid: key.is_valid(now),
        })
    }
}

/// The class, the icon and the word of a tag.
pub(super) type Tag = (&'static str, &'static str, String);

/// The tag for the end of a key or a secret, and the words of the warning if the end is near.
pub(super) fn expiry(expires: Option<DateTime<Utc>>, now: DateTime<Utc>) -> (Tag, Option<String>) {
    let days = |days: i64| if days == 1 { "in 1 day".to_owned() } else { format!("in {days} days") };
    match expires.map(|expires| days_until(expires, now)) {
        Some(None) => (("bad", "cross", "Expired".to_owned()), None),
        Some(Some(left)) if left <= WARNING => {
            let words = days(left);
            (("warn", "clock", capitalized(&words)), Some(format!("expires {words}")))
        }
        None | Some(Some(_)) => (("good", "check", "Valid".to_owned()), None),
    }
}

/// The name of the person who created a key or a client, for a list.
pub(super) async fn maker(console: &Console, organization: &str, id: Option<&str>) -> Result<String, Failure> {
    let Some(id) = id else { return Ok("Command line".to_owned()) };
    let found = console.accounts.find(organization, id).await?;
    Ok(found.map_or_else(|| "A former administrator".to_owned(), |account| account.name))
}

/// A time in a list: `Today, 10:20 AM`.
pub(super) fn at_clock(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    format!("{}, {}", capitalized(&day(at, now)), clock(at))
}

fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    first + characters.as_str()
}

/// Finds a key of the organization that can still be revoked. For a key that was already revoked, a page explains
/// this.
async fn find(console: &Console, signed: &Signed, digest: &str) -> Result<Key, Failure> {
    let (name, _) = organization(console, signed).await?;
    let keys = console.directory.keys(Some(&name)).await?;
    match keys.into_iter().find(|key| key.digest.to_string() == digest) {
        Some(key) if key.revoked.is_none() => Ok(key),
        Some(_) => Err(gone(console, signed, "scim", "This key is already revoked", "scim", "Back to SCIM").await),
        None => Err(Failure::NotFound),
    }
}

fn revocation(digest: &str) -> String {
    format!("scim/keys/{digest}/revoke")
}

async fn ask_to_revoke(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Path((_, digest)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let key = find(&console, &signed, &digest).await?;
    signed.must_be_recent(&Console::path(&signed.organization, &revocation(&digest)))?;
    let view = View::of(&console, &signed).await?;
    let others = view.keys.iter().filter(|other| other.digest != key.digest && other.is_valid(view.now)).count();
    let others = others + view.clients.iter().filter(|client| client.is_valid(view.now)).count();
    let (it, name) = (view.provider.label(), &key.name);
    let ending = key.ending.as_ref().map_or_else(String::new, |ending| format!(" ends with “{ending}” and"));
    let mut consequences = vec![format!("The key{ending} was made {}.", on_day(key.created, view.now))];
    if key.is_valid(view.now) {
        consequences.push(format!("Whoever sends “{name}” is refused, within a few seconds and for good."));
        consequences.push(match (key.used, others) {
            (_, 0) => format!("It is the last valid key: {} is refused until it has a new one.", view.provider.label()),
            (Some(at), _) => {
                format!("It was last used {}. Check that {it} has another key by now.", on_day(at, view.now))
            }
            (None, _) => "It was never used.".to_owned(),
        });
    } else {
        consequences.push(format!("“{name}” has expired and opens nothing. It disappears from the list."));
    }
    page(&Ask {
        frame: view.frame,
        title: format!("Revoke the key “{name}”?"),
        consequences,
        action: revocation(&digest),
        button: "Revoke the key",
    })
}

async fn revoke(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Path((_, digest)): Path<(String, String)>,
    Form(()): Form<()>,
) -> Result<Response, Failure> {
    let key = find(&console, &signed, &digest).await?;
    signed.must_be_recent(&Console::path(&signed.organization, &revocation(&digest)))?;
    console.directory.revoke(&digest).await?;
    tracing::info!(
        organization = signed.organization,
        account = signed.account.id,
        key = key.name,
        "a key was revoked"
    );
    Ok(back(&signed, "revoked"))
}

const REVOKE_ALL: &str = "scim/keys/revoke-all";

async fn ask_to_revoke_all(
    State(console): State<Console>,
    Administrator(signed): Administrator,
) -> Result<Response, Failure> {
    signed.must_be_recent(&Console::path(&signed.organization, REVOKE_ALL))?;
    let view = View::of(&console, &signed).await?;
    let keys = view.keys.iter().filter(|key| key.is_valid(view.now)).count();
    let clients = view.clients.iter().filter(|client| client.is_valid(view.now)).count();
    let mut consequences = Vec::new();
    for (count, noun) in [(keys, "key"), (clients, "OAuth client")] {
        let ends = match count {
            0 => continue,
            1 => format!("The one valid {noun} ends"),
            count => format!("All {count} valid {noun}s end"),
        };
        consequences.push(format!("{ends}, within a few seconds and for good."));
    }
    let (title, button) = if view.clients.is_empty() {
        ("Revoke all keys?", "Revoke all keys")
    } else {
        ("Revoke all keys and OAuth clients?", "Revoke all keys and clients")
    };
    consequences.extend([
        format!("{} is refused at once, until you give it a new key or client.", view.provider.subject()),
        "People, groups and settings stay.".to_owned(),
    ]);
    page(&Ask { title: title.to_owned(), consequences, action: REVOKE_ALL.to_owned(), button, frame: view.frame })
}

async fn revoke_all(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Form(()): Form<()>,
) -> Result<Response, Failure> {
    let (name, _) = organization(&console, &signed).await?;
    signed.must_be_recent(&Console::path(&signed.organization, REVOKE_ALL))?;
    console.directory.revoke_all(&name).await?;
    tracing::info!(
        organization = name.as_str(),
        account = signed.account.id,
        "all keys and OAuth clients were revoked"
    );
    Ok(back(&signed, "all-revoked"))
}
