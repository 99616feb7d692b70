//! Creating, replacing, patching and deleting one resource (RFC 7644 §3.3, §3.5, §3.6).
//!
//! A replacement or a patch reads the stored resource, computes the new resource, and commits it on the condition
//! that no other writer was faster. After a lost race the change is computed again from the new state, at most
//! `Limits::write_retries` times; a precondition that named the old version then fails.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use super::{
    Answer, Options, Precondition, ServiceProvider,
    answer::{Row, View},
    calls::charge_bytes,
    failure::{broken_store, contention, refused},
    permit::Permit,
    policy::{Action, Proposal},
    rest::rest,
};
use crate::{
    error::{Error, ScimType},
    limits::{Limits, Work},
    patch::{Application, Patch, ValueEdit},
    quirks::Tolerance,
    resource::{Projection, Resource, judge},
    schema::{AttributeId, ResourceType, Returned},
    store::{Change, Context, Done, Entry, Expect, Key, Meter, Store, StoreError, Stored, Version, Wanted},
    value::{Text, Value},
};

/// The resources that one request creates: their ids and types. References may point to them before they are
/// committed.
pub(super) type Created = HashMap<Text, Arc<ResourceType>>;

/// A resource that is about to be created and has no id yet.
pub(super) struct Prepared {
    permit: Permit,
    resource: Resource,
    /// The attributes with `returned: request` for which the client sent a value.
    given: Vec<AttributeId>,
}

impl<S: Store> ServiceProvider<S> {
    /// Creates a resource (RFC 7644 §3.3). The core assigns the id, `meta.created` and `meta.lastModified`, whatever
    /// values `resource` has. An attribute without a value gets its
    /// [default](crate::schema::Attribute::default_value).
    ///
    /// # Errors
    ///
    /// 400 if a required value is missing, a rule of the schema is broken, or a list refers to a resource that does
    /// not exist; 400 `tooMany` if the resource is larger than [`Limits::answer`](crate::Limits::answer) allows; 409
    /// `uniqueness` if another resource has the same value of a unique attribute; errors that the store reports.
    pub async fn create(&self, cx: &Context, resource: Resource, options: &Options) -> Result<Answer, Error> {
        let mut tolerance = Tolerance::new(self.quirks());
        rest(&resource).await;
        let prepared = self.prepare_create(cx, resource, &Created::new(), &mut tolerance).await?;
        rest(&prepared.resource).await;
        let view = self.view(cx, &prepared.permit, options, &mut tolerance)?.showing(&prepared.given);
        let kind = Arc::clone(&prepared.permit.kind);
        let mut prepared = prepared;
        for _ in 0..=self.limits().write_retries {
            let permit = prepared.permit.clone();
            let change = self.create_change(cx, prepared, self.inner.ids.next())?;
            let Change::Create { entry } = &change else { break };
            let created = Arc::clone(&entry.resource);
            rest(&created).await;
            match self.commit_one(cx, change).await {
                Ok(done) => {
                    let version = done.version.ok_or_else(|| broken_store("a create gives a version"))?;
                    return self.answer(cx, Stored::new(created, version), view, &tolerance, true).await;
                }
                // The client did not cause the failure. With random ids a collision is so unlikely that the copy does
                // not matter.
                Err(StoreError::Busy | StoreError::NotUnique { attribute: AttributeId::ID }) => {
                    cx.count_retry();
                    prepared = Prepared { permit, resource: (*created).clone(), given: Vec::new() };
                }
                Err(error) => return Err(refused(&kind, error)),
            }
        }
        Err(contention())
    }

    /// Does the part of a creation that needs no id: asks the policies, assigns the defaults and the times, and
    /// checks the references. `own` contains the resources that the same request creates; references may point to
    /// them.
    pub(super) async fn prepare_create(
        &self,
        cx: &Context,
        mut resource: Resource,
        own: &Created,
        tolerance: &mut Tolerance,
    ) -> Result<Prepared, Error> {
        let permit = self.permit(cx, Action::Create, resource.kind())?;
        permit.read(&mut resource, tolerance)?;
        let given = present_on_request(&resource);
        self.inner.policies.prepare(cx, &mut resource);
        // Policies run before the defaults are assigned, so that a policy sees which attributes the client left out.
        resource.assign_defaults();
        self.settle_references(cx, None, &mut resource, own, tolerance).await?;
        let now = self.inner.clock.now();
        resource.set_times(Some(now), now);
        Ok(Prepared { permit, resource, given })
    }

