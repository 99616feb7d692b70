//! A process that is killed or gets a signal in the middle of its work: the next process has every acknowledged write,
//! and no write is incomplete.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::allow_attributes,
    reason = "a test that panics has failed"
)]

/// Modules of the program `it`.
#[allow(dead_code, unused_imports, reason = "this program uses a part of them")]
mod it {
    pub(crate) mod process;
}

use std::{thread, time::Duration};

use it::process::{Ledger, Place, Server, TOKEN, databases};

const ROUNDS: usize = 4;
const CLIENTS: usize = 6;

fn start(place: &Place) -> Server {
    Server::start(&["--store", &place.url, "--organization", "acme", "--token", TOKEN, "--log", "warn"])
}

/// Ends a process under load by a signal, and starts the next process. `status` is the expected exit status.
fn what_was_acknowledged_outlives(signal: &str, status: Option<i32>) {
    for place in databases() {
        let mut server = start(&place);
        let mut ledger = Ledger::new(&server, &[]);
        for round in 0..ROUNDS {
            let moment = Duration::from_millis(200 + u64::from(uuid::Uuid::new_v4().as_bytes()[0]) * 2);
            println!("{place:?}: {signal} after {moment:?}");
            let progress = ledger.under_load(&server, (&format!("round-{round}"), CLIENTS), false, |_| {
                thread::sleep(moment);
                server.signal(signal);
            });
            assert_eq!(server.wait().code(), status, "{place:?}");
            assert!(progress.acknowledged() > CLIENTS, "the load was none: {}", progress.acknowledged());
            assert_eq!(progress.unavailable(), 0, "{place:?}");
            server = start(&place);
            ledger.check(&server, &place.url, 1);
        }
    }
}

#[test]
fn acknowledged_writes_outlive_a_killed_process() {
    what_was_acknowledged_outlives("KILL", None);
}

#[test]
fn acknowledged_writes_outlive_a_process_that_ends() {
    what_was_acknowledged_outlives("TERM", Some(0));
}
