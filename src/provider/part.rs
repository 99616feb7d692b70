//! The resources of one type in a list: reads those at an index or next to a sort position, and divides the work
//! between the store and the core.
//!
//! The store does as much as it can; the core does the rest, within [`Limits::scan`](crate::Limits::scan). This
//! module knows nothing about requests, cursors or other types.

use std::{cmp::Ordering, sync::Arc};

use super::{
    ServiceProvider,
    answer::View,
    failure::{broken_store, too_large, too_much_work},
    hydrate::{hydrated, is_derived},
    kept::{Choice, Chosen, Kept, Nearest},
    permit::Permit,
    plan::Plan,
};
use crate::{
    error::{Error, ScimType},
    filter::Condition,
    resource::{Position, Resource, Sort, SortKey, compare_keys},
    schema::{AttributeId, ResourceType},
    store::{Context, Scan, Store, Stored, Wanted, Window},
    value::Text,
};

/// The number of resources per read when the core walks many resources.
const STRIDE: usize = 500;

/// A query of the resources of one type, after interpretation of the request.
pub(super) struct Query<'a> {
    pub(super) permit: &'a Permit,
    pub(super) kind: &'a Arc<ResourceType>,
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
#[derive(Clone, Debug, PartialEq)]
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
pub(super) struct Found {
    /// The resource as conditions and orders see it: with derived attributes, if the query uses any.
    pub(super) seen: Arc<Resource>,
    pub(super) stored: Stored,
}

impl Found {
    /// Returns the approximate size in memory, in bytes.
    pub(super) fn size(&self) -> usize {
        let seen = if Arc::ptr_eq(&self.seen, &self.stored.resource) { 0 } else { self.seen.size() };
        self.stored.resource.size().saturating_add(seen)
    }
}

/// The resources of one type at an index of their list.
#[derive(Default)]
pub(super) struct Indexed {
    pub(super) found: Vec<Found>,
    /// The number of resources of the type in the whole list.
    pub(super) total: u64,
    /// Whether fewer resources than requested are here because more of them would take too many bytes. `total` has no
    /// meaning then.
    pub(super) is_cut: bool,
}

impl Indexed {
    /// Returns the approximate size of the resources in memory, in bytes.
    pub(super) fn size(&self) -> usize {
        self.found.iter().map(Found::size).fold(0, usize::saturating_add)
    }
}

/// The resources of one type that come next in a list.
#[derive(Default)]
pub(super) struct Part {
    /// The nearest resource comes first, in either direction.
    pub(super) found: Vec<Found>,
    /// The number of resources of the type in the whole list, if it is known.
    pub(super) total: Option<u64>,
    /// Whether more resources of the type follow, or may follow.
    pub(super) more: bool,
    /// The last sort position that was examined, if it is beyond the last resource in `found`.
    pub(super) reached: Option<Place>,
}

/// The part of the resources of one type that lies beyond a sort position of the whole list.
enum Beyond<'a> {
    All,
    From(&'a Place),
    None,
}

impl Query<'_> {
    pub(super) fn place(&self, found: &Found) -> Place {
        Place { key: self.key(&found.seen), id: found.stored.resource.id().into(), number: self.number }
    }

    fn key(&self, resource: &Resource) -> Option<SortKey> {
        match self.order {
            Order::By(sort) => sort.key(resource),
            Order::Same(key) => key.clone(),
        }
    }

    fn sort(&self) -> Option<&Sort> {
        if let Order::By(sort) = self.order { Some(sort) } else { None }
    }

    /// Returns whether a sort position with this key can belong to the list of this query.
    pub(super) fn can_have(&self, key: Option<&SortKey>) -> bool {
        match self.order {
            Order::By(sort) => key.is_none_or(|key| sort.can_have(key)),
            Order::Same(same) => key == same.as_ref(),
        }
    }

    fn beyond<'a>(&self, from: Option<&'a Place>, backward: bool) -> Beyond<'a> {
        let Some(place) = from else { return Beyond::All };
        let Order::Same(key) = self.order else { return Beyond::From(place) };
        match (compare_keys(key.as_ref(), place.key.as_ref(), self.descending), backward) {
            (Ordering::Equal, _) => Beyond::From(place),
            (Ordering::Greater, false) | (Ordering::Less, true) => Beyond::All,
            (Ordering::Less, false) | (Ordering::Greater, true) => Beyond::None,
        }
    }

    /// Returns whether the resource satisfies the residual conditions.
    async fn is_satisfied(&self, cx: &Context, found: &Found) -> Result<bool, Error> {
        let truth = Condition::all_match(&self.plan.residual, found.seen.root(), cx.work()).await;
        cx.pause().await;
        truth.map_err(too_much_work)
    }

    pub(super) fn compare(&self, left: &Found, right: &Found) -> Ordering {
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

    fn scan<'a>(&'a self, window: Window<'a>, wanted: &'a Wanted<'a>, sort: Option<&'a Sort>, count: bool) -> Scan<'a> {
        Scan { kind: self.kind, filter: &self.plan.pushed, sort, window, wanted, count }
    }
}

