//! The attributes that a service provider has registered, by name: read from its registry, or from the responses of
//! its discovery endpoints (RFC 7644 §4), which need not come from this crate.

use std::collections::BTreeMap;

use super::json::{self, Json};
use crate::{
    path::PathRef,
    schema::{AttributeId, Registry, ResourceType},
};

/// The members of every resource (RFC 7643 §3, §3.1) that `/Schemas` need not list. `externalId` is optional.
const COMMON: [&str; 3] = ["schemas", "id", "meta"];

/// The names of attributes and of their sub-attributes, in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Names(BTreeMap<String, Self>);

impl Names {
    fn add(&mut self, name: &str, below: Self) {
        self.0.insert(name.to_ascii_lowercase(), below);
    }

    /// Whether the route ends at an attribute. An attribute that lists no sub-attributes may have any: some services
    /// list a complex attribute by its name alone.
    fn has(&self, route: &[&str]) -> bool {
        let Some((first, rest)) = route.split_first() else { return true };
        let below = self.0.get(&first.to_ascii_lowercase());
        below.is_some_and(|below| below.0.is_empty() || below.has(rest))
    }
}

/// The attributes of one resource type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TypeEntry {
    endpoint: String,
    /// The URI of the base schema.
    base: String,
    /// The attributes of the base schema and the common attributes.
    attributes: Names,
    /// The attributes of each extension, by its URI.
    extensions: Vec<(String, Names)>,
}

impl TypeEntry {
    /// The path segment below the base URL, without slashes.
    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    fn extension(&self, uri: &str) -> Option<&Names> {
        self.extensions.iter().find(|(known, _)| known.eq_ignore_ascii_case(uri)).map(|(_, names)| names)
    }

    /// Whether the resource type has this schema.
    pub(super) fn has_schema(&self, uri: &str) -> bool {
        self.base.eq_ignore_ascii_case(uri) || self.extension(uri).is_some()
    }

    /// Whether a resource can have a value at this route of member names: `["name", "givenName"]`, or the URI of an
    /// extension and then its attribute.
    pub(super) fn has(&self, route: &[&str]) -> bool {
        let extension = route.split_first().and_then(|(uri, rest)| Some((self.extension(uri)?, rest)));
        extension.map_or_else(|| self.attributes.has(route), |(names, rest)| names.has(rest))
    }

    /// Whether the schema with this URI defines the attribute.
    pub(super) fn defines(&self, uri: &str, attribute: &str) -> bool {
        let names = if self.base.eq_ignore_ascii_case(uri) { Some(&self.attributes) } else { self.extension(uri) };
        names.is_some_and(|names| names.has(&[attribute]))
    }

    /// Whether an attribute path (RFC 7644 §3.10) names an attribute, an extension or the base schema. The URI may be
    /// missing before an attribute of an extension, as in the requests of identity providers.
    pub(super) fn has_path(&self, path: PathRef<'_>) -> bool {
        let route: Vec<&str> = std::iter::once(path.attribute()).chain(path.sub_attribute()).collect();
        let Some(uri) = path.schema() else {
            return self.attributes.has(&route) || self.extensions.iter().any(|(_, names)| names.has(&route));
        };
        let names = if self.base.eq_ignore_ascii_case(uri) { Some(&self.attributes) } else { self.extension(uri) };
        names.is_some_and(|names| names.has(&route)) || self.has_schema(path.text())
    }
}

/// The resource types of a service provider with their attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Catalog {
    types: Vec<TypeEntry>,
}

impl Catalog {
    /// Reads the attributes from a registry.
    pub(super) fn of(registry: &Registry) -> Self {
        let types = registry.resource_types().iter().map(|ty| {
            let mut attributes = names_below(ty, AttributeId::ROOT);
            let extensions = ty.extensions().iter().map(|extension| {
                attributes.0.remove(&extension.schema().id().to_ascii_lowercase());
                (extension.schema().id().to_owned(), names_below(ty, extension.attribute()))
            });
            let extensions = extensions.collect();
            TypeEntry { endpoint: ty.endpoint().to_owned(), base: ty.schema().id().to_owned(), attributes, extensions }
        });
        Self { types: types.collect() }
    }

