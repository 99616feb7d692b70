//! The bytes that the requests of each organization hold at this time, and a bound on the sum.
//!
//! Beyond the bound, the organization that holds the most bytes loses its oldest holding. No organization holds
//! more than half of the bound. A client that sends or reads slowly therefore costs its own organization, not the
//! others.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// The held bytes, by holding and by organization.
#[derive(Debug)]
pub(super) struct Ledger {
    bound: usize,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    next: u64,
    total: usize,
    holdings: BTreeMap<u64, Entry>,
    owners: HashMap<Arc<str>, usize>,
}

#[derive(Debug)]
struct Entry {
    owner: Arc<str>,
    bytes: usize,
    /// Notified when the ledger takes the holding away; `None` if the ledger must not take it away.
    lost: Option<Arc<Notify>>,
}

/// A place in the ledger, which ends when this value is dropped.
#[derive(Debug)]
pub(super) struct Holding {
    ledger: Arc<Ledger>,
    number: u64,
}

impl Ledger {
    /// Creates a ledger that holds at most `bound` bytes.
    pub(super) fn new(bound: usize) -> Arc<Self> {
        Arc::new(Self { bound, books: Mutex::default() })
    }

    /// Opens a holding of 0 bytes. `lost` is notified if the ledger takes the holding away.
    pub(super) fn open(self: &Arc<Self>, owner: &Arc<str>, lost: Arc<Notify>) -> Holding {
        let mut books = self.locked();
        let number = books.next;
        books.next += 1;
        books.holdings.insert(number, Entry { owner: Arc::clone(owner), bytes: 0, lost: Some(lost) });
        Holding { ledger: Arc::clone(self), number }
    }

    fn locked(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Holding {
    /// Adds bytes. Returns `false` if there is no room for them, or the ledger took the holding away before; the
    /// holding is then empty.
    pub(super) fn grow(&self, bytes: usize) -> bool {
        let mut books = self.ledger.locked();
        let Some(entry) = books.holdings.get_mut(&self.number) else { return false };
        entry.bytes = entry.bytes.saturating_add(bytes);
        let owner = Arc::clone(&entry.owner);
        books.total = books.total.saturating_add(bytes);
        let of_owner = books.owners.entry(Arc::clone(&owner)).or_default();
        *of_owner = of_owner.saturating_add(bytes);
        while let Some(excess) = books.excess(&owner, self.ledger.bound) {
            let victim = books.victim(excess).unwrap_or(self.number);
            books.close(victim);
            if victim == self.number {
                return false;
            }
        }
        true
    }

    /// Protects the holding from being taken away by the ledger. Returns `false` if the ledger took it away before.
    pub(super) fn keep(&self) -> bool {
        let mut books = self.ledger.locked();
        let entry = books.holdings.get_mut(&self.number);
        entry.is_some_and(|entry| {
            entry.lost = None;
            true
        })
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        let mut books = self.ledger.locked();
        if let Some(entry) = books.holdings.get_mut(&self.number) {
            // The owner drops the holding and needs no notice.
            entry.lost = None;
        }
        books.close(self.number);
    }
}

/// The rule that is broken.
#[derive(Clone, Copy)]
enum Excess<'a> {
    /// One organization holds more than its share.
    Share(&'a Arc<str>),
    /// All together hold more than the bound.
    Bound,
}

impl Books {
    fn excess<'a>(&self, owner: &'a Arc<str>, bound: usize) -> Option<Excess<'a>> {
        if self.owners.get(owner).is_some_and(|bytes| *bytes > bound / 2) {
            return Some(Excess::Share(owner));
        }
        (self.total > bound).then_some(Excess::Bound)
    }

    /// The oldest removable holding of the organization that holds the most bytes.
    fn victim(&self, excess: Excess<'_>) -> Option<u64> {
        let open = self.holdings.iter().filter(|(_, entry)| entry.lost.is_some() && entry.bytes > 0);
        let of = open.filter(|(_, entry)| match excess {
            Excess::Share(owner) => entry.owner == *owner,
            Excess::Bound => true,
        });
        let size = |entry: &Entry| self.owners.get(&entry.owner).copied().unwrap_or_default();
        of.max_by_key(|(number, entry)| (size(entry), Reverse(**number))).map(|(number, _)| *number)
    }

    fn close(&mut self, number: u64) {
        let Some(entry) = self.holdings.remove(&number) else { return };
        self.total = self.total.saturating_sub(entry.bytes);
        if let Some(bytes) = self.owners.get_mut(&entry.owner) {
            *bytes = bytes.saturating_sub(entry.bytes);
            if *bytes == 0 {
                self.owners.remove(&entry.owner);
            }
        }
        if let Some(lost) = entry.lost {
            lost.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(ledger: &Arc<Ledger>, owner: &str) -> Holding {
        ledger.open(&owner.into(), Arc::new(Notify::new()))
    }

    fn held(holding: &Holding) -> Option<usize> {
        holding.ledger.locked().holdings.get(&holding.number).map(|entry| entry.bytes)
    }

    /// The organization with the most bytes loses holdings, the oldest first.
    #[test]
    fn the_largest_organization_loses_its_oldest() {
        let ledger = Ledger::new(100);
        let (first, second) = (open(&ledger, "large"), open(&ledger, "large"));
        let (other, third) = (open(&ledger, "small"), open(&ledger, "third"));
        assert!(first.grow(20) && second.grow(30) && other.grow(30) && third.grow(20));
        assert!(other.grow(10), "the small organization gets its bytes");
        assert_eq!([&first, &second, &other, &third].map(held), [None, Some(30), Some(40), Some(20)]);
        assert!(!first.grow(1), "lost is lost");
    }

    /// One organization alone never holds more than half.
    #[test]
    fn half_is_the_share_of_one() {
        let ledger = Ledger::new(100);
        let (first, second) = (open(&ledger, "one"), open(&ledger, "one"));
        assert!(first.grow(50));
        assert!(second.grow(10));
        assert_eq!([&first, &second].map(held), [None, Some(10)]);
        assert!(second.keep());
        let third = open(&ledger, "one");
        assert!(!third.grow(41), "a kept holding is not taken");
        assert_eq!([&second, &third].map(held), [Some(10), None]);
    }

    /// Dropped holdings leave nothing behind.
    #[test]
    fn what_ends_is_forgotten() {
        let ledger = Ledger::new(100);
        for round in 0..1_000 {
            let holding = open(&ledger, &format!("owner-{round}"));
            assert!(holding.grow(50));
        }
        let books = ledger.locked();
        assert!(books.total == 0 && books.holdings.is_empty() && books.owners.is_empty());
    }
}
