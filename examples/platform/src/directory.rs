//! Organisations and their API keys: what a platform knows beside what SCIM brings.
//!
//! Only digests of keys are kept. A key opens one organisation, and SCIM for it: nothing else.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use scim_core::{
    bearer::{ApiKey, ApiKeys, TokenDigest, bearer_token},
    store::{DynStore, MemoryStore, StoreError},
};

/// How long a key that was found valid is not looked up again: so long may it take until another instance's revocation
/// is known here.
const TRUSTED: Duration = Duration::from_secs(2);

/// How exactly the last use of a key is known: a write a request would be too many.
const USE_RESOLUTION: Duration = Duration::from_secs(60);

/// What went wrong with an organisation or its keys.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DirectoryError {
    #[error("expected a name of 1 to 64 lower-case letters, digits and hyphens: `{0:.80}`")]
    Name(String),
    #[error("expected `memory`, `sqlite:PATH` or `postgres://…`: `{0:.80}`")]
    Url(String),
    #[error("the database: {0}")]
    Database(Box<dyn std::error::Error + Send + Sync>),
}

impl DirectoryError {
    pub(crate) fn database(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Database(error.into())
    }
}

/// A key as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// The organisation that it opens.
    pub(crate) organization: String,
    /// What the administrator calls it.
    pub(crate) name: String,
}

/// Where organisations, keys and resources are kept.
pub(crate) enum Database {
    /// For trying things out: gone with the process.
    Memory { store: DynStore, keys: Mutex<ApiKeys<Key>> },
}

impl Database {
    /// Opens what the URL names, and makes it if it is not there.
    pub(crate) async fn open(url: &str) -> Result<Self, DirectoryError> {
        match url {
            "memory" => Ok(Self::Memory { store: DynStore::new(MemoryStore::new()), keys: Mutex::new(ApiKeys::new()) }),
            _ => Err(DirectoryError::Url(url.to_owned())),
        }
    }

    /// The resources.
    pub(crate) fn store(&self) -> DynStore {
        match self {
            Self::Memory { store, .. } => store.clone(),
        }
    }

    async fn ensure_organization(&self, _name: &str) -> Result<(), DirectoryError> {
        match self {
            // Here an organisation is its keys.
            Self::Memory { .. } => Ok(()),
        }
    }

    async fn add_key(&self, key: Key, digest: TokenDigest) -> Result<(), DirectoryError> {
        match self {
            Self::Memory { keys, .. } => {
                locked(keys).add(ApiKey::new(digest, key));
                Ok(())
            }
        }
    }

    async fn has_keys(&self, organization: &str) -> Result<bool, DirectoryError> {
        match self {
            Self::Memory { keys, .. } => Ok(locked(keys).iter().any(|key| key.owner().organization == organization)),
        }
    }

    async fn find_key(&self, digest: &TokenDigest, now: DateTime<Utc>) -> Result<Option<Key>, DirectoryError> {
        match self {
            Self::Memory { keys, .. } => Ok(locked(keys)
                .iter()
                .find(|key| key.digest() == digest && key.is_valid(now))
                .map(|key| key.owner().clone())),
        }
    }

    async fn key_was_used(&self, _digest: &TokenDigest, _at: DateTime<Utc>) -> Result<(), DirectoryError> {
        match self {
            Self::Memory { .. } => Ok(()),
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The organisations and their keys.
pub(crate) struct Directory {
    database: Database,
    /// Keys that were found valid, by digest, and when.
    trusted: Mutex<HashMap<String, (Key, Instant)>>,
    /// When the use of a key was last written down.
    used: Mutex<HashMap<String, Instant>>,
}

impl Directory {
    pub(crate) fn new(database: Database) -> Self {
        Self { database, trusted: Mutex::default(), used: Mutex::default() }
    }

    /// The resources.
    pub(crate) fn store(&self) -> DynStore {
        self.database.store()
    }

    /// Makes the organisation if it is not there, with SCIM switched on.
    pub(crate) async fn ensure_organization(&self, name: &str) -> Result<(), DirectoryError> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=64).contains(&name.len()) || !name.bytes().all(allowed) {
            return Err(DirectoryError::Name(name.to_owned()));
        }
        self.database.ensure_organization(name).await
    }

    /// Gives the organisation one more key.
    pub(crate) async fn add_key(
        &self,
        organization: &str,
        name: &str,
        digest: TokenDigest,
    ) -> Result<(), DirectoryError> {
        self.database.add_key(Key { organization: organization.to_owned(), name: name.to_owned() }, digest).await
    }

    pub(crate) async fn has_keys(&self, organization: &str) -> Result<bool, DirectoryError> {
        self.database.has_keys(organization).await
    }

    /// The key that an `Authorization` header has, if it is valid.
    pub(crate) async fn authenticate(&self, authorization: &str) -> Result<Option<Key>, DirectoryError> {
        let Some(token) = bearer_token(authorization) else { return Ok(None) };
        let digest = TokenDigest::of(token);
        // Looked up by what nobody can choose: a digest tells nothing of how much of a token was right.
        let name = digest.to_string();
        let trusted = locked(&self.trusted).get(&name).filter(|(_, since)| since.elapsed() < TRUSTED).cloned();
        let key = match trusted {
            Some((key, _)) => key,
            None => {
                let Some(key) = self.database.find_key(&digest, Utc::now()).await? else {
                    locked(&self.trusted).remove(&name);
                    return Ok(None);
                };
                locked(&self.trusted).insert(name.clone(), (key.clone(), Instant::now()));
                key
            }
        };
        let is_due = |last: &Instant| last.elapsed() >= USE_RESOLUTION;
        let due = {
            let mut used = locked(&self.used);
            let due = used.get(&name).is_none_or(is_due);
            if due {
                used.insert(name, Instant::now());
            }
            due
        };
        if due {
            self.database.key_was_used(&digest, Utc::now()).await?;
        }
        Ok(Some(key))
    }
}
