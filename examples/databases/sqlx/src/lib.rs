//! The trait [`Database`](scim_core::sql::database::Database) for `sqlx`, with SQLite and with PostgreSQL. Each file is
//! complete: copy the file of your database.

pub mod postgres;
pub mod sqlite;
