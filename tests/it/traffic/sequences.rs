//! The sequences of identity providers: their coverage, their success, and the quirks that they need.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    task::Poll,
};

use crate::fixture::host::{Host, host_with, now};
use scim_core::{
    limits::Limits,
    quirks::{Quirk, Quirks},
    schema::Registry,
    store::{DynStore, MemoryStore, Store},
    testkit::{Replay, Traffic, TrafficRequest, TrafficResponse, Verdict},
};

/// A service provider that tolerates these quirks.
fn tolerant<S: Store>(store: S, quirks: Quirks) -> Host<S> {
    host_with(Registry::standard(), store, Limits::default(), quirks)
}

fn replay(traffic: &Traffic, quirks: Quirks) -> Replay {
    let host = tolerant(MemoryStore::new(), quirks);
    now(traffic.replay(&host.provider, &host.context, 1))
}

fn answer<S: Store>(host: &Host<S>, request: &TrafficRequest) -> TrafficResponse {
    let headers: Vec<(&str, &str)> = request.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    let reply = host.send(&request.method, &request.target, &headers, &request.body);
    let answer = TrafficResponse::new(reply.status).with_body(reply.body);
    reply.headers.into_iter().fold(answer, |answer, (name, value)| answer.with_header(name, value))
}

fn ids(replay: &Replay, is: impl Fn(&Verdict) -> bool) -> BTreeSet<&str> {
    replay.iter().filter(|step| is(step.verdict())).map(|step| step.step().id()).collect()
}

/// All numbered findings of the research on identity providers, and the reason if a finding cannot be a step.
const ROWS: &[(&str, Option<&str>)] = &[
    ("E-01", None),
    ("E-02", None),
    ("E-03", None),
    ("E-04", None),
    ("E-05", None),
    ("E-06", None),
    ("E-07", None),
    ("E-08", None),
    ("E-08b", None),
    ("E-09", None),
    ("E-10", None),
    ("E-11", None),
    ("E-12", None),
    ("E-13", None),
    ("E-14", None),
    ("E-15", None),
    ("E-16", None),
    ("E-17", None),
    ("E-18", None),
    ("E-19", None),
    ("E-20", None),
    ("E-21", None),
    ("E-22", None),
    ("E-23", None),
    ("E-24", None),
    ("E-25", None),
    ("E-26", None),
    ("E-27", None),
    ("E-28", None),
    ("O-01", None),
    ("O-02", None),
    ("O-03", None),
    ("O-04", None),
    ("O-05", None),
    ("O-06", None),
    ("O-07", None),
    ("O-08", None),
    ("O-09", None),
    ("O-10", None),
    ("O-11", None),
    ("O-12", None),
    ("O-13", None),
    ("O-14", None),
    ("O-15", Some("authentication is the host's")),
    ("O-16", None),
    ("O-17", None),
    ("O-18", None),
    ("O-19", None),
    // The quirks of the other providers, and of clients in general, have no numbers.
    ("Others", None),
    ("Habits", None),
    // Steps without a source: neither a recorded request nor a page of a vendor.
    ("Assumed", None),
];

#[test]
fn every_row_has_a_step() {
    let all = Traffic::all();
    assert_eq!(all.len(), 11);
    let steps = || all.iter().flat_map(Traffic::steps);
    let named: BTreeSet<&str> = steps().flat_map(|step| step.from().collect::<Vec<_>>()).collect();
    let expected: BTreeSet<&str> = ROWS.iter().filter(|(_, why)| why.is_none()).map(|(row, _)| *row).collect();
    assert_eq!(named, expected);
    assert!(ROWS.iter().all(|(_, why)| why.is_none_or(|why| !why.is_empty())));
    for step in steps() {
        assert!(step.from().len() > 0 && !step.when().is_empty() && !step.otherwise().is_empty(), "{}", step.id());
        // A report says which steps are assumptions.
        let assumed = step.from().any(|row| row == "Assumed");
        assert_eq!(assumed, step.when().ends_with("(assumed: no source was found)."), "{}", step.id());
    }
}

#[test]
fn all_pass_with_the_quirks_that_they_ask_for() {
    for traffic in Traffic::all() {
        let replay = replay(&traffic, traffic.quirks());
        assert!(replay.is_passed(), "{replay}");
        assert_eq!(replay.iter().len(), traffic.steps().len());
    }
}

