//! The service provider behind the types of `http` and the service of `tower-service`.

use crate::fixture::host;
use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
};

use crate::fixture::host::{BASE, Host, USER, host, now};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Full};
use scim_core::{
    http::{Outcome, ScimService},
    limits::Limits,
    quirks::{Quirk, Quirks},
    schema::Registry,
    store::{DynStore, MemoryStore, RequestContext, TenantId},
};
use serde_json::{Value as Json, json};
use tower_service::Service as _;

/// A body that comes in pieces and may declare no length; counts how many pieces were taken.
struct Pieces {
    left: VecDeque<Result<Bytes, &'static str>>,
    taken: Arc<AtomicUsize>,
    declared: Option<u64>,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        let next = self.left.pop_front();
        self.taken.fetch_add(usize::from(next.is_some()), Ordering::Relaxed);
        Poll::Ready(next.map(|piece| piece.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        self.declared.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

fn json_of(response: Response<Full<Bytes>>) -> Json {
    let body = now(response.into_body().collect()).unwrap().to_bytes();
    serde_json::from_slice(&body).unwrap_or(Json::Null)
}

fn call<B>(host: &Host<MemoryStore>, mut request: Request<B>) -> Response<Full<Bytes>>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    request.extensions_mut().insert(host.context.clone());
    let response: Result<_, Infallible> = now(ScimService::new(host.provider.clone()).call(request));
    response.unwrap()
}

fn post(body: &Json) -> Request<Full<Bytes>> {
    let request = Request::post("/Users").header("content-type", "application/scim+json");
    request.body(Full::new(Bytes::from(body.to_string()))).unwrap()
}

#[test]
fn a_request_is_answered() {
    let host = host();
    let response = call(&host, post(&json!({"schemas": [USER], "userName": "ann"})));
    assert_eq!(response.status(), StatusCode::CREATED);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    assert!(location.starts_with(BASE), "{location}");
    assert_eq!(response.headers()["content-type"], "application/scim+json");
    let etag = response.headers()["etag"].clone();
    let user = json_of(response);

    let target = location.strip_prefix(BASE).unwrap();
    let request = Request::get(format!("{target}?attributes=userName")).body(Full::<Bytes>::default()).unwrap();
    assert_eq!(json_of(call(&host, request))["userName"], "ann");
    let request = Request::get(target).header("If-None-Match", etag).body(Full::<Bytes>::default()).unwrap();
    assert_eq!(call(&host, request).status(), StatusCode::NOT_MODIFIED);
    let same = Request::get(target).body(Vec::new()).unwrap();
    let response = now(host.provider.handle_http(&host.context, &same));
    assert_eq!(serde_json::from_slice::<Json>(response.body()).unwrap(), user);
}

/// The error and the quirks for the host's log are extensions of the response.
#[test]
fn the_host_learns_what_the_client_does_not() {
    let host = host();
    let response = call(&host, post(&json!({"userName": "ann", "active": "True"})));
    let outcome = response.extensions().get::<Outcome>().unwrap();
    assert!(outcome.error.is_none());
    assert_eq!(outcome.quirks, Quirks::strict().with(Quirk::BooleanStrings).with(Quirk::MissingSchema));
    let response = call(&host, post(&json!({"userName": "ANN"})));
    let error = response.extensions().get::<Outcome>().unwrap().error.clone().unwrap();
    assert_eq!((error.status(), error.attribute()), (409, Some("userName")));
}

/// If the host forgets to authenticate, every request is refused, and its body is not read.
#[test]
fn requests_without_a_context_are_refused() {
    let host = host();
    let taken = Arc::new(AtomicUsize::new(0));
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"] {
        for target in ["/Users", "/Users/1", "/ServiceProviderConfig", "/", "/Bulk", "/Me", "/Nothing"] {
            let left = [Ok(Bytes::from_static(b"{\"userName\": \"ann\"}"))].into();
            let body = Pieces { left, taken: Arc::clone(&taken), declared: None };
            let request = Request::builder().method(method).uri(target).body(body).unwrap();
            let response = now(ScimService::new(host.provider.clone()).call(request)).unwrap();
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{method} {target}");
            assert_eq!(response.headers()["www-authenticate"], "Bearer");
            let json = json_of(response);
            assert_eq!((&json["status"], &json["detail"]), (&json!("401"), &json!("the caller is not authenticated")));
        }
    }
    assert_eq!(taken.load(Ordering::Relaxed), 0);
    assert_eq!(host.get("/Users").json()["totalResults"], 0);
}

/// A body is collected up to the limit and no further. A body that breaks off or is too long changes nothing.
#[test]
fn bodies_are_bounded() {
    let mut limits = Limits::default();
    limits.body = 100;
    let host = host::host_with(Registry::standard(), MemoryStore::new(), limits, Quirks::default());
    let user = |bytes: usize| {
        let short = json!({"userName": "a"}).to_string();
        json!({"userName": "a".repeat(bytes + 1 - short.len())}).to_string()
    };
    let send = |pieces: Vec<Result<Bytes, &'static str>>, declared| {
        let taken = Arc::new(AtomicUsize::new(0));
        let body = Pieces { left: pieces.into(), taken: Arc::clone(&taken), declared };
        let request = Request::post("/Users").body(body).unwrap();
        let response = call(&host, request);
        let status = response.status().as_u16();
        let json = json_of(response);
        if status != 201 {
            assert_eq!(json["status"], status.to_string(), "{json}");
        }
        let detail = json["detail"].as_str().unwrap_or_default().to_owned();
        (status, taken.load(Ordering::Relaxed), detail)
    };
    let too_long = || "the body has more than 100 bytes".to_owned();
    let pieces = |text: &str, size: usize| -> Vec<Result<Bytes, &'static str>> {
        text.as_bytes().chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect()
    };
    assert_eq!(send(pieces(&user(101), 10), None), (413, 11, too_long()), "the eleventh piece is one too many");
    assert_eq!(send(pieces(&user(10_000), 10), None), (413, 11, too_long()));
    assert_eq!(send(pieces(&user(10_000), 10), Some(10_000)), (413, 0, too_long()), "it said so itself");
    let (status, _, detail) = send(vec![Ok(Bytes::from_static(b"{\"userName\"")), Err("connection reset")], None);
    assert_eq!((status, &*detail), (400, "expected a body that can be read to its end"));
    assert_eq!(host.get("/Users").json()["totalResults"], 0);
    assert_eq!(send(pieces(&user(100), 10), None), (201, 10, String::new()));
}