impl<S: Store> ServiceProvider<S> {
    /// Returns the resources of the type at the index `skip` of their own list, within `bytes`, and their total
    /// number.
    pub(super) async fn part_at(
        &self,
        cx: &Context,
        query: &Query<'_>,
        skip: u64,
        take: usize,
        bytes: usize,
    ) -> Result<Indexed, Error> {
        if query.plan.empty {
            return Ok(Indexed::default());
        }
        if !query.plan.residual.is_empty() || self.sorts_here(query) {
            return self.walk_to(cx, query, skip, take, bytes).await;
        }
        let wanted = Wanted::without(&query.hidden).within(bytes);
        let scan = query.scan(Window::Offset { skip, take }, &wanted, query.sort(), true);
        let page = self.scan(cx, &scan).await?;
        if page.items.len() > take {
            return Err(broken_store("a page has at most as many resources as were asked for"));
        }
        let here = u64::try_from(page.items.len()).unwrap_or(u64::MAX);
        let is_cut = page.items.len() < take && page.more;
        let total = match page.total {
            Some(total) => total,
            None if is_cut => 0,
            // The page reaches the end of the list, so the length of the list is known.
            None if !page.more && (here > 0 || skip == 0) => skip.saturating_add(here),
            None => return self.walk_to(cx, query, skip, take, bytes).await,
        };
        Ok(Indexed { found: page.items.into_iter().map(as_stored).collect(), total, is_cut })
    }

