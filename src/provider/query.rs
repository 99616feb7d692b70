//! Reading one resource and querying many (RFC 7644 §3.4): what a request asks, understood for each resource type.

use std::sync::Arc;

use super::{
    Answer, Listing, Options, ServiceProvider,
    answer::{Row, View},
    cursor::{Cursors, canonical},
    failure::too_large,
    paging::Paged,
    part::{Order, Query},
    permit::Permit,
    plan::Plan,
    policy::Action,
    rest::rest,
};
use crate::{
    error::{Error, ScimType},
    filter::{Condition, Filter, Matcher},
    fold::fold,
    message::{SearchRequest, SortOrder},
    path::PathRef,
    quirks::{Quirk, Tolerance},
    resource::{Resource, Sort, SortErrorKind, SortKey},
    schema::{AttributeId, ResourceType},
    store::{Context, Store, Stored, Wanted},
    value::Text,
};

/// What a request asks of the resources of one type.
struct Asked {
    permit: Permit,
    /// The place of the type among those that are registered.
    number: u16,
    matcher: Option<Matcher>,
    order: Order,
    view: View,
}

impl<S: Store> ServiceProvider<S> {
    /// Reads a resource (RFC 7644 §3.4.1).
    ///
    /// # Errors
    ///
    /// 404 when there is no such resource; 412 when the precondition's `If-Match` does not hold; 400 `tooMany` when a list of
    /// references that the client wants makes the resource larger than [`Limits::answer`](crate::Limits::answer).
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
    /// Without `sort_by` the order is that of the ids. By index the total is exact. By cursor the total is left out
    /// unless the page needed all resources, and a page may have fewer resources than `count`, even none: the walk ends
    /// with the page that has no [next cursor](Listing::next_cursor).
    ///
    /// # Errors
    ///
    /// 400 `invalidFilter` when the filter cannot be read or compares what cannot be compared so, such as the names that
    /// references show (`members.display`); 400 `invalidValue` for a `sort_by` that names nothing to sort by, and for a cursor beside a `start_index`; 403 `sensitive` when
    /// filter or order would tell of a value that nobody may read; 400 `tooMany` when too many resources would have to
    /// be looked at; 400 `invalidCursor`, `expiredCursor` or `invalidCount` (RFC 9865 §2.1).
    pub async fn search(
        &self,
        cx: &Context,
        kind: &Arc<ResourceType>,
        request: &SearchRequest,
    ) -> Result<Listing, Error> {
        let permit = self.permit(cx, Action::Search, kind)?;
        let mut tolerance = Tolerance::new(self.quirks());
        let filter = self.filter(request, &mut tolerance)?;
        let matcher = filter.map(|filter| filter.compile(&permit.view, &mut tolerance)).transpose()?;
        self.check_filter(kind, compared(matcher.as_ref()))?;
        let order = match sort_path(request)? {
            Some(path) => Order::By(Sort::new(&permit.view, path, is_descending(request), &mut tolerance)?),
            None => Order::Same(None),
        };
        self.check_order(kind, order.attribute())?;
        let view = self.view(cx, &permit, &Options::from(request.clone()), &mut tolerance)?;
        let asked = vec![Asked { permit, number: 0, matcher, order, view }];
        self.list(cx, kind.name(), asked, request, &tolerance).await
    }

