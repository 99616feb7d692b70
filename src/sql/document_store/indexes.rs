//! The attributes with indexes: those by which identity providers and administrators look up resources.
//!
//! An attribute's index serves all types that have an attribute of that name. In PostgreSQL one additional index
//! has all values of all documents. SQLite has no index of arrays: there, triggers write the values of some arrays
//! to rows. `index_sql` makes the statements.

use super::super::statement::Dialect;
use crate::schema::{AttributeId, AttributeType, ResourceType};

/// The attributes by which resources are looked up, searched by prefix, or sorted.
const NAMES: &[&str] = &["userName", "displayName"];

/// Attributes of extensions by which resources are looked up in SQLite. PostgreSQL has one index for `eq` on all
/// attributes.
const EXTENDED: &[&str] = &["employeeNumber"];

/// Multi-valued attributes whose values are looked up.
const LISTS: &[&str] = &["emails"];

/// The attributes of a type with a separate index. `externalId` has an index because clients look up resources by
/// it before they create them.
pub(super) fn keys(resource_type: &ResourceType, dialect: Dialect) -> Vec<AttributeId> {
    let named = NAMES.iter().filter_map(|name| resource_type.child(AttributeId::ROOT, name));
    let extensions = resource_type.extensions().iter().filter(|_| dialect == Dialect::Sqlite);
    let extended = extensions
        .flat_map(|extension| EXTENDED.iter().filter_map(|name| resource_type.child(extension.attribute(), name)));
    let mut keys: Vec<AttributeId> = resource_type.unique_attributes().to_vec();
    for attribute in named.chain([AttributeId::EXTERNAL_ID]).chain(extended) {
        if !keys.contains(&attribute) {
            keys.push(attribute);
        }
    }
    keys
}

/// The multi-valued attributes of a type whose values are rows in SQLite, with their sub-attribute `value`.
pub(super) fn elements(resource_type: &ResourceType) -> Vec<(AttributeId, AttributeId)> {
    let lists = LISTS.iter().filter_map(|name| resource_type.child(AttributeId::ROOT, name));
    let lists = lists.filter(|list| resource_type.attribute(*list).is_multi_valued());
    let lists = lists.filter(|list| resource_type.attribute(*list).data_type() == AttributeType::Complex);
    lists.filter_map(|list| Some((list, resource_type.child(list, "value")?))).collect()
}
