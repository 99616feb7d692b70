//! Schemas and resource types: the attributes of a resource and their characteristics (RFC 7643 §2, §3.2, §6, §7).
//!
//! `/Schemas` shows the [`Registry`] that is built here, and reading, filtering and patching use the same object. This
//! module knows nothing of values, requests or storage.

mod attribute;
mod attribute_id;
mod build;
mod common;
mod default;
mod default_rules;
mod display;
mod documents;
mod error;
mod key;
mod okta;
mod references;
mod registry;
mod resource_type;
mod rules;
mod shipped;
mod standard;
mod table;

pub(crate) use self::display::Display;
pub use self::{
    attribute::{Attribute, AttributeType, Mutability, Returned, Uniqueness},
    attribute_id::AttributeId,
    build::ResourceTypeBuilder,
    default::DefaultValue,
    documents::{DocumentError, read_resource_types, read_schemas},
    error::{SchemaError, SchemaErrorKind},
    okta::{OKTA_ENTITLEMENT, OKTA_ROLE},
    registry::{Registry, RegistryBuilder, Relation},
    resource_type::{Extension, ResourceType},
    standard::{ENTERPRISE_USER, GROUP, RESOURCE_TYPE, SCHEMA, SERVICE_PROVIDER_CONFIG, USER},
};

use serde::{Deserialize, Serialize};

/// A schema: a URI and the attributes that it defines (RFC 7643 §7).
///
/// A schema is built here, or read from the JSON that `/Schemas` shows:
///
/// ```
/// use scim_core::schema::{Attribute, AttributeType, Schema};
///
/// let built = Schema::new("urn:example:scim:schemas:badge:1.0:User", "Badge")
///     .with_description("The badge that opens the doors")
///     .with_attribute(
///         Attribute::new("number", AttributeType::Integer).with_description("Printed on the badge").required(),
///     );
///
/// let read: Schema = serde_json::from_str(
///     r#"{"id": "urn:example:scim:schemas:badge:1.0:User", "name": "Badge",
///         "description": "The badge that opens the doors",
///         "attributes": [{"name": "number", "type": "integer", "description": "Printed on the badge",
///                         "required": true}]}"#,
/// )?;
/// assert_eq!(built, read);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    id: Box<str>,
    #[serde(default, deserialize_with = "attribute::unassigned")]
    name: Box<str>,
    #[serde(default, deserialize_with = "attribute::unassigned")]
    description: Box<str>,
    #[serde(default, deserialize_with = "attribute::unassigned")]
    attributes: Vec<Attribute>,
}

impl Schema {
    /// Returns a schema without attributes. `id` is its URI, `name` its human-readable name.
    ///
    /// Nothing is checked until the schema becomes part of a [`ResourceType`].
    pub fn new(id: impl Into<Box<str>>, name: impl Into<Box<str>>) -> Self {
        Self { id: id.into(), name: name.into(), description: Box::from(""), attributes: Vec::new() }
    }

    /// Sets the description: the purpose of the schema, in a sentence for administrators.
    #[must_use]
    pub fn with_description(mut self, text: impl Into<Box<str>>) -> Self {
        self.description = text.into();
        self
    }

    /// Adds an attribute.
    #[must_use]
    pub fn with_attribute(mut self, attribute: Attribute) -> Self {
        self.attributes.push(attribute);
        self
    }

    /// Changes the attribute `name` (compared without case), for example to make a standard attribute required. Does
    /// nothing if the schema has no attribute of that name.
    ///
    /// ```
    /// use scim_core::schema::Schema;
    ///
    /// let user = Schema::user().change("displayName", |attribute| attribute.required());
    /// assert!(user.find("displayname").is_some_and(|attribute| attribute.is_required()));
    /// ```
    #[must_use]
    pub fn change(mut self, name: &str, change: impl FnOnce(Attribute) -> Attribute) -> Self {
        if let Some(found) = self.attributes.iter_mut().find(|a| a.name().eq_ignore_ascii_case(name)) {
            *found = change(found.clone());
        }
        self
    }

    /// Removes the attribute `name` (compared without case): a service provider may support a subset of a standard
    /// schema (RFC 7644 §3.1).
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.attributes.retain(|attribute| !attribute.name().eq_ignore_ascii_case(name));
        self
    }

    /// The schema's URI.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The human-readable name of the schema; may be empty.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The description of the schema; may be empty.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The attributes, in the order of their definition.
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// Returns the attribute `name`, compared without case; `None` if the schema does not define that attribute.
    pub fn find(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name().eq_ignore_ascii_case(name))
    }
}
