//! Creating a resource (RFC 7644 §3.3).

use std::sync::Arc;

use super::requested::present_on_request;
use crate::{
    error::Error,
    provider::{
        access::Action,
        answer::Answer,
        call::Call,
        failure::{broken_store, contention, refused},
        options::Options,
        reference::Created,
        rest::{has_long_list, rest, rest_if},
        retry::Failed,
        service_provider::ServiceProvider,
    },
    resource::Resource,
    schema::AttributeId,
    store::{Change, Entry, RequestContext, Store, StoreError, Stored},
    value::Text,
};

/// A resource that is about to be created and has no id yet.
pub(in crate::provider) struct Prepared {
    resource: Resource,
    /// The attributes with `returned: request` for which the client sent a value.
    given: Vec<AttributeId>,
}

impl<S: Store> ServiceProvider<S> {
    /// Creates a resource (RFC 7644 §3.3). The core assigns the id, `meta.created` and `meta.lastModified`
    /// (RFC 7643 §3.1), whatever values `resource` has. The id is new, unless the store
    /// [restores](crate::store::Store::id_of_new) a deleted resource. An attribute without a value gets its
    /// [default](crate::schema::Attribute::with_default_value).
    ///
    /// # Errors
    ///
    /// 400 if a required value is missing, a rule of the schema is broken, or a list refers to a resource that does
    /// not exist; 400 `tooMany` if the resource is larger than [`Limits::answer`](crate::limits::Limits::answer) allows; 409
    /// `uniqueness` if another resource has the same value of a unique attribute; errors that the store reports.
    pub async fn create(
        &self,
        context: &RequestContext,
        resource: Resource,
        options: &Options,
    ) -> Result<Answer, Error> {
        let mut call = self.call(context, Action::Create, resource.resource_type().into())?;
        rest(&resource).await;
        let mut prepared = self.prepare_create(&mut call, resource, &Created::new()).await?;
        let is_long = has_long_list(&prepared.resource);
        rest_if(is_long).await;
        let view = self.view(&mut call, options)?.showing(&prepared.given);
        let mut attempts = self.attempts();
        loop {
            let id = self.id_for(context, &prepared.resource).await?;
            let change = self.create_change(&call, prepared, id)?;
            let Change::Create(entry) = &change else { return Err(contention()) };
            let created = Arc::clone(&entry.resource);
            rest_if(is_long).await;
            match self.commit_one(context, change).await {
                Ok(done) => {
                    let version = done.version.ok_or_else(|| broken_store("a create gives a version"))?;
                    let mut stored = Stored::new(created, version);
                    if done.has_other_values {
                        // The write has happened. After an error the client would repeat the request and be told of a
                        // conflict with its own resource; the written values are better.
                        stored = match self.stored_again(context, &stored, &[]).await {
                            Ok(found) if found.complete => found,
                            _ => stored,
                        };
                    }
                    return self.answer(&call, stored, view, true).await;
                }
                // The client did not cause the failure. With random ids a collision is so unlikely that the copy does
                // not matter.
                Err(StoreError::Busy | StoreError::NotUnique { attribute: AttributeId::ID }) => {
                    attempts.again(context, Failed::LostRace)?;
                    let mut resource = (*created).clone();
                    resource.remove_identity();
                    prepared = Prepared { resource, given: Vec::new() };
                }
                Err(error) => return Err(refused(&call.permit.resource_type, error)),
            }
        }
    }

    /// Does the part of a creation that needs no id: lets the policies set values, assigns the defaults, and checks the
    /// references. `own` contains the resources that the same request creates; references may point to these resources.
    pub(in crate::provider) async fn prepare_create(
        &self,
        call: &mut Call<'_>,
        mut resource: Resource,
        own: &Created,
    ) -> Result<Prepared, Error> {
        call.permit.read(&mut resource, &mut call.tolerance)?;
        let given = present_on_request(&resource);
        self.inner.policies.prepare(call.context, &mut resource);
        // Policies run before the defaults are assigned, so that a policy sees which attributes the client left out.
        resource.assign_defaults();
        self.settle_references(call, None, &mut resource, own).await?;
        Ok(Prepared { resource, given })
    }

    /// Returns the change that creates the resource with this id at this time, if the rules and the policies allow it.
    pub(in crate::provider) fn create_change(
        &self,
        call: &Call<'_>,
        prepared: Prepared,
        id: Text,
    ) -> Result<Change, Error> {
        let mut resource = prepared.resource;
        resource.set_identity(id, self.inner.clock.now());
        self.accept(call.context, None, &resource)?;
        self.review(call, None, Some(&resource))?;
        Ok(Change::Create(Entry::new(resource)))
    }
}
