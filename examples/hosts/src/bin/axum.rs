use std::{error::Error, sync::Arc};

use axum::{Router, extract::Request, http::header::AUTHORIZATION, middleware::from_fn};
use scim_core::{
    bearer::{ApiKey, ApiKeys, Token},
    http::{Outcome, ScimService},
    provider::{ConfigurationError, ServiceProvider},
    quirks::Quirks,
    schema::Registry,
    store::{MemoryStore, RequestContext, TenantId},
};

fn scim(keys: ApiKeys<TenantId>) -> Result<Router, ConfigurationError> {
    let (store, keys) = (MemoryStore::new(), Arc::new(keys)); // your own `Store` goes here
    let provider = ServiceProvider::builder(Registry::standard(), store, "http://127.0.0.1:8080/scim/v2")
        .quirks(Quirks::entra())
        .build()?;
    let authenticate = from_fn(move |mut request: Request, next: axum::middleware::Next| {
        let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if let Some(key) = keys.check(header, chrono::Utc::now()) {
            let context = RequestContext::new(key.owner().clone()); // without a context, `ScimService` answers 401
            request.extensions_mut().insert(context);
        }
        async move {
            let response = next.run(request).await;
            if let Some(error) = response.extensions().get::<Outcome>().and_then(|outcome| outcome.error.as_ref()) {
                eprintln!("{error}");
            }
            response
        }
    });
    Ok(Router::new().nest_service("/scim/v2", ScimService::new(provider)).layer(authenticate))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (token, mut keys) = (Token::generate()?, ApiKeys::new());
    keys.add(ApiKey::new(token.digest(), TenantId::new("acme")?)); // a host stores the digest only
    println!("SCIM URL: http://127.0.0.1:8080/scim/v2, API key: {}", token.reveal());
    Ok(axum::serve(tokio::net::TcpListener::bind("127.0.0.1:8080").await?, scim(keys)?).await?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that panics has failed")]
mod tests {
    use axum::body::{Body, to_bytes};
    use scim_core::testkit::{TrafficRequest, TrafficResponse};
    use scim_core_hosts::{check, key};
    use tower::ServiceExt as _;

    use super::{AUTHORIZATION, Request, scim};

    #[tokio::test]
    async fn every_identity_provider_is_served() {
        let (keys, token) = key();
        let router = scim(keys).unwrap();
        check(&token, async |asked: TrafficRequest, authorization: Option<String>| {
            let mut request = Request::builder().method(&*asked.method).uri(format!("/scim/v2{}", asked.target));
            for (name, value) in asked.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("authorization")) {
                request = request.header(name, value);
            }
            request = authorization.into_iter().fold(request, |request, value| request.header(AUTHORIZATION, value));
            let response = router.clone().oneshot(request.body(Body::from(asked.body)).unwrap()).await.unwrap();
            let (head, body) = response.into_parts();
            let answer = TrafficResponse::new(head.status.as_u16());
            let answer = head
                .headers
                .iter()
                .fold(answer, |answer, (name, value)| answer.with_header(name.as_str(), value.to_str().unwrap()));
            answer.with_body(to_bytes(body, usize::MAX).await.unwrap())
        })
        .await;
    }
}
