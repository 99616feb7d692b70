//! Many operations in one request (RFC 7644 §3.7).
//!
//! Each operation behaves like the same request outside of a bulk request: it calls the same functions, with the same
//! rules and policies. This module adds the relations between operations: which operation refers to a resource that
//! another operation creates, in which order they run, which creations are committed together, and when to stop.

mod circle;
mod given_ids;
mod order;
mod refer;
mod step;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use self::{
    given_ids::given_ids,
    order::groups,
    step::{GivenIds, Step, Work},
};
use super::{
    access::Action,
    failure::{broken_store, contention, refused, too_much_bulk},
    options::{Options, Precondition},
    reference::Created,
    service_provider::ServiceProvider,
};
use crate::{
    error::{Error, ScimType},
    limits,
    message::{BulkOutcome, BulkRequest, BulkResponse},
    quirks::{Reading, Tolerance},
    resource::{Resource, url},
    schema::ResourceType,
    store::{Change, ChangeOutcome, CommitError, RequestContext, Store, StoreError, Version},
    value::Text,
};

/// The result of an operation: the id of its resource, and either the status and the version or the error.
struct OperationResult {
    id: Option<Text>,
    outcome: Result<(u16, Option<Version>), Error>,
}

/// A bulk request that is being executed.
struct Run<'a, S> {
    provider: &'a ServiceProvider<S>,
    context: &'a RequestContext,
    steps: Vec<Step<'a>>,
    results: Vec<Option<OperationResult>>,
    /// The resources that the request creates, by id. Other resources may refer to them before they are committed.
    created: Created,
    /// Creations that wait for a common commit.
    waiting: Vec<(usize, Change)>,
    errors: usize,
    most_errors: usize,
    tolerance: Tolerance,
}

impl<S: Store> ServiceProvider<S> {
    /// Executes the operations of a bulk request (RFC 7644 §3.7). Each operation has its own outcome.
    ///
    /// The operations run in the client's order, except that a resource to which another operation refers by
    /// `bulkId:` is created first. Resources that refer to each other in a cycle are created without the references
    /// that close the cycle, and then given these references (§3.7.1). Either all resources of a cycle are created or
    /// none of them, in one commit if the store accepts that many changes. Other consecutive creations are committed
    /// together, as many as the store accepts; a failed creation does not prevent the others.
    ///
    /// # Errors
    ///
    /// 501 if [`Limits::bulk_operations`](crate::limits::Limits::bulk_operations) is 0. 413 if the operations need more
    /// [work](crate::limits::Limits::work) than a request may take and no operation has succeeded (RFC 7644 §3.7.4). Every
    /// other error is the outcome of its operation. For example, if an operation has succeeded, a later operation
    /// that exceeds the work has the outcome 400 `tooMany`.
    ///
    /// ```
    /// # #[cfg(feature = "system")] {
    /// # use std::{future::Future, pin::pin, task::{Context as Task, Poll, Waker}};
    /// # fn block_on<F: Future>(future: F) -> F::Output {
    /// #     let (mut future, mut task) = (pin!(future), Task::from_waker(Waker::noop()));
    /// #     loop { if let Poll::Ready(output) = future.as_mut().poll(&mut task) { return output } }
    /// # }
    /// use scim_core::{
    ///     limits::Limits, message::BulkRequest, provider::ServiceProvider, quirks::{Quirks, Reading, Tolerance},
    ///     schema::Registry,
    /// };
    /// use scim_core::store::{MemoryStore, RequestContext, TenantId};
    ///
    /// let provider = ServiceProvider::builder(Registry::standard(), MemoryStore::new(), "https://example.com/scim/v2")
    ///     .build()?;
    /// let body = br#"{"Operations": [
    ///     {"method": "POST", "path": "/Groups", "bulkId": "all", "data": {"displayName": "All", "members": [{"value": "bulkId:ann"}]}},
    ///     {"method": "POST", "path": "/Users", "bulkId": "ann", "data": {"userName": "ann"}}]}"#;
    /// let request = BulkRequest::parse(body, Reading::new(&Limits::default(), &mut Tolerance::new(Quirks::default())))?;
    /// let response = block_on(provider.bulk(&RequestContext::new(TenantId::single()), &request))?;
    /// assert!(response.outcomes.iter().all(|outcome| outcome.status == 201));
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn bulk(&self, context: &RequestContext, request: &BulkRequest<'_>) -> Result<BulkResponse, Error> {
        if self.limits().bulk_operations == 0 {
            return Err(Error::not_implemented("bulk"));
        }
        let context = &*self.metered(context);
        let mut tolerance = Tolerance::new(self.quirks());
        let mut steps = step::steps(self, request, &mut GivenIds::new(), &mut tolerance);
        let mut given = given_ids(self, context, &steps).await;
        if !given.is_empty() {
            steps = step::steps(self, request, &mut given, &mut tolerance);
        }
        let refers: Vec<Vec<usize>> = steps.iter().map(|step| step.refers.clone()).collect();
        let created = steps.iter().filter_map(Step::creates).collect();
        let mut results = Vec::new();
        results.resize_with(steps.len(), || None);
        let mut run = Run {
            provider: self,
            context,
            steps,
            results,
            created,
            waiting: Vec::new(),
            errors: 0,
            most_errors: request.fail_on_errors.unwrap_or(usize::MAX),
            tolerance,
        };
        for group in groups(&refers) {
            if run.is_over() {
                break;
            }
            context.pause().await;
            match *group {
                [only] if refers.get(only).is_none_or(|targets| !targets.contains(&only)) => run.one(only).await,
                _ => run.circle(&group).await,
            }
        }
        run.flush().await;
        let is_done = |result: &OperationResult| result.outcome.is_ok();
        if context.work().is_some_and(limits::Work::is_exceeded) && !run.results.iter().flatten().any(is_done) {
            return Err(too_much_bulk(self.limits().work));
        }
        Ok(run.into_response(request))
    }
}

