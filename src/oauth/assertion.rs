//! Client assertions: JWTs by which an identity provider speaks for a client (RFC 7521 §4.2, RFC 7523 §3).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, crypto::rust_crypto::DEFAULT_PROVIDER};
use serde::Deserialize;
use serde_json::Number;

use super::{
    error::TokenError,
    jwt::Parts,
    keys::{KeyCache, Kind},
};
use crate::bearer::TokenDigest;

/// The maximum time from `iat` to `exp` by default. Entra ID's assertions live 65 to 90 minutes.
const LONGEST: TimeDelta = TimeDelta::hours(2);

/// The maximum difference between the clocks of the identity provider and of the host by default.
const SKEW: TimeDelta = TimeDelta::seconds(60);

/// The expected origin of the assertions of a client: workload identity federation. An administrator enters the
/// issuer, the subject and the audience that the identity provider displays, and the URL of its keys. The host fetches
/// the keys.
///
/// ```
/// use chrono::{DateTime, TimeDelta};
/// use scim_core::oauth::{AssertionError, Federation, KeyCache};
///
/// let federation = Federation::new("https://login.example/t1/v2.0", "api://scim", "7c1b");
/// let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
/// let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiI3YzFiIn0.";
/// let refused = federation.verify(unsigned, &KeyCache::new(), now);
/// assert_eq!(refused, Err(AssertionError::Algorithm));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Federation {
    issuer: Box<str>,
    audience: Box<str>,
    subject: Box<str>,
    longest: TimeDelta,
    skew: TimeDelta,
    needs_id: bool,
}

/// A valid assertion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    replay: Option<Box<str>>,
    expires: DateTime<Utc>,
}

impl Verified {
    /// The key by which the host recognizes a repeated assertion: a digest of the issuer and `jti`. The host stores
    /// the key until [`Verified::expires`] and refuses an assertion whose key is stored.
    ///
    /// `None` if the assertion has no `jti`, as with Entra ID: RFC 7523 §3 makes `jti` optional. The host then cannot
    /// distinguish a replay from a client that sends its assertion twice.
    pub fn replay_key(&self) -> Option<&str> {
        self.replay.as_deref()
    }

    /// The time from which on [`Federation::verify`] refuses the assertion.
    pub fn expires(&self) -> DateTime<Utc> {
        self.expires
    }
}

/// The reason why an assertion is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AssertionError {
    /// The assertion is no signed JWT of at most [`ASSERTION_BYTES`](super::ASSERTION_BYTES) bytes with a `kid`, or its
    /// header has `crit`.
    #[error("expected a signed JWT with a kid")]
    Malformed,
    /// The algorithm is not RS256, PS256 or ES256.
    #[error("expected the algorithm RS256, PS256 or ES256")]
    Algorithm,
    /// The key set has no key with this `kid` for the algorithm.
    #[error("the issuer has no key with this kid")]
    UnknownKey,
    /// No key with this `kid` has made the signature.
    #[error("the signature is not of a key of the issuer")]
    Signature,
    /// The claims are no JSON object, or a claim is missing or has another type.
    #[error("expected the claims iss, sub, aud and exp of a JWT")]
    Claims,
    /// `iss` is not the issuer of the client.
    #[error("iss is not the issuer of the client")]
    Issuer,
    /// `aud` does not contain the audience of the client.
    #[error("aud is not the audience of the client")]
    Audience,
    /// `sub` is not the subject of the client.
    #[error("sub is not the subject of the client")]
    Subject,
    /// The time of `exp` has passed.
    #[error("the assertion has expired")]
    Expired,
    /// `nbf` or `iat` is in the future.
    #[error("the assertion is not valid yet")]
    NotYetValid,
    /// The assertion is valid for longer than [`Federation::with_longest_lifetime`] allows.
    #[error("the lifetime of the assertion is too long")]
    TooLongLived,
    /// The assertion has no `jti`, and [`Federation::with_required_id`] was called.
    #[error("the claim jti is missing")]
    NoId,
}

