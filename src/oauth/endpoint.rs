//! Access tokens for authenticated clients (RFC 6749 §5.1).

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::{
    error::{TokenError, TokenErrorKind},
    request::TokenRequest,
    response::TokenResponse,
};
use crate::bearer::{NoRandomness, Token};

/// The shortest lifetime of an access token, which is also the default.
const SHORTEST: TimeDelta = TimeDelta::hours(1);

/// The longest lifetime of an access token.
const LONGEST: TimeDelta = TimeDelta::hours(6);

/// The rules for access tokens: scopes and lifetime.
///
/// ```
/// use chrono::TimeDelta;
/// use scim_core::oauth::TokenEndpoint;
///
/// let endpoint = TokenEndpoint::new(["scim"]).with_lifetime(TimeDelta::hours(2))?;
/// assert!(TokenEndpoint::new(["scim"]).with_lifetime(TimeDelta::minutes(59)).is_err());
/// # Ok::<(), scim_core::oauth::InvalidLifetime>(())
/// ```
#[derive(Clone, Debug)]
pub struct TokenEndpoint {
    scopes: Vec<Box<str>>,
    lifetime: TimeDelta,
}

/// A lifetime of access tokens that identity providers do not accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a lifetime of one to six hours")]
#[non_exhaustive]
pub struct InvalidLifetime {}

impl TokenEndpoint {
    /// Makes tokens with these scopes, valid for an hour. A client that asks for no scope gets the first scope; a
    /// client that asks for another scope is refused. If `scopes` is empty, every requested scope is refused.
    pub fn new<S: Into<Box<str>>>(scopes: impl IntoIterator<Item = S>) -> Self {
        Self { scopes: scopes.into_iter().map(Into::into).collect(), lifetime: SHORTEST }
    }

    /// Sets the lifetime of tokens, truncated to whole seconds.
    ///
    /// # Errors
    ///
    /// When the lifetime is less than one hour or more than six, the range that Microsoft's gallery accepts.
    pub fn with_lifetime(mut self, lifetime: TimeDelta) -> Result<Self, InvalidLifetime> {
        if !(SHORTEST..=LONGEST).contains(&lifetime) {
            return Err(InvalidLifetime {});
        }
        self.lifetime = TimeDelta::seconds(lifetime.num_seconds());
        Ok(self)
    }

    /// The scopes that a client may request.
    pub fn scopes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.scopes.iter().map(|scope| &**scope)
    }

    /// Makes an access token for an authenticated client.
    ///
    /// # Errors
    ///
    /// When the client asks for a scope that the endpoint does not have, or the system has no random bytes.
    pub fn issue(&self, request: &TokenRequest, now: DateTime<Utc>) -> Result<Issued, IssueError> {
        let scope: Box<str> = match request.scope() {
            None => self.scopes.first().cloned().unwrap_or_default(),
            Some(asked) => {
                let is_known = |scope: &str| self.scopes().any(|known| known == scope);
                if !asked.split(' ').all(is_known) {
                    let detail = format!("expected one of the scopes: {}", self.scopes.join(", "));
                    return Err(TokenError::new(TokenErrorKind::InvalidScope, detail).into());
                }
                asked.into()
            }
        };
        let token = Token::generate()?;
        let expires = now.checked_add_signed(self.lifetime).unwrap_or(DateTime::<Utc>::MAX_UTC);
        Ok(Issued { token, scope, expires, seconds: self.lifetime.num_seconds() })
    }
}

/// The reason why no access token was made.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The request asks for an unknown scope.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The system has no random bytes.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// A new access token. The host stores its [`Token::digest`] and [`Issued::expires`] before it sends the response.
#[derive(Debug)]
pub struct Issued {
    token: Token,
    scope: Box<str>,
    expires: DateTime<Utc>,
    seconds: i64,
}

impl Issued {
    /// The token: 256 random bits without content.
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// The scope that was granted.
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// The time from which on the token is invalid.
    pub fn expires(&self) -> DateTime<Utc> {
        self.expires
    }

    /// The response of the endpoint, which contains the token.
    pub fn response(&self) -> TokenResponse {
        #[derive(Serialize)]
        struct Body<'a> {
            access_token: &'a str,
            token_type: &'static str,
            expires_in: i64,
            #[serde(skip_serializing_if = "str::is_empty")]
            scope: &'a str,
        }
        let (access_token, scope) = (self.token.reveal(), &*self.scope);
        TokenResponse::new(200, &Body { access_token, token_type: "Bearer", expires_in: self.seconds, scope })
    }
}
