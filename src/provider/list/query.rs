//! A query of the resources of one type in a list, and the sort positions of its resources.
//!
//! This module reads nothing. [`part`](super::part) and [`walk`](super::walk) read the resources of a query.

use std::{cmp::Ordering, sync::Arc};

use super::plan::Plan;
use crate::{
    error::Error,
    filter::Condition,
    provider::{access::Permit, answer::View, failure::too_much_work},
    resource::{Position, Resource, Sort, SortKey, compare_keys},
    schema::{AttributeId, ResourceType},
    store::{RequestContext, RequestedAttributes, Scan, Stored, Window},
    value::Text,
};

/// A query of the resources of one type, after interpretation of the request.
pub(super) struct Query<'a> {
    pub(super) permit: &'a Permit,
    pub(super) resource_type: &'a Arc<ResourceType>,
    /// The index of the type among the registered types; 0 in a query of one type.
    pub(super) number: u16,
    pub(super) plan: Plan<'a>,
    pub(super) order: &'a Order,
    pub(super) descending: bool,
    /// Lists of references that neither the answer nor the core uses.
    pub(super) hidden: Vec<AttributeId>,
    /// Whether the order is by a derived attribute, which no store can sort by.
    pub(super) sorts_derived: bool,
    pub(super) view: &'a View,
}

/// The sort key of the resources of one type in a list. Resources with equal keys are ordered by id.
#[derive(Debug)]
pub(super) enum Order {
    /// The key is the value of an attribute.
    By(Sort),
    /// All resources of the type have this key, for example because the type lacks the attribute or the request has
    /// no `sortBy`.
    Same(Option<SortKey>),
}

impl Order {
    /// Returns the attribute by whose values the resources are ordered, if there is such an attribute.
    pub(super) fn attribute(&self) -> Option<AttributeId> {
        if let Self::By(sort) = self { Some(sort.attribute()) } else { None }
    }
}

/// A sort position in a list of one or several types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) key: Option<SortKey>,
    pub(super) id: Text,
    /// The number of the resource's type. It is not part of the order: ids are unique across all types (RFC 7643
    /// §3.1).
    pub(super) number: u16,
}

impl Place {
    pub(super) fn position(&self) -> Position<'_> {
        Position { key: self.key.as_ref(), id: &self.id }
    }

    pub(super) fn compare(&self, other: &Self, descending: bool) -> Ordering {
        let by_key = compare_keys(self.key.as_ref(), other.key.as_ref(), descending);
        by_key.then_with(|| self.id.cmp(&other.id))
    }
}

/// A resource that satisfies the query.
pub(super) struct Match {
    /// The resource as conditions and orders see it: with derived attributes, if the query uses any.
    pub(super) seen: Arc<Resource>,
    pub(super) stored: Stored,
}

impl Match {
    /// Returns the approximate size in memory, in bytes.
    pub(super) fn size(&self) -> usize {
        let seen = if Arc::ptr_eq(&self.seen, &self.stored.resource) { 0 } else { self.seen.size() };
        self.stored.resource.size().saturating_add(seen)
    }
}

/// The resources of one type at an index of their list.
#[derive(Default)]
pub(super) struct Indexed {
    pub(super) found: Vec<Match>,
    /// The number of resources of the type in the whole list.
    pub(super) total: u64,
    /// Whether fewer resources than requested are here because more of them would take too many bytes. `total` has no
    /// meaning then.
    pub(super) is_cut: bool,
}

impl Indexed {
    /// Returns the approximate size of the resources in memory, in bytes.
    pub(super) fn size(&self) -> usize {
        self.found.iter().map(Match::size).fold(0, usize::saturating_add)
    }
}

/// The part of the resources of one type that lies beyond a sort position of the whole list.
pub(super) enum Beyond<'a> {
    All,
    From(&'a Place),
    None,
}

impl Query<'_> {
    pub(super) fn place(&self, found: &Match) -> Place {
        Place { key: self.key(&found.seen), id: found.stored.resource.id().into(), number: self.number }
    }

    fn key(&self, resource: &Resource) -> Option<SortKey> {
        match self.order {
            Order::By(sort) => sort.key(resource),
            Order::Same(key) => key.clone(),
        }
    }

    pub(super) fn sort(&self) -> Option<&Sort> {
        if let Order::By(sort) = self.order { Some(sort) } else { None }
    }

    /// Returns whether a sort position with this key can belong to the list of this query.
    pub(super) fn can_have(&self, key: Option<&SortKey>) -> bool {
        match self.order {
            Order::By(sort) => key.is_none_or(|key| sort.can_have(key)),
            Order::Same(same) => key == same.as_ref(),
        }
    }

    pub(super) fn beyond<'a>(&self, from: Option<&'a Place>, backward: bool) -> Beyond<'a> {
        let Some(place) = from else { return Beyond::All };
        let Order::Same(key) = self.order else { return Beyond::From(place) };
        match (compare_keys(key.as_ref(), place.key.as_ref(), self.descending), backward) {
            (Ordering::Equal, _) => Beyond::From(place),
            (Ordering::Greater, false) | (Ordering::Less, true) => Beyond::All,
            (Ordering::Less, false) | (Ordering::Greater, true) => Beyond::None,
        }
    }

    /// Returns whether the resource satisfies the residual conditions.
    pub(super) async fn is_satisfied(&self, context: &RequestContext, found: &Match) -> Result<bool, Error> {
        let truth = Condition::all_match(&self.plan.residual, found.seen.root(), context.work()).await;
        context.pause().await;
        truth.map_err(too_much_work)
    }

    pub(super) fn compare(&self, left: &Match, right: &Match) -> Ordering {
        match self.sort() {
            Some(sort) => sort.compare(&left.seen, &right.seen),
            None => left.seen.id().cmp(right.seen.id()),
        }
    }

    pub(super) fn compare_to(&self, resource: &Resource, place: &Place) -> Ordering {
        match self.sort() {
            Some(sort) => sort.compare_to(resource, place.position()),
            None => resource.id().cmp(&place.id),
        }
    }

    /// Returns whether the store selects at most one resource: by the value of an attribute that is unique.
    pub(super) fn selects_one(&self) -> bool {
        let mut equalities = self.plan.pushed.iter().filter_map(|condition| condition.equality());
        equalities.any(|comparison| self.resource_type.is_unique(comparison.attribute()))
    }

    pub(super) fn scan<'a>(
        &'a self,
        window: Window<'a>,
        requested: &'a RequestedAttributes<'a>,
        sort: Option<&'a Sort>,
        count: bool,
    ) -> Scan<'a> {
        Scan { resource_type: self.resource_type, filter: &self.plan.pushed, sort, window, requested, count }
    }
}

/// Returns a resource that satisfies a query without derived attributes.
pub(super) fn as_stored(stored: Stored) -> Match {
    Match { seen: Arc::clone(&stored.resource), stored }
}
