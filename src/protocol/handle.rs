//! Dispatches requests to operations and turns outcomes into responses.

use std::pin::pin;

use super::{
    Request, Response,
    media::{answer_type, check_content_type, content_coding},
    route::{Definition, Route, route},
    trace::Trace,
};
use crate::{
    error::Error,
    message::{BulkRequest, SearchRequest},
    patch::Patch,
    provider::{Answer, Listing, Options, Precondition, ServiceProvider},
    quirks::{Reading, Tolerance},
    resource::Resource,
    store::{RequestContext, Store},
};

impl<S: Store> ServiceProvider<S> {
    /// Answers a request. Every error is in the response.
    ///
    /// The future does nothing before it is polled, and may be dropped at any time: a write then has happened
    /// completely or not at all.
    ///
    /// The future computes for a few milliseconds at a time, then wakes itself and returns `Pending`, so that other
    /// tasks of the thread take their turns. An executor must poll the future again; it may drop the future at any
    /// pause, and then either all of the request's change is committed or nothing. On tokio, set `event_interval` of
    /// the runtime to a small number such as 3: by default a thread reads its sockets only after 61 polls, which is a
    /// long time when many long requests take turns. The longest part without a pause is one operation of a PATCH on a
    /// long list, about 15 ms.
    ///
    /// ```
    /// # #[cfg(feature = "system")] {
    /// # use std::{future::Future, pin::pin, task::{Context as Task, Poll, Waker}};
    /// # fn block_on<F: Future>(future: F) -> F::Output {
    /// #     let (mut future, mut task) = (pin!(future), Task::from_waker(Waker::noop()));
    /// #     loop { if let Poll::Ready(output) = future.as_mut().poll(&mut task) { return output } }
    /// # }
    /// use scim_core::{
    ///     protocol::Request, provider::ServiceProvider, schema::Registry,
    ///     store::{MemoryStore, RequestContext, TenantId},
    /// };
    ///
    /// let provider = ServiceProvider::builder(Registry::standard(), MemoryStore::new(), "https://example.com/scim/v2")
    ///     .build()?;
    /// // Only the host knows the caller.
    /// let context = RequestContext::new(TenantId::single());
    /// let request = Request::new("POST", "/Users").with_body(br#"{"userName": "bjensen"}"#);
    /// let response = block_on(provider.handle(&context, &request));
    /// assert_eq!(response.status, 201);
    /// assert!(response.header("Location").is_some_and(|url| url.starts_with("https://example.com/scim/v2/Users/")));
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn handle(&self, context: &RequestContext, request: &Request<'_>) -> Response {
        let trace = Trace::start(context, self.limits());
        let context = trace.context(context);
        // Every request has a bound on its work, with or without a trace.
        let context = self.metered(&context);
        // Pinned here, since each function that takes the future by value would copy its kilobytes.
        let responding = pin!(self.respond(&context, request, &trace));
        let response = trace.around(responding).await;
        trace.end(&response);
        response
    }

    /// Returns the maximum number of bytes that a host must collect from the body of a request to `path`, which is
    /// relative to the base URL. The response to a longer body is always 413.
    pub fn body_limit(&self, path: &str) -> usize {
        // An invalid path does not matter here: the response to the request reports the error.
        match route(path, self.registry(), self.limits()) {
            Ok(Route::Bulk) => self.limits().bulk_payload,
            _ => self.limits().body,
        }
    }

    async fn respond(&self, context: &RequestContext, request: &Request<'_>, trace: &Trace) -> Response {
        let content_type = answer_type(&request.accept);
        let head = request.method == "HEAD";
        let mut tolerance = Tolerance::new(self.quirks());
        let method = if head { "GET" } else { request.method };
        let outcome = self.dispatch(context, request, method, trace, &mut tolerance).await;
        let mut response = outcome.unwrap_or_else(|error| Response::from_error(error, content_type));
        response.quirks = response.quirks.union(tolerance.applied());
        if head {
            response.body.clear();
        }
        response
    }

