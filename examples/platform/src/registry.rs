//! The resource types that the platform serves.
//!
//! One place says it: what the stores were tested with is what is served.

use scim_core::schema::{Registry, ResourceType, Schema, SchemaError};

/// Users with the Enterprise User extension, and groups, as RFC 7643 §4 defines them, but for `password`: people sign
/// on at their identity provider, so there is nothing to keep. A password that is sent all the same is dropped, as
/// every attribute that is not known here, and ServiceProviderConfig says that none can be changed.
///
/// ```
/// let registry = platform::registry();
/// let user = registry.resource_type("User").ok_or("no users")?;
/// assert!(user.schema().find("password").is_none() && user.schema().find("userName").is_some());
/// # Ok::<(), &str>(())
/// ```
#[expect(clippy::missing_panics_doc, reason = "it depends on no input, and every test builds it")]
pub fn registry() -> Registry {
    #[expect(clippy::expect_used, reason = "it depends on no input, and every test builds it")]
    build().expect("the resource types are consistent")
}

fn build() -> Result<Registry, SchemaError> {
    let user = ResourceType::builder("User", "Users", Schema::user().without("password"))
        .description("People who use the service")
        .extension(Schema::enterprise_user(), false)
        .relation("groups", "Group", "members", "displayName")
        .build()?;
    Registry::builder().resource_type(user).resource_type(ResourceType::group()?).build()
}
