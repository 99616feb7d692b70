//! The field cases over HTTP, on each store: requests of real clients, and the answers that they need.
//!
//! The library has the cases, in `tests/it/field`, and the engine that replays them.

use std::{fmt::Write as _, path::Path};

use crate::engine::{Answer, Report, Transport, Wire, areas};
use crate::process::{Place, Server, TOKEN, memory, postgres, sqlite};

/// An HTTP client that sends each target and header exactly as written. Ordinary clients encode or refuse some of them.
struct Http(Server);

impl Transport for Http {
    fn base(&self) -> &str {
        &self.0.url
    }

    fn send(&self, request: &Wire) -> Result<Answer, String> {
        let (authority, path) = split(&self.0.url);
        let mut head = format!("{} {path}{} HTTP/1.1\r\n", request.method, request.target);
        let _ = write!(head, "Host: {authority}\r\nConnection: close\r\n");
        for (name, value) in &request.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if !request.anonymous && !request.headers.iter().any(|(name, _)| name == "Authorization") {
            let _ = write!(head, "Authorization: Bearer {TOKEN}\r\n");
        }
        if let Some(body) = &request.body {
            let _ = write!(head, "Content-Length: {}\r\n", body.len());
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend(request.body.iter().flatten());
        let mut connection = self.0.connect();
        connection.write(bytes);
        parse(&connection.read(), &request.method)
    }
}

/// The authority of a URL, and its path.
fn split(url: &str) -> (&str, &str) {
    let rest = url.split_once("://").unwrap().1;
    rest.split_at(rest.find('/').unwrap())
}

fn parse(text: &str, method: &str) -> Result<Answer, String> {
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| format!("the answer has no head: {text}"))?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let status = status.ok_or_else(|| format!("the answer has no status: {head}"))?;
    let header = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    let headers: Vec<(String, String)> = lines.filter_map(header).collect();
    let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.map_or(Ok(0), |(_, length)| length.parse::<usize>().map_err(|error| error.to_string()))?;
    if method != "HEAD" && length != body.len() {
        return Err(format!("the answer has {} bytes and declares {length}: {head}", body.len()));
    }
    Ok(Answer { status, headers, body: body.as_bytes().to_vec() })
}

fn every_case_passes(place: &Place) {
    // The cases come faster than a host's rate limits allow.
    let rates = ["--key-rate", "0", "--organization-rate", "0"];
    let arguments = ["--store", &place.url, "--organization", "acme", "--token", TOKEN, "--identity-provider", "entra"];
    let server = Server::start(&[&arguments[..], &rates[..]].concat());
    let http = Http(server);
    let mut report = Report::default();
    for area in areas(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/it/field")) {
        for case in area.cases.iter().filter(|case| case.runs(true, false)) {
            report.replay(&area, case, &http);
        }
    }
    report.assert_passed(&place.url);
}

#[test]
fn every_case_passes_in_memory() {
    every_case_passes(&memory());
}

#[test]
fn every_case_passes_on_sqlite() {
    every_case_passes(&sqlite());
}

#[test]
fn every_case_passes_on_postgresql() {
    if let Some(place) = postgres() {
        every_case_passes(&place);
    }
}
