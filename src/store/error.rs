//! Errors of a store.

use std::{error::Error, time::Duration};

use super::Version;
use crate::{schema::AttributeId, value::Text};

/// The error of a store operation. A failed operation has changed nothing.
///
/// Each variant means one answer to the client (RFC 7644 §3.12). A store therefore chooses the variant by how the
/// client can react to it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The resource to change does not exist: 404.
    #[error("the resource does not exist")]
    NotFound,
    /// The resource has another version than [expected](super::Expect::Version). The core reads the resource again and
    /// retries, or answers 412 if the client stated the version.
    #[error("the resource has another version than was expected")]
    VersionMismatch {
        /// The current version, if the store can report it.
        current: Option<Version>,
    },
    /// Another resource has a value that must be unique: 409 `uniqueness`.
    #[error("another resource has the unique value")]
    NotUnique {
        /// The attribute of the value; [`AttributeId::ID`] when the id is taken.
        attribute: AttributeId,
    },
    /// A list of references would refer to a resource that does not exist: 400 `invalidValue`.
    #[error("expected the id of a resource, found `{value:.60}`")]
    BadReference {
        /// The list.
        attribute: AttributeId,
        /// The id. No resource of a type that the list may refer to has this id.
        value: Text,
    },
    /// The store lost an internal race: a deadlock, a serialization failure. The core retries the whole operation.
    #[error("the store is busy")]
    Busy,
    /// The store cannot work now: 503.
    #[error("the store is unavailable")]
    Unavailable {
        /// The time after which a retry is worthwhile.
        retry_after: Option<Duration>,
    },
    /// The store does not allow this caller to do this: 403.
    #[error("the store denies the request")]
    Denied,
    /// The request exceeds the amount that the store handles at once: 400 `tooMany`.
    #[error("the request is too large for the store")]
    TooMany,
    /// Anything else: 500. The client never sees the source.
    #[error("the store failed")]
    Backend(#[source] Box<dyn Error + Send + Sync>),
}

impl StoreError {
    /// A failure of the database or service below the store.
    ///
    /// ```
    /// use scim_core::store::StoreError;
    ///
    /// let error = StoreError::backend("connection reset");
    /// assert_eq!(error.to_string(), "the store failed");
    /// ```
    pub fn backend(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Backend(source.into())
    }
}

/// The reason why a batch was not committed. None of its changes has taken effect.
#[derive(Debug, thiserror::Error)]
#[error("change {index}: {error}")]
#[expect(clippy::exhaustive_structs, reason = "stores make it")]
pub struct CommitError {
    /// The change that failed, counted from 0.
    pub index: usize,
    /// The reason why the change failed.
    #[source]
    pub error: StoreError,
}

impl CommitError {
    /// The error for a failure of the change at `index`.
    pub const fn new(index: usize, error: StoreError) -> Self {
        Self { index, error }
    }
}

impl From<StoreError> for CommitError {
    /// A failure of the batch as a whole, such as a lost connection, is reported for the first change.
    fn from(error: StoreError) -> Self {
        Self::new(0, error)
    }
}
