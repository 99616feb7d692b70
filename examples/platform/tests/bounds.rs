//! Bounds that protect clients from each other: requests, connections, memory and time.
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
    pub(crate) mod process;
}

use std::{
    thread,
    time::{Duration, Instant},
};

use it::process::{Answer, Connection, ERROR, Server, TOKEN, USER, eventually, run, sqlite};
use serde_json::{Value as Json, json};

fn acme(store: &str, more: &[&str]) -> Server {
    Server::start(&[&["--store", store, "--organization", "acme", "--token", TOKEN], more].concat())
}

fn user(name: &str) -> Json {
    json!({"schemas": [USER], "userName": name})
}

fn total(server: &Server) -> Json {
    server.request("GET", "/Users?count=0", None).json["totalResults"].clone()
}

fn assert_too_many(answer: &Answer) {
    assert_eq!((answer.status, &answer.json["status"]), (429, &json!("429")), "{}", answer.text);
    assert_eq!(answer.json["schemas"], json!([ERROR]));
    let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
}

/// Beyond its quota a key gets 429 and changes nothing. After the time of `Retry-After` it is served again.
#[test]
fn a_key_has_a_quota() {
    let server = acme("memory", &["--key-rate", "2"]);
    let answers: Vec<_> =
        (0..30).map(|number| server.request("POST", "/Users", Some(&user(&format!("user-{number}"))))).collect();
    let (made, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert!((10..20).contains(&made.len()), "{}", made.len());
    for answer in &refused {
        assert_too_many(answer);
    }
    assert!(refused[0].text.contains("with this API key"), "{}", refused[0].text);
    thread::sleep(Duration::from_secs(1));
    assert_eq!(total(&server), made.len(), "nothing else has changed");
    assert_eq!(server.log_of_requests().iter().filter(|line| line["status"] == 429).count(), refused.len());
}

/// All keys of an organization share its quota; other organizations have their own quota.
#[test]
fn an_organization_has_a_quota() {
    let place = sqlite();
    let other_server = Server::start(&["--store", &place.url, "--organization", "other", "--token", &TOKEN.repeat(2)]);
    let server = acme(&place.url, &["--key-rate", "0", "--organization-rate", "2"]);
    let shown = run(&["key", "new", "--organization", "acme", "--store", &place.url]);
    let second = shown.stdout.split(' ').nth(2).unwrap().to_owned();
    let mut refused = 0;
    for number in 0..40 {
        let key = if number % 2 == 0 { TOKEN } else { &second };
        let answer = server.request_with_key(Some(key), "POST", "/Users", Some(&user(&format!("user-{number}"))));
        if answer.status != 201 {
            assert_too_many(&answer);
            assert!(answer.text.contains("for this organization"), "{}", answer.text);
            refused += 1;
        }
    }
    assert!(refused > 15, "{refused}");
    let url = format!("{}/scim/other/v2/Users", server.root());
    let header = format!("Bearer {}", TOKEN.repeat(2));
    let other = server.send("GET", &url, &[("Authorization", &header)], None).unwrap();
    assert_eq!((other.status, &other.json["totalResults"]), (200, &json!(0)));
    drop(other_server);
}

/// Without options, a client that is four times as fast as Okta's gallery allows is not refused.
#[test]
fn the_default_is_far_above_galleries() {
    let server = acme("memory", &[]);
    for _ in 0..1_000 {
        assert_eq!(server.request("GET", "/ServiceProviderConfig", None).status, 200);
    }
}

/// A client that guesses keys is refused before its key is looked up; known valid keys are served meanwhile.
#[test]
fn strangers_have_a_small_quota() {
    let server = acme("memory", &["--failure-rate", "4"]);
    // The first request of a key counts too: until then the key is unknown.
    assert_eq!(total(&server), 0);
    let guess =
        |number: usize| server.request_with_key(Some(&format!("guess-{number}")), "POST", "/Users", Some(&user("x")));
    let statuses: Vec<_> = (0..6).map(|number| guess(number).status).collect();
    assert_eq!(statuses, [401, 401, 401, 429, 429, 429]);
    assert_too_many(&guess(6));
    assert_too_many(&server.request_with_key(None, "GET", "/Users", None));
    assert_eq!(server.request("POST", "/Users", Some(&user("ann"))).status, 201);
    assert_eq!(total(&server), 1);
}

/// Behind a proxy, unknown clients are distinguished by the address that the proxy adds, which a client cannot choose.
#[test]
fn the_proxy_names_the_address_of_the_client() {
    let server = acme("memory", &["--failure-rate", "2", "--address-header", "X-Forwarded-For"]);
    let url = format!("{}/Users", server.url);
    let ask = |address: &str| server.send("GET", &url, &[("X-Forwarded-For", address)], None).unwrap().status;
    let statuses = ["192.0.2.1", "1.1.1.1, 192.0.2.1", "2.2.2.2,192.0.2.1", "192.0.2.1, 192.0.2.2"].map(ask);
    assert_eq!(statuses, [401, 401, 429, 401]);
}

/// RFC 9112 §3.2: exactly one `Host` in HTTP/1.1, and a valid one.
#[test]
fn a_request_has_one_host() {
    let server = acme("memory", &[]);
    let body = user("ann").to_string();
    for (version, hosts, status) in [
        ("1.1", &["acme.example"][..], 201),
        ("1.1", &["acme.example:8080"], 201),
        ("1.1", &["[::1]:8080"], 201),
        ("1.0", &[], 201),
        ("1.1", &[], 400),
        ("1.1", &["acme.example", "acme.example"], 400),
        ("1.1", &["acme.example", "other.example"], 400),
        ("1.0", &["acme.example", "other.example"], 400),
        ("1.1", &["acme.example/path"], 400),
        ("1.1", &["ann@acme.example"], 400),
        ("1.1", &["two words"], 400),
    ] {
        for path in ["/scim/acme/v2/Users", "/health", "/nothing"] {
            let hosts: String = hosts.iter().flat_map(|host| ["Host: ", host, "\r\n"]).collect();
            let mut connection = server.connect();
            assert!(connection.write(format!(
                "POST {path} HTTP/{version}\r\n{hosts}Connection: close\r\nAuthorization: Bearer {TOKEN}\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            )));
            let answer = connection.read();
            let expected = match path {
                _ if status == 400 => 400,
                "/health" => 405,
                "/nothing" => 404,
                _ => status,
            };
            assert!(answer.starts_with(&format!("HTTP/{version} {expected} ")), "{version} {hosts} {path}: {answer}");
            assert!(answer.contains("\r\nx-content-type-options: nosniff\r\n"), "{answer}");
            if status == 400 {
                assert!(answer.contains(ERROR) && answer.contains("`Host`"), "{answer}");
            }
        }
        let found = server.request("GET", "/Users", None).json;
        assert_eq!(found["totalResults"], usize::from(status == 201), "{version} {hosts:?}");
        if let Some(id) = found["Resources"][0]["id"].as_str() {
            assert_eq!(server.request("DELETE", &format!("/Users/{id}"), None).status, 204);
        }
    }
}

/// Every answer has `nosniff`, whatever component made it.
#[test]
fn no_answer_is_sniffed() {
    let server = acme("memory", &[]);
    let made = server.request("POST", "/Users", Some(&user("ann")));
    let long = json!({"schemas": [USER], "userName": "x".repeat(5 << 20)});
    let root = server.root();
    for answer in [
        made,
        server.request("GET", "/Users", None),
        server.request("GET", "/Nothing", None),
        server.request("POST", "/Users", Some(&long)),
        server.request_with_key(None, "GET", "/Users", None),
        server.send("GET", &format!("{root}/health"), &[], None).unwrap(),
        server.send("GET", &root, &[], None).unwrap(),
    ] {
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{answer:?}");
    }
}

fn begin(server: &Server, organization: &str, key: &str, length: usize) -> Connection {
    let mut connection = server.connect();
    assert!(connection.write(format!(
        "POST /scim/{organization}/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/scim+json\r\nContent-Length: {length}\r\n\r\n"
    )));
    connection
}

/// The bytes of bodies in transfer are bounded: beyond the bound only the oldest body is refused.
#[test]
fn bodies_share_their_memory() {
    let server = acme("memory", &["--request-memory", "8"]);
    let part = vec![b' '; 3 << 19];
    let mut bodies: Vec<_> = (0..6)
        .map(|_| {
            let mut connection = begin(&server, "acme", TOKEN, 4 << 20);
            assert!(connection.write(&part));
            thread::sleep(Duration::from_millis(100));
            connection
        })
        .collect();
    // 1.5 MiB in a buffer of 2 MiB, of which an organization may have 4 MiB.
    for refused in bodies.drain(..4) {
        let mut refused = refused;
        let answer = refused.read_head();
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: "), "{answer}");
    }
    assert_eq!(server.request("POST", "/Users", Some(&user("ann"))).status, 201, "a small one has room");
    let last = user("bob").to_string().into_bytes();
    let mut newest = bodies.pop().unwrap();
    let blanks = (4 << 20) - part.len() - last.len();
    assert!(newest.write([vec![b' '; blanks], last].concat()));
    let answer = newest.read_head();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert_eq!(total(&server), 2);
}

/// 200 broken transfers of bodies release their memory.
#[cfg(target_os = "linux")]
#[test]
fn broken_bodies_leave_no_memory_behind() {
    let server = acme("memory", &[]);
    assert_eq!(server.request("POST", "/Users", Some(&user("ann"))).status, 201);
    let before = server.resident_mebibytes();
    let part = vec![b' '; (4 << 20) - 1];
    let mut most = 0;
    for _ in 0..3 {
        let mut broken = Vec::new();
        for _ in 0..200 {
            let mut connection = begin(&server, "acme", TOKEN, 4 << 20);
            // A body that is refused meanwhile takes no more memory.
            connection.write(&part);
            broken.push(connection);
        }
        most = most.max(server.resident_mebibytes());
        drop(broken);
    }
    eventually("memory", || server.resident_mebibytes() < before + 40);
    assert!(most < before + 200, "{before} {most}");
    assert_eq!(total(&server), 1, "nothing has changed");
}

/// A request as a whole has a deadline, also when it waits for a lock.
#[test]
fn a_request_has_a_deadline() {
    let place = sqlite();
    let server = acme(&place.url, &["--request-timeout", "1", "--request-deadline", "1"]);
    assert_eq!(server.request("POST", "/Users", Some(&user("ann"))).status, 201);
    let lock = place.lock();
    let start = Instant::now();
    let refused = server.request("POST", "/Users", Some(&user("bob")));
    assert_eq!((refused.status, &refused.json["schemas"]), (503, &json!([ERROR])), "{}", refused.text);
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    drop(lock);
    eventually("it works again", || server.request("POST", "/Users", Some(&user("carl"))).status != 503);
    let finished = run(&["--request-timeout", "5", "--request-deadline", "4"]);
    assert_eq!(finished.status, Some(2), "{finished:?}");
    assert!(finished.stderr.contains("--request-deadline"), "{finished:?}");
}

/// A server with a list of 3 MB for each user, and clients that request the list and read nothing.
fn unread(more: &[&str], users: usize, clients: usize) -> (Server, Vec<Connection>) {
    let server = acme("memory", more);
    for number in 0..users {
        let mut large = user(&format!("user-{number}"));
        let email = |number: u8| json!({"value": format!("{number}{}", "x".repeat(60_000))});
        large["emails"] = (0..51).map(email).collect();
        assert_eq!(server.request("POST", "/Users", Some(&large)).status, 201);
    }
    let ask = |_| {
        let mut connection = server.connect();
        let head = format!("GET /scim/acme/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
        assert!(connection.write(head));
        connection
    };
    let connections = (0..clients).map(ask).collect();
    (server, connections)
}

/// A client that does not read loses its connection after the timeout.
#[test]
fn an_answer_has_a_deadline() {
    let (server, connections) = unread(&["--answer-timeout", "1", "--log", "info,platform=debug"], 3, 3);
    eventually("they are cut", || server.log().matches("the client does not read").count() == 3);
    for mut connection in connections {
        assert!(connection.read().len() < 9_000_000, "the rest was dropped");
    }
    assert_eq!(total(&server), 3);
}

/// The bytes of unread answers are bounded: the oldest answers are cut, the latest answer is complete.
#[test]
fn unread_answers_share_their_memory() {
    let (server, connections) = unread(&["--answer-memory", "64", "--log", "info,platform=debug"], 6, 5);
    // 18 MB each, of which an organization may have 32 MiB.
    eventually("they are cut", || server.log().matches("a connection was cut").count() == 4);
    let lengths: Vec<_> = connections.into_iter().map(|mut connection| connection.read_some(18_000_000)).collect();
    assert_eq!(lengths.iter().filter(|length| **length >= 18_000_000).count(), 1, "{lengths:?}");
    assert_eq!(total(&server), 6);
}

/// A client that does not read does not delay the end of the process.
#[test]
fn unread_answers_do_not_delay_the_end() {
    let (server, connections) = unread(&["--answer-memory", "1024"], 2, 30);
    eventually("answers", || server.log_of_requests().len() == 32);
    let told = Instant::now();
    assert_eq!(server.terminate().code(), Some(0));
    assert!(told.elapsed() < Duration::from_secs(10), "{:?}", told.elapsed());
    drop(connections);
}

/// Beyond the bound on connections the longest idle connection is closed, even if its body is being sent. A request in
/// progress keeps its connection.
#[test]
fn idle_connections_give_way() {
    let place = sqlite();
    let server = acme(&place.url, &["--connections", "10"]);
    assert_eq!(total(&server), 0);
    let mut sending = begin(&server, "acme", TOKEN, 100);
    thread::sleep(Duration::from_millis(200));
    let lock = place.lock();
    thread::scope(|scope| {
        let working = scope.spawn(|| server.request("POST", "/Users", Some(&user("ann"))).status);
        thread::sleep(Duration::from_millis(500));
        let idle: Vec<_> = (0..30).map(|_| server.connect()).collect();
        assert!(sending.read().is_empty());
        assert!(idle.into_iter().take(15).all(|mut connection| connection.read().is_empty()), "the oldest are cut");
        drop(lock);
        assert_eq!(working.join().unwrap(), 201);
    });
    assert_eq!(total(&server), 1, "a new client is served");
}

/// An organization has requests in progress on at most half of the connections.
#[test]
fn an_organization_does_not_take_all_connections() {
    let place = sqlite();
    let server = acme(&place.url, &["--connections", "4"]);
    let lock = place.lock();
    thread::scope(|scope| {
        let working = [0, 1].map(|number| {
            let server = &server;
            scope.spawn(move || server.request("POST", "/Users", Some(&user(&format!("user-{number}")))).status)
        });
        thread::sleep(Duration::from_millis(500));
        let refused = server.request("POST", "/Users", Some(&user("user-2")));
        assert_too_many(&refused);
        assert!(refused.text.contains("in work"), "{}", refused.text);
        drop(lock);
        assert_eq!(working.map(|thread| thread.join().unwrap()), [201, 201]);
    });
    assert_eq!(total(&server), 2);
}
