//! Mistakes that hosts made in their stores. For each mistake there is a store that makes only this mistake, and only
//! the check for it fails.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
};

use crate::fixture::{forward::forward, host::now, sign_in::admits};
use scim_core::{
    chrono::{DateTime, SubsecRound as _},
    event::Event,
    resource::{Resource, UniqueKey},
    schema::{Attribute, AttributeId, AttributeType, Extension, Mutability, Registry, Relation, ResourceType, Schema},
    store::{
        Capabilities, Change, ChangeOutcome, CommitError, Deletion, Entry, Expect, Key, ListEdit, MemoryStore, Page,
        Referrer, Replacement, RequestContext, RequestedAttributes, Scan, Store, StoreError, Stored, TenantId, Version,
        Window,
    },
    testkit::{Check, Outcome, StoreKit},
    value::{Object, Text, Value},
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
    /// A creation renames the user with the same name in another tenant.
    RenamesUserOfAnotherTenant,
    /// A creation with the name of a user of another tenant makes that user a member of this tenant, too.
    JoinsUserOfAnotherTenant,
    /// A creation gives the new user the account with the same address, and takes the address from its owner.
    TakesOverAddress,
    /// A read by an id also finds the resource with that external id.
    ExternalIdIsAnId,
    /// A list joins the external ids, and each external id that a user has had is a row.
    EachExternalIdIsARow,
    /// A new list of members is checked against the resources of all tenants.
    MembersOfAnotherTenant,
    /// Of two parallel additions of one member, the second one fails with the error of the database.
    DoubleMemberFails,
    /// The id of a new resource is the greatest id plus one.
    GreatestIdPlusOne,
    /// An id is reserved by a row, which the creation overwrites.
    ReservesByRow,
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
    external_ids: Mutex<HashMap<String, HashSet<String>>>,
    numbers: AtomicU64,
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

    /// The contexts of the other tenants of the same check, each once.
    fn others(&self, context: &RequestContext) -> Vec<RequestContext> {
        let of_check = |check: &&Check| context.tenant().as_str().starts_with(&format!("kit-1-{}-", check.name()));
        let check = Check::ALL.iter().find(of_check).map_or("", |check| check.name());
        let mut others = self.contexts.lock().unwrap().clone();
        others.retain(|other| other.tenant() != context.tenant());
        others.retain(|other| other.tenant().as_str().starts_with(&format!("kit-1-{check}-")));
        others.sort_by_key(|other| other.tenant().clone());
        others.dedup_by(|one, other| one.tenant() == other.tenant());
        others
    }

    async fn all(&self, context: &RequestContext, resource_type: &Arc<ResourceType>) -> Vec<Stored> {
        let (requested, window) = (RequestedAttributes::everything(), Window::behind(None, usize::MAX >> 1));
        let scan = Scan { resource_type, filter: &[], sort: None, window, requested: &requested, count: false };
        self.inner.scan(context, &scan).await.unwrap().items
    }

    /// Changes other resources than the one that a batch creates.
    async fn meddle(&self, context: &RequestContext, batch: &[Change]) {
        let [Change::Create(entry)] = batch else { return };
        let resource_type = entry.resource.resource_type();
        if self.is(Mistake::RenamesUserOfAnotherTenant) || self.is(Mistake::JoinsUserOfAnotherTenant) {
            for other in self.others(context) {
                for stored in self.all(&other, resource_type).await {
                    let resource = Resource::clone(&stored.resource);
                    if !resource.unique_keys().iter().any(|key| entry.unique.contains(key)) {
                        continue;
                    }
                    if self.is(Mistake::JoinsUserOfAnotherTenant) {
                        // The index over names does not know of the second membership.
                        let joined = Entry { unique: Vec::new(), ..Entry::new(resource) };
                        let _ = self.inner.commit(context, &[Change::Create(joined)]).await;
                    } else {
                        self.rewrite(&other, resource, "displayName", "renamed").await;
                    }
                }
            }
        }
        if self.is(Mistake::TakesOverAddress) {
            let emails = entry.resource.get("emails").cloned();
            for stored in self.all(context, resource_type).await {
                let is_alike = emails.is_some() && stored.resource.get("emails") == emails.as_ref();
                if is_alike && stored.resource.id() != entry.resource.id() {
                    self.rewrite(context, Resource::clone(&stored.resource), "title", "taken over").await;
                }
            }
        }
    }

    async fn rewrite(&self, context: &RequestContext, mut resource: Resource, path: &str, value: &str) {
        resource.set(path, value).unwrap();
        let entry = Entry::new(resource);
        let before = Arc::clone(&entry.resource);
        let change = Change::Replace(Replacement { entry, expect: Expect::Exists, before });
        self.inner.commit(context, &[change]).await.unwrap();
    }

    /// Whether a refused reference is the id of a resource of another tenant.
    async fn is_foreign(&self, context: &RequestContext, batch: &[Change], error: &CommitError) -> bool {
        let (StoreError::BadReference { value, .. }, [Change::Create(_)]) = (&error.error, batch) else { return false };
        for other in self.others(context) {
            let user = registry().resource_type("User").cloned().unwrap();
            if self.all(&other, &user).await.iter().any(|stored| stored.resource.id() == &**value) {
                return true;
            }
        }
        false
    }

    /// Fails if another commit has added a member that was missing when this commit began.
    async fn insert_blindly(&self, context: &RequestContext, batch: &[Change]) -> Result<(), CommitError> {
        let [Change::EditValues(ListEdit { resource_type, id, attribute, edit, .. })] = batch else { return Ok(()) };
        let value = resource_type.value_of(*attribute).unwrap();
        let member = edit.add.first().and_then(|element| element.get(value)?.as_str()).unwrap_or_default().to_owned();
        let is_there = async || {
            let key = Key { resource_type, id };
            let stored = self.inner.get(context, key, &RequestedAttributes::everything()).await.unwrap()?;
            let elements = stored.resource.root().get(*attribute)?.elements().to_vec();
            let id = |element: &Value| Some(element.as_object()?.get(value)?.as_str()? == member);
            Some(elements.iter().any(|element| id(element) == Some(true)))
        };
        let before = is_there().await;
        let mut again = true;
        std::future::poll_fn(|task| {
            if std::mem::take(&mut again) {
                task.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(())
        })
        .await;
        if before == Some(false) && is_there().await == Some(true) {
            return Err(StoreError::backend("duplicate key value violates unique constraint").into());
        }
        Ok(())
    }

    /// The id of a new resource.
    async fn number(&self, context: &RequestContext, resource: &Resource) -> Text {
        let resource_type = resource.resource_type();
        let number = if self.is(Mistake::GreatestIdPlusOne) {
            let all = self.all(context, resource_type).await;
            all.iter().filter_map(|stored| stored.resource.id().parse::<u64>().ok()).max().unwrap_or_default() + 1
        } else {
            self.numbers.fetch_add(1, Ordering::Relaxed)
        };
        let id = Text::from(number.to_string());
        if self.is(Mistake::ReservesByRow) {
            let mut row = Resource::clone(resource);
            row.set("id", &*id).unwrap();
            let row = Entry { unique: Vec::new(), ..Entry::new(row) };
            self.inner.commit(context, &[Change::Create(row)]).await.unwrap();
        }
        id
    }

    /// A creation that overwrites the row by which its id was reserved.
    async fn overwriting(&self, context: &RequestContext, change: &Change) -> Option<Change> {
        let Change::Create(entry) = change else { return None };
        let key = Key { resource_type: change.resource_type(), id: change.id() };
        let reserved = change.id().parse::<u64>().is_ok()
            && self.inner.get(context, key, &RequestedAttributes::everything()).await.ok()?.is_some();
        let (entry, before) = (entry.clone(), Arc::clone(&entry.resource));
        reserved.then_some(Change::Replace(Replacement { entry, expect: Expect::Exists, before }))
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
    forward! { inner: pushdown, get_many, locate }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities().with_new_ids(true)
    }

    async fn id_of_new(&self, context: &RequestContext, resource: &Resource) -> Result<Option<Text>, StoreError> {
        Ok(Some(self.number(context, resource).await))
    }

    async fn get(
        &self,
        context: &RequestContext,
        key: Key<'_>,
        requested: &RequestedAttributes<'_>,
    ) -> Result<Option<Stored>, StoreError> {
        let found = self.inner.get(context, key, requested).await?;
        if found.is_some() || !self.is(Mistake::ExternalIdIsAnId) {
            return Ok(found);
        }
        let all = self.all(context, key.resource_type).await;
        Ok(all.into_iter().find(|stored| stored.resource.external_id() == Some(key.id)))
    }

    async fn scan(&self, context: &RequestContext, scan: &Scan<'_>) -> Result<Page, StoreError> {
        let mut page = self.inner.scan(context, scan).await?;
        if self.is(Mistake::EachExternalIdIsARow) {
            let known = self.external_ids.lock().unwrap();
            let rows = |stored: &Stored| known.get(stored.resource.id()).map_or(1, HashSet::len);
            page.items = page.items.iter().flat_map(|it| std::iter::repeat_n(it.clone(), rows(it))).collect();
        }
        Ok(page)
    }

    async fn commit(&self, context: &RequestContext, batch: &[Change]) -> Result<Vec<ChangeOutcome>, CommitError> {
        self.contexts.lock().unwrap().push(context.clone());
        self.meddle(context, batch).await;
        if self.is(Mistake::DoubleMemberFails) {
            self.insert_blindly(context, batch).await?;
        }
        if let [Change::Create(entry) | Change::Replace(Replacement { entry, .. })] = batch
            && self.is(Mistake::EachExternalIdIsARow)
            && let Some(external_id) = entry.resource.external_id()
        {
            let mut known = self.external_ids.lock().unwrap();
            known.entry(entry.resource.id().to_owned()).or_default().insert(external_id.to_owned());
        }
        if let (Mistake::EventOfRefusals, [change @ Change::Delete(_)]) = (self.mistake, batch) {
            self.record(context, change, &ChangeOutcome::deleted());
            return self.inner.commit(context, batch).await;
        }
        if self.is(Mistake::NamesOfAllTenants) {
            self.claim(context, batch)?;
        }
        let (mut changes, mut ends) = (Vec::new(), Vec::new());
        for change in batch {
            let reserved = if self.is(Mistake::ReservesByRow) { self.overwriting(context, change).await } else { None };
            changes.extend(self.changes(reserved.as_ref().unwrap_or(change)));
            ends.push(changes.len() - 1);
        }
        let done = match self.inner.commit(context, &changes).await {
            Err(error) if self.is(Mistake::MembersOfAnotherTenant) && self.is_foreign(context, batch, &error).await => {
                return Ok(vec![ChangeOutcome::written(Version::from(7_778))]);
            }
            done => done.map_err(|error| {
                let index = ends.iter().position(|end| *end >= error.index).unwrap();
                CommitError::new(index, error.error)
            })?,
        };
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
            for other in &self.others(context) {
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

fn kit(mistake: Mistake) -> StoreKit<Arc<Mistaken>> {
    let (registry, outbox) = (registry(), Rows::default());
    let rows = Arc::clone(&outbox);
    let store = Arc::new(Mistaken {
        mistake,
        inner: MemoryStore::new(),
        contexts: Mutex::default(),
        names: Mutex::default(),
        external_ids: Mutex::default(),
        numbers: AtomicU64::new(1),
        outbox,
    });
    let (users, types) = (Arc::clone(&store), registry.clone());
    let kit = StoreKit::new(store, registry.clone(), 1).with_many(300).with_access(move |sign_in| {
        let (users, types) = (Arc::clone(&users), types.clone());
        async move { admits(&users.inner, &types, &sign_in).await }
    });
    kit.with_outbox(move |context| {
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
        (Mistake::RenamesUserOfAnotherTenant, &[Check::OtherUsers]),
        // The second membership has the id of the first one, and each list shows it.
        (Mistake::JoinsUserOfAnotherTenant, &[Check::Tenants, Check::OtherUsers, Check::TenantAccess]),
        (Mistake::TakesOverAddress, &[Check::OtherUsers]),
        (Mistake::ExternalIdIsAnId, &[Check::ExternalIds]),
        (Mistake::EachExternalIdIsARow, &[Check::ExternalIds, Check::Access]),
        (Mistake::MembersOfAnotherTenant, &[Check::Tenants]),
        (Mistake::DoubleMemberFails, &[Check::Members]),
        (Mistake::GreatestIdPlusOne, &[Check::NewIds]),
        (Mistake::ReservesByRow, &[Check::NewIds]),
    ];
    let mut wrong = Vec::new();
    for (mistake, checks) in table {
        let report = now(kit(mistake).run_all());
        let failed: Vec<&str> =
            report.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Failed(_))).map(|(name, _)| name).collect();
        let mut expected: Vec<&str> = checks.iter().map(|check| check.name()).collect();
        expected.sort_by_key(|name| Check::ALL.iter().position(|check| check.name() == *name));
        let skipped = report.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Skipped(_))).count();
        if failed != expected || skipped > 0 {
            wrong.push(format!("{mistake:?}: {report}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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
