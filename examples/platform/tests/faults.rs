//! A database that fails under load: killed, restarted, frozen, locked, without space, without its file. The platform
//! keeps running, refuses with 503 and recovers by itself, and the database has every acknowledged write.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::allow_attributes,
    reason = "a test that panics has failed"
)]
#![cfg(target_os = "linux")]

/// Modules of the program `it`.
#[allow(dead_code, unused_imports, reason = "this program uses a part of them")]
mod it {
    pub(crate) mod process;
}

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use it::process::{Disk, Engine, Ledger, Progress, Server, TOKEN, run_within, sqlite};

const CLIENTS: usize = 6;

/// The number of writes before a fault, and after it.
const SOME: usize = 100;

fn arguments(store: &str) -> [&str; 8] {
    ["--store", store, "--organization", "acme", "--token", TOKEN, "--log", "error"]
}

/// A fault under load, between writes that succeed. Then the process is killed, and the next process has every write.
fn survives(name: &str, server: Server, store: &str, enter: &[String], fault: impl FnOnce(&Progress)) {
    let began = Instant::now();
    let mut ledger = Ledger::new(&server, enter);
    let progress = ledger.under_load(&server, (name, CLIENTS), true, |progress| {
        progress.await_acknowledged(SOME);
        fault(progress);
        progress.await_acknowledged(SOME);
    });
    assert!(progress.unavailable() > 0, "{name}: nobody has noticed the fault");
    ledger.check(&server, store, 5);
    server.kill_hard();
    let server = Server::start_within(enter, &arguments(store));
    ledger.check(&server, store, 5);
    println!("{name}: {:?}", began.elapsed());
}

#[test]
fn no_acknowledged_write_is_lost_when_postgresql_is_killed() {
    let Some(mut engine) = Engine::start() else { return };
    let url = engine.url();
    survives("killed", Server::start(&arguments(&url)), &url, &[], |progress| {
        engine.signal_all("KILL");
        progress.await_unavailable(CLIENTS);
        engine.restart();
    });
}

#[test]
fn no_acknowledged_write_is_lost_when_postgresql_restarts() {
    let Some(mut engine) = Engine::start() else { return };
    let url = engine.url();
    survives("restarted", Server::start(&arguments(&url)), &url, &[], |progress| {
        engine.end();
        progress.await_unavailable(CLIENTS);
        engine.restart();
    });
}

#[test]
fn no_acknowledged_write_is_lost_when_postgresql_freezes() {
    let Some(engine) = Engine::start() else { return };
    let url = engine.url();
    survives("frozen", Server::start(&arguments(&url)), &url, &[], |progress| {
        engine.signal_all("STOP");
        progress.await_unavailable(CLIENTS);
        engine.signal_all("CONT");
    });
}

#[test]
fn no_acknowledged_write_is_lost_when_the_sqlite_file_is_locked() {
    let place = sqlite();
    survives("locked", Server::start(&arguments(&place.url)), &place.url, &[], |progress| {
        // As if a frozen process held the lock.
        let lock = place.lock();
        progress.await_unavailable(CLIENTS);
        drop(lock);
    });
}

#[test]
fn no_acknowledged_write_is_lost_when_the_sqlite_file_is_deleted() {
    let place = sqlite();
    survives("deleted", Server::start(&arguments(&place.url)), &place.url, &[], |progress| {
        let aside = place.file().with_extension("aside");
        fs::rename(place.file(), &aside).unwrap();
        progress.await_unavailable(CLIENTS);
        fs::rename(&aside, place.file()).unwrap();
    });
}

#[test]
fn no_acknowledged_write_is_lost_when_the_disk_of_sqlite_is_full() {
    let Some(disk) = Disk::new(32) else { return };
    let enter = disk.enter();
    let store = format!("sqlite:{}", disk.inside.join("platform.db").display());
    survives("full", Server::start_within(&enter, &arguments(&store)), &store, &enter, |progress| {
        for _ in 0..2 {
            disk.fill();
            progress.await_unavailable(3 * CLIENTS);
            disk.clear();
            progress.await_acknowledged(SOME);
        }
    });
    let refused = run_within(&enter, &["key", "list", "--store", &store]);
    assert_eq!(refused.status, Some(0), "{refused:?}");
}

#[test]
fn no_acknowledged_write_is_lost_when_the_disk_of_postgresql_is_full() {
    let Some(disk) = Disk::new(128) else { return };
    let Some(mut engine) = Engine::start_on(&disk) else { return };
    let url = engine.url();
    survives("full", Server::start(&arguments(&url)), &url, &[], |progress| {
        for _ in 0..2 {
            disk.fill();
            progress.await_unavailable(3 * CLIENTS);
            // PostgreSQL may have ended: it ends if it has no space for its log.
            thread::sleep(Duration::from_secs(1));
            disk.clear();
            if !engine.is_running() {
                println!("PostgreSQL has ended");
                engine.restart();
            }
            progress.await_acknowledged(SOME);
        }
    });
}
