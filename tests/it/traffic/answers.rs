//! Each expectation of a step detects a fault: every checked value is altered in turn, and only that value is
//! reported.

use crate::fixture::host;
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    future::ready,
};

use crate::fixture::host::{host_with, now};
use scim_core::{
    limits::Limits,
    schema::Registry,
    store::MemoryStore,
    testkit::{Failure, Replay, Replayed, Traffic, TrafficRequest, TrafficResponse},
};
use serde_json::{Value as Json, json};

const FILES: [&str; 11] = [
    include_str!("../../../src/testkit/traffic/okta.json"),
    include_str!("../../../src/testkit/traffic/entra.json"),
    include_str!("../../../src/testkit/traffic/onelogin.json"),
    include_str!("../../../src/testkit/traffic/jumpcloud.json"),
    include_str!("../../../src/testkit/traffic/google.json"),
    include_str!("../../../src/testkit/traffic/ping.json"),
    include_str!("../../../src/testkit/traffic/sailpoint.json"),
    include_str!("../../../src/testkit/traffic/github.json"),
    include_str!("../../../src/testkit/traffic/aws.json"),
    include_str!("../../../src/testkit/traffic/rippling.json"),
    include_str!("../../../src/testkit/traffic/habits.json"),
];

/// The answers of a correct service provider to each step.
type Answers = BTreeMap<String, Vec<TrafficResponse>>;

fn right_answers(traffic: &Traffic) -> Answers {
    let host = host_with(Registry::standard(), MemoryStore::new(), Limits::default(), traffic.quirks());
    let replay = now(traffic.replay(&host.provider, &host.context, 1));
    assert!(replay.is_passed(), "{replay}");
    let answers = |step: &Replayed| {
        let answers = step.exchanges().iter().map(|exchange| exchange.response().unwrap().clone());
        (step.step().id().to_owned(), answers.collect())
    };
    replay.iter().map(answers).collect()
}

/// A replay that gets these answers, and other answers to one step.
fn replay(traffic: &Traffic, answers: &Answers, other: Option<(&str, &[TrafficResponse])>) -> Replay {
    let given: RefCell<BTreeMap<String, usize>> = RefCell::default();
    let send = |request: TrafficRequest| {
        if request.step.is_empty() {
            // Without a schema every expectation applies.
            return ready(Ok::<_, Infallible>(TrafficResponse::new(404)));
        }
        let mut given = given.borrow_mut();
        let count = given.entry(request.step.clone()).or_default();
        let all = match other {
            Some((step, other)) if step == request.step => other,
            _ => &answers[&request.step],
        };
        let answer = all.get(*count).unwrap_or(all.last().unwrap()).clone();
        *count += 1;
        ready(Ok(answer))
    };
    now(traffic.replay_with(1, send))
}

fn with(answer: &TrafficResponse, body: Option<&[u8]>, header: Option<(&str, &str)>) -> TrafficResponse {
    let mut changed = TrafficResponse::new(answer.status()).with_body(body.unwrap_or(answer.bytes()));
    if let Some((name, value)) = header {
        changed = changed.with_header(name, value);
    }
    let kept = answer.headers().filter(|(name, _)| header.is_none_or(|(other, _)| !other.eq_ignore_ascii_case(name)));
    kept.fold(changed, |changed, (name, value)| changed.with_header(name, value))
}

/// The value at a pointer, created if it does not exist.
fn place<'a>(document: &'a mut Json, pointer: &str) -> &'a mut Json {
    let names = pointer.split('/').skip(1).map(|name| name.replace("~1", "/").replace("~0", "~"));
    names.fold(document, |place, name| match place {
        Json::Array(elements) => {
            let index: usize = name.parse().unwrap();
            while elements.len() <= index {
                elements.push(json!({}));
            }
            &mut elements[index]
        }
        other => {
            if !other.is_object() {
                *other = json!({});
            }
            &mut other[name]
        }
    })
}

