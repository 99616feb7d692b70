//! The page on which an administrator sets up single sign-on, tests it, and turns it on and off.

mod forms;
mod view;

use axum::{
    Router,
    extract::{Query, State},
    http::header,
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use chrono::Utc;
use serde::Deserialize;

use self::{
    forms::{OpenIdForm, SamlForm},
    view::{FormFields, Off, show},
};
use super::{
    Console, Failure, Frame,
    form::{Form, Nothing, Public},
    frame::page,
    passage,
    session::{Administrator, Signed},
};
use crate::sign_on::{Beginning, By, Fault, Identity, Kind, Outcome, Purpose, Settings};

pub(super) fn routes() -> Router<Console> {
    Router::new()
        .route("/sign-on", get(overview))
        .route("/sign-on/openid", post(save_openid))
        .route("/sign-on/saml", post(save_saml))
        .route("/sign-on/test", post(test))
        .route("/sign-on/on", post(turn_on))
        .route("/sign-on/off", get(ask_to_turn_off).post(turn_off))
        .route("/sign-on/metadata", get(metadata))
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    done: String,
}

impl Choice {
    fn kind(&self) -> Result<Kind, Failure> {
        Kind::named(&self.kind).filter(|kind| kind.is_supported()).ok_or(Failure::NotFound)
    }
}

fn at(organization: &str, kind: Kind, done: &str) -> Response {
    Redirect::to(&Console::path(organization, &format!("sign-on?kind={}&done={done}", kind.as_str()))).into_response()
}

async fn overview(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Query(choice): Query<Choice>,
) -> Result<Response, Failure> {
    let kind = Kind::named(&choice.kind).filter(|kind| kind.is_supported());
    show(&console, &signed, kind, FormFields::default(), &choice.done).await
}

async fn save_openid(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Form(form): Form<OpenIdForm>,
) -> Result<Response, Failure> {
    let before = console.sign_on.configuration(&signed.organization, Kind::OpenId).await?;
    match form.settings(&console.sign_on, before.as_ref()).await {
        Ok(settings) => save(&console, &signed, Settings::OpenId(settings)).await,
        Err(errors) => show(&console, &signed, Some(Kind::OpenId), FormFields::openid(form, errors), "").await,
    }
}

async fn save_saml(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Form(form): Form<SamlForm>,
) -> Result<Response, Failure> {
    match form.settings(&console.sign_on).await {
        Ok(settings) => save(&console, &signed, Settings::Saml(settings)).await,
        Err(errors) => show(&console, &signed, Some(Kind::Saml), FormFields::saml(form, errors), "").await,
    }
}

async fn save(console: &Console, signed: &Signed, settings: Settings) -> Result<Response, Failure> {
    console.sign_on.save(&signed.organization, &settings).await?;
    Ok(at(&signed.organization, settings.kind(), "saved"))
}

async fn test(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Form(choice): Form<Choice>,
) -> Result<Response, Failure> {
    let kind = choice.kind()?;
    let configuration = console.sign_on.configuration(&signed.organization, kind).await?.ok_or(Failure::NotFound)?;
    let beginning = Beginning {
        tenant: &signed.organization,
        settings: &configuration.settings,
        version: &configuration.version,
        purpose: Purpose::Test,
        session: Some(signed.session.digest()),
        target: None,
        again: false,
    };
    match console.sign_on.begin(beginning).await {
        Ok(leaving) => passage::leave(&console, &signed.organization, kind, &leaving),
        Err(fault) => {
            let (settings, version) = (&configuration.settings, &*configuration.version);
            tested(&console, &signed, settings, version, Err(fault)).await?;
            Ok(at(&signed.organization, kind, ""))
        }
    }
}

/// Stores the result of a test sign-in in words.
pub(super) async fn tested(
    console: &Console,
    signed: &Signed,
    settings: &Settings,
    version: &str,
    arrived: Result<Identity, Fault>,
) -> Result<(), Failure> {
    let line = |label: &str, text: &str, is_value| (label.to_owned(), text.to_owned(), is_value);
    let (passed, sentence, lines) = match arrived {
        Ok(identity) => {
            let Identity { source, value, by, .. } = &identity;
            let found = console.accounts.find_at_sign_on(&signed.organization, *by, value).await?;
            let property = match by {
                By::UserName => "user name",
                By::ExternalId => "external ID",
            };
            let matches = match found.as_slice() {
                [account] if account.active => format!("{}, by {property}", account.name),
                [account] => {
                    format!("{}, by {property}. The account is deactivated, so it can’t sign in.", account.name)
                }
                [] => format!("Nobody here has this {property} yet. SCIM makes the account once it runs."),
                _ => format!("Several accounts have this {property}, so none of them can sign in."),
            };
            let sentence = format!("{} signed in through {}.", signed.account.name, settings.provider());
            (
                true,
                sentence,
                vec![line("It told us", &format!("{source} = {value}"), true), line("That matches", &matches, false)],
            )
        }
        Err(fault) => {
            let found = fault.found.iter().map(|text| line("It said", text, true));
            let expected = fault.expected.iter().map(|text| line("We expect", text, true));
            let remedy = [line("What to do", &fault.remedy, false)];
            (false, fault.sentence.clone(), found.chain(expected).chain(remedy).collect())
        }
    };
    let (time, person) = (Utc::now().timestamp_millis(), signed.account.name.clone());
    let outcome = Outcome { passed, time, person, sentence, lines };
    console.sign_on.record(&signed.organization, settings.kind(), version, &outcome).await?;
    Ok(())
}

async fn turn_on(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Form(choice): Form<Choice>,
) -> Result<Response, Failure> {
    let kind = choice.kind()?;
    signed.must_be_recent(&Console::path(&signed.organization, &format!("sign-on?kind={}", kind.as_str())))?;
    if console.sign_on.turn_on(&signed.organization, kind, &choice.version).await? {
        return Ok(at(&signed.organization, kind, "on"));
    }
    Err(Failure::Refused("Single sign-on turns on after a test sign-in with the present settings. Test it again."))
}

const SCIM_IS_ON: &str = "SCIM is on and needs single sign-on. Turn SCIM off first.";
const NO_PASSWORD: &str = "No administrator has a password, so nobody could sign in to turn single sign-on on again.";

/// The reason why single sign-on cannot be turned off now.
async fn reason_to_keep(console: &Console, signed: &Signed) -> Result<Option<&'static str>, Failure> {
    let found = console.organization(&signed.organization).await?;
    if found.scim {
        return Ok(Some(SCIM_IS_ON));
    }
    let keeps = console.accounts.has_administrator(&signed.organization).await?;
    Ok((!keeps).then_some(NO_PASSWORD))
}

