//! The tables' representation of each resource type: the columns of its values, the indexed values, and the lists
//! that are stored as rows.

use std::{fmt::Write as _, sync::Arc};

use sha2::{Digest, Sha256};

use super::{
    super::{
        comparable::representation,
        mapping::{Column, Mapping, Table},
        statement::{Dialect, Statement},
    },
    indexes,
};
use crate::{
    resource::Resource,
    schema::{AttributeId, Registry, ResourceType},
    store::StoreError,
};

/// The resource types as represented in the tables.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) resource_types: Vec<KindTable>,
    /// The rules that the comparable documents depend on: of comparable text, and of the schemas.
    pub(super) rules: String,
}

/// A resource type as represented in the tables.
#[derive(Debug)]
pub(super) struct KindTable {
    pub(super) mapping: Mapping,
    pub(super) lists: Vec<List>,
}

/// A reference list, whose values are rows of `member`.
#[derive(Debug)]
pub(super) struct List {
    pub(super) attribute: AttributeId,
    /// The name of the list in the rows.
    pub(super) name: String,
    /// The resource types that the list may refer to.
    pub(super) refers_to: Vec<Box<str>>,
    /// The condition that a row of `member AS m` belongs to the list of `resource AS r`.
    pub(super) of_resource: String,
}

impl Tables {
    pub(super) fn new(registry: &Registry, dialect: Dialect) -> Self {
        let resource_types = registry
            .resource_types()
            .iter()
            .map(|resource_type| KindTable::new(resource_type, dialect, "r."))
            .collect();
        let schemas = registry.schemas().map(|schema| format!("{schema:?}")).collect::<Vec<_>>().concat();
        Self { resource_types, rules: format!("{} {}", representation(), hex(&Sha256::digest(schemas))) }
    }

    pub(super) fn find(&self, resource_type: &ResourceType) -> Result<&KindTable, StoreError> {
        let known =
            self.resource_types.iter().find(|table| table.mapping.resource_type().name() == resource_type.name());
        known.ok_or_else(|| StoreError::backend(format!("no table has resources of type {}", resource_type.name())))
    }
}

impl KindTable {
    /// `alias` is the prefix of the columns of `resource`, with a dot. The columns of an index have no prefix.
    fn new(resource_type: &Arc<ResourceType>, dialect: Dialect, alias: &str) -> Self {
        let lists: Vec<List> =
            resource_type.reference_lists().iter().map(|list| List::new(resource_type, *list)).collect();
        let modified = Column::comparable(format!("{alias}modified")).indexed();
        let mut mapping = Mapping::documents(resource_type, format!("{alias}id"), format!("{alias}comparable"))
            .with_column(AttributeId::META_LAST_MODIFIED, modified)
            .with_indexed(indexes::keys(resource_type, dialect));
        // Every statement about resources binds the tenant first.
        let tenant = if dialect == Dialect::Sqlite { "?1" } else { "$1" };
        for list in &lists {
            if let Some(value) = resource_type.value_of(list.attribute) {
                let of_tenant = format!("m.tenant = {tenant} AND m.list = {}", literal(&list.name));
                let rows = Table::new("member AS m", list.of_resource.as_str()).with_order("m.place");
                let rows = rows.with_owner("m.holder", of_tenant).with_column(value, Column::text("m.value"));
                mapping = mapping.with_table(list.attribute, rows);
            }
        }
        if dialect == Dialect::Postgres {
            return Self { mapping: mapping.contained(), lists };
        }
        for (attribute, value) in indexes::elements(resource_type) {
            let name = literal(&resource_type.path(value));
            let rows = format!("x.kind = {} AND x.attribute = {name}", literal(resource_type.name()));
            let table = Table::new("element AS x", format!("x.tenant = {alias}tenant AND x.id = {alias}id AND {rows}"))
                .with_owner("x.id", format!("x.tenant = {tenant} AND {rows}"))
                .with_column(value, Column::comparable("x.value").required());
            mapping = mapping.with_lookup(attribute, table);
        }
        Self { mapping, lists }
    }

