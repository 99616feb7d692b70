//! How a query is divided: what the store answers, and what is left to evaluate here.

use super::hydrate::is_derived;
use crate::{
    filter::Condition,
    schema::{AttributeId, Relation, ResourceType},
    store::{Pushdown, Store},
};

/// The conditions of a filter, all of which must hold.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    /// What the store narrows the resources down with.
    pub(super) pushed: Vec<&'a Condition>,
    /// What is evaluated here on every resource that the store returns.
    pub(super) residual: Vec<&'a Condition>,
    /// Nothing can match.
    pub(super) empty: bool,
}

impl<'a> Plan<'a> {
    pub(super) fn new<S: Store>(
        store: &S,
        kind: &ResourceType,
        conditions: impl Iterator<Item = &'a Condition>,
    ) -> Self {
        let mut plan = Self { pushed: Vec::new(), residual: Vec::new(), empty: false };
        for condition in conditions {
            if let Condition::Constant(truth) = condition {
                plan.empty |= !truth;
                continue;
            }
            // Location and version are made here; no store knows them.
            let made_here =
                |attribute: &AttributeId| matches!(*attribute, AttributeId::META_LOCATION | AttributeId::META_VERSION);
            let pushdown = if condition.attributes().iter().any(made_here) {
                Pushdown::No
            } else {
                store.pushdown(kind, condition)
            };
            if matches!(pushdown, Pushdown::Exact | Pushdown::Superset) {
                plan.pushed.push(condition);
            }
            if pushdown != Pushdown::Exact {
                plan.residual.push(condition);
            }
        }
        plan
    }

    /// Whether there is no filter, or one that nothing can match: then the store has the number of what is found.
    pub(super) fn selects_all(&self) -> bool {
        self.empty || self.pushed.is_empty() && self.residual.is_empty()
    }

    /// The attributes that are evaluated here.
    pub(super) fn attributes(&self) -> Vec<AttributeId> {
        self.residual.iter().flat_map(|condition| condition.attributes()).collect()
    }

    /// Whether what is evaluated here needs what is derived.
    pub(super) fn needs_derived(&self, kind: &ResourceType, relations: &[Relation]) -> bool {
        self.attributes().into_iter().any(|attribute| is_derived(relations, kind, attribute))
    }
}
