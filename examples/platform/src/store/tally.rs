//! How many resources of a type an organization has, kept up to date by every commit.
//!
//! The number is the sum of some parts. A commit adds to one of them at its end, so that commits at the same time rarely
//! wait for each other, and never in a circle.

use std::collections::BTreeMap;

use scim_core::{
    sql::{Dialect, Statement},
    store::{StoreError, TenantId, Version},
};

use crate::database::Session;

/// How many parts a number has in PostgreSQL. SQLite has one writer at a time.
const PARTS: u8 = 16;

/// The resources that a commit has created and deleted, by type.
#[derive(Debug, Default)]
pub(super) struct Balance(BTreeMap<Box<str>, i64>);

impl Balance {
    /// Counts a resource that was created (1) or deleted (-1).
    pub(super) fn add(&mut self, kind: &str, resources: i64) {
        let count = self.0.entry(kind.into()).or_default();
        *count = count.saturating_add(resources);
    }

    /// Adds the balance to the numbers of an organization. `random` chooses the part.
    pub(super) async fn write<S: Session>(
        &self,
        session: &mut S,
        tenant: &TenantId,
        random: &Version,
    ) -> Result<(), StoreError> {
        let part = match session.dialect() {
            Dialect::Sqlite => 0,
            _ => random.as_str().bytes().fold(0, |sum: u8, byte| sum.wrapping_mul(31).wrapping_add(byte)) % PARTS,
        };
        for (kind, resources) in self.0.iter().filter(|(_, resources)| **resources != 0) {
            let mut update = Statement::new(session.dialect());
            update.push("INSERT INTO tally (tenant, kind, part, resources) VALUES (").bind(tenant.as_str());
            update.push(", ").bind(&**kind).push(", ").bind(i64::from(part)).push(", ").bind(*resources);
            update.push(
                ") ON CONFLICT (tenant, kind, part) DO UPDATE SET resources = tally.resources + excluded.resources",
            );
            session.execute(&update).await?;
        }
        Ok(())
    }
}

/// The query of the number.
pub(super) fn total(dialect: Dialect, tenant: &TenantId, kind: &str) -> Statement {
    let mut query = Statement::new(dialect);
    query.push("SELECT COALESCE(SUM(resources), 0)");
    if dialect == Dialect::Postgres {
        query.push("::bigint");
    }
    query.push(" FROM tally WHERE tenant = ").bind(tenant.as_str()).push(" AND kind = ").bind(kind);
    query
}
