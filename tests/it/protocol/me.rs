//! `/Me` (RFC 7644 §3.11).

use crate::fixture::host::{self, BASE, Counting, Host, Ticking, USER};
use scim_core::{
    provider::{ServiceProvider, Subject},
    schema::Registry,
    store::{MemoryStore, RequestContext, TenantId},
};
use serde_json::json;

fn host_of(subject: impl Fn(&RequestContext) -> Option<Subject> + Send + Sync + 'static) -> Host<MemoryStore> {
    let provider = ServiceProvider::builder(Registry::standard(), MemoryStore::new(), BASE)
        .clock(Ticking::default())
        .ids(Counting::default())
        .me(subject)
        .build()
        .unwrap();
    Host { provider, context: RequestContext::new(TenantId::single()).with_actor("id-001") }
}

/// 7644-3.11-01: the host does not say which resource the caller is.
#[test]
fn me_is_not_implemented_without_a_subject() {
    let host = host::host();
    for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "POST"] {
        assert_eq!(host.send(method, "/Me", &[], b"{}").status, 501, "{method}");
    }
}

/// 7644-3.11-03, 7644-3.11-04: the request is processed at once, and the answer names the resource.
#[test]
fn me_stands_for_the_callers_resource() {
    let host = host_of(|context| context.actor().map(|id| Subject::new("User", id)));
    let id = host.user("ann");
    let url = format!("{BASE}/Users/{id}");
    let own = host.get(&format!("/Users/{id}"));

    let me = host.get("/Me");
    assert_eq!((me.status, me.header("Location"), &me.body), (200, Some(url.as_str()), &own.body));
    assert_eq!(me.header("ETag"), own.header("ETag"));
    let shown = host.get("/Me?attributes=userName").json();
    assert_eq!(shown, host.get(&format!("/Users/{id}?attributes=userName")).json());
    assert_eq!(host.send("HEAD", "/Me", &[], b"").header("Location"), Some(url.as_str()));
    assert_eq!(host.send("GET", "/Me", &[("If-None-Match", &own.etag())], b"").status, 304);

    let reply = host.patch("/Me", &json!([{"op": "replace", "path": "title", "value": "Guide"}]));
    assert_eq!((reply.status, reply.header("Location")), (200, Some(url.as_str())));
    let reply = host.put("/Me", &json!({"schemas": [USER], "userName": "ann", "nickName": "A"}));
    assert_eq!((reply.status, reply.header("Location")), (200, Some(url.as_str())));
    assert_eq!(host.get(&format!("/Users/{id}")).json()["nickName"], "A");
    let stale = host.send("DELETE", "/Me", &[("If-Match", "W/\"0\"")], b"");
    assert_eq!(stale.error().0, 412);

    // 7644-3.11-05: nothing determines the resource that a POST would create.
    let before = host.everything();
    let reply = host.post("/Me", &json!({"schemas": [USER], "userName": "bob"}));
    assert_eq!((reply.status, reply.header("Allow")), (405, Some("GET, HEAD, PUT, PATCH, DELETE")));
    assert_eq!(host.everything(), before);

    assert_eq!(host.delete("/Me").status, 204);
    assert_eq!(host.get("/Me").error().0, 404);
}

#[test]
fn a_caller_that_is_no_resource_gets_404() {
    let subjects: [fn(&RequestContext) -> Option<Subject>; 3] =
        [|_| None, |_| Some(Subject::new("Robot", "id-001")), |_| Some(Subject::new("User", "nobody"))];
    for subject in subjects {
        let host = host_of(subject);
        host.user("ann");
        let before = host.everything();
        for (method, body) in [("GET", ""), ("PUT", r#"{"userName": "b"}"#), ("DELETE", "")] {
            assert_eq!(host.send(method, "/Me", &[], body.as_bytes()).error().0, 404, "{method}");
        }
        assert_eq!(host.get("/Me/other").error().0, 404);
        assert_eq!(host.everything(), before);
    }
}
