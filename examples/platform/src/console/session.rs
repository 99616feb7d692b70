//! The person who is signed in: the cookie of the session, the extractors of pages, signing in with a password, and
//! signing out.

use askama::Template;
use axum::{
    Router,
    extract::{FromRequestParts, Path, Query, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use serde::Deserialize;

use super::{
    Console, Failure,
    form::{Form, Nothing, Public},
    frame::page,
};
use crate::{account::Account, directory::OrganizationName, session::Session};

/// The name of the cookie. The path of the cookie is the organization, so a browser may have a session in each
/// organization.
const COOKIE: &str = "platform_session";

/// The header that makes a browser delete its cached pages of this server.
const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// A person with a session in the organization of the path.
pub(super) struct Signed {
    /// The organization.
    pub(super) organization: String,
    /// The person.
    pub(super) account: Account,
    /// The session.
    pub(super) session: Session,
}

impl FromRequestParts<Console> for Signed {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Failure> {
        let organization = organization(parts, console).await?;
        let Some(session) = present(&parts.headers, console, &organization).await? else {
            return Err(Failure::Elsewhere(way_in(parts, &organization)));
        };
        match console.accounts.find(&organization, &session.account).await? {
            Some(account) if account.active => Ok(Self { organization, account, session }),
            _ => Err(Failure::Elsewhere(way_in(parts, &organization))),
        }
    }
}

/// The path of the sign-in page, with a target: the page that the browser asked for, or the page with the form.
fn way_in(parts: &Parts, organization: &str) -> String {
    let asked = if parts.method == Method::GET {
        // The nested router has the path below the organization.
        let own = Console::path(organization, "");
        let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
        Some(if path.starts_with(&own) { path.to_owned() } else { own + path.trim_start_matches('/') })
    } else {
        let page = parts.headers.get(header::REFERER).and_then(|page| page.to_str().ok());
        page.and_then(|page| page.parse::<Uri>().ok()?.path_and_query().map(|path| path.as_str().to_owned()))
    };
    let target = within(organization, &asked.unwrap_or_default());
    let mut query = form_urlencoded::Serializer::new(String::new());
    if target != Console::path(organization, "") {
        query.append_pair("target", &target);
    }
    // A browser that has the cookie had a session.
    if cookie(&parts.headers, COOKIE).is_some_and(|cookie| !cookie.is_empty()) {
        query.append_pair("ended", "1");
    }
    let query = query.finish();
    Console::path(organization, &if query.is_empty() { "sign-in".to_owned() } else { format!("sign-in?{query}") })
}

/// The path of the sign-in page.
pub(super) fn sign_in_path(organization: &str) -> String {
    Console::path(organization, "sign-in")
}

/// An administrator of the organization of the path.
pub(super) struct Administrator(pub(super) Signed);

impl FromRequestParts<Console> for Administrator {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Failure> {
        let signed = Signed::from_request_parts(parts, console).await?;
        if signed.account.is_administrator() {
            return Ok(Self(signed));
        }
        Err(Failure::Refused("Only administrators of the organization may do this."))
    }
}

/// Reads the organization of the path.
pub(super) async fn organization(parts: &mut Parts, console: &Console) -> Result<String, Failure> {
    let path = Path::<Vec<(String, String)>>::from_request_parts(parts, console).await;
    let Path(parameters) = path.map_err(|_| Failure::NotFound)?;
    let named = parameters.into_iter().find(|(name, _)| name == "organization").map(|(_, value)| value);
    let name = named.filter(|name| name.parse::<OrganizationName>().is_ok()).ok_or(Failure::NotFound)?;
    console.organization(&name).await.map(|_| name)
}

/// Finds the session of the browser in the organization.
pub(super) async fn present(
    headers: &HeaderMap,
    console: &Console,
    organization: &str,
) -> Result<Option<Session>, Failure> {
    match cookie(headers, COOKIE) {
        Some(cookie) => Ok(console.sessions.find(organization, cookie).await?),
        None => Ok(None),
    }
}

/// The value of a cookie.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.into_iter().find(|(found, _)| *found == name).map(|(_, value)| value)
}

/// Begins a session for the account and sends the browser to a page.
pub(super) async fn begin(
    console: &Console,
    organization: &str,
    account: &str,
    before: Option<&Session>,
    target: &str,
) -> Result<Response, Failure> {
    let cookie = console.sessions.begin(organization, account, before).await?;
    Ok(with_cookie(console, organization, &cookie, Redirect::to(target).into_response()))
}

fn with_cookie(console: &Console, organization: &str, value: &str, mut response: Response) -> Response {
    let secure = if console.is_secure() { "; Secure" } else { "" };
    let ending = if value.is_empty() { "; Max-Age=0" } else { "" };
    let cookie = format!("{COOKIE}={value}; Path=/o/{organization}; HttpOnly; SameSite=Lax{secure}{ending}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

pub(super) fn routes() -> Router<Console> {
    Router::new().route("/sign-in", get(sign_in_page).post(sign_in)).route("/sign-out", post(sign_out))
}

/// The page for signing in.
#[derive(Template)]
#[template(path = "sign-in.html")]
struct SignIn<'a> {
    organization: &'a str,
    title: &'a str,
    /// Whether people may sign in at the organization's identity provider.
    single_sign_on: bool,
    /// Whether the identity provider must ask for another account.
    again: bool,
    /// The token of the browser's session, if it has a valid session.
    token: &'a str,
    /// The page that the browser goes to afterwards.
    target: &'a str,
    /// Whether the browser had a session that has ended.
    ended: bool,
    user_name: &'a str,
    failed: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Parameters {
    again: String,
    target: String,
    ended: String,
}

async fn sign_in_page(
    State(console): State<Console>,
    Public(organization): Public,
    Query(asked): Query<Parameters>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let before = present(&headers, &console, &organization).await?;
    show_sign_in(&console, &organization, before.as_ref(), &asked, None).await
}

async fn show_sign_in(
    console: &Console,
    organization: &str,
    before: Option<&Session>,
    asked: &Parameters,
    failed: Option<&str>,
) -> Result<Response, Failure> {
    let found = console.organization(organization).await?;
    let single_sign_on = matches!(&*found.sign_on, "openid" | "saml");
    let token = before.map_or("", |session| &session.token);
    let (again, ended) = (!asked.again.is_empty(), !asked.ended.is_empty() && before.is_none());
    let target = if asked.target.is_empty() { String::new() } else { within(organization, &asked.target) };
    let (user_name, failed) = (failed.unwrap_or_default(), failed.is_some());
    let (title, target) = (found.title(), &*target);
    page(&SignIn { organization, title, single_sign_on, again, token, target, ended, user_name, failed })
}

#[derive(Deserialize)]
struct Credentials {
    user_name: String,
    password: String,
    /// The page that the browser goes to afterwards.
    #[serde(default)]
    target: String,
}

/// Signs an administrator in with a password: administrators must get in before single sign-on works, and when it
/// fails.
async fn sign_in(
    State(console): State<Console>,
    Public(organization): Public,
    headers: HeaderMap,
    Form(given): Form<Credentials>,
) -> Result<Response, Failure> {
    let found = console.accounts.find_made_by_hand(&organization, &given.user_name).await?;
    let found = found.filter(|account| account.is_administrator() && account.active);
    let before = present(&headers, &console, &organization).await?;
    if !console.accounts.has_this_password(found.as_ref(), &given.password).await? {
        let asked = Parameters { target: given.target, ..Parameters::default() };
        return show_sign_in(&console, &organization, before.as_ref(), &asked, Some(&given.user_name)).await;
    }
    let Some(account) = found else { return Err(Failure::NotFound) };
    begin(&console, &organization, &account.id, before.as_ref(), &within(&organization, &given.target)).await
}

async fn sign_out(
    State(console): State<Console>,
    signed: Signed,
    Form(Nothing {}): Form<Nothing>,
) -> Result<Response, Failure> {
    console.sessions.end(&signed.session).await?;
    let mut target = Redirect::to(&Console::path(&signed.organization, "sign-in")).into_response();
    // Chromium keeps the pages that the person left for the button "Back", even pages with `no-store`.
    target.headers_mut().insert(CLEAR_SITE_DATA, HeaderValue::from_static("\"cache\""));
    Ok(with_cookie(&console, &signed.organization, "", target))
}

impl Signed {
    /// Accepts a person who signed in within the last 10 minutes, and redirects others to the page that asks again.
    pub(super) fn must_be_recent(&self, target: &str) -> Result<(), Failure> {
        if self.session.is_recent() {
            return Ok(());
        }
        let target = url_encoded(target);
        Err(Failure::Elsewhere(Console::path(&self.organization, &format!("confirm?target={target}"))))
    }
}

/// Returns the target if it is a path of the organization, or else the path of the organization's start page. A
/// form must not redirect the browser to another site.
pub(super) fn within(organization: &str, target: &str) -> String {
    let own = Console::path(organization, "");
    let is_own = target.starts_with(&own)
        && !target.contains(|it: char| it == '\\' || it.is_control())
        && !target.contains("//");
    if is_own { target.to_owned() } else { own }
}

/// Encodes the text as a part of a query.
pub(super) fn url_encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