/// A condition of a step: the place that it checks, the start of its failure text, and a change that breaks it.
struct Probe {
    at: String,
    expected: String,
    spoil: Box<dyn Fn(&mut Json)>,
}

fn filled(json: &Json, values: &BTreeMap<String, Json>) -> Json {
    let text = values.iter().fold(json.to_string(), |text, (name, value)| {
        text.replace(&format!("{{{name}}}"), value.as_str().unwrap_or_default())
    });
    serde_json::from_str(&text).unwrap()
}

fn probes(conditions: &Json, values: &BTreeMap<String, Json>) -> Vec<Probe> {
    let mut probes = Vec::new();
    let mut add = |at: &str, expected: &str, spoil: Box<dyn Fn(&mut Json)>| {
        let expected = expected.replace("{at}", at);
        probes.push(Probe { at: at.to_owned(), expected, spoil });
    };
    let set = |at: &str, value: Json| -> Box<dyn Fn(&mut Json)> {
        let at = at.to_owned();
        Box::new(move |body| *place(body, &at) = value.clone())
    };
    let push = |at: &str, value: Json| -> Box<dyn Fn(&mut Json)> {
        let at = at.to_owned();
        Box::new(move |body| match place(body, &at) {
            Json::Array(elements) => elements.push(value.clone()),
            other => *other = json!([value]),
        })
    };
    for (resource_type, all) in conditions.as_object().into_iter().flatten() {
        let places: Vec<(String, Json)> = match all {
            Json::Array(all) => all.iter().map(|at| (at.as_str().unwrap().to_owned(), Json::Null)).collect(),
            all => all.as_object().unwrap().iter().map(|(at, value)| (at.clone(), value.clone())).collect(),
        };
        for (at, wanted) in &places {
            match resource_type.as_str() {
                "has" => add(at, "expected {at} to be ", set(at, json!("altered"))),
                "lacks" => add(at, "expected no {at}", set(at, json!("intruder"))),
                "is" => {
                    add(at, "expected {at} to be of the type ", set(at, Json::Null));
                    let other = if wanted == "string" { json!(7) } else { json!("7") };
                    add(at, "expected {at} to be of the type ", set(at, other));
                }
                "count" => add(at, "expected {at} to have ", push(at, json!({"value": "one more"}))),
                "contains" => add(at, "expected {at} to contain ", set(at, json!([]))),
                "without" => {
                    let unwanted = filled(&wanted[0], values);
                    add(at, "expected {at} not to contain ", push(at, unwanted));
                }
                "exactly" => {
                    add(at, "expected {at} to have exactly ", push(at, json!({"value": "one more"})));
                    let at_owned = at.clone();
                    let pop = move |body: &mut Json| drop(place(body, &at_owned).as_array_mut().unwrap().pop());
                    add(at, "expected {at} to have exactly ", Box::new(pop));
                }
                other => panic!("a condition of a new kind: {other}"),
            }
        }
    }
    probes
}

/// Whether two places overlap, so that neither can be altered alone.
fn overlap(one: &str, other: &str) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

struct Tampering<'a> {
    traffic: &'a Traffic,
    answers: &'a Answers,
    tried: usize,
    wrong: Vec<String>,
}

impl Tampering<'_> {
    /// Replays with other answers to one step. Only that step must fail, and its failures must name the expectation.
    fn expect(&mut self, id: &str, answers: &[TrafficResponse], expected: &str, at: Option<&str>, alone: bool) {
        self.tried += 1;
        let replay = replay(self.traffic, self.answers, Some((id, answers)));
        let failed: Vec<&Replayed> = replay.failed().collect();
        let first = failed.first().map(|step| step.step().id());
        let failures: Vec<&str> =
            failed.first().map_or(&[][..], |step| step.failures()).iter().map(Failure::what).collect();
        let named = failures.iter().any(|what| what.starts_with(expected));
        // Other conditions on the same place may fail, too.
        let strays = failures.iter().filter(|what| {
            let words = what.split(' ').filter(|word| word.starts_with('/'));
            !what.starts_with(expected) && !at.is_some_and(|at| words.into_iter().any(|word| overlap(word, at)))
        });
        let strays = strays.count();
        if first != Some(id) || !named || (alone && (strays > 0 || failed.len() > 1)) {
            let name = self.traffic.name();
            self.wrong.push(format!("{name}, {id}: expected '{expected}', found {first:?} {failures:?}"));
        }
    }
}

