//! The cost of adding one member to a group of 100 to 1,000,000 members, for the plot.

use std::hint::black_box;

use scim_core_peers::{
    inputs::{group, member_id, message, new_member},
    ours::{Host, Ours},
};

use crate::{
    contest::Contest,
    plot::Series,
    references::{json::round_trip, raw_group},
};

const SIZES: [(usize, usize); 5] = [(100, 31), (1_000, 31), (10_000, 11), (100_000, 7), (1_000_000, 3)];

/// One series for each way to change the group.
pub(crate) fn measure() -> Vec<Series> {
    let mut store = Series::new("scim-core, a request to a store in memory");
    let mut document = Series::new("scim-core, JSON to JSON");
    let mut limit = Series::new("serde_json: parse and to_vec");
    let mut raw = Series::new("members as raw slices, by hand");
    for (members, rounds) in SIZES {
        let seconds = in_store(members);
        store.push(members, seconds);
        let group = group(members);
        let stored = group.stored.as_str();
        let add = message(&format!(r#"{{"op":"add","path":"members","value":[{}]}}"#, new_member(&member_id(members))));
        let ours = Ours::default();
        let contest = |work: &dyn Fn() -> Vec<u8>| {
            let contest = if members < 10_000 { Contest::new(1) } else { Contest::new(1).single_calls(rounds) };
            contest.ours(work).limit(|| round_trip(black_box(stored))).run()
        };
        let outcome = contest(&|| {
            let mut out = Vec::with_capacity(stored.len() + stored.len() / 8);
            ours.patch(ours.group(black_box(stored)), &add, &mut out);
            out
        });
        document.push(members, outcome.ours);
        if let Some(seconds) = outcome.limit {
            limit.push(members, seconds);
        }
        raw.push(members, contest(&|| raw_group::add(black_box(stored), &add)).ours);
        eprintln!("{members} members measured");
    }
    vec![store, document, raw, limit]
}

/// The seconds of one request that adds or removes a member of a group in memory.
fn in_store(members: usize) -> f64 {
    let (group, new) = (group(members), member_id(members));
    let (host, target) = Host::with_group(&group.stored, &[group.ids, vec![new.clone()]].concat());
    let add = message(&format!(r#"{{"op":"add","path":"members","value":[{{"value":"{new}"}}]}}"#));
    let remove = message(&format!(r#"{{"op":"remove","path":"members[value eq \"{new}\"]"}}"#));
    let send = || {
        for body in [&add, &remove] {
            let status = host.send("PATCH", &target, black_box(body)).status;
            assert!(matches!(status, 200 | 204), "{status}");
        }
    };
    let count = || {
        let query = format!("/Groups?filter=members.value%20eq%20%22{new}%22&attributes=id");
        let found = host.send("GET", &query, "");
        let found: serde_json::Value = serde_json::from_slice(&found.body).expect("JSON");
        found["totalResults"].as_u64()
    };
    host.send("PATCH", &target, &add);
    assert_eq!(count(), Some(1));
    host.send("PATCH", &target, &remove);
    assert_eq!(count(), Some(0));
    Contest::new(2).ours(send).run().ours
}
