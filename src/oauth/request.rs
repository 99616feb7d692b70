//! A token request, and the authentication of a client by a secret (RFC 6749 §2.3.1, §4.4.2).

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};

use super::{
    ASSERTION_BYTES, CLIENT_ID_CHARACTERS,
    error::{TokenError, TokenErrorKind},
    form::{Parameters, decoded, split},
};
use crate::bearer::TokenDigest;

/// The `client_assertion_type` of RFC 7523 §2.2.
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The maximum size of a client secret, in bytes.
const SECRET_BYTES: usize = 1_024;

/// The maximum size of a scope, in bytes.
const SCOPE_BYTES: usize = 1_024;

const UNKNOWN: &str = "invalid client id or secret";

/// A request for an access token with the client credentials grant. The client is not authenticated yet.
pub struct TokenRequest {
    client_id: Box<str>,
    credential: Credential,
    scope: Option<Box<str>>,
}

/// The proof of identity that the client sends.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credential {
    /// `client_secret_basic`: a secret in the header `Authorization`.
    Basic(Box<str>),
    /// `client_secret_post`: a secret in the body.
    Post(Box<str>),
    /// A JWT signed by an identity provider (RFC 7523 §2.2). Check it by
    /// [`Federation::verify`](super::Federation::verify).
    Assertion(Box<str>),
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic(_) => "Basic(not shown)",
            Self::Post(_) => "Post(not shown)",
            Self::Assertion(_) => "Assertion(not shown)",
        })
    }
}

impl fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, credential) = (&self.client_id, &self.credential);
        f.debug_struct("TokenRequest").field("client_id", id).field("credential", credential).finish_non_exhaustive()
    }
}

impl TokenRequest {
    /// Reads a request from its headers `Authorization` and `Content-Type` and its body. The host itself must refuse a
    /// request that repeats one of the headers or has a query in its URL.
    ///
    /// # Errors
    ///
    /// When the request is malformed, repeats a parameter, is for another grant, has no client authentication, an
    /// unknown method of client authentication, or several methods.
    pub fn parse(authorization: Option<&str>, content_type: Option<&str>, body: &[u8]) -> Result<Self, TokenError> {
        let is_basic = authorization.is_some();
        Self::read(authorization, content_type, body).map_err(|error| error.answering_basic(is_basic))
    }

    fn read(authorization: Option<&str>, content_type: Option<&str>, body: &[u8]) -> Result<Self, TokenError> {
        let mut parameters = Parameters::read(content_type, body)?;
        let mut take = |name: &str| parameters.take(name).map(|value| Box::<str>::from(value.as_ref()));
        let grant = take("grant_type").ok_or_else(|| TokenError::request("expected the parameter grant_type"))?;
        let (id, secret) = (take("client_id"), take("client_secret"));
        let (assertion_type, assertion) = (take("client_assertion_type"), take("client_assertion"));
        let scope = take("scope");
        let has_assertion = assertion_type.is_some() || assertion.is_some();
        let ways = [authorization.is_some(), secret.is_some(), has_assertion];
        if ways.into_iter().filter(|way| *way).count() > 1 {
            return Err(TokenError::request("expected one way of client authentication"));
        }
        let (client_id, credential) = if let Some(header) = authorization {
            let (named, secret) = basic(header).ok_or_else(|| {
                TokenError::client("expected the header Authorization with Basic and the client id and secret")
            })?;
            if id.is_some_and(|id| id != named) {
                return Err(TokenError::request("expected one client id"));
            }
            (named, Credential::Basic(secret))
        } else {
            let id = id.ok_or_else(|| TokenError::request("expected the parameter client_id"))?;
            match (secret, assertion_type, assertion) {
                (Some(secret), ..) => (id, Credential::Post(secret)),
                (None, Some(kind), Some(_)) if &*kind != JWT_BEARER => {
                    return Err(TokenError::client("expected the client_assertion_type of a JWT"));
                }
                (None, Some(_), Some(assertion)) => (id, Credential::Assertion(assertion)),
                (None, None, None) => return Err(TokenError::client("the client authentication is missing")),
                _ => return Err(TokenError::request("expected client_assertion_type and client_assertion")),
            }
        };
        let is_id = !client_id.is_empty() && client_id.chars().count() <= CLIENT_ID_CHARACTERS;
        let is_bounded = match &credential {
            Credential::Basic(secret) | Credential::Post(secret) => secret.len() <= SECRET_BYTES,
            Credential::Assertion(assertion) => assertion.len() <= ASSERTION_BYTES,
        };
        if !is_id || !is_bounded {
            return Err(TokenError::client(UNKNOWN));
        }
        if &*grant != "client_credentials" {
            let expected = "expected the grant type client_credentials";
            return Err(TokenError::new(TokenErrorKind::UnsupportedGrantType, expected));
        }
        if scope.as_ref().is_some_and(|scope| !is_scope(scope)) {
            return Err(TokenError::new(TokenErrorKind::InvalidScope, "expected scopes with single spaces between"));
        }
        Ok(Self { client_id, credential, scope })
    }

