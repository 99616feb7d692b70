//! The builder of a resource type, which checks the definitions of its attributes.

use std::sync::OnceLock;

use super::{
    Attribute, AttributeId, AttributeType, Extension, ResourceType, Schema, SchemaError, SchemaErrorKind, Uniqueness,
    common::{common_attributes, is_common},
    default_rules, display,
    table::Table,
};

impl ResourceType {
    /// Starts a resource type (RFC 7643 §3.2). `name` is the value of `meta.resourceType`, `endpoint` the path segment
    /// under the base URL (`Users` or `/Users`), `schema` the base schema.
    pub fn builder(name: &str, endpoint: &str, schema: Schema) -> ResourceTypeBuilder {
        ResourceTypeBuilder {
            name: name.into(),
            endpoint: endpoint.trim_start_matches('/').into(),
            description: Box::from(""),
            schema,
            extensions: Vec::new(),
            relations: Vec::new(),
            names: None,
        }
    }

    /// Adds an attribute with its sub-attributes, which are simple (RFC 7643 §1.2).
    fn add(&mut self, parent: AttributeId, attribute: Attribute) -> Result<AttributeId, SchemaError> {
        let place = || match self.path(parent) {
            path if path.is_empty() => attribute.name().to_owned(),
            path => format!("{path}.{}", attribute.name()),
        };
        let sub_attributes = attribute.sub_attributes().to_vec();
        let fault = if self.table.child_by_scan(parent, attribute.name()) {
            Some(SchemaErrorKind::Duplicate)
        } else if (attribute.data_type() == AttributeType::Complex) == sub_attributes.is_empty() {
            Some(SchemaErrorKind::SubAttributes)
        } else if attribute.uniqueness() != Uniqueness::None
            && !matches!(
                attribute.data_type(),
                AttributeType::String | AttributeType::Reference | AttributeType::Integer | AttributeType::Decimal
            )
        {
            Some(SchemaErrorKind::Uniqueness)
        } else if attribute.data_type() != AttributeType::Reference && !attribute.reference_types().is_empty() {
            Some(SchemaErrorKind::ReferenceTypes)
        } else {
            default_rules::fault(&attribute)
        };
        if let Some(resource_type) = fault {
            return Err(SchemaError::new(resource_type, place()));
        }
        if !is_attribute_name(attribute.name()) {
            return Err(SchemaError::new(SchemaErrorKind::Name, place()));
        }
        let id = self.table.push(parent, attribute)?;
        for sub in sub_attributes {
            if sub.data_type() == AttributeType::Complex {
                let place = format!("{}.{}", self.path(id), sub.name());
                return Err(SchemaError::new(SchemaErrorKind::NestedComplex, place));
            }
            if sub.default_value().is_some() {
                let place = format!("{}.{}", self.path(id), sub.name());
                return Err(SchemaError::new(SchemaErrorKind::DefaultPlace, place));
            }
            self.add(id, sub)?;
        }
        Ok(id)
    }
}

/// Builds a [`ResourceType`]. Made by [`ResourceType::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct ResourceTypeBuilder {
    name: Box<str>,
    endpoint: Box<str>,
    description: Box<str>,
    schema: Schema,
    extensions: Vec<(Schema, bool)>,
    relations: Vec<[Box<str>; 4]>,
    names: Option<Vec<Box<str>>>,
}

impl ResourceTypeBuilder {
    /// Sets the description: the purpose of the resource type.
    pub fn description(mut self, text: impl Into<Box<str>>) -> Self {
        self.description = text.into();
        self
    }

    /// Adds an extension (RFC 7643 §3.3). If `required` is true, every resource of the type must have the extension.
    pub fn extension(mut self, schema: Schema, required: bool) -> Self {
        self.extensions.push((schema, required));
        self
    }

    /// Derives a read-only list from the referrers of a resource. `attribute` of this type lists the resources of type
    /// `referrer` that have this resource's id in their list `list`. Each element shows the referrer's attribute
    /// `display` as its `display`. For example, a user's `groups` are
    /// `relation("groups", "Group", "members", "displayName")`.
    pub fn relation(mut self, attribute: &str, referrer: &str, list: &str, display: &str) -> Self {
        self.relations.push([attribute, referrer, list, display].map(Into::into));
        self
    }

