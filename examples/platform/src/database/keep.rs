//! The limit on the rows of a query that are kept in memory.
//!
//! Rows are shortened and counted as they arrive, so that the discarded rows are never in memory together.

use std::{fmt, sync::Arc};

use scim_core::store::StoreError;

use super::Row;

/// Shortens a row: removes data that is not read later.
type Shorten = dyn Fn(&mut Row) -> Result<(), StoreError> + Send + Sync;

/// The limit on the rows of a query that are kept.
#[derive(Clone)]
pub struct Keep {
    bytes: usize,
    /// The first of the columns whose bytes count twice.
    doubled: usize,
    shorten: Option<Arc<Shorten>>,
}

impl Default for Keep {
    /// A limit of 64 MiB.
    fn default() -> Self {
        Self::within(64 << 20)
    }
}

impl Keep {
    /// Keeps the first row, and the rows after it until all of them take about `bytes`.
    pub const fn within(bytes: usize) -> Self {
        Self { bytes, doubled: usize::MAX, shorten: None }
    }

    /// Counts the bytes of this column and of the columns after it twice: for text that takes more memory once it
    /// is parsed.
    #[must_use]
    pub const fn doubled_from(mut self, column: usize) -> Self {
        self.doubled = column;
        self
    }

    /// Shortens each row before it is counted.
    #[must_use]
    pub fn shortened(mut self, shorten: impl Fn(&mut Row) -> Result<(), StoreError> + Send + Sync + 'static) -> Self {
        self.shorten = Some(Arc::new(shorten));
        self
    }

    /// Collects the rows of one query as they arrive.
    pub(super) fn rows(&self) -> Kept<'_> {
        Kept { keep: self, rows: Vec::new(), room: self.bytes, is_cut: false }
    }
}

impl fmt::Debug for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keep").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// The result of queries.
#[derive(Debug, Default)]
pub struct Found {
    /// The rows of each query.
    pub rows: Vec<Vec<Row>>,
    /// Whether the last of these queries has more rows than were kept. The queries after it did not run.
    pub is_cut: bool,
}

/// The rows of one query up to the limit.
pub(super) struct Kept<'a> {
    keep: &'a Keep,
    pub(super) rows: Vec<Row>,
    room: usize,
    /// Whether a row was discarded.
    pub(super) is_cut: bool,
}

impl Kept<'_> {
    /// Keeps a row if there is room for it. Returns whether there may be room for another row.
    pub(super) fn add(&mut self, mut row: Row) -> Result<bool, StoreError> {
        if let Some(shorten) = &self.keep.shorten {
            shorten(&mut row)?;
        }
        let left = self.room.checked_sub(row.size() + row.text_from(self.keep.doubled));
        if left.is_none() && !self.rows.is_empty() {
            self.is_cut = true;
            return Ok(false);
        }
        self.room = left.unwrap_or_default();
        self.rows.push(row);
        Ok(true)
    }
}
