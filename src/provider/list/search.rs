//! Queries of many resources (RFC 7644 §3.4.2, §3.4.3): the interpretation of a request for each resource type.

use std::{slice, sync::Arc};

use super::{
    cursor::Cursors,
    paging::Paged,
    plan::Plan,
    query::{Order, Query},
};
use crate::{
    error::{Error, ScimType},
    filter::{Condition, Filter, Matcher},
    fold::fold,
    message::{SearchRequest, SortOrder},
    path::PathRef,
    provider::{
        access::Action,
        answer::{Added, Listing, View},
        call::Call,
        failure::too_large,
        rest::rest,
        seal::canonical,
        service_provider::ServiceProvider,
        type_ref::ResourceTypeRef,
    },
    quirks::{Quirk, Reading, Tolerance},
    resource::{Sort, SortErrorKind, SortKey},
    schema::{AttributeId, ResourceType},
    store::{RequestContext, RequestedAttributes, Store, Stored},
    value::Text,
};

/// A request for the resources of one type.
struct TypeQuery<'c> {
    call: Call<'c>,
    /// The index of the type among the registered types; 0 in a query of one type.
    number: u16,
    matcher: Option<Matcher>,
    order: Order,
    view: View,
}

/// A page, with the values of its resources that are not stored with them.
struct Shown {
    page: Paged,
    added: Vec<Added>,
}

impl<S: Store> ServiceProvider<S> {
    /// Queries the resources of one type (RFC 7644 §3.4.2).
    ///
    /// The core evaluates the conditions that the store cannot evaluate, on at most
    /// [`Limits::scan`](crate::limits::Limits::scan) resources. Without `sort_by` the order is by id. A page by index has an
    /// exact total. A page by cursor has a total only if the page needed all resources. It may have fewer resources
    /// than `count`, even zero: the walk ends with the page that has no [next cursor](Listing::next_cursor).
    ///
    /// # Errors
    ///
    /// 400 `invalidFilter` if the filter cannot be parsed or has an unsupported comparison, for example with the
    /// names that references show (`members.display`); 400 `invalidValue` if `sort_by` names no sortable attribute,
    /// or if the request has both a cursor and a `start_index`; 403 `sensitive` if the filter or the order would
    /// reveal a value that no client may read; 400 `tooMany` if too many resources would have to be examined; 400
    /// `invalidCursor`, `expiredCursor` or `invalidCount` (RFC 9865 §2.1).
    pub async fn search(
        &self,
        context: &RequestContext,
        resource_type: impl Into<ResourceTypeRef<'_>>,
        request: &SearchRequest,
    ) -> Result<Listing, Error> {
        let mut call = self.call(context, Action::Search, resource_type.into())?;
        let resource_type = Arc::clone(&call.permit.resource_type);
        let filter = self.filter(request, &mut call.tolerance)?;
        let matcher = filter.map(|filter| filter.compile(&call.permit.view, &mut call.tolerance)).transpose()?;
        self.check_filter(&resource_type, conditions(matcher.as_ref()))?;
        let order = match sort_path(request)? {
            Some(path) => Order::By(Sort::new(&call.permit.view, path, is_descending(request), &mut call.tolerance)?),
            None => Order::Same(None),
        };
        self.check_order(&resource_type, order.attribute())?;
        let view = self.view_with(&mut call, &request.attributes, &request.excluded_attributes)?;
        let tolerance = call.tolerance;
        let asked = TypeQuery { call, number: 0, matcher, order, view };
        let query = self.query(&asked, is_descending(request));
        let shown = self.list(context, resource_type.name(), slice::from_ref(&query), request).await?;
        drop(query);
        Ok(shown.listing(vec![asked.view], &tolerance))
    }

