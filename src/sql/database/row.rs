//! The rows of a query.

use std::{fmt, sync::Arc};

use super::DatabaseError;
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
        size_of::<Self>() + self.0.len() * size_of::<Cell>() + self.text_size(0)
    }

    /// The bytes of the texts in this column and in the columns after it.
    pub fn text_size(&self, column: usize) -> usize {
        let text = |cell: &Cell| if let Cell::Text(text) = cell { text.len() } else { 0 };
        self.0.iter().skip(column).map(text).sum()
    }

    /// Puts a cell into a column; nothing if the row has no such column.
    pub fn set(&mut self, column: usize, cell: Cell) {
        if let Some(place) = self.0.get_mut(column) {
            *place = cell;
        }
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

    /// Takes the text of a column that is never null.
    ///
    /// # Errors
    ///
    /// [`StoreError::Backend`] when the cell has no text.
    pub fn required_text(&mut self, column: usize) -> Result<String, StoreError> {
        self.text(column)?.ok_or_else(|| unexpected(column, "text"))
    }

    /// The whole number of a column; `None` for no value.
    ///
    /// # Errors
    ///
    /// [`StoreError::Backend`] when the cell has another type.
    pub fn integer(&self, column: usize) -> Result<Option<i64>, StoreError> {
        match self.0.get(column) {
            Some(Cell::Null) | None => Ok(None),
            Some(Cell::Integer(number)) => Ok(Some(*number)),
            Some(Cell::Text(_) | Cell::Boolean(_)) => Err(unexpected(column, "a whole number")),
        }
    }

    /// The whole number of a column that is never null.
    ///
    /// # Errors
    ///
    /// [`StoreError::Backend`] when the cell has no whole number.
    pub fn required_integer(&self, column: usize) -> Result<i64, StoreError> {
        self.integer(column)?.ok_or_else(|| unexpected(column, "a whole number"))
    }

    /// The boolean of a column; `None` for no value. A whole number is true unless it is 0.
    ///
    /// # Errors
    ///
    /// [`StoreError::Backend`] when the cell is text.
    pub fn boolean(&self, column: usize) -> Result<Option<bool>, StoreError> {
        match self.0.get(column) {
            Some(Cell::Null) | None => Ok(None),
            Some(Cell::Boolean(truth)) => Ok(Some(*truth)),
            Some(Cell::Integer(number)) => Ok(Some(*number != 0)),
            Some(Cell::Text(_)) => Err(unexpected(column, "a boolean")),
        }
    }
}

fn unexpected(column: usize, expected: &str) -> StoreError {
    StoreError::backend(format!("expected {expected} in column {column} of a row"))
}

/// Removes data from a row.
type Shorten = dyn Fn(&mut Row) -> Result<(), StoreError> + Send + Sync;

/// The first rows of a query's result, up to a number of bytes.
///
/// ```
/// use scim_core::sql::database::{Cell, Row, Rows};
///
/// let long = || Row::new(vec![Cell::Text("x".repeat(600))]);
/// let mut rows = Rows::within(1_000);
/// // The first row is always kept.
/// assert!(rows.add(long())?);
/// assert!(!rows.add(long())?);
/// assert!(rows.is_cut());
/// assert_eq!(rows.into_rows().len(), 1);
/// # Ok::<(), scim_core::sql::database::DatabaseError>(())
/// ```
#[derive(Clone)]
pub struct Rows {
    kept: Vec<Row>,
    size: usize,
    bytes: usize,
    is_cut: bool,
    /// The first of the columns whose texts count twice.
    doubled: usize,
    shorten: Option<Arc<Shorten>>,
}

impl fmt::Debug for Rows {
    /// Omits the function that shortens rows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kept, size, bytes, is_cut, doubled, .. } = self;
        let mut rows = f.debug_struct("Rows");
        rows.field("kept", kept).field("size", size).field("bytes", bytes).field("is_cut", is_cut);
        rows.field("doubled", doubled).finish_non_exhaustive()
    }
}

impl Default for Rows {
    /// Space for 64 MiB.
    fn default() -> Self {
        Self::within(64 << 20)
    }
}

impl Rows {
    /// No rows yet, and space for rows of this total [size](Row::size).
    pub const fn within(bytes: usize) -> Self {
        Self { kept: Vec::new(), size: 0, bytes, is_cut: false, doubled: usize::MAX, shorten: None }
    }

    /// Counts the texts of this column and of the columns after it twice: for text that takes more memory once it is
    /// parsed.
    #[must_use]
    pub const fn doubled_from(mut self, column: usize) -> Self {
        self.doubled = column;
        self
    }

    /// Shortens each row before it is counted, so that data that the store does not read later is never in memory for all rows
    /// together.
    ///
    /// ```
    /// use scim_core::sql::database::{Cell, Row, Rows};
    ///
    /// let first = |row: &mut Row| {
    ///     let text = row.required_text(0)?;
    ///     row.set(0, Cell::Text(text.chars().take(1).collect()));
    ///     Ok(())
    /// };
    /// let mut rows = Rows::within(1_000).shortened(first);
    /// for _ in 0..3 {
    ///     assert!(rows.add(Row::new(vec![Cell::Text("x".repeat(600))]))?);
    /// }
    /// assert_eq!(rows.into_rows()[0].required_text(0)?, "x");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn shortened(mut self, shorten: impl Fn(&mut Row) -> Result<(), StoreError> + Send + Sync + 'static) -> Self {
        self.shorten = Some(Arc::new(shorten));
        self
    }

    /// Adds a row unless it does not fit. Returns `false` if the row did not fit: the session then reads no further.
    /// The first row always fits.
    ///
    /// # Errors
    ///
    /// Those of the function that [shortens](Rows::shortened) rows.
    pub fn add(&mut self, mut row: Row) -> Result<bool, DatabaseError> {
        if let Some(shorten) = &self.shorten {
            shorten(&mut row).map_err(|error| match error {
                StoreError::Backend(source) => DatabaseError::Other(source),
                StoreError::Busy => DatabaseError::Busy,
                StoreError::TooMany => DatabaseError::TooMany,
                StoreError::Unavailable { retry_after } => {
                    DatabaseError::Unavailable { retry_after, source: error.into() }
                }
                error => DatabaseError::Other(error.into()),
            })?;
        }
        let size = self.size.saturating_add(row.size()).saturating_add(row.text_size(self.doubled));
        if self.is_cut || (size > self.bytes && !self.kept.is_empty()) {
            self.is_cut = true;
            return Ok(false);
        }
        self.size = size;
        self.kept.push(row);
        Ok(true)
    }

    /// The total size of the rows, in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
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
