//! Replays the requests of an identity provider against a SCIM server, over HTTP.
//!
//! The requests are those of the kit [`Traffic`]: it learns the server's attributes from `/Schemas` and leaves out the
//! others.

use std::{
    error::Error,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use scim_core::testkit::{Traffic, TrafficRequest, TrafficResponse};
use ureq::{Agent, http};

use super::block_on;

/// The longest wait for a response.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends each request of `traffic` to the server, and prints each step with its result. `base_url` is the SCIM URL
/// that an administrator enters in the identity provider, and `token` is the API key.
pub(crate) fn replay(traffic: &Traffic, base_url: &str, token: &str) -> Result<String, Box<dyn Error>> {
    let agent: Agent =
        Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build().into();
    // Each run has names of its own, since the server keeps the users and groups of earlier runs that failed.
    let run = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let base_url = base_url.trim_end_matches('/');
    expect_scim(&agent, base_url, token)?;
    let send = async |request: TrafficRequest| send(&agent, base_url, token, &request);
    let replay = block_on(traffic.replay_with(run, send));
    println!("{replay}");
    if replay.is_passed() {
        Ok(format!("{}: {base_url} answers every request as {} needs it.", traffic.name(), traffic.name()))
    } else {
        Err(format!("{} steps failed", replay.failed().count()).into())
    }
}

/// Checks that a SCIM server answers at the URL and accepts the key, so that one line states the fault and not each
/// step of the replay.
fn expect_scim(agent: &Agent, base_url: &str, token: &str) -> Result<(), String> {
    let url = format!("{base_url}/Users?startIndex=1&count=1");
    let response = agent.get(&url).header("Authorization", format!("Bearer {token}")).call();
    match response.map(|response| response.status().as_u16()) {
        Ok(200) => Ok(()),
        Ok(status @ (401 | 403)) => Err(format!("{url} refuses the API key with the status {status}")),
        Ok(404) => Err(format!("{url} does not exist (404): the SCIM URL is the part before /Users")),
        Ok(status) => Err(format!("{url} has the status {status}, expected 200")),
        Err(error) => Err(format!("{url} does not answer: {error}")),
    }
}

fn send(agent: &Agent, base_url: &str, token: &str, asked: &TrafficRequest) -> Result<TrafficResponse, ureq::Error> {
    let mut request = http::Request::builder().method(asked.method.as_str()).uri(format!("{base_url}{}", asked.target));
    for (name, value) in &asked.headers {
        request = request.header(name, value);
    }
    if asked.header("Authorization").is_none() {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    let mut response = match asked.body.as_slice() {
        [] => agent.run(request.body(())?)?,
        body => agent.run(request.body(body)?)?,
    };
    let body = response.body_mut().read_to_vec()?;
    let answer = TrafficResponse::new(response.status().as_u16()).with_body(body);
    let headers = response.headers().iter().filter_map(|(name, value)| Some((name, value.to_str().ok()?)));
    Ok(headers.fold(answer, |answer, (name, value)| answer.with_header(name.as_str(), value)))
}
