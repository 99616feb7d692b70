//! Compares the answers to clients with the database: no acknowledged write is missing, the database has no write that
//! no client has requested, and the outbox, applied in order, gives the stored resources.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use chrono::DateTime;
use serde_json::{Value as Json, json};

use super::{Answer, Server, USER, eventually, run_within};

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// The pause before a client repeats a request. It is shorter than `Retry-After`, so that a test is fast.
const PAUSE: Duration = Duration::from_millis(200);

/// The answers of a service that has only the resources of these clients.
pub(crate) struct Ledger {
    /// The group of all users.
    pub(crate) group: String,
    all: Vec<UserRecord>,
    enter: Vec<String>,
}

/// A user whose creation was acknowledged, with its possible states: one after an acknowledged change, two after a
/// change without an answer.
#[derive(Debug)]
struct UserRecord {
    id: String,
    name: String,
    titles: Vec<Json>,
    membership: Vec<bool>,
}

/// The records of one client at its end.
#[derive(Default)]
struct Notes {
    users: Vec<UserRecord>,
    /// Names whose creation was not acknowledged.
    open: Vec<String>,
}

/// The numbers of answers to all clients so far.
#[derive(Default)]
pub(crate) struct Progress {
    acknowledged: AtomicUsize,
    unavailable: AtomicUsize,
    is_over: AtomicBool,
}

impl Progress {
    /// The number of acknowledged writes.
    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// The number of requests that were answered with 503.
    pub(crate) fn unavailable(&self) -> usize {
        self.unavailable.load(Ordering::Relaxed)
    }

    /// Waits until `more` further writes were acknowledged.
    pub(crate) fn await_acknowledged(&self, more: usize) {
        let before = self.acknowledged();
        eventually("writes are acknowledged", || self.acknowledged() >= before + more);
    }

    /// Waits until `more` further requests were answered with 503.
    pub(crate) fn await_unavailable(&self, more: usize) {
        let before = self.unavailable();
        eventually("requests are refused", || self.unavailable() >= before + more);
    }
}

/// The outcome of a request.
enum Reply {
    Answer(Answer),
    /// 503: the client may retry.
    Unavailable,
    /// There was no answer, or the load is over.
    Over,
}

/// A client with a connection to the service.
struct Client<'a> {
    server: &'a Server,
    progress: &'a Progress,
    group: &'a str,
    must_answer: bool,
    notes: Notes,
}

impl Ledger {
    /// Makes the group. `enter` has the words before a command that needs access to the database.
    pub(crate) fn new(server: &Server, enter: &[String]) -> Self {
        let made = server.request("POST", "/Groups", Some(&json!({"schemas": [GROUP], "displayName": "everyone"})));
        assert_eq!(made.status, 201, "{}", made.text);
        Self { group: made.json["id"].as_str().unwrap().to_owned(), all: Vec::new(), enter: enter.to_vec() }
    }

