//! The last hours of requests on the page *SCIM*: the chart, its labels, and the same numbers as a table.

use chrono::{DateTime, TimeDelta, Utc};

use super::View;
use crate::{
    connection::HOURS,
    console::{Console, Failure},
    identity_provider::IdentityProvider,
    provisioning::{
        Log, Span,
        chart::{Chart, draw, draw_cycles, failures},
    },
};

/// The number of hours between two labels below the chart.
const LABELED: usize = 12;

/// The rule for counting requests with the status 401.
const COUNTED: &str = "Requests that we refuse with one of your own keys count, those without one are in the log only.";

/// The card with the chart.
pub(in crate::console) struct Hours {
    pub(in crate::console) sentence: String,
    pub(in crate::console) chart: Chart,
    /// The marks of the cycles, for a provider that has cycles.
    pub(in crate::console) cycles: Option<String>,
    /// The times below the chart, from its beginning to its end.
    pub(in crate::console) labels: Vec<String>,
    /// The hours with requests, the latest first.
    pub(in crate::console) rows: Vec<HourRow>,
}

/// An hour in the table.
pub(in crate::console) struct HourRow {
    pub(in crate::console) hour: String,
    pub(in crate::console) requests: i64,
    pub(in crate::console) refused: i64,
    pub(in crate::console) failed: i64,
}

impl Hours {
    pub(super) async fn of(console: &Console, view: &View) -> Result<Self, Failure> {
        let log = Log::new(console.database.clone());
        let hours = u16::try_from(HOURS).unwrap_or(48);
        let span = log.span(view.organization.name.as_str(), view.now, hours).await?;
        Ok(Self::drawn(&span, view.provider))
    }

    /// Creates the card for these hours of this provider.
    pub(in crate::console) fn drawn(span: &Span, provider: IdentityProvider) -> Self {
        let bad = span.hours.iter().filter(|hour| failures(hour) > 0).count();
        let bad = match bad {
            0 => String::new(),
            1 => " In one hour, requests were refused or failed.".to_owned(),
            count => format!(" In {count} hours, requests were refused or failed."),
        };
        let cycles = provider.has_cycles();
        let beat = if cycles { " Entra calls every 40 minutes when it has changes." } else { "" };
        let end = span.hours.last().map(|hour| hour.start + TimeDelta::hours(1).num_milliseconds());
        let labels = span.hours.iter().map(|hour| hour.start).step_by(LABELED).chain(end);
        let rows = span.hours.iter().rev().filter(|hour| hour.requests > 0);
        Self {
            sentence: format!("Each bar is one hour.{beat}{bad} {COUNTED}"),
            chart: draw(span),
            cycles: cycles.then(|| draw_cycles(span)),
            labels: labels.enumerate().map(|(index, start)| label(index, start)).collect(),
            rows: rows
                .map(|hour| HourRow {
                    hour: time(hour.start).format("%b %-d, %-I %p").to_string(),
                    requests: hour.requests,
                    refused: hour.refused,
                    failed: hour.failed,
                })
                .collect(),
        }
    }
}

/// The text of a label. Every second label also names the day.
fn label(index: usize, start: i64) -> String {
    time(start).format(if index.is_multiple_of(2) { "%a %-I %p" } else { "%-I %p" }).to_string()
}

fn time(milliseconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(milliseconds).unwrap_or_default()
}