    /// Chooses the attributes that name a resource of the type to people, the preferred attribute first. Without this
    /// call the name is `displayName`, if the type has that attribute and its responses show it by default. A resource
    /// without a value of these attributes has no name.
    ///
    /// A reference to the resource shows its name in the read-only sub-attribute `display`, or `displayName` as in
    /// `manager`. For example, the members of a group show the names of the users. The core reads the name for each
    /// response, from a store that [reads many resources at once](crate::store::Capabilities::get_many), so the name
    /// is never out of date. A new name does not change the version of the resource that shows it.
    ///
    /// ```
    /// use scim_core::schema::{Attribute, AttributeId, AttributeType, ResourceType, Schema};
    ///
    /// let robot = Schema::new("urn:example:scim:schemas:robot:1.0:Robot", "Robot")
    ///     .with_attribute(Attribute::new("model", AttributeType::String));
    /// let robot = ResourceType::builder("Robot", "Robots", robot).named_by(["model"]).build()?;
    /// assert_eq!(robot.names(), [robot.child(AttributeId::ROOT, "model").expect("defined")]);
    /// # Ok::<(), scim_core::schema::SchemaError>(())
    /// ```
    pub fn named_by<T: Into<Box<str>>>(mut self, attributes: impl IntoIterator<Item = T>) -> Self {
        self.names = Some(attributes.into_iter().map(Into::into).collect());
        self
    }

    /// Checks the definition and builds the table of attributes.
    ///
    /// # Errors
    ///
    /// When a name is invalid (RFC 7643 §2.1), an attribute occurs twice, complex attributes are nested (§2.3.8),
    /// uniqueness or reference types are set on a type that cannot have them (§2.3, §7), an attribute has an invalid
    /// [default](Attribute::with_default_value), or an attribute in [`named_by`](Self::named_by) is not a singular,
    /// readable string of the resource itself.
    pub fn build(self) -> Result<ResourceType, SchemaError> {
        for name in [&self.name, &self.endpoint] {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            if name.is_empty() || !name.bytes().all(allowed) {
                return Err(SchemaError::new(SchemaErrorKind::ResourceType, name.clone()));
            }
        }
        let mut resource_type = ResourceType {
            name: self.name,
            endpoint: self.endpoint,
            description: self.description,
            schema: self.schema.clone(),
            extensions: Vec::new(),
            table: Table::new(),
            unique: Vec::new(),
            reference_lists: Vec::new(),
            defaults: Vec::new(),
            relations: self.relations,
            names: Vec::new(),
            on_request: Vec::new(),
            shown_by_default: OnceLock::new(),
        };
        // First, so that the constants of `AttributeId` hold.
        for attribute in common_attributes() {
            resource_type.add(AttributeId::ROOT, attribute)?;
        }
        check_schema_id(self.schema.id())?;
        for attribute in self.schema.attributes() {
            // If an older schema lists common attributes, the characteristics of RFC 7643 §3.1 apply instead.
            if !is_common(attribute.name()) {
                resource_type.add(AttributeId::ROOT, attribute.clone())?;
            } else if attribute.default_value().is_some() {
                return Err(SchemaError::new(SchemaErrorKind::DefaultPlace, attribute.name()));
            }
        }
        for (schema, required) in self.extensions {
            check_schema_id(schema.id())?;
            let known = resource_type.schema.id().eq_ignore_ascii_case(schema.id())
                || resource_type.extension(schema.id()).is_some();
            if known {
                return Err(SchemaError::new(SchemaErrorKind::Duplicate, schema.id()));
            }
            if let Some(attribute) = default_rules::forces_extension(&schema).filter(|_| !required) {
                let place = format!("{}:{}", schema.id(), attribute.name());
                return Err(SchemaError::new(SchemaErrorKind::DefaultExtension, place));
            }
            let container = Attribute::new(schema.id(), AttributeType::Complex).with_description(schema.description());
            let attribute = resource_type.table.push(AttributeId::ROOT, container)?;
            for member in schema.attributes() {
                resource_type.add(attribute, member.clone())?;
            }
            resource_type.extensions.push(Extension { schema, required, attribute });
        }
        resource_type.table.index();
        resource_type.classify();
        resource_type.names = display::names_of(&resource_type, self.names.as_deref())?;
        Ok(resource_type)
    }
}

/// Refuses an id that is not a URI, such as `urn:ietf:params:scim:schemas:core:2.0:User` (RFC 7643 §10.2.1).
fn check_schema_id(id: &str) -> Result<(), SchemaError> {
    let forbidden =
        |c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\\' | '[' | ']' | '(' | ')' | ',');
    if id.contains(':') && !id.contains(forbidden) {
        return Ok(());
    }
    Err(SchemaError::new(SchemaErrorKind::SchemaId, id))
}

pub(crate) fn is_attribute_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'$')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'$' | b'-' | b'_'))
}
