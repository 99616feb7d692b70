//! The interface between the protocol core and a host's database.
//!
//! A host implements [`Store`], or uses [`MemoryStore`]. This module knows resources, filters and their schemas. It
//! knows nothing of requests, and neither does a store: the core does every check of the protocol before it calls the
//! store.

mod change;
mod context;
mod dynamic;
mod error;
mod memory;
mod outcome;
mod scan;
mod version;

use std::{collections::HashSet, sync::Arc};

pub(crate) use self::context::Meter;
pub use self::{
    change::{Change, Deletion, Entry, Expect, Handover, ListEdit, Replacement},
    context::{InvalidTenantId, RequestContext, TenantId},
    dynamic::DynStore,
    error::{CommitError, StoreError},
    memory::MemoryStore,
    outcome::ChangeOutcome,
    scan::{Capabilities, Key, Page, Pushdown, Referrer, RequestedAttributes, Scan, Stored, Window},
    version::{InvalidVersion, Version},
};

use crate::{
    filter::Condition,
    resource::Resource,
    schema::{AttributeId, Relation, ResourceType},
    value::{Object, Text, Value},
};

/// A database of resources, as the protocol core sees it.
///
/// Implementors write plain `async fn`; the signatures require that every future is `Send`, also in generic code.
///
/// # Guarantees of a store
///
/// - **Tenants are separate.** Every call names its tenant in the [`RequestContext`], and reads and writes no data of
///   another tenant.
/// - **Commits are all or nothing**, even when the future is dropped halfway: after an error, nothing has changed.
/// - **No write is lost.** If two commits expect the same version, one of them fails. A commit claims its unique keys
///   itself; a lookup before the commit is not enough.
/// - **No reference outlives its target**: a commit that deletes a resource removes its id from every list of
///   references.
/// - **Reads see whole commits**, and a read that follows a commit sees it. A store with lagging replicas may serve
///   [`scan`](Store::scan) from them: a stale version costs the core another attempt, but no data.
///
/// A store guarantees neither durability, nor response times, nor that two calls see the same state.
///
/// # Minimal implementation
///
/// This store can only list: it has no index, does not count, and writes one resource at a time. It still supports
/// every query, because the core evaluates every condition that the store does not.
///
/// ```
/// use std::{collections::BTreeMap, sync::{Arc, Mutex, PoisonError}};
/// use scim_core::{schema::AttributeId, store::*};
///
/// /// The resources of each tenant by id, and the number of writes.
/// #[derive(Default)]
/// struct Listing(Mutex<(BTreeMap<TenantId, BTreeMap<String, Stored>>, u64)>);
///
/// impl Store for Listing {
///     fn capabilities(&self) -> Capabilities {
///         Capabilities::new()
///     }
///
///     async fn get(&self, context: &RequestContext, key: Key<'_>, _: &RequestedAttributes<'_>)
///         -> Result<Option<Stored>, StoreError> {
///         let (tenants, _) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner);
///         let found = tenants.get(context.tenant()).and_then(|rows| rows.get(key.id));
///         Ok(found.filter(|stored| stored.resource.resource_type().name() == key.resource_type.name()).cloned())
///     }
///
///     async fn scan(&self, context: &RequestContext, scan: &Scan<'_>) -> Result<Page, StoreError> {
///         let (tenants, _) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner);
///         let all = tenants.get(context.tenant()).into_iter().flat_map(BTreeMap::values);
///         let of_type = |stored: &&Stored| stored.resource.resource_type().name() == scan.resource_type.name();
///         Ok(scan.select(all.filter(of_type).cloned()))
///     }
///
///     async fn commit(&self, context: &RequestContext, batch: &[Change]) -> Result<Vec<ChangeOutcome>, CommitError> {
///         let [change] = batch else { return Err(StoreError::TooMany.into()) };
///         let (tenants, writes) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
///         let rows = tenants.entry(context.tenant().clone()).or_default();
///         let before = rows.get(change.id()).cloned();
///         change.check(before.as_ref().map(|before| &before.version))?;
///         let version = Version::from(*writes + 1);
///         let (after, effect) = match (change, &before) {
///             (Change::Create(entry) | Change::Replace(Replacement { entry, .. }), _) => {
///                 let others = rows.values().filter(|other| {
///                     other.resource.id() != change.id()
///                         && other.resource.resource_type().name() == change.resource_type().name()
///                 });
///                 let mut taken = others.flat_map(|other| other.resource.unique_keys());
///                 if let Some(taken) = taken.find(|key| entry.unique.contains(key)) {
///                     return Err(StoreError::NotUnique { attribute: taken.attribute }.into());
///                 }
///                 (entry.resource.clone(), None)
///             }
///             (Change::EditValues(edit), Some(before)) => match edit.apply(&before.resource) {
///                 Some((after, effect)) => (Arc::new(after), Some(effect)),
///                 None => return Ok(vec![ChangeOutcome::kept(before.version.clone())]),
///             },
///             (Change::Delete(deletion), _) => {
///                 *writes += 1;
///                 rows.remove(&*deletion.id);
///                 for referrer in rows.values_mut() {
///                     if let Some(without) = deletion.drop_references(&referrer.resource) {
///                         *referrer = Stored::new(without, version.clone());
///                     }
///                 }
///                 return Ok(vec![ChangeOutcome::deleted()]);
///             }
///             // The crate may add changes in a later version.
///             _ => return Err(StoreError::backend("a change that this store does not know").into()),
///         };
///         *writes += 1;
///         rows.insert(change.id().to_owned(), Stored::new(after, version.clone()));
///         Ok(vec![ChangeOutcome::written(version).with_edit(effect)])
///     }
/// }
/// #
/// # use std::{pin::pin, task::{Context as Task, Poll, Waker}};
/// # use scim_core::{patch::ValueEdit, resource::Resource, schema::Registry, value::{Object, Value}};
/// # fn now<T>(future: impl Future<Output = T>) -> T {
/// #     match pin!(future).poll(&mut Task::from_waker(Waker::noop())) {
/// #         Poll::Ready(output) => output,
/// #         Poll::Pending => panic!("it waits for nothing"),
/// #     }
/// # }
/// # let registry = Registry::standard();
/// # let [user, group] = ["User", "Group"].map(|name| registry.resource_type(name).expect("registered"));
/// # let members = group.reference_lists()[0];
/// # let text = |text: &str| Value::String(text.into());
/// # let ann = Resource::from_object(user.clone(), Object::from_iter([
/// #     (AttributeId::ID, text("u")), (user.unique_attributes()[0], text("Ann"))]));
/// # let all = Resource::from_object(group.clone(), Object::from_iter([(AttributeId::ID, text("g"))]));
/// # let member = Object::from_iter([(group.value_of(members).expect("defined"), text("u"))]);
/// # let (store, context) = (Listing::default(), RequestContext::new(TenantId::single()));
/// # let commit = |change: Change| now(store.commit(&context, &[change])).map(|done| done[0].changed);
/// # let create = |resource: &Resource| Change::Create(Entry::new(resource.clone()));
/// # let add = || Change::EditValues(ListEdit { resource_type: group.clone(), id: "g".into(), attribute: members, expect: Expect::Exists,
/// #     edit: ValueEdit { add: vec![member.clone()], ..ValueEdit::default() }, modified: Default::default() });
/// # assert!(commit(create(&ann))? && commit(create(&all))? && commit(add())? && !commit(add())?);
/// # assert!(matches!(commit(create(&ann)), Err(CommitError { error: StoreError::NotUnique { .. }, .. })));
/// # let mut namesake = ann.clone();
/// # namesake.root_mut().insert(AttributeId::ID, text("v"));
/// # assert!(matches!(commit(create(&namesake)), Err(CommitError { error: StoreError::NotUnique { .. }, .. })));
/// # let get = || now(store.get(&context, Key { resource_type: group, id: "g" }, &RequestedAttributes::everything())).ok().flatten().expect("there");
/// # let relation = &registry.relations(user)[0];
/// # assert_eq!(now(store.referrers(&context, relation, &["u"], 1_000))?.len(), 1);
/// # assert!(now(store.referrers(&context, relation, &["u"], 10)).is_err());
/// # let many = now(store.get_many(&context, user, &["x", "u"], &RequestedAttributes::only(&[])))?;
/// # assert!(many[0].is_none() && many[1].as_ref().is_some_and(|ann| ann.id() == "u"));
/// # assert_eq!(now(store.locate(&context, &[group.clone(), user.clone()], &["u", "x"]))?, [Some(1), None]);
/// # let before = get();
/// # assert!(before.resource.root().contains(members));
/// # commit(Change::Delete(Deletion { resource_type: user.clone(), id: "u".into(), expect: Expect::Exists, at: Default::default(), before: None }))?;
/// # assert!(get().version != before.version && !get().resource.root().contains(members));
/// # assert_eq!(get().resource.last_modified(), before.resource.last_modified());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Store: Send + Sync + 'static {
    /// The optional abilities of the store.
    fn capabilities(&self) -> Capabilities;

    /// How far the store evaluates `conjunct`, one of the conditions of a filter that must all hold. The core asks
    /// about each conjunct separately. The function must be cheap and must always return the same answer for the same
    /// conjunct.
    ///
    /// Accepted conditions come back in [`Scan::filter`]. The store must leave derived values to the core by answering
    /// [`Pushdown::No`]: values that are not stored but computed for a response (`meta.location`, `meta.version`, a
    /// user's `groups`). The core never asks about the names of other resources (`members.display`) if the store
    /// [reads many resources](Capabilities::get_many): the core refuses such a filter.
    ///
    /// By default the store evaluates nothing, and the core reads all resources of the type within
    /// [`Limits::scan`](crate::limits::Limits::scan).
    fn pushdown(&self, resource_type: &ResourceType, conjunct: &Condition) -> Pushdown {
        let _ = (resource_type, conjunct);
        Pushdown::No
    }

    /// Reads one resource. Returns `None` if the tenant has no resource of that type with that id.
    ///
    /// # Errors
    ///
    /// When the store cannot answer: [`Busy`](StoreError::Busy), [`Unavailable`](StoreError::Unavailable),
    /// [`Denied`](StoreError::Denied), [`Backend`](StoreError::Backend).
    fn get(
        &self,
        context: &RequestContext,
        key: Key<'_>,
        requested: &RequestedAttributes<'_>,
    ) -> impl Future<Output = Result<Option<Stored>, StoreError>> + Send;

    /// Reads a page of the resources of one type. [`Scan`] documents the parts of the query.
    ///
    /// # Errors
    ///
    /// As [`Store::get`], and [`TooMany`](StoreError::TooMany) when the query costs more than the store allows.
    fn scan(&self, context: &RequestContext, scan: &Scan<'_>) -> impl Future<Output = Result<Page, StoreError>> + Send;

    /// Writes a batch of changes in order, all or nothing. Each change sees the effect of the earlier changes.
    ///
    /// - [`Create`](Change::Create) inserts a resource and never overwrites. If the id is taken, by a resource of any
    ///   type that the store keeps together with this one, the error is [`NotUnique`](StoreError::NotUnique) of
    ///   [`AttributeId::ID`].
    /// - [`Replace`](Change::Replace) replaces the whole resource, including its lists of references. The core does
    ///   not send a replacement that changes nothing. A store may ignore a replacement that differs only in
    ///   `meta.lastModified`.
    /// - [`Delete`](Change::Delete) removes the resource, frees its unique keys, and removes its id from every list of
    ///   references in the tenant. The referrers get new versions, so that no client takes a stale copy for the
    ///   current state. Their `meta.lastModified` does not change, because no client changed them.
    /// - [`EditValues`](Change::EditValues) changes one list of references by a [`ValueEdit`], in time that depends on
    ///   the edit and not on the list. It sets `meta.lastModified`. An edit that changes nothing keeps the version and
    ///   `meta.lastModified`, and counts as [no change](ChangeOutcome::changed) (RFC 7644 §3.5.2.1). The store reports
    ///   the [effective edit](ChangeOutcome::edit) if it can.
    ///
    /// For one change, the store checks existence before the version, and both before the values.
    ///
    /// A value that is added to a list of references must be the id of a resource in the tenant. The type of this
    /// resource must be one that the list may refer to (`referenceTypes` of its `$ref`). The resource may exist
    /// already, may be created by an earlier change of the batch, or may be the referrer itself. A host whose identity
    /// providers push groups before their members may accept unknown ids.
    ///
    /// [`ValueEdit`]: crate::patch::ValueEdit
    ///
    /// # Errors
    ///
    /// A [`CommitError`] that names the first change that failed: [`NotFound`](StoreError::NotFound),
    /// [`VersionMismatch`](StoreError::VersionMismatch), [`NotUnique`](StoreError::NotUnique),
    /// [`BadReference`](StoreError::BadReference); [`TooMany`](StoreError::TooMany) when there are more changes than
    /// [`Capabilities::max_batch`]; and the errors of [`Store::get`].
    fn commit(
        &self,
        context: &RequestContext,
        batch: &[Change],
    ) -> impl Future<Output = Result<Vec<ChangeOutcome>, CommitError>> + Send;

    /// Returns the referrers of each of `ids` through the list of the relation: for example the groups of some users
    /// (RFC 7643 §4.1.2). The core calls this once for a page of resources; the result may be in any order. All
    /// referrers together may take at most about `bytes`, as [`Referrer::size`] counts them. A store that finds more
    /// stops reading.
    ///
    /// By default the function reads every resource of the referring type. A store that keeps references as rows
    /// should look them up.
    ///
    /// # Errors
    ///
    /// As [`Store::scan`], and [`TooMany`](StoreError::TooMany) when the referrers do not fit into `bytes`.
    fn referrers(
        &self,
        context: &RequestContext,
        relation: &Relation,
        ids: &[&str],
        bytes: usize,
    ) -> impl Future<Output = Result<Vec<Referrer>, StoreError>> + Send {
        async move {
            let used = [relation.list(), relation.display()];
            let requested = RequestedAttributes::only(&used).with_byte_limit(bytes);
            let mut last: Option<Text> = None;
            let ids: HashSet<&str> = ids.iter().copied().collect();
            let (mut found, mut room) = (Vec::new(), bytes);
            while !ids.is_empty() {
                let scan = Scan {
                    resource_type: relation.referrer(),
                    filter: &[],
                    sort: None,
                    window: Window::behind(last.as_deref(), 100),
                    requested: &requested,
                    count: false,
                };
                let page = self.scan(context, &scan).await?;
                for stored in &page.items {
                    if !stored.complete {
                        return Err(StoreError::TooMany);
                    }
                    let known = found.len();
                    find_references(relation, &ids, stored, &mut found);
                    let size = found.iter().skip(known).map(Referrer::size).sum();
                    room = room.checked_sub(size).ok_or(StoreError::TooMany)?;
                }
                match page.items.last() {
                    Some(stored) if page.more => last = Some(stored.resource.id().into()),
                    _ => break,
                }
            }
            Ok(found)
        }
    }

    /// Reads resources of one type. The result has, at the position of each of `ids`, the resource with that id;
    /// `None` if the tenant has no resource of the type with that id. An id may occur twice.
    ///
    /// The core calls this only if the store has the capability [`get_many`](Capabilities::get_many). It reads the
    /// names of the resources that a response refers to (`members.display`): one call for each resource type, however
    /// many resources and references the response shows.
    ///
    /// By default the function reads the resources one by one.
    ///
    /// # Errors
    ///
    /// As [`Store::get`], and [`TooMany`](StoreError::TooMany) when the resources do not fit into
    /// [`RequestedAttributes::byte_limit`]. A store that shares its resources with its callers does not have to count.
    fn get_many(
        &self,
        context: &RequestContext,
        resource_type: &Arc<ResourceType>,
        ids: &[&str],
        requested: &RequestedAttributes<'_>,
    ) -> impl Future<Output = Result<Vec<Option<Arc<Resource>>>, StoreError>> + Send {
        async move {
            let mut found = Vec::with_capacity(ids.len());
            let mut room = requested.byte_limit().unwrap_or(usize::MAX);
            for &id in ids {
                let stored = self.get(context, Key { resource_type, id }, requested).await?;
                let size = stored.as_ref().map_or(0, |stored| stored.resource.size());
                room = room.checked_sub(size).ok_or(StoreError::TooMany)?;
                found.push(stored.map(|stored| stored.resource));
            }
            Ok(found)
        }
    }

    /// The id of a new resource; `None` if the core chooses the id by its [`IdSource`](crate::provider::IdSource). For two
    /// kinds of stores:
    ///
    /// - The database numbers the rows. The store reserves the next number.
    /// - The store keeps the rows of deleted resources, and the host wants a person who comes back to have the old id.
    ///   The id is one that a resource of this type, deleted in this tenant, had, and that no resource has now.
    ///   [`Change::Create`] then makes the row a resource again, with the values of the change and a new version.
    ///
    /// The core calls this only if the store has the capability [`new_ids`](Capabilities::new_ids), before the commit of
    /// each creation. `resource` is complete, except for its id and `meta`. If another creation with the id was faster,
    /// the commit fails with [`NotUnique`](StoreError::NotUnique) of [`AttributeId::ID`], and the core asks again. In a
    /// bulk request the store gets the same calls, before the first commit, with a provisional id for each `bulkId`
    /// reference.
    ///
    /// To restore a row, find it by a value that the client never gives to another person. Many organizations give a `userName`
    /// again to another person, who would then get the data of the first one. The guide
    /// [existing users](crate::manual::existing_users) has an example.
    ///
    /// By default the function returns `None`.
    ///
    /// # Errors
    ///
    /// As [`Store::get`].
    fn id_of_new(
        &self,
        context: &RequestContext,
        resource: &Resource,
    ) -> impl Future<Output = Result<Option<Text>, StoreError>> + Send {
        let _ = (context, resource);
        async { Ok(None) }
    }

    /// For each of `ids`, at its position, the index in `resource_types` of the type of the resource with that id;
    /// `None` if no resource of these types has the id.
    ///
    /// By default the function reads the resources one by one.
    ///
    /// # Errors
    ///
    /// As [`Store::get`].
    fn locate(
        &self,
        context: &RequestContext,
        resource_types: &[Arc<ResourceType>],
        ids: &[&str],
    ) -> impl Future<Output = Result<Vec<Option<usize>>, StoreError>> + Send {
        async move {
            let mut located = Vec::with_capacity(ids.len());
            for &id in ids {
                let mut found = None;
                for (position, resource_type) in resource_types.iter().enumerate() {
                    let requested = RequestedAttributes::without(resource_type.reference_lists());
                    if self.get(context, Key { resource_type, id }, &requested).await?.is_some() {
                        found = Some(position);
                        break;
                    }
                }
                located.push(found);
            }
            Ok(located)
        }
    }
}

/// Adds to `found` the references of `stored`, through the list of the relation, to resources in `ids`.
fn find_references(relation: &Relation, ids: &HashSet<&str>, stored: &Stored, found: &mut Vec<Referrer>) {
    let root = stored.resource.root();
    let elements = root.get(relation.list()).map(Value::elements).unwrap_or_default();
    for element in elements {
        let value = element.as_object().and_then(|element| referred(relation.referrer(), relation.list(), element));
        if let Some(value) = value.filter(|value| ids.contains(value)) {
            let display = root.get(relation.display()).and_then(Value::as_str).map(Text::from);
            found.push(Referrer::new(value, stored.resource.id(), display));
        }
    }
}

/// The id that an element of a list of references refers to.
pub(crate) fn referred<'a>(resource_type: &ResourceType, list: AttributeId, element: &'a Object) -> Option<&'a str> {
    element.get(resource_type.value_of(list)?)?.as_str()
}
