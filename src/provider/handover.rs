//! The host's side of adoption: the list of adoptable resources, and the release of a resource.
//!
//! The host calls these functions, for example from its administration. They ask no policy about the caller.

use std::sync::Arc;

use super::{
    access::Ownership,
    failure::{broken_policy, broken_store, too_much_work},
    list::{Plan, STRIDE},
    service_provider::ServiceProvider,
    type_ref::ResourceTypeRef,
};
use crate::{
    error::Error,
    filter::Matcher,
    limits::Work,
    schema::{AttributeId, ResourceType},
    store::{Handover, Key, RequestContext, RequestedAttributes, Scan, Store, Stored, Window},
    value::Text,
};

/// A page of adoptable resources: the result of [`ServiceProvider::adoptable`].
#[derive(Clone, Debug)]
pub struct AdoptablePage {
    resources: Vec<Stored>,
    next: Option<Text>,
}

impl AdoptablePage {
    /// Returns the adoptable resources with their versions, in the order of their ids.
    pub fn resources(&self) -> &[Stored] {
        &self.resources
    }

    /// Returns the id after which the next page begins; `None` on the last page. A page without resources can have a
    /// next page.
    pub fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }
}

impl<S: Store> ServiceProvider<S> {
    /// Lists the resources of a type that the caller `context` could adopt, and changes nothing: a dry run of an
    /// [`AdoptionRule`](crate::provider::AdoptionRule). `context` is the context that the host makes for the client.
    /// `after` is the id after which the page begins, and `count` the maximum number of resources on the page, at most
    /// [`Limits::page_max`](crate::limits::Limits::page_max).
    ///
    /// A call examines at most [`Limits::scan`](crate::limits::Limits::scan) resources. If the store cannot evaluate
    /// the condition, a page can therefore have fewer resources than `count`, even none.
    ///
    /// # Errors
    ///
    /// 404 if the registry has no such resource type; 400 `tooMany` beyond
    /// [`Limits::work`](crate::limits::Limits::work); errors that the store reports.
    ///
    /// ```
    /// # #[cfg(feature = "system")] {
    /// use scim_core::{
    ///     provider::{AdoptionRule, Ownership, ServiceProvider, UnownedResources}, resource::Resource,
    ///     schema::{Attribute, AttributeType, Mutability, Registry, ResourceType, Schema},
    ///     store::{Change, Entry, MemoryStore, RequestContext, Store, TenantId},
    /// };
    ///
    /// let marker = Attribute::new("madeByScim", AttributeType::Boolean).with_mutability(Mutability::ReadOnly);
    /// let user = ResourceType::builder("User", "Users", Schema::user().with_attribute(marker)).build()?;
    /// let registry = Registry::builder().resource_type(user).build()?;
    /// let rule = AdoptionRule::new("User", "userName ew \"@example.com\"".parse()?);
    /// let ownership = Ownership::new(&registry, "madeByScim", UnownedResources::Adoptable(rule))?;
    /// let provider = ServiceProvider::builder(registry.clone(), MemoryStore::new(), "https://example.com/scim/v2")
    ///     .policy(ownership.clone())
    ///     .build()?;
    ///
    /// // The platform has two accounts that were made by hand.
    /// let context = RequestContext::new(TenantId::single());
    /// let user = registry.resource_type("User").expect("registered");
    /// for json in [r#"{"id": "1", "userName": "ann@example.com"}"#, r#"{"id": "2", "userName": "root"}"#] {
    ///     let create = Change::Create(Entry::new(Resource::from_json(user, json.as_bytes())?));
    ///     smol::block_on(provider.store().commit(&context, &[create]))?;
    /// }
    ///
    /// let page = smol::block_on(provider.adoptable(&context, &ownership, "User", None, 100))?;
    /// let names: Vec<_> = page.resources().iter().map(|stored| stored.resource.id()).collect();
    /// assert_eq!((names, page.next()), (vec!["1"], None));
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn adoptable(
        &self,
        context: &RequestContext,
        ownership: &Ownership,
        resource_type: impl Into<ResourceTypeRef<'_>>,
        after: Option<&str>,
        count: usize,
    ) -> Result<AdoptablePage, Error> {
        let resource_type = resource_type.into().find(self.registry())?;
        let mut page = AdoptablePage { resources: Vec::new(), next: None };
        let Some(condition) = ownership.adoptable(context, resource_type) else { return Ok(page) };
        if !Arc::ptr_eq(condition.resource_type(), resource_type) {
            return Err(broken_policy("the ownership is made for the registry of the service provider"));
        }
        let context = &*self.metered(context);
        let plan = Plan::new(&self.inner.store, resource_type, condition.conditions().iter());
        if plan.empty {
            return Ok(page);
        }
        let unused = unused_lists(condition);
        let bytes = self.limits().answer;
        let requested = RequestedAttributes::without(&unused).with_byte_limit(bytes);
        let (most, limit) = (count.clamp(1, self.limits().page_max), self.limits().scan);
        let (mut read, mut room) = (0, bytes);
        page.next = after.map(Text::from);
        loop {
            let wanted = most - page.resources.len();
            let take = if plan.residual.is_empty() { wanted } else { STRIDE.min(limit.saturating_sub(read)) };
            let window = Window::behind(page.next.as_deref(), take);
            let (filter, requested) = (&*plan.pushed, &requested);
            let scan = Scan { resource_type, filter, sort: None, window, requested, count: false };
            let found = self.scan(context, &scan).await?;
            read += found.items.len();
            let is_empty = found.items.is_empty();
            for stored in found.items {
                let fits = matches(context, condition, &stored)?;
                let left = room.checked_sub(stored.resource.size());
                if fits && (page.resources.len() == most || left.is_none() && !page.resources.is_empty()) {
                    return Ok(page);
                }
                page.next = Some(stored.resource.id().into());
                if fits {
                    room = left.unwrap_or_default();
                    page.resources.push(stored);
                }
            }
            if !found.more {
                page.next = None;
                return Ok(page);
            }
            if is_empty {
                return Err(broken_store("an empty page is the last"));
            }
            if page.resources.len() == most || read >= limit {
                return Ok(page);
            }
            context.pause().await;
        }
    }

