//! Converts the errors of the other modules to errors of the protocol (RFC 7644 §3.12).

use super::{Error, ScimType};
use crate::{
    filter::{CompileError, CompileErrorKind, FilterError},
    patch::{PatchError, PatchErrorKind},
    resource::{ProjectionError, ResourceError, ResourceErrorKind, SortError, SortErrorKind},
};

impl Error {
    /// The error for a malformed filter, with an excerpt of the filter around the fault.
    pub(crate) fn in_filter(error: FilterError, source: &str) -> Self {
        Self::bad(ScimType::InvalidFilter, error.render(source).to_string()).at_byte(error.offset())
    }
}

impl From<CompileError> for Error {
    /// 400 `invalidFilter`; 403 `sensitive` for an attribute that no client may read (RFC 7644 §7.5.2).
    fn from(error: CompileError) -> Self {
        let answer = match error.kind() {
            CompileErrorKind::Sensitive => Self::sensitive(ScimType::InvalidFilter, error.to_string()),
            _ => Self::bad(ScimType::InvalidFilter, error.to_string()),
        };
        answer.with_attribute(error.attribute())
    }
}

impl From<SortError> for Error {
    /// 400 `invalidValue`; 403 `sensitive` for an attribute that no client may read.
    fn from(error: SortError) -> Self {
        let detail = format!("sortBy: {error}");
        let answer = match error.kind() {
            SortErrorKind::Sensitive => Self::sensitive(ScimType::InvalidValue, detail),
            _ => Self::bad(ScimType::InvalidValue, detail),
        };
        answer.with_attribute(error.attribute())
    }
}

impl From<PatchError> for Error {
    /// 400 with the `scimType` for the kind of the error, or 413 (RFC 7644 §3.5.2, §3.12).
    fn from(error: PatchError) -> Self {
        let detail = error.to_string();
        let answer = match error.kind() {
            PatchErrorKind::InvalidSyntax => Self::bad(ScimType::InvalidSyntax, detail),
            PatchErrorKind::InvalidPath => Self::bad(ScimType::InvalidPath, detail),
            PatchErrorKind::InvalidFilter => Self::bad(ScimType::InvalidFilter, detail),
            PatchErrorKind::InvalidValue => Self::bad(ScimType::InvalidValue, detail),
            PatchErrorKind::NoTarget => Self::bad(ScimType::NoTarget, detail),
            PatchErrorKind::Mutability => Self::bad(ScimType::Mutability, detail),
            PatchErrorKind::TooMany => Self::bad(ScimType::TooMany, detail),
            PatchErrorKind::BodyTooLong => Self::new(413, detail),
        };
        match error.path() {
            Some(path) => answer.in_operation(error.operation()).with_attribute(path),
            None => answer.in_operation(error.operation()),
        }
    }
}

impl From<ResourceError> for Error {
    /// 413 for a body that is too long, otherwise 400 with a keyword (RFC 7644 table 9): `invalidSyntax` for a body
    /// that does not follow the schema, `mutability` for an attribute that must not change, `tooMany`, or
    /// `invalidValue`.
    fn from(error: ResourceError) -> Self {
        let scim_type = match error.kind() {
            ResourceErrorKind::BodyTooLong(_) => return Self::new(413, error.to_string()),
            ResourceErrorKind::Syntax(_)
            | ResourceErrorKind::TooDeep(_)
            | ResourceErrorKind::Duplicate
            | ResourceErrorKind::Unknown
            | ResourceErrorKind::MissingSchema(_) => ScimType::InvalidSyntax,
            ResourceErrorKind::ReadOnly | ResourceErrorKind::Immutable | ResourceErrorKind::Default => {
                ScimType::Mutability
            }
            ResourceErrorKind::TooMany(_) => ScimType::TooMany,
            _ => ScimType::InvalidValue,
        };
        let answer = Self::bad(scim_type, error.to_string());
        if error.path().is_empty() { answer } else { answer.with_attribute(error.path()) }
    }
}

impl From<ProjectionError> for Error {
    /// 400 `invalidValue` (RFC 7644 §3.9 does not specify a keyword).
    fn from(error: ProjectionError) -> Self {
        Self::bad(ScimType::InvalidValue, error.to_string())
    }
}
