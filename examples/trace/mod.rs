//! The shared parts of the two traces: a host without a network, printed requests and responses, checks that can fail,
//! and the choice of a server.

#[cfg(feature = "testkit")]
mod remote;

use std::{
    error::Error,
    fmt,
    pin::pin,
    process::ExitCode,
    task::{Context as Task, Poll, Waker},
};

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use scim_core::{
    protocol::Request,
    provider::ServiceProvider,
    quirks::Quirks,
    schema::Registry,
    store::{MemoryStore, RequestContext, TenantId},
};
use serde_json::Value;

/// The characters that a browser would escape in a query, so that the filters below stay readable.
const QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>');

/// A service provider, and the organization whose identity provider is connected.
pub(crate) struct Trace {
    provider: ServiceProvider<MemoryStore>,
    context: RequestContext,
    requests: usize,
}

impl Trace {
    pub(crate) fn new(organization: &str, quirks: Quirks) -> Result<Self, Box<dyn Error>> {
        let provider = ServiceProvider::builder(
            Registry::standard(),
            MemoryStore::new(),
            "https://platform.example/scim/{tenant}/v2",
        )
        .quirks(quirks)
        .build()?;
        // A host makes the context of each request, after it has checked the API key and found the owner.
        let context = RequestContext::new(TenantId::new(organization)?).with_actor("API key 1");
        Ok(Self { provider, context, requests: 0 })
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests
    }

    /// Sends a request without a body; `checks` names the parts of the response that the identity provider reads.
    pub(crate) fn ask(&mut self, checks: &str, method: &str, target: &str) -> Answer {
        self.send(checks, method, target, None)
    }

    /// Sends a request with a body.
    pub(crate) fn tell(&mut self, checks: &str, method: &str, target: &str, body: &Value) -> Answer {
        self.send(checks, method, target, Some(body))
    }

    fn send(&mut self, checks: &str, method: &str, target: &str, body: Option<&Value>) -> Answer {
        self.requests += 1;
        println!("\n{:2}. {checks}", self.requests);
        println!("  > {method} {target}");
        let text = body.map(Value::to_string).unwrap_or_default();
        if !text.is_empty() {
            println!("  > {}", shortened(&text));
        }
        let encoded = utf8_percent_encode(target, QUERY).to_string();
        let request = Request::new(method, &encoded)
            .with_header("Accept", "application/scim+json")
            .with_header("Content-Type", "application/scim+json; charset=utf-8")
            .with_body(text.as_bytes());
        let response = block_on(self.provider.handle(&self.context, &request));

        let headers: Vec<(String, String)> =
            response.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        print!("  < {}", response.status);
        for (name, value) in headers.iter().filter(|(name, _)| ["ETag", "Location", "Allow"].contains(&name.as_str())) {
            print!("  {name}: {value}");
        }
        println!();
        if !response.body.is_empty() {
            println!("  < {}", shortened(&String::from_utf8_lossy(&response.body)));
        }
        if !response.quirks.is_empty() {
            println!("    tolerated: {}", response.quirks);
        }
        let body = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
        Answer { request: format!("{method} {target}"), status: response.status, headers, body }
    }
}

/// The response to a request.
pub(crate) struct Answer {
    request: String,
    status: u16,
    headers: Vec<(String, String)>,
    body: Value,
}

impl Answer {
    /// Checks the status, and that a body is SCIM.
    pub(crate) fn status(&self, expected: u16) -> Result<&Self, Wrong> {
        if self.status != expected {
            return Err(self.wrong("the status", &expected, &self.status));
        }
        match self.headers.iter().find(|(name, _)| name == "Content-Type") {
            Some((_, found)) if found != "application/scim+json" => {
                Err(self.wrong("Content-Type", &"application/scim+json", found))
            }
            None if !self.body.is_null() => Err(self.wrong("Content-Type", &"application/scim+json", &"none")),
            _ => Ok(self),
        }
    }

    /// Checks that the resource was written: its version differs from the version in another response.
    pub(crate) fn new_version(&self, other: &Self) -> Result<&Self, Wrong> {
        let (own, other) = (self.header("ETag")?, other.header("ETag")?);
        if own == other {
            return Err(self.wrong("ETag", &"another one", &own));
        }
        println!("    checked: version {own} after {other}");
        Ok(self)
    }

    /// Checks that the body has this value at a JSON pointer (RFC 6901).
    pub(crate) fn has(&self, pointer: &str, expected: impl Into<Value>) -> Result<&Self, Wrong> {
        let expected = expected.into();
        match self.body.pointer(pointer) {
            Some(found) if *found == expected => {
                println!("    checked: {pointer} is {expected}");
                Ok(self)
            }
            Some(found) => Err(self.wrong(pointer, &expected, found)),
            None => Err(self.wrong(pointer, &expected, &"nothing")),
        }
    }

    pub(crate) fn lacks(&self, pointer: &str) -> Result<&Self, Wrong> {
        match self.body.pointer(pointer) {
            None => {
                println!("    checked: there is no {pointer}");
                Ok(self)
            }
            Some(found) => Err(self.wrong(pointer, &"nothing", found)),
        }
    }

