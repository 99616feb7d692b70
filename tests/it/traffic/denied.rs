//! Faulty hosts that have registered few attributes, or that deny registered attributes.

use crate::fixture::host::{ENTERPRISE, USER};
use crate::fixture::small_host::{Memory, altered, refusal, replay_over, right, small, standard};
use scim_core::{
    quirks::Quirks,
    testkit::{SchemaSource, Traffic, TrafficRequest, TrafficResponse},
};
use serde_json::json;

/// The answer; `/Schemas` lacks an attribute of users that the host really has.
fn denies(host: &Memory, request: &TrafficRequest, name: &str) -> TrafficResponse {
    let answer = right(host, request);
    if request.target != "/Schemas" || answer.status() != 200 {
        return answer;
    }
    altered(&answer, |body| {
        for schema in body["Resources"].as_array_mut().unwrap().iter_mut().filter(|schema| schema["id"] == USER) {
            schema["attributes"].as_array_mut().unwrap().retain(|attribute| attribute["name"] != name);
        }
    })
}

fn body(request: &TrafficRequest) -> String {
    String::from_utf8_lossy(&request.body).into_owned()
}

type Fault = fn(&Memory, &TrafficRequest) -> TrafficResponse;

/// Faulty hosts with few attributes, or that claim to have few: the host, the sequence and the step that finds it.
#[test]
fn broken_hosts_are_found_whatever_they_register() {
    type Case = (&'static str, fn(Quirks) -> Memory, Traffic, &'static str, Fault);
    let cases: [Case; 9] = [
        ("denies displayName and changes userName", standard, Traffic::entra(), "create-adele", |host, request| {
            let answer = denies(host, request, "displayName");
            if request.method != "POST" {
                return answer;
            }
            altered(&answer, |body| {
                body["userName"] = json!(body["userName"].as_str().unwrap_or_default().to_lowercase());
            })
        }),
        ("denies displayName and keeps leavers active", standard, Traffic::okta(), "deactivate", |host, request| {
            if request.method == "PATCH" && body(request).contains(r#""active":false"#) {
                let mut read = request.clone();
                "GET".clone_into(&mut read.method);
                read.body.clear();
                return right(host, &read);
            }
            denies(host, request, "displayName")
        }),
        (
            "lists no attributes for an extension that it names",
            standard,
            Traffic::entra(),
            "discover-schemas",
            |host, request| {
                let answer = right(host, request);
                if request.target != "/Schemas" || answer.status() != 200 {
                    return answer;
                }
                altered(&answer, |body| {
                    body["Resources"].as_array_mut().unwrap().retain(|schema| schema["id"] != ENTERPRISE);
                    body["totalResults"] = json!(body["Resources"].as_array().unwrap().len());
                })
            },
        ),
        ("lists nothing", standard, Traffic::entra(), "discover-schemas", |host, request| match &*request.target {
            "/Schemas" | "/ResourceTypes" => altered(&right(host, request), |body| {
                body["Resources"] = json!([]);
                body["totalResults"] = json!(0);
            }),
            _ => right(host, request),
        }),
        (
            "refuses an update because of one unregistered key",
            small,
            Traffic::entra(),
            "validator-update",
            |host, request| {
                let refuses = request.method == "PATCH" && body(request).contains(r#""title":"#);
                if refuses { refusal(400) } else { right(host, request) }
            },
        ),
        (
            "selects everybody by a filter that it cannot evaluate",
            small,
            Traffic::entra(),
            "match-mail",
            |host, request| {
                let mut request = request.clone();
                if request.target.contains("emails") {
                    "/Users".clone_into(&mut request.target);
                }
                right(host, &request)
            },
        ),
        ("fails on a filter that it cannot evaluate", small, Traffic::entra(), "match-mail", |host, request| {
            if request.target.contains("emails") { refusal(500) } else { right(host, request) }
        }),
        ("writes a new version for nothing", small, Traffic::entra(), "manager-list", |host, request| {
            let answer = right(host, request);
            if request.step != "manager-list" {
                return answer;
            }
            let changed = TrafficResponse::new(answer.status()).with_header("ETag", "W/\"new\"");
            let kept = answer.headers().filter(|(name, _)| *name != "ETag");
            kept.fold(changed, |changed, (name, value)| changed.with_header(name, value)).with_body(answer.bytes())
        }),
        ("stores an attribute under the text of its path", small, Traffic::entra(), "path-keys", |host, request| {
            let answer = right(host, request);
            if !body(request).contains("\"name.givenName\":\"Ad") {
                return answer;
            }
            altered(&answer, |body| body["name.givenName"] = json!("Adèle"))
        }),
    ];
    let mut wrong = Vec::new();
    for (what, host, traffic, step, fault) in cases {
        let host = host(Quirks::entra());
        let replay = replay_over(&traffic, |request| fault(&host, request));
        let first = replay.failed().next();
        if first.map(|step| step.step().id()) != Some(step) {
            wrong.push(format!(
                "{what}: expected {step}, found {}",
                first.map_or_else(String::new, ToString::to_string)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// A host can hide a fault of an attribute by denying the attribute, but the report shows the denial.
#[test]
fn denied_attributes_are_reported() {
    let host = standard(Quirks::okta());
    let replay = replay_over(&Traffic::okta(), |request| denies(&host, request, "displayName"));
    assert!(replay.is_passed(), "{replay}");
    let create = replay.iter().find(|step| step.step().id() == "create").unwrap();
    assert_eq!(create.left_out().collect::<Vec<_>>(), ["displayName"]);
    let group = replay.iter().find(|step| step.step().id() == "group-create").unwrap();
    // The groups of the same host have all their attributes.
    assert_eq!(group.left_out().len(), 0);
}

/// Without discovery every expectation applies.
#[test]
fn a_host_without_discovery_is_held_to_everything() {
    let host = small(Quirks::okta());
    let replay = replay_over(&Traffic::okta(), |request| match &*request.target {
        "/ResourceTypes" => refusal(404),
        _ => right(&host, request),
    });
    let SchemaSource::Unknown(reason) = replay.schema_source() else { panic!("{replay}") };
    assert_eq!(reason, "GET /ResourceTypes was answered with 404");
    let first = replay.failed().next().map(|step| step.step().id());
    assert_eq!((replay.not_applicable().count(), first), (0, Some("create")));
}
