//! The end of access: every request that ends access reports it, and no other request does (`Event::ends_access`).

use crate::fixture::host;
use std::sync::{Arc, Mutex};

use crate::fixture::host::{BASE, Counting, Host, PATCH, Ticking, USER, now};
use scim_core::{
    event::{Event, EventUri, SecurityEvent},
    provider::ServiceProvider,
    resource::Resource,
    schema::{Attribute, AttributeType, Registry, ResourceType, Returned, Schema},
    store::{Change, ChangeOutcome, Entry, Expect, MemoryStore, Replacement, RequestContext, Store, TenantId, Version},
};
use serde_json::{Value as Json, json};

type Log = Arc<Mutex<Vec<Event>>>;

fn observed(registry: Registry) -> (Host<MemoryStore>, Log) {
    let log = Log::default();
    let seen = Arc::clone(&log);
    let provider = ServiceProvider::builder(registry, MemoryStore::new(), BASE)
        .clock(Ticking::default())
        .ids(Counting::default())
        .observer(move |_: &RequestContext, event: &Event| seen.lock().unwrap().push(event.clone()))
        .build()
        .unwrap();
    (Host { provider, context: RequestContext::new(TenantId::single()) }, log)
}

/// Users whose `active` is changed by `change`, and groups.
fn registry(change: impl FnOnce(Attribute) -> Attribute) -> Registry {
    let user = ResourceType::builder("User", "Users", Schema::user().change("active", change)).build().unwrap();
    Registry::builder().resource_type(user).resource_type(ResourceType::group().unwrap()).build().unwrap()
}

/// The effects of an event on access: activated, deactivated, access ended. The row of an outbox has the same effects,
/// and a security event token has the first two.
fn told(registry: &Registry, event: &Event) -> (bool, bool, bool) {
    let told = |event: &Event| (event.is_activated(), event.is_deactivated(), event.ends_access());
    assert_eq!(told(&Event::from_json(registry, &event.to_json()).unwrap()), told(event));
    let uris: Vec<EventUri> = SecurityEvent::notice(event).uris().collect();
    assert_eq!(uris.contains(&EventUri::Activate), event.is_activated());
    assert_eq!(uris.contains(&EventUri::Deactivate), event.is_deactivated());
    told(event)
}

const NOTHING: (bool, bool, bool) = (false, false, false);
const ACTIVATED: (bool, bool, bool) = (true, false, false);
const DEACTIVATED: (bool, bool, bool) = (false, true, true);
const ENDED: (bool, bool, bool) = (false, false, true);

