//! Does one piece of work a number of times, for a count of its instructions by Callgrind.
//!
//! `instructions NAME TIMES`. The script `instructions` calls this program twice, with N and with 2N, so that the cost of
//! the start and of the inputs falls out of the difference.

use std::{env, hint::black_box, process::ExitCode};

use scim_core_peers::{
    inputs::{PATCHES, filters, users},
    ours::Ours,
};

const NAMES: [&str; 6] =
    ["parse/simple", "parse/value-path", "parse/500-terms", "parse/100-value-paths", "create", "patch"];

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
        ours.patch(&ours.user(black_box(stored)), black_box(&message), &mut out);
        black_box(&out);
    }
}
