//! The state of the connection for its card: icon, word, sentence, facts, the last error, and the quarantine.

use chrono::{DateTime, Utc};

use super::{View, causes::CauseCard};
use crate::{
    calendar::{ago, clock, moment, on_day},
    connection::{
        self, Cause, State,
        quarantine::{self, Risk},
    },
    identity_provider::IdentityProvider,
};

/// The card of the state, and the cards that depend on the state.
pub(super) struct StateCard {
    pub(super) icon: &'static str,
    /// The class of the color: ``, `good`, `warn` or `bad`.
    pub(super) tone: &'static str,
    pub(super) word: String,
    pub(super) sentence: String,
    /// Whether SCIM is on.
    pub(super) is_on: bool,
    /// Whether SCIM can be turned on: there is single sign-on.
    pub(super) can_turn_on: bool,
    /// Whether the page itself polls for the first request.
    pub(super) is_waiting: bool,
    /// Whether the sentence mentions refused requests, so that a link to the log follows.
    pub(super) has_refusals: bool,
    /// Whether SCIM works at the moment, or worked until a failure.
    pub(super) is_live: bool,
    /// The causes of the failure, the most frequent first.
    pub(super) causes: Vec<CauseCard>,
    /// The causes for which some people and groups are refused while the connection works.
    pub(super) notes: Vec<CauseCard>,
    pub(super) facts: Vec<Number>,
    pub(super) quarantine: Option<Quarantine>,
}

/// A label, a number, and a text with details.
pub(super) struct Number {
    pub(super) label: String,
    pub(super) value: String,
    pub(super) more: String,
}

/// The card about the quarantine.
pub(super) struct Quarantine {
    pub(super) title: &'static str,
    pub(super) sentence: String,
    pub(super) tag: String,
    /// The share of failures in percent, if numbers exist.
    pub(super) share: Option<u64>,
}

impl StateCard {
    pub(super) fn of(view: &View) -> Self {
        let View { facts, provider, now, .. } = view;
        let (now, subject) = (*now, provider.subject());
        let state = connection::state(facts, now);
        let (latest, requests) = facts.runs.first().map_or((0, 0), |run| (run.failures, run.requests));
        let mut has_refusals = false;
        let (icon, tone, word, sentence) = match state {
            _ if view.removal.progress.is_running => (
                "minus",
                "warn",
                "Removing the connection".to_owned(),
                format!("{subject} is refused. {} began the removal {}.", view.removal.by, view.removal.began),
            ),
            State::NotAvailable => (
                "lock",
                "",
                "Not available yet".to_owned(),
                "Set up single sign-on first. Without it, people who arrive through SCIM have no way to sign in."
                    .to_owned(),
            ),
            State::NotConnected => ("minus", "", "Not connected".to_owned(), not_connected(view)),
            State::Off => (
                "pause",
                "",
                "Off".to_owned(),
                format!("{subject} is refused. People, groups and keys stay as they are."),
            ),
            State::Waiting => (
                "clock",
                "",
                "Waiting for the first request".to_owned(),
                format!("{subject} hasn’t called yet. This page notices when it does."),
            ),
            State::Connected { last } => {
                has_refusals = latest > 0;
                let refused = match (latest, provider.has_cycles()) {
                    (0, _) => String::new(),
                    (1, true) => " One request of this cycle was refused.".to_owned(),
                    (1, false) => " One of the last requests was refused.".to_owned(),
                    (count, true) => format!(" {count} of the {requests} requests of this cycle were refused."),
                    (count, false) => format!(" {count} of the last {requests} requests were refused."),
                };
                let at = if last.date_naive() == now.date_naive() { clock(last) } else { moment(last, now) };
                let on = if last.date_naive() == now.date_naive() { "at " } else { "" };
                let sentence = format!("Last request {}, {on}{at}.{refused}", ago(last, now));
                ("check", "good", "Connected".to_owned(), sentence)
            }
            State::CloseToQuarantine { since } => (
                "warning",
                "warn",
                "Close to quarantine".to_owned(),
                format!("Requests fail since {}, so many that Entra is about to pause.", moment(since, now)),
            ),
            State::Failing { since } => {
                ("cross", "bad", format!("Failing since {}", since_words(since, now)), failing(view))
            }
        };
        let is_failing = matches!(state, State::Failing { .. } | State::CloseToQuarantine { .. });
        let is_live = is_failing || matches!(state, State::Connected { .. });
        let mut causes = if is_live { CauseCard::all(view) } else { Vec::new() };
        let notes = if is_failing { Vec::new() } else { std::mem::take(&mut causes) };
        Self {
            icon,
            tone,
            word,
            sentence,
            is_on: facts.scim,
            can_turn_on: facts.has_sign_on,
            is_waiting: state == State::Waiting,
            has_refusals,
            is_live,
            causes,
            notes,
            facts: if facts.last.is_some() && facts.scim { self::facts(view) } else { Vec::new() },
            quarantine: if is_failing { quarantine(view) } else { None },
        }
    }
}

/// The time of the first failure. The day is omitted if it is today.
fn since_words(since: DateTime<Utc>, now: DateTime<Utc>) -> String {
    if since.date_naive() == now.date_naive() { clock(since) } else { moment(since, now) }
}

fn not_connected(view: &View) -> String {
    match view.removal.removed().filter(|_| !view.facts.had_credentials) {
        Some(at) => {
            format!("{} removed the connection {}. {}", view.removal.by, moment(at, view.now), next_step(view))
        }
        None => next_step(view),
    }
}

