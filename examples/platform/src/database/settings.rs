//! How long the platform waits for a database, and how it reaches PostgreSQL.

use std::time::Duration;

/// How a database is used.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// How long the platform waits.
    pub deadlines: Deadlines,
    /// Whether the URL is that of a pooler, such as PgBouncer in transaction mode. Then each transaction sets its time
    /// limits by statements, and no statement stays prepared. Of no effect on SQLite.
    pub pooler: bool,
}

/// How long the platform waits for a database.
///
/// A request that reaches one of them fails: with [`StoreError::TooMany`](scim_core::store::StoreError::TooMany) where
/// the database works on a search that is too large, and otherwise with
/// [`StoreError::Unavailable`](scim_core::store::StoreError::Unavailable).
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// For a turn in a lane, for a connection, and for the server to accept one.
    pub wait: Duration,
    /// For a look-up.
    pub look_up: Duration,
    /// For a query of a search.
    pub search: Duration,
    /// For a statement of a transaction that writes.
    pub write: Duration,
}

impl Default for Deadlines {
    /// 5 s, and 10 s for a search or a statement that writes.
    fn default() -> Self {
        let (short, long) = (Duration::from_secs(5), Duration::from_secs(10));
        Self { wait: short, look_up: short, search: long, write: long }
    }
}
