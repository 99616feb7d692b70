//! The schema of a service provider behind a transport, as described by its discovery endpoints (RFC 7644 §4).
#![expect(clippy::future_not_send, reason = "they are `Send` when the transport is, which a test need not have")]

use std::fmt;

use super::{
    catalog::Catalog,
    exchange::{TrafficRequest, TrafficResponse},
    json::Json,
};

/// The source of the attributes that a service provider has registered, as known to a replay.
///
/// A replay leaves out expectations about attributes that are not registered, so it names its source.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SchemaSource {
    /// The registry of the [`ServiceProvider`](crate::provider::ServiceProvider).
    Registry,
    /// The responses of `/ResourceTypes` and `/Schemas`.
    Discovery,
    /// No source, for this reason. Every expectation applies.
    Unknown(String),
}

impl fmt::Display for SchemaSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry => f.write_str("the attributes are those of the registry"),
            Self::Discovery => f.write_str("the attributes are those of /Schemas"),
            Self::Unknown(reason) => write!(f, "every expectation applies, since the schema is unknown: {reason}"),
        }
    }
}

/// Reads the schema from the discovery endpoints, with these headers.
pub(super) async fn discover<F, Fut, E>(headers: &[(String, String)], send: &F) -> Result<Catalog, String>
where
    F: Fn(TrafficRequest) -> Fut,
    Fut: Future<Output = Result<TrafficResponse, E>>,
    E: fmt::Display,
{
    let types = get("/ResourceTypes", headers, send).await?;
    let schemas = get("/Schemas", headers, send).await?;
    Catalog::read(&types, &schemas)
}

async fn get<F, Fut, E>(target: &str, headers: &[(String, String)], send: &F) -> Result<Json, String>
where
    F: Fn(TrafficRequest) -> Fut,
    Fut: Future<Output = Result<TrafficResponse, E>>,
    E: fmt::Display,
{
    let request = TrafficRequest {
        step: String::new(),
        method: "GET".to_owned(),
        target: target.to_owned(),
        headers: headers.to_vec(),
        body: Vec::new(),
    };
    let response = send(request).await.map_err(|error| format!("GET {target} got no answer: {error}"))?;
    if response.status() != 200 {
        return Err(format!("GET {target} was answered with {}", response.status()));
    }
    serde_json::from_slice(response.bytes()).map_err(|error| format!("the answer of {target} is not JSON: {error}"))
}
