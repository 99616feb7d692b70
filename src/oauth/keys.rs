//! The keys of an identity provider (RFC 7517), and the times to fetch them.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::Value as Json;

use super::KEY_SET_BYTES;

/// The maximum number of keys in a set.
const KEYS: usize = 128;

/// After this time the host fetches the keys again, to notice withdrawn keys.
const FRESH: TimeDelta = TimeDelta::hours(1);

/// After this time without a successful fetch the keys are no longer used.
const USABLE: TimeDelta = TimeDelta::hours(24);

/// The minimum time between two fetches, however many assertions name unknown keys.
const BETWEEN_FETCHES: TimeDelta = TimeDelta::minutes(1);

/// The size of the modulus of an RSA key, in bytes: 2,048 to 4,096 bits.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=512;

/// The kinds of keys that the pinned algorithms use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Rsa,
    P256,
}

#[derive(Clone)]
pub(super) struct Key {
    id: Box<str>,
    pub(super) kind: Kind,
    /// The only algorithm of the key, if the set restricts the key.
    algorithm: Option<Box<str>>,
    pub(super) decoding: DecodingKey,
}

/// The keys of an identity provider that can verify a client assertion.
///
/// ```
/// use scim_core::oauth::KeySet;
///
/// let set = br#"{"keys": [{"kty": "EC", "crv": "P-256", "use": "sig", "kid": "k1",
///     "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;
/// assert_eq!(KeySet::parse(set)?.ids().collect::<Vec<_>>(), ["k1"]);
/// # Ok::<(), scim_core::oauth::KeySetError>(())
/// ```
#[derive(Clone)]
pub struct KeySet(Vec<Key>);

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

/// The reason why a document is not a usable key set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeySetError {
    /// The document has more than [`KEY_SET_BYTES`] bytes or 128 keys.
    #[error("expected a key set of at most {KEY_SET_BYTES} bytes and {KEYS} keys")]
    TooLong,
    /// The document is no JSON object with a list `keys`.
    #[error("expected a key set, a JSON object with a list `keys`")]
    Malformed,
    /// No key in the document can verify an assertion.
    #[error("expected a key with a `kid` for RS256, PS256 or ES256: RSA of 2048 to 4096 bits, or P-256")]
    NoKey,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Json>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    n: Option<String>,
    e: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Jwk {
    fn key(self) -> Option<Key> {
        let is_for_signatures = self.usage.is_none_or(|usage| usage == "sig");
        if !is_for_signatures || self.key_ops.is_some_and(|ops| !ops.iter().any(|op| op == "verify")) {
            return None;
        }
        let bytes = |text: Option<String>| URL_SAFE_NO_PAD.decode(text?).ok();
        let (kind, decoding) = match (&*self.kty, self.crv.as_deref()) {
            ("RSA", _) => {
                let (modulus, exponent) = (bytes(self.n)?, bytes(self.e)?);
                let start = modulus.iter().position(|byte| *byte != 0)?;
                let modulus = modulus.get(start..)?;
                let is_odd = |bytes: &[u8]| bytes.last().is_some_and(|byte| byte % 2 == 1);
                let is_long = MODULUS_BYTES.contains(&modulus.len()) && (1..=4).contains(&exponent.len());
                if !is_long || !is_odd(modulus) || !is_odd(&exponent) || exponent == [1] {
                    return None;
                }
                (Kind::Rsa, DecodingKey::from_rsa_raw_components(modulus, &exponent))
            }
            ("EC", Some("P-256")) => {
                let (x, y) = (self.x?, self.y?);
                let is_coordinate = |text: &str| URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32);
                if !is_coordinate(&x) || !is_coordinate(&y) {
                    return None;
                }
                (Kind::P256, DecodingKey::from_ec_components(&x, &y).ok()?)
            }
            _ => return None,
        };
        Some(Key { id: self.kid.into(), kind, algorithm: self.alg.map(Into::into), decoding })
    }
}

