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
    location: Option<Box<str>>,
    content_location: Option<Box<str>>,
    etag: Option<Box<str>>,
    allow: Option<&'static str>,
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

    pub(super) fn with_location(mut self, url: &str) -> Self {
        self.headers.location = Some(url.into());
        self
    }

    pub(super) fn with_content_location(mut self, url: &str) -> Self {
        self.headers.content_location = Some(url.into());
        self
    }

    /// Says also in `Location` which resource this is, as an answer to `/Me` does (RFC 7644 §3.11).
    pub(super) fn with_permanent_location(mut self) -> Self {
        self.headers.location = self.headers.content_location.clone();
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
    /// `Content-Type`, `Location`, `Content-Location`, `ETag`, `Allow`, `Retry-After`, where they apply. What else an
    /// HTTP response needs, such as `Content-Length`, is the server's.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let Headers { content_type, location, content_location, etag, allow, retry_after } = &self.headers;
        [
            ("Content-Type", *content_type),
            ("Location", location.as_deref()),
            ("Content-Location", content_location.as_deref()),
            ("ETag", etag.as_deref()),
            ("Allow", *allow),
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