/// `active` at creation, a request, and the effects of its event; `None` if there is no event.
type Case = (Json, &'static str, Json, Option<(bool, bool, bool)>);

fn check(registry: &Registry, cases: impl IntoIterator<Item = Case>) {
    for (before, method, body, expected) in cases {
        let (host, log) = observed(registry.clone());
        host.post("/Users", &json!({"schemas": [USER], "userName": "ann", "active": before}));
        let created = log.lock().unwrap().remove(0);
        assert_eq!(told(registry, &created), NOTHING, "nobody had access before a create: {before}");
        let body = match method {
            "PUT" => {
                let mut user = json!({"schemas": [USER], "userName": "ann", "nickName": "A"});
                user.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
                user
            }
            _ => json!({"schemas": [PATCH], "Operations": [body]}),
        };
        let reply = host.send(method, "/Users/id-001", &[], body.to_string().as_bytes());
        let found = log.lock().unwrap().pop().map(|event| told(registry, &event));
        assert_eq!(found, expected, "{before} {method} {body}: {}", reply.json());
    }
}

fn patch(value: impl Into<Json>) -> Json {
    json!({"op": "replace", "path": "active", "value": value.into()})
}

#[test]
fn each_event_states_its_effect_on_access() {
    let [yes, no, unsaid] = [json!(true), json!(false), Json::Null];
    let remove = json!({"op": "remove", "path": "active"});
    let with_default: [Case; 16] = [
        (yes.clone(), "PATCH", patch(false), Some(DEACTIVATED)),
        (yes.clone(), "PATCH", patch("False"), Some(DEACTIVATED)),
        (yes.clone(), "PATCH", json!({"op": "add", "value": {"active": false}}), Some(DEACTIVATED)),
        (yes.clone(), "PUT", json!({"active": false}), Some(DEACTIVATED)),
        (unsaid.clone(), "PATCH", patch(false), Some(DEACTIVATED)),
        (unsaid.clone(), "PUT", json!({"active": false}), Some(DEACTIVATED)),
        (unsaid.clone(), "PATCH", patch(true), None),
        (no.clone(), "PATCH", patch(true), Some(ACTIVATED)),
        (no.clone(), "PUT", json!({"active": true}), Some(ACTIVATED)),
        // A request that does not name `active` neither ends access nor restores it.
        (yes.clone(), "PUT", json!({}), Some(NOTHING)),
        (no.clone(), "PUT", json!({}), Some(NOTHING)),
        (no.clone(), "PUT", json!({"active": null}), Some(NOTHING)),
        (no.clone(), "PATCH", patch(Json::Null), None),
        (no.clone(), "PATCH", remove.clone(), None),
        (yes.clone(), "PATCH", remove.clone(), None),
        (no.clone(), "PATCH", json!({"op": "add", "path": "title", "value": "Guide"}), Some(NOTHING)),
    ];
    check(&Registry::standard(), with_default);

    let without_default_value: [Case; 8] = [
        (yes.clone(), "PATCH", patch(false), Some(DEACTIVATED)),
        (unsaid.clone(), "PUT", json!({"active": false}), Some(DEACTIVATED)),
        (unsaid.clone(), "PATCH", patch(true), Some(ACTIVATED)),
        (unsaid, "PUT", json!({}), Some(NOTHING)),
        (yes.clone(), "PATCH", remove.clone(), Some(ENDED)),
        (yes, "PUT", json!({}), Some(ENDED)),
        (no.clone(), "PATCH", patch(Json::Null), Some(ENDED)),
        (no, "PATCH", patch(true), Some(ACTIVATED)),
    ];
    check(&registry(Attribute::without_default_value), without_default_value);

    // Events never have secrets. Their absence from an event says nothing about access.
    let secret = |active: Attribute| active.without_default_value().with_returned(Returned::Never);
    check(
        &registry(secret),
        [
            (json!(false), "PATCH", patch(true), Some(ACTIVATED)),
            (json!(true), "PATCH", patch(false), Some(DEACTIVATED)),
            (json!(true), "PATCH", json!({"op": "add", "path": "title", "value": "Guide"}), Some(NOTHING)),
        ],
    );
    // A host's type may use the name for another attribute.
    let text = |_| Attribute::new("active", AttributeType::String);
    check(
        &registry(text),
        [(json!("yes"), "PATCH", patch("no"), Some(NOTHING)), (json!("yes"), "PUT", json!({}), Some(NOTHING))],
    );
}

#[test]
fn a_deletion_ends_access() {
    let (host, log) = observed(Registry::standard());
    host.post("/Groups", &json!({"schemas": [host::GROUP], "displayName": "all"}));
    host.post("/Users", &json!({"schemas": [USER], "userName": "ann", "active": false}));
    host.delete("/Users/id-002");
    host.delete("/Groups/id-001");
    let found: Vec<_> = log.lock().unwrap().iter().map(|event| told(host.provider.registry(), event)).collect();
    assert_eq!(found, [NOTHING, NOTHING, ENDED, ENDED]);
}

/// A host that writes to its store itself may remove the value or never set it. The default then counts.
#[test]
fn no_value_counts_as_the_default() {
    let cases = |default: bool| {
        let (back, gone) = if default { (ACTIVATED, NOTHING) } else { (NOTHING, DEACTIVATED) };
        let (to_true, to_false) = if default { (NOTHING, DEACTIVATED) } else { (ACTIVATED, NOTHING) };
        [
            (r#""active":false,"#, "", back),
            (r#""active":true,"#, "", gone),
            ("", r#""active":true,"#, to_true),
            ("", r#""active":false,"#, to_false),
            ("", r#""title":"Guide","#, NOTHING),
        ]
    };
    for default in [true, false] {
        let registry = registry(|active| active.with_default_value(default));
        let user = registry.resource_type("User").unwrap();
        for (before, after, expected) in cases(default) {
            let read = |members: &str| {
                let json = format!(r#"{{{members}"id":"1","userName":"ann"}}"#);
                Resource::from_json(user, json.as_bytes()).unwrap()
            };
            let change = Change::Replace(Replacement {
                entry: Entry::new(read(after)),
                before: Arc::new(read(before)),
                expect: Expect::Exists,
            });
            let event =
                Event::of(&RequestContext::new(TenantId::single()), &change, &ChangeOutcome::written(Version::from(2)))
                    .unwrap();
            assert_eq!(told(&registry, &event), expected, "default {default}: `{before}` to `{after}`");
        }
    }
    // The same through the core: an old stored resource, and a request that sets the value that is in effect.
    let (host, log) = observed(Registry::standard());
    let user = host.provider.registry().resource_type("User").unwrap();
    let old = Resource::from_json(user, br#"{"id": "old", "userName": "old"}"#).unwrap();
    now(host.provider.store().commit(&host.context, &[Change::Create(Entry::new(old))])).unwrap();
    host.patch("/Users/old", &json!([patch(true)]));
    let event = log.lock().unwrap().remove(0);
    assert_eq!(
        (told(host.provider.registry(), &event), event.attributes()),
        (NOTHING, ["active".to_owned()].as_slice())
    );
}
