//! The page *SCIM*: the state of the connection, the switch, the choice of the identity provider, and the steps to
//! take at that provider. New keys and OAuth clients are in `scim/new.rs`, existing keys in `scim/keys.rs`, and
//! existing clients in `scim/clients.rs`.

mod causes;
mod clients;
mod hours;
mod keys;
mod new;
mod remove;
mod state;

use askama::Template;
use axum::{
    Router,
    extract::{Query, State},
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use chrono::{DateTime, Utc};
use serde::Deserialize;

pub(super) use self::hours::Hours;
use self::{clients::ClientRow, keys::KeyRow, new::KeyForm, remove::Removal, state::StateCard};
use super::{
    Console, Failure, Frame,
    form::Form,
    frame::page,
    session::{Administrator, Signed},
};
use crate::{
    connection::{self, Facts},
    directory::{Key, Organization, OrganizationName},
    identity_provider::IdentityProvider,
    oauth::{Client, Clients},
    server::scim_url,
};

const NO_SIGN_ON: &str = "SCIM needs single sign-on: without it, people who arrive through SCIM have no way to sign in. \
                          Set up single sign-on first.";

/// The page with the requests that failed.
const FAILED_REQUESTS: &str = "log?outcome=not-done";

pub(super) fn routes() -> Router<Console> {
    Router::new()
        .route("/scim", get(show))
        .route("/scim/on", post(turn_on))
        .route("/scim/off", get(ask_to_turn_off).post(turn_off))
        .route("/scim/provider", get(show_provider).post(set_provider))
        .route("/scim/steps", get(steps))
        .merge(new::routes())
        .merge(keys::routes())
        .merge(clients::routes())
        .merge(remove::routes())
}

/// Reads the organization of a signed-in administrator, with the type of its name that the directory accepts.
async fn organization(console: &Console, signed: &Signed) -> Result<(OrganizationName, Organization), Failure> {
    let found = console.directory.organization(&signed.organization).await?.ok_or(Failure::NotFound)?;
    Ok((signed.organization.parse().map_err(|_| Failure::NotFound)?, found))
}

/// Checks that the organization may have keys and clients: SCIM must be on, and SCIM needs single sign-on.
fn may_have_credentials(organization: &Organization) -> Result<(), Failure> {
    match organization {
        found if !found.has_sign_on() => Err(Failure::Refused(NO_SIGN_ON)),
        found if !found.scim => Err(Failure::Refused("SCIM is off. Activate SCIM first, then make a key.")),
        _ => Ok(()),
    }
}

/// The data that the parts of the page show.
struct View {
    frame: Frame,
    organization: Organization,
    provider: IdentityProvider,
    url: String,
    facts: Facts,
    /// The keys that are not revoked.
    keys: Vec<Key>,
    /// The OAuth clients that are not revoked.
    clients: Vec<Client>,
    /// The running removal of the connection, or the last removal.
    removal: Removal,
    /// The id of the account of the administrator who sees the page.
    own: String,
    now: DateTime<Utc>,
}

impl View {
    async fn of(console: &Console, signed: &Signed) -> Result<Self, Failure> {
        let (name, organization) = organization(console, signed).await?;
        let now = Utc::now();
        let mut keys = console.directory.keys(Some(&name)).await?;
        let mut facts = Facts::new(organization.identity_provider, organization.scim, organization.has_sign_on());
        let mut clients = Clients::new(console.database.clone()).list(Some(name.as_str())).await?;
        let removal = Removal::of(console, signed, now).await?;
        let removed = removal.removed();
        // Credentials from before a removal belong to a connection that no longer exists.
        let is_of_this = |created: DateTime<Utc>| removed.is_none_or(|removed| created > removed);
        facts.had_credentials =
            keys.iter().any(|key| is_of_this(key.created)) || clients.iter().any(|client| is_of_this(client.created));
        facts.has_credentials =
            keys.iter().any(|key| key.is_valid(now)) || clients.iter().any(|client| client.is_valid(now));
        let facts = connection::read(&console.database, name.as_str(), &keys, removed, facts, now).await?;
        keys.retain(|key| key.revoked.is_none());
        clients.retain(|client| client.revoked.is_none());
        let (provider, url) = (organization.identity_provider, scim_url(&console.url, name.as_str()));
        Ok(Self {
            frame: Frame::of(console, signed, "scim").await?,
            organization,
            provider,
            url,
            facts,
            keys,
            clients,
            removal,
            own: signed.account.id.clone(),
            now,
        })
    }

    /// Whether the provider signs in only with an OAuth client, as far as the keys and clients show.
    fn is_oauth(&self) -> bool {
        let has_key = self.keys.iter().any(|key| key.is_valid(self.now));
        !has_key && self.clients.iter().any(|client| client.is_valid(self.now))
    }

    /// The credentials with which the provider can sign in, in words.
    fn signs_in_with(&self) -> &'static str {
        let key = self.keys.iter().any(|key| key.is_valid(self.now));
        let client = self.clients.iter().any(|client| client.is_valid(self.now));
        match (key, client) {
            (true, true) => "API key or OAuth client",
            (true, false) => "API key",
            (false, true) => "OAuth client",
            (false, false) => "Nothing valid",
        }
    }
}

