//! A PATCH of a user, from JSON to JSON.

use std::hint::black_box;

use scim_core_peers::{
    inputs::{PATCHES, users},
    ours::Ours,
};
use serde_json::Value;

use crate::{
    contest::{Contest, geometric_mean},
    references::json::{patch, round_trip, same, tree},
    report::Report,
};

const USERS: usize = 100;

pub(super) fn run(report: &mut Report) {
    let ours = Ours::default();
    // Each patch changes an active user.
    let users: Vec<String> =
        users(2 * USERS).into_iter().filter(|user| user.is_active).map(|user| user.stored).take(USERS).collect();
    assert_eq!(users.len(), USERS);
    let mut ratios = Vec::new();
    for input in PATCHES {
        let message = input.body();
        for stored in &users {
            let (mut out, mut expected) = (Vec::new(), tree(stored));
            ours.patch(ours.user(stored), &message, &mut out);
            patch(input.name, &mut expected);
            let shown: Value = serde_json::from_slice(&out).expect("JSON");
            assert!(same(&shown, &expected), "{}: {shown} {expected}", input.name);
        }
        if !(report.wants(input.name) || report.wants("patch/geomean")) {
            continue;
        }
        let mut out = Vec::with_capacity(4_096);
        let outcome = Contest::new(USERS)
            .ours(|| {
                for stored in &users {
                    out.clear();
                    ours.patch(ours.user(black_box(stored)), black_box(&message), &mut out);
                }
            })
            .limit(|| {
                for stored in &users {
                    black_box(tree(black_box(&message)));
                    black_box(round_trip(black_box(stored)));
                }
            })
            .run();
        ratios.extend(outcome.ratio);
        report.contest(input.name, outcome);
    }
    report.mean("patch/geomean", geometric_mean(&ratios), None);
}
