//! Statistics for SQLite, so that its query plans suit large tables.
//!
//! Without statistics SQLite assumes that every tenant has ten resources, and reads them all where it could look a
//! single one up. SQLite gathers statistics only on request, and the statistics of a young database are misleading
//! after the database has grown. So SQLite gets fixed statistics that fit a large database, and its plans are
//! always the same. PostgreSQL gathers statistics by itself.

use super::super::{
    database::Session,
    statement::{Dialect, Statement},
};
use crate::store::StoreError;

/// The number of all rows, a million, and for each index the number of rows that share the first column, the first
/// two columns, and so on.
const STATEMENTS: &[&str] = &[
    // Creates the table of the statistics.
    "ANALYZE sqlite_schema",
    "DELETE FROM sqlite_stat1 WHERE tbl IN ('resource', 'unique_key', 'member', 'element', 'tally')",
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
     ('member', 'member_value', '1000000 100000 10 10 1')",
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
