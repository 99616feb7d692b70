//! The errors that a client gets for the errors of a store (RFC 7644 §3.12).

use std::time::Duration;

use crate::{
    error::{Error, ScimType},
    limits::WorkExceeded,
    schema::{AttributeId, ResourceType},
    store::StoreError,
};

/// The time to wait before the next attempt, if contention stopped the request or the store gives no time.
const CONTENTION: Duration = Duration::from_secs(1);

/// Returns the error for a store's `error` in an operation on a resource of this type. The error of a backend becomes
/// the source, which the client does not see. A value that is in use gives 409 with the keyword `uniqueness`, after a
/// POST (RFC 7644 §3.3) and after a PUT or a PATCH (§3.5.1; RFC 7643 §7).
pub(super) fn refused(resource_type: &ResourceType, error: StoreError) -> Error {
    match error {
        StoreError::NotFound => Error::no_resource(resource_type.name()),
        StoreError::VersionMismatch { .. } => Error::not_matched(),
        StoreError::NotUnique { attribute } => {
            let path = resource_type.path(attribute);
            let detail = format!("another {} already has this `{path}`", resource_type.name());
            Error::new(409, detail).with_scim_type(ScimType::Uniqueness).with_attribute(path)
        }
        StoreError::BadReference { attribute, value } => no_such_reference(resource_type, attribute, &value),
        StoreError::Busy => contention(),
        StoreError::Unavailable { retry_after } => {
            let error = Error::new(503, "the service provider cannot reach its data at the moment");
            error.with_retry_after(retry_after.unwrap_or(CONTENTION))
        }
        StoreError::Denied => Error::new(403, "the operation is not permitted"),
        StoreError::TooMany => Error::bad(ScimType::TooMany, "the request is about more than can be processed at once"),
        StoreError::Backend(source) => Error::new(500, "the service provider failed").with_source(source),
    }
}

/// 400 `tooMany`: the request exceeds [`Limits::work`](crate::limits::Limits::work).
pub(super) fn too_much_work(exceeded: WorkExceeded) -> Error {
    Error::bad(ScimType::TooMany, format!("{exceeded}; narrow it or divide it"))
}

/// 400 `tooMany`: a page does not fit into an answer of `limit` bytes. `fitting` is the number of resources that fit,
/// if it is known.
pub(super) fn too_large(limit: usize, fitting: Option<usize>) -> Error {
    let remedy = match fitting {
        Some(fitting) => format!("ask for `count={fitting}`, or exclude long attributes"),
        None => "narrow the filter, exclude long attributes, or page by cursor without `sortBy`".to_owned(),
    };
    Error::bad(ScimType::TooMany, format!("the page has more than {limit} bytes; {remedy}"))
}

/// 400 `tooMany`: the values of a list do not fit into `limit` bytes.
pub(super) fn too_long(resource_type: &ResourceType, list: AttributeId, limit: usize) -> Error {
    let path = resource_type.path(list);
    let detail = format!(
        "{path}: the values have more than {limit} bytes; exclude the attribute, and change single values of it by PATCH"
    );
    Error::bad(ScimType::TooMany, detail).with_attribute(path)
}

/// 413: a bulk request needs more work than one request may take.
pub(super) fn too_much_bulk(limit: u64) -> Error {
    Error::new(413, format!("the operations need more work than {limit} units; divide them among several requests"))
}

/// 400 `invalidValue`: a list refers to a resource that does not exist.
pub(super) fn no_such_reference(resource_type: &ResourceType, attribute: AttributeId, value: &str) -> Error {
    let path = resource_type.path(attribute);
    let detail = format!("{path}: no resource has the id `{value:.60}`");
    Error::bad(ScimType::InvalidValue, detail).with_attribute(path)
}

/// 503: other writers were faster, in every attempt.
pub(super) fn contention() -> Error {
    Error::new(503, "the resource is being changed by others; try again").with_retry_after(CONTENTION)
}

/// 500: the store returned a result that its contract does not allow.
pub(super) fn broken_store(what: &'static str) -> Error {
    Error::new(500, "the service provider failed").with_source(format!("the store broke its contract: {what}"))
}

/// 500: the host's source of ids returned an id that its contract does not allow.
pub(super) fn broken_ids() -> Error {
    let cause = "the source of ids broke its contract: 1 to 64 bytes of letters, digits, `-` and `_`, without `bulkId`";
    Error::new(500, "the service provider failed").with_source(cause)
}

/// 500: a policy of the host returned a result that its contract does not allow.
pub(super) fn broken_policy(what: &'static str) -> Error {
    Error::new(500, "the service provider failed").with_source(format!("a policy broke its contract: {what}"))
}
