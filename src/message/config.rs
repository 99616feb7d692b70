//! ServiceProviderConfig: the capabilities of the service provider (RFC 7643 §5, RFC 9865 §4).

use serde::{Serialize, ser::SerializeStruct};

use crate::{limits::Limits, schema::SERVICE_PROVIDER_CONFIG};

/// An authentication scheme in ServiceProviderConfig (RFC 7643 §5). The host authenticates the clients; this type only
/// describes how.
///
/// ```
/// use scim_core::message::{AuthenticationScheme, AuthenticationType};
///
/// let scheme = AuthenticationScheme::new(AuthenticationType::OauthBearerToken, "API key", "A key from the admin page")
///     .with_documentation("https://example.com/docs/scim");
/// assert_eq!(scheme.authentication_type(), AuthenticationType::OauthBearerToken);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticationScheme {
    kind: AuthenticationType,
    name: Box<str>,
    description: Box<str>,
    specification: Option<Box<str>>,
    documentation: Option<Box<str>>,
}

/// The authentication types of RFC 7643 §5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthenticationType {
    /// OAuth 1.0: `oauth`.
    Oauth,
    /// OAuth 2.0: `oauth2`.
    Oauth2,
    /// A token in the `Authorization` header (RFC 6750): `oauthbearertoken`.
    OauthBearerToken,
    /// A name and a password in the `Authorization` header (RFC 7617): `httpbasic`.
    HttpBasic,
    /// RFC 7616: `httpdigest`.
    HttpDigest,
}

impl AuthenticationType {
    /// The name in the spelling of RFC 7643 §5.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Oauth => "oauth",
            Self::Oauth2 => "oauth2",
            Self::OauthBearerToken => "oauthbearertoken",
            Self::HttpBasic => "httpbasic",
            Self::HttpDigest => "httpdigest",
        }
    }
}

impl AuthenticationScheme {
    /// Returns a scheme with a name and a description for administrators.
    pub fn new(kind: AuthenticationType, name: impl Into<Box<str>>, description: impl Into<Box<str>>) -> Self {
        Self { kind, name: name.into(), description: description.into(), specification: None, documentation: None }
    }

    /// Returns the scheme of a token in the `Authorization` header, as Okta and Entra send it. This scheme is the
    /// default.
    pub fn bearer() -> Self {
        let description = "A token that an administrator of the service made, sent as `Authorization: Bearer`";
        Self::new(AuthenticationType::OauthBearerToken, "Bearer token", description)
            .with_specification("https://www.rfc-editor.org/rfc/rfc6750")
    }

    /// Returns the scheme of OAuth 2.0 client credentials: the identity provider gets its tokens itself, with a client
    /// id and a secret or an assertion (RFC 6749 §4.4).
    pub fn client_credentials() -> Self {
        let description = "A client id with a secret or a federated identity, exchanged for short-lived access tokens";
        Self::new(AuthenticationType::Oauth2, "OAuth 2.0 client credentials", description)
            .with_specification("https://www.rfc-editor.org/rfc/rfc6749")
    }

    /// Sets the URL of the scheme's specification.
    #[must_use]
    pub fn with_specification(mut self, url: impl Into<Box<str>>) -> Self {
        self.specification = Some(url.into());
        self
    }

    /// Sets the URL of instructions for the scheme's use.
    #[must_use]
    pub fn with_documentation(mut self, url: impl Into<Box<str>>) -> Self {
        self.documentation = Some(url.into());
        self
    }

    /// The authentication type.
    pub fn authentication_type(&self) -> AuthenticationType {
        self.kind
    }
}

/// The data of ServiceProviderConfig: the same values that the service provider enforces.
#[derive(Debug)]
pub(crate) struct ServiceProviderConfig<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) schemes: &'a [AuthenticationScheme],
    pub(crate) documentation: Option<&'a str>,
    /// Whether a client can set a password.
    pub(crate) passwords: bool,
    /// The URIs of the security events that the service provider delivers (RFC 9967 §4).
    pub(crate) security_events: Option<&'a [Box<str>]>,
    /// The absolute URL of this document.
    pub(crate) location: &'a str,
}

#[derive(Serialize)]
struct Supported {
    supported: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bulk {
    supported: bool,
    max_operations: usize,
    max_payload_size: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    supported: bool,
    max_results: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pagination {
    cursor: bool,
    index: bool,
    default_pagination_method: &'static str,
    default_page_size: usize,
    max_page_size: usize,
    cursor_timeout: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SecurityEvents<'a> {
    async_request: &'static str,
    event_uris: &'a [Box<str>],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Scheme<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'a str,
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    spec_uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    documentation_uri: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    primary: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Meta<'a> {
    resource_type: &'static str,
    location: &'a str,
}

impl Serialize for ServiceProviderConfig<'_> {
    /// Writes the document. It advertises the optional features of RFC 7644: filters (§3.4.2.2), sorting (§3.4.2.3),
    /// PATCH (§3.5.2), bulk requests (§3.7) and ETags (§3.14).
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { limits, .. } = self;
        let schemes: Vec<Scheme<'_>> = self
            .schemes
            .iter()
            .enumerate()
            .map(|(index, scheme)| Scheme {
                kind: scheme.kind.name(),
                name: &scheme.name,
                description: &scheme.description,
                spec_uri: scheme.specification.as_deref(),
                documentation_uri: scheme.documentation.as_deref(),
                primary: index == 0,
            })
            .collect();
        let mut document = serializer.serialize_struct("ServiceProviderConfig", 12)?;
        document.serialize_field("schemas", &[SERVICE_PROVIDER_CONFIG])?;
        match self.documentation {
            Some(url) => document.serialize_field("documentationUri", url)?,
            None => document.skip_field("documentationUri")?,
        }
        document.serialize_field("patch", &Supported { supported: true })?;
        // The limits are required (RFC 7643 §5), so they are written even if bulk is not supported.
        let supported = limits.bulk_operations > 0;
        let max_payload_size = if supported { limits.bulk_payload } else { 0 };
        let bulk = Bulk { supported, max_operations: limits.bulk_operations, max_payload_size };
        document.serialize_field("bulk", &bulk)?;
        document.serialize_field("filter", &Filter { supported: true, max_results: limits.page_max })?;
        document.serialize_field("changePassword", &Supported { supported: self.passwords })?;
        document.serialize_field("sort", &Supported { supported: true })?;
        document.serialize_field("etag", &Supported { supported: true })?;
        document.serialize_field("authenticationSchemes", &schemes)?;
        let pagination = Pagination {
            cursor: true,
            index: true,
            default_pagination_method: "index",
            default_page_size: limits.page_default.min(limits.page_max),
            max_page_size: limits.page_max,
            cursor_timeout: limits.cursor_timeout.as_secs(),
        };
        document.serialize_field("pagination", &pagination)?;
        match self.security_events {
            Some(event_uris) => {
                document.serialize_field("securityEvents", &SecurityEvents { async_request: "none", event_uris })?;
            }
            None => document.skip_field("securityEvents")?,
        }
        document.serialize_field("meta", &Meta { resource_type: "ServiceProviderConfig", location: self.location })?;
        document.end()
    }
}
