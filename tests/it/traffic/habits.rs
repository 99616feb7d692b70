//! Service providers that do not tolerate one quirk of an identity provider, and the step that finds each.

use crate::fixture::small_host::{Memory, altered, json, refusal, replay_over, right, standard};
use scim_core::{
    quirks::Quirks,
    testkit::{Traffic, TrafficRequest, TrafficResponse},
};
use serde_json::{Value as Json, json};

/// The answer to the request with a changed body.
fn misread(host: &Memory, request: &TrafficRequest, change: impl FnOnce(&mut Json)) -> TrafficResponse {
    let mut body = json(&request.body);
    change(&mut body);
    let mut changed = request.clone();
    changed.body = body.to_string().into_bytes();
    right(host, &changed)
}

/// The answer to the same request at another target.
fn misled(host: &Memory, request: &TrafficRequest, target: &str) -> TrafficResponse {
    let mut changed = request.clone();
    target.clone_into(&mut changed.target);
    right(host, &changed)
}

#[test]
fn habits_that_a_host_does_not_bear_are_found() {
    type Fault = fn(&Memory, &TrafficRequest) -> TrafficResponse;
    let cases: [(&str, Traffic, &str, Fault); 11] = [
        ("needs an Accept", Traffic::entra(), "test-without-headers", |host, request| {
            if request.header("Accept").is_none() { refusal(406) } else { right(host, request) }
        }),
        ("does not know the URN of the core schema", Traffic::entra(), "match-by-urn", |host, request| {
            if request.target.contains(":User:userName") { refusal(400) } else { right(host, request) }
        }),
        ("needs a value in each role", Traffic::entra(), "create-nameless-role", |host, request| {
            let roles = &json(&request.body)["roles"];
            let nameless = roles.as_array().is_some_and(|roles| roles.iter().any(|role| role["value"].is_null()));
            if nameless { refusal(400) } else { right(host, request) }
        }),
        ("stores the text of a packed role", Traffic::entra(), "add-packed-roles", |host, request| {
            let (answer, packed) = (right(host, request), json(&request.body)["Operations"][0]["value"][0].clone());
            let is_packed = packed["value"].as_str().is_some_and(|text| text.starts_with('{'));
            if is_packed { altered(&answer, |body| body["roles"][1] = packed) } else { answer }
        }),
        ("takes the old user name for taken", Traffic::entra(), "reuse-name", |host, request| {
            if json(&request.body)["displayName"] == "Alex Winter" { refusal(409) } else { right(host, request) }
        }),
        ("does not know Add for active", Traffic::entra(), "disable-add", |host, request| {
            misread(host, request, |body| {
                let operations = body["Operations"].as_array_mut().into_iter().flatten();
                for operation in
                    operations.filter(|operation| operation["op"] == "Add" && operation["path"] == "active")
                {
                    *operation = json!({"op": "Add", "path": "title", "value": "x"});
                }
            })
        }),
        ("takes an empty list for no change", Traffic::okta(), "push-empty", |host, request| {
            misread(host, request, |body| {
                let operations = body["Operations"].as_array_mut().into_iter().flatten();
                for operation in operations.filter(|operation| operation["value"] == json!([])) {
                    *operation = json!({"op": "add", "path": "members", "value": []});
                }
            })
        }),
        ("makes a user a member by its own list of groups", Traffic::okta(), "create-with-groups", |host, request| {
            let (answer, groups) = (right(host, request), json(&request.body)["groups"].clone());
            let filled = groups.as_array().is_some_and(|groups| !groups.is_empty()) && request.method == "POST";
            if filled { altered(&answer, |body| body["groups"] = groups) } else { answer }
        }),
        ("gives a resource the id that the client chose", Traffic::habits(), "group-own-id-unused", |host, request| {
            if request.target.starts_with("/Groups/own-") {
                let found = misled(host, request, "/Groups?count=1");
                return altered(&found, |body| *body = body["Resources"][0].clone());
            }
            right(host, request)
        }),
        ("compares types with case", Traffic::habits(), "find-capital-type", |host, request| {
            let target = request.target.replace("type%20eq%20%22work%22%20and", "type%20eq%20%22home%22%20and");
            misled(host, request, &target)
        }),
        ("knows no two slashes", Traffic::habits(), "two-slashes", |host, request| {
            if request.target.starts_with("//") { refusal(404) } else { right(host, request) }
        }),
    ];
    let mut wrong = Vec::new();
    for (what, traffic, step, fault) in cases {
        let host = standard(Quirks::entra());
        let replay = replay_over(&traffic, |request| fault(&host, request));
        let first = replay.failed().next();
        if first.map(|failed| failed.step().id()) != Some(step) {
            wrong.push(format!(
                "{what}: expected {step}, found {}",
                first.map_or_else(String::new, ToString::to_string)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
