//! API keys for the `Authorization` header (RFC 6750; RFC 7644 §2, §7.4): made at random, kept as digests, checked in
//! constant time.
//!
//! This module knows nothing of SCIM. A host with another kind of authentication does not need the module.

use std::{
    fmt,
    sync::atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The prefix of every token, by which people and secret scanners recognize a token.
const PREFIX: &str = "scim_";

/// A secret by which a client proves its identity: 256 random bits, written as `scim_` and 64 hexadecimal digits.
///
/// The token is shown to the administrator once, when it is made, and stored nowhere: a host keeps its
/// [`TokenDigest`].
///
/// ```
/// use scim_core::bearer::{Token, TokenDigest};
///
/// let token = Token::generate()?;
/// println!("enter this in your identity provider: {}", token.reveal());
/// let kept: String = token.digest().to_string();
///
/// assert!(kept.parse::<TokenDigest>()?.is_of(token.reveal()));
/// assert!(!format!("{token:?}").contains(token.reveal()), "no log has it by accident");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Token(Box<str>);

impl Token {
    /// Generates a new token.
    ///
    /// # Errors
    ///
    /// When the system has no random bytes.
    pub fn generate() -> Result<Self, NoRandomness> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| NoRandomness(error.to_string().into()))?;
        Ok(Self(format!("{PREFIX}{}", Hex(&bytes)).into()))
    }

    /// The token itself. Every reader of the token can use it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The digest that a host keeps in place of the token.
    pub fn digest(&self) -> TokenDigest {
        TokenDigest::of(&self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(not shown)")
    }
}

/// The system has no random bytes.
#[derive(Clone, Debug, thiserror::Error)]
#[error("expected random bytes from the system: {0}")]
pub struct NoRandomness(Box<str>);

/// The SHA-256 of a token. A host keeps the digest and looks up a key by it.
///
/// A token has too many random bits to be guessed, so a fast digest without salt is enough. Passwords would need more.
#[derive(Clone, Copy)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// Computes the digest of `token`.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// Whether this is the digest of `token`. The comparison takes the same time wherever two digests differ.
    pub fn is_of(&self, token: &str) -> bool {
        *self == Self::of(token)
    }
}

impl PartialEq for TokenDigest {
    /// Compares in constant time.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for TokenDigest {}

impl fmt::Display for TokenDigest {
    /// Writes 64 hexadecimal digits: the value of a table column that may be indexed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(&self.0).fmt(f)
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenDigest({self})")
    }
}

impl std::str::FromStr for TokenDigest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let mut bytes = [0; 32];
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return Err(InvalidDigest {});
        }
        for (byte, pair) in bytes.iter_mut().zip(pairs) {
            let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
            let [high, low] = pair.map(digit);
            let (Some(high), Some(low)) = (high, low) else { return Err(InvalidDigest {}) };
            *byte = high << 4 | low;
        }
        Ok(Self(bytes))
    }
}

/// The text is not the digest of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 64 hexadecimal digits")]
#[non_exhaustive]
pub struct InvalidDigest {}

/// Bytes as hexadecimal digits.
struct Hex<'a>(&'a [u8; 32]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every request with a token writes a digest: to format each byte would cost more than to hash the token.
        let mut digits = [0; 64];
        let digit = |value: u8| value + if value < 10 { b'0' } else { b'a' - 10 };
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        f.write_str(std::str::from_utf8(&digits).unwrap_or_default())
    }
}

/// The token in the value of an `Authorization` header: `Bearer`, in any case, and the token (RFC 6750 §2.1). `None`
/// for other schemes and for a missing or malformed token.
///
/// ```
/// use scim_core::bearer::bearer_token;
///
/// assert_eq!(bearer_token("Bearer scim_1f"), Some("scim_1f"));
/// assert_eq!(bearer_token("Basic c2NpbTox"), None);
/// assert_eq!(bearer_token("Bearer "), None);
/// ```
pub fn bearer_token(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.trim().split_once(' ')?;
    let token = token.trim();
    let is_token = |byte: u8| byte.is_ascii_graphic() && byte != b',';
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && token.bytes().all(is_token)).then_some(token)
}

