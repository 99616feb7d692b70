//! Which resources made by hand a client sees under an adoption rule, and the work that this costs.

use std::sync::{Arc, Mutex};

use proptest::{collection::vec, prelude::*, sample::select};
use scim_core::{
    fold::fold,
    limits::Limits,
    provider::{AdoptionRule, UnownedResources},
    store::{MemoryStore, Pushdown, RequestContext, Store, TenantId},
};
use serde_json::{Value as Json, json};

use crate::fixture::{
    modest::Modest,
    unowned::{ORIGIN, Unowned, adoptable_account, patch, path, profile_with, rule, unowned, unowned_in},
};

fn account(id: &str, origin: &Json) -> Json {
    json!({"id": id, "userName": format!("{id}@example.com"), "active": true, ORIGIN: origin})
}

/// One account for each combination of the values of the rule's attributes, which can be missing.
fn accounts() -> Vec<(String, Json, bool)> {
    let values = [json!(true), json!(false), Json::Null];
    let mut accounts = Vec::new();
    for (first, verified) in values.iter().enumerate() {
        for (second, administrator) in values.iter().enumerate() {
            let mut origin = json!({"mailVerified": verified, "administrator": administrator});
            origin.as_object_mut().unwrap().retain(|_, value| !value.is_null());
            let is_adoptable = *verified == json!(true) && *administrator == json!(false);
            accounts.push((format!("a{first}{second}"), origin, is_adoptable));
        }
    }
    accounts
}

fn with_accounts<S: Store>(unowned: Unowned<S>) -> Unowned<S> {
    for (id, origin, _) in accounts() {
        unowned.by_hand("User", &account(&id, &origin));
    }
    unowned
}

/// An adoptable account exists for the client in every kind of request, and another account in none: a missing value
/// of a condition never makes an account adoptable.
#[test]
fn only_adoptable_accounts_are_visible() {
    let unowned = with_accounts(unowned(UnownedResources::Adoptable(rule())));
    let own = unowned.host.user("own@example.com");
    unowned.events();
    let ids = |target: &str| -> Vec<String> {
        let list = unowned.send("GET", target, &Json::Null).json();
        let resources = list["Resources"].as_array().cloned().unwrap_or_default();
        resources.iter().map(|resource| resource["id"].as_str().unwrap().to_owned()).collect()
    };
    for (id, _, is_adoptable) in accounts() {
        let expected = if is_adoptable { vec![id.clone()] } else { Vec::new() };
        assert_eq!(ids(&format!("/Users?filter=userName eq \"{}@EXAMPLE.com\"", id.to_uppercase())), expected, "{id}");
        assert_eq!(ids(&format!("/Users?filter=id eq \"{id}\"")), expected, "{id}");
        let target = format!("/Users/{id}");
        let status = if is_adoptable { 200 } else { 404 };
        assert_eq!(unowned.send("GET", &target, &Json::Null).status, status, "{id}");
        let member = json!({"displayName": "okta", "members": [{"value": id}]});
        let group = unowned.send("POST", "/Groups", &member).status;
        assert_eq!(group, if is_adoptable { 201 } else { 400 }, "{id}");
        let before = unowned.stored("User", &id);
        if !is_adoptable {
            let body = patch(&json!([{"op": "replace", "path": "active", "value": false}]));
            for (method, body) in
                [("PATCH", body), ("PUT", profile_with("userName", json!(id))), ("DELETE", Json::Null)]
            {
                assert_eq!(unowned.send(method, &target, &body).status, 404, "{method} {id}");
            }
        }
        assert_eq!(unowned.stored("User", &id), before, "{id}");
        let taken = json!({"schemas": [crate::fixture::host::USER], "userName": format!("{id}@example.com")});
        assert_eq!(unowned.send("POST", "/Users", &taken).error(), (409, "uniqueness".to_owned()), "{id}");
    }
    let list = unowned.send("GET", "/Users?count=100", &Json::Null).json();
    assert_eq!(list["totalResults"], 2);
    assert_eq!(ids("/Users?sortBy=userName"), ["a01".to_owned(), own.clone()]);
    assert_eq!(ids("/Users?cursor=&count=1"), ["a01"]);
    assert_eq!(ids("/?filter=userName pr"), ["a01".to_owned(), own]);
}

