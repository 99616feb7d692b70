//! The cost of a request in the database, as far as only the database knows this cost: written rows, and lists that are
//! read and written again.
//!
//! The core charges a write by the size of its resource. A database pays more: an index entry for each value, a
//! row for each reference. A single operation is always completed, whatever it costs; a bulk request ends when its
//! operations have cost more than a request may.

use super::super::{
    database::{DatabaseError, Rows, Session},
    statement::{Dialect, Statement},
};
use crate::{resource::Resource, value::Value};

/// Units of a row that a statement writes or deletes.
const ROW: u64 = 300;

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

/// A session that counts the changed rows of its statements.
pub(super) struct Counted<'a, S> {
    session: &'a mut S,
    /// The units so far.
    pub(super) units: u64,
}

/// The units of this number of added references.
pub(super) fn of_added_references(dialect: Dialect, references: u64) -> u64 {
    references.saturating_mul(if dialect == Dialect::Sqlite { ADDED_REFERENCE.0 } else { ADDED_REFERENCE.1 })
}

impl<'a, S: Session> Counted<'a, S> {
    pub(super) fn new(session: &'a mut S) -> Self {
        let units = if session.dialect() == Dialect::Sqlite { 0 } else { COMMIT };
        Self { session, units }
    }

    /// Adds the cost of rows that a query has written.
    pub(super) fn count_rows(&mut self, rows: usize) {
        self.spend(u64::try_from(rows).unwrap_or(u64::MAX).saturating_mul(ROW));
    }

    /// Adds units.
    pub(super) fn spend(&mut self, units: u64) {
        self.units = self.units.saturating_add(units);
    }

    fn count_statement(&mut self) {
        if self.dialect() != Dialect::Sqlite {
            self.spend(STATEMENT);
        }
    }

    /// Counts a resource that is written completely. `before` is its earlier state.
    pub(super) fn count(&mut self, resource: &Resource, before: Option<&Resource>) {
        let size = u64::try_from(resource.size()).unwrap_or(u64::MAX);
        self.spend(size / BYTES);
        let is_sqlite = self.session.dialect() == Dialect::Sqlite;
        let lists = resource.root().iter().filter(|(attribute, value)| {
            let is_kept = || before.is_some_and(|before| before.root().get(*attribute) == Some(*value));
            !(resource.resource_type().is_reference_list(*attribute) || (is_sqlite && is_kept()))
        });
        let values = lists.map(|(_, value)| if let Value::List(values) = value { values.len() } else { 0 });
        let values = u64::try_from(values.sum::<usize>()).unwrap_or(u64::MAX);
        let each = if is_sqlite { VALUE.0 } else { VALUE.1 };
        self.spend(values.saturating_mul(each));
    }
}

impl<S: Session> Session for Counted<'_, S> {
    fn dialect(&self) -> Dialect {
        self.session.dialect()
    }

    async fn query(&mut self, query: &Statement, rows: Rows) -> Result<Rows, DatabaseError> {
        self.count_statement();
        self.session.query(query, rows).await
    }

    async fn execute(&mut self, statement: &Statement) -> Result<u64, DatabaseError> {
        self.count_statement();
        let rows = self.session.execute(statement).await?;
        self.spend(rows.saturating_mul(ROW));
        Ok(rows)
    }
}