    /// The client id in the request, which is not verified yet.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The proof of identity that the client sent.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// The scope that the client asks for, which is well-formed; `None` if the request has no scope.
    pub fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    /// Returns the stored secret that matches the request. For a client that does not exist or was revoked, the host
    /// passes no secrets: the response then equals the response to a wrong secret.
    ///
    /// The request is compared with every secret, in constant time.
    ///
    /// # Errors
    ///
    /// [`TokenErrorKind::InvalidClient`] when the request has no secret, or a secret that is not valid at `now`.
    pub fn authenticate<'a>(
        &self,
        secrets: &'a [ClientSecret],
        now: DateTime<Utc>,
    ) -> Result<&'a ClientSecret, TokenError> {
        let (Credential::Basic(secret) | Credential::Post(secret)) = &self.credential else {
            return Err(self.unknown());
        };
        let sent = TokenDigest::of(secret);
        let mut found = None;
        for kept in secrets {
            if kept.digest == sent {
                found = Some(kept);
            }
        }
        found.filter(|kept| kept.is_valid(now)).ok_or_else(|| self.unknown())
    }

    /// The error for a client that did not prove its identity.
    pub fn unknown(&self) -> TokenError {
        TokenError::client(UNKNOWN).answering_basic(matches!(self.credential, Credential::Basic(_)))
    }
}

/// The client id and the secret in the header, each encoded as in a form.
fn basic(header: &str) -> Option<(Box<str>, Box<str>)> {
    let (scheme, encoded) = header.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || encoded.len() > 4 * SECRET_BYTES {
        return None;
    }
    let bytes = STANDARD.decode(encoded.trim()).ok()?;
    let (id, secret) = split(&bytes, b':')?;
    Some((decoded(id)?.as_ref().into(), decoded(secret)?.as_ref().into()))
}

/// `scope-token *( SP scope-token )` (RFC 6749 §3.3).
fn is_scope(scope: &str) -> bool {
    let is_token =
        |token: &str| !token.is_empty() && token.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
    scope.len() <= SCOPE_BYTES && scope.split(' ').all(is_token)
}

/// A secret of a client as the host stores it. Several secrets may be valid at the same time, so that one can replace
/// another without downtime. The secret itself is a [`Token`](crate::bearer::Token), shown once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientSecret {
    digest: TokenDigest,
    expires: DateTime<Utc>,
}

impl ClientSecret {
    /// Makes a secret from its digest, valid until `expires`. Microsoft's gallery asks for one to three years.
    pub fn new(digest: TokenDigest, expires: DateTime<Utc>) -> Self {
        Self { digest, expires }
    }

    /// The digest of the secret.
    pub fn digest(&self) -> &TokenDigest {
        &self.digest
    }

    /// The time from which on the secret is invalid.
    pub fn expires(&self) -> DateTime<Utc> {
        self.expires
    }

    /// Whether the secret is valid at this time.
    pub fn is_valid(&self, now: DateTime<Utc>) -> bool {
        now < self.expires
    }
}
