//! The searches of one organization do not block the others: bounded memory, an end when the client disconnects or the
//! deadline passes, and turns for all organizations.
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
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use it::process::{Place, Server, TOKEN, USER, databases, eventually, memory, numbers};
use platform::{
    database::{Database, Deadlines, Settings},
    registry,
    store::{self, Resources},
};
use scim_core::{
    filter::Filter,
    quirks::{Quirks, Tolerance},
    resource::Resource,
    schema::ResourceType,
    store::{Change, Entry, Key, Page, RequestContext, RequestedAttributes, Scan, Store, StoreError, TenantId, Window},
};
use serde_json::{Value as Json, json};
use tokio::{sync::Mutex, time::timeout};

const USERS: usize = 1_000;

/// These tests measure time, so each waits for the end of the test before.
static ALONE: Mutex<()> = Mutex::const_new(());

fn user_type() -> Arc<ResourceType> {
    Arc::clone(registry().resource_type("User").unwrap())
}

fn tenant(name: &str) -> RequestContext {
    RequestContext::new(TenantId::new(name).unwrap())
}

fn user(id: &str) -> Change {
    let emails: Vec<Json> = (0..5).map(|n| json!({"value": format!("{id}.{n}@example.com")})).collect();
    let json = json!({"id": id, "userName": id, "emails": emails}).to_string();
    Change::Create(Entry::new(Resource::from_json(&user_type(), json.as_bytes()).unwrap()))
}

/// A store with the users of `acme`, whose searches shall be slow, and one user of `other`.
async fn filled(place: &Place, deadlines: Deadlines) -> Resources {
    let settings = Settings { deadlines, ..Settings::default() };
    let store = store::open(Database::open_with(&place.url, settings).await.unwrap(), &registry()).await.unwrap();
    let users: Vec<Change> = (0..USERS).map(|n| user(&format!("user{n}"))).collect();
    store.commit(&tenant("acme"), &users).await.unwrap();
    store.commit(&tenant("other"), &[user("bystander")]).await.unwrap();
    store
}

/// A filter that must be evaluated for every user, and that no user satisfies. It takes SQLite some 10 s, and PostgreSQL
/// half a second. A server refuses it before it queries the database.
fn worst() -> String {
    nobody(1_024)
}

/// The same with about as many terms as a server accepts for these users.
fn costly() -> String {
    nobody(300)
}

fn nobody(terms: usize) -> String {
    let terms: Vec<String> = (0..terms).map(|n| format!("emails.value co \"absent{n}\"")).collect();
    terms.join(" or ")
}

async fn search(store: &Resources, filter: &str) -> Result<Page, StoreError> {
    let resource_type = user_type();
    let matcher =
        filter.parse::<Filter>().unwrap().compile(&resource_type, &mut Tolerance::new(Quirks::default())).unwrap();
    let conditions: Vec<_> = matcher.conditions().iter().collect();
    let window = Window::behind(None, 100);
    let scan = Scan {
        resource_type: &resource_type,
        filter: &conditions,
        sort: None,
        window,
        requested: &RequestedAttributes::everything(),
        count: true,
    };
    store.scan(&tenant("acme"), &scan).await
}

/// How often the look-ups are measured until they are in time: other load of the machine delays them as well.
const ROUNDS: usize = 3;

/// Whether 20 look-ups during searches took at most 100 ms, with two exceptions of at most 1 s.
fn are_in_time(what: &str, mut times: Vec<Duration>) -> bool {
    times.sort();
    println!("{what}: median {:?}, slowest {:?}", times[10], times[19]);
    times[17] < Duration::from_millis(100) && times[19] < Duration::from_secs(1)
}