    /// Returns the resources of the type that come next after a sort position, or before it if `backward`.
    ///
    /// If the core filters, it examines at most [`Limits::scan`](crate::Limits::scan) resources and reports how far
    /// it came. If the core sorts, or if it filters for a policy while the store sorts, it must examine all
    /// resources. The result takes about `bytes`; a single resource may take more. The core counts only resources
    /// that it reads for the page: a list that is read by cursor need not have a total (RFC 9865 §2).
    pub(super) async fn part_beyond(
        &self,
        cx: &Context,
        query: &Query<'_>,
        from: Option<&Place>,
        backward: bool,
        take: usize,
        bytes: usize,
    ) -> Result<Part, Error> {
        let from = match query.beyond(from, backward) {
            Beyond::All => None,
            Beyond::From(place) => Some(place),
            // All resources of this type were on earlier pages, and this page does not count them.
            Beyond::None => return Ok(Part::default()),
        };
        if query.plan.empty {
            return Ok(Part { total: Some(0), ..Part::default() });
        }
        let capabilities = self.inner.store.capabilities();
        let filters = !query.plan.residual.is_empty();
        // The reached sort position must not contain the key of a resource that does not exist for the caller.
        let shows_key = filters && query.sort().is_some() && !query.permit.is_unbounded();
        if self.sorts_here(query) || shows_key || backward && !capabilities.backward {
            return self.part_of_all(cx, query, from, backward, take, bytes).await;
        }
        let wanted = Wanted::without(&query.hidden).within(bytes);
        let limit = self.limits().scan;
        let mut part = Part::default();
        let mut room = bytes;
        let (mut read, mut last) = (0, from.cloned());
        // If the core filters, one more resource shows whether others follow: the store cannot know.
        let mut stride = if filters { take.saturating_add(1).min(STRIDE) } else { take };
        loop {
            let asked = if filters { stride.min(limit - read) } else { take };
            let position = last.as_ref().map(Place::position);
            let window = if backward {
                Window::Before { first: position, take: asked }
            } else {
                Window::After { last: position, take: asked }
            };
            let mut page = self.scan(cx, &query.scan(window, &wanted, query.sort(), false)).await?;
            let side = if backward { Ordering::Less } else { Ordering::Greater };
            let is_beyond =
                |stored: &Stored| last.as_ref().is_none_or(|last| query.compare_to(&stored.resource, last) == side);
            if page.items.len() > asked || !page.items.iter().all(is_beyond) {
                return Err(broken_store("a page lies beyond its position and is as long as was asked for"));
            }
            if page.items.is_empty() && page.more && asked > 0 {
                return Err(broken_store("an empty page is the last"));
            }
            if backward {
                page.items.reverse();
            }
            read += page.items.len();
            part.more = page.more;
            for found in self.see(cx, query, page.items).await? {
                last = Some(query.place(&found));
                if !query.is_satisfied(cx, &found).await? {
                    part.reached.clone_from(&last);
                    continue;
                }
                let left = room.checked_sub(found.size());
                if part.found.len() == take || left.is_none() && !part.found.is_empty() {
                    part.more = true;
                    return Ok(part);
                }
                room = left.unwrap_or_default();
                part.found.push(found);
                part.reached = None;
            }
            if !filters || !page.more || part.found.len() == take || read >= limit {
                break;
            }
            stride = (stride * 2).min(STRIDE);
            cx.pause().await;
        }
        if from.is_none() && !part.more {
            part.total = u64::try_from(part.found.len()).ok();
        }
        Ok(part)
    }

    /// Returns the number of resources of the type in the list; `None` if the store cannot count them.
    pub(super) async fn count(&self, cx: &Context, query: &Query<'_>) -> Result<Option<u64>, Error> {
        if query.plan.empty {
            return Ok(Some(0));
        }
        if !query.plan.residual.is_empty() || !self.inner.store.capabilities().total {
            return Ok(None);
        }
        let wanted = Wanted::without(&query.hidden);
        let scan = query.scan(Window::Offset { skip: 0, take: 0 }, &wanted, None, true);
        Ok(self.scan(cx, &scan).await?.total)
    }

    /// Returns whether the list can be read backward.
    pub(super) fn leads_backward(&self, query: &Query<'_>) -> bool {
        self.inner.store.capabilities().backward || self.sorts_here(query)
    }

    fn sorts_here(&self, query: &Query<'_>) -> bool {
        query.sort().is_some() && (query.sorts_derived || !self.inner.store.capabilities().sort)
    }

    /// As [`ServiceProvider::part_beyond`], but examines all resources that satisfy the query.
    async fn part_of_all(
        &self,
        cx: &Context,
        query: &Query<'_>,
        from: Option<&Place>,
        backward: bool,
        take: usize,
        bytes: usize,
    ) -> Result<Part, Error> {
        let nearest = Nearest { from, backward, most: take, may_end_early: true };
        let (found, total) = self.walk(cx, query, Kept::new(query, Choice::Nearest(nearest), bytes)).await?;
        Ok(Part { more: found.is_cut, found: found.all, total: Some(total), reached: None })
    }

    async fn walk_to(
        &self,
        cx: &Context,
        query: &Query<'_>,
        skip: u64,
        take: usize,
        bytes: usize,
    ) -> Result<Indexed, Error> {
        let end = skip.saturating_add(u64::try_from(take).unwrap_or(u64::MAX));
        let choice = if query.sort().is_none() {
            Choice::Numbers(skip..end)
        } else {
            let most = usize::try_from(end).unwrap_or(usize::MAX);
            Choice::Nearest(Nearest { from: None, backward: false, most, may_end_early: false })
        };
        let is_sorted = query.sort().is_some();
        let (kept, total) = self.walk(cx, query, Kept::new(query, choice, bytes)).await?;
        let mut found = kept.all;
        if is_sorted {
            let skip = usize::try_from(skip).unwrap_or(usize::MAX).min(found.len());
            found.drain(..skip);
        }
        Ok(Indexed { found, total, is_cut: false })
    }

