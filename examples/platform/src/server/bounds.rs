//! The bounds that a server puts on its clients.

use std::time::Duration;

use axum::http::HeaderName;

pub use super::rates::Quotas;

/// The bounds of a server. Each bound has an option on the command line.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// The time that a client may take to send the head of a request, and again for its body.
    pub request: Duration,
    /// The time that a request may take from its head to its response. Not less than `request`.
    pub deadline: Duration,
    /// The time that a client may take to read a response.
    pub answer: Duration,
    /// The maximum number of connections. An organization may have requests in progress on half of them.
    pub connections: usize,
    /// The maximum number of bytes of all request bodies that are being read or processed. An organization may have
    /// half of it.
    pub request_bytes: usize,
    /// The maximum number of bytes of all responses that clients have not read yet. An organization may have half
    /// of it.
    pub answer_bytes: usize,
    /// The limits on requests per time.
    pub quotas: Quotas,
    /// The header in which a proxy in front gives the address of its client; `None` if there is no such proxy.
    pub address_header: Option<HeaderName>,
}