    /// Returns the change that creates the resource with this id, if the rules and the policies allow it.
    pub(super) fn create_change(&self, cx: &Context, prepared: Prepared, id: Text) -> Result<Change, Error> {
        let Prepared { permit, mut resource, .. } = prepared;
        resource.root_mut().insert(AttributeId::ID, Value::String(id));
        judge(None, &resource)?;
        self.check_size(cx, None, &resource)?;
        self.review(cx, &permit, None, Some(&resource))?;
        Ok(Change::Create { entry: Entry::new(resource) })
    }

    /// Replaces a resource (RFC 7644 §3.5.1). An attribute without a value in `resource` is unassigned, unless it is
    /// read-only, immutable or write-only or has a [default](crate::schema::Attribute::default_value).
    ///
    /// # Errors
    ///
    /// 404 if the resource does not exist (a replacement does not create it); 412 if the precondition does not hold;
    /// 400 `mutability` if an immutable value would change; otherwise as [`ServiceProvider::create`].
    pub async fn replace(
        &self,
        cx: &Context,
        id: &str,
        resource: Resource,
        options: &Options,
    ) -> Result<Answer, Error> {
        let permit = self.permit(cx, Action::Replace, resource.kind())?;
        let mut tolerance = Tolerance::new(self.quirks());
        let mut resource = resource;
        rest(&resource).await;
        permit.read(&mut resource, &mut tolerance)?;
        let view = self.view(cx, &permit, options, &mut tolerance)?.showing(&present_on_request(&resource));
        for _ in 0..=self.limits().write_retries {
            let before = self.existing(cx, &permit, id, &options.precondition, &Wanted::everything()).await?;
            charge_bytes(cx, &before.resource)?;
            // Clones `resource`, since another attempt may need it.
            let after = before.resource.replaced_by(resource.clone());
            let mut after = permit.kept(&before.resource, after);
            self.settle_references(cx, Some(&before.resource), &mut after, &Created::new(), &mut tolerance).await?;
            rest(&after).await;
            judge(Some(&before.resource), &after)?;
            self.check_size(cx, Some(&before.resource), &after)?;
            self.review(cx, &permit, Some(&before.resource), Some(&after))?;
            let after = if after == *before.resource { None } else { Some(after) };
            rest(&before.resource).await;
            if let Some(written) = self.write(cx, &permit.kind, &before, after, &[]).await? {
                let changed = written.version != before.version;
                return self.answer(cx, written, view, &tolerance, changed).await;
            }
        }
        Err(contention())
    }

    /// Changes a part of a resource (RFC 7644 §3.5.2). Either all operations of the patch take effect or none of them
    /// does.
    ///
    /// A patch that only adds or removes values of a list of references, such as the members of a group, is committed
    /// as an edit of those values, without reading the list.
    ///
    /// # Errors
    ///
    /// 404 if the resource does not exist; 412 if the precondition does not hold; 400 with the `scimType` of
    /// [`PatchError`](crate::patch::PatchError); otherwise as [`ServiceProvider::create`].
    pub async fn patch(
        &self,
        cx: &Context,
        kind: &Arc<ResourceType>,
        id: &str,
        patch: &Patch,
        options: &Options,
    ) -> Result<Answer, Error> {
        let permit = self.permit(cx, Action::Patch, kind)?;
        let mut tolerance = Tolerance::new(self.quirks());
        let view = self.view(cx, &permit, options, &mut tolerance)?;
        if let Some(membership) = patch.membership(&permit.view, self.limits(), &mut tolerance)?
            && !permit.looks_at(membership.attribute)
        {
            return self.edit_values(cx, &permit, id, membership, options, view, tolerance).await;
        }
        let cx = &*self.metered(cx);
        let untouched = self.untouched_lists(&permit, patch, &tolerance);
        for _ in 0..=self.limits().write_retries {
            let before = self.existing(cx, &permit, id, &options.precondition, &Wanted::without(&untouched)).await?;
            charge_bytes(cx, &before.resource)?;
            let seen = permit.seen(&before.resource);
            let after = self.apply(cx, patch, &seen, &mut tolerance).await?;
            let mut after = after.map(|after| permit.kept(&before.resource, after));
            let mut requested = Vec::new();
            if let Some(after) = &mut after {
                rest(after).await;
                self.settle_references(cx, Some(&before.resource), after, &Created::new(), &mut tolerance).await?;
                rest(after).await;
                judge(Some(&before.resource), after)?;
                self.check_size(cx, Some(&before.resource), after)?;
                requested = changed_on_request(&before.resource, after);
            }
            self.review(cx, &permit, Some(&before.resource), Some(after.as_ref().unwrap_or(&before.resource)))?;
            if let Some(mut written) = self.write(cx, &permit.kind, &before, after, &untouched).await? {
                let changed = written.version != before.version;
                let view = view.showing(&requested);
                if untouched.iter().any(|list| view.projection.includes(*list)) {
                    written = self.shown(cx, &permit, id, options, &view).await?;
                }
                return self.answer(cx, written, view, &tolerance, changed).await;
            }
        }
        Err(contention())
    }

