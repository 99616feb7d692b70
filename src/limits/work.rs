//! The work of one request: a count of units, and the bound on it.
//!
//! The code that does the work charges it to [`Work`], before it does the work. This module knows no values, rows or
//! clocks.

use std::{
    future::poll_fn,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    task::Poll,
};

/// The work of one request, counted in units against [`Limits::work`](super::Limits::work).
///
/// A unit is one examined value, 64 bytes of compared text, 16 bytes of text that are searched for a substring (`co`),
/// 64 bytes of a resource before or after a change, or one row that a store reads. All parts of a request share one
/// count: the operations of a bulk request, the operations of a PATCH, the resources of a list.
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
    /// Whether a charge was refused.
    exceeded: AtomicBool,
}

/// The error when a request needs more work than [`Limits::work`](super::Limits::work) allows.
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

    /// Units between two pauses: about a millisecond of work. An executor may check its sockets only after many polls,
    /// so a poll must be short.
    pub(crate) const STRETCH: u64 = 10_000;

    /// An account with `limit` units, none of them spent.
    pub const fn new(limit: u64) -> Self {
        Self { limit, spent: AtomicU64::new(0), paused: AtomicU64::new(0), exceeded: AtomicBool::new(false) }
    }

    /// The units for a comparison with `bytes` of text: at least 1.
    pub const fn of_text(bytes: usize) -> u64 {
        // Lossless: a length in memory fits `u64`.
        1 + (bytes / Self::BYTES) as u64
    }

    /// The units for a substring search in a text of `bytes`: a search examines each byte more often than a comparison
    /// does.
    pub const fn of_search(bytes: usize) -> u64 {
        1 + (bytes / (Self::BYTES / 4)) as u64
    }

    /// Counts `units` of work that the caller is about to do.
    ///
    /// # Errors
    ///
    /// When the units that are spent and these units together exceed the bound. Then these units are not counted, and
    /// the caller must not do the work.
    pub fn charge(&self, units: u64) -> Result<(), WorkExceeded> {
        let spend = |spent: u64| spent.checked_add(units).filter(|spent| *spent <= self.limit);
        let spent = self.spent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend);
        if spent.is_err() {
            self.exceeded.store(true, Ordering::Relaxed);
        }
        spent.map(drop).map_err(|_| WorkExceeded { limit: self.limit })
    }

    /// Counts `units` of work that is done already, up to the bound.
    #[cfg(feature = "sql")]
    pub(crate) fn spend(&self, units: u64) {
        let spend = |spent: u64| Some(spent.saturating_add(units).min(self.limit));
        // The update succeeds: `spend` always gives a number.
        self.spent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend).unwrap_or_else(|spent| spent);
    }

    /// Whether a charge was refused: a part of the request was then not done.
    pub fn is_exceeded(&self) -> bool {
        self.exceeded.load(Ordering::Relaxed)
    }

    /// The number of units that were spent.
    pub fn spent(&self) -> u64 {
        self.spent.load(Ordering::Relaxed)
    }

    /// The number of units that are left.
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
