//! The input of [`Resource::write`](super::Resource::write) besides the resource: the form of the answer, and the
//! values that are derived from other resources.

use std::{fmt, slice, sync::Arc};

use super::Projection;
#[cfg(doc)]
use super::Resource;
use crate::{
    schema::{AttributeId, Registry, ResourceType},
    value::Text,
};

/// The form in which [`Resource::write`] shows a resource, and the derived values.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "an answer needs each of these, and a caller has to think of it")]
pub struct Rendering<'a> {
    /// The resource types in which the endpoints of referenced resources are looked up.
    pub registry: &'a Registry,
    /// The service provider's base URL, without a slash at its end: `https://example.com/scim/v2`.
    pub base: &'a str,
    /// The attributes that are shown.
    pub projection: &'a Projection,
    /// `meta.version`, exactly as in the `ETag` header: `W/"3694e05e9dff590"`.
    pub version: Option<&'a str>,
    /// The lists that are derived from other resources, such as a user's `groups`.
    pub derived: &'a [(AttributeId, Vec<Reference>)],
    /// The names of the resources to which the resource refers, such as the members of a group.
    pub displays: &'a [Displays],
}

/// A resource that refers to the shown resource, in a derived list (RFC 7643 §4.1.2 `groups`).
#[derive(Clone, Debug)]
pub struct Reference {
    id: Text,
    resource_type: Arc<ResourceType>,
    display: Option<Text>,
}

impl Reference {
    /// The `type` of a reference that is not inherited through another group (RFC 7643 §4.1.2).
    pub const DIRECT: &'static str = "direct";

    /// The resource of type `resource_type` with this id and the display name `display`.
    pub fn new(id: Text, resource_type: Arc<ResourceType>, display: Option<Text>) -> Self {
        Self { id, resource_type, display }
    }

    /// The id of the resource.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The type of the resource.
    pub fn resource_type(&self) -> &Arc<ResourceType> {
        &self.resource_type
    }

    /// The display name of the resource.
    pub fn display(&self) -> Option<&str> {
        self.display.as_deref()
    }
}

/// The names of the resources to which the values of one attribute refer: `display` in `members`, `displayName` in
/// `manager` (RFC 7643 §2.4, §4.3).
#[derive(Clone)]
pub struct Displays {
    attribute: AttributeId,
    names: Names,
}

/// One name for each value.
#[derive(Clone)]
enum Names {
    /// A singular attribute, such as `manager`, has one value.
    One(Option<Text>),
    Many(Vec<Option<Text>>),
}

impl Displays {
    /// The names for the sub-attribute `attribute`: one name for each value of the complex attribute to which the
    /// sub-attribute belongs, in the order of the values. `None` shows no name, even if a name is stored.
    pub fn new(attribute: AttributeId, names: Vec<Option<Text>>) -> Self {
        Self { attribute, names: Names::Many(names) }
    }

    /// No names yet for `values` values.
    pub(crate) fn unnamed(attribute: AttributeId, values: usize) -> Self {
        let names = if values == 1 { Names::One(None) } else { Names::Many(vec![None; values]) };
        Self { attribute, names }
    }

    /// The sub-attribute that shows the names.
    pub fn attribute(&self) -> AttributeId {
        self.attribute
    }

    /// The names, one for each value; `None` for a value without a name.
    pub fn names(&self) -> &[Option<Text>] {
        match &self.names {
            Names::One(name) => slice::from_ref(name),
            Names::Many(names) => names,
        }
    }

    /// The sub-attribute, and the name that it shows in the value at `index`.
    pub(crate) fn name(&self, index: usize) -> (AttributeId, Option<&str>) {
        (self.attribute, self.names().get(index).and_then(Option::as_deref))
    }

    /// Sets the name of the value at `index`.
    pub(crate) fn set(&mut self, index: usize, name: Text) {
        let names = match &mut self.names {
            Names::One(name) => slice::from_mut(name),
            Names::Many(names) => names,
        };
        if let Some(slot) = names.get_mut(index) {
            *slot = Some(name);
        }
    }
}

impl fmt::Debug for Displays {
    /// Hides the names, which are values of resources.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Displays").field("attribute", &self.attribute).finish_non_exhaustive()
    }
}
