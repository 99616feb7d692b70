//! A response for the host's HTTP server to send.

use crate::{error::Error, quirks::Quirks};

/// The media type of SCIM (RFC 7644 §3.1, §8.1).
pub const CONTENT_TYPE: &str = "application/scim+json";

/// An HTTP response: a status, a few headers and a body.
///
/// Beside that it says what a host's log or metrics want to know and the client does not see: the error with its cause,
/// and which habits of the identity provider were met and tolerated.
#[derive(Debug)]
#[non_exhaustive]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The body: UTF-8 JSON, or empty where the status or the method allows none.
    pub body: Vec<u8>,
    /// The error that the body tells of, with the cause that it does not tell.
    pub error: Option<Error>,
    /// The habits of identity providers that the request showed and that were tolerated.
    pub quirks: Quirks,
    headers: Headers,
}

#[derive(Debug, Default)]
struct Headers {
    content_type: Option<&'static str>,
    /// The URL of the resource in the body: sent as `Location` and as `Content-Location`.
    location: Option<Box<str>>,
    etag: Option<Box<str>>,
    allow: Option<&'static str>,
    accept_encoding: Option<&'static str>,
    retry_after: Option<Box<str>>,
}

impl Response {
    /// A response without headers and body.
    pub(super) fn new(status: u16) -> Self {
        Self { status, body: Vec::new(), error: None, quirks: Quirks::strict(), headers: Headers::default() }
    }

    pub(super) fn with_body(mut self, body: Vec<u8>, content_type: &'static str) -> Self {
        self.body = body;
        self.headers.content_type = Some(content_type);
        self
    }

    /// Names the resource that the body shows.
    ///
    /// `Content-Location` is the header that RFC 7643 §3.1 requires to equal `meta.location`; the examples of RFC 7644
    /// §3.4.1, §3.5.1 and §3.5.2 have `Location`, which clients read.
    pub(super) fn with_location(mut self, url: String) -> Self {
        self.headers.location = Some(url.into());
        self
    }

    pub(super) fn with_etag(mut self, etag: &str) -> Self {
        self.headers.etag = Some(etag.into());
        self
    }

    pub(super) fn with_quirks(mut self, quirks: Quirks) -> Self {
        self.quirks = quirks;
        self
    }

    /// 405 with the methods that there are (RFC 9110 §15.5.6).
    pub(super) fn method_not_allowed(allow: &'static str, content_type: &'static str) -> Self {
        let mut response =
            Self::from_error(Error::new(405, format!("expected one of the methods {allow}")), content_type);
        response.headers.allow = Some(allow);
        response
    }

    /// 415 for a body in a content coding, with the one that is accepted (RFC 9110 §12.5.3, §15.5.16).
    pub(super) fn coding_not_supported(coding: &str, content_type: &'static str) -> Self {
        let detail = format!("expected a body without a content coding, found `Content-Encoding: {coding:.40}`");
        let mut response = Self::from_error(Error::new(415, detail), content_type);
        response.headers.accept_encoding = Some("identity");
        response
    }

    /// The response of a host that refuses a request before the service provider sees it: 401 for a caller that it does
    /// not know, 429 for one that calls too often. The body is that of RFC 7644 §3.12.
    ///
    /// ```
    /// use scim_core::{error::Error, protocol::Response};
    ///
    /// let response = Response::refusal(Error::new(401, "expected a token that is valid"));
    /// assert_eq!(response.status, 401);
    /// assert_eq!(response.header("Content-Type"), Some("application/scim+json"));
    /// ```
    pub fn refusal(error: Error) -> Self {
        Self::from_error(error, CONTENT_TYPE)
    }

    /// The error as RFC 7644 §3.12 has it.
    pub(super) fn from_error(error: Error, content_type: &'static str) -> Self {
        // Strings and numbers only: nothing in it can fail to be written.
        let body = serde_json::to_vec(&error).unwrap_or_default();
        let mut response = Self::new(error.status()).with_body(body, content_type);
        let seconds = error.retry_after().map(|wait| wait.as_secs().max(1).to_string());
        response.headers.retry_after = seconds.map(Into::into);
        response.error = Some(error);
        response
    }

    /// The headers to send, by name and value.
    ///
    /// `Content-Type`, `Location`, `Content-Location`, `ETag`, `Allow`, `Accept-Encoding`, `Retry-After`, where they
    /// apply. The HTTP server adds the others that a response needs, such as `Content-Length`.
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

    /// The value of one header that the response has; the name's case does not matter.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}
