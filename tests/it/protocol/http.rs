//! Requests and responses: methods, statuses, headers, media types, errors (RFC 7644 §3).

use crate::fixture::host::{self, BASE, ENTERPRISE, ERROR, GROUP, PATCH, USER, host, host_with};
use scim_core::{
    limits::Limits,
    provider::ServiceProvider,
    quirks::Quirks,
    schema::Registry,
    store::{MemoryStore, RequestContext, TenantId},
};
use serde_json::{Value as Json, json};

fn user(name: &str) -> Json {
    json!({"schemas": [USER], "userName": name})
}

/// 7644-3.3-01, 7644-3.3-02, 7644-3.3-06, 7644-3.3-07, 7644-3.3-08, 7644-3.3.1-01, 7643-3.1-02, 7643-3.1-06,
/// 7643-3.1-12, 7643-3.1-16, 7643-3.1-17, 7644-3.1-05, 7643-3.1-14, 7643-3.1-15, 7643-3.1-04.
#[test]
fn a_resource_is_created() {
    let host = host();
    let body = json!({
        "schemas": [USER], "userName": "bjensen", "id": "mine", "externalId": "701984", "groups": [{"value": "g"}],
        "meta": {"resourceType": "Group", "created": "2001-01-01T00:00:00Z", "location": "http://evil.example"},
    });
    let reply = host.post("/Users", &body);
    assert_eq!(reply.status, 201);
    let json = reply.json();
    assert_eq!(json["id"], "id-001");
    assert_eq!(json["externalId"], "701984");
    assert_eq!(json["meta"]["resourceType"], "User");
    assert_eq!(json["meta"]["created"], "2023-11-14T22:13:21.000Z");
    assert_eq!(json["meta"]["lastModified"], json["meta"]["created"]);
    assert_eq!(json["meta"]["location"], format!("{BASE}/Users/id-001"));
    assert_eq!(json["groups"], Json::Null);
    assert_eq!(reply.header("Location"), Some(format!("{BASE}/Users/id-001").as_str()));
    assert_eq!(reply.header("Content-Location"), reply.header("Location"));
    assert_eq!(host.get("/Users/id-001").json(), json);
}

/// 7644-3.4.1-01, 7644-3.4.1-02, 7644-3.5-01, 7644-3.5.1-01, 7644-3.5.1-11, 7644-3.2-02, 7644-3.6-01, 7644-3.6-02,
/// 7644-3.6-03, 7644-3.6-04, 7644-3.12-08.
#[test]
fn a_resource_lives_and_dies() {
    let host = host();
    let target = format!("/Users/{}", host.user("bjensen"));
    assert_eq!(host.get(&target).status, 200);
    let replaced = host.put(&target, &json!({"schemas": [USER], "userName": "bjensen", "title": "Guide"}));
    assert_eq!((replaced.status, replaced.json()["title"].as_str()), (200, Some("Guide")));
    let patched = host.patch(&target, &json!([{"op": "remove", "path": "title"}]));
    assert_eq!((patched.status, &patched.json()["title"]), (200, &Json::Null));
    let deleted = host.delete(&target);
    assert_eq!((deleted.status, deleted.body.len(), deleted.header("Content-Type")), (204, 0, None));
    let gone: [(&str, Json); 4] = [
        ("GET", Json::Null),
        ("PUT", user("bjensen")),
        ("PATCH", json!({"schemas": [PATCH], "Operations": [{"op": "add", "path": "title", "value": "x"}]})),
        ("DELETE", Json::Null),
    ];
    for (method, body) in gone {
        host.refused(method, &target, body.to_string().as_bytes(), 404, "");
    }
    assert_eq!(host.get("/Users").json()["totalResults"], 0);
    // The name is free again; the id is not assigned again.
    assert_ne!(format!("/Users/{}", host.user("bjensen")), target);
}

