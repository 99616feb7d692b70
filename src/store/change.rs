//! What is written: a small batch of changes, each with what it expects to find.
//!
//! Changes are plain data, so that they fit a database transaction, a conditional write of a key-value store or a lock
//! alike.

use std::{fmt, sync::Arc};

use chrono::{DateTime, Utc};

use super::{StoreError, referred};
use crate::{
    patch::ValueEdit,
    resource::{Resource, UniqueKey},
    schema::{AttributeId, ResourceType},
    value::{Text, Value},
};

/// Which state of a resource is meant, as the store named it (RFC 7644 §3.14).
///
/// Opaque to everyone but the store: it is only compared. A store gives a resource a new version whenever it changes
/// and never gives one again, not to a resource that is created anew under the same id either; one that a commit
/// changes twice gets two. It becomes the entity tag `W/"…"` and `meta.version`, and tells
/// [events](crate::event::Event::id) apart.
///
/// ```
/// use scim_core::store::Version;
///
/// assert_eq!(Version::from(42), Version::new("42")?);
/// assert!(Version::new("no \"quotes\"").is_err());
/// # Ok::<(), scim_core::store::InvalidVersion>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version(Box<str>);

impl Version {
    /// The most bytes that a version may have.
    pub const MAX_BYTES: usize = 64;

    /// A version with this text.
    ///
    /// # Errors
    ///
    /// When the text is empty, longer than [`Version::MAX_BYTES`], or has a character that an entity tag cannot have
    /// (RFC 9110 §8.8.3): only visible ASCII without `"` is safe everywhere.
    pub fn new(text: impl Into<Box<str>>) -> Result<Self, InvalidVersion> {
        let text = text.into();
        let fits = (1..=Self::MAX_BYTES).contains(&text.len());
        if fits && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"') {
            return Ok(Self(text));
        }
        Err(InvalidVersion { bytes: text.len() })
    }

    /// The text, without the quotes of an entity tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The entity tag, as the `ETag` header and `meta.version` have it (RFC 7643 §3.1): weak, since answers to one
    /// version may differ in what they show.
    pub(crate) fn etag(&self) -> String {
        format!("W/\"{self}\"")
    }
}

impl From<u64> for Version {
    /// The decimal digits, for stores that count.
    fn from(count: u64) -> Self {
        Self(count.to_string().into())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that cannot be a [`Version`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a version of 1 to {} visible ASCII characters without quotes, found {bytes} bytes",
    Version::MAX_BYTES
)]
pub struct InvalidVersion {
    bytes: usize,
}

/// A resource as it is to be kept, with the keys that must be its alone.
#[derive(Clone)]
#[expect(clippy::exhaustive_structs, reason = "a store that overlooked a new part would lose it")]
pub struct Entry {
    /// The resource, whole: with its id, `meta.created`, `meta.lastModified` and every list of references that is not
    /// [kept](Self::kept).
    pub resource: Arc<Resource>,
    /// The values that no other resource of the type may have in the tenant.
    pub unique: Vec<UniqueKey>,
    /// Lists of references that a [replacement](Change::Replace) leaves as the store has them, whatever the resource holds:
    /// the request does not touch them. Empty unless the store's [capabilities](super::Capabilities::partial) allow more.
    pub kept: Vec<AttributeId>,
}

impl Entry {
    /// The entry of a resource, with the keys that its schema makes unique.
    pub fn new(resource: impl Into<Arc<Resource>>) -> Self {
        let resource = resource.into();
        let unique = resource.unique_keys();
        Self { resource, unique, kept: Vec::new() }
    }

    /// The same entry, which leaves these lists of references as the store has them.
    #[must_use]
    pub fn keeping(self, lists: Vec<AttributeId>) -> Self {
        Self { kept: lists, ..self }
    }
}

impl fmt::Debug for Entry {
    /// Without the keys, which are values of the resource.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unique: Vec<AttributeId> = self.unique.iter().map(|key| key.attribute).collect();
        f.debug_struct("Entry")
            .field("resource", &self.resource)
            .field("unique", &unique)
            .field("kept", &self.kept)
            .finish()
    }
}

