//! Sequences on hosts that have registered fewer attributes than the identity provider can send: the attributes that
//! are left out, the expectations that still apply, and the expectations that do not.

use crate::fixture::host::{ENTERPRISE, USER, host_with, now};
use crate::fixture::small_host::{registry, replay, replay_over, right, small, small_user, standard, text};
use scim_core::{
    limits::Limits,
    quirks::{Quirk, Quirks},
    schema::{Attribute, AttributeType, Schema, Uniqueness},
    store::MemoryStore,
    testkit::{Replayed, SchemaSource, Traffic, TrafficResponse, Verdict},
};
use serde_json::{Value as Json, json};

fn ids<'a>(steps: impl Iterator<Item = &'a Replayed>) -> Vec<&'a str> {
    steps.map(|step| step.step().id()).collect()
}

fn left_out(step: &Replayed) -> Vec<&str> {
    step.left_out().collect()
}

const OKTA_NOT_APPLICABLE: [&str; 5] =
    ["password", "enterprise-attribute", "groups-of-user", "update-member", "groups-of-leaver"];

#[test]
fn okta_passes_on_a_small_host() {
    let replay = replay(&Traffic::okta(), &small(Quirks::okta()));
    assert!(replay.is_passed(), "{replay}");
    assert_eq!(ids(replay.not_applicable()), OKTA_NOT_APPLICABLE);
    let create = replay.iter().find(|step| step.step().id() == "create").unwrap();
    assert_eq!((create.verdict(), left_out(create)), (&Verdict::Passed, vec!["locale", "emails"]));
}

#[test]
fn entra_passes_on_a_small_host() {
    let replay = replay(&Traffic::entra(), &small(Quirks::entra()));
    assert!(replay.is_passed(), "{replay}");
    let expected = [
        "match-mail",
        "add-to-lists",
        "add-to-lists-again",
        "mail-type-first",
        "mail-value-later",
        "add-role",
        "change-role",
        "add-packed-roles",
        "add-packed-roles-again",
        "replace-missing",
        "remove-phone",
        "department",
        "three-mails",
        "extension-object",
        "unknown-path",
        "order-of-operations",
        "manager",
        "manager-probe",
        "manager-probe-reversed",
        "manager-list",
        "manager-reference",
        "manager-emptied",
        "manager-probe-none",
        "manager-again",
        "manager-removed",
        "manager-short-path",
        "manager-key",
    ];
    assert_eq!(ids(replay.not_applicable()), expected);
    let keys = replay.iter().find(|step| step.step().id() == "path-keys").unwrap();
    assert_eq!(
        (keys.verdict(), left_out(keys)),
        (&Verdict::Passed, vec![&*format!("{ENTERPRISE}:department"), "emails"])
    );
}

/// Every expectation applies to a standard host. For a small host each step passes or has a reason.
#[test]
fn standard_hosts_are_held_to_everything() {
    for traffic in Traffic::all() {
        let (small, full) = (replay(&traffic, &small(Quirks::entra())), replay(&traffic, &standard(Quirks::entra())));
        for (small, full) in small.iter().zip(full.iter()) {
            assert_eq!((full.verdict(), left_out(full)), (&Verdict::Passed, Vec::new()), "{full}");
            match small.verdict() {
                Verdict::NotApplicable(reason) => assert!(reason.contains("unregistered attributes: "), "{small}"),
                verdict => assert_eq!(verdict, &Verdict::Passed, "{small}"),
            }
        }
    }
}

/// A PUT that changes unregistered attributes only has no effect: the version stays, and an old version is no conflict.
#[test]
fn two_attributes_are_enough() {
    let user = || {
        Schema::new(USER, "User")
            .with_attribute(text("userName").required().with_uniqueness(Uniqueness::Server))
            .with_attribute(Attribute::new("active", AttributeType::Boolean))
    };
    for traffic in Traffic::all() {
        let quirks = Quirks::entra().union(Quirks::okta());
        let host = host_with(registry(user(), true), MemoryStore::new(), Limits::default(), quirks);
        let replay = replay(&traffic, &host);
        assert!(replay.is_passed(), "{replay}");
    }
}

