//! The errors of a token endpoint (RFC 6749 §5.2).

use std::{borrow::Cow, fmt};

use serde::Serialize;

use super::response::TokenResponse;

/// The reason why a client gets no token, as sent to the client. The error reveals nothing about existing clients.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {description}")]
pub struct TokenError {
    kind: TokenErrorKind,
    description: Cow<'static, str>,
    basic: bool,
}

/// The error codes of RFC 6749 §5.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenErrorKind {
    /// `invalid_request`: a parameter is missing, repeated or malformed, or the client authenticates in two ways.
    InvalidRequest,
    /// `invalid_client`: the client is unknown, or did not prove its identity.
    InvalidClient,
    /// `invalid_grant`: the authorization grant is not valid. The client credentials grant has nothing to validate;
    /// this code is for hosts that also offer other grants.
    InvalidGrant,
    /// `unauthorized_client`: the client may not use this grant.
    UnauthorizedClient,
    /// `unsupported_grant_type`: the endpoint does not offer this grant.
    UnsupportedGrantType,
    /// `invalid_scope`: the scope is unknown or malformed.
    InvalidScope,
}

impl TokenErrorKind {
    /// The code in the field `error`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
        }
    }
}

impl fmt::Display for TokenErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl TokenError {
    /// Makes an error with a description for the people who configure the client. Characters that RFC 6749 §5.2 does
    /// not allow become `?`.
    pub fn new(kind: TokenErrorKind, description: impl Into<Cow<'static, str>>) -> Self {
        let description = description.into();
        let is_allowed = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
        let description = if description.chars().all(is_allowed) {
            description
        } else {
            description.chars().map(|c| if is_allowed(c) { c } else { '?' }).collect()
        };
        Self { kind, description, basic: false }
    }

    pub(super) fn request(description: &'static str) -> Self {
        Self::new(TokenErrorKind::InvalidRequest, description)
    }

    pub(super) fn client(description: &'static str) -> Self {
        Self::new(TokenErrorKind::InvalidClient, description)
    }

    /// Marks the error as the response to a client that used the header `Authorization`.
    #[must_use]
    pub(super) fn answering_basic(mut self, basic: bool) -> Self {
        self.basic = basic;
        self
    }

    /// The error code.
    pub fn kind(&self) -> TokenErrorKind {
        self.kind
    }

    /// The description for the people who configure the client.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The HTTP status: 401 for [`TokenErrorKind::InvalidClient`], otherwise 400.
    pub fn status(&self) -> u16 {
        if self.kind == TokenErrorKind::InvalidClient { 401 } else { 400 }
    }

    /// The error response. A client that used the header `Authorization` gets `WWW-Authenticate`, as RFC 6749 §5.2
    /// requires.
    pub fn response(&self) -> TokenResponse {
        #[derive(Serialize)]
        struct Body<'a> {
            error: &'static str,
            error_description: &'a str,
        }
        let body = Body { error: self.kind.code(), error_description: &self.description };
        let mut response = TokenResponse::new(self.status(), &body);
        if self.status() == 401 && self.basic {
            response.headers.push(("WWW-Authenticate", "Basic realm=\"OAuth\", charset=\"UTF-8\""));
        }
        response
    }
}