/// 7644-3.2-03, 7644-4-08, 7644-3.12-12, 7644-1.3-02.
#[test]
fn every_endpoint_has_its_methods() {
    let host = host();
    let id = host.user("bjensen");
    let resource = format!("/Users/{id}");
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get"];
    // `+` means supported, `-` means 405, `5` means 501, in the order of `methods`.
    let table = [
        ("/Users", "+++-----", "GET, HEAD, POST"),
        (&resource, "++-+++--", "GET, HEAD, PUT, PATCH, DELETE"),
        ("/Users/.search", "--+-----", "POST"),
        ("/ServiceProviderConfig", "++------", "GET, HEAD"),
        ("/ResourceTypes", "++------", "GET, HEAD"),
        ("/ResourceTypes/User", "++------", "GET, HEAD"),
        ("/Schemas", "++------", "GET, HEAD"),
        ("/Schemas/urn:ietf:params:scim:schemas:core:2.0:User", "++------", "GET, HEAD"),
        ("/Schemas/.search", "--+-----", "POST"),
        ("/Bulk", "--+-----", "POST"),
        ("/.search", "--+-----", "POST"),
        ("/", "++------", "GET, HEAD"),
        ("/Me", "55555555", ""),
    ];
    for (target, expected, allow) in table {
        for (method, expected) in methods.iter().zip(expected.chars()) {
            let before = host.everything();
            let reply = host.send(method, target, &[], b"");
            let context = format!("{method} {target}: {reply:?}");
            match expected {
                '-' => {
                    assert_eq!((reply.status, reply.body.is_empty()), (405, *method == "HEAD"), "{context}");
                    assert_eq!(reply.header("Allow"), Some(allow), "{context}");
                }
                '5' if *method == "HEAD" => assert_eq!((reply.status, reply.body.len()), (501, 0), "{context}"),
                '5' => assert_eq!(reply.error(), (501, String::new()), "{context}"),
                _ => assert!(![405, 501, 404, 500].contains(&reply.status), "{context}"),
            }
            if expected != '+' {
                assert_eq!(host.everything(), before, "{context}");
            }
            if *method == "DELETE" && expected == '+' {
                assert_eq!(reply.status, 204);
            }
        }
    }
    for unknown in ["/Robots", "/Users/a/b", "/Schemas/urn:x", "/ResourceTypes/Robot", "/users.xml"] {
        host.refused("GET", unknown, b"", 404, "");
    }
}

#[test]
fn head_is_get_without_the_body() {
    let host = host();
    let target = format!("/Users/{}", host.user("bjensen"));
    let (get, head) = (host.get(&target), host.send("HEAD", &target, &[], b""));
    assert_eq!((head.status, &head.headers, head.body.len()), (get.status, &get.headers, 0));
}

/// 7644-3.1-01, 7644-3.8-01, 7644-3.8-02, 7644-3.8-03, 7644-3.8-04, 7644-8.1-01.
#[test]
fn media_types_are_negotiated() {
    let host = host();
    let scim = "application/scim+json";
    for (accept, expected) in [
        (None, scim),
        (Some("application/scim+json"), scim),
        (Some("application/json"), "application/json"),
        (Some("application/json, application/scim+json;q=0.9"), scim),
        (Some("text/html, */*"), scim),
        (Some("APPLICATION/JSON; charset=utf-8"), "application/json"),
        (Some("text/html"), scim),
        (Some("application/scim+json;q=0, application/json"), "application/json"),
        (Some("application/scim+json; q=0.000, application/json;q=0.1"), "application/json"),
        (Some("application/json;q=0"), scim),
    ] {
        let headers: Vec<_> = accept.map(|accept| ("Accept", accept)).into_iter().collect();
        for target in ["/Users", "/Schemas", "/Users/none"] {
            assert_eq!(host.send("GET", target, &headers, b"").header("Content-Type"), Some(expected), "{accept:?}");
        }
    }
    let body = user("bjensen").to_string();
    for content_type in ["text/plain", "application/xml", "multipart/form-data; boundary=x"] {
        let before = host.everything();
        let reply = host.send("POST", "/Users", &[("content-type", content_type)], body.as_bytes());
        assert_eq!(reply.error(), (415, String::new()));
        assert_eq!(host.everything(), before);
    }
    for (index, content_type) in
        ["application/scim+json", "application/json", "Application/SCIM+json; charset=utf-8"].into_iter().enumerate()
    {
        let body = user(&format!("user{index} Ünïcödé 😀")).to_string();
        let reply = host.send("POST", "/Users", &[("Content-Type", content_type)], body.as_bytes());
        assert_eq!(reply.status, 201);
        assert_eq!(reply.json()["userName"], format!("user{index} Ünïcödé 😀"));
    }
}

