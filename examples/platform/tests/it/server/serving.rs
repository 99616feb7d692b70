//! The interface for scripts: the printed URL, keys, a clean end, health, the log.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::process::{Server, TOKEN, USER, databases, eventually, run, run_with, stores};
use serde_json::json;

fn acme<'a>(store: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["--store", store, "--organization", "acme", "--token", TOKEN], more].concat()
}

/// The printed port is the bound port, and the locations of new resources have it.
#[test]
fn a_url_is_printed_and_serves() {
    for place in stores() {
        let store = &place.url;
        let server = Server::start(&acme(store, &[]));
        assert_eq!(server.printed.len(), 1, "{:?}", server.printed);
        assert!(server.url.starts_with("http://127.0.0.1:") && server.url.ends_with("/scim/acme/v2"), "{}", server.url);
        assert!(!server.url.contains(":0/"), "{}", server.url);
        let made = server.request("POST", "/Users", Some(&json!({"schemas": [USER], "userName": "ann"})));
        assert_eq!(made.status, 201, "{}", made.text);
        let location = made.json["meta"]["location"].as_str().unwrap();
        assert_eq!(made.headers["location"], location);
        assert!(location.starts_with(&server.url), "{location}");
        let id = made.json["id"].as_str().unwrap();
        assert_eq!(server.request("GET", &format!("/Users/{id}"), None).json["userName"], "ann");
        for path in ["", "/"] {
            assert_eq!(server.request("GET", path, None).json["totalResults"], 1, "`{path}`");
        }
        assert_eq!(server.terminate().code(), Some(0));
    }
}

/// Every store reads the names that references show: current names, of several types, and of one id in many places.
#[test]
fn references_show_names() {
    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    for place in stores() {
        let server = Server::start(&acme(&place.url, &[]));
        let create = |path: &str, body: &serde_json::Value| {
            let made = server.request("POST", path, Some(body));
            assert_eq!(made.status, 201, "{}", made.text);
            (made.json["id"].as_str().unwrap().to_owned(), made.json)
        };
        let (ann, _) = create("/Users", &json!({"userName": "ann", "displayName": "Ann \"Ä\" \u{1f600}"}));
        let (bob, shown) = create("/Users", &json!({"userName": "bob", ENTERPRISE: {"manager": {"value": ann}}}));
        assert_eq!(shown[ENTERPRISE]["manager"]["displayName"], "Ann \"Ä\" \u{1f600}");
        let (inner, _) = create("/Groups", &json!({"displayName": "Inner", "members": [{"value": bob}]}));
        let members = json!([{"value": bob}, {"value": ann}, {"value": inner}]);
        let (group, shown) = create("/Groups", &json!({"displayName": "All", "members": members}));
        let names = |group: &serde_json::Value| -> Vec<String> {
            let members = group["members"].as_array().unwrap().iter();
            members.map(|member| member["display"].as_str().unwrap_or("-").to_owned()).collect()
        };
        assert_eq!(names(&shown), ["-", "Ann \"Ä\" \u{1f600}", "Inner"], "{place:?}");
        let rename = |path: String, name: &str| {
            let operation = json!({"op": "replace", "path": "displayName", "value": name});
            let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]});
            assert_eq!(server.request("PATCH", &path, Some(&body)).status, 200);
        };
        rename(format!("/Users/{ann}"), "Anna");
        rename(format!("/Groups/{inner}"), "Core");
        let list = server.request("GET", "/Groups?filter=members%20pr", None).json;
        let of = |id: &str| list["Resources"].as_array().unwrap().iter().find(|it| it["id"] == id).unwrap();
        assert_eq!(
            (names(of(&group)), names(of(&inner))),
            (vec!["-".into(), "Anna".into(), "Core".into()], vec!["-".into()])
        );
        assert_eq!(names(&server.request("GET", &format!("/Groups/{group}"), None).json), names(of(&group)));
        // The same refusal in memory and from a database.
        let filter = "/Groups?filter=members.display%20eq%20%22Anna%22";
        assert_eq!(server.request("GET", filter, None).json["scimType"], "invalidFilter", "{place:?}");
    }
}

