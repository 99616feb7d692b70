//! API keys on the page *SCIM*: the form for a new one, the page that shows it once, and revocation.
//!
//! A new key is shown in the answer of the form itself, not behind a redirect. A page behind a redirect would have to find
//! the key somewhere: in the memory of one instance, while another one may get the request, or readable in the database,
//! where a copy of it would lead into the organization. So the key exists in this one answer only, which no browser
//! stores. The form has a name of its own instead, which the table takes once: a reload, a second press of the button, or
//! the same form on another instance makes no second key.

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use chrono::{DateTime, TimeDelta, Utc};
use scim_core::bearer::Token;
use serde::Deserialize;

use super::{Ask, View, back, chosen, host, organization, parts};
use crate::{
    calendar::{attribute, clock, date, day, days_until, on_day},
    console::{
        Console, Failure, Frame,
        form::Form,
        frame::page,
        session::{Administrator, Signed},
    },
    directory::{DirectoryError, Key},
    identity_provider::IdentityProvider,
    session::random,
};

/// Days before the end of a key from which on the page warns.
const WARNING: i64 = 20;

/// Keys that an organization may have at the same time: a page shows all of them.
const MOST: usize = 20;

/// The lifetimes that the form offers, in days.
const LIFETIMES: [(i64, &str); 4] = [(90, "90 days"), (180, "6 months"), (365, "1 year"), (730, "2 years")];

const LONGEST_NAME: usize = 64;

pub(super) fn routes() -> Router<Console> {
    Router::new()
        .route("/scim/keys/new", get(show_form))
        .route("/scim/keys", post(make))
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
    /// The class, the icon and the word of the tag.
    pub(super) tag: (&'static str, &'static str, String),
    pub(super) expires: Option<String>,
    /// The words of the warning, for a key that ends soon.
    pub(super) warning: Option<String>,
    pub(super) is_valid: bool,
}

impl KeyRow {
    pub(super) async fn of(console: &Console, key: &Key, now: DateTime<Utc>) -> Result<Self, Failure> {
        let made_by = match &key.made_by {
            None => "Command line".to_owned(),
            Some(account) => {
                let found = console.accounts.find(&key.organization, account).await?;
                found.map_or_else(|| "A former administrator".to_owned(), |account| account.name)
            }
        };
        let left = key.expires.map(|expires| days_until(expires, now));
        let days = |days: i64| if days == 1 { "in 1 day".to_owned() } else { format!("in {days} days") };
        let (tag, warning) = match left {
            Some(None) => (("bad", "cross", "Expired".to_owned()), None),
            Some(Some(left)) if left <= WARNING => {
                let words = days(left);
                (("warn", "clock", words.replacen("in", "In", 1)), Some(format!("expires {words}")))
            }
            Some(Some(_)) | None => (("good", "check", "Valid".to_owned()), None),
        };
        Ok(Self {
            digest: key.digest.to_string(),
            name: key.name.clone(),
            ending: key.ending.clone(),
            made_by,
            created: date(key.created),
            used: key.used.map(|at| format!("{}, {}", capitalized(&day(at, now)), clock(at))),
            address: key.address.clone(),
            tag,
            expires: key.expires.map(date),
            warning,
            is_valid: key.is_valid(now),
        })
    }
}

fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    first + characters.as_str()
}

/// The form for a new key.
pub(super) struct KeyForm {
    pub(super) provider: IdentityProvider,
    /// Whether the form asks for the identity provider too: with the first key.
    pub(super) asks_for_provider: bool,
    pub(super) name: String,
    pub(super) error: Option<String>,
    pub(super) lifetimes: Vec<Lifetime>,
    /// The name of this form, which makes one key only.
    pub(super) form: String,
}

/// A choice of the lifetime.
pub(super) struct Lifetime {
    pub(super) days: i64,
    pub(super) words: String,
    pub(super) is_chosen: bool,
}

impl KeyForm {
    /// The form for the first key of an organization.
    pub(super) fn first(provider: IdentityProvider, now: DateTime<Utc>) -> Result<Self, Failure> {
        Ok(Self { asks_for_provider: true, ..Self::new(provider, &Given::default(), now)? })
    }

    fn new(provider: IdentityProvider, given: &Given, now: DateTime<Utc>) -> Result<Self, Failure> {
        let lifetime = |(days, words): &(i64, &str)| Lifetime {
            days: *days,
            words: format!("After {words} ({})", date(now + TimeDelta::days(*days))),
            is_chosen: *days == given.days(),
        };
        Ok(Self {
            provider,
            asks_for_provider: !given.provider.is_empty(),
            name: given.name.clone(),
            error: None,
            lifetimes: LIFETIMES.iter().map(lifetime).collect(),
            form: random()?,
        })
    }
}

/// The fields of the form for a new key. The page behind the sign-in gets them again as its query.
#[derive(Default, Deserialize)]
struct Given {
    #[serde(default)]
    name: String,
    #[serde(default)]
    days: String,
    /// Only from the form of the first key.
    #[serde(default)]
    provider: String,
    #[serde(default)]
    form: String,
}

impl Given {
    fn days(&self) -> i64 {
        let days = self.days.parse().ok().filter(|days| LIFETIMES.iter().any(|(offered, _)| offered == days));
        days.unwrap_or(365)
    }

