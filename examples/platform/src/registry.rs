//! The resource types that the platform serves.
//!
//! Only this module defines them: the server serves the types that the stores were tested with. Operators add
//! their own types without Rust, in the JSON format of `/Schemas` and `/ResourceTypes`.

use std::path::{Path, PathBuf};

use scim_core::schema::{
    DocumentError, Extension, RESOURCE_TYPE, Registry, RegistryBuilder, ResourceType, SCHEMA, SERVICE_PROVIDER_CONFIG,
    Schema, SchemaError, USER, read_resource_types, read_schemas,
};

/// The schemas that describe the protocol: a copy of `/Schemas` contains them, but no resource type uses them.
const PROTOCOL: [&str; 3] = [SERVICE_PROVIDER_CONFIG, RESOURCE_TYPE, SCHEMA];

/// The reason why files do not define resource types.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// A file cannot be read.
    #[error("{}", .0.display())]
    File(PathBuf, #[source] std::io::Error),
    /// A file has an error at a certain position.
    #[error("{}", .0.display())]
    Document(PathBuf, #[source] DocumentError),
    /// The resource types contradict each other.
    #[error("the resource types do not fit together")]
    Schema(#[from] SchemaError),
    /// No resource type uses a schema.
    #[error("{}: expected a resource type with the schema {schema}", .path.display())]
    Unused {
        /// The file.
        path: PathBuf,
        /// The schema.
        schema: Box<str>,
    },
}

/// Users with the Enterprise User extension, and groups, as RFC 7643 §4 defines them, but without `password` (§4.1.1):
/// people sign on at their identity provider, so the platform stores no password. A password in a request body is
/// dropped, like every unknown attribute, and ServiceProviderConfig states that passwords cannot be changed.
///
/// ```
/// let registry = platform::registry();
/// let user = registry.resource_type("User").ok_or("no users")?;
/// assert!(user.schema().find("password").is_none() && user.schema().find("userName").is_some());
/// # Ok::<(), &str>(())
/// ```
#[expect(clippy::missing_panics_doc, reason = "it depends on no input, and every test builds it")]
pub fn registry() -> Registry {
    #[expect(clippy::expect_used, reason = "it depends on no input, and every test builds it")]
    standard().and_then(build).expect("the resource types are consistent")
}

/// The resource types of [`registry`], and those in the files: a list of schemas, and a list of resource types. A
/// resource type with the name of a standard type replaces that type. As in [`registry`], users have no
/// `password`.
///
/// # Errors
///
/// When a file cannot be read, its content is not such a list, the resource types contradict each other, or no
/// resource type uses a schema.
pub fn read_registry(schemas: Option<&Path>, resource_types: Option<&Path>) -> Result<Registry, RegistryError> {
    let read = |path: &Path| std::fs::read_to_string(path).map_err(|error| RegistryError::File(path.to_owned(), error));
    let mut known = Vec::new();
    if let Some(path) = schemas {
        let found = read_schemas(&read(path)?).map_err(|error| RegistryError::Document(path.to_owned(), error))?;
        let is_user = |schema: &Schema| schema.id().eq_ignore_ascii_case(USER);
        known
            .extend(found.into_iter().map(|schema| if is_user(&schema) { schema.without("password") } else { schema }));
    }
    let own = known.clone();
    if !known.iter().any(|schema| schema.id().eq_ignore_ascii_case(USER)) {
        known.push(Schema::user().without("password"));
    }
    let mut types = standard()?;
    if let Some(path) = resource_types {
        let found = read_resource_types(&read(path)?, &known);
        for resource_type in found.map_err(|error| RegistryError::Document(path.to_owned(), error))? {
            match types.iter_mut().find(|known| known.name() == resource_type.name()) {
                Some(standard) => *standard = resource_type,
                None => types.push(resource_type),
            }
        }
    }
    let uses = |schema: &&Schema| {
        let all = types.iter().flat_map(|resource_type| {
            std::iter::once(resource_type.schema()).chain(resource_type.extensions().iter().map(Extension::schema))
        });
        let mut all = all.map(Schema::id).chain(PROTOCOL);
        all.any(|id| id.eq_ignore_ascii_case(schema.id()))
    };
    if let (Some(path), Some(unused)) = (schemas, own.iter().find(|schema| !uses(schema))) {
        return Err(RegistryError::Unused { path: path.to_owned(), schema: unused.id().into() });
    }
    Ok(build(types)?)
}

fn standard() -> Result<Vec<ResourceType>, SchemaError> {
    let user = ResourceType::builder("User", "Users", Schema::user().without("password"))
        .description("People who use the service")
        .extension(Schema::enterprise_user(), false)
        .relation("groups", "Group", "members", "displayName")
        .build()?;
    Ok(vec![user, ResourceType::group()?])
}

fn build(resource_types: Vec<ResourceType>) -> Result<Registry, SchemaError> {
    resource_types.into_iter().fold(Registry::builder(), RegistryBuilder::resource_type).build()
}