    pub(super) fn list(&self, attribute: AttributeId) -> Result<&List, StoreError> {
        let known = self.lists.iter().find(|list| list.attribute == attribute);
        known.ok_or_else(|| StoreError::backend("expected a list of references"))
    }

    /// The document of a resource without its lists, and the document that filters evaluate.
    pub(super) fn documents(&self, resource: &Resource) -> Result<(String, String), StoreError> {
        let comparable = self.mapping.document(resource);
        let resource_type = resource.resource_type();
        let json = if self.lists.iter().any(|list| resource.root().contains(list.attribute)) {
            let values = resource.root().iter().filter(|(attribute, _)| !resource_type.is_reference_list(*attribute));
            let values = values.map(|(attribute, value)| (attribute, value.clone())).collect();
            Resource::from_object(Arc::clone(resource_type), values).to_json()
        } else {
            resource.to_json()
        };
        Ok((String::from_utf8(json).map_err(StoreError::backend)?, comparable))
    }
}

impl List {
    fn new(resource_type: &Arc<ResourceType>, attribute: AttributeId) -> Self {
        let name = resource_type.path(attribute);
        let reference = resource_type.child(attribute, "$ref");
        let refers_to = reference
            .map(|reference| resource_type.attribute(reference).reference_types().to_vec())
            .unwrap_or_default();
        let of_resource = format!("m.tenant = r.tenant AND m.holder = r.id AND m.list = {}", literal(&name));
        Self { attribute, name, refers_to, of_resource }
    }
}

/// The text as an SQL literal. Only for texts of the registry and of the library.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// A unique value as the table `unique_key` has it: the value itself, or its digest if the value is too long for an index.
/// `folded` is the [folded](crate::fold::fold) value.
///
/// A host whose own rows claim values beside the resources, such as accounts without SCIM, inserts rows into `unique_key`
/// with this value, in its own transactions. The `id` of such a row must not be the id of a resource: a change of that
/// resource would remove the row. The store deletes all rows before it derives its data again, so
/// [`derived`](super::DocumentHooks::derived) inserts them again.
///
/// ```
/// use scim_core::{fold::fold, sql::document_store::unique_value};
///
/// assert_eq!(unique_value(&fold("Ann")), "=ann");
/// assert_eq!(unique_value(&"a".repeat(600)).len(), 65);
/// ```
pub fn unique_value(folded: &str) -> String {
    const LONGEST: usize = 512;
    if folded.len() <= LONGEST { format!("={folded}") } else { format!("#{}", hex(&Sha256::digest(folded))) }
}

/// The replacement of [`unique_value`] for a resource that shares its unique value with another resource: because the
/// fold changed, or because the [host allows it](super::Taken::Shared). Both resources keep their value. `id` is the id of
/// the resource.
///
/// ```
/// assert_eq!(scim_core::sql::document_store::shared_value("7", "ann"), "~1:7=ann");
/// ```
pub fn shared_value(id: &str, folded: &str) -> String {
    format!("~{}:{id}{}", id.len(), unique_value(folded))
}

/// The insertion that claims a unique value; it inserts no row where another resource has the value.
pub(super) fn claim(
    dialect: Dialect,
    tenant: &str,
    resource: &Resource,
    attribute: AttributeId,
    value: String,
) -> Statement {
    let resource_type = resource.resource_type();
    let mut insert = Statement::new(dialect);
    insert.push("INSERT INTO unique_key (tenant, kind, attribute, value, id) VALUES (").bind(tenant);
    insert.push(", ").bind(resource_type.name()).push(", ").bind(resource_type.path(attribute)).push(", ");
    insert.bind(value).push(", ").bind(resource.id()).push(") ON CONFLICT DO NOTHING");
    insert
}

/// Binds a comparable document.
pub(super) fn comparable(statement: &mut Statement, document: String) {
    match statement.dialect() {
        Dialect::Sqlite => statement.push("jsonb(").bind(document).push(")"),
        _ => statement.bind(document).push("::text::jsonb"),
    };
}
