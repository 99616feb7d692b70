//! The result of a write request.

use std::fmt;

use super::Version;
use crate::patch::ValueEdit;

/// The result of one [`Change`](super::Change) of a committed batch.
///
/// ```
/// use scim_core::store::{ChangeOutcome, Version};
///
/// let done = ChangeOutcome::written(Version::from(7));
/// assert!(done.changed && done.version == Some(Version::from(7)));
/// assert!(!ChangeOutcome::kept(Version::from(7)).changed);
/// assert_eq!(ChangeOutcome::deleted().version, None);
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChangeOutcome {
    /// The version of the resource after the change; `None` after it was deleted.
    pub version: Option<Version>,
    /// Whether anything changed. If not, the version and `meta.lastModified` are the old values.
    pub changed: bool,
    /// The effective edit of [`Change::EditValues`](super::Change::EditValues): `remove` has only ids that were in the
    /// list, `add` has only values that were missing, and `clear` is never set. `None` from a store that cannot report
    /// the effective edit: the requested edit then counts as the effective edit.
    pub edit: Option<ValueEdit>,
    /// Whether the store keeps other values than those of the change, for example the name of a user that already
    /// existed. The core then reads the resource again for its answer, which shows the stored values (RFC 7644 §3.1). If
    /// that read fails, the answer to a create shows the values of the change, and any other answer shows no values.
    pub has_other_values: bool,
}

impl ChangeOutcome {
    /// The resource was created, replaced or edited, and now has this version.
    pub fn written(version: Version) -> Self {
        Self { version: Some(version), changed: true, edit: None, has_other_values: false }
    }

    /// The change had no effect; the resource still has this version.
    pub fn kept(version: Version) -> Self {
        Self { version: Some(version), changed: false, edit: None, has_other_values: false }
    }

    /// The resource was deleted.
    pub const fn deleted() -> Self {
        Self { version: None, changed: true, edit: None, has_other_values: false }
    }

    /// Adds the effective edit of [`Change::EditValues`](super::Change::EditValues).
    #[must_use]
    pub fn with_edit(mut self, effect: impl Into<Option<ValueEdit>>) -> Self {
        self.edit = effect.into();
        self
    }

    /// Sets whether the store keeps other values than those of the change.
    ///
    /// ```
    /// use scim_core::store::{ChangeOutcome, Version};
    ///
    /// let linked = ChangeOutcome::written(Version::from(7)).with_other_values(true);
    /// assert!(linked.has_other_values && linked.changed);
    /// ```
    #[must_use]
    pub fn with_other_values(mut self, has_other_values: bool) -> Self {
        self.has_other_values = has_other_values;
        self
    }
}

impl fmt::Debug for ChangeOutcome {
    /// Omits the added values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let edit = self.edit.as_ref().map(|edit| (edit.remove.len(), edit.add.len()));
        f.debug_struct("ChangeOutcome")
            .field("version", &self.version)
            .field("changed", &self.changed)
            .field("edit", &edit)
            .field("has_other_values", &self.has_other_values)
            .finish()
    }
}