/// The time of a look-up of the other organization.
async fn look_up(store: &Resources) -> Duration {
    let (context, resource_type, start) = (tenant("other"), user_type(), Instant::now());
    let found = store
        .get(&context, Key { resource_type: &resource_type, id: "bystander" }, &RequestedAttributes::everything())
        .await
        .unwrap();
    assert!(found.is_some());
    start.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_past_its_deadline_is_too_many() {
    let _alone = ALONE.lock().await;
    // The search takes PostgreSQL a quarter of a second for the page, and as long for the total.
    let deadlines = Deadlines { search: Duration::from_millis(100), ..Deadlines::default() };
    for place in databases() {
        let store = filled(&place, deadlines).await;
        let start = Instant::now();
        let refused = search(&store, &worst()).await;
        assert!(matches!(refused, Err(StoreError::TooMany)), "{place:?}: {refused:?} after {:?}", start.elapsed());
        assert!(start.elapsed() < Duration::from_secs(5), "{place:?}: {:?}", start.elapsed());
        // The store still works. Other load of the machine may delay a short search, too.
        let mut found = Err(StoreError::TooMany);
        for _ in 0..ROUNDS {
            if matches!(found, Err(StoreError::TooMany)) {
                found = search(&store, "emails.value co \"user7.3@\"").await;
            }
        }
        assert_eq!(found.unwrap().total, Some(1), "{place:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_search_stops() {
    let _alone = ALONE.lock().await;
    for place in databases() {
        let store = filled(&place, Deadlines::default()).await;
        // As many searches as one organization may run at the same time on a small machine, twice.
        for round in 0..2 {
            let (first, second) = (worst(), worst());
            let both = async { tokio::join!(search(&store, &first), search(&store, &second)) };
            let left = timeout(Duration::from_millis(500), both).await;
            assert!(left.is_err(), "{place:?}, round {round}: a worst case is too fast for this test");
        }
        let start = Instant::now();
        let found = search(&store, "emails.value co \"user7.3@\"").await;
        let total = found.unwrap_or_else(|error| panic!("{place:?}: {error}")).total;
        assert!(total == Some(1) && start.elapsed() < Duration::from_secs(2), "{place:?}: {:?}", start.elapsed());
        if place.url.starts_with("postgres") {
            let active = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND \
                          pid <> pg_backend_pid()";
            eventually("no search runs", || numbers(&place.url, active).is_empty());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_leave_look_ups_and_writes_their_turns() {
    let _alone = ALONE.lock().await;
    for place in databases() {
        let store = filled(&place, Deadlines::default()).await;
        let searches: Vec<_> = (0..5)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { search(&store, &worst()).await.map(drop) })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(200)).await;
        let mut in_time = false;
        for _ in 0..ROUNDS {
            let mut times = Vec::new();
            for _ in 0..20 {
                times.push(look_up(&store).await);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            in_time |= are_in_time(&place.url, times);
            if in_time {
                break;
            }
        }
        assert!(in_time, "{place:?}");
        let start = Instant::now();
        store.commit(&tenant("other"), &[user("new")]).await.unwrap();
        let written = start.elapsed();
        assert!(searches.iter().any(|search| !search.is_finished()), "{place:?}: the searches ended too early");
        searches.iter().for_each(tokio::task::JoinHandle::abort);
        println!("{place:?}: a write {written:?}");
        assert!(written < Duration::from_secs(1), "{place:?}: {written:?}");
    }
}

/// A server with the users of `acme`.
fn serve(place: &Place) -> Server {
    let server = Server::start(&["--store", &place.url, "--token", TOKEN, "--log", "warn", "--organization", "acme"]);
    let bulk: Vec<Json> = (0..USERS)
        .map(|n| {
            let emails: Vec<Json> = (0..5).map(|e| json!({"value": format!("user{n}.{e}@example.com")})).collect();
            let data = json!({"schemas": [USER], "userName": format!("user{n}"), "emails": emails});
            json!({"method": "POST", "path": "/Users", "bulkId": n.to_string(), "data": data})
        })
        .collect();
    let bulk = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": bulk});
    assert_eq!(server.request("POST", "/Bulk", Some(&bulk)).status, 200);
    server
}

/// The URL of a user and a key for it. They belong to another organization of the server, except in memory, where a
/// process has only one organization.
fn bystander(place: &Place, server: &Server) -> (String, String) {
    let user = json!({"schemas": [USER], "userName": "bystander"});
    if place.url == "memory" {
        let made = server.request("POST", "/Users", Some(&user));
        return (format!("{}/Users/{}", server.url, made.json["id"].as_str().unwrap()), TOKEN.to_owned());
    }
    let token = format!("{TOKEN}-of-another");
    let other = ["--store", &place.url, "--token", &token, "--log", "warn", "--organization", "other"];
    let made = Server::start(&other).request("POST", "/Users", Some(&user));
    let url = server.url.replace("/acme/", "/other/");
    (format!("{url}/Users/{}", made.json["id"].as_str().unwrap()), token)
}

fn search_request(filter: &str) -> Json {
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": filter, "count": 1})
}

/// The same over HTTP: GETs by id while five clients search.
#[test]
fn a_bystander_is_answered_while_five_searches_run() {
    let _alone = ALONE.blocking_lock();
    databases().iter().for_each(get_while_five_search);
}

/// In memory the store evaluates filters on the threads that answer.
#[test]
fn a_bystander_is_answered_while_five_searches_run_in_memory() {
    let _alone = ALONE.blocking_lock();
    get_while_five_search(&memory());
}

fn get_while_five_search(place: &Place) {
    let server = serve(place);
    let (url, token) = bystander(place, &server);
    let authorization = format!("Bearer {token}");
    let get = || {
        let start = Instant::now();
        let found = server.send("GET", &url, &[("Authorization", authorization.as_str())], None).unwrap();
        assert_eq!(found.status, 200, "{}", found.text);
        start.elapsed()
    };
    let is_over = AtomicBool::new(false);
    let in_time = thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    // The server may have ended by then.
                    let answer = server.try_request("POST", "/Users/.search", Some(&search_request(&costly())));
                    let status = answer.map_or(503, |answer| answer.status);
                    assert!([200, 400, 429, 503].contains(&status), "{status}");
                }
            });
        }
        thread::sleep(Duration::from_millis(300));
        let round = |_| {
            let pause = || thread::sleep(Duration::from_millis(20));
            are_in_time(&place.url, (0..20).map(|_| (get(), pause()).0).collect())
        };
        let in_time = (0..ROUNDS).any(round);
        is_over.store(true, Ordering::Relaxed);
        server.signal("KILL");
        in_time
    });
    assert!(in_time, "{place:?}");
}

