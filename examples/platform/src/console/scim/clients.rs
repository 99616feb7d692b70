//! OAuth clients on the page *SCIM*: their list, the page that shows a new secret once, additional secrets for a
//! client, and the removal of secrets and clients. The form for a new client is in `scim/new.rs`.

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use chrono::{DateTime, TimeDelta, Utc};
use scim_core::bearer::Token;
use serde::Deserialize;

use super::{
    Ask, View, back, host,
    keys::{Tag, at_clock, expiry, maker},
    may_have_credentials,
    new::{Lifetime, Made},
    organization, parts,
};
use crate::{
    calendar::{date, on_day},
    console::{
        Console, Failure, Frame,
        form::{Form, form_name},
        frame::page,
        gone::gone,
        session::{Administrator, Signed},
    },
    identity_provider::IdentityProvider,
    oauth::{Client, ClientError, Clients, SECRETS, Secret, token_url},
    session::random,
};

pub(super) fn routes() -> Router<Console> {
    Router::new()
        .route("/scim/clients/{id}/revoke", get(ask_to_revoke).post(revoke))
        .route("/scim/clients/{id}/secrets", post(make_secret))
        .route("/scim/clients/{id}/secrets/new", get(show_secret_form))
        .route("/scim/clients/{id}/secrets/{digest}/delete", get(ask_to_delete).post(delete))
}

/// A client in the list.
pub(super) struct ClientRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) made_by: String,
    pub(super) created: String,
    pub(super) used: Option<String>,
    /// The issuer of the client's assertions, if the client has a federated identity.
    pub(super) issuer: Option<String>,
    pub(super) secrets: Vec<SecretRow>,
}

/// A secret of a client in the list.
pub(super) struct SecretRow {
    /// The first digits of the secret's digest.
    pub(super) shown: String,
    pub(super) created: String,
    pub(super) used: Option<String>,
    pub(super) tag: Tag,
    pub(super) expires: String,
    pub(super) warning: Option<String>,
}

impl ClientRow {
    pub(super) async fn of(console: &Console, client: &Client, now: DateTime<Utc>) -> Result<Self, Failure> {
        let secret = |secret: &Secret| {
            let (tag, warning) = expiry(Some(secret.expires), now);
            SecretRow {
                shown: secret.shown(),
                created: date(secret.created),
                used: secret.used.map(|at| at_clock(at, now)),
                tag,
                expires: date(secret.expires),
                warning,
            }
        };
        Ok(Self {
            id: client.id.clone(),
            name: client.name.clone(),
            made_by: maker(console, &client.organization, client.made_by.as_deref()).await?,
            created: date(client.created),
            used: client.used.map(|at| at_clock(at, now)),
            issuer: client.federation.as_ref().map(|federation| federation.issuer().to_owned()),
            secrets: client.secrets.iter().map(secret).collect(),
        })
    }
}

/// The page that shows a new client or a new secret once.
#[derive(Template)]
#[template(path = "scim-new-client.html")]
struct NewClientPage<'a> {
    frame: Frame,
    provider: IdentityProvider,
    oauth: bool,
    url: Vec<String>,
    token_url: Vec<String>,
    host: String,
    client: &'a Client,
    secret: Option<&'a str>,
    made: Made,
    expires: String,
}

/// Shows a client with its secret. A client with a federated identity has no secret.
pub(super) fn show_new(
    console: &Console,
    view: View,
    client: &Client,
    secret: Option<&Token>,
    made: Made,
    expires: String,
) -> Result<Response, Failure> {
    page(&NewClientPage {
        provider: view.provider,
        oauth: true,
        host: host(&view.url).to_owned(),
        url: parts(&view.url),
        token_url: parts(&token_url(&console.url, &client.organization)),
        client,
        secret: secret.map(Token::reveal),
        made,
        expires,
        frame: view.frame,
    })
}

