//! The databases that the platform keeps its data in: SQLite and PostgreSQL behind one face.
//!
//! What is here runs statements, one by one or as a transaction. It knows neither resources nor organisations: what is
//! written is said by who asks, as [`Work`], once for both databases.

use scim_core::{
    sql::{Dialect, Statement},
    store::{CommitError, StoreError},
};

/// A database with the platform's tables in it. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Database {}

impl Database {
    /// The SQL that the database speaks.
    pub fn dialect(&self) -> Dialect {
        match *self {}
    }

    /// Runs queries that see one state of the database, and gives the rows of each.
    pub async fn read(&self, _queries: Vec<Statement>) -> Result<Vec<Vec<Row>>, StoreError> {
        match *self {}
    }

    /// Runs statements as one transaction, and gives how many rows each has changed.
    pub async fn execute(&self, _statements: Vec<Statement>) -> Result<Vec<u64>, StoreError> {
        match *self {}
    }

    /// Does work as one transaction: as a whole, or not at all.
    pub async fn write<W: Work>(&self, _work: W) -> Result<W::Output, CommitError> {
        match *self {}
    }
}

/// What is done in one transaction.
pub trait Work: Send + 'static {
    /// What comes of it.
    type Output: Send + 'static;

    /// Does it. After an error nothing of it has happened.
    fn run<S: Session>(&self, session: &mut S) -> impl Future<Output = Result<Self::Output, CommitError>> + Send;
}

/// A connection, inside of a transaction.
pub trait Session: Send {
    /// The SQL that it speaks.
    fn dialect(&self) -> Dialect;

    /// The rows that a query finds.
    fn query(&mut self, query: &Statement) -> impl Future<Output = Result<Vec<Row>, StoreError>> + Send;

    /// How many rows a statement changes.
    fn execute(&mut self, statement: &Statement) -> impl Future<Output = Result<u64, StoreError>> + Send;
}

/// A row that a query has found.
#[derive(Debug)]
pub struct Row(Vec<Cell>);

/// A value in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// No value.
    Null,
    /// Text.
    Text(String),
    /// A whole number, or a truth as 0 or 1.
    Integer(i64),
}

impl Row {
    /// The text in a column, which is taken out of the row.
    ///
    /// # Errors
    ///
    /// When there is none: the tables are not as they were made.
    pub fn text(&mut self, column: usize) -> Result<String, StoreError> {
        self.optional_text(column)?.ok_or_else(|| unexpected(column))
    }

    /// The text in a column, which is taken out of the row; `None` for null.
    ///
    /// # Errors
    ///
    /// When it is a number: the tables are not as they were made.
    pub fn optional_text(&mut self, column: usize) -> Result<Option<String>, StoreError> {
        match self.0.get_mut(column).map(|cell| std::mem::replace(cell, Cell::Null)) {
            Some(Cell::Text(text)) => Ok(Some(text)),
            Some(Cell::Null) => Ok(None),
            _ => Err(unexpected(column)),
        }
    }

    /// The number in a column.
    ///
    /// # Errors
    ///
    /// When there is none: the tables are not as they were made.
    pub fn integer(&self, column: usize) -> Result<i64, StoreError> {
        self.optional_integer(column)?.ok_or_else(|| unexpected(column))
    }

    /// The number in a column; `None` for null.
    ///
    /// # Errors
    ///
    /// When it is text: the tables are not as they were made.
    pub fn optional_integer(&self, column: usize) -> Result<Option<i64>, StoreError> {
        match self.0.get(column) {
            Some(Cell::Integer(number)) => Ok(Some(*number)),
            Some(Cell::Null) => Ok(None),
            _ => Err(unexpected(column)),
        }
    }
}

fn unexpected(column: usize) -> StoreError {
    StoreError::backend(format!("column {column} of a row has another type than was expected"))
}