    /// Sends from so many clients at the same time until `fault` or the process has ended: creations, additions to the
    /// group and removals, changes. After a 503 a client sends the same request again, as identity providers do; any
    /// other refusal fails the test. An answer may be missing only if the process is expected to end.
    pub(crate) fn under_load(
        &mut self,
        server: &Server,
        (round, clients): (&str, usize),
        must_answer: bool,
        fault: impl FnOnce(&Progress),
    ) -> Progress {
        /// Ends the load even if the fault fails the test.
        struct End<'a>(&'a AtomicBool);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let progress = Progress::default();
        let load = |number: usize| {
            let (notes, group) = (Notes::default(), self.group.as_str());
            let mut client = Client { server, progress: &progress, group, must_answer, notes };
            client.send(&format!("{round}-{number}"));
            client.notes
        };
        let notes: Vec<Notes> = thread::scope(|scope| {
            let load = &load;
            let threads: Vec<_> = (0..clients).map(|number| scope.spawn(move || load(number))).collect();
            let end = End(&progress.is_over);
            fault(&progress);
            drop(end);
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let known = self.all.len();
        self.all.extend(notes.into_iter().flat_map(|notes| {
            let open = notes.open.into_iter();
            // Without an id: the next check finds out whether the user exists.
            let open = open.map(|name| UserRecord {
                id: String::new(),
                name,
                titles: vec![json!("new")],
                membership: vec![false],
            });
            notes.users.into_iter().chain(open)
        }));
        let (acknowledged, unavailable) = (progress.acknowledged(), progress.unavailable());
        println!(
            "{round}: {} users, {acknowledged} acknowledged writes, {unavailable} times 503",
            self.all.len() - known
        );
        progress
    }

    /// Checks that the resources are as acknowledged, and checks each user whose number `every` divides more closely.
    /// After the check an uncertain state is known.
    pub(crate) fn check(&mut self, server: &Server, store: &str, every: usize) {
        for known in &mut self.all {
            if known.id.is_empty() {
                known.settle(server);
            }
        }
        let stored = State::stored(server);
        assert_eq!(stored.users().count(), self.all.len(), "nobody is there whom nobody has created");
        let total = server.request("GET", "/Users?count=0", None).json["totalResults"].clone();
        assert_eq!(total, json!(self.all.len()));
        let mut members = stored.members[&self.group].clone();
        for (number, known) in self.all.iter_mut().enumerate() {
            let Some(user) = stored.resources.get(&known.id) else { panic!("lost: {known:?}") };
            assert_eq!(user["userName"], json!(known.name));
            let title = user["title"].clone();
            assert!(known.titles.contains(&title), "{title}: {known:?}");
            let is_member = members.remove(&known.id);
            assert!(known.membership.contains(&is_member), "{is_member}: {known:?}");
            (known.titles, known.membership) = (vec![title], vec![is_member]);
            if number % every == 0 {
                known.look_closer(server);
            }
        }
        assert!(members.is_empty(), "{members:?}");
        let told = State::told(store, &self.enter);
        assert_eq!(told.members, stored.members, "the outbox");
        for (id, resource) in &told.resources {
            assert_eq!(Some(resource), stored.resources.get(id), "the outbox");
        }
        assert_eq!(told.resources.len(), stored.resources.len(), "the outbox");
    }
}

impl UserRecord {
    /// A creation without an answer has created the whole user, or nothing; in the second case the user is created
    /// now.
    fn settle(&mut self, server: &Server) {
        let found = search(server, &self.name);
        let id = match found.as_slice() {
            [] => {
                let made = server.request("POST", "/Users", Some(&user(&self.name)));
                assert_eq!(made.status, 201, "{} is not there, and taken: {}", self.name, made.text);
                made.json["id"].clone()
            }
            [one] => one["id"].clone(),
            several => panic!("{several:?}"),
        };
        id.as_str().unwrap().clone_into(&mut self.id);
    }

    /// All ways to read the user give the same result, and its name is taken.
    fn look_closer(&self, server: &Server) {
        let read = server.request("GET", &format!("/Users/{}", self.id), None);
        assert_eq!((read.status, &read.json["userName"]), (200, &json!(self.name)), "{}", read.text);
        let groups = read.json["groups"].as_array().map_or(0, Vec::len);
        assert_eq!(groups, usize::from(self.membership == [true]), "{}", read.text);
        let found = search(server, &self.name);
        assert!(found.len() == 1 && found[0] == read.json, "{found:?} {}", read.text);
        let again = server.request("POST", "/Users", Some(&user(&self.name.to_uppercase())));
        assert_eq!((again.status, &again.json["scimType"]), (409, &json!("uniqueness")), "{}", again.text);
    }
}

impl Client<'_> {
    fn send(&mut self, prefix: &str) {
        for index in 0.. {
            if self.step(&format!("{prefix}-{index}"), index).is_none() {
                return;
            }
        }
    }

