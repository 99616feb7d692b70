//! Rows are fetched into the processor's cache many at a time, since reads that do not wait for each other overlap.
//!
//! This file reads rows and knows no query.

use std::{hint::black_box, sync::Arc};

use super::tenant::Row;
use crate::filter::FETCHED;

/// Shares rows. The change of a row's counter waits for the row, and no later read begins before the change is done. So the
/// rows are fetched first.
pub(super) fn share<'r>(mut rows: impl Iterator<Item = &'r Arc<Row>>) -> Vec<Arc<Row>> {
    let mut shared = Vec::new();
    let mut some = Vec::with_capacity(FETCHED);
    loop {
        some.extend(rows.by_ref().take(FETCHED));
        if some.is_empty() {
            return shared;
        }
        black_box(some.iter().map(|row| Arc::strong_count(row)).max());
        shared.extend(some.drain(..).map(Arc::clone));
    }
}
