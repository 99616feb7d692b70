//! The work of one request: a count of units, and the bound on it.
//!
//! The code that does the work charges it here, before it does it. Nothing here knows a value, a row or a clock.

use std::{
    future::poll_fn,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    task::Poll,
};

/// The work of one request, counted in units against [`Limits::work`](super::Limits::work).
///
/// A unit is one value that is examined, 64 bytes of text that are compared, 16 bytes that are searched for a part (`co`),
/// 64 bytes of a resource before or after a change, or one row that a store reads. All parts of a request share one count:
/// the operations of a bulk request, the operations of a PATCH, the resources of a list.
///
/// ```
/// use scim_core::limits::Work;
///
/// let work = Work::new(100);
/// assert!(work.charge(60).is_ok());
/// assert!(work.charge(41).is_err(), "refused before the bound is exceeded");
/// assert!(work.charge(40).is_ok());
/// assert_eq!(work.spent(), 100);
/// ```
#[derive(Debug)]
pub struct Work {
    limit: u64,
    spent: AtomicU64,
    /// The units that were spent at the last pause.
    paused: AtomicU64,
    /// A charge was refused.
    exceeded: AtomicBool,
}

/// A request needs more work than [`Limits::work`](super::Limits::work) allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request needs more work than {limit} units")]
pub struct WorkExceeded {
    limit: u64,
}

impl WorkExceeded {
    /// The bound, in units.
    pub const fn limit(self) -> u64 {
        self.limit
    }
}

impl Work {
    /// Bytes of text whose comparison counts as one unit.
    const BYTES: usize = 64;

    /// Units between two pauses: about a millisecond of work. An executor may look for events of its sockets only after
    /// many polls, so a poll must be short.
    pub(crate) const STRETCH: u64 = 10_000;

    /// No unit is spent yet, and at most `limit` may be.
    pub const fn new(limit: u64) -> Self {
        Self { limit, spent: AtomicU64::new(0), paused: AtomicU64::new(0), exceeded: AtomicBool::new(false) }
    }

    /// The units for a comparison with `bytes` of text: at least one.
    pub const fn of_text(bytes: usize) -> u64 {
        // No text in memory has more bytes than fit.
        1 + (bytes / Self::BYTES) as u64
    }

    /// The units for a search for a part of a text with `bytes`: a search looks at each byte more often than a comparison.
    pub const fn of_search(bytes: usize) -> u64 {
        1 + (bytes / (Self::BYTES / 4)) as u64
    }

    /// Counts `units` of work that the caller is about to do.
    ///
    /// # Errors
    ///
    /// When they exceed the bound together with the units that are spent. Then none of them counts, and the caller must
    /// not do the work.
    pub fn charge(&self, units: u64) -> Result<(), WorkExceeded> {
        let spend = |spent: u64| spent.checked_add(units).filter(|spent| *spent <= self.limit);
        let spent = self.spent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend);
        if spent.is_err() {
            self.exceeded.store(true, Ordering::Relaxed);
        }
        spent.map(drop).map_err(|_| WorkExceeded { limit: self.limit })
    }

    /// Whether a charge was refused: a part of the request was not done.
    pub fn is_exceeded(&self) -> bool {
        self.exceeded.load(Ordering::Relaxed)
    }

    /// The units that were spent.
    pub fn spent(&self) -> u64 {
        self.spent.load(Ordering::Relaxed)
    }

    /// The units that are left.
    pub fn left(&self) -> u64 {
        self.limit.saturating_sub(self.spent())
    }

    /// Lets other tasks of the thread run, if the request has spent many units since the last pause. The future wakes
    /// itself, so any executor can run it.
    pub async fn pause(&self) {
        let spent = self.spent();
        if spent.saturating_sub(self.paused.load(Ordering::Relaxed)) < Self::STRETCH {
            return;
        }
        self.paused.store(spent, Ordering::Relaxed);
        yield_now().await;
    }
}

/// Lets other tasks of the thread run. The future wakes itself, so any executor can run it.
pub(crate) async fn yield_now() {
    let mut is_first = true;
    poll_fn(|task| {
        if std::mem::take(&mut is_first) {
            task.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
}
