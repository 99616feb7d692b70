//! Reads schemas and resource types from the JSON that `/Schemas` and `/ResourceTypes` show (RFC 7643 §6, §7), for
//! hosts whose operators define types without writing Rust.

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::{Attribute, ResourceType, Schema, SchemaError, USER};

/// The error for a document that is not a list of schemas or resource types, with the place of the fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {detail}")]
pub struct DocumentError {
    place: Box<str>,
    detail: Box<str>,
}

impl DocumentError {
    fn new(place: impl Into<Box<str>>, detail: impl Into<Box<str>>) -> Self {
        Self { place: place.into(), detail: detail.into() }
    }

    /// The place in the document: `Resources[1].attributes[0].type`, or a line and column if the document is not JSON.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The description of the fault.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

/// Reads schemas from a ListResponse as `/Schemas` shows it, or from its `Resources` alone.
///
/// The JSON has no defaults and no restricted values (RFC 7643 §7); add them with [`Schema::change`].
///
/// ```
/// use scim_core::schema::{AttributeType, read_schemas};
///
/// let schemas = read_schemas(r#"[{"id": "urn:example:Badge", "attributes": [{"name": "number", "type": "integer"}]}]"#)?;
/// assert!(schemas[0].find("number").is_some_and(|attribute| attribute.data_type() == AttributeType::Integer));
///
/// let error = read_schemas(r#"[{"id": "urn:example:Badge", "attributes": [{"name": "number", "type": "int"}]}]"#);
/// assert_eq!(error.unwrap_err().place(), "[0].attributes[0].type");
/// # Ok::<(), scim_core::schema::DocumentError>(())
/// ```
///
/// # Errors
///
/// When the document is not such a list, an element is not a schema, or two schemas have the same id.
pub fn read_schemas(json: &str) -> Result<Vec<Schema>, DocumentError> {
    let mut schemas: Vec<Schema> = Vec::new();
    for (place, element) in elements(json)? {
        text(&element, &place, "id")?;
        let schema = Schema::deserialize(&element).map_err(|error| fault_of_schema(&element, &place, &error))?;
        if schemas.iter().any(|known| known.id().eq_ignore_ascii_case(schema.id())) {
            return Err(DocumentError::new(
                format!("{place}.id"),
                format!("expected each schema once: {}", schema.id()),
            ));
        }
        schemas.push(schema);
    }
    Ok(schemas)
}

/// Reads resource types from a ListResponse as `/ResourceTypes` shows it, or from its `Resources` alone. `schemas`
/// supplies their schemas and extensions; a standard schema is used if no element of `schemas` has the URI. The list
/// `groups` of the standard user is derived from the groups that have the user as a member.
///
/// ```
/// use scim_core::schema::{Registry, read_resource_types, read_schemas};
///
/// let schemas = read_schemas(r#"[{"id": "urn:example:Device", "attributes": [{"name": "serial", "required": true}]}]"#)?;
/// let types = read_resource_types(
///     r#"{"Resources": [{"name": "Device", "endpoint": "/Devices", "schema": "urn:example:Device"}]}"#,
///     &schemas,
/// )?;
/// let builder = types.into_iter().fold(Registry::builder(), |builder, of_type| builder.resource_type(of_type));
/// let registry = builder.build()?;
/// assert!(registry.endpoint("Devices").is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// When the document is not such a list, a resource type names an unknown schema, or a resource type contradicts
/// itself.
pub fn read_resource_types(json: &str, schemas: &[Schema]) -> Result<Vec<ResourceType>, DocumentError> {
    let standard = [Schema::user(), Schema::group(), Schema::enterprise_user()];
    let schema = |place: &str, uri: &str| -> Result<Schema, DocumentError> {
        let mut known = schemas.iter().chain(&standard);
        let found = known.find(|schema| schema.id().eq_ignore_ascii_case(uri)).cloned();
        found.ok_or_else(|| DocumentError::new(place, format!("expected the URI of a schema, found `{uri}`")))
    };
    let mut resource_types = Vec::new();
    for (place, element) in elements(json)? {
        let (name, endpoint) = (text(&element, &place, "name")?, text(&element, &place, "endpoint")?);
        let base = schema(&format!("{place}.schema"), text(&element, &place, "schema")?)?;
        let derives_groups = base.id().eq_ignore_ascii_case(USER) && base.find("groups").is_some();
        let mut resource_type = ResourceType::builder(name, endpoint, base);
        if element.get("description").is_some_and(|value| !value.is_null()) {
            resource_type = resource_type.description(text(&element, &place, "description")?);
        }
        let none = Vec::new();
        let extensions = match element.get("schemaExtensions") {
            None | Some(Json::Null) => &none,
            Some(Json::Array(extensions)) => extensions,
            Some(_) => return Err(DocumentError::new(format!("{place}.schemaExtensions"), "expected a list")),
        };
        for (index, extension) in extensions.iter().enumerate() {
            let place = format!("{place}.schemaExtensions[{index}]");
            let extension = object(extension, &place)?;
            let required = match extension.get("required") {
                None | Some(Json::Null) => false,
                Some(Json::Bool(required)) => *required,
                Some(_) => return Err(DocumentError::new(format!("{place}.required"), "expected true or false")),
            };
            resource_type = resource_type
                .extension(schema(&format!("{place}.schema"), text(extension, &place, "schema")?)?, required);
        }
        if derives_groups {
            resource_type = resource_type.relation("groups", "Group", "members", "displayName");
        }
        let fault = |error: SchemaError| DocumentError::new(format!("{place} ({name})"), error.to_string());
        resource_types.push(resource_type.build().map_err(fault)?);
    }
    Ok(resource_types)
}

/// An element of a list, with its place.
type Element = (String, Map<String, Json>);

/// Returns the elements of the list, each with its place.
fn elements(json: &str) -> Result<Vec<Element>, DocumentError> {
    let document: Json = serde_json::from_str(json).map_err(|error| {
        DocumentError::new(format!("line {}, column {}", error.line(), error.column()), "expected JSON")
    })?;
    let (name, list) = match document {
        Json::Array(list) => ("", list),
        Json::Object(mut message) => match message.remove("Resources") {
            Some(Json::Array(list)) => ("Resources", list),
            _ => return Err(DocumentError::new("Resources", "expected a list, as in a ListResponse")),
        },
        _ => return Err(DocumentError::new("the document", "expected a ListResponse or a list")),
    };
    let place = |index: usize| format!("{name}[{index}]");
    let element = |(index, element): (usize, Json)| match element {
        Json::Object(element) => Ok((place(index), element)),
        _ => Err(DocumentError::new(place(index), "expected an object")),
    };
    list.into_iter().enumerate().map(element).collect()
}

fn object<'a>(json: &'a Json, place: &str) -> Result<&'a Map<String, Json>, DocumentError> {
    json.as_object().ok_or_else(|| DocumentError::new(place, "expected an object"))
}

