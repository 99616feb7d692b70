//! Sequences that a host writes itself, and the errors of wrong sequences.

use crate::fixture::host::{self, host, now};
use scim_core::testkit::{Traffic, TrafficRequest, TrafficResponse, Verdict};
use serde_json::{Value as Json, json};

fn sequence(steps: Json) -> Json {
    let shapes = json!({"some": {"is": {"/id": "string"}}});
    let mut sequence = json!({"name": "own", "values": {"login": "ada-{run}"}, "shapes": shapes});
    sequence["steps"] = steps;
    sequence
}

fn step(id: &str, change: impl FnOnce(&mut Json)) -> Json {
    let mut step = json!({"id": id, "when": "Somebody is hired.", "send": "GET /Users", "expect": {"status": 200},
                          "otherwise": "Nothing works."});
    change(&mut step);
    step
}

#[test]
fn an_error_names_its_place() {
    let with = |name: &'static str, value: Json| sequence(json!([step("a", |step| step[name] = value)]));
    let expect = |expect: Json| with("expect", expect);
    let second = |change: &dyn Fn(&mut Json)| {
        sequence(json!([step("a", |step| step["keep"] = json!({"x": "/id"})), step("b", |step| change(step))]))
    };
    let together = |steps: Json| sequence(json!([{ "together": steps }]));
    let named = |values: Json| json!({"name": "own", "values": values, "steps": [step("a", |_| ())]});
    let cases: Vec<(Json, &str)> = vec![
        (json!([]), "the sequence: invalid length 0"),
        (json!({"steps": []}), "the sequence: missing field `name`"),
        (sequence(json!([])), "the sequence: expected at least one step, found none"),
        (json!({"name": "own", "stepz": []}), "the sequence: unknown field `stepz`, expected one of"),
        (named(json!({"a": "{b}"})), "the sequence: the value 'a': expected no name but {run}, found {b}"),
        (named(json!({"run": "1"})), "the sequence: expected a name that is not taken, found 'run'"),
        (named(json!({"status": "1"})), "the sequence: expected a name that is not taken, found 'status'"),
        (named(json!({"a-b": "1"})), "the sequence: expected a name that has a letter and then"),
        (
            json!({"name": "own", "shapes": {"s": {"lacks": ["id"]}}, "steps": [step("a", |_| ())]}),
            "the sequence: the shape 's': expected a JSON pointer, which begins with '/', found 'id'",
        ),
        (sequence(json!([7])), "step 1: invalid type: integer `7`"),
        (sequence(json!([{"id": "a"}])), "step 1: missing field `when`"),
        (with("sent", json!(1)), "step 1: unknown field `sent`, expected one of"),
        (with("send", json!("GET Users")), "step 1, 'a': expected a method, a space and a target"),
        (with("send", json!("get /Users")), "step 1, 'a': expected a method in capitals, found 'get'"),
        (with("send", json!("GET /Users/{x}")), "step 1, 'a': expected a value that an earlier step keeps, found {x}"),
        (with("headers", json!({"If-Match": "{x}"})), "step 1, 'a': expected a value that an earlier step keeps"),
        (with("body", json!({"a": ["b {x}"]})), "step 1, 'a': expected a value that an earlier step keeps, found {x}"),
        (with("echo", json!("x")), "step 1, 'a': expected a value that an earlier step keeps, found {x}"),
        (with("quirks", json!(["odd"])), "step 1, 'a': expected the name of a quirk, found 'odd'"),
        (with("keep", json!({"x": "id"})), "step 1, 'a': expected a JSON pointer"),
        (with("keep", json!({"login": "/id"})), "step 1, 'a': expected a name that is not taken, found 'login'"),
        (with("walk", json!("page")), "step 1: unknown variant `page`, expected `index` or `cursor`"),
        (with("walk", json!("index")), "step 1, 'a': expected a GET with {start} in its target, for a walk"),
        (with("send", json!("GET /Users?startIndex={start}")), "step 1, 'a': expected a value that an earlier step"),
        (expect(json!({})), "step 1: missing field `status`"),
        (expect(json!({"status": "200"})), "step 1, 'a': expected a status from 100 to 599 or an array of them"),
        (expect(json!({"status": []})), "step 1, 'a': expected a status from 100 to 599 or an array of them"),
        (expect(json!({"status": [200, 700]})), "step 1, 'a': expected a status from 100 to 599 or an array of them"),
        (expect(json!({"status": 200, "shape": "x"})), "step 1, 'a': expected a shape of the sequence's, found 'x'"),
        (expect(json!({"status": 200, "same_version": "a"})), "step 1, 'a': expected the version of an earlier step"),
        (expect(json!({"status": 200, "body": {"haz": {}}})), "step 1: unknown field `haz`, expected one of"),
        (expect(json!({"status": 200, "body": {"is": {"/a": "text"}}})), "step 1: unknown variant `text`"),
        (expect(json!({"status": 200, "body": {"has": {"a": 1}}})), "step 1, 'a': expected a JSON pointer"),
        (expect(json!({"status": 200, "body": {"exactly": {"/a": ["{x}"]}}})), "step 1, 'a': expected a value that"),
        (expect(json!({"status": 200, "headers": {"ETag": "{x}"}})), "step 1, 'a': expected a value that an earlier"),
        (second(&|step| step["id"] = json!("a")), "step 2, 'a': expected an id that is not taken"),
        (second(&|step| step["keep"] = json!({"x": "/id"})), "step 2, 'b': expected a name that is not taken"),
        (
            second(&|step| step["expect"] = json!({"status": 200, "same_version": "a", "other_version": "a"})),
            "step 2, 'b': expected same_version or other_version, found both",
        ),
        (together(json!([step("a", |_| ())])), "step 1: expected at least two steps together"),
        (together(json!(7)), "step 1: invalid type: integer `7`"),
        (together(json!([step("a", |_| ()), step("a", |_| ())])), "step 1, 'a': expected an id that is not taken"),
        (
            together(json!([
                step("a", |step| step["keep"] = json!({"x": "/id"})),
                step("b", |step| step["send"] = json!("GET /Users/{x}"))
            ])),
            "step 1, 'b': expected a value that an earlier step keeps, found {x}",
        ),
    ];
    for (json, expected) in cases {
        let error = Traffic::from_json(&json.to_string()).expect_err(expected);
        let text = error.to_string();
        assert!(text.starts_with(expected), "expected {expected}, found {text}");
        assert!(text.starts_with(error.place()) && !error.place().is_empty());
    }
    let error = Traffic::from_json("{\n  \"name\": oops}").unwrap_err();
    assert_eq!(error.to_string(), "the sequence: expected value at line 2 column 11");
}

