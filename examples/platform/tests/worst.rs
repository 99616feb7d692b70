//! The most expensive single requests at the default limits: the processor time and the memory that each takes of the
//! process and of its database, on each store.
//!
//! `SCIM_TEST_WORST=full` asks for 10,000 users, for all requests and for the bounds in seconds and MB; use it with
//! `cargo test --release -p platform --test worst -- --nocapture`. With another value, such as `short`, the
//! organization is a tenth of that, and the bound is the cost of the creation of a number of users: both are slower in
//! a debug build and on a slow machine. Without the variable the test is skipped, since even the short form takes many
//! minutes.
#![cfg(target_os = "linux")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::allow_attributes,
    reason = "a test that panics has failed"
)]

/// Modules of the program `it`.
#[allow(dead_code, unused_imports, reason = "this program uses a part of them")]
mod it {
    pub(crate) mod costs;
    pub(crate) mod process;
}

use it::{costs, process};
use std::{fmt::Write as _, time::Duration};

use it::costs::{Cost, Family, Meter, Organization, Size};
use it::process::{Place, Server, TOKEN, stores};

/// The bounds of the full form.
const PROCESSOR: Duration = Duration::from_secs(1);
const MEMORY: u64 = 100;

/// Without the full form a request may cost as much as the creation of so many users by bulk requests.
const CREATIONS: u32 = 20_000;

/// The number of requests in the report.
const SHOWN: usize = 25;

fn is_full() -> bool {
    std::env::var("SCIM_TEST_WORST").is_ok_and(|form| form == "full")
}

/// Whether the name of a store or of a request contains the text in the variable, or the variable is not set.
fn is_wanted(variable: &str, name: &str) -> bool {
    std::env::var(variable).map_or(true, |part| name.contains(&part))
}

/// A server without rate limits, whose freed memory returns to the system at once.
fn serve(place: &Place) -> Server {
    let arguments = ["--store", &place.url, "--organization", "acme", "--token", TOKEN, "--log", "error"];
    let rates = ["--key-rate", "0", "--organization-rate", "0"];
    Server::start_with(("_RJEM_MALLOC_CONF", "dirty_decay_ms:50,muzzy_decay_ms:0"), &[&arguments[..], &rates].concat())
}

/// Sends the requests of a family, the largest first, until one is accepted.
fn measure(meter: &Meter<'_>, families: &[Family], costs: &mut Vec<Cost>) {
    for family in families {
        for size in &family.sizes {
            let request = (family.of)(*size);
            if !is_wanted("SCIM_TEST_WORST_ONLY", &request.name) {
                continue;
            }
            let cost = meter.measure(&request);
            if is_full() {
                println!("{cost:?}");
            }
            let is_accepted = cost.status < 400;
            costs.push(cost);
            if is_accepted {
                break;
            }
        }
    }
}

fn table(title: &str, costs: &[Cost]) -> String {
    let mut table =
        format!("\n### {title}\n\n| request | status | CPU, s | memory, MB | answer, kB | elapsed, s | detail |\n");
    table.push_str("| --- | ---: | ---: | ---: | ---: | ---: | --- |\n");
    for cost in costs.iter().take(SHOWN) {
        let (server, database) = (cost.server.as_secs_f64(), cost.database.as_secs_f64());
        writeln!(
            table,
            "| {} | {} | {server:.2} + {database:.2} | {} + {} | {} | {:.2} | {} |",
            cost.name,
            cost.status,
            cost.memory,
            cost.database_memory,
            cost.answer_bytes >> 10,
            cost.elapsed.as_secs_f64(),
            cost.detail,
        )
        .unwrap();
    }
    table
}

/// Measures all requests on one store, and returns the requests that exceed the bounds.
fn judge(place: &Place, name: &str, size: Size, fill: fn(&Server, Size, Vec<String>) -> Organization) -> Vec<Cost> {
    let server = serve(place);
    let meter = Meter::new(&server, place);
    let start = meter.server_ticks() + meter.database_ticks();
    let users = costs::create_users(&server, size.users);
    let ticks = meter.server_ticks() + meter.database_ticks() - start;
    let creation = Meter::time(ticks) / u32::try_from(size.users).unwrap();
    let organization = fill(&server, size, users);
    if place.url.starts_with("postgres") {
        // Autovacuum would do the same within a minute.
        place.run("VACUUM ANALYZE");
    }
    let mut costs = Vec::new();
    measure(&meter, &costs::lists(&organization), &mut costs);
    measure(&meter, &costs::searches(), &mut costs);
    measure(&meter, &costs::heavy(), &mut costs);
    measure(&meter, &costs::single_writes(&organization, size.members), &mut costs);
    measure(&meter, &costs::bulk_writes(&organization), &mut costs);
    assert!(costs.iter().any(|cost| cost.status < 300), "{name}: nothing was accepted");
    let bound = if is_full() { PROCESSOR } else { creation * CREATIONS };
    let title = format!("{name}, {size:?}, {} requests, {creation:?} for each creation, bound {bound:?}", costs.len());
    costs.sort_by_key(|cost| std::cmp::Reverse(cost.processor()));
    println!("{}", table(&format!("{title}, by processor time"), &costs));
    let mut by_memory = costs.clone();
    by_memory.sort_by_key(|cost| std::cmp::Reverse(cost.all_memory()));
    println!("{}", table(&format!("{title}, by memory"), &by_memory));
    costs.retain(|cost| cost.processor() > bound || cost.all_memory() > MEMORY || cost.status >= 500);
    costs
}

#[test]
fn no_request_exceeds_its_bounds() {
    if std::env::var_os("SCIM_TEST_WORST").is_none() {
        println!(
            "skipped: SCIM_TEST_WORST is not set; the measurement takes many minutes on a machine without other work"
        );
        return;
    }
    let scale = if is_full() { 1 } else { 10 };
    let many = Size { users: 10_000 / scale - 2, members: 10_000 / scale - 2, groups: 60 / scale };
    let large = Size { users: 1_000 / scale, members: 1_000 / scale, groups: 60 / scale };
    let mut exceeding = Vec::new();
    for place in stores() {
        let store = place.url.split(':').next().unwrap().to_owned();
        if !is_wanted("SCIM_TEST_WORST_STORES", &store) {
            continue;
        }
        for (name, size, fill) in [
            ("many users", many, costs::fill_many as fn(&Server, Size, Vec<String>) -> Organization),
            ("large users", large, costs::fill_large),
        ] {
            if !is_wanted("SCIM_TEST_WORST_ORGANIZATIONS", name) {
                continue;
            }
            let place = place.another();
            let name = format!("{store}, {name}");
            let found = judge(&place, &name, size, fill);
            if !found.is_empty() {
                exceeding.push(table(&format!("{name}: exceeds its bounds"), &found));
            }
        }
    }
    assert!(exceeding.is_empty(), "{}", exceeding.concat());
}