#[test]
fn a_key_that_was_not_given_is_made_and_shown_once() {
    let server = Server::start(&["--store", "memory"]);
    assert!(server.url.ends_with("/scim/demo/v2"), "{}", server.url);
    let key = server.key.clone().unwrap();
    assert!(key.starts_with("scim_") && key.len() == "scim_".len() + 64, "{key}");
    assert_eq!(server.request("GET", "/Users", None).status, 200);
    assert!(!server.log().contains(&key));
    assert_eq!(server.terminate().code(), Some(0));

    for place in databases() {
        let store = &place.url;
        let arguments = ["--store", store, "--organization", "demo"];
        let first = Server::start(&arguments);
        let key = first.key.clone();
        assert!(key.is_some());
        assert_eq!(first.terminate().code(), Some(0));
        let mut again = Server::start(&arguments);
        assert_eq!((again.printed.len(), &again.key), (1, &None), "{:?}", again.printed);
        again.key = key;
        assert_eq!(again.request("GET", "/Users", None).status, 200);
    }
}

/// The same command again is not an error, and the stored resources remain.
#[test]
fn a_restart_continues_with_the_stored_state() {
    for place in databases() {
        let store = &place.url;
        let first = Server::start(&acme(store, &[]));
        let made = first.request("POST", "/Users", Some(&json!({"schemas": [USER], "userName": "ann"})));
        let id = made.json["id"].as_str().unwrap().to_owned();
        assert_eq!(first.terminate().code(), Some(0));

        let again = Server::start(&acme(store, &[]));
        assert_eq!(again.printed.len(), 1);
        let found = again.request("GET", &format!("/Users/{id}"), None);
        assert_eq!((found.status, &found.json["userName"]), (200, &json!("ann")));
        assert_eq!(again.request("POST", "/Users", Some(&json!({"schemas": [USER], "userName": "ANN"}))).status, 409);
    }
}

#[test]
fn wrong_arguments_are_told_and_secrets_are_not() {
    let long = "x".repeat(1_025);
    let hex = "0123456789abcdef".repeat(4);
    for (arguments, told) in [
        (&["--token", "se,cret"][..], "--token: expected 1 to 1024 visible ASCII characters"),
        (&["--token", "se cret"], "--token: expected 1 to 1024 visible ASCII characters"),
        (&["--token", ""], "--token: expected 1 to 1024 visible ASCII characters"),
        (&["--token", &long], "--token: expected 1 to 1024 visible ASCII characters"),
        (&["--store", "mysql://me:secret@localhost/"], "--store: expected `memory`, `sqlite:PATH` or `postgres://…`"),
        (&["--store", "sqlite:"], "--store: expected `memory`, `sqlite:PATH` or `postgres://…`"),
        (&["--cursor-key", "secret"], "--cursor-key: expected 64 hexadecimal digits"),
        (&["--cursor-key", &hex[2..]], "--cursor-key: expected 64 hexadecimal digits"),
        (&["--organization", "Acme"], "expected 1 to 64 lower-case letters, digits and hyphens"),
        (&["--organization", ""], "expected 1 to 64 lower-case letters, digits and hyphens"),
        (&["--listen", "nowhere"], "--listen"),
        (&["--request-timeout", "0"], "--request-timeout"),
        (&["--nothing"], "--nothing"),
        (&["nothing"], "nothing"),
        (&["key"], "Usage: platform key"),
        (&["key", "list", "--store", "memory"], "with memory there is nothing to administrate"),
        (&["events", "--organization", "a", "--store", "memory"], "with memory there is nothing to administrate"),
        (&["key", "revoke", "--digest", "0123456"], "expected 8 to 64 hexadecimal digits"),
        (&["key", "new", "--organization", "acme", "--expires-days", "0"], "--expires-days"),
    ] {
        let finished = run(arguments);
        assert_eq!(finished.status, Some(2), "{arguments:?}: {finished:?}");
        assert!(finished.stderr.contains(told), "{arguments:?}: {finished:?}");
        let said = finished.stderr + &finished.stdout;
        assert!(
            !["secret", "se cret", "se,cret", &long, &hex[2..]].iter().any(|secret| said.contains(secret)),
            "{said}"
        );
    }
    let finished = run_with(("PLATFORM_TOKEN", "se cret"), &["--store", "memory"]);
    assert_eq!(finished.status, Some(2), "{finished:?}");
    assert_eq!(run_with(("PLATFORM_STORE", "memory"), &["key", "list"]).status, Some(2));
    for help in [&["--help"][..], &["key", "--help"], &["key", "new", "--help"], &["--version"]] {
        assert_eq!(run(help).status, Some(0), "{help:?}");
    }
}

