//! Does one piece of work a number of times, for a count of its instructions by Callgrind.
//!
//! `instructions NAME TIMES`. The script `instructions` calls this program twice, with N and with 2N, so that the cost of
//! the start and of the inputs falls out of the difference.

use std::{env, hint::black_box, process::ExitCode};

use scim_core_peers::{
    inputs::{PATCHES, filters, message, users},
    ours::{Host, Ours},
};

const NAMES: [&str; 10] = [
    "parse/simple",
    "parse/value-path",
    "parse/500-terms",
    "parse/100-value-paths",
    "create",
    "patch",
    "handle/get",
    "handle/eq",
    "handle/patch",
    "handle/post",
];

/// The users in the store of the whole requests, and the most users that a run creates.
const STORED: usize = 100;
const CREATED: usize = 400;

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let (Some(name), Some(times)) = (arguments.next(), arguments.next().and_then(|times| times.parse::<u32>().ok()))
    else {
        eprintln!("usage: instructions NAME TIMES\nnames: {}", NAMES.join(" "));
        return ExitCode::from(2);
    };
    if !NAMES.contains(&name.as_str()) {
        eprintln!("no work has the name {name}; names: {}", NAMES.join(" "));
        return ExitCode::from(2);
    }
    let ours = Ours::default();
    let users = users(1);
    match name.as_str() {
        "create" => create(&ours, &users[0].body, times),
        "patch" => patch(&ours, &users[0].stored, times),
        "handle/get" | "handle/eq" | "handle/patch" | "handle/post" => handle(&name, times),
        _ => parse(&ours, &name, times),
    }
    ExitCode::SUCCESS
}

fn parse(ours: &Ours, name: &str, times: u32) {
    let filter = filters().into_iter().find(|filter| filter.name == name).expect("one of the filters");
    for _ in 0..times {
        black_box(ours.parse(black_box(&filter.text)));
    }
}

fn create(ours: &Ours, body: &str, times: u32) {
    let mut out = Vec::with_capacity(4_096);
    for _ in 0..times {
        out.clear();
        ours.create(black_box(body), &mut out);
        black_box(&out);
    }
}

/// The patch of the user's work email.
fn patch(ours: &Ours, stored: &str, times: u32) {
    let message = PATCHES.iter().find(|patch| patch.name == "patch/entra-email").expect("one of the patches").body();
    let mut out = Vec::with_capacity(4_096);
    for _ in 0..times {
        out.clear();
        ours.patch(ours.user(black_box(stored)), black_box(&message), &mut out);
        black_box(&out);
    }
}

/// Whole requests to a store in memory, each to another user.
fn handle(name: &str, times: u32) {
    let host = Host::default();
    let users = users(STORED + CREATED);
    let (stored, new) = users.split_at(STORED);
    let ids: Vec<String> = stored.iter().map(|user| host.create("/Users", &user.body)).collect();
    for time in 0..usize::try_from(times).expect("a number of repetitions") {
        let (place, is_odd_round) = (time % STORED, time / STORED % 2 == 1);
        let (id, user) = (&ids[place], &stored[place]);
        let response = match name {
            "handle/get" => host.send("GET", &format!("/Users/{id}"), ""),
            "handle/eq" => host.send("GET", &format!("/Users?filter=userName%20eq%20%22{}%22", user.user_name), ""),
            "handle/post" => host.send("POST", "/Users", &new.get(time).expect("fewer repetitions").body),
            // A second PATCH takes back the first, so that every PATCH changes the user.
            _ => {
                let value = user.is_active == is_odd_round;
                let body = message(&format!(r#"{{"op":"replace","path":"active","value":{value}}}"#));
                host.send("PATCH", &format!("/Users/{id}"), &body)
            }
        };
        assert!((200..300).contains(&response.status), "{}", response.status);
        black_box(response);
    }
}
