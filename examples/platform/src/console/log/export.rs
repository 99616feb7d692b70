//! The exports: files with all requests that the filter selects, sent while the server reads them.

use axum::{
    body::Body,
    extract::{Query, State},
    http::header,
    response::{IntoResponse as _, Response},
};
use futures_util::{
    StreamExt as _, TryStreamExt as _,
    future::ready,
    stream::{once, try_unfold},
};
use scim_core::store::StoreError;
use serde_json::{Value, json};

use super::Parameters;
use crate::{
    console::{Console, Failure, session::Administrator},
    log::with_causes,
    provisioning::{Line, Log},
};

/// The form of a file.
#[derive(Clone, Copy)]
enum Format {
    Csv,
    Json,
}

impl Format {
    fn kind(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Json => "application/json",
        }
    }

    fn disposition(self) -> &'static str {
        match self {
            Self::Csv => "attachment; filename=\"provisioning-log.csv\"",
            Self::Json => "attachment; filename=\"provisioning-log.json\"",
        }
    }

    fn beginning(self) -> String {
        match self {
            Self::Csv => format!("{}\r\n", COLUMNS.join(",")),
            Self::Json => "[".to_owned(),
        }
    }

    /// A part of the file. In JSON a comma precedes each line, except the first line of the first part.
    fn part(self, lines: &[Line], is_first: bool) -> String {
        let all = lines.iter().map(exported).enumerate().map(|(index, line)| match self {
            Self::Csv => format!("{}\r\n", COLUMNS.map(|column| cell(line.get(column))).join(",")),
            Self::Json if is_first && index == 0 => format!("\n{line}"),
            Self::Json => format!(",\n{line}"),
        });
        all.collect()
    }

    fn end(self) -> String {
        match self {
            Self::Csv => String::new(),
            Self::Json => "\n]\n".to_owned(),
        }
    }
}

pub(super) async fn export(
    State(console): State<Console>,
    Administrator(signed): Administrator,
    Query(asked): Query<Parameters>,
) -> Result<Response, Failure> {
    let format = if asked.format == "json" { Format::Json } else { Format::Csv };
    let log = Log::new(console.database.clone());
    let mut export = log.export(&signed.organization, &asked.filter(), matches!(format, Format::Json)).await?;
    // Read the first part before the response begins: a failure now shows a page, and a later failure truncates the
    // file.
    let first = export.next().await?;
    let parts = try_unfold((export, Some(first)), move |(mut export, first)| async move {
        let is_first = first.is_some();
        let lines = match first {
            Some(lines) => lines,
            None => export.next().await?,
        };
        let part = (!lines.is_empty()).then(|| format.part(&lines, is_first));
        Ok::<_, StoreError>(part.map(|part| (part, (export, None))))
    });
    let file = once(ready(Ok(format.beginning()))).chain(parts).chain(once(ready(Ok(format.end()))));
    let file = file.inspect_err(|error| tracing::error!(error = with_causes(error), "an export is cut off"));
    let headers = [(header::CONTENT_TYPE, format.kind()), (header::CONTENT_DISPOSITION, format.disposition())];
    Ok((headers, Body::from_stream(file)).into_response())
}

const COLUMNS: [&str; 14] = [
    "time",
    "outcome",
    "status",
    "operation",
    "resourceType",
    "resource",
    "name",
    "scimType",
    "detail",
    "tolerated",
    "key",
    "address",
    "milliseconds",
    "request",
];

fn exported(line: &Line) -> Value {
    json!({
        "time": line.time.to_rfc3339(), "outcome": line.outcome.name(), "status": line.status,
        "operation": line.operation, "resourceType": line.kind, "resource": line.resource, "name": line.name,
        "scimType": line.scim_type, "detail": line.detail, "tolerated": line.quirks, "key": line.caller,
        "address": line.address, "milliseconds": line.duration / 1_000, "request": line.id,
        "changes": line.events.iter().filter_map(|event| serde_json::from_str::<Value>(event).ok()).collect::<Vec<_>>(),
    })
}

/// A cell of a CSV file (RFC 4180). A text that a spreadsheet would run as a formula gets a leading apostrophe.
fn cell(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => return String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => return other.to_string(),
    };
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}
