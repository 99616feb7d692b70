//! The shortest complete host: it checks a credential, forwards a request and sends the response.
//!
//! The HTTP server is left out; with any server, its handler does the work of `serve`.
#![allow(clippy::print_stdout, clippy::allow_attributes, reason = "a program that prints")]

use std::{
    error::Error,
    pin::pin,
    task::{Context as Task, Poll, Waker},
};

use scim_core::{
    protocol::{Request, Response},
    provider::ServiceProvider,
    schema::Registry,
    store::{MemoryStore, RequestContext, TenantId},
};

/// The owner of the API key. A real host looks up the digest of the key and compares in constant time.
fn tenant_of(authorization: &str) -> Option<TenantId> {
    (authorization == "Bearer 8a5c6e").then(|| TenantId::new("acme").ok()).flatten()
}

/// `None` stands for 401 with `WWW-Authenticate: Bearer`: a request without a valid key does not reach SCIM.
async fn serve(provider: &ServiceProvider<MemoryStore>, key: &str, request: &Request<'_>) -> Option<Response> {
    let context = RequestContext::new(tenant_of(key)?);
    Some(provider.handle(&context, request).await)
}

fn main() -> Result<(), Box<dyn Error>> {
    let provider =
        ServiceProvider::builder(Registry::standard(), MemoryStore::new(), "https://platform.example/scim/{tenant}/v2")
            .build()?;

    let body = br#"{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "bjensen"}"#;
    let create = Request::new("POST", "/Users").with_header("Content-Type", "application/scim+json").with_body(body);
    let find = Request::new("GET", "/Users?filter=userName%20eq%20%22BJENSEN%22");
    for (key, request, expected) in
        [("Bearer wrong", &create, None), ("Bearer 8a5c6e", &create, Some(201)), ("Bearer 8a5c6e", &find, Some(200))]
    {
        let response = now(serve(&provider, key, request)).ok_or("it waits for nothing")?;
        println!("{} with {key}: {:?}", request.path(), response.as_ref().map(|response| response.status));
        if let Some(response) = &response {
            println!("  {}", String::from_utf8_lossy(&response.body));
        }
        if response.map(|response| response.status) != expected {
            return Err("not what was expected".into());
        }
    }
    Ok(())
}

/// The job of your runtime. The store in memory never waits.
fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Task::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