    /// Applies a patch and charges its work to the request. Other tasks may run between two operations.
    async fn apply(
        &self,
        cx: &Context,
        patch: &Patch,
        before: &Resource,
        tolerance: &mut Tolerance,
    ) -> Result<Option<Resource>, Error> {
        let alone = Work::new(self.limits().work);
        let mut application = Application::new(before, self.limits(), tolerance, cx.work().unwrap_or(&alone));
        for (index, operation) in patch.operations().iter().enumerate() {
            application.step(index, operation)?;
            cx.pause().await;
        }
        rest(before).await;
        Ok(application.finish()?)
    }

    /// Refuses a resource that is too large to be read together with others. Its lists of references do not count,
    /// since an answer can leave them out. A resource that already exceeds the limit may change if it does not grow.
    fn check_size(&self, cx: &Context, before: Option<&Resource>, after: &Resource) -> Result<(), Error> {
        let limit = self.limits().answer / Limits::RESOURCES;
        let size_after = charge_bytes(cx, after)?.saturating_sub(after.size_of_lists());
        let size = |resource: &Resource| resource.size().saturating_sub(resource.size_of_lists());
        if size_after <= limit || before.is_some_and(|before| size(before) >= size_after) {
            return Ok(());
        }
        let detail = format!("expected a resource of at most {limit} bytes without its lists of references");
        Err(Error::bad(ScimType::TooMany, detail))
    }