/// 7644-3.8-02, 7644-3.8-03: the lines of `Accept` form one list (RFC 9110 §5.3). If there are several `Content-Type`
/// lines, each must be accepted.
#[test]
fn repeated_lines_of_media_types_form_one_list() {
    let host = host();
    let (scim, json) = ("application/scim+json", "application/json");
    for (accept, expected) in [
        (&[json, scim][..], scim),
        (&[scim, json], scim),
        (&["text/html", json], json),
        (&["text/html", "image/png, application/json;q=0.5"], json),
        (&["application/scim+json;q=0", json], json),
        (&["", json], json),
    ] {
        let headers: Vec<(&str, &str)> = accept.iter().map(|line| ("Accept", *line)).collect();
        assert_eq!(host.send("GET", "/Users", &headers, b"").header("Content-Type"), Some(expected), "{accept:?}");
    }
    for (n, lines) in [[scim, scim], [json, scim], [scim, "application/json; charset=utf-8"]].iter().enumerate() {
        let headers: Vec<(&str, &str)> = lines.iter().map(|line| ("Content-Type", *line)).collect();
        let body = user(&format!("user{n}")).to_string();
        assert_eq!(host.send("POST", "/Users", &headers, body.as_bytes()).status, 201, "{lines:?}");
    }
    let before = host.everything();
    for lines in [[scim, "text/plain"], ["text/plain", scim], [json, "?"]] {
        let headers: Vec<(&str, &str)> = lines.iter().map(|line| ("content-type", *line)).collect();
        let reply = host.send("POST", "/Users", &headers, user("new").to_string().as_bytes());
        assert_eq!(reply.error(), (415, String::new()), "{lines:?}");
    }
    assert_eq!(host.everything(), before);
}

/// 7644-3.8-01: every operation that reads a body refuses a body in a content coding (RFC 9110 §8.4) and names the
/// cause. Each would succeed without the coding.
#[test]
fn a_body_in_a_content_coding_is_refused() {
    let host = host();
    let id = host.user("bjensen");
    let target = format!("/Users/{id}");
    let search = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]});
    let patch = json!({"schemas": [PATCH], "Operations": [{"op": "add", "path": "title", "value": "x"}]});
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [{"method": "POST", "path": "/Users", "bulkId": "a", "data": user("in-bulk")}],
    });
    let operations = [
        ("POST", "/Users", user("new")),
        ("PUT", &target, user("bjensen2")),
        ("PATCH", &target, patch),
        ("POST", "/Bulk", bulk),
        ("POST", "/Users/.search", search.clone()),
        ("POST", "/.search", search.clone()),
        ("POST", "/Schemas/.search", search),
    ];
    for (method, target, body) in operations {
        let body = body.to_string();
        for lines in [&["gzip"][..], &["GZIP"], &["identity, br"], &["identity", "deflate"], &["zstd", ""], &["?"]] {
            let headers: Vec<(&str, &str)> = lines.iter().map(|line| ("content-encoding", *line)).collect();
            let before = host.everything();
            let reply = host.send(method, target, &headers, body.as_bytes());
            assert_eq!(reply.error(), (415, String::new()), "{method} {target} {lines:?}");
            assert_eq!(reply.header("Accept-Encoding"), Some("identity"));
            let detail = reply.json()["detail"].as_str().unwrap().to_owned();
            let coding = lines.iter().flat_map(|line| line.split(", ")).find(|it| !["identity", ""].contains(it));
            assert!(detail.contains(&format!("Content-Encoding: {}", coding.unwrap())), "{detail}");
            assert_eq!(host.everything(), before, "{method} {target} {lines:?}");
        }
        let plain = [("Content-Encoding", "Identity"), ("Content-Encoding", "")];
        let reply = host.send(method, target, &plain, body.as_bytes());
        assert!([200, 201].contains(&reply.status), "{method} {target}: {}", reply.json());
    }
    // A method that does not read a body ignores the coding, and a method that the endpoint lacks is still 405.
    let coded = [("Content-Encoding", "gzip")];
    assert_eq!(host.send("GET", &target, &coded, b"").status, 200);
    assert_eq!(host.send("PUT", "/Users", &coded, b"{}").error().0, 405);
    assert_eq!(host.send("DELETE", &target, &coded, b"").status, 204);
    // A long name is not repeated in full.
    let long = "x".repeat(10_000);
    let reply = host.send("POST", "/Users", &[("Content-Encoding", &long)], b"{}");
    assert!(reply.status == 415 && reply.body.len() < 300);
}

