//! The library behind real HTTP: users and groups in memory, for `curl`, for a SCIM client, for a conformance suite.
//!
//! ```console
//! $ cargo run --example serve -- --listen 127.0.0.1:8080 --token SECRET
//! $ curl -H 'Authorization: Bearer SECRET' http://127.0.0.1:8080/scim/v2/Users
//! ```
//!
//! The server runs until it is stopped. A real host adds TLS, tokens kept as digests, a persistent store, and a
//! deadline for clients that send their body slowly.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::allow_attributes, reason = "a program that prints")]

use std::{
    error::Error,
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    HeaderMap,
    body::{Body, Bytes, Incoming},
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE},
    server::conn::http1,
    service::service_fn,
};
use scim_core::{
    protocol,
    provider::ServiceProvider,
    quirks::Quirks,
    schema::Registry,
    store::{MemoryStore, RequestContext, TenantId},
};
use smol::{Async, Executor, Timer, future};
use smol_hyper::rt::{FuturesIo, SmolTimer};

const BASE_PATH: &str = "/scim/v2";
const WORKERS: usize = 4;
static EXECUTOR: Executor<'_> = Executor::new();

type Fault = Box<dyn Error + Send + Sync>;
type Response = hyper::Response<Full<Bytes>>;

struct Host {
    provider: ServiceProvider<MemoryStore>,
    token: String,
}

impl Host {
    /// The owner of the token; this example has one. The time does not reveal which characters of a wrong token
    /// matched.
    fn tenant(&self, headers: &HeaderMap) -> Option<TenantId> {
        let (scheme, given) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        let (given, token) = (given.trim().as_bytes(), self.token.as_bytes());
        let differ = given.iter().zip(token).fold(0, |differ, (one, other)| differ | (one ^ other));
        (scheme.eq_ignore_ascii_case("Bearer") && given.len() == token.len() && differ == 0).then(TenantId::single)
    }

    async fn answer(&self, request: hyper::Request<Incoming>) -> Result<Response, Fault> {
        let (head, body) = request.into_parts();
        // Authenticate before all other work.
        let Some(tenant) = self.tenant(&head.headers) else {
            let mut response = refusal(401, "invalid or missing token")?;
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return Ok(response);
        };
        let target = head.uri.path_and_query().map_or("", |target| target.as_str());
        let below = target.strip_prefix(BASE_PATH).filter(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
        let Some(target) = below else {
            return refusal(404, format!("nothing is at this URL; SCIM is below {BASE_PATH}"));
        };

        // A declared length is enough to refuse; otherwise the bytes are counted. At most `limit` bytes are held.
        let limit = self.provider.limits().body;
        let too_large = || refusal(413, format!("the body has more than {limit} bytes"));
        if body.size_hint().lower() > u64::try_from(limit)? {
            return too_large();
        }
        let body = match Limited::new(body, limit).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return too_large(),
            Err(error) => return Err(error),
        };

        // Every header line, in order. A value that is not text becomes `?`: a dropped precondition would be ignored.
        let headers = head.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap_or("?")));
        let request = protocol::Request::new(head.method.as_str(), target).with_headers(headers).with_body(&body);
        let answer = self.provider.handle(&RequestContext::new(tenant), &request).await;
        println!("{} {target}: {}", head.method, answer.status);
        // The cause goes to the log only, and not to the client.
        if let Some(cause) = answer.error.as_ref().and_then(Error::source) {
            eprintln!("{cause}");
        }
        let mut response = hyper::Response::builder().status(answer.status);
        for (name, value) in answer.headers() {
            response = response.header(name, value);
        }
        Ok(response.body(answer.body.into())?)
    }
}

/// An error of the host in the form that SCIM clients read (RFC 7644 §3.12).
fn refusal(status: u16, detail: impl Into<Box<str>>) -> Result<Response, Fault> {
    let body = serde_json::to_vec(&scim_core::error::Error::new(status, detail))?;
    let response = hyper::Response::builder().status(status).header(CONTENT_TYPE, protocol::CONTENT_TYPE);
    Ok(response.body(body.into())?)
}

/// Serves all requests of one connection.
async fn converse(host: Arc<Host>, stream: Async<TcpStream>) {
    let service = service_fn(|request| host.answer(request));
    let mut http = http1::Builder::new();
    http.timer(SmolTimer::new()).header_read_timeout(Duration::from_secs(30));
    if let Err(error) = http.serve_connection(FuturesIo::new(stream), service).await {
        eprintln!("connection lost: {error}");
    }
}

fn main() -> Result<(), Fault> {
    let (mut listen, mut token) = (String::from("127.0.0.1:8080"), String::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(option) = arguments.next() {
        match (option.as_str(), arguments.next()) {
            ("--listen", Some(address)) => listen = address,
            ("--token", Some(secret)) => token = secret,
            _ => return Err("expected --listen ADDRESS:PORT and --token SECRET".into()),
        }
    }
    if token.is_empty() {
        return Err("expected --token SECRET: what clients have to show".into());
    }
    let listener = Async::new(TcpListener::bind(listen.as_str())?)?;
    // Port 0 asks for any free port; the URL contains the port that was assigned.
    let url = format!("http://{}{BASE_PATH}", listener.get_ref().local_addr()?);
    // These quirks suit every identity provider; Entra ID needs the most.
    let provider = ServiceProvider::builder(Registry::standard(), MemoryStore::new(), url.as_str())
        .quirks(Quirks::entra())
        .build()?;
    let host = Arc::new(Host { provider, token });
    println!("serving {url}");
    for _ in 0..WORKERS {
        thread::spawn(|| smol::block_on(EXECUTOR.run(future::pending::<()>())));
    }
    smol::block_on(async {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => EXECUTOR.spawn(converse(Arc::clone(&host), stream)).detach(),
                // For example too many open files: retry after a pause.
                Err(error) => {
                    eprintln!("no connection: {error}");
                    Timer::after(Duration::from_millis(100)).await;
                }
            }
        }
    })
}
