//! Organizations and keys in memory, which are lost when the process ends.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};
use scim_core::bearer::TokenDigest;

use super::{Key, Organization, Standing};
use crate::identity_provider::IdentityProvider;

#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Contents>);

#[derive(Debug, Default)]
struct Contents {
    organizations: BTreeMap<String, Organization>,
    /// The keys, by digest.
    keys: BTreeMap<String, Key>,
}

impl Memory {
    pub(super) fn add_organization(&self, organization: &Organization) {
        let name = organization.name.clone();
        self.locked().organizations.entry(name).or_insert_with(|| organization.clone());
    }

    pub(super) fn organization(&self, name: &str) -> Option<Organization> {
        self.locked().organizations.get(name).cloned()
    }

    pub(super) fn organizations(&self) -> Vec<Organization> {
        self.locked().organizations.values().cloned().collect()
    }

    pub(super) fn set_scim(&self, name: &str, on: bool) -> bool {
        self.locked().organizations.get_mut(name).map(|organization| organization.scim = on).is_some()
    }

    pub(super) fn set_identity_provider(&self, name: &str, provider: IdentityProvider) -> bool {
        self.locked().organizations.get_mut(name).map(|found| found.identity_provider = provider).is_some()
    }

    pub(super) fn set_sign_on(&self, name: &str, sign_on: &str) -> bool {
        self.locked().organizations.get_mut(name).map(|found| sign_on.clone_into(&mut found.sign_on)).is_some()
    }

    pub(super) fn set_unique_groups(&self, name: &str, unique: bool) -> bool {
        self.locked().organizations.get_mut(name).map(|found| found.unique_groups = unique).is_some()
    }

    pub(super) fn add_key(&self, key: &Key) {
        self.locked().keys.entry(key.digest.to_string()).or_insert_with(|| key.clone());
    }

    pub(super) fn find(&self, digest: &TokenDigest) -> Option<(Key, Standing)> {
        let contents = self.locked();
        let key = contents.keys.get(&digest.to_string())?.clone();
        let organization = contents.organizations.get(&key.organization)?;
        Some((
            key,
            Standing { scim: organization.scim, is_token: false, identity_provider: organization.identity_provider },
        ))
    }

    pub(super) fn keys(&self, organization: Option<&str>) -> Vec<Key> {
        let is_wanted = |key: &&Key| organization.is_none_or(|organization| key.organization == organization);
        self.locked().keys.values().filter(is_wanted).cloned().collect()
    }

    pub(super) fn revoke(&self, digest: &TokenDigest, at: DateTime<Utc>) {
        if let Some(key) = self.locked().keys.get_mut(&digest.to_string()) {
            key.revoked.get_or_insert(at);
        }
    }

    pub(super) fn revoke_all(&self, organization: &str, at: DateTime<Utc>) {
        for key in self.locked().keys.values_mut().filter(|key| key.organization == organization) {
            key.revoked.get_or_insert(at);
        }
    }

    pub(super) fn was_used(&self, digest: &TokenDigest, at: DateTime<Utc>, address: Option<IpAddr>) {
        if let Some(key) = self.locked().keys.get_mut(&digest.to_string()) {
            key.used = key.used.max(Some(at));
            key.address = address.map(|address| address.to_string());
        }
    }

    #[expect(clippy::unused_self, reason = "as of the tables, which can fail to answer")]
    pub(super) fn answers(&self) {}

    fn locked(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
