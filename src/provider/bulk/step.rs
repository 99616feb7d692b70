//! The interpretation of an operation (RFC 7644 §3.7): its resource type, its id, and its data with every `bulkId:`
//! resolved.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use super::{
    BulkIds, malformed,
    refer::{PREFIX, Unknown, resolve, resolve_path},
};
use crate::{
    error::{Error, ScimType},
    message::{BulkOperation, BulkRequest},
    patch::Patch,
    provider::{
        service_provider::ServiceProvider,
        system::new_id,
        target::{Target, check_id, segments},
    },
    quirks::{Reading, Tolerance},
    schema::{Registry, ResourceType},
    store::Store,
    value::Text,
};

/// The work of an operation.
pub(super) enum Work<'a> {
    Create {
        resource_type: Arc<ResourceType>,
        data: Cow<'a, str>,
    },
    Replace {
        resource_type: Arc<ResourceType>,
        data: Cow<'a, str>,
    },
    Patch {
        resource_type: Arc<ResourceType>,
        patch: Patch,
    },
    Delete {
        resource_type: Arc<ResourceType>,
    },
    /// The operation is invalid. Its outcome is this error.
    Fault(Error),
    /// The work has been taken for execution.
    Done,
}

/// An operation after its interpretation.
pub(super) struct Step<'a> {
    pub(super) work: Work<'a>,
    pub(super) is_create: bool,
    pub(super) resource_type: Option<Arc<ResourceType>>,
    /// The id of the resource. A resource that is to be created gets its id here.
    pub(super) id: Option<Text>,
    pub(super) version: Option<Box<str>>,
    pub(super) bulk_id: Option<Box<str>>,
    /// The indexes of the operations that create the resources to which this operation refers.
    pub(super) refers: Vec<usize>,
}

impl Step<'_> {
    /// Returns the id and the type of the resource that the operation creates; `None` for other operations.
    pub(super) fn creates(&self) -> Option<(Text, Arc<ResourceType>)> {
        match &self.work {
            Work::Create { resource_type, .. } => Some((self.id.clone()?, Arc::clone(resource_type))),
            _ => None,
        }
    }
}

/// The ids that the store gives, by the index of the operation, or the error of the operation.
pub(super) type GivenIds = HashMap<usize, Result<Text, Error>>;

/// Interprets the operations of a request, as far as possible without the store. `given` has the ids that the
/// store gives to creations; all other creations get ids of the core's.
pub(super) fn steps<'a, S: Store>(
    provider: &ServiceProvider<S>,
    request: &'a BulkRequest<'_>,
    given: &mut GivenIds,
    tolerance: &mut Tolerance,
) -> Vec<Step<'a>> {
    let mut bulk_ids = BulkIds::new();
    let mut steps: Vec<Step<'a>> = Vec::with_capacity(request.operations.len());
    // Creations get their ids first, since any operation may refer to them.
    for (index, operation) in request.operations.iter().enumerate() {
        let mut step = Step {
            work: Work::Done,
            is_create: is_post(operation),
            resource_type: None,
            id: None,
            version: operation.version.as_deref().map(Into::into),
            bulk_id: operation.bulk_id.as_deref().map(Into::into),
            refers: Vec::new(),
        };
        if step.is_create {
            match given.remove(&index).unwrap_or_else(|| new_id(&*provider.inner.ids)) {
                Ok(id) => step.id = Some(id),
                Err(error) => step.work = Work::Fault(error),
            }
            if let Some(bulk_id) = operation.bulk_id.as_deref().filter(|bulk_id| !bulk_id.is_empty()) {
                if bulk_ids.contains_key(bulk_id) {
                    let detail = format!("bulkId: another operation of the request has it, too: `{bulk_id:.60}`");
                    step.work = Work::Fault(Error::bad(ScimType::InvalidValue, detail));
                } else {
                    bulk_ids.insert(bulk_id, index);
                }
            }
        }
        steps.push(step);
    }
    let ids: Vec<Option<Text>> = steps.iter().map(|step| step.id.clone()).collect();
    for (step, operation) in steps.iter_mut().zip(&request.operations) {
        if matches!(step.work, Work::Fault(_)) {
            continue;
        }
        let mut references = References { bulk_ids: &bulk_ids, ids: &ids, found: Vec::new() };
        step.work = understand(provider, operation, step, &mut references, tolerance).unwrap_or_else(Work::Fault);
        let mut found = references.found;
        found.sort_unstable();
        found.dedup();
        step.refers = if matches!(step.work, Work::Fault(_)) { Vec::new() } else { found };
    }
    steps
}