impl KeySet {
    /// Reads the document that an identity provider publishes. Other keys, such as those for encryption, are left out.
    ///
    /// # Errors
    ///
    /// When the document is too long, is no key set, or has no key that can verify an assertion.
    pub fn parse(document: &[u8]) -> Result<Self, KeySetError> {
        if document.len() > KEY_SET_BYTES {
            return Err(KeySetError::TooLong);
        }
        let Document { keys } = serde_json::from_slice(document).map_err(|_| KeySetError::Malformed)?;
        if keys.len() > KEYS {
            return Err(KeySetError::TooLong);
        }
        let keys = keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok()?.key());
        let keys: Vec<Key> = keys.collect();
        if keys.is_empty() { Err(KeySetError::NoKey) } else { Ok(Self(keys)) }
    }

    /// The ids of the keys.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|key| &*key.id)
    }

    fn has(&self, id: &str) -> bool {
        self.ids().any(|known| known == id)
    }
}

/// The keys of one identity provider from the last successful fetch. The host fetches them when
/// [`KeyCache::claim_fetch`] returns `true`.
///
/// ```
/// use chrono::{DateTime, TimeDelta};
/// use scim_core::oauth::KeyCache;
///
/// let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
/// let mut cache = KeyCache::new();
/// let assertion = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImsxIn0.e30.c2ln";
/// assert!(cache.claim_fetch(assertion, now), "nothing was fetched yet");
/// // The fetch failed. However many requests come in, the next fetch is a minute later.
/// assert!(!cache.claim_fetch(assertion, now + TimeDelta::seconds(59)));
/// assert!(cache.claim_fetch(assertion, now + TimeDelta::seconds(60)));
/// ```
#[derive(Clone, Debug, Default)]
pub struct KeyCache {
    keys: Option<(KeySet, DateTime<Utc>)>,
    /// The time at which the host last began to fetch.
    attempted: Option<DateTime<Utc>>,
}

impl KeyCache {
    /// Makes a cache without keys.
    pub const fn new() -> Self {
        Self { keys: None, attempted: None }
    }

    /// Whether the caller must fetch the keys before it verifies `assertion`: the keys are older than an hour, or the
    /// key that the assertion names is missing. Returns `true` at most once a minute, and never for text that is no
    /// assertion.
    pub fn claim_fetch(&mut self, assertion: &str, now: DateTime<Utc>) -> bool {
        let Some(id) = super::jwt::key_id(assertion) else { return false };
        let is_known = self.usable(now).is_some_and(|keys| keys.has(&id));
        let is_fresh = self.keys.as_ref().is_some_and(|(_, fetched)| age(*fetched, now) < FRESH);
        let is_allowed = self.attempted.is_none_or(|last| age(last, now) >= BETWEEN_FETCHES);
        let claimed = is_allowed && !(is_known && is_fresh);
        if claimed {
            self.attempted = Some(now);
        }
        claimed
    }

    /// Replaces the keys by those that were fetched at `now`.
    pub fn store(&mut self, keys: KeySet, now: DateTime<Utc>) {
        self.keys = Some((keys, now));
    }

    /// The keys, unless the last successful fetch is more than a day ago.
    fn usable(&self, now: DateTime<Utc>) -> Option<&KeySet> {
        self.keys.as_ref().filter(|(_, fetched)| age(*fetched, now) < USABLE).map(|(keys, _)| keys)
    }

    /// The keys with this id for this algorithm.
    pub(super) fn find(&self, id: &str, kind: Kind, algorithm: &str, now: DateTime<Utc>) -> Vec<&Key> {
        let all = self.usable(now).map_or(&[][..], |keys| &keys.0);
        let is_for = |key: &Key| key.algorithm.as_deref().is_none_or(|only| only == algorithm);
        all.iter().filter(|key| *key.id == *id && key.kind == kind && is_for(key)).collect()
    }
}

/// The time from `then` to `now`. A slow request may see keys that another request fetched after its own `now`: their
/// age is zero. A clock that was set back by more than a minute gives the maximum age.
fn age(then: DateTime<Utc>, now: DateTime<Utc>) -> TimeDelta {
    let age = now.signed_duration_since(then);
    if age < -BETWEEN_FETCHES { TimeDelta::MAX } else { age.max(TimeDelta::zero()) }
}
