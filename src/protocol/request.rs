//! A request as received by the host's HTTP server.

use std::fmt;

/// An HTTP request, borrowed from the HTTP library of the host.
///
/// The path is relative to the base URL: a host that serves `https://example.com/scim/v2` removes `/scim/v2`. The host
/// also identifies the tenant and authenticates the caller: see [`RequestContext`](crate::store::RequestContext).
///
/// ```
/// use scim_core::protocol::Request;
///
/// let headers = [("Content-Type", "application/scim+json"), ("If-Match", r#"W/"3""#), ("X-Other", "ignored")];
/// let request = Request::new("PUT", "/Users/2819c223").with_headers(headers).with_body(br#"{"userName": "bjensen"}"#);
/// assert_eq!(request.path(), "/Users/2819c223");
/// ```
#[derive(Clone)]
pub struct Request<'a> {
    pub(super) method: &'a str,
    path: &'a str,
    pub(super) query: &'a str,
    pub(super) accept: Lines<'a>,
    pub(super) content_type: Lines<'a>,
    pub(super) content_encoding: Lines<'a>,
    pub(super) if_match: Lines<'a>,
    pub(super) if_none_match: Lines<'a>,
    pub(super) body: &'a [u8],
}

/// The lines of one header field, in the order of the request. Several lines are rare, so only they cost an
/// allocation.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines<'a> {
    first: Option<&'a str>,
    more: Vec<&'a str>,
}

impl<'a> Lines<'a> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &'a str> {
        self.first.into_iter().chain(self.more.iter().copied())
    }

    fn push(&mut self, line: &'a str) {
        match self.first {
            None => self.first = Some(line),
            Some(_) => self.more.push(line),
        }
    }
}

impl<'a> Request<'a> {
    /// Returns a request for `target`: the path below the base URL and, after a `?`, the query, both still
    /// percent-encoded. The method is in upper case, as in HTTP.
    pub fn new(method: &'a str, target: &'a str) -> Self {
        // HTTP does not send fragments. A client that sends a fragment means the resource.
        let target = target.split_once('#').map_or(target, |(target, _)| target);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method,
            path,
            query,
            accept: Lines::default(),
            content_type: Lines::default(),
            content_encoding: Lines::default(),
            if_match: Lines::default(),
            if_none_match: Lines::default(),
            body: &[],
        }
    }

    /// Returns the request with this header line; the name is compared without case.
    ///
    /// `Accept`, `Content-Type`, `Content-Encoding`, `If-Match` and `If-None-Match` are used, other headers are
    /// ignored. Lines of the same name add up: `Accept`, `Content-Encoding`, `If-Match` and `If-None-Match` are lists,
    /// and their lines form one list (RFC 9110 §5.3). Each `Content-Type` line must name an accepted media type. So
    /// pass every line of the HTTP request, in its order.
    ///
    /// Do not leave out a value that is not text, because a precondition would vanish with it; pass `"?"` instead.
    ///
    /// ```
    /// use scim_core::protocol::Request;
    ///
    /// // The deletion happens in either of these versions.
    /// let request = Request::new("DELETE", "/Users/2819c223").with_header("If-Match", r#"W/"3""#).with_header("If-Match", r#"W/"4""#);
    /// # let _ = request;
    /// ```
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &'a str) -> Self {
        let fields: [(&str, &mut Lines<'a>); 5] = [
            ("accept", &mut self.accept),
            ("content-type", &mut self.content_type),
            ("content-encoding", &mut self.content_encoding),
            ("if-match", &mut self.if_match),
            ("if-none-match", &mut self.if_none_match),
        ];
        if let Some((_, field)) = fields.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            field.push(value);
        }
        self
    }

    /// Returns the request with these headers; see [`Request::with_header`].
    #[must_use]
    pub fn with_headers<N: AsRef<str>>(self, headers: impl IntoIterator<Item = (N, &'a str)>) -> Self {
        headers.into_iter().fold(self, |request, (name, value)| request.with_header(name.as_ref(), value))
    }

    /// Returns the request with this body.
    #[must_use]
    pub fn with_body(mut self, body: &'a [u8]) -> Self {
        self.body = body;
        self
    }

    /// The path, percent-encoded.
    pub fn path(&self) -> &'a str {
        self.path
    }
}

impl fmt::Debug for Request<'_> {
    /// Leaves out the query and the body, which may contain personal data or a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("content_type", &self.content_type)
            .field("if_match", &self.if_match)
            .field("if_none_match", &self.if_none_match)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
