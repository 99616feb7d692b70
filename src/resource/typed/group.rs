//! Groups (RFC 7643 §4.2).

use std::sync::Arc;

use super::{WrongSchema, texts, typed};
use crate::{
    resource::{Resource, ResourceError},
    schema::{AttributeId, GROUP, ResourceType},
    value::Value,
};

/// A group (RFC 7643 §4.2).
///
/// ```
/// use scim_core::{resource::{Group, Resource}, schema::Registry};
///
/// let registry = Registry::standard();
/// let resource_type = registry.resource_type("Group").expect("registered");
/// let json = br#"{"displayName": "Guides", "members": [{"value": "2819", "type": "User"}]}"#;
/// let group = Group::try_from(Resource::from_json(resource_type, json)?)?;
/// assert_eq!(group.display_name(), Some("Guides"));
/// let members: Vec<_> = group.members().map(|member| (member.id, member.resource_type)).collect();
/// assert_eq!(members, [("2819", Some("User"))]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    resource: Resource,
}

typed!(Group, GROUP);

/// A member of a group (RFC 7643 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member<'a> {
    /// The id of the resource: `value`.
    pub id: &'a str,
    /// The name of the resource's type: `type`.
    pub resource_type: Option<&'a str>,
}

impl Group {
    /// A group with this name and without members. `resource_type` is a resource type with the Group schema.
    ///
    /// # Errors
    ///
    /// When `resource_type` has another schema, or its schema has no `displayName`.
    pub fn new(resource_type: &Arc<ResourceType>, display_name: &str) -> Result<Self, WrongSchema> {
        let mut group = Self::try_from(Resource::new(Arc::clone(resource_type)))?;
        group
            .set_display_name(display_name)
            .map_err(|_| WrongSchema::new(GROUP, format_args!("{} without displayName", resource_type.name())))?;
        Ok(group)
    }

    texts! {
        /// `displayName`: the group's name.
        display_name = "displayName",
    }

    /// Renames the group.
    ///
    /// # Errors
    ///
    /// When the host's resource type has no `displayName`.
    pub fn set_display_name(&mut self, display_name: &str) -> Result<(), ResourceError> {
        self.resource.set("displayName", display_name).map(drop)
    }

    /// The members in `members`; a resource that was read without this list, because the list is large, yields no
    /// members.
    pub fn members(&self) -> impl Iterator<Item = Member<'_>> {
        let resource_type = self.resource.resource_type();
        let list = resource_type.child(AttributeId::ROOT, "members");
        let values = list.and_then(|list| self.resource.root().get(list)).map(Value::elements).unwrap_or_default();
        let parts = list.map(|list| resource_type.conventional(list)).unwrap_or_default();
        values.iter().filter_map(move |value| {
            let object = value.as_object()?;
            let text = |part: Option<AttributeId>| object.get(part?)?.as_str();
            Some(Member { id: text(parts.value)?, resource_type: text(parts.type_of) })
        })
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.resource.root().get(self.resource.resource_type().child(AttributeId::ROOT, name)?)?.as_str()
    }
}
