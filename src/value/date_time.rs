//! Dates and times as clients write them (RFC 7643 §2.3.5).

use std::borrow::Cow;

use chrono::{DateTime, Datelike, NaiveDateTime, Utc};

use crate::quirks::{Quirk, Tolerance};

/// Bytes of a date: `2011-05-13`. The letter `T` follows.
const DATE: usize = 10;

/// Reads a date and time with a zone in the form of RFC 3339, which this library also writes.
pub(crate) fn parse_date_time(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.with_timezone(&Utc)).filter(can_be_written)
}

/// Reads the value of a `dateTime` attribute. Spellings outside RFC 3339 need a quirk, which is recorded.
pub(crate) fn read_date_time(text: &str, tolerance: &mut Tolerance) -> Option<DateTime<Utc>> {
    let mut met = *tolerance;
    let text = respelled(text, &mut met)?;
    let time = match parse_date_time(&text) {
        Some(time) => time,
        None => parse_zoneless(&text).filter(|_| met.allows(Quirk::ZonelessDateTime))?,
    };
    *tolerance = met;
    Some(time)
}

/// Reads the date and time in a filter. The zone may be missing, as in xsd:dateTime (RFC 7643 §2.3.5).
pub(crate) fn read_date_time_literal(text: &str, tolerance: &mut Tolerance) -> Option<DateTime<Utc>> {
    let mut met = *tolerance;
    let text = respelled(text, &mut met)?;
    let time = parse_date_time(&text).or_else(|| parse_zoneless(&text))?;
    *tolerance = met;
    Some(time)
}

/// Reads a date and time without a zone as UTC.
fn parse_zoneless(text: &str) -> Option<DateTime<Utc>> {
    let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?;
    Some(time.and_utc()).filter(can_be_written)
}

/// The text with the letter `T` and with a zone in the spelling of RFC 3339; `None` if the change needs a quirk
/// that is not tolerated. Text that is not a date and time is returned in some form and fails later.
fn respelled<'t>(text: &'t str, met: &mut Tolerance) -> Option<Cow<'t, str>> {
    let mut spelled = Cow::Borrowed(text);
    if text.as_bytes().get(DATE) == Some(&b' ') {
        if !met.allows(Quirk::BlankForT) {
            return None;
        }
        spelled.to_mut().replace_range(DATE..=DATE, "T");
    }
    // Only a time has digits behind the last sign; a date alone is not a date and time.
    let Some(sign) = spelled.rfind(['+', '-', ' ']).filter(|sign| *sign > DATE) else { return Some(spelled) };
    let zone = spelled.as_bytes().get(sign + 1..).unwrap_or_default();
    let is_compact = zone.len() == 4 && zone.iter().all(u8::is_ascii_digit);
    let is_blank = spelled.as_bytes().get(sign) == Some(&b' ');
    if is_blank {
        if !met.allows(Quirk::BlankForPlus) {
            return None;
        }
        spelled.to_mut().replace_range(sign..=sign, "+");
    }
    if is_compact {
        if !met.allows(Quirk::CompactZone) {
            return None;
        }
        spelled.to_mut().insert(sign + 3, ':');
    }
    Some(spelled)
}

/// Whether the year has four digits in UTC, the zone in which times are written. A zone can move a time out of that
/// range, and a stored text with such a year could not be read again.
fn can_be_written(time: &DateTime<Utc>) -> bool {
    (0..=9_999).contains(&time.year())
}
