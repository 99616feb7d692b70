//! A database that is silent, incomplete or gone: requests fail in time, no acknowledged write is lost, `/health`
//! reports the fault, and the platform recovers by itself.
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

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    path::PathBuf,
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

use it::process::{Answer, Place, Server, TOKEN, USER, databases, eventually, postgres, run, sqlite};
use serde_json::{Value as Json, json};

/// Forwards connections to a server until it is set silent: then it accepts bytes and connections, and forwards
/// nothing. A server whose processes are stopped looks the same.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn set_silent(&self, silent: bool) {
        *self.0.0.lock().unwrap() = silent;
        self.0.1.notify_all();
    }

    fn wait_while_silent(&self) {
        drop(self.0.1.wait_while(self.0.0.lock().unwrap(), |silent| *silent).unwrap());
    }

    fn pass(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            self.wait_while_silent();
            if to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    }

    /// Opens the gate in front of the server that a URL names. Returns the URL through it.
    fn in_front_of(&self, url: &str) -> String {
        let (scheme, rest) = url.split_once("://").unwrap();
        let (authority, path) = rest.split_once('/').unwrap();
        let (user, address) = authority.rsplit_once('@').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let through = format!("{scheme}://{user}@{}/{path}", listener.local_addr().unwrap());
        let (gate, address) = (self.clone(), address.to_owned());
        thread::spawn(move || {
            for client in listener.incoming() {
                let (gate, address, client) = (gate.clone(), address.clone(), client.unwrap());
                thread::spawn(move || {
                    gate.wait_while_silent();
                    let Ok(server) = TcpStream::connect(address) else { return };
                    let (back, answers, requests) = (gate.clone(), server.try_clone().unwrap(), client);
                    let to_client = requests.try_clone().unwrap();
                    thread::spawn(move || back.pass(answers, to_client));
                    gate.pass(requests, server);
                });
            }
        });
        through
    }
}

fn user(name: &str) -> Json {
    json!({"schemas": [USER], "userName": name})
}

fn create(server: &Server, name: &str) -> Answer {
    server.request("POST", "/Users", Some(&user(name)))
}

fn health(server: &Server) -> u16 {
    server.send("GET", &format!("{}/health", server.root()), &[], None).unwrap().status
}

fn start(url: &str) -> Server {
    Server::start(&["--store", url, "--token", TOKEN, "--log", "error"])
}

fn assert_unavailable(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 503, "{what}: {}", answer.text);
    assert!(answer.headers.contains_key("retry-after"), "{what}: {:?}", answer.headers);
}

#[test]
fn requests_to_a_silent_database_fail_in_time() {
    let Some(place) = postgres() else { return };
    let gate = Gate::default();
    let server = start(&gate.in_front_of(&place.url));
    let id = create(&server, "ann").json["id"].as_str().unwrap().to_owned();
    // Connections in use and idle connections.
    thread::scope(|scope| {
        for n in 0..8 {
            let server = &server;
            scope.spawn(move || create(server, &format!("user{n}")));
        }
    });
    gate.set_silent(true);
    let begin = Instant::now();
    thread::scope(|scope| {
        for n in 0..16 {
            let (server, id) = (&server, &id);
            scope.spawn(move || {
                let answer = match n % 3 {
                    0 => server.request("GET", &format!("/Users/{id}"), None),
                    1 => server.request("GET", "/Users?filter=title%20pr", None),
                    _ => create(server, &format!("silent{n}")),
                };
                assert_unavailable(&answer, &format!("request {n} after {:?}", begin.elapsed()));
            });
        }
        scope.spawn(|| {
            assert_eq!(health(&server), 503);
            assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
        });
    });
    println!("16 requests to a silent database: {:?}", begin.elapsed());
    assert!(begin.elapsed() < Duration::from_secs(25), "{:?}", begin.elapsed());

    gate.set_silent(false);
    eventually("the platform recovers", || health(&server) == 200 && create(&server, "bob").status == 201);
    assert_eq!(server.request("GET", &format!("/Users/{id}"), None).status, 200);
}

/// The URL with another server before its own.
fn behind(first: &str, url: &str) -> String {
    let (user, rest) = url.split_once('@').unwrap();
    format!("{user}@{first},{rest}")
}

