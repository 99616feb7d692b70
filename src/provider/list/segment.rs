//! The resources of one type in a list: reads those at an index or next to a sort position.
//!
//! The store does as much as it can; the core does the rest, within [`Limits::scan`](crate::limits::Limits::scan). This
//! module knows nothing about requests, cursors or other types.

use std::cmp::Ordering;

use super::{
    collector::{Choice, Collector, Nearest},
    query::{Beyond, Indexed, Match, Place, Query, as_stored},
    walk::STRIDE,
};
use crate::{
    error::Error,
    provider::{failure::broken_store, service_provider::ServiceProvider},
    store::{RequestContext, RequestedAttributes, Store, Stored, Window},
};

/// The resources of one type that come next in a list.
#[derive(Default)]
pub(super) struct Segment {
    /// The nearest resource comes first, in either direction.
    pub(super) found: Vec<Match>,
    /// The number of resources of the type in the whole list, if it is known.
    pub(super) total: Option<u64>,
    /// Whether more resources of the type follow, or may follow.
    pub(super) more: bool,
    /// The last sort position that was examined, if it is beyond the last resource in `found`.
    pub(super) reached: Option<Place>,
}

impl<S: Store> ServiceProvider<S> {
    /// Returns the resources of the type at the index `skip` of their own list, within `bytes`, and their total
    /// number.
    pub(super) async fn segment_at(
        &self,
        context: &RequestContext,
        query: &Query<'_>,
        skip: u64,
        take: usize,
        bytes: usize,
    ) -> Result<Indexed, Error> {
        if query.plan.empty {
            return Ok(Indexed::default());
        }
        if !query.plan.residual.is_empty() || self.sorts_here(query) {
            return self.walk_to(context, query, skip, take, bytes).await;
        }
        let requested = RequestedAttributes::without(&query.hidden).with_byte_limit(bytes);
        // The first page with at most one resource shows the total. Without a count, a database needs one query and no
        // transaction.
        let counts = skip > 0 || take == 0 || !query.selects_one();
        let scan = query.scan(Window::Offset { skip, take }, &requested, query.sort(), counts);
        let page = self.scan(context, &scan).await?;
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
            None => return self.walk_to(context, query, skip, take, bytes).await,
        };
        Ok(Indexed { found: page.items.into_iter().map(as_stored).collect(), total, is_cut })
    }

    /// Returns the resources of the type that come next after a sort position, or before it if `backward`.
    ///
    /// If the core filters, it examines at most [`Limits::scan`](crate::limits::Limits::scan) resources and reports how far
    /// it came. If the core sorts, or if it filters for a policy while the store sorts, it must examine all
    /// resources. The result takes about `bytes`; a single resource may take more. The core counts only resources
    /// that it reads for the page: a list that is read by cursor need not have a total (RFC 9865 §2).
    pub(super) async fn segment_beyond(
        &self,
        context: &RequestContext,
        query: &Query<'_>,
        from: Option<&Place>,
        backward: bool,
        take: usize,
        bytes: usize,
    ) -> Result<Segment, Error> {
        let from = match query.beyond(from, backward) {
            Beyond::All => None,
            Beyond::From(place) => Some(place),
            // All resources of this type were on earlier pages, and this page does not count them.
            Beyond::None => return Ok(Segment::default()),
        };
        if query.plan.empty {
            return Ok(Segment { total: Some(0), ..Segment::default() });
        }
        let capabilities = self.inner.store.capabilities();
        let filters = !query.plan.residual.is_empty();
        // The reached sort position must not contain the key of a resource that does not exist for the caller.
        let shows_key = filters && query.sort().is_some() && !query.permit.is_unbounded();
        if self.sorts_here(query) || shows_key || backward && !capabilities.backward {
            return self.segment_of_all(context, query, from, backward, take, bytes).await;
        }
        let requested = RequestedAttributes::without(&query.hidden).with_byte_limit(bytes);
        let limit = self.limits().scan;
        let mut segment = Segment::default();
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
            let mut page = self.scan(context, &query.scan(window, &requested, query.sort(), false)).await?;
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
            segment.more = page.more;
            for found in self.see(context, query, page.items).await? {
                last = Some(query.place(&found));
                if !query.is_satisfied(context, &found).await? {
                    segment.reached.clone_from(&last);
                    continue;
                }
                let left = room.checked_sub(found.size());
                if segment.found.len() == take || left.is_none() && !segment.found.is_empty() {
                    segment.more = true;
                    return Ok(segment);
                }
                room = left.unwrap_or_default();
                segment.found.push(found);
                segment.reached = None;
            }
            if !filters || !page.more || segment.found.len() == take || read >= limit {
                break;
            }
            stride = (stride * 2).min(STRIDE);
            context.pause().await;
        }
        if from.is_none() && !segment.more {
            segment.total = u64::try_from(segment.found.len()).ok();
        }
        Ok(segment)
    }

    /// As [`ServiceProvider::segment_beyond`], but examines all resources that satisfy the query.
    async fn segment_of_all(
        &self,
        context: &RequestContext,
        query: &Query<'_>,
        from: Option<&Place>,
        backward: bool,
        take: usize,
        bytes: usize,
    ) -> Result<Segment, Error> {
        let nearest = Nearest { from, backward, most: take, may_end_early: true };
        let (found, total) = self.walk(context, query, Collector::new(query, Choice::Nearest(nearest), bytes)).await?;
        Ok(Segment { more: found.is_cut, found: found.all, total: Some(total), reached: None })
    }
}
