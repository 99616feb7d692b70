//! The steps that the ways of writing share: the check of a new state, the review of a change that is committed without
//! reading the resource, the commit of a new state, and the read of the written resource for the answer.

use std::sync::Arc;

use crate::{
    error::{Error, ScimType},
    limits::Limits,
    patch::ValueEdit,
    provider::{
        access::Proposal,
        answer::View,
        call::Call,
        failure::{broken_store, refused},
        options::{Options, Precondition},
        reference::Created,
        rest::rest,
        retry::Failed,
        service_provider::ServiceProvider,
        storage::charge_bytes,
    },
    resource::{Resource, judge, judge_changes},
    schema::AttributeId,
    store::{
        Change, ChangeOutcome, Entry, Expect, Handover, Key, Replacement, RequestContext, RequestedAttributes, Store,
        StoreError, Stored, Version,
    },
};

impl<S: Store> ServiceProvider<S> {
    /// Settles the references of a resource that replaces `before`, and refuses the resource if it breaks a rule of its
    /// schema or is too large.
    pub(super) async fn settle(
        &self,
        call: &mut Call<'_>,
        before: &Resource,
        after: &mut Resource,
    ) -> Result<(), Error> {
        self.settle_references(call, Some(before), after, &Created::new()).await?;
        rest(after).await;
        self.accept(call.context, Some(before), after)
    }

    /// Settles the references of a resource that replaces `before`, and refuses the resource if its lists of references
    /// break a rule, or if it is too large. The rest of the resource has been judged.
    pub(super) async fn settle_lists(
        &self,
        call: &mut Call<'_>,
        before: &Resource,
        after: &mut Resource,
    ) -> Result<(), Error> {
        let resource_type = Arc::clone(&call.permit.resource_type);
        if !resource_type.reference_lists().is_empty() {
            self.settle_references(call, Some(before), after, &Created::new()).await?;
            rest(after).await;
            let lists = resource_type.reference_lists().iter().map(|list| (*list, before.root().get(*list)));
            judge_changes(&resource_type, lists, after.root())?;
        }
        self.check_size(call.context, Some(before), after)
    }

    /// Refuses a resource that breaks a rule of its schema or is too large.
    pub(super) fn accept(
        &self,
        context: &RequestContext,
        before: Option<&Resource>,
        after: &Resource,
    ) -> Result<(), Error> {
        judge(before, after)?;
        self.check_size(context, before, after)
    }

    /// Refuses a resource that is too large to be read together with others. Its lists of references do not count,
    /// since an answer can leave them out. A resource that already exceeds the limit may change if it does not grow.
    pub(super) fn check_size(
        &self,
        context: &RequestContext,
        before: Option<&Resource>,
        after: &Resource,
    ) -> Result<(), Error> {
        let limit = self.limits().answer / Limits::RESOURCES;
        let size_after = charge_bytes(context, after)?.saturating_sub(after.size_of_lists());
        let size = |resource: &Resource| resource.size().saturating_sub(resource.size_of_lists());
        if size_after <= limit || before.is_some_and(|before| size(before) >= size_after) {
            return Ok(());
        }
        let detail = format!("the resource has more than {limit} bytes without its lists of references");
        Err(Error::bad(ScimType::TooMany, detail))
    }

    /// Asks the policies about a change that is committed without reading the resource: an edit of one list of
    /// references, or a deletion if `edit` is `None`. Reads the resource for the policies and returns the reviewed
    /// state; returns `None` without reading if there are no policies.
    pub(super) async fn review_as_is(
        &self,
        call: &Call<'_>,
        id: &str,
        edit: Option<(AttributeId, &ValueEdit)>,
    ) -> Result<Option<Stored>, Error> {
        if self.inner.policies.is_empty() {
            return Ok(None);
        }
        let lists = call.permit.unused(call.permit.resource_type.reference_lists());
        let requested = RequestedAttributes::without(&lists);
        let stored = self.existing(call, id, &Precondition::default(), &requested).await?;
        let before = Some(&*stored.resource);
        let proposal = Proposal {
            action: call.permit.action,
            resource_type: &call.permit.resource_type,
            before,
            after: None,
            edit,
        };
        self.inner.policies.review(call.context, &proposal)?;
        Ok(Some(stored))
    }

    /// Returns the state that the commit must find for the precondition to hold. Reads the resource only if the store
    /// cannot check the precondition itself.
    pub(super) async fn expectation(
        &self,
        call: &Call<'_>,
        id: &str,
        precondition: &Precondition,
    ) -> Result<Expect, Error> {
        if precondition.is_indifferent() {
            return Ok(Expect::Exists);
        }
        if let Some(version) = precondition.only() {
            return Ok(Expect::Version(version));
        }
        let lists = call.permit.unused(call.permit.resource_type.reference_lists());
        let requested = RequestedAttributes::without(&lists);
        Ok(Expect::Version(self.existing(call, id, precondition, &requested).await?.version))
    }

