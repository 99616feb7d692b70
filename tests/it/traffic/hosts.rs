//! Service providers with one fault that is common in the field, and the step that finds each.

use crate::fixture::host;
use std::{cell::Cell, convert::Infallible, task::Poll};

use crate::fixture::host::{GROUP, Host, encoded, host_with, now};
use scim_core::{
    limits::Limits,
    quirks::Quirks,
    schema::Registry,
    store::MemoryStore,
    testkit::{Replay, Traffic, TrafficRequest, TrafficResponse},
};
use serde_json::{Value as Json, json};

type Memory = Host<MemoryStore>;

fn right(host: &Memory, request: &TrafficRequest) -> TrafficResponse {
    let headers: Vec<(&str, &str)> = request.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    let reply = host.send(&request.method, &request.target, &headers, &request.body);
    let answer = TrafficResponse::new(reply.status).with_body(reply.body);
    reply.headers.into_iter().fold(answer, |answer, (name, value)| answer.with_header(name, value))
}

fn json(body: &[u8]) -> Json {
    serde_json::from_slice(body).unwrap_or(Json::Null)
}

/// The answer with another body.
fn altered(answer: &TrafficResponse, change: impl FnOnce(&mut Json)) -> TrafficResponse {
    let mut body = json(answer.bytes());
    change(&mut body);
    let changed = TrafficResponse::new(answer.status()).with_body(body.to_string());
    answer.headers().fold(changed, |changed, (name, value)| changed.with_header(name, value))
}

fn error(status: u16, detail: &str) -> TrafficResponse {
    let body = json!({"schemas": [host::ERROR], "status": status.to_string(), "detail": detail});
    TrafficResponse::new(status).with_header("Content-Type", "application/scim+json").with_body(body.to_string())
}

/// The decoded operand of the request's filter on `attribute`.
fn literal(request: &TrafficRequest, attribute: &str) -> Option<String> {
    let target = request.target.replace("%20", " ").replace("%22", "\"").replace("%40", "@");
    let (_, rest) = target.split_once(&format!("filter={attribute} eq \""))?;
    Some(rest.split_once('"')?.0.to_owned())
}

fn empty(answer: &TrafficResponse) -> TrafficResponse {
    altered(answer, |body| {
        body["totalResults"] = json!(0);
        body["itemsPerPage"] = json!(0);
        body["Resources"] = json!([]);
    })
}

fn is_list(answer: &TrafficResponse) -> bool {
    json(answer.bytes())["Resources"].is_array()
}

type Fault = Box<dyn Fn(&Memory, &TrafficRequest) -> TrafficResponse>;

struct Case {
    what: &'static str,
    traffic: Traffic,
    /// The first step that fails.
    step: &'static str,
    fault: Fault,
}

fn case(
    what: &'static str,
    traffic: Traffic,
    step: &'static str,
    fault: impl Fn(&Memory, &TrafficRequest) -> TrafficResponse + 'static,
) -> Case {
    Case { what, traffic, step, fault: Box::new(fault) }
}

/// The answer to the request with a changed body, as of a service provider that misreads it.
fn misread(host: &Memory, request: &TrafficRequest, change: impl FnOnce(&mut Json)) -> TrafficResponse {
    let mut body = json(&request.body);
    change(&mut body);
    let mut request = request.clone();
    request.body = body.to_string().into_bytes();
    right(host, &request)
}

fn operations(body: &mut Json) -> impl Iterator<Item = &mut Json> {
    body["Operations"].as_array_mut().into_iter().flatten()
}

