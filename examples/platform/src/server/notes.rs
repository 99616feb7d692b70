//! Notes of each SCIM request for the provisioning log, from its head, its body and its response.
//!
//! This module changes neither requests nor responses. The outer layer sees the responses of all other layers,
//! including refusals of clients without a valid key. The inner layer sees the caller and the body.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Path, Request, State, rejection::PathRejection},
    http::header,
    middleware::Next,
    response::Response,
};
use chrono::Utc;
use scim_core::{http::Outcome, schema::Registry, store::RequestContext};
use serde::Deserialize;

use super::{admission::Address, lines::RequestId};
use crate::{
    calendar::date,
    database::Database,
    directory::{Directory, Refused},
    log::with_causes,
    provisioning::{ClosedKey, Entry, Recording, Repeats, RequestNotes, Writer, masked},
};

/// The time between two notes of requests without a valid key, which every client can send.
const STRANGERS: Duration = Duration::from_secs(10);

/// The time between two updates of the number of further requests.
const TICK: Duration = Duration::from_secs(2);

/// The time for which an instance trusts its knowledge of whether an organization records.
const TRUST: Duration = Duration::from_secs(5);

/// The maximum number of organizations in each map.
const REMEMBERED: usize = 10_000;

/// The organization, the key that was sent, and whether SCIM was off. Requests that agree in these share a note.
type Alike = (String, Option<String>, bool);

/// The notes of all requests.
pub(super) struct Notes {
    writer: Writer,
    directory: Arc<Directory>,
    database: Database,
    registry: Registry,
    /// The last note of requests without a valid key, with the number of further requests.
    strangers: Mutex<HashMap<Alike, (Instant, Arc<AtomicU64>)>>,
    /// Whether an organization records, and the time of the look-up.
    recordings: Mutex<HashMap<String, (Instant, bool)>>,
}

/// The caller and the body of a request, for the outer layer.
#[derive(Clone, Default)]
struct Taken(Arc<Mutex<(Option<Arc<str>>, Bytes)>>);

/// The names in the body of a refused request.
#[derive(Deserialize)]
struct Claim {
    #[serde(alias = "username", alias = "UserName")]
    #[serde(rename = "userName")]
    user_name: Option<String>,
    #[serde(rename = "displayName")]
    display_name: Option<String>,
}

impl Notes {
    pub(super) fn new(writer: Writer, directory: Arc<Directory>, database: Database, registry: Registry) -> Self {
        Self { writer, directory, database, registry, strangers: Mutex::default(), recordings: Mutex::default() }
    }

    /// Decides whether a request without a valid key gets a note: the organization must exist, and the last note
    /// must be old enough. Returns the counter for further requests; `None` if the request gets no note.
    async fn notes_stranger(&self, organization: &str, refused: Option<&Refused>) -> Option<Arc<AtomicU64>> {
        let digest = refused.and_then(|refused| refused.key.as_ref()).map(|key| key.digest.to_string());
        let further = Arc::<AtomicU64>::default();
        {
            let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
            let of = (organization.to_owned(), digest, refused.is_some_and(|refused| refused.is_off));
            if let Some((_, further)) = strangers.get(&of).filter(|(since, _)| since.elapsed() < STRANGERS) {
                further.fetch_add(1, Ordering::Relaxed);
                return None;
            }
            if strangers.len() >= REMEMBERED {
                strangers.clear();
            }
            strangers.insert(of, (Instant::now(), Arc::clone(&further)));
        }
        let exists = self.directory.organization(organization).await.is_ok_and(|found| found.is_some());
        exists.then_some(further)
    }

    /// Adds the number of further requests to the row of the first request, until the next request gets its own
    /// note.
    fn follow(self: &Arc<Self>, repeats: Repeats, further: Arc<AtomicU64>) {
        // A weak reference, because the task must not keep the log open.
        let notes = Arc::downgrade(self);
        tokio::spawn(async move {
            let begin = Instant::now();
            let mut told = 0;
            while begin.elapsed() < STRANGERS {
                tokio::time::sleep(TICK).await;
                let count = further.load(Ordering::Relaxed);
                let Some(notes) = notes.upgrade().filter(|_| count > told) else { continue };
                match repeats.tell(&notes.database, told, count).await {
                    Ok(true) => told = count,
                    Ok(false) => {}
                    Err(error) => {
                        tracing::warn!(error = with_causes(&error), "the provisioning log misses repeated requests");
                    }
                }
            }
        });
    }

    async fn is_recorded(&self, organization: &str) -> bool {
        let known = |all: &HashMap<String, (Instant, bool)>| {
            all.get(organization).filter(|(since, _)| since.elapsed() < TRUST).map(|(_, records)| *records)
        };
        if let Some(records) = known(&self.recordings.lock().unwrap_or_else(PoisonError::into_inner)) {
            return records;
        }
        let records = Recording::find(&self.database, organization).await.is_ok_and(|found| found.is_some());
        let mut recordings = self.recordings.lock().unwrap_or_else(PoisonError::into_inner);
        if recordings.len() >= REMEMBERED {
            recordings.clear();
        }
        recordings.insert(organization.to_owned(), (Instant::now(), records));
        records
    }

    /// The resource type and the id in a path below the SCIM URL.
    fn target<'p>(&self, path: &'p str) -> (Option<String>, Option<&'p str>) {
        let mut segments = path.trim_matches('/').split('/');
        let endpoint = segments.next().unwrap_or_default();
        let found = self.registry.resource_types().iter().find(|found| found.endpoint() == endpoint);
        (found.map(|found| found.name().to_owned()), segments.next().filter(|id| *id != ".search"))
    }
}

