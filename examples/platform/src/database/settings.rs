//! The deadlines for a database, and the way to reach PostgreSQL.

use std::time::Duration;

/// The settings for the use of a database.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// The time limits for waiting for the database.
    pub deadlines: Deadlines,
    /// Whether the URL names a pooler, such as PgBouncer in transaction mode. Then each transaction sets its time
    /// limits by statements, and no statement stays prepared. Has no effect on SQLite.
    pub pooler: bool,
}

/// The time limits for waiting for a database.
///
/// A request that reaches a limit fails: with [`StoreError::TooMany`](scim_core::store::StoreError::TooMany) where
/// the database works on a search that is too large, and otherwise with
/// [`StoreError::Unavailable`](scim_core::store::StoreError::Unavailable).
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// The limit for a turn in a lane, for a connection, and for the server to accept a connection.
    pub wait: Duration,
    /// The limit for a look-up.
    pub look_up: Duration,
    /// The limit for a query of a search.
    pub search: Duration,
    /// The limit for a statement of a transaction that writes.
    pub write: Duration,
}

impl Default for Deadlines {
    /// 5 s, and 10 s for a search or a statement that writes.
    fn default() -> Self {
        let (short, long) = (Duration::from_secs(5), Duration::from_secs(10));
        Self { wait: short, look_up: short, search: long, write: long }
    }
}
