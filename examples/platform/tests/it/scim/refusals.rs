//! Refused requests: the form of the refusal, and that the request changes nothing.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::process::{Connection, ERROR, Server, TOKEN, USER, eventually, stores};
use serde_json::{Value as Json, json};

const OTHER: &str = "another-token-for-tests-0123456789";

fn acme(store: &str, more: &[&str]) -> Server {
    Server::start(&[&["--store", store, "--organization", "acme", "--token", TOKEN], more].concat())
}

fn user(name: &str) -> Json {
    json!({"schemas": [USER], "userName": name})
}

/// Every caller without access gets the same answer.
#[test]
fn strangers_learn_nothing() {
    for place in stores() {
        let store = &place.url;
        if store != "memory" {
            // Another organization and its key, in the same database.
            let other = Server::start(&["--store", store, "--organization", "other", "--token", OTHER]);
            assert_eq!(other.request("POST", "/Users", Some(&user("ann"))).status, 201);
        }
        let server = acme(store, &[]);
        let right = format!("Bearer {TOKEN}");
        let headers: [&[(&str, &str)]; 13] = [
            &[],
            &[("Authorization", "")],
            &[("Authorization", "Bearer")],
            &[("Authorization", "Bearer ")],
            &[("Authorization", "Bearer wrong")],
            &[("Authorization", TOKEN)],
            &[("Authorization", &format!("Basic {TOKEN}"))],
            &[("Authorization", &format!("{right}x"))],
            &[("Authorization", &right[..right.len() - 1])],
            &[("Authorization", &right.to_uppercase())],
            &[("Authorization", &format!("Bearer {}", "x".repeat(5_000)))],
            &[("Authorization", &right), ("Authorization", &right)],
            &[("Authorization", &format!("Bearer {OTHER}"))],
        ];
        let mut answers = Vec::new();
        for headers in headers {
            for (method, path, body) in [
                ("POST", "/Users", Some(user("bob"))),
                ("GET", "/Users", None),
                ("GET", "/ServiceProviderConfig", None),
                ("DELETE", "/Nothing/1", None),
                ("HEAD", "", None),
                (
                    "POST",
                    "/Bulk",
                    Some(json!({"Operations": [{"method": "POST", "path": "/Users", "data": user("b")}]})),
                ),
            ] {
                let url = format!("{}{path}", server.url);
                answers.push((method, server.send(method, &url, headers, body.as_ref()).unwrap()));
            }
        }
        // With a key that is valid for another organization.
        for organization in ["other", "nobody", "ACME", "acme%20", "%ff", "a%00", "..", &"x".repeat(300)] {
            let url = format!("{}/scim/{organization}/v2/Users", server.root());
            answers.push(("GET", server.send("GET", &url, &[("Authorization", &right)], None).unwrap()));
        }
        let body = json!({
            "schemas": [ERROR], "status": "401",
            "detail": "invalid or missing token",
        });
        for (method, answer) in answers {
            assert_eq!(answer.status, 401, "{answer:?}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer realm=\"SCIM\"");
            assert_eq!(answer.headers["content-type"], "application/scim+json");
            let mut names: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
            names.sort();
            let expected = [
                "content-length",
                "content-type",
                "date",
                "www-authenticate",
                "x-content-type-options",
                "x-request-id",
            ];
            assert_eq!(names, expected);
            if method != "HEAD" {
                assert_eq!(answer.json, body);
            }
        }
        for scheme in ["bearer", "BEARER"] {
            let found = server.send(
                "GET",
                &format!("{}/Users", server.url),
                &[("Authorization", &format!("{scheme} {TOKEN}"))],
                None,
            );
            assert_eq!(found.unwrap().json["totalResults"], 0, "nothing has changed");
        }
    }
}

fn begin(server: &Server, length: &str) -> Connection {
    let mut connection = server.connect();
    assert!(connection.write(format!(
        "POST /scim/acme/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: application/scim+json\r\n{length}\r\n\r\n"
    )));
    connection
}

/// Repeated header lines and a content coding reach the core: a request that it refuses changes nothing.
#[test]
fn repeated_preconditions_and_content_codings_reach_the_core() {
    for place in stores() {
        let server = acme(&place.url, &[]);
        let made = server.request("POST", "/Users", Some(&user("ann")));
        let etag = made.json["meta"]["version"].as_str().unwrap();
        let url = made.json["meta"]["location"].as_str().unwrap();
        let key = format!("Bearer {TOKEN}");
        let send = |lines: &[(&str, &str)]| {
            let headers = [&[("Authorization", key.as_str())], lines].concat();
            server
                .send("PUT", url, &headers, Some(&json!({"schemas": [USER], "userName": "ann", "title": "x"})))
                .unwrap()
        };
        let refused: [(&[(&str, &str)], u16); 4] = [
            (&[("If-None-Match", "\"x\""), ("If-None-Match", etag)], 412),
            (&[("If-Match", "\"x\""), ("If-Match", "\"y\"")], 412),
            (&[("Content-Encoding", "gzip")], 415),
            (&[("Content-Encoding", "identity"), ("Content-Encoding", "deflate")], 415),
        ];
        for (lines, status) in refused {
            let answer = send(lines);
            assert_eq!((answer.status, &answer.json["schemas"]), (status, &json!([ERROR])), "{lines:?}");
            let now = server.send("GET", url, &[("Authorization", &key)], None).unwrap();
            assert_eq!(now.json, made.json, "{lines:?}");
        }
        let answer = send(&[("If-Match", "\"x\""), ("If-Match", etag), ("Content-Encoding", "identity")]);
        assert_eq!((answer.status, &answer.json["title"]), (200, &json!("x")));
        assert_eq!(answer.headers["location"], url);
    }
}