/// 7643-3.1-17, 7644-3.3-08, 7644-3.4.1-01, 7644-3.5.1-11, 7644-3.5.2-20: an answer that shows a resource names it in
/// `Location`, in `Content-Location` and in `meta.location`. An answer without a body does not (erratum 5295).
#[test]
fn every_answer_with_a_resource_has_its_location() {
    let mut limits = Limits::default();
    limits.members_in_answer = 0;
    let host = host_with(Registry::standard(), MemoryStore::new(), limits, Quirks::default());
    let member = host.user("member");
    let locations =
        |reply: &host::Reply| ["Location", "Content-Location"].map(|it| reply.header(it).map(str::to_owned));
    for (endpoint, body, path) in
        [("Users", user("bjensen"), "title"), ("Groups", json!({"schemas": [GROUP], "displayName": "g"}), "externalId")]
    {
        let created = host.post(&format!("/{endpoint}"), &body);
        let target = format!("/{endpoint}/{}", created.id());
        let replies = [
            (201, created),
            (200, host.get(&target)),
            (200, host.put(&target, &body)),
            (200, host.patch(&target, &json!([{"op": "add", "path": path, "value": "x"}]))),
            (200, host.patch(&target, &json!([{"op": "add", "path": path, "value": "x"}]))),
            (200, host.get(&format!("{target}?attributes=meta.location"))),
        ];
        for (status, reply) in replies {
            let expected = Some(format!("{BASE}{target}"));
            assert_eq!((reply.status, locations(&reply)), (status, [expected.clone(), expected]), "{target}");
            assert_eq!(reply.json()["meta"]["location"], format!("{BASE}{target}"));
        }
        let head = host.send("HEAD", &target, &[], b"");
        assert_eq!(locations(&head), locations(&host.get(&target)));
    }
    let target = format!("/Groups/{}", host.post("/Groups", &json!({"displayName": "h"})).id());
    let add = json!([{"op": "add", "path": "members", "value": [{"value": member}]}]);
    let without_body = [
        (204, host.patch(&target, &add)),
        (304, host.send("GET", &target, &[("If-None-Match", "*")], b"")),
        (204, host.delete(&target)),
    ];
    for (status, reply) in without_body {
        assert_eq!((reply.status, reply.body.len(), locations(&reply)), (status, 0, [None, None]));
    }
    assert_eq!(locations(&host.get("/Users")), [None, None], "a list is no resource");
    assert_eq!(locations(&host.get("/Users/none")), [None, None]);
}

/// 7644-3.13-01, 7644-3.13-02, 7644-3.13-03, 7644-3.13-04, 7644-3.12-21.
#[test]
fn the_path_may_name_version_2_of_the_protocol() {
    let host = host();
    let id = host.user("bjensen");
    for base in ["", "/v2", "/V2", "//v2/"] {
        assert_eq!(host.get(&format!("{base}/Users/{id}")).status, 200, "{base}");
    }
    for base in ["/v1", "/v3", "/v20"] {
        host.refused("GET", &format!("{base}/Users"), b"", 400, "invalidVers");
    }
    // The segment after the endpoint is an id.
    host.refused("GET", "/Users/v2", b"", 404, "");
}