/// Finds the client of the organization with this id. For a revoked client, a page explains that it is already
/// revoked.
async fn find(console: &Console, signed: &Signed, id: &str) -> Result<Client, Failure> {
    // PostgreSQL cannot store NUL, so no client has such an id.
    if id.contains('\0') {
        return Err(Failure::NotFound);
    }
    let client = Clients::new(console.database.clone()).find(&signed.organization, id).await?;
    if client.revoked.is_some() {
        return Err(gone(console, signed, "scim", "This OAuth client is already revoked", "scim", "Back to SCIM").await);
    }
    Ok(client)
}

/// The form for an additional secret.
#[derive(Template)]
#[template(path = "scim-secret.html")]
struct SecretForm<'a> {
    frame: Frame,
    provider: IdentityProvider,
    client: &'a Client,
    lifetimes: Vec<Lifetime>,
    form: String,
    error: Option<String>,
}

/// The fields of the form for an additional secret.
#[derive(Deserialize)]
struct FormFields {
    #[serde(default)]
    days: String,
    #[serde(default)]
    form: String,
}

fn secret_form(signed: &Signed, id: &str) -> String {
    Console::path(&signed.organization, &format!("scim/clients/{id}/secrets/new"))
}

async fn show_secret_form(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let client = find(&console, &signed, &id).await?;
    signed.must_be_recent(&secret_form(&signed, &id))?;
    ask_for_secret(&console, &signed, &client, 365, None).await
}

async fn ask_for_secret(
    console: &Console,
    signed: &Signed,
    client: &Client,
    days: i64,
    error: Option<String>,
) -> Result<Response, Failure> {
    let view = View::of(console, signed).await?;
    let (lifetimes, form) = (Lifetime::all(days, view.now), random()?);
    page(&SecretForm { frame: view.frame, provider: view.provider, client, lifetimes, form, error })
}

async fn make_secret(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Path((_, id)): Path<(String, String)>,
    Form(given): Form<FormFields>,
) -> Result<Response, Failure> {
    let (_, found) = organization(&console, &signed).await?;
    may_have_credentials(&found)?;
    let client = find(&console, &signed, &id).await?;
    signed.must_be_recent(&secret_form(&signed, &id))?;
    let (form, days, now) = (form_name(&given.form)?, Lifetime::read(&given.days), Utc::now());
    let clients = Clients::new(console.database.clone());
    let secret = match clients.add_secret_by_form(&signed.organization, &id, form, TimeDelta::days(days)).await {
        Ok(secret) => secret,
        Err(ClientError::Repeated) => return Ok(back(&signed, "repeated")),
        Err(ClientError::TooMany(_)) => {
            let error = format!("Delete a secret first: this client has {SECRETS} already.");
            let shown = ask_for_secret(&console, &signed, &client, days, Some(error)).await?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response());
        }
        Err(error) => return Err(error.into()),
    };
    let (organization, account) = (&signed.organization, &signed.account.id);
    tracing::info!(organization, account, client = client.id, "a secret of an OAuth client was made");
    let view = View::of(&console, &signed).await?;
    let expires = date(now + TimeDelta::days(days));
    show_new(&console, view, &client, Some(&secret), Made::new(&signed, now), expires)
}

fn deletion(id: &str, digest: &str) -> String {
    format!("scim/clients/{id}/secrets/{digest}/delete")
}

/// Finds the secret of a client by the first digits of its digest.
async fn find_secret(console: &Console, signed: &Signed, id: &str, digest: &str) -> Result<(Client, Secret), Failure> {
    let client = find(console, signed, id).await?;
    let found = client.secrets.iter().find(|secret| secret.shown() == digest).copied();
    match found {
        Some(secret) => Ok((client, secret)),
        None => Err(gone(console, signed, "scim", "This secret is already deleted", "scim", "Back to SCIM").await),
    }
}

