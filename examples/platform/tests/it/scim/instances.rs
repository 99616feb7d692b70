//! Several processes on one database, as behind a load balancer: together they serve clients as one directory.

use std::{
    collections::BTreeSet,
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::process::{Answer, Place, Server, TOKEN, USER, databases, eventually, run};
use serde_json::{Value as Json, json};

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// Two processes. Each request goes to the process that did not have the last request.
struct Pair {
    servers: [Server; 2],
    turn: AtomicUsize,
}

impl Pair {
    fn start(place: &Place) -> Self {
        let key = "0123456789abcdef".repeat(4);
        let arguments =
            ["--store", &place.url, "--organization", "acme", "--token", TOKEN, "--cursor-key", &key, "--log", "warn"];
        // Both start at the same time, on tables that do not exist yet.
        let servers = thread::scope(|scope| {
            let started = [0, 1].map(|_| scope.spawn(|| Server::start(&arguments)));
            started.map(|server| server.join().unwrap())
        });
        Self { servers, turn: AtomicUsize::new(0) }
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Json>) -> Answer {
        self.ask_one(self.turn.fetch_add(1, Ordering::Relaxed), method, path, body)
    }

    /// Sends a request to one process. No answer may be a server error.
    fn ask_one(&self, server: usize, method: &str, path: &str, body: Option<&Json>) -> Answer {
        let server = &self.servers[server % 2];
        let answer = server.request(method, path, body);
        assert!(answer.status < 500, "{method} {path}: {} {}\n{}", answer.status, answer.text, server.log());
        answer
    }

    fn create(&self, path: &str, body: &Json) -> String {
        let made = self.ask("POST", path, Some(body));
        assert_eq!(made.status, 201, "{}", made.text);
        made.json["id"].as_str().unwrap().to_owned()
    }

    fn user(&self, name: &str) -> String {
        self.create("/Users", &user(name))
    }

    fn group(&self, name: &str) -> String {
        self.create("/Groups", &json!({"schemas": [GROUP], "displayName": name}))
    }

    /// Adds or removes a member like Entra ID.
    fn edit(&self, op: &str, group: &str, member: &str) -> Answer {
        let operation = json!({"op": op, "path": "members", "value": [{"$ref": null, "value": member}]});
        let body = json!({"schemas": [PATCH], "Operations": [operation]});
        self.ask("PATCH", &format!("/Groups/{group}"), Some(&body))
    }

    /// The members of a group, on which both processes agree.
    fn members(&self, group: &str) -> BTreeSet<String> {
        let seen = [0, 1].map(|server| {
            let read = self.ask_one(server, "GET", &format!("/Groups/{group}"), None);
            assert_eq!(read.status, 200, "{}", read.text);
            let members = read.json["members"].as_array().cloned().unwrap_or_default();
            let ids: BTreeSet<String> = members.iter().map(|it| it["value"].as_str().unwrap().to_owned()).collect();
            assert_eq!(ids.len(), members.len(), "one is there twice: {}", read.text);
            ids
        });
        assert_eq!(seen[0], seen[1]);
        let [members, _] = seen;
        members
    }
}

fn user(name: &str) -> Json {
    json!({"schemas": [USER], "userName": name})
}

fn is_done(answer: &Answer) -> bool {
    [200, 204].contains(&answer.status)
}

#[test]
fn two_processes_are_one_directory() {
    for place in databases() {
        let pair = Pair::start(&place);
        for (what, check) in [
            ("members", memberships as fn(&Pair)),
            ("names", names),
            ("attributes", attributes),
            ("deletions", deletions),
            ("cursors", cursors),
        ] {
            let start = Instant::now();
            check(&pair);
            println!("{place:?}: {what} in {:?}", start.elapsed());
        }
        revocation(&place, &pair);
        for server in pair.servers {
            assert_eq!(server.log(), "", "neither has warned of anything");
            assert_eq!(server.terminate().code(), Some(0));
        }
    }
}

/// Many threads add and remove members of one group, and no change is lost.
fn memberships(pair: &Pair) {
    const THREADS: usize = 8;
    let group = pair.group("everyone");
    let shared = pair.user("shared");
    let start = Barrier::new(THREADS);
    let work = |thread: usize| {
        let own: Vec<String> = (0..4).map(|index| pair.user(&format!("member-{thread}-{index}"))).collect();
        start.wait();
        for round in 0..3 {
            for (index, id) in own.iter().enumerate() {
                let added = pair.edit("Add", &group, id);
                assert!(is_done(&added), "{}", added.text);
                if (round + index) % 2 == 1 {
                    let removed = pair.edit("Remove", &group, id);
                    assert!(is_done(&removed), "{}", removed.text);
                }
            }
            // All threads add the same member: the group has it once.
            assert!(is_done(&pair.edit("Add", &group, &shared)));
        }
        // The members that the last round left.
        own.into_iter().enumerate().filter(|(index, _)| (2 + index) % 2 == 0).map(|(_, id)| id).collect::<Vec<_>>()
    };
    let expected: BTreeSet<String> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || work(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).chain([shared.clone()]).collect()
    });
    assert_eq!(expected.len(), THREADS * 2 + 1);
    assert_eq!(pair.members(&group), expected);
}

