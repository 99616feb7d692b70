//! The trait [`Database`](scim_core::sql::database::Database) for two drivers. Each file is complete: copy the file of
//! your driver.

pub mod rusqlite;
pub mod tokio_postgres;
