//! The tables' representation of each resource type: the columns of its values, the indexed values, and the lists
//! that are stored as rows.

use std::{fmt::Write as _, sync::Arc};

use scim_core::{
    resource::Resource,
    schema::{AttributeId, Registry, ResourceType},
    sql::{Column, Dialect, Mapping, Statement, Table, representation},
    store::{CommitError, StoreError},
};
use sha2::{Digest, Sha256};

use super::{group_name, indexes, people, statistics, tally};
use crate::database::{self, Database, OpenError, Session, Work};

/// The format of derived data in the tables: a comparable document is JSONB in SQLite, where triggers write rows after a
/// change of an array, and uncompressed in the row in PostgreSQL, next to its length; a user is a row of `account`;
/// unique values are claimed, and the names of groups.
const FORM: &str = "6";

/// The resource types as represented in the tables.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) resource_types: Vec<KindTable>,
    /// The rules that the comparable documents depend on.
    made_with: String,
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
        let made_with = format!("{FORM} {} {}", representation(), hex(&Sha256::digest(schemas)));
        Self { resource_types, made_with }
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

/// The text as an SQL literal. Only for texts of the program itself.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// A unique value as stored in its column: the value itself, or its digest where the value is too long for an
/// index.
pub(crate) fn unique_value(folded: &str) -> String {
    const LONGEST: usize = 512;
    if folded.len() <= LONGEST { format!("={folded}") } else { format!("#{}", hex(&Sha256::digest(folded))) }
}

/// The replacement of [`unique_value`] for a resource that shares its unique value with another resource because
/// the fold changed. Both resources keep their value, and no third resource can claim it.
pub(super) fn shared_value(id: &str, folded: &str) -> String {
    format!("~{}:{id}{}", id.len(), unique_value(folded))
}

/// Creates the data that depends on the resource types: indexes, and the comparable documents if other rules made
/// them.
pub(super) async fn prepare(database: &Database, tables: &Arc<Tables>) -> Result<(), OpenError> {
    Ok(database.write_at_start(Prepare(Arc::clone(tables))).await?)
}

struct Prepare(Arc<Tables>);

impl Work for Prepare {
    type Output = ();

    async fn run<S: Session>(&self, session: &mut S) -> Result<(), CommitError> {
        database::alone(session).await?;
        for sql in indexes::statements(&self.0, session.dialect()) {
            let mut statement = Statement::new(session.dialect());
            session.execute(statement.push(&sql)).await?;
        }
        statistics::write(session).await?;
        let mut query = Statement::new(session.dialect());
        query.push("SELECT value FROM setting WHERE name = 'comparable'");
        let found = session.rows(&query).await?.into_iter().next().map(|mut row| row.required_text(0)).transpose()?;
        if found.as_deref() == Some(&self.0.made_with) {
            return Ok(());
        }
        self.derive_anew(session).await?;
        let mut record = Statement::new(session.dialect());
        record.push("INSERT INTO setting (name, value) VALUES ('comparable', ").bind(self.0.made_with.as_str());
        record.push(") ON CONFLICT (name) DO UPDATE SET value = excluded.value");
        session.execute(&record).await?;
        Ok(())
    }
}

impl Prepare {
    /// Rebuilds all comparable documents, unique keys and rows of people, some hundred resources at a time. Other
    /// writers are locked out meanwhile.
    async fn derive_anew<S: Session>(&self, session: &mut S) -> Result<(), StoreError> {
        let mut alone = Statement::new(session.dialect());
        if session.dialect() == Dialect::Postgres {
            session.execute(alone.push("LOCK TABLE resource IN SHARE ROW EXCLUSIVE MODE")).await?;
        }
        let mut free = Statement::new(session.dialect());
        session.execute(free.push("DELETE FROM unique_key")).await?;
        if session.dialect() == Dialect::Sqlite {
            // The triggers then find each array changed, and write its rows.
            let mut clear = Statement::new(session.dialect());
            session.execute(clear.push("UPDATE resource SET comparable = jsonb('{}')")).await?;
        }
        for table in &self.0.resource_types {
            let resource_type = table.mapping.resource_type();
            let mut last = (String::new(), String::new());
            loop {
                let mut query = Statement::new(session.dialect());
                query.push("SELECT tenant, id, document FROM resource WHERE kind = ").bind(resource_type.name());
                query.push(" AND (tenant, id) > (").bind(last.0.as_str()).push(", ").bind(last.1.as_str());
                query.push(") ORDER BY tenant, id LIMIT 500");
                let rows = session.rows(&query).await?;
                if rows.is_empty() {
                    break;
                }
                for mut row in rows {
                    let (tenant, id, document) = (row.required_text(0)?, row.required_text(1)?, row.required_text(2)?);
                    let resource =
                        Resource::from_json(resource_type, document.as_bytes()).map_err(StoreError::backend)?;
                    let document = table.mapping.document(&resource);
                    let mut update = Statement::new(session.dialect());
                    update.push("UPDATE resource SET bytes = ");
                    update.bind(i64::try_from(document.len()).unwrap_or(i64::MAX)).push(", comparable = ");
                    comparable(&mut update, document);
                    update.push(" WHERE tenant = ").bind(tenant.as_str()).push(" AND id = ").bind(id.as_str());
                    session.execute(&update).await?;
                    people::write(session, &tenant, &resource).await?;
                    for key in resource.unique_keys().into_iter().chain(group_name::key(&resource)) {
                        let own = unique_value(&key.folded);
                        let insert = claim(session.dialect(), &tenant, &resource, key.attribute, own);
                        if session.execute(&insert).await? == 0 {
                            let shared = shared_value(&id, &key.folded);
                            let insert = claim(session.dialect(), &tenant, &resource, key.attribute, shared);
                            session.execute(&insert).await?;
                            if group_name::attribute(resource_type) == Some(key.attribute) {
                                continue;
                            }
                            let attribute = resource_type.path(key.attribute);
                            tracing::error!(
                                tenant,
                                id,
                                attribute,
                                "another resource has the same unique value since the fold changed: change one of them"
                            );
                        }
                    }
                    last = (tenant, id);
                }
            }
        }
        for statement in tally::recount(session.dialect()) {
            session.execute(&statement).await?;
        }
        people::claim_names(session).await
    }
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
