//! The resource types of a service provider, checked against each other.

use std::sync::Arc;

use super::{AttributeId, Display, Mutability, ResourceType, Schema, SchemaError, SchemaErrorKind};

/// A read-only list that is derived from the referrers of a resource, such as a user's `groups` (RFC 7643 §4.1.2).
#[derive(Clone, Debug)]
pub struct Relation {
    attribute: AttributeId,
    referrer: Arc<ResourceType>,
    list: AttributeId,
    display: AttributeId,
}

impl Relation {
    /// The derived attribute, such as `groups`. The id belongs to the resource type of the referenced resource.
    pub fn attribute(&self) -> AttributeId {
        self.attribute
    }

    /// The resource type of the referrer, such as Group.
    pub fn referrer(&self) -> &Arc<ResourceType> {
        &self.referrer
    }

    /// The list of references, such as `members`. The id belongs to the resource type of the referrer.
    pub fn list(&self) -> AttributeId {
        self.list
    }

    /// The attribute that names a referrer to people, such as `displayName`. The id belongs to the referrer's type.
    pub fn display(&self) -> AttributeId {
        self.display
    }
}

/// The resource types of a service provider. Cheap to clone.
///
/// ```
/// use scim_core::schema::Registry;
///
/// let registry = Registry::standard();
/// assert_eq!(registry.endpoint("users").map(|resource_type| resource_type.name()), Some("User"));
/// ```
#[derive(Clone, Debug)]
pub struct Registry {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    types: Vec<Arc<ResourceType>>,
    relations: Vec<Vec<Relation>>,
    displays: Vec<Vec<Display>>,
    /// The schemas as `/Schemas` shows them, each once.
    schemas: Vec<Schema>,
}

impl Registry {
    /// Starts an empty registry.
    pub fn builder() -> RegistryBuilder {
        RegistryBuilder { types: Vec::new() }
    }

    /// The resource types, in the order in which they were added.
    pub fn resource_types(&self) -> &[Arc<ResourceType>] {
        &self.inner.types
    }

    /// Returns the resource type with this name, compared exactly (RFC 7643 §6, erratum 8475).
    pub fn resource_type(&self, name: &str) -> Option<&Arc<ResourceType>> {
        self.inner.types.iter().find(|resource_type| resource_type.name() == name)
    }

    /// Returns the resource type at this endpoint (`Users`, without slashes), compared without case.
    pub fn endpoint(&self, segment: &str) -> Option<&Arc<ResourceType>> {
        self.inner.types.iter().find(|resource_type| resource_type.endpoint().eq_ignore_ascii_case(segment))
    }

    /// The derived lists of a resource type.
    pub fn relations(&self, resource_type: &ResourceType) -> &[Relation] {
        self.position(resource_type).and_then(|index| self.inner.relations.get(index)).map_or(&[], Vec::as_slice)
    }

    /// Whether an attribute is derived and not stored: `meta.location`, `meta.version`, and a derived list with its
    /// sub-attributes.
    pub(crate) fn is_derived(&self, resource_type: &ResourceType, attribute: AttributeId) -> bool {
        let is_list =
            |relation: &Relation| [attribute, resource_type.parent(attribute)].contains(&relation.attribute());
        matches!(attribute, AttributeId::META_LOCATION | AttributeId::META_VERSION)
            || self.relations(resource_type).iter().any(is_list)
    }

    /// The sub-attributes of a resource type that show the names of other resources.
    pub(crate) fn displays(&self, resource_type: &ResourceType) -> &[Display] {
        self.position(resource_type).and_then(|index| self.inner.displays.get(index)).map_or(&[], Vec::as_slice)
    }

    fn position(&self, resource_type: &ResourceType) -> Option<usize> {
        self.inner.types.iter().position(|known| known.name() == resource_type.name())
    }

    /// The schemas as `/Schemas` shows them, each once: the schemas of the resource types, then the three schemas that
    /// describe the service provider (RFC 7643 §8.7.2).
    ///
    /// The base schema of a resource type always has `externalId` here. The attribute belongs to every resource
    /// (RFC 7643 §3.1), but identity providers look for it in the schema when they map attributes. Common attributes
    /// that a schema lists have the characteristics of RFC 7643 §3.1, which also apply to requests.
    ///
    /// ```
    /// use scim_core::schema::{Registry, Schema, USER};
    ///
    /// let registry = Registry::standard();
    /// let external_id = registry.schema(USER).and_then(|schema| schema.find("externalId")).expect("published");
    /// assert!(external_id.is_case_exact() && !external_id.is_required());
    /// assert!(Schema::user().find("externalId").is_none());
    /// ```
    pub fn schemas(&self) -> impl Iterator<Item = &Schema> {
        self.inner.schemas.iter()
    }

