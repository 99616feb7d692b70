//! The way of a browser to the identity provider and back. The browser leaves by a form of a page, and returns to
//! one of two addresses with an answer.
//!
//! A browser leaves by a page and not by a redirect, because the policy of the pages forbids forms that end at
//! another site.

mod refused;

use askama::Template;
use axum::{
    Router,
    extract::{RawQuery, Request, State},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use serde::Deserialize;

use self::refused::Refusal;
use super::{
    Console, Failure,
    form::{Form, Public, read},
    frame::page,
    session::{self, Signed, cookie, present, sign_in_path, within},
};
use crate::{
    account::Account,
    session::Session,
    sign_on::{
        Answer, BEGUN_FOR, Beginning, Begun, Departure, Fault, Identity, Kind, Leaving, Purpose, Settings, Taken,
    },
};

/// The cookie by which the server recognizes a returning browser.
const COOKIE: &str = "platform_sign_in";

/// The maximum number of bytes of a posted answer. The responses of large providers have about 20 kB.
const MOST: usize = 256 << 10;

/// The maximum number of bytes of an answer in a query.
const LONGEST: usize = 16 << 10;

pub(super) fn routes() -> Router<Console> {
    Router::new()
        .route("/sign-on/start", post(start))
        .route("/sign-on/return", get(come_back))
        .route("/sign-on/acs", post(acs))
}

/// The page by which the browser leaves.
#[derive(Template)]
#[template(path = "leave.html")]
struct Leave<'a> {
    host: &'a str,
    departure: &'a Departure,
}

/// The protocol with which people of the organization sign in, its settings, and their version.
pub(super) async fn in_use(console: &Console, organization: &str) -> Result<Option<(Kind, Settings, String)>, Failure> {
    let found = console.organization(organization).await?;
    let Some(kind) = Kind::named(&found.sign_on) else { return Ok(None) };
    let configuration = console.sign_on.configuration(organization, kind).await?;
    Ok(configuration.and_then(|found| found.used).map(|(settings, version)| (kind, settings, version)))
}

#[derive(Deserialize)]
struct Start {
    /// Whether the provider must ask for another account.
    #[serde(default)]
    again: String,
    /// The page that the browser goes to afterwards.
    #[serde(default)]
    target: String,
}

async fn start(
    State(console): State<Console>,
    Public(organization): Public,
    headers: HeaderMap,
    Form(given): Form<Start>,
) -> Result<Response, Failure> {
    let Some((_, settings, version)) = in_use(&console, &organization).await? else {
        return Err(Failure::Refused("Single sign-on is off. Sign in as an administrator, or ask one."));
    };
    let before = present(&headers, &console, &organization).await?;
    let target = within(&organization, &given.target);
    let beginning = Beginning {
        tenant: &organization,
        settings: &settings,
        version: &version,
        purpose: Purpose::SignIn,
        session: before.as_ref().map(Session::digest),
        target: Some(&target),
        again: !given.again.is_empty(),
    };
    match console.sign_on.begin(beginning).await {
        Ok(leaving) => leave(&console, &organization, settings.kind(), &leaving),
        Err(fault) => Refusal::of(&console, &organization, Purpose::SignIn, &fault).await,
    }
}

/// Lets an administrator without a password sign in again, on the way to a page of the organization.
pub(super) async fn confirm(console: &Console, signed: &Signed, target: &str) -> Result<Response, Failure> {
    let Some((_, settings, version)) = in_use(console, &signed.organization).await? else {
        return Err(Failure::Refused("Single sign-on is off, so you can't sign in once more with it."));
    };
    let beginning = Beginning {
        tenant: &signed.organization,
        settings: &settings,
        version: &version,
        purpose: Purpose::Confirm,
        session: Some(signed.session.digest()),
        target: Some(target),
        again: true,
    };
    match console.sign_on.begin(beginning).await {
        Ok(leaving) => leave(console, &signed.organization, settings.kind(), &leaving),
        Err(fault) => Refusal::of(console, &signed.organization, Purpose::Confirm, &fault).await,
    }
}

