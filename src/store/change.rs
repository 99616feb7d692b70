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
    /// The change of the party that manages the resource, if this replacement makes such a change. Only for records:
    /// the mark itself is an attribute of the resource.
    pub handover: Option<Handover>,
}

/// A change of the party that manages a resource: SCIM or the host
/// ([`Ownership`](crate::provider::Ownership)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Handover {
    /// A client adopted a resource that was not created through SCIM. From now on SCIM manages it.
    Adopted,
    /// The host took the resource back from SCIM.
    Released,
}

impl Entry {
    /// The entry of a resource, with the unique keys that its schema defines.
    pub fn new(resource: impl Into<Arc<Resource>>) -> Self {
        let resource = resource.into();
        let unique = resource.unique_keys();
        Self { resource, unique, kept: Vec::new(), handover: None }
    }

    /// The same entry, which leaves these lists of references unchanged in the store.
    #[must_use]
    pub fn with_kept(self, lists: Vec<AttributeId>) -> Self {
        Self { kept: lists, ..self }
    }

    /// The same entry, which records a change of the party that manages the resource.
    ///
    /// ```
    /// use scim_core::{resource::Resource, schema::Registry, store::{Entry, Handover}};
    ///
    /// let user = Registry::standard().resource_type("User").expect("registered").clone();
    /// let entry = Entry::new(Resource::new(user)).with_handover(Handover::Adopted);
    /// assert_eq!(entry.handover, Some(Handover::Adopted));
    /// ```
    #[must_use]
    pub fn with_handover(self, handover: impl Into<Option<Handover>>) -> Self {
        Self { handover: handover.into(), ..self }
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
            .field("handover", &self.handover)
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
    Create(Entry),
    /// Replaces the resource that has the same id.
    Replace(Replacement),
    /// Removes a resource, and every reference to the resource from lists of references.
    Delete(Deletion),
    /// Removes and adds values of one list of references, without reading the other values.
    EditValues(ListEdit),
}

/// The parts of [`Change::Replace`].
#[derive(Clone)]
#[expect(clippy::exhaustive_structs, reason = "a store that overlooked a new part would lose it")]
pub struct Replacement {
    /// The new state of the resource.
    pub entry: Entry,
    /// The precondition on the replaced resource.
    pub expect: Expect,
    /// The resource in the expected version, for a record of the difference. A store that keeps no such record can
    /// ignore it.
    pub before: Arc<Resource>,
}

/// The parts of [`Change::Delete`].
#[derive(Clone)]
#[expect(clippy::exhaustive_structs, reason = "a store that overlooked a new part would lose it")]
pub struct Deletion {
    /// The resource's type.
    pub resource_type: Arc<ResourceType>,
    /// The resource's id.
    pub id: Text,
    /// The precondition on the removed resource.
    pub expect: Expect,
    /// The time of the deletion: a deleted resource has no `meta.lastModified` to carry it.
    pub at: DateTime<Utc>,
    /// The resource before the deletion, for a record, if the core read the resource anyway. Lists of references may
    /// be missing.
    pub before: Option<Arc<Resource>>,
}

/// The parts of [`Change::EditValues`].
#[derive(Clone)]
#[expect(clippy::exhaustive_structs, reason = "a store that overlooked a new part would lose it")]
pub struct ListEdit {
    /// The resource's type.
    pub resource_type: Arc<ResourceType>,
    /// The resource's id.
    pub id: Text,
    /// One of the type's [reference lists](ResourceType::reference_lists).
    pub attribute: AttributeId,
    /// The precondition on the edited resource.
    pub expect: Expect,
    /// The values to remove and the values to add.
    pub edit: ValueEdit,
    /// The new `meta.lastModified`, if the edit changes the list and the old `meta.lastModified` is not later.
    pub modified: DateTime<Utc>,
}

impl Change {
    /// The type of the resource that the change writes.
    pub fn resource_type(&self) -> &Arc<ResourceType> {
        match self {
            Self::Create(entry) | Self::Replace(Replacement { entry, .. }) => entry.resource.resource_type(),
            Self::Delete(Deletion { resource_type, .. }) | Self::EditValues(ListEdit { resource_type, .. }) => {
                resource_type
            }
        }
    }

    /// The id of the resource that the change writes.
    pub fn id(&self) -> &str {
        match self {
            Self::Create(entry) | Self::Replace(Replacement { entry, .. }) => entry.resource.id(),
            Self::Delete(Deletion { id, .. }) | Self::EditValues(ListEdit { id, .. }) => id,
        }
    }

