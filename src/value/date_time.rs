//! Reading points in time.

use chrono::{DateTime, Datelike, NaiveDateTime, Utc};

/// Reads a date and time with a zone (RFC 3339, which is what RFC 7643 §2.3.5 shows).
pub(crate) fn parse_date_time(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.with_timezone(&Utc)).filter(can_be_written)
}

/// Reads a date and time without a zone as one of UTC; xsd:dateTime allows that, RFC 3339 does not.
pub(crate) fn parse_zoneless_date_time(text: &str) -> Option<DateTime<Utc>> {
    let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?;
    Some(time.and_utc()).filter(can_be_written)
}

/// Whether the year has four digits in UTC, in which times are written. A zone can move a time out of them, and then
/// nothing could read it back: one such value would make its resource unreadable for ever.
fn can_be_written(time: &DateTime<Utc>) -> bool {
    (0..=9_999).contains(&time.year())
}
