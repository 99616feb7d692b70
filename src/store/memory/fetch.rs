//! Rows are fetched into the processor's cache many at a time. A read that waits for no other read costs a fraction of a read
//! that does, and a table of many rows is larger than the cache.
//!
//! This file reads rows and knows no query.

use std::{hint::black_box, sync::Arc};

use super::tenant::Row;
use crate::filter::{FETCHED, Lookahead};

/// Fetches rows up to the values that an evaluation reads. An evaluation of the rows would wait for each of them. One row
/// alone has no other row to wait for at the same time.
pub(super) fn fetch(rows: &[Arc<Row>], lookahead: &Lookahead) {
    if rows.len() < 2 {
        return;
    }
    let resources = rows.iter().map(|row| &row.head.resource);
    black_box(resources.clone().map(|resource| Arc::as_ptr(resource).addr()).fold(0, usize::wrapping_add));
    lookahead.fetch(&resources.map(|resource| resource.root()));
}

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