    /// Returns the context with a meter for the work of the request. Operations that share a request share the meter.
    pub(crate) fn metered<'c>(&self, cx: &'c Context) -> Cow<'c, Context> {
        match cx.work() {
            Some(_) => Cow::Borrowed(cx),
            None => Cow::Owned(cx.metered(Arc::new(Meter::new(self.limits())))),
        }
    }

    /// Returns the lists of references that neither the patch nor the caller's scope uses, if the store can leave
    /// them unchanged.
    fn untouched_lists(&self, permit: &Permit, patch: &Patch, tolerance: &Tolerance) -> Vec<AttributeId> {
        // A policy reviews the resource with all its lists.
        if !self.inner.store.capabilities().partial || !self.inner.policies.is_empty() {
            return Vec::new();
        }
        permit.unused(&patch.untouched_lists(&permit.view, self.limits(), tolerance))
    }

    /// Reads the resource for the answer to a write that did not read all of its lists. The answer shows no resource
    /// if a list has more than [`Limits::members_in_answer`](crate::Limits::members_in_answer) values, unless the
    /// client names attributes (RFC 7644 §3.5.2), or if the request has no work left for the read.
    pub(super) async fn shown(
        &self,
        cx: &Context,
        permit: &Permit,
        id: &str,
        options: &Options,
        view: &View,
    ) -> Result<Stored, Error> {
        let hidden = permit.unused(&view.hidden_lists(&permit.kind));
        let limit = if options.attributes.is_empty() { self.limits().members_in_answer } else { usize::MAX };
        let wanted = Wanted::without(&hidden).limit(limit);
        match self.existing(cx, permit, id, &Precondition::default(), &wanted).await {
            Err(error) if error.scim_type() == Some(ScimType::TooMany) => {
                let kind = &permit.kind;
                let lists = permit.unused(kind.reference_lists());
                let found = self.read_written(cx, Key { kind, id }, &Wanted::without(&lists)).await?;
                let found = found.ok_or_else(|| Error::no_resource(kind.name()))?;
                permit.check_found(&found.resource)?;
                Ok(Stored { complete: false, ..found })
            }
            shown => shown,
        }
    }

    /// Deletes a resource and every reference to it in the lists of other resources (RFC 7644 §3.6).
    ///
    /// # Errors
    ///
    /// 404 if the resource does not exist, or no longer exists; 412 if the precondition does not hold.
    pub async fn delete(
        &self,
        cx: &Context,
        kind: &Arc<ResourceType>,
        id: &str,
        precondition: &Precondition,
    ) -> Result<(), Error> {
        let permit = self.permit(cx, Action::Delete, kind)?;
        for _ in 0..=self.limits().write_retries {
            let reviewed = self.review_as_is(cx, &permit, id, None).await?;
            let expect = match &reviewed {
                // Deletes the reviewed version only.
                Some(seen) if precondition.holds(&seen.version) => Expect::Version(seen.version.clone()),
                Some(_) => return Err(Error::precondition()),
                None => self.expectation(cx, &permit, id, precondition).await?,
            };
            let again = matches!(expect, Expect::Version(_)) && precondition.is_indifferent();
            let before = reviewed.map(|seen| seen.resource);
            let change = self.delete_change(&permit.kind, id.into(), expect, before);
            match self.commit_one(cx, change).await {
                Ok(_) => return Ok(()),
                Err(StoreError::Busy) => cx.count_retry(),
                Err(StoreError::VersionMismatch { .. }) if again => cx.count_retry(),
                Err(error) => return Err(refused(&permit.kind, error)),
            }
        }
        Err(contention())
    }

    /// Returns the change that deletes a resource. `before` is the stored resource, if it has been read.
    pub(super) fn delete_change(
        &self,
        kind: &Arc<ResourceType>,
        id: Text,
        expect: Expect,
        before: Option<Arc<Resource>>,
    ) -> Change {
        Change::Delete { kind: Arc::clone(kind), id, expect, at: self.inner.clock.now(), before }
    }

    /// Asks the policies about a change that is committed without reading the resource: an edit of one list of
    /// references, or a deletion if `edit` is `None`. Reads the resource for the policies and returns the reviewed
    /// state; returns `None` without reading if there are no policies.
    pub(super) async fn review_as_is(
        &self,
        cx: &Context,
        permit: &Permit,
        id: &str,
        edit: Option<(AttributeId, &ValueEdit)>,
    ) -> Result<Option<Stored>, Error> {
        if self.inner.policies.is_empty() {
            return Ok(None);
        }
        let lists = permit.unused(permit.kind.reference_lists());
        let wanted = Wanted::without(&lists);
        let stored = self.existing(cx, permit, id, &Precondition::default(), &wanted).await?;
        let before = Some(&*stored.resource);
        let proposal = Proposal { action: permit.action, kind: &permit.kind, before, after: None, edit };
        self.inner.policies.review(cx, &proposal)?;
        Ok(Some(stored))
    }

    /// Returns the state that the commit must find for the precondition to hold. Reads the resource only if the store
    /// cannot check the precondition itself.
    pub(super) async fn expectation(
        &self,
        cx: &Context,
        permit: &Permit,
        id: &str,
        precondition: &Precondition,
    ) -> Result<Expect, Error> {
        if precondition.is_indifferent() {
            return Ok(Expect::Exists);
        }
        if let Some(version) = precondition.only() {
            return Ok(Expect::Version(version));
        }
        let lists = permit.unused(permit.kind.reference_lists());
        let wanted = Wanted::without(&lists);
        Ok(Expect::Version(self.existing(cx, permit, id, precondition, &wanted).await?.version))
    }

    /// Commits the change from `before` to `after`; `after` is `None` if nothing changes. Returns `None` if another
    /// writer was faster or the store was busy.
    async fn write(
        &self,
        cx: &Context,
        kind: &Arc<ResourceType>,
        before: &Stored,
        after: Option<Resource>,
        kept: &[AttributeId],
    ) -> Result<Option<Stored>, Error> {
        let Some(mut after) = after else { return Ok(Some(before.clone())) };
        rest(&after).await;
        // The clocks of several machines differ. `meta.lastModified` must not go backward.
        let now = self.inner.clock.now();
        after.set_times(None, before.resource.last_modified().map_or(now, |before| before.max(now)));
        let entry = Entry::new(after).keeping(kept.to_vec());
        let resource = Arc::clone(&entry.resource);
        let change = Change::Replace {
            entry,
            expect: Expect::Version(before.version.clone()),
            before: Arc::clone(&before.resource),
        };
        match self.commit_one(cx, change).await {
            // The store kept its value, for example a list that differs only in its order. The answer shows the
            // stored value.
            Ok(Done { changed: false, .. }) => Ok(Some(before.clone())),
            Ok(Done { version, .. }) => {
                let version: Version = version.ok_or_else(|| broken_store("a replace gives a version"))?;
                Ok(Some(Stored::new(resource, version)))
            }
            Err(StoreError::VersionMismatch { .. } | StoreError::Busy) => {
                cx.count_retry();
                Ok(None)
            }
            Err(error) => Err(refused(kind, error)),
        }
    }

    /// Returns the resource, if it exists for the caller (otherwise 404) and the precondition holds for its version
    /// (otherwise 412).
    pub(super) async fn existing(
        &self,
        cx: &Context,
        permit: &Permit,
        id: &str,
        precondition: &Precondition,
        wanted: &Wanted<'_>,
    ) -> Result<Stored, Error> {
        let kind = &permit.kind;
        let found = self.read(cx, Key { kind, id }, wanted).await?;
        let found = found.ok_or_else(|| Error::no_resource(kind.name()))?;
        permit.check_found(&found.resource)?;
        if precondition.holds(&found.version) { Ok(found) } else { Err(Error::precondition()) }
    }

    /// Returns the answer, with the derived attributes of the resource and the names in its references.
    pub(super) async fn answer(
        &self,
        cx: &Context,
        stored: Stored,
        view: View,
        tolerance: &Tolerance,
        changed: bool,
    ) -> Result<Answer, Error> {
        rest(&stored.resource).await;
        let kind = Arc::clone(stored.resource.kind());
        let shows = |attribute| view.shows(attribute);
        let mut stored = stored;
        let derived = match self.derive(cx, &kind, &[stored.resource.id()], shows).await {
            Ok(mut derived) => derived.pop().unwrap_or_default(),
            // The write has happened. Without its derived lists the resource would seem to have none, so show no
            // resource.
            Err(error) if changed && error.scim_type() == Some(ScimType::TooMany) => {
                stored.complete = false;
                Vec::new()
            }
            Err(error) => return Err(error),
        };
        let displays = match self.names(cx, &kind, &[&*stored.resource], shows).await {
            Ok(mut displays) => displays.pop().unwrap_or_default(),
            // The write has happened. If the client got an error, it would repeat the request and create, for
            // example, a second group. An answer without names is better.
            Err(_) if changed => Vec::new(),
            Err(error) => return Err(error),
        };
        rest(&stored.resource).await;
        Ok(Answer { row: Row { stored, derived, displays }, view, quirks: tolerance.applied(), changed })
    }

    /// Returns the view of the client on resources of this type: its projection and the base URL.
    pub(super) fn view(
        &self,
        cx: &Context,
        permit: &Permit,
        options: &Options,
        tolerance: &mut Tolerance,
    ) -> Result<View, Error> {
        let projection = Projection::new(&permit.view, &options.attributes, &options.excluded_attributes, tolerance)?;
        let base = self.inner.base.of(cx.tenant());
        Ok(View { registry: self.registry().clone(), base: base.into(), projection, written: !options.in_bulk })
    }
}

/// Returns the attributes with `returned: request` for which the client sent a value. Such a value counts as a
/// request for the attribute (RFC 7643 §7).
fn present_on_request(resource: &Resource) -> Vec<AttributeId> {
    on_request(resource.kind()).filter(|attribute| !resource.values_of(*attribute).is_empty()).collect()
}

/// Returns the attributes with `returned: request` that a patch changed.
fn changed_on_request(before: &Resource, after: &Resource) -> Vec<AttributeId> {
    on_request(after.kind()).filter(|attribute| before.values_of(*attribute) != after.values_of(*attribute)).collect()
}

fn on_request(kind: &ResourceType) -> impl Iterator<Item = AttributeId> {
    kind.attributes().filter(|attribute| kind.attribute(*attribute).return_rule() == Returned::Request)
}
