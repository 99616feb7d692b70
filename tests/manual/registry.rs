use scim_core::schema::{
    Attribute, AttributeType, GROUP, Mutability, Registry, ResourceType, Schema, SchemaError, USER,
};

/// The schema of an attribute that no client can set: whether SCIM created the account.
const ORIGIN: &str = "urn:example:scim:schemas:origin:1.0:User";

fn registry() -> Result<Registry, SchemaError> {
    let columns = ["userName", "displayName", "active", "groups"];
    let standard = Schema::user();
    let known = standard.attributes().iter().filter(|attribute| columns.contains(&attribute.name()));
    let user = known.cloned().fold(Schema::new(USER, "User"), Schema::with_attribute);
    let provisioned = Attribute::new("provisioned", AttributeType::Boolean).with_mutability(Mutability::ReadOnly);
    let user = ResourceType::builder("User", "Users", user)
        .extension(Schema::new(ORIGIN, "Origin").with_attribute(provisioned), false)
        .relation("groups", "Group", "members", "displayName");
    let value = Attribute::new("value", AttributeType::String).case_exact().with_mutability(Mutability::Immutable);
    let reference = Attribute::new("$ref", AttributeType::Reference).with_reference_types(["User"]);
    let group = Schema::new(GROUP, "Group")
        .with_attribute(Attribute::new("displayName", AttributeType::String).required())
        .with_attribute(Attribute::complex("members", [value, reference]).multi_valued());
    let group = ResourceType::builder("Group", "Groups", group);
    Registry::builder().resource_type(user.build()?).resource_type(group.build()?).build()
}
