//! What SQLite is told of the tables, so that it finds its way in large ones.
//!
//! Without statistics SQLite takes every tenant to have ten resources, and reads them all where it could look one up.
//! It gathers statistics only when it is told to, and those of a young database mislead it when the database has grown.
//! So it gets some that fit a large one, and its plans are always the same. What it is not asked of here, PostgreSQL
//! finds out by itself.

use scim_core::{
    sql::{Dialect, Statement},
    store::StoreError,
};

use crate::database::Session;

/// A million rows in all, and how many of them have the same first column of the index, the same first two, and so on.
const STATEMENTS: &[&str] = &[
    // Makes the table of the statistics.
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
    // Those of the attributes.
    "INSERT INTO sqlite_stat1 (tbl, idx, stat) SELECT tbl_name, name, '1000000 100000 50000 2 1' FROM sqlite_schema \
     WHERE type = 'index' AND tbl_name = 'resource' AND name LIKE 'resource\\_%' ESCAPE '\\' AND name NOT IN ('resource_kind', 'resource_modified')",
    // Reads them: a connection does so by itself only when it is opened.
    "ANALYZE sqlite_schema",
];

/// Tells SQLite, once the indexes are there.
pub(super) async fn write<S: Session>(session: &mut S) -> Result<(), StoreError> {
    if session.dialect() == Dialect::Sqlite {
        for sql in STATEMENTS {
            session.execute(Statement::new(Dialect::Sqlite).push(sql)).await?;
        }
    }
    Ok(())
}
