//! The requests of identity providers, over HTTP: every sequence of the kit of scim-core, on each store.

use std::sync::Arc;

use crate::process::{Server, TOKEN, stores};
use scim_core::testkit::{SchemaSource, Traffic, TrafficRequest, TrafficResponse};
use ureq::{Agent, http};

/// Sends a request unchanged, and reads the answer unchanged.
fn send(agent: &Agent, url: &str, asked: &TrafficRequest) -> Result<TrafficResponse, ureq::Error> {
    let mut request = http::Request::builder().method(asked.method.as_str()).uri(format!("{url}{}", asked.target));
    for (name, value) in &asked.headers {
        request = request.header(name, value);
    }
    if asked.header("Authorization").is_none() {
        request = request.header("Authorization", format!("Bearer {TOKEN}"));
    }
    let mut response = match asked.body.as_slice() {
        [] => agent.run(request.body(()).unwrap())?,
        body => agent.run(request.body(body).unwrap())?,
    };
    let body = response.body_mut().read_to_vec()?;
    let answer = TrafficResponse::new(response.status().as_u16()).with_body(body);
    let headers = response.headers().iter();
    Ok(headers.fold(answer, |answer, (name, value)| answer.with_header(name.as_str(), value.to_str().unwrap())))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_identity_provider_is_served() {
    for place in stores() {
        for traffic in Traffic::all() {
            // The server tolerates only the quirks of the organization's provider.
            let provider = match traffic.name() {
                "Okta" => "okta",
                "Microsoft Entra ID" => "entra",
                _ => "other",
            };
            let organization = ["--organization", "acme", "--identity-provider", provider];
            let server = Server::start(&[&["--store", &place.url, "--token", TOKEN][..], &organization].concat());
            let agent: Agent = Agent::config_builder().http_status_as_error(false).build().into();
            let connection = Arc::new((agent, server.url.clone()));
            // Twice, since a provider repeats its cycle.
            for run in 1..=2 {
                let replay = traffic.replay_with(run, async |request: TrafficRequest| {
                    let connection = Arc::clone(&connection);
                    let sent = move || send(&connection.0, &connection.1, &request).map_err(|error| error.to_string());
                    tokio::task::spawn_blocking(sent).await.unwrap()
                });
                let replay = replay.await;
                assert!(replay.is_passed(), "{place:?}\n{replay}");
                // The platform has every attribute of the RFCs except `password`, and discovery says so.
                assert_eq!(replay.schema_source(), &SchemaSource::Discovery);
                let left: Vec<&str> = replay.not_applicable().map(|step| step.step().id()).collect();
                assert_eq!(left, if traffic.name() == "Okta" { &["password"][..] } else { &[] }, "{replay}");
            }
            assert!(server.terminate().success(), "{place:?}");
        }
    }
}