    /// Takes a resource back from SCIM: removes the marker of `ownership` and the record of an adoption. Clients then
    /// have the access that [`UnownedResources`](crate::provider::UnownedResources) gives them. The observers get an
    /// event with [`Handover::Released`]. Returns `false` if SCIM did not manage the resource.
    ///
    /// All other values stay as they are, also those that a client wrote after the adoption. First change the data that
    /// the rule uses: as long as the resource is adoptable, the next PUT or PATCH adopts it again.
    ///
    /// # Errors
    ///
    /// 404 if the registry has no such resource type, or the store no such resource; 503 if other writers were faster
    /// in every attempt; errors that the store reports.
    pub async fn release(
        &self,
        context: &RequestContext,
        ownership: &Ownership,
        resource_type: impl Into<ResourceTypeRef<'_>>,
        id: &str,
    ) -> Result<bool, Error> {
        let resource_type = resource_type.into().find(self.registry())?;
        let context = &*self.metered(context);
        let is_partial = self.inner.store.capabilities().partial;
        let kept = if is_partial { resource_type.reference_lists() } else { &[] };
        let mut attempts = self.attempts();
        loop {
            let found = self.read(context, Key { resource_type, id }, &RequestedAttributes::without(kept)).await?;
            let before = found.ok_or_else(|| Error::no_resource(resource_type.name()))?;
            let mut after = (*before.resource).clone();
            if !ownership.release(&mut after) {
                return Ok(false);
            }
            match self.write(context, &before, Some(after), kept, Some(Handover::Released)).await {
                Ok(_) => return Ok(true),
                Err(failed) => attempts.again(context, failed)?,
            }
        }
    }
}

/// Returns the lists of references that the condition does not use.
fn unused_lists(matcher: &Matcher) -> Vec<AttributeId> {
    let resource_type: &ResourceType = matcher.resource_type();
    resource_type.reference_lists().iter().copied().filter(|list| !matcher.uses(*list)).collect()
}

/// Returns whether the resource satisfies the condition, within the work of the request.
fn matches(context: &RequestContext, condition: &Matcher, stored: &Stored) -> Result<bool, Error> {
    let root = stored.resource.root();
    let unbounded = || Ok(condition.matches(root));
    let within = |work: &Work| condition.matches_within(root, work);
    context.work().map_or_else(unbounded, within).map_err(too_much_work)
}
