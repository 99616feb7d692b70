//! The rows of a query.

use std::fmt;

use crate::store::StoreError;

/// A value in a row.
#[derive(Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every expression that the library selects has one of these types")]
pub enum Cell {
    /// No value.
    Null,
    /// Text: `text` in PostgreSQL, TEXT in SQLite.
    Text(String),
    /// A whole number: `bigint` in PostgreSQL, INTEGER in SQLite. SQLite's booleans are whole numbers.
    Integer(i64),
    /// A boolean: `boolean` in PostgreSQL.
    Boolean(bool),
}

impl fmt::Debug for Cell {
    /// Omits the value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "Null",
            Self::Text(_) => "Text",
            Self::Integer(_) => "Integer",
            Self::Boolean(_) => "Boolean",
        })
    }
}

/// A row of a query's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(Vec<Cell>);

impl Row {
    /// A row with these cells, in the order of the columns.
    pub fn new(cells: Vec<Cell>) -> Self {
        Self(cells)
    }

    /// The approximate size of the row in memory, in bytes.
    pub fn size(&self) -> usize {
        let text = |cell: &Cell| if let Cell::Text(text) = cell { text.len() } else { 0 };
        size_of::<Self>() + self.0.len() * size_of::<Cell>() + self.0.iter().map(text).sum::<usize>()
    }

    /// Takes the cell of a column out of the row; [`Cell::Null`] if the row has no such column.
    pub fn take(&mut self, column: usize) -> Cell {
        self.0.get_mut(column).map_or(Cell::Null, |cell| std::mem::replace(cell, Cell::Null))
    }

    /// Takes the text of a column; `None` for no value.
    ///
    /// # Errors
    ///
    /// [`StoreError::Backend`] when the cell has another type.
    pub fn text(&mut self, column: usize) -> Result<Option<String>, StoreError> {
        match self.take(column) {
            Cell::Null => Ok(None),
            Cell::Text(text) => Ok(Some(text)),
            Cell::Integer(_) | Cell::Boolean(_) => Err(unexpected(column, "text")),
        }
    }

    /// Takes the whole number of a column; `None` for no value.
    ///
    /// # Errors
    ///
    /// [`StoreError::Backend`] when the cell has another type.
    pub fn integer(&mut self, column: usize) -> Result<Option<i64>, StoreError> {
        match self.take(column) {
            Cell::Null => Ok(None),
            Cell::Integer(number) => Ok(Some(number)),
            Cell::Text(_) | Cell::Boolean(_) => Err(unexpected(column, "a whole number")),
        }
    }

    /// Takes the boolean of a column; `None` for no value. A whole number is true unless it is 0.
    ///
    /// # Errors
    ///
    /// [`StoreError::Backend`] when the cell is text.
    pub fn boolean(&mut self, column: usize) -> Result<Option<bool>, StoreError> {
        match self.take(column) {
            Cell::Null => Ok(None),
            Cell::Boolean(truth) => Ok(Some(truth)),
            Cell::Integer(number) => Ok(Some(number != 0)),
            Cell::Text(_) => Err(unexpected(column, "a boolean")),
        }
    }
}

fn unexpected(column: usize, expected: &str) -> StoreError {
    StoreError::backend(format!("expected {expected} in column {column} of a row"))
}

/// The first rows of a query's result, up to a number of bytes.
///
/// ```
/// use scim_core::sql::database::{Cell, Row, Rows};
///
/// let long = || Row::new(vec![Cell::Text("x".repeat(600))]);
/// let mut rows = Rows::within(1_000);
/// // The first row is always kept.
/// assert!(rows.add(long()));
/// assert!(!rows.add(long()));
/// assert!(rows.is_cut());
/// assert_eq!(rows.into_rows().len(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct Rows {
    kept: Vec<Row>,
    size: usize,
    bytes: usize,
    is_cut: bool,
}

impl Rows {
    /// No rows yet, and space for rows of this total [size](Row::size).
    pub fn within(bytes: usize) -> Self {
        Self { kept: Vec::new(), size: 0, bytes, is_cut: false }
    }

    /// Adds a row unless it does not fit. Returns `false` if the row did not fit: the session then reads no further.
    /// The first row always fits.
    pub fn add(&mut self, row: Row) -> bool {
        let size = self.size.saturating_add(row.size());
        if self.is_cut || (size > self.bytes && !self.kept.is_empty()) {
            self.is_cut = true;
            return false;
        }
        self.size = size;
        self.kept.push(row);
        true
    }

    /// The total size of the rows, in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The number of rows.
    pub(in crate::sql) fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether a row did not fit.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The rows.
    pub fn into_rows(self) -> Vec<Row> {
        self.kept
    }
}
