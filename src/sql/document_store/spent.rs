//! The cost of a request in the database, as far as only the database knows this cost: written rows, and lists that are
//! read and written again.
//!
//! The core charges a write by the size of its resource. A database pays more: an index entry for each value, a
//! row for each reference. A single operation is always completed, whatever it costs; a bulk request ends when its
//! operations have cost more than a request may.

use super::super::{counted::Rates, statement::Dialect};
use crate::{resource::Resource, value::Value};

/// Units of a statement of a commit, besides its rows, and of the commit itself: only PostgreSQL is another process, to
/// which each statement travels, and which writes its log for each commit.
const STATEMENT: u64 = 1_200;
const COMMIT: u64 = 10_000;

/// Units of a reference that a statement adds, besides its row: in SQLite, and in PostgreSQL. Its target is looked up,
/// and the element is written as JSON and read again.
const ADDED_REFERENCE: (u64, u64) = (500, 3_000);

/// Units of a value of a list: of a changed list in SQLite, where the value has rows of its own, and of every list in
/// PostgreSQL, where a new version of a row has new index entries for all values.
const VALUE: (u64, u64) = (150, 80);

/// Bytes of a resource whose writing costs a unit.
const BYTES: u64 = 3;

/// Bytes of a document whose reading costs a unit.
const READ: usize = 10;

/// The units of a resource that was read, by the bytes of its document and of its lists.
pub(super) fn of_read(document: usize, lists: usize) -> u64 {
    u64::try_from((document / READ).saturating_add(lists)).unwrap_or(u64::MAX)
}

/// The units of the statements of a commit, besides the content of its resources.
pub(super) fn rates(dialect: Dialect) -> Rates {
    Rates { statement: if dialect == Dialect::Sqlite { 0 } else { STATEMENT }, bytes: None, read: None }
}

/// The units of a commit before its first statement.
pub(super) fn of_commit(dialect: Dialect) -> u64 {
    if dialect == Dialect::Sqlite { 0 } else { COMMIT }
}

/// The units of this number of added references.
pub(super) fn of_added_references(dialect: Dialect, references: u64) -> u64 {
    references.saturating_mul(if dialect == Dialect::Sqlite { ADDED_REFERENCE.0 } else { ADDED_REFERENCE.1 })
}

/// The units of a resource that is written completely. `before` is its earlier state.
pub(super) fn of_written(dialect: Dialect, resource: &Resource, before: Option<&Resource>) -> u64 {
    let size = u64::try_from(resource.size()).unwrap_or(u64::MAX);
    let is_sqlite = dialect == Dialect::Sqlite;
    let lists = resource.root().iter().filter(|(attribute, value)| {
        let is_kept = || before.is_some_and(|before| before.root().get(*attribute) == Some(*value));
        !(resource.resource_type().is_reference_list(*attribute) || (is_sqlite && is_kept()))
    });
    let values = lists.map(|(_, value)| if let Value::List(values) = value { values.len() } else { 0 });
    let values = u64::try_from(values.sum::<usize>()).unwrap_or(u64::MAX);
    let each = if is_sqlite { VALUE.0 } else { VALUE.1 };
    (size / BYTES).saturating_add(values.saturating_mul(each))
}
