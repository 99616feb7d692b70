//! A PATCH that touches no list of references: the event names the untouched lists, and a policy reviews the whole
//! resource.

use std::sync::{Arc, Mutex};

use crate::fixture::host::{BASE, Host};
use scim_core::{
    error::Error,
    event::{Event, SecurityEvent},
    provider::{Access, Action, Policy, Proposal, ServiceProvider},
    resource::Resource,
    schema::{AttributeId, Registry, ResourceType},
    store::{MemoryStore, RequestContext, TenantId},
};
use serde_json::{Value as Json, json};

fn members(resource: Option<&Resource>) -> Option<usize> {
    let resource = resource?;
    let list = resource.resource_type().child(AttributeId::ROOT, "members")?;
    Some(resource.value(list).map_or(0, |list| list.elements().len()))
}

#[test]
fn an_event_names_the_lists_that_the_write_left_alone() {
    let log = Arc::new(Mutex::new(Vec::<Event>::new()));
    let seen = Arc::clone(&log);
    let registry = Registry::standard();
    let provider = ServiceProvider::builder(registry.clone(), MemoryStore::new(), BASE)
        .observer(move |_: &RequestContext, event: &Event| seen.lock().unwrap().push(event.clone()))
        .build()
        .unwrap();
    let host = Host { provider, context: RequestContext::new(TenantId::single()) };
    let ann = host.user("ann");
    let target =
        format!("/Groups/{}", host.post("/Groups", &json!({"displayName": "g", "members": [{"value": ann}]})).id());
    log.lock().unwrap().clear();
    assert_eq!(host.patch(&target, &json!([{"op": "replace", "path": "displayName", "value": "h"}])).status, 200);
    let event = log.lock().unwrap().pop().unwrap();
    let list = registry.resource_type("Group").unwrap().reference_lists()[0];
    assert_eq!(event.kept(), [list]);
    assert_eq!((event.attributes(), event.memberships().len()), (&["displayName".to_owned()][..], 0));
    // The row of an outbox has them, too.
    let row = event.to_json();
    assert_eq!(Event::from_json(&registry, &row).unwrap().kept(), [list]);
    // A receiver of the security event must not take the group for empty.
    let uris: Vec<String> = SecurityEvent::full(&event, &registry).uris().map(|uri| format!("{uri:?}")).collect();
    assert_eq!(uris, ["PatchNotice"]);
    assert_eq!(host.get(&target).json()["members"][0]["value"], Json::from(ann));
}

/// The members of a group before and after a change.
type Counts = (Option<usize>, Option<usize>);

#[derive(Debug, Default)]
struct Counting(Arc<Mutex<Vec<Counts>>>);

impl Policy for Counting {
    fn access(&self, _: &RequestContext, _: Action, _: &Arc<ResourceType>) -> Result<Access, Error> {
        Ok(Access::full())
    }

    fn review(&self, _: &RequestContext, proposal: &Proposal<'_>) -> Result<(), Error> {
        self.0.lock().unwrap().push((members(proposal.before), members(proposal.after)));
        Ok(())
    }
}

#[test]
fn a_policy_reviews_the_lists_that_a_patch_does_not_touch() {
    let policy = Counting::default();
    let seen = Arc::clone(&policy.0);
    let provider =
        ServiceProvider::builder(Registry::standard(), MemoryStore::new(), BASE).policy(policy).build().unwrap();
    let host = Host { provider, context: RequestContext::new(TenantId::single()) };
    let ann = host.user("ann");
    let target =
        format!("/Groups/{}", host.post("/Groups", &json!({"displayName": "g", "members": [{"value": ann}]})).id());
    seen.lock().unwrap().clear();
    assert_eq!(host.patch(&target, &json!([{"op": "replace", "path": "displayName", "value": "h"}])).status, 200);
    assert_eq!(*seen.lock().unwrap(), [(Some(1), Some(1))]);
}