/// Faults in the interpretation of requests.
fn misreadings() -> Vec<Case> {
    let drops_the_value = |host: &Memory, request: &TrafficRequest| {
        misread(host, request, |body| {
            for operation in operations(body) {
                if operation["op"].as_str().is_some_and(|op| op.eq_ignore_ascii_case("remove")) {
                    operation.as_object_mut().unwrap().remove("value");
                }
            }
        })
    };
    vec![
        case("empties the group on remove with values", Traffic::entra(), "remove-member", drops_the_value),
        case("the same", Traffic::jumpcloud(), "group-remove", drops_the_value),
        case("takes any string for true", Traffic::entra(), "disable", |host, request| {
            misread(host, request, |body| {
                for operation in operations(body).filter(|operation| operation["path"] == "active") {
                    operation["value"] = json!(operation["value"] != json!(false));
                }
            })
        }),
        case("ignores PATCH without a path", Traffic::okta(), "deactivate", |host, request| {
            if request.method != "PATCH" || json(&request.body)["Operations"][0]["value"]["active"].is_null() {
                return right(host, request);
            }
            let mut read = request.clone();
            "GET".clone_into(&mut read.method);
            read.body.clear();
            right(host, &read)
        }),
        case("adds a second element", Traffic::entra(), "add-to-lists-again", |host, request| {
            misread(host, request, |body| {
                for operation in operations(body) {
                    if request.step == "add-to-lists-again" && operation["path"] == r#"emails[type eq "work"].value"# {
                        *operation = json!({"op": "Add", "path": "emails", "value": [{"value": operation["value"]}]});
                    }
                }
            })
        }),
        case("replaces the whole extension", Traffic::entra(), "extension-object", |host, request| {
            misread(host, request, |body| {
                for operation in operations(body).filter(|operation| operation["value"][host::ENTERPRISE].is_object()) {
                    let (path, value) = (host::ENTERPRISE, operation["value"][host::ENTERPRISE].clone());
                    *operation =
                        json!({"op": "Replace", "path": format!("{path}:department"), "value": value["costCenter"]});
                }
            })
        }),
        case("does not take what it has shown", Traffic::okta(), "update", |host, request| {
            match (request.method.as_str(), json(&request.body).get("meta")) {
                ("PUT", Some(_)) => error(400, "meta is read-only"),
                _ => right(host, request),
            }
        }),
        case("takes the id in a PATCH for a change of it", Traffic::okta(), "name-with-members", |host, request| {
            let renames = request.method == "PATCH" && json(&request.body)["Operations"][0]["value"]["id"].is_string();
            if renames { error(400, "id is immutable") } else { right(host, request) }
        }),
        case("refuses schemas that it does not know", Traffic::entra(), "create-group", |host, request| {
            let foreign = String::from_utf8_lossy(&request.body).contains("ADSCIM");
            if foreign { error(400, "unknown schema") } else { right(host, request) }
        }),
        case("ignores If-Match", Traffic::habits(), "with-old-etag", |host, request| {
            let mut request = request.clone();
            request.headers.retain(|(name, _)| name != "If-Match");
            right(host, &request)
        }),
        case("does not know + for a space", Traffic::habits(), "plus-for-space", |host, request| {
            let mut request = request.clone();
            request.target = request.target.replace('+', "%2B");
            right(host, &request)
        }),
    ]
}

/// Faults in searches.
fn lookups() -> Vec<Case> {
    vec![
        case("404 for a filter that finds nobody", Traffic::entra(), "test-connection", |host, request| {
            let answer = right(host, request);
            let nobody = request.target.contains("filter=") && json(answer.bytes())["totalResults"] == 0;
            if nobody { error(404, "not found") } else { answer }
        }),
        case("compares userName with case", Traffic::entra(), "match-case", |host, request| {
            let answer = right(host, request);
            let name = &json(answer.bytes())["Resources"][0]["userName"];
            let other = literal(request, "userName").is_some_and(|wanted| !name.is_null() && *name != wanted);
            if other { empty(&answer) } else { answer }
        }),
        case("does not find who is inactive", Traffic::entra(), "match-disabled", |host, request| {
            let answer = right(host, request);
            let hidden = is_list(&answer) && json(answer.bytes())["Resources"][0]["active"] == false;
            if hidden { empty(&answer) } else { answer }
        }),
        case("the same", Traffic::okta(), "lookup-inactive", |host, request| {
            let answer = right(host, request);
            let hidden = is_list(&answer) && json(answer.bytes())["Resources"][0]["active"] == false;
            if hidden { empty(&answer) } else { answer }
        }),
        case("does not find by externalId", Traffic::google(), "lookup-external", |host, request| {
            let answer = right(host, request);
            if literal(request, "externalId").is_some() { empty(&answer) } else { answer }
        }),
        case("shows the members all the same", Traffic::entra(), "match-group", |host, request| {
            let mut request = request.clone();
            request.target = request.target.replace("excludedAttributes=members", "count=10");
            right(host, &request)
        }),
        case("the membership probe finds the group always", Traffic::entra(), "member-probe-none", |host, request| {
            let mut request = request.clone();
            if let Some((start, _)) = request.target.split_once("%20and%20members") {
                request.target = format!("{start}&excludedAttributes=members");
            }
            right(host, &request)
        }),
        case("each page is the first", Traffic::okta(), "import-users", |host, request| {
            let mut request = request.clone();
            if let Some((_, rest)) = request.target.split_once("&count=7") {
                request.target = format!("/Users?startIndex=1&count=7{rest}");
            }
            right(host, &request)
        }),
        case("totalResults is that of the page", Traffic::okta(), "import-users", |host, request| {
            let answer = right(host, request);
            if !is_list(&answer) {
                return answer;
            }
            altered(&answer, |body| body["totalResults"] = json!(body["Resources"].as_array().unwrap().len()))
        }),
        case("no cursors", Traffic::aws(), "config", |host, request| {
            let answer = right(host, request);
            let config = request.target == "/ServiceProviderConfig";
            if config {
                altered(&answer, |body| drop(body.as_object_mut().unwrap().remove("pagination")))
            } else {
                answer
            }
        }),
    ]
}