/// The parts of a URL, where each part except the last ends with a slash. A browser may break the line there.
fn parts(url: &str) -> Vec<String> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let mut parts: Vec<String> = rest.split_inclusive('/').map(str::to_owned).collect();
    if let Some(first) = parts.first_mut().filter(|_| !scheme.is_empty()) {
        *first = format!("{scheme}://{first}");
    }
    parts
}

/// The host of the URL, which the provider must be able to reach.
fn host(url: &str) -> &str {
    url.split('/').nth(2).unwrap_or(url)
}

#[derive(Template)]
#[template(path = "scim.html")]
struct Page {
    frame: Frame,
    done: Option<&'static str>,
    state: StateCard,
    provider: IdentityProvider,
    url: Vec<String>,
    host: String,
    keys: Vec<KeyRow>,
    clients: Vec<ClientRow>,
    oauth: bool,
    signs_in_with: &'static str,
    form: Option<KeyForm>,
    hours: Option<Hours>,
    /// Whether there is a connection that can be removed.
    removable: bool,
    /// The running removal.
    removing: Option<Removal>,
}

#[derive(Deserialize)]
struct Parameters {
    #[serde(default)]
    done: String,
}

/// The sentence after a successful form.
fn done(name: &str) -> Option<&'static str> {
    Some(match name {
        "on" => "SCIM is active.",
        "off" => "SCIM is off. Nothing was removed.",
        "provider" => "The settings of the identity provider are saved.",
        "revoked" => "The key is revoked.",
        "removed" => "The connection is removed. Its accounts are managed by hand now.",
        "outdated" => "The connection was removed before, while your form was open. Nothing more has changed.",
        "all-revoked" => "All keys and OAuth clients are revoked.",
        "client-revoked" => "The OAuth client is revoked.",
        "secret-deleted" => "The secret is deleted.",
        "repeated" => "This form has made a key before, so no second one was made. A key is shown only once.",
        _ => return None,
    })
}

async fn show(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Query(shown): Query<Parameters>,
) -> Result<Response, Failure> {
    let view = View::of(&console, &signed).await?;
    let state = StateCard::of(&view);
    let mut rows = Vec::with_capacity(view.keys.len());
    for key in &view.keys {
        rows.push(KeyRow::of(&console, key, view.now).await?);
    }
    let mut clients = Vec::with_capacity(view.clients.len());
    for client in &view.clients {
        clients.push(ClientRow::of(&console, client, view.now).await?);
    }
    // The form for the first key or client is on this page; further keys and clients have their own page.
    let is_first = view.organization.scim && view.keys.is_empty() && view.clients.is_empty();
    let form = if is_first { Some(KeyForm::first(view.provider, view.now)?) } else { None };
    let hours = if state.is_live { Some(Hours::of(&console, &view).await?) } else { None };
    page(&Page {
        done: done(&shown.done),
        state,
        provider: view.provider,
        host: host(&view.url).to_owned(),
        url: parts(&view.url),
        keys: rows,
        clients,
        oauth: view.is_oauth(),
        signs_in_with: view.signs_in_with(),
        form,
        hours,
        removable: view.is_removable(),
        removing: Some(view.removal).filter(|removal| removal.progress.is_running),
        frame: view.frame,
    })
}

fn back(signed: &Signed, done: &str) -> Response {
    Redirect::to(&Console::path(&signed.organization, &format!("scim?done={done}"))).into_response()
}

