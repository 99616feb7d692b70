//! The approximate number of bytes of a resource, accurate enough to bound the memory of a request and the length of
//! an answer.
//!
//! The size does not depend on how a store keeps a resource. A store that keeps text may use the length of its text.

use super::Resource;
use crate::value::{Object, Value};

/// The bytes of an attribute's name with its quotes, colon and comma; of a value that is not text; and of each of
/// `type`, `$ref` and `display`, which an answer adds to an element of a list.
const MEMBER: usize = 16;

impl Resource {
    /// The approximate number of bytes of the resource in an answer, without derived attributes.
    ///
    /// ```
    /// use scim_core::{resource::Resource, schema::Registry};
    ///
    /// let registry = Registry::standard();
    /// let user = registry.resource_type("User").expect("registered");
    /// let json = br#"{"userName": "bjensen", "title": "Tour Guide"}"#;
    /// let size = Resource::from_json(user, json)?.size();
    /// assert!((json.len() / 2..json.len() * 2).contains(&size));
    /// # Ok::<(), scim_core::resource::ResourceError>(())
    /// ```
    pub fn size(&self) -> usize {
        of_object(&self.root)
    }

    /// The same size, for the lists of references alone.
    pub(crate) fn size_of_lists(&self) -> usize {
        let lists = self.resource_type.reference_lists().iter();
        lists.filter_map(|list| self.root.get(*list)).map(|list| MEMBER.saturating_add(list.size())).sum()
    }
}

impl Value {
    /// The approximate number of bytes of the value in an answer: see [`Resource::size`].
    pub fn size(&self) -> usize {
        match self {
            Self::String(text) => text.len(),
            Self::Complex(object) => of_object(object),
            Self::List(values) => values.iter().map(Self::size_in_list).sum(),
            _ => MEMBER,
        }
    }

    /// The same size, for the value as an element of a list.
    pub(crate) fn size_in_list(&self) -> usize {
        self.size().saturating_add(if matches!(self, Self::Complex(_)) { 3 * MEMBER } else { MEMBER })
    }
}

fn of_object(object: &Object) -> usize {
    object.iter().map(|(_, value)| MEMBER.saturating_add(value.size())).sum()
}