/// Faults in the form of answers.
fn answers() -> Vec<Case> {
    let edits = Cell::new(0);
    let sequence = Cell::new(0);
    vec![
        case("forgets totalResults", Traffic::okta(), "test-users", |host, request| {
            let answer = right(host, request);
            if !is_list(&answer) {
                return answer;
            }
            altered(&answer, |body| drop(body.as_object_mut().unwrap().remove("totalResults")))
        }),
        case("leaves out Resources when there are none", Traffic::okta(), "test-users", |host, request| {
            let answer = right(host, request);
            if json(answer.bytes())["Resources"] != json!([]) {
                return answer;
            }
            altered(&answer, |body| drop(body.as_object_mut().unwrap().remove("Resources")))
        }),
        case("shows the password", Traffic::okta(), "create", |host, request| {
            let answer = right(host, request);
            let password = json(&request.body)["password"].clone();
            if password.is_null() { answer } else { altered(&answer, |body| body["password"] = password) }
        }),
        case("500 for a duplicate", Traffic::okta(), "create-twice", |host, request| {
            let answer = right(host, request);
            if answer.status() == 409 { error(500, "unique constraint violated") } else { answer }
        }),
        case("400 for a duplicate", Traffic::entra(), "create-twice", |host, request| {
            let answer = right(host, request);
            if answer.status() == 409 { error(400, "exists") } else { answer }
        }),
        case("a number for the status of an error", Traffic::okta(), "create-twice", |host, request| {
            let answer = right(host, request);
            if answer.status() < 400 { answer } else { altered(&answer, |body| body["status"] = json!(409)) }
        }),
        case("errors without a body", Traffic::entra(), "create-twice", |host, request| {
            let answer = right(host, request);
            if answer.status() < 400 { answer } else { TrafficResponse::new(answer.status()) }
        }),
        case("410 for who was deleted", Traffic::entra(), "hard-delete-twice", |host, request| {
            let answer = right(host, request);
            if answer.status() == 404 { error(410, "gone") } else { answer }
        }),
        case("a new version for no change", Traffic::entra(), "validator-no-operations", move |host, request| {
            let answer = right(host, request);
            if request.method != "PATCH" {
                return answer;
            }
            edits.set(edits.get() + 1);
            let changed = TrafficResponse::new(answer.status()).with_header("ETag", format!("W/\"e{}\"", edits.get()));
            let rest = answer.headers().filter(|(name, _)| *name != "ETag");
            rest.fold(changed, |changed, (name, value)| changed.with_header(name, value)).with_body(answer.bytes())
        }),
        case("another id at each look", Traffic::entra(), "read-adele", move |host, request| {
            let answer = right(host, request);
            if request.method != "GET" || !request.target.starts_with("/Users/") {
                return answer;
            }
            sequence.set(sequence.get() + 1);
            altered(&answer, |body| body["id"] = json!(format!("row-{}", sequence.get())))
        }),
        case("lower case for what was sent", Traffic::entra(), "create-adele", |host, request| {
            let answer = right(host, request);
            let name = json(answer.bytes())["userName"].as_str().map(str::to_lowercase);
            name.map_or(answer.clone(), |name| altered(&answer, |body| body["userName"] = json!(name)))
        }),
        case("strings for booleans", Traffic::entra(), "create-adele", |host, request| {
            let answer = right(host, request);
            if json(answer.bytes())["active"] == true {
                return altered(&answer, |body| body["active"] = json!("True"));
            }
            answer
        }),
        case("keys that are paths, as they are", Traffic::entra(), "path-keys", |host, request| {
            let answer = right(host, request);
            if !String::from_utf8_lossy(&request.body).contains("\"name.givenName\"") {
                return answer;
            }
            altered(&answer, |body| body["name.givenName"] = json!("Adèle"))
        }),
        case("HTML for an error", Traffic::okta(), "create-twice", |host, request| {
            let answer = right(host, request);
            if answer.status() < 400 {
                return answer;
            }
            TrafficResponse::new(answer.status())
                .with_header("Content-Type", "text/html")
                .with_body("<h1>Conflict</h1>")
        }),
        case("the user's groups are never shown", Traffic::okta(), "groups-of-user", |host, request| {
            let answer = right(host, request);
            if json(answer.bytes())["groups"].is_null() {
                return answer;
            }
            altered(&answer, |body| drop(body.as_object_mut().unwrap().remove("groups")))
        }),
        case("writes to /Schemas are not found", Traffic::okta(), "spec-post-schemas", |host, request| {
            let answer = right(host, request);
            if answer.status() == 405 { error(404, "not found") } else { answer }
        }),
    ]
}