/// The identity provider does not know which attributes a host has: the requests are the same.
#[test]
fn requests_do_not_depend_on_the_schema() {
    for (traffic, quirks) in [(Traffic::okta(), Quirks::okta()), (Traffic::entra(), Quirks::entra())] {
        let (small, full) = (replay(&traffic, &small(quirks)), replay(&traffic, &standard(quirks)));
        let mut compared = 0;
        for (small, full) in small.iter().zip(full.iter()) {
            let sent = |step: &Replayed| step.exchanges()[0].request().clone();
            // A body that echoes an answer has the attributes of the answer.
            if sent(full).method != "PUT" {
                assert_eq!(sent(small), sent(full));
                compared += 1;
            }
        }
        assert!(compared > 70, "{compared}");
    }
}

#[test]
fn registry_and_discovery_give_the_same_verdicts() {
    for traffic in Traffic::all() {
        for host in [small, standard] {
            let (inside, outside) = (host(Quirks::entra()), host(Quirks::entra()));
            let inside = replay(&traffic, &inside);
            let outside = replay_over(&traffic, |request| right(&outside, request));
            assert_eq!(inside.schema_source(), &SchemaSource::Registry);
            assert_eq!(outside.schema_source(), &SchemaSource::Discovery);
            for (inside, outside) in inside.iter().zip(outside.iter()) {
                assert_eq!(inside.verdict(), outside.verdict(), "{}", traffic.name());
                assert_eq!(left_out(inside), left_out(outside), "{}: {outside}", traffic.name());
            }
        }
    }
}

#[test]
fn group_steps_are_not_applicable_without_groups() {
    let users_only = || host_with(registry(small_user(), false), MemoryStore::new(), Limits::default(), Quirks::okta());
    let traffic = Traffic::okta();
    let inside = replay(&traffic, &users_only());
    let host = users_only();
    let outside = replay_over(&traffic, |request| right(&host, request));
    for replay in [inside, outside] {
        assert!(replay.is_passed(), "{replay}");
        for step in replay.iter().filter(|step| step.step().target().starts_with("/Groups")) {
            let Verdict::NotApplicable(reason) = step.verdict() else { panic!("{step}") };
            let sent = "no resource type is registered at /Groups";
            assert!(
                if step.exchanges().is_empty() { reason.starts_with("it needs {") } else { reason == sent },
                "{step}"
            );
        }
    }
    // A server error is a fault of any host.
    let replay = replay_over(&traffic, |request| {
        if request.target.starts_with("/Groups") { TrafficResponse::new(500) } else { right(&host, request) }
    });
    assert_eq!(ids(replay.failed()).first(), Some(&"test-groups"));
}

#[test]
fn a_report_names_what_it_leaves_out() {
    let replay = replay(&Traffic::okta(), &small(Quirks::okta()));
    let text = replay.to_string();
    let lines: Vec<&str> = text.lines().collect();
    let all = replay.iter().len();
    assert_eq!(
        lines[0],
        format!("Okta, run 1: {all} steps, {} passed, 0 failed, 0 skipped, 5 not applicable", all - 5)
    );
    assert_eq!(lines[1], "the attributes are those of the registry");
    for line in [
        "    not checked, since not registered: locale, emails",
        "    not applicable: it writes only unregistered attributes: password",
        "    not applicable: it looks only at unregistered attributes: title, groups",
    ] {
        assert!(lines.contains(&line), "expected {line}: {text}");
    }
    // A report has sentences, and no numbers that only the authors of this crate know.
    for traffic in Traffic::all() {
        let text = replay_over(&traffic, |_| TrafficResponse::new(500)).to_string();
        for step in traffic.steps() {
            assert!(text.contains(&format!("{}: {}\n", step.id(), step.when())), "{}", step.id());
            assert!(!text.contains(&format!("[{}", step.from().next().unwrap())), "{}", step.id());
        }
    }
}

