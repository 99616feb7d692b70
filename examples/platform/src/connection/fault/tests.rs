//! Faults: from the record of a failed request to the sentence and the remedy.
#![allow(clippy::unwrap_used, clippy::allow_attributes, reason = "a test that panics has failed")]

use scim_core::bearer::TokenDigest;
use serde_json::{Value as Json, json};

use chrono::TimeDelta;

use super::*;

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// The table from the design of the pages: cause, first sentence, remedy.
#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn every_cause_has_its_sentence_and_its_remedy() {
    use IdentityProvider::{Entra, Okta, Other};
    let now = time("2026-12-14T10:00:00Z");
    let (expired, revoked) = (time("2026-12-12T00:00:00Z"), time("2026-11-03T09:00:00Z"));
    let key = || "Okta production".to_owned();
    let priya = || "priya.raman@example.com".to_owned();
    let table: [(Cause, usize, IdentityProvider, &str, &str); 15] = [
        (
            Cause::KeyExpired { key: "Entra production".to_owned(), expired },
            0,
            Entra,
            "Entra still sends the key “Entra production”, which expired on Dec 12.",
            "Make a new key and paste it into Entra.",
        ),
        (
            Cause::KeyUnknown,
            0,
            Okta,
            "Okta sends a key that we don’t know.",
            "Copy the key again as a whole, or make a new one.",
        ),
        (
            Cause::KeyRevoked { key: key(), revoked },
            0,
            Okta,
            "Okta still sends the key “Okta production”, which was revoked on Nov 3.",
            "Paste a valid key into Okta.",
        ),
        (
            Cause::KeyRevoked { key: key(), revoked },
            0,
            Other,
            "Your provider still sends the key “Okta production”, which was revoked on Nov 3.",
            "Paste a valid key into your provider.",
        ),
        (
            Cause::WrongAddress,
            0,
            Entra,
            "Entra asks for an address that we don’t have.",
            "Copy the SCIM URL into Entra again. It ends in /v2.",
        ),
        (
            Cause::TakenByHand { user_name: priya() },
            31,
            Entra,
            "31 people already have an account that was made by hand.",
            "Remove that account, or take the person out of the application.",
        ),
        (
            Cause::TakenByHand { user_name: priya() },
            1,
            Entra,
            "priya.raman@example.com already has an account that was made by hand.",
            "Remove that account, or take the person out of the application.",
        ),
        (
            Cause::TakenByScim { user_name: "lena.fischer".to_owned() },
            0,
            Entra,
            "Entra asks to create lena.fischer, who is here already.",
            "In Entra, run Provision on demand for this person; it then finds the account.",
        ),
        (
            Cause::ValueMissing { attribute: "userName".to_owned() },
            4,
            Okta,
            "4 people have no user name in Okta.",
            "In Okta’s mapping, choose a source for userName.",
        ),
        (
            Cause::ValueMissing { attribute: "displayName".to_owned() },
            0,
            Entra,
            "A request has no displayName from Entra.",
            "In Entra’s mapping, choose a source for displayName.",
        ),
        (
            Cause::Gone { group: false },
            0,
            Entra,
            "Entra changes a person that we no longer have.",
            "In Entra, restart provisioning.",
        ),
        (
            Cause::Gone { group: true },
            0,
            Okta,
            "Okta changes a group that we no longer have.",
            "In Okta, push the group again.",
        ),
        (
            Cause::GroupNameTaken { name: "Legal".to_owned() },
            0,
            Entra,
            "A group named “Legal” is here already.",
            "Rename one of them in Entra.",
        ),
        (
            Cause::Refused { detail: "emails: expected a list".to_owned() },
            0,
            Other,
            "Your provider sends requests that we refuse.",
            "Open the log to see each request, then correct the mapping in your provider.",
        ),
        (Cause::Ours, 0, Okta, "Our database was busy.", "Nothing; Okta tries again. If it lasts, tell the operator."),
    ];
    for (cause, count, provider, sentence, remedy) in table {
        let fault = Fault { at: now, count, key: None, cause };
        let advice = fault.advice(provider, now);
        assert_eq!((&*advice.sentence, &*advice.remedies.concat()), (sentence, remedy), "{fault:?}");
    }
}

fn noted(status: u16, [scim_type, kind, name]: &[Json; 3], detail: &str) -> Cause {
    let note = json!({
        "status": status, "scimType": scim_type, "detail": detail, "caller": "key", "operation": "POST /Users",
        "kind": kind, "name": name, "time": 1_700_000_000_000_i64,
    });
    let fault = Fault::read(&note.to_string()).unwrap();
    assert_eq!(fault.at.timestamp_millis(), 1_700_000_000_000);
    fault.cause
}

#[test]
fn the_note_of_a_request_tells_its_cause() {
    let (user, group, none) = (|| json!("User"), || json!("Group"), || Json::Null);
    let required = "`userName` is required and has no value";
    for (status, words, detail, expected) in [
        (401, [none(), none(), none()], "no key", Cause::KeyUnknown),
        (404, [none(), none(), none()], "no such path", Cause::WrongAddress),
        (404, [none(), user(), none()], "gone", Cause::Gone { group: false }),
        (404, [none(), group(), none()], "gone", Cause::Gone { group: true }),
        (409, [json!("uniqueness"), user(), json!("ann")], "taken", Cause::TakenByScim { user_name: "ann".to_owned() }),
        (409, [json!("uniqueness"), group(), json!("Law")], "taken", Cause::GroupNameTaken { name: "Law".to_owned() }),
        (409, [json!("uniqueness"), user(), none()], "taken", Cause::Refused { detail: "taken".to_owned() }),
        (
            400,
            [json!("invalidValue"), user(), none()],
            required,
            Cause::ValueMissing { attribute: "userName".to_owned() },
        ),
        (400, [json!("invalidValue"), user(), none()], "bad", Cause::Refused { detail: "bad".to_owned() }),
        (429, [none(), user(), none()], "too many", Cause::Refused { detail: "too many".to_owned() }),
        (500, [none(), user(), none()], "failed", Cause::Ours),
        (503, [none(), none(), none()], "busy", Cause::Ours),
    ] {
        assert_eq!(noted(status, &words, detail), expected, "{status} {detail}");
    }
    assert_eq!(Fault::read("a text of a later version"), None);
}

#[test]
fn the_key_that_has_ended_is_named() {
    let (before, at) = (time("2026-11-24T09:00:00Z"), time("2026-11-24T10:00:00Z"));
    let key = |name: &str, expires: Option<DateTime<Utc>>, revoked: Option<DateTime<Utc>>| {
        let key = Key::new(&crate::directory::OrganizationName::demo(), name, TokenDigest::of(name));
        Key { expires, revoked, ..key }
    };
    let keys = [
        key("valid", None, None),
        key("expired", Some(before), None),
        key("revoked", Some(at + TimeDelta::days(9)), Some(before)),
    ];
    let expired = || Cause::KeyExpired { key: "expired".to_owned(), expired: before };
    let revoked = || Cause::KeyRevoked { key: "revoked".to_owned(), revoked: before };
    for (sent, expected) in [
        (None, Cause::KeyUnknown),
        (Some("gone"), Cause::KeyUnknown),
        (Some("valid"), Cause::KeyUnknown),
        (Some("expired"), expired()),
        (Some("revoked"), revoked()),
    ] {
        let digest = sent.map(|name| TokenDigest::of(name).to_string());
        let mut fault = Fault { at, count: 0, key: digest, cause: Cause::KeyUnknown };
        fault.name_key(&keys);
        assert_eq!(fault.cause, expected, "{sent:?}");
    }
}