    /// Checks that the array at a JSON pointer has this many values; a missing array has 0.
    pub(crate) fn counts(&self, pointer: &str, expected: usize) -> Result<&Self, Wrong> {
        let found = self.body.pointer(pointer).and_then(Value::as_array).map_or(0, Vec::len);
        if found == expected {
            println!("    checked: {pointer} has {expected} values");
            return Ok(self);
        }
        Err(self.wrong(&format!("the length of {pointer}"), &expected, &found))
    }

    /// Checks that a group has exactly these members, in any order.
    pub(crate) fn has_members(&self, expected: &[&str]) -> Result<&Self, Wrong> {
        let members = self.body.get("members").and_then(Value::as_array).into_iter().flatten();
        let mut found: Vec<&str> = members.filter_map(|member| member.get("value")?.as_str()).collect();
        let mut expected = expected.to_vec();
        found.sort_unstable();
        expected.sort_unstable();
        if found == expected {
            println!("    checked: the members are {}", expected.join(", "));
            return Ok(self);
        }
        Err(self.wrong("the members", &expected.join(", "), &found.join(", ")))
    }

    pub(crate) fn text(&self, pointer: &str) -> Result<String, Wrong> {
        match self.body.pointer(pointer).and_then(Value::as_str) {
            Some(text) => Ok(text.to_owned()),
            None => Err(self.wrong(pointer, &"a string", &"none")),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Result<&str, Wrong> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).ok_or_else(|| self.wrong(name, &"a header", &"none"))
    }

    /// Checks that the resource was not written: its version equals the version in another response.
    pub(crate) fn same_version(&self, other: &Self) -> Result<&Self, Wrong> {
        let (own, other) = (self.header("ETag")?, other.header("ETag")?);
        if own == other {
            println!("    checked: still version {own}");
            return Ok(self);
        }
        Err(self.wrong("ETag", &other, &own))
    }

    pub(crate) fn body(&self) -> &Value {
        &self.body
    }

    fn wrong(&self, what: &str, expected: &dyn fmt::Display, found: &dyn fmt::Display) -> Wrong {
        Wrong(format!("{}: {what}: expected {expected}, found {found}", self.request))
    }
}

/// A response that the identity provider cannot use.
#[derive(Debug)]
pub(crate) struct Wrong(String);

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Wrong {}

/// Prints the event at the identity provider that causes the next requests.
pub(crate) fn section(title: &str) {
    println!("\n== {title} ==");
}

/// Sends the requests of the identity provider with this name to the server of the command line; without arguments,
/// calls `play`.
pub(crate) fn run(name: &str, play: fn() -> Result<String, Box<dyn Error>>) -> ExitCode {
    match Server::of_arguments() {
        Ok(Some(server)) => outcome(server.replay(name)),
        Ok(None) => outcome(play()),
        Err(usage) => {
            eprintln!("{usage}");
            ExitCode::from(2)
        }
    }
}

/// The SCIM server of the command line: its URL and its API key.
struct Server {
    url: String,
    token: String,
}

impl Server {
    /// Reads the command line; `None` without arguments.
    fn of_arguments() -> Result<Option<Self>, String> {
        let (mut url, mut token) = (None, None);
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            match (name.as_str(), arguments.next()) {
                ("--url", Some(value)) => url = Some(value),
                ("--token", Some(value)) => token = Some(value),
                ("--url" | "--token", None) => return Err(format!("expected a value after {name}")),
                _ => return Err(format!("unknown argument `{name}`: expected --url URL and --token API_KEY")),
            }
        }
        match (url, token) {
            (Some(_), Some(_)) if !cfg!(feature = "testkit") => {
                Err("the requests are in the feature `testkit`: add `--features testkit` before `--`".into())
            }
            (Some(url), Some(token)) => Ok(Some(Self { url, token })),
            (None, None) => Ok(None),
            _ => Err("expected both --url URL and --token API_KEY".into()),
        }
    }

    #[cfg(feature = "testkit")]
    fn replay(&self, name: &str) -> Result<String, Box<dyn Error>> {
        let traffic = scim_core::testkit::Traffic::all().into_iter().find(|traffic| traffic.name() == name);
        remote::replay(&traffic.ok_or("unknown identity provider")?, &self.url, &self.token)
    }

    /// Without the feature, `of_arguments` returns no server.
    #[cfg(not(feature = "testkit"))]
    fn replay(&self, _: &str) -> Result<String, Box<dyn Error>> {
        Err(format!("no request was sent to {} with a token of {} bytes", self.url, self.token.len()).into())
    }
}

/// Ends the program: a response that the identity provider cannot use is a failure.
fn outcome(result: Result<String, Box<dyn Error>>) -> ExitCode {
    match result {
        Ok(summary) => {
            println!("\n{summary}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("\nNot what the identity provider needs. {error}");
            ExitCode::FAILURE
        }
    }
}

/// A PatchOp message (RFC 7644 §3.5.2) with these operations.
pub(crate) fn patch(operations: &Value) -> Value {
    serde_json::json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations})
}

fn shortened(text: &str) -> String {
    const LONGEST: usize = 600;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}… ({} bytes)", text.split_at(end).0, text.len()),
        None => text.to_owned(),
    }
}

/// The job of the host's runtime; a store in memory never waits.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let (mut future, mut task) = (pin!(future), Task::from_waker(Waker::noop()));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut task) {
            return output;
        }
    }
}
