//! Lines 8 and 10: the provisioning log, its filters and exports, the recorder, and data that the platform ignores.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::Walk;
use crate::browser::until;

impl Walk<'_> {
    /// All requests in the log from its export, the oldest first.
    fn exported(&self) -> Vec<Json> {
        let text = self.admin.get(&self.stage.program.path("log/export?format=json&kind=all"));
        let mut lines: Vec<Json> = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        lines.reverse();
        lines
    }

    /// Waits until the log has all requests, because a task writes them a moment later.
    pub(super) fn log_settles(&self) {
        let sent = self.scim.sent.lock().unwrap().len();
        let found = until(Duration::from_secs(10), || (self.exported().len() >= sent).then_some(()));
        assert!(found.is_some(), "{} of {sent} requests are in the log", self.exported().len());
    }

    /// Line 8: the sent requests, the log, the export and the outbox agree.
    pub fn log_agrees(&self) {
        self.log_settles();
        let lines = self.exported();
        let sent = self.scim.sent.lock().unwrap().clone();
        let line = |method: &str, path: &str, status: u64| format!("{method} {path} {status}");
        let path = |target: &str| target.split('?').next().unwrap().to_owned();
        let mut expected: Vec<String> = sent
            .iter()
            .map(|(operation, status)| {
                let (method, target) = operation.split_once(' ').unwrap();
                line(method, &shape(&path(target)), u64::from(*status))
            })
            .collect();
        let mut logged: Vec<String> = lines
            .iter()
            .map(|each| {
                let (method, target) = each["operation"].as_str().unwrap().split_once(' ').unwrap();
                line(method, &shape(&path(target)), each["status"].as_u64().unwrap())
            })
            .collect();
        // Requests that are sent together may be answered in any order.
        expected.sort();
        logged.sort();
        assert_eq!(logged, expected);

        let outbox = self.stage.program.command(&["events", "--organization", "demo", "--limit", "100000"]);
        assert!(outbox.success, "{}", outbox.output);
        let event = |line: &str| serde_json::from_str::<Json>(line).unwrap()["event"].to_string();
        let mut events: Vec<String> = outbox.output.lines().map(event).collect();
        let changes = lines.iter().flat_map(|each| each["changes"].as_array().unwrap());
        let mut changes: Vec<String> = changes.map(Json::to_string).collect();
        events.sort();
        changes.sort();
        assert_eq!(changes, events);

        let csv = self.admin.get(&self.stage.program.path("log/export?format=csv&kind=all"));
        assert!(csv.starts_with("time,outcome,status,"), "{csv}");
        let rows = csv.matches("\r\n").count();
        assert_eq!(rows, lines.len() + 1, "a head, and a row for each request");
    }

    /// Line 8: filters select a part of the log, and the page opens a request.
    pub fn log_filters(&self) {
        let admin = &self.admin;
        admin.press("Provisioning log");
        admin.shows("The last 48 hours");
        admin.select("Outcome", "Done");
        admin.fill("Person or group", "grace@example.com");
        admin.press("Show");
        admin.shows("Created Grace Hopper");
        admin.hides("Ada Lovelace");
        let entry = "const all = [...document.querySelectorAll('details.entry summary')]; all.at(-1).click(); \
                     return all.length";
        assert!(admin.run(entry, &[]).as_u64().unwrap() >= 1);
        admin.shows("POST /Users");
        admin.shows("201");
        admin.shows("127.0.0.1");
        admin.select("Outcome", "Failed");
        admin.press("Show");
        admin.shows("No request fits this filter.");
        let exports = "return [...document.querySelectorAll('a')].map((link) => link.href).filter((url) => \
                       url.includes('/log/export'))";
        let exports = admin.run(exports, &[]);
        for url in exports.as_array().unwrap() {
            let url = url.as_str().unwrap();
            assert!(url.contains("outcome=failed") && url.contains("person=grace"), "the export has the filter: {url}");
        }
        assert_eq!(exports.as_array().unwrap().len(), 2);
    }

    /// Lines 8 and 10: the recorder keeps bodies without their secrets. The server tolerates unknown data, and the
    /// log says so.
    pub fn records_bodies(&self) {
        let admin = &self.admin;
        admin.press("Provisioning log");
        admin.press("Record for 60 minutes");
        admin.shows("Administrator started it.");
        let body = |n: usize| {
            json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:example:of:the:provider:2.0:User"],
                "userName": format!("recorded{n}@example.com"), "displayName": format!("Recorded {n}"),
                "apiToken": "a-secret-in-a-body", "shoeSize": 42,
                "urn:example:of:the:provider:2.0:User": {"costCenter": "4711"},
            })
        };
        // An instance checks for a recording every few seconds.
        let mut tries = 0..;
        let recorded = until(Duration::from_secs(20), || {
            std::thread::sleep(Duration::from_millis(500));
            let made = self.scim.ask("POST", "/Users", &body(tries.next()?));
            assert_eq!(made.status, 201, "unknown data is no failure: {made:?}");
            self.log_settles();
            let page = admin.get(&self.stage.program.path("log?person=recorded"));
            page.contains("Recorded body, secrets hidden").then_some(page)
        });
        let recorded = recorded.expect("a recorded body");
        assert!(recorded.contains("shoeSize") && !recorded.contains("a-secret-in-a-body"), "{recorded}");
        admin.fill("Person or group", "recorded");
        admin.press("Show");
        admin.run("for (const entry of document.querySelectorAll('details.entry')) entry.open = true", &[]);
        admin.shows("It named attributes that we don't know. We left them out.");
        admin.shows("Recorded body, secrets hidden");
        admin.press("Stop and delete");
        admin.shows("Record for 60 minutes");
        let page = admin.get(&self.stage.program.path("log?person=recorded"));
        assert!(!page.contains("Recorded body"), "stopping deletes the bodies");
    }
}

/// A path without its id, because the log may omit the id.
fn shape(path: &str) -> String {
    path.split('/').take(2).collect::<Vec<_>>().join("/")
}