async fn ask_to_turn_off(
    State(console): State<Console>,
    Administrator(signed): Administrator,
) -> Result<Response, Failure> {
    let used = passage::in_use(&console, &signed.organization).await?;
    let Some((_, settings, _)) = used else { return Ok(Redirect::to(&sign_on(&signed)).into_response()) };
    let reason = reason_to_keep(&console, &signed).await?;
    let provider = settings.provider().to_owned();
    page(&Off { frame: Frame::of(&console, &signed, "sign-on").await?, provider, reason })
}

async fn turn_off(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Form(Nothing {}): Form<Nothing>,
) -> Result<Response, Failure> {
    signed.must_be_recent(&Console::path(&signed.organization, "sign-on/off"))?;
    if let Some(reason) = reason_to_keep(&console, &signed).await? {
        return Err(Failure::Refused(reason));
    }
    if !console.sign_on.turn_off(&signed.organization).await? {
        return Err(Failure::Refused(SCIM_IS_ON));
    }
    Ok(Redirect::to(&format!("{}?done=off", sign_on(&signed))).into_response())
}

fn sign_on(signed: &Signed) -> String {
    Console::path(&signed.organization, "sign-on")
}

/// The metadata of the organization's service provider. It is public, because identity providers read it by its
/// address.
async fn metadata(State(console): State<Console>, Public(organization): Public) -> Result<Response, Failure> {
    let xml = console.sign_on.service_metadata(&organization).map_err(|fault| Failure::Internal(fault.sentence))?;
    let kind = "application/samlmetadata+xml; charset=utf-8";
    let disposition = "attachment; filename=\"platform-metadata.xml\"";
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, disposition)], xml).into_response())
}