/// A key that the host has issued: the digest of its token, its owner and its state.
///
/// `O` identifies the owner of the key, such as the organization's [`TenantId`](crate::store::TenantId).
#[derive(Debug)]
pub struct ApiKey<O> {
    digest: TokenDigest,
    owner: O,
    expires: Option<DateTime<Utc>>,
    revoked: bool,
    /// Milliseconds since 1970; 0 for never.
    used: AtomicI64,
}

impl<O> ApiKey<O> {
    /// Makes a key from the digest of its token. The key gives access to `owner`.
    pub fn new(digest: TokenDigest, owner: O) -> Self {
        Self { digest, owner, expires: None, revoked: false, used: AtomicI64::new(0) }
    }

    /// Sets the time from which the key is no longer valid.
    #[must_use]
    pub fn with_expiry(mut self, at: DateTime<Utc>) -> Self {
        self.expires = Some(at);
        self
    }

    /// The digest of the token.
    pub fn digest(&self) -> &TokenDigest {
        &self.digest
    }

    /// The owner to which the key gives access.
    pub fn owner(&self) -> &O {
        &self.owner
    }

    /// When a client last used the key; `None` for never. The time shows an administrator which keys are unused.
    pub fn last_used(&self) -> Option<DateTime<Utc>> {
        match self.used.load(Ordering::Relaxed) {
            0 => None,
            millis => DateTime::from_timestamp_millis(millis),
        }
    }

    /// Whether the key is accepted at this time: not revoked and not expired.
    pub fn is_valid(&self, now: DateTime<Utc>) -> bool {
        !self.revoked && self.expires.is_none_or(|expires| now < expires)
    }
}

/// Keys that are valid at the same time. For example, an administrator makes a second key, enters it in the identity
/// provider, and revokes the first. This type is for hosts that keep their keys in memory; a host with a table looks
/// up the key there by its [`TokenDigest`].
///
/// ```
/// use chrono::{DateTime, TimeDelta};
/// use scim_core::{bearer::{ApiKey, ApiKeys, Token}, store::TenantId};
///
/// let (old, new) = (Token::generate()?, Token::generate()?);
/// let mut keys = ApiKeys::new();
/// for token in [&old, &new] {
///     keys.add(ApiKey::new(token.digest(), TenantId::new("acme")?));
/// }
/// let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
/// let header = format!("Bearer {}", old.reveal());
/// assert_eq!(keys.check(&header, now).map(|key| key.owner().as_str()), Some("acme"));
///
/// keys.revoke(&old.digest());
/// assert!(keys.check(&header, now).is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ApiKeys<O> {
    keys: Vec<ApiKey<O>>,
}

impl<O> Default for ApiKeys<O> {
    fn default() -> Self {
        Self::new()
    }
}

impl<O> ApiKeys<O> {
    /// Makes an empty list: every client is refused.
    pub const fn new() -> Self {
        Self { keys: Vec::new() }
    }

    /// Adds a key, in place of a key with the same digest.
    pub fn add(&mut self, key: ApiKey<O>) {
        self.keys.retain(|known| known.digest != key.digest);
        self.keys.push(key);
    }

    /// Revokes the key; returns `true` if the key existed and was not revoked before. A revoked key stays in the list,
    /// so that an administrator can see its last use.
    pub fn revoke(&mut self, digest: &TokenDigest) -> bool {
        let key = self.keys.iter_mut().find(|key| key.digest == *digest);
        key.is_some_and(|key| !std::mem::replace(&mut key.revoked, true))
    }

    /// All keys, revoked ones too, in the order in which they were added.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &ApiKey<O>> {
        self.keys.iter()
    }

    /// Returns the valid key whose token is in the `Authorization` header, and records the use at `now`. For `None`,
    /// respond with 401 and `WWW-Authenticate: Bearer`, whatever the cause.
    ///
    /// Compares the digest of the token with every key, in constant time.
    pub fn check(&self, authorization: &str, now: DateTime<Utc>) -> Option<&ApiKey<O>> {
        let sent = TokenDigest::of(bearer_token(authorization)?);
        let mut found = None;
        for key in &self.keys {
            if key.digest == sent {
                found = Some(key);
            }
        }
        let key = found.filter(|key| key.is_valid(now))?;
        key.used.fetch_max(now.timestamp_millis(), Ordering::Relaxed);
        Some(key)
    }
}
