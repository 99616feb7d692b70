//! The page for single sign-on: its state, the next step, and the fields.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use chrono::{DateTime, Utc};

use super::{
    super::{Console, Failure, Frame, frame::page, session::Signed},
    forms::{Errors, OpenIdForm, SamlForm},
};
use crate::sign_on::{Configuration, Kind, Outcome, Settings};

/// A submitted form with errors.
#[derive(Default)]
pub(super) struct FormFields {
    openid: Option<OpenIdForm>,
    saml: Option<SamlForm>,
    errors: Errors,
}

impl FormFields {
    pub(super) fn openid(form: OpenIdForm, errors: Errors) -> Self {
        Self { openid: Some(form), saml: None, errors }
    }

    pub(super) fn saml(form: SamlForm, errors: Errors) -> Self {
        Self { openid: None, saml: Some(form), errors }
    }
}

/// The state of single sign-on: an icon, a word, a sentence.
struct State {
    class: &'static str,
    icon: &'static str,
    word: &'static str,
    sentence: String,
}

/// A note above the state.
struct Note {
    class: &'static str,
    title: &'static str,
    sentence: String,
}

/// The page of single sign-on.
#[derive(Template)]
#[template(path = "sign-on.html")]
struct Page {
    frame: Frame,
    kind: Kind,
    has_saml: bool,
    notes: Vec<Note>,
    state: State,
    outcome: Option<Outcome>,
    /// The time of the test result, for people and for programs.
    time: (String, String),
    configuration: Option<Configuration>,
    /// Whether people sign in with the settings on the page.
    is_on: bool,
    /// The words of the button that turns these settings on, once they are tested.
    turn_on: Option<&'static str>,
    openid: OpenIdForm,
    has_secret: bool,
    keys: usize,
    saml: SamlForm,
    entity_id: String,
    errors: Errors,
    return_address: String,
    start_address: String,
    acs_address: String,
    service: String,
}

impl Page {
    fn error(&self, field: &str) -> Option<&str> {
        self.errors.iter().find(|(name, _)| *name == field).map(|(_, sentence)| &**sentence)
    }

    fn openid_selected(&self) -> bool {
        self.kind == Kind::OpenId
    }
}

/// The page that asks for confirmation before single sign-on is turned off.
#[derive(Template)]
#[template(path = "sign-on-off.html")]
pub(super) struct Off {
    pub(super) frame: Frame,
    pub(super) provider: String,
    /// The reason why single sign-on cannot be turned off now.
    pub(super) reason: Option<&'static str>,
}

