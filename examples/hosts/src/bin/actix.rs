//! SCIM in actix-web: a handler that checks the API key and forwards the request.

use std::error::Error;

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    http::{StatusCode, header},
    web,
};
use scim_core::{
    bearer::{ApiKey, ApiKeys, Token},
    protocol::{Request, Response},
    provider::{ConfigurationError, ServiceProvider},
    quirks::Quirks,
    schema::Registry,
    store::{MemoryStore, RequestContext, TenantId},
};

const BASE: &str = "/scim/v2";

/// The data that all requests share.
struct Host {
    provider: ServiceProvider<MemoryStore>,
    keys: ApiKeys<TenantId>,
}

impl Host {
    fn new(keys: ApiKeys<TenantId>) -> Result<Self, ConfigurationError> {
        let url = format!("http://127.0.0.1:8080{BASE}");
        let provider =
            ServiceProvider::builder(Registry::standard(), MemoryStore::new(), url).quirks(Quirks::entra()).build()?;
        Ok(Self { provider, keys })
    }
}

/// Answers every request below the base URL.
async fn scim(host: web::Data<Host>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let headers = || {
        let texts = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap_or("?")));
        texts.collect::<Vec<_>>()
    };
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(key) = host.keys.check(authorization.unwrap_or_default(), chrono::Utc::now()) else {
        let refusal = Response::refusal(scim_core::error::Error::new(401, "the API key is missing or not valid"));
        let mut response = answer(refusal);
        response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        return response;
    };
    let context = RequestContext::new(key.owner().clone());
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let target = target.strip_prefix(BASE).unwrap_or(target);
    let request = Request::new(request.method().as_str(), target).with_headers(headers()).with_body(&body);
    answer(host.provider.handle(&context, &request).await)
}

fn answer(response: Response) -> HttpResponse {
    if let Some(error) = &response.error {
        eprintln!("{error}");
    }
    let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut out = HttpResponse::build(status);
    for header in response.headers() {
        out.insert_header(header);
    }
    out.body(response.body)
}

/// The routes, and the limit of a request body, as the service provider advertises it. actix-web refuses a longer body with 413.
fn routes(host: web::Data<Host>) -> impl Fn(&mut web::ServiceConfig) + Clone {
    move |config| {
        let longest = web::PayloadConfig::new(host.provider.body_limit("/Bulk"));
        let all = web::resource([BASE.to_owned(), format!("{BASE}/{{path:.*}}")]).app_data(longest);
        config.app_data(host.clone()).service(all.to(scim));
    }
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (token, mut keys) = (Token::generate()?, ApiKeys::new());
    keys.add(ApiKey::new(token.digest(), TenantId::new("acme")?)); // a host stores the digest only
    println!("SCIM URL: http://127.0.0.1:8080{BASE}, API key: {}", token.reveal());
    let routes = routes(web::Data::new(Host::new(keys)?));
    Ok(HttpServer::new(move || App::new().configure(routes.clone())).bind("127.0.0.1:8080")?.run().await?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that panics has failed")]
mod tests {
    use actix_web::{http::Method, test};
    use scim_core::testkit::{TrafficRequest, TrafficResponse};
    use scim_core_hosts::{check, key};

    use super::{App, BASE, Host, header, routes, web};

    #[actix_web::test]
    async fn every_identity_provider_is_served() {
        let (keys, token) = key();
        let app = test::init_service(App::new().configure(routes(web::Data::new(Host::new(keys).unwrap())))).await;
        check(&token, async |asked: TrafficRequest, authorization: Option<String>| {
            let method: Method = asked.method.parse().unwrap();
            let mut request = test::TestRequest::with_uri(&format!("{BASE}{}", asked.target)).method(method);
            for (name, value) in asked.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("authorization")) {
                request = request.append_header((name.as_str(), value.as_str()));
            }
            if let Some(authorization) = authorization {
                request = request.insert_header((header::AUTHORIZATION, authorization));
            }
            let response = test::call_service(&app, request.set_payload(asked.body).to_request()).await;
            let answer = TrafficResponse::new(response.status().as_u16());
            let answer = response
                .headers()
                .iter()
                .fold(answer, |answer, (name, value)| answer.with_header(name.as_str(), value.to_str().unwrap()));
            answer.with_body(test::read_body(response).await)
        })
        .await;
    }
}
