//! Times and dates for pages, in UTC: the tables have no time zone of an organization.

use chrono::{DateTime, Datelike as _, SecondsFormat, TimeDelta, Utc};

/// Returns the date with its year: `Nov 24, 2026`.
pub fn date(at: DateTime<Utc>) -> String {
    at.format("%b %-d, %Y").to_string()
}

/// Returns the day in the shortest clear form: `today`, `yesterday`, `Nov 24`, or with the year if that is another
/// year.
pub fn day(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    match (now.date_naive() - at.date_naive()).num_days() {
        0 => "today".to_owned(),
        1 => "yesterday".to_owned(),
        _ if at.year() == now.year() => at.format("%b %-d").to_string(),
        _ => date(at),
    }
}

/// Returns the day for use after a verb: `today`, `yesterday`, `on Nov 24`.
pub fn on_day(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let day = day(at, now);
    if day.starts_with(char::is_lowercase) { day } else { format!("on {day}") }
}

/// Returns the time of day: `10:20 AM`.
pub fn clock(at: DateTime<Utc>) -> String {
    at.format("%-I:%M %p").to_string()
}

/// Returns the day and the time of day: `today at 10:20 AM`.
pub fn moment(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    format!("{} at {}", day(at, now), clock(at))
}

/// Returns the time from `at` until `now`: `4 minutes ago`.
pub fn ago(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let passed = now.signed_duration_since(at);
    let units = [(passed.num_days(), "day"), (passed.num_hours(), "hour"), (passed.num_minutes(), "minute")];
    match units.into_iter().find(|(count, _)| *count > 0) {
        Some((1, unit)) => format!("1 {unit} ago"),
        Some((count, unit)) => format!("{count} {unit}s ago"),
        None => "a moment ago".to_owned(),
    }
}

/// Returns the whole days from `now` until `at`, where a part of a day counts as a day; `None` once `at` has
/// passed.
pub fn days_until(at: DateTime<Utc>, now: DateTime<Utc>) -> Option<i64> {
    let left = at.signed_duration_since(now);
    let days = left.num_days();
    let part = i64::from(left > TimeDelta::days(days));
    (left > TimeDelta::zero()).then_some(days + part)
}

/// Returns the value of the attribute `datetime` of HTML.
pub fn attribute(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::allow_attributes, reason = "a test that panics has failed")]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_said_as_briefly_as_it_is_clear() {
        let time = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let now = time("2026-11-24T10:24:30Z");
        for (at, expected_moment, expected_day, expected_ago) in [
            ("2026-11-24T10:20:00Z", "today at 10:20 AM", "today", "4 minutes ago"),
            ("2026-11-24T10:24:00Z", "today at 10:24 AM", "today", "a moment ago"),
            ("2026-11-24T00:05:00Z", "today at 12:05 AM", "today", "10 hours ago"),
            ("2026-11-23T23:00:00Z", "yesterday at 11:00 PM", "yesterday", "11 hours ago"),
            ("2026-11-03T12:00:00Z", "Nov 3 at 12:00 PM", "on Nov 3", "20 days ago"),
            ("2025-12-12T08:00:00Z", "Dec 12, 2025 at 8:00 AM", "on Dec 12, 2025", "347 days ago"),
        ] {
            let at = time(at);
            assert_eq!(moment(at, now), expected_moment);
            assert_eq!(on_day(at, now), expected_day);
            assert_eq!(ago(at, now), expected_ago);
        }
        assert_eq!(date(now), "Nov 24, 2026");
        assert_eq!(attribute(now), "2026-11-24T10:24:30Z");
        for (end, days) in [
            ("2026-11-24T10:24:30Z", None),
            ("2026-11-24T10:24:31Z", Some(1)),
            ("2026-12-14T10:24:30Z", Some(20)),
            ("2026-12-14T10:24:31Z", Some(21)),
        ] {
            assert_eq!(days_until(time(end), now), days, "{end}");
        }
    }
}
