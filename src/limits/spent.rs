//! The cost of one request in the database of a store, as far as only the database knows this cost: written rows, and
//! lists that are read and written again.
//!
//! This count is separate from [`Work`](super::Work), which bounds the work of a request before it is done. A single
//! operation is always completed, whatever it costs the database. A request with many operations ends when they have
//! cost more than a request may.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The maximum number of units of a request; a unit is some 0.1 µs.
const MOST: u64 = 10_000_000;

/// The cost of one request so far.
#[derive(Debug)]
pub(crate) struct Spent {
    units: AtomicU64,
    has_written: AtomicBool,
}

impl Spent {
    /// No cost yet.
    pub(crate) const fn new() -> Self {
        Self { units: AtomicU64::new(0), has_written: AtomicBool::new(false) }
    }

    /// Adds the cost of a resource that was read.
    pub(crate) fn read(&self, units: u64) {
        self.units.fetch_add(units, Ordering::Relaxed);
    }

    /// Whether the request may read one more resource.
    pub(crate) fn may_read(&self) -> bool {
        self.units.load(Ordering::Relaxed) < MOST
    }

    /// Adds the cost of a commit.
    pub(crate) fn write(&self, units: u64) {
        self.units.fetch_add(units, Ordering::Relaxed);
        self.has_written.store(true, Ordering::Relaxed);
    }

    /// The units that the next commit may cost before it must end; `None` if it must not begin.
    pub(crate) fn left(&self) -> Option<u64> {
        let left = MOST.saturating_sub(self.units.load(Ordering::Relaxed));
        (left > 0 || !self.has_written.load(Ordering::Relaxed)).then_some(left)
    }
}
