//! A response for the host's HTTP server to send.

use crate::{error::Error, quirks::Quirks, value::Text};

/// The media type of SCIM (RFC 7644 §3.1, §8.1).
pub const CONTENT_TYPE: &str = "application/scim+json";

/// An HTTP response: a status, a few headers and a body.
///
/// The response also has data for the host's log and metrics that the client does not see: the error with its cause,
/// and the tolerated quirks of the identity provider.
#[derive(Debug)]
#[non_exhaustive]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The body: UTF-8 JSON, or empty if the status or the method does not allow a body.
    pub body: Vec<u8>,
    /// The error in the body, with its cause, which the body does not show; `None` for a success.
    pub error: Option<Error>,
    /// The quirks of the identity provider that the request showed and that were tolerated.
    pub quirks: Quirks,
    headers: Headers,
}

#[derive(Debug, Default)]
struct Headers {
    content_type: Option<&'static str>,
    /// The URL of the resource in the body: sent as `Location` and as `Content-Location`.
    location: Option<String>,
    etag: Option<Text>,
    allow: Option<&'static str>,
    accept_encoding: Option<&'static str>,
    retry_after: Option<Box<str>>,
}

impl Response {
    /// Returns a response without headers and body.
    pub(super) fn new(status: u16) -> Self {
        Self { status, body: Vec::new(), error: None, quirks: Quirks::strict(), headers: Headers::default() }
    }

    pub(super) fn with_body(mut self, body: Vec<u8>, content_type: &'static str) -> Self {
        self.body = body;
        self.headers.content_type = Some(content_type);
        self
    }

    /// Sets the URL of the resource in the body.
    ///
    /// RFC 7643 §3.1 requires the header `Content-Location` to equal `meta.location`. The examples of RFC 7644 §3.3,
    /// §3.4.1, §3.5.1 and §3.5.2 have `Location`, which clients read.
    pub(super) fn with_location(mut self, url: String) -> Self {
        self.headers.location = Some(url);
        self
    }

    /// Sets the version of the resource (RFC 7644 §3.14).
    pub(super) fn with_etag(mut self, etag: Text) -> Self {
        self.headers.etag = Some(etag);
        self
    }

    pub(super) fn with_quirks(mut self, quirks: Quirks) -> Self {
        self.quirks = quirks;
        self
    }

    /// 405 with the methods that the endpoint supports (RFC 9110 §15.5.6).
    pub(super) fn method_not_allowed(allow: &'static str, content_type: &'static str) -> Self {
        let mut response =
            Self::from_error(Error::new(405, format!("the endpoint supports only {allow}")), content_type);
        response.headers.allow = Some(allow);
        response
    }

    /// 415 for a body in a content coding, with the accepted coding (RFC 9110 §12.5.3, §15.5.16).
    pub(super) fn coding_not_supported(coding: &str, content_type: &'static str) -> Self {
        let detail = format!("expected a body without a content coding, found `Content-Encoding: {coding:.40}`");
        let mut response = Self::from_error(Error::new(415, detail), content_type);
        response.headers.accept_encoding = Some("identity");
        response
    }

    /// Returns the response of a host that refuses a request before it reaches the service provider: 401 for an
    /// unknown caller, 429 for a caller that sends too many requests. The body is that of RFC 7644 §3.12.
    ///
    /// ```
    /// use scim_core::{error::Error, protocol::Response};
    ///
    /// let response = Response::refusal(Error::new(401, "invalid or missing token"));
    /// assert_eq!(response.status, 401);
    /// assert_eq!(response.header("Content-Type"), Some("application/scim+json"));
    /// ```
    pub fn refusal(error: Error) -> Self {
        Self::from_error(error, CONTENT_TYPE)
    }

    /// Returns the response of RFC 7644 §3.12 for the error. The status is also in the body (§3.2).
    pub(super) fn from_error(error: Error, content_type: &'static str) -> Self {
        // The error has strings and numbers only, so writing it cannot fail.
        let body = serde_json::to_vec(&error).unwrap_or_default();
        let mut response = Self::new(error.status()).with_body(body, content_type);
        let seconds = error.retry_after().map(|wait| wait.as_secs().max(1).to_string());
        response.headers.retry_after = seconds.map(Into::into);
        response.error = Some(error);
        response
    }

    /// The headers of the response, as pairs of name and value.
    ///
    /// The names are `Content-Type`, `Location`, `Content-Location`, `ETag`, `Allow`, `Accept-Encoding` and
    /// `Retry-After`, each only if it applies. The HTTP server adds the other necessary headers, such as
    /// `Content-Length`.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let Headers { content_type, location, etag, allow, accept_encoding, retry_after } = &self.headers;
        [
            ("Content-Type", *content_type),
            ("Location", location.as_deref()),
            ("Content-Location", location.as_deref()),
            ("ETag", etag.as_deref()),
            ("Allow", *allow),
            ("Accept-Encoding", *accept_encoding),
            ("Retry-After", retry_after.as_deref()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }

    /// Returns the value of a header; `None` if the response does not have it. The name is compared without case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}