/// A paused machine accepts connections and answers nothing, while another machine is already the leader.
#[test]
fn a_silent_server_does_not_hide_the_next() {
    let Some(place) = postgres() else { return };
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let begin = Instant::now();
    let server = start(&behind(&silent.local_addr().unwrap().to_string(), &place.url));
    assert_eq!(create(&server, "ann").status, 201);
    println!("with a silent server at the start: {:?}", begin.elapsed());

    let gate = Gate::default();
    let through = gate.in_front_of(&place.url);
    let first = through.split(['@', '/']).nth(3).unwrap();
    let server = start(&behind(first, &place.url));
    assert_eq!(create(&server, "bob").status, 201);
    gate.set_silent(true);
    let begin = Instant::now();
    let mut number = 0;
    eventually("the platform uses the next", || {
        number += 1;
        let answer = create(&server, &format!("carl{number}"));
        if answer.status != 201 {
            assert_unavailable(&answer, "while the server is silent");
        }
        answer.status == 201
    });
    println!("with a server that became silent: {:?}", begin.elapsed());
    assert_eq!(health(&server), 200);
    gate.set_silent(false);
}

#[test]
fn a_server_that_cannot_be_used_is_reported_with_the_cause() {
    let refused = run(&["key", "list", "--store", "postgres://postgres@127.0.0.1:1/none"]);
    assert_eq!(refused.status, Some(1), "{refused:?}");
    assert!(refused.stderr.to_lowercase().contains("refused"), "{refused:?}");

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://postgres@{}/none", silent.local_addr().unwrap());
    let refused = run(&["key", "list", "--store", &url]);
    assert!(refused.status == Some(1) && refused.stderr.contains("silent for 5 s"), "{refused:?}");

    if let Some(place) = postgres() {
        let refused = run(&["key", "list", "--store", &format!("{}_absent", place.url)]);
        assert!(refused.status == Some(1) && refused.stderr.contains("does not exist"), "{refused:?}");
    }
}

#[test]
fn health_detects_each_missing_table() {
    for place in databases() {
        let server = start(&place.url);
        assert_eq!(health(&server), 200, "{place:?}");
        for table in
            ["organization", "api_key", "resource", "unique_key", "member", "event", "setting", "schema_version"]
        {
            place.run(&format!("ALTER TABLE {table} RENAME TO gone"));
            assert_eq!(health(&server), 503, "{place:?}: without {table}");
            place.run(&format!("ALTER TABLE gone RENAME TO {table}"));
            assert_eq!(health(&server), 200, "{place:?}: with {table} again");
        }
        assert_eq!(create(&server, "ann").status, 201, "{place:?}");
    }
}

/// Moves a file away, lets the platform answer, and moves it back.
fn without(path: &PathBuf, replace: bool, server: &Server, name: &str) {
    let aside = path.with_extension("aside");
    fs::rename(path, &aside).unwrap();
    if replace {
        fs::copy(&aside, path).unwrap();
    }
    let refused = create(server, name);
    assert_unavailable(&refused, &format!("{name}: {}", path.display()));
    assert_eq!(health(server), 503, "{name}");
    fs::rename(&aside, path).unwrap();
    assert_eq!(health(server), 200, "{name}");
    let found = server.request("GET", &format!("/Users?filter=userName%20eq%20%22{name}%22"), None);
    assert_eq!(found.json["totalResults"], 0, "{name} was refused and written: {}", found.text);
    assert_eq!(create(server, name).status, 201, "{name}");
}

#[test]
fn sqlite_acknowledges_nothing_without_its_files() {
    let place: Place = sqlite();
    let server = start(&place.url);
    assert_eq!(create(&server, "ann").status, 201);
    let file = place.file().to_owned();
    let log = PathBuf::from(format!("{}-wal", file.display()));
    for (name, path, replace) in
        [("deleted", &file, false), ("replaced", &file, true), ("nolog", &log, false), ("otherlog", &log, true)]
    {
        without(path, replace, &server, name);
    }
    // The file has every acknowledged write.
    server.kill_hard();
    let server = start(&place.url);
    assert_eq!(server.request("GET", "/Users", None).json["totalResults"], 5);
}
