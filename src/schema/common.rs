//! The common attributes, which every resource has whatever its schemas list (RFC 7643 §3, §3.1).

use super::{Attribute, AttributeType, Mutability, Returned, Schema, Uniqueness};

impl Schema {
    /// Returns the base schema of a resource type as `/Schemas` shows it: with `externalId`, and with the
    /// characteristics of RFC 7643 §3.1 for the common attributes that the schema lists. The descriptions in the
    /// schema are kept.
    pub(super) fn with_common_attributes(self) -> Self {
        let common = common_attributes();
        let listed = common.iter().fold(self, |schema, common| {
            schema.change(common.name(), |listed| match listed.description() {
                "" => common.clone(),
                text => common.clone().with_description(text),
            })
        });
        match common.into_iter().find(|common| common.name() == "externalId") {
            Some(external_id) if listed.find(external_id.name()).is_none() => listed.with_attribute(external_id),
            _ => listed,
        }
    }
}

/// The attributes of every resource, in the order of the constants of `AttributeId` (RFC 7643 §3.1).
pub(super) fn common_attributes() -> [Attribute; 4] {
    let read_only =
        |name: &str, resource_type| Attribute::new(name, resource_type).with_mutability(Mutability::ReadOnly);
    [
        Attribute::new("schemas", AttributeType::Reference)
            .with_description("The URIs of the schemas that the resource has attributes of")
            .multi_valued()
            .required()
            .with_reference_types(["uri"])
            .with_returned(Returned::Always),
        read_only("id", AttributeType::String)
            .with_description("The identifier that the service provider gave the resource")
            .case_exact()
            .with_returned(Returned::Always)
            .with_uniqueness(Uniqueness::Server),
        Attribute::new("externalId", AttributeType::String)
            .with_description("The identifier that the provisioning client has for the resource")
            .case_exact(),
        Attribute::complex(
            "meta",
            [
                read_only("resourceType", AttributeType::String)
                    .with_description("The name of the resource's type")
                    .case_exact(),
                read_only("created", AttributeType::DateTime).with_description("When the resource was created"),
                read_only("lastModified", AttributeType::DateTime).with_description("When the resource last changed"),
                read_only("location", AttributeType::Reference)
                    .with_description("Where the resource can be read")
                    .with_reference_types(["uri"]),
                read_only("version", AttributeType::String)
                    .with_description("The version of the resource, equal to its ETag")
                    .case_exact(),
            ],
        )
        .with_description("What the service provider knows about the resource")
        .with_mutability(Mutability::ReadOnly),
    ]
}

pub(super) fn is_common(name: &str) -> bool {
    ["schemas", "id", "externalId", "meta"].iter().any(|common| common.eq_ignore_ascii_case(name))
}