/// Shows the page, with the submitted form if the form has errors.
pub(super) async fn show(
    console: &Console,
    signed: &Signed,
    kind: Option<Kind>,
    given: FormFields,
    done: &str,
) -> Result<Response, Failure> {
    let organization = &*signed.organization;
    let found = console.organization(organization).await?;
    let active = Kind::named(&found.sign_on);
    let kind = kind.or(active.filter(|kind| kind.is_supported())).unwrap_or(Kind::OpenId);
    let configuration = console.sign_on.configuration(organization, kind).await?;
    let is_live = active == Some(kind);
    let is_on = is_live && configuration.as_ref().is_some_and(Configuration::is_used);
    let mut notes = done_note(done, found.title());
    if found.sign_on == "external" && configuration.is_some() {
        let sentence = "The operator of the server set it up. Turning it on here replaces that.".to_owned();
        notes.push(Note { class: "", title: "Single sign-on is handled elsewhere", sentence });
    } else if let Some(other) = active.filter(|active| *active != kind) {
        let sentence = format!("People sign in with {} now. Turning this on replaces it.", other.title());
        notes.push(Note { class: "", title: "Another single sign-on is on", sentence });
    } else if is_live && !is_on {
        let sentence = "Until you turn the new settings on, people sign in with the ones from before.".to_owned();
        notes.push(Note { class: "warn", title: "These settings aren’t in use yet", sentence });
    }
    let tested = configuration.as_ref().and_then(|found| found.tested);
    let turn_on = tested.filter(|_| !is_on).map(|_| match active {
        Some(_) => "Use these settings",
        None => "Turn on single sign-on",
    });
    let outcome = configuration.as_ref().and_then(|found| found.outcome.clone());
    let is_external = found.sign_on == "external";
    let state = state(is_external, configuration.as_ref(), outcome.as_ref(), is_on, turn_on.is_some());
    let time = outcome.as_ref().map(|outcome| clock(outcome.time)).unwrap_or_default();
    let (stored_openid, keys, has_secret, stored_saml, entity_id) = match configuration.as_ref().map(|it| &it.settings)
    {
        Some(Settings::OpenId(settings)) => {
            (OpenIdForm::of(settings), settings.keys, true, SamlForm::default(), String::new())
        }
        Some(Settings::Saml(settings)) => {
            (OpenIdForm::default(), 0, false, SamlForm::of(settings), settings.entity_id.clone())
        }
        None => (OpenIdForm::default(), 0, false, SamlForm::default(), String::new()),
    };
    let status = if given.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let mut openid = given.openid.unwrap_or(stored_openid);
    openid.client_secret = String::new();
    if openid.claim.is_empty() {
        "preferred_username".clone_into(&mut openid.claim);
    }
    let mut saml = given.saml.unwrap_or(stored_saml);
    if saml.signed.is_empty() {
        "assertion".clone_into(&mut saml.signed);
    }
    if saml.by.is_empty() {
        "user_name".clone_into(&mut saml.by);
    }
    let template = Page {
        frame: Frame::of(console, signed, "sign-on").await?,
        kind,
        has_saml: Kind::Saml.is_supported(),
        notes,
        state,
        outcome,
        time,
        is_on,
        turn_on,
        openid,
        has_secret,
        keys: if given.errors.is_empty() { keys } else { 0 },
        saml,
        entity_id,
        errors: given.errors,
        return_address: console.sign_on.return_address(organization),
        start_address: format!("{}{}", console.url, Console::path(organization, "sign-in")),
        acs_address: console.sign_on.acs_address(organization),
        service: console.sign_on.entity_id(organization),
        configuration,
    };
    let mut response = page(&template)?;
    *response.status_mut() = status;
    Ok(response)
}

fn done_note(done: &str, title: &str) -> Vec<Note> {
    let (title, sentence) = match done {
        "saved" => ("Saved", "Now test it: sign in once yourself.".to_owned()),
        "on" => ("Single sign-on is on", format!("People at {title} sign in with their company account.")),
        "off" => ("Single sign-on is off", "Only administrators with a password can sign in.".to_owned()),
        _ => return Vec::new(),
    };
    vec![Note { class: "good", title, sentence }]
}

fn state(
    is_external: bool,
    configuration: Option<&Configuration>,
    outcome: Option<&Outcome>,
    is_on: bool,
    can_turn_on: bool,
) -> State {
    let Some(configuration) = configuration else {
        if is_external {
            let sentence = "The operator of the server set it up. To replace it, enter the values of your provider below, \
                            save, test and turn it on.";
            return State {
                class: "",
                icon: "info",
                word: "Something else signs people in",
                sentence: sentence.to_owned(),
            };
        }
        let sentence = "Enter the values of your provider below, and save. Then test it.".to_owned();
        return State { class: "", icon: "minus", word: "Not set up", sentence };
    };
    let provider = configuration.settings.provider();
    match outcome {
        Some(outcome) if !outcome.passed => {
            State { class: "bad", icon: "cross", word: "Test sign-in failed", sentence: outcome.sentence.clone() }
        }
        _ if is_on => {
            let sentence = format!("People sign in through {provider}.");
            State { class: "good", icon: "check", word: "Single sign-on is on", sentence }
        }
        Some(outcome) if can_turn_on => {
            let sentence = format!("{} You can turn single sign-on on.", outcome.sentence);
            State { class: "good", icon: "check", word: "Test sign-in passed", sentence }
        }
        _ => {
            let sentence = format!("Sign in once through {provider} yourself. Then you can turn single sign-on on.");
            State { class: "", icon: "clock", word: "Not tested yet", sentence }
        }
    }
}

/// A time for people, and for programs.
fn clock(milliseconds: i64) -> (String, String) {
    let Some(time) = DateTime::from_timestamp_millis(milliseconds) else { return Default::default() };
    let day = if time.date_naive() == Utc::now().date_naive() {
        "today".to_owned()
    } else {
        time.format("%b %-d, %Y").to_string()
    };
    (format!("{day} at {} UTC", time.format("%-I:%M %p")), time.to_rfc3339())
}