/// The next step from a missing connection, or a connection without valid credentials, to a working connection.
fn next_step(view: &View) -> String {
    if !view.organization.scim {
        return match &*view.organization.sign_on {
            "external" => "Something else signs people in. Activate SCIM to connect your provider.".to_owned(),
            _ => "Single sign-on works. Activate SCIM to connect your provider.".to_owned(),
        };
    }
    if view.facts.had_credentials {
        let it = view.provider.label();
        return match (view.keys.is_empty(), view.clients.is_empty()) {
            (_, true) => format!("No key is valid, so {it} is refused. Make a new key."),
            (true, false) => format!("No secret is valid, so {it} is refused. Make a new secret."),
            (false, false) => format!("No key and no secret is valid, so {it} is refused. Make a new one."),
        };
    }
    match &*view.organization.sign_on {
        "external" => "Something else signs people in. Now connect your provider.".to_owned(),
        _ => "Single sign-on works. Now connect your provider.".to_owned(),
    }
}

/// The extent of the failure. Only a refused key or address stops everything.
fn failing(view: &View) -> String {
    let facts = &view.facts;
    if facts.is_refused() {
        return format!("We refuse {}: nothing is created, changed or deactivated.", view.provider.label());
    }
    let is_ours = facts.findings.iter().any(|finding| finding.fault.cause == Cause::Ours);
    let verb = if is_ours { "refused or failed" } else { "refused" };
    match facts.runs.first().filter(|run| run.failures > 0) {
        None => format!("The last request was {verb}."),
        Some(run) if run.requests <= 1 => format!("The last request was {verb}."),
        Some(run) if run.failures >= run.requests => {
            format!("All of the last {} requests were {verb}.", grouped(run.requests))
        }
        Some(run) => {
            let (failures, requests) = (grouped(run.failures), grouped(run.requests));
            let were = if run.failures == 1 { "was" } else { "were" };
            let share = percent(run.failures, run.requests);
            format!("{failures} of the last {requests} requests {were} {verb}, {share}. The others were done as usual.")
        }
    }
}

fn facts(view: &View) -> Vec<Number> {
    let View { facts, provider, frame, now, .. } = view;
    let mut all = Vec::new();
    if provider.has_cycles() {
        let next = facts.next_cycle(*now);
        let value = next.map_or_else(|| "when something changes".to_owned(), |at| format!("about {}", clock(at)));
        all.push(Number { label: "Next cycle".to_owned(), value, more: String::new() });
    }
    let waiting = if frame.unassigned > 0 { format!("{} unassigned", frame.unassigned) } else { String::new() };
    let label = match provider {
        IdentityProvider::Other => "People from your provider".to_owned(),
        named => format!("People from {}", named.label()),
    };
    all.push(Number { label, value: grouped(u64::try_from(facts.people).unwrap_or(0)), more: waiting });
    let label = format!("Requests, {} hours", connection::HOURS);
    all.push(Number { label, value: grouped(facts.requests), more: String::new() });
    all.push(Number {
        label: "Refused or failed".to_owned(),
        value: grouped(facts.failures),
        more: percent(facts.failures, facts.requests),
    });
    all
}

fn quarantine(view: &View) -> Option<Quarantine> {
    let numbers = view.facts.numbers(view.now);
    let at_once = view.facts.is_refused();
    let share = (!at_once && numbers.requests > 0).then(|| numbers.share());
    let counted = format!("{} failed in the largest cycle", grouped(numbers.failures));
    let (title, sentence, tag) = match view.facts.risk(view.now) {
        Risk::None => return None,
        Risk::Small => (
            "Not close to quarantine",
            format!(
                "Entra pauses when about {}% of its requests fail, and not below about {} failures. Each failed one is \
                 tried again in later cycles.",
                quarantine::SHARE,
                grouped(quarantine::FEWEST)
            ),
            counted,
        ),
        Risk::Near => (
            "Close to quarantine",
            format!(
                "Entra pauses your provisioning when about {}% of its requests fail, or about {} of them. It calls this \
                 quarantine.",
                quarantine::SHARE,
                grouped(quarantine::MOST)
            ),
            counted,
        ),
        Risk::Reached if at_once => (
            "Entra pauses now",
            "Entra pauses at once when its key is refused or the address is wrong. It calls this quarantine."
                .to_owned(),
            "At once".to_owned(),
        ),
        Risk::Reached => (
            "Entra pauses now",
            "So much fails that Entra has probably paused your provisioning. It calls this quarantine.".to_owned(),
            counted,
        ),
        Risk::TurnedOff => {
            let since = view.facts.failing_since().map_or_else(String::new, |since| on_day(since, view.now));
            (
                "Entra has turned provisioning off",
                format!(
                    "Requests fail since {since}, and after about {} days of quarantine Entra turns provisioning off.",
                    quarantine::DAYS
                ),
                "Turned off".to_owned(),
            )
        }
    };
    Some(Quarantine { title, sentence, tag, share })
}

/// A number with commas: `1,203`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share in percent with one digit: `0.6%`.
fn percent(part: u64, of: u64) -> String {
    match part.saturating_mul(1_000).saturating_add(of / 2).checked_div(of) {
        Some(_) if part == 0 => String::new(),
        None => String::new(),
        Some(0) => "under 0.1%".to_owned(),
        Some(permille) => format!("{}.{}%", permille / 10, permille % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        for (number, text) in [(0, "0"), (999, "999"), (1_203, "1,203"), (40_000, "40,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        for (part, of, text) in [
            (0, 0, ""),
            (0, 9, ""),
            (7, 1_203, "0.6%"),
            (1, 11, "9.1%"),
            (2, 3, "66.7%"),
            (1, 2_000, "0.1%"),
            (1, 9_000, "under 0.1%"),
            (9, 9, "100.0%"),
        ] {
            assert_eq!(percent(part, of), text, "{part} of {of}");
        }
    }
}
