//! The start of the store: indexes, statistics, and derived data if other rules made it.
//!
//! Several processes may start at the same time: one of them does the work, and the others find it done.

use std::sync::Arc;

use super::{
    super::{
        database::{Rows, Session, Work},
        statement::{Dialect, Statement},
    },
    hooks::DocumentHooks,
    index_sql, statistics,
    tables::{KindTable, Tables, claim, comparable, shared_value, unique_value},
    tally,
};
use crate::{
    resource::Resource,
    store::{CommitError, StoreError, TenantId},
};

/// The format of derived data in the tables: a comparable document is JSONB in SQLite, where triggers write rows after a
/// change of an array, and uncompressed in the row in PostgreSQL, next to its length; unique values are claimed.
const FORM: &str = "6";

/// The bytes of documents that are read at once.
const PAGE: usize = 16 << 20;

/// Creates the data that depends on the resource types: indexes, and the comparable documents if other rules made
/// them.
pub(super) struct Prepare<H> {
    pub(super) tables: Arc<Tables>,
    pub(super) hooks: Arc<H>,
}

impl<H: DocumentHooks> Work for Prepare<H> {
    type Output = ();

    fn is_long(&self) -> bool {
        true
    }

    async fn run<S: Session>(&self, session: &mut S) -> Result<(), CommitError> {
        alone(session).await?;
        for sql in index_sql::statements(&self.tables, session.dialect()) {
            let mut statement = Statement::new(session.dialect());
            session.execute(statement.push(&sql)).await?;
        }
        statistics::write(session).await?;
        let mut query = Statement::new(session.dialect());
        query.push("SELECT value FROM setting WHERE name = 'comparable'");
        let found = session.rows(&query).await?.into_iter().next().map(|mut row| row.required_text(0)).transpose()?;
        let host = self.hooks.form();
        let mark = if host.is_empty() { "" } else { "+" };
        let made_with = format!("{FORM}{mark}{host} {}", self.tables.rules);
        if found.as_ref() == Some(&made_with) {
            return Ok(());
        }
        self.derive_anew(session).await?;
        let mut record = Statement::new(session.dialect());
        record.push("INSERT INTO setting (name, value) VALUES ('comparable', ").bind(made_with);
        record.push(") ON CONFLICT (name) DO UPDATE SET value = excluded.value");
        session.execute(&record).await?;
        Ok(())
    }
}

impl<H: DocumentHooks> Prepare<H> {
    /// Rebuilds all comparable documents, unique keys and derived data of the host, some hundred resources at a time.
    /// Other writers are locked out meanwhile.
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
        for table in &self.tables.resource_types {
            let resource_type = table.mapping.resource_type();
            let mut last = (String::new(), String::new());
            loop {
                let mut query = Statement::new(session.dialect());
                query.push("SELECT tenant, id, document FROM resource WHERE kind = ").bind(resource_type.name());
                query.push(" AND (tenant, id) > (").bind(last.0.as_str()).push(", ").bind(last.1.as_str());
                query.push(") ORDER BY tenant, id LIMIT 500");
                // A cut page is as good as a whole one: the next page begins after its last row.
                let rows = session.query(&query, Rows::within(PAGE)).await?.into_rows();
                if rows.is_empty() {
                    break;
                }
                for mut row in rows {
                    let (tenant, id, document) = (row.required_text(0)?, row.required_text(1)?, row.required_text(2)?);
                    let resource =
                        Resource::from_json(resource_type, document.as_bytes()).map_err(StoreError::backend)?;
                    self.derive(session, table, &tenant, &resource).await?;
                    last = (tenant, id);
                }
            }
        }
        for statement in tally::recount(session.dialect()) {
            session.execute(&statement).await?;
        }
        self.hooks.derived(session).await
    }

    async fn derive<S: Session>(
        &self,
        session: &mut S,
        table: &KindTable,
        tenant: &str,
        resource: &Resource,
    ) -> Result<(), StoreError> {
        let document = table.mapping.document(resource);
        let mut update = Statement::new(session.dialect());
        update.push("UPDATE resource SET bytes = ");
        update.bind(i64::try_from(document.len()).unwrap_or(i64::MAX)).push(", comparable = ");
        comparable(&mut update, document);
        update.push(" WHERE tenant = ").bind(tenant).push(" AND id = ").bind(resource.id());
        session.execute(&update).await?;
        let mut shared = Vec::new();
        for key in resource.unique_keys().into_iter().chain(self.hooks.claims(resource)) {
            let own = unique_value(&key.folded);
            let insert = claim(session.dialect(), tenant, resource, key.attribute, own);
            if session.execute(&insert).await? == 0 {
                let other = shared_value(resource.id(), &key.folded);
                let insert = claim(session.dialect(), tenant, resource, key.attribute, other);
                session.execute(&insert).await?;
                shared.push(key.attribute);
            }
        }
        let tenant = TenantId::new(tenant).map_err(StoreError::backend)?;
        self.hooks.derive(session, &tenant, resource, &shared).await
    }
}

/// Keeps other processes from creating indexes until the commit. SQLite does so by itself; PostgreSQL does not, even with
/// `IF NOT EXISTS`. `examples/platform` takes the same lock for its own tables.
async fn alone<S: Session>(session: &mut S) -> Result<(), StoreError> {
    if session.dialect() == Dialect::Postgres {
        // The lock and the statements after it may take any time.
        for sql in ["SET LOCAL lock_timeout = 0", "SET LOCAL statement_timeout = 0"] {
            session.execute(Statement::new(Dialect::Postgres).push(sql)).await?;
        }
        let mut lock = Statement::new(Dialect::Postgres);
        lock.push("SELECT pg_advisory_xact_lock(7643764490)::text");
        session.rows(&lock).await?;
    }
    Ok(())
}
