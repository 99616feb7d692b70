//! Bulk requests (RFC 7644 §3.7).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use crate::fixture::forward::forward;
use crate::fixture::host::{BASE, ENTERPRISE, ERROR, GROUP, Host, PATCH, Reply, USER, host, host_with};
use proptest::{collection::vec, prelude::*};
use scim_core::{
    limits::Limits,
    quirks::Quirks,
    schema::Registry,
    store::{Capabilities, Change, ChangeOutcome, CommitError, MemoryStore, RequestContext, Store, StoreError},
};
use serde_json::{Value as Json, json};

const REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

/// A memory store that accepts fewer changes in one commit and counts its commits.
struct Small {
    inner: MemoryStore,
    most: usize,
    commits: Mutex<Vec<usize>>,
    /// The number of deletions that still meet a busy store.
    busy: Mutex<usize>,
}

impl Small {
    fn new(most: usize) -> Self {
        Self { inner: MemoryStore::new(), most, commits: Mutex::default(), busy: Mutex::default() }
    }
}

impl Store for Small {
    forward! { inner: pushdown, get, scan, referrers, locate }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities().with_max_batch(self.most)
    }

    async fn commit(&self, context: &RequestContext, batch: &[Change]) -> Result<Vec<ChangeOutcome>, CommitError> {
        assert!(batch.len() <= self.most, "the core asks for no more than the store can");
        self.commits.lock().unwrap().push(batch.len());
        if matches!(batch, [Change::Delete(_)]) {
            let mut busy = self.busy.lock().unwrap();
            if *busy > 0 {
                *busy -= 1;
                return Err(StoreError::Busy.into());
            }
        }
        self.inner.commit(context, batch).await
    }
}

fn small(most: usize) -> Host<Small> {
    host_with(Registry::standard(), Small::new(most), limits(), Quirks::default())
}

fn limits() -> Limits {
    Limits::default()
}

fn send<S: Store>(host: &Host<S>, operations: &Json) -> Reply {
    host.post("/Bulk", &json!({"schemas": [REQUEST], "Operations": operations}))
}

/// The operations of the answer, whose status must be 200.
fn done<S: Store>(host: &Host<S>, operations: &Json) -> Vec<Json> {
    let reply = send(host, operations);
    assert_eq!(reply.status, 200, "{}", reply.json());
    let json = reply.json();
    assert_eq!(json["schemas"], json!([RESPONSE]));
    json["Operations"].as_array().unwrap().clone()
}

fn statuses(outcomes: &[Json]) -> Vec<&str> {
    outcomes.iter().map(|outcome| outcome["status"].as_str().expect("a string")).collect()
}