async fn ask_to_delete(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Path((_, id, digest)): Path<(String, String, String)>,
) -> Result<Response, Failure> {
    let (client, secret) = find_secret(&console, &signed, &id, &digest).await?;
    let action = deletion(&id, &digest);
    signed.must_be_recent(&Console::path(&signed.organization, &action))?;
    let view = View::of(&console, &signed).await?;
    let others = client.secrets.iter().filter(|other| other.digest != secret.digest && other.is_valid(view.now));
    let (it, name) = (view.provider.label(), &client.name);
    let mut consequences = Vec::new();
    if secret.is_valid(view.now) {
        consequences.push("Whoever has this secret is refused, within a few seconds and for good.".to_owned());
        consequences.push(match (secret.used, others.count()) {
            (_, 0) if client.federation.is_none() => {
                format!("It is the last valid secret of “{name}”: {it} is refused until it has a new one.")
            }
            (Some(at), _) => {
                format!("It was last used {}. Check that {it} has another secret by now.", on_day(at, view.now))
            }
            (None, _) => "It was never used.".to_owned(),
        });
    } else {
        consequences.push("It has expired and opens nothing. It disappears from the list.".to_owned());
    }
    page(&Ask {
        frame: view.frame,
        title: format!("Delete a secret of “{name}”?"),
        consequences,
        action,
        button: "Delete the secret",
    })
}

async fn delete(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Path((_, id, digest)): Path<(String, String, String)>,
    Form(()): Form<()>,
) -> Result<Response, Failure> {
    let (_, secret) = find_secret(&console, &signed, &id, &digest).await?;
    signed.must_be_recent(&Console::path(&signed.organization, &deletion(&id, &digest)))?;
    let clients = Clients::new(console.database.clone());
    clients.delete_secret(&signed.organization, &id, &secret.digest.to_string()).await?;
    console.directory.distrust(&signed.organization);
    let (organization, account) = (&signed.organization, &signed.account.id);
    tracing::info!(organization, account, client = id, "a secret of an OAuth client was deleted");
    Ok(back(&signed, "secret-deleted"))
}

fn revocation(id: &str) -> String {
    format!("scim/clients/{id}/revoke")
}

async fn ask_to_revoke(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let client = find(&console, &signed, &id).await?;
    signed.must_be_recent(&Console::path(&signed.organization, &revocation(&id)))?;
    let view = View::of(&console, &signed).await?;
    let keys = view.keys.iter().filter(|key| key.is_valid(view.now)).count();
    let others = view.clients.iter().filter(|other| other.id != id && other.is_valid(view.now)).count();
    let (it, name) = (view.provider.label(), &client.name);
    let last = match (client.used, keys + others) {
        (_, 0) => format!("Nothing else is valid: {it} is refused until it has a new client or key."),
        (Some(at), _) => {
            format!("It was last used {}. Check that {it} has another client or key by now.", on_day(at, view.now))
        }
        (None, _) => "It was never used.".to_owned(),
    };
    page(&Ask {
        frame: view.frame,
        title: format!("Revoke the OAuth client “{name}”?"),
        consequences: vec![
            "All its secrets and tokens end, within a few seconds and for good.".to_owned(),
            last,
            "People, groups and settings stay.".to_owned(),
        ],
        action: revocation(&id),
        button: "Revoke the client",
    })
}

async fn revoke(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Path((_, id)): Path<(String, String)>,
    Form(()): Form<()>,
) -> Result<Response, Failure> {
    find(&console, &signed, &id).await?;
    signed.must_be_recent(&Console::path(&signed.organization, &revocation(&id)))?;
    Clients::new(console.database.clone()).revoke(&signed.organization, &id).await?;
    console.directory.distrust(&signed.organization);
    let (organization, account) = (&signed.organization, &signed.account.id);
    tracing::info!(organization, account, client = id, "an OAuth client was revoked");
    Ok(back(&signed, "client-revoked"))
}
