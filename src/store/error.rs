//! Why a store did not do what it was asked.

use std::{error::Error, time::Duration};

use super::Version;
use crate::{schema::AttributeId, value::Text};

/// What a store reports. Nothing has changed when it reports one.
///
/// Each means one answer to the client (RFC 7644 §3.12), so a store chooses by what the client can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The resource that is to be changed does not exist: 404.
    #[error("the resource does not exist")]
    NotFound,
    /// The resource is in another state than was [expected](super::Expect::Version). The core reads and computes anew,
    /// or answers 412 when it was the client who expected it.
    #[error("the resource has another version than was expected")]
    VersionMismatch {
        /// The state that it is in, if the store can tell.
        current: Option<Version>,
    },
    /// Another resource has a value that must be unique: 409 `uniqueness`.
    #[error("another resource has the unique value")]
    NotUnique {
        /// The attribute of the value; [`AttributeId::ID`] when the id is taken.
        attribute: AttributeId,
    },
    /// A list of references would refer to what does not exist: 400 `invalidValue`.
    #[error("expected the id of a resource, found `{value:.60}`")]
    BadReference {
        /// The list.
        attribute: AttributeId,
        /// The id that no resource has which the list may refer to.
        value: Text,
    },
    /// The store lost a race inside: a deadlock, a serialization failure. The core tries the whole operation again.
    #[error("the store is busy")]
    Busy,
    /// The store cannot work now: 503.
    #[error("the store is unavailable")]
    Unavailable {
        /// After which time it is worth trying again.
        retry_after: Option<Duration>,
    },
    /// The store does not allow this caller to do this: 403.
    #[error("the store denies the request")]
    Denied,
    /// More was asked for than the store does at once: 400 `tooMany`.
    #[error("the request is too large for the store")]
    TooMany,
    /// Anything else: 500. The client never sees the source.
    #[error("the store failed")]
    Backend(#[source] Box<dyn Error + Send + Sync>),
}

impl StoreError {
    /// A failure of what the store is built on.
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

/// Why a batch was not committed. None of its changes has happened.
#[derive(Debug, thiserror::Error)]
#[error("change {index}: {error}")]
#[expect(clippy::exhaustive_structs, reason = "stores make it")]
pub struct CommitError {
    /// The change that failed, counted from 0.
    pub index: usize,
    /// Why it failed.
    #[source]
    pub error: StoreError,
}

impl CommitError {
    /// The change at `index` failed.
    pub const fn new(index: usize, error: StoreError) -> Self {
        Self { index, error }
    }
}

impl From<StoreError> for CommitError {
    /// A failure of the batch as a whole, such as a lost connection, counts as one of its first change.
    fn from(error: StoreError) -> Self {
        Self::new(0, error)
    }
}