/// What a change expects to find.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a store that overlooked a condition would lose a write")]
pub enum Expect {
    /// The resource, in whatever state.
    Exists,
    /// The resource in this state; in any other the commit fails with [`StoreError::VersionMismatch`].
    ///
    /// [`StoreError::VersionMismatch`]: super::StoreError::VersionMismatch
    Version(Version),
}

/// One write of a batch. What each does, and when it fails, is said at [`Store::commit`].
///
/// [`Store::commit`]: super::Store::commit
#[derive(Clone)]
#[non_exhaustive]
pub enum Change {
    /// Inserts a resource whose id is not taken.
    Create {
        /// The new resource.
        entry: Entry,
    },
    /// Puts a resource in the place of the one with its id.
    Replace {
        /// The resource as it is from now on.
        entry: Entry,
        /// What it is put in the place of.
        expect: Expect,
        /// The resource as it was in the version that is expected, for a record of what changed. A store that keeps
        /// none has no use for it.
        before: Arc<Resource>,
    },
    /// Removes a resource, and every reference to it from a list of references.
    Delete {
        /// The resource's type.
        kind: Arc<ResourceType>,
        /// The resource's id.
        id: Text,
        /// What is removed.
        expect: Expect,
        /// When: a deleted resource has no `meta.lastModified` to tell.
        at: DateTime<Utc>,
        /// The resource as it was, for a record, where it was read anyway. Lists of references may be missing.
        before: Option<Arc<Resource>>,
    },
    /// Removes and adds values of one list of references, without a look at the others.
    EditValues {
        /// The resource's type.
        kind: Arc<ResourceType>,
        /// The resource's id.
        id: Text,
        /// One of the type's [reference lists](ResourceType::reference_lists).
        attribute: AttributeId,
        /// What is changed.
        expect: Expect,
        /// What goes and what comes.
        edit: ValueEdit,
        /// The new `meta.lastModified`, if the edit changes the list and the old one is not later.
        modified: DateTime<Utc>,
    },
}

impl Change {
    /// The type of the resource that is written.
    pub fn kind(&self) -> &Arc<ResourceType> {
        match self {
            Self::Create { entry } | Self::Replace { entry, .. } => entry.resource.kind(),
            Self::Delete { kind, .. } | Self::EditValues { kind, .. } => kind,
        }
    }

    /// The id of the resource that is written.
    pub fn id(&self) -> &str {
        match self {
            Self::Create { entry } | Self::Replace { entry, .. } => entry.resource.id(),
            Self::Delete { id, .. } | Self::EditValues { id, .. } => id,
        }
    }

    /// What the change expects to find; `None` when it is a new resource.
    pub fn expect(&self) -> Option<&Expect> {
        match self {
            Self::Create { .. } => None,
            Self::Replace { expect, .. } | Self::Delete { expect, .. } | Self::EditValues { expect, .. } => {
                Some(expect)
            }
        }
    }
}

/// For stores that have the resource at hand.
impl Change {
    /// Whether the resource is there, or not, as the change expects it. `current` is the version that the resource with
    /// the change's id has; `None` if there is no such resource.
    ///
    /// # Errors
    ///
    /// [`NotUnique`](StoreError::NotUnique) of [`AttributeId::ID`], [`NotFound`](StoreError::NotFound) or
    /// [`VersionMismatch`](StoreError::VersionMismatch).
    ///
    /// ```
    /// use scim_core::{schema::Registry, store::{Change, Expect, StoreError, Version}};
    ///
    /// let kind = Registry::standard().resource_type("User").expect("registered").clone();
    /// let expect = Expect::Version(Version::from(1));
    /// let delete = Change::Delete { kind, id: "2819".into(), expect, at: Default::default(), before: None };
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

