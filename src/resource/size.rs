//! How many bytes a resource takes, about: enough to bound the memory of a request and the length of an answer.
//!
//! Nothing here depends on how a store keeps a resource. A store that keeps text may take the length of that.

use super::Resource;
use crate::value::{Object, Value};

/// Bytes of the name of an attribute, its quotes, its colon and its comma; of a value that is no text; and of each of
/// `type`, `$ref` and `display`, which an answer adds to an element of a list.
const MEMBER: usize = 16;

impl Resource {
    /// About how many bytes the resource takes in an answer, without what is derived for it.
    ///
    /// ```
    /// use scim_core::{Registry, Resource};
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

    /// The same for its lists of references alone.
    pub(crate) fn size_of_lists(&self) -> usize {
        let lists = self.kind.reference_lists().iter();
        lists.filter_map(|list| self.root.get(*list)).map(|list| MEMBER.saturating_add(list.size())).sum()
    }
}

impl Value {
    /// About how many bytes the value takes in an answer: see [`Resource::size`].
    pub fn size(&self) -> usize {
        match self {
            Self::String(text) => text.len(),
            Self::Complex(object) => of_object(object),
            Self::List(values) => values.iter().map(Self::size_in_list).sum(),
            _ => MEMBER,
        }
    }

    /// The same as an element of a list.
    pub(crate) fn size_in_list(&self) -> usize {
        self.size().saturating_add(if matches!(self, Self::Complex(_)) { 3 * MEMBER } else { MEMBER })
    }
}

fn of_object(object: &Object) -> usize {
    object.iter().map(|(_, value)| MEMBER.saturating_add(value.size())).sum()
}