fn is_post(operation: &BulkOperation<'_>) -> bool {
    operation.method.as_deref().is_some_and(|method| method.eq_ignore_ascii_case("POST"))
}

/// The ids that replace bulkIds, and the operations to which the current operation refers.
struct References<'a> {
    bulk_ids: &'a BulkIds<'a>,
    ids: &'a [Option<Text>],
    found: Vec<usize>,
}

impl References<'_> {
    fn resolve(&mut self, bulk_id: &str) -> Option<Box<str>> {
        let index = *self.bulk_ids.get(bulk_id)?;
        let id = self.ids.get(index)?.as_deref()?;
        self.found.push(index);
        Some(id.into())
    }
}

/// 409: a reference to a resource that the request does not create (RFC 7644 §3.7.1).
fn unknown(Unknown(bulk_id): Unknown) -> Error {
    Error::new(409, format!("no operation of the request has the bulkId `{bulk_id:.60}`"))
}

fn understand<'a, S: Store>(
    provider: &ServiceProvider<S>,
    operation: &'a BulkOperation<'_>,
    step: &mut Step<'a>,
    references: &mut References<'_>,
    tolerance: &mut Tolerance,
) -> Result<Work<'a>, Error> {
    let method = operation.method.as_deref().ok_or_else(|| malformed("method: expected one, which is required"))?;
    let known = ["POST", "PUT", "PATCH", "DELETE"].into_iter().find(|known| known.eq_ignore_ascii_case(method));
    let method = known.ok_or_else(|| malformed("method: expected POST, PUT, PATCH or DELETE"))?;
    let path = operation.path.as_deref().ok_or_else(|| malformed("path: expected one, which is required"))?;
    let (resource_type, id) = target(path, provider.registry())?;
    step.resource_type = Some(Arc::clone(&resource_type));
    if method == "POST" {
        if id.is_some() {
            return Err(Error::new(405, "path: expected the endpoint of a resource type for POST"));
        }
        if operation.bulk_id.as_deref().is_none_or(str::is_empty) {
            return Err(malformed("bulkId: expected one, which a POST requires"));
        }
    } else {
        let id = id.ok_or_else(|| Error::new(405, format!("path: expected a resource for {method}")))?;
        let id = match id.strip_prefix(PREFIX) {
            Some(bulk_id) => references.resolve(bulk_id).ok_or_else(|| unknown(Unknown(bulk_id.into())))?,
            None => id.into(),
        };
        check_id(&resource_type, &id, provider.limits())?;
        step.id = Some(Text::from(&*id));
    }
    if method == "DELETE" {
        return Ok(Work::Delete { resource_type });
    }
    let data = operation.data.ok_or_else(|| malformed(format!("data: expected some, which {method} requires")))?;
    if method == "PATCH" {
        let mut patch = Patch::parse(data.get().as_bytes(), Reading::new(provider.limits(), tolerance))?;
        patch.resolve_references(|operation| {
            let within = operation.path();
            let value =
                operation.value().map(|value| resolve(value, &resource_type, within, |id| references.resolve(id)));
            let value = value.transpose().map_err(unknown)?;
            let path = operation.path().map(|path| resolve_path(path, &resource_type, |id| references.resolve(id)));
            let path = path.transpose().map_err(unknown)?;
            // Text without references stays unchanged.
            let path = path.and_then(|path| if let Cow::Owned(path) = path { Some(path.into()) } else { None });
            let value = value.and_then(|value| if let Cow::Owned(value) = value { Some(value) } else { None });
            Ok::<_, Error>((path, value))
        })?;
        return Ok(Work::Patch { resource_type, patch });
    }
    let data = resolve(data.get(), &resource_type, None, |id| references.resolve(id)).map_err(unknown)?;
    Ok(if method == "POST" { Work::Create { resource_type, data } } else { Work::Replace { resource_type, data } })
}

/// Returns the resource type that a path relative to the base URL names, and the id if the path has one.
fn target<'a>(path: &'a str, registry: &Registry) -> Result<(Arc<ResourceType>, Option<Cow<'a, str>>), Error> {
    if path.contains("://") || path.contains(['?', '#']) {
        return Err(malformed("path: expected one that is relative to the base URL, such as /Users"));
    }
    let [first, id] = segments(path)?;
    // Bulk and /Me are not endpoints of resource types: bulk requests cannot be nested, and /Me is no alias here.
    match Target::find(registry, &first.unwrap_or_default(), id)? {
        Target::Collection(resource_type) => Ok((resource_type, None)),
        Target::Resource(resource_type, id) => Ok((resource_type, Some(id))),
        Target::Search(_) => Err(Error::no_endpoint()),
    }
}
