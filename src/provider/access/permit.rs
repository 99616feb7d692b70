//! The decision of the policies for one operation, and its effect on reads and writes.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use super::policy::{Access, Action, Policy, Proposal};
use crate::{
    error::Error,
    filter::{Condition, Matcher},
    provider::failure::broken_policy,
    quirks::{Quirk, Tolerance},
    resource::{Resource, ResourceError},
    schema::{AttributeId, ResourceType},
    store::RequestContext,
};

/// The maximum number of cached views of resource types. A cached view makes hiding cost a look-up instead of a copy.
/// Hosts have few different views.
const VIEWS: usize = 256;

/// The resource types as callers see them, by name and hidden attributes.
type Views = HashMap<(Box<str>, Vec<AttributeId>), Arc<ResourceType>>;

/// The host's policies. Without policies everything is permitted.
#[derive(Default)]
pub(in crate::provider) struct Policies {
    all: Vec<Box<dyn Policy>>,
    views: Mutex<Views>,
}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.all).finish()
    }
}

impl Policies {
    pub(in crate::provider) fn new(all: Vec<Box<dyn Policy>>) -> Self {
        Self { all, views: Mutex::default() }
    }

    pub(in crate::provider) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Returns the permit that all policies together give for the action on resources of the type. A scope must not use
    /// derived attributes.
    pub(in crate::provider) fn permit(
        &self,
        context: &RequestContext,
        action: Action,
        resource_type: Arc<ResourceType>,
        is_derived: impl Fn(AttributeId) -> bool,
    ) -> Result<Permit, Error> {
        let mut access = Access::full();
        for policy in &self.all {
            access = access.and(policy.access(context, action, &resource_type)?);
        }
        let (hidden, scope, adopts) = access.into_parts();
        for matcher in &scope {
            if matcher.resource_type().name() != resource_type.name() {
                return Err(broken_policy("a scope is compiled for the resource type that was asked for"));
            }
            if matcher.conditions().iter().flat_map(Condition::attributes).any(&is_derived) {
                return Err(broken_policy("a scope looks at stored attributes only"));
            }
        }
        let view = self.view(&resource_type, &hidden);
        Ok(Permit { action, resource_type, view, hidden, scope, adopts })
    }

    /// Lets every policy review the change. The first refusal decides.
    pub(in crate::provider) fn review(&self, context: &RequestContext, proposal: &Proposal<'_>) -> Result<(), Error> {
        self.all.iter().try_for_each(|policy| policy.review(context, proposal))
    }

    pub(in crate::provider) fn prepare(&self, context: &RequestContext, resource: &mut Resource) {
        for policy in &self.all {
            policy.prepare(context, resource);
        }
    }

    /// Lets every policy adopt the resource. Returns whether one of them does.
    pub(in crate::provider) fn adopt(&self, context: &RequestContext, before: &Resource, after: &mut Resource) -> bool {
        self.all.iter().fold(false, |adopts, policy| policy.adopt(context, before, after) | adopts)
    }

    fn view(&self, resource_type: &Arc<ResourceType>, hidden: &[AttributeId]) -> Arc<ResourceType> {
        if hidden.is_empty() {
            return Arc::clone(resource_type);
        }
        let mut views = self.views.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (Box::from(resource_type.name()), hidden.to_vec());
        if let Some(view) = views.get(&key) {
            return Arc::clone(view);
        }
        let view = Arc::new(resource_type.without(hidden));
        if views.len() < VIEWS {
            views.insert(key, Arc::clone(&view));
        }
        view
    }
}

/// The permission of a caller for one resource type in one operation.
#[derive(Clone, Debug)]
pub(in crate::provider) struct Permit {
    pub(in crate::provider) action: Action,
    /// The resource type as it is registered and stored.
    pub(in crate::provider) resource_type: Arc<ResourceType>,
    /// The resource type as the caller sees it. An attribute has the same id in both types.
    pub(in crate::provider) view: Arc<ResourceType>,
    hidden: Vec<AttributeId>,
    scope: Vec<Arc<Matcher>>,
    /// Whether a write may adopt a resource.
    pub(in crate::provider) adopts: bool,
}

impl Permit {
    /// Returns the conditions that a resource must satisfy to exist for the caller.
    pub(in crate::provider) fn scope(&self) -> impl Iterator<Item = &Condition> {
        self.scope.iter().flat_map(|matcher| matcher.conditions())
    }

    /// Returns whether every resource of the type exists for the caller.
    pub(in crate::provider) fn is_unbounded(&self) -> bool {
        self.scope.is_empty()
    }

    /// Returns whether the caller sees every attribute of the resource type.
    pub(in crate::provider) fn hides_nothing(&self) -> bool {
        self.hidden.is_empty()
    }

    /// Returns whether the attribute, or an attribute that contains it, is hidden.
    pub(in crate::provider) fn hides(&self, attribute: AttributeId) -> bool {
        let mut at = attribute;
        while at != AttributeId::ROOT {
            if self.hidden.contains(&at) {
                return true;
            }
            at = self.resource_type.parent(at);
        }
        false
    }

    /// Returns whether a resource exists for the caller.
    pub(in crate::provider) fn includes(&self, resource: &Resource) -> bool {
        self.scope.iter().all(|matcher| matcher.matches(resource.root()))
    }

    /// Returns whether the scope uses this list of references.
    pub(in crate::provider) fn looks_at(&self, list: AttributeId) -> bool {
        self.unused([&list]).is_empty()
    }

    /// Returns the lists of references in `lists` that the scope does not use.
    pub(in crate::provider) fn unused<'a>(&self, lists: impl IntoIterator<Item = &'a AttributeId>) -> Vec<AttributeId> {
        let used: Vec<AttributeId> = self.scope().flat_map(Condition::attributes).collect();
        let is_used =
            |list: &AttributeId| used.iter().any(|used| used == list || self.resource_type.parent(*used) == *list);
        lists.into_iter().copied().filter(|list| !is_used(list)).collect()
    }

    /// Refuses a resource that does not exist for the caller, with 404.
    pub(in crate::provider) fn check_found(&self, resource: &Resource) -> Result<(), Error> {
        if self.includes(resource) { Ok(()) } else { Err(Error::no_resource(self.resource_type.name())) }
    }

    /// Removes the hidden attributes from the resource of a request body. For the client the schema does not have
    /// them, so they are an error unless unknown attributes are tolerated.
    pub(in crate::provider) fn read(&self, resource: &mut Resource, tolerance: &mut Tolerance) -> Result<(), Error> {
        if self.hidden.is_empty() {
            return Ok(());
        }
        match resource.strip(&self.hidden) {
            Some(attribute) if !tolerance.allows(Quirk::UnknownAttribute) => {
                Err(ResourceError::unknown(&self.resource_type, attribute).into())
            }
            _ => Ok(()),
        }
    }

    /// Returns the resource as the client's patch sees it.
    pub(in crate::provider) fn seen(&self, resource: &Arc<Resource>) -> Arc<Resource> {
        if self.hidden.is_empty() {
            return Arc::clone(resource);
        }
        Arc::new(Resource::clone(resource).seen_as(&self.view))
    }

    /// Returns the client's new state of the resource, with the hidden attributes restored from `before`.
    pub(in crate::provider) fn kept(&self, before: &Resource, after: Resource) -> Resource {
        if self.hidden.is_empty() {
            return after;
        }
        let mut after = after.seen_as(&self.resource_type);
        after.restore(before, &self.hidden);
        after
    }
}
