//! Walks over all resources of one type, for a filter or an order that the store cannot evaluate.
//!
//! A walk examines at most [`Limits::scan`](crate::limits::Limits::scan) resources and keeps those that [`kept`](super::kept)
//! chooses.

use std::sync::Arc;

use super::{
    collector::{Choice, Collection, Collector, Nearest},
    query::{Indexed, Match, Order, Query, as_stored},
};
use crate::{
    error::{Error, ScimType},
    provider::{
        answer::Added,
        failure::{broken_store, too_large},
        reference::hydrated,
        service_provider::ServiceProvider,
    },
    resource::Sort,
    schema::ResourceType,
    store::{RequestContext, RequestedAttributes, Store, Stored, Window},
    value::Text,
};

/// The number of resources per read when the core walks many resources.
pub(in crate::provider) const STRIDE: usize = 500;

impl<S: Store> ServiceProvider<S> {
    /// Returns whether the list can be read backward.
    pub(super) fn leads_backward(&self, query: &Query<'_>) -> bool {
        self.inner.store.capabilities().backward || self.sorts_here(query)
    }

    /// Returns whether the core sorts, because the store cannot sort at all or by this attribute.
    pub(super) fn sorts_here(&self, query: &Query<'_>) -> bool {
        query.sort().is_some() && (query.sorts_derived || !self.inner.store.capabilities().sort)
    }

    /// Returns the number of resources of the type in the list; `None` if the store cannot count them.
    pub(super) async fn count(&self, context: &RequestContext, query: &Query<'_>) -> Result<Option<u64>, Error> {
        if query.plan.empty {
            return Ok(Some(0));
        }
        if !query.plan.residual.is_empty() || !self.inner.store.capabilities().total {
            return Ok(None);
        }
        let requested = RequestedAttributes::without(&query.hidden);
        let scan = query.scan(Window::Offset { skip: 0, take: 0 }, &requested, None, true);
        Ok(self.scan(context, &scan).await?.total)
    }

    /// Returns the resources at the index `skip` of the list, within `bytes`, and the number of all.
    pub(super) async fn walk_to(
        &self,
        context: &RequestContext,
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
        let (kept, total) = self.walk(context, query, Collector::new(query, choice, bytes)).await?;
        let mut found = kept.all;
        if is_sorted {
            let skip = usize::try_from(skip).unwrap_or(usize::MAX).min(found.len());
            found.drain(..skip);
        }
        Ok(Indexed { found, total, is_cut: false })
    }

    /// Examines every resource that the store finds, within `Limits::scan`. Returns the resources that `kept` chooses
    /// among those that satisfy the query, and the number of resources that satisfy the query.
    pub(super) async fn walk(
        &self,
        context: &RequestContext,
        query: &Query<'_>,
        mut kept: Collector<'_>,
    ) -> Result<(Collection, u64), Error> {
        let bytes = self.limits().answer;
        let requested = RequestedAttributes::without(&query.hidden).with_byte_limit(bytes);
        let limit = self.limits().scan;
        // Without a filter the store may know the number of resources, so that a list over the limit is refused
        // without a read.
        if query.plan.selects_all()
            && self
                .count(context, query)
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
            let scan = query.scan(Window::behind(last.as_deref(), take), &requested, None, false);
            let page = self.scan(context, &scan).await?;
            read += page.items.len();
            if read > limit {
                return Err(too_many(limit));
            }
            let behind = page.items.last().map(|stored| Text::from(stored.resource.id()));
            if behind.is_some() && behind <= last {
                return Err(broken_store("a walk goes up by id"));
            }
            for resource in self.see(context, query, page.items).await? {
                if !query.is_satisfied(context, &resource).await? {
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
            context.pause().await;
        }
    }

    /// Returns the resources as conditions and orders see them, with the derived attributes that the query uses.
    pub(super) async fn see(
        &self,
        context: &RequestContext,
        query: &Query<'_>,
        items: Vec<Stored>,
    ) -> Result<Vec<Match>, Error> {
        if !query.sorts_derived && !query.plan.needs_derived(query.resource_type, self.registry()) {
            return Ok(items.into_iter().map(as_stored).collect());
        }
        let mut used = query.plan.attributes();
        used.extend(query.sort().map(Sort::attribute));
        let requested = |list| used.iter().any(|used| *used == list || query.resource_type.parent(*used) == list);
        let mut added = vec![Added::default(); items.len()];
        let resources = items.iter().enumerate().map(|(index, stored)| (index, &*stored.resource));
        self.derive(context, query.resource_type, resources, &mut added, requested).await?;
        let seen = items
            .into_iter()
            .zip(added)
            .map(|(stored, added)| (hydrated(&stored, &added.derived, &query.view.base, &used), stored))
            .map(|(seen, stored)| Match { seen: Arc::new(seen), stored });
        Ok(seen.collect())
    }

    /// Returns whether the order is by a derived attribute, which no store can sort by.
    pub(super) fn sorts_derived(&self, resource_type: &ResourceType, order: &Order) -> bool {
        order.attribute().is_some_and(|attribute| self.registry().is_derived(resource_type, attribute))
    }
}

/// 400 `tooMany`: the query would have to examine more than `limit` resources (RFC 7644 §3.4.2.1).
pub(super) fn too_many(limit: usize) -> Error {
    let detail = format!("the query needs more than {limit} resources to be looked at; narrow the filter");
    Error::bad(ScimType::TooMany, detail)
}
