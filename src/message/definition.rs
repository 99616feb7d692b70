//! Resource types and schemas as documents (RFC 7643 §6, §7).

use serde::Serialize;

use crate::schema::{Attribute, RESOURCE_TYPE, ResourceType, SCHEMA, Schema};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    resource_type: &'static str,
    location: String,
}

/// Returns the document of one resource type, with the URI of its base schema (RFC 7643 §3.3). `base` is the base URL
/// without a trailing slash.
pub(crate) fn resource_type_document<'a>(resource_type: &'a ResourceType, base: &str) -> impl Serialize + use<'a> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Extension<'a> {
        schema: &'a str,
        required: bool,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Document<'a> {
        schemas: [&'static str; 1],
        id: &'a str,
        name: &'a str,
        #[serde(skip_serializing_if = "str::is_empty")]
        description: &'a str,
        endpoint: String,
        schema: &'a str,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        schema_extensions: Vec<Extension<'a>>,
        meta: Meta,
    }
    let extension = |extension: &'a crate::schema::Extension| Extension {
        schema: extension.schema().id(),
        required: extension.is_required(),
    };
    Document {
        schemas: [RESOURCE_TYPE],
        id: resource_type.name(),
        name: resource_type.name(),
        description: resource_type.description(),
        endpoint: format!("/{}", resource_type.endpoint()),
        schema: resource_type.schema().id(),
        schema_extensions: resource_type.extensions().iter().map(extension).collect(),
        meta: Meta {
            resource_type: "ResourceType",
            location: format!("{base}/ResourceTypes/{}", resource_type.name()),
        },
    }
}

/// Returns the document of one schema, with `schemas` and `meta` (RFC 7643 §8.7.2). `base` is the base URL without a
/// trailing slash.
pub(crate) fn schema_document<'a>(schema: &'a Schema, base: &str) -> impl Serialize + use<'a> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Document<'a> {
        schemas: [&'static str; 1],
        id: &'a str,
        name: &'a str,
        #[serde(skip_serializing_if = "str::is_empty")]
        description: &'a str,
        attributes: &'a [Attribute],
        meta: Meta,
    }
    Document {
        schemas: [SCHEMA],
        id: schema.id(),
        name: schema.name(),
        description: schema.description(),
        attributes: schema.attributes(),
        meta: Meta { resource_type: "Schema", location: format!("{base}/Schemas/{}", schema.id()) },
    }
}
