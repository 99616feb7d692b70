//! The schemas by which Okta discovers the roles and the entitlements of an application: Role and Entitlement.
//!
//! No RFC defines these schemas. Okta's guide "Build a SCIM 2.0 server with entitlements" has their URIs and members;
//! the descriptions in `okta/` are our own words. Okta reads `/ResourceTypes`, takes each resource type with one of the
//! URIs as a category of entitlements, and reads all resources at its endpoint. A user holds them in the attributes
//! `roles` and `entitlements` (RFC 7643 §4.1.2).

use super::{Registry, ResourceType, Schema, SchemaError, shipped::shipped};

/// The URI of Okta's schema for a role.
pub const OKTA_ROLE: &str = "urn:okta:scim:schemas:core:1.0:Role";
/// The URI of Okta's schema for an entitlement.
pub const OKTA_ENTITLEMENT: &str = "urn:okta:scim:schemas:core:1.0:Entitlement";

impl Schema {
    /// Okta's schema for a role of the application: `displayName` and `description`. The URI is [`OKTA_ROLE`].
    ///
    /// ```
    /// use scim_core::schema::{OKTA_ROLE, Schema};
    ///
    /// let role = Schema::okta_role();
    /// assert_eq!(role.id(), OKTA_ROLE);
    /// assert!(role.find("displayName").is_some_and(|name| name.is_required()));
    /// ```
    pub fn okta_role() -> Self {
        shipped(include_str!("okta/Role.json"))
    }

    /// Okta's schema for an entitlement of the application, such as a license: `type`, `displayName` and
    /// `description`. The URI is [`OKTA_ENTITLEMENT`].
    ///
    /// Okta shows each resource type with this schema as a category of its own. A host with several categories gives
    /// each one a name and an endpoint:
    ///
    /// ```
    /// use scim_core::schema::{Registry, ResourceType, Schema};
    ///
    /// let license = ResourceType::builder("License", "Licenses", Schema::okta_entitlement()).build()?;
    /// let profile = ResourceType::builder("Profile", "Profiles", Schema::okta_entitlement()).build()?;
    /// let registry = Registry::builder()
    ///     .resource_type(ResourceType::user()?)
    ///     .resource_type(license)
    ///     .resource_type(profile)
    ///     .build()?;
    /// assert!(registry.endpoint("Licenses").is_some());
    /// # Ok::<(), scim_core::schema::SchemaError>(())
    /// ```
    pub fn okta_entitlement() -> Self {
        shipped(include_str!("okta/Entitlement.json"))
    }
}

impl ResourceType {
    /// Returns the resource type Role at `/Roles`, with [`Schema::okta_role`].
    ///
    /// ```
    /// use scim_core::schema::ResourceType;
    ///
    /// assert_eq!(ResourceType::okta_role()?.endpoint(), "Roles");
    /// # Ok::<(), scim_core::schema::SchemaError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Never with the schemas of this crate.
    pub fn okta_role() -> Result<Self, SchemaError> {
        Self::builder("Role", "Roles", Schema::okta_role()).description("Roles of the application").build()
    }

    /// Returns the resource type Entitlement at `/Entitlements`, with [`Schema::okta_entitlement`].
    ///
    /// ```
    /// use scim_core::schema::ResourceType;
    ///
    /// assert_eq!(ResourceType::okta_entitlement()?.endpoint(), "Entitlements");
    /// # Ok::<(), scim_core::schema::SchemaError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Never with the schemas of this crate.
    pub fn okta_entitlement() -> Result<Self, SchemaError> {
        Self::builder("Entitlement", "Entitlements", Schema::okta_entitlement())
            .description("Rights of the application, such as licenses")
            .build()
    }
}

impl Registry {
    /// Returns the [standard](Registry::standard) registry with Okta's resource types Role and Entitlement: the
    /// registry of a host whose roles and entitlements an administrator assigns in Okta.
    ///
    /// A user's `roles` and `entitlements` refer to these resources by `value`, which is the `id` that Okta has read.
    /// The values stay text, as in the standard schema, because other identity providers send the names of their own
    /// roles there: Entra ID sends the value of an app role. A host that serves Okta alone can let the core enforce the
    /// references: [`Attribute::referring_to`](super::Attribute::referring_to).
    ///
    /// Usually the host itself creates the roles, and a [policy](crate::provider::Policy) allows clients to read them
    /// only: `examples/okta_entitlements.rs` in the repository. Okta's Entitlements test sends one request to each of the
    /// two endpoints, `GET …?count=1&startIndex=1`, and expects a page with one resource.
    ///
    /// ```
    /// use scim_core::schema::{OKTA_ROLE, Registry};
    ///
    /// let registry = Registry::okta();
    /// assert_eq!(registry.endpoint("Roles").map(|role| role.schema().id()), Some(OKTA_ROLE));
    /// ```
    #[expect(clippy::missing_panics_doc, reason = "it depends on no input, and a test builds it")]
    pub fn okta() -> Self {
        let build = || {
            Self::builder()
                .resource_type(ResourceType::user()?)
                .resource_type(ResourceType::group()?)
                .resource_type(ResourceType::okta_role()?)
                .resource_type(ResourceType::okta_entitlement()?)
                .build()
        };
        #[expect(clippy::expect_used, reason = "it depends on no input, and a test builds it")]
        build().expect("the resource types of Okta are consistent")
    }
}
