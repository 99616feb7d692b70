//! What a client is told when something is wrong: status, `scimType`, what was expected, and where (RFC 7644 §3.12).
//!
//! The parts below raise errors of their own, with a kind and a place; here, and only here, each becomes the protocol's.
//! This module knows nothing of stores: what those report is turned into an [`Error`] where they are called.

mod area;
mod scim_type;

use std::{error, fmt, time::Duration};

use serde::{Serialize, Serializer, ser::SerializeStruct};

pub use self::scim_type::ScimType;

/// The URI of the error message (RFC 7644 §3.12).
pub(crate) const SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// An error as the client sees it, and what the host may log besides.
///
/// Serialized, it is the body of RFC 7644 §3.12. The detail says what was expected and where; it never quotes input at
/// length and never shows what a store reported: that is the [`source`](error::Error::source), for the host's log.
///
/// ```
/// use scim_core::error::{Error, ScimType};
///
/// let error = Error::new(400, "expected an operator at byte 9").with_scim_type(ScimType::InvalidFilter);
/// assert_eq!(
///     serde_json::to_string(&error)?,
///     concat!(
///         r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"400","#,
///         r#""scimType":"invalidFilter","detail":"expected an operator at byte 9"}"#,
///     ),
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug)]
pub struct Error {
    // Boxed, since every operation returns one and hardly any does.
    inner: Box<Inner>,
}

#[derive(Debug)]
struct Inner {
    status: u16,
    scim_type: Option<ScimType>,
    /// What a `sensitive` refusal is of a request that says it in its body.
    in_body: Option<ScimType>,
    detail: Box<str>,
    attribute: Option<Box<str>>,
    operation: Option<usize>,
    offset: Option<usize>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn error::Error + Send + Sync>>,
}

impl Error {
    /// An error with this HTTP status and this explanation for the people on the other side.
    ///
    /// What is no status of an error (400 to 599) becomes 500.
    pub fn new(status: u16, detail: impl Into<Box<str>>) -> Self {
        let status = if (400..600).contains(&status) { status } else { 500 };
        Self {
            inner: Box::new(Inner {
                status,
                scim_type: None,
                in_body: None,
                detail: detail.into(),
                attribute: None,
                operation: None,
                offset: None,
                retry_after: None,
                source: None,
            }),
        }
    }

    /// 400 with this `scimType` (RFC 7644 table 9).
    pub(crate) fn bad(scim_type: ScimType, detail: impl Into<Box<str>>) -> Self {
        Self::new(400, detail).with_scim_type(scim_type)
    }

    /// 404: there is no such endpoint.
    pub(crate) fn no_endpoint() -> Self {
        Self::new(404, "expected an endpoint of this service provider")
    }

    /// 404: there is no such resource, or no longer.
    pub(crate) fn no_resource(kind: &str) -> Self {
        Self::new(404, format!("expected the id of a {kind} that exists"))
    }

    /// 412: the resource is not in the state that the client names.
    pub(crate) fn precondition() -> Self {
        Self::new(412, "expected a version of the resource for which the precondition of the request holds")
    }

    /// 501: the service provider does not do that.
    pub(crate) fn not_implemented(what: &str) -> Self {
        Self::new(501, format!("{what} is not supported by this service provider"))
    }

    /// Sets the keyword (RFC 7644 table 9).
    #[must_use]
    pub fn with_scim_type(mut self, scim_type: ScimType) -> Self {
        self.inner.scim_type = Some(scim_type);
        self
    }

    /// Names the attribute that the error is about, by its path.
    #[must_use]
    pub fn with_attribute(mut self, path: impl Into<Box<str>>) -> Self {
        self.inner.attribute = Some(path.into());
        self
    }

    /// Says when the client may try again.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.inner.retry_after = Some(wait);
        self
    }

    /// Keeps the cause for the host's log; the client never sees it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        self.inner.source = Some(source.into());
        self
    }

    /// 403 `sensitive` for what may not stand in a URI (RFC 7644 §7.5.2); in a body it would be a 400 with this keyword.
    fn sensitive(in_body: ScimType, detail: impl Into<Box<str>>) -> Self {
        let mut error = Self::new(403, detail).with_scim_type(ScimType::Sensitive);
        error.inner.in_body = Some(in_body);
        error
    }

    /// The error as it is of a request whose search stands in its body, which is no place that others read: `sensitive`
    /// is about URIs alone (RFC 7644 §7.5.2).
    pub(crate) fn in_body(mut self) -> Self {
        if let Some(scim_type) = self.inner.in_body.take() {
            self.inner.status = 400;
            self.inner.scim_type = Some(scim_type);
        }
        self
    }

    fn in_operation(mut self, index: Option<usize>) -> Self {
        self.inner.operation = index;
        self
    }

    fn at_byte(mut self, offset: usize) -> Self {
        self.inner.offset = Some(offset);
        self
    }

    /// The HTTP status, 400 to 599.
    pub fn status(&self) -> u16 {
        self.inner.status
    }

    /// The keyword for programs, where the RFC has one.
    pub fn scim_type(&self) -> Option<ScimType> {
        self.inner.scim_type
    }

    /// The explanation for people. Lower case, no period, safe to show.
    pub fn detail(&self) -> &str {
        &self.inner.detail
    }

    /// The path of the attribute that the error is about, as the schema or the client spells it.
    pub fn attribute(&self) -> Option<&str> {
        self.inner.attribute.as_deref()
    }

    /// The index of the PATCH operation that failed, the first being 0.
    pub fn operation(&self) -> Option<usize> {
        self.inner.operation
    }

    /// The byte of the filter, path or body at which reading stopped, the first being 0.
    pub fn offset(&self) -> Option<usize> {
        self.inner.offset
    }

    /// After how long the client may try again: the `Retry-After` of a 503.
    pub fn retry_after(&self) -> Option<Duration> {
        self.inner.retry_after
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.inner.status)?;
        if let Some(scim_type) = self.inner.scim_type {
            write!(f, " {scim_type}")?;
        }
        write!(f, ": {}", self.inner.detail)
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.inner.source.as_deref().map(|source| source as _)
    }
}

impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut body = serializer.serialize_struct("Error", 4)?;
        body.serialize_field("schemas", &[SCHEMA])?;
        // A JSON string, as RFC 7644 §3.12 has it.
        body.serialize_field("status", &self.inner.status.to_string())?;
        match self.inner.scim_type {
            Some(scim_type) => body.serialize_field("scimType", scim_type.name())?,
            None => body.skip_field("scimType")?,
        }
        body.serialize_field("detail", &self.inner.detail)?;
        body.end()
    }
}
