//! The registry of tests of whole stores.

use scim_core::schema::{Registry, ResourceType, Schema, SchemaError};

/// The standard users and groups. A group has users and groups as members.
pub fn registry() -> Result<Registry, SchemaError> {
    let user = ResourceType::builder("User", "Users", Schema::user().without("password"))
        .extension(Schema::enterprise_user(), false)
        .relation("groups", "Group", "members", "displayName");
    let group = ResourceType::builder("Group", "Groups", Schema::group());
    Registry::builder().resource_type(user.build()?).resource_type(group.build()?).build()
}
