//! Reading one resource and querying many (RFC 7644 §3.4).

use std::sync::Arc;

use super::{
    Answer, Listing, Options, ServiceProvider,
    answer::{Row, View},
    failure::broken_store,
    hydrate::{hydrated, is_derived},
    plan::Plan,
    policy::Action,
};
use crate::{
    error::{Error, ScimType},
    filter::{Filter, Matcher},
    message::{SearchRequest, SortOrder},
    path::PathRef,
    quirks::Tolerance,
    resource::Sort,
    schema::{AttributeId, ResourceType},
    store::{Context, Scan, Store, Stored, Wanted, Window},
    value::Text,
};

/// Resources that are read at a time when the whole of a list has to be walked.
const STRIDE: usize = 500;

/// A query that has been understood.
struct Query<'a> {
    kind: &'a Arc<ResourceType>,
    plan: Plan<'a>,
    sort: Option<&'a Sort>,
    /// The order is by something that no store knows.
    sorts_derived: bool,
    skip: u64,
    take: usize,
    /// Lists of references that nobody will look at.
    hidden: Vec<AttributeId>,
}

impl<S: Store> ServiceProvider<S> {
    /// Reads a resource (RFC 7644 §3.4.1).
    ///
    /// # Errors
    ///
    /// 404 when there is no such resource; 412 when the precondition's `If-Match` does not hold.
    pub async fn get(
        &self,
        cx: &Context,
        kind: &Arc<ResourceType>,
        id: &str,
        options: &Options,
    ) -> Result<Answer, Error> {
        let permit = self.permit(cx, Action::Read, kind)?;
        let mut tolerance = Tolerance::new(self.quirks());
        let view = self.view(cx, &permit, options, &mut tolerance)?;
        let hidden = permit.unused(&view.hidden_lists(&permit.kind));
        let anything = super::Precondition::default();
        let stored = self.existing(cx, &permit, id, &anything, &Wanted::without(&hidden)).await?;
        if !options.precondition.required_holds(&stored.version) {
            return Err(Error::precondition());
        }
        self.answer(cx, stored, view, &tolerance, false).await
    }

    /// Queries the resources of one type (RFC 7644 §3.4.2).
    ///
    /// What the store cannot evaluate is evaluated here, on at most [`Limits::scan`](crate::Limits::scan) resources.
    /// The total is exact either way. Without `sort_by` the order is that of the ids.
    ///
    /// # Errors
    ///
    /// 400 `invalidFilter` when the filter cannot be read or compares what cannot be compared so; 400 `invalidValue`
    /// for a `sort_by` that names nothing to sort by; 403 `sensitive` when either would tell of a value that nobody
    /// may read; 400 `tooMany` when too many resources would have to be looked at.
    pub async fn search(
        &self,
        cx: &Context,
        kind: &Arc<ResourceType>,
        request: &SearchRequest,
    ) -> Result<Listing, Error> {
        let permit = self.permit(cx, Action::Search, kind)?;
        let kind = Arc::clone(&permit.kind);
        let mut tolerance = Tolerance::new(self.quirks());
        let matcher = self.matcher(&permit.view, request.filter.as_deref(), &mut tolerance)?;
        let sort = sort_of(&permit.view, request, &mut tolerance)?;
        let view = self.view(cx, &permit, &Options::from(request.clone()), &mut tolerance)?;
        let conditions = matcher.iter().flat_map(Matcher::conditions).chain(permit.scope());
        let plan = Plan::new(&self.inner.store, &kind, conditions);
        let mut used = plan.attributes();
        used.extend(sort.as_ref().map(Sort::attribute));
        let is_used = |list: &AttributeId| used.iter().any(|used| used == list || kind.parent(*used) == *list);
        let relations = self.registry().relations(&kind);
        let sorts_derived = sort.as_ref().is_some_and(|sort| is_derived(relations, &kind, sort.attribute()));
        let hidden = view.hidden_lists(&kind).into_iter().filter(|list| !is_used(list)).collect();
        let limits = self.limits();
        let count =
            request.count.map_or(limits.page_default, |count| usize::try_from(count.max(0)).unwrap_or(usize::MAX));
        let start_index = request.start_index.unwrap_or(1).max(1).unsigned_abs();
        let query = Query {
            kind: &kind,
            plan,
            sort: sort.as_ref(),
            sorts_derived,
            skip: start_index - 1,
            take: count.min(limits.page_max),
            hidden,
        };
        let (page, total) = self.find(cx, &query, &view).await?;
        let ids: Vec<&str> = page.iter().map(|stored| stored.resource.id()).collect();
        let derived = self.derive(cx, &kind, &ids, |attribute| view.projection.includes(attribute)).await?;
        let rows = page.iter().zip(derived).map(|(stored, derived)| Row { stored: stored.clone(), derived }).collect();
        drop(query);
        Ok(Listing { kind, rows, total, start_index, view, quirks: tolerance.applied() })
    }

