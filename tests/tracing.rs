//! The fields of the spans of requests, and the values that no span has.
#![cfg(feature = "tracing")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::allow_attributes,
    reason = "a test that panics has failed"
)]

/// The modules that most tests share.
#[allow(dead_code, reason = "this program uses a part of it")]
mod it {
    pub(crate) mod fixture {
        pub(crate) mod host;
    }
}

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use it::fixture::host::{self, Host, USER, host};
use scim_core::store::{RequestContext, Store, TenantId};
use serde_json::json;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

type Fields = BTreeMap<String, String>;

/// Keeps the fields of every span, and the text of every event.
#[derive(Clone, Default)]
struct Keeping {
    spans: Arc<Mutex<Vec<Fields>>>,
    next: Arc<AtomicU64>,
}

struct Into<'a>(&'a mut Fields);

impl Visit for Into<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}

impl Subscriber for Keeping {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut fields = Fields::from([("name".to_owned(), attributes.metadata().name().to_owned())]);
        attributes.record(&mut Into(&mut fields));
        self.spans.lock().unwrap().push(fields);
        Id::from_u64(self.next.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let index = usize::try_from(span.into_u64() - 1).unwrap();
        values.record(&mut Into(&mut self.spans.lock().unwrap()[index]));
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::new();
        event.record(&mut Into(&mut fields));
        self.spans.lock().unwrap().push(fields);
        self.next.fetch_add(1, Ordering::Relaxed);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// The subscribers of a process share one cache of interest in a span, so these tests run one at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> std::sync::MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The spans of one request.
fn spans<S: Store>(host: &Host<S>, method: &str, target: &str, body: &str) -> Vec<Fields> {
    let keeping = Keeping::default();
    tracing::subscriber::with_default(keeping.clone(), || {
        host.send(method, &host::encoded(target), &[], body.as_bytes());
    });
    std::mem::take(&mut *keeping.spans.lock().unwrap())
}

fn one<S: Store>(host: &Host<S>, method: &str, target: &str, body: &str, expected: &[(&str, &str)]) {
    let spans = spans(host, method, target, body);
    assert_eq!(spans.len(), 1, "{method} {target}");
    let always = [("name", "scim.request"), ("tenant", "acme"), ("actor", "okta"), ("request_id", "r-1")];
    let expected: BTreeMap<&str, &str> = always.iter().chain(expected).copied().collect();
    let found: BTreeMap<&str, &str> = spans[0].iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(found, expected, "{method} {target}");
}

fn acme() -> Host<scim_core::store::MemoryStore> {
    let mut host = host();
    host.context = RequestContext::new(TenantId::new("acme").unwrap()).with_actor("okta").with_request_id("r-1");
    host
}

/// Each request has one span with its operation, its outcome and its cost.
#[test]
fn each_request_has_one_span() {
    let _alone = alone();
    let host = acme();
    let id = host.user("ann");
    for name in ["bob", "carl", "dora"] {
        host.user(name);
    }
    let user = format!("/Users/{id}");
    let get = [("operation", "read"), ("resource_type", "User"), ("status", "200"), ("retries", "0")];
    // The resource, and the groups of which it is a member.
    one(&host, "GET", &user, "", &[&get[..], &[("store_calls", "2"), ("rows", "1")]].concat());
    let list = [("operation", "search"), ("resource_type", "User"), ("retries", "0")];
    let found = [("status", "200"), ("store_calls", "2"), ("rows", "4")];
    one(&host, "GET", "/Users", "", &[&list[..], &found].concat());
    let refused = [("status", "400"), ("scim_type", "invalidFilter"), ("store_calls", "0"), ("rows", "0")];
    one(&host, "GET", "/Users?filter=nothing pr", "", &[&list[..], &refused].concat());
    let body = r#"{"Operations": [{"op": "Replace", "path": "active", "value": "False"}]}"#;
    let patch = [("operation", "patch"), ("resource_type", "User"), ("status", "200"), ("retries", "0")];
    let cost = [("store_calls", "3"), ("rows", "1")];
    let quirks = [("quirks", "operation-case, boolean-strings, missing-message-schema")];
    one(&host, "PATCH", &user, body, &[&patch[..], &cost, &quirks].concat());
    let taken = [
        ("operation", "create"),
        ("resource_type", "User"),
        ("status", "409"),
        ("scim_type", "uniqueness"),
        ("store_calls", "1"),
        ("rows", "0"),
        ("retries", "0"),
        ("quirks", "missing-schema"),
    ];
    one(&host, "POST", "/Users", r#"{"userName": "ANN"}"#, &taken);
    let nothing = [("store_calls", "0"), ("rows", "0"), ("retries", "0")];
    one(&host, "GET", "/Schemas", "", &[&nothing[..], &[("operation", "discover"), ("status", "200")]].concat());
    one(&host, "GET", "/Nothing", "", &[&nothing[..], &[("status", "404")]].concat());
}

/// A span has no value of a resource, a filter or a header, and no id of a resource.
#[test]
fn no_span_has_a_value() {
    let _alone = alone();
    let host = acme();
    let body = json!({
        "schemas": [USER], "userName": "SECRET-name", "password": "SECRET-word", "externalId": "SECRET-id",
        "emails": [{"value": "SECRET@example.com"}],
    });
    let mut all = spans(&host, "POST", "/Users", &body.to_string());
    let patch = r#"{"Operations": [{"op": "replace", "path": "password", "value": "SECRET"}]}"#;
    let broken =
        r#"{"Operations": [{"op": "replace", "path": "emails[value eq \"SECRET\"].SECRET", "value": "SECRET"}]}"#;
    for (method, target, body) in [
        ("GET", "/Users?filter=userName eq \"SECRET-name\"", ""),
        ("GET", "/Users?filter=SECRET eq \"SECRET", ""),
        ("GET", "/Users/SECRET?attributes=SECRET", ""),
        ("GET", "/SECRET/SECRET", ""),
        ("PATCH", "/Users/id-001", patch),
        ("PATCH", "/Users/id-001", broken),
        ("PUT", "/Users/id-001", r#"{"userName": {"SECRET": "SECRET"}}"#),
        ("POST", "/Users", "SECRET"),
        ("SECRET", "/Users", ""),
        ("DELETE", "/Users/id-001", ""),
    ] {
        all.extend(spans(&host, method, target, body));
    }
    assert_eq!(all.len(), 11);
    for fields in all {
        let text = format!("{fields:?}");
        assert!(!text.contains("SECRET") && !text.contains("id-001"), "{text}");
    }
}