impl AssertionError {
    /// The error response to the client (RFC 7521 §4.2.1). The response names the wrong claim only if the signature
    /// was right: the sender then belongs to the identity provider.
    pub fn token_error(self) -> TokenError {
        match self {
            Self::Malformed | Self::Algorithm | Self::UnknownKey | Self::Signature => {
                TokenError::client("invalid client id or client assertion")
            }
            signed => TokenError::new(super::TokenErrorKind::InvalidClient, signed.to_string()),
        }
    }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: Number,
    nbf: Option<Number>,
    iat: Option<Number>,
    jti: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Federation {
    /// Accepts assertions with exactly this `iss`, this `aud` (or a list that contains it) and this `sub`.
    pub fn new(issuer: impl Into<Box<str>>, audience: impl Into<Box<str>>, subject: impl Into<Box<str>>) -> Self {
        let (issuer, audience, subject) = (issuer.into(), audience.into(), subject.into());
        Self { issuer, audience, subject, longest: LONGEST, skew: SKEW, needs_id: false }
    }

    /// Sets the maximum lifetime of assertions; two hours by default.
    #[must_use]
    pub fn with_longest_lifetime(mut self, lifetime: TimeDelta) -> Self {
        self.longest = lifetime;
        self
    }

    /// Sets the maximum difference between the clocks; one minute by default.
    #[must_use]
    pub fn with_skew(mut self, skew: TimeDelta) -> Self {
        self.skew = skew;
        self
    }

    /// Refuses assertions without `jti`, which cannot be protected from replay.
    #[must_use]
    pub fn with_required_id(mut self) -> Self {
        self.needs_id = true;
        self
    }

    /// Verifies an assertion with the keys of the issuer, and checks its claims. Keys that the assertion itself
    /// contains or points to (`jwk`, `jku`, `x5c`, `x5u`) have no effect.
    ///
    /// # Errors
    ///
    /// An [`AssertionError`] when the assertion does not prove the identity of the client.
    pub fn verify(&self, assertion: &str, keys: &KeyCache, now: DateTime<Utc>) -> Result<Verified, AssertionError> {
        let parts = Parts::read(assertion).ok_or(AssertionError::Malformed)?;
        let (algorithm, kind) = match &*parts.header.alg {
            "RS256" => (Algorithm::RS256, Kind::Rsa),
            "PS256" => (Algorithm::PS256, Kind::Rsa),
            "ES256" => (Algorithm::ES256, Kind::P256),
            _ => return Err(AssertionError::Algorithm),
        };
        let id = parts.header.kid.as_deref().ok_or(AssertionError::Malformed)?;
        let found = keys.find(id, kind, &parts.header.alg, now);
        if found.is_empty() {
            return Err(AssertionError::UnknownKey);
        }
        let is_signed = found.into_iter().any(|key| {
            let verifier = (DEFAULT_PROVIDER.verifier_factory)(&algorithm, &key.decoding);
            verifier.is_ok_and(|verifier| verifier.verify(parts.signed.as_bytes(), &parts.signature).is_ok())
        });
        if !is_signed {
            return Err(AssertionError::Signature);
        }
        let claims = URL_SAFE_NO_PAD.decode(parts.claims).map_err(|_| AssertionError::Claims)?;
        self.check(&serde_json::from_slice(&claims).map_err(|_| AssertionError::Claims)?, now)
    }

    fn check(&self, claims: &Claims, now: DateTime<Utc>) -> Result<Verified, AssertionError> {
        if *claims.iss != *self.issuer {
            return Err(AssertionError::Issuer);
        }
        let is_for_us = match &claims.aud {
            Audience::One(audience) => **audience == *self.audience,
            Audience::Several(audiences) => audiences.iter().any(|audience| **audience == *self.audience),
        };
        if !is_for_us {
            return Err(AssertionError::Audience);
        }
        if *claims.sub != *self.subject {
            return Err(AssertionError::Subject);
        }
        let time = |seconds: &Number| time(seconds).ok_or(AssertionError::Claims);
        let optional = |seconds: &Option<Number>| seconds.as_ref().map(time).transpose();
        let (expires, not_before, issued) = (time(&claims.exp)?, optional(&claims.nbf)?, optional(&claims.iat)?);
        let later = |time: DateTime<Utc>, by| time.checked_add_signed(by).unwrap_or(DateTime::<Utc>::MAX_UTC);
        let end = later(expires, self.skew);
        if end <= now {
            return Err(AssertionError::Expired);
        }
        if [not_before, issued].into_iter().flatten().any(|begin| begin > later(now, self.skew)) {
            return Err(AssertionError::NotYetValid);
        }
        let begin = issued.unwrap_or(now).min(now);
        if expires.signed_duration_since(begin) > self.longest {
            return Err(AssertionError::TooLongLived);
        }
        if self.needs_id && claims.jti.is_none() {
            return Err(AssertionError::NoId);
        }
        let key = |id: &String| TokenDigest::of(&format!("{}\0{id}", self.issuer)).to_string().into();
        Ok(Verified { replay: claims.jti.as_ref().map(key), expires: end })
    }
}

/// The time of a `NumericDate`, rounded down to whole seconds (RFC 7519 §2); `None` beyond the range of `DateTime`.
fn time(seconds: &Number) -> Option<DateTime<Utc>> {
    #[expect(clippy::cast_possible_truncation, reason = "it saturates, and no such year is a time")]
    let whole = seconds.as_i64().or_else(|| seconds.as_f64().map(|seconds| seconds.floor() as i64))?;
    DateTime::from_timestamp(whole, 0)
}