    /// Queries the resources of all types in one list (RFC 7644 §3.4.2.1), as `GET` and `.search` at the base URL do.
    ///
    /// Without `sort_by` the types follow each other in the order of their registration, and the resources of each
    /// type are ordered by id. With `sort_by` the resources of all types have one order; a resource whose type lacks
    /// the attribute has no sort key. The filter treats a type that lacks an attribute in the same way: the attribute
    /// equals no value and is not present. Types that the caller may not query are left out.
    ///
    /// For a page by index of a sorted list, the core reads every resource up to the page, within
    /// [`Limits::scan`](crate::limits::Limits::scan).
    ///
    /// # Errors
    ///
    /// As [`search`](Self::search), but an attribute counts as unknown only if no type has it, and as sensitive if it
    /// is sensitive in any type. If the policies permit no type at all, their first refusal.
    ///
    /// ```
    /// # #[cfg(feature = "system")] {
    /// # use std::{future::Future, pin::pin, task::{Context as Task, Poll, Waker}};
    /// # fn block_on<F: Future>(future: F) -> F::Output {
    /// #     let (mut future, mut task) = (pin!(future), Task::from_waker(Waker::noop()));
    /// #     loop { if let Poll::Ready(output) = future.as_mut().poll(&mut task) { return output } }
    /// # }
    /// use scim_core::{message::SearchRequest, provider::ServiceProvider, schema::Registry};
    /// use scim_core::store::{MemoryStore, RequestContext, TenantId};
    ///
    /// let provider = ServiceProvider::builder(Registry::standard(), MemoryStore::new(), "https://example.com/scim/v2")
    ///     .build()?;
    /// let mut request = SearchRequest::default();
    /// request.filter = Some(r#"displayName sw "smith""#.into());
    /// request.cursor = Some("".into());
    /// let page = block_on(provider.search_all(&RequestContext::new(TenantId::single()), &request))?;
    /// assert_eq!((page.total(), page.next_cursor()), (Some(0), None));
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn search_all(&self, context: &RequestContext, request: &SearchRequest) -> Result<Listing, Error> {
        let (mut permits, mut refusal) = (Vec::new(), None);
        for (number, resource_type) in (0..).zip(self.registry().resource_types()) {
            match self.permit(context, Action::Search, resource_type) {
                Ok(permit) => permits.push((number, permit)),
                Err(error) if error.status() >= 500 => return Err(error),
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        if let (true, Some(refusal)) = (permits.is_empty(), refusal) {
            return Err(refusal);
        }
        let mut tolerance = Tolerance::new(self.quirks());
        let resource_types: Vec<Arc<ResourceType>> =
            permits.iter().map(|(_, permit)| Arc::clone(&permit.view)).collect();
        let matchers = match self.filter(request, &mut tolerance)? {
            Some(filter) => filter.compile_each(&resource_types, &mut tolerance)?.into_iter().map(Some).collect(),
            None => vec![None; resource_types.len()],
        };
        let orders = orders_of(&resource_types, request, &mut tolerance)?;
        let mut asked = Vec::with_capacity(permits.len());
        for (((number, permit), matcher), order) in permits.into_iter().zip(matchers).zip(orders) {
            let order = order.unwrap_or_else(|| Order::Same(Some(SortKey::Integer(i64::from(number)))));
            self.check_filter(&permit.resource_type, conditions(matcher.as_ref()))?;
            self.check_order(&permit.resource_type, order.attribute())?;
            let mut call = Call { context, permit, tolerance };
            let view = self.view_with(&mut call, &request.attributes, &request.excluded_attributes)?;
            tolerance = call.tolerance;
            asked.push(TypeQuery { call, number, matcher, order, view });
        }
        let queries: Vec<Query<'_>> = asked.iter().map(|asked| self.query(asked, is_descending(request))).collect();
        let shown = self.list(context, "", &queries, request).await?;
        drop(queries);
        Ok(shown.listing(asked.into_iter().map(|asked| asked.view).collect(), &tolerance))
    }

    fn filter(&self, request: &SearchRequest, tolerance: &mut Tolerance) -> Result<Option<Filter>, Error> {
        let Some(text) = request.filter.as_deref() else { return Ok(None) };
        if text.trim_ascii().is_empty() && tolerance.allows(Quirk::EmptyFilter) {
            return Ok(None);
        }
        let filter = Filter::parse(text, Reading::new(self.limits(), tolerance))
            .map_err(|error| Error::in_filter(error, text))?;
        Ok(Some(filter))
    }

    /// Returns the requested page: by index (RFC 7644 §3.4.2.4), unless the request has a cursor (RFC 9865 §2, §2.3,
    /// §2.4). `endpoint` is the name of the resource type, or empty for all types.
    async fn list(
        &self,
        context: &RequestContext,
        endpoint: &str,
        queries: &[Query<'_>],
        request: &SearchRequest,
    ) -> Result<Shown, Error> {
        let context = &*self.metered(context);
        let limits = self.limits();
        let count =
            request.count.map_or(limits.page_default, |count| usize::try_from(count.max(0)).unwrap_or(usize::MAX));
        let take = count.min(limits.page_max);
        let cursors = Cursors {
            seals: &self.inner.seals,
            // Only a cursor names its query.
            query: request.cursor.as_ref().map(|_| canonical(context.tenant(), endpoint, request)).unwrap_or_default(),
            count: u64::try_from(take).unwrap_or(u64::MAX),
            now: u64::try_from(self.inner.clock.now().timestamp()).unwrap_or(0),
        };
        let mut page = match &request.cursor {
            None => {
                let start_index = request.start_index.unwrap_or(1).max(1).unsigned_abs();
                self.page_by_index(context, queries, start_index, take).await?
            }
            Some(_) if request.start_index.is_some() => {
                return Err(Error::bad(ScimType::InvalidValue, "expected either `startIndex` or `cursor`, not both"));
            }
            Some(token) => self.page_by_cursor(context, queries, &cursors, token, take).await?,
        };
        let fitting = fitting(&page.items, queries, limits.answer);
        if fitting < page.items.len() {
            let Some(token) = &request.cursor else { return Err(too_large(limits.answer, Some(fitting))) };
            let Paged { items, next, previous, .. } =
                self.page_by_cursor(context, queries, &cursors, token, fitting).await?;
            page = Paged { items, next, previous, ..page };
        }
        for (_, stored) in &page.items {
            rest(&stored.resource).await;
        }
        let added = self.added(context, queries, &page.items).await?;
        Ok(Shown { page, added })
    }

    /// Returns the query of the resources of one type, divided between the store and the core.
    fn query<'a>(&'a self, asked: &'a TypeQuery<'_>, descending: bool) -> Query<'a> {
        let TypeQuery { call: Call { permit, .. }, number, matcher, order, view } = asked;
        let resource_type = &permit.resource_type;
        let conditions = matcher.iter().flat_map(Matcher::conditions).chain(permit.scope());
        let plan = Plan::new(&self.inner.store, resource_type, conditions);
        let mut used = plan.attributes();
        used.extend(order.attribute());
        let is_used = |list: &AttributeId| used.iter().any(|used| used == list || resource_type.parent(*used) == *list);
        let hidden = view.hidden_lists(resource_type).into_iter().filter(|list| !is_used(list)).collect();
        let sorts_derived = self.sorts_derived(resource_type, order);
        Query { permit, resource_type, number: *number, plan, order, descending, hidden, sorts_derived, view }
    }

    /// Returns the derived attributes of the resources, and the names in their references.
    async fn added(
        &self,
        context: &RequestContext,
        queries: &[Query<'_>],
        items: &[(usize, Stored)],
    ) -> Result<Vec<Added>, Error> {
        let mut added = vec![Added::default(); items.len()];
        for (position, query) in queries.iter().enumerate() {
            let numbered = items.iter().enumerate().filter(move |(_, (of, _))| *of == position);
            let resources = numbered.map(|(index, (_, stored))| (index, &*stored.resource));
            let shows = |attribute| query.view.shows(attribute);
            self.derive(context, query.resource_type, resources.clone(), &mut added, shows).await?;
            self.name_references(context, query.resource_type, resources, &mut added, shows).await?;
        }
        Ok(added)
    }
}

impl Shown {
    fn listing(self, views: Vec<View>, tolerance: &Tolerance) -> Listing {
        let Self { page: Paged { items, total, start_index, next, previous }, added } = self;
        Listing { items, added, views, total, start_index, next, previous, quirks: tolerance.applied() }
    }
}

/// Returns the conditions of a filter.
fn conditions(matcher: Option<&Matcher>) -> &[Condition] {
    matcher.map(Matcher::conditions).unwrap_or_default()
}

fn is_descending(request: &SearchRequest) -> bool {
    request.sort_by.is_some() && request.sort_order == SortOrder::Descending
}

fn sort_path(request: &SearchRequest) -> Result<Option<PathRef<'_>>, Error> {
    let Some(text) = request.sort_by.as_deref() else { return Ok(None) };
    let malformed = |error| Error::bad(ScimType::InvalidValue, format!("sortBy: {error}")).with_attribute("sortBy");
    PathRef::parse(text).map(Some).map_err(malformed)
}

/// Returns the order of each type's resources in one list; `None` for every type if the request has no `sortBy`.
fn orders_of(
    resource_types: &[Arc<ResourceType>],
    request: &SearchRequest,
    tolerance: &mut Tolerance,
) -> Result<Vec<Option<Order>>, Error> {
    let Some(path) = sort_path(request)? else { return Ok(resource_types.iter().map(|_| None).collect()) };
    let (mut orders, mut first, mut unknown) = (Vec::with_capacity(resource_types.len()), None::<Sort>, None);
    for resource_type in resource_types {
        let sort = match Sort::new(resource_type, path, is_descending(request), tolerance) {
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
            // `meta.resourceType` is not stored. All resources of a type have the same value.
            let name = if sort.is_case_exact() {
                resource_type.name().into()
            } else {
                Text::from(&*fold(resource_type.name()))
            };
            Order::Same(Some(SortKey::Text(name)))
        } else {
            Order::By(sort)
        }));
    }
    match (first, unknown) {
        (None, Some(unknown)) if resource_types.len() > 1 => Err(unknown.in_any_type().into()),
        (None, Some(unknown)) => Err(unknown.into()),
        _ => Ok(orders),
    }
}

/// Returns how many resources of a page fit into an answer of `limit` bytes; at least one resource.
fn fitting(items: &[(usize, Stored)], queries: &[Query<'_>], limit: usize) -> usize {
    let sizes = items.iter().map(|(query, stored)| {
        let base = queries.get(*query).map_or(0, |query| query.view.base.len());
        // The answer shows each reference with its URL.
        let lists = stored
            .resource
            .resource_type()
            .reference_lists()
            .iter()
            .filter_map(|list| stored.resource.root().get(*list));
        let references = lists.map(|list| list.elements().len()).sum::<usize>();
        stored.resource.size().saturating_add(references.saturating_mul(base))
    });
    RequestedAttributes::everything().with_byte_limit(limit).fitting(sizes)
}