    /// Reads the attributes from the responses of `/ResourceTypes` and `/Schemas`.
    ///
    /// # Errors
    ///
    /// When a response is no complete list, or when a resource type has a schema that `/Schemas` lacks: a service with
    /// wrong discovery must not look like a service without registered attributes.
    pub(super) fn read(types: &Json, schemas: &Json) -> Result<Self, String> {
        let schemas: BTreeMap<String, Names> = resources(schemas, "/Schemas")?
            .iter()
            .filter_map(|schema| {
                let id = schema.get("id")?.as_str()?.to_ascii_lowercase();
                Some((id, names_in(schema.get("attributes")?)))
            })
            .collect();
        let names = |uri: &str| {
            let found = schemas.get(&uri.to_ascii_lowercase()).filter(|names| !names.0.is_empty()).cloned();
            found.ok_or_else(|| format!("/ResourceTypes names the schema '{uri:.100}', which /Schemas does not define"))
        };
        let mut entries = Vec::new();
        for ty in resources(types, "/ResourceTypes")? {
            let text = |name: &str| ty.get(name).and_then(Json::as_str);
            let (Some(endpoint), Some(base)) = (text("endpoint"), text("schema")) else {
                return Err("/ResourceTypes has an element without `endpoint` or `schema`".to_owned());
            };
            let mut extensions = Vec::new();
            for extension in json::elements(ty, "/schemaExtensions") {
                let uri = extension.get("schema").and_then(Json::as_str).unwrap_or_default();
                extensions.push((uri.to_owned(), names(uri)?));
            }
            let endpoint = endpoint.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
            let attributes = names(base)?;
            entries.push(TypeEntry { endpoint: endpoint.to_owned(), base: base.to_owned(), attributes, extensions });
        }
        if entries.is_empty() {
            return Err("/ResourceTypes lists no resource type".to_owned());
        }
        // RFC 7643 §3.1 lets a service leave the common attributes out of its schemas. If the service lists
        // `externalId` for some resource types, the others have no `externalId`.
        let lists_external_id = entries.iter().any(|entry| entry.attributes.has(&["externalId"]));
        for entry in &mut entries {
            for name in COMMON {
                entry.attributes.add(name, Names::default());
            }
            if !lists_external_id {
                entry.attributes.add("externalId", Names::default());
            }
        }
        Ok(Self { types: entries })
    }

    /// The resource type at an endpoint, such as `Users`.
    pub(super) fn endpoint(&self, name: &str) -> Option<&TypeEntry> {
        self.types.iter().find(|entry| entry.endpoint.eq_ignore_ascii_case(name))
    }

    /// The resource types that have this schema.
    pub(super) fn with_schema(&self, uri: &str) -> impl Iterator<Item = &TypeEntry> {
        self.types.iter().filter(move |entry| entry.has_schema(uri))
    }
}

fn names_below(ty: &ResourceType, id: AttributeId) -> Names {
    let children = ty.children(id).iter();
    let named = children.map(|child| (ty.attribute(*child).name().to_ascii_lowercase(), names_below(ty, *child)));
    Names(named.collect())
}

/// The names in an array of attribute definitions (RFC 7643 §7).
fn names_in(definitions: &Json) -> Names {
    let mut names = Names::default();
    for definition in definitions.as_array().into_iter().flatten() {
        if let Some(name) = definition.get("name").and_then(Json::as_str) {
            names.add(name, definition.get("subAttributes").map(names_in).unwrap_or_default());
        }
    }
    names
}

