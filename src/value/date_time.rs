//! Reading points in time.

use chrono::{DateTime, NaiveDateTime, Utc};

/// Reads a date and time with a zone (RFC 3339, which is what RFC 7643 §2.3.5 shows).
pub(crate) fn parse_date_time(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.with_timezone(&Utc))
}

/// Reads a date and time without a zone as one of UTC; xsd:dateTime allows that, RFC 3339 does not.
pub(crate) fn parse_zoneless_date_time(text: &str) -> Option<DateTime<Utc>> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok().map(|time| time.and_utc())
}