/// Returns the page by which the browser leaves for the identity provider, with the cookie that identifies it
/// afterwards.
pub(super) fn leave(console: &Console, tenant: &str, kind: Kind, leaving: &Leaving) -> Result<Response, Failure> {
    let Leaving { departure, cookie } = leaving;
    let address = departure.address();
    let host = address.split_once("://").map_or(address, |(_, rest)| rest).split('/').next().unwrap_or(address);
    let mut response = page(&Leave { host, departure })?;
    if matches!(departure, Departure::Form { .. }) {
        // The form of this page goes to the provider, which may redirect it to another provider.
        let policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action http: https:; \
                      frame-ancestors 'none'; base-uri 'none'";
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    }
    Ok(with_cookie(console, tenant, kind, cookie, response))
}

/// SAML answers with a form of another site, with which browsers do not send a `SameSite=Lax` cookie. Browsers
/// accept `Secure` from the machine itself even without TLS.
fn with_cookie(console: &Console, tenant: &str, kind: Kind, value: &str, mut response: Response) -> Response {
    let age = if value.is_empty() { 0 } else { BEGUN_FOR };
    let (path, site) = match kind {
        Kind::OpenId if console.is_secure() => ("return", "Lax; Secure"),
        Kind::OpenId => ("return", "Lax"),
        Kind::Saml => ("acs", "None; Secure"),
    };
    let cookie = format!("{COOKIE}={value}; Path=/o/{tenant}/sign-on/{path}; HttpOnly; SameSite={site}; Max-Age={age}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// The answer of OpenID Connect.
async fn come_back(
    State(console): State<Console>,
    Public(organization): Public,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let query = query.filter(|query| query.len() <= LONGEST).unwrap_or_default();
    arrive(&console, &organization, Kind::OpenId, &headers, &Answer::read(query.as_bytes()), "state").await
}

/// The answer of SAML: the assertion consumer service. Its form must come from another site, so the origin is not
/// checked. The cookie shows whether the browser is the one that left.
async fn acs(
    State(console): State<Console>,
    Public(organization): Public,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Failure> {
    let body = read(request.into_body(), MOST).await?;
    arrive(&console, &organization, Kind::Saml, &headers, &Answer::read(&body), "RelayState").await
}

async fn arrive(
    console: &Console,
    tenant: &str,
    kind: Kind,
    headers: &HeaderMap,
    answer: &Answer,
    state: &str,
) -> Result<Response, Failure> {
    let (state, cookie) = (answer.one(state).unwrap_or_default(), cookie(headers, COOKIE).unwrap_or_default());
    let begun = match console.sign_on.take(tenant, kind, state, cookie).await? {
        Taken::Begun(begun) => begun,
        Taken::Replayed => return Refusal::of(console, tenant, Purpose::SignIn, &Fault::replayed()).await,
        Taken::TooOld => return Refusal::of(console, tenant, Purpose::SignIn, &Fault::too_old()).await,
    };
    let response = finish(console, tenant, kind, headers, answer, &begun).await?;
    Ok(with_cookie(console, tenant, kind, "", response))
}

async fn finish(
    console: &Console,
    tenant: &str,
    kind: Kind,
    headers: &HeaderMap,
    answer: &Answer,
    begun: &Begun,
) -> Result<Response, Failure> {
    let configuration = console.sign_on.configuration(tenant, kind).await?;
    let settings = match begun.purpose {
        Purpose::Test => configuration.as_ref().and_then(|found| found.of_version(&begun.version)).cloned(),
        // The settings may have been changed or turned off while the person was away.
        Purpose::SignIn | Purpose::Confirm => in_use(console, tenant)
            .await?
            .filter(|(used, _, version)| *used == kind && *version == begun.version)
            .map(|(_, settings, _)| settings),
    };
    let arrived = match &settings {
        Some(settings) => identify(console, tenant, settings, begun, answer).await?,
        None => Err(Fault::too_old()),
    };
    let mut before = present(headers, console, tenant).await?;
    if let (None, Some(digest)) = (&before, &begun.session) {
        // A form of another site does not bring the cookie of the session.
        before = console.sessions.find_by_digest(tenant, digest.clone()).await?;
    }
    match begun.purpose {
        Purpose::SignIn => match arrived {
            Ok(identity) => sign_in(console, tenant, &identity, before.as_ref(), begun).await,
            Err(fault) => Refusal::of(console, tenant, Purpose::SignIn, &fault).await,
        },
        Purpose::Confirm => match arrived {
            Ok(identity) => confirmed(console, tenant, &identity, before.as_ref(), begun).await,
            Err(fault) => Refusal::of(console, tenant, Purpose::Confirm, &fault).await,
        },
        Purpose::Test => {
            let Some(administrator) = administrator(console, tenant, before).await? else {
                return Err(Failure::Elsewhere(sign_in_path(tenant)));
            };
            if let Some(settings) = &settings {
                super::sign_on::tested(console, &administrator, settings, &begun.version, arrived).await?;
            }
            let target = Console::path(tenant, &format!("sign-on?kind={}", kind.as_str()));
            Ok(Redirect::to(&target).into_response())
        }
    }
}

/// Reads the answer, and marks its names as used.
async fn identify(
    console: &Console,
    tenant: &str,
    settings: &Settings,
    begun: &Begun,
    answer: &Answer,
) -> Result<Result<Identity, Fault>, Failure> {
    let identity = match console.sign_on.arrive(tenant, settings, begun, answer).await {
        Ok(identity) => identity,
        Err(fault) => return Ok(Err(fault)),
    };
    let first = console.sign_on.use_once(tenant, &identity.once).await?;
    Ok(if first { Ok(identity) } else { Err(Fault::replayed()) })
}

async fn sign_in(
    console: &Console,
    tenant: &str,
    identity: &Identity,
    before: Option<&Session>,
    begun: &Begun,
) -> Result<Response, Failure> {
    let found = console.accounts.find_at_sign_on(tenant, identity.by, &identity.value).await?;
    match found.as_slice() {
        // A person who can choose a name at the provider could choose an administrator's name.
        [account] if account.active && account.has_password() => Refusal::password(console, tenant, account).await,
        [account] if account.active => {
            let target = within(tenant, begun.target.as_deref().unwrap_or_default());
            session::begin(console, tenant, &account.id, before, &target).await
        }
        [account] => Refusal::deactivated(console, tenant, account).await,
        _ => Refusal::unknown(console, tenant, identity).await,
    }
}

/// Returns to the target if the administrator who left to sign in again came back as the same person.
async fn confirmed(
    console: &Console,
    tenant: &str,
    identity: &Identity,
    before: Option<&Session>,
    begun: &Begun,
) -> Result<Response, Failure> {
    let Some(before) = before else { return Err(Failure::Elsewhere(sign_in_path(tenant))) };
    let found = console.accounts.find_at_sign_on(tenant, identity.by, &identity.value).await?;
    match found.as_slice() {
        [account] if account.active && account.id == before.account => {
            let target = within(tenant, begun.target.as_deref().unwrap_or_default());
            session::begin(console, tenant, &account.id, Some(before), &target).await
        }
        _ => Err(Failure::Refused("Another person signed in. Sign in once more as the person who is signed in here.")),
    }
}

/// Finds the administrator of this session; `None` if the account is not an active administrator.
async fn administrator(console: &Console, tenant: &str, session: Option<Session>) -> Result<Option<Signed>, Failure> {
    let Some(session) = session else { return Ok(None) };
    let account: Option<Account> = console.accounts.find(tenant, &session.account).await?;
    let account = account.filter(|account| account.active && account.is_administrator());
    Ok(account.map(|account| Signed { organization: tenant.to_owned(), account, session }))
}