/// A header that is not text is not treated as absent: the precondition fails.
#[test]
fn a_precondition_that_cannot_be_read_does_not_hold() {
    let host = host();
    let id = host.user("ann");
    let before = host.everything();
    let tag = http::HeaderValue::from_bytes(b"\"\xff\"").unwrap();
    let request = Request::delete(format!("/Users/{id}")).header("If-Match", tag.clone());
    let response = call(&host, request.body(Full::<Bytes>::default()).unwrap());
    assert_eq!(response.status(), StatusCode::PRECONDITION_FAILED);
    let request = Request::post("/Users").header("Content-Type", tag);
    let response = call(&host, request.body(Full::new(Bytes::from_static(b"{\"userName\": \"b\"}"))).unwrap());
    assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(host.everything(), before);
}

/// Repeated header lines and a content coding reach the core through [`ScimService`] and through `handle_http`.
#[test]
fn every_header_line_reaches_the_core() {
    let host = host();
    let target = format!("/Users/{}", host.user("ann"));
    let etag = host.get(&target).etag();
    let body = Bytes::from(json!({"schemas": [USER], "userName": "ann", "title": "x"}).to_string());
    let lines: [(&[(&str, &str)], u16); 5] = [
        (&[("If-None-Match", "\"x\""), ("If-None-Match", &etag)], 412),
        (&[("If-Match", "\"x\""), ("If-Match", "\"y\"")], 412),
        (&[("Content-Type", "application/json"), ("Content-Type", "text/plain")], 415),
        (&[("Content-Encoding", "identity"), ("Content-Encoding", "gzip")], 415),
        (&[("If-Match", "\"x\""), ("If-Match", &etag), ("Accept", "text/html"), ("Accept", "application/json")], 200),
    ];
    for (headers, status) in lines {
        let request =
            || headers.iter().fold(Request::put(&target), |request, (name, value)| request.header(*name, *value));
        let before = host.everything();
        let response = call(&host, request().body(Full::new(body.clone())).unwrap());
        assert_eq!(response.status(), status, "{headers:?}");
        if status != 200 {
            assert_eq!(host.everything(), before, "{headers:?}");
            let response = now(host.provider.handle_http(&host.context, &request().body(body.clone()).unwrap()));
            assert_eq!(response.status(), status, "{headers:?}");
            assert_eq!(host.everything(), before, "{headers:?}");
            continue;
        }
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(response.headers()["location"], format!("{BASE}{target}"));
        assert_eq!(json_of(response)["title"], "x");
    }
}

/// The future can be sent between threads, with any store, and the service can be cloned for each connection.
#[test]
fn the_service_fits_into_servers() {
    fn is_service<T>(service: &T)
    where
        T: tower_service::Service<Request<Full<Bytes>>, Error = Infallible> + Clone + Send + Sync + 'static,
        T::Future: Send + 'static,
    {
        let _ = service;
    }
    is_service(&ScimService::new(host().provider));
    let erased =
        host::host_with(Registry::standard(), DynStore::new(MemoryStore::new()), Limits::default(), Quirks::default());
    is_service(&ScimService::new(erased.provider));
    let other = RequestContext::new(TenantId::new("other").unwrap());
    assert_eq!(other.tenant().as_str(), "other");
}
