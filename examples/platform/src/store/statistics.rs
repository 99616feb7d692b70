//! Statistics for the databases, so that their query plans suit large tables.
//!
//! Without statistics SQLite assumes that every tenant has ten resources, and reads them all where it could look a
//! single one up. SQLite gathers statistics only on request, and the statistics of a young database are misleading
//! after the database has grown. So SQLite gets fixed statistics that fit a large database, and its plans are
//! always the same.
//!
//! PostgreSQL gathers statistics by itself, a minute after many rows were written, or later, or never where
//! autovacuum is off. Until then its plans fit the earlier, small table: an import into a new database would read
//! all resources for each added resource. So this process requests statistics itself while it writes many rows.

use std::sync::atomic::{AtomicU64, Ordering};

use scim_core::{
    sql::{Dialect, Statement},
    store::{CommitError, StoreError},
};

use crate::database::{Database, Session, Work};

/// The number of all rows, a million, and for each index the number of rows that share the first column, the first
/// two columns, and so on.
const STATEMENTS: &[&str] = &[
    // Creates the table of the statistics.
    "ANALYZE sqlite_schema",
    "DELETE FROM sqlite_stat1 WHERE tbl IN ('resource', 'unique_key', 'member', 'event', 'element', 'tally')",
    "INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES \
     ('resource', 'sqlite_autoindex_resource_1', '1000000 100000 1'), \
     ('resource', 'resource_kind', '1000000 100000 50000 1'), \
     ('resource', 'resource_modified', '1000000 100000 50000 2 1'), \
     ('element', 'element', '1000000 100000 50000 50000 2 1'), \
     ('element', 'element_id', '1000000 100000 2'), \
     ('tally', 'sqlite_autoindex_tally_1', '1000 10 5 1'), \
     ('unique_key', 'sqlite_autoindex_unique_key_1', '1000000 100000 50000 50000 1'), \
     ('unique_key', 'unique_key_id', '1000000 100000 2'), \
     ('member', 'sqlite_autoindex_member_1', '1000000 100000 1000 1000 1'), \
     ('member', 'member_value', '1000000 100000 10 10 1'), \
     ('event', 'event_tenant', '1000000 100000 1')",
    // The statistics of the attributes' indexes.
    "INSERT INTO sqlite_stat1 (tbl, idx, stat) SELECT tbl_name, name, '1000000 100000 50000 2 1' FROM sqlite_schema \
     WHERE type = 'index' AND tbl_name = 'resource' AND name LIKE 'resource\\_%' ESCAPE '\\' AND name NOT IN ('resource_kind', 'resource_modified')",
    // Loads the statistics: a connection otherwise does so only when it is opened.
    "ANALYZE sqlite_schema",
];

/// Writes the statistics for SQLite, after the indexes have been created.
pub(super) async fn write<S: Session>(session: &mut S) -> Result<(), StoreError> {
    if session.dialect() == Dialect::Sqlite {
        for sql in STATEMENTS {
            session.execute(Statement::new(Dialect::Sqlite).push(sql)).await?;
        }
    }
    Ok(())
}

/// The number of written rows after which PostgreSQL is first asked to gather statistics.
const FIRST: u64 = 500;

/// Beyond this number of rows autovacuum has run, or an operator has switched it off and gathers statistics.
const LAST: u64 = 1 << 20;

/// Counts the rows that this process has written, and requests statistics from PostgreSQL whenever the number has
/// doubled.
#[derive(Debug)]
pub(super) struct Growth {
    written: AtomicU64,
    next: AtomicU64,
}

impl Growth {
    pub(super) fn new() -> Self {
        Self { written: AtomicU64::new(0), next: AtomicU64::new(FIRST) }
    }

    /// Counts committed rows. Returns the number of rows written so far if statistics are due; else `None`.
    fn add(&self, rows: u64) -> Option<u64> {
        let written = self.written.fetch_add(rows, Ordering::Relaxed).saturating_add(rows);
        let next = self.next.load(Ordering::Relaxed);
        let due = written >= next && written <= LAST;
        let doubled = written.saturating_mul(2);
        let is_first = || self.next.compare_exchange(next, doubled, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        (due && is_first()).then_some(written)
    }

    /// Counts committed rows. The caller does not wait for the statistics; if they fail, the next ones follow.
    pub(super) fn note(&self, database: &Database, rows: u64) {
        if database.dialect() != Dialect::Postgres {
            return;
        }
        if let Some(written) = self.add(rows) {
            let database = database.clone();
            tokio::spawn(async move {
                if let Err(failed) = database.write(Gather { written }).await {
                    tracing::warn!(error = %failed.error, "PostgreSQL could not gather statistics");
                }
            });
        }
    }
}

/// Gathers statistics for the tables whose known statistics describe far fewer rows.
struct Gather {
    written: u64,
}

impl Work for Gather {
    type Output = ();

    async fn run<S: Session>(&self, session: &mut S) -> Result<(), CommitError> {
        for table in ["resource", "member", "unique_key"] {
            let mut known = Statement::new(session.dialect());
            // `reltuples` is -1 for a table without statistics.
            known.push("SELECT GREATEST(reltuples, 0)::bigint FROM pg_class WHERE oid = to_regclass(").bind(table);
            known.push(")");
            let known = session.rows(&known).await?.first().map(|row| row.required_integer(0)).transpose()?;
            if known.is_some_and(|known| u64::try_from(known).unwrap_or(0) < self.written) {
                session.execute(Statement::new(session.dialect()).push("ANALYZE ").push(table)).await?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{FIRST, Growth, LAST};

    #[test]
    fn statistics_are_due_whenever_the_rows_have_doubled() {
        let growth = Growth::new();
        let due: Vec<u64> = (0..64).filter_map(|_| growth.add(FIRST / 4)).collect();
        assert_eq!(due, [FIRST, 2 * FIRST, 4 * FIRST, 8 * FIRST, 16 * FIRST]);
        assert_eq!(growth.add(LAST), None, "a large table is not this process's to care for");
    }
}