#[test]
fn presets_have_what_is_asked_for() {
    for traffic in Traffic::all() {
        let preset = if traffic.name().contains("Entra") { Quirks::entra() } else { Quirks::default() };
        let missing: Vec<Quirk> = traffic.quirks().iter().filter(|quirk| !preset.contains(*quirk)).collect();
        assert_eq!(missing, [], "{}", traffic.name());
    }
    let entra = Traffic::entra().quirks();
    assert!(entra.contains(Quirk::ReplaceCreatesElement) && entra.contains(Quirk::UnknownPath));
}

/// All sequences, one after the other and twice, in one tenant.
#[test]
fn runs_do_not_meet() {
    let host = tolerant(DynStore::new(MemoryStore::new()), Quirks::entra());
    for run in [7, 8] {
        for traffic in Traffic::all() {
            let replay = now(traffic.replay(&host.provider, &host.context, run));
            assert!(replay.is_passed(), "{replay}");
        }
    }
    // A run with the same number finds the resources of the earlier run.
    let again = now(Traffic::okta().replay(&host.provider, &host.context, 8));
    assert_eq!(again.failed().next().map(|step| step.step().id()), Some("lookup-vera"), "{again}");
}

/// A step names exactly the quirks that it relies on.
#[test]
fn a_step_names_its_quirks() {
    for traffic in Traffic::all() {
        for missing in traffic.quirks().iter() {
            let replay = replay(&traffic, traffic.quirks().without(missing));
            for step in replay.iter() {
                let names = step.step().quirks().contains(missing);
                let right = match step.verdict() {
                    Verdict::Passed => !names,
                    Verdict::Failed(_) => names && step.switched_off() == Quirks::strict().with(missing),
                    // An earlier step, on which this step depends, has failed.
                    _ => true,
                };
                assert!(right, "{}, without {}: {step}", traffic.name(), missing.name());
            }
        }
    }
}

#[test]
fn a_strict_provider_fails_the_steps_that_name_a_quirk() {
    for traffic in Traffic::all() {
        let replay = replay(&traffic, Quirks::strict());
        for step in replay.iter() {
            let right = match step.verdict() {
                Verdict::Passed => step.step().quirks().is_empty(),
                Verdict::Failed(_) => !step.step().quirks().is_empty() && step.switched_off() == step.step().quirks(),
                _ => true,
            };
            assert!(right, "{}: {step}", traffic.name());
        }
    }
    let text = replay(&Traffic::entra(), Quirks::strict()).to_string();
    assert!(text.contains("needs, and is switched off: operation-case"), "{text}");
}

/// The quirks that a request shows are among the quirks that its step names.
#[test]
fn tolerated_quirks_are_named() {
    for traffic in Traffic::all() {
        let host = tolerant(MemoryStore::new(), traffic.quirks());
        let named: BTreeMap<&str, Quirks> = traffic.steps().map(|step| (step.id(), step.quirks())).collect();
        let send = async |request: TrafficRequest| {
            let headers: Vec<(&str, &str)> = request.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
            let reply = host.send(&request.method, &request.target, &headers, &request.body);
            // The two requests that read the schema belong to no step.
            let named = named.get(&*request.step).copied().unwrap_or(Quirks::strict());
            let unnamed: Vec<Quirk> = reply.quirks.iter().filter(|quirk| !named.contains(*quirk)).collect();
            assert_eq!(unnamed, [], "{}: {}", traffic.name(), request.step);
            let answer = TrafficResponse::new(reply.status).with_body(reply.body);
            Ok::<_, Infallible>(
                reply.headers.iter().fold(answer, |answer, (name, value)| answer.with_header(name, value)),
            )
        };
        assert!(now(traffic.replay_with(1, send)).is_passed(), "{}", traffic.name());
    }
}