impl<S: Store> Run<'_, S> {
    /// Returns whether the number of errors has reached the client's `failOnErrors` (RFC 7644 §3.7.3).
    fn is_over(&self) -> bool {
        self.errors >= self.most_errors
    }

    fn fail(&mut self, index: usize, error: Error) {
        self.errors += 1;
        self.end(index, Err(error));
    }

    fn end(&mut self, index: usize, outcome: Result<(u16, Option<Version>), Error>) {
        let id = self.steps.get(index).and_then(|step| step.id.clone());
        if let Some(result) = self.results.get_mut(index) {
            *result = Some(OperationResult { id, outcome });
        }
    }

    /// Returns an error if an operation to which this operation refers has failed; otherwise `None`.
    fn failed_reference(&self, index: usize) -> Option<Error> {
        let step = self.steps.get(index)?;
        let failed = |target: &&usize| {
            let result = self.results.get(**target).and_then(Option::as_ref);
            **target != index && result.is_some_and(|result| result.outcome.is_err())
        };
        let target = step.refers.iter().find(failed)?;
        let name = self.steps.get(*target).and_then(|target| target.bulk_id.as_deref()).unwrap_or_default();
        Some(Error::new(409, format!("the operation with the bulkId `{name:.60}` has failed")))
    }

    /// Executes an operation that is not part of a cycle.
    async fn one(&mut self, index: usize) {
        let Some(step) = self.steps.get_mut(index) else { return };
        let work = std::mem::replace(&mut step.work, Work::Done);
        match work {
            Work::Create { resource_type, data } => {
                // A creation to which this creation refers may be waiting. It is then committed first, in the same
                // batch.
                let prepared = match self.failed_reference(index) {
                    Some(error) => Err(error),
                    None => self.prepare(index, &resource_type, &data).await,
                };
                match prepared {
                    Ok(change) => {
                        self.waiting.push((index, change));
                        let most = self.provider.inner.store.capabilities().max_batch.max(1);
                        if self.waiting.len() >= most {
                            self.flush().await;
                        }
                    }
                    Err(error) => {
                        // The waiting creations count first: their errors may already reach the client's limit.
                        self.flush().await;
                        if !self.is_over() {
                            self.fail(index, error);
                        }
                    }
                }
            }
            Work::Done => {}
            work => {
                self.flush().await;
                if self.is_over() {
                    return;
                }
                let outcome = match self.failed_reference(index) {
                    Some(error) => Err(error),
                    None => self.change(index, work).await,
                };
                match outcome {
                    Ok(outcome) => self.end(index, Ok(outcome)),
                    Err(error) => self.fail(index, error),
                }
            }
        }
    }

    /// Returns the change that creates the resource, without committing it.
    async fn prepare(&mut self, index: usize, resource_type: &Arc<ResourceType>, data: &str) -> Result<Change, Error> {
        let limits = self.provider.limits();
        let resource = Resource::read(resource_type, data.as_bytes(), Reading::new(limits, &mut self.tolerance))?;
        let id = self.steps.get(index).and_then(|step| step.id.clone()).unwrap_or_default();
        let mut call = self.provider.call(self.context, Action::Create, resource.resource_type().into())?;
        call.tolerance = self.tolerance;
        let prepared = self.provider.prepare_create(&mut call, resource, &self.created).await;
        self.tolerance = call.tolerance;
        self.provider.create_change(&call, prepared?, id)
    }

    /// Replaces, patches or deletes a resource. Returns the status and the version of the resource.
    async fn change(&mut self, index: usize, work: Work<'_>) -> Result<(u16, Option<Version>), Error> {
        let (provider, context) = (self.provider, self.context);
        let Some(step) = self.steps.get(index) else { return Err(broken_store("an operation of the request")) };
        let id = step.id.clone().unwrap_or_default();
        let precondition = step.version.as_deref().map(Precondition::if_match).unwrap_or_default();
        let options = Options { precondition, in_bulk: true, ..Options::default() };
        let answer = match work {
            Work::Fault(error) => return Err(error),
            Work::Replace { resource_type, data } => {
                let resource = Resource::read(
                    &resource_type,
                    data.as_bytes(),
                    Reading::new(provider.limits(), &mut self.tolerance),
                )?;
                provider.replace(context, &id, resource, &options).await?
            }
            Work::Patch { resource_type, patch } => {
                provider.patch(context, &resource_type, &id, &patch, &options).await?
            }
            Work::Delete { resource_type } => {
                provider.delete(context, &resource_type, &id, &options.precondition).await?;
                return Ok((204, None));
            }
            Work::Create { .. } | Work::Done => return Err(broken_store("an operation that changes a resource")),
        };
        self.tolerance.meet(answer.quirks());
        let status = if answer.is_shown() { 200 } else { 204 };
        Ok((status, Some(answer.version().clone())))
    }

    /// Commits the waiting creations in batches. If a creation fails, the creations before it in its batch are
    /// committed again without it, and the next batch has half the size, so that further failures repeat less work.
    async fn flush(&mut self) {
        let mut waiting: VecDeque<(usize, Change)> = std::mem::take(&mut self.waiting).into();
        let mut size = waiting.len();
        let mut attempts = self.provider.attempts();
        while !self.is_over() {
            let mut front = Vec::new();
            while front.len() < size
                && !self.is_over()
                && let Some((index, change)) = waiting.pop_front()
            {
                match self.failed_reference(index) {
                    None => front.push((index, change)),
                    Some(error) if front.is_empty() => self.fail(index, error),
                    // The creations in `front` come first: one of their errors may reach the client's limit.
                    Some(_) => {
                        waiting.push_front((index, change));
                        break;
                    }
                }
            }
            if front.is_empty() {
                return;
            }
            let batch: Vec<Change> = front.iter().map(|(_, change)| change.clone()).collect();
            let error = match self.provider.commit(self.context, &batch).await {
                Ok(done) => {
                    self.created(front, done);
                    size = size.saturating_mul(2);
                    continue;
                }
                Err(error) => error,
            };
            match attempts.again(self.context, error) {
                Ok(()) => put_back(&mut waiting, front),
                Err(error) => {
                    size = (front.len() / 2).max(1);
                    let mut rest = front.split_off(error.index.min(front.len().saturating_sub(1))).into_iter();
                    self.commit_before(front).await;
                    if let Some((index, change)) = rest.next().filter(|_| !self.is_over()) {
                        self.fail(index, refusal(change.resource_type(), error.error));
                    }
                    put_back(&mut waiting, rest.collect());
                }
            }
        }
    }

    fn created(&mut self, committed: Vec<(usize, Change)>, done: Vec<ChangeOutcome>) {
        for ((index, _), done) in committed.into_iter().zip(done) {
            match done.version {
                Some(version) => self.end(index, Ok((201, Some(version)))),
                None => self.fail(index, broken_store("a create gives a version")),
            }
        }
    }

    /// Commits the creations that preceded the failed creation in its batch. The store has just found them valid.
    async fn commit_before(&mut self, waiting: Vec<(usize, Change)>) {
        if waiting.is_empty() {
            return;
        }
        let batch: Vec<Change> = waiting.iter().map(|(_, change)| change.clone()).collect();
        match self.provider.commit(self.context, &batch).await {
            Ok(done) => self.created(waiting, done),
            // Another writer came in between: commit each creation alone.
            Err(_) => {
                for (index, change) in waiting {
                    if self.is_over() {
                        return;
                    }
                    let outcome = match self.failed_reference(index) {
                        Some(error) => Err(error),
                        None => self.commit_alone(change).await,
                    };
                    match outcome {
                        Ok(version) => self.end(index, Ok((201, Some(version)))),
                        Err(error) => self.fail(index, error),
                    }
                }
            }
        }
    }

    /// Commits one change. Tries again while the store is busy.
    async fn commit_alone(&self, change: Change) -> Result<Version, Error> {
        let batch = [change];
        let [change] = &batch;
        let done = self.commit_again(&batch).await.map_err(|error| refusal(change.resource_type(), error.error))?;
        let version = done.into_iter().next().and_then(|done| done.version);
        version.ok_or_else(|| broken_store("a write gives a version"))
    }

    /// Commits all changes or none of them. Tries again while the store is busy, at most `Limits::write_retries`
    /// times.
    async fn commit_again(&self, batch: &[Change]) -> Result<Vec<ChangeOutcome>, CommitError> {
        self.provider.retry(self.context, || self.provider.commit(self.context, batch)).await
    }

    /// Returns the result of each operation that was tried (RFC 7644 §3.7.3).
    fn into_response(self, request: &BulkRequest<'_>) -> BulkResponse {
        let base = self.provider.inner.base.of(self.context.tenant());
        let mut response = BulkResponse { outcomes: Vec::new(), quirks: self.tolerance.applied() };
        let operations = request.operations.iter().zip(&self.steps).zip(self.results);
        for (index, ((operation, step), result)) in operations.enumerate() {
            let Some(OperationResult { id, outcome }) = result else { continue };
            // A resource that was not created has no location.
            let is_nowhere = step.is_create && outcome.is_err();
            let location = id
                .zip(step.resource_type.as_ref())
                .filter(|_| !is_nowhere)
                .map(|(id, resource_type)| url(&base, resource_type, &id));
            let (status, version, error) = match outcome {
                Ok((status, version)) => (status, version, None),
                Err(error) => (error.status(), None, Some(error)),
            };
            response.outcomes.push(BulkOutcome {
                index,
                method: operation.method.as_deref().unwrap_or_default().into(),
                bulk_id: operation.bulk_id.as_deref().map(Into::into),
                location: location.map(Into::into),
                version: version.map(|version| version.etag().as_str().into()),
                status,
                error,
            });
        }
        response
    }
}

fn put_back(waiting: &mut VecDeque<(usize, Change)>, front: Vec<(usize, Change)>) {
    for change in front.into_iter().rev() {
        waiting.push_front(change);
    }
}

/// Returns the error for a change that the store refused. The core chose the id of a new resource, so an id that is
/// in use is not the client's fault.
fn refusal(resource_type: &ResourceType, error: StoreError) -> Error {
    match error {
        StoreError::NotUnique { attribute: crate::schema::AttributeId::ID } => contention(),
        error => refused(resource_type, error),
    }
}

/// 400 `invalidSyntax`: the operation is malformed.
fn malformed(detail: impl Into<Box<str>>) -> Error {
    Error::bad(ScimType::InvalidSyntax, detail)
}

/// The index of the operation for each bulkId.
type BulkIds<'a> = HashMap<&'a str, usize>;
