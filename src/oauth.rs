//! OAuth 2.0 for identity providers: the token endpoint of the client credentials grant (RFC 6749 §4.4), client
//! assertions of workload identity federation (RFC 7521, RFC 7523), and the metadata by which clients discover both
//! (RFC 8414).
//!
//! This module has no I/O and no clock: the host supplies the time, the client's rows and the key set, and stores the
//! results. The module knows nothing of SCIM. An issued token is a [`Token`](crate::bearer::Token): requests with the
//! token are checked like those with an API key.
//!
//! # The path of a token request
//!
//! 1. [`TokenRequest::parse`] reads the request. Every failure is a [`TokenError`], whose
//!    [`response`](TokenError::response) is the answer.
//! 2. The host looks the client up by [`TokenRequest::client_id`].
//! 3. The client proves its identity: by a secret, with [`TokenRequest::authenticate`], or by an assertion of its
//!    identity provider, with [`Federation::verify`].
//! 4. [`TokenEndpoint::issue`] makes the access token. The host stores its digest and its expiry, and sends the
//!    response.
//!
//! ```
//! use chrono::{DateTime, TimeDelta};
//! use scim_core::{bearer::Token, oauth::{ClientSecret, TokenEndpoint, TokenRequest}};
//!
//! let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
//! let secret = Token::generate()?;
//! // The row that the host keeps of the secret.
//! let kept = [ClientSecret::new(secret.digest(), now + TimeDelta::days(730))];
//!
//! let body = format!("grant_type=client_credentials&client_id=c1&client_secret={}&scope=scim", secret.reveal());
//! let request = TokenRequest::parse(None, Some("application/x-www-form-urlencoded"), body.as_bytes())?;
//! assert_eq!(request.client_id(), "c1");
//! request.authenticate(&kept, now)?;
//!
//! let endpoint = TokenEndpoint::new(["scim"]);
//! let issued = endpoint.issue(&request, now)?;
//! assert_eq!(issued.expires(), now + TimeDelta::hours(1));
//! let response = issued.response();
//! assert_eq!(response.status, 200);
//! assert!(response.headers.contains(&("Cache-Control", "no-store")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Cryptography
//!
//! Signatures are verified by `jsonwebtoken` with its feature `rust_crypto`. It is the only maintained JOSE library
//! without C: `josekit` needs OpenSSL, `jwt-simple` brings BoringSSL or its own dialect of claims, `jose-jws` has
//! types and no verification. Its process-wide choice of a provider and its clock are not used. The crate `rsa` below
//! it is named by RUSTSEC-2023-0071, a timing leak of operations with a private key; this module uses public keys
//! only.

mod assertion;
mod endpoint;
mod error;
mod form;
mod jwt;
mod keys;
mod metadata;
mod request;
mod response;

pub use self::{
    assertion::{AssertionError, Federation, Verified},
    endpoint::{InvalidLifetime, IssueError, Issued, TokenEndpoint},
    error::{TokenError, TokenErrorKind},
    keys::{KeyCache, KeySet, KeySetError},
    metadata::{Metadata, metadata_path},
    request::{ClientSecret, Credential, JWT_BEARER, TokenRequest},
    response::TokenResponse,
};

/// The maximum size of the body of a token request, in bytes. Assertions of identity providers have 1 to 4 KiB.
pub const REQUEST_BYTES: usize = 32 << 10;

/// The maximum size of a client assertion, in bytes.
pub const ASSERTION_BYTES: usize = 16 << 10;

/// The maximum size of a key set, in bytes. The key sets of identity providers, with certificates, have up to 30 KiB.
pub const KEY_SET_BYTES: usize = 256 << 10;

/// The maximum length of a client id, in characters.
pub const CLIENT_ID_CHARACTERS: usize = 128;
