//! Replacing a resource (RFC 7644 §3.5.1).

use super::requested::present_on_request;
use crate::{
    error::Error,
    provider::{
        access::Action, answer::Answer, failure::contention, options::Options, reference::Created, rest::rest,
        service_provider::ServiceProvider, storage::charge_bytes,
    },
    quirks::Tolerance,
    resource::{Resource, judge},
    store::{Context, Store, Wanted},
};

impl<S: Store> ServiceProvider<S> {
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
}
