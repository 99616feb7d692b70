//! The pages of a list, by index (RFC 7644 §3.4.2.4) and by cursor (RFC 9865). The list has one type, or several
//! types in one order.
//!
//! Both ways read the same list, ordered by sort key and then by id. Without a sort, a list of several types has one
//! type after another in the order of their registration, and each type is ordered by id.

use std::cmp::Ordering;

use super::{
    cursor::{Cursors, Mark, expired, invalid},
    query::{Indexed, Match, Order, Place, Query},
    segment::Segment,
    walk::too_many,
};
use crate::{
    error::Error,
    provider::{failure::too_large, seal::fnv1a, service_provider::ServiceProvider},
    resource::{SortKey, compare_keys},
    store::{Key, RequestContext, RequestedAttributes, Store, Stored},
};

/// A page of a list.
#[derive(Default)]
pub(super) struct Paged {
    /// The resources, each with the index of its query.
    pub(super) items: Vec<(usize, Stored)>,
    pub(super) total: Option<u64>,
    pub(super) start_index: Option<u64>,
    pub(super) next: Option<Box<str>>,
    pub(super) previous: Option<Box<str>>,
}

/// A resource with its sort position and the index of its query.
type Placed = (Place, usize, Match);

impl<S: Store> ServiceProvider<S> {
    /// Returns the page at an index. `start_index` is 1 for the first resource.
    pub(super) async fn page_by_index(
        &self,
        context: &RequestContext,
        queries: &[Query<'_>],
        start_index: u64,
        take: usize,
    ) -> Result<Paged, Error> {
        let skip = start_index.saturating_sub(1);
        let candidates = || queries.iter().enumerate().filter(|(_, query)| !query.plan.empty);
        let mut each = candidates();
        let (items, total) = if let (Some((position, query)), None) = (each.next(), each.next()) {
            let limit = self.limits().answer;
            let Indexed { found, total, is_cut } = self.segment_at(context, query, skip, take, limit).await?;
            if is_cut {
                return Err(too_large(limit, Some(found.len())));
            }
            (found.into_iter().map(|found| (position, found.stored)).collect(), total)
        } else {
            let mut candidates: Vec<_> = candidates().collect();
            if in_turn(queries) {
                candidates.sort_by(|(_, left), (_, right)| turn(left, right));
                self.index_in_turn(context, &candidates, skip, take).await?
            } else {
                self.index_merged(context, &candidates, skip, take).await?
            }
        };
        Ok(Paged { items, total: Some(total), start_index: Some(start_index), ..Paged::default() })
    }

    /// Returns a page of a list that has one type after another, and the total of all types.
    async fn index_in_turn(
        &self,
        context: &RequestContext,
        queries: &[(usize, &Query<'_>)],
        mut skip: u64,
        take: usize,
    ) -> Result<(Vec<(usize, Stored)>, u64), Error> {
        let limit = self.limits().answer;
        let (mut items, mut total, mut room) = (Vec::new(), 0_u64, limit);
        for (position, query) in queries {
            let part = self.segment_at(context, query, skip, take - items.len(), room).await?;
            room = room.saturating_sub(part.size());
            items.extend(part.found.into_iter().map(|found| (*position, found.stored)));
            if part.is_cut {
                return Err(too_large(limit, Some(items.len())));
            }
            skip = skip.saturating_sub(part.total);
            total = total.saturating_add(part.total);
        }
        Ok((items, total))
    }

    /// Returns a page of a list that orders all types by one key, and the total. Every resource up to the page must
    /// be read.
    async fn index_merged(
        &self,
        context: &RequestContext,
        queries: &[(usize, &Query<'_>)],
        skip: u64,
        take: usize,
    ) -> Result<(Vec<(usize, Stored)>, u64), Error> {
        let (limit, bytes) = (self.limits().scan, self.limits().answer);
        let mut room = bytes;
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let end = skip.saturating_add(take);
        let (mut merged, mut total, mut short): (Vec<Placed>, _, _) = (Vec::new(), 0_u64, false);
        for (position, query) in queries {
            let part = self.segment_at(context, query, 0, if take == 0 { 0 } else { end.min(limit) }, room).await?;
            if part.is_cut {
                return Err(too_large(bytes, None));
            }
            room = room.saturating_sub(part.size());
            short |= part.total > u64::try_from(limit).unwrap_or(u64::MAX);
            total = total.saturating_add(part.total);
            merged.extend(part.found.into_iter().map(|found| (query.place(&found), *position, found)));
        }
        let is_on_list = u64::try_from(skip).is_ok_and(|skip| skip < total);
        if take == 0 || !is_on_list {
            return Ok((Vec::new(), total));
        }
        // A resource behind the limit may belong on the page.
        if end > limit && short {
            return Err(too_many(limit));
        }
        let descending = queries.first().is_some_and(|(_, query)| query.descending);
        merged.sort_unstable_by(|left, right| left.0.compare(&right.0, descending));
        let page = merged.into_iter().skip(skip).take(take);
        Ok((page.map(|(_, position, found)| (position, found.stored)).collect(), total))
    }

    /// Returns the page to which a cursor leads; the first page for an empty cursor (RFC 9865 §2). The pages have the
    /// order of the request (§2.2).
    pub(super) async fn page_by_cursor(
        &self,
        context: &RequestContext,
        queries: &[Query<'_>],
        cursors: &Cursors<'_>,
        token: &str,
        take: usize,
    ) -> Result<Paged, Error> {
        let (backward, from) = if token.is_empty() {
            (false, None)
        } else {
            let cursor = cursors.open(token, self.limits().cursor_timeout)?;
            (cursor.backward, self.locate_mark(context, queries, cursor.mark).await?)
        };
        if take == 0 {
            let counted = self.page_by_index(context, queries, 1, 0).await?;
            return Ok(Paged { start_index: None, ..counted });
        }
        let gathered = self.gather(context, queries, from.as_ref(), backward, take).await?;
        let Gathered { placed, total, more, reached } = gathered;
        let nearest = placed.first().map(|(place, ..)| place.clone());
        let next = |place| Some(cursors.issue(false, place));
        let previous = |place| {
            let leads_backward = queries.iter().all(|query| query.plan.empty || self.leads_backward(query));
            leads_backward.then(|| cursors.issue(true, place))
        };
        // For an empty page only the examined range is known. If nothing more follows, the range ends with the list.
        let edge = |reached: Option<Place>| nearest.or_else(|| reached.filter(|_| more));
        let onward = more.then(|| reached.clone());
        let back = from.is_some().then(|| edge(reached));
        let (next, previous) = if backward {
            (back.and_then(next), onward.and_then(previous))
        } else {
            (onward.and_then(next), back.and_then(previous))
        };
        let mut items: Vec<_> = placed.into_iter().map(|(_, position, found)| (position, found.stored)).collect();
        if backward {
            items.reverse();
        }
        Ok(Paged { items, total, start_index: None, next, previous })
    }

    /// Returns the next resources of all types together.
    async fn gather(
        &self,
        context: &RequestContext,
        queries: &[Query<'_>],
        from: Option<&Place>,
        backward: bool,
        take: usize,
    ) -> Result<Gathered, Error> {
        let descending = queries.iter().any(|query| query.descending);
        let order = |left: &Place, right: &Place| -> Ordering {
            let forward = left.compare(right, descending);
            if backward { forward.reverse() } else { forward }
        };
        let in_turn = in_turn(queries);
        let mut turns: Vec<(usize, &Query<'_>)> = queries.iter().enumerate().collect();
        if in_turn {
            turns.sort_by(|(_, left), (_, right)| if backward { turn(right, left) } else { turn(left, right) });
        }
        let (mut placed, mut total): (Vec<Placed>, _) = (Vec::new(), Some(0_u64));
        let mut room = self.limits().answer;
        // In a common order any type may have the next resources, so each type gets an equal share of the bytes.
        let share = room / queries.len().max(1);
        // The sort position up to which the resources of all types are known.
        let mut horizon: Option<Place> = None;
        let mut unread = false;
        for (position, query) in turns {
            let part = if in_turn && (horizon.is_some() || placed.len() >= take) {
                // No resource of this type is on the page. A count shows whether the type has any, but only in a list
                // without a filter: with a filter the count could cost more than the page.
                let counts = take == 0 || query.plan.selects_all();
                let total = if counts { self.count(context, query).await? } else { None };
                unread |= total != Some(0);
                Segment { total, ..Segment::default() }
            } else {
                let (left, bytes) = if in_turn { (take - placed.len(), room) } else { (take, share) };
                self.segment_beyond(context, query, from, backward, left, bytes).await?
            };
            room = room.saturating_sub(part.found.iter().map(Match::size).sum());
            total = total.zip(part.total).map(|(total, part)| total.saturating_add(part));
            if part.more {
                let frontier = part.reached.or_else(|| part.found.last().map(|found| query.place(found)));
                horizon = match (horizon, frontier) {
                    (Some(known), Some(other)) => Some(if order(&known, &other).is_le() { known } else { other }),
                    (known, other) => known.or(other),
                };
            }
            placed.extend(part.found.into_iter().map(|found| (query.place(&found), position, found)));
        }
        if !in_turn && queries.len() > 1 {
            placed.sort_unstable_by(|left, right| order(&left.0, &right.0));
        }
        let known = match &horizon {
            Some(horizon) => placed.partition_point(|(place, ..)| order(place, horizon).is_le()),
            None => placed.len(),
        };
        let more = unread || horizon.is_some() || known > take;
        placed.truncate(known.min(take));
        let reached = if known > take { None } else { horizon };
        let reached = reached.or_else(|| placed.last().map(|(place, ..)| place.clone()));
        Ok(Gathered { placed, total, more, reached })
    }

    /// Returns the sort position of a cursor; `None` for the start of the list, or its end.
    async fn locate_mark(
        &self,
        context: &RequestContext,
        queries: &[Query<'_>],
        mark: Option<Mark>,
    ) -> Result<Option<Place>, Error> {
        let (number, id, digest) = match mark {
            None => return Ok(None),
            Some(Mark::Place(place)) => {
                // A forged cursor could have a key that is not comparable with any value of the attribute.
                let fits = queries.iter().any(|query| query.can_have(place.key.as_ref()));
                return if fits { Ok(Some(place)) } else { Err(invalid()) };
            }
            Some(Mark::Long { number, id, digest }) => (number, id, digest),
        };
        let query = queries.iter().find(|query| u64::from(query.number) == number).ok_or_else(invalid)?;
        let hidden = query.permit.unused(&query.hidden);
        let requested = RequestedAttributes::without(&hidden);
        let stored = self.read(context, Key { resource_type: query.resource_type, id: &id }, &requested).await?;
        // A resource that does not exist for the caller must look like a missing resource.
        let stored = stored.filter(|stored| query.permit.includes(&stored.resource)).ok_or_else(expired)?;
        let found = self.see(context, query, vec![stored]).await?.pop().ok_or_else(expired)?;
        let place = query.place(&found);
        let text = match &place.key {
            Some(SortKey::Text(text)) => text.as_str(),
            Some(SortKey::Decimal(number)) => number.as_str(),
            _ => return Err(expired()),
        };
        if fnv1a(&[text.as_bytes()]) == digest { Ok(Some(place)) } else { Err(expired()) }
    }
}

/// The next resources of all types together, the nearest resource first.
struct Gathered {
    placed: Vec<Placed>,
    total: Option<u64>,
    more: bool,
    /// The sort position up to which the list was examined.
    reached: Option<Place>,
}

/// Returns whether the list has one type after another.
fn in_turn(queries: &[Query<'_>]) -> bool {
    queries.iter().all(|query| matches!(query.order, Order::Same(_)))
}

/// Compares the places of two types in a list that has one type after another.
fn turn(left: &Query<'_>, right: &Query<'_>) -> Ordering {
    match (left.order, right.order) {
        (Order::Same(one), Order::Same(other)) => compare_keys(one.as_ref(), other.as_ref(), left.descending),
        _ => Ordering::Equal,
    }
    .then_with(|| left.number.cmp(&right.number))
}
