//! Organisations and keys that are gone with the process.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};
use scim_core::bearer::TokenDigest;

use super::{Key, Organization};

#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Contents>);

#[derive(Debug, Default)]
struct Contents {
    organizations: BTreeMap<String, Organization>,
    /// By digest.
    keys: BTreeMap<String, Key>,
}

impl Memory {
    pub(super) fn add_organization(&self, name: &str, now: DateTime<Utc>) {
        let organization = Organization { name: name.to_owned(), created: now, scim: true };
        self.locked().organizations.entry(name.to_owned()).or_insert(organization);
    }

    pub(super) fn organizations(&self) -> Vec<Organization> {
        self.locked().organizations.values().cloned().collect()
    }

    pub(super) fn set_scim(&self, name: &str, on: bool) -> bool {
        self.locked().organizations.get_mut(name).map(|organization| organization.scim = on).is_some()
    }

    pub(super) fn add_key(&self, key: &Key) {
        self.locked().keys.entry(key.digest.to_string()).or_insert_with(|| key.clone());
    }

    pub(super) fn find(&self, digest: &TokenDigest) -> Option<(Key, bool)> {
        let contents = self.locked();
        let key = contents.keys.get(&digest.to_string())?.clone();
        let organization = contents.organizations.get(&key.organization)?;
        Some((key, organization.scim))
    }

    pub(super) fn keys(&self) -> Vec<Key> {
        self.locked().keys.values().cloned().collect()
    }

    pub(super) fn revoke(&self, digest: &TokenDigest, at: DateTime<Utc>) {
        if let Some(key) = self.locked().keys.get_mut(&digest.to_string()) {
            key.revoked.get_or_insert(at);
        }
    }

    pub(super) fn was_used(&self, digest: &TokenDigest, at: DateTime<Utc>) {
        if let Some(key) = self.locked().keys.get_mut(&digest.to_string()) {
            key.used = key.used.max(Some(at));
        }
    }

    #[expect(clippy::unused_self, reason = "as of the tables, which can fail to answer")]
    pub(super) fn answers(&self) {}

    fn locked(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