/// Method, target, body; the status and keyword of the answer; the attribute or value that the answer's detail names.
type Refusal<'a> = (&'a str, &'a str, String, (u16, &'a str), &'a str);

/// 7644-3.12-01, 7644-3.12-02, 7644-3.12-03, 7644-3.2-04, 7644-3.12-05, 7644-3.12-09, 7644-3.12-15, 7644-3.12-16,
/// 7644-3.12-17, 7644-3.12-18, 7644-3.12-19, 7644-3.12-20, 7644-3.12-13, 7644-3.3-09, 7644-3.3-10, 7644-3.5.1-12,
/// 7644-3.5.2-19, 7644-3.5.1-10, 7643-7-19, 7644-3.12-07, 7644-3.12-22, 7644-7.5.2-01.
#[test]
fn each_error_names_its_place() {
    let host = host_with(Registry::standard(), MemoryStore::new(), Limits::default(), Quirks::strict());
    let (first, _) = (host.user("bjensen"), host.user("taken"));
    let target = format!("/Users/{first}");
    let patch = |operation: Json| json!({"schemas": [PATCH], "Operations": [operation]}).to_string();
    let created = |members: Json| {
        let mut body = user("new");
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        body.to_string()
    };
    let table: Vec<Refusal<'_>> = vec![
        ("POST", "/Users", "{".into(), (400, "invalidSyntax"), "line 1"),
        ("POST", "/Users", "[]".into(), (400, "invalidSyntax"), "object"),
        ("POST", "/Users", json!({"userName": "new"}).to_string(), (400, "invalidSyntax"), "schemas"),
        ("POST", "/Users", created(json!({"shoeSize": 43})), (400, "invalidSyntax"), "shoeSize"),
        ("POST", "/Users", created(json!({"USERNAME": "twice"})), (400, "invalidSyntax"), "userName"),
        ("POST", "/Users", created(json!({"active": "yes"})), (400, "invalidValue"), "active"),
        ("POST", "/Users", created(json!({"emails": [{"value": 1}]})), (400, "invalidValue"), "emails.value"),
        ("POST", "/Users", json!({"schemas": [USER], "title": "x"}).to_string(), (400, "invalidValue"), "userName"),
        ("POST", "/Users", json!({"schemas": [USER], "userName": ""}).to_string(), (400, "invalidValue"), "userName"),
        ("POST", "/Users", user("TAKEN").to_string(), (409, "uniqueness"), "userName"),
        ("PUT", &target, user("Taken").to_string(), (409, "uniqueness"), "userName"),
        ("PUT", &target, json!({"schemas": [USER]}).to_string(), (400, "invalidValue"), "userName"),
        (
            "PATCH",
            &target,
            patch(json!({"op": "replace", "path": "userName", "value": "taken"})),
            (409, "uniqueness"),
            "userName",
        ),
        ("PATCH", &target, patch(json!({"op": "replace", "path": "id", "value": "x"})), (400, "mutability"), "id"),
        ("PATCH", &target, patch(json!({"op": "remove", "path": "userName"})), (400, "mutability"), "userName"),
        ("PATCH", &target, patch(json!({"op": "remove"})), (400, "noTarget"), "path"),
        ("PATCH", &target, patch(json!({"op": "add", "path": "a b", "value": 1})), (400, "invalidPath"), "a b"),
        (
            "PATCH",
            &target,
            patch(json!({"op": "add", "path": "shoeSize", "value": 1})),
            (400, "invalidPath"),
            "shoeSize",
        ),
        (
            "PATCH",
            &target,
            patch(json!({"op": "remove", "path": "emails[type xx 1]"})),
            (400, "invalidFilter"),
            "emails",
        ),
        (
            "PATCH",
            &target,
            patch(json!({"op": "replace", "path": "emails[type eq \"w\"].value", "value": "x"})),
            (400, "noTarget"),
            "emails",
        ),
        (
            "PATCH",
            &target,
            patch(json!({"op": "replace", "path": "active", "value": "x"})),
            (400, "invalidValue"),
            "active",
        ),
        ("PATCH", &target, patch(json!({"op": "move", "path": "active", "value": true})), (400, "invalidSyntax"), "op"),
        ("PATCH", &target, json!({"schemas": [PATCH]}).to_string(), (400, "invalidSyntax"), "Operations"),
        ("GET", "/Users?filter=userName eq", String::new(), (400, "invalidFilter"), "userName eq"),
        ("GET", "/Users?filter=shoeSize eq 1", String::new(), (400, "invalidFilter"), "shoeSize"),
        ("GET", "/Users?filter=active gt true", String::new(), (400, "invalidFilter"), "active"),
        ("GET", "/Users?filter=password eq \"x\"", String::new(), (403, "sensitive"), "password"),
        ("GET", "/Users?sortBy=password", String::new(), (403, "sensitive"), "password"),
        ("GET", "/Users?sortBy=shoeSize", String::new(), (400, "invalidValue"), "shoeSize"),
        ("GET", "/Users?count=many", String::new(), (400, "invalidValue"), "count"),
        ("GET", "/Users?attributes=id&excludedAttributes=name", String::new(), (400, "invalidValue"), "attributes"),
    ];
    for (method, target, body, (status, keyword), place) in table {
        let reply = host.refused(method, target, body.as_bytes(), status, keyword);
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(place), "{method} {target} {body}: expected `{place}` in `{detail}`");
        assert_eq!(reply.json()["schemas"], json!([ERROR]));
    }
}

