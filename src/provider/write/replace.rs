//! Replacing a resource (RFC 7644 §3.5.1).

use super::requested::present_on_request;
use crate::{
    error::Error,
    provider::{
        access::Action,
        answer::Answer,
        call::Call,
        options::{Options, Precondition},
        rest::rest,
        retry::Failed,
        service_provider::ServiceProvider,
        storage::charge_bytes,
    },
    resource::Resource,
    store::{RequestContext, RequestedAttributes, Store, Stored},
};

impl<S: Store> ServiceProvider<S> {
    /// Replaces a resource (RFC 7644 §3.5.1). An attribute without a value in `resource` is unassigned, unless it is
    /// read-only, immutable or write-only or has a [default](crate::schema::Attribute::with_default_value).
    ///
    /// # Errors
    ///
    /// 404 if the resource does not exist (a replacement does not create it, RFC 7644 §3.2); 412 if the precondition
    /// does not hold; 400 `mutability` if an immutable value would change; otherwise as [`ServiceProvider::create`].
    pub async fn replace(
        &self,
        context: &RequestContext,
        id: &str,
        resource: Resource,
        options: &Options,
    ) -> Result<Answer, Error> {
        let mut call = self.call(context, Action::Replace, resource.resource_type().into())?;
        let mut resource = resource;
        rest(&resource).await;
        call.permit.read(&mut resource, &mut call.tolerance)?;
        let view = self.view(&mut call, options)?.showing(&present_on_request(&resource));
        let mut attempts = self.attempts();
        loop {
            match self.try_replace(&mut call, id, &resource, &options.precondition).await {
                Ok((written, changed)) => return self.answer(&call, written, view, changed).await,
                Err(failed) => attempts.again(context, failed)?,
            }
        }
    }

    /// Returns the resource after the replacement, and whether the replacement changed it.
    async fn try_replace(
        &self,
        call: &mut Call<'_>,
        id: &str,
        resource: &Resource,
        precondition: &Precondition,
    ) -> Result<(Stored, bool), Failed> {
        let before = self.existing(call, id, precondition, &RequestedAttributes::everything()).await?;
        charge_bytes(call.context, &before.resource)?;
        // Clones `resource`, since another attempt may need it.
        let after = before.resource.replaced_by(resource.clone());
        let mut after = call.permit.kept(&before.resource, after);
        self.settle(call, &before.resource, &mut after).await?;
        let mut after = if after == *before.resource { None } else { Some(after) };
        let handover = self.adopt(call, &before.resource, &mut after);
        self.review(call, Some(&before.resource), Some(after.as_ref().unwrap_or(&before.resource)))?;
        rest(&before.resource).await;
        let written = self.write(call.context, &before, after, &[], handover).await?;
        let changed = written.version != before.version;
        Ok((written, changed))
    }
}