/// A port in use is reported before anything is created.
#[test]
fn a_port_in_use_is_reported_first() {
    for place in databases() {
        let store = &place.url;
        let server = Server::start(&acme("memory", &[]));
        let address = server.root().replace("http://", "");
        let finished = Server::try_start(&["--store", store, "--listen", &address]).err().unwrap();
        assert_eq!(finished.status, Some(1), "{finished:?}");
        assert!(finished.stdout.is_empty() && finished.stderr.contains("expected to listen at"), "{finished:?}");
        // A key that had been created before would never have been shown.
        assert!(Server::start(&["--store", store, "--organization", "demo"]).key.is_some());
    }
}

#[test]
fn clients_are_told_the_public_url() {
    let server = Server::start(&acme("memory", &["--public-url", "https://example.com/idm/"]));
    assert_eq!(server.url, "https://example.com/idm/scim/acme/v2");
    eventually("it listens", || server.log().contains("\"listening\""));
    let log = server.log();
    let line: serde_json::Value = log.lines().map(|line| serde_json::from_str(line).unwrap()).next().unwrap();
    let url = format!("http://{}/scim/acme/v2/Users", line["address"].as_str().unwrap());
    let headers = [("Authorization", &*format!("Bearer {TOKEN}"))];
    let made = server.send("POST", &url, &headers, Some(&json!({"schemas": [USER], "userName": "ann"}))).unwrap();
    assert!(made.json["meta"]["location"].as_str().unwrap().starts_with("https://example.com/idm/scim/acme/v2/Users/"));

    let finished = Server::try_start(&acme("memory", &["--public-url", "ftp://example.com"])).err().unwrap();
    assert_eq!(finished.status, Some(1), "{finished:?}");
    assert!(finished.stderr.contains("expected an http or https URL"), "{finished:?}");
}

/// People sign on elsewhere: no password is stored, no password can be changed, and a password in a request has no
/// effect.
#[test]
fn no_password_is_kept() {
    for place in stores() {
        let store = &place.url;
        let server = Server::start(&acme(store, &[]));
        let configuration = server.request("GET", "/ServiceProviderConfig", None).json;
        assert_eq!(configuration["changePassword"]["supported"], false);
        let body = json!({"schemas": [USER], "userName": "ann", "password": "correct horse"});
        let made = server.request("POST", "/Users", Some(&body));
        assert_eq!(made.status, 201, "{}", made.text);
        let path = format!("/Users/{}", made.json["id"].as_str().unwrap());
        let body = json!({"Operations": [{"op": "replace", "value": {"password": "correct horse", "title": "Dr"}}]});
        let patched = server.request("PATCH", &path, Some(&body));
        assert_eq!((patched.status, &patched.json["title"]), (200, &json!("Dr")), "{}", patched.text);
        assert!(patched.json.get("password").is_none());
        assert!(!server.log().contains("correct horse"));
        assert_eq!(server.terminate().code(), Some(0));
        assert!(!place.bytes().windows(13).any(|bytes| bytes == b"correct horse"));
    }
}

/// Cursors are sealed: another process reads them with the same key, but not with its own key.
#[test]
fn cursors_need_the_key_of_their_process() {
    for place in databases() {
        let store = &place.url;
        let key = "0123456789abcdef".repeat(4);
        let old = "f".repeat(64);
        let first = Server::start(&acme(store, &["--cursor-key", &old]));
        for name in ["ann", "bob", "carl"] {
            let body = json!({"schemas": [USER], "userName": name});
            assert_eq!(first.request("POST", "/Users", Some(&body)).status, 201);
        }
        let page = first.request("GET", "/Users?cursor&count=1", None).json;
        let next = format!("/Users?cursor={}&count=1", page["nextCursor"].as_str().unwrap());
        for (keys, status) in [(old.clone(), 200), (format!("{key},{old}"), 200), (key, 400)] {
            let server = Server::start(&acme(store, &["--cursor-key", &keys]));
            assert_eq!(server.request("GET", &next, None).status, status, "{keys}");
        }
        assert_eq!(Server::start(&acme(store, &[])).request("GET", &next, None).status, 400);
    }
}

#[test]
fn health_needs_no_key() {
    for place in stores() {
        let store = &place.url;
        let server = Server::start(&acme(store, &[]));
        let answer = server.send("GET", &format!("{}/health", server.root()), &[], None).unwrap();
        assert_eq!((answer.status, answer.text.trim()), (200, "ok"));
        let nothing = server.send("GET", &server.root(), &[], None).unwrap();
        assert_eq!((nothing.status, &nothing.json["status"]), (404, &json!("404")));
    }
}

