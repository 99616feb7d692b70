//! Versions and preconditions (RFC 7644 §3.14, RFC 9110 §13).

use crate::fixture::host::{PATCH, USER, host};
use serde_json::json;

/// 7643-3.1-18, 7643-3.1-19, 7644-3.14-01, 7644-3.14-02, 7644-3.14-03.
#[test]
fn every_answer_with_a_resource_names_its_version() {
    let host = host();
    let created = host.post("/Users", &json!({"schemas": [USER], "userName": "bjensen"}));
    let target = format!("/Users/{}", created.id());
    let replies = [
        created.clone(),
        host.get(&target),
        host.put(&target, &json!({"schemas": [USER], "userName": "bjensen", "title": "a"})),
        host.patch(&target, &json!([{"op": "replace", "path": "title", "value": "b"}])),
    ];
    for reply in &replies {
        assert!(reply.etag().starts_with("W/\"") && reply.etag().ends_with('"'), "{}", reply.etag());
        assert_eq!(reply.json()["meta"]["version"], reply.etag());
    }
    assert_eq!(replies[0].etag(), replies[1].etag());
    assert_ne!(replies[1].etag(), replies[2].etag());
    assert_ne!(replies[2].etag(), replies[3].etag());
    assert_eq!(host.get("/Users").json()["Resources"][0]["meta"]["version"], replies[3].etag());
    assert!(replies[3].json()["meta"]["lastModified"].as_str() > replies[0].json()["meta"]["lastModified"].as_str());
    assert_eq!(replies[3].json()["meta"]["created"], replies[0].json()["meta"]["created"]);
}

/// 7644-3.14-04: an unchanged resource is not sent again.
#[test]
fn if_none_match_omits_an_unchanged_resource() {
    let host = host();
    let target = format!("/Users/{}", host.user("bjensen"));
    let etag = host.get(&target).etag();
    let opaque = etag.trim_start_matches("W/").to_owned();
    for tags in [
        etag.clone(),
        opaque,
        format!("W/\"x\", {etag}"),
        "*".to_owned(),
        etag.trim_matches(['W', '/', '"']).to_owned(),
    ] {
        let reply = host.send("GET", &target, &[("If-None-Match", &tags)], b"");
        assert_eq!((reply.status, reply.body.len(), reply.header("ETag")), (304, 0, Some(etag.as_str())), "{tags}");
    }
    for tags in ["W/\"x\"", "\"\"", ""] {
        assert_eq!(host.send("GET", &target, &[("If-None-Match", tags)], b"").status, 200, "{tags}");
    }
}