fn text<'a>(object: &'a Map<String, Json>, place: &str, name: &str) -> Result<&'a str, DocumentError> {
    let text = object.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
    text.ok_or_else(|| DocumentError::new(format!("{place}.{name}"), "expected a text"))
}

/// Finds the place of the fault in a schema.
fn fault_of_schema(schema: &Map<String, Json>, place: &str, error: &serde_json::Error) -> DocumentError {
    fault_below(schema, "attributes", place).unwrap_or_else(|| {
        let is_wrong =
            |(name, value): &(&String, &Json)| Schema::deserialize(&alone(("id", "urn:x:y"), name, value)).is_err();
        let name = schema.iter().find(is_wrong).map(|(name, _)| format!(".{name}")).unwrap_or_default();
        DocumentError::new(format!("{place}{name}"), error.to_string())
    })
}

fn fault_below(parent: &Map<String, Json>, list: &str, place: &str) -> Option<DocumentError> {
    let attributes = parent.get(list)?.as_array()?;
    attributes.iter().enumerate().find_map(|(index, attribute)| {
        let error = Attribute::deserialize(attribute).err()?;
        let place = format!("{place}.{list}[{index}]");
        let Some(object) = attribute.as_object() else { return Some(DocumentError::new(place, "expected an object")) };
        if let Some(below) = fault_below(object, "subAttributes", &place) {
            return Some(below);
        }
        let is_wrong =
            |(name, value): &(&String, &Json)| Attribute::deserialize(&alone(("name", "x"), name, value)).is_err();
        let name = object.iter().find(is_wrong).map(|(name, _)| format!(".{name}")).unwrap_or_default();
        Some(DocumentError::new(format!("{place}{name}"), error.to_string()))
    })
}

/// An object that has one member besides the member that it needs.
fn alone((needed, text): (&str, &str), name: &str, value: &Json) -> Map<String, Json> {
    let mut object = Map::new();
    object.insert(needed.to_owned(), text.into());
    object.insert(name.to_owned(), value.clone());
    object
}
