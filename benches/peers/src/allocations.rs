//! Counts allocations. A vector that grows is counted once.

use std::hint::black_box;

use alloc_counter::{AllocCounterSystem, count_alloc};

#[global_allocator]
static ALLOCATOR: AllocCounterSystem = AllocCounterSystem;

/// The allocations of some work.
pub(crate) fn allocations<T>(work: impl FnOnce() -> T) -> usize {
    let ((count, _, _), result) = count_alloc(|| black_box(work()));
    drop(result);
    count
}

/// The allocations of one of several equal pieces of work: the median, since a collection grows at some of them.
pub(crate) fn typical(counts: impl IntoIterator<Item = usize>) -> usize {
    let mut counts: Vec<usize> = counts.into_iter().collect();
    counts.sort_unstable();
    counts.get(counts.len() / 2).copied().unwrap_or_default()
}
