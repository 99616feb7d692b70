//! Reading one resource (RFC 7644 §3.4.1), and the steps of reading that writes and lists share: the stored resource
//! as it exists for the caller, the client's view, and the answer.
//!
//! This file changes nothing in the store.

use std::{iter, slice, sync::Arc};

use super::{
    access::Action,
    answer::{Added, Answer, View},
    call::Call,
    options::{Options, Precondition},
    rest::{has_long_list, rest_if},
    service_provider::ServiceProvider,
    type_ref::ResourceTypeRef,
};
use crate::{
    error::Error,
    resource::Projection,
    store::{Key, RequestContext, RequestedAttributes, Store, Stored},
};

impl<S: Store> ServiceProvider<S> {
    /// Reads a resource (RFC 7644 §3.4.1).
    ///
    /// # Errors
    ///
    /// 404 if the resource does not exist; 412 if the `If-Match` of the precondition does not hold; 400 `tooMany` if
    /// a requested list of references makes the resource larger than [`Limits::answer`](crate::limits::Limits::answer).
    pub async fn get(
        &self,
        context: &RequestContext,
        resource_type: impl Into<ResourceTypeRef<'_>>,
        id: &str,
        options: &Options,
    ) -> Result<Answer, Error> {
        let mut call = self.call(context, Action::Read, resource_type.into())?;
        let view = self.view(&mut call, options)?;
        let hidden = call.permit.unused(&view.hidden_lists(&call.permit.resource_type));
        let anything = Precondition::default();
        let stored = self.existing(&call, id, &anything, &RequestedAttributes::without(&hidden)).await?;
        options.precondition.check_required(&stored.version)?;
        self.answer(&call, stored, view, false).await
    }

    /// Returns the resource, if it exists for the caller (otherwise 404) and the precondition holds for its version
    /// (otherwise 412; RFC 7644 §3.12, §3.14).
    pub(super) async fn existing(
        &self,
        call: &Call<'_>,
        id: &str,
        precondition: &Precondition,
        requested: &RequestedAttributes<'_>,
    ) -> Result<Stored, Error> {
        let resource_type = &call.permit.resource_type;
        let found = self.read(call.context, Key { resource_type, id }, requested).await?;
        let found = found.ok_or_else(|| Error::no_resource(resource_type.name()))?;
        call.permit.check_found(&found.resource)?;
        precondition.check(&found.version)?;
        Ok(found)
    }

    /// Returns the answer, with the derived attributes of the resource and the names in its references. The answer
    /// shows the stored resource, not the request body (RFC 7644 §3.1).
    pub(super) async fn answer(
        &self,
        call: &Call<'_>,
        stored: Stored,
        view: View,
        changed: bool,
    ) -> Result<Answer, Error> {
        let is_long = has_long_list(&stored.resource);
        rest_if(is_long).await;
        let resource_type = Arc::clone(stored.resource.resource_type());
        let shows = |attribute| view.shows(attribute);
        let mut stored = stored;
        let mut added = Added::default();
        if changed && !stored.complete {
            // The answer shows no resource.
            return Ok(Answer { stored, added, view, quirks: call.tolerance.applied(), changed });
        }
        let resources = || iter::once((0, &*stored.resource));
        match self.derive(call.context, &resource_type, resources(), slice::from_mut(&mut added), shows).await {
            Ok(()) => {}
            // The write has happened. Without its derived lists the resource would seem to have none, so show no
            // resource. No other resource refers to a new one; a user whom the store restored or linked may have groups, which
            // the next read shows.
            Err(_) if changed => {
                stored.complete &= call.permit.action == Action::Create;
                added = Added::default();
            }
            Err(error) => return Err(error),
        }
        match self.name_references(call.context, &resource_type, resources(), slice::from_mut(&mut added), shows).await
        {
            Ok(()) => {}
            // The write has happened. If the client got an error, it would repeat the request and create, for
            // example, a second group. An answer without names is better.
            Err(_) if changed => added.displays.clear(),
            Err(error) => return Err(error),
        }
        rest_if(is_long).await;
        Ok(Answer { stored, added, view, quirks: call.tolerance.applied(), changed })
    }

    /// Returns the view of the client on the resource: its projection and the base URL.
    pub(super) fn view(&self, call: &mut Call<'_>, options: &Options) -> Result<View, Error> {
        let view = self.view_with(call, &options.attributes, &options.excluded_attributes)?;
        Ok(View { written: !options.in_bulk, ..view })
    }

    /// Returns the view of the client on resources of the type, with the names of the requested and of the excluded
    /// attributes.
    pub(super) fn view_with(
        &self,
        call: &mut Call<'_>,
        attributes: &[Box<str>],
        excluded: &[Box<str>],
    ) -> Result<View, Error> {
        let Call { context, permit, tolerance } = call;
        let projection = Projection::new(&permit.view, attributes, excluded, tolerance)?;
        let base = self.inner.base.of(context.tenant());
        Ok(View { registry: self.registry().clone(), base, projection, written: true })
    }
}
