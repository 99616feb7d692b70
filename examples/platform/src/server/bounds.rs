//! Bounds of a server on its clients.

use std::time::Duration;

use axum::http::HeaderName;

pub use super::rates::Quotas;

/// Bounds of a server. Each has its option on the command line.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// How long a client may take to send the head of a request, and again as long for its body.
    pub request: Duration,
    /// How long a request may take from its head to its answer. Not less than `request`.
    pub deadline: Duration,
    /// How long a client may take to read an answer.
    pub answer: Duration,
    /// Connections. An organization may have requests in work on half of them.
    pub connections: usize,
    /// Bytes of all request bodies that are read or in work. An organization may have half of them.
    pub request_bytes: usize,
    /// Bytes of all answers that clients have not read yet. An organization may have half of them.
    pub answer_bytes: usize,
    /// Requests per time.
    pub quotas: Quotas,
    /// The header in which a proxy in front tells the address of its client; `None` if there is no such proxy.
    pub address_header: Option<HeaderName>,
}
