//! New users: from the request body to the response.

use std::hint::black_box;

use scim_core_peers::{
    inputs::{BASE, ENTERPRISE, users},
    ours::Ours,
};
use serde_json::Value;

use crate::{
    allocations::{allocations, typical},
    contest::Contest,
    peers::{self, READER},
    references::json::{round_trip, same, tree},
    report::Report,
};

const USERS: usize = 200;

pub(super) fn run(report: &mut Report) {
    let ours = Ours::default();
    let bodies: Vec<String> = users(USERS).into_iter().map(|user| user.body).collect();
    for body in &bodies {
        check(&ours, body);
    }
    if report.wants("create") {
        let mut out = Vec::with_capacity(4_096);
        let mut contest = Contest::new(USERS)
            .ours(|| {
                for body in &bodies {
                    out.clear();
                    ours.create(black_box(body), &mut out);
                }
            })
            .limit(|| bodies.iter().map(|body| black_box(round_trip(body)).len()).sum::<usize>());
        if bodies.iter().all(|body| is_created_by_peer(body)) {
            contest = contest.peer(READER, || {
                bodies.iter().map(|body| black_box(peers::create(body)).map_or(0, |user| user.len())).sum::<usize>()
            });
        }
        report.contest("create", contest.run());
    }
    let mut out = Vec::with_capacity(4_096);
    let counts = bodies.iter().map(|body| {
        out.clear();
        allocations(|| ours.create(body, &mut out))
    });
    report.allocations("create/allocations", typical(counts));
}

/// Checks that the response has all that the request has, and the derived attributes.
fn check(ours: &Ours, body: &str) {
    let mut out = Vec::new();
    ours.create(body, &mut out);
    let mut shown: Value = serde_json::from_slice(&out).expect("JSON");
    let reference = shown[ENTERPRISE]["manager"].as_object_mut().expect("an object").remove("$ref");
    assert!(reference.is_some_and(|reference| reference.as_str().is_some_and(|url| url.starts_with(BASE))));
    assert!(shown.as_object_mut().expect("an object").remove("meta").is_some());
    assert!(same(&shown, &tree(body)), "{body}");
}

/// Whether the other crate accepts the user, and loses nothing of it. It may add empty lists.
fn is_created_by_peer(body: &str) -> bool {
    let Some(shown) = peers::create(body) else { return false };
    let shown: Value = serde_json::from_slice(&shown).expect("JSON");
    let sent = tree(body);
    let sent = sent.as_object().expect("an object");
    sent.iter().all(|(name, value)| &shown[name] == value)
}