    fn matcher(
        &self,
        kind: &Arc<ResourceType>,
        filter: Option<&str>,
        tolerance: &mut Tolerance,
    ) -> Result<Option<Matcher>, Error> {
        let Some(text) = filter else { return Ok(None) };
        let filter = Filter::parse(text, self.limits(), tolerance).map_err(|error| Error::in_filter(error, text))?;
        Ok(Some(filter.compile(kind, tolerance)?))
    }

    /// The resources on the page, and how many there are in all.
    async fn find(&self, cx: &Context, query: &Query<'_>, view: &View) -> Result<(Vec<Stored>, u64), Error> {
        if query.plan.empty {
            return Ok((Vec::new(), 0));
        }
        let capabilities = self.inner.store.capabilities();
        let sorts_here = query.sort.is_some() && (query.sorts_derived || !capabilities.sort);
        if !query.plan.residual.is_empty() || sorts_here {
            return self.walk(cx, query, view).await;
        }
        let wanted = Wanted::without(&query.hidden);
        let window = Window::Offset { skip: query.skip, take: query.take };
        let scan = scan_of(query, window, &wanted, query.sort);
        let page = self.scan(cx, &scan).await?;
        let here = u64::try_from(page.items.len()).unwrap_or(u64::MAX);
        let total = match page.total {
            Some(total) => total,
            // The end of the list is in sight: then its length is.
            None if !page.more && (here > 0 || query.skip == 0) => query.skip.saturating_add(here),
            None => return self.walk(cx, query, view).await,
        };
        if page.items.len() > query.take {
            return Err(broken_store("a page has at most as many resources as were asked for"));
        }
        Ok((page.items, total))
    }

    /// Looks at every resource that the store finds, as many as the limit allows.
    async fn walk(&self, cx: &Context, query: &Query<'_>, view: &View) -> Result<(Vec<Stored>, u64), Error> {
        let relations = self.registry().relations(query.kind);
        let needs_derived = query.sorts_derived || query.plan.needs_derived(query.kind, relations);
        let mut used = query.plan.attributes();
        used.extend(query.sort.map(Sort::attribute));
        let wanted = Wanted::without(&query.hidden);
        let limit = self.limits().scan;
        let mut found = Vec::new();
        let (mut total, mut read) = (0_u64, 0_usize);
        let mut last: Option<Text> = None;
        loop {
            // One more than allowed shows that there are too many.
            let take = STRIDE.min(limit.saturating_sub(read) + 1);
            let window = Window::After { id: last.as_deref(), take };
            let scan = scan_of(query, window, &wanted, None);
            let page = self.scan(cx, &scan).await?;
            read += page.items.len();
            if read > limit {
                let detail = format!("the query needs more than {limit} resources to be looked at; narrow the filter");
                return Err(Error::bad(ScimType::TooMany, detail));
            }
            let derived = if needs_derived {
                let ids: Vec<&str> = page.items.iter().map(|stored| stored.resource.id()).collect();
                let wanted = |list| used.iter().any(|used| *used == list || query.kind.parent(*used) == list);
                self.derive(cx, query.kind, &ids, wanted).await?
            } else {
                Vec::new()
            };
            let behind = page.items.last().map(|stored| Text::from(stored.resource.id()));
            if behind.is_some() && behind <= last {
                return Err(broken_store("a walk goes up by id"));
            }
            for (index, stored) in page.items.into_iter().enumerate() {
                let seen = match derived.get(index) {
                    Some(derived) => Arc::new(hydrated(&stored, derived, &view.base)),
                    None => Arc::clone(&stored.resource),
                };
                if !query.plan.residual.iter().all(|condition| condition.matches(seen.root())) {
                    continue;
                }
                // Sorted, any resource may be on the page; else its place is known already.
                let on_page = total >= query.skip && found.len() < query.take;
                if query.sort.is_some() || on_page {
                    found.push((seen, stored));
                }
                total += 1;
            }
            if !page.more {
                break;
            }
            if behind.is_none() {
                return Err(broken_store("an empty page is the last"));
            }
            last = behind;
        }
        if let Some(sort) = query.sort {
            found.sort_unstable_by(|(left, _), (right, _)| sort.compare(left, right));
            let skip = usize::try_from(query.skip).unwrap_or(usize::MAX).min(found.len());
            found.drain(..skip);
            found.truncate(query.take);
        }
        Ok((found.into_iter().map(|(_, stored)| stored).collect(), total))
    }
}

fn sort_of(kind: &ResourceType, request: &SearchRequest, tolerance: &mut Tolerance) -> Result<Option<Sort>, Error> {
    let Some(text) = request.sort_by.as_deref() else { return Ok(None) };
    let malformed = |error| Error::bad(ScimType::InvalidValue, format!("sortBy: {error}")).with_attribute("sortBy");
    let path = PathRef::parse(text).map_err(malformed)?;
    Ok(Some(Sort::new(kind, path, request.sort_order == SortOrder::Descending, tolerance)?))
}

fn scan_of<'a>(query: &'a Query<'_>, window: Window<'a>, wanted: &'a Wanted<'a>, sort: Option<&'a Sort>) -> Scan<'a> {
    let count = matches!(window, Window::Offset { .. });
    Scan { kind: query.kind, filter: &query.plan.pushed, sort, window, wanted, count }
}
