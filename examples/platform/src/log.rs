//! The log: lines of JSON on standard error, one for each request and one for each event.
//!
//! The line of a request has the facts that the server knows (method, path without query, status, duration) and the
//! fields of the core's span `scim.request` (tenant, operation, `scimType`, cost for the store). Neither contains a
//! token, a query or a body (RFC 7643 §9.3). A failure of the database is written once, not for each request that it
//! affects.

use std::{
    collections::HashMap,
    error::Error,
    fmt,
    io::Write as _,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use chrono::{SecondsFormat, Utc};
use serde_json::{Map, Value};
use tracing::{
    Event, Level, Metadata, Subscriber,
    callsite::Identifier,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    EnvFilter, Layer,
    layer::{Context, SubscriberExt as _},
    registry::LookupSpan,
    util::SubscriberInitExt as _,
};

/// The span that the server opens for each request.
pub const REQUEST: &str = "request";

/// The span of the core, within the span of the request.
const SCIM_REQUEST: &str = "scim.request";

/// The modules that use the database. When the database fails, each request fails there and would log an error.
const DATABASE: [&str; 3] = ["platform::database", "platform::directory", "platform::store"];

/// The minimum time between two lines of the same warning or error of the database.
const REPEAT: Duration = Duration::from_secs(60);

/// Returns the causes of an error: its cause, the cause of that cause, and so on.
pub fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}

/// Returns the text of an error followed by the texts of its causes.
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    std::iter::once(error).chain(causes(error)).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Starts the log for the whole process. The log contains the events that `filter` selects.
///
/// # Errors
///
/// When the process already has a log.
pub fn start(filter: EnvFilter) -> Result<(), impl Error> {
    tracing_subscriber::registry().with(filter).with(Lines::default()).try_init()
}

/// Writes the lines.
#[derive(Default)]
struct Lines {
    /// The time at which each warning or error of the database was last written, and the number of repeats since then.
    /// The map has at most one entry for each place in the code that reports such a warning.
    repeats: Mutex<HashMap<Identifier, (Instant, u64)>>,
}

impl Lines {
    /// The number of repeats that were omitted before this event; `None` if this event is omitted too.
    fn is_due(&self, metadata: &Metadata<'_>, now: Instant) -> Option<u64> {
        let is_database = DATABASE.iter().any(|module| metadata.target().starts_with(module));
        if !is_database || *metadata.level() > Level::WARN {
            return Some(0);
        }
        let mut repeats = self.repeats.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((written, omitted)) = repeats.get_mut(&metadata.callsite()) else {
            repeats.insert(metadata.callsite(), (now, 0));
            return Some(0);
        };
        if now.duration_since(*written) < REPEAT {
            *omitted += 1;
            return None;
        }
        *written = now;
        Some(std::mem::take(omitted))
    }
}

/// The recorded fields of a span.
struct Fields {
    values: Map<String, Value>,
    since: Instant,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        let Some(span) = cx.span(id).filter(|span| is_request(span.metadata())) else { return };
        let mut fields = Fields { values: Map::new(), since: Instant::now() };
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, cx: Context<'_, S>) {
        if let Some(span) = cx.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        let Some(omitted) = self.is_due(event.metadata(), Instant::now()) else { return };
        let mut fields = Fields { values: Map::new(), since: Instant::now() };
        for span in cx.event_scope(event).into_iter().flatten() {
            if let Some(request) = span.extensions().get::<Fields>()
                && let Some(id) = request.values.get("request_id")
            {
                fields.values.insert("request_id".to_owned(), id.clone());
            }
        }
        event.record(&mut fields);
        if omitted > 0 {
            fields.values.insert("omitted".to_owned(), omitted.into());
        }
        write(event.metadata(), fields.values);
    }

    fn on_close(&self, id: Id, cx: Context<'_, S>) {
        let Some(span) = cx.span(&id) else { return };
        let Some(mut fields) = span.extensions_mut().remove::<Fields>() else { return };
        if span.name() == SCIM_REQUEST {
            if let Some(parent) = span.parent()
                && let Some(request) = parent.extensions_mut().get_mut::<Fields>()
            {
                request.values.extend(fields.values);
            }
            return;
        }
        // The client left before it got a response, so the status is unknown.
        fields.values.entry("status").or_insert(Value::Null);
        let micros = u64::try_from(fields.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        fields.values.insert("duration_us".to_owned(), micros.into());
        fields.values.insert("message".to_owned(), REQUEST.into());
        write(span.metadata(), fields.values);
    }
}

fn is_request(metadata: &Metadata<'_>) -> bool {
    [REQUEST, SCIM_REQUEST].contains(&metadata.name())
}

fn write(metadata: &Metadata<'_>, values: Map<String, Value>) {
    let mut line = Map::new();
    line.insert("timestamp".to_owned(), Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true).into());
    line.insert("level".to_owned(), metadata.level().as_str().into());
    line.insert("target".to_owned(), metadata.target().into());
    line.extend(values);
    let mut line = Value::Object(line).to_string();
    line.push('\n');
    // One call, so that lines of several threads do not mix. A failure to write the log cannot be reported.
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}

impl Fields {
    fn set(&mut self, field: &Field, value: impl Into<Value>) {
        self.values.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, format!("{value:?}"));
    }
}