    /// Returns the schema with this URI, compared without case; see [`Registry::schemas`].
    pub fn schema(&self, uri: &str) -> Option<&Schema> {
        self.schemas().find(|schema| schema.id().eq_ignore_ascii_case(uri))
    }
}

/// Builds a [`Registry`]. Made by [`Registry::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct RegistryBuilder {
    types: Vec<ResourceType>,
}

impl RegistryBuilder {
    /// Adds a resource type.
    pub fn resource_type(mut self, resource_type: ResourceType) -> Self {
        self.types.push(resource_type);
        self
    }

    /// Checks the resource types against each other and builds the registry.
    ///
    /// # Errors
    ///
    /// When two resource types have the same name or endpoint, an endpoint of the protocol would be hidden, one schema
    /// URI stands for two different schemas, or a relation names an attribute that is not a list of references. A
    /// relation to a resource type that is not in the registry is left out, so users work without groups.
    pub fn build(self) -> Result<Registry, SchemaError> {
        const TAKEN: [&str; 5] = ["ServiceProviderConfig", "ResourceTypes", "Schemas", "Bulk", "Me"];
        let types: Vec<Arc<ResourceType>> = self.types.into_iter().map(Arc::new).collect();
        for (index, resource_type) in types.iter().enumerate() {
            let earlier = types.iter().take(index);
            let taken = TAKEN.iter().any(|taken| taken.eq_ignore_ascii_case(resource_type.endpoint()));
            // RFC 7644 §3.13: this path segment is the version of the protocol.
            let version = resource_type.endpoint().strip_prefix(['v', 'V']);
            let is_version =
                version.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()));
            let used = earlier.clone().any(|other| other.endpoint().eq_ignore_ascii_case(resource_type.endpoint()));
            if taken || is_version || used {
                return Err(SchemaError::new(SchemaErrorKind::Endpoint, resource_type.endpoint()));
            }
            if earlier.clone().any(|other| other.name() == resource_type.name()) {
                return Err(SchemaError::new(SchemaErrorKind::ResourceType, resource_type.name()));
            }
            for schema in resource_type.schemas() {
                let differs = |other: &Schema| other.id().eq_ignore_ascii_case(schema.id()) && other != schema;
                if earlier.clone().any(|other| other.schemas().any(differs)) {
                    return Err(SchemaError::new(SchemaErrorKind::Duplicate, schema.id()));
                }
            }
        }
        let mut relations = Vec::new();
        for resource_type in &types {
            let known = |name: &str| types.iter().any(|resource_type| resource_type.name() == name);
            let declared = resource_type.declared_relations().iter().filter(|[_, referrer, ..]| known(referrer));
            let resolved: Result<Vec<_>, _> =
                declared.map(|declared| resolve(&types, resource_type, declared)).collect();
            relations.push(resolved?);
        }
        let displays = types.iter().map(|resource_type| Display::all_of(resource_type, &types)).collect();
        let schemas = published(&types);
        Ok(Registry { inner: Arc::new(Inner { types, relations, displays, schemas }) })
    }
}

/// Returns the schemas of these resource types and of the service provider, as `/Schemas` shows them, each once
/// (RFC 7643 §7). The schemas of messages are not among them (RFC 7644 §3.1).
fn published(types: &[Arc<ResourceType>]) -> Vec<Schema> {
    let is_base = |schema: &Schema| {
        types.iter().any(|resource_type| resource_type.schema().id().eq_ignore_ascii_case(schema.id()))
    };
    let own = [Schema::service_provider_config(), Schema::resource_type(), Schema::of_schemas()];
    let mut schemas: Vec<Schema> = Vec::new();
    for schema in types.iter().flat_map(|resource_type| resource_type.schemas()).chain(&own) {
        if !schemas.iter().any(|known| known.id().eq_ignore_ascii_case(schema.id())) {
            let schema = schema.clone();
            schemas.push(if is_base(&schema) { schema.with_common_attributes() } else { schema });
        }
    }
    schemas
}

fn resolve(
    types: &[Arc<ResourceType>],
    resource_type: &ResourceType,
    [attribute, referrer, list, display]: &[Box<str>; 4],
) -> Result<Relation, SchemaError> {
    let find = || {
        let attribute = resource_type.child(AttributeId::ROOT, attribute)?;
        let definition = resource_type.attribute(attribute);
        let derived = definition.is_multi_valued()
            && definition.mutability() == Mutability::ReadOnly
            && resource_type.value_of(attribute).is_some();
        let referrer = types.iter().find(|resource_type| resource_type.name() == &**referrer)?;
        let list = referrer.child(AttributeId::ROOT, list)?;
        let display = referrer.child(AttributeId::ROOT, display)?;
        let usable = derived && referrer.is_reference_list(list);
        usable.then(|| Relation { attribute, referrer: Arc::clone(referrer), list, display })
    };
    find().ok_or_else(|| SchemaError::new(SchemaErrorKind::Relation, format!("{}.{attribute}", resource_type.name())))
}
