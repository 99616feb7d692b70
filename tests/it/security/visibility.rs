//! Visibility where two decisions of a policy meet: types that hide the same attributes, and scopes that check lists.

use std::sync::Arc;

use crate::fixture::host::{Host, encoded, host_under};
use scim_core::{
    error::Error,
    filter::{Filter, Matcher},
    limits::Limits,
    provider::{Access, Action, Policy},
    quirks::{Quirks, Reading, Tolerance},
    schema::{Registry, ResourceType},
    store::{MemoryStore, RequestContext, TenantId},
};
use serde_json::{Value as Json, json};

fn administrator() -> RequestContext {
    RequestContext::new(TenantId::single()).with_actor("administrator")
}

fn as_administrator(host: &Host<MemoryStore>, method: &str, target: &str, body: &Json) -> Json {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let reply = host.send_as(&administrator(), method, &encoded(target), &[], &body);
    assert!(reply.status < 300, "{method} {target}: {}", reply.json());
    reply.json()
}

/// Hides the `externalId` of every type. The attribute has the same id in all types.
#[derive(Debug)]
struct NoExternalIds;

impl Policy for NoExternalIds {
    fn access(&self, context: &RequestContext, _: Action, resource_type: &Arc<ResourceType>) -> Result<Access, Error> {
        if context.actor() == Some("administrator") {
            return Ok(Access::full());
        }
        Ok(Access::full().with_hidden(resource_type, &["externalId"]))
    }
}

/// Types that hide the same attributes keep their own attributes apart, in any order of requests.
#[test]
fn types_that_hide_the_same_attributes_are_not_mistaken_for_each_other() {
    let host = host_under(Registry::standard(), Quirks::default(), NoExternalIds);
    let user = json!({"userName": "ann", "externalId": "e1", "title": "Guide"});
    let user = as_administrator(&host, "POST", "/Users", &user)["id"].as_str().unwrap().to_owned();
    let group = json!({"displayName": "Guides", "externalId": "e2", "members": [{"value": user}]});
    let group = as_administrator(&host, "POST", "/Groups", &group)["id"].as_str().unwrap().to_owned();
    for _ in 0..2 {
        let shown = host.get(&format!("/Users/{user}")).json();
        assert_eq!((&shown["userName"], &shown["title"]), (&json!("ann"), &json!("Guide")));
        assert_eq!(shown.get("externalId"), None);
        let shown = host.get(&format!("/Groups/{group}")).json();
        assert_eq!((&shown["displayName"], &shown["members"][0]["value"]), (&json!("Guides"), &json!(user)));
        assert_eq!(shown.get("externalId"), None);
    }
    let renamed =
        host.patch(&format!("/Groups/{group}"), &json!([{"op": "replace", "path": "displayName", "value": "G"}]));
    assert_eq!((renamed.status, &renamed.json()["displayName"]), (200, &json!("G")));
    let retitled = host.patch(&format!("/Users/{user}"), &json!([{"op": "replace", "path": "title", "value": "T"}]));
    assert_eq!((retitled.status, &retitled.json()["title"]), (200, &json!("T")));
    let stored = as_administrator(&host, "GET", &format!("/Groups/{group}"), &Json::Null);
    assert_eq!(stored["externalId"], "e2", "a hidden attribute stays");
}

/// Hides from each caller the attribute whose name is the caller's name.
#[derive(Debug)]
struct ByCaller;

impl Policy for ByCaller {
    fn access(&self, context: &RequestContext, _: Action, resource_type: &Arc<ResourceType>) -> Result<Access, Error> {
        match context.actor() {
            Some("administrator") | None => Ok(Access::full()),
            Some(name) => Ok(Access::full().with_hidden(resource_type, &[name])),
        }
    }
}

