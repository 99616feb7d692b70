//! Resolves a path to its endpoint (RFC 7644 §3.2), also the endpoints of queries (§3.4.2, §3.4.3).

use std::{borrow::Cow, sync::Arc};

use crate::{
    error::{Error, ScimType},
    limits::Limits,
    provider::{Target, check_id, segments},
    schema::{Registry, ResourceType},
};

/// An endpoint.
#[derive(Debug)]
pub(super) enum Route<'a> {
    /// The base URL itself.
    Root,
    /// All resources of a type.
    Collection(Arc<ResourceType>),
    /// One resource.
    Resource(Arc<ResourceType>, Cow<'a, str>),
    /// A query by POST; without a resource type, over the resources of all types.
    Search(Option<Arc<ResourceType>>),
    /// A query by POST over schemas or resource types.
    SearchDefinitions(Definition),
    /// All schemas or resource types.
    Definitions(Definition),
    /// One schema or resource type, by its id.
    Definition(Definition, Cow<'a, str>),
    ServiceProviderConfig,
    Bulk,
    Me,
}

/// The definitions that a service provider publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Definition {
    ResourceType,
    Schema,
}

/// Returns the endpoint at `path`, which is still percent-encoded. Names of endpoints are compared without case, ids
/// exactly.
pub(super) fn route<'a>(path: &'a str, registry: &Registry, limits: &Limits) -> Result<Route<'a>, Error> {
    // RFC 7644 §3.13: the version directly precedes the endpoint, unless the host removed it with the base URL. Another
    // version is `invalidVers` (§3.12).
    let path = path.trim_start_matches('/');
    let (start, rest) = path.split_once('/').unwrap_or((path, ""));
    let path = match version(start) {
        None => path,
        Some("2") => rest,
        Some(_) => return Err(Error::bad(ScimType::InvalidVers, "expected version v2 of the protocol")),
    };
    let [Some(first), second] = segments(path)? else { return Ok(Route::Root) };
    let is = |name: &str| first.eq_ignore_ascii_case(name);
    let definition = [("ResourceTypes", Definition::ResourceType), ("Schemas", Definition::Schema)];
    let definition = definition.into_iter().find(|(name, _)| is(name)).map(|(_, definition)| definition);
    match (definition, second) {
        (Some(definition), None) => Ok(Route::Definitions(definition)),
        (Some(definition), Some(id)) if id == ".search" => Ok(Route::SearchDefinitions(definition)),
        (Some(definition), Some(id)) => Ok(Route::Definition(definition, id)),
        (None, None) if is(".search") => Ok(Route::Search(None)),
        (None, None) if is("ServiceProviderConfig") => Ok(Route::ServiceProviderConfig),
        (None, None) if is("Bulk") => Ok(Route::Bulk),
        (None, None) if is("Me") => Ok(Route::Me),
        (None, second) => Ok(match Target::find(registry, &first, second)? {
            Target::Collection(resource_type) => Route::Collection(resource_type),
            Target::Search(resource_type) => Route::Search(Some(resource_type)),
            Target::Resource(resource_type, id) => {
                check_id(&resource_type, &id, limits)?;
                Route::Resource(resource_type, id)
            }
        }),
    }
}

fn version(segment: &str) -> Option<&str> {
    let digits = segment.strip_prefix(['v', 'V'])?;
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}
