//! Hosts that have registered few attributes, and their answers to the requests of a sequence.
#![allow(dead_code, clippy::allow_attributes, reason = "each test uses its part")]

use std::{convert::Infallible, future::ready};

use scim_core::{
    Limits, Quirks, Registry,
    schema::{Attribute, AttributeType, ResourceType, Schema, Uniqueness},
    store::MemoryStore,
    testkit::{Replay, Traffic, TrafficRequest, TrafficResponse},
};

use serde_json::{Value as Json, json};

use crate::host::{ERROR, Host, USER, host_with, now};

pub(crate) type Memory = Host<MemoryStore>;

pub(crate) fn text(name: &str) -> Attribute {
    Attribute::new(name, AttributeType::String)
}

pub(crate) fn small_user() -> Schema {
    Schema::new(USER, "User")
        .attribute(text("userName").required().uniqueness(Uniqueness::Server))
        .attribute(text("displayName"))
        .attribute(Attribute::new("active", AttributeType::Boolean))
        .attribute(Attribute::complex("name", [text("givenName"), text("familyName")]))
}

pub(crate) fn registry(user: Schema, with_groups: bool) -> Registry {
    let user = ResourceType::builder("User", "Users", user).build().unwrap();
    let registry = Registry::builder().resource_type(user);
    let registry = if with_groups { registry.resource_type(ResourceType::group().unwrap()) } else { registry };
    registry.build().unwrap()
}

/// Users with `userName`, `displayName`, `active`, `name.givenName` and `name.familyName`, and the standard groups.
pub(crate) fn small(quirks: Quirks) -> Memory {
    host_with(registry(small_user(), true), MemoryStore::new(), Limits::default(), quirks)
}

pub(crate) fn standard(quirks: Quirks) -> Memory {
    host_with(Registry::standard(), MemoryStore::new(), Limits::default(), quirks)
}

pub(crate) fn replay(traffic: &Traffic, host: &Memory) -> Replay {
    now(traffic.replay(&host.provider, &host.context, 1))
}

pub(crate) fn right(host: &Memory, request: &TrafficRequest) -> TrafficResponse {
    let headers: Vec<(&str, &str)> = request.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    let reply = host.send(&request.method, &request.target, &headers, &request.body);
    let answer = TrafficResponse::new(reply.status).body(reply.body);
    reply.headers.into_iter().fold(answer, |answer, (name, value)| answer.header(name, value))
}

pub(crate) fn replay_over(traffic: &Traffic, send: impl Fn(&TrafficRequest) -> TrafficResponse) -> Replay {
    now(traffic.replay_with(1, |request| ready(Ok::<_, Infallible>(send(&request)))))
}

/// The body as JSON, or null.
pub(crate) fn json(body: &[u8]) -> Json {
    serde_json::from_slice(body).unwrap_or_default()
}

/// An error of SCIM with this status.
pub(crate) fn refusal(status: u16) -> TrafficResponse {
    let body = json!({"schemas": [ERROR], "status": status.to_string(), "detail": "no"});
    TrafficResponse::new(status).header("Content-Type", "application/scim+json").body(body.to_string())
}

/// The answer with another body.
pub(crate) fn altered(answer: &TrafficResponse, change: impl FnOnce(&mut Json)) -> TrafficResponse {
    let mut body = json(answer.bytes());
    change(&mut body);
    let changed = TrafficResponse::new(answer.status()).body(body.to_string());
    answer.headers().fold(changed, |changed, (name, value)| changed.header(name, value))
}
