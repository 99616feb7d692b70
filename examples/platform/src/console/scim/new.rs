//! The form for a new API key or OAuth client, and the page that shows the secret once.
//!
//! The response to the form itself shows a new secret, without a redirect. A page behind a redirect would have to
//! read the secret from somewhere: from the memory of one instance, while another instance may get the request, or
//! from the database in readable form, where a copy would give access to the organization. The secret therefore
//! exists only in this one response, which no browser caches. Instead, the form has its own name, which the table
//! accepts once: a reload, a second press of the button, or the same form on another instance creates no second key
//! and no second client.

use askama::Template;
use axum::{
    Router,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use chrono::{DateTime, TimeDelta, Utc};
use scim_core::{bearer::Token, fold::fold};
use serde::Deserialize;

use super::{View, back, chosen, clients, host, may_have_credentials, organization, parts};
use crate::{
    calendar::{attribute, clock, date, on_day},
    console::{
        Console, Failure, Frame,
        form::{Form, form_name},
        frame::page,
        session::{Administrator, Signed},
    },
    directory::{DirectoryError, Key, OrganizationName},
    identity_provider::IdentityProvider,
    oauth::{Client, ClientError, Clients, FederationSettings, NewClient},
    session::random,
};

/// The maximum number of keys of an organization: a page shows all of them.
const MOST: usize = 20;

/// The lifetimes that the form offers, in days.
const LIFETIMES: [(i64, &str); 4] = [(90, "90 days"), (180, "6 months"), (365, "1 year"), (730, "2 years")];

const LONGEST_NAME: usize = 64;

const NOT_WITH_OKTA: &str = "Okta sends a key in a header and can’t use an OAuth client. Choose API key.";

pub(super) fn routes() -> Router<Console> {
    Router::new().route("/scim/keys/new", get(show_form)).route("/scim/keys", post(make))
}

/// The form for a new key or client.
pub(super) struct KeyForm {
    pub(super) provider: IdentityProvider,
    /// Whether the form also asks for the identity provider, as it does for the first key.
    pub(super) asks_for_provider: bool,
    pub(super) given: FormFields,
    pub(super) errors: Errors,
    pub(super) lifetimes: Vec<Lifetime>,
    /// The name of this form. A form creates only one key or client.
    pub(super) form: String,
}

/// The sentences next to the fields.
#[derive(Default)]
pub(super) struct Errors {
    pub(super) name: Option<String>,
    pub(super) method: Option<&'static str>,
    pub(super) federation: Option<&'static str>,
}

/// A choice of the lifetime.
pub(super) struct Lifetime {
    pub(super) days: i64,
    pub(super) words: String,
    pub(super) is_chosen: bool,
}

impl Lifetime {
    /// Returns the choices for a form that is shown now.
    pub(super) fn all(chosen: i64, now: DateTime<Utc>) -> Vec<Self> {
        let lifetime = |(days, words): &(i64, &str)| Self {
            days: *days,
            words: format!("After {words} ({})", date(now + TimeDelta::days(*days))),
            is_chosen: *days == chosen,
        };
        LIFETIMES.iter().map(lifetime).collect()
    }

    /// Returns the days of the choice in a form.
    pub(super) fn read(days: &str) -> i64 {
        let days = days.parse().ok().filter(|days| LIFETIMES.iter().any(|(offered, _)| offered == days));
        days.unwrap_or(365)
    }
}

impl KeyForm {
    /// The form for the first key of an organization.
    pub(super) fn first(provider: IdentityProvider, now: DateTime<Utc>) -> Result<Self, Failure> {
        Ok(Self { asks_for_provider: true, ..Self::new(provider, FormFields::default(), now)? })
    }

    fn new(provider: IdentityProvider, given: FormFields, now: DateTime<Utc>) -> Result<Self, Failure> {
        let (lifetimes, asks_for_provider) = (Lifetime::all(given.days(), now), !given.provider.is_empty());
        Ok(Self { provider, asks_for_provider, given, errors: Errors::default(), lifetimes, form: random()? })
    }

    /// Whether the form is only for Okta, which does not support OAuth clients.
    pub(super) fn is_for_okta(&self) -> bool {
        !self.asks_for_provider && self.provider == IdentityProvider::Okta
    }
}

/// The fields of the form for a new key or client. The page after the sign-in gets them again as its query.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct FormFields {
    pub(super) name: String,
    days: String,
    /// Set only by the form for the first key.
    provider: String,
    /// `oauth` for an OAuth client, otherwise an API key.
    method: String,
    pub(super) issuer: String,
    pub(super) audience: String,
    pub(super) subject: String,
    pub(super) keys: String,
    form: String,
}

