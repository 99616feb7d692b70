//! The log: lines of JSON on standard error, one for each request and one for each event.
//!
//! A request's line has what the server knows (method, path without query, status, duration) and what scim-core's span
//! `scim.request` tells (tenant, operation, `scimType`, what it cost the store). Neither has a token, a query or a body
//! in it. What goes wrong with the database is written once, not for each request that it fails.

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

/// The span of scim-core, within that one.
const SCIM_REQUEST: &str = "scim.request";

/// The modules that use the database. When it is away each request fails there, and would say so.
const DATABASE: [&str; 3] = ["platform::database", "platform::directory", "platform::store"];

/// How often one of their warnings or errors is written.
const REPEAT: Duration = Duration::from_secs(60);

/// What has caused an error: its cause, the cause of that, and so on.
pub fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}

/// An error with what has caused it, which says more.
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    std::iter::once(error).chain(causes(error)).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Logs what `filter` lets through, from now on and for the whole process.
///
/// # Errors
///
/// When the process has a log already.
pub fn start(filter: EnvFilter) -> Result<(), impl Error> {
    tracing_subscriber::registry().with(filter).with(Lines::default()).try_init()
}

/// Writes the lines.
#[derive(Default)]
struct Lines {
    /// When each warning or error of the database was last written, and how often it occurred since. As many as there
    /// are places in the code that report one.
    repeats: Mutex<HashMap<Identifier, (Instant, u64)>>,
}

impl Lines {
    /// Whether an event is to be written, and how many before it were not.
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

/// What was recorded of a span.
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
        // A client that has gone before its answer was there: nothing says what the answer would have been.
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
    // One call, so that lines of several threads do not mix. Where the log cannot be written, nothing can be said of it.
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
