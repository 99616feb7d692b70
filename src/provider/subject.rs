//! `/Me`: which resource is the caller's own (RFC 7644 §3.11).

use std::{fmt, sync::Arc};

use super::ServiceProvider;
use crate::{
    error::Error,
    schema::ResourceType,
    store::{Context, Store},
    value::Text,
};

/// The resource that a caller is: what `/Me` stands for (RFC 7644 §3.11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    kind: Box<str>,
    id: Text,
}

impl Subject {
    /// The resource with this id of the resource type with this name, such as `User`.
    pub fn new(kind: impl Into<Box<str>>, id: impl Into<Text>) -> Self {
        Self { kind: kind.into(), id: id.into() }
    }
}

/// Finds the resource that a caller is.
type SubjectOf = dyn Fn(&Context) -> Option<Subject> + Send + Sync;

/// The host's answer to who the caller is; `None` without one.
pub(super) struct Subjects(pub(super) Option<Box<SubjectOf>>);

impl fmt::Debug for Subjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Subjects").field(&self.0.is_some()).finish()
    }
}

impl<S: Store> ServiceProvider<S> {
    /// The resource type and the id of the resource that the caller is, as the host told with
    /// [`me`](super::ServiceProviderBuilder::me).
    ///
    /// # Errors
    ///
    /// 501 when the host told nothing at all; 404 when the caller is no resource.
    pub fn subject(&self, cx: &Context) -> Result<(Arc<ResourceType>, Text), Error> {
        let Some(subject_of) = &self.inner.subjects.0 else { return Err(Error::not_implemented("/Me")) };
        let found = subject_of(cx).and_then(|subject| {
            let kind = self.registry().resource_type(&subject.kind)?;
            Some((Arc::clone(kind), subject.id))
        });
        found.ok_or_else(|| Error::new(404, "expected a caller that is a resource of this service provider"))
    }
}
