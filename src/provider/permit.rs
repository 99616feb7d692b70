//! What the policies have decided for one operation, and its effect on what is read and written.

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

/// Views of resource types that are kept, so that hiding costs a look-up and not a copy. Hosts have a few of them.
const VIEWS: usize = 256;

/// The resource types as callers see them, by the name and what is hidden.
type Views = HashMap<(Box<str>, Vec<AttributeId>), Arc<ResourceType>>;

/// The host's policies; without any everything is permitted.
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

    /// Lets every policy see the change; the first that refuses decides.
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

/// What a caller may see of one resource type in one operation.
#[derive(Clone, Debug)]
pub(super) struct Permit {
    pub(super) action: Action,
    /// The resource type as it is registered and stored.
    pub(super) kind: Arc<ResourceType>,
    /// The resource type as the caller sees it. Attributes have the same ids in both.
    pub(super) view: Arc<ResourceType>,
    hidden: Vec<AttributeId>,
    scope: Vec<Arc<Matcher>>,
}

impl Permit {
    /// The conditions that every resource has to satisfy to exist for the caller.
    pub(super) fn scope(&self) -> impl Iterator<Item = &Condition> {
        self.scope.iter().flat_map(|matcher| matcher.conditions())
    }

    /// Whether every resource of the type exists for the caller.
    pub(super) fn is_unbounded(&self) -> bool {
        self.scope.is_empty()
    }

    /// Whether the attribute is hidden, itself or with what it belongs to.
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

    /// Whether a resource exists for the caller.
    pub(super) fn includes(&self, resource: &Resource) -> bool {
        self.scope.iter().all(|matcher| matcher.matches(resource.root()))
    }

    /// Whether the scope looks at this list of references.
    pub(super) fn looks_at(&self, list: AttributeId) -> bool {
        self.unused([&list]).is_empty()
    }

    /// Of these lists of references those that nobody looks at, the scope included.
    pub(super) fn unused<'a>(&self, lists: impl IntoIterator<Item = &'a AttributeId>) -> Vec<AttributeId> {
        let used: Vec<AttributeId> = self.scope().flat_map(Condition::attributes).collect();
        let is_used = |list: &AttributeId| used.iter().any(|used| used == list || self.kind.parent(*used) == *list);
        lists.into_iter().copied().filter(|list| !is_used(list)).collect()
    }

    /// Refuses a resource that does not exist for the caller.
    pub(super) fn check_found(&self, resource: &Resource) -> Result<(), Error> {
        if self.includes(resource) { Ok(()) } else { Err(Error::no_resource(self.kind.name())) }
    }

    /// Drops from what a client sent what is hidden from it: to the client the schema does not have it.
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

    /// The resource as a patch of the client's sees it.
    pub(super) fn seen(&self, resource: &Arc<Resource>) -> Arc<Resource> {
        if self.hidden.is_empty() {
            return Arc::clone(resource);
        }
        Arc::new(Resource::clone(resource).seen_as(&self.view))
    }

    /// What the client made of `before`, with what is hidden from it as it was.
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
    /// Asks the policies whether the caller may do this with resources of the type, which must be registered here:
    /// attributes of another registry's would mean something else.
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

    /// Whether the change may be committed: within the caller's scope, and with the consent of the policies.
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

    /// What exists of a type for a caller who meets it in resources of another type; `None` when nothing does.
    pub(super) fn met(&self, cx: &Context, kind: &Arc<ResourceType>) -> Result<Option<Permit>, Error> {
        match self.permit(cx, Action::Read, kind) {
            Ok(permit) => Ok(Some(permit)),
            Err(error) if error.status() >= 500 => Err(error),
            Err(_) => Ok(None),
        }
    }
}
