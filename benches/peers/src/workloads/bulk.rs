//! Bulk requests of 1,000 and of 10,000 operations.

use std::hint::black_box;

use scim_core_peers::{inputs::bulk, ours::Host};
use serde_json::Value;

use crate::{contest::Contest, report::Report};

const FEW: usize = 1_000;
const MANY: usize = 10_000;

pub(super) fn run(report: &mut Report) {
    let (few, many) = (bulk(FEW), bulk(MANY));
    check(&few, FEW);
    check(&many, MANY);
    // Both sides execute as many operations, and keep the resources of all.
    let contest =
        Contest::long(MANY).ours(|| send(&many)).limit(|| (0..MANY / FEW).map(|_| send(&few)).collect::<Vec<_>>());
    report.contest("bulk", contest.run());
}

/// Sends the request to a service provider without resources.
fn send(body: &str) -> (Host, Vec<u8>) {
    let host = Host::default();
    let response = host.send("POST", "/Bulk", black_box(body));
    assert_eq!(response.status, 200);
    (host, response.body)
}

/// Checks that every operation creates its resource, and that each group has its nine members.
fn check(body: &str, count: usize) {
    let (host, response) = send(body);
    let response: Value = serde_json::from_slice(&response).expect("JSON");
    let outcomes = response["Operations"].as_array().expect("a list");
    assert_eq!(outcomes.len(), count);
    assert!(outcomes.iter().all(|outcome| outcome["status"] == "201"));
    let groups: Value = serde_json::from_slice(&host.send("GET", "/Groups?count=1000", "").body).expect("JSON");
    let groups = groups["Resources"].as_array().expect("a list");
    assert_eq!(groups.len(), count / 10);
    assert!(groups.iter().all(|group| group["members"].as_array().is_some_and(|members| members.len() == 9)));
}
