//! Deleting a resource (RFC 7644 §3.6).

use std::sync::Arc;

use crate::{
    error::Error,
    provider::{
        access::Action, call::Call, failure::refused, options::Precondition, retry::Failed,
        service_provider::ServiceProvider, type_ref::ResourceTypeRef,
    },
    resource::Resource,
    schema::ResourceType,
    store::{Change, Deletion, Expect, RequestContext, Store, StoreError},
    value::Text,
};

impl<S: Store> ServiceProvider<S> {
    /// Deletes a resource and every reference to it in the lists of other resources (RFC 7644 §3.6).
    ///
    /// # Errors
    ///
    /// 404 if the resource does not exist, or no longer exists; 412 if the precondition does not hold.
    pub async fn delete(
        &self,
        context: &RequestContext,
        resource_type: impl Into<ResourceTypeRef<'_>>,
        id: &str,
        precondition: &Precondition,
    ) -> Result<(), Error> {
        let call = self.call(context, Action::Delete, resource_type.into())?;
        let mut attempts = self.attempts();
        loop {
            match self.try_delete(&call, id, precondition).await {
                Ok(()) => return Ok(()),
                Err(failed) => attempts.again(context, failed)?,
            }
        }
    }

    async fn try_delete(&self, call: &Call<'_>, id: &str, precondition: &Precondition) -> Result<(), Failed> {
        let resource_type = &call.permit.resource_type;
        let reviewed = self.review_as_is(call, id, None).await?;
        let expect = match &reviewed {
            // Deletes the reviewed version only.
            Some(seen) => {
                precondition.check(&seen.version)?;
                Expect::Version(seen.version.clone())
            }
            None => self.expectation(call, id, precondition).await?,
        };
        let again = matches!(expect, Expect::Version(_)) && precondition.is_indifferent();
        let before = reviewed.map(|seen| seen.resource);
        match self.commit_one(call.context, self.delete_change(resource_type, id.into(), expect, before)).await {
            Ok(_) => Ok(()),
            Err(StoreError::Busy) => Err(Failed::LostRace),
            Err(StoreError::VersionMismatch { .. }) if again => Err(Failed::LostRace),
            Err(error) => Err(refused(resource_type, error).into()),
        }
    }

    /// Returns the change that deletes a resource. `before` is the stored resource, if it has been read.
    pub(in crate::provider) fn delete_change(
        &self,
        resource_type: &Arc<ResourceType>,
        id: Text,
        expect: Expect,
        before: Option<Arc<Resource>>,
    ) -> Change {
        Change::Delete(Deletion {
            resource_type: Arc::clone(resource_type),
            id,
            expect,
            at: self.inner.clock.now(),
            before,
        })
    }
}
