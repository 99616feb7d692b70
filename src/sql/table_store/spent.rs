//! The cost of a commit in the database: its statements, and the rows and bytes that they read and write.
//!
//! A commit charges its cost to the work of the request. The first change that a request commits is always completed,
//! whatever it costs: no resource is too large to be deleted. A later change fails if the request has no work left.

use crate::sql::{counted::Rates, statement::Dialect};

/// Units of a statement.
const STATEMENT: u64 = 100;

/// Units of a row that a statement returns, such as a value of a list, and bytes of returned rows per unit.
const READ: (u64, u64) = (20, 10);

/// Bytes of parameters per unit. PostgreSQL indexes every value of a document.
const BYTES: (u64, u64) = (4, 2);

/// The units of the statements of a commit.
pub(super) fn rates(dialect: Dialect) -> Rates {
    let (sqlite, postgres) = BYTES;
    let bytes = if dialect == Dialect::Sqlite { sqlite } else { postgres };
    Rates { statement: STATEMENT, bytes: Some(bytes), read: Some(READ) }
}