#[test]
fn each_check_can_fail() {
    let (mut tried, mut wrong) = (0, Vec::new());
    for (text, traffic) in FILES.iter().zip(Traffic::all()) {
        let file: Json = serde_json::from_str(text).unwrap();
        assert_eq!(file["name"], traffic.name());
        let answers = right_answers(&traffic);
        assert!(replay(&traffic, &answers, None).is_passed());
        let mut values = BTreeMap::from([("run".to_owned(), json!("1"))]);
        let mut tampering = Tampering { traffic: &traffic, answers: &answers, tried: 0, wrong: Vec::new() };
        let entries = file["steps"].as_array().unwrap().iter();
        let steps: Vec<&Json> = entries
            .flat_map(|entry| entry["together"].as_array().map_or_else(|| vec![entry], |all| all.iter().collect()))
            .collect();
        assert_eq!(steps.len(), traffic.steps().len());
        for step in steps {
            let id = step["id"].as_str().unwrap();
            let right = &answers[id];
            let first = right[0].clone();
            let bodies: Vec<Json> =
                right.iter().map(|answer| serde_json::from_slice(answer.bytes()).unwrap_or(Json::Null)).collect();
            for (name, at) in step["keep"].as_object().into_iter().flatten() {
                values.insert(name.clone(), bodies[0].pointer(at.as_str().unwrap()).unwrap().clone());
            }
            let expect = &step["expect"];
            let kept: BTreeSet<&str> =
                step["keep"].as_object().into_iter().flatten().map(|(_, at)| at.as_str().unwrap()).collect();

            let teapot = first
                .headers()
                .fold(TrafficResponse::new(418), |answer, (name, value)| answer.with_header(name, value));
            tampering.expect(id, &[teapot.with_body(first.bytes())], "expected the status ", None, kept.is_empty());
            if !first.bytes().is_empty() {
                let page = with(&first, Some(b"<html>"), None);
                tampering.expect(id, &[page], "expected a body of JSON", None, kept.is_empty());
                let html = with(&first, None, Some(("Content-Type", "text/html")));
                tampering.expect(id, &[html], "expected the Content-Type ", None, kept.is_empty());
            }
            for (name, _) in expect["headers"].as_object().into_iter().flatten() {
                let expected = if name == "Content-Type" { "application/json" } else { "" };
                let altered: Vec<TrafficResponse> = if name == "Allow" {
                    vec![
                        TrafficResponse::new(first.status())
                            .with_header("Content-Type", "application/scim+json")
                            .with_body(first.bytes()),
                    ]
                } else {
                    vec![with(&first, None, Some((name, if expected.is_empty() { "altered" } else { expected })))]
                };
                let expected = format!("expected the header {name} to be ");
                // Other steps compare versions with the version in this header.
                tampering.expect(id, &altered, &expected, None, name != "ETag");
            }
            for (relation, other) in [("same_version", None), ("other_version", expect["other_version"].as_str())] {
                if expect[relation].is_null() {
                    continue;
                }
                let etag = other.map_or("W/\"altered\"", |other| answers[other][0].header_value("ETag").unwrap());
                let altered = vec![with(&first, None, Some(("ETag", etag)))];
                tampering.expect(id, &altered, "expected the version to be ", None, false);
            }
            for at in kept.iter().filter(|at| !at.is_empty()) {
                let mut body = bodies[0].clone();
                let (parent, name) = at.rsplit_once('/').unwrap();
                body.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).unwrap();
                let altered = vec![with(&first, Some(body.to_string().as_bytes()), None)];
                tampering.expect(id, &altered, "expected a value at ", Some(at), false);
            }
            let shape = expect["shape"].as_str().map_or(&Json::Null, |name| &file["shapes"][name]);
            let walk = !step["walk"].is_null();
            for probe in probes(shape, &values).into_iter().chain(probes(&expect["body"], &values)) {
                let altered = bodies.iter().zip(right).map(|(body, answer)| {
                    let mut body = body.clone();
                    (probe.spoil)(&mut body);
                    with(answer, Some(body.to_string().as_bytes()), None)
                });
                let altered: Vec<TrafficResponse> = altered.collect();
                let alone = !walk && !kept.iter().any(|at| overlap(at, &probe.at));
                tampering.expect(id, &altered, &probe.expected, Some(&probe.at), alone);
            }
        }
        tried += tampering.tried;
        wrong.append(&mut tampering.wrong);
    }
    assert!(wrong.is_empty(), "{} of {tried}: {}", wrong.len(), wrong.join("\n"));
    assert!(tried > 2_000, "{tried}");
}

