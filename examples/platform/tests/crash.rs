//! A process that is killed in the middle of its work: what it has answered for is there when the next one starts, and
//! nothing is there by halves.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::allow_attributes,
    reason = "a test that panics has failed"
)]

mod process;

use std::{collections::BTreeSet, thread, time::Duration};

use process::{Answer, Place, Server, TOKEN, USER, databases, run};
use serde_json::{Value as Json, json};

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const ROUNDS: usize = 4;
const THREADS: usize = 6;

/// A user whose creation was acknowledged, and what it may look like: after a change that was acknowledged one way, and
/// after one that was not, either.
#[derive(Debug)]
struct Known {
    id: String,
    name: String,
    titles: Vec<Json>,
    membership: Vec<bool>,
}

/// What a thread knows when the server is gone.
#[derive(Default)]
struct Notes {
    users: Vec<Known>,
    /// Names whose creation was not acknowledged.
    open: Vec<String>,
    acknowledged: usize,
}

fn start(place: &Place) -> Server {
    Server::start(&["--store", &place.url, "--organization", "acme", "--token", TOKEN, "--log", "warn"])
}

fn user(name: &str) -> Json {
    json!({"schemas": [USER], "userName": name, "title": "new"})
}

fn patch(op: &str, path: &str, value: &Json) -> Json {
    json!({"schemas": [PATCH], "Operations": [{"op": op, "path": path, "value": value}]})
}

fn search(server: &Server, name: &str) -> Vec<Json> {
    let found = server.request("GET", &format!("/Users?filter=userName%20eq%20%22{name}%22"), None);
    assert_eq!(found.status, 200, "{}", found.text);
    found.json["Resources"].as_array().cloned().unwrap_or_default()
}

impl Notes {
    /// Sends until no answer comes any more.
    fn load(&mut self, server: &Server, group: &str, prefix: &str) {
        for index in 0.. {
            if self.step(server, group, &format!("{prefix}-{index}"), index).is_none() {
                return;
            }
        }
    }

    /// Creates a user, makes it a member, and changes one that is there. `None` as soon as an answer is missing.
    fn step(&mut self, server: &Server, group: &str, name: &str, index: usize) -> Option<()> {
        let Ok(made) = server.try_request("POST", "/Users", Some(&user(name))) else {
            self.open.push(name.to_owned());
            return None;
        };
        assert_eq!(made.status, 201, "{}", made.text);
        self.acknowledged += 1;
        let id = made.json["id"].as_str().unwrap().to_owned();
        self.users.push(Known { id, name: name.to_owned(), titles: vec![json!("new")], membership: vec![false] });

        self.member(server, group, self.users.len() - 1, true)?;
        let other = index.wrapping_mul(7) % self.users.len();
        if index.is_multiple_of(3) {
            self.member(server, group, other, false)?;
        }

        let title = json!(format!("title after {name}"));
        let known = &mut self.users[other];
        let answer =
            server.try_request("PATCH", &format!("/Users/{}", known.id), Some(&patch("Replace", "title", &title)));
        if is_missing(answer) {
            known.titles.push(title);
            return None;
        }
        known.titles = vec![title];
        self.acknowledged += 1;
        Some(())
    }

    fn member(&mut self, server: &Server, group: &str, index: usize, is_member: bool) -> Option<()> {
        let known = &mut self.users[index];
        let op = if is_member { "Add" } else { "Remove" };
        let body = patch(op, "members", &json!([{"$ref": null, "value": known.id}]));
        if is_missing(server.try_request("PATCH", &format!("/Groups/{group}"), Some(&body))) {
            known.membership.push(is_member);
            return None;
        }
        known.membership = vec![is_member];
        self.acknowledged += 1;
        Some(())
    }
}

fn is_missing(answer: Result<Answer, ureq::Error>) -> bool {
    let Ok(answer) = answer else { return true };
    assert!([200, 204].contains(&answer.status), "{} {}", answer.status, answer.text);
    false
}