/// `protecting_others`: the other accounts are visible, and a write gets 403.
#[test]
fn other_accounts_can_be_protected() {
    let unowned = with_accounts(unowned(UnownedResources::Adoptable(rule().protecting_others())));
    assert_eq!(unowned.send("GET", "/Users", &Json::Null).json()["totalResults"], 9);
    for (id, _, is_adoptable) in accounts() {
        let body = patch(&json!([{"op": "add", "path": "title", "value": "x"}]));
        let before = unowned.stored("User", &id);
        let delete = unowned.send("DELETE", &format!("/Users/{id}"), &Json::Null);
        assert_eq!((delete.status, unowned.stored("User", &id)), (403, before.clone()), "{id}");
        let reply = unowned.send("PATCH", &format!("/Users/{id}"), &body);
        assert_eq!(reply.status, if is_adoptable { 200 } else { 403 }, "{id}");
        assert_eq!(unowned.stored("User", &id) != before, is_adoptable, "{id}");
    }
}

/// The rule applies only to the callers that the host names. For the others nothing is adoptable.
#[test]
fn adoption_can_be_limited_to_callers() {
    let limited = || rule().with_callers(|context| context.actor() == Some("okta"));
    for (rule, status) in [(limited(), 404), (limited().protecting_others(), 403)] {
        let unowned = unowned(UnownedResources::Adoptable(rule));
        unowned.by_hand("User", &adoptable_account());
        unowned.by_hand("Group", &json!({"id": "team", "displayName": "okta team"}));
        let body = patch(&json!([{"op": "replace", "path": "active", "value": false}]));
        unowned.refused("PATCH", "/Users/hand", &body, status, "");
        let members = patch(&json!([{"op": "remove", "path": "members"}]));
        unowned.refused("PATCH", "/Groups/team", &members, status, "");
        let okta = RequestContext::new(TenantId::single()).with_actor("okta");
        let reply = unowned.host.send_as(&okta, "PATCH", "/Users/hand", &[], body.to_string().as_bytes());
        assert_eq!(reply.status, 200, "{}", reply.json());
        assert_eq!(unowned.marks("User", "hand"), [true, false]);
    }
}

/// An account of another tenant is not adoptable, and its name is free here.
#[test]
fn adoption_stays_in_the_tenant() {
    let unowned = unowned(UnownedResources::Adoptable(rule()));
    unowned.by_hand("User", &adoptable_account());
    let other = RequestContext::new(TenantId::new("other").unwrap());
    let before = unowned.stored("User", "hand");
    let body = profile_with("title", json!("x")).to_string();
    assert_eq!(unowned.host.send_as(&other, "GET", "/Users", &[], b"").json()["totalResults"], 0);
    assert_eq!(unowned.host.send_as(&other, "PUT", "/Users/hand", &[], body.as_bytes()).status, 404);
    assert_eq!(unowned.host.send_as(&other, "POST", "/Users", &[], body.as_bytes()).status, 201);
    assert_eq!(unowned.stored("User", "hand"), before);
}

