//! How much of the rows of a query is kept in memory.
//!
//! Rows are shortened and counted as they arrive, so that what is not kept was never in memory together.

use std::{fmt, sync::Arc};

use scim_core::store::StoreError;

use super::Row;

/// Makes a row shorter: leaves out of it what nobody will read.
type Shorten = dyn Fn(&mut Row) -> Result<(), StoreError> + Send + Sync;

/// How much of the rows of a query is kept.
#[derive(Clone)]
pub struct Keep {
    bytes: usize,
    /// The first of the columns whose bytes count twice.
    doubled: usize,
    shorten: Option<Arc<Shorten>>,
}

impl Default for Keep {
    /// 64 MiB.
    fn default() -> Self {
        Self::within(64 << 20)
    }
}

impl Keep {
    /// Keeps the first row, and as many after it as take about `bytes` together with it.
    pub const fn within(bytes: usize) -> Self {
        Self { bytes, doubled: usize::MAX, shorten: None }
    }

    /// Counts the bytes of this column and of the columns behind it twice: for text that takes more memory once it is read.
    #[must_use]
    pub const fn doubled_from(mut self, column: usize) -> Self {
        self.doubled = column;
        self
    }

    /// Makes each row shorter before it is counted.
    #[must_use]
    pub fn shortened(mut self, shorten: impl Fn(&mut Row) -> Result<(), StoreError> + Send + Sync + 'static) -> Self {
        self.shorten = Some(Arc::new(shorten));
        self
    }

    /// The rows of one query, as they arrive.
    pub(super) fn rows(&self) -> Kept<'_> {
        Kept { keep: self, rows: Vec::new(), room: self.bytes, is_cut: false }
    }
}

impl fmt::Debug for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keep").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// What queries have found.
#[derive(Debug, Default)]
pub struct Found {
    /// The rows of each query.
    pub rows: Vec<Vec<Row>>,
    /// Whether the last of these queries has more rows than were kept. The queries behind it did not run.
    pub is_cut: bool,
}

/// The rows of one query up to their bound.
pub(super) struct Kept<'a> {
    keep: &'a Keep,
    pub(super) rows: Vec<Row>,
    room: usize,
    /// Whether a row was not kept.
    pub(super) is_cut: bool,
}

impl Kept<'_> {
    /// Keeps a row if there is room for it. Returns whether there may be room for another.
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
