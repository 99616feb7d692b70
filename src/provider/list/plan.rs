//! The division of a query between the store and the core.

use crate::{
    filter::Condition,
    schema::{AttributeId, Registry, ResourceType},
    store::{Pushdown, Store},
};

/// The conditions of a filter. A matching resource satisfies all of them.
#[derive(Debug)]
pub(in crate::provider) struct Plan<'a> {
    /// The pushed conditions, with which the store narrows the resources down.
    pub(in crate::provider) pushed: Vec<&'a Condition>,
    /// The residual conditions, which the core evaluates on every resource that the store returns.
    pub(in crate::provider) residual: Vec<&'a Condition>,
    /// Whether no resource can match.
    pub(in crate::provider) empty: bool,
}

impl<'a> Plan<'a> {
    pub(in crate::provider) fn new<S: Store>(
        store: &S,
        resource_type: &ResourceType,
        conditions: impl Iterator<Item = &'a Condition>,
    ) -> Self {
        let mut plan = Self { pushed: Vec::new(), residual: Vec::new(), empty: false };
        for condition in conditions {
            if let Condition::Constant(truth) = condition {
                plan.empty |= !truth;
                continue;
            }
            // The core makes `meta.location` and `meta.version`; no store knows them.
            let mut made_here = |attribute| matches!(attribute, AttributeId::META_LOCATION | AttributeId::META_VERSION);
            let pushdown =
                if condition.uses(&mut made_here) { Pushdown::No } else { store.pushdown(resource_type, condition) };
            if matches!(pushdown, Pushdown::Exact | Pushdown::Superset) {
                plan.pushed.push(condition);
            }
            if pushdown != Pushdown::Exact {
                plan.residual.push(condition);
            }
        }
        plan
    }

    /// Returns whether there is no filter, or a filter that no resource can match. The number of matching resources
    /// is then known without a read of resources.
    pub(super) fn selects_all(&self) -> bool {
        self.empty || self.pushed.is_empty() && self.residual.is_empty()
    }

    /// Returns the attributes that the residual conditions use.
    pub(super) fn attributes(&self) -> Vec<AttributeId> {
        self.residual.iter().flat_map(|condition| condition.attributes()).collect()
    }

    /// Returns whether the residual conditions use derived attributes.
    pub(super) fn needs_derived(&self, resource_type: &ResourceType, registry: &Registry) -> bool {
        let mut is_derived = |attribute| registry.is_derived(resource_type, attribute);
        self.residual.iter().any(|condition| condition.uses(&mut is_derived))
    }
}