/// Callers with different hidden attributes each get their own view.
#[test]
fn callers_with_different_hidden_attributes_are_not_mistaken_for_each_other() {
    let host = host_under(Registry::standard(), Quirks::default(), ByCaller);
    let user = json!({"userName": "ann", "title": "T", "nickName": "N"});
    let id = as_administrator(&host, "POST", "/Users", &user)["id"].as_str().unwrap().to_owned();
    for _ in 0..2 {
        for (hidden, shown) in [("title", "nickName"), ("nickName", "title")] {
            let caller = RequestContext::new(TenantId::single()).with_actor(hidden);
            let reply = host.send_as(&caller, "GET", &format!("/Users/{id}"), &[], b"").json();
            assert_eq!((reply.get(hidden), &reply[shown]), (None, &user[shown]), "without {hidden}");
            let filter = |name: &str| {
                host.send_as(&caller, "GET", &encoded(&format!("/Users?filter={name} pr")), &[], b"").status
            };
            assert_eq!((filter(hidden), filter(shown)), (400, 200), "without {hidden}");
            let operation =
                |name: &str| json!({"Operations": [{"op": "replace", "path": name, "value": "x"}]}).to_string();
            let body = operation(hidden);
            let reply = host.send_as(&caller, "PATCH", &format!("/Users/{id}"), &[], body.as_bytes());
            assert_eq!(reply.error(), (400, "invalidPath".to_owned()), "without {hidden}");
        }
    }
    let stored = as_administrator(&host, "GET", &format!("/Users/{id}"), &Json::Null);
    assert_eq!((&stored["title"], &stored["nickName"]), (&user["title"], &user["nickName"]));
}

/// A policy that fails for groups.
#[derive(Debug)]
struct Failing(u16);

impl Policy for Failing {
    fn access(&self, context: &RequestContext, _: Action, resource_type: &Arc<ResourceType>) -> Result<Access, Error> {
        if context.actor() == Some("administrator") || resource_type.name() != "Group" {
            return Ok(Access::full());
        }
        Err(Error::new(self.0, "the policy failed"))
    }
}

/// A policy that refuses groups hides them in users. A policy that fails for groups leaves the existing groups
/// unknown, so the request fails as well.
#[test]
fn a_policy_that_fails_hides_nothing() {
    for (status, expected) in [(403, 200), (404, 200), (499, 200), (500, 500), (503, 503)] {
        let host = host_under(Registry::standard(), Quirks::default(), Failing(status));
        let user = as_administrator(&host, "POST", "/Users", &json!({"userName": "ann"}));
        let id = user["id"].as_str().unwrap();
        as_administrator(&host, "POST", "/Groups", &json!({"displayName": "g", "members": [{"value": id}]}));
        let reply = host.get(&format!("/Users/{id}"));
        assert_eq!(reply.status, expected, "{status}: {}", reply.json());
        assert_eq!(reply.json().get("groups"), None, "{status}");
    }
}

/// A scope that compares the names of other resources is an error of the host.
#[test]
fn a_scope_on_derived_names_is_refused() {
    for scope in ["members.display eq \"ann\"", "members[display sw \"a\"]"] {
        let host = host_under(Registry::standard(), Quirks::default(), Within(scope));
        assert_eq!(host.get("/Groups").error().0, 500, "{scope}");
        let reply = host.post("/Groups", &json!({"displayName": "g"}));
        assert_eq!(reply.error().0, 500, "{scope}");
        assert_eq!(as_administrator(&host, "GET", "/Groups", &Json::Null)["totalResults"], 0, "{scope}");
    }
}