/// A look-up reads the account alone, also from a store that evaluates only comparisons. A list that such a store
/// cannot narrow ends at `Limits::scan`.
#[test]
fn a_look_up_reads_one_account() {
    let mut limits = Limits::default();
    limits.scan = 20;
    let inner = MemoryStore::new();
    let capabilities = inner.capabilities();
    let store = Modest { inner, pushdown: None, capabilities, scans: Mutex::default() };
    let unowned = unowned_in(Arc::new(store), UnownedResources::Adoptable(rule()), limits.clone());
    let adoptable = json!({"mailVerified": true, "administrator": false});
    (0..50).for_each(|index| unowned.by_hand("User", &account(&format!("u{index}"), &adoptable)));
    let scans = || {
        let scans = std::mem::take(&mut *unowned.host.provider.store().scans.lock().unwrap());
        // The core also reads the groups of the users.
        scans.into_iter().filter(|(name, _)| name == "User").map(|(_, read)| read).collect::<Vec<usize>>()
    };
    let found = unowned.send("GET", "/Users?filter=userName eq \"u7@example.com\"", &Json::Null).json();
    assert_eq!((&found["totalResults"], scans()), (&json!(1), vec![1]));
    let found = unowned.send("GET", "/Users?count=5", &Json::Null).json();
    assert_eq!((&found["totalResults"], scans()), (&json!(50), vec![5]));

    let store =
        Modest { inner: MemoryStore::new(), pushdown: Some(Pushdown::No), capabilities, scans: Mutex::default() };
    let unowned = unowned_in(store, UnownedResources::Adoptable(rule()), limits);
    (0..50).for_each(|index| unowned.by_hand("User", &account(&format!("u{index}"), &adoptable)));
    assert_eq!(unowned.send("GET", "/Users?count=5", &Json::Null).error(), (400, "tooMany".to_owned()));
    let read: usize = unowned.host.provider.store().scans.lock().unwrap().iter().map(|(_, read)| read).sum();
    assert!(read <= 21, "{read}");
}

/// A list of few addresses in two spellings.
fn addresses() -> impl Strategy<Value = Vec<&'static str>> {
    vec(select(&["a@x.com", "A@X.com", "b@x.com", "ß@x.com", "SS@x.com", "c@x.com"][..]), 0..5)
}

proptest! {
    /// Whatever addresses the account and the request have: an adopted account has no address that it did not have, as
    /// filters compare addresses, and a refused request changes nothing.
    #[test]
    fn an_adoption_never_adds_an_address(before in addresses(), after in addresses(), patches in any::<bool>()) {
        let unowned = unowned(UnownedResources::Adoptable(rule().with_record(&path("adopted"))));
        let emails = |list: &[&str]| list.iter().map(|value| json!({"value": value})).collect::<Json>();
        let mut account = adoptable_account();
        account["emails"] = emails(&before);
        unowned.by_hand("User", &account);
        let stored = unowned.stored("User", "hand");
        let reply = if patches {
            let operations = json!([{"op": "replace", "path": "emails", "value": emails(&after)}]);
            unowned.send("PATCH", "/Users/hand", &patch(&operations))
        } else {
            unowned.send("PUT", "/Users/hand", &profile_with("emails", emails(&after)))
        };
        let folded = |list: &[&str]| list.iter().map(|value| fold(value).into_owned()).collect::<Vec<_>>();
        let (had, wants) = (folded(&before), folded(&after));
        let is_allowed = wants.iter().all(|value| had.contains(value));
        prop_assert_eq!(reply.status, if is_allowed { 200 } else { 400 }, "{}", reply.json());
        prop_assert_eq!(unowned.marks("User", "hand"), [is_allowed; 2]);
        prop_assert_eq!(unowned.stored("User", "hand") == stored, !is_allowed);
        for value in unowned.stored("User", "hand").unwrap().0["emails"].as_array().into_iter().flatten() {
            prop_assert!(had.contains(&fold(value["value"].as_str().unwrap()).into_owned()));
        }
    }
}

/// A rule for one type leaves the unowned resources of the other type invisible.
#[test]
fn a_type_without_a_condition_is_not_adoptable() {
    let unowned = unowned(UnownedResources::Adoptable(AdoptionRule::new("User", "userName pr".parse().unwrap())));
    unowned.by_hand("User", &adoptable_account());
    unowned.by_hand("Group", &json!({"id": "team", "displayName": "okta team"}));
    unowned.refused("DELETE", "/Groups/team", &Json::Null, 404, "");
    unowned.refused("DELETE", "/Users/hand", &Json::Null, 403, "");
}