/// The message of the database goes to the log only: clients and load balancers learn that the database does not work.
#[test]
fn failures_of_the_database_reach_only_the_log() {
    for place in databases() {
        let server = Server::start(&acme(&place.url, &[]));
        assert_eq!(server.request("GET", "/Users", None).status, 200);
        place.run("ALTER TABLE api_key RENAME TO no_api_key; ALTER TABLE resource RENAME TO no_resource");
        let failed = server.request("POST", "/Users", Some(&json!({"schemas": [USER], "userName": "ann"})));
        assert_eq!((failed.status, &failed.json["status"]), (500, &json!("500")), "{}", failed.text);
        let unknown = server.request_with_key(Some("another"), "GET", "/Users", None);
        assert_eq!(unknown.status, 503, "{}", unknown.text);
        assert!(unknown.headers.contains_key("retry-after"));
        place.run("ALTER TABLE organization RENAME TO no_organization");
        let health = server.send("GET", &format!("{}/health", server.root()), &[], None).unwrap();
        assert_eq!(health.status, 503, "{}", health.text);
        for answer in [&failed, &unknown, &health] {
            for word in ["table", "relation", "api_key", "resource ", "organization ", "SQL"] {
                assert!(!answer.text.contains(word), "{}", answer.text);
            }
        }
        for told in ["a key could not be looked up", "a request failed", "the database does not answer"] {
            eventually(told, || server.log().contains(told));
        }
        assert!(!server.log().contains("ann"), "{}", server.log());
        place.run("ALTER TABLE no_api_key RENAME TO api_key; ALTER TABLE no_resource RENAME TO resource");
        place.run("ALTER TABLE no_organization RENAME TO organization");
        assert_eq!(server.send("GET", &format!("{}/health", server.root()), &[], None).unwrap().status, 200);
        assert_eq!(server.request("GET", "/Users", None).status, 200);
    }
}

/// An outage has one log line for each organization when it begins and one when it has ended, however many requests
/// fail.
#[test]
fn an_outage_is_logged_once() {
    for place in databases() {
        let other = "another-token-for-tests-0123456789";
        drop(Server::start(&["--store", &place.url, "--organization", "other", "--token", other]));
        let server = Server::start(&acme(&place.url, &[]));
        let url = format!("{}/scim/other/v2/Users", server.root());
        let header = format!("Bearer {other}");
        let ask = || {
            let other = server.send("GET", &url, &[("Authorization", &header)], None).unwrap();
            [server.request("GET", "/Users", None).status, other.status]
        };
        let lines = |message: &str| {
            let log = server.log();
            let lines = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
            lines.filter(|line| line["message"] == message).collect::<Vec<_>>()
        };
        assert_eq!(ask(), [200, 200]);
        place.run("ALTER TABLE resource RENAME TO no_resource");
        for _ in 0..20 {
            assert_eq!(ask(), [500, 500]);
        }
        let failed = lines("a request failed");
        let organizations: Vec<_> = failed.iter().map(|line| line["organization"].as_str().unwrap()).collect();
        assert_eq!(organizations, ["other", "acme"], "{failed:?}");
        assert!(failed[0]["error"].as_str().unwrap().contains("resource") && failed[0]["request_id"].is_string());
        let errors = server.log().matches("\"level\":\"ERROR\"").count();
        assert!(errors <= 4, "{errors}: {}", server.log());
        place.run("ALTER TABLE no_resource RENAME TO resource");
        eventually("it has ended for both", || {
            assert_eq!(ask(), [200, 200]);
            lines("requests succeed again").len() == 2
        });
        assert_eq!(lines("requests succeed again")[0]["failures"], 20);
        assert_eq!(lines("a request failed").len(), 2);
    }
}

