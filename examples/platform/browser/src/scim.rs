//! A SCIM client over HTTP, in the role of an identity provider.

use std::sync::{Arc, Mutex};

use scim_core::testkit::{Replay, Traffic, TrafficRequest, TrafficResponse};
use serde_json::{Value as Json, json};
use ureq::{Agent, http};

/// A client with one credential. Clones record into the same list.
#[derive(Clone)]
pub struct Scim {
    url: String,
    agent: Agent,
    authorization: String,
    /// The method and path of each sent request, and the status of its response.
    pub sent: Arc<Mutex<Vec<(String, u16)>>>,
}

/// A response.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body; null when the body is not JSON.
    pub json: Json,
}

impl Scim {
    /// Creates a client with an API key or an access token.
    pub fn new(url: &str, token: &str) -> Self {
        let agent = Agent::config_builder().http_status_as_error(false).build().into();
        Self { url: url.to_owned(), agent, authorization: format!("Bearer {token}"), sent: Arc::default() }
    }

    /// Returns the same client with another credential.
    pub fn with(&self, token: &str) -> Self {
        Self { authorization: format!("Bearer {token}"), ..self.clone() }
    }

    /// Requests a new access token for an OAuth client.
    pub fn token(url: &str, id: &str, secret: &str) -> String {
        let form = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
        let mut answer = ureq::post(url).send_form(form).unwrap_or_else(|error| panic!("{url}: {error}"));
        let answer: Json = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
        answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    fn send(&self, asked: &TrafficRequest) -> Result<TrafficResponse, ureq::Error> {
        let url = format!("{}{}", self.url, asked.target);
        let mut request = http::Request::builder().method(asked.method.as_str()).uri(url);
        for (name, value) in &asked.headers {
            request = request.header(name, value);
        }
        if asked.header("Authorization").is_none() {
            request = request.header("Authorization", &self.authorization);
        }
        let mut response = match asked.body.as_slice() {
            [] => self.agent.run(request.body(()).unwrap())?,
            body => self.agent.run(request.body(body).unwrap())?,
        };
        let body = response.body_mut().read_to_vec()?;
        let status = response.status().as_u16();
        self.sent.lock().unwrap().push((format!("{} {}", asked.method, asked.target), status));
        let headers = response.headers().iter();
        let answer = TrafficResponse::new(status).with_body(body);
        Ok(headers.fold(answer, |answer, (name, value)| answer.with_header(name.as_str(), value.to_str().unwrap())))
    }

    /// Sends one request.
    #[track_caller]
    pub fn ask(&self, method: &str, target: &str, body: &Json) -> Answer {
        self.ask_as("test", method, target, body)
    }

    /// Sends one request with this `User-Agent`.
    #[track_caller]
    pub fn ask_as(&self, agent: &str, method: &str, target: &str, body: &Json) -> Answer {
        let request = http::Request::builder().method(method).uri(format!("{}{target}", self.url));
        let mut request = request.header("User-Agent", agent);
        request = request.header("Authorization", &self.authorization).header("Content-Type", "application/scim+json");
        let sent = match body {
            Json::Null => self.agent.run(request.body(()).unwrap()),
            body => self.agent.run(request.body(body.to_string()).unwrap()),
        };
        let mut response = sent.unwrap_or_else(|error| panic!("{method} {target}: {error}"));
        let status = response.status().as_u16();
        self.sent.lock().unwrap().push((format!("{method} {target}"), status));
        let text = response.body_mut().read_to_string().unwrap();
        Answer { status, json: serde_json::from_str(&text).unwrap_or(Json::Null) }
    }

    /// Creates a user with this user name and display name, and returns the id.
    #[track_caller]
    pub fn user(&self, user_name: &str, name: &str) -> String {
        let user = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": user_name, "displayName": name,
            "externalId": format!("ext-{user_name}"), "active": true,
        });
        self.create("/Users", &user)
    }

    /// Creates a group, and returns the id.
    #[track_caller]
    pub fn group(&self, name: &str, members: &[&str]) -> String {
        let members: Vec<Json> = members.iter().map(|id| json!({"value": id})).collect();
        let group = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name, "members": members,
        });
        self.create("/Groups", &group)
    }

    /// Creates a resource, and returns its id.
    #[track_caller]
    pub fn create(&self, endpoint: &str, body: &Json) -> String {
        let made = self.ask("POST", endpoint, body);
        assert_eq!(made.status, 201, "{made:?}");
        made.json["id"].as_str().unwrap().to_owned()
    }

    /// Changes a resource by one operation of PATCH.
    #[track_caller]
    pub fn patch(&self, target: &str, operation: &Json) {
        let schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
        let answer = self.ask("PATCH", target, &json!({"schemas": schemas, "Operations": [operation]}));
        assert!(matches!(answer.status, 200 | 204), "{answer:?}");
    }

    /// Activates or deactivates a user.
    #[track_caller]
    pub fn set_active(&self, id: &str, active: bool) {
        self.patch(&format!("/Users/{id}"), &json!({"op": "replace", "path": "active", "value": active}));
    }

    /// Replays a sequence of requests of an identity provider.
    pub fn replay(&self, traffic: &Traffic, run: u64) -> Replay {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        runtime.block_on(traffic.replay_with(run, async |request: TrafficRequest| {
            let client = self.clone();
            let sent = move || client.send(&request).map_err(|error| error.to_string());
            tokio::task::spawn_blocking(sent).await.unwrap()
        }))
    }
}
