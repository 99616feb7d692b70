//! Whole requests through `ServiceProvider::handle`, on 1,000 users in memory.

use std::{cell::Cell, hint::black_box};

use scim_core::protocol::Response;
use scim_core_peers::{
    inputs::{UserInput, message, users},
    ours::Host,
};
use serde_json::Value;

use crate::{
    allocations::{allocations, typical},
    contest::Contest,
    references::json::tree,
    report::Report,
};

/// The users in the store.
const STORED: usize = 1_000;
/// The requests of one call.
const REQUESTS: usize = 100;
const ROUNDS: usize = 31;

/// A request.
struct Call {
    method: &'static str,
    target: String,
    body: String,
    status: u16,
}

impl Call {
    fn send(&self, host: &Host) -> Response {
        let response = host.send(self.method, black_box(&self.target), black_box(&self.body));
        assert_eq!(response.status, self.status);
        response
    }
}

struct Stored {
    host: Host,
    ids: Vec<String>,
    inputs: Vec<UserInput>,
    /// The users as GET returns them.
    shown: Vec<Value>,
}

impl Stored {
    fn new() -> Self {
        let host = Host::default();
        // The later users are created by POST.
        let inputs = users(STORED + (ROUNDS + 4) * REQUESTS);
        let ids: Vec<String> = inputs.iter().take(STORED).map(|user| host.create("/Users", &user.body)).collect();
        let show = |id: &String| json(&host.send("GET", &format!("/Users/{id}"), ""));
        let shown: Vec<Value> = ids.iter().map(show).collect();
        for (shown, input) in shown.iter().zip(&inputs) {
            for (name, value) in tree(&input.body).as_object().expect("an object") {
                let extra = name == "schemas" || name.starts_with("urn:");
                assert!(extra || &shown[name] == value, "{name}");
            }
        }
        Self { host, ids, inputs, shown }
    }

    /// The calls to make for `count` users, which are far apart in the store.
    fn calls(&self, count: usize, call: impl Fn(&str, &UserInput) -> Call) -> Vec<Call> {
        let places = (0..count).map(|n| (n * 37) % STORED);
        places.map(|place| call(&self.ids[place], &self.inputs[place])).collect()
    }

    /// Writes the same users as the calls, as often.
    fn to_vec(&self, count: usize) {
        for place in (0..count).map(|n| (n * 37) % STORED) {
            black_box(serde_json::to_vec(black_box(&self.shown[place])).expect("memory"));
        }
    }
}

fn json(response: &Response) -> Value {
    serde_json::from_slice(&response.body).expect("JSON")
}

pub(super) fn run(report: &mut Report) {
    let stored = Stored::new();
    let get = stored.calls(REQUESTS, |id, _| Call {
        method: "GET",
        target: format!("/Users/{id}"),
        body: String::new(),
        status: 200,
    });
    let eq = stored.calls(REQUESTS, |_, user| Call {
        method: "GET",
        target: format!("/Users?filter=userName%20eq%20%22{}%22", user.user_name),
        body: String::new(),
        status: 200,
    });
    // A second PATCH takes back the first, so that every PATCH changes the user.
    let patch = |to_active: bool| {
        stored.calls(REQUESTS / 2, |id, user| Call {
            method: "PATCH",
            target: format!("/Users/{id}"),
            body: message(&format!(r#"{{"op":"replace","path":"active","value":{}}}"#, user.is_active == to_active)),
            status: 200,
        })
    };
    let patches: Vec<Call> = patch(false).into_iter().chain(patch(true)).collect();
    for (call, place) in get.iter().zip((0..REQUESTS).map(|n| (n * 37) % STORED)) {
        assert_eq!(json(&call.send(&stored.host)), stored.shown[place]);
    }
    for (call, place) in eq.iter().zip((0..REQUESTS).map(|n| (n * 37) % STORED)) {
        let list = json(&call.send(&stored.host));
        assert_eq!((&list["totalResults"], &list["Resources"][0]), (&1.into(), &stored.shown[place]));
    }
    for call in &patches {
        let shown = json(&call.send(&stored.host));
        assert_eq!(shown["active"], tree(&call.body)["Operations"][0]["value"]);
    }
    measure(report, &stored, "handle/get", &get);
    measure(report, &stored, "handle/eq", &eq);
    measure(report, &stored, "handle/patch", &patches);
    post(report, &stored);
}

fn measure(report: &mut Report, stored: &Stored, name: &'static str, calls: &[Call]) {
    if report.wants(name) {
        let send = || calls.iter().for_each(|call| drop(black_box(call.send(&stored.host))));
        report.contest(name, Contest::new(REQUESTS).ours(send).limit(|| stored.to_vec(REQUESTS)).run());
    }
    let counts = calls.iter().map(|call| allocations(|| call.send(&stored.host)));
    report.allocations(&format!("{name}/allocations"), typical(counts));
}

/// A POST cannot be repeated: each call creates other users.
fn post(report: &mut Report, stored: &Stored) {
    let next = Cell::new(STORED);
    let create = || {
        let place = next.replace(next.get() + 1);
        let response = stored.host.send("POST", "/Users", black_box(&stored.inputs[place].body));
        assert_eq!(response.status, 201);
        response
    };
    let shown = json(&create());
    assert_eq!(shown["userName"], stored.inputs[STORED].user_name);
    report.allocations("handle/post/allocations", typical((1..REQUESTS).map(|_| allocations(create))));
    if report.wants("handle/post") {
        let contest = Contest::new(REQUESTS).single_calls(ROUNDS);
        let create_all = || (0..REQUESTS).for_each(|_| drop(create()));
        // The other lines repeat their references within a sample, which fills the caches.
        let contest = contest.ours(create_all).limit_repeated(8, || stored.to_vec(REQUESTS));
        report.contest("handle/post", contest.run());
    }
}
