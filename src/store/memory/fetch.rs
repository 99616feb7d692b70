//! Rows are fetched into the processor's cache many at a time. A read that waits for no other read costs a fraction of a read
//! that does, and a table of many rows is larger than the cache.
//!
//! This file reads rows and knows no query.

use std::{hint::black_box, sync::Arc};

use super::tenant::Row;
use crate::{
    resource::{Resource, Sort},
    value::Value,
};

/// The number of rows that are fetched at a time.
pub(super) const FETCHED: usize = 32;

/// The number of attributes of a row that are fetched.
const ATTRIBUTES: usize = 16;

/// Fetches rows up to the values of their attributes, and to the text by which they are sorted. An evaluation of the rows
/// would wait for each of them. The work for a row is bounded: no list is read.
pub(super) fn fetch(rows: &[Arc<Row>], sort: Option<&Sort>) {
    let resources = || rows.iter().map(|row| &row.head.resource);
    let found = (
        resources().map(|resource| Arc::as_ptr(resource).addr()).fold(0, usize::wrapping_add),
        resources().map(|resource| resource.root().len()).sum::<usize>(),
        // Two attributes share a line of the cache.
        resources().flat_map(|resource| resource.root().iter().take(ATTRIBUTES).step_by(2)).map(|(id, _)| id).max(),
        sort.and_then(|sort| resources().filter_map(|resource| first_byte(resource, sort)).max()),
    );
    black_box(found);
}

/// The first byte of the text by which a resource is sorted, if the text is at the top of the resource. The search for the
/// primary value of a list would read the whole list.
fn first_byte(resource: &Resource, sort: &Sort) -> Option<u8> {
    match resource.root().get(sort.attribute())? {
        Value::String(text) => text.as_bytes().first().copied(),
        _ => None,
    }
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