impl FormFields {
    fn days(&self) -> i64 {
        Lifetime::read(&self.days)
    }

    pub(super) fn is_oauth(&self) -> bool {
        self.method == "oauth"
    }

    pub(super) fn has_federation(&self) -> bool {
        [&self.issuer, &self.audience, &self.subject, &self.keys].iter().any(|field| !field.trim().is_empty())
    }

    /// The path of the form with these values.
    fn path(&self, organization: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("name", self.name.trim()).append_pair("days", &self.days().to_string());
        query.append_pair("provider", &self.provider);
        let fields = [
            ("method", &self.method),
            ("issuer", &self.issuer),
            ("audience", &self.audience),
            ("subject", &self.subject),
            ("keys", &self.keys),
        ];
        for (name, value) in fields.into_iter().filter(|(_, value)| !value.trim().is_empty()) {
            query.append_pair(name, value.trim());
        }
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

    /// The federated identity of a client, if the form has one.
    fn federation(&self) -> Result<Option<FederationSettings>, &'static str> {
        if !self.has_federation() {
            return Ok(None);
        }
        if !self.is_oauth() {
            return Err("Choose OAuth client above, or leave these fields empty.");
        }
        let settings = FederationSettings::new(&self.issuer, &self.audience, &self.subject, &self.keys);
        settings.map(Some).map_err(|_| "Fill in all four fields without blanks. The URL of the keys begins with https.")
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
    Query(given): Query<FormFields>,
) -> Result<Response, Failure> {
    signed.must_be_recent(&given.path(&signed.organization))?;
    let view = View::of(&console, &signed).await?;
    let provider = if given.provider.is_empty() { view.provider } else { chosen(&given.provider)? };
    let form = KeyForm::new(provider, given, view.now)?;
    page(&FormPage { frame: view.frame, form })
}

/// The page that shows a new key once.
#[derive(Template)]
#[template(path = "scim-new-key.html")]
struct NewKey<'a> {
    frame: Frame,
    provider: IdentityProvider,
    oauth: bool,
    url: Vec<String>,
    host: String,
    token: &'a str,
    name: &'a str,
    made: Made,
    expires: String,
}

/// The person who created a key or a secret, and the time.
pub(super) struct Made {
    pub(super) by: String,
    pub(super) now: String,
    pub(super) time: String,
}

impl Made {
    pub(super) fn new(signed: &Signed, now: DateTime<Utc>) -> Self {
        let words = format!("{} at {}", on_day(now, now), clock(now));
        Self { by: signed.account.name.clone(), now: words, time: attribute(now) }
    }
}

/// The result of a form without mistakes.
enum Outcome {
    Key(Token),
    Client(Box<Client>, Option<Token>),
    /// The form has already created a key or a client.
    Repeated,
    /// The organization has the maximum number of keys or clients. The text is the sentence for the form.
    Full(String),
}

async fn make(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Form(given): Form<FormFields>,
) -> Result<Response, Failure> {
    let (organization, found) = organization(&console, &signed).await?;
    may_have_credentials(&found)?;
    signed.must_be_recent(&given.path(&signed.organization))?;
    let provider = if given.provider.is_empty() { found.identity_provider } else { chosen(&given.provider)? };
    form_name(&given.form)?;
    if !matches!(&*given.method, "" | "key" | "oauth") {
        return Err(Failure::Forged);
    }
    let now = Utc::now();
    let mut errors = Errors { name: given.name().err(), ..Errors::default() };
    errors.method = (given.is_oauth() && provider == IdentityProvider::Okta).then_some(NOT_WITH_OKTA);
    let federation = given.federation().unwrap_or_else(|error| {
        errors.federation = Some(error);
        None
    });
    if errors.name.is_none() && is_taken(&console, &organization, &given, now).await? {
        errors.name =
            Some("A valid key or client has this name. Choose another one, such as the name and the month.".to_owned());
    }
    let outcome = match () {
        () if errors.name.is_some() || errors.method.is_some() || errors.federation.is_some() => {
            return refuse(&console, &signed, KeyForm { errors, ..KeyForm::new(provider, given, now)? }).await;
        }
        () if given.is_oauth() => make_client(&console, &signed, &given, federation).await?,
        () => make_key(&console, &signed, &organization, &given, now).await?,
    };
    if let Outcome::Full(error) = outcome {
        errors.name = Some(error);
        return refuse(&console, &signed, KeyForm { errors, ..KeyForm::new(provider, given, now)? }).await;
    }
    if let Outcome::Repeated = outcome {
        return Ok(back(&signed, "repeated"));
    }
    if provider != found.identity_provider {
        console.directory.set_identity_provider(&organization, provider).await?;
    }
    let view = View::of(&console, &signed).await?;
    let expires = date(now + TimeDelta::days(given.days()));
    match outcome {
        Outcome::Client(client, secret) => {
            clients::show_new(&console, view, &client, secret.as_ref(), Made::new(&signed, now), expires)
        }
        Outcome::Key(token) => page(&NewKey {
            provider,
            oauth: false,
            host: host(&view.url).to_owned(),
            url: parts(&view.url),
            token: token.reveal(),
            name: given.name.trim(),
            made: Made::new(&signed, now),
            expires,
            frame: view.frame,
        }),
        Outcome::Repeated | Outcome::Full(_) => Err(Failure::NotFound),
    }
}

