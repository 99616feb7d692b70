//! The work of an administrator while the server runs: keys and organizations, and the time until a change takes
//! effect.

use std::time::{Duration, Instant};

use crate::process::{Finished, Server, TOKEN, USER, databases, eventually, run};
use serde_json::{Value as Json, json};

/// The time for which a key may be trusted without a look-up, and an allowance for a busy machine.
const TRUSTED: Duration = Duration::from_secs(2);
const SLACK: Duration = Duration::from_secs(4);

fn acme(store: &str) -> [&str; 6] {
    ["--store", store, "--organization", "acme", "--token", TOKEN]
}

/// Runs a command that succeeds.
fn done(arguments: &[&str]) -> String {
    let Finished { status, stdout, stderr } = run(arguments);
    assert_eq!((status, &*stderr), (Some(0), ""), "{arguments:?}: {stdout}");
    stdout
}

/// Runs a command that fails with a message.
fn failed(arguments: &[&str]) -> String {
    let Finished { status, stdout, stderr } = run(arguments);
    assert_eq!((status, &*stdout), (Some(1), ""), "{arguments:?}: {stderr}");
    assert!(stderr.starts_with("platform: "), "{stderr}");
    stderr
}

/// The rows of a list, by their columns.
fn rows(list: &str) -> Vec<Vec<String>> {
    let cells =
        |line: &str| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect();
    list.lines().skip(1).map(cells).collect()
}

fn new_key(store: &str, more: &[&str]) -> String {
    let arguments = [&["key", "new", "--store", store, "--organization", "acme"], more].concat();
    let shown = done(&arguments);
    let key = shown.strip_prefix("API key ").and_then(|line| line.strip_suffix(" (shown once)\n"));
    key.unwrap_or_else(|| panic!("{shown}")).to_owned()
}

fn status(server: &Server, key: &str) -> u16 {
    server.request_with_key(Some(key), "GET", "/Users?count=0", None).status
}

/// A second key is added, the identity provider switches to it, the first key is revoked: the provider has access all
/// the time.
#[test]
fn keys_are_rotated_while_the_server_runs() {
    for place in databases() {
        let store = &place.url;
        let server = Server::start(&acme(store));
        assert_eq!(status(&server, TOKEN), 200);
        let new = new_key(store, &["--name", "rotated in May", "--expires-days", "30"]);
        assert_eq!((status(&server, &new), status(&server, TOKEN)), (200, 200), "both, at once");

        let list = || rows(&done(&["key", "list", "--store", store]));
        eventually("last used", || list().iter().all(|row| row[5].starts_with("20")));
        let keys = list();
        assert_eq!(keys.len(), 2);
        for (row, (name, expires)) in keys.iter().zip([("command line", "never"), ("rotated in May", "20")]) {
            assert_eq!((row[0].len(), &*row[1], &*row[2], &*row[6]), (12, "acme", "valid", name), "{row:?}");
            assert!(row[3].starts_with("20") && row[4].starts_with(expires), "{row:?}");
        }

        let said = done(&["key", "revoke", "--store", store, "--digest", &keys[0][0]]);
        assert_eq!(said, format!("key {} of acme is revoked\n", keys[0][0]));
        let revoked = Instant::now();
        eventually("it is known", || status(&server, TOKEN) == 401);
        assert!(revoked.elapsed() < TRUSTED + SLACK, "{:?}", revoked.elapsed());
        assert_eq!(status(&server, &new), 200);
        let again = done(&["key", "revoke", "--store", store, "--digest", &keys[0][0][..8].to_uppercase()]);
        assert!(again.contains("was revoked already"), "{again}");
        assert_eq!(list()[0][2], "revoked");
        assert_eq!(list()[0][5], keys[0][5], "who is refused does not use a key");

        // Passing a revoked token again does not make it valid again.
        drop(server);
        let finished = Server::try_start(&acme(store)).err().unwrap();
        assert_eq!((finished.status, &*finished.stdout), (Some(1), ""), "{finished:?}");
        assert!(finished.stderr.contains("the token was revoked"), "{finished:?}");
        assert!(!finished.stderr.contains(TOKEN), "{finished:?}");
        assert_eq!(list()[0][2], "revoked");
        let mut server = Server::start(&["--store", store, "--organization", "acme"]);
        assert_eq!(server.printed.len(), 1, "the other one is valid: {:?}", server.printed);
        server.key = Some(new);
        assert_eq!(server.request("GET", "/Users", None).status, 200);
    }
}

/// If the last key is revoked, the next start makes another key.
#[test]
fn a_start_makes_a_key_for_an_organization_without_one() {
    for place in databases() {
        let store = &place.url;
        assert_eq!(Server::start(&acme(store)).terminate().code(), Some(0));
        let digest = rows(&done(&["key", "list", "--store", store]))[0][0].clone();
        done(&["key", "revoke", "--store", store, "--digest", &digest]);
        let server = Server::start(&["--store", store, "--organization", "acme"]);
        assert_eq!(server.printed.len(), 2, "{:?}", server.printed);
        assert_eq!(server.request("GET", "/Users", None).status, 200);
    }
}

