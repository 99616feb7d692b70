//! The keys of identity providers: fetched in bounded time and size, and cached for all clients that use the same
//! URL.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::Utc;
use reqwest::{Client, Url, redirect::Policy};
use scim_core::oauth::{KEY_SET_BYTES, KeyCache, KeySet};
use tokio::sync;

use super::federation;
use crate::{
    log::with_causes,
    outside::{Outside, is_loopback},
};

/// The time that a complete fetch may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The maximum number of cached URLs; beyond it unused caches are removed.
const URLS: usize = 1_024;

#[derive(Debug)]
pub(super) struct KeySets {
    client: Client,
    /// Whether http to this machine is allowed.
    loopback: bool,
    caches: Mutex<HashMap<String, Arc<sync::Mutex<KeyCache>>>>,
}

impl KeySets {
    /// Creates the cache for a server that its clients see at `url`. Only a server on loopback fetches from
    /// loopback.
    pub(super) fn new(url: &str) -> Result<Self, reqwest::Error> {
        let loopback = Url::parse(url).is_ok_and(|url| is_loopback(&url));
        // A redirect could lead to an address that the URL itself must not name.
        let client = Client::builder().timeout(PATIENCE).redirect(Policy::none());
        // A proxy from the environment would resolve loopback as its own machine.
        let client = if loopback { client.no_proxy() } else { client.dns_resolver(Arc::new(Outside)) };
        Ok(Self { client: client.build()?, loopback, caches: Mutex::default() })
    }

    /// Returns the keys at a URL with which an assertion is to be verified, and fetches them if that is due. A
    /// failed fetch leaves the earlier keys. Requests that need the same keys wait for one fetch.
    pub(super) async fn of(&self, url: &str, assertion: &str) -> KeyCache {
        let cache = self.cache(url);
        let mut cache = cache.lock().await;
        if cache.claim_fetch(assertion, Utc::now()) {
            match self.fetch(url).await {
                Ok(keys) => cache.store(keys, Utc::now()),
                Err(error) => tracing::warn!(url, error, "the keys of an identity provider cannot be fetched"),
            }
        }
        cache.clone()
    }

    fn cache(&self, url: &str) -> Arc<sync::Mutex<KeyCache>> {
        let mut caches = self.caches.lock().unwrap_or_else(PoisonError::into_inner);
        if caches.len() >= URLS && !caches.contains_key(url) {
            // Caches in use stay.
            caches.retain(|_, cache| Arc::strong_count(cache) > 1);
        }
        Arc::clone(caches.entry(url.to_owned()).or_default())
    }

    async fn fetch(&self, url: &str) -> Result<KeySet, String> {
        let url = federation::url(url, self.loopback).ok_or("expected an https URL of another machine")?;
        let request = self.client.get(url).header("Accept", "application/json");
        let mut response = request.send().await.map_err(|error| with_causes(&error))?;
        if response.status() != 200 {
            return Err(format!("expected status 200, found {}", response.status().as_u16()));
        }
        let mut document = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| with_causes(&error))? {
            document.extend_from_slice(&chunk);
            // One byte more than allowed proves that the document is too long.
            if document.len() > KEY_SET_BYTES {
                break;
            }
        }
        KeySet::parse(&document).map_err(|error| error.to_string())
    }
}
