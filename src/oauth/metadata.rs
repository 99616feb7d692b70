//! The document by which clients find the token endpoint (RFC 8414).

use serde_json::json;

/// The metadata of an authorization server that offers only client credentials.
///
/// ```
/// use scim_core::oauth::{Metadata, metadata_path};
///
/// let issuer = "https://example.com/scim/acme";
/// assert_eq!(metadata_path(issuer).as_deref(), Some("/.well-known/oauth-authorization-server/scim/acme"));
/// let document = Metadata::new(issuer, "https://example.com/scim/acme/oauth/token").scopes(["scim"]).to_json();
/// assert!(document.contains(r#""grant_types_supported":["client_credentials"]"#));
/// ```
#[derive(Clone, Debug)]
pub struct Metadata {
    issuer: Box<str>,
    token_endpoint: Box<str>,
    scopes: Vec<Box<str>>,
    documentation: Option<Box<str>>,
}

impl Metadata {
    /// Describes a server with this issuer, an https URL without query and fragment, and this token endpoint.
    pub fn new(issuer: impl Into<Box<str>>, token_endpoint: impl Into<Box<str>>) -> Self {
        let (issuer, token_endpoint) = (issuer.into(), token_endpoint.into());
        Self { issuer, token_endpoint, scopes: Vec::new(), documentation: None }
    }

    /// Sets the scopes that a client may request.
    #[must_use]
    pub fn scopes<S: Into<Box<str>>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the URL of the documentation for developers (`service_documentation`).
    #[must_use]
    pub fn with_documentation(mut self, url: impl Into<Box<str>>) -> Self {
        self.documentation = Some(url.into());
        self
    }

    /// The document, to be sent as `application/json`. `response_types_supported` is an empty list: RFC 8414 §2
    /// demands the field, and the server has no authorization endpoint.
    pub fn to_json(&self) -> String {
        let mut document = json!({
            "issuer": self.issuer,
            "token_endpoint": self.token_endpoint,
            "response_types_supported": [],
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS256", "PS256", "ES256"],
        });
        if let Some(fields) = document.as_object_mut() {
            if !self.scopes.is_empty() {
                fields.insert("scopes_supported".to_owned(), json!(self.scopes));
            }
            if let Some(documentation) = &self.documentation {
                fields.insert("service_documentation".to_owned(), json!(documentation));
            }
        }
        document.to_string()
    }
}

/// The path of the metadata of an issuer: the well-known part comes before the issuer's own path (RFC 8414 §3.1).
/// `None` for an issuer that is no http or https URL.
pub fn metadata_path(issuer: &str) -> Option<String> {
    let rest = issuer.strip_prefix("https://").or_else(|| issuer.strip_prefix("http://"))?;
    let path = rest.find('/').and_then(|start| rest.get(start..)).unwrap_or_default();
    Some(format!("/.well-known/oauth-authorization-server{}", path.trim_end_matches('/')))
}
