//! Requests to identity providers: bounded in time and size, never redirected, never into the machine's own network.
//!
//! An administrator of any organization may enter any address. The answers are therefore used only for
//! verification, and the addresses of the machine itself are out of reach. Only a server whose own URL is on
//! loopback, for example during a trial, may send requests to loopback, also by plain HTTP.

use std::{net::IpAddr, pin::Pin, sync::Arc, time::Duration};

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse, http, url::Url};
use reqwest::{Client, redirect::Policy};

use crate::outside::{Outside, is_inside, is_loopback};

/// The timeout for a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// The timeout for the complete answer.
const ANSWER: Duration = Duration::from_secs(10);

/// The maximum number of bytes of an answer. The keys of large providers have about 20 kB.
const MOST: usize = 512 << 10;

/// The error of a request without an answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct FetchError(pub(super) String);

/// A client for identity providers.
#[derive(Debug)]
pub(super) struct Fetch {
    client: Result<Client, String>,
    local: bool,
}

impl Fetch {
    /// Creates the client of a server; `url` is the URL under which browsers see this server.
    pub(super) fn new(url: &str) -> Self {
        let local = Url::parse(url).is_ok_and(|url| is_loopback(&url));
        let mut builder = Client::builder().redirect(Policy::none()).connect_timeout(CONNECT).timeout(ANSWER);
        builder = if local { builder.no_proxy() } else { builder.dns_resolver(Arc::new(Outside)) };
        let client = builder.build().map_err(|error| format!("the HTTP client cannot be made: {}", innermost(&error)));
        Self { client, local }
    }

    /// Checks that the server may send requests to this address.
    pub(super) fn allow(&self, url: &Url) -> Result<(), FetchError> {
        if self.local && is_loopback(url) && url.scheme() == "http" {
            return Ok(());
        }
        if url.scheme() != "https" {
            return Err(FetchError(format!("{url} must begin with https://")));
        }
        let address = url.host_str().and_then(|host| host.trim_matches(['[', ']']).parse::<IpAddr>().ok());
        match address {
            Some(address) if is_inside(address) => {
                Err(FetchError(format!("{url} is an address inside of our network")))
            }
            _ => Ok(()),
        }
    }

    /// Reads the text at an address.
    #[cfg(feature = "saml")]
    pub(super) async fn text(&self, address: &str) -> Result<String, FetchError> {
        let request = http::Request::get(address).body(Vec::new());
        let request = request.map_err(|_| FetchError(format!("“{address:.200}” is no address")))?;
        let response = self.send(request).await?;
        if !response.status().is_success() {
            return Err(FetchError(format!("{address} answers {}", response.status().as_u16())));
        }
        String::from_utf8(response.into_body()).map_err(|_| FetchError(format!("{address} is no text")))
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, FetchError> {
        let address = request.uri().to_string();
        self.allow(&Url::parse(&address).map_err(|error| FetchError(format!("{address} is no address: {error}")))?)?;
        let client = self.client.as_ref().map_err(|cause| FetchError(cause.clone()))?;
        let failed = |error: reqwest::Error| {
            FetchError(if error.is_timeout() {
                format!("{address} didn't answer within {} seconds", ANSWER.as_secs())
            } else {
                format!("{address} can't be reached: {}", innermost(&error))
            })
        };
        let request = request.try_into().map_err(failed)?;
        let mut response = client.execute(request).await.map_err(failed)?;
        let mut answer = http::Response::builder().status(response.status());
        for (name, value) in response.headers() {
            answer = answer.header(name, value);
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len().saturating_add(chunk.len()) > MOST {
                return Err(FetchError(format!("{address} answers more than {} kB", MOST >> 10)));
            }
            body.extend_from_slice(&chunk);
        }
        answer.body(body).map_err(|error| FetchError(error.to_string()))
    }
}

impl<'c> AsyncHttpClient<'c> for Fetch {
    type Error = FetchError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, FetchError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