    /// The precondition of the change; `None` for a new resource.
    pub fn expect(&self) -> Option<&Expect> {
        match self {
            Self::Create(_) => None,
            Self::Replace(Replacement { expect, .. })
            | Self::Delete(Deletion { expect, .. })
            | Self::EditValues(ListEdit { expect, .. }) => Some(expect),
        }
    }

    /// Checks that the resource exists in the expected version, or does not exist yet for [`Change::Create`].
    /// `current` is the version of the resource with the change's id; `None` if no such resource exists. For stores
    /// that have the version in memory.
    ///
    /// # Errors
    ///
    /// [`NotUnique`](StoreError::NotUnique) of [`AttributeId::ID`], [`NotFound`](StoreError::NotFound) or
    /// [`VersionMismatch`](StoreError::VersionMismatch).
    ///
    /// ```
    /// use scim_core::{schema::Registry, store::{Change, Deletion, Expect, StoreError, Version}};
    ///
    /// let resource_type = Registry::standard().resource_type("User").expect("registered").clone();
    /// let (id, expect) = ("2819".into(), Expect::Version(Version::from(1)));
    /// let delete = Change::Delete(Deletion { resource_type, id, expect, at: Default::default(), before: None });
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
}

impl Deletion {
    /// Returns `referrer`, another resource of the tenant, without its references to the deleted resource; `None` if
    /// it has no such reference. For stores that have the referrers in memory.
    pub fn drop_references(&self, referrer: &Resource) -> Option<Resource> {
        let resource_type = referrer.resource_type();
        let holds = |list: &AttributeId| {
            let elements = referrer.root().get(*list).map(Value::elements).unwrap_or_default();
            let refers =
                |element: &Value| referred(resource_type, *list, element.as_object()?).map(|value| *value == *self.id);
            elements.iter().any(|element| refers(element) == Some(true))
        };
        if !resource_type.reference_lists().iter().any(holds) {
            return None;
        }
        let edit = ValueEdit { remove: vec![self.id.clone()], ..ValueEdit::default() };
        let mut without = referrer.clone();
        for list in resource_type.reference_lists() {
            edit.apply(*list, &mut without);
        }
        Some(without)
    }
}

impl ListEdit {
    /// Applies the edit to the resource. Returns the resource with its new `meta.lastModified`, and the effective edit
    /// for [`ChangeOutcome::with_edit`](super::ChangeOutcome::with_edit); `None` if the edit changes nothing. For
    /// stores that have the resource in memory.
    pub fn apply(&self, before: &Resource) -> Option<(Resource, ValueEdit)> {
        let mut after = before.clone();
        let effect = self.edit.apply(self.attribute, &mut after)?;
        // Clocks of several machines differ; `meta.lastModified` must not decrease.
        after.set_times(None, before.last_modified().map_or(self.modified, |before| before.max(self.modified)));
        Some((after, effect))
    }
}

/// Starts to describe a change: its name and its resource, without any value.
fn describe<'a, 'b>(
    f: &'a mut fmt::Formatter<'b>,
    name: &str,
    (resource_type, id): (&ResourceType, &str),
    expect: Option<&Expect>,
) -> fmt::DebugStruct<'a, 'b> {
    let mut out = f.debug_struct(name);
    out.field("resource_type", &resource_type.name()).field("id", &id);
    if let Some(expect) = expect {
        out.field("expect", expect);
    }
    out
}

impl fmt::Debug for Change {
    /// Names the change and the resource, without any value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(_) => describe(f, "Create", (self.resource_type(), self.id()), None).finish(),
            Self::Replace(replacement) => replacement.fmt(f),
            Self::Delete(deletion) => deletion.fmt(f),
            Self::EditValues(edit) => edit.fmt(f),
        }
    }
}

impl fmt::Debug for Replacement {
    /// Names the resource, without any value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resource = &self.entry.resource;
        describe(f, "Replacement", (resource.resource_type(), resource.id()), Some(&self.expect)).finish()
    }
}

impl fmt::Debug for Deletion {
    /// Names the resource, without any value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resource = (&*self.resource_type, &*self.id);
        describe(f, "Deletion", resource, Some(&self.expect)).field("at", &self.at).finish()
    }
}

impl fmt::Debug for ListEdit {
    /// Names the resource, and counts the added values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resource = (&*self.resource_type, &*self.id);
        describe(f, "ListEdit", resource, Some(&self.expect))
            .field("attribute", &self.resource_type.path(self.attribute))
            .field("clear", &self.edit.clear)
            .field("remove", &self.edit.remove.len())
            .field("add", &self.edit.add.len())
            .field("modified", &self.modified)
            .finish()
    }
}
