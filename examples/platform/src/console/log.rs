//! The page of the provisioning log: filters, requests with their changes, the recorder, and the exports.

mod export;

use askama::Template;
use axum::{
    Router,
    extract::{Query, State},
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::{
    Console, Failure, Frame,
    form::Form,
    frame::page,
    scim::Hours,
    session::{Administrator, url_encoded},
};
use crate::disconnection;
use crate::provisioning::{Filter, KEPT_DAYS, Line, Log, Outcome, Recording};

/// The number of requests on one page.
const PAGE: usize = 50;

pub(super) fn routes() -> Router<Console> {
    Router::new()
        .route("/log", get(show))
        .route("/log/export", get(export::export))
        .route("/log/record", post(record))
        .route("/log/stop", post(stop))
}

/// The filter from the form.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Parameters {
    outcome: String,
    kind: String,
    person: String,
    from: String,
    to: String,
    before: Option<i64>,
    format: String,
}

impl Parameters {
    fn filter(&self) -> Filter {
        // PostgreSQL accepts no NUL.
        let text = |text: &str| {
            let text = text.replace('\0', "");
            (!text.trim().is_empty()).then(|| text.trim().to_owned())
        };
        let day = |text: &str, days: u64| -> Option<DateTime<Utc>> {
            let date = text.trim().parse::<NaiveDate>().ok()?.checked_add_days(chrono::Days::new(days))?;
            Some(date.and_time(NaiveTime::MIN).and_utc())
        };
        Filter {
            outcome: Outcome::read(&self.outcome),
            not_done: self.outcome == "not-done",
            kind: text(&self.kind).filter(|kind| kind != "all"),
            notable: self.kind.is_empty(),
            person: text(&self.person),
            from: day(&self.from, 0),
            // The list includes the day in the form.
            to: day(&self.to, 1),
            before: self.before,
        }
    }

    /// The query for the same filter with another beginning.
    fn query(&self, before: Option<i64>) -> String {
        let fields = [
            ("outcome", &self.outcome),
            ("kind", &self.kind),
            ("person", &self.person),
            ("from", &self.from),
            ("to", &self.to),
        ];
        let mut query: Vec<String> = fields
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={}", url_encoded(value)))
            .collect();
        query.extend(before.map(|before| format!("before={before}")));
        query.join("&")
    }
}

/// A request for the page.
struct RequestView {
    line: Line,
    day: String,
    is_new_day: bool,
    time: String,
    what: String,
    second: String,
    took: String,
    changes: Vec<String>,
    passed: Vec<&'static str>,
    /// Whether an administrator made the change here, without a request of the provider.
    is_own: bool,
}

#[derive(Template)]
#[template(path = "log.html")]
struct Page {
    frame: Frame,
    asked: Parameters,
    shown: Vec<RequestView>,
    older: Option<String>,
    /// Whether the page ends before its list is full.
    is_exhausted: bool,
    is_cut: bool,
    same: String,
    hours: Hours,
    requests: i64,
    recording: Option<Recording>,
}

impl Page {
    fn is_kind(&self, kind: &str) -> bool {
        self.asked.kind == kind
    }
}

async fn show(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Query(asked): Query<Parameters>,
) -> Result<Response, Failure> {
    let log = Log::new(console.database.clone());
    let listed = log.list(&signed.organization, &asked.filter(), PAGE).await?;
    let span = log.span(&signed.organization, Utc::now(), 48).await?;
    let provider = console.organization(&signed.organization).await?.identity_provider;
    let mut shown: Vec<RequestView> = listed.lines.into_iter().map(RequestView::of).collect();
    let mut day = String::new();
    for line in &mut shown {
        line.is_new_day = line.day != day;
        day.clone_from(&line.day);
    }
    page(&Page {
        frame: Frame::of(&console, &signed, "log").await?,
        shown,
        older: listed.next.map(|before| asked.query(Some(before))),
        is_exhausted: listed.is_exhausted,
        is_cut: listed.is_cut,
        same: asked.query(None),
        asked,
        requests: span.hours.iter().map(|hour| hour.requests).sum(),
        hours: Hours::drawn(&span, provider),
        recording: Recording::find(&console.database, &signed.organization).await?,
    })
}

impl RequestView {
    fn of(line: Line) -> Self {
        let events: Vec<Value> = line.events.iter().filter_map(|body| serde_json::from_str(body).ok()).collect();
        let name = line.name.clone().or_else(|| line.resource.clone()).unwrap_or_default();
        let changes: Vec<String> = events.iter().flat_map(changes).collect();
        Self {
            day: line.time.format("%A, %B %-d, %Y").to_string(),
            is_new_day: false,
            time: line.time.format("%-I:%M:%S %p").to_string(),
            what: format!("{} {name}", verb(&line, &events)).trim_end().to_owned(),
            second: line.detail.clone().unwrap_or_else(|| changes.join(", ")),
            took: format!("{} ms", line.duration / 1_000),
            passed: line.quirks.iter().flat_map(|quirks| quirks.split(',')).map(passed).collect(),
            changes,
            is_own: line.operation == disconnection::OPERATION,
            line,
        }
    }
}