    /// The path of the form with these fields in it.
    fn path(&self, organization: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("name", self.name.trim()).append_pair("days", &self.days().to_string());
        query.append_pair("provider", &self.provider);
        Console::path(organization, &format!("scim/keys/new?{}", query.finish()))
    }

    fn name(&self) -> Result<&str, String> {
        let name = self.name.trim();
        match name.chars().count() {
            0 => Err("Enter a name, such as the application that gets the key.".to_owned()),
            count if count > LONGEST_NAME => Err(format!("Use at most {LONGEST_NAME} characters.")),
            _ if name.chars().any(char::is_control) => Err("Use letters, digits and signs only.".to_owned()),
            _ => Ok(name),
        }
    }
}

#[derive(Template)]
#[template(path = "scim-key.html")]
struct FormPage {
    frame: Frame,
    form: KeyForm,
}

async fn show_form(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Query(given): Query<Given>,
) -> Result<Response, Failure> {
    signed.must_be_recent(&given.path(&signed.organization))?;
    let view = View::of(&console, &signed).await?;
    let provider = if given.provider.is_empty() { view.provider } else { chosen(&given.provider)? };
    let form = KeyForm::new(provider, &given, view.now)?;
    page(&FormPage { frame: view.frame, form })
}

/// The page that shows a new key, this once.
#[derive(Template)]
#[template(path = "scim-new-key.html")]
struct NewKey<'a> {
    frame: Frame,
    provider: IdentityProvider,
    url: Vec<String>,
    host: String,
    token: &'a str,
    name: &'a str,
    made_by: &'a str,
    now: String,
    time: String,
    expires: String,
}

async fn make(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Form(given): Form<Given>,
) -> Result<Response, Failure> {
    let (organization, found) = organization(&console, &signed).await?;
    if !found.has_sign_on() {
        return Err(Failure::Refused(super::NO_SIGN_ON));
    }
    if !found.scim {
        return Err(Failure::Refused("SCIM is off. Activate SCIM first, then make a key."));
    }
    signed.must_be_recent(&given.path(&signed.organization))?;
    let provider = if given.provider.is_empty() { found.identity_provider } else { chosen(&given.provider)? };
    if given.form.len() != 64 {
        return Err(Failure::Forged);
    }
    let now = Utc::now();
    let valid = console.directory.keys(Some(&organization)).await?.iter().filter(|key| key.is_valid(now)).count();
    let name = match given.name() {
        Ok(name) if valid < MOST => name,
        refused => {
            let error = refused.err().unwrap_or_else(|| format!("Revoke a key first: there are {MOST} already."));
            let form = KeyForm { error: Some(error), ..KeyForm::new(provider, &given, now)? };
            let frame = Frame::of(&console, &signed, "scim").await?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&FormPage { frame, form })?).into_response());
        }
    };
    let token = Token::generate().map_err(|error| Failure::Internal(error.to_string()))?;
    let mut key = Key::generated(&organization, name, &token);
    key.expires = key.created.checked_add_signed(TimeDelta::days(given.days()));
    key.made_by = Some(signed.account.id.clone());
    key.form = Some(given.form.clone());
    let expires = key.expires.map(date).unwrap_or_default();
    match console.directory.add_key(key).await {
        Ok(()) => {}
        Err(DirectoryError::Repeated) => return Ok(back(&signed, "repeated")),
        Err(error) => return Err(error.into()),
    }
    if provider != found.identity_provider {
        console.directory.set_identity_provider(&organization, provider).await?;
    }
    tracing::info!(organization = organization.as_str(), account = signed.account.id, key = name, "a key was made");
    let view = View::of(&console, &signed).await?;
    page(&NewKey {
        provider,
        host: host(&view.url).to_owned(),
        url: parts(&view.url),
        token: token.reveal(),
        name,
        made_by: &signed.account.name,
        now: format!("{} at {}", on_day(now, now), clock(now)),
        time: attribute(now),
        expires,
        frame: view.frame,
    })
}

/// The key with this digest, if it is one of the organization's that can still be revoked.
async fn find(console: &Console, signed: &Signed, digest: &str) -> Result<Key, Failure> {
    let (name, _) = organization(console, signed).await?;
    let keys = console.directory.keys(Some(&name)).await?;
    let found = keys.into_iter().find(|key| key.revoked.is_none() && key.digest.to_string() == digest);
    found.ok_or(Failure::NotFound)
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
    let (it, name) = (view.provider.label(), &key.name);
    let mut consequences = Vec::new();
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
    let count = view.keys.iter().filter(|key| key.is_valid(view.now)).count();
    let keys = if count == 1 { "The one valid key ends".to_owned() } else { format!("All {count} valid keys end") };
    page(&Ask {
        consequences: vec![
            format!("{keys}, within a few seconds and for good."),
            format!("{} is refused at once, until you give it a new key.", view.provider.subject()),
            "People, groups and settings stay.".to_owned(),
        ],
        title: "Revoke all keys?".to_owned(),
        action: REVOKE_ALL.to_owned(),
        button: "Revoke all keys",
        frame: view.frame,
    })
}

async fn revoke_all(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Form(()): Form<()>,
) -> Result<Response, Failure> {
    let (name, _) = organization(&console, &signed).await?;
    signed.must_be_recent(&Console::path(&signed.organization, REVOKE_ALL))?;
    console.directory.revoke_all(&name).await?;
    tracing::info!(organization = name.as_str(), account = signed.account.id, "all keys were revoked");
    Ok(back(&signed, "all-revoked"))
}