/// If several clients want a name, in any case, only one client gets the name.
fn names(pair: &Pair) {
    const THREADS: usize = 12;
    let start = Barrier::new(THREADS);
    for name in ["ann@example.com", "bob@example.com", "carl@example.com", "dora@example.com"] {
        let want = |thread: usize| {
            // A letter in upper case for each bit of the thread's number.
            let varied = name.chars().enumerate().map(|(index, letter)| match index {
                0..4 if thread >> index & 1 == 1 => letter.to_ascii_uppercase(),
                _ => letter,
            });
            let body = user(&varied.collect::<String>());
            start.wait();
            pair.ask_one(thread, "POST", "/Users", Some(&body))
        };
        let answers: Vec<Answer> = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || want(thread))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let (made, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
        assert_eq!(made.len(), 1, "{name}: {answers:?}");
        for answer in refused {
            assert_eq!((answer.status, &answer.json["scimType"]), (409, &json!("uniqueness")), "{}", answer.text);
        }
        for server in [0, 1] {
            let filter = format!("/Users?filter=userName%20eq%20%22{}%22", name.to_uppercase());
            let found = pair.ask_one(server, "GET", &filter, None);
            assert_eq!(found.json["totalResults"], 1, "{}", found.text);
            assert_eq!(found.json["Resources"][0]["id"], made[0].json["id"]);
        }
    }
}

/// A change of one attribute does not undo another client's change of another attribute.
fn attributes(pair: &Pair) {
    let change = |server: usize, id: &str, attribute: &str, value: &str| {
        let operation = json!({"op": "Replace", "path": attribute, "value": value});
        let body = json!({"schemas": [PATCH], "Operations": [operation]});
        let changed = pair.ask_one(server, "PATCH", &format!("/Users/{id}"), Some(&body));
        assert!(is_done(&changed), "{} {}", changed.status, changed.text);
    };
    let start = Barrier::new(2);
    for person in 0..4 {
        let id = pair.user(&format!("changed-{person}"));
        for round in 0..5 {
            let value = format!("value {round}");
            thread::scope(|scope| {
                for (server, attribute) in ["title", "nickName"].into_iter().enumerate() {
                    let (start, change, id, value) = (&start, &change, &id, &value);
                    scope.spawn(move || {
                        start.wait();
                        change(server, id, attribute, value);
                    });
                }
            });
            for server in [0, 1] {
                let read = pair.ask_one(server, "GET", &format!("/Users/{id}"), None);
                assert_eq!((&read.json["title"], &read.json["nickName"]), (&json!(value), &json!(value)));
            }
        }
    }
}

/// A member that is deleted while it is added is in no group afterwards.
fn deletions(pair: &Pair) {
    let group = pair.group("leavers");
    let stays = pair.user("stays");
    assert!(is_done(&pair.edit("Add", &group, &stays)));
    let start = Barrier::new(2);
    for index in 0..12 {
        let id = pair.user(&format!("leaver-{index}"));
        thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                let added = pair.edit("Add", &group, &id);
                assert!(is_done(&added) || [400, 404].contains(&added.status), "{} {}", added.status, added.text);
            });
            scope.spawn(|| {
                start.wait();
                assert_eq!(pair.ask("DELETE", &format!("/Users/{id}"), None).status, 204);
            });
        });
        assert_eq!(pair.members(&group), BTreeSet::from([stays.clone()]));
    }
}

/// A process can continue a walk that the other process began.
fn cursors(pair: &Pair) {
    let mut all = BTreeSet::new();
    let (mut cursor, mut pages) = (String::new(), 0);
    loop {
        let page = pair.ask_one(pages, "GET", &format!("/Users?count=7&cursor={cursor}&attributes=userName"), None);
        assert_eq!(page.status, 200, "{}", page.text);
        pages += 1;
        for resource in page.json["Resources"].as_array().unwrap() {
            assert!(all.insert(resource["id"].as_str().unwrap().to_owned()), "twice: {resource}");
        }
        match page.json["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    let total = pair.ask("GET", "/Users?count=0", None).json["totalResults"].as_u64().unwrap();
    assert_eq!(all.len() as u64, total);
    assert!(pages > 3, "{pages}");
}

/// Neither process accepts a revoked key for long.
fn revocation(place: &Place, pair: &Pair) {
    let administer = |arguments: &[&str]| {
        let finished = run(&[arguments, &["--store", &place.url]].concat());
        assert_eq!(finished.status, Some(0), "{finished:?}");
        finished.stdout
    };
    let shown = administer(&["key", "new", "--organization", "acme", "--name", "second"]);
    let key = shown.split(' ').nth(2).unwrap().to_owned();
    let status = |server: &Server| server.request_with_key(Some(&key), "GET", "/Users?count=0", None).status;
    assert_eq!(pair.servers.each_ref().map(status), [200, 200]);
    let list = administer(&["key", "list"]);
    let digest = list.lines().find(|line| line.ends_with("second")).unwrap().split(' ').next().unwrap();
    administer(&["key", "revoke", "--digest", digest]);
    let revoked = Instant::now();
    eventually("both refuse it", || pair.servers.each_ref().map(status) == [401, 401]);
    // The key is trusted for 2 s without a look-up; the rest is for a busy machine.
    assert!(revoked.elapsed() < Duration::from_secs(6), "{:?}", revoked.elapsed());
}
