//! A host for tests: requests in, answers out, over the store in memory or any other.
#![allow(dead_code, clippy::allow_attributes, reason = "each test uses its part")]

use std::{
    pin::pin,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context as Task, Poll, Waker},
};

use chrono::{DateTime, TimeDelta, Utc};
use scim_core::{
    Limits, Quirks, Registry, ServiceProvider, Store,
    protocol::Request,
    provider::{Clock, IdSource},
    store::{Context, MemoryStore, TenantId},
    value::Text,
};
use serde_json::Value as Json;

pub(crate) const BASE: &str = "https://example.com/scim/v2";
pub(crate) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub(crate) const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
pub(crate) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
pub(crate) const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
pub(crate) const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
pub(crate) const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// A second later at each look.
#[derive(Debug, Default)]
pub(crate) struct Ticking(Mutex<i64>);

impl Clock for Ticking {
    fn now(&self) -> DateTime<Utc> {
        let mut seconds = self.0.lock().unwrap();
        *seconds += 1;
        DateTime::UNIX_EPOCH + TimeDelta::seconds(1_700_000_000 + *seconds)
    }
}

/// `id-001`, `id-002` and so on: in the order in which resources were made.
#[derive(Debug, Default)]
pub(crate) struct Counting(AtomicU64);

impl IdSource for Counting {
    fn next(&self) -> Text {
        Text::from(format!("id-{:03}", self.0.fetch_add(1, Ordering::Relaxed) + 1))
    }
}

pub(crate) struct Host<S> {
    pub(crate) provider: ServiceProvider<S>,
    pub(crate) context: Context,
}

pub(crate) fn host() -> Host<MemoryStore> {
    host_with(Registry::standard(), MemoryStore::new(), Limits::default(), Quirks::default())
}

pub(crate) fn host_of(registry: Registry) -> Host<MemoryStore> {
    host_with(registry, MemoryStore::new(), Limits::default(), Quirks::default())
}

pub(crate) fn host_with<S: Store>(registry: Registry, store: S, limits: Limits, quirks: Quirks) -> Host<S> {
    let provider = ServiceProvider::builder(registry, store)
        .base_url(BASE)
        .limits(limits)
        .quirks(quirks)
        .clock(Ticking::default())
        .ids(Counting::default())
        .build()
        .unwrap();
    Host { provider, context: Context::new(TenantId::single()) }
}

#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) quirks: Quirks,
}

impl Reply {
    pub(crate) fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or(Json::Null)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn id(&self) -> String {
        self.json()["id"].as_str().expect("an id").to_owned()
    }

    pub(crate) fn etag(&self) -> String {
        self.header("ETag").expect("a version").to_owned()
    }

    /// The status, which must be an error with a body that says so (RFC 7644 §3.12), and its keyword.
    pub(crate) fn error(&self) -> (u16, String) {
        let json = self.json();
        assert_eq!(json["schemas"], serde_json::json!([ERROR]), "{json}");
        assert_eq!(json["status"], self.status.to_string());
        assert!(json["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{json}");
        (self.status, json["scimType"].as_str().unwrap_or_default().to_owned())
    }
}

impl<S: Store> Host<S> {
    pub(crate) fn send(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        self.send_as(&self.context, method, target, headers, body)
    }

    pub(crate) fn send_as(
        &self,
        context: &Context,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let request = Request::new(method, target).headers(headers.iter().copied()).body(body);
        let response = now(self.provider.handle(context, &request));
        let headers = response.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Reply { status: response.status, headers, body: response.body, quirks: response.quirks }
    }

    pub(crate) fn get(&self, target: &str) -> Reply {
        self.send("GET", &encoded(target), &[], b"")
    }

    pub(crate) fn post(&self, target: &str, body: &Json) -> Reply {
        self.send("POST", &encoded(target), &[], body.to_string().as_bytes())
    }

    pub(crate) fn put(&self, target: &str, body: &Json) -> Reply {
        self.send("PUT", &encoded(target), &[], body.to_string().as_bytes())
    }

    pub(crate) fn patch(&self, target: &str, operations: &Json) -> Reply {
        let body = serde_json::json!({"schemas": [PATCH], "Operations": operations});
        self.send("PATCH", &encoded(target), &[], body.to_string().as_bytes())
    }

    pub(crate) fn delete(&self, target: &str) -> Reply {
        self.send("DELETE", target, &[], b"")
    }

    /// Creates a user of this name; gives the id.
    pub(crate) fn user(&self, name: &str) -> String {
        let reply = self.post("/Users", &serde_json::json!({"schemas": [USER], "userName": name}));
        assert_eq!(reply.status, 201, "{}", reply.json());
        reply.id()
    }

    /// Everything that a client can see: what a refused request must leave as it is.
    pub(crate) fn everything(&self) -> Vec<Json> {
        let kinds = self.provider.registry().resource_types().iter();
        kinds.map(|kind| self.get(&format!("/{}?count=1000", kind.endpoint())).json()).collect()
    }

    /// Sends what must be refused with this status and keyword; checks that it has changed nothing.
    pub(crate) fn refused(&self, method: &str, target: &str, body: &[u8], status: u16, keyword: &str) -> Reply {
        let before = self.everything();
        let reply = self.send(method, &encoded(target), &[], body);
        let context = format!("{method} {target} {}", String::from_utf8_lossy(&body[..body.len().min(300)]));
        assert_eq!(reply.error(), (status, keyword.to_owned()), "{context}: {}", reply.json());
        assert_eq!(self.everything(), before, "{context}");
        reply
    }
}

/// Spaces and quotes in a target as they go over the wire.
pub(crate) fn encoded(target: &str) -> String {
    target.replace('%', "%25").replace(' ', "%20").replace('"', "%22").replace('+', "%2B")
}

/// The output of a future that waits for nothing.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    let (mut future, mut task) = (pin!(future), Task::from_waker(Waker::noop()));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut task) {
            return output;
        }
    }
}
