//! A request of a replay and its response, independent of the transport.

use std::fmt;

/// The maximum number of characters of a body that are printed.
const SHOWN: usize = 400;

/// A request to the service provider, for any transport.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrafficRequest {
    /// The id of the step that sends the request; empty for the requests that read the registered attributes.
    pub step: String,
    /// The method, in upper case.
    pub method: String,
    /// The path below the base URL and, after a `?`, the query, both percent-encoded.
    pub target: String,
    /// The headers, by name and value. The transport adds `Host`, `Content-Length` and, if the step has none,
    /// `Authorization`. If the headers contain `Accept-Encoding`, as with Okta, a service may compress its response,
    /// and the transport has to decode it.
    pub headers: Vec<(String, String)>,
    /// The body: UTF-8 JSON, or empty.
    pub body: Vec<u8>,
}

impl TrafficRequest {
    /// The value of the header `name`, whose case does not matter; `None` if the header is missing.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

/// The response to a [`TrafficRequest`].
///
/// ```
/// use scim_core::testkit::TrafficResponse;
///
/// let response = TrafficResponse::new(200).with_header("ETag", r#"W/"1""#).with_body(br#"{"id": "2819c223"}"#);
/// assert_eq!(response.status(), 200);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrafficResponse {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl TrafficResponse {
    /// Makes a response with this HTTP status, without headers and body.
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The value of the header `name`, whose case does not matter; `None` if the header is missing.
    pub fn header_value(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The headers, by name and value.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The body.
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// A request that was sent, and its response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    pub(super) request: TrafficRequest,
    pub(super) response: Result<TrafficResponse, String>,
}

impl Exchange {
    /// The request.
    pub fn request(&self) -> &TrafficRequest {
        &self.request
    }

    /// The response; `None` when the transport failed.
    pub fn response(&self) -> Option<&TrafficResponse> {
        self.response.as_ref().ok()
    }
}

/// Writes the request and the response, indented, and shortens long bodies.
impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "    > {} {}", self.request.method, self.request.target)?;
        body(f, '>', &self.request.body)?;
        match &self.response {
            Ok(response) => {
                writeln!(f, "    < {}", response.status)?;
                body(f, '<', &response.body)
            }
            Err(error) => writeln!(f, "    < no answer: {error}"),
        }
    }
}

fn body(f: &mut fmt::Formatter<'_>, mark: char, body: &[u8]) -> fmt::Result {
    if body.is_empty() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(body);
    match start(&text, SHOWN) {
        Some(start) => writeln!(f, "    {mark} {start}… ({} bytes)", body.len()),
        None => writeln!(f, "    {mark} {text}"),
    }
}

/// The first `characters` characters of `text`; `None` if the text is not longer.
pub(super) fn start(text: &str, characters: usize) -> Option<&str> {
    let (end, _) = text.char_indices().nth(characters)?;
    text.get(..end)
}
