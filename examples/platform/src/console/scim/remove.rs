//! *Remove the connection*: the page that names the consequences and asks for the organization's name, the removal,
//! and its continuation.

use askama::Template;
use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{View, back, keys::maker, state::grouped};
use crate::{
    calendar::moment,
    console::{
        Console, Failure, Frame,
        form::Form,
        frame::page,
        session::{Administrator, Signed},
    },
    disconnection::{Begun, By, Disconnection, Pace, Progress},
};

/// The path of the page below the path of the organization.
const PATH: &str = "scim/remove";

const WRONG_NAME: &str = "Type the name as it stands above the field. Nothing has changed.";

pub(super) fn routes() -> Router<Console> {
    Router::new().route("/scim/remove", get(ask).post(remove)).route("/scim/remove/continue", post(go_on))
}

/// The removals of an organization, for the page *SCIM*.
pub(super) struct Removal {
    pub(super) progress: Progress,
    /// The administrator who began the running removal or the last removal.
    pub(super) by: String,
    /// The time at which the removal began.
    pub(super) began: String,
    /// The number of remaining accounts, with commas.
    pub(super) left: String,
}

impl Removal {
    pub(super) async fn of(console: &Console, signed: &Signed, now: DateTime<Utc>) -> Result<Self, Failure> {
        let progress = Disconnection::new(console.database.clone()).progress(&signed.organization).await?;
        let by = match progress.began {
            Some(_) => maker(console, &signed.organization, progress.by.as_deref()).await?,
            None => String::new(),
        };
        let began = progress.began.map_or_else(String::new, |began| moment(began, now));
        let left = grouped(u64::try_from(progress.left).unwrap_or(0));
        Ok(Self { progress, by, began, left })
    }

    /// The time at which the last removal ended; `None` while another removal runs.
    pub(super) fn removed(&self) -> Option<DateTime<Utc>> {
        self.progress.removed.filter(|_| !self.progress.is_running)
    }
}

impl View {
    /// Whether there is a connection that can be removed.
    pub(super) fn is_removable(&self) -> bool {
        let has_credentials = !self.keys.is_empty() || !self.clients.is_empty();
        !self.removal.progress.is_running && (has_credentials || self.removal.progress.has_resources)
    }
}

#[derive(Template)]
#[template(path = "scim-remove.html")]
struct Ask {
    frame: Frame,
    consequences: Vec<String>,
    /// The time at which the last removal ended, in milliseconds since 1970: a form that is older than a removal
    /// removes nothing.
    seen: String,
    error: Option<&'static str>,
}

impl Ask {
    fn of(view: View, error: Option<&'static str>) -> Self {
        let consequences = consequences(&view);
        let seen = view.removal.progress.removed.map(|removed| removed.timestamp_millis().to_string());
        Self { frame: view.frame, consequences, seen: seen.unwrap_or_default(), error }
    }
}

fn consequences(view: &View) -> Vec<String> {
    let subject = view.provider.subject();
    let people = match view.removal.progress.left {
        0 => "No account comes from SCIM, so no account changes.".to_owned(),
        1 => "The one account from SCIM stays. From now on you change and remove it by hand.".to_owned(),
        _ => format!(
            "All {} accounts from SCIM stay. From now on you change and remove them by hand.",
            view.removal.left
        ),
    };
    vec![
        format!(
            "All API keys and OAuth clients end at once and for good, with their secrets, access tokens and federated \
             identities. {subject} is refused from its next request on."
        ),
        people,
        "Everybody who can sign in still can, and nobody is signed out. Deactivated accounts stay deactivated."
            .to_owned(),
        "People stay in their user groups. Who is there because of a mapping counts as assigned by hand, so that nobody \
         loses access."
            .to_owned(),
        "The groups from SCIM and their mappings are removed: without a provider, nobody could keep their members up to \
         date. Your user groups stay."
            .to_owned(),
        "We keep the name, user name, e-mail and department of each person. Other values from the provider, such as the \
         title and the manager, are removed."
            .to_owned(),
        "A later connection starts anew. It can neither see nor take over these accounts: a request to create one with \
         the same user name is refused."
            .to_owned(),
        "The provisioning log stays, and names you as the person who removed the connection.".to_owned(),
        "You can't undo this. To pause, turn SCIM off instead: that keeps everything.".to_owned(),
    ]
}

fn to_page(signed: &Signed) -> Response {
    Redirect::to(&Console::path(&signed.organization, "scim")).into_response()
}

async fn ask(State(console): State<Console>, Administrator(signed): Administrator) -> Result<Response, Failure> {
    let view = View::of(&console, &signed).await?;
    if view.removal.progress.is_running {
        return Ok(to_page(&signed));
    }
    if !view.is_removable() {
        return Err(Failure::NotFound);
    }
    signed.must_be_recent(&Console::path(&signed.organization, PATH))?;
    page(&Ask::of(view, None))
}

#[derive(Deserialize)]
struct FormFields {
    #[serde(default)]
    name: String,
    #[serde(default)]
    seen: String,
}

async fn remove(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Form(given): Form<FormFields>,
) -> Result<Response, Failure> {
    signed.must_be_recent(&Console::path(&signed.organization, PATH))?;
    let seen = match &*given.seen {
        "" => None,
        seen => Some(seen.parse().ok().and_then(DateTime::from_timestamp_millis).ok_or(Failure::Forged)?),
    };
    let view = View::of(&console, &signed).await?;
    // The same form again, or another administrator's form, continues the removal or finds nothing to remove.
    if view.removal.progress.is_running {
        return Ok(to_page(&signed));
    }
    if !view.is_removable() {
        return Ok(back(&signed, "removed"));
    }
    if given.name.trim() != view.frame.title.trim() {
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&Ask::of(view, Some(WRONG_NAME)))?).into_response());
    }
    let by = By { account: signed.account.id.clone(), name: signed.account.name.clone() };
    let begun = Disconnection::new(console.database.clone()).begin(&signed.organization, by, seen).await?;
    console.directory.distrust(&signed.organization);
    match begun {
        Begun::Missing => Err(Failure::NotFound),
        Begun::Outdated => Ok(back(&signed, "outdated")),
        Begun::Running => {
            let (organization, account) = (&signed.organization, &signed.account.id);
            tracing::info!(organization, account, "the removal of the connection began");
            proceed(&console, &signed).await
        }
    }
}

/// Continues the running removal. An administrator confirmed it at its beginning, so the page does not ask again.
async fn go_on(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Form(()): Form<()>,
) -> Result<Response, Failure> {
    let progress = Disconnection::new(console.database.clone()).progress(&signed.organization).await?;
    if !progress.is_running && progress.removed.is_none() {
        return Ok(to_page(&signed));
    }
    proceed(&console, &signed).await
}

async fn proceed(console: &Console, signed: &Signed) -> Result<Response, Failure> {
    // This instance may have trusted keys again in the meantime.
    console.directory.distrust(&signed.organization);
    if !Disconnection::new(console.database.clone()).run(&signed.organization, Pace::default()).await? {
        return Ok(to_page(signed));
    }
    let (organization, account) = (&signed.organization, &signed.account.id);
    tracing::info!(organization, account, "the connection was removed");
    Ok(back(signed, "removed"))
}