/// 7644-3.14-05, 7644-3.14-06, 7644-3.14-07, 7644-3.12-10: a write succeeds only in the state that the client knows.
#[test]
fn if_match_refuses_a_write_to_another_version() {
    let host = host();
    let target = format!("/Users/{}", host.user("bjensen"));
    let group = host.post("/Groups", &json!({"displayName": "g"})).id();
    let member = target.trim_start_matches("/Users/").to_owned();
    let group_target = format!("/Groups/{group}");
    let patch = |operation| json!({"schemas": [PATCH], "Operations": [operation]}).to_string();
    let writes = [
        ("PUT", &target, json!({"schemas": [USER], "userName": "bjensen", "title": "x"}).to_string()),
        ("PATCH", &target, patch(json!({"op": "add", "path": "title", "value": "y"}))),
        ("PATCH", &group_target, patch(json!({"op": "add", "path": "members", "value": [{"value": member}]}))),
        ("DELETE", &group_target, String::new()),
        ("DELETE", &target, String::new()),
    ];
    for (method, target, body) in writes {
        let etag = host.get(target).etag();
        let before = host.everything();
        for stale in ["W/\"0\"", "\"x\"", "W/\"0\", W/\"00\"", "0", ""] {
            let reply = host.send(method, target, &[("If-Match", stale)], body.as_bytes());
            assert_eq!(reply.error(), (412, String::new()), "{method} {target} {stale}");
        }
        for refused in ["*", &etag] {
            let reply = host.send(method, target, &[("If-None-Match", refused)], body.as_bytes());
            assert_eq!(reply.error(), (412, String::new()), "{method} {target} {refused}");
        }
        assert_eq!(host.everything(), before);
        // A weak tag, a tag in a list, and a tag without quotes, as some clients send `meta.version`.
        let forms =
            [etag.clone(), format!("W/\"0\", {etag}"), etag.trim_start_matches("W/").to_owned(), "*".to_owned()];
        let form = &forms[method.len() % forms.len()];
        let reply = host.send(method, target, &[("If-Match", form)], body.as_bytes());
        assert!([200, 204].contains(&reply.status), "{method} {target} {form}: {reply:?}");
    }
    assert!(host.everything().iter().all(|list| list["totalResults"] == 0), "both were deleted at last");
    let reply = host.send("PUT", &target, &[("If-Match", "*")], br#"{"userName": "x"}"#);
    assert_eq!(reply.error().0, 404);
}

/// 7644-3.5.2.1-08, 7644-3.5.2.1-09: a request that changes nothing makes no new version, whatever the method.
#[test]
fn a_write_without_a_change_keeps_the_version() {
    let host = host();
    let body =
        json!({"schemas": [USER], "userName": "bjensen", "emails": [{"value": "b@example.com", "type": "work"}]});
    let created = host.post("/Users", &body);
    let target = format!("/Users/{}", created.id());
    let group = host.post("/Groups", &json!({"displayName": "g", "members": [{"value": created.id()}]}));
    let group_target = format!("/Groups/{}", group.id());
    let unchanged = [
        host.put(&target, &body),
        host.put(&target, &created.json()),
        host.patch(&target, &json!([{"op": "replace", "path": "userName", "value": "bjensen"}])),
        host.patch(&target, &json!([{"op": "add", "value": {"emails": [{"value": "b@example.com", "type": "work"}]}}])),
        host.patch(&target, &json!([{"op": "remove", "path": "title"}])),
        host.patch(&target, &json!([{"op": "add", "path": "title", "value": "x"}, {"op": "remove", "path": "title"}])),
    ];
    for (index, reply) in unchanged.iter().enumerate() {
        assert_eq!((reply.status, reply.etag()), (200, created.etag()), "{index}");
        assert_eq!(reply.json()["meta"], created.json()["meta"], "{index}");
    }
    let add = json!([{"op": "add", "path": "members", "value": [{"value": created.id()}]}]);
    let unchanged = host.patch(&group_target, &add);
    assert_eq!((unchanged.status, unchanged.etag()), (200, group.etag()));
    // A group has another version once it shows other members.
    assert_eq!(host.delete(&target).status, 204);
    assert_ne!(host.get(&group_target).etag(), group.etag());
}

/// 7644-3.14-04, 7644-3.14-05, 7644-3.14-06: the lines of `If-Match` and of `If-None-Match` form one list (RFC 9110
/// §5.3), wherever the tag is in the list. `E` is the current version. Each list is sent as lines and joined by
/// commas, in both orders.
#[test]
fn lines_of_a_precondition_form_one_list() {
    let host = host();
    let target = format!("/Users/{}", host.user("bjensen"));
    // The header, its lines, whether a write happens.
    let table: [(&str, &[&str], bool); 13] = [
        ("If-Match", &["W/\"0\"", "E"], true),
        ("If-Match", &["W/\"0\"", "W/\"00\"", "E, \"x\""], true),
        ("If-Match", &["", "E"], true),
        ("If-Match", &["*", "*"], true),
        ("If-Match", &["W/\"0\"", "\"x\""], false),
        ("If-Match", &["", ""], false),
        // Not a list that RFC 9110 allows: the stricter reading counts.
        ("If-Match", &["*", "W/\"0\""], false),
        ("If-Match", &["?", "W/\"0\""], false),
        ("If-None-Match", &["W/\"0\"", "E"], false),
        ("If-None-Match", &["W/\"0\"", "*"], false),
        ("If-None-Match", &["W/\"0\"", "\"x\", E"], false),
        ("If-None-Match", &["W/\"0\"", "\"x\""], true),
        ("if-none-match", &["\"x\"", "", "\"y\""], true),
    ];
    let patch = json!({"schemas": [PATCH], "Operations": [{"op": "replace", "path": "title", "value": "TITLE"}]});
    let put = json!({"schemas": [USER], "userName": "bjensen", "title": "TITLE"});
    let mut titles = 0..;
    for (name, lines, written) in table {
        let forward: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let backward: Vec<String> = forward.iter().rev().cloned().collect();
        let forms = [vec![forward.join(", ")], vec![backward.join(", ")], forward, backward];
        for (method, body) in [("PUT", &put), ("PATCH", &patch)] {
            for form in &forms {
                let etag = host.get(&target).etag();
                let lines: Vec<String> = form.iter().map(|line| line.replace('E', &etag)).collect();
                let headers: Vec<(&str, &str)> = lines.iter().map(|line| (name, line.as_str())).collect();
                let body = body.to_string().replace("TITLE", &titles.next().unwrap().to_string());
                let before = host.everything();
                let reply = host.send(method, &target, &headers, body.as_bytes());
                assert_eq!(reply.status, if written { 200 } else { 412 }, "{method} {name} {lines:?}");
                assert_eq!(host.everything() != before, written, "{method} {name} {lines:?}");
            }
        }
        // DELETE: only the refusals, so that the user stays.
        if !written {
            let etag = host.get(&target).etag();
            let lines: Vec<String> = lines.iter().map(|line| line.replace('E', &etag)).collect();
            let headers: Vec<(&str, &str)> = lines.iter().map(|line| (name, line.as_str())).collect();
            let before = host.everything();
            assert_eq!(host.send("DELETE", &target, &headers, b"").error().0, 412, "DELETE {name} {lines:?}");
            assert_eq!(host.everything(), before);
        }
    }
    let etag = host.get(&target).etag();
    let read = |headers: &[(&str, &str)]| host.send("GET", &target, headers, b"").status;
    assert_eq!(read(&[("If-None-Match", "W/\"0\""), ("If-None-Match", &etag)]), 304);
    assert_eq!(read(&[("If-None-Match", "W/\"0\""), ("If-None-Match", "\"x\"")]), 200);
    assert_eq!(read(&[("If-Match", "W/\"0\""), ("If-Match", &etag)]), 200);
    assert_eq!(read(&[("If-Match", "W/\"0\""), ("If-Match", "\"x\"")]), 412);
    let both = [("If-None-Match", "W/\"0\""), ("If-Match", etag.as_str()), ("If-None-Match", &etag)];
    assert_eq!(host.send("DELETE", &target, &both, b"").error().0, 412);
    assert_eq!(host.send("DELETE", &target, &[("If-Match", "W/\"0\""), ("If-Match", &etag)], b"").status, 204);
}
