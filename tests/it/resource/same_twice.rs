//! The same request twice gives the same answer and the same state.

use crate::fixture::host::{self, Host, host};
use proptest::{
    collection::vec,
    option,
    prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest},
    sample::select,
};
use scim_core::store::MemoryStore;
use serde_json::{Value as Json, json};

/// 7644-3.5.1, 7643-2.2: the service provider knows the type of a member, so the core ignores the `type` in a request
/// body, both for a new member and for a member that stays.
#[test]
fn the_type_of_a_member_is_not_the_client_s() {
    for said in ["", "Group", "direct", "user", "USER", "User", "Robot"] {
        let host = host();
        let ann = host.user("ann");
        let body = json!({"displayName": "g", "members": [{"value": ann, "type": said}]});
        let created = host.post("/Groups", &body);
        assert_eq!(created.status, 201, "{said:?}: {}", created.json());
        let target = format!("/Groups/{}", created.id());
        let member = created.json()["members"][0].clone();
        assert_eq!(member["type"], "User", "{said:?}");
        assert!(member["$ref"].as_str().is_some_and(|url| url.ends_with(&ann)), "{said:?}: {member}");
        let requests: [&dyn Fn() -> host::Reply; 5] = [
            &|| host.put(&target, &body),
            &|| host.put(&target, &body),
            &|| host.patch(&target, &json!([{"op": "replace", "path": "members", "value": body["members"]}])),
            &|| host.patch(&target, &json!([{"op": "add", "value": {"members": body["members"]}}])),
            &|| {
                let path = format!("members[value eq \"{ann}\"]");
                host.patch(&target, &json!([{"op": "replace", "path": path, "value": body["members"][0]}]))
            },
        ];
        for (index, request) in requests.iter().enumerate() {
            let reply = request();
            assert_eq!(reply.status, 200, "{said:?}, request {index}: {}", reply.json());
            assert_eq!(reply.json(), created.json(), "{said:?}, request {index}");
        }
    }
}

/// 7643-7: an explicit change of the type of a member stays refused, since `members.type` is immutable.
#[test]
fn an_explicit_change_of_the_type_is_refused() {
    let host = host();
    let ann = host.user("ann");
    let group = host.post("/Groups", &json!({"displayName": "g", "members": [{"value": ann}]})).id();
    let operation = json!({"op": "replace", "path": format!("members[value eq \"{ann}\"].type"), "value": "Group"});
    let body = json!({"Operations": [operation]}).to_string();
    host.refused("PATCH", &format!("/Groups/{group}"), body.as_bytes(), 400, "mutability");
}

fn text() -> impl Strategy<Value = Json> {
    select(vec!["", "a", "A", "ann@x", "Work", "work", "ß", "café", " "]).prop_map(Json::from)
}

fn element() -> impl Strategy<Value = Json> {
    let truth = prop_oneof![any::<bool>().prop_map(Json::from), select(vec!["True", "false"]).prop_map(Json::from)];
    (option::of(text()), option::of(text()), option::of(text()), option::weighted(0.2, truth)).prop_map(
        |(value, resource_type, display, primary)| {
            let members = [("value", value), ("type", resource_type), ("display", display), ("primary", primary)];
            members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
        },
    )
}

fn user() -> impl Strategy<Value = Json> {
    let manager = prop_oneof![text(), text().prop_map(|id| json!({"value": id})), Just(Json::Null)];
    (
        option::of(text()),
        option::of(vec(element(), 0..4)),
        option::of(vec(element(), 0..3)),
        option::of(prop_oneof![any::<bool>().prop_map(Json::from), Just(json!("False")), Just(Json::Null)]),
        option::of(manager),
        option::of((option::of(text()), option::of(text()))),
        option::of(select(vec!["", " ", "https://x/y", "photo"])),
    )
        .prop_map(|(title, emails, roles, active, manager, name, url)| {
            let mut user = json!({"userName": "ann"});
            let name = name.map(|(given, family)| json!({"givenName": given, "familyName": family}));
            let members = [
                ("title", title),
                ("emails", emails.map(Json::from)),
                ("roles", roles.map(Json::from)),
                ("active", active),
                ("name", name),
                ("profileUrl", url.map(Json::from)),
                (
                    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
                    manager.map(|manager| json!({"manager": manager})),
                ),
            ];
            for (name, value) in members {
                if let Some(value) = value {
                    user[name] = value;
                }
            }
            user
        })
}

/// Sends an accepted PUT again: the answers, all resources and the version stay the same.
fn put_twice(host: &Host<MemoryStore>, target: &str, body: &Json) -> Result<(), proptest::test_runner::TestCaseError> {
    let first = host.put(target, body);
    if first.status != 200 {
        return Ok(());
    }
    let before = host.everything();
    let second = host.put(target, body);
    prop_assert_eq!(
        (first.status, first.json(), first.etag()),
        (second.status, second.json(), second.etag()),
        "{}",
        body
    );
    prop_assert_eq!(before, host.everything(), "{}", body);
    Ok(())
}

proptest! {
    /// 7644-3.5.1: PUT of a user is idempotent.
    #[test]
    fn an_accepted_put_of_a_user_changes_nothing_the_second_time(bodies in vec(user(), 1..4)) {
        let host = host();
        let target = format!("/Users/{}", host.user("ann"));
        for body in &bodies {
            put_twice(&host, &target, body)?;
        }
    }

    /// 7644-3.5.1: PUT of a group is idempotent, whatever sub-attributes the members have in the request body.
    #[test]
    fn an_accepted_put_of_a_group_changes_nothing_the_second_time(
        bodies in vec(vec((0_usize..5, option::of(text()), option::of(text()), any::<bool>()), 0..5), 1..4),
    ) {
        let host = host();
        let inner = host.post("/Groups", &json!({"displayName": "inner"})).id();
        let ids = [host.user("ann"), host.user("bob"), inner, "nobody".to_owned(), String::new()];
        let target = format!("/Groups/{}", host.post("/Groups", &json!({"displayName": "g"})).id());
        for members in &bodies {
            let members: Vec<Json> = members
                .iter()
                .map(|(at, resource_type, display, by_ref)| {
                    let mut member = json!({});
                    let id = &ids[*at];
                    if *by_ref {
                        member["$ref"] = format!("../Users/{id}").into();
                    } else {
                        member["value"] = id.as_str().into();
                    }
                    if let Some(resource_type) = resource_type {
                        member["type"] = resource_type.clone();
                    }
                    if let Some(display) = display {
                        member["display"] = display.clone();
                    }
                    member
                })
                .collect();
            put_twice(&host, &target, &json!({"displayName": "g", "members": members}))?;
        }
    }
}
