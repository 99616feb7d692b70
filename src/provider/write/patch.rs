//! Patching a resource (RFC 7644 §3.5.2).

use super::requested::changed_on_request;
use crate::{
    error::Error,
    limits::Work,
    patch::{Application, Patch},
    provider::{
        access::Action,
        answer::Answer,
        call::Call,
        options::{Options, Precondition},
        rest::rest,
        retry::Failed,
        service_provider::ServiceProvider,
        storage::charge_bytes,
        type_ref::ResourceTypeRef,
    },
    quirks::Reading,
    resource::Resource,
    schema::AttributeId,
    store::{RequestContext, RequestedAttributes, Store, Stored},
};

/// The outcome of an attempt to patch a resource.
struct PatchOutcome {
    written: Stored,
    /// Whether the patch changed the resource.
    changed: bool,
    /// The attributes with `returned: request` that the patch changed.
    requested: Vec<AttributeId>,
}

impl<S: Store> ServiceProvider<S> {
    /// Changes a part of a resource (RFC 7644 §3.5.2). Either all operations of the patch take effect or none of them
    /// does.
    ///
    /// A patch that only adds or removes values of a list of references, such as the members of a group, is committed
    /// as an edit of those values, without reading the list. If the patch [adopts](crate::provider::AdoptionRule) the
    /// resource, the list is read once and written together with the mark.
    ///
    /// # Errors
    ///
    /// 404 if the resource does not exist; 412 if the precondition does not hold; 400 with the `scimType` of
    /// [`PatchError`](crate::patch::PatchError); otherwise as [`ServiceProvider::create`].
    pub async fn patch(
        &self,
        context: &RequestContext,
        resource_type: impl Into<ResourceTypeRef<'_>>,
        id: &str,
        patch: &Patch,
        options: &Options,
    ) -> Result<Answer, Error> {
        let mut call = self.call(context, Action::Patch, resource_type.into())?;
        let view = self.view(&mut call, options)?;
        if let Some(membership) =
            patch.membership(&call.permit.view, Reading::new(self.limits(), &mut call.tolerance))?
            && !call.permit.looks_at(membership.attribute)
            && !self.is_adoption(&call, id).await?
        {
            return self.edit_values(call, id, membership, options, view).await;
        }
        let context = &*self.metered(context);
        let mut call = call.with_context(context);
        let untouched = self.untouched_lists(&call, patch);
        let mut attempts = self.attempts();
        loop {
            match self.try_patch(&mut call, id, patch, &options.precondition, &untouched).await {
                Ok(PatchOutcome { mut written, changed, requested }) => {
                    let view = view.showing(&requested);
                    if untouched.iter().any(|list| view.projection.includes(*list)) {
                        let known = changed.then(|| written.clone());
                        written = self.shown(&call, id, options, &view, known).await?;
                    }
                    return self.answer(&call, written, view, changed).await;
                }
                Err(failed) => attempts.again(context, failed)?,
            }
        }
    }

    async fn try_patch(
        &self,
        call: &mut Call<'_>,
        id: &str,
        patch: &Patch,
        precondition: &Precondition,
        untouched: &[AttributeId],
    ) -> Result<PatchOutcome, Failed> {
        let before = self.existing(call, id, precondition, &RequestedAttributes::without(untouched)).await?;
        charge_bytes(call.context, &before.resource)?;
        let seen = call.permit.seen(&before.resource);
        let after = self.apply(call, patch, &seen).await?;
        let mut after = after.map(|after| call.permit.kept(&before.resource, after));
        let mut requested = Vec::new();
        if let Some(after) = &mut after {
            rest(after).await;
            if call.permit.hides_nothing() {
                // The patch has judged this very state, except for the references that are settled now.
                self.settle_lists(call, &before.resource, after).await?;
            } else {
                self.settle(call, &before.resource, after).await?;
            }
            requested = changed_on_request(&before.resource, after);
        }
        let handover = self.adopt(call, &before.resource, &mut after);
        self.review(call, Some(&before.resource), Some(after.as_ref().unwrap_or(&before.resource)))?;
        let written = self.write(call.context, &before, after, untouched, handover).await?;
        let changed = written.version != before.version;
        Ok(PatchOutcome { written, changed, requested })
    }

    /// Returns whether a change of the resource adopts it, so that an edit of one list is not enough.
    async fn is_adoption(&self, call: &Call<'_>, id: &str) -> Result<bool, Error> {
        if !call.permit.adopts {
            return Ok(false);
        }
        let lists = call.permit.unused(call.permit.resource_type.reference_lists());
        let requested = RequestedAttributes::without(&lists);
        let before = self.existing(call, id, &Precondition::default(), &requested).await?;
        Ok(self.adopt(call, &before.resource, &mut None).is_some())
    }

    /// Applies a patch and charges its work to the request. Other tasks may run between two operations.
    async fn apply(&self, call: &mut Call<'_>, patch: &Patch, before: &Resource) -> Result<Option<Resource>, Error> {
        let Call { context, tolerance, .. } = call;
        let alone = Work::new(self.limits().work);
        let mut after = before.clone();
        let mut application =
            Application::new(&mut after, Reading::new(self.limits(), tolerance), context.work().unwrap_or(&alone));
        for (index, operation) in patch.operations().iter().enumerate() {
            application.step(index, operation)?;
            context.pause().await;
        }
        rest(before).await;
        Ok(application.finish()?.then_some(after))
    }

    /// Returns the lists of references that neither the patch nor the caller's scope uses, if the store can leave
    /// them unchanged.
    fn untouched_lists(&self, call: &Call<'_>, patch: &Patch) -> Vec<AttributeId> {
        // A policy reviews the resource with all its lists.
        if !self.inner.store.capabilities().partial || !self.inner.policies.is_empty() {
            return Vec::new();
        }
        call.permit.unused(&patch.untouched_lists(&call.permit.view, self.limits(), &call.tolerance))
    }
}
