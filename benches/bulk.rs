//! The cost of a bulk request: 100, 1,000 and 10,000 creations with nine references each, all to resources created
//! later in the request, and creations in bulk compared with single requests.
//!
//! `cargo bench --bench bulk`. Every response is checked.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::allow_attributes,
    reason = "a benchmark that panics has found a wrong answer"
)]

mod measure;

use std::{
    pin::pin,
    task::{Context as Task, Poll, Waker},
};

use measure::{compare, report};
use scim_core::{
    limits::Limits,
    protocol::{Request, Response},
    provider::ServiceProvider,
    schema::Registry,
    store::{MemoryStore, RequestContext, TenantId},
};

const REFERENCES: usize = 9;

fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Task::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a store in memory waits for nothing"),
    }
}

fn provider() -> ServiceProvider<MemoryStore> {
    let mut limits = Limits::default();
    limits.bulk_operations = 10_000;
    limits.bulk_payload = 64 << 20;
    let builder = ServiceProvider::builder(Registry::standard(), MemoryStore::new(), "https://example.com");
    builder.limits(limits).build().expect("complete")
}

/// A request that creates `count` groups. The members of each group are the nine groups after it.
fn groups(count: usize) -> String {
    let operation = |n: usize| {
        let members = (n + 1..count.min(n + 1 + REFERENCES)).map(|m| format!(r#"{{"value":"bulkId:g{m}"}}"#));
        let members = members.collect::<Vec<_>>().join(",");
        format!(
            r#"{{"method":"POST","path":"/Groups","bulkId":"g{n}","data":{{"displayName":"Group {n}","members":[{members}]}}}}"#
        )
    };
    bulk((0..count).map(operation))
}

fn bulk(operations: impl Iterator<Item = String>) -> String {
    let operations = operations.collect::<Vec<_>>().join(",");
    format!(r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{operations}]}}"#)
}

fn user(n: usize) -> String {
    format!(
        r#"{{"userName":"user{n}","name":{{"givenName":"Given {n}"}},"emails":[{{"value":"user{n}@example.com"}}]}}"#
    )
}

fn send(provider: &ServiceProvider<MemoryStore>, target: &str, body: &str) -> Response {
    let context = RequestContext::new(TenantId::single());
    now(provider.handle(&context, &Request::new("POST", target).with_body(body.as_bytes())))
}

/// Checks that every operation succeeded.
fn check(response: &Response, count: usize) {
    let answer: serde_json::Value = serde_json::from_slice(&response.body).expect("JSON");
    let outcomes = answer["Operations"].as_array().expect("a list");
    assert_eq!(outcomes.len(), count);
    assert!(outcomes.iter().all(|outcome| outcome["status"] == "201"));
}

fn check_members(provider: &ServiceProvider<MemoryStore>, count: usize) {
    let context = RequestContext::new(TenantId::single());
    let expected = count * REFERENCES - (1..=REFERENCES).sum::<usize>();
    let (mut found, mut start) = (0, 1);
    while start <= count {
        let target = format!("/Groups?count=1000&startIndex={start}");
        let response = now(provider.handle(&context, &Request::new("GET", &target)));
        let answer: serde_json::Value = serde_json::from_slice(&response.body).expect("JSON");
        let groups = answer["Resources"].as_array().expect("a list");
        found += groups.iter().map(|group| group["members"].as_array().map_or(0, Vec::len)).sum::<usize>();
        start += groups.len();
    }
    assert_eq!(found, expected);
}

fn main() {
    let few = groups(100);
    let run = |body: &str, count: usize| {
        let provider = provider();
        let response = send(&provider, "/Bulk", body);
        assert_eq!(response.status, 200);
        (provider, response, count)
    };
    let mut comparisons = Vec::new();
    for (name, count) in
        [("per creation, 1,000 in one request / 100", 1_000), ("per creation, 10,000 in one request / 100", 10_000)]
    {
        let body = groups(count);
        let (checked, response, _) = run(&body, count);
        check(&response, count);
        check_members(&checked, count);
        // Both sides make the same number of creations.
        comparisons.push(compare(
            name,
            2.0,
            count,
            || run(&body, count),
            || (0..count / 100).map(|_| run(&few, 100)).collect::<Vec<_>>(),
        ));
    }
    let users =
        bulk((0..1_000).map(|n| format!(r#"{{"method":"POST","path":"/Users","bulkId":"u{n}","data":{}}}"#, user(n))));
    let single: Vec<String> = (0..1_000).map(user).collect();
    check(&send(&provider(), "/Bulk", &users), 1_000);
    comparisons.push(compare(
        "a user created in bulk / by its own request",
        1.5,
        1_000,
        || run(&users, 1_000),
        || {
            let provider = provider();
            for body in &single {
                assert_eq!(send(&provider, "/Users", body).status, 201);
            }
            provider
        },
    ));
    report("Bulk, nine references a group", &comparisons);
}
