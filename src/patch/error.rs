//! The faults of a PATCH request, and the operation in which each fault is.

use std::fmt;

use crate::{
    filter::{CompileError, CompileErrorKind, FilterError, FilterErrorKind},
    resource::{ResourceError, ResourceErrorKind, json_fault_at},
};

/// The reason why a PATCH request was refused, and its place (RFC 7644 §3.5.2, §3.12). No operation was applied.
///
/// ```
/// use scim_core::{limits::Limits, patch::{Patch, PatchErrorKind}, quirks::{Quirks, Reading, Tolerance}};
///
/// let body = br#"{"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [
///     {"op": "replace", "path": "active", "value": false}, {"op": "add", "path": "title"}]}"#;
/// let mut tolerance = Tolerance::new(Quirks::default());
/// let error = Patch::parse(body, Reading::new(&Limits::default(), &mut tolerance)).unwrap_err();
/// assert_eq!((error.kind(), error.operation()), (PatchErrorKind::InvalidValue, Some(1)));
/// assert_eq!(error.to_string(), "operation 2: expected a `value` for `add`: `title`");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchError {
    // Boxed, since each step of a patch returns a result and few fail.
    inner: Box<Inner>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    kind: PatchErrorKind,
    message: Box<str>,
    operation: Option<usize>,
    path: Option<Box<str>>,
}

/// The kind of fault in a PATCH request. Each variant but [`PatchErrorKind::BodyTooLong`] is a `scimType` of
/// RFC 7644 §3.12.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PatchErrorKind {
    /// `invalidSyntax`: the body is not JSON, or not a PatchOp message.
    InvalidSyntax,
    /// `invalidPath`: a path is malformed, or names no attribute of the resource type.
    InvalidPath,
    /// `invalidFilter`: the text in a path's brackets is not a condition on the attribute's values.
    InvalidFilter,
    /// `invalidValue`: a value is missing, or does not fit its attribute.
    InvalidValue,
    /// `noTarget`: a `remove` without path, or a path that matches no value.
    NoTarget,
    /// `mutability`: the attribute is read-only, immutable with a value, or would lose a required value
    /// or a value that the default makes obligatory.
    Mutability,
    /// `tooMany`: more operations or values than the service provider accepts.
    TooMany,
    /// The body is larger than the service provider accepts: 413, without a `scimType`.
    BodyTooLong,
}

impl PatchError {
    pub(crate) fn new(kind: PatchErrorKind, message: impl Into<Box<str>>) -> Self {
        Self { inner: Box::new(Inner { kind, message: message.into(), operation: None, path: None }) }
    }

    /// The same error, in the operation with this index. The first call decides, since it was nearest to the fault.
    pub(crate) fn in_operation(mut self, index: usize) -> Self {
        self.inner.operation.get_or_insert(index);
        self
    }

    /// The same error, at this path. The first call decides, since it was nearest to the fault.
    pub(crate) fn at(mut self, path: &str) -> Self {
        if self.inner.path.is_none() && !path.is_empty() {
            self.inner.path = Some(path.into());
        }
        self
    }

    /// The kind of fault.
    pub fn kind(&self) -> PatchErrorKind {
        self.inner.kind
    }

    /// The index of the operation in `Operations`, counted from 0; the text of the error counts from 1. `None` if
    /// the fault is in the request as a whole, or in the resulting resource.
    pub fn operation(&self) -> Option<usize> {
        self.inner.operation
    }

    /// The path of the attribute, as the client wrote it or as the schema spells it.
    pub fn path(&self) -> Option<&str> {
        self.inner.path.as_deref()
    }

    /// The message of the error, without the operation and the path.
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    pub(crate) fn syntax(message: impl Into<Box<str>>) -> Self {
        Self::new(PatchErrorKind::InvalidSyntax, message)
    }

    pub(crate) fn value(message: impl Into<Box<str>>) -> Self {
        Self::new(PatchErrorKind::InvalidValue, message)
    }

    pub(super) fn mutability(message: impl Into<Box<str>>) -> Self {
        Self::new(PatchErrorKind::Mutability, message)
    }

    pub(super) fn no_target() -> Self {
        Self::new(PatchErrorKind::NoTarget, "no value matches the path")
    }

    /// An error for JSON that cannot be read. `expected` names the JSON that belongs there.
    pub(crate) fn json(error: &serde_json::Error, expected: &str) -> Self {
        Self::syntax(json_fault_at(error, expected))
    }

    /// An error in the text of a path. The text in brackets is a filter, the rest is the path.
    pub(super) fn in_path(error: &FilterError, text: &str) -> Self {
        let in_brackets = text.get(..error.offset()).is_some_and(|before| before.contains('['))
            && !matches!(error.kind(), FilterErrorKind::PathEnd | FilterErrorKind::TooLong(_))
            && text.get(..error.offset()).is_none_or(|before| !ends_brackets(before));
        let kind = if in_brackets { PatchErrorKind::InvalidFilter } else { PatchErrorKind::InvalidPath };
        Self::new(kind, error.to_string()).at(text)
    }

    /// An error for a condition in brackets that does not fit the attribute before the brackets.
    pub(super) fn in_condition(error: &CompileError) -> Self {
        let kind = match error.kind() {
            // The path names an unknown attribute, in the brackets or outside.
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

/// Whether a bracket has been closed. Brackets do not nest, but strings may contain brackets.
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
        // Some messages already name the path.
        match &self.inner.path {
            Some(path) if !self.inner.message.contains(&**path) => write!(f, ": `{path:.60}`"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for PatchError {}
