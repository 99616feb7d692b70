//! The first write of an adoptable resource adopts it, in the commit of the write.

use std::sync::Mutex;

use scim_core::{
    error::Error,
    event::{Event, EventUri, SecurityEvent, StateChange},
    limits::Limits,
    provider::UnownedResources,
    store::{
        Change, ChangeOutcome, CommitError, Entry, Expect, Handover, MemoryStore, Replacement, RequestContext, Store,
    },
};
use serde_json::{Value as Json, json};

use crate::fixture::{
    forward::forward,
    host::USER,
    unowned::{
        ORIGIN, Unowned, adoptable_account, patch, path, profile, profile_with, rule, unowned, unowned_in, with_marks,
    },
};

fn adopting() -> Unowned<MemoryStore> {
    let unowned = unowned(UnownedResources::Adoptable(rule().with_record(&path("adopted"))));
    unowned.by_hand("User", &adoptable_account());
    unowned.by_hand("Group", &json!({"id": "team", "displayName": "okta team", "members": [{"value": "hand"}]}));
    unowned
}

const ACCOUNT: &str = "/Users/hand";

/// 7644-3.5.1, 7644-3.5.2: a PUT and each form of PATCH adopt, also those that change nothing else. The event records
/// the adoption once, and the marks survive every later write.
#[test]
fn the_first_write_adopts() {
    let replace = |path: &str, value: Json| patch(&json!([{"op": "replace", "path": path, "value": value}]));
    let cases = [
        ("PUT", profile()),
        ("PUT", json!({"schemas": [USER], "userName": "ANN@example.com"})),
        ("PATCH", replace("displayName", json!("Ann Lee"))),
        ("PATCH", patch(&json!([{"op": "Replace", "value": {"active": "False"}}]))),
        // The account has these values.
        ("PATCH", replace("displayName", json!("Ann"))),
        ("PATCH", replace("userName", json!("ann@example.com"))),
        ("PATCH", patch(&json!([{"op": "remove", "path": "emails"}]))),
    ];
    for (method, body) in cases {
        let unowned = adopting();
        let (_, version) = unowned.stored("User", "hand").unwrap();
        let reply = unowned.send(method, ACCOUNT, &body);
        assert_eq!(reply.status, 200, "{body}: {}", reply.json());
        assert!(!String::from_utf8_lossy(&reply.body).contains("origin"), "{}", reply.json());
        assert_eq!(unowned.marks("User", "hand"), [true, true], "{body}");
        let (stored, adopted) = unowned.stored("User", "hand").unwrap();
        assert_ne!(adopted, version, "{body}");
        assert_eq!(stored["password"], "0ld", "{body}");
        assert_eq!(stored[ORIGIN]["mailVerified"], true, "{body}");
        let [event] = &*unowned.events() else { panic!("one event: {body}") };
        assert_eq!((event.state_change(), event.handover()), (StateChange::Updated, Some(Handover::Adopted)));
        assert!(event.attributes().contains(&path("madeByScim")), "{:?}", event.attributes());
        let registry = unowned.host.provider.registry();
        let row = event.to_json();
        assert!(String::from_utf8_lossy(&row).contains(r#""handover":"adopted""#));
        assert_eq!(Event::from_json(registry, &row).unwrap().handover(), Some(Handover::Adopted));
        for token in [SecurityEvent::notice(event), SecurityEvent::full(event, registry)] {
            assert!(token.uris().any(|uri| uri == EventUri::FeedAdd));
        }

        // The same request again changes nothing, and later writes keep the marks.
        assert_eq!(unowned.send(method, ACCOUNT, &body).status, 200);
        assert!(unowned.events().is_empty(), "{body}");
        let mut later = with_marks(profile_with("title", json!("Guide")), false);
        // Some of the requests have removed the addresses, which do not come back.
        later["emails"] = Json::Null;
        assert_eq!(unowned.send("PUT", ACCOUNT, &later).status, 200, "{body}");
        assert_eq!(unowned.marks("User", "hand"), [true, true]);
        assert_eq!(unowned.send("PATCH", ACCOUNT, &patch(&json!([{"op": "remove", "path": ORIGIN}]))).status, 400);
        assert_eq!(unowned.marks("User", "hand"), [true, true]);
        let [event] = &*unowned.events() else { panic!("one event") };
        assert_eq!(event.handover(), None);
        assert!(!String::from_utf8_lossy(&event.to_json()).contains("handover"));
        assert_eq!(unowned.send("DELETE", ACCOUNT, &Json::Null).status, 204);
    }
}

/// 7644-3.7: the operations of a bulk request adopt as single requests do.
#[test]
fn bulk_operations_adopt() {
    let unowned = adopting();
    let operations = json!([
        {"method": "DELETE", "path": ACCOUNT},
        {"method": "PATCH", "path": ACCOUNT, "data": patch(&json!([{"op": "replace", "path": "title", "value": "x"}]))},
        {"method": "PUT", "path": ACCOUNT, "data": profile()},
    ]);
    let reply = unowned.send("POST", "/Bulk", &json!({"Operations": operations})).json();
    let statuses: Vec<&Json> =
        reply["Operations"].as_array().unwrap().iter().map(|outcome| &outcome["status"]).collect();
    assert_eq!(json!(statuses), json!(["403", "200", "200"]), "{reply}");
    let handovers: Vec<_> = unowned.events().iter().map(Event::handover).collect();
    assert_eq!(handovers, [Some(Handover::Adopted), None]);
}

/// A PATCH of only the members adopts a group: the marks and the members are one change. The next PATCH is an edit of
/// the list again.
#[test]
fn a_change_of_members_adopts_a_group() {
    for others in [rule(), rule().protecting_others()] {
        let unowned = unowned(UnownedResources::Adoptable(others));
        unowned.by_hand("User", &adoptable_account());
        unowned.by_hand("Group", &json!({"id": "team", "displayName": "okta team", "members": [{"value": "hand"}]}));
        unowned.by_hand("Group", &json!({"id": "other", "displayName": "other"}));
        let bob = unowned.host.user("bob");
        unowned.events();
        let add = patch(&json!([{"op": "add", "path": "members", "value": [{"value": bob}]}]));
        let reply = unowned.send("PATCH", "/Groups/team", &add);
        assert_eq!(reply.status, 200, "{}", reply.json());
        assert_eq!(reply.json()["members"].as_array().unwrap().len(), 2);
        assert!(unowned.marks("Group", "team")[0]);
        assert_eq!(unowned.stored("Group", "team").unwrap().0["members"].as_array().unwrap().len(), 2);
        let [event] = &*unowned.events() else { panic!("one event") };
        assert_eq!((event.handover(), event.memberships().len()), (Some(Handover::Adopted), 1));
        // The membership of the account does not adopt the account.
        assert!(!unowned.marks("User", "hand")[0]);

        let remove = patch(&json!([{"op": "remove", "path": "members[value eq \"hand\"]"}]));
        assert_eq!(unowned.send("PATCH", "/Groups/team", &remove).status, 200);
        let [event] = &*unowned.events() else { panic!("one event") };
        assert!(event.handover().is_none() && event.resource().is_none(), "an edit of the list");
        let other = unowned.send("PATCH", "/Groups/other", &add);
        assert!([403, 404].contains(&other.status), "{}", other.json());
        assert_eq!(unowned.stored("Group", "other").unwrap().0.get("members"), None);
    }
}

/// A deletion adopts nothing, and a change of the attributes by which the account was matched adopts nothing.
#[test]
fn a_write_that_could_take_the_account_over_is_refused() {
    let unowned = adopting();
    unowned.refused("DELETE", ACCOUNT, &Json::Null, 403, "");
    unowned.refused("DELETE", "/Groups/team", &Json::Null, 403, "");
    let replace = |path: &str, value: &str| patch(&json!([{"op": "replace", "path": path, "value": value}]));
    for (method, body) in [
        ("PUT", profile_with("userName", json!("eve@example.com"))),
        ("PUT", profile_with("emails", json!([{"value": "eve@example.com"}]))),
        ("PUT", profile_with("emails", json!([{"value": "ann@example.com"}, {"value": "eve@example.com"}]))),
        ("PUT", profile_with("password", json!("t1meMa$heen"))),
        ("PATCH", replace("userName", "eve@example.com")),
        ("PATCH", replace("emails[type eq \"work\"].value", "eve@example.com")),
        ("PATCH", replace("password", "t1meMa$heen")),
        ("PATCH", patch(&json!([{"op": "add", "value": {"title": "x", "emails": [{"value": "eve@example.com"}]}}]))),
    ] {
        let reply = unowned.refused(method, ACCOUNT, &body, 400, "mutability");
        assert!(!String::from_utf8_lossy(&reply.body).contains("eve"), "{}", reply.json());
    }
    let spelling = profile_with("emails", json!([{"value": "ANN@EXAMPLE.COM"}]));
    assert_eq!(unowned.send("PUT", ACCOUNT, &spelling).status, 200);
    assert_eq!(unowned.marks("User", "hand"), [true, true]);
}

/// With a record, an adopted account never gets another address or password through SCIM. Without a record it does.
#[test]
fn a_record_protects_an_adopted_account_for_ever() {
    let address = profile_with("emails", json!([{"value": "eve@example.com"}]));
    let unowned_account = adopting();
    assert_eq!(unowned_account.send("PUT", ACCOUNT, &profile()).status, 200);
    unowned_account.events();
    unowned_account.refused("PUT", ACCOUNT, &address, 400, "mutability");
    unowned_account.refused("PUT", ACCOUNT, &profile_with("password", json!("n3w")), 400, "mutability");
    let created = unowned_account.host.user("bob@example.com");
    let renamed = unowned_account.send("PUT", &format!("/Users/{created}"), &profile_with("userName", json!("bo@x.y")));
    assert_eq!(renamed.status, 200, "an account that SCIM made: {}", renamed.json());

    let unrecorded = unowned(UnownedResources::Adoptable(rule()));
    unrecorded.by_hand("User", &adoptable_account());
    assert_eq!(unrecorded.send("PUT", ACCOUNT, &profile()).status, 200);
    assert_eq!(unrecorded.send("PUT", ACCOUNT, &address).status, 200);
}

/// `with_fixed` replaces the fixed attributes; a boolean and a complex attribute can be fixed.
#[test]
fn the_host_chooses_the_fixed_attributes() {
    let with = |fixed: &[&str]| {
        let unowned = unowned(UnownedResources::Adoptable(rule().with_fixed("User", fixed)));
        unowned.by_hand("User", &adoptable_account());
        unowned
    };
    let deactivation = profile_with("active", json!(false));
    let strict = with(&["active", "name"]);
    strict.refused("PUT", ACCOUNT, &deactivation, 400, "mutability");
    strict.refused("PUT", ACCOUNT, &profile(), 400, "mutability");
    let open = with(&[]);
    assert_eq!(open.send("PUT", ACCOUNT, &profile_with("userName", json!("x"))).status, 200);
    assert_eq!(with(&["userName"]).send("PUT", ACCOUNT, &deactivation).status, 200);
}

/// The host's own review can refuse an adoption.
#[test]
fn a_review_refuses_an_adoption() {
    let rule = rule().with_review(|_, proposal| match proposal.after.and_then(|after| after.get("title")) {
        Some(_) => Err(Error::new(403, "no title here")),
        None => Ok(()),
    });
    let unowned = unowned(UnownedResources::Adoptable(rule));
    unowned.by_hand("User", &adoptable_account());
    let reply = unowned.refused("PUT", ACCOUNT, &profile_with("title", json!("x")), 403, "");
    assert_eq!(reply.json()["detail"], "no title here");
    assert_eq!(unowned.send("PUT", ACCOUNT, &profile()).status, 200);
    assert_eq!(unowned.send("PUT", ACCOUNT, &profile_with("title", json!("x"))).status, 200, "it is adopted");
}

/// A client sets neither the marks nor the attributes of the rule, whatever it writes.
#[test]
fn a_client_cannot_set_the_marks() {
    let unowned = unowned(UnownedResources::Adoptable(rule().protecting_others().with_record(&path("adopted"))));
    let mut administrator = adoptable_account();
    administrator[ORIGIN]["administrator"] = json!(true);
    unowned.by_hand("User", &administrator);
    for (method, body) in [
        ("PUT", with_marks(profile(), true)),
        ("PATCH", patch(&json!([{"op": "add", "value": {ORIGIN: {"madeByScim": true, "administrator": false}}}]))),
    ] {
        unowned.refused(method, ACCOUNT, &body, 403, "");
    }
    for name in ["madeByScim", "adopted", "mailVerified", "administrator"] {
        let operations = json!([{"op": "replace", "path": path(name), "value": true}]);
        unowned.refused("PATCH", ACCOUNT, &patch(&operations), 400, "invalidPath");
        unowned.refused("GET", &format!("/Users?filter={} eq true", path(name)), &Json::Null, 400, "invalidFilter");
    }
    let body = with_marks(json!({"userName": "bob"}), true);
    let created = unowned.send("POST", "/Users", &body);
    assert_eq!(created.status, 201, "{}", created.json());
    assert_eq!(unowned.stored("User", &created.id()).unwrap().0[ORIGIN], json!({"madeByScim": true}));
}

/// A store in which the host changes the account between the read and the commit of the first request.
struct Overtaken {
    inner: MemoryStore,
    first: Mutex<Option<Change>>,
}

impl Store for Overtaken {
    forward! { inner: capabilities, pushdown, get, scan }

    async fn commit(&self, context: &RequestContext, batch: &[Change]) -> Result<Vec<ChangeOutcome>, CommitError> {
        let first = self.first.lock().unwrap().take();
        if let Some(first) = first {
            self.inner.commit(context, &[first]).await?;
        }
        self.inner.commit(context, batch).await
    }
}

/// The rule is evaluated again after a lost race: an account that became an administrator's meanwhile is not adopted.
#[test]
fn an_account_that_changes_meanwhile_is_judged_again() {
    for (becomes, status) in [(true, 404), (false, 200)] {
        let store = Overtaken { inner: MemoryStore::new(), first: Mutex::default() };
        let unowned = unowned_in(store, UnownedResources::Adoptable(rule()), Limits::default());
        unowned.by_hand("User", &adoptable_account());
        let before = unowned.find("User", "hand").unwrap().resource;
        let mut after = (*before).clone();
        after.set(&path("administrator"), becomes).unwrap();
        after.set("nickName", "A").unwrap();
        let change = Replacement { entry: Entry::new(after), before, expect: Expect::Exists };
        *unowned.host.provider.store().first.lock().unwrap() = Some(Change::Replace(change));
        let reply = unowned.send("PATCH", ACCOUNT, &patch(&json!([{"op": "add", "path": "title", "value": "x"}])));
        assert_eq!(reply.status, status, "{}", reply.json());
        let (stored, _) = unowned.stored("User", "hand").unwrap();
        assert_eq!((stored.get("title").is_some(), &stored["nickName"]), (!becomes, &json!("A")));
        assert_eq!(unowned.marks("User", "hand")[0], !becomes);
    }
}

/// An adoption fails as a whole: the store refuses the change, and the account has no marker.
#[test]
fn a_failed_commit_adopts_nothing() {
    let unowned = adopting();
    unowned.host.user("bob");
    unowned.events();
    let etag = [("If-Match", "W/\"nothing\"")];
    let reply = unowned.host.send("PUT", ACCOUNT, &etag, profile().to_string().as_bytes());
    assert_eq!(reply.status, 412);
    assert_eq!(unowned.marks("User", "hand"), [false, false]);
    let members = patch(&json!([{"op": "add", "path": "members", "value": [{"value": "nobody"}]}]));
    unowned.refused("PATCH", "/Groups/team", &members, 400, "invalidValue");
    assert_eq!(unowned.marks("Group", "team"), [false, false]);
}
