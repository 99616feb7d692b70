//! SCIM in AWS Lambda, behind a function URL or an API Gateway: `lambda_http` turns each event into a request of the
//! crate `http`.

use std::sync::Arc;

use lambda_http::{Body, Request, Response, http::header, run, service_fn};
use scim_core::{
    bearer::{ApiKey, ApiKeys, InvalidDigest},
    error::Error,
    protocol,
    provider::{ConfigurationError, ServiceProvider},
    quirks::Quirks,
    schema::Registry,
    store::{MemoryStore, RequestContext, TenantId},
};

const BASE: &str = "/scim/v2";

/// The data that lives as long as the execution environment. A real function has a `Store` over a database here, since
/// the next request may reach another environment.
struct Host {
    provider: ServiceProvider<MemoryStore>,
    keys: ApiKeys<TenantId>,
}

impl Host {
    fn new(keys: ApiKeys<TenantId>) -> Result<Self, ConfigurationError> {
        let url = format!("https://platform.example{BASE}");
        let provider =
            ServiceProvider::builder(Registry::standard(), MemoryStore::new(), url).quirks(Quirks::entra()).build()?;
        Ok(Self { provider, keys })
    }

    /// Answers every request below the base URL.
    async fn scim(&self, mut request: Request) -> Response<Body> {
        let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(key) = self.keys.check(authorization.unwrap_or_default(), chrono::Utc::now()) else {
            let refusal = protocol::Response::refusal(Error::new(401, "the API key is missing or not valid"));
            let response = Response::builder().status(refusal.status).header(header::WWW_AUTHENTICATE, "Bearer");
            let response = refusal.headers().fold(response, |out, (name, value)| out.header(name, value));
            return response.body(Body::from(refusal.body)).unwrap_or_default();
        };
        let context = RequestContext::new(key.owner().clone());
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let below = target.strip_prefix(BASE).unwrap_or(target).parse();
        *request.uri_mut() = below.unwrap_or_default();
        self.provider.handle_http(&context, &request).await.map(Body::from)
    }
}

/// The key of the organization, from the configuration of the function: the digest, not the key itself.
fn keys() -> Result<ApiKeys<TenantId>, Box<dyn std::error::Error + Send + Sync>> {
    let digest: Result<_, InvalidDigest> = std::env::var("SCIM_KEY_DIGEST")?.parse();
    let mut keys = ApiKeys::new();
    keys.add(ApiKey::new(digest?, TenantId::new("acme")?));
    Ok(keys)
}

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    let host = Arc::new(Host::new(keys()?)?);
    run(service_fn(move |request: Request| {
        let host = Arc::clone(&host);
        async move { Ok::<_, std::convert::Infallible>(host.scim(request).await) }
    }))
    .await
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that panics has failed")]
mod tests {
    use scim_core::testkit::{TrafficRequest, TrafficResponse};
    use scim_core_hosts::{check, key};

    use super::{BASE, Body, Host, header};

    #[tokio::test]
    async fn every_identity_provider_is_served() {
        let (keys, token) = key();
        let host = Host::new(keys).unwrap();
        check(&token, async |asked: TrafficRequest, authorization: Option<String>| {
            // The URL has a host, as in an event of a function URL.
            let url = format!("https://platform.example{BASE}{}", asked.target);
            let mut request = lambda_http::http::Request::builder().method(&*asked.method).uri(url);
            for (name, value) in asked.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("authorization")) {
                request = request.header(name, value);
            }
            request = authorization.into_iter().fold(request, |out, value| out.header(header::AUTHORIZATION, value));
            let response = host.scim(request.body(Body::from(asked.body)).unwrap()).await;
            let answer = TrafficResponse::new(response.status().as_u16());
            let answer = response
                .headers()
                .iter()
                .fold(answer, |answer, (name, value)| answer.with_header(name.as_str(), value.to_str().unwrap()));
            answer.with_body(response.into_body().to_vec())
        })
        .await;
    }
}
