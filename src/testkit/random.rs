//! Pseudo-random numbers. The same seed gives the same numbers, so that a failure can be repeated.

use std::{fmt, sync::Arc};

/// xorshift64*: small, and good enough to choose test data.
#[derive(Clone)]
pub(super) struct Random {
    state: u64,
    ids: Option<Arc<IdOf>>,
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Random").field("state", &self.state).finish_non_exhaustive()
    }
}

/// Makes the id of a resource from a number.
pub(super) type IdOf = dyn Fn(u64) -> String + Send + Sync;

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        // A state of zero would stay zero, and neighboring seeds must give different numbers.
        let mut random = Self { state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1, ids: None };
        random.next();
        random
    }

    /// The same numbers, with ids of the host's form.
    pub(super) fn with_ids(self, ids: Option<Arc<IdOf>>) -> Self {
        Self { ids, ..self }
    }

    pub(super) fn next(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `end`; 0 if `end` is 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from((self.next() >> 16) % end).unwrap_or_default()
    }

    /// Returns `true` once in `times` calls on average.
    pub(super) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(super) fn choose<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.below(all.len()))
    }

    /// An id: in the form of a UUID, unless the host's ids have another form.
    pub(super) fn id(&mut self) -> String {
        if let Some(ids) = self.ids.clone() {
            return ids(self.next());
        }
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 48 & 0xfff,
            low & 0xffff_ffff_ffff,
        )
    }
}
