//! The trait [`Database`](scim_core::sql::database::Database) for two drivers. Each file is complete: copy the file of
//! your driver. The [applications] have layouts for the tables of real applications.

pub mod applications;
pub mod rusqlite;
pub mod tokio_postgres;