    /// Commits the change from `before` to `after`; `after` is `None` if nothing changes. After
    /// [`Failed::LostRace`] the change must be computed again from the new state.
    pub(in crate::provider) async fn write(
        &self,
        context: &RequestContext,
        before: &Stored,
        after: Option<Resource>,
        kept: &[AttributeId],
        handover: Option<Handover>,
    ) -> Result<Stored, Failed> {
        let Some(mut after) = after else { return Ok(before.clone()) };
        rest(&after).await;
        // The clocks of several machines differ. `meta.lastModified` must not go backward.
        let now = self.inner.clock.now();
        after.set_times(None, before.resource.last_modified().map_or(now, |before| before.max(now)));
        let entry = Entry::new(after).with_kept(kept.to_vec()).with_handover(handover);
        let resource = Arc::clone(&entry.resource);
        let change = Change::Replace(Replacement {
            entry,
            expect: Expect::Version(before.version.clone()),
            before: Arc::clone(&before.resource),
        });
        match self.commit_one(context, change).await {
            // The store kept its value, for example a list that differs only in its order. The answer shows the
            // stored value.
            Ok(ChangeOutcome { changed: false, .. }) => Ok(before.clone()),
            Ok(ChangeOutcome { version, has_other_values, .. }) => {
                let version: Version = version.ok_or_else(|| broken_store("a replace gives a version"))?;
                let stored = Stored::new(resource, version);
                if !has_other_values {
                    return Ok(stored);
                }
                // The write has happened. After an error the client would repeat the request; an answer without values
                // is better.
                let found = self.stored_again(context, &stored, kept).await;
                Ok(found.unwrap_or(Stored { complete: false, ..stored }))
            }
            Err(StoreError::VersionMismatch { .. } | StoreError::Busy) => Err(Failed::LostRace),
            Err(error) => Err(refused(before.resource.resource_type(), error).into()),
        }
    }

    /// Reads a resource of which the store keeps other values than those of `written`. The write has happened: if the
    /// resource is gone already, the answer shows the written values.
    pub(super) async fn stored_again(
        &self,
        context: &RequestContext,
        written: &Stored,
        kept: &[AttributeId],
    ) -> Result<Stored, Error> {
        let resource_type = written.resource.resource_type();
        let key = Key { resource_type, id: written.resource.id() };
        let found = self.read_written(context, key, &RequestedAttributes::without(kept)).await?;
        Ok(found.unwrap_or_else(|| written.clone()))
    }

    /// Reads the resource for the answer to a write that did not read all of its lists. `written` is the state that the
    /// write gave, without these lists, if the write changed the resource. The answer shows no resource if a list has more
    /// than [`Limits::members_in_answer`](crate::limits::Limits::members_in_answer) values, unless the client names
    /// attributes (RFC 7644 §3.5.2); if the request has no work left for the read; or if the read fails after the change.
    pub(super) async fn shown(
        &self,
        call: &Call<'_>,
        id: &str,
        options: &Options,
        view: &View,
        written: Option<Stored>,
    ) -> Result<Stored, Error> {
        match (self.try_shown(call, id, options, view).await, written) {
            // A resource that is deleted by now gives 404, as any later request does.
            (Err(error), Some(written)) if error.status() != 404 => Ok(Stored { complete: false, ..written }),
            (shown, _) => shown,
        }
    }

    async fn try_shown(&self, call: &Call<'_>, id: &str, options: &Options, view: &View) -> Result<Stored, Error> {
        let hidden = call.permit.unused(&view.hidden_lists(&call.permit.resource_type));
        let limit = if options.attributes.is_empty() { self.limits().members_in_answer } else { usize::MAX };
        let requested = RequestedAttributes::without(&hidden).with_list_limit(limit);
        match self.existing(call, id, &Precondition::default(), &requested).await {
            Err(error) if error.scim_type() == Some(ScimType::TooMany) => {
                let resource_type = &call.permit.resource_type;
                let lists = call.permit.unused(resource_type.reference_lists());
                let found = self
                    .read_written(call.context, Key { resource_type, id }, &RequestedAttributes::without(&lists))
                    .await?;
                let found = found.ok_or_else(|| Error::no_resource(resource_type.name()))?;
                call.permit.check_found(&found.resource)?;
                Ok(Stored { complete: false, ..found })
            }
            shown => shown,
        }
    }
}
