//! Keys that were recently found valid: a look-up for each request would be too expensive.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::Key;
use crate::identity_provider::IdentityProvider;

/// The time for which a valid key is not looked up again. A revocation by another process may take this long to
/// become effective here.
pub(super) const TRUSTED: Duration = Duration::from_secs(2);

/// The precision of the time of a key's last use: a write for each request would be too expensive.
pub(super) const USE_RESOLUTION: Duration = Duration::from_secs(60);

/// The number of keys beyond which outdated ones are discarded. Only valid keys get in, so strangers cannot fill
/// the map.
const KEYS: usize = 4_096;

#[derive(Debug, Default)]
pub(super) struct Trust(Mutex<HashMap<String, LookUp>>);

/// A valid key, and the organization's data that each request needs.
#[derive(Debug)]
pub(super) struct TrustedKey {
    pub(super) key: Key,
    pub(super) identity_provider: IdentityProvider,
}

#[derive(Debug)]
struct LookUp {
    known: Arc<TrustedKey>,
    /// The time of the look-up.
    since: Instant,
    /// The time at which a use of the key was last written.
    used: Option<Instant>,
}

impl Trust {
    /// The key with this digest, if it was looked up within [`TRUSTED`].
    pub(super) fn get(&self, digest: &str) -> Option<Arc<TrustedKey>> {
        let keys = self.locked();
        keys.get(digest).filter(|seen| seen.since.elapsed() < TRUSTED).map(|seen| Arc::clone(&seen.known))
    }

    /// Stores a valid key.
    pub(super) fn put(&self, digest: &str, known: TrustedKey) -> Arc<TrustedKey> {
        let mut keys = self.locked();
        if keys.len() >= KEYS {
            keys.retain(|_, seen| seen.since.elapsed() < TRUSTED);
        }
        let used = keys.get(digest).and_then(|seen| seen.used);
        let known = Arc::new(known);
        keys.insert(digest.to_owned(), LookUp { known: Arc::clone(&known), since: Instant::now(), used });
        known
    }

    pub(super) fn forget(&self, digest: &str) {
        self.locked().remove(digest);
    }

    pub(super) fn forget_all_of(&self, organization: &str) {
        self.locked().retain(|_, seen| seen.known.key.organization != organization);
    }

    /// Whether a use of the key is due to be written now. The caller must write it if so.
    pub(super) fn use_is_due(&self, digest: &str) -> bool {
        let mut keys = self.locked();
        let Some(seen) = keys.get_mut(digest) else { return false };
        let due = seen.used.is_none_or(|used| used.elapsed() >= USE_RESOLUTION);
        if due {
            seen.used = Some(Instant::now());
        }
        due
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<String, LookUp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