#[test]
fn what_was_acknowledged_outlives_the_process() {
    for place in databases() {
        let mut server = start(&place);
        let group = json!({"schemas": [GROUP], "displayName": "everyone"});
        let group = server.request("POST", "/Groups", Some(&group)).json["id"].as_str().unwrap().to_owned();
        let mut all: Vec<Known> = Vec::new();
        for round in 0..ROUNDS {
            let moment = Duration::from_millis(200 + u64::from(uuid::Uuid::new_v4().as_bytes()[0]) * 2);
            let notes: Vec<Notes> = thread::scope(|scope| {
                let load = |thread: usize| {
                    let mut notes = Notes::default();
                    notes.load(&server, &group, &format!("round-{round}-{thread}"));
                    notes
                };
                let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || load(thread))).collect();
                thread::sleep(moment);
                server.signal("KILL");
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(server.wait().code(), None, "it was killed, and did not end by itself");
            server = start(&place);
            let acknowledged: usize = notes.iter().map(|notes| notes.acknowledged).sum();
            println!("{place:?}: killed after {moment:?} and {acknowledged} acknowledged writes");
            assert!(acknowledged > THREADS, "the load was none: {acknowledged}");
            for notes in notes {
                all.extend(notes.users);
                // It is there as a whole, or not at all.
                for name in notes.open {
                    let id = match search(&server, &name).as_slice() {
                        [] => {
                            let made = server.request("POST", "/Users", Some(&user(&name)));
                            assert_eq!(made.status, 201, "{name} is not there, and taken: {}", made.text);
                            made.json["id"].clone()
                        }
                        [one] => one["id"].clone(),
                        several => panic!("{several:?}"),
                    };
                    let id = id.as_str().unwrap().to_owned();
                    all.push(Known { id, name, titles: vec![json!("new")], membership: vec![false] });
                }
            }
            check(&server, &group, &mut all);
        }
        has_told_of(&place, &all);
    }
}

/// Everything is as it was acknowledged. What could be either way is known from then on.
fn check(server: &Server, group: &str, all: &mut [Known]) {
    let total = server.request("GET", "/Users?count=0", None).json["totalResults"].clone();
    assert_eq!(total, json!(all.len()), "nobody is there whom nobody has created");
    let read = server.request("GET", &format!("/Groups/{group}"), None);
    assert_eq!(read.status, 200, "{}", read.text);
    let list = read.json["members"].as_array().cloned().unwrap_or_default();
    let mut members: BTreeSet<&str> = list.iter().map(|member| member["value"].as_str().unwrap()).collect();
    assert_eq!(members.len(), list.len(), "one is there twice");
    for known in all {
        let read = server.request("GET", &format!("/Users/{}", known.id), None);
        assert_eq!((read.status, &read.json["userName"]), (200, &json!(known.name)), "{known:?}: {}", read.text);
        let title = read.json["title"].clone();
        assert!(known.titles.contains(&title), "{title}: {known:?}");
        let is_member = members.remove(known.id.as_str());
        assert!(known.membership.contains(&is_member), "{is_member}: {known:?}");
        let groups = read.json["groups"].as_array().map_or(0, Vec::len);
        assert_eq!(groups, usize::from(is_member), "{}", read.text);
        let found = search(server, &known.name);
        assert!(found.len() == 1 && found[0] == read.json, "{found:?} {}", read.text);
        let again = server.request("POST", "/Users", Some(&user(&known.name.to_uppercase())));
        assert_eq!((again.status, &again.json["scimType"]), (409, &json!("uniqueness")), "{}", again.text);
        (known.titles, known.membership) = (vec![title], vec![is_member]);
    }
    assert!(members.is_empty(), "{members:?}");
}

/// The event of a creation is written with it: every user has one, and nobody else has.
fn has_told_of(place: &Place, all: &[Known]) {
    let finished = run(&["events", "--organization", "acme", "--limit", "100000", "--store", &place.url]);
    assert_eq!(finished.status, Some(0), "{finished:?}");
    let events = finished.stdout.lines().map(|line| serde_json::from_str::<Json>(line).unwrap()["event"].take());
    let is_creation = |event: &Json| event["stateChange"] == "created" && event["resourceType"] == "User";
    let mut told: Vec<String> =
        events.filter(is_creation).map(|event| event["resourceId"].as_str().unwrap().to_owned()).collect();
    let mut there: Vec<String> = all.iter().map(|known| known.id.clone()).collect();
    told.sort();
    there.sort();
    assert_eq!(told, there);
}
