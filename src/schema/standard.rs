//! The standard schemas of RFC 7643 as data, with the errata and the corrections that interoperability requires.
//!
//! The JSON files in `standard/` hold the facts; this file only reads them. Their descriptions are our own words.

use super::{Attribute, AttributeType, Mutability, Returned, Schema, Uniqueness};

/// The URI of the User schema (RFC 7643 §4.1).
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
    /// `active` has the [default](super::Attribute::default_value) `true`: a user who is created without `active` is
    /// active, and a request without `active` leaves it unchanged. A host switches the default off if the absence of
    /// `active` has its own meaning in the store:
    ///
    /// ```
    /// use scim_core::schema::{Attribute, Registry, ResourceType, Schema};
    ///
    /// let schema = Schema::user().change("active", Attribute::without_default);
    /// let user = ResourceType::builder("User", "Users", schema)
    ///     .extension(Schema::enterprise_user(), false)
    ///     .relation("groups", "Group", "members", "displayName")
    ///     .build()?;
    /// let registry = Registry::builder().resource_type(user).resource_type(ResourceType::group()?).build()?;
    /// # Ok::<(), scim_core::schema::SchemaError>(())
    /// ```
    pub fn user() -> Self {
        shipped(include_str!("standard/User.json")).change("active", |active| active.default_value(true))
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

impl Schema {
    /// Returns the base schema of a resource type as `/Schemas` shows it: with `externalId`, and with the
    /// characteristics of RFC 7643 §3.1 for the common attributes that the schema lists. The descriptions in the
    /// schema are kept.
    pub(super) fn with_common_attributes(self) -> Self {
        let common = common_attributes();
        let listed = common.iter().fold(self, |schema, common| {
            schema.change(common.name(), |listed| match listed.text() {
                "" => common.clone(),
                text => common.clone().description(text),
            })
        });
        match common.into_iter().find(|common| common.name() == "externalId") {
            Some(external_id) if listed.find(external_id.name()).is_none() => listed.attribute(external_id),
            _ => listed,
        }
    }
}

fn shipped(json: &str) -> Schema {
    #[expect(clippy::expect_used, reason = "the text is part of the crate, and a test reads each of the six files")]
    serde_json::from_str(json).expect("a schema that the crate ships is JSON of a schema")
}

/// The attributes of every resource, in the order of the constants of `AttributeId` (RFC 7643 §3.1).
pub(super) fn common_attributes() -> [Attribute; 4] {
    let read_only = |name: &str, kind| Attribute::new(name, kind).mutability(Mutability::ReadOnly);
    [
        Attribute::new("schemas", AttributeType::Reference)
            .description("The URIs of the schemas that the resource has attributes of")
            .multi_valued()
            .required()
            .reference_types(["uri"])
            .returned(Returned::Always),
        read_only("id", AttributeType::String)
            .description("The identifier that the service provider gave the resource")
            .case_exact()
            .returned(Returned::Always)
            .uniqueness(Uniqueness::Server),
        Attribute::new("externalId", AttributeType::String)
            .description("The identifier that the provisioning client has for the resource")
            .case_exact(),
        Attribute::complex(
            "meta",
            [
                read_only("resourceType", AttributeType::String)
                    .description("The name of the resource's type")
                    .case_exact(),
                read_only("created", AttributeType::DateTime).description("When the resource was created"),
                read_only("lastModified", AttributeType::DateTime).description("When the resource last changed"),
                read_only("location", AttributeType::Reference)
                    .description("Where the resource can be read")
                    .reference_types(["uri"]),
                read_only("version", AttributeType::String)
                    .description("The version of the resource, equal to its ETag")
                    .case_exact(),
            ],
        )
        .description("What the service provider knows about the resource")
        .mutability(Mutability::ReadOnly),
    ]
}

pub(super) fn is_common(name: &str) -> bool {
    ["schemas", "id", "externalId", "meta"].iter().any(|common| common.eq_ignore_ascii_case(name))
}
