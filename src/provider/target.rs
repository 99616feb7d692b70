//! The target of a path relative to the base URL: the resource type and the id that it names (RFC 7644 §3.2). Requests
//! and the operations of a bulk request (§3.7) have such paths.

use std::{borrow::Cow, sync::Arc};

use percent_encoding::percent_decode_str;

use crate::{
    error::Error,
    limits::Limits,
    schema::{Registry, ResourceType},
};

/// The target of a path under the endpoint of a resource type.
pub(crate) enum Target<'a> {
    /// All resources of the type.
    Collection(Arc<ResourceType>),
    /// A query by POST over the resources of the type.
    Search(Arc<ResourceType>),
    /// One resource. The id is not checked yet.
    Resource(Arc<ResourceType>, Cow<'a, str>),
}

/// Returns the segments of a path, percent-decoded: the name of the endpoint and the segment after it.
///
/// # Errors
///
/// 404 if a segment is not UTF-8, or the path has more than two segments.
pub(crate) fn segments(path: &str) -> Result<[Option<Cow<'_, str>>; 2], Error> {
    let mut raw = path.split('/').filter(|segment| !segment.is_empty());
    let mut next = || {
        let decode = |segment| percent_decode_str(segment).decode_utf8().map_err(|_| Error::no_endpoint());
        raw.next().map(decode).transpose()
    };
    let segments = [next()?, next()?];
    if raw.next().is_some() { Err(Error::no_endpoint()) } else { Ok(segments) }
}

impl<'a> Target<'a> {
    /// Returns the target of the path `/endpoint/id`. Names of endpoints are compared without case, ids exactly.
    ///
    /// # Errors
    ///
    /// 404 if no resource type has the endpoint (RFC 7644 §3.4.1).
    pub(crate) fn find(registry: &Registry, endpoint: &str, id: Option<Cow<'a, str>>) -> Result<Self, Error> {
        let resource_type = Arc::clone(registry.endpoint(endpoint).ok_or_else(Error::no_endpoint)?);
        Ok(match id {
            None => Self::Collection(resource_type),
            Some(id) if id == ".search" => Self::Search(resource_type),
            Some(id) => Self::Resource(resource_type, id),
        })
    }
}

/// Refuses an id that no resource has, before any store is asked.
///
/// # Errors
///
/// 404.
pub(crate) fn check_id(resource_type: &ResourceType, id: &str, limits: &Limits) -> Result<(), Error> {
    if id.len() > limits.id_bytes || id.contains('\0') { Err(Error::no_resource(resource_type.name())) } else { Ok(()) }
}
