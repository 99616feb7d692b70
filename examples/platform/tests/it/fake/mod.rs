//! A small OpenID provider under the control of a test: the test can falsify each value.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use openidconnect::{
    JsonWebKeyId, PrivateSigningKey as _,
    core::{CoreEdDsaPrivateSigningKey, CoreJwsSigningAlgorithm},
};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

const KEY: &str = "OWN";
const OTHER: &str = "OTHER";

/// The provider, and the state that a test may change.
#[derive(Clone)]
pub(crate) struct Fake {
    pub(crate) issuer: String,
    pub(crate) state: Arc<Mutex<State>>,
}

pub(crate) struct State {
    /// The claims of the next ID token, which replace the right claims.
    pub(crate) claims: Json,
    /// The claims at the userinfo endpoint.
    pub(crate) more: Json,
    /// Whether the next ID token is signed with a key that the provider does not publish.
    pub(crate) other_key: bool,
    /// The algorithm in the header of the token, instead of the right algorithm.
    pub(crate) algorithm: Option<&'static str>,
    /// The issuer in the provider's metadata.
    pub(crate) named: Option<String>,
    /// The next valid code, with the nonce and the challenge of its request.
    code: Option<(String, String, String)>,
    /// The requests at the token endpoint.
    pub(crate) redeemed: usize,
}

impl Fake {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let state = State {
            claims: json!({}),
            more: json!({}),
            other_key: false,
            algorithm: None,
            named: None,
            code: None,
            redeemed: 0,
        };
        let fake = Self { issuer, state: Arc::new(Mutex::new(state)) };
        let serving = fake.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let serving = serving.clone();
                thread::spawn(move || serving.answer(stream.unwrap()));
            }
        });
        fake
    }

    /// A code for the request that the application has made with this address.
    pub(crate) fn code(&self, address: &str) -> String {
        let get = |name| crate::browser::parameter(address, name).unwrap_or_default();
        assert_eq!((&*get("response_type"), &*get("code_challenge_method")), ("code", "S256"), "{address}");
        let code = uuid::Uuid::new_v4().to_string();
        self.state.lock().unwrap().code = Some((code.clone(), get("nonce"), get("code_challenge")));
        code
    }

    fn answer(&self, mut stream: TcpStream) {
        let (mut request, mut some) = (Vec::new(), [0; 4096]);
        loop {
            let read = stream.read(&mut some).unwrap_or(0);
            request.extend_from_slice(&some[..read]);
            let text = String::from_utf8_lossy(&request);
            let length = text
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
            let length = length.map_or(0, |length| length.trim().parse::<usize>().unwrap());
            if read == 0 || text.split_once("\r\n\r\n").is_some_and(|(_, body)| body.len() >= length) {
                break;
            }
        }
        let text = String::from_utf8(request).unwrap();
        let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let (status, body) = self.respond(&path, body);
        let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        let _ = stream.write_all(format!("{head}Connection: close\r\n\r\n{body}").as_bytes());
    }

    fn respond(&self, path: &str, body: &str) -> (&'static str, String) {
        let mut state = self.state.lock().unwrap();
        let at = |path: &str| format!("{}{path}", self.issuer);
        let answer = match path {
            "/.well-known/openid-configuration" => json!({
                "issuer": state.named.clone().unwrap_or_else(|| self.issuer.clone()),
                "authorization_endpoint": at("/authorize"), "token_endpoint": at("/token"), "jwks_uri": at("/jwks"),
                "userinfo_endpoint": at("/userinfo"), "response_types_supported": ["code"],
                "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["EdDSA"],
            }),
            "/jwks" => json!({"keys": [serde_json::to_value(key(KEY).as_verification_key()).unwrap()]}),
            "/userinfo" => state.more.clone(),
            "/token" => {
                state.redeemed += 1;
                let field = |name: &str| crate::browser::parameter(&format!("?{body}"), name).unwrap_or_default();
                let Some((code, nonce, challenge)) = state.code.take() else {
                    return ("400 Bad Request", json!({"error": "invalid_grant"}).to_string());
                };
                let verifier = base64(&Sha256::digest(field("code_verifier").as_bytes()));
                if field("code") != code || verifier != challenge {
                    return ("400 Bad Request", json!({"error": "invalid_grant"}).to_string());
                }
                let token = self.token(&state, &nonce);
                json!({"access_token": "access", "token_type": "Bearer", "expires_in": 60, "id_token": token})
            }
            _ => return ("404 Not Found", "{}".to_owned()),
        };
        ("200 OK", answer.to_string())
    }

    fn token(&self, state: &State, nonce: &str) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let mut claims = json!({
            "iss": self.issuer, "aud": "platform", "sub": "ada", "nonce": nonce, "iat": now, "exp": now + 60,
            "auth_time": now, "preferred_username": "ada@example.com",
        });
        for (name, value) in state.claims.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let header = json!({"alg": state.algorithm.unwrap_or("EdDSA"), "kid": KEY});
        let signed = format!("{}.{}", base64(header.to_string().as_bytes()), base64(claims.to_string().as_bytes()));
        let by = key(if state.other_key { OTHER } else { KEY });
        let signature = by.sign(&CoreJwsSigningAlgorithm::EdDsa, signed.as_bytes()).unwrap();
        format!("{signed}.{}", base64(&signature))
    }
}

/// Keys for tests only.
fn key(name: &str) -> CoreEdDsaPrivateSigningKey {
    let body = if name == KEY {
        "MC4CAQAwBQYDK2VwBCIEIJnXFfzGg0GnlR0wTzYsN5k7VasaqChlcdE/r1aH5X5d"
    } else {
        "MC4CAQAwBQYDK2VwBCIEIIrNtvw8FbxXpNvzYr9cKYUnSgTX393lvbI9PAQOif6b"
    };
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    CoreEdDsaPrivateSigningKey::from_ed25519_pem(&pem, Some(JsonWebKeyId::new(name.to_owned()))).unwrap()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let all = group.iter().fold(0_u32, |all, byte| all << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..=group.len() {
            out.push(char::from(DIGITS[(all >> (18 - 6 * place) & 63) as usize]));
        }
    }
    out
}
