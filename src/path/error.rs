//! What can be wrong with the text of a path.

/// Why a text is not an attribute path, and where.
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

    /// What is wrong.
    pub fn kind(&self) -> &PathErrorKind {
        &self.kind
    }

    /// Where: the byte of the text at which something else was expected.
    pub fn offset(&self) -> usize {
        self.offset
    }
}

/// What is wrong with an attribute path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathErrorKind {
    /// No name where one must be, or one that does not start with a letter or `$` (RFC 7643 §2.1).
    #[error("expected an attribute name")]
    Name,
    /// A character that no name has (RFC 7643 §2.1).
    #[error("expected a letter, a digit, `$`, `-` or `_`")]
    Character,
    /// What stands before the last colon is no URI (RFC 7644 §3.10).
    #[error("expected a URI before the last colon")]
    Uri,
    /// A sub-attribute of a sub-attribute (RFC 7644 §3.4.2.2 allows one level).
    #[error("expected at most one sub-attribute")]
    SubAttributes,
    /// More than 65,535 bytes.
    #[error("expected a path of at most 65535 bytes")]
    TooLong,
}
