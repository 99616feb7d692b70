//! A list of 10,000 users in memory: filter, sort, page and projection.

use std::hint::black_box;

use scim_core_peers::{inputs::users, ours::Host};
use serde_json::Value;

use crate::{
    contest::Contest,
    references::{json::same, typed},
    report::Report,
};

const USERS: usize = 10_000;
const TARGET: &str = "/Users?filter=userType%20eq%20%22Employee%22%20and%20active%20eq%20true&sortBy=userName&startIndex=101&count=100&attributes=userName,emails";

pub(super) fn run(report: &mut Report) {
    let host = Host::default();
    let typed: Vec<typed::User> = users(USERS)
        .into_iter()
        .map(|user| {
            let id = host.create("/Users", &user.body);
            let shown = host.send("GET", &format!("/Users/{id}"), "");
            serde_json::from_slice(&shown.body).expect("a user")
        })
        .collect();
    let list = || {
        let response = host.send("GET", black_box(TARGET), "");
        assert_eq!(response.status, 200);
        response.body
    };
    check(&list(), &typed::page(&typed));
    report.contest("list", Contest::new(1).ours(list).limit(|| typed::page(black_box(&typed))).run());
}

fn check(shown: &[u8], expected: &[u8]) {
    let [shown, expected]: [Value; 2] = [shown, expected].map(|json| serde_json::from_slice(json).expect("JSON"));
    for name in ["totalResults", "startIndex", "itemsPerPage"] {
        assert_eq!(shown[name], expected[name], "{name}");
    }
    let [shown, expected] = [&shown, &expected].map(|list| list["Resources"].as_array().expect("a list"));
    assert_eq!((shown.len(), expected.len()), (100, 100));
    assert!(shown.iter().zip(expected).all(|(shown, expected)| same(shown, expected)));
}