#[test]
fn a_step_names_itself() {
    let json = sequence(json!([step("a", |step| {
        step["from"] = json!(["T-1"]);
        step["send"] = json!("POST /Users");
        step["quirks"] = json!(["unknown-schema"]);
    })]));
    let traffic = Traffic::from_json(&json.to_string()).unwrap();
    assert_eq!(traffic.name(), "own");
    let step = traffic.steps().next().unwrap();
    assert_eq!((step.id(), step.method(), step.target()), ("a", "POST", "/Users"));
    assert_eq!((step.when(), step.otherwise()), ("Somebody is hired.", "Nothing works."));
    assert_eq!(
        (step.from().collect::<Vec<_>>(), step.quirks().to_string()),
        (vec!["T-1"], "unknown-schema".to_owned())
    );
}

/// A kept document can be sent back with changes; `null` removes a member.
#[test]
fn kept_values_can_be_sent() {
    let json = sequence(json!([
        step("create", |step| {
            step["send"] = json!("POST /Users");
            step["body"] = json!({"schemas": [host::USER], "userName": "{login}", "title": "Clerk", "nickName": "A"});
            step["expect"] =
                json!({"status": 201, "shape": "some", "body": {"has": {"/userName": "{login}", "/id": "{ada}"}}});
            step["keep"] = json!({"ada": "/id", "whole": "", "active": "/meta"});
        }),
        step("put", |step| {
            step["send"] = json!("PUT /Users/{ada}");
            step["echo"] = json!("whole");
            step["body"] = json!({"title": null, "nickName": "B"});
            step["expect"] = json!({"status": 200, "other_version": "create",
                "body": {"has": {"/nickName": "B", "/userName": "{login}"}, "lacks": ["/title"]}});
        }),
        step("put-the-same", |step| {
            step["send"] = json!("PUT /Users/{ada}");
            step["echo"] = json!("whole");
            step["expect"] = json!({"status": 200, "body": {"has": {"/title": "Clerk", "/nickName": "A"}}});
        }),
    ]));
    let (traffic, host) = (Traffic::from_json(&json.to_string()).unwrap(), host());
    let replay = now(traffic.replay(&host.provider, &host.context, 3));
    assert!(replay.is_passed(), "{replay}");
    let sent: Json = serde_json::from_slice(&replay.iter().nth(1).unwrap().exchanges()[0].request().body).unwrap();
    assert_eq!(sent["meta"]["resourceType"], "User");
    assert_eq!(sent.get("title"), None);
}

#[test]
fn a_replay_can_be_read() {
    let json = sequence(json!([
        step("none", |step| step["expect"] = json!({"status": 200, "body": {"has": {"/totalResults": 1}}})),
        step("version", |step| {
            step["from"] = json!(["T-2"]);
            step["expect"] = json!({"status": 200, "same_version": "none", "headers": {"ETag": "*"}});
        }),
        step("gone", |step| step["send"] = json!("DELETE /Users/nobody")),
        step("after", |step| step["expect"] = json!({"status": 200, "same_version": "gone"})),
        step("fine", |_| ()),
    ]));
    let traffic = Traffic::from_json(&json.to_string()).unwrap();
    let send = async |request: TrafficRequest| match request.method.as_str() {
        "GET" => Ok::<_, String>(
            TrafficResponse::new(200)
                .with_header("Content-Type", "application/json")
                .with_body(*br#"{"totalResults":0}"#),
        ),
        _ => Ok(TrafficResponse::new(500)),
    };
    let replay = now(traffic.replay_with(9, send));
    assert!(!replay.is_passed());
    let expected = r#"own, run 9: 5 steps, 1 passed, 3 failed, 1 skipped, 0 not applicable
every expectation applies, since the schema is unknown: the answer of /Schemas has no `Resources`

  1. none: Somebody is hired.
    > GET /Users
    < 200
    < {"totalResults":0}
    FAILED: expected /totalResults to be 1: found 0
    otherwise: Nothing works.

  2. version: Somebody is hired.
    > GET /Users
    < 200
    < {"totalResults":0}
    FAILED: expected the header ETag to be there: found none
    FAILED: expected the version to be that of 'none', none: found none
    otherwise: Nothing works.

  3. gone: Somebody is hired.
    > DELETE /Users/nobody
    < 500
    FAILED: expected the status 200: found 500
    otherwise: Nothing works.

  4. after: Somebody is hired.
    skipped: it needs the version of 'gone', which no step before it got
    otherwise: Nothing works.

  5. fine: Somebody is hired.
    > GET /Users
    < 200
    < {"totalResults":0}
    passed
"#;
    assert_eq!(replay.to_string(), expected);
    assert!(matches!(replay.iter().nth(3).unwrap().verdict(), Verdict::Skipped(_)));
}
