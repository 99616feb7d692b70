//! `/Me`: the caller's own resource (RFC 7644 §3.11).

use std::{fmt, sync::Arc};

use crate::{
    error::Error,
    schema::{Registry, ResourceType},
    store::RequestContext,
    value::Text,
};

/// The caller's own resource, for which `/Me` stands (RFC 7644 §3.11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    resource_type: Box<str>,
    id: Text,
}

impl Subject {
    /// Returns the resource with this id, of the resource type with this name, such as `User`.
    pub fn new(resource_type: impl Into<Box<str>>, id: impl Into<Text>) -> Self {
        Self { resource_type: resource_type.into(), id: id.into() }
    }
}

/// Finds the caller's own resource.
type SubjectOf = dyn Fn(&RequestContext) -> Option<Subject> + Send + Sync;

/// The host's function that finds the caller's own resource; `None` if the host has not set a function.
pub(in crate::provider) struct Subjects(pub(in crate::provider) Option<Box<SubjectOf>>);

impl fmt::Debug for Subjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Subjects").field(&self.0.is_some()).finish()
    }
}

impl Subjects {
    /// Returns the resource type and the id of the caller's own resource.
    pub(in crate::provider) fn find(
        &self,
        context: &RequestContext,
        registry: &Registry,
    ) -> Result<(Arc<ResourceType>, Text), Error> {
        let Some(subject_of) = &self.0 else { return Err(Error::not_implemented("/Me")) };
        let found = subject_of(context).and_then(|subject| {
            let resource_type = registry.resource_type(&subject.resource_type)?;
            Some((Arc::clone(resource_type), subject.id))
        });
        found.ok_or_else(|| Error::new(404, "the caller is not a resource of this service provider"))
    }
}
