//! Requests as they go over the wire, and answers.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{
    case::{Case, Step},
    template::{replace, replace_text, text_of, unknown},
};

/// A request. Transports add `Authorization` unless it is among the headers or `anonymous`.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    pub(crate) method: String,
    /// The path below the base URL, and the query.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) anonymous: bool,
    pub(crate) body: Option<Vec<u8>>,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// A way to a service provider. The parallel steps of a case use it from several threads.
pub(crate) trait Transport: Sync {
    /// The base URL, as it is in the answers.
    fn base(&self) -> &str;

    /// Sends a request and reads the answer. An error states why no answer came.
    fn send(&self, request: &Wire) -> Result<Answer, String>;
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.as_str())
    }

    pub(super) fn json(&self) -> Option<Json> {
        serde_json::from_slice(&self.body).ok()
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Wire {
    /// A GET with the default headers.
    pub(super) fn read(target: &str) -> Self {
        let headers = vec![("Accept".to_owned(), "application/scim+json".to_owned())];
        Self { method: "GET".to_owned(), target: target.to_owned(), headers, anonymous: false, body: None }
    }

    /// The request of a step.
    pub(super) fn of(case: &Case, step: &Step, values: &BTreeMap<String, Json>) -> Result<Self, String> {
        let known = |name: &str| values.get(name).cloned();
        let mut target = replace_text(step.target(), &known);
        if let Some(name) = unknown(&target) {
            return Err(format!("the value {{{name}}} is unknown"));
        }
        for (index, (name, value)) in step.query.iter().enumerate() {
            target.push(if index == 0 && !target.contains('?') { '?' } else { '&' });
            let value = text_of(&replace(value, &known));
            target.push_str(&format!("{}={}", percent_encoded(name), percent_encoded(&value)));
        }
        let body = match (&step.body, &step.raw, &step.hex) {
            (Some(body), ..) => {
                let body = replace(body, &known).to_string();
                if let Some(name) = unknown(&body) {
                    return Err(format!("the value {{{name}}} is unknown"));
                }
                Some(body.into_bytes())
            }
            (None, Some(raw), _) => Some(replace_text(raw, &known).into_bytes()),
            (None, None, Some(hex)) => Some(bytes(hex)?),
            (None, None, None) => None,
        };
        let mut headers = BTreeMap::from([("Accept".to_owned(), vec!["application/scim+json".to_owned()])]);
        if body.is_some() {
            headers.insert("Content-Type".to_owned(), vec!["application/scim+json".to_owned()]);
        }
        let mut anonymous = false;
        for (name, value) in case.headers.iter().chain(&step.headers) {
            let lines = match value {
                Json::Null => Vec::new(),
                Json::Array(lines) => lines.iter().map(|line| text_of(&replace(line, &known))).collect(),
                line => vec![text_of(&replace(line, &known))],
            };
            anonymous |= lines.is_empty() && name == "Authorization";
            // A case's header for bodies is not sent with a request without a body.
            if body.is_some() || name != "Content-Type" || step.headers.contains_key(name) {
                headers.insert(name.clone(), lines);
            }
        }
        let line = |(name, lines): (String, Vec<String>)| lines.into_iter().map(move |line| (name.clone(), line));
        let headers = headers.into_iter().flat_map(line).collect();
        Ok(Self { method: step.method().to_owned(), target, headers, anonymous, body })
    }

    /// Whether the request names a single resource. A target of discovery does not.
    pub(super) fn names_resource(&self) -> bool {
        let segments = self.path().strip_prefix('/').map(|path| path.split('/').collect::<Vec<_>>());
        matches!(segments.as_deref(), Some(["Users" | "Groups", id]) if !id.is_empty())
    }

    /// The target without the query.
    pub(super) fn path(&self) -> &str {
        self.target.split_once('?').map_or(&*self.target, |(path, _)| path)
    }

    pub(super) fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

fn bytes(hex: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| {
        let text = std::str::from_utf8(pair).map_err(|error| error.to_string())?;
        u8::from_str_radix(text, 16).map_err(|error| format!("{text}: {error}"))
    };
    digits.chunks(2).map(byte).collect()
}
