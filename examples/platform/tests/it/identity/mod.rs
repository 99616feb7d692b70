//! An identity provider on this machine: it serves its keys and signs assertions.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use chrono::Utc;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value as Json, json};

pub(crate) const ISSUER: &str = "https://login.example/t1/v2.0";
pub(crate) const AUDIENCE: &str = "api://b5ba7a93";
pub(crate) const SUBJECT: &str = "d2f8ee76-c549-45b8-a143-f5b640669704";

/// A key of the library's tests.
const P256: &[u8] = include_bytes!("../../../../../tests/oauth/p256.pem");

/// The set of keys that the identity provider serves at first.
pub(crate) fn keys(id: &str) -> String {
    json!({"keys": [{
        "kty": "EC", "crv": "P-256", "use": "sig", "kid": id,
        "x": "ZLYNO7Abd9JO8ZlwI8PujwUtVgLPNQFyu5bbfNKxW_w",
        "y": "idEhA0bgznknM4h9ISnxXZV-0_-YIpJuMDuFacjFrZo",
    }]})
    .to_string()
}

pub(crate) struct IdentityProvider {
    /// The URL of the keys.
    pub(crate) url: String,
    /// The answer to the next requests, from the status on: `200 OK\r\n…\r\n\r\n{…}`.
    answer: Arc<Mutex<String>>,
    /// How often the keys were fetched.
    fetches: Arc<AtomicUsize>,
}

impl IdentityProvider {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let (answer, fetches) = (Arc::<Mutex<String>>::default(), Arc::<AtomicUsize>::default());
        let provider = Self { url, answer: Arc::clone(&answer), fetches: Arc::clone(&fetches) };
        provider.serve(&keys("k1"));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, answer) = (stream.unwrap(), answer.lock().unwrap().clone());
                fetches.fetch_add(1, Ordering::Relaxed);
                thread::spawn(move || {
                    let mut request = [0; 4096];
                    let _ = stream.read(&mut request);
                    // Silent until the client disconnects.
                    if answer.is_empty() {
                        let _ = stream.read(&mut request);
                    }
                    let _ = stream.write_all(format!("HTTP/1.1 {answer}").as_bytes());
                });
            }
        });
        provider
    }

    /// Serves this document from now on.
    pub(crate) fn serve(&self, document: &str) {
        self.answer(&format!("200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{document}", document.len()));
    }

    /// Gives this answer from now on; an empty text means no answer.
    pub(crate) fn answer(&self, answer: &str) {
        answer.clone_into(&mut self.answer.lock().unwrap());
    }

    pub(crate) fn fetches(&self) -> usize {
        self.fetches.load(Ordering::Relaxed)
    }
}

/// Claims like those of Entra ID, valid for 65 minutes.
pub(crate) fn claims() -> Json {
    let now = Utc::now().timestamp();
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": SUBJECT, "iat": now - 5, "nbf": now - 5, "exp": now + 3_895, "ver": "2.0"})
}

/// A signed assertion with these claims.
pub(crate) fn sign(id: &str, claims: &Json) -> String {
    let header = Header { kid: Some(id.to_owned()), ..Header::new(Algorithm::ES256) };
    encode(&header, claims, &EncodingKey::from_ec_pem(P256).unwrap()).unwrap()
}