fn replay(traffic: &Traffic, fault: &Fault) -> Replay {
    let host = host_with(Registry::standard(), MemoryStore::new(), Limits::default(), Quirks::entra());
    now(traffic.replay_with(1, |request| std::future::ready(Ok::<_, Infallible>(fault(&host, &request)))))
}

#[test]
fn each_fault_is_found_at_its_step() {
    let cases: Vec<Case> = [misreadings(), lookups(), answers()].into_iter().flatten().collect();
    assert_eq!(cases.len(), 37);
    let mut wrong = Vec::new();
    for Case { what, traffic, step, fault } in cases {
        let replay = replay(&traffic, &fault);
        let first = replay.failed().next().map(|step| step.step().id());
        if first != Some(step) {
            let failed: Vec<String> = replay.failed().take(3).map(ToString::to_string).collect();
            wrong.push(format!("{what}: expected {step}, found {first:?}: {}", failed.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Reads the group, waits for the database, and writes back the members that it read and the new ones.
async fn loses_members(host: &Memory, request: TrafficRequest) -> Result<TrafficResponse, Infallible> {
    let body = json(&request.body);
    let operation = &body["Operations"][0];
    let single = body["Operations"].as_array().is_some_and(|operations| operations.len() == 1);
    if !single || operation["op"] != "Add" || operation["path"] != "members" {
        return Ok(right(host, &request));
    }
    let mut group = host.get(&request.target).json();
    let mut again = true;
    std::future::poll_fn(|task| {
        task.waker().wake_by_ref();
        if std::mem::take(&mut again) { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    let mut members = group["members"].as_array().cloned().unwrap_or_default();
    members.extend(operation["value"].as_array().into_iter().flatten().cloned());
    group["members"] = json!(members);
    group["schemas"] = json!([GROUP]);
    let put = host.send("PUT", &encoded(&request.target), &[], group.to_string().as_bytes());
    let answer = TrafficResponse::new(put.status).with_body(put.body);
    Ok(put.headers.into_iter().fold(answer, |answer, (name, value)| answer.with_header(name, value)))
}

/// The fault loses members only if requests are concurrent.
#[test]
fn lost_members_are_found() {
    let host = host_with(Registry::standard(), MemoryStore::new(), Limits::default(), Quirks::entra());
    let replay = now(Traffic::entra().replay_with(1, |request| loses_members(&host, request)));
    let failed: Vec<&str> = replay.failed().map(|step| step.step().id()).collect();
    assert_eq!(failed.first(), Some(&"none-lost"), "{failed:?}");
    let text = replay.failed().next().unwrap().to_string();
    assert!(text.contains("Members are lost"), "{text}");
}