/// A reference to a missing resource, and to a resource of another type.
#[test]
fn references_lead_somewhere() {
    let host = host();
    let id = host.user("bjensen");
    let group = host.post("/Groups", &json!({"schemas": [GROUP], "displayName": "g", "members": [{"value": id}]}));
    assert_eq!(group.json()["members"][0]["type"], "User");
    assert_eq!(group.json()["members"][0]["$ref"], format!("{BASE}/Users/{id}"));
    let nested = json!({"schemas": [GROUP], "displayName": "h", "members": [{"$ref": format!("{BASE}/v2/Groups/{}", group.id())}]});
    let nested = host.post("/Groups", &nested).json();
    assert_eq!(nested["members"][0]["value"], group.id());
    assert_eq!(nested["members"][0]["type"], "Group");
    let target = format!("/Groups/{}", group.id());
    let body = json!({"schemas": [GROUP], "displayName": "x", "members": [{"value": "nobody"}]}).to_string();
    for (method, target) in [("POST", "/Groups"), ("PUT", target.as_str())] {
        let reply = host.refused(method, target, body.as_bytes(), 400, "invalidValue");
        assert!(reply.json()["detail"].as_str().unwrap().contains("nobody"));
    }
    let enterprise = json!({"schemas": [USER, ENTERPRISE], "userName": "m", ENTERPRISE: {"manager": {"value": id}}});
    let managed = host.post("/Users", &enterprise).json();
    assert_eq!(managed[ENTERPRISE]["manager"]["$ref"], format!("{BASE}/Users/{id}"));
}

/// 7644-6-01, 7644-1.3-01: the host sets the base URL, not the request.
#[test]
fn the_host_sets_the_base_url() {
    let provider = |base: &str| ServiceProvider::builder(Registry::standard(), MemoryStore::new(), base).build();
    for wrong in
        ["", "/scim", "ftp://example.com", "https://", "https://example.com/scim?x=1", "https://example.com/#a"]
    {
        assert!(provider(wrong).is_err(), "{wrong}");
    }
    let provider = provider("https://example.com/{tenant}/scim/").unwrap();
    let context = RequestContext::new(TenantId::new("a/b").unwrap());
    let body = user("bjensen").to_string();
    let request = scim_core::protocol::Request::new("POST", "/Users").with_body(body.as_bytes());
    let response = host::now(provider.handle(&context, &request));
    assert!(response.header("Location").unwrap().starts_with("https://example.com/a%2Fb/scim/Users/"));
}
