//! The types of write requests: a small batch of changes, each with its precondition.
//!
//! Changes are plain data. They suit a database transaction, a conditional write of a key-value store, or a lock.

use std::{fmt, sync::Arc};

use chrono::{DateTime, Utc};

use super::{StoreError, Version, referred};
use crate::{
    patch::ValueEdit,
    resource::{Resource, UniqueKey},
    schema::{AttributeId, ResourceType},
    value::{Text, Value},
};

/// A resource to store, with its unique keys.
#[derive(Clone)]
#[expect(clippy::exhaustive_structs, reason = "a store that overlooked a new part would lose it")]
pub struct Entry {
    /// The complete resource: with its id, `meta.created`, `meta.lastModified` and every list of references that is
    /// not [kept](Self::kept).
    pub resource: Arc<Resource>,
    /// The values that no other resource of this type in the tenant may have.
    pub unique: Vec<UniqueKey>,
    /// Lists of references that a [replacement](Change::Replace) leaves unchanged in the store, whatever the resource
    /// holds: the request does not change them. Empty unless the store has the capability
    /// [`partial`](super::Capabilities::partial).
    pub kept: Vec<AttributeId>,
}

impl Entry {
    /// The entry of a resource, with the unique keys that its schema defines.
    pub fn new(resource: impl Into<Arc<Resource>>) -> Self {
        let resource = resource.into();
        let unique = resource.unique_keys();
        Self { resource, unique, kept: Vec::new() }
    }

    /// The same entry, which leaves these lists of references unchanged in the store.
    #[must_use]
    pub fn keeping(self, lists: Vec<AttributeId>) -> Self {
        Self { kept: lists, ..self }
    }
}

impl fmt::Debug for Entry {
    /// Omits the keys, which are values of the resource.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unique: Vec<AttributeId> = self.unique.iter().map(|key| key.attribute).collect();
        f.debug_struct("Entry")
            .field("resource", &self.resource)
            .field("unique", &unique)
            .field("kept", &self.kept)
            .finish()
    }
}

/// The precondition of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a store that overlooked a condition would lose a write")]
pub enum Expect {
    /// The resource must exist, in any version.
    Exists,
    /// The resource must have this version; otherwise the commit fails with [`StoreError::VersionMismatch`].
    ///
    /// [`StoreError::VersionMismatch`]: super::StoreError::VersionMismatch
    Version(Version),
}

/// One write of a batch. [`Store::commit`] documents the effect of each change and its errors.
///
/// [`Store::commit`]: super::Store::commit
#[derive(Clone)]
#[non_exhaustive]
pub enum Change {
    /// Inserts a resource with an id that is not taken.
    Create {
        /// The new resource.
        entry: Entry,
    },
    /// Replaces the resource that has the same id.
    Replace {
        /// The new state of the resource.
        entry: Entry,
        /// The precondition on the replaced resource.
        expect: Expect,
        /// The resource in the expected version, for a record of the difference. A store that keeps no such record can
        /// ignore it.
        before: Arc<Resource>,
    },
    /// Removes a resource, and every reference to the resource from lists of references.
    Delete {
        /// The resource's type.
        resource_type: Arc<ResourceType>,
        /// The resource's id.
        id: Text,
        /// The precondition on the removed resource.
        expect: Expect,
        /// The time of the deletion: a deleted resource has no `meta.lastModified` to carry it.
        at: DateTime<Utc>,
        /// The resource before the deletion, for a record, if the core read the resource anyway. Lists of references
        /// may be missing.
        before: Option<Arc<Resource>>,
    },
    /// Removes and adds values of one list of references, without reading the other values.
    EditValues {
        /// The resource's type.
        resource_type: Arc<ResourceType>,
        /// The resource's id.
        id: Text,
        /// One of the type's [reference lists](ResourceType::reference_lists).
        attribute: AttributeId,
        /// The precondition on the edited resource.
        expect: Expect,
        /// The values to remove and the values to add.
        edit: ValueEdit,
        /// The new `meta.lastModified`, if the edit changes the list and the old `meta.lastModified` is not later.
        modified: DateTime<Utc>,
    },
}

impl Change {
    /// The type of the resource that the change writes.
    pub fn resource_type(&self) -> &Arc<ResourceType> {
        match self {
            Self::Create { entry } | Self::Replace { entry, .. } => entry.resource.resource_type(),
            Self::Delete { resource_type, .. } | Self::EditValues { resource_type, .. } => resource_type,
        }
    }

    /// The id of the resource that the change writes.
    pub fn id(&self) -> &str {
        match self {
            Self::Create { entry } | Self::Replace { entry, .. } => entry.resource.id(),
            Self::Delete { id, .. } | Self::EditValues { id, .. } => id,
        }
    }

    /// The precondition of the change; `None` for a new resource.
    pub fn expect(&self) -> Option<&Expect> {
        match self {
            Self::Create { .. } => None,
            Self::Replace { expect, .. } | Self::Delete { expect, .. } | Self::EditValues { expect, .. } => {
                Some(expect)
            }
        }
    }
}

