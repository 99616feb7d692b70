//! Keys that were found valid a moment ago: a look-up a request would be too many.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::Key;
use crate::identity_provider::IdentityProvider;

/// How long a key that was found valid is not looked up again: so long may it take until another process's revocation
/// is known here.
pub(super) const TRUSTED: Duration = Duration::from_secs(2);

/// How exactly the last use of a key is known: a write a request would be too many.
pub(super) const USE_RESOLUTION: Duration = Duration::from_secs(60);

/// Keys up to which nothing is thrown away. Only valid keys come in here, so strangers cannot fill it.
const KEYS: usize = 4_096;

#[derive(Debug, Default)]
pub(super) struct Trust(Mutex<HashMap<String, Seen>>);

/// A key that was found valid, and the part of its organization that each request needs.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) key: Key,
    pub(super) identity_provider: IdentityProvider,
}

#[derive(Debug)]
struct Seen {
    known: Arc<Known>,
    /// When it was looked up.
    since: Instant,
    /// When its use was last written down.
    used: Option<Instant>,
}

impl Trust {
    /// The key with this digest, if it was looked up a moment ago.
    pub(super) fn get(&self, digest: &str) -> Option<Arc<Known>> {
        let keys = self.locked();
        keys.get(digest).filter(|seen| seen.since.elapsed() < TRUSTED).map(|seen| Arc::clone(&seen.known))
    }

    /// Keeps a key that was found valid.
    pub(super) fn put(&self, digest: &str, known: Known) -> Arc<Known> {
        let mut keys = self.locked();
        if keys.len() >= KEYS {
            keys.retain(|_, seen| seen.since.elapsed() < TRUSTED);
        }
        let used = keys.get(digest).and_then(|seen| seen.used);
        let known = Arc::new(known);
        keys.insert(digest.to_owned(), Seen { known: Arc::clone(&known), since: Instant::now(), used });
        known
    }

    pub(super) fn forget(&self, digest: &str) {
        self.locked().remove(digest);
    }

    pub(super) fn forget_all_of(&self, organization: &str) {
        self.locked().retain(|_, seen| seen.known.key.organization != organization);
    }

    /// Whether the use of a key is to be written down now. Who is told so does it.
    pub(super) fn use_is_due(&self, digest: &str) -> bool {
        let mut keys = self.locked();
        let Some(seen) = keys.get_mut(digest) else { return false };
        let due = seen.used.is_none_or(|used| used.elapsed() >= USE_RESOLUTION);
        if due {
            seen.used = Some(Instant::now());
        }
        due
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<String, Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