/// Requests of a parallel step are sent at the same time; all others are sent alone.
#[test]
fn steps_together_are_sent_at_once() {
    let host = tolerant(MemoryStore::new(), Quirks::entra());
    let (going, most) = (Cell::new(0), Cell::new(BTreeMap::new()));
    let send = async |request: TrafficRequest| {
        going.set(going.get() + 1);
        let mut seen = most.take();
        seen.insert(request.step.clone(), going.get());
        most.set(seen);
        let mut again = true;
        std::future::poll_fn(|task| {
            task.waker().wake_by_ref();
            if std::mem::take(&mut again) { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        going.set(going.get() - 1);
        Ok::<_, Infallible>(answer(&host, &request))
    };
    let replay = now(Traffic::entra().replay_with(1, send));
    assert!(replay.is_passed(), "{replay}");
    let most = most.take();
    assert_eq!((most["hire-1"], most["hire-24"], most["remove-parallel-4"]), (1, 24, 4));
    // Entra has been observed to send five requests at once.
    assert_eq!((most["add-parallel-17"], most["add-parallel-22"], most["add-parallel-24"]), (5, 5, 2));
    let alone = most.iter().filter(|(step, _)| !step.starts_with("hire-") && !step.contains("-parallel-"));
    assert_eq!(alone.map(|(_, going)| *going).max(), Some(1));
}

/// A host's runtime may move a replay from one thread to another.
#[test]
fn a_replay_is_send() {
    fn is_send<T: Send>(_: T) {}
    let (host, traffic) = (tolerant(MemoryStore::new(), Quirks::entra()), Traffic::entra());
    is_send(traffic.replay(&host.provider, &host.context, 1));
    is_send(traffic.replay_with(1, |_| std::future::ready(Ok::<_, Infallible>(TrafficResponse::new(500)))));
}

/// A service provider may answer a PUT or PATCH without a body: the replay then reads the resource.
#[test]
fn answers_without_a_body_are_as_good() {
    for traffic in Traffic::all() {
        let host = tolerant(MemoryStore::new(), Quirks::entra());
        let silent = Cell::new(0);
        let send = async |request: TrafficRequest| {
            let full = answer(&host, &request);
            if request.method != "PATCH" || full.status() != 200 {
                return Ok::<_, Infallible>(full);
            }
            silent.set(silent.get() + 1);
            Ok(TrafficResponse::new(204))
        };
        let replay = now(traffic.replay_with(1, send));
        // The results of parallel requests can be read only when all are complete.
        let failed = ids(&replay, |verdict| *verdict != Verdict::Passed);
        assert!(failed.is_empty(), "{replay}");
        let asked: usize = replay.iter().map(|step| step.exchanges().len()).sum();
        assert!(asked >= traffic.steps().len() + silent.get(), "{}", traffic.name());
    }
}

#[test]
fn a_transport_that_fails_is_reported() {
    let send = async |request: TrafficRequest| match request.method.as_str() {
        "GET" => Err("connection refused"),
        _ => Ok(TrafficResponse::new(500)),
    };
    let replay = now(Traffic::google().replay_with(1, send));
    let first = replay.iter().next().unwrap();
    assert_eq!(first.failures()[0].to_string(), "expected an answer: connection refused");
    assert!(first.exchanges()[0].response().is_none());
    assert!(
        replay.iter().last().unwrap().to_string().contains("skipped: it needs {noor}, which no step before it got")
    );
    assert!(ids(&replay, |verdict| *verdict == Verdict::Passed).is_empty());
}

#[test]
fn requests_are_those_of_the_provider() {
    let replay = replay(&Traffic::okta(), Quirks::okta());
    let of = |id: &str| replay.iter().find(|step| step.step().id() == id).unwrap().exchanges()[0].request().clone();
    let lookup = of("lookup-nobody");
    let target = "/Users?filter=userName%20eq%20%22isaac.1%40example.com%22&startIndex=1&count=100";
    assert_eq!((&*lookup.method, &*lookup.target), ("GET", target));
    assert_eq!(lookup.header("user-agent"), Some("Okta SCIM Client 1.0.0"));
    assert_eq!((lookup.header("Accept"), lookup.header("Content-Type")), (Some("application/scim+json"), None));
    let off = of("deactivate");
    let body = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":false}}]}"#;
    assert_eq!(String::from_utf8(off.body.clone()).unwrap(), body);
    assert_eq!(off.header("Content-Type"), Some("application/scim+json; charset=utf-8"));
    assert_eq!((off.header("Accept-Charset"), off.header("Accept-Encoding")), (Some("utf-8"), Some("gzip,deflate")));
    assert_eq!(of("plain-json").header("Content-Type"), Some("application/json; charset=UTF-8"));
    let pages = replay.iter().find(|step| step.step().id() == "import-users").unwrap().exchanges();
    let targets: Vec<&str> = pages.iter().map(|page| &*page.request().target).collect();
    assert_eq!(targets[..2], ["/Users?startIndex=1&count=7", "/Users?startIndex=8&count=7"]);

    let replay = self::replay(&Traffic::entra(), Quirks::entra());
    let headers = |id: &str| {
        let step = replay.iter().find(|step| step.step().id() == id).unwrap();
        step.exchanges()[0].request().headers.clone()
    };
    let accept = ("Accept".to_owned(), "application/scim+json".to_owned());
    assert_eq!((headers("test-connection"), headers("test-without-headers")), (vec![accept], Vec::new()));
}
