//! What can be wrong with a PATCH request, and in which of its operations.

use std::fmt;

use crate::{
    filter::{CompileError, CompileErrorKind, FilterError, FilterErrorKind},
    resource::{ResourceError, ResourceErrorKind, json_fault_at},
};

/// Why a PATCH request was refused, and where (RFC 7644 §3.5.2, §3.12). Nothing of it was applied.
///
/// ```
/// use scim_core::{Limits, Quirks, patch::{Patch, PatchErrorKind}, quirks::Tolerance};
///
/// let body = br#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [
///     {"op": "replace", "path": "active", "value": false}, {"op": "add", "path": "title"}]}"#;
/// let mut tolerance = Tolerance::new(Quirks::default());
/// let error = Patch::parse(body, &Limits::default(), &mut tolerance).unwrap_err();
/// assert_eq!((error.kind(), error.operation()), (PatchErrorKind::InvalidValue, Some(1)));
/// assert_eq!(error.to_string(), "operation 2: expected a `value` for `add`: `title`");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchError {
    // Boxed, since every step of a patch can fail and hardly one does.
    inner: Box<Inner>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    kind: PatchErrorKind,
    message: Box<str>,
    operation: Option<usize>,
    path: Option<Box<str>>,
}

/// What is wrong with a PATCH request. Each variant but [`PatchErrorKind::BodyTooLong`] is a `scimType` of RFC 7644
/// §3.12.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PatchErrorKind {
    /// `invalidSyntax`: the body is no JSON, or no PatchOp message.
    InvalidSyntax,
    /// `invalidPath`: a path is malformed, or names no attribute of the resource type.
    InvalidPath,
    /// `invalidFilter`: what stands in a path's brackets is no condition on the attribute's values.
    InvalidFilter,
    /// `invalidValue`: a value is missing, or does not fit its attribute.
    InvalidValue,
    /// `noTarget`: a `remove` without path, or a path that matches no value.
    NoTarget,
    /// `mutability`: the attribute is read-only, immutable with a value, or would lose a value that is required or that
    /// its default made obligatory.
    Mutability,
    /// `tooMany`: more operations or values than the service provider accepts.
    TooMany,
    /// The body is larger than the service provider accepts: 413, without a `scimType`.
    BodyTooLong,
}

impl PatchError {
    pub(super) fn new(kind: PatchErrorKind, message: impl Into<Box<str>>) -> Self {
        Self { inner: Box::new(Inner { kind, message: message.into(), operation: None, path: None }) }
    }

    /// The same error, of the operation with this index. The first to say so is right: it was nearest.
    pub(super) fn in_operation(mut self, index: usize) -> Self {
        self.inner.operation.get_or_insert(index);
        self
    }

    /// The same error, of this path. The first to say so is right: it was nearest.
    pub(super) fn at(mut self, path: &str) -> Self {
        if self.inner.path.is_none() && !path.is_empty() {
            self.inner.path = Some(path.into());
        }
        self
    }

    /// What is wrong.
    pub fn kind(&self) -> PatchErrorKind {
        self.inner.kind
    }

    /// The index of the operation in `Operations`, the first being 0; the message counts from 1. None if it is the
    /// request as a whole, or the resource that would result.
    pub fn operation(&self) -> Option<usize> {
        self.inner.operation
    }

    /// The attribute, as the client wrote the path or as the schema spells it.
    pub fn path(&self) -> Option<&str> {
        self.inner.path.as_deref()
    }

    /// What was expected, without the place.
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    pub(super) fn syntax(message: impl Into<Box<str>>) -> Self {
        Self::new(PatchErrorKind::InvalidSyntax, message)
    }

    pub(super) fn value(message: impl Into<Box<str>>) -> Self {
        Self::new(PatchErrorKind::InvalidValue, message)
    }

    pub(super) fn mutability(message: impl Into<Box<str>>) -> Self {
        Self::new(PatchErrorKind::Mutability, message)
    }

    pub(super) fn no_target() -> Self {
        Self::new(PatchErrorKind::NoTarget, "expected a path that matches a value")
    }

    /// JSON that cannot be read. `expected` names the JSON that belongs there.
    pub(super) fn json(error: &serde_json::Error, expected: &str) -> Self {
        Self::syntax(json_fault_at(error, expected))
    }

    /// An error in the text of a path. What is in brackets is a filter, everything else the path.
    pub(super) fn in_path(error: &FilterError, text: &str) -> Self {
        let in_brackets = text.get(..error.offset()).is_some_and(|before| before.contains('['))
            && !matches!(error.kind(), FilterErrorKind::PathEnd | FilterErrorKind::TooLong(_))
            && text.get(..error.offset()).is_none_or(|before| !ends_brackets(before));
        let kind = if in_brackets { PatchErrorKind::InvalidFilter } else { PatchErrorKind::InvalidPath };
        Self::new(kind, error.to_string()).at(text)
    }

    /// A condition in brackets that does not fit the attribute before them.
    pub(super) fn in_condition(error: &CompileError) -> Self {
        let kind = match error.kind() {
            // The path names an attribute that there is not, wherever in the path it does.
            CompileErrorKind::UnknownAttribute => PatchErrorKind::InvalidPath,
            _ => PatchErrorKind::InvalidFilter,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<ResourceError> for PatchError {
    fn from(error: ResourceError) -> Self {
        let kind = match error.kind() {
            ResourceErrorKind::Syntax(_)
            | ResourceErrorKind::TooDeep(_)
            | ResourceErrorKind::Duplicate
            | ResourceErrorKind::Unknown => PatchErrorKind::InvalidSyntax,
            ResourceErrorKind::ReadOnly | ResourceErrorKind::Immutable | ResourceErrorKind::Default => {
                PatchErrorKind::Mutability
            }
            ResourceErrorKind::TooMany(_) => PatchErrorKind::TooMany,
            _ => PatchErrorKind::InvalidValue,
        };
        Self::new(kind, error.to_string()).at(error.path())
    }
}

/// Whether a bracket has been closed again. Brackets do not nest, but strings may hold some.
fn ends_brackets(text: &str) -> bool {
    let (mut quoted, mut escaped, mut closed) = (false, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b']' if !quoted => closed = true,
            _ => {}
        }
    }
    closed
}

impl fmt::Display for PatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(index) = self.inner.operation {
            write!(f, "operation {}: ", index + 1)?;
        }
        f.write_str(&self.inner.message)?;
        // Messages of other parts name the place already.
        match &self.inner.path {
            Some(path) if !self.inner.message.contains(&**path) => write!(f, ": `{path:.60}`"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for PatchError {}