const LIMIT: usize = 4 << 20;

/// A body that is too long is refused before it is sent if the client declares its length; otherwise when it exceeds
/// the limit.
#[test]
fn bodies_that_are_too_long_are_refused() {
    let server = acme("memory", &[]);
    let mut declared = begin(&server, "Content-Length: 100000000");
    let answer = declared.read_head();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");

    let mut chunked = begin(&server, "Transfer-Encoding: chunked");
    assert!(chunked.write("600000\r\n") && chunked.write(vec![b' '; LIMIT + 1]));
    let answer = chunked.read_head();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");

    // A client that sends everything before it reads also gets the answer.
    let mut long = user("ann");
    long["title"] = json!("x".repeat(LIMIT));
    for key in [Some(TOKEN), None] {
        let answer = server.request_with_key(key, "POST", "/Users", Some(&long));
        assert_eq!(answer.status, if key.is_some() { 413 } else { 401 });
        assert_eq!(answer.json["schemas"], json!([ERROR]));
    }
    assert_eq!(server.request("GET", "/Users", None).json["totalResults"], 0);
}

/// A head or a body that never ends loses its connection after the timeout, and no other client waits for it.
#[test]
fn clients_that_take_too_long_lose_their_connection() {
    let server = acme("memory", &["--request-timeout", "1"]);
    let start = Instant::now();
    let mut silent = server.connect();
    let mut head = server.connect();
    assert!(head.write("POST /scim/acme/v2/Users HTTP/1.1\r\nHost: x\r\nX-Slow: "));
    let mut body = begin(&server, "Content-Length: 1000");
    assert!(body.write("{"));
    let mut dripping = begin(&server, "Content-Length: 1000");
    let drip = thread::spawn(move || {
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(1_500) && dripping.write(" ") {
            thread::sleep(Duration::from_millis(50));
        }
        dripping.read()
    });
    let mut idle = server.connect();
    assert!(idle.write("GET /health HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_eq!(server.request("POST", "/Users", Some(&user("ann"))).status, 201);

    let answer = body.read();
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains(ERROR), "{answer}");
    let answer = drip.join().unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(!head.read().starts_with("HTTP/1.1 2"));
    assert_eq!(silent.read(), "");
    assert!(idle.read().starts_with("HTTP/1.1 200 "));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    eventually("lines", || server.log_of_requests().iter().filter(|line| line["status"] == 408).count() == 2);
}

/// Heads have bounds: a head beyond them is not kept in memory.
#[test]
fn heads_that_are_too_long_are_not_kept() {
    let server = acme("memory", &[]);
    let long = "x".repeat(200 << 10);
    let many = "X-Many: x\r\n".repeat(200);
    for head in [
        format!("GET /health HTTP/1.1\r\nHost: x\r\nX-Long: {long}\r\n\r\n"),
        format!("GET /health HTTP/1.1\r\nHost: x\r\n{many}\r\n"),
        format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"),
        "this is not HTTP\r\n\r\n".to_owned(),
    ] {
        let mut connection = server.connect();
        connection.write(head);
        let answer = connection.read();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    // A long filter fits.
    let path = format!("/Users?filter={}", "userName%20eq%20%22x%22%20or%20".repeat(1_000) + "userName%20pr");
    assert_eq!(server.request("GET", &path, None).status, 200);
}

/// If many clients want one name, one gets it; all clients get their own names.
#[test]
fn one_of_many_clients_gets_a_name() {
    for place in stores() {
        let store = &place.url;
        let server = acme(store, &[]);
        let made: usize = thread::scope(|scope| {
            let threads: Vec<_> = (0..16)
                .map(|number| {
                    let server = &server;
                    scope.spawn(move || {
                        let first = server.request("POST", "/Users", Some(&user("wanted"))).status;
                        assert!([201, 409].contains(&first), "{first}");
                        for round in 0..5 {
                            let name = format!("user-{number}-{round}");
                            let made = server.request("POST", "/Users", Some(&user(&name)));
                            assert_eq!(made.status, 201, "{}", made.text);
                        }
                        usize::from(first == 201)
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(made, 1);
        assert_eq!(server.request("GET", "/Users?count=0", None).json["totalResults"], 16 * 5 + 1);
    }
}