/// Whether a valid key or client has the name. A key or client from this same form does not count: its reload has
/// its own message.
async fn is_taken(
    console: &Console,
    organization: &OrganizationName,
    given: &FormFields,
    now: DateTime<Utc>,
) -> Result<bool, Failure> {
    let name = fold(given.name.trim());
    let (keys, clients) = (console.directory.keys(Some(organization)).await?, Clients::new(console.database.clone()));
    let is_key = |key: &Key| key.is_valid(now) && fold(&key.name) == name;
    let is_client = |client: &Client| client.is_valid(now) && fold(&client.name) == name;
    let is_taken = keys.iter().any(is_key) || clients.list(Some(organization.as_str())).await?.iter().any(is_client);
    Ok(is_taken && !clients.is_used(&given.form).await?)
}

/// Shows the form again with its mistakes.
async fn refuse(console: &Console, signed: &Signed, form: KeyForm) -> Result<Response, Failure> {
    let frame = Frame::of(console, signed, "scim").await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&FormPage { frame, form })?).into_response())
}

async fn make_key(
    console: &Console,
    signed: &Signed,
    organization: &OrganizationName,
    given: &FormFields,
    now: DateTime<Utc>,
) -> Result<Outcome, Failure> {
    let valid = console.directory.keys(Some(organization)).await?.iter().filter(|key| key.is_valid(now)).count();
    if valid >= MOST {
        return Ok(Outcome::Full(format!("Revoke a key first: there are {MOST} already.")));
    }
    let token = Token::generate().map_err(|error| Failure::Internal(error.to_string()))?;
    let mut key = Key::generated(organization, given.name.trim(), &token);
    key.expires = key.created.checked_add_signed(TimeDelta::days(given.days()));
    key.made_by = Some(signed.account.id.clone());
    key.form = Some(given.form.clone());
    let name = key.name.clone();
    match console.directory.add_key(key).await {
        Ok(()) => {}
        Err(DirectoryError::Repeated) => return Ok(Outcome::Repeated),
        Err(error) => return Err(error.into()),
    }
    tracing::info!(organization = organization.as_str(), account = signed.account.id, key = name, "a key was made");
    Ok(Outcome::Key(token))
}

async fn make_client(
    console: &Console,
    signed: &Signed,
    given: &FormFields,
    federation: Option<FederationSettings>,
) -> Result<Outcome, Failure> {
    let new = NewClient {
        organization: signed.organization.clone(),
        name: given.name.trim().to_owned(),
        made_by: Some(signed.account.id.clone()),
        federation,
    };
    let made =
        Clients::new(console.database.clone()).add_by_form(new, &given.form, TimeDelta::days(given.days())).await;
    let (client, secret) = match made {
        Ok(made) => made,
        Err(ClientError::Repeated) => return Ok(Outcome::Repeated),
        Err(ClientError::TooMany(most)) => {
            return Ok(Outcome::Full(format!("Revoke an OAuth client first: there are {most} already.")));
        }
        Err(error) => return Err(error.into()),
    };
    let (organization, account) = (&signed.organization, &signed.account.id);
    tracing::info!(organization, account, client = client.id, "an OAuth client was made");
    Ok(Outcome::Client(Box::new(client), secret))
}