/// The beginning of the sentence about a request: "Created", "Didn't update".
fn verb(line: &Line, events: &[Value]) -> String {
    let (method, path) = line.operation.split_once(' ').unwrap_or_default();
    let noun = match line.kind.as_deref() {
        Some("User") => "user",
        Some("Group") => "group",
        _ => "resource",
    };
    let state =
        |name: &str| events.iter().any(|event| event.get("active").and_then(Value::as_bool) == Some(name == "on"));
    let (done, not) = match method {
        "POST" if path.contains(".search") => (format!("Searched {noun}s"), format!("search {noun}s")),
        "POST" if path.starts_with("/Bulk") => ("Sent many changes at once".into(), "do many changes at once".into()),
        "POST" => ("Created".into(), "create".into()),
        "PUT" | "PATCH" if line.kind.as_deref() == Some("User") && state("off") => {
            ("Deactivated".into(), "update".into())
        }
        "PUT" | "PATCH" if events.is_empty() && line.outcome == Outcome::Done => {
            ("Sent again, without a change,".into(), "update".into())
        }
        "PUT" | "PATCH" => ("Updated".into(), "update".into()),
        "DELETE" => ("Deleted".into(), "delete".into()),
        // An action of an administrator on this server; see `disconnection`.
        "REMOVE" if removal_ended(events) => ("Removed".into(), "remove".into()),
        "REMOVE" => ("Began to remove".into(), "remove".into()),
        _ if line.resource.is_some() => ("Read".into(), "read".into()),
        _ if line.kind.is_some() => (format!("Listed {noun}s"), format!("list {noun}s")),
        _ => ("Parameters what this server can do".into(), "tell what this server can do".into()),
    };
    if line.outcome == Outcome::Done { done } else { format!("Didn't {not}") }
}

/// Whether the events report the end of a removal.
fn removal_ended(events: &[Value]) -> bool {
    events.iter().any(|event| event.get("type").and_then(Value::as_str) == Some("connectionRemoved"))
}

/// The changes of one event, in words.
fn changes(event: &Value) -> Vec<String> {
    let mut all = Vec::new();
    match event.get("type").and_then(Value::as_str) {
        Some("connectionRemovalBegan") => all.push("All keys and OAuth clients: revoked".to_owned()),
        Some("connectionRemoved") => {
            let number = |name: &str| event.get(name).and_then(Value::as_u64).unwrap_or_default();
            all.push(format!("Accounts that are made by hand now: {}", number("accounts")));
            all.push(format!("Groups and other resources that were removed: {}", number("resources")));
        }
        _ => {}
    }
    match event.get("active").and_then(Value::as_bool) {
        Some(true) => all.push("Account: active".to_owned()),
        Some(false) => all.push("Account: deactivated".to_owned()),
        None => {}
    }
    let names: Vec<&str> =
        event.get("attributes").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    if !names.is_empty() {
        all.push(names.join(", "));
    }
    for membership in event.get("memberships").and_then(Value::as_array).into_iter().flatten() {
        for (key, word) in [("add", "Added"), ("added", "Added"), ("remove", "Removed"), ("removed", "Removed")] {
            if let Some(values) = membership.get(key).and_then(Value::as_array).filter(|values| !values.is_empty()) {
                all.push(format!("{word} {} members", values.len()));
            }
        }
    }
    all
}

/// The sentence for a quirk that the core tolerated.
fn passed(quirk: &str) -> &'static str {
    match quirk {
        "operation-case" => "An operation was written in another case, such as “Replace”. We read it as meant.",
        "boolean-strings" => "“True” or “False” came as text. We read it as yes or no.",
        "path-keys" => "Names of attributes came as paths. We followed them.",
        "remove-with-value" => "A removal listed values. We removed those.",
        "add-creates-element" | "replace-creates-element" => "A change named an entry that we didn't have. We made it.",
        "unknown-path" | "unknown-attribute" => "It named attributes that we don't know. We left them out.",
        "missing-schema" => "It didn't say which schema it follows. We took the one of the address.",
        "read-only-echo" => "It sent back values that only we set. We left them as they are.",
        "bare-value" | "list-of-one" | "one-for-list" => "A value came in another form. We read it as meant.",
        "empty-string" => "An empty text came for a value. We read it as no value.",
        _ => "It differed from the standard in a way that we know. We read it as meant.",
    }
}

async fn record(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Form(()): Form<()>,
) -> Result<Response, Failure> {
    signed.must_be_recent(&Console::path(&signed.organization, "log"))?;
    Recording::start(&console.database, &signed.organization, &signed.account.name).await?;
    Ok(Redirect::to(&Console::path(&signed.organization, "log")).into_response())
}

async fn stop(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Form(()): Form<()>,
) -> Result<Response, Failure> {
    Recording::stop(&console.database, &signed.organization).await?;
    Ok(Redirect::to(&Console::path(&signed.organization, "log")).into_response())
}
