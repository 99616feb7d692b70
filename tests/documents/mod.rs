//! The resource types and the JSON documents that several tests need.
#![allow(dead_code, clippy::allow_attributes, reason = "each test uses its part")]

use std::sync::Arc;

use scim_core::{
    Registry, Resource,
    schema::{Attribute, AttributeId, AttributeType, ResourceType, Returned, Schema, Uniqueness},
    value::{Decimal, Object, Value},
};

/// An extension with an attribute of each type that the standard schemas do not have; its URN has digits and dots.
pub(crate) const BADGE: &str = "urn:example:scim:schemas:badge-7:2.10:User";

/// Users with the Enterprise User extension and [`BADGE`]; groups.
pub(crate) fn registry() -> Registry {
    let badge = Schema::new(BADGE, "Badge")
        .attribute(Attribute::new("number", AttributeType::Integer).uniqueness(Uniqueness::Server))
        .attribute(Attribute::new("weight", AttributeType::Decimal).uniqueness(Uniqueness::Server))
        .attribute(Attribute::new("issued", AttributeType::DateTime))
        .attribute(Attribute::new("lost", AttributeType::Boolean))
        .attribute(Attribute::new("print", AttributeType::Binary))
        .attribute(Attribute::new("maker", AttributeType::Reference).reference_types(["external"]))
        .attribute(Attribute::new("serial", AttributeType::String).case_exact().uniqueness(Uniqueness::Global))
        .attribute(Attribute::new("zones", AttributeType::String).multi_valued().uniqueness(Uniqueness::Server))
        .attribute(Attribute::new("floors", AttributeType::Integer).multi_valued())
        .attribute(Attribute::new("pin", AttributeType::String).returned(Returned::Never))
        .attribute(Attribute::complex(
            "locks",
            [
                Attribute::new("value", AttributeType::String).returned(Returned::Never),
                Attribute::new("code", AttributeType::String),
            ],
        ));
    let user = ResourceType::builder("User", "Users", Schema::user())
        .extension(Schema::enterprise_user(), false)
        .extension(badge, false)
        .relation("groups", "Group", "members", "displayName")
        .build()
        .unwrap();
    Registry::builder().resource_type(user).resource_type(ResourceType::group().unwrap()).build().unwrap()
}

/// The resource that a JSON document describes, without any of the checks and corrections that the crate makes.
pub(crate) fn resource(kind: &Arc<ResourceType>, document: &serde_json::Value) -> Resource {
    Resource::from_object(Arc::clone(kind), object(kind, AttributeId::ROOT, document))
}

fn object(kind: &ResourceType, parent: AttributeId, document: &serde_json::Value) -> Object {
    let members = document.as_object().unwrap().iter().filter(|(name, _)| *name != "schemas");
    let member = |(name, json): (&String, &serde_json::Value)| {
        let id = kind.child(parent, name).unwrap_or_else(|| panic!("no attribute {name}"));
        (id, value(kind, id, json))
    };
    members.map(member).collect()
}

fn value(kind: &ResourceType, id: AttributeId, json: &serde_json::Value) -> Value {
    if let Some(values) = json.as_array() {
        return Value::List(values.iter().map(|json| value(kind, id, json)).collect());
    }
    match kind.attribute(id).kind() {
        AttributeType::Boolean => Value::Boolean(json.as_bool().unwrap()),
        AttributeType::Integer => Value::Integer(json.as_i64().unwrap()),
        AttributeType::Decimal => Value::Decimal(Decimal::parse(&json.to_string()).unwrap()),
        AttributeType::DateTime => Value::DateTime(json.as_str().unwrap().parse().unwrap()),
        AttributeType::Complex => Value::Complex(object(kind, id, json)),
        AttributeType::String | AttributeType::Binary | AttributeType::Reference => {
            Value::String(json.as_str().unwrap().into())
        }
    }
}