/// Each condition keeps the part about registered attributes.
#[test]
fn conditions_are_about_registered_members_only() {
    let emails = Attribute::complex("emails", [text("value"), text("display")]).multi_valued();
    let user = small_user().with_attribute(emails).with_attribute(text("title"));
    let host = host_with(registry(user, true), MemoryStore::new(), Limits::default(), Quirks::entra());
    let emails = json!([{"value": "a@x", "type": "work", "primary": true}, {"value": "b@x", "type": "home"}]);
    let body = json!({"schemas": [USER, ENTERPRISE], "userName": "ada-{run}", "title": "Countess", "emails": emails,
                      "nickName": "A"});
    let passed = |left_out: &'static [&'static str]| (true, left_out);
    let not_applicable = |left_out: &'static [&'static str]| (false, left_out);
    let cases: Vec<(Json, (bool, &[&str]))> = vec![
        (json!({"exactly": {"/emails": emails}}), passed(&["emails.primary", "emails.type"])),
        (json!({"contains": {"/emails": [{"value": "b@x", "type": "home"}]}}), passed(&["emails.type"])),
        (json!({"contains": {"/emails": [{"type": "home"}]}}), not_applicable(&["emails.type"])),
        (json!({"exactly": {"/emails": [{"type": "work"}, {"value": "b@x"}]}}), not_applicable(&["emails.type"])),
        (json!({"without": {"/emails": [{"type": "other"}]}}), not_applicable(&["emails.type"])),
        (json!({"without": {"/emails": [{"value": "c@x"}]}}), passed(&[])),
        (json!({"count": {"/emails": 2}}), passed(&[])),
        (json!({"has": {"/emails/0/value": "a@x", "/emails/0/type": "work"}}), passed(&["emails.type"])),
        (json!({"is": {"/title": "string", "/nickName": "string"}}), passed(&["nickName"])),
        (json!({"has": {"/nickName": "A"}}), not_applicable(&["nickName"])),
        (json!({"lacks": ["/nickName"]}), not_applicable(&[])),
        (json!({"count": {"/phoneNumbers": 0}}), not_applicable(&[])),
        // No schema of the RFCs has the name, so the expectation is that no host stores it.
        (json!({"lacks": ["/shoeSize"]}), passed(&[])),
        (json!({"exactly": {"/schemas": [USER, ENTERPRISE]}, "has": {"/title": "Countess"}}), passed(&[ENTERPRISE])),
        (json!({"contains": {"/schemas": [ENTERPRISE]}}), not_applicable(&[ENTERPRISE])),
        (
            json!({"has": {"/meta/resourceType": "User"}, "is": {"/externalId": "string"}, "lacks": ["/password"]}),
            passed(&[]),
        ),
    ];
    for (index, (conditions, (applies, left_out_names))) in cases.into_iter().enumerate() {
        let mut body = body.clone();
        body["externalId"] = json!("x");
        let json = json!({"name": "own", "steps": [{
            "id": "create", "when": "A user is created.", "send": "POST /Users", "body": body,
            "expect": {"status": 201, "body": conditions}, "keep": {"nick": "/nickName", "title": "/title"},
            "otherwise": "Nothing works.",
        }, {
            "id": "keep", "when": "A kept value is used.", "send": "GET /Users?filter=title eq \"{title}\"",
            "expect": {"status": 200}, "otherwise": "Nothing works.",
        }, {
            "id": "lose", "when": "A value that was not kept is used.", "send": "GET /Users?filter=userName eq \"{nick}\"",
            "expect": {"status": 200}, "otherwise": "Nothing works.",
        }]});
        let replay = now(Traffic::from_json(&json.to_string()).unwrap().replay(
            &host.provider,
            &host.context,
            u64::try_from(index).unwrap(),
        ));
        let steps: Vec<&Replayed> = replay.iter().collect();
        assert_eq!(*steps[0].verdict() == Verdict::Passed, applies, "{conditions}: {replay}");
        assert_eq!(left_out(steps[0]), left_out_names, "{conditions}: {replay}");
        assert_eq!(steps[1].verdict(), &Verdict::Passed, "{replay}");
        let reason = "it needs {nick}, which the step 'create' cannot give here".to_owned();
        assert_eq!(steps[2].verdict(), &Verdict::NotApplicable(reason), "{replay}");
        assert!(replay.is_passed() && replay.failed().next().is_none());
    }
}

/// A failing step names the quirk that the host lacks, even if the request shows the quirk only to a host with few
/// attributes.
#[test]
fn a_failure_names_the_habits_that_a_small_host_needs() {
    let cases = [
        (Traffic::entra(), Quirk::UnknownAttribute, "create-adele"),
        (Traffic::entra(), Quirk::UnknownSchema, "create-adele"),
        (Traffic::entra(), Quirk::UnknownPath, "validator-update"),
        (Traffic::okta(), Quirk::UnknownAttribute, "create"),
    ];
    for (traffic, habit, step) in cases {
        let replay = replay(&traffic, &small(Quirks::entra().without(habit)));
        let first = replay.failed().next().unwrap();
        assert_eq!((first.step().id(), first.switched_off()), (step, Quirks::strict().with(habit)), "{first}");
        // The same host with all attributes passes the step.
        let replay = self::replay(&traffic, &standard(Quirks::entra().without(habit)));
        assert!(!ids(replay.failed()).contains(&step), "{step}");
    }
}