/// The elements of a discovery list (RFC 7644 §4), which has all of them on one page.
fn resources<'a>(list: &'a Json, target: &str) -> Result<&'a [Json], String> {
    let Some(found) = list.get("Resources").and_then(Json::as_array) else {
        return Err(format!("the answer of {target} has no `Resources`"));
    };
    let total = list.get("totalResults").and_then(Json::as_u64);
    if total.is_some_and(|total| usize::try_from(total).is_ok_and(|total| total > found.len())) {
        return Err(format!("the answer of {target} has {} of {} elements", found.len(), total.unwrap_or_default()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Attribute, AttributeType, Schema};

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    fn read(types: &str, schemas: &str) -> Result<Catalog, String> {
        Catalog::read(&serde_json::from_str(types).unwrap(), &serde_json::from_str(schemas).unwrap())
    }

    fn standard_user() -> TypeEntry {
        Catalog::of(&Registry::standard()).endpoint("users").unwrap().clone()
    }

    #[test]
    fn routes_and_paths_find_the_registered_attributes() {
        let user = standard_user();
        let cases: [(&[&str], bool); 9] = [
            (&["userName"], true),
            (&["NAME", "givenname"], true),
            (&["name", "shoeSize"], false),
            (&["externalId"], true),
            (&["meta", "version"], true),
            (&[ENTERPRISE, "manager", "value"], true),
            (&[ENTERPRISE, "badge"], false),
            (&["manager"], false),
            (&["name.givenName"], false),
        ];
        for (route, expected) in cases {
            assert_eq!(user.has(route), expected, "{route:?}");
        }
        let paths = [
            ("emails.value", true),
            ("emails.kind", false),
            ("manager", true),
            ("urn:ietf:params:scim:schemas:core:2.0:User:name.givenName", true),
            ("urn:ietf:params:scim:schemas:core:2.0:User:manager", false),
            (ENTERPRISE, true),
            ("urn:example:other:2.0:User:badge", false),
        ];
        for (path, expected) in paths {
            assert_eq!(user.has_path(PathRef::parse(path).unwrap()), expected, "{path}");
        }
        assert!(user.defines(ENTERPRISE, "department") && !user.defines(ENTERPRISE, "userName"));
    }

    /// The two sources agree: the discovery documents of a small registry give the same catalog as the registry.
    #[test]
    fn discovery_documents_give_the_catalog_of_the_registry() {
        let schema = Schema::new("urn:example:User", "User")
            .with_attribute(Attribute::new("userName", AttributeType::String))
            .with_attribute(Attribute::complex("name", [Attribute::new("givenName", AttributeType::String)]));
        let ty = ResourceType::builder("User", "Users", schema).build().unwrap();
        let registry = Registry::builder().resource_type(ty).build().unwrap();
        let types = r#"{"Resources": [{"endpoint": "https://example.com/v2/Users/", "schema": "URN:example:User"}]}"#;
        let schemas = r#"{"totalResults": 1, "Resources": [{"id": "urn:example:User", "attributes": [
            {"name": "userName"}, {"name": "name", "subAttributes": [{"name": "givenName"}]}]}]}"#;
        let (read, of) = (read(types, schemas).unwrap(), Catalog::of(&registry));
        for route in [&["userName"][..], &["name", "givenName"], &["name", "familyName"], &["emails"], &["externalId"]]
        {
            let has = |catalog: &Catalog| catalog.endpoint("Users").unwrap().has(route);
            assert_eq!(has(&read), has(&of), "{route:?}");
        }
    }

    #[test]
    fn external_id_is_assumed_unless_only_other_types_list_it() {
        let types =
            r#"{"Resources": [{"endpoint": "/Users", "schema": "urn:u"}, {"endpoint": "/Groups", "schema": "urn:g"}]}"#;
        let schemas = |group: &str| {
            format!(
                r#"{{"Resources": [{{"id": "urn:u", "attributes": [{{"name": "userName"}}]}},
                                      {{"id": "urn:g", "attributes": [{{"name": "{group}"}}]}}]}}"#
            )
        };
        for (group, expected) in [("displayName", true), ("externalId", false)] {
            let catalog = read(types, &schemas(group)).unwrap();
            assert_eq!(catalog.endpoint("Users").unwrap().has(&["externalId"]), expected, "{group}");
        }
    }

    /// A service whose discovery is incomplete must be held to every expectation.
    #[test]
    fn incomplete_discovery_gives_no_catalog() {
        let users =
            r#"{"Resources": [{"endpoint": "/Users", "schema": "urn:u", "schemaExtensions": [{"schema": "urn:e"}]}]}"#;
        let schema = r#"{"id": "urn:u", "attributes": [{"name": "userName"}]}"#;
        let list = |schemas: &str| format!(r#"{{"totalResults": 1, "Resources": [{schemas}]}}"#);
        let cases = [
            ("[]", list(schema), "the answer of /ResourceTypes has no `Resources`"),
            (r#"{"Resources": []}"#, list(schema), "/ResourceTypes lists no resource type"),
            (r#"{"Resources": [{"endpoint": "/Users"}]}"#, list(schema), "/ResourceTypes has an element without"),
            (users, "{}".to_owned(), "the answer of /Schemas has no `Resources`"),
            (users, list(""), "the answer of /Schemas has 0 of 1 elements"),
            (users, list(schema), "/ResourceTypes names the schema 'urn:e', which /Schemas does not define"),
            (users, list(r#"{"id": "urn:u", "attributes": []}"#), "/ResourceTypes names the schema 'urn:e'"),
        ];
        for (types, schemas, expected) in cases {
            let error = read(types, &schemas).unwrap_err();
            assert!(error.starts_with(expected), "expected {expected}, found {error}");
        }
    }
}
