//! The decision of the policies for one operation, and its effect on reads and writes.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    ServiceProvider,
    failure::broken_policy,
    hydrate::is_derived,
    policy::{Access, Action, Policy, Proposal},
};
use crate::{
    error::Error,
    filter::{Condition, Matcher},
    quirks::{Quirk, Tolerance},
    resource::{Resource, ResourceError},
    schema::{AttributeId, ResourceType},
    store::{Context, Store},
};

/// The maximum number of cached views of resource types. A cached view makes hiding cost a look-up instead of a copy.
/// Hosts have few different views.
const VIEWS: usize = 256;

/// The resource types as callers see them, by name and hidden attributes.
type Views = HashMap<(Box<str>, Vec<AttributeId>), Arc<ResourceType>>;

/// The host's policies. Without policies everything is permitted.
#[derive(Default)]
pub(super) struct Policies {
    all: Vec<Box<dyn Policy>>,
    views: Mutex<Views>,
}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.all).finish()
    }
}

impl Policies {
    pub(super) fn new(all: Vec<Box<dyn Policy>>) -> Self {
        Self { all, views: Mutex::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Lets every policy review the change. The first refusal decides.
    pub(super) fn review(&self, cx: &Context, proposal: &Proposal<'_>) -> Result<(), Error> {
        self.all.iter().try_for_each(|policy| policy.review(cx, proposal))
    }

    pub(super) fn prepare(&self, cx: &Context, resource: &mut Resource) {
        for policy in &self.all {
            policy.prepare(cx, resource);
        }
    }

    fn view(&self, kind: &Arc<ResourceType>, hidden: &[AttributeId]) -> Arc<ResourceType> {
        if hidden.is_empty() {
            return Arc::clone(kind);
        }
        let mut views = self.views.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (Box::from(kind.name()), hidden.to_vec());
        if let Some(view) = views.get(&key) {
            return Arc::clone(view);
        }
        let view = Arc::new(kind.without(hidden));
        if views.len() < VIEWS {
            views.insert(key, Arc::clone(&view));
        }
        view
    }
}

/// The permission of a caller for one resource type in one operation.
#[derive(Clone, Debug)]
pub(super) struct Permit {
    pub(super) action: Action,
    /// The resource type as it is registered and stored.
    pub(super) kind: Arc<ResourceType>,
    /// The resource type as the caller sees it. An attribute has the same id in both types.
    pub(super) view: Arc<ResourceType>,
    hidden: Vec<AttributeId>,
    scope: Vec<Arc<Matcher>>,
}

impl Permit {
    /// Returns the conditions that a resource must satisfy to exist for the caller.
    pub(super) fn scope(&self) -> impl Iterator<Item = &Condition> {
        self.scope.iter().flat_map(|matcher| matcher.conditions())
    }

    /// Returns whether every resource of the type exists for the caller.
    pub(super) fn is_unbounded(&self) -> bool {
        self.scope.is_empty()
    }

    /// Returns whether the attribute, or an attribute that contains it, is hidden.
    pub(super) fn hides(&self, attribute: AttributeId) -> bool {
        let mut at = attribute;
        while at != AttributeId::ROOT {
            if self.hidden.contains(&at) {
                return true;
            }
            at = self.kind.parent(at);
        }
        false
    }

    /// Returns whether a resource exists for the caller.
    pub(super) fn includes(&self, resource: &Resource) -> bool {
        self.scope.iter().all(|matcher| matcher.matches(resource.root()))
    }

    /// Returns whether the scope uses this list of references.
    pub(super) fn looks_at(&self, list: AttributeId) -> bool {
        self.unused([&list]).is_empty()
    }

    /// Returns the lists of references in `lists` that the scope does not use.
    pub(super) fn unused<'a>(&self, lists: impl IntoIterator<Item = &'a AttributeId>) -> Vec<AttributeId> {
        let used: Vec<AttributeId> = self.scope().flat_map(Condition::attributes).collect();
        let is_used = |list: &AttributeId| used.iter().any(|used| used == list || self.kind.parent(*used) == *list);
        lists.into_iter().copied().filter(|list| !is_used(list)).collect()
    }

    /// Refuses a resource that does not exist for the caller, with 404.
    pub(super) fn check_found(&self, resource: &Resource) -> Result<(), Error> {
        if self.includes(resource) { Ok(()) } else { Err(Error::no_resource(self.kind.name())) }
    }

    /// Removes the hidden attributes from the resource of a request body. For the client the schema does not have
    /// them, so they are an error unless unknown attributes are tolerated.
    pub(super) fn read(&self, resource: &mut Resource, tolerance: &mut Tolerance) -> Result<(), Error> {
        if self.hidden.is_empty() {
            return Ok(());
        }
        match resource.strip(&self.hidden) {
            Some(attribute) if !tolerance.allows(Quirk::UnknownAttribute) => {
                Err(ResourceError::unknown(&self.kind, attribute).into())
            }
            _ => Ok(()),
        }
    }

    /// Returns the resource as the client's patch sees it.
    pub(super) fn seen(&self, resource: &Arc<Resource>) -> Arc<Resource> {
        if self.hidden.is_empty() {
            return Arc::clone(resource);
        }
        Arc::new(Resource::clone(resource).seen_as(&self.view))
    }

    /// Returns the client's new state of the resource, with the hidden attributes restored from `before`.
    pub(super) fn kept(&self, before: &Resource, after: Resource) -> Resource {
        if self.hidden.is_empty() {
            return after;
        }
        let mut after = after.seen_as(&self.kind);
        after.restore(before, &self.hidden);
        after
    }
}

impl<S: Store> ServiceProvider<S> {
    /// Asks the policies whether the caller may perform the action on resources of the type. `kind` must be
    /// registered with this service provider, since the ids of attributes have another meaning in another registry.
    pub(super) fn permit(&self, cx: &Context, action: Action, kind: &Arc<ResourceType>) -> Result<Permit, Error> {
        let known = self.registry().resource_types().iter().find(|known| Arc::ptr_eq(known, kind));
        let unknown =
            || Error::new(500, "the service provider failed").with_source("a resource type of another registry");
        let kind = known.cloned().ok_or_else(unknown)?;
        let policies = &self.inner.policies;
        let mut access = Access::full();
        for policy in &policies.all {
            access = access.and(policy.access(cx, action, &kind)?);
        }
        let (hidden, scope) = access.into_parts();
        for matcher in &scope {
            let relations = self.registry().relations(&kind);
            let is_name = |attribute| self.displays(&kind).iter().any(|display| display.attribute() == attribute);
            let derived = |attribute| is_derived(relations, &kind, attribute) || is_name(attribute);
            if matcher.kind().name() != kind.name() {
                return Err(broken_policy("a scope is compiled for the resource type that was asked for"));
            }
            if matcher.conditions().iter().flat_map(Condition::attributes).any(derived) {
                return Err(broken_policy("a scope looks at stored attributes only"));
            }
        }
        let view = policies.view(&kind, &hidden);
        Ok(Permit { action, kind, view, hidden, scope })
    }

    /// Checks whether the change may be committed: the new resource must be within the caller's scope, and the
    /// policies must agree.
    pub(super) fn review(
        &self,
        cx: &Context,
        permit: &Permit,
        before: Option<&Resource>,
        after: Option<&Resource>,
    ) -> Result<(), Error> {
        if self.inner.policies.is_empty() {
            return Ok(());
        }
        if after.is_some_and(|after| !permit.includes(after)) {
            return Err(Error::new(403, "the resource would be outside of what the client may manage"));
        }
        let proposal = Proposal { action: permit.action, kind: &permit.kind, before, after, edit: None };
        self.inner.policies.review(cx, &proposal)
    }

    /// Returns the caller's permission to read resources of `kind` that appear inside another resource; `None` if
    /// reading is refused.
    pub(super) fn met(&self, cx: &Context, kind: &Arc<ResourceType>) -> Result<Option<Permit>, Error> {
        match self.permit(cx, Action::Read, kind) {
            Ok(permit) => Ok(Some(permit)),
            Err(error) if error.status() >= 500 => Err(error),
            Err(_) => Ok(None),
        }
    }
}
