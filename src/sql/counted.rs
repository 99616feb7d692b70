//! A session that counts the cost of its statements, for the charge of a commit.

use super::{
    database::{DatabaseError, Rows, Session},
    statement::{Dialect, Param, Statement},
};

/// Units of a row that a statement writes or deletes, with its index entries and its triggers.
const WRITTEN: u64 = 300;

/// The units of a statement, besides the rows that it writes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    /// Units of each statement.
    pub(super) statement: u64,
    /// Bytes of parameters per unit; `None` if the store counts the content of resources itself.
    pub(super) bytes: Option<u64>,
    /// Units of a row that a statement returns, and bytes of these rows per unit; `None` if they cost nothing.
    pub(super) read: Option<(u64, u64)>,
}

/// A session that counts the cost of its statements.
pub(super) struct Counted<'a, S> {
    session: &'a mut S,
    rates: Rates,
    /// The units so far.
    pub(super) units: u64,
}

impl<'a, S: Session> Counted<'a, S> {
    pub(super) fn new(session: &'a mut S, rates: Rates) -> Self {
        Self { session, rates, units: 0 }
    }

    /// Adds units.
    pub(super) fn spend(&mut self, units: u64) {
        self.units = self.units.saturating_add(units);
    }

    /// Adds the cost of rows that a statement has written.
    pub(super) fn count_written(&mut self, rows: u64) {
        self.spend(rows.saturating_mul(WRITTEN));
    }

    /// Adds the cost of a statement whatever its result is.
    fn count(&mut self, statement: &Statement) {
        self.spend(self.rates.statement);
        if let Some(bytes) = self.rates.bytes {
            let length = |param: &Param| if let Param::Text(text) = param { text.len() } else { 0 };
            self.spend(number(statement.params().iter().map(length).sum()) / bytes);
        }
    }
}

impl<S: Session> Session for Counted<'_, S> {
    fn dialect(&self) -> Dialect {
        self.session.dialect()
    }

    async fn query(&mut self, query: &Statement, rows: Rows) -> Result<Rows, DatabaseError> {
        self.count(query);
        let rows = self.session.query(query, rows).await?;
        if let Some((row, bytes)) = self.rates.read {
            self.spend(number(rows.len()).saturating_mul(row).saturating_add(number(rows.size()) / bytes));
        }
        Ok(rows)
    }

    async fn execute(&mut self, statement: &Statement) -> Result<u64, DatabaseError> {
        self.count(statement);
        let rows = self.session.execute(statement).await?;
        self.count_written(rows);
        Ok(rows)
    }
}

fn number(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}
