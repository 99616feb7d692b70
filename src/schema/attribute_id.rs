//! The ids of attributes: small numbers that stand for the names of one resource type.

use std::fmt;

/// An attribute of one [`ResourceType`](super::ResourceType), as a number that is cheap to compare and to copy.
///
/// An id is valid only for its resource type and must not be persisted: ids change when the schema changes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttributeId(pub(super) u16);

impl AttributeId {
    /// The resource itself: the parent of every top-level attribute.
    pub const ROOT: Self = Self(0);
    /// `schemas` (RFC 7643 §3).
    pub const SCHEMAS: Self = Self(1);
    /// `id` (RFC 7643 §3.1).
    pub const ID: Self = Self(2);
    /// `externalId` (RFC 7643 §3.1).
    pub const EXTERNAL_ID: Self = Self(3);
    /// `meta` (RFC 7643 §3.1).
    pub const META: Self = Self(4);
    /// `meta.resourceType`.
    pub const META_RESOURCE_TYPE: Self = Self(5);
    /// `meta.created`.
    pub const META_CREATED: Self = Self(6);
    /// `meta.lastModified`.
    pub const META_LAST_MODIFIED: Self = Self(7);
    /// `meta.location`.
    pub const META_LOCATION: Self = Self(8);
    /// `meta.version`.
    pub const META_VERSION: Self = Self(9);

    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Debug for AttributeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}
