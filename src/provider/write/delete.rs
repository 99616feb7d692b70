//! Deleting a resource (RFC 7644 §3.6).

use std::sync::Arc;

use crate::{
    error::Error,
    provider::{
        access::Action,
        failure::{contention, refused},
        options::Precondition,
        service_provider::ServiceProvider,
    },
    resource::Resource,
    schema::ResourceType,
    store::{Change, Context, Expect, Store, StoreError},
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
    pub(in crate::provider) fn delete_change(
        &self,
        kind: &Arc<ResourceType>,
        id: Text,
        expect: Expect,
        before: Option<Arc<Resource>>,
    ) -> Change {
        Change::Delete { kind: Arc::clone(kind), id, expect, at: self.inner.clock.now(), before }
    }
}