/// Expectations about a list are checked on all its pages together.
#[test]
fn a_walk_sees_every_page() {
    let traffic = Traffic::okta();
    let answers = right_answers(&traffic);
    let pages = answers["import-users"].clone();
    assert!(pages.len() > 2);
    let page = |at: usize, change: &dyn Fn(&mut Json)| {
        let mut body: Json = serde_json::from_slice(pages[at].bytes()).unwrap();
        change(&mut body);
        with(&pages[at], Some(body.to_string().as_bytes()), None)
    };
    let with_page = |at: usize, change: &dyn Fn(&mut Json)| {
        let mut pages = pages.clone();
        pages[at] = page(at, change);
        pages
    };
    let first: Json = serde_json::from_slice(pages[0].bytes()).unwrap();
    let cases = [
        (
            with_page(1, &|body| body["totalResults"] = json!(1_000)),
            "expected every page to have the same totalResults",
        ),
        (
            with_page(1, &|body| body["Resources"][0] = first["Resources"][0].clone()),
            "expected each resource on one page only, with an id",
        ),
        (
            with_page(1, &|body| drop(body["Resources"][0].as_object_mut().unwrap().remove("id"))),
            "expected each resource on one page only, with an id",
        ),
        (with_page(1, &|body| body["Resources"] = json!([])), "expected as many resources as totalResults says, 24"),
        (with_page(2, &|body| body["startIndex"] = json!("15")), "expected /startIndex to be of the type integer"),
        (vec![pages[0].clone(), TrafficResponse::new(500)], "expected the status 200"),
        (
            vec![page(0, &|body| body["totalResults"] = json!(10_000_000))],
            "expected each resource on one page only, with an id",
        ),
    ];
    for (pages, expected) in cases {
        let replay = replay(&traffic, &answers, Some(("import-users", &pages)));
        let failed: Vec<&str> = replay.failed().map(|step| step.step().id()).collect();
        assert_eq!(failed, ["import-users"], "{expected}");
        let step = replay.failed().next().unwrap();
        assert_eq!(step.failures()[0].what(), expected);
    }
}

/// Each cursor leads to another empty page.
#[test]
fn a_walk_that_never_ends_is_left() {
    let traffic = Traffic::aws();
    let answers = right_answers(&traffic);
    let page = json!({"schemas": [host::LIST], "totalResults": 0, "Resources": [], "nextCursor": "more"}).to_string();
    let pages = [with(&answers["walk-groups"][0], Some(page.as_bytes()), None)];
    let replay = replay(&traffic, &answers, Some(("walk-groups", &pages)));
    let step = replay.failed().next().unwrap();
    assert_eq!(step.failures()[0].what(), "expected the list to end");
    let targets: Vec<&str> = step.exchanges().iter().map(|exchange| &*exchange.request().target).collect();
    assert_eq!(targets[0], "/Groups?cursor=&count=50&excludedAttributes=members");
    assert_eq!(targets[9_999], "/Groups?cursor=more&count=50&excludedAttributes=members");
    assert_eq!(targets.len(), 10_000);
}
