//! The errors of the protocol: status, `scimType`, detail, and the place of the fault (RFC 7644 §3.12).
//!
//! The other modules have their own errors, with a kind and a place. This module alone converts them to [`Error`]. It
//! knows nothing of stores: the callers of a store convert its errors.

mod area;
mod scim_type;

use std::{error, fmt, time::Duration};

use serde::{Serialize, Serializer, ser::SerializeStruct};

pub use self::scim_type::ScimType;

/// The URI of the error message (RFC 7644 §3.12).
pub(crate) const SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// An error as the client sees it, with additional data for the host's log.
///
/// The serialized error is the body of RFC 7644 §3.12. The detail describes the fault and its place. It never quotes
/// long input and never shows an error of the store: the store's error is the [`source`](error::Error::source), for
/// the host's log.
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
    // Boxed, because every operation returns a `Result` with this type but few operations fail.
    inner: Box<Inner>,
}

#[derive(Debug)]
struct Inner {
    status: u16,
    scim_type: Option<ScimType>,
    /// The `scimType` that replaces `sensitive` if the search came in a request body.
    in_body: Option<ScimType>,
    detail: Box<str>,
    attribute: Option<Box<str>>,
    operation: Option<usize>,
    offset: Option<usize>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn error::Error + Send + Sync>>,
}

impl Error {
    /// Returns an error with this HTTP status and an explanation for the people who operate the client.
    ///
    /// A status outside 400 to 599 becomes 500.
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

    /// 404: the service provider does not have the endpoint.
    pub(crate) fn no_endpoint() -> Self {
        Self::new(404, "this service provider has no such endpoint")
    }

    /// 404: the resource does not exist, or no longer exists.
    pub(crate) fn no_resource(resource_type: &str) -> Self {
        Self::new(404, format!("no {resource_type} has this id"))
    }

    /// 412: the resource does not have a version of `If-Match`.
    pub(crate) fn not_matched() -> Self {
        Self::new(412, "the resource has changed: its version is not the one in If-Match")
    }

    /// 412: the resource has a version of `If-None-Match`.
    pub(crate) fn matched() -> Self {
        Self::new(412, "the resource exists, and its version is one that If-None-Match excludes")
    }

    /// 501: the service provider does not support the operation.
    pub(crate) fn not_implemented(what: &str) -> Self {
        Self::new(501, format!("{what} is not supported by this service provider"))
    }

    /// Sets the `scimType` (RFC 7644 table 9).
    #[must_use]
    pub fn with_scim_type(mut self, scim_type: ScimType) -> Self {
        self.inner.scim_type = Some(scim_type);
        self
    }

    /// Sets the path of the attribute at fault.
    #[must_use]
    pub fn with_attribute(mut self, path: impl Into<Box<str>>) -> Self {
        self.inner.attribute = Some(path.into());
        self
    }

    /// Sets the time after which the client may try again.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.inner.retry_after = Some(wait);
        self
    }

    /// Sets the cause, for the host's log; the client never sees the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        self.inner.source = Some(source.into());
        self
    }

    /// 403 `sensitive` for attributes that must not be in a URI (RFC 7644 §7.5.2). In a request body the error is a
    /// 400 with the keyword `in_body`.
    fn sensitive(in_body: ScimType, detail: impl Into<Box<str>>) -> Self {
        let mut error = Self::new(403, detail).with_scim_type(ScimType::Sensitive);
        error.inner.in_body = Some(in_body);
        error
    }

    /// Turns `sensitive` into a 400, for a search in a request body: `sensitive` applies to URIs only
    /// (RFC 7644 §7.5.2).
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

    /// The keyword for programs; `None` if the RFC has no keyword for the error.
    pub fn scim_type(&self) -> Option<ScimType> {
        self.inner.scim_type
    }

    /// The explanation for people: lower case, no period, safe to show.
    pub fn detail(&self) -> &str {
        &self.inner.detail
    }

    /// The path of the attribute at fault, as the schema or the client spells it.
    pub fn attribute(&self) -> Option<&str> {
        self.inner.attribute.as_deref()
    }

    /// The index of the failed PATCH operation, starting at 0.
    pub fn operation(&self) -> Option<usize> {
        self.inner.operation
    }

    /// The byte offset in the filter, path or body at which reading stopped, starting at 0.
    pub fn offset(&self) -> Option<usize> {
        self.inner.offset
    }

    /// The time after which the client may try again: the `Retry-After` of a 503.
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
        // RFC 7644 §3.12 requires a JSON string.
        body.serialize_field("status", &self.inner.status.to_string())?;
        match self.inner.scim_type {
            Some(scim_type) => body.serialize_field("scimType", scim_type.name())?,
            None => body.skip_field("scimType")?,
        }
        body.serialize_field("detail", &self.inner.detail)?;
        body.end()
    }
}
