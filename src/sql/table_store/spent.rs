//! The cost of a commit in the database: its statements, and the rows and bytes that they read and write.
//!
//! A commit charges its cost to the work of the request. The first change that a request commits is always completed,
//! whatever it costs: no resource is too large to be deleted. A later change fails if the request has no work left.

use crate::sql::{
    database::{DatabaseError, Rows, Session},
    statement::{Dialect, Param, Statement},
};

/// Units of a statement.
const STATEMENT: u64 = 100;

/// Units of a row that a statement writes or deletes, with its index entries and its triggers.
const WRITTEN: u64 = 300;

/// Units of a row that a statement returns, such as a value of a list.
const READ: u64 = 20;

/// Bytes of returned rows per unit.
const READ_BYTES: u64 = 10;

/// Bytes of parameters per unit. PostgreSQL indexes every value of a document.
const BYTES: (u64, u64) = (4, 2);

/// A session that counts the cost of its statements.
pub(super) struct Counted<'a, S> {
    session: &'a mut S,
    /// The units so far.
    pub(super) units: u64,
}

impl<'a, S: Session> Counted<'a, S> {
    pub(super) fn new(session: &'a mut S) -> Self {
        Self { session, units: 0 }
    }

    fn add(&mut self, units: u64) {
        self.units = self.units.saturating_add(units);
    }

    /// Adds the cost of a statement whatever its result is.
    fn count(&mut self, statement: &Statement) {
        let length = |param: &Param| if let Param::Text(text) = param { text.len() } else { 0 };
        let bytes = number(statement.params().iter().map(length).sum());
        let (sqlite, postgres) = BYTES;
        let per_unit = if statement.dialect() == Dialect::Sqlite { sqlite } else { postgres };
        self.add(STATEMENT.saturating_add(bytes / per_unit));
    }
}

impl<S: Session> Session for Counted<'_, S> {
    fn dialect(&self) -> Dialect {
        self.session.dialect()
    }

    async fn query(&mut self, query: &Statement, rows: Rows) -> Result<Rows, DatabaseError> {
        self.count(query);
        let rows = self.session.query(query, rows).await?;
        self.add(number(rows.len()).saturating_mul(READ).saturating_add(number(rows.size()) / READ_BYTES));
        Ok(rows)
    }

    async fn execute(&mut self, statement: &Statement) -> Result<u64, DatabaseError> {
        self.count(statement);
        let rows = self.session.execute(statement).await?;
        self.add(rows.saturating_mul(WRITTEN));
        Ok(rows)
    }
}

fn number(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}
