//! Words that several pages share: the name of the identity provider, numbers of people, and times.

use chrono::{DateTime, Utc};

use super::{Console, Failure};
use crate::{disconnection::Disconnection, identity_provider::IdentityProvider};

/// The name of the identity provider in a sentence. Without a connection, the provider has no name.
pub(super) async fn provider(console: &Console, organization: &str) -> Result<&'static str, Failure> {
    let found = console.organization(organization).await?;
    if Disconnection::new(console.database.clone()).is_over(organization).await? {
        return Ok("your identity provider");
    }
    Ok(match found.identity_provider {
        IdentityProvider::Okta => "Okta",
        IdentityProvider::Entra => "Entra",
        IdentityProvider::Other => "the identity provider",
    })
}

/// Returns `1 person`, `2 people`.
pub(super) fn people(number: usize) -> String {
    if number == 1 { "1 person".to_owned() } else { format!("{number} people") }
}

/// A number that was counted up to `most` plus 1: `999`, `1,000+`.
pub(super) fn counted(number: i64, most: i64) -> String {
    let grouped = |number: i64| match number {
        0..=999 => number.to_string(),
        _ => format!("{},{:03}", number / 1_000, number % 1_000),
    };
    if number > most { format!("{}+", grouped(most)) } else { grouped(number) }
}

/// Returns `1 person`, `999 people`, `1,000+ people`.
pub(super) fn counted_people(number: i64, most: i64) -> String {
    if number == 1 { "1 person".to_owned() } else { format!("{} people", counted(number, most)) }
}

/// Joins names for a sentence: `Editors`, `Editors and Viewers`, `Auditors, Editors and Viewers`.
pub(super) fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A time for a page.
pub(super) struct Moment {
    /// The time in the format for programs.
    pub(super) machine: String,
    /// The time in words, in UTC.
    pub(super) words: String,
}

impl Moment {
    /// Returns the time relative to now.
    pub(super) fn of(milliseconds: i64) -> Self {
        Self::seen_from(milliseconds, Utc::now())
    }

    fn seen_from(milliseconds: i64, now: DateTime<Utc>) -> Self {
        let time = DateTime::from_timestamp_millis(milliseconds).unwrap_or_default();
        let days = (now.date_naive() - time.date_naive()).num_days();
        let clock = time.format("%-I:%M %p");
        let words = match days {
            0 => format!("today at {clock}"),
            1 => format!("yesterday at {clock}"),
            _ => time.format("%b %-d, %Y").to_string(),
        };
        Self { machine: time.format("%Y-%m-%dT%H:%M:%SZ").to_string(), words }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_names_and_times_in_words() {
        for (number, words) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_001, "1,000+")] {
            assert_eq!(counted(number, 1_000), words);
        }
        for (names, words) in [(&["a"][..], "a"), (&["a", "b"], "a and b"), (&["a", "b", "c"], "a, b and c")] {
            assert_eq!(listed(names), words);
        }
        let at = |text: &str| DateTime::parse_from_rfc3339(text).map(|time| time.to_utc()).unwrap_or_default();
        let now = at("2026-11-24T10:24:00Z");
        for (time, words) in [
            ("2026-11-24T10:20:00Z", "today at 10:20 AM"),
            ("2026-11-23T18:40:00Z", "yesterday at 6:40 PM"),
            ("2026-11-20T00:05:00Z", "Nov 20, 2026"),
        ] {
            let moment = Moment::seen_from(at(time).timestamp_millis(), now);
            assert_eq!((&*moment.words, &*moment.machine), (words, time));
        }
    }
}