fn id_of(outcome: &Json) -> String {
    outcome["location"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

fn post(bulk_id: &str, path: &str, data: &Json) -> Json {
    json!({"method": "POST", "path": path, "bulkId": bulk_id, "data": data})
}

fn user(bulk_id: &str, name: &str) -> Json {
    post(bulk_id, "/Users", &json!({"schemas": [USER], "userName": name}))
}

fn group(bulk_id: &str, name: &str, members: &[&str]) -> Json {
    let members: Vec<Json> = members.iter().map(|id| json!({"value": format!("bulkId:{id}")})).collect();
    post(bulk_id, "/Groups", &json!({"schemas": [GROUP], "displayName": name, "members": members}))
}

fn members<S: Store>(host: &Host<S>, id: &str) -> BTreeSet<String> {
    let json = host.get(&format!("/Groups/{id}")).json();
    let members = json["members"].as_array().cloned().unwrap_or_default();
    members.iter().map(|member| member["value"].as_str().unwrap().to_owned()).collect()
}

/// 7644-3.7-02, 7644-3.7-05, 7644-3.7-07, 7644-3.7-08, 7644-3.7-09, 7644-3.7-10, 7644-3.7-13, 7644-3.7-15,
/// 7644-3.7.3-01, 7644-3.7.3-02, 7644-3.7.3-03: each operation has the result that it would have as a separate
/// request.
#[test]
fn each_operation_has_the_result_of_a_separate_request() {
    let host = host();
    let [ann, bob, carl] = ["ann", "bob", "carl"].map(|name| host.user(name));
    let etag = host.get(&format!("/Users/{carl}")).etag();
    let outcomes = done(
        &host,
        &json!([
            user("q", "dora"),
            {"method": "PUT", "path": format!("/Users/{ann}"), "data": {"schemas": [USER], "userName": "anna"}},
            {"method": "PATCH", "path": format!("/Users/{bob}"), "bulkId": "mine",
                "data": {"schemas": [PATCH], "Operations": [{"op": "add", "path": "title", "value": "Guide"}]}},
            {"method": "DELETE", "path": format!("/Users/{carl}"), "version": etag},
        ]),
    );
    assert_eq!(statuses(&outcomes), ["201", "200", "200", "204"]);
    let dora = id_of(&outcomes[0]);
    for (outcome, (id, method)) in
        outcomes.iter().zip([(&dora, "POST"), (&ann, "PUT"), (&bob, "PATCH"), (&carl, "DELETE")])
    {
        assert_eq!(outcome["location"], format!("{BASE}/Users/{id}"));
        assert_eq!(outcome["method"], method);
        assert_eq!(outcome.get("response"), None, "what went well needs no body");
        let stored = host.get(&format!("/Users/{id}"));
        match stored.header("ETag") {
            Some(etag) => assert_eq!(outcome["version"], etag),
            None => assert_eq!((stored.status, outcome.get("version")), (404, None)),
        }
    }
    assert_eq!(outcomes[0]["bulkId"], "q");
    assert_eq!((outcomes[1].get("bulkId"), &outcomes[2]["bulkId"]), (None, &json!("mine")));
    assert_eq!(host.get(&format!("/Users/{ann}")).json()["userName"], "anna");
    assert_eq!(host.get(&format!("/Users/{bob}")).json()["title"], "Guide");
    assert_eq!(done(&host, &json!([])), Vec::<Json>::new());
}

/// 7644-3.7-11, 7644-3.7-12, 7644-3.7-14, 7644-3.7.3-04, 7644-3.12-23: the error of an operation is in the result of
/// that operation, and the other operations are done.
#[test]
fn an_error_stands_at_its_operation() {
    let host = host();
    let ann = host.user("ann");
    let path = format!("/Users/{ann}");
    let data = json!({"schemas": [USER], "userName": "x"});
    let wrong: [(Json, &str, &str, bool); 19] = [
        (user("a", "ANN"), "409", "uniqueness", false),
        (post("b", "/Users", &json!({"schemas": [USER]})), "400", "invalidValue", false),
        (json!({"method": "PUT", "path": "/Users/none", "data": data}), "404", "", true),
        (
            json!({"method": "PATCH", "path": path, "data": {"schemas": [PATCH], "Operations": [{"op": "remove", "path": "no"}]}}),
            "400",
            "invalidPath",
            true,
        ),
        (json!({"method": "DELETE", "path": path, "version": "W/\"0\""}), "412", "", true),
        (json!({"method": "PUT", "path": path, "version": "0", "data": data}), "412", "", true),
        (json!({"method": "GET", "path": path}), "400", "invalidSyntax", false),
        (json!({"path": path}), "400", "invalidSyntax", false),
        (json!({"method": "DELETE"}), "400", "invalidSyntax", false),
        (json!({"method": "POST", "path": "/Users", "data": data}), "400", "invalidSyntax", false),
        (json!({"method": "POST", "path": "/Users", "bulkId": "c"}), "400", "invalidSyntax", false),
        (json!({"method": "PUT", "path": path, "data": null}), "400", "invalidSyntax", true),
        (json!({"method": "POST", "path": path, "bulkId": "d", "data": data}), "405", "", false),
        (json!({"method": "DELETE", "path": "/Users"}), "405", "", false),
        (json!({"method": "POST", "path": "/Bulk", "bulkId": "e", "data": {}}), "404", "", false),
        (json!({"method": "DELETE", "path": "/Me"}), "404", "", false),
        (json!({"method": "POST", "path": "/Users/.search", "bulkId": "f", "data": {}}), "404", "", false),
        (json!({"method": "DELETE", "path": format!("{BASE}/Users/{ann}")}), "400", "invalidSyntax", false),
        (json!({"method": "PATCH", "path": path, "data": "x"}), "400", "invalidSyntax", true),
    ];
    for (operation, status, keyword, located) in wrong {
        let before = host.everything();
        let outcomes = done(&host, &json!([operation]));
        assert_eq!(host.everything(), before, "{operation}");
        let [outcome] = &outcomes[..] else { panic!("{outcomes:?}") };
        assert_eq!(outcome["status"], status, "{operation}: {outcome}");
        let error = &outcome["response"];
        assert_eq!((&error["schemas"], &error["status"]), (&json!([ERROR]), &json!(status)), "{operation}");
        assert_eq!(error["scimType"].as_str().unwrap_or_default(), keyword, "{operation}: {error}");
        assert!(error["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
        assert_eq!(outcome.get("location").is_some(), located, "{operation}: {outcome}");
        assert_eq!(outcome.get("version"), None);
        // Between other operations, a failing operation blocks neither of them.
        let name = format!("n{}", host.everything()[0]["totalResults"]);
        let outcomes = done(&host, &json!([user("x", &name), operation, user("y", &format!("{name}y"))]));
        assert_eq!(statuses(&outcomes), ["201", status, "201"], "{operation}");
    }
}

/// 7644-3.7.2-01, 7644-3.7.2-02, 7644-3.7-16, 7644-3.7-17: references backward and forward, in members, in an
/// extension, in `$ref`, in PATCH values and conditions, and in paths. A text that only looks like a reference stays.
#[test]
fn references_are_resolved() {
    for most in [1, 2, 1_000] {
        let host = small(most);
        let manager = json!({"schemas": [USER, ENTERPRISE], "userName": "bob", "nickName": "bulkId:ann",
            ENTERPRISE: {"manager": {"value": "bulkId:ann"}, "department": "bulkId:nothing"}});
        let outcomes = done(
            &host,
            &json!([
                group("all", "All", &["ann", "bob"]),
                post("bob", "/Users", &manager),
                user("ann", "ann"),
                post("refs", "/Groups", &json!({"displayName": "Refs", "members": [{"$ref": "bulkId:all"}]})),
                {"method": "PATCH", "path": "/Groups/bulkId:refs", "data": {"schemas": [PATCH], "Operations": [
                    {"op": "add", "path": "members", "value": [{"value": "bulkId:ann"}, {"value": "bulkId:carl"}]},
                    {"op": "remove", "path": "members[value eq \"bulkId:all\"]"}]}},
                user("carl", "carl"),
                {"method": "PUT", "path": "/Users/bulkId:carl", "data": {"schemas": [USER, ENTERPRISE],
                    "userName": "carl", ENTERPRISE: {"manager": "bulkId:bob"}}},
                {"method": "PATCH", "path": "/Users/bulkId:ann", "data": {"schemas": [PATCH], "Operations": [
                    {"op": "add", "path": format!("{ENTERPRISE}:manager"), "value": {"value": "bulkId:carl"}},
                    {"op": "add", "path": "displayName", "value": "bulkId:carl"}]}},
                user("gone", "gone"),
                {"method": "DELETE", "path": "/Users/bulkId:gone"},
            ]),
        );
        let expected = ["201", "201", "201", "201", "200", "201", "200", "200", "201", "204"];
        assert_eq!(statuses(&outcomes), expected, "{outcomes:?}");
        let [all, bob, ann, refs, carl] = [0, 1, 2, 3, 5].map(|index| id_of(&outcomes[index]));
        let set = |ids: &[&String]| -> BTreeSet<String> { ids.iter().map(|id| (*id).clone()).collect() };
        assert_eq!(members(&host, &all), set(&[&ann, &bob]));
        assert_eq!(members(&host, &refs), set(&[&ann, &carl]));
        let get = |id: &String| host.get(&format!("/Users/{id}")).json();
        assert_eq!(get(&bob)[ENTERPRISE]["manager"]["value"], ann);
        assert_eq!(get(&bob)[ENTERPRISE]["department"], "bulkId:nothing");
        assert_eq!(get(&bob)["nickName"], "bulkId:ann");
        assert_eq!(get(&carl)[ENTERPRISE]["manager"]["value"], bob);
        assert_eq!(get(&ann)[ENTERPRISE]["manager"]["value"], carl);
        assert_eq!(get(&ann)["displayName"], "bulkId:carl");
        // The answer has the type even of a member that was not committed at that time.
        let shown = host.get(&format!("/Groups/{all}")).json();
        assert!(shown["members"].as_array().unwrap().iter().all(|member| member["type"] == "User"), "{shown}");
    }
}

/// 7644-3.7-06: an unknown bulkId, a repeated bulkId, and references to a failed operation.
#[test]
fn references_to_no_created_resource_are_refused() {
    let host = host();
    host.user("taken");
    let before = host.everything();
    let outcomes = done(
        &host,
        &json!([
            group("a", "A", &["nobody"]),
            {"method": "DELETE", "path": "/Users/bulkId:nobody"},
            {"method": "PATCH", "path": "/Groups/x", "data": {"schemas": [PATCH], "Operations": [
                {"op": "remove", "path": "members[value eq \"bulkId:nobody\"]"}]}},
            group("b", "B", &["t"]),
            group("c", "C", &["b"]),
            user("t", "TAKEN"),
            {"method": "PATCH", "path": "/Groups/bulkId:c", "data": {"schemas": [PATCH], "Operations": [
                {"op": "replace", "path": "displayName", "value": "x"}]}},
        ]),
    );
    assert_eq!(statuses(&outcomes), ["409", "409", "409", "409", "409", "409", "409"]);
    let detail = |index: usize| outcomes[index]["response"]["detail"].as_str().unwrap().to_owned();
    assert!(detail(0).contains("bulkId") && detail(0).contains("nobody"), "{}", detail(0));
    assert_eq!(detail(3), "the operation with the bulkId `t` has failed");
    assert_eq!(detail(4), "the operation with the bulkId `b` has failed");
    assert_eq!(outcomes[5]["response"]["scimType"], "uniqueness");
    assert_eq!(host.everything(), before);

    let outcomes = done(&host, &json!([user("x", "first"), user("x", "second"), group("g", "G", &["x"])]));
    assert_eq!(statuses(&outcomes), ["201", "400", "201"]);
    assert_eq!(outcomes[1]["response"]["scimType"], "invalidValue");
    assert_eq!(members(&host, &id_of(&outcomes[2])), BTreeSet::from([id_of(&outcomes[0])]));
}

/// 7644-3.7.1-01: two groups that hold each other's real ids, larger cycles, a group that holds itself, users that
/// manage each other; with a store that writes all changes at once and with a store that cannot.
#[test]
fn circles_are_closed() {
    for most in [1, 3, 1_000] {
        let host = small(most);
        let outcomes = done(&host, &json!([group("a", "A", &["b"]), group("b", "B", &["a"])]));
        assert_eq!(statuses(&outcomes), ["201", "201"], "{outcomes:?}");
        let [a, b] = [id_of(&outcomes[0]), id_of(&outcomes[1])];
        assert_eq!(
            (members(&host, &a), members(&host, &b)),
            (BTreeSet::from([b.clone()]), BTreeSet::from([a.clone()]))
        );
        for (outcome, id) in outcomes.iter().zip([&a, &b]) {
            assert_eq!(outcome["version"], host.get(&format!("/Groups/{id}")).etag(), "the version after all");
        }

        let outcomes = done(
            &host,
            &json!([
                user("u", "u"),
                group("c", "C", &["d", "u"]),
                group("self", "Self", &["self", "u"]),
                group("d", "D", &["e"]),
                group("outside", "Outside", &["c"]),
                group("e", "E", &["c", "f", "u"]),
                group("f", "F", &["e"]),
            ]),
        );
        assert_eq!(statuses(&outcomes), ["201"; 7], "{outcomes:?}");
        let ids: Vec<String> = outcomes.iter().map(id_of).collect();
        let set = |indexes: &[usize]| -> BTreeSet<String> { indexes.iter().map(|index| ids[*index].clone()).collect() };
        let expected = [
            (1, set(&[3, 0])),
            (2, set(&[2, 0])),
            (3, set(&[5])),
            (4, set(&[1])),
            (5, set(&[1, 6, 0])),
            (6, set(&[5])),
        ];
        for (index, expected) in expected {
            assert_eq!(members(&host, &ids[index]), expected, "{index}");
        }

        let managed = |bulk_id: &str, manager: &str| {
            post(
                bulk_id,
                "/Users",
                &json!({"schemas": [USER, ENTERPRISE], "userName": format!("{bulk_id} of {most}"),
                ENTERPRISE: {"manager": {"value": format!("bulkId:{manager}")}, "department": "D"}}),
            )
        };
        let outcomes = done(&host, &json!([managed("x", "y"), managed("y", "x")]));
        assert_eq!(statuses(&outcomes), ["201", "201"]);
        let [x, y] = [id_of(&outcomes[0]), id_of(&outcomes[1])];
        for (one, other) in [(&x, &y), (&y, &x)] {
            let json = host.get(&format!("/Users/{one}")).json();
            assert_eq!(
                (&json[ENTERPRISE]["manager"]["value"], &json[ENTERPRISE]["department"]),
                (&json!(other), &json!("D"))
            );
        }
    }
}

/// 7644-3.7.1-02: if one resource of a cycle cannot be created, the whole cycle is not created.
#[test]
fn a_circle_is_created_as_a_whole_or_not_at_all() {
    for most in [1, 2, 1_000] {
        let host = small(most);
        host.user("taken");
        let managed = |bulk_id: &str, manager: &str, name: &str| {
            post(
                bulk_id,
                "/Users",
                &json!({"schemas": [USER, ENTERPRISE], "userName": name,
                ENTERPRISE: {"manager": {"value": format!("bulkId:{manager}")}}}),
            )
        };
        for names in [["new", "TAKEN"], ["TAKEN", "new"], ["same", "SAME"]] {
            let before = host.everything();
            let operations = json!([managed("a", "b", names[0]), managed("b", "a", names[1]), group("g", "G", &["a"])]);
            let outcomes = done(&host, &operations);
            assert_eq!(statuses(&outcomes), ["409", "409", "409"], "{outcomes:?}");
            assert_eq!(outcomes.iter().filter(|it| it["response"]["scimType"] == "uniqueness").count(), 1);
            assert_eq!(host.everything(), before, "{most} {names:?}");
        }
        // The same if the created resources can be removed only at a later attempt.
        *host.provider.store().busy.lock().unwrap() = 2;
        let before = host.everything();
        let outcomes = done(&host, &json!([managed("a", "b", "free"), managed("b", "a", "Taken")]));
        assert_eq!(statuses(&outcomes), ["409", "409"]);
        assert_eq!(host.everything(), before, "{most}");
        let broken = post("b", "/Groups", &json!({"members": [{"value": "bulkId:a"}]}));
        let outcomes = done(&host, &json!([group("a", "A", &["b"]), broken]));
        assert_eq!(statuses(&outcomes), ["409", "400"], "{outcomes:?}");
        assert_eq!(host.everything(), before);
    }
}

/// 7644-3.7-03, 7644-3.7.3-05: after `failOnErrors` errors no further operation is done.
#[test]
fn fail_on_errors_stops_the_request() {
    let host = host();
    host.user("taken");
    let operations = json!([user("a", "a"), user("b", "TAKEN"), user("c", "c"), user("d", "taken"), user("e", "e")]);
    for (accepted, expected, created) in [
        (json!(1), vec!["201", "409"], 1),
        (json!(2), vec!["201", "409", "201", "409"], 2),
        (json!(3), vec!["201", "409", "201", "409", "201"], 3),
        (json!(null), vec!["201", "409", "201", "409", "201"], 3),
    ] {
        for most in [1, 2, 1_000] {
            let host = small(most);
            host.user("taken");
            let body = json!({"schemas": [REQUEST], "failOnErrors": accepted, "Operations": operations});
            let reply = host.post("/Bulk", &body);
            let json = reply.json();
            let outcomes = json["Operations"].as_array().unwrap();
            assert_eq!(statuses(outcomes), expected, "{accepted} {most}");
            assert_eq!(json.get("failOnErrors"), None, "it is not valid in an answer");
            assert_eq!(host.get("/Users?count=0").json()["totalResults"], created + 1, "{accepted} {most}");
        }
    }
    for wrong in [json!(0), json!(-1), json!(i64::MIN)] {
        let body = json!({"schemas": [REQUEST], "failOnErrors": wrong, "Operations": operations}).to_string();
        host.refused("POST", "/Bulk", body.as_bytes(), 400, "invalidValue");
    }
}

/// 7644-3.7-01, 7644-3.7.4-01, 7644-3.7.4-02, 7644-3.7.4-03, 7644-3.12-11: the advertised limits are the enforced
/// limits. A request over a limit is refused as a whole, and the error names the limit.
#[test]
fn limits_are_enforced() {
    let mut limits = limits();
    limits.bulk_operations = 3;
    limits.bulk_payload = 1_000;
    limits.body = 400;
    let host = host_with(Registry::standard(), MemoryStore::new(), limits.clone(), Quirks::default());
    let advertised = host.get("/ServiceProviderConfig").json()["bulk"].clone();
    assert_eq!(advertised, json!({"supported": true, "maxOperations": 3, "maxPayloadSize": 1_000}));
    let some = |count: usize, from: usize| -> Json {
        (from..from + count).map(|n| json!({"method": "POST", "path": "/Users", "bulkId": n.to_string(), "data": {"userName": format!("n{n}")}})).collect()
    };
    assert_eq!(statuses(&done(&host, &some(3, 0))), ["201"; 3]);
    let body = json!({"schemas": [REQUEST], "Operations": some(4, 10)}).to_string();
    let reply = host.refused("POST", "/Bulk", body.as_bytes(), 413, "");
    assert!(reply.json()["detail"].as_str().unwrap().contains("maxOperations"), "{}", reply.json());

    let sized = |bytes: usize| {
        let short = json!({"schemas": [REQUEST], "Operations": some(1, 20), "x": ""}).to_string();
        short.replace("\"x\":\"\"", &format!("\"x\":\"{}\"", "y".repeat(bytes - short.len())))
    };
    let reply = host.refused("POST", "/Bulk", sized(1_001).as_bytes(), 413, "");
    assert!(reply.json()["detail"].as_str().unwrap().contains("maxPayloadSize"), "{}", reply.json());
    assert_eq!(host.send("POST", "/Bulk", &[], sized(1_000).as_bytes()).status, 200);
    assert_eq!(host.provider.body_limit("/Bulk"), 1_000);
    assert_eq!(host.provider.body_limit("/Users"), 400);

    // The data of one operation must obey the limit of a body.
    let long = json!([post("l", "/Users", &json!({"userName": "long", "title": "x".repeat(500)}))]);
    let before = host.everything();
    assert_eq!(statuses(&done(&host, &long)), ["413"]);
    assert_eq!(host.everything(), before);

    limits.bulk_operations = 0;
    let host = host_with(Registry::standard(), MemoryStore::new(), limits, Quirks::default());
    assert_eq!(host.get("/ServiceProviderConfig").json()["bulk"]["supported"], false);
    assert_eq!(send(&host, &json!([])).error().0, 501);
}

/// 7644-3.7-04: a body that is not a BulkRequest is refused as a whole.
#[test]
fn a_body_that_is_no_bulk_request_is_refused() {
    let host = host();
    let deep = format!("{{\"Operations\":[{{\"data\":{}1{}}}]}}", "[".repeat(100), "]".repeat(100));
    let very_deep = "[".repeat(200_000);
    let bodies = [
        "",
        "x",
        "[]",
        "\"x\"",
        "{}",
        "null",
        "{\"Operations\":{}}",
        "{\"Operations\":[1]}",
        "{\"Operations\":null}",
        "{\"Operations\":[{\"method\":1}]}",
        "{\"Operations\":[],\"operations\":[]}",
        "{\"Operations\":[{\"path\":\"/Users\",\"PATH\":\"/Users\"}]}",
        "{\"failOnErrors\":\"1\",\"Operations\":[]}",
        "{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:PatchOp\"],\"Operations\":[]}",
        "{\"Operations\":[]} x",
        "{\"Operations\":[{\"data\":}]}",
        "{\"Operations\":[\u{0}]}",
        &deep,
        &very_deep,
    ];
    for body in bodies {
        host.refused("POST", "/Bulk", body.as_bytes(), 400, "invalidSyntax");
    }
    host.refused("POST", "/Bulk", b"{\"Operations\":[{\"path\":\"\xff\"}]}", 400, "invalidSyntax");
    assert_eq!(host.send("POST", "/Bulk", &[("Content-Type", "text/plain")], b"{}").error().0, 415);
    assert_eq!(host.get("/Bulk").error().0, 405);
    let strict = host_with(Registry::standard(), MemoryStore::new(), limits(), Quirks::strict());
    strict.refused("POST", "/Bulk", b"{\"Operations\":[]}", 400, "invalidSyntax");
}

/// Many creations need few commits, and each keeps its own outcome.
#[test]
fn creations_are_committed_together() {
    let host = small(50);
    host.user("n13");
    host.user("n77");
    host.provider.store().commits.lock().unwrap().clear();
    let operations: Json = (0..100).map(|n| user(&n.to_string(), &format!("N{n}"))).collect();
    let outcomes = done(&host, &operations);
    for (n, outcome) in outcomes.iter().enumerate() {
        let expected = if n == 13 || n == 77 { "409" } else { "201" };
        assert_eq!(outcome["status"], expected, "{n}");
    }
    let commits = host.provider.store().commits.lock().unwrap().clone();
    assert!(commits.len() <= 12, "{commits:?}");
    // Each creation is in at most two commits, and in one more that fails before it.
    assert!(commits.iter().sum::<usize>() <= 300, "{commits:?}");

    // All creations fail: the commits exceed the operations by only a few.
    host.provider.store().commits.lock().unwrap().clear();
    let outcomes = done(&host, &operations);
    assert!(statuses(&outcomes).iter().all(|status| *status == "409"));
    let commits = host.provider.store().commits.lock().unwrap().clone();
    assert!(commits.len() <= 110 && commits.iter().sum::<usize>() <= 400, "{commits:?}");
}

/// Chains and cycles of thousands do not exhaust the stack, and their time is proportional to their length.
#[test]
fn long_chains_and_circles_take_linear_time() {
    let run = || {
        let mut limits = limits();
        limits.bulk_operations = 20_000;
        limits.bulk_payload = 16 << 20;
        let host = host_with(Registry::standard(), MemoryStore::new(), limits, Quirks::default());
        let name = |n: usize| n.to_string();
        let chain: Json = (0..5_000)
            .map(|n| group(&name(n), &name(n), &[name((n + 1).min(4_999)).as_str()][..usize::from(n < 4_999)]))
            .collect();
        assert!(statuses(&done(&host, &chain)).iter().all(|status| *status == "201"));
        let circle: Json = (0..5_000).map(|n| group(&name(n), &name(n), &[name((n + 1) % 5_000).as_str()])).collect();
        assert!(statuses(&done(&host, &circle)).iter().all(|status| *status == "201"));
        assert_eq!(host.get("/Groups?count=0").json()["totalResults"], 10_000);
    };
    std::thread::Builder::new().stack_size(512 << 10).spawn(run).unwrap().join().unwrap();
}

/// The users and groups with their members, by the names that the client chose.
fn graph<S: Store>(host: &Host<S>) -> BTreeMap<String, BTreeSet<String>> {
    let mut names = BTreeMap::new();
    let mut all = Vec::new();
    for (target, attribute) in [("/Users", "userName"), ("/Groups", "displayName")] {
        for resource in host.get(&format!("{target}?count=1000")).json()["Resources"].as_array().unwrap() {
            names.insert(resource["id"].clone().to_string(), resource[attribute].as_str().unwrap().to_owned());
            all.push(resource.clone());
        }
    }
    all.iter()
        .map(|resource| {
            let members = resource["members"].as_array().cloned().unwrap_or_default();
            let member =
                |member: &Json| names.get(&member["value"].to_string()).expect("no reference leads nowhere").clone();
            (names[&resource["id"].to_string()].clone(), members.iter().map(member).collect())
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Random references between random operations: each created resource has exactly the expected references, a
    /// failed operation leaves nothing, and no resource refers to a failed operation.
    #[test]
    fn random_references_are_resolved_exactly(
        refers in vec((vec(0..9_usize, 0..4), 0..8_u8), 1..9),
        most in prop_oneof![Just(1), Just(3), Just(1_000)],
    ) {
        let host = small(most);
        host.user("taken");
        let name = |n: usize| format!("g{n}");
        // One operation in eight cannot be created, and a bulkId beyond the last is unknown.
        let fails = |n: usize| refers[n].1 == 0;
        let operations: Json = refers.iter().enumerate().map(|(n, (targets, _))| {
            let targets: Vec<String> = targets.iter().map(|target| name(*target)).collect();
            let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
            let mut operation = group(&name(n), &name(n), &targets);
            if fails(n) {
                operation["data"].as_object_mut().unwrap().remove("displayName");
            }
            operation
        }).collect();
        let outcomes = done(&host, &operations);
        prop_assert_eq!(outcomes.len(), refers.len());
        let created = |n: usize| outcomes.get(n).is_some_and(|outcome| outcome["status"] == "201");
        // An operation can succeed exactly when it and all operations that it refers to, directly or not, can succeed.
        let mut good: Vec<bool> = (0..refers.len()).map(|n| !fails(n)).collect();
        loop {
            let next: Vec<bool> =
                (0..refers.len()).map(|n| good[n] && refers[n].0.iter().all(|target| good.get(*target) == Some(&true))).collect();
            if next == good {
                break;
            }
            good = next;
        }
        let mut expected = BTreeMap::from([("taken".to_owned(), BTreeSet::new())]);
        for (n, (targets, _)) in refers.iter().enumerate() {
            prop_assert_eq!(created(n), good[n], "{}: {:?}", n, &outcomes[n]);
            if good[n] {
                expected.insert(name(n), targets.iter().map(|target| name(*target)).collect());
            }
        }
        prop_assert_eq!(graph(&host), expected);
    }
}