    /// Creates a user, makes it a member, and changes an existing user. `None` once the load is over.
    fn step(&mut self, name: &str, index: usize) -> Option<()> {
        let Some(id) = self.create(name) else {
            self.notes.open.push(name.to_owned());
            return None;
        };
        self.notes.users.push(UserRecord {
            id,
            name: name.to_owned(),
            titles: vec![json!("new")],
            membership: vec![false],
        });
        self.member(self.notes.users.len() - 1, true)?;
        let other = index.wrapping_mul(7) % self.notes.users.len();
        if index.is_multiple_of(3) {
            self.member(other, false)?;
        }
        let title = json!(format!("title after {name}"));
        self.notes.users[other].titles.push(title.clone());
        let path = format!("/Users/{}", self.notes.users[other].id);
        self.patch(&path, &patch("Replace", "title", &title))?;
        self.notes.users[other].titles = vec![title];
        self.is_on()
    }

    /// Creates a user. After a 503 it searches for the user first, as identity providers do. The search may be too
    /// early: the service gives up on a frozen database, and the database may commit the creation later. Then the
    /// next creation gets a 409, and the search after it finds the user.
    fn create(&mut self, name: &str) -> Option<String> {
        let path = format!("/Users?filter=userName%20eq%20%22{name}%22");
        let mut is_uncertain = false;
        loop {
            let is_taken = match self.ask("POST", "/Users", Some(&user(name))) {
                Reply::Answer(taken) if is_uncertain && taken.status == 409 => true,
                Reply::Answer(made) => {
                    assert_eq!(made.status, 201, "{name}: {}", made.text);
                    self.progress.acknowledged.fetch_add(1, Ordering::Relaxed);
                    return made.json["id"].as_str().map(str::to_owned);
                }
                Reply::Unavailable => false,
                Reply::Over => return None,
            };
            let found = self.insist("GET", &path, None)?;
            assert_eq!(found.status, 200, "{name}: {}", found.text);
            if let Some(id) = found.json["Resources"][0]["id"].as_str() {
                return Some(id.to_owned());
            }
            assert!(!is_taken, "{name} is taken, and no search finds it");
            is_uncertain = true;
        }
    }

    fn member(&mut self, index: usize, is_member: bool) -> Option<()> {
        self.notes.users[index].membership.push(is_member);
        let op = if is_member { "Add" } else { "Remove" };
        let body = patch(op, "members", &json!([{"$ref": null, "value": self.notes.users[index].id}]));
        self.patch(&format!("/Groups/{}", self.group), &body)?;
        self.notes.users[index].membership = vec![is_member];
        Some(())
    }

    fn patch(&self, path: &str, body: &Json) -> Option<()> {
        let changed = self.insist("PATCH", path, Some(body))?;
        assert!([200, 204].contains(&changed.status), "{path}: {} {}", changed.status, changed.text);
        self.progress.acknowledged.fetch_add(1, Ordering::Relaxed);
        Some(())
    }

    /// Sends until the answer is other than 503. `None` once the load is over.
    fn insist(&self, method: &str, path: &str, body: Option<&Json>) -> Option<Answer> {
        loop {
            match self.ask(method, path, body) {
                Reply::Answer(answer) => return Some(answer),
                Reply::Unavailable => {}
                Reply::Over => return None,
            }
        }
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Json>) -> Reply {
        match self.server.try_request(method, path, body) {
            Ok(answer) if answer.status == 503 => {
                assert!(answer.headers.contains_key("retry-after"), "{method} {path}: {:?}", answer.headers);
                self.progress.unavailable.fetch_add(1, Ordering::Relaxed);
                thread::sleep(PAUSE);
                if self.is_on().is_some() { Reply::Unavailable } else { Reply::Over }
            }
            Ok(answer) => Reply::Answer(answer),
            Err(error) => {
                assert!(!self.must_answer, "{method} {path}: {error}");
                Reply::Over
            }
        }
    }

    fn is_on(&self) -> Option<()> {
        (!self.progress.is_over.load(Ordering::Relaxed)).then_some(())
    }
}

/// All users and groups.
struct State {
    /// The resources by id, without derived attributes: the URL, and the groups of a user. Members are separate.
    resources: BTreeMap<String, Json>,
    members: BTreeMap<String, BTreeSet<String>>,
}

