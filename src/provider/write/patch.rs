//! Patching a resource (RFC 7644 §3.5.2).

use std::sync::Arc;

use super::requested::changed_on_request;
use crate::{
    error::Error,
    limits::Work,
    patch::{Application, Patch},
    provider::{
        access::{Action, Permit},
        answer::Answer,
        failure::contention,
        options::Options,
        reference::Created,
        rest::rest,
        service_provider::ServiceProvider,
        storage::charge_bytes,
    },
    quirks::Tolerance,
    resource::{Resource, judge},
    schema::{AttributeId, ResourceType},
    store::{Context, Store, Wanted},
};

impl<S: Store> ServiceProvider<S> {
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

    /// Returns the lists of references that neither the patch nor the caller's scope uses, if the store can leave
    /// them unchanged.
    fn untouched_lists(&self, permit: &Permit, patch: &Patch, tolerance: &Tolerance) -> Vec<AttributeId> {
        // A policy reviews the resource with all its lists.
        if !self.inner.store.capabilities().partial || !self.inner.policies.is_empty() {
            return Vec::new();
        }
        permit.unused(&patch.untouched_lists(&permit.view, self.limits(), tolerance))
    }
}