/// Shows the groups that satisfy a filter on their members.
#[derive(Debug)]
struct Within(&'static str);

impl Policy for Within {
    fn access(&self, context: &RequestContext, _: Action, resource_type: &Arc<ResourceType>) -> Result<Access, Error> {
        if context.actor() == Some("administrator") || resource_type.name() != "Group" {
            return Ok(Access::full());
        }
        let mut tolerance = Tolerance::new(Quirks::default());
        let filter = Filter::parse(self.0, Reading::new(&Limits::default(), &mut tolerance)).unwrap();
        let matcher: Arc<Matcher> = Arc::new(filter.compile(resource_type, &mut tolerance).unwrap());
        Ok(Access::full().with_scope(matcher))
    }
}

/// A change of members that leaves the caller's scope is refused, in every notation and without the list in the answer;
/// a change within the scope is done.
#[test]
fn a_scope_on_members_holds_for_changes_of_members() {
    for scope in [
        "members.value eq \"id-001\"",
        "members[value eq \"id-001\"]",
        "not (members.value ne \"id-001\") or members.value eq \"id-001\"",
    ] {
        let host = host_under(Registry::standard(), Quirks::default(), Within(scope));
        for name in ["ann", "bob"] {
            as_administrator(&host, "POST", "/Users", &json!({"userName": name}));
        }
        let members = json!([{"value": "id-001"}, {"value": "id-002"}]);
        as_administrator(&host, "POST", "/Groups", &json!({"displayName": "in", "members": members}));
        as_administrator(&host, "POST", "/Groups", &json!({"displayName": "out", "members": [{"value": "id-002"}]}));
        let everything = || as_administrator(&host, "GET", "/Groups", &Json::Null);
        let before = everything();

        for excluded in ["", "?excludedAttributes=members", "?attributes=displayName"] {
            assert_eq!(host.get(&format!("/Groups/id-003{excluded}")).status, 200, "{scope}");
            assert_eq!(host.get(&format!("/Groups/id-004{excluded}")).status, 404, "{scope}");
            let list = host.get(&format!("/Groups{excluded}")).json();
            assert_eq!(list["totalResults"], 1, "{scope}: {list}");
        }
        let leaving = [
            json!({"op": "remove", "path": "members[value eq \"id-001\"]"}),
            json!({"op": "remove", "path": "members", "value": [{"value": "id-001"}]}),
            json!({"op": "remove", "path": "members"}),
            json!({"op": "replace", "path": "members", "value": [{"value": "id-002"}]}),
            json!({"op": "replace", "value": {"members": [{"value": "id-002"}]}}),
        ];
        for operation in leaving {
            for query in ["", "?excludedAttributes=members"] {
                let reply = host.patch(&format!("/Groups/id-003{query}"), &json!([operation]));
                assert_eq!(reply.error().0, 403, "{scope}: {operation}");
                assert_eq!(everything(), before, "{scope}: {operation}");
            }
            let outside = host.patch("/Groups/id-004", &json!([operation]));
            assert_eq!(outside.error().0, 404, "{scope}: {operation}");
        }
        let staying = json!([{"op": "remove", "path": "members[value eq \"id-002\"]"}]);
        assert_eq!(host.patch("/Groups/id-003", &staying).status, 200, "{scope}");
        assert_eq!(host.delete("/Groups/id-004").status, 404, "{scope}");
        assert_eq!(host.delete("/Groups/id-003").status, 204, "{scope}");
    }
}

/// The scope `members pr` checks the list itself.
#[test]
fn a_scope_on_the_presence_of_members_holds_for_the_last_member() {
    let host = host_under(Registry::standard(), Quirks::default(), Within("members pr"));
    for name in ["ann", "bob"] {
        as_administrator(&host, "POST", "/Users", &json!({"userName": name}));
    }
    let members = json!([{"value": "id-001"}, {"value": "id-002"}]);
    as_administrator(&host, "POST", "/Groups", &json!({"displayName": "g", "members": members}));
    as_administrator(&host, "POST", "/Groups", &json!({"displayName": "empty"}));
    assert_eq!(host.get("/Groups?excludedAttributes=members").json()["totalResults"], 1);
    let target = "/Groups/id-003?excludedAttributes=members";
    let remove =
        |id: &str| host.patch(target, &json!([{"op": "remove", "path": format!("members[value eq \"{id}\"]")}]));
    assert_eq!(remove("id-001").status, 200);
    assert_eq!(remove("id-002").error().0, 403);
    let stored = as_administrator(&host, "GET", "/Groups/id-003", &Json::Null);
    assert_eq!(stored["members"].as_array().map(Vec::len), Some(1));
}