#[test]
fn a_client_that_leaves_takes_its_search_with_it() {
    let _alone = ALONE.blocking_lock();
    for place in databases() {
        let server = serve(&place);
        let body = search_request(&costly()).to_string();
        let path = server.url.splitn(4, '/').last().unwrap();
        let head = format!(
            "POST /{path}/Users/.search HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {TOKEN}\r\n\
             Content-Type: application/scim+json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        for _ in 0..2 {
            let mut leaving = [server.connect(), server.connect()];
            for connection in &mut leaving {
                assert!(connection.write(&head) && connection.write(&body));
            }
            thread::sleep(Duration::from_millis(500));
        }
        let start = Instant::now();
        let found = server.request("POST", "/Users/.search", Some(&search_request("emails.value co \"user7.3@\"")));
        assert_eq!((found.status, &found.json["totalResults"]), (200, &json!(1)), "{place:?}: {}", found.text);
        assert!(start.elapsed() < Duration::from_secs(2), "{place:?}: {:?}", start.elapsed());
    }
}

/// The private memory of a process in MB; 0 if the process has ended.
#[cfg(target_os = "linux")]
fn anonymous_memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.map_or(0, |line| line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1_024)
}

#[cfg(target_os = "linux")]
fn memory_of_backends(place: &Place) -> u64 {
    let pids = numbers(&place.url, "SELECT pid FROM pg_stat_activity WHERE datname = current_database()");
    pids.into_iter().map(|pid| anonymous_memory(u32::try_from(pid).unwrap())).sum()
}

/// 200 different filters of 300 terms each. A statement that stayed prepared would take some 5 MB.
#[cfg(target_os = "linux")]
#[test]
fn filters_leave_no_statements_behind() {
    let _alone = ALONE.blocking_lock();
    for place in databases() {
        let server = Server::start(&["--store", &place.url, "--token", TOKEN, "--log", "warn"]);
        let attributes = ["userName", "name.familyName", "emails.value", "displayName"];
        let operators = ["co", "sw", "eq", "ew"];
        let filter = |n: usize| {
            let term = |term: usize| {
                // The digits of the number in base 4: no two texts are the same.
                let digit = n >> (2 * (term % 4)) & 3;
                format!("{} {} \"x\"", attributes[(term + digit) % 4], operators[digit])
            };
            (0..300).map(term).collect::<Vec<_>>().join(" or ")
        };
        let ask = |n| {
            let answer = server.request("POST", "/Users/.search", Some(&search_request(&filter(n))));
            assert_eq!(answer.status, 200, "{}", answer.text);
        };
        ask(0);
        let before = anonymous_memory(server.id());
        thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || (0..50).for_each(|n| ask(thread * 50 + n)));
            }
        });
        let after = anonymous_memory(server.id());
        println!("{place:?}: {before} MB before, {after} MB after");
        assert!(after < before + 64, "{place:?}: {before} MB before, {after} MB after");
        if place.url.starts_with("postgres") {
            let backends = memory_of_backends(&place);
            println!("{place:?}: {backends} MB in backends");
            assert!(backends < 200, "{place:?}: {backends} MB in backends");
        }
    }
}
