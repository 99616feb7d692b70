//! Why there is no patch from one resource to another, and at which attribute.

use std::fmt;

use crate::{
    resource::{ResourceError, ResourceErrorKind},
    schema::{AttributeId, ResourceType},
};

/// Why no patch leads from one resource to another, and where.
///
/// ```
/// use scim_core::{Limits, Resource, patch::{DiffErrorKind, diff}, resource::ResourceErrorKind, schema::Registry};
///
/// let registry = Registry::standard();
/// let user = registry.resource_type("User").expect("registered");
/// let before = Resource::from_json(user, br#"{"userName": "bjensen"}"#)?;
/// let after = Resource::from_json(user, br#"{"displayName": "Babs"}"#)?;
/// let error = diff(&before, &after, &Limits::default()).expect_err("a user keeps a name");
/// assert_eq!(error.kind(), &DiffErrorKind::Rule(ResourceErrorKind::Required));
/// assert_eq!(error.to_string(), "expected a value, since it is required: `userName`");
/// # Ok::<(), scim_core::resource::ResourceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffError {
    // Boxed, since every attribute can fail and hardly one does.
    inner: Box<(DiffErrorKind, Box<str>)>,
}

/// What is in the way of a patch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiffErrorKind {
    /// The two are not of one resource type, with the same schemas.
    #[error("expected two resources of one type")]
    ResourceType,
    /// What one would have to become breaks a rule of its schemas; which. Most often an immutable attribute has another
    /// value, or a required one has none.
    #[error("{0}")]
    Rule(ResourceErrorKind),
    /// No path names what changes: a reference without a `value`, or an attribute under a URI that a path cannot have.
    #[error("expected what a path can name")]
    Inexpressible,
    /// One value alone is more than a request may hold.
    #[error("expected a value that fits into one request")]
    TooLarge,
}

impl DiffError {
    pub(super) fn new(kind: DiffErrorKind, path: impl Into<Box<str>>) -> Self {
        Self { inner: Box::new((kind, path.into())) }
    }

    pub(super) fn rule(rule: ResourceErrorKind, kind: &ResourceType, attribute: AttributeId) -> Self {
        Self::new(DiffErrorKind::Rule(rule), kind.path(attribute))
    }

    /// What is in the way.
    pub fn kind(&self) -> &DiffErrorKind {
        &self.inner.0
    }

    /// The path of the attribute, as the schema spells it; empty for the resource as a whole.
    pub fn path(&self) -> &str {
        &self.inner.1
    }
}

impl From<ResourceError> for DiffError {
    fn from(error: ResourceError) -> Self {
        Self::new(DiffErrorKind::Rule(error.kind().clone()), error.path())
    }
}

impl fmt::Display for DiffError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind().fmt(f)?;
        if self.path().is_empty() { Ok(()) } else { write!(f, ": `{:.200}`", self.path()) }
    }
}

impl std::error::Error for DiffError {}