/// Helpers for stores that have the resource in memory.
impl Change {
    /// Checks that the resource exists in the expected version, or does not exist yet for [`Change::Create`].
    /// `current` is the version of the resource with the change's id; `None` if no such resource exists.
    ///
    /// # Errors
    ///
    /// [`NotUnique`](StoreError::NotUnique) of [`AttributeId::ID`], [`NotFound`](StoreError::NotFound) or
    /// [`VersionMismatch`](StoreError::VersionMismatch).
    ///
    /// ```
    /// use scim_core::{schema::Registry, store::{Change, Expect, StoreError, Version}};
    ///
    /// let resource_type = Registry::standard().resource_type("User").expect("registered").clone();
    /// let expect = Expect::Version(Version::from(1));
    /// let delete = Change::Delete { resource_type, id: "2819".into(), expect, at: Default::default(), before: None };
    /// assert!(delete.check(Some(&Version::from(1))).is_ok());
    /// assert!(matches!(delete.check(Some(&Version::from(2))), Err(StoreError::VersionMismatch { .. })));
    /// assert!(matches!(delete.check(None), Err(StoreError::NotFound)));
    /// ```
    pub fn check(&self, current: Option<&Version>) -> Result<(), StoreError> {
        match (self.expect(), current) {
            (None, Some(_)) => Err(StoreError::NotUnique { attribute: AttributeId::ID }),
            (Some(_), None) => Err(StoreError::NotFound),
            (Some(Expect::Version(expected)), Some(current)) if expected != current => {
                Err(StoreError::VersionMismatch { current: Some(current.clone()) })
            }
            _ => Ok(()),
        }
    }

    /// Applies [`Change::EditValues`]. Returns the resource with its new `meta.lastModified`, and the effective edit
    /// for [`ChangeOutcome::with_edit`]; `None` when the edit changes nothing, and for every other change.
    pub fn edited(&self, before: &Resource) -> Option<(Resource, ValueEdit)> {
        let Self::EditValues { attribute, edit, modified, .. } = self else { return None };
        let mut after = before.clone();
        let effect = edit.apply(*attribute, &mut after)?;
        // Clocks of several machines differ; `meta.lastModified` must not decrease.
        after.set_times(None, before.last_modified().map_or(*modified, |before| before.max(*modified)));
        Some((after, effect))
    }

    /// Applies [`Change::Delete`] to another resource of the tenant. Returns `referrer` without its references to the
    /// deleted resource; `None` when it has no such reference, and for every other change.
    pub fn dropped_from(&self, referrer: &Resource) -> Option<Resource> {
        let Self::Delete { id, .. } = self else { return None };
        let resource_type = referrer.resource_type();
        let holds = |list: &AttributeId| {
            let elements = referrer.root().get(*list).map(Value::elements).unwrap_or_default();
            let refers =
                |element: &Value| referred(resource_type, *list, element.as_object()?).map(|value| value == &**id);
            elements.iter().any(|element| refers(element) == Some(true))
        };
        if !resource_type.reference_lists().iter().any(holds) {
            return None;
        }
        let edit = ValueEdit { remove: vec![id.clone()], ..ValueEdit::default() };
        let mut without = referrer.clone();
        for list in resource_type.reference_lists() {
            edit.apply(*list, &mut without);
        }
        Some(without)
    }
}

impl fmt::Debug for Change {
    /// Names the change and the resource, without any value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Create { .. } => "Create",
            Self::Replace { .. } => "Replace",
            Self::Delete { .. } => "Delete",
            Self::EditValues { .. } => "EditValues",
        };
        let mut out = f.debug_struct(name);
        out.field("resource_type", &self.resource_type().name()).field("id", &self.id());
        if let Some(expect) = self.expect() {
            out.field("expect", expect);
        }
        if let Self::EditValues { resource_type, attribute, edit, modified, .. } = self {
            out.field("attribute", &resource_type.path(*attribute))
                .field("clear", &edit.clear)
                .field("remove", &edit.remove.len())
                .field("add", &edit.add.len())
                .field("modified", modified);
        }
        out.finish()
    }
}

/// The result of one [`Change`] of a committed batch.
///
/// ```
/// use scim_core::store::{ChangeOutcome, Version};
///
/// let done = ChangeOutcome::written(Version::from(7));
/// assert!(done.changed && done.version == Some(Version::from(7)));
/// assert!(!ChangeOutcome::kept(Version::from(7)).changed);
/// assert_eq!(ChangeOutcome::deleted().version, None);
/// ```
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct ChangeOutcome {
    /// The version of the resource after the change; `None` after it was deleted.
    pub version: Option<Version>,
    /// Whether anything changed. If not, the version and `meta.lastModified` are the old values.
    pub changed: bool,
    /// The effective edit of [`Change::EditValues`]: `remove` has only ids that were in the list, `add` has only
    /// values that were missing, and `clear` is never set. `None` from a store that cannot report the effective edit:
    /// the requested edit then counts as the effective edit.
    pub edit: Option<ValueEdit>,
}

impl ChangeOutcome {
    /// The resource was created, replaced or edited, and now has this version.
    pub fn written(version: Version) -> Self {
        Self { version: Some(version), changed: true, edit: None }
    }

    /// The change had no effect; the resource still has this version.
    pub fn kept(version: Version) -> Self {
        Self { version: Some(version), changed: false, edit: None }
    }

    /// The resource was deleted.
    pub const fn deleted() -> Self {
        Self { version: None, changed: true, edit: None }
    }

    /// Adds the effective edit of [`Change::EditValues`].
    #[must_use]
    pub fn with_edit(mut self, effect: impl Into<Option<ValueEdit>>) -> Self {
        self.edit = effect.into();
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
            .finish()
    }
}
