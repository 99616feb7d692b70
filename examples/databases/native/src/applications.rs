//! Layouts for the tables of real applications, each of another kind. The tables are rebuilt from a description of the
//! application, with the columns that SCIM reads or writes, the columns that a new row needs, and some that SCIM must
//! leave alone.

pub mod ironclaw;
pub mod metabase;
pub mod omicron;
pub mod tabby;
pub mod vaultwarden;

use scim_core::schema::{
    Attribute, AttributeType, GROUP, Mutability, Registry, ResourceType, ResourceTypeBuilder, Schema, SchemaError,
    USER, Uniqueness,
};

/// All attributes of a user, and the groups of the user if the application has groups.
fn full_user(has_groups: bool) -> Result<ResourceType, SchemaError> {
    user(Schema::user().without("password"), has_groups).extension(Schema::enterprise_user(), false).build()
}

/// Only the attributes that an application without a side table has columns for.
fn small_user() -> Result<ResourceType, SchemaError> {
    let schema = Schema::new(USER, "User")
        .with_attribute(text("userName").required().with_uniqueness(Uniqueness::Server))
        .with_attribute(Attribute::new("active", AttributeType::Boolean));
    user(schema, false).build()
}

fn user(schema: Schema, has_groups: bool) -> ResourceTypeBuilder {
    let user = ResourceType::builder("User", "Users", schema);
    if has_groups { user.relation("groups", "Group", "members", "displayName") } else { user }
}

/// Groups with users as members.
fn group(display_name: Attribute) -> Result<ResourceType, SchemaError> {
    let value = Attribute::new("value", AttributeType::String).case_exact().with_mutability(Mutability::Immutable);
    let reference = Attribute::new("$ref", AttributeType::Reference).with_reference_types(["User"]);
    let kind = text("type").with_canonical_values(["User"]).with_mutability(Mutability::Immutable);
    let schema = Schema::new(GROUP, "Group")
        .with_attribute(display_name.required())
        .with_attribute(Attribute::complex("members", [value, reference, kind]).multi_valued());
    ResourceType::builder("Group", "Groups", schema).build()
}

fn registry(types: impl IntoIterator<Item = ResourceType>) -> Result<Registry, SchemaError> {
    types.into_iter().fold(Registry::builder(), scim_core::schema::RegistryBuilder::resource_type).build()
}

fn text(name: &str) -> Attribute {
    Attribute::new(name, AttributeType::String)
}
