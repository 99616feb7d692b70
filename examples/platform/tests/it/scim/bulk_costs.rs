//! A bulk request ends when its operations have cost the database more than a request may cost; at least one operation
//! is done.

use crate::process::{Server, TOKEN, USER, databases};
use serde_json::{Value as Json, json};

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// Rows of members, each of which costs 300 units: more than 10,000,000 units in total.
const GROUPS: usize = 60;
const MEMBERS: usize = 1_000;

fn bulk(server: &Server, operations: &[Json]) -> Vec<Json> {
    let answer = server.request("POST", "/Bulk", Some(&json!({"schemas": [BULK], "Operations": operations})));
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json["Operations"].as_array().unwrap().clone()
}

fn id(result: &Json) -> String {
    assert_eq!(result["status"], "201", "{result}");
    result["location"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

fn count(server: &Server, path: &str) -> u64 {
    server.request("GET", &format!("{path}?count=0"), None).json["totalResults"].as_u64().unwrap()
}

#[test]
fn a_bulk_request_ends_when_its_operations_have_cost_enough() {
    for place in databases() {
        let server = Server::start(&["--store", &place.url, "--organization", "acme", "--token", TOKEN]);
        let users: Vec<Json> = (0..MEMBERS)
            .map(|index| {
                json!({"method": "POST", "path": "/Users", "bulkId": format!("u{index}"),
                "data": {"schemas": [USER], "userName": format!("user{index}")}})
            })
            .collect();
        let members: Vec<Json> = bulk(&server, &users).iter().map(|result| json!({"value": id(result)})).collect();
        let mut groups = Vec::new();
        for index in 0..GROUPS {
            let group = json!({"schemas": [GROUP], "displayName": format!("group {index}"), "members": members});
            let made = server.request("POST", "/Groups?excludedAttributes=members", Some(&group));
            assert_eq!(made.status, 201, "{}", made.text);
            groups.push(made.json["id"].as_str().unwrap().to_owned());
        }

        let deletions: Vec<Json> =
            groups.iter().map(|id| json!({"method": "DELETE", "path": format!("/Groups/{id}")})).collect();
        let results = bulk(&server, &deletions);
        let done = results.iter().take_while(|result| result["status"] == "204").count();
        assert!((30..GROUPS).contains(&done), "{place:?}: {done}");
        for result in &results[done..] {
            assert_eq!((&result["status"], &result["response"]["scimType"]), (&json!("400"), &json!("tooMany")));
        }
        assert_eq!(count(&server, "/Groups"), u64::try_from(GROUPS - done).unwrap(), "{place:?}");

        // The next request does the rest: no operation is refused forever.
        let rest = bulk(&server, &deletions[done..]);
        assert!(rest.iter().all(|result| result["status"] == "204"), "{place:?}");
        assert_eq!(count(&server, "/Groups"), 0);

        // A large user is written a few times in one request, and always in a separate request.
        let emails: Vec<Json> = (0..9_000).map(|index| json!({"value": format!("a{index}@example.com")})).collect();
        let large =
            server.request("POST", "/Users", Some(&json!({"schemas": [USER], "userName": "large", "emails": emails})));
        assert_eq!(large.status, 201, "{}", large.text);
        let id = large.json["id"].as_str().unwrap();
        let rename = |index: usize| {
            let data = json!({"schemas": [PATCH], "Operations": [
                {"op": "replace", "path": "displayName", "value": format!("Large {index}")}]});
            json!({"method": "PATCH", "path": format!("/Users/{id}"), "data": data})
        };
        let results = bulk(&server, &(0..200).map(rename).collect::<Vec<_>>());
        let done = results.iter().take_while(|result| result["status"] == "200").count();
        assert!((1..150).contains(&done), "{place:?}: {done}");
        assert!(results[done..].iter().all(|result| result["status"] == "400"), "{place:?}");
        let shown = server.request("GET", &format!("/Users/{id}?attributes=displayName"), None);
        assert_eq!(shown.json["displayName"], format!("Large {}", done - 1), "{place:?}");
    }
}