    /// Examines every resource that the store finds, within `Limits::scan`. Returns the resources that `kept` chooses
    /// among those that satisfy the query, and the number of resources that satisfy the query.
    async fn walk(&self, cx: &Context, query: &Query<'_>, mut kept: Kept<'_>) -> Result<(Chosen, u64), Error> {
        let bytes = self.limits().answer;
        let wanted = Wanted::without(&query.hidden).within(bytes);
        let limit = self.limits().scan;
        // Without a filter the store may know the number of resources, so that a list over the limit is refused
        // without a read.
        if query.plan.selects_all()
            && self
                .count(cx, query)
                .await?
                .is_some_and(|total| usize::try_from(total).map_or(true, |total| total > limit))
        {
            return Err(too_many(limit));
        }
        let (mut total, mut read) = (0_u64, 0_usize);
        let mut last: Option<Text> = None;
        loop {
            // One resource more than allowed shows that there are too many.
            let take = STRIDE.min(limit.saturating_sub(read) + 1);
            let scan = query.scan(Window::behind(last.as_deref(), take), &wanted, None, false);
            let page = self.scan(cx, &scan).await?;
            read += page.items.len();
            if read > limit {
                return Err(too_many(limit));
            }
            let behind = page.items.last().map(|stored| Text::from(stored.resource.id()));
            if behind.is_some() && behind <= last {
                return Err(broken_store("a walk goes up by id"));
            }
            for resource in self.see(cx, query, page.items).await? {
                if !query.is_satisfied(cx, &resource).await? {
                    continue;
                }
                kept.offer(total, resource).map_err(|fitting| too_large(bytes, fitting))?;
                total += 1;
            }
            if !page.more {
                return Ok((kept.chosen(), total));
            }
            if behind.is_none() {
                return Err(broken_store("an empty page is the last"));
            }
            last = behind;
            cx.pause().await;
        }
    }

    /// Returns the resources as conditions and orders see them, with the derived attributes that the query uses.
    pub(super) async fn see(&self, cx: &Context, query: &Query<'_>, items: Vec<Stored>) -> Result<Vec<Found>, Error> {
        let relations = self.registry().relations(query.kind);
        if !query.sorts_derived && !query.plan.needs_derived(query.kind, relations) {
            return Ok(items.into_iter().map(as_stored).collect());
        }
        let mut used = query.plan.attributes();
        used.extend(query.sort().map(Sort::attribute));
        let ids: Vec<&str> = items.iter().map(|stored| stored.resource.id()).collect();
        let wanted = |list| used.iter().any(|used| *used == list || query.kind.parent(*used) == list);
        let derived = self.derive(cx, query.kind, &ids, wanted).await?;
        let seen = items
            .into_iter()
            .zip(derived)
            .map(|(stored, derived)| (hydrated(&stored, &derived, &query.view.base, &used), stored))
            .map(|(seen, stored)| Found { seen: Arc::new(seen), stored });
        Ok(seen.collect())
    }

    /// Returns whether the order is by a derived attribute, which no store can sort by.
    pub(super) fn sorts_derived(&self, kind: &ResourceType, order: &Order) -> bool {
        let relations = self.registry().relations(kind);
        order.attribute().is_some_and(|attribute| is_derived(relations, kind, attribute))
    }
}

/// 400 `tooMany`: the query would have to examine more than `limit` resources.
pub(super) fn too_many(limit: usize) -> Error {
    let detail = format!("the query needs more than {limit} resources to be looked at; narrow the filter");
    Error::bad(ScimType::TooMany, detail)
}

fn as_stored(stored: Stored) -> Found {
    Found { seen: Arc::clone(&stored.resource), stored }
}