/// Requests in progress are answered, idle connections are closed, and new connections are refused.
#[test]
fn requests_in_flight_are_completed() {
    for (place, signal) in stores().iter().zip(["TERM", "INT", "TERM"]) {
        let store = &place.url;
        let server = Server::start(&acme(store, &[]));
        assert_eq!(server.request("GET", "/Users", None).status, 200, "leaves an idle connection behind");
        let body = json!({"schemas": [USER], "userName": "slow"}).to_string();
        let (one, other) = body.split_at(body.len() / 2);
        let mut slow = server.connect();
        assert!(slow.write(format!(
            "POST /scim/acme/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\
             Content-Type: application/scim+json\r\nContent-Length: {}\r\n\r\n{one}",
            body.len()
        )));
        thread::sleep(Duration::from_millis(300));
        server.signal(signal);
        eventually("it ends", || server.log().contains("\"ending: "));
        thread::sleep(Duration::from_millis(300));
        assert!(server.try_request("GET", "/Users", None).is_err(), "nothing new");
        assert!(slow.write(other));
        let answer = slow.read();
        assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
        let told = Instant::now();
        assert_eq!(server.wait().code(), Some(0));
        assert!(told.elapsed() < Duration::from_secs(5));
    }
}

/// A second signal ends the process without waiting.
#[test]
fn told_twice_it_ends_at_once() {
    let server = Server::start(&acme("memory", &[]));
    let mut slow = server.connect();
    assert!(slow.write("POST /scim/acme/v2/Users HTTP/1.1\r\nHost: x\r\n"));
    server.signal("INT");
    eventually("it ends", || server.log().contains("\"ending: "));
    server.signal("INT");
    let told = Instant::now();
    assert_eq!(server.wait().code(), Some(0));
    assert!(told.elapsed() < Duration::from_secs(5));
}

/// Each request has one log line, refused requests too. Each line is JSON and has no secret.
#[test]
fn each_request_has_one_line_in_the_log() {
    for place in stores() {
        let store = &place.url;
        let server = Server::start(&acme(store, &[]));
        let body = json!({"schemas": [USER], "userName": "BODY-name", "password": "BODY-word", "title": "BODY"});
        let made = server.request("POST", "/Users", Some(&body));
        assert_eq!(made.status, 201, "{}", made.text);
        assert_eq!(server.request("GET", "/Users?filter=userName%20eq%20%22QUERY%22", None).status, 200);
        assert_eq!(server.request("GET", "/Users?filter=QUERY", None).status, 400);
        assert_eq!(server.request_with_key(Some("WRONG-TOKEN"), "GET", "/Users?filter=QUERY", None).status, 401);
        assert_eq!(server.request("PATCH", "/Users/1", Some(&json!({"BODY": ["BODY"]}))).status, 400);
        eventually("all lines", || server.log_of_requests().len() >= 5);
        let lines = server.log_of_requests();
        let found: Vec<_> = lines
            .iter()
            .map(|line| {
                assert!(line["duration_us"].is_u64() && line["timestamp"].is_string(), "{line}");
                assert_eq!(line["request_id"].as_str().unwrap().len(), 36, "{line}");
                ["method", "path", "status", "tenant", "actor", "operation", "scim_type"].map(|name| line[name].clone())
            })
            .collect();
        let users = "/scim/acme/v2/Users";
        let (none, actor) = (json!(null), "command line");
        let expected = [
            json!(["POST", users, 201, "acme", actor, "create", none]),
            json!(["GET", users, 200, "acme", actor, "search", none]),
            json!(["GET", users, 400, "acme", actor, "search", "invalidFilter"]),
            json!(["GET", users, 401, none, none, none, none]),
            json!(["PATCH", format!("{users}/1"), 400, "acme", actor, "patch", "invalidSyntax"]),
        ];
        assert_eq!(json!(found), json!(expected));
        assert_eq!(json!(made.headers["x-request-id"].to_str().unwrap()), lines[0]["request_id"]);
        for secret in [TOKEN, "TOKEN", "QUERY", "BODY", "filter="] {
            assert!(!server.log().contains(secret), "{secret}: {}", server.log());
        }
    }
}

#[test]
fn the_filter_chooses_the_lines_of_the_log() {
    let quiet = Server::start(&acme("memory", &["--log", "warn"]));
    assert_eq!(quiet.request("GET", "/Users", None).status, 200);
    assert_eq!(quiet.log(), "");
    let loud = Server::start(&acme("memory", &["--log", "trace"]));
    assert_eq!(loud.request("GET", "/Users?filter=userName%20eq%20%22QUERY%22", None).status, 200);
    eventually("a line", || loud.log_of_requests().len() == 1);
    assert!(!loud.log().contains("QUERY") && !loud.log().contains(TOKEN), "{}", loud.log());
    let short = Server::start(&["--store", "memory", "--token", "short", "--log", "warn"]);
    assert!(short.log().contains("the token is short") && !short.log().contains("\"short\""), "{}", short.log());
    assert_eq!(short.request("GET", "/Users", None).status, 200);
}
