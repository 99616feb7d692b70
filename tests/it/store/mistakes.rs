//! Mistakes that hosts made in their stores. For each mistake there is a store that makes only this mistake, and only
//! the check for it fails.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use crate::fixture::{forward::forward, host::now};
use scim_core::{
    chrono::{DateTime, SubsecRound as _},
    event::Event,
    resource::{Resource, UniqueKey},
    schema::{Attribute, AttributeId, AttributeType, Extension, Mutability, Registry, Relation, ResourceType, Schema},
    store::{
        Change, ChangeOutcome, CommitError, Deletion, Entry, MemoryStore, Referrer, Replacement, RequestContext, Store,
        StoreError, TenantId, Version,
    },
    testkit::{Check, Outcome, StoreKit},
    value::{Object, Value},
};

const ORIGIN: &str = "urn:example:scim:schemas:origin:1.0:User";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mistake {
    /// The reported version is that of the first of two statements.
    ReportsAnotherVersion,
    /// A replacement deletes the row and inserts a new one.
    DeletesAndInserts,
    /// The query for referrers has no condition on the tenant.
    ReferrersOfAllTenants,
    /// The column of `meta.created` has whole seconds.
    CreatedInSeconds,
    /// The marker of the accounts from SCIM is never written.
    MarkerNever,
    /// The marker is written for every account.
    MarkerAlways,
    /// Edits of members write no event.
    NoEventOfEdits,
    /// An event is written before the change, and stays after a refusal.
    EventOfRefusals,
    /// The index over names has no column of the tenant.
    NamesOfAllTenants,
    /// No mistake.
    None,
}

/// The events of all tenants, as rows of an outbox.
type Rows = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

struct Mistaken {
    mistake: Mistake,
    inner: MemoryStore,
    contexts: Mutex<Vec<RequestContext>>,
    names: Mutex<HashMap<UniqueKey, TenantId>>,
    outbox: Rows,
}

impl Mistaken {
    fn is(&self, mistake: Mistake) -> bool {
        self.mistake == mistake
    }

    /// The resource as the store writes it.
    fn written(&self, resource: &Arc<Resource>) -> Arc<Resource> {
        let mut written = Resource::clone(resource);
        let resource_type = Arc::clone(resource.resource_type());
        if self.is(Mistake::CreatedInSeconds)
            && let Some(Value::Complex(meta)) = written.root_mut().get_mut(AttributeId::META)
            && let Some(Value::DateTime(created)) = meta.get_mut(AttributeId::META_CREATED)
        {
            *created = created.trunc_subsecs(0);
        }
        if let Some(origin) = resource_type.extension(ORIGIN).map(Extension::attribute) {
            let marker = resource_type.child(origin, "madeByScim").unwrap();
            if let (Mistake::MarkerNever, Some(Value::Complex(origin))) =
                (self.mistake, written.root_mut().get_mut(origin))
            {
                origin.remove(marker);
            }
            if self.is(Mistake::MarkerAlways) {
                let marked = Object::from_iter([(marker, Value::Boolean(true))]);
                written.root_mut().insert(origin, Value::Complex(marked));
            }
        }
        Arc::new(written)
    }

    fn changes(&self, change: &Change) -> Vec<Change> {
        let entry = |entry: &Entry| Entry { resource: self.written(&entry.resource), ..entry.clone() };
        match change {
            Change::Create(new) => vec![Change::Create(entry(new))],
            Change::Replace(Replacement { entry: new, expect, before }) => {
                let resource_type = new.resource.resource_type();
                if self.is(Mistake::DeletesAndInserts) && resource_type.name() == "User" {
                    let deletion = Deletion {
                        resource_type: Arc::clone(resource_type),
                        id: new.resource.id().into(),
                        expect: expect.clone(),
                        at: DateTime::UNIX_EPOCH,
                        before: None,
                    };
                    return vec![Change::Delete(deletion), Change::Create(entry(new))];
                }
                let (entry, expect, before) = (entry(new), expect.clone(), Arc::clone(before));
                vec![Change::Replace(Replacement { entry, expect, before })]
            }
            other => vec![other.clone()],
        }
    }

    /// Refuses a name that a resource of another tenant has.
    fn claim(&self, context: &RequestContext, batch: &[Change]) -> Result<(), CommitError> {
        let mut names = self.names.lock().unwrap();
        for (index, change) in batch.iter().enumerate() {
            if let Change::Create(entry) = change {
                for key in &entry.unique {
                    let owner = names.entry(key.clone()).or_insert_with(|| context.tenant().clone());
                    if owner != context.tenant() {
                        return Err(CommitError::new(index, StoreError::NotUnique { attribute: key.attribute }));
                    }
                }
            }
        }
        Ok(())
    }

    fn record(&self, context: &RequestContext, change: &Change, done: &ChangeOutcome) {
        let is_edit = matches!(change, Change::EditValues(_));
        if !(is_edit && self.is(Mistake::NoEventOfEdits))
            && let Some(event) = Event::of(context, change, done)
        {
            self.outbox.lock().unwrap().push((context.tenant().to_string(), event.to_json()));
        }
    }
}

impl Store for Mistaken {
    forward! { inner: capabilities, pushdown, get, scan, get_many, locate }

