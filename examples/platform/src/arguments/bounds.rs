//! The options for bounds on clients.

use std::{num::NonZeroU32, time::Duration};

use axum::http::HeaderName;
use clap::{Args, value_parser};

use crate::server::{Bounds, Quotas};

/// Bounds on clients.
#[derive(Args, Clone, Debug)]
pub(super) struct BoundArguments {
    /// Seconds that a client may take to send the head of a request, and again to send its body
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = value_parser!(u64).range(1..=3_600))]
    request_timeout: u64,
    /// Seconds that a request may take from its head to its response, including its body
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = value_parser!(u64).range(1..=3_600))]
    request_deadline: u64,
    /// Seconds that a client may take to read a response
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = value_parser!(u64).range(1..=3_600))]
    answer_timeout: u64,
    /// The maximum number of connections; a further connection replaces the connection that has been idle the
    /// longest. An organization may have requests in progress on half of them
    #[arg(long, value_name = "N", default_value_t = 900, value_parser = value_parser!(u32).range(2..=1_000_000))]
    connections: u32,
    /// MiB of all request bodies that are being read or processed. An organization may have half of it
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = value_parser!(u32).range(1..=65_536))]
    request_memory: u32,
    /// MiB of all responses that clients have not read yet. An organization may have half of it; beyond that the
    /// server cuts the organization's oldest unread response
    #[arg(long, value_name = "MIB", default_value_t = 256, value_parser = value_parser!(u32).range(1..=65_536))]
    answer_memory: u32,
    /// Requests per second of an organization, of which five seconds' worth may come at once; 0 means no limit
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = value_parser!(u32).range(..=1_000_000))]
    organization_rate: u32,
    /// Requests per second with one API key, of which five seconds' worth may come at once; 0 means no limit
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = value_parser!(u32).range(..=1_000_000))]
    key_rate: u32,
    /// Requests per minute without a valid API key, from one address and with one token; 0 means no limit
    #[arg(long, value_name = "N", default_value_t = 120, value_parser = value_parser!(u32).range(..=1_000_000))]
    failure_rate: u32,
    /// The header in which the proxy in front gives the address of its client, such as `X-Forwarded-For`; the last
    /// address in it counts. Without this option, all clients of the proxy share one quota of failures
    #[arg(long, value_name = "NAME")]
    address_header: Option<HeaderName>,
}

impl BoundArguments {
    /// The bounds from the options.
    pub(super) fn bounds(&self) -> Bounds {
        let bytes = |mib: u32| usize::try_from(mib).unwrap_or(usize::MAX).saturating_mul(1 << 20);
        Bounds {
            request: Duration::from_secs(self.request_timeout),
            deadline: Duration::from_secs(self.request_deadline),
            answer: Duration::from_secs(self.answer_timeout),
            connections: usize::try_from(self.connections).unwrap_or(usize::MAX),
            request_bytes: bytes(self.request_memory),
            answer_bytes: bytes(self.answer_memory),
            quotas: Quotas {
                organization: NonZeroU32::new(self.organization_rate),
                key: NonZeroU32::new(self.key_rate),
                failures: NonZeroU32::new(self.failure_rate),
            },
            address_header: self.address_header.clone(),
        }
    }
}
