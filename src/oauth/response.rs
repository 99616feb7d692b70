//! The responses of a token endpoint (RFC 6749 §5).

use serde::Serialize;

/// A response of the token endpoint, for any HTTP library.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenResponse {
    /// The HTTP status.
    pub status: u16,
    /// The headers, by name and value.
    pub headers: Vec<(&'static str, &'static str)>,
    /// The body, as JSON text.
    pub body: String,
}

impl std::fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenResponse").field("status", &self.status).finish_non_exhaustive()
    }
}

impl TokenResponse {
    pub(super) fn new(status: u16, body: &impl Serialize) -> Self {
        let headers = vec![
            ("Content-Type", "application/json;charset=UTF-8"),
            ("Cache-Control", "no-store"),
            ("Pragma", "no-cache"),
        ];
        // The bodies are objects of texts and numbers, whose serialization cannot fail.
        Self { status, headers, body: serde_json::to_string(body).unwrap_or_default() }
    }
}
