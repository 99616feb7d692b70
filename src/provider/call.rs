//! One operation of a caller on resources of one type, as the policies permit it.

use std::sync::Arc;

use super::{
    access::{Action, Permit, Proposal},
    service_provider::ServiceProvider,
    type_ref::ResourceTypeRef,
};
use crate::{
    error::Error,
    quirks::Tolerance,
    resource::Resource,
    schema::ResourceType,
    store::{Handover, RequestContext, Store},
};

/// One operation of a caller on resources of one type: the parameters that every step of the operation shares.
pub(super) struct Call<'c> {
    pub(super) context: &'c RequestContext,
    pub(super) permit: Permit,
    /// The quirks that are tolerated, and those that the operation has met.
    pub(super) tolerance: Tolerance,
}

impl<'c> Call<'c> {
    /// Returns the same operation under another context.
    pub(super) fn with_context<'d>(self, context: &'d RequestContext) -> Call<'d>
    where
        'c: 'd,
    {
        Call { context, ..self }
    }
}

impl<S: Store> ServiceProvider<S> {
    /// Begins an operation, if the policies permit it.
    pub(super) fn call<'c>(
        &self,
        context: &'c RequestContext,
        action: Action,
        resource_type: ResourceTypeRef<'_>,
    ) -> Result<Call<'c>, Error> {
        let permit = self.permit(context, action, resource_type.find(self.registry())?)?;
        Ok(Call { context, permit, tolerance: Tolerance::new(self.quirks()) })
    }

    /// Asks the policies whether the caller may perform the action on resources of the type. `resource_type` must be
    /// registered with this service provider, since the ids of attributes have another meaning in another registry.
    pub(super) fn permit(
        &self,
        context: &RequestContext,
        action: Action,
        resource_type: &Arc<ResourceType>,
    ) -> Result<Permit, Error> {
        let is_name = |attribute| self.displays(resource_type).iter().any(|display| display.attribute() == attribute);
        let is_derived = |attribute| self.registry().is_derived(resource_type, attribute) || is_name(attribute);
        self.inner.policies.permit(context, action, Arc::clone(resource_type), is_derived)
    }

    /// Lets the policies adopt the resource, and returns the record of an adoption. An adoption changes the resource even
    /// if the request does not: `after` is `None` if nothing changes.
    pub(super) fn adopt(&self, call: &Call<'_>, before: &Resource, after: &mut Option<Resource>) -> Option<Handover> {
        if !call.permit.adopts {
            return None;
        }
        let mut state = after.clone().unwrap_or_else(|| before.clone());
        if !self.inner.policies.adopt(call.context, before, &mut state) {
            return None;
        }
        *after = Some(state);
        Some(Handover::Adopted)
    }

    /// Checks whether the change may be committed: the new resource must be within the caller's scope, and the
    /// policies must agree.
    pub(super) fn review(
        &self,
        call: &Call<'_>,
        before: Option<&Resource>,
        after: Option<&Resource>,
    ) -> Result<(), Error> {
        if self.inner.policies.is_empty() {
            return Ok(());
        }
        if after.is_some_and(|after| !call.permit.includes(after)) {
            return Err(Error::new(403, "the resource would be outside of what the client may manage"));
        }
        let proposal = Proposal {
            action: call.permit.action,
            resource_type: &call.permit.resource_type,
            before,
            after,
            edit: None,
        };
        self.inner.policies.review(call.context, &proposal)
    }

    /// Returns the caller's permission to read resources of `resource_type` that appear inside another resource; `None`
    /// if reading is refused.
    pub(super) fn met(
        &self,
        context: &RequestContext,
        resource_type: &Arc<ResourceType>,
    ) -> Result<Option<Permit>, Error> {
        match self.permit(context, Action::Read, resource_type) {
            Ok(permit) => Ok(Some(permit)),
            Err(error) if error.status() >= 500 => Err(error),
            Err(_) => Ok(None),
        }
    }
}