    async fn commit(&self, context: &RequestContext, batch: &[Change]) -> Result<Vec<ChangeOutcome>, CommitError> {
        self.contexts.lock().unwrap().push(context.clone());
        if let (Mistake::EventOfRefusals, [change @ Change::Delete(_)]) = (self.mistake, batch) {
            self.record(context, change, &ChangeOutcome::deleted());
            return self.inner.commit(context, batch).await;
        }
        if self.is(Mistake::NamesOfAllTenants) {
            self.claim(context, batch)?;
        }
        let (mut changes, mut ends) = (Vec::new(), Vec::new());
        for change in batch {
            changes.extend(self.changes(change));
            ends.push(changes.len() - 1);
        }
        let done = self.inner.commit(context, &changes).await.map_err(|error| {
            let index = ends.iter().position(|end| *end >= error.index).unwrap();
            CommitError::new(index, error.error)
        })?;
        let mut outcomes: Vec<ChangeOutcome> = ends.iter().map(|end| done[*end].clone()).collect();
        for (change, outcome) in batch.iter().zip(&mut outcomes) {
            self.record(context, change, outcome);
            let is_group = change.resource_type().name() == "Group";
            if self.is(Mistake::ReportsAnotherVersion) && is_group && matches!(change, Change::Replace(_)) {
                *outcome = ChangeOutcome::written(Version::from(7_777));
            }
        }
        Ok(outcomes)
    }

    async fn referrers(
        &self,
        context: &RequestContext,
        relation: &Relation,
        ids: &[&str],
        bytes: usize,
    ) -> Result<Vec<Referrer>, StoreError> {
        let mut found = self.inner.referrers(context, relation, ids, bytes).await?;
        if self.is(Mistake::ReferrersOfAllTenants) {
            let mut others = self.contexts.lock().unwrap().clone();
            others.retain(|other| other.tenant() != context.tenant());
            others.dedup_by(|one, other| one.tenant() == other.tenant());
            for other in &others {
                for referrer in self.inner.referrers(other, relation, ids, bytes).await? {
                    if !found.contains(&referrer) {
                        found.push(referrer);
                    }
                }
            }
        }
        Ok(found)
    }
}

/// Users with a marker that only the service provider sets, and groups.
fn registry() -> Registry {
    let marker = Attribute::new("madeByScim", AttributeType::Boolean).with_mutability(Mutability::ReadOnly);
    let origin = Schema::new(ORIGIN, "Origin").with_attribute(marker);
    let user = ResourceType::builder("User", "Users", Schema::user())
        .extension(origin, false)
        .relation("groups", "Group", "members", "displayName")
        .build()
        .unwrap();
    let standard = Registry::standard();
    let group = ResourceType::clone(standard.resource_type("Group").unwrap());
    Registry::builder().resource_type(user).resource_type(group).build().unwrap()
}

fn kit(mistake: Mistake) -> StoreKit<Mistaken> {
    let (registry, outbox) = (registry(), Rows::default());
    let rows = Arc::clone(&outbox);
    let store =
        Mistaken { mistake, inner: MemoryStore::new(), contexts: Mutex::default(), names: Mutex::default(), outbox };
    StoreKit::new(store, registry.clone(), 1).with_many(300).with_outbox(move |context| {
        let of_tenant = |(tenant, _): &&(String, Vec<u8>)| tenant == context.tenant().as_str();
        let rows = rows.lock().unwrap();
        let events = rows.iter().filter(of_tenant).map(|(_, row)| Event::from_json(&registry, row));
        let events: Result<Vec<Event>, StoreError> = events.map(|event| event.map_err(StoreError::backend)).collect();
        Box::pin(async move { events })
    })
}

#[test]
fn each_mistake_of_a_host_is_caught_by_its_check() {
    let table = [
        (Mistake::None, &[][..]),
        (Mistake::ReportsAnotherVersion, &[Check::ReportedVersions]),
        (Mistake::DeletesAndInserts, &[Check::Replacements]),
        (Mistake::ReferrersOfAllTenants, &[Check::TenantReferences]),
        (Mistake::CreatedInSeconds, &[Check::RoundTrip]),
        (Mistake::MarkerNever, &[Check::ReadOnlyValues]),
        // The marker is a value that the store did not receive, too.
        (Mistake::MarkerAlways, &[Check::RoundTrip, Check::ReadOnlyValues]),
        (Mistake::NoEventOfEdits, &[Check::Outbox]),
        (Mistake::EventOfRefusals, &[Check::Outbox]),
    ];
    for (mistake, checks) in table {
        let report = now(kit(mistake).run_all());
        let failed: Vec<&str> =
            report.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Failed(_))).map(|(name, _)| name).collect();
        let mut expected: Vec<&str> = checks.iter().map(|check| check.name()).collect();
        expected.sort_by_key(|name| Check::ALL.iter().position(|check| check.name() == *name));
        assert_eq!(failed, expected, "{mistake:?}: {report}");
        let skipped = report.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Skipped(_))).count();
        assert_eq!(skipped, 0, "{mistake:?}: {report}");
    }
}

/// A host whose names are unique beyond the tenant declares it, and the kit then passes. Without the declaration, the
/// names of one check collide with those of another.
#[test]
fn names_that_are_unique_everywhere_are_declared() {
    let Outcome::Failed(failure) = now(kit(Mistake::NamesOfAllTenants).run(Check::Tenants)) else {
        panic!("two tenants cannot use one name");
    };
    let found = failure.found();
    assert!(found.contains("`userName`") && found.contains("kit-1-tenants-other"), "{failure}");
    assert!(found.contains("StoreKit::with_global_names"), "{failure}");
    let report = now(kit(Mistake::NamesOfAllTenants).with_global_names().run_all());
    assert!(report.is_passed(), "{report}");
}