#[test]
fn scim_is_switched_off_and_on() {
    for place in databases() {
        let store = &place.url;
        let server = Server::start(&acme(store));
        assert_eq!(server.request("POST", "/Users", Some(&json!({"schemas": [USER], "userName": "ann"}))).status, 201);
        done(&["organization", "disable", "acme", "--store", store]);
        let off = Instant::now();
        eventually("it is known", || status(&server, TOKEN) == 401);
        assert!(off.elapsed() < TRUSTED + SLACK, "{:?}", off.elapsed());
        assert_eq!(rows(&done(&["organization", "list", "--store", store]))[0][..2], ["acme", "off"]);
        assert_eq!(server.terminate().code(), Some(0));

        // A start does not turn on an organization that an administrator has turned off.
        let server = Server::start(&acme(store));
        assert!(server.log().contains("SCIM is off"), "{}", server.log());
        assert_eq!(status(&server, TOKEN), 401);
        done(&["organization", "enable", "acme", "--store", store]);
        assert_eq!(status(&server, TOKEN), 200);
        assert_eq!(server.request("GET", "/Users", None).json["totalResults"], 1, "what was provisioned is there");
    }
}

/// Several organizations, each with its own resources and keys.
#[test]
fn organizations_are_apart() {
    for place in databases() {
        let store = &place.url;
        let server = Server::start(&acme(store));
        done(&["organization", "new", "globex", "--store", store]);
        done(&["organization", "new", "globex", "--store", store]);
        let key = done(&["key", "new", "--organization", "globex", "--store", store]);
        let key = key.split(' ').nth(2).unwrap();
        let users = format!("{}/scim/globex/v2/Users", server.root());
        let headers = [("Authorization", &*format!("Bearer {key}"))];
        let ann = json!({"schemas": [USER], "userName": "ann"});
        assert_eq!(server.send("POST", &users, &headers, Some(&ann)).unwrap().status, 201);
        assert_eq!(server.request("GET", "/Users", None).json["totalResults"], 0);
        assert_eq!(server.request("POST", "/Users", Some(&ann)).status, 201, "the same name, elsewhere");
        assert_eq!(status(&server, key), 401);
        let listed = rows(&done(&["key", "list", "--organization", "globex", "--store", store]));
        assert_eq!((listed.len(), &*listed[0][1], &*listed[0][6]), (1, "globex", "key"));

        // A token belongs to one organization.
        let taken = Server::try_start(&["--store", store, "--organization", "globex", "--token", TOKEN]).err().unwrap();
        assert!(
            taken.status == Some(1) && taken.stderr.contains("the token belongs to another organization"),
            "{taken:?}"
        );
    }
}

#[test]
fn commands_name_what_does_not_exist() {
    for place in databases() {
        let store = &place.url;
        done(&["organization", "new", "somebody", "--store", store]);
        for arguments in [
            &["key", "new", "--organization", "nobody", "--store", store][..],
            &["organization", "enable", "nobody", "--store", store],
            &["organization", "disable", "nobody", "--store", store],
        ] {
            assert!(failed(arguments).contains("no organization has the name `nobody`"));
        }
        let said = failed(&["key", "revoke", "--digest", "0123456789ab", "--store", store]);
        assert!(said.contains("no key has a digest that starts with `0123456789ab`"), "{said}");
        assert_eq!(done(&["key", "list", "--store", store]).lines().count(), 1);
        assert_eq!(done(&["events", "--organization", "nobody", "--store", store]), "");
        let nowhere = "sqlite:/no/such/directory/platform.db";
        failed(&["key", "list", "--store", nowhere]);
        let finished = Server::try_start(&["--store", nowhere]).err().unwrap();
        assert_eq!((finished.status, &*finished.stdout), (Some(1), ""), "{finished:?}");
    }
}

/// The changes, as lines of JSON, from any position on.
#[test]
fn events_are_shown() {
    for place in databases() {
        let store = &place.url;
        let server = Server::start(&acme(store));
        for name in ["ann", "bob", "carl"] {
            let made = server.request("POST", "/Users", Some(&json!({"schemas": [USER], "userName": name})));
            assert_eq!(made.status, 201);
        }
        let events = |more: &[&str]| -> Vec<Json> {
            let lines = done(&[&["events", "--organization", "acme", "--store", store], more].concat());
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        };
        let all = events(&[]);
        assert_eq!(all.len(), 3, "{all:?}");
        for event in &all {
            assert!(event["position"].is_i64() && event["event"].is_object(), "{event}");
        }
        let position = all[0]["position"].to_string();
        assert_eq!(events(&["--after", &position]), all[1..]);
        assert_eq!(events(&["--after", &position, "--limit", "1"]), all[1..2]);
    }
}
