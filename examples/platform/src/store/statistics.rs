//! Statistics for the databases, so that their query plans suit large tables.
//!
//! SQLite gets fixed statistics that fit a large database, from the library for its tables and from this module for the
//! table of events.
//!
//! PostgreSQL gathers statistics by itself, a minute after many rows were written, or later, or never where
//! autovacuum is off. Until then its plans fit the earlier, small table: an import into a new database would read
//! all resources for each added resource. So this process requests statistics itself while it writes many rows.

use std::sync::atomic::{AtomicU64, Ordering};

use scim_core::{
    sql::{Dialect, Statement},
    store::{Change, CommitError, ListEdit, Replacement},
};

use crate::database::{Database, Session, Work};

/// The statistics of the table of events. The store's start has created the table of the statistics.
const STATEMENTS: &[&str] = &[
    "DELETE FROM sqlite_stat1 WHERE tbl = 'event'",
    "INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('event', 'event_tenant', '1000000 100000 1')",
    // Loads the statistics: a connection otherwise does so only when it is opened.
    "ANALYZE sqlite_schema",
];

/// Writes the statistics for SQLite, after the store has started.
pub(super) async fn write(database: &Database) -> Result<(), CommitError> {
    if database.dialect() == Dialect::Sqlite {
        let statement = |sql: &&str| {
            let mut statement = Statement::new(Dialect::Sqlite);
            statement.push(sql);
            statement
        };
        database.execute(STATEMENTS.iter().map(statement).collect()).await?;
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

    /// Counts the rows of a committed batch. The caller does not wait for the statistics; if they fail, the next ones
    /// follow.
    pub(super) fn note(&self, database: &Database, batch: &[Change]) {
        if database.dialect() != Dialect::Postgres {
            return;
        }
        if let Some(written) = self.add(rows_of(batch)) {
            let database = database.clone();
            tokio::spawn(async move {
                if let Err(failed) = database.write(Gather { written }).await {
                    tracing::warn!(error = %failed.error, "PostgreSQL could not gather statistics");
                }
            });
        }
    }
}

/// The approximate number of rows that a batch adds.
fn rows_of(batch: &[Change]) -> u64 {
    let rows = batch.iter().map(|change| match change {
        Change::Create(entry) | Change::Replace(Replacement { entry, .. }) => {
            let resource = &*entry.resource;
            let lists = resource.resource_type().reference_lists().iter();
            1 + lists.map(|list| resource.root().get(*list).map_or(0, |list| list.elements().len())).sum::<usize>()
        }
        Change::EditValues(ListEdit { edit, .. }) => edit.add.len(),
        _ => 0,
    });
    u64::try_from(rows.sum::<usize>()).unwrap_or(u64::MAX)
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