impl State {
    fn users(&self) -> impl Iterator<Item = &Json> {
        self.resources.values().filter(|resource| resource.get("userName").is_some())
    }

    /// The state by the answers of the service.
    fn stored(server: &Server) -> Self {
        let mut state = Self { resources: BTreeMap::new(), members: BTreeMap::new() };
        for path in ["/Users?", "/Groups?"] {
            let mut next = String::from("cursor");
            loop {
                let page = server.request("GET", &format!("{path}count=500&{next}"), None);
                assert_eq!(page.status, 200, "{}", page.text);
                for resource in page.json["Resources"].as_array().unwrap() {
                    state.take(resource["id"].as_str().unwrap(), resource.clone(), None);
                }
                let Some(cursor) = page.json["nextCursor"].as_str() else { break };
                next = format!("cursor={cursor}");
            }
        }
        state
    }

    /// The state by the events of the outbox.
    fn told(store: &str, enter: &[String]) -> Self {
        let finished = run_within(enter, &["events", "--organization", "acme", "--limit", "100000", "--store", store]);
        assert_eq!(finished.status, Some(0), "{finished:?}");
        let mut state = Self { resources: BTreeMap::new(), members: BTreeMap::new() };
        for line in finished.stdout.lines() {
            let event = serde_json::from_str::<Json>(line).unwrap()["event"].take();
            let id = event["resourceId"].as_str().unwrap();
            if event["stateChange"] == "deleted" {
                assert!(state.resources.remove(id).is_some(), "{event}");
                state.members.remove(id);
                state.members.values_mut().for_each(|members| _ = members.remove(id));
                continue;
            }
            let is_new = event["stateChange"] == "created";
            assert_eq!(is_new, !state.resources.contains_key(id), "{event}");
            if event["resource"].is_null() {
                let modified = &mut state.resources.get_mut(id).unwrap()["meta"]["lastModified"];
                *modified = json!(modified.as_i64().max(Some(instant(&event["time"]))));
            } else {
                state.take(id, event["resource"].clone(), Some(&event["kept"]));
            }
            state.resources.get_mut(id).unwrap()["meta"]["version"] =
                json!(format!("W/\"{}\"", event["version"].as_str().unwrap()));
            let members = state.members.entry(id.to_owned()).or_default();
            for edit in event["memberships"].as_array().into_iter().flatten() {
                let removed = edit["removed"].as_array().into_iter().flatten();
                removed.for_each(|id| _ = members.remove(id.as_str().unwrap()));
            }
            members.extend(values(&event["added"]["members"]));
        }
        state.members.retain(|id, _| state.resources[id].get("userName").is_none());
        state
    }

    fn take(&mut self, id: &str, mut resource: Json, kept: Option<&Json>) {
        let fields = resource.as_object_mut().unwrap();
        fields.remove("groups");
        let members = fields.remove("members");
        let meta = fields["meta"].as_object_mut().unwrap();
        for derived in ["location", "resourceType"] {
            meta.remove(derived);
        }
        for time in ["created", "lastModified"] {
            meta[time] = json!(instant(&meta[time]));
        }
        let is_kept = kept.is_some_and(|kept| kept.as_array().is_some_and(|kept| kept.contains(&json!("members"))));
        if !is_kept && resource.get("userName").is_none() {
            self.members.insert(id.to_owned(), values(members.as_ref().unwrap_or(&Json::Null)));
        }
        self.resources.insert(id.to_owned(), resource);
    }
}

/// A time as a number: its text may have zeros that an equal time lacks.
fn instant(time: &Json) -> i64 {
    DateTime::parse_from_rfc3339(time.as_str().unwrap()).unwrap().timestamp_millis()
}

fn values(members: &Json) -> BTreeSet<String> {
    let list = members.as_array().cloned().unwrap_or_default();
    let ids: BTreeSet<String> = list.iter().map(|member| member["value"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), list.len(), "one is there twice");
    ids
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
