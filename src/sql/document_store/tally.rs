//! The number of a tenant's resources of a type, the bytes of their comparable documents, and the number of references:
//! kept up to date by every commit.
//!
//! Each number is the sum of some parts. A commit adds to one of the parts at its end, so that concurrent commits
//! rarely wait for each other, and never in a cycle.

use std::collections::BTreeMap;

use super::super::{
    database::{Row, Session},
    statement::{Dialect, Statement},
};
use crate::store::{StoreError, TenantId};

/// The part of a number that a commit changes in PostgreSQL: one of 16. SQLite has one writer at a time.
const PART: &str = "floor(random() * 16)::bigint";

/// The name under which the number of a tenant's references is stored, in place of the name of a type.
const REFERENCES: &str = "";

/// The net change of a transaction: by type, the resources and the bytes of their comparable documents.
///
/// The store keeps the tally for its own commits. A host that deletes rows of resources and references in a transaction
/// of its own counts them, and writes the balance as its last statement.
///
/// ```
/// use scim_core::{sql::{database::Session, document_store::Balance}, store::{StoreError, TenantId}};
///
/// async fn after_deletion<S: Session>(session: &mut S, tenant: &TenantId, bytes: i64) -> Result<(), StoreError> {
///     let mut balance = Balance::default();
///     balance.add("Group", -1, -bytes);
///     balance.add_references(-20);
///     balance.write(session, tenant).await
/// }
/// ```
#[derive(Debug, Default)]
pub struct Balance(BTreeMap<Box<str>, (i64, i64)>);

impl Balance {
    /// Adds created resources, or deleted resources (less than 0), of the type with the name `kind`, and the bytes of
    /// comparable documents that were added or removed: the column `bytes` of `resource`.
    pub fn add(&mut self, kind: &str, resources: i64, bytes: i64) {
        let (count, length) = self.0.entry(kind.into()).or_default();
        *count = count.saturating_add(resources);
        *length = length.saturating_add(bytes);
    }

    /// Adds new references, or removed references (less than 0).
    pub fn add_references(&mut self, references: i64) {
        self.add(REFERENCES, references, 0);
    }

    /// Adds the balance to the numbers of a tenant. Other commits wait for these rows until this transaction ends, so
    /// this is the last statement of a transaction.
    ///
    /// # Errors
    ///
    /// When the database cannot execute a statement.
    pub async fn write<S: Session>(&self, session: &mut S, tenant: &TenantId) -> Result<(), StoreError> {
        let part = if session.dialect() == Dialect::Sqlite { "0" } else { PART };
        for (kind, (resources, bytes)) in self.0.iter().filter(|(_, change)| **change != (0, 0)) {
            let mut update = Statement::new(session.dialect());
            update.push("INSERT INTO tally (tenant, kind, part, resources, bytes) VALUES (").bind(tenant.as_str());
            update.push(", ").bind(&**kind).push(", ").push(part);
            update.push(", ").bind(*resources).push(", ").bind(*bytes);
            update.push(
                ") ON CONFLICT (tenant, kind, part) DO UPDATE SET resources = tally.resources + excluded.resources, \
                 bytes = tally.bytes + excluded.bytes",
            );
            session.execute(&update).await?;
        }
        Ok(())
    }
}

/// The query for the number of a tenant's resources of the type with the name `kind`: a row with a whole number.
///
/// ```
/// use scim_core::{sql::{Dialect, document_store::total}, store::TenantId};
///
/// let query = total(Dialect::Sqlite, &TenantId::new("acme")?, "User");
/// assert!(query.text().contains("FROM tally"));
/// # Ok::<(), scim_core::store::InvalidTenantId>(())
/// ```
pub fn total(dialect: Dialect, tenant: &TenantId, kind: &str) -> Statement {
    let mut query = Statement::new(dialect);
    write_total(&mut query, tenant, kind);
    query
}

/// Adds the query for the number of a tenant's resources of a type.
pub(super) fn write_total(query: &mut Statement, tenant: &TenantId, kind: &str) {
    query.push("SELECT COALESCE(SUM(resources), 0)");
    if query.dialect() == Dialect::Postgres {
        query.push("::bigint");
    }
    query.push(" FROM tally WHERE tenant = ").bind(tenant.as_str()).push(" AND kind = ").bind(kind);
}

/// The size of a tenant's resources of a type.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extent {
    pub(super) resources: u64,
    /// The bytes of the comparable documents.
    pub(super) bytes: u64,
    /// The number of references of all resources of the tenant.
    pub(super) references: u64,
}

impl Extent {
    /// The query for the extent.
    pub(super) fn query(dialect: Dialect, tenant: &TenantId, kind: &str) -> Statement {
        let cast = if dialect == Dialect::Postgres { "::bigint" } else { "" };
        let mut query = Statement::new(dialect);
        query.push(&format!("SELECT kind, SUM(resources){cast}, SUM(bytes){cast} FROM tally WHERE tenant = "));
        query.bind(tenant.as_str()).push(" AND kind IN (").bind(kind).push(", ").bind(REFERENCES);
        query.push(") GROUP BY kind");
        query
    }

    /// Reads the extent from the result of the query.
    pub(super) fn of(rows: Vec<Row>) -> Result<Self, StoreError> {
        let mut extent = Self::default();
        for mut row in rows {
            let count = |column| row.required_integer(column).map(|count| u64::try_from(count).unwrap_or(0));
            let (resources, bytes) = (count(1)?, count(2)?);
            if row.required_text(0)? == REFERENCES {
                extent.references = resources;
            } else {
                (extent.resources, extent.bytes) = (resources, bytes);
            }
        }
        Ok(extent)
    }
}

/// The statements that recount all numbers.
pub(super) fn recount(dialect: Dialect) -> Vec<Statement> {
    let references = format!(
        "INSERT INTO tally (tenant, kind, part, resources, bytes) \
         SELECT tenant, '{REFERENCES}', 0, count(*), 0 FROM member GROUP BY tenant"
    );
    let texts = [
        "DELETE FROM tally",
        "INSERT INTO tally (tenant, kind, part, resources, bytes) \
         SELECT tenant, kind, 0, count(*), SUM(bytes) FROM resource GROUP BY tenant, kind",
        &references,
    ];
    let statement = |text: &str| {
        let mut statement = Statement::new(dialect);
        statement.push(text);
        statement
    };
    texts.into_iter().map(statement).collect()
}
