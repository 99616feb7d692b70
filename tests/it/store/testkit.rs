//! The memory store keeps every promise that the kit checks. For each check there is a store that breaks only that
//! promise, and only this check fails.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    task::Poll,
};

use crate::fixture::forward::forward;
use crate::fixture::host::now;
use scim_core::{
    filter::Condition,
    fold::fold,
    resource::{Resource, UniqueKey},
    schema::{AttributeId, Registry, Relation, ResourceType, Schema, Uniqueness},
    store::{
        Change, ChangeOutcome, CommitError, Deletion, DynStore, Entry, Expect, Key, ListEdit, MemoryStore, Page,
        Referrer, Replacement, RequestContext, RequestedAttributes, Scan, Store, StoreError, Stored, TenantId, Version,
        Window,
    },
    testkit::{Check, Outcome, StoreKit},
    value::Value,
};
use unicode_normalization::UnicodeNormalization;

/// Yields once, so that another task can run.
async fn yielded() {
    let mut again = true;
    std::future::poll_fn(|task| {
        if std::mem::take(&mut again) {
            task.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
}

/// Checks whose stores are in `store::mistakes` and `store::access`.
const MISTAKES: [Check; 10] = [
    Check::ReportedVersions,
    Check::Replacements,
    Check::ReadOnlyValues,
    Check::TenantReferences,
    Check::Outbox,
    Check::OtherUsers,
    Check::ExternalIds,
    Check::Access,
    Check::TenantAccess,
    Check::NewIds,
];

/// A store with one fault, for which one check looks.
struct Broken {
    fault: Check,
    inner: MemoryStore,
    registry: Registry,
    tenants: Mutex<Vec<RequestContext>>,
    taken: Mutex<HashSet<(TenantId, UniqueKey)>>,
    offsets: Mutex<HashMap<String, u64>>,
    dangling: Mutex<Vec<(String, AttributeId, Value)>>,
}

impl Broken {
    fn new(fault: Check) -> Self {
        Self {
            fault,
            inner: MemoryStore::new(),
            registry: Registry::standard(),
            tenants: Mutex::default(),
            taken: Mutex::default(),
            offsets: Mutex::default(),
            dangling: Mutex::default(),
        }
    }

    fn is(&self, fault: Check) -> bool {
        self.fault == fault
    }

    fn is_taken(&self, context: &RequestContext, key: &UniqueKey) -> bool {
        self.taken.lock().unwrap().contains(&(context.tenant().clone(), key.clone()))
    }

    fn group(&self) -> (Arc<ResourceType>, AttributeId) {
        let group = self.registry.resource_type("Group").unwrap();
        (Arc::clone(group), group.reference_lists()[0])
    }

    async fn all(&self, context: &RequestContext, resource_type: &Arc<ResourceType>) -> Vec<Stored> {
        let (requested, window) = (RequestedAttributes::everything(), Window::behind(None, usize::MAX >> 1));
        let scan = Scan { resource_type, filter: &[], sort: None, window, requested: &requested, count: false };
        self.inner.scan(context, &scan).await.unwrap().items
    }

    /// Changes the batch before it is written. `None` if the batch is to be written unchanged.
    async fn commit_wrongly(
        &self,
        context: &RequestContext,
        batch: &[Change],
    ) -> Option<Result<Vec<ChangeOutcome>, CommitError>> {
        match (self.fault, batch) {
            // Commits each change on its own, and keeps the changes before a failure.
            (Check::AtomicBatches, batch) if batch.len() > 3 => {
                let mut done = Vec::new();
                for (index, change) in batch.iter().enumerate() {
                    match self.inner.commit(context, std::slice::from_ref(change)).await {
                        Ok(mut one) => done.append(&mut one),
                        Err(error) => return Some(Err(CommitError::new(index, error.error))),
                    }
                }
                Some(Ok(done))
            }
            // Creations first: "they are independent".
            (Check::BatchOrder, [Change::Delete(_), rest @ ..])
                if rest.len() == 3 && !rest.iter().any(|change| matches!(change, Change::Delete(_))) =>
            {
                let mut batch = batch.to_vec();
                batch.rotate_left(1);
                Some(self.inner.commit(context, &batch).await)
            }
            // A transaction that is not atomic: the connection goes back to the pool in the middle.
            (Check::Cancelled, [first @ Change::Create(_), second @ Change::Create(_)]) => {
                let mut done = match self.inner.commit(context, std::slice::from_ref(first)).await {
                    Ok(done) => done,
                    Err(error) => return Some(Err(error)),
                };
                yielded().await;
                let second = self.inner.commit(context, std::slice::from_ref(second)).await;
                Some(second.map(|mut second| {
                    done.append(&mut second);
                    done
                }))
            }
            // Deletes the resource whatever its version.
            (Check::Versions, [Change::Delete(Deletion { resource_type, id, at, .. })]) => {
                let change = Change::Delete(Deletion {
                    resource_type: Arc::clone(resource_type),
                    id: id.clone(),
                    expect: Expect::Exists,
                    at: *at,
                    before: None,
                });
                Some(self.inner.commit(context, &[change]).await)
            }
            // A new version for every edit.
            (Check::NoChange, [Change::EditValues(ListEdit { resource_type, id, .. })]) => {
                let done = match self.inner.commit(context, batch).await {
                    Ok(done) if !done[0].changed => done,
                    other => return Some(other),
                };
                drop(done);
                let key = Key { resource_type, id };
                let stored = self.inner.get(context, key, &RequestedAttributes::everything()).await.unwrap().unwrap();
                let mut touched = Resource::clone(&stored.resource);
                let name = resource_type.child(AttributeId::ROOT, "displayName").unwrap();
                let was = touched.root_mut().insert(name, Value::String("touched".into()));
                let change = |resource: Resource| replaced(Arc::new(resource));
                self.inner.commit(context, &[change(touched.clone())]).await.unwrap();
                touched.root_mut().insert(name, was.unwrap());
                Some(self.inner.commit(context, &[change(touched)]).await)
            }
            // The unique keys of a deleted resource stay taken.
            (Check::UniqueKeys, [change]) => {
                if let Change::Create(entry) = change
                    && let Some(key) = entry.unique.iter().find(|key| self.is_taken(context, key))
                {
                    return Some(Err(StoreError::NotUnique { attribute: key.attribute }.into()));
                }
                let before = self
                    .inner
                    .get(
                        context,
                        Key { resource_type: change.resource_type(), id: change.id() },
                        &RequestedAttributes::everything(),
                    )
                    .await;
                let done = self.inner.commit(context, batch).await;
                if let (Change::Delete(_), Ok(_), Ok(Some(before))) = (change, &done, before) {
                    let keys = before.resource.unique_keys().into_iter().map(|key| (context.tenant().clone(), key));
                    self.taken.lock().unwrap().extend(keys);
                }
                Some(done)
            }
            // Reads first and writes then, without an index.
            (Check::Creators, [Change::Create(entry) | Change::Replace(Replacement { entry, .. })]) => {
                for other in self.all(context, entry.resource.resource_type()).await {
                    let keys = other.resource.unique_keys();
                    if other.resource.id() != entry.resource.id()
                        && let Some(key) = keys.iter().find(|key| entry.unique.contains(key))
                    {
                        return Some(Err(StoreError::NotUnique { attribute: key.attribute }.into()));
                    }
                }
                yielded().await;
                let mut change = batch[0].clone();
                if let Change::Create(entry) | Change::Replace(Replacement { entry, .. }) = &mut change {
                    entry.unique.clear();
                }
                Some(self.inner.commit(context, &[change]).await)
            }
            // Compares the version, and writes a little later.
            (Check::Writers, [Change::Replace(Replacement { entry, expect: Expect::Version(version), .. })]) => {
                let key = Key { resource_type: entry.resource.resource_type(), id: entry.resource.id() };
                let before = self.inner.get(context, key, &RequestedAttributes::everything()).await.unwrap();
                if let Err(error) = batch[0].check(before.as_ref().map(|before| &before.version)) {
                    return Some(Err(error.into()));
                }
                assert_eq!(before.map(|before| before.version).as_ref(), Some(version));
                yielded().await;
                let change = replaced(Arc::clone(&entry.resource));
                Some(self.inner.commit(context, &[change]).await)
            }
            // Reads the list, and writes the whole list back.
            (Check::Members, [Change::EditValues(edit)]) => {
                let before = self
                    .inner
                    .get(
                        context,
                        Key { resource_type: &edit.resource_type, id: &edit.id },
                        &RequestedAttributes::everything(),
                    )
                    .await
                    .unwrap()?;
                yielded().await;
                let Some((after, _)) = edit.apply(&before.resource) else {
                    return Some(self.inner.commit(context, batch).await);
                };
                let change = replaced(Arc::new(after));
                Some(self.inner.commit(context, &[change]).await)
            }
            // Drops an invisible character.
            (Check::RoundTrip, [Change::Create(entry)]) => {
                let mut resource = Resource::clone(&entry.resource);
                if let Some(Value::String(text)) = resource.root_mut().get_mut(AttributeId::EXTERNAL_ID) {
                    *text = text.replace('\u{feff}', "").into();
                }
                let entry = Entry { resource: Arc::new(resource), ..entry.clone() };
                Some(self.inner.commit(context, &[Change::Create(entry)]).await)
            }
            // Leaves the references to a deleted resource.
            (Check::References, [Change::Delete(Deletion { id, .. })]) => {
                let (group, list) = self.group();
                let value = group.value_of(list).unwrap();
                let refers = |element: &&Value| {
                    element.as_object().and_then(|element| element.get(value)?.as_str()) == Some(&**id)
                };
                for referrer in self.all(context, &group).await {
                    let elements = referrer.resource.root().get(list).map(Value::elements).unwrap_or_default();
                    if let Some(element) = elements.iter().find(refers) {
                        let kept = (referrer.resource.id().to_owned(), list, element.clone());
                        self.dangling.lock().unwrap().push(kept);
                    }
                }
                Some(self.inner.commit(context, batch).await)
            }
            // Does not check the references of a list that is replaced. The members of another tenant are the subject of
            // another check.
            (Check::BadReferences, [Change::Replace(_)]) if !context.tenant().as_str().contains("-tenants-") => {
                match self.inner.commit(context, batch).await {
                    Err(CommitError { error: StoreError::BadReference { .. }, .. }) => {
                        Some(Ok(vec![ChangeOutcome::written(Version::from(7_u64))]))
                    }
                    other => Some(other),
                }
            }
            // Adds without clearing.
            (Check::Edits, [Change::EditValues(ListEdit { resource_type, id, attribute, expect, edit, modified })]) => {
                let mut edit = edit.clone();
                edit.clear &= edit.add.is_empty();
                let change = Change::EditValues(ListEdit {
                    resource_type: Arc::clone(resource_type),
                    id: id.clone(),
                    attribute: *attribute,
                    expect: expect.clone(),
                    edit,
                    modified: *modified,
                });
                Some(self.inner.commit(context, &[change]).await)
            }
            _ => None,
        }
    }
}

fn replaced(resource: Arc<Resource>) -> Change {
    Change::Replace(Replacement { entry: Entry::new(Arc::clone(&resource)), expect: Expect::Exists, before: resource })
}

impl Store for Broken {
    forward! { inner: capabilities, pushdown, locate }

    async fn get(
        &self,
        context: &RequestContext,
        key: Key<'_>,
        requested: &RequestedAttributes<'_>,
    ) -> Result<Option<Stored>, StoreError> {
        let mut found = self.inner.get(context, key, requested).await?;
        if self.is(Check::Tenants) && found.is_none() {
            // The tenant is not in the key.
            let tenants = self.tenants.lock().unwrap().clone();
            for other in &tenants {
                found = found.or(self.inner.get(other, key, requested).await?);
            }
        }
        if self.is(Check::Existence) && found.is_none() {
            // The type is not in the key.
            for resource_type in self.registry.resource_types() {
                found = found.or(self.inner.get(context, Key { resource_type, id: key.id }, requested).await?);
            }
        }
        let (group, list) = self.group();
        if let Some(stored) = &mut found
            && key.resource_type.name() == group.name()
        {
            if self.is(Check::RequestedAttributes) && !requested.includes(list) {
                stored.version = Version::from(0_u64);
            }
            let mut resource = Resource::clone(&stored.resource);
            let mut elements = resource.root().get(list).map(|list| list.elements().to_vec()).unwrap_or_default();
            if self.is(Check::ManyMembers) {
                // A list is cut after 100 references.
                elements.truncate(100);
            }
            let dangling = self.dangling.lock().unwrap();
            elements.extend(dangling.iter().filter(|(id, ..)| *id == key.id).map(|(_, _, element)| element.clone()));
            if !elements.is_empty() {
                resource.root_mut().insert(list, Value::List(elements.into()));
                stored.resource = Arc::new(resource);
            }
        }
        Ok(found)
    }

    async fn scan(&self, context: &RequestContext, scan: &Scan<'_>) -> Result<Page, StoreError> {
        if self.is(Check::Pushdown) {
            // Ignores negated conditions.
            let kept: Vec<&Condition> =
                scan.filter.iter().copied().filter(|condition| !matches!(condition, Condition::Not(_))).collect();
            return self.inner.scan(context, &Scan { filter: &kept, ..*scan }).await;
        }
        if let (Check::Orders, Some(sort)) = (self.fault, scan.sort)
            && sort.is_descending()
        {
            // Descending order is the reverse of ascending order, with ties and absent values.
            let all = self.all(context, scan.resource_type).await;
            let whole = Window::Offset { skip: 0, take: usize::MAX };
            let mut page = Scan { window: whole, ..*scan }.select(all);
            page.items.reverse();
            let total = u64::try_from(page.items.len()).ok().filter(|_| scan.count);
            return Ok(Page::new(page.items, total, false));
        }
        if let (Check::Walks, Window::After { last: Some(last), take }) = (self.fault, scan.window) {
            // The start of a page is computed from the number of resources before it.
            let skip = self.offsets.lock().unwrap().get(last.id).copied().unwrap_or_default();
            let page = self.inner.scan(context, &Scan { window: Window::Offset { skip, take }, ..*scan }).await?;
            self.remember(&page, skip);
            return Ok(page);
        }
        if self.is(Check::Bytes) {
            // A page has the requested length, whatever its size in bytes.
            return self.inner.scan(context, &Scan { requested: &RequestedAttributes::everything(), ..*scan }).await;
        }
        let page = self.inner.scan(context, scan).await?;
        self.remember(&page, 0);
        Ok(page)
    }

    async fn commit(&self, context: &RequestContext, batch: &[Change]) -> Result<Vec<ChangeOutcome>, CommitError> {
        if self.is(Check::Tenants) {
            self.tenants.lock().unwrap().push(context.clone());
        }
        match self.commit_wrongly(context, batch).await {
            Some(outcome) => outcome,
            None => self.inner.commit(context, batch).await,
        }
    }

    async fn get_many(
        &self,
        context: &RequestContext,
        resource_type: &Arc<ResourceType>,
        ids: &[&str],
        requested: &RequestedAttributes<'_>,
    ) -> Result<Vec<Option<Arc<Resource>>>, StoreError> {
        let mut found = self.inner.get_many(context, resource_type, ids, requested).await?;
        if self.is(Check::GetMany) {
            // Returns the rows in the order of the database, not of the request.
            found.sort_by_key(|found| found.as_ref().map(|found| found.id().to_owned()));
        }
        Ok(found)
    }

    async fn referrers(
        &self,
        context: &RequestContext,
        relation: &Relation,
        ids: &[&str],
        bytes: usize,
    ) -> Result<Vec<Referrer>, StoreError> {
        let mut found = self.inner.referrers(context, relation, ids, bytes).await?;
        if self.is(Check::Referrers) {
            // A join that returns each row twice.
            found.extend(found.clone());
        }
        Ok(found)
    }
}

impl Broken {
    fn remember(&self, page: &Page, skip: u64) {
        let mut offsets = self.offsets.lock().unwrap();
        for (index, stored) in (skip + 1..).zip(&page.items) {
            offsets.insert(stored.resource.id().to_owned(), index);
        }
    }
}

/// A store that compares names by its own function instead of the keys that it gets from the core.
#[derive(Debug)]
struct OwnFold {
    inner: MemoryStore,
    fold: Fold,
}

type Fold = fn(&str) -> String;

impl Store for OwnFold {
    forward! { inner: capabilities, pushdown, get, scan, locate, referrers }

    async fn commit(&self, context: &RequestContext, batch: &[Change]) -> Result<Vec<ChangeOutcome>, CommitError> {
        let mut batch = batch.to_vec();
        for change in &mut batch {
            if let Change::Create(entry) | Change::Replace(Replacement { entry, .. }) = change {
                for key in &mut entry.unique {
                    let name = entry.resource.root().get(key.attribute).and_then(Value::as_str).unwrap();
                    key.folded = (self.fold)(name).into();
                }
            }
        }
        self.inner.commit(context, &batch).await
    }
}

#[test]
fn the_store_in_memory_keeps_every_promise() {
    let registry = Registry::standard();
    let report = now(StoreKit::new(MemoryStore::new(), registry.clone(), 1).run_all());
    assert!(report.is_passed(), "{report}");
    let is_skipped = |(_, outcome): &(&'static str, &Outcome)| matches!(outcome, Outcome::Skipped(_));
    let skipped: Vec<&str> = report.iter().filter(is_skipped).map(|(name, _)| name).collect();
    // The standard types have no marker. The store in memory has neither an outbox nor a sign-in query, and gives no ids.
    let expected = [Check::ReadOnlyValues, Check::Outbox, Check::Access, Check::TenantAccess, Check::NewIds];
    assert_eq!(skipped, expected.map(Check::name), "{report}");
    // Two runs on one database, with the type of the store erased.
    let store = DynStore::new(MemoryStore::new());
    for run in [2, 3] {
        let report = now(StoreKit::new(store.clone(), registry.clone(), run).with_many(300).run_all());
        assert!(report.is_passed(), "{report}");
    }
}

/// For each check there is a store that only this check catches: the check is needed, and it does not fail for the
/// faults of other checks.
#[test]
fn each_check_catches_what_it_is_for() {
    let mut wrong = Vec::new();
    for &fault in Check::ALL.iter().filter(|check| !MISTAKES.contains(check)) {
        let store = Broken::new(fault);
        let report = now(StoreKit::new(store, Registry::standard(), 1).with_many(300).run_all());
        let failed: Vec<&str> =
            report.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Failed(_))).map(|(name, _)| name).collect();
        if failed != [fault.name()] {
            wrong.push(format!("{}: {report}", fault.name()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// 7643-4.1.1-01: the kit finds a store whose fold, of a database or of a language, differs from the core's.
#[test]
fn a_fold_of_the_stores_own_is_found() {
    let folds: [(&str, Fold); 5] = [
        ("the core's", |name| fold(name).into_owned()),
        ("none", str::to_owned),
        ("ASCII only", str::to_ascii_lowercase),
        ("lower case", str::to_lowercase),
        ("upper case", |name| name.nfc().collect::<String>().to_uppercase()),
    ];
    for (what, fold) in folds {
        let kit = StoreKit::new(OwnFold { inner: MemoryStore::new(), fold }, Registry::standard(), 1);
        let is_passed = matches!(now(kit.run(Check::UniqueKeys)), Outcome::Passed);
        assert_eq!(is_passed, what == "the core's", "{what}");
    }
}

/// A host whose unique index folds ASCII, or other letters by a rule of its own, says so; without a fold the check fails.
#[test]
fn a_fold_of_the_hosts_index_can_be_declared() {
    let folds: [(&str, Fold, bool); 4] = [
        ("the core's", |name| fold(name).into_owned(), true),
        ("ASCII only", str::to_ascii_lowercase, true),
        ("lower case", str::to_lowercase, true),
        ("none", str::to_owned, false),
    ];
    for (what, fold, passes) in folds {
        let store = OwnFold { inner: MemoryStore::new(), fold };
        let kit = StoreKit::new(store, Registry::standard(), 1).with_ascii_folding();
        assert_eq!(matches!(now(kit.run(Check::UniqueKeys)), Outcome::Passed), passes, "{what}");
    }
}

/// A store of a single tenant gets a fresh database for each check.
#[test]
fn a_single_tenant_is_enough() {
    for &check in Check::ALL {
        let kit = StoreKit::new(MemoryStore::new(), Registry::standard(), 1).with_many(300).with_single_tenant();
        let outcome = now(kit.run(check));
        let tenants = [Check::Tenants, Check::TenantReferences, Check::TenantAccess, Check::OtherUsers];
        // The kit has neither a flag, nor an outbox, nor the sign-in query of a host. The store gives no ids.
        let others = [Check::ReadOnlyValues, Check::Outbox, Check::Access, Check::NewIds];
        let skipped = tenants.contains(&check) || others.contains(&check);
        let expected =
            if skipped { matches!(outcome, Outcome::Skipped(_)) } else { matches!(outcome, Outcome::Passed) };
        assert!(expected, "{}: {outcome:?}", check.name());
    }
}

/// The names of groups can be unique, as Entra's validator expects: the kit writes no name twice in a tenant.
#[test]
fn the_kit_runs_with_unique_names_of_groups() {
    let unique = |schema: Schema| schema.change("displayName", |name| name.with_uniqueness(Uniqueness::Server));
    let user =
        ResourceType::builder("User", "Users", Schema::user()).relation("groups", "Group", "members", "displayName");
    let group = ResourceType::builder("Group", "Groups", unique(Schema::group()));
    let registry = Registry::builder().resource_type(user.build().unwrap()).resource_type(group.build().unwrap());
    let kit = StoreKit::new(MemoryStore::new(), registry.build().unwrap(), 1).with_many(300);
    let report = now(kit.run_all());
    assert!(report.is_passed(), "{report}");
}

/// The report of the kit shows the broken promise and no value of a resource.
#[test]
fn a_failure_says_what_was_promised() {
    let kit = StoreKit::new(Broken::new(Check::Members), Registry::standard(), 1);
    let Outcome::Failed(failure) = now(kit.run(Check::Members)) else { panic!("it loses members") };
    assert_eq!(failure.what(), "of 50 members that are added at the same time none is lost");
    assert!(failure.found().ends_with("are there"), "{failure}");
}