async fn turn_on(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Form(()): Form<()>,
) -> Result<Response, Failure> {
    let (name, organization) = organization(&console, &signed).await?;
    if !organization.has_sign_on() {
        return Err(Failure::Refused(NO_SIGN_ON));
    }
    console.directory.set_scim(&name, true).await?;
    tracing::info!(organization = name.as_str(), account = signed.account.id, "SCIM was turned on");
    Ok(back(&signed, "on"))
}

/// A page that names the consequences of an action and asks again.
#[derive(Template)]
#[template(path = "scim-ask.html")]
struct Ask<'a> {
    frame: Frame,
    title: String,
    consequences: Vec<String>,
    /// The path below the organization to which the form posts.
    action: String,
    button: &'a str,
}

async fn ask_to_turn_off(
    State(console): State<Console>,
    Administrator(signed): Administrator,
) -> Result<Response, Failure> {
    let view = View::of(&console, &signed).await?;
    let it = view.provider.subject();
    let mut consequences = vec![
        format!("{it} is refused from now on. Nobody is created, changed or deactivated here."),
        "People, groups, keys and settings stay. Everybody who can sign in still can.".to_owned(),
        "You can turn SCIM on again at any time; the same keys then work.".to_owned(),
    ];
    if view.provider.has_cycles() {
        consequences
            .push("Entra puts its provisioning into quarantine, and turns it off after about 28 days.".to_owned());
    }
    page(&Ask {
        frame: view.frame,
        title: "Turn off SCIM?".to_owned(),
        consequences,
        action: "scim/off".to_owned(),
        button: "Turn off SCIM",
    })
}

async fn turn_off(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Form(()): Form<()>,
) -> Result<Response, Failure> {
    let (name, _) = organization(&console, &signed).await?;
    signed.must_be_recent(&Console::path(&signed.organization, "scim/off"))?;
    console.directory.set_scim(&name, false).await?;
    tracing::info!(organization = name.as_str(), account = signed.account.id, "SCIM was turned off");
    Ok(back(&signed, "off"))
}

#[derive(Template)]
#[template(path = "scim-provider.html")]
struct ProviderPage {
    frame: Frame,
    provider: IdentityProvider,
    unique_groups: bool,
}

async fn show_provider(
    State(console): State<Console>,
    Administrator(signed): Administrator,
) -> Result<Response, Failure> {
    let view = View::of(&console, &signed).await?;
    page(&ProviderPage { frame: view.frame, provider: view.provider, unique_groups: view.organization.unique_groups })
}

#[derive(Deserialize)]
struct Settings {
    provider: String,
    #[serde(default)]
    unique_groups: Option<String>,
}

async fn set_provider(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Form(given): Form<Settings>,
) -> Result<Response, Failure> {
    let (name, organization) = organization(&console, &signed).await?;
    let provider = chosen(&given.provider)?;
    if provider != organization.identity_provider {
        console.directory.set_identity_provider(&name, provider).await?;
    }
    console.directory.set_unique_groups(&name, given.unique_groups.is_some()).await?;
    let (organization, account) = (name.as_str(), &signed.account.id);
    tracing::info!(organization, account, provider = provider.name(), "the identity provider was set");
    Ok(back(&signed, "provider"))
}

/// Finds the provider in a form. The pages offer no other providers.
fn chosen(name: &str) -> Result<IdentityProvider, Failure> {
    IdentityProvider::ALL.into_iter().find(|provider| provider.name() == name).ok_or(Failure::Forged)
}

#[derive(Template)]
#[template(path = "scim-steps.html")]
struct Steps {
    frame: Frame,
    provider: IdentityProvider,
    oauth: bool,
    url: Vec<String>,
    host: String,
}

async fn steps(State(console): State<Console>, Administrator(signed): Administrator) -> Result<Response, Failure> {
    let view = View::of(&console, &signed).await?;
    let (url, host) = (parts(&view.url), host(&view.url).to_owned());
    page(&Steps { oauth: view.is_oauth(), frame: view.frame, provider: view.provider, url, host })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_breaks_after_its_slashes() {
        let url = "https://example.com/scim/acme/v2";
        assert_eq!(parts(url), ["https://example.com/", "scim/", "acme/", "v2"]);
        assert_eq!(parts(url).concat(), url);
        assert_eq!(host(url), "example.com");
    }
}
