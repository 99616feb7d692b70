//! The state of the connection that follows from given facts.
#![allow(clippy::unwrap_used, clippy::allow_attributes, reason = "a test that panics has failed")]

use super::*;

fn at(text: &str) -> DateTime<Utc> {
    format!("2026-11-24T{text}:00Z").parse().unwrap()
}

fn run(started: &str, requests: u64, failures: u64) -> Run {
    Run { started: at(started), requests, failures }
}

/// A working organization: SCIM is on, the provider has a key and has called.
fn working(identity_provider: IdentityProvider) -> Facts {
    Facts {
        has_credentials: true,
        had_credentials: true,
        last: Some(at("10:20")),
        worked: Some(at("10:20")),
        runs: vec![run("10:20", 29, 0), run("09:40", 31, 0)],
        ..Facts::new(identity_provider, true, true)
    }
}

fn fault(cause: Cause) -> Fault {
    Fault { at: at("10:20"), count: 1, key: None, cause }
}

#[test]
fn every_state_follows_from_the_facts() {
    use IdentityProvider::{Entra, Okta, Other};
    let (now, since) = (at("10:24"), at("01:00"));
    let bare = |scim, has_sign_on| Facts::new(Other, scim, has_sign_on);
    let failing = |provider, runs: Vec<Run>| Facts { failing: Some(since), runs, ..working(provider) };
    let table = [
        ("no single sign-on", bare(false, false), State::NotAvailable),
        ("never turned on", bare(false, true), State::NotConnected),
        ("on, without a key", bare(true, true), State::NotConnected),
        ("turned off", Facts { scim: false, ..working(Okta) }, State::Off),
        (
            "turned off before the first request",
            Facts { had_credentials: true, has_credentials: true, ..bare(false, true) },
            State::Off,
        ),
        ("turned off while it failed", Facts { scim: false, ..failing(Okta, vec![run("10:20", 9, 9)]) }, State::Off),
        (
            "a key, and no request",
            Facts { has_credentials: true, had_credentials: true, ..bare(true, true) },
            State::Waiting,
        ),
        ("it works", working(Entra), State::Connected { last: at("10:20") }),
        (
            "silence is no failure",
            Facts { last: Some(at("00:00") - TimeDelta::days(90)), runs: Vec::new(), ..working(Entra) },
            State::Connected { last: at("00:00") - TimeDelta::days(90) },
        ),
        (
            "no key is valid any more, and nobody calls",
            Facts { has_credentials: false, ..working(Okta) },
            State::NotConnected,
        ),
        (
            "the provider still sends an expired key",
            Facts {
                has_credentials: false,
                failing: Some(since),
                fault: Some(fault(Cause::KeyExpired { key: "first".to_owned(), expired: since })),
                ..working(Okta)
            },
            State::Failing { since },
        ),
        (
            "one refused request of a cycle",
            failing(Entra, vec![run("10:20", 29, 1), run("09:40", 31, 0)]),
            State::Connected { last: at("10:20") },
        ),
        ("a third of a cycle", failing(Entra, vec![run("10:20", 90, 31)]), State::Failing { since }),
        ("the last run is clean", failing(Okta, vec![run("10:20", 5, 0)]), State::Connected { last: at("10:20") }),
        ("the only request fails", failing(Okta, vec![run("10:20", 1, 1)]), State::Failing { since }),
        (
            "no run is known, and nothing worked since",
            Facts { worked: Some(at("00:30")), ..failing(Other, Vec::new()) },
            State::Failing { since },
        ),
        (
            "a third of a cycle, and its last request worked",
            Facts {
                failing: None,
                ..failing(Entra, vec![run("10:20", 90, 31), run("09:40", 90, 31), run("09:00", 9, 0)])
            },
            State::Failing { since: at("09:40") },
        ),
        (
            "a few of a cycle, and the last request worked",
            Facts { failing: None, ..failing(Entra, vec![run("10:20", 9, 9)]) },
            State::Connected { last: at("10:20") },
        ),
        (
            "without cycles the last request counts",
            Facts { failing: None, ..failing(Okta, vec![run("10:20", 90, 31)]) },
            State::Connected { last: at("10:20") },
        ),
        (
            "a stranger tries a key",
            Facts { failing: Some(at("10:20")), fault: Some(fault(Cause::KeyUnknown)), ..working(Okta) },
            State::Connected { last: at("10:20") },
        ),
        (
            "the first test with a wrong key",
            Facts { worked: None, failing: Some(at("10:20")), fault: Some(fault(Cause::KeyUnknown)), ..working(Okta) },
            State::Failing { since: at("10:20") },
        ),
        ("close to quarantine", failing(Entra, vec![run("10:20", 12_000, 4_500)]), State::CloseToQuarantine { since }),
        ("the limit is reached", failing(Entra, vec![run("10:20", 12_000, 5_500)]), State::Failing { since }),
        ("only Entra has quarantine", failing(Okta, vec![run("10:20", 12_000, 4_500)]), State::Failing { since }),
        (
            "credentials count at once",
            Facts { fault: Some(fault(Cause::KeyUnknown)), ..failing(Entra, vec![run("10:20", 29, 0)]) },
            State::Failing { since },
        ),
    ];
    for (name, facts, expected) in table {
        assert_eq!(state(&facts, now), expected, "{name}");
    }
}

#[test]
fn the_risk_follows_from_the_largest_cycle_of_a_day() {
    let now = at("10:24");
    let facts = |runs: Vec<Run>| Facts { failing: Some(at("01:00")), runs, ..working(IdentityProvider::Entra) };
    let old = Run { started: now - TimeDelta::days(1), requests: 9_000, failures: 9_000 };
    assert_eq!(facts(vec![run("10:20", 29, 5), old]).risk(now), Risk::Small);
    assert_eq!(facts(vec![run("10:20", 29, 5), run("09:40", 9_000, 9_000)]).risk(now), Risk::Reached);
    assert_eq!(Facts { failing: None, ..facts(vec![run("09:40", 9_000, 0)]) }.risk(now), Risk::None);
    let refused = Facts { fault: Some(fault(Cause::WrongAddress)), ..facts(Vec::new()) };
    assert_eq!(refused.risk(now), Risk::Reached);
    assert_eq!(Facts { failing: Some(now - TimeDelta::days(28)), ..refused }.risk(now), Risk::TurnedOff);
}

#[test]
fn the_next_cycle_follows_the_beat_of_the_last_one() {
    use IdentityProvider::{Entra, Okta};
    for (provider, last, expected) in [
        (Entra, Some(at("10:20")), Some(at("11:00"))),
        (Entra, Some(at("09:40")), Some(at("11:00"))),
        (Entra, Some(at("09:44")), Some(at("11:04"))),
        (Entra, Some(at("10:24") - TimeDelta::days(1)), None),
        (Entra, None, None),
        (Okta, Some(at("10:20")), None),
    ] {
        let runs = last.into_iter().map(|started| Run { started, requests: 1, failures: 0 }).collect();
        let facts = Facts { runs, ..working(provider) };
        assert_eq!(facts.next_cycle(at("10:24")), expected, "{provider:?} {last:?}");
    }
}