    /// Finds the endpoint. `/Me` becomes the caller's own resource (RFC 7644 §3.11).
    async fn dispatch(
        &self,
        context: &RequestContext,
        request: &Request<'_>,
        method: &str,
        trace: &Trace,
        tolerance: &mut Tolerance,
    ) -> Result<Response, Error> {
        let mut route = route(request.path(), self.registry(), self.limits())?;
        if matches!(route, Route::Me) {
            let (resource_type, id) = self.subject(context)?;
            route = Route::Resource(resource_type, id.to_string().into());
        }
        trace.route(&route, method);
        self.operate(context, request, route, method, tolerance).await
    }

    /// Executes the method on the endpoint, and sets the status: POST (RFC 7644 §3.3), GET (§3.4.1, §3.4.2), `.search`
    /// (§3.4.3), PUT (§3.5, §3.5.1), PATCH (§3.5.2), DELETE (§3.6) and bulk (§3.7). A GET whose `If-None-Match` names
    /// the version of the resource gets 304 (§3.14).
    async fn operate(
        &self,
        context: &RequestContext,
        request: &Request<'_>,
        route: Route<'_>,
        method: &str,
        tolerance: &mut Tolerance,
    ) -> Result<Response, Error> {
        let content_type = answer_type(&request.accept);
        let document = |body: Vec<u8>| Response::new(200).with_body(body, content_type);
        if reads_body(&route, method) {
            if let Some(coding) = content_coding(&request.content_encoding) {
                return Ok(Response::coding_not_supported(coding, content_type));
            }
            check_content_type(&request.content_type)?;
        }
        match (route, method) {
            (Route::Collection(resource_type), "GET") => {
                let search = SearchRequest::from_query(request.query, self.limits())?;
                Ok(listed(self.search(context, &resource_type, &search).await?, content_type).await)
            }
            (Route::Root, "GET") => {
                let search = SearchRequest::from_query(request.query, self.limits())?;
                Ok(listed(self.search_all(context, &search).await?, content_type).await)
            }
            (Route::Collection(resource_type), "POST") => {
                let options = self.options(request)?;
                let resource = Resource::read(&resource_type, request.body, Reading::new(self.limits(), tolerance))?;
                Ok(answered(201, &self.create(context, resource, &options).await?, content_type))
            }
            (Route::Search(resource_type), "POST") => {
                let search = SearchRequest::from_json(request.body, Reading::new(self.limits(), tolerance))?;
                let listing = match resource_type {
                    Some(resource_type) => self.search(context, &resource_type, &search).await,
                    None => self.search_all(context, &search).await,
                };
                Ok(listed(listing.map_err(Error::in_body)?, content_type).await)
            }
            (Route::Resource(resource_type, id), "GET") => {
                let options = self.options(request)?;
                let answer = self.get(context, &resource_type, &id, &options).await?;
                // `get` has already checked `If-Match`, so only `If-None-Match` can fail here.
                if !options.precondition.holds(answer.version()) {
                    let quirks = answer.quirks();
                    return Ok(Response::new(304).with_etag(answer.version().etag()).with_quirks(quirks));
                }
                Ok(answered(200, &answer, content_type))
            }
            (Route::Resource(resource_type, id), "PUT") => {
                let options = self.options(request)?;
                let resource = Resource::read(&resource_type, request.body, Reading::new(self.limits(), tolerance))?;
                Ok(answered(200, &self.replace(context, &id, resource, &options).await?, content_type))
            }
            (Route::Resource(resource_type, id), "PATCH") => {
                let options = self.options(request)?;
                let patch = Patch::parse(request.body, Reading::new(self.limits(), tolerance))?;
                Ok(answered(200, &self.patch(context, &resource_type, &id, &patch, &options).await?, content_type))
            }
            (Route::Resource(resource_type, id), "DELETE") => {
                self.delete(context, &resource_type, &id, &precondition(request)).await?;
                Ok(Response::new(204))
            }
            (Route::Definitions(definition), "GET") => {
                refuse_filter(SearchRequest::filters(request.query, tolerance))?;
                Ok(document(self.definitions(context, definition)))
            }
            (Route::SearchDefinitions(definition), "POST") => {
                refuse_filter(
                    SearchRequest::from_json(request.body, Reading::new(self.limits(), tolerance))?.filter.is_some(),
                )?;
                Ok(document(self.definitions(context, definition)))
            }
            (Route::Definition(definition, id), "GET") => {
                let found = match definition {
                    Definition::Schema => self.schema_json(context, &id),
                    Definition::ResourceType => self.resource_type_json(context, &id),
                };
                found.map(document).ok_or_else(Error::no_endpoint)
            }
            (Route::ServiceProviderConfig, "GET") => {
                refuse_filter(SearchRequest::filters(request.query, tolerance))?;
                Ok(document(self.configuration_json(context)))
            }
            (Route::Bulk, "POST") => {
                if self.limits().bulk_operations == 0 {
                    return Err(Error::not_implemented("bulk"));
                }
                let bulk = BulkRequest::parse(request.body, Reading::new(self.limits(), tolerance))?;
                let response = self.bulk(context, &bulk).await?;
                Ok(document(response.to_json()).with_quirks(response.quirks))
            }
            (route, _) => Ok(Response::method_not_allowed(methods(&route), content_type)),
        }
    }