/// The outer layer.
pub(super) async fn note(
    State(notes): State<Arc<Notes>>,
    parameters: Result<Path<Vec<(String, String)>>, PathRejection>,
    mut request: Request,
    next: Next,
) -> Response {
    let begin = Instant::now();
    let parameters = parameters.map(|Path(parameters)| parameters).unwrap_or_default();
    let organization = parameters.into_iter().find(|(name, _)| name == "organization").map(|(_, value)| value);
    let taken = Taken::default();
    request.extensions_mut().insert(taken.clone());
    let address = Arc::<Mutex<Option<String>>>::default();
    request.extensions_mut().insert(Address(Arc::clone(&address)));
    let told = Arc::<RequestNotes>::default();
    request.extensions_mut().insert(Arc::clone(&told));
    let id = request.extensions().get::<RequestId>().map(|RequestId(id)| id.to_string()).unwrap_or_default();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    let Some(tenant) = organization else { return response };
    let (caller, bytes) = std::mem::take(&mut *taken.0.lock().unwrap_or_else(PoisonError::into_inner));
    let is_stranger = caller.is_none();
    let refused = response.extensions().get::<Refused>().filter(|_| is_stranger).cloned();
    let mut further = None;
    if is_stranger {
        further = notes.notes_stranger(&tenant, refused.as_ref()).await;
        if further.is_none() {
            return response;
        }
    }
    let body =
        if is_stranger || bytes.is_empty() || !notes.is_recorded(&tenant).await { None } else { Some(masked(&bytes)) };
    let status = response.status();
    let outcome = response.extensions().get::<Outcome>();
    let error = outcome.and_then(|outcome| outcome.error.as_deref());
    let (resource_type, named) = notes.target(&path);
    let located = response.headers().get(header::LOCATION).and_then(|url| url.to_str().ok());
    let made = located.filter(|_| status == 201).and_then(|url| url.rsplit('/').next());
    let claim = if status.is_success() { None } else { serde_json::from_slice::<Claim>(&bytes).ok() };
    let quirks: Vec<&str> =
        outcome.map(|outcome| outcome.quirks.iter().map(scim_core::quirks::Quirk::name).collect()).unwrap_or_default();
    // PostgreSQL cannot store NUL.
    let cut =
        |text: &str| text.chars().take(256).map(|it| if it == '\0' { '\u{fffd}' } else { it }).collect::<String>();
    let reason = refused.as_ref().map(|refused| cut(&reason(refused)));
    let reason = reason.or_else(|| error.map(|error| cut(error.detail())));
    let detail = reason.or_else(|| is_stranger.then(|| STRANGER.to_owned()));
    let closed = refused.and_then(|refused| refused.key.map(|key| (key, refused.is_off))).map(|(key, is_off)| {
        let ended = key.revoked.or(key.expires).filter(|_| !is_off);
        ClosedKey { digest: key.digest.to_string(), ended }
    });
    let time = Utc::now();
    if let Some(further) = further {
        let (tenant, id, counted) = (tenant.clone(), id.clone(), closed.is_some());
        notes.follow(Repeats { tenant, id, time, detail: detail.clone().unwrap_or_default(), counted }, further);
    }
    notes.writer.add(Entry {
        id,
        time,
        closed,
        caller: caller.map(|caller| caller.to_string()),
        address: address.lock().unwrap_or_else(PoisonError::into_inner).take(),
        operation: format!("{:.16} {}", method.as_str(), cut(&path)),
        kind: resource_type,
        resource: made.or(named).map(cut),
        claimed: claim.and_then(|claim| claim.user_name.or(claim.display_name)).map(|name| cut(&name)),
        conflicts: told.conflicts.take(),
        status: status.as_u16(),
        scim_type: error.and_then(scim_core::error::Error::scim_type).map(|scim_type| scim_type.to_string()),
        detail,
        quirks: (!quirks.is_empty()).then(|| quirks.join(",")),
        duration: i64::try_from(begin.elapsed().as_micros()).unwrap_or(i64::MAX),
        body,
        tenant,
    });
    response
}

/// The reason in the log for a request without a key of the organization.
const STRANGER: &str =
    "The request had no key that is valid for this organization. Anybody can send it, so no number counts it.";

/// The reason of a refusal, for the organization's administrator.
fn reason(refused: &Refused) -> String {
    let Some(key) = &refused.key else { return STRANGER.to_owned() };
    let ending = key.ending.as_ref().map_or_else(String::new, |ending| format!(" (ends in {ending})"));
    let named = format!("key “{}”{ending}", key.name);
    match (key.revoked, key.expires) {
        _ if refused.is_off => format!("SCIM is off, so the {named} opens nothing."),
        (Some(revoked), _) => format!("The {named} was revoked on {}.", date(revoked)),
        (None, Some(expired)) => format!("The {named} expired on {}.", date(expired)),
        (None, None) => format!("The {named} opens nothing."),
    }
}

/// The inner layer. The body is already in one buffer, which is shared.
pub(super) async fn take(request: Request, next: Next) -> Response {
    let Some(taken) = request.extensions().get::<Taken>().cloned() else { return next.run(request).await };
    let caller = request.extensions().get::<RequestContext>().map(|context| context.actor().unwrap_or_default().into());
    let (parts, body) = request.into_parts();
    // The layer before has bounded the body.
    let Ok(bytes) = to_bytes(body, usize::MAX).await else { return super::refusal(unreadable()) };
    *taken.0.lock().unwrap_or_else(PoisonError::into_inner) = (caller, bytes.clone());
    next.run(Request::from_parts(parts, Body::from(bytes))).await
}

fn unreadable() -> scim_core::error::Error {
    scim_core::error::Error::new(400, "expected a body that can be read to its end")
}
