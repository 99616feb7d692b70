//! Resolves a path to its endpoint (RFC 7644 §3.2).

use std::{borrow::Cow, sync::Arc};

use percent_encoding::percent_decode_str;

use crate::{
    error::{Error, ScimType},
    limits::Limits,
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
    let path = path.trim_matches('/');
    let mut segments = path.split('/').filter(|segment| !segment.is_empty()).peekable();
    // RFC 7644 §3.13: the version directly precedes the endpoint, unless the host removed it with the base URL.
    if let Some(version) = segments.peek().and_then(|segment| version(segment)) {
        if version != "2" {
            return Err(Error::bad(ScimType::InvalidVers, "expected version v2 of the protocol"));
        }
        segments.next();
    }
    let Some(first) = segments.next() else { return Ok(Route::Root) };
    let first = decode(first)?;
    let second = segments.next().map(decode).transpose()?;
    let (second, third) = (second, segments.next());
    if third.is_some() {
        return Err(Error::no_endpoint());
    }
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
        (None, second) => {
            let kind = registry.endpoint(&first).ok_or_else(Error::no_endpoint)?;
            Ok(match second {
                None => Route::Collection(Arc::clone(kind)),
                Some(id) if id == ".search" => Route::Search(Some(Arc::clone(kind))),
                Some(id) if id.len() > limits.id_bytes || id.contains('\0') => {
                    return Err(Error::no_resource(kind.name()));
                }
                Some(id) => Route::Resource(Arc::clone(kind), id),
            })
        }
    }
}

fn version(segment: &str) -> Option<&str> {
    let digits = segment.strip_prefix(['v', 'V'])?;
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

fn decode(segment: &str) -> Result<Cow<'_, str>, Error> {
    percent_decode_str(segment).decode_utf8().map_err(|_| Error::no_endpoint())
}