    fn options(&self, request: &Request<'_>) -> Result<Options, Error> {
        let mut options = Options::from(SearchRequest::projection_from_query(request.query, self.limits())?);
        options.precondition = precondition(request);
        Ok(options)
    }

    fn definitions(&self, context: &RequestContext, definition: Definition) -> Vec<u8> {
        match definition {
            Definition::Schema => self.schemas_json(context),
            Definition::ResourceType => self.resource_types_json(context),
        }
    }
}

fn precondition(request: &Request<'_>) -> Precondition {
    Precondition::of_lines(request.if_match.iter(), request.if_none_match.iter())
}

/// Whether the operation reads the request body.
fn reads_body(route: &Route<'_>, method: &str) -> bool {
    matches!(method, "POST" | "PUT" | "PATCH") && methods(route).split(", ").any(|known| known == method)
}

/// Shows a resource, or responds 204 without `Location` if the resource is too large (erratum 5295 of RFC 7644).
fn answered(status: u16, answer: &Answer, content_type: &'static str) -> Response {
    let etag = answer.version().etag();
    let response = match answer.to_json_with(&etag) {
        Some(body) => Response::new(status).with_body(body, content_type).with_location(answer.location()),
        None => Response::new(204),
    };
    response.with_etag(etag).with_quirks(answer.quirks())
}

/// Shows a list, also an empty list, with the status 200 (RFC 7644 §3.4.2).
async fn listed(listing: Listing, content_type: &'static str) -> Response {
    let quirks = listing.quirks();
    Response::new(200).with_body(listing.into_json().await, content_type).with_quirks(quirks)
}

/// The documents that describe the service provider cannot be filtered; their endpoints ignore all other parameters
/// (RFC 7644 §4).
fn refuse_filter(filtered: bool) -> Result<(), Error> {
    if filtered { Err(Error::new(403, "filters are not supported on this endpoint")) } else { Ok(()) }
}

/// The methods of the endpoint. The documents that describe the service provider can only be read (RFC 7643 §7,
/// RFC 7644 §4).
fn methods(route: &Route<'_>) -> &'static str {
    match route {
        Route::Collection(_) => "GET, HEAD, POST",
        Route::Resource(..) => "GET, HEAD, PUT, PATCH, DELETE",
        Route::Search(_) | Route::SearchDefinitions(_) | Route::Bulk => "POST",
        _ => "GET, HEAD",
    }
}