    /// Queries the resources of all types in one list (RFC 7644 §3.4.2.1): what `GET` and `.search` at the base URL do.
    ///
    /// Without `sort_by` the types follow each other as they are registered, each ordered by id; with it all are in one
    /// order, and a type that lacks the attribute has no value. The same holds for the filter: what a type does not
    /// have equals nothing and is not present there. A type that the caller may not query is left out.
    ///
    /// Of a list that is sorted and read by index, every resource up to the page is read, within
    /// [`Limits::scan`](crate::Limits::scan).
    ///
    /// # Errors
    ///
    /// As [`search`](Self::search), where an attribute has to be unknown to every type to be so, and sensitive in one
    /// to be that. The refusal of the policies when they permit no type at all.
    ///
    /// ```
    /// # #[cfg(feature = "system")] {
    /// # use std::{future::Future, pin::pin, task::{Context as Task, Poll, Waker}};
    /// # fn block_on<F: Future>(future: F) -> F::Output {
    /// #     let (mut future, mut task) = (pin!(future), Task::from_waker(Waker::noop()));
    /// #     loop { if let Poll::Ready(output) = future.as_mut().poll(&mut task) { return output } }
    /// # }
    /// use scim_core::{Registry, ServiceProvider, message::SearchRequest, store::{Context, MemoryStore, TenantId}};
    ///
    /// let provider = ServiceProvider::builder(Registry::standard(), MemoryStore::new())
    ///     .base_url("https://example.com/scim/v2")
    ///     .build()?;
    /// let mut request = SearchRequest::default();
    /// request.filter = Some(r#"displayName sw "smith""#.into());
    /// request.cursor = Some("".into());
    /// let page = block_on(provider.search_all(&Context::new(TenantId::single()), &request))?;
    /// assert_eq!((page.total(), page.next_cursor()), (Some(0), None));
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn search_all(&self, cx: &Context, request: &SearchRequest) -> Result<Listing, Error> {
        let (mut permits, mut refusal) = (Vec::new(), None);
        for (number, kind) in (0..).zip(self.registry().resource_types()) {
            match self.permit(cx, Action::Search, kind) {
                Ok(permit) => permits.push((number, permit)),
                Err(error) if error.status() >= 500 => return Err(error),
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        if let (true, Some(refusal)) = (permits.is_empty(), refusal) {
            return Err(refusal);
        }
        let mut tolerance = Tolerance::new(self.quirks());
        let kinds: Vec<Arc<ResourceType>> = permits.iter().map(|(_, permit)| Arc::clone(&permit.view)).collect();
        let matchers = match self.filter(request, &mut tolerance)? {
            Some(filter) => filter.compile_each(&kinds, &mut tolerance)?.into_iter().map(Some).collect(),
            None => vec![None; kinds.len()],
        };
        let orders = orders_of(&kinds, request, &mut tolerance)?;
        let options = Options::from(request.clone());
        let mut asked = Vec::with_capacity(permits.len());
        for (((number, permit), matcher), order) in permits.into_iter().zip(matchers).zip(orders) {
            let order = order.unwrap_or_else(|| Order::Same(Some(SortKey::Integer(i64::from(number)))));
            self.check_filter(&permit.kind, compared(matcher.as_ref()))?;
            self.check_order(&permit.kind, order.attribute())?;
            let view = self.view(cx, &permit, &options, &mut tolerance)?;
            asked.push(Asked { permit, number, matcher, order, view });
        }
        self.list(cx, "", asked, request, &tolerance).await
    }

    fn filter(&self, request: &SearchRequest, tolerance: &mut Tolerance) -> Result<Option<Filter>, Error> {
        let Some(text) = request.filter.as_deref() else { return Ok(None) };
        if text.trim_ascii().is_empty() && tolerance.allows(Quirk::EmptyFilter) {
            return Ok(None);
        }
        let filter = Filter::parse(text, self.limits(), tolerance).map_err(|error| Error::in_filter(error, text))?;
        Ok(Some(filter))
    }

    /// The page that is asked for. `endpoint` is the name of the resource type, or empty for all.
    async fn list(
        &self,
        cx: &Context,
        endpoint: &str,
        asked: Vec<Asked>,
        request: &SearchRequest,
        tolerance: &Tolerance,
    ) -> Result<Listing, Error> {
        let cx = &*self.metered(cx);
        let limits = self.limits();
        let count =
            request.count.map_or(limits.page_default, |count| usize::try_from(count.max(0)).unwrap_or(usize::MAX));
        let take = count.min(limits.page_max);
        let queries: Vec<Query<'_>> = asked.iter().map(|asked| self.query(asked, is_descending(request))).collect();
        let cursors = Cursors {
            seals: &self.inner.seals,
            query: canonical(cx.tenant(), endpoint, request),
            count: u64::try_from(take).unwrap_or(u64::MAX),
            now: u64::try_from(self.inner.clock.now().timestamp()).unwrap_or(0),
        };
        let page = match &request.cursor {
            None => {
                let start_index = request.start_index.unwrap_or(1).max(1).unsigned_abs();
                self.page_by_index(cx, &queries, start_index, take).await?
            }
            Some(_) if request.start_index.is_some() => {
                return Err(Error::bad(ScimType::InvalidValue, "expected either `startIndex` or `cursor`, not both"));
            }
            Some(token) => self.page_by_cursor(cx, &queries, &cursors, token, take).await?,
        };
        let Paged { mut items, total, start_index, mut next, mut previous } = page;
        let fitting = fitting(&items, &queries, limits.answer);
        if fitting < items.len() {
            let Some(token) = &request.cursor else { return Err(too_large(limits.answer, Some(fitting))) };
            Paged { items, next, previous, .. } = self.page_by_cursor(cx, &queries, &cursors, token, fitting).await?;
        }
        for (_, stored) in &items {
            rest(&stored.resource).await;
        }
        let rows = self.rows(cx, &queries, items).await?;
        drop(queries);
        let views = asked.into_iter().map(|asked| asked.view).collect();
        Ok(Listing { rows, views, total, start_index, next, previous, quirks: tolerance.applied() })
    }

    /// How the resources of one type are found: what the store does and what is done here.
    fn query<'a>(&'a self, asked: &'a Asked, descending: bool) -> Query<'a> {
        let Asked { permit, number, matcher, order, view } = asked;
        let kind = &permit.kind;
        let conditions = matcher.iter().flat_map(Matcher::conditions).chain(permit.scope());
        let plan = Plan::new(&self.inner.store, kind, conditions);
        let mut used = plan.attributes();
        used.extend(order.attribute());
        let is_used = |list: &AttributeId| used.iter().any(|used| used == list || kind.parent(*used) == *list);
        let hidden = view.hidden_lists(kind).into_iter().filter(|list| !is_used(list)).collect();
        let sorts_derived = self.sorts_derived(kind, order);
        Query { permit, kind, number: *number, plan, order, descending, hidden, sorts_derived, view }
    }

    /// The resources with what is derived for them.
    async fn rows(
        &self,
        cx: &Context,
        queries: &[Query<'_>],
        items: Vec<(usize, Stored)>,
    ) -> Result<Vec<(usize, Row)>, Error> {
        let mut derived = Vec::with_capacity(queries.len());
        for (position, query) in queries.iter().enumerate() {
            let of_type = items.iter().filter(|(of, _)| *of == position);
            let resources: Vec<&Resource> = of_type.map(|(_, stored)| &*stored.resource).collect();
            let ids: Vec<&str> = resources.iter().map(|resource| resource.id()).collect();
            let shows = |attribute| query.view.shows(attribute);
            let lists = self.derive(cx, query.kind, &ids, shows).await?;
            let displays = self.names(cx, query.kind, &resources, shows).await?;
            derived.push(lists.into_iter().zip(displays));
        }
        let rows = items.into_iter().map(|(position, stored)| {
            let (derived, displays) = derived.get_mut(position).and_then(Iterator::next).unwrap_or_default();
            (position, Row { stored, derived, displays })
        });
        Ok(rows.collect())
    }
}

/// The attributes that a filter looks at.
fn compared(matcher: Option<&Matcher>) -> impl Iterator<Item = AttributeId> {
    matcher.into_iter().flat_map(Matcher::conditions).flat_map(Condition::attributes)
}

fn is_descending(request: &SearchRequest) -> bool {
    request.sort_by.is_some() && request.sort_order == SortOrder::Descending
}

fn sort_path(request: &SearchRequest) -> Result<Option<PathRef<'_>>, Error> {
    let Some(text) = request.sort_by.as_deref() else { return Ok(None) };
    let malformed = |error| Error::bad(ScimType::InvalidValue, format!("sortBy: {error}")).with_attribute("sortBy");
    PathRef::parse(text).map(Some).map_err(malformed)
}

/// The order of each type's resources in one list; `None` where nobody asked for one.
fn orders_of(
    kinds: &[Arc<ResourceType>],
    request: &SearchRequest,
    tolerance: &mut Tolerance,
) -> Result<Vec<Option<Order>>, Error> {
    let Some(path) = sort_path(request)? else { return Ok(kinds.iter().map(|_| None).collect()) };
    let (mut orders, mut first, mut unknown) = (Vec::with_capacity(kinds.len()), None::<Sort>, None);
    for kind in kinds {
        let sort = match Sort::new(kind, path, is_descending(request), tolerance) {
            Ok(sort) => sort,
            Err(error) if error.kind() == SortErrorKind::Unknown => {
                unknown = Some(error);
                orders.push(Some(Order::Same(None)));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        if !first.get_or_insert_with(|| sort.clone()).agrees_with(&sort) {
            let detail = "sortBy: expected an attribute that has one type in all resource types";
            return Err(Error::bad(ScimType::InvalidValue, detail).with_attribute(path.text()));
        }
        orders.push(Some(if sort.attribute() == AttributeId::META_RESOURCE_TYPE {
            // It is not stored; all resources of a type have the same.
            let name = if sort.is_case_exact() { kind.name().into() } else { Text::from(&*fold(kind.name())) };
            Order::Same(Some(SortKey::Text(name)))
        } else {
            Order::By(sort)
        }));
    }
    match (first, unknown) {
        (None, Some(unknown)) => Err(unknown.into()),
        _ => Ok(orders),
    }
}

/// How many resources of a page fit into an answer of `limit` bytes: at least one.
fn fitting(items: &[(usize, Stored)], queries: &[Query<'_>], limit: usize) -> usize {
    let sizes = items.iter().map(|(query, stored)| {
        let base = queries.get(*query).map_or(0, |query| query.view.base.len());
        // Each reference is shown with its URL.
        let lists =
            stored.resource.kind().reference_lists().iter().filter_map(|list| stored.resource.root().get(*list));
        let references = lists.map(|list| list.elements().len()).sum::<usize>();
        stored.resource.size().saturating_add(references.saturating_mul(base))
    });
    Wanted::everything().within(limit).fitting(sizes)
}
