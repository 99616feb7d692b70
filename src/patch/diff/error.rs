//! The reason why no patch leads from one resource to another, and the attribute that is the cause.

use std::fmt;

use crate::{
    resource::{ResourceError, ResourceErrorKind},
    schema::{AttributeId, ResourceType},
};

/// The reason why no patch leads from one resource to another, and the attribute that is the cause.
///
/// ```
/// use scim_core::{
///     limits::Limits, patch::{DiffErrorKind, diff}, resource::{Resource, ResourceErrorKind}, schema::Registry,
/// };
///
/// let registry = Registry::standard();
/// let user = registry.resource_type("User").expect("registered");
/// let before = Resource::from_json(user, br#"{"userName": "bjensen"}"#)?;
/// let after = Resource::from_json(user, br#"{"displayName": "Babs"}"#)?;
/// let error = diff(&before, &after, &Limits::default()).expect_err("a user keeps a name");
/// assert_eq!(error.kind(), &DiffErrorKind::Rule(ResourceErrorKind::Required));
/// assert_eq!(error.to_string(), "`userName` is required and has no value");
/// # Ok::<(), scim_core::resource::ResourceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffError {
    // Boxed, since each attribute returns a result and few fail.
    inner: Box<(DiffErrorKind, Box<str>)>,
}

/// The reason why no patch exists.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiffErrorKind {
    /// The two resources do not have one resource type with the same schemas.
    #[error("expected two resources of one type")]
    ResourceType,
    /// The resulting resource would break this rule of its schemas. Most often an immutable attribute would get
    /// another value, or a required attribute would have no value.
    #[error("{0}")]
    Rule(ResourceErrorKind),
    /// No path names the changed attribute: a reference has no `value`, or an attribute is under a URI that a path
    /// cannot have.
    #[error("expected what a path can name")]
    Inexpressible,
    /// A single value is larger than a request may be.
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

    /// The reason, without the attribute.
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
        let (message, path) = (self.kind().to_string(), self.path());
        match message.strip_prefix("the attribute ") {
            _ if path.is_empty() => f.write_str(&message),
            Some(fact) => write!(f, "`{path:.200}` {fact}"),
            None => write!(f, "{message}: `{path:.200}`"),
        }
    }
}

impl std::error::Error for DiffError {}