    /// What [`Change::EditValues`] makes of the resource, with its new `meta.lastModified`, and what that really did,
    /// for [`Done::with_edit`]; `None` when that is no change, and for every other change.
    pub fn edited(&self, before: &Resource) -> Option<(Resource, ValueEdit)> {
        let Self::EditValues { attribute, edit, modified, .. } = self else { return None };
        let mut after = before.clone();
        let effect = edit.apply(*attribute, &mut after)?;
        // Clocks of several machines differ; a resource does not go back in time.
        after.set_times(None, before.last_modified().map_or(*modified, |before| before.max(*modified)));
        Some((after, effect))
    }

    /// What [`Change::Delete`] makes of another resource of the tenant: that without the references to what is deleted;
    /// `None` when it has none, and for every other change.
    pub fn dropped_from(&self, holder: &Resource) -> Option<Resource> {
        let Self::Delete { id, .. } = self else { return None };
        let kind = holder.kind();
        let holds = |list: &AttributeId| {
            let elements = holder.root().get(*list).map(Value::elements).unwrap_or_default();
            let refers = |element: &Value| referred(kind, *list, element.as_object()?).map(|value| value == &**id);
            elements.iter().any(|element| refers(element) == Some(true))
        };
        if !kind.reference_lists().iter().any(holds) {
            return None;
        }
        let edit = ValueEdit { remove: vec![id.clone()], ..ValueEdit::default() };
        let mut without = holder.clone();
        for list in kind.reference_lists() {
            edit.apply(*list, &mut without);
        }
        Some(without)
    }
}

impl fmt::Debug for Change {
    /// What is written to which resource, without any value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Create { .. } => "Create",
            Self::Replace { .. } => "Replace",
            Self::Delete { .. } => "Delete",
            Self::EditValues { .. } => "EditValues",
        };
        let mut out = f.debug_struct(name);
        out.field("kind", &self.kind().name()).field("id", &self.id());
        if let Some(expect) = self.expect() {
            out.field("expect", expect);
        }
        if let Self::EditValues { kind, attribute, edit, modified, .. } = self {
            out.field("attribute", &kind.path(*attribute))
                .field("clear", &edit.clear)
                .field("remove", &edit.remove.len())
                .field("add", &edit.add.len())
                .field("modified", modified);
        }
        out.finish()
    }
}

/// What came of one [`Change`] of a committed batch.
///
/// ```
/// use scim_core::store::{Done, Version};
///
/// let done = Done::written(Version::from(7));
/// assert!(done.changed && done.version == Some(Version::from(7)));
/// assert!(!Done::kept(Version::from(7)).changed);
/// assert_eq!(Done::deleted().version, None);
/// ```
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Done {
    /// The version of the resource after the change; `None` after it was deleted.
    pub version: Option<Version>,
    /// Whether anything changed. If not, the version and `meta.lastModified` are what they were.
    pub changed: bool,
    /// What [`Change::EditValues`] really did: in `remove` only ids that were in the list and went, in `add` only
    /// values that were not and came, never `clear`. `None` from a store that cannot tell: then what was meant to
    /// happen counts as what did.
    pub edit: Option<ValueEdit>,
}

impl Done {
    /// The resource was created, replaced or edited, and is in this version now.
    pub fn written(version: Version) -> Self {
        Self { version: Some(version), changed: true, edit: None }
    }

    /// There was nothing to change; the resource is still in this version.
    pub fn kept(version: Version) -> Self {
        Self { version: Some(version), changed: false, edit: None }
    }

    /// The resource was deleted.
    pub const fn deleted() -> Self {
        Self { version: None, changed: true, edit: None }
    }

    /// Tells what [`Change::EditValues`] really did.
    #[must_use]
    pub fn with_edit(mut self, effect: impl Into<Option<ValueEdit>>) -> Self {
        self.edit = effect.into();
        self
    }
}

impl fmt::Debug for Done {
    /// Without the values that came.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let edit = self.edit.as_ref().map(|edit| (edit.remove.len(), edit.add.len()));
        f.debug_struct("Done")
            .field("version", &self.version)
            .field("changed", &self.changed)
            .field("edit", &edit)
            .finish()
    }
}
