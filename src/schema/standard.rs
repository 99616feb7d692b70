//! The standard schemas and resource types of RFC 7643 as data, with the errata and the corrections that
//! interoperability requires.
//!
//! The JSON files in `standard/` hold the facts (RFC 7643 §8.7; §2.4 for the sub-attributes of lists; RFC 7644 §3.2 for
//! the names of endpoints); this file only reads them. Their descriptions are our own words.

use super::{Registry, ResourceType, Schema, SchemaError, shipped::shipped};

/// The URI of the User schema (RFC 7643 §4.1, §4.1.1, §4.1.2).
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The URI of the Group schema (RFC 7643 §4.2).
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// The URI of the Enterprise User extension (RFC 7643 §4.3).
pub const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// The URI of the ServiceProviderConfig schema (RFC 7643 §5).
pub const SERVICE_PROVIDER_CONFIG: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
/// The URI of the ResourceType schema (RFC 7643 §6).
pub const RESOURCE_TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
/// The URI of the Schema schema (RFC 7643 §7).
pub const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";

impl Schema {
    /// The User schema (RFC 7643 §4.1, §8.7.1).
    ///
    /// `active` has the [default](super::Attribute::with_default_value) `true`: a user who is created without `active`
    /// is active, and a request without `active` leaves it unchanged. A host switches the default off if the absence of
    /// `active` has its own meaning in the store:
    ///
    /// ```
    /// use scim_core::schema::{Attribute, Registry, ResourceType, Schema};
    ///
    /// let schema = Schema::user().change("active", Attribute::without_default_value);
    /// let user = ResourceType::builder("User", "Users", schema)
    ///     .extension(Schema::enterprise_user(), false)
    ///     .relation("groups", "Group", "members", "displayName")
    ///     .build()?;
    /// let registry = Registry::builder().resource_type(user).resource_type(ResourceType::group()?).build()?;
    /// # Ok::<(), scim_core::schema::SchemaError>(())
    /// ```
    pub fn user() -> Self {
        shipped(include_str!("standard/User.json")).change("active", |active| active.with_default_value(true))
    }

    /// The Group schema (RFC 7643 §4.2, §8.7.1).
    pub fn group() -> Self {
        shipped(include_str!("standard/Group.json"))
    }

    /// The Enterprise User extension (RFC 7643 §4.3, §8.7.1).
    pub fn enterprise_user() -> Self {
        shipped(include_str!("standard/EnterpriseUser.json"))
    }

    /// The schema of ServiceProviderConfig (RFC 7643 §5, §8.7.2).
    pub fn service_provider_config() -> Self {
        shipped(include_str!("standard/ServiceProviderConfig.json"))
    }

    /// The schema of ResourceType (RFC 7643 §6, §8.7.2).
    pub fn resource_type() -> Self {
        shipped(include_str!("standard/ResourceType.json"))
    }

    /// The schema of Schema (RFC 7643 §7, §8.7.2).
    pub fn of_schemas() -> Self {
        shipped(include_str!("standard/Schema.json"))
    }
}

impl ResourceType {
    /// Returns the User type with the Enterprise User extension (RFC 7643 §4.1, §4.3). Its `groups` are derived from
    /// the groups that have the user as a member.
    ///
    /// # Errors
    ///
    /// Never with the schemas of this crate.
    pub fn user() -> Result<Self, SchemaError> {
        Self::builder("User", "Users", Schema::user())
            .description("People who use the service")
            .extension(Schema::enterprise_user(), false)
            .relation("groups", "Group", "members", "displayName")
            .build()
    }

    /// Returns the Group type (RFC 7643 §4.2).
    ///
    /// # Errors
    ///
    /// Never with the schemas of this crate.
    pub fn group() -> Result<Self, SchemaError> {
        Self::builder("Group", "Groups", Schema::group()).description("Groups of users").build()
    }
}

impl Registry {
    /// Returns a registry with User, including the Enterprise User extension, and Group (RFC 7643 §4).
    #[expect(clippy::missing_panics_doc, reason = "it depends on no input, and a test builds it")]
    pub fn standard() -> Self {
        let build =
            || Self::builder().resource_type(ResourceType::user()?).resource_type(ResourceType::group()?).build();
        #[expect(clippy::expect_used, reason = "it depends on no input, and a test builds it")]
        build().expect("the standard resource types are consistent")
    }
}
