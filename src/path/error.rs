//! Errors in the text of a path.

/// The error for a text that is not an attribute path, with the place of the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct PathError {
    kind: PathErrorKind,
    offset: usize,
}

impl PathError {
    pub(super) fn new(kind: PathErrorKind, offset: usize) -> Self {
        Self { kind, offset }
    }

    /// The fault.
    pub fn kind(&self) -> &PathErrorKind {
        &self.kind
    }

    /// The byte offset in the text at which the parser expected something else.
    pub fn offset(&self) -> usize {
        self.offset
    }
}

/// The faults in an attribute path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathErrorKind {
    /// A missing name, or a name that does not start with a letter or `$` (RFC 7643 §2.1).
    #[error("expected an attribute name")]
    Name,
    /// A character that names cannot contain (RFC 7643 §2.1).
    #[error("expected a letter, a digit, `$`, `-` or `_`")]
    Character,
    /// The text before the last colon is not a URI (RFC 7644 §3.10).
    #[error("expected a URI before the last colon")]
    Uri,
    /// A sub-attribute of a sub-attribute (RFC 7644 §3.4.2.2 allows one level).
    #[error("expected at most one sub-attribute")]
    SubAttributes,
    /// More than 65,535 bytes.
    #[error("expected a path of at most 65535 bytes")]
    TooLong,
}
