//! The program as a process: started, queried over HTTP, and ended, gently or not.

#[cfg(target_os = "linux")]
mod engine;
mod ledger;
mod places;

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value as Json;
use tempfile::NamedTempFile;
use ureq::{Agent, http};

#[cfg(target_os = "linux")]
pub(crate) use self::engine::{Disk, Engine, children};
pub(crate) use self::ledger::{Ledger, Progress};
pub(crate) use self::places::{Place, databases, memory, numbers, pgbouncer, postgres, sqlite, stores, try_numbers};

/// A token that is long enough to cause no warning.
pub(crate) const TOKEN: &str = "a-token-for-tests-0123456789abcdef";
pub(crate) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub(crate) const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// After this time a test fails, so that it does not hang.
const PATIENCE: Duration = Duration::from_secs(30);

/// A process that serves. It is killed when this value is dropped.
pub(crate) struct Server {
    /// The SCIM URL that the process has printed.
    pub(crate) url: String,
    /// The key of requests: the value of `--token`, or the printed key.
    pub(crate) key: Option<String>,
    /// The printed lines, up to the line with the URL.
    pub(crate) printed: Vec<String>,
    child: Child,
    agent: Agent,
    log: NamedTempFile,
}

/// The answer to a request.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    /// The body; null if the body is empty or not JSON.
    pub(crate) json: Json,
    pub(crate) text: String,
}

/// A process that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The program, started by the words in `enter`.
fn command_within(enter: &[String], arguments: &[&str]) -> Command {
    let program = env!("CARGO_BIN_EXE_platform");
    let mut command = Command::new(enter.first().map_or(program, String::as_str));
    if !enter.is_empty() {
        command.args(&enter[1..]).arg(program);
    }
    command.args(arguments).stdin(Stdio::null());
    for variable in ["PLATFORM_TOKEN", "PLATFORM_STORE", "PLATFORM_CURSOR_KEY", "PLATFORM_POOLER"] {
        command.env_remove(variable);
    }
    command
}

fn command(arguments: &[&str]) -> Command {
    command_within(&[], arguments)
}

/// Runs the program to its end.
pub(crate) fn run(arguments: &[&str]) -> Finished {
    finish(command(arguments))
}

/// The same, started by the words in `enter`.
pub(crate) fn run_within(enter: &[String], arguments: &[&str]) -> Finished {
    finish(command_within(enter, arguments))
}

/// The same, with an environment variable.
pub(crate) fn run_with(variable: (&str, &str), arguments: &[&str]) -> Finished {
    let mut command = command(arguments);
    command.env(variable.0, variable.1);
    finish(command)
}

fn finish(mut command: Command) -> Finished {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let read = thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).unwrap();
        text
    });
    let watchdog = Watchdog::over(&child);
    let mut text = String::new();
    stdout.read_to_string(&mut text).unwrap();
    let status = child.wait().unwrap();
    drop(watchdog);
    Finished { status: status.code(), stdout: text, stderr: read.join().unwrap() }
}

/// Kills a process that does not end in time.
struct Watchdog(#[expect(dead_code, reason = "dropped to call it off")] mpsc::Sender<()>);

impl Watchdog {
    fn over(child: &Child) -> Self {
        let (off, called_off) = mpsc::channel::<()>();
        let id = child.id();
        thread::spawn(move || {
            if called_off.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                signal(id, "KILL");
            }
        });
        Self(off)
    }
}

pub(crate) fn signal(process: u32, name: &str) {
    Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status().unwrap();
}

impl Server {
    /// Starts the program, at a free port unless `arguments` name a port, and waits until it has printed its URL.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_within(&[], arguments)
    }

    /// The same, started by the words in `enter`.
    pub(crate) fn start_within(enter: &[String], arguments: &[&str]) -> Self {
        let started = Self::spawn(command_within(enter, arguments), arguments);
        started.unwrap_or_else(|finished| panic!("{arguments:?}: {finished:?}"))
    }

    /// The same, with an environment variable.
    pub(crate) fn start_with(variable: (&str, &str), arguments: &[&str]) -> Self {
        let mut command = command(arguments);
        command.env(variable.0, variable.1);
        Self::spawn(command, arguments).unwrap_or_else(|finished| panic!("{arguments:?}: {finished:?}"))
    }

    /// The same. The error is the finished process, if it ended without printing a URL.
    pub(crate) fn try_start(arguments: &[&str]) -> Result<Self, Finished> {
        Self::spawn(command(arguments), arguments)
    }

    fn spawn(mut command: Command, arguments: &[&str]) -> Result<Self, Finished> {
        let given = |name: &str| arguments.iter().position(|argument| *argument == name);
        if given("--listen").is_none() {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        // In a file: a pipe without a reader would become full, and the process would then block.
        let log = NamedTempFile::new().unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(log.reopen().unwrap()).spawn().unwrap();
        let watchdog = Watchdog::over(&child);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (mut printed, mut url) = (Vec::new(), None);
        // Reads no line after the URL: the next line may never come.
        while url.is_none() {
            let Some(line) = lines.next() else { break };
            let line = line.unwrap();
            url = line.strip_prefix("SCIM URL ").map(str::to_owned);
            printed.push(line);
        }
        drop(watchdog);
        let Some(url) = url else {
            let status = child.wait().unwrap().code();
            let stderr = std::fs::read_to_string(log.path()).unwrap();
            return Err(Finished { status, stdout: printed.join("\n"), stderr });
        };
        thread::spawn(move || lines.for_each(drop));
        let minted = printed.iter().find_map(|line| line.strip_prefix("API key ")?.strip_suffix(" (shown once)"));
        let key = minted.or_else(|| arguments.get(given("--token")? + 1).copied()).map(str::to_owned);
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .max_idle_connections_per_host(64)
            .max_idle_connections(64)
            .build();
        Ok(Self { url, key, printed, child, agent: config.into(), log })
    }

    /// Sends a request to a path below the SCIM URL. May be called from many threads.
    pub(crate) fn request(&self, method: &str, path: &str, body: Option<&Json>) -> Answer {
        self.try_request(method, path, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// The same, for a server that may end before it answers.
    pub(crate) fn try_request(&self, method: &str, path: &str, body: Option<&Json>) -> Result<Answer, ureq::Error> {
        let key = self.key.as_ref().map(|key| format!("Bearer {key}"));
        let headers: Vec<(&str, &str)> = key.iter().map(|key| ("Authorization", key.as_str())).collect();
        self.send(method, &format!("{}{path}", self.url), &headers, body)
    }

    /// A request with another key, or without a key.
    pub(crate) fn request_with_key(&self, key: Option<&str>, method: &str, path: &str, body: Option<&Json>) -> Answer {
        let key = key.map(|key| format!("Bearer {key}"));
        let headers: Vec<(&str, &str)> = key.iter().map(|key| ("Authorization", key.as_str())).collect();
        self.send(method, &format!("{}{path}", self.url), &headers, body).unwrap()
    }

    /// Sends a request to any URL, with these headers only.
    pub(crate) fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: Option<&Json>,
    ) -> Result<Answer, ureq::Error> {
        let mut request = http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = match body {
            Some(body) => {
                let request = request.header("Content-Type", "application/scim+json").body(body.to_string()).unwrap();
                self.agent.run(request)?
            }
            None => self.agent.run(request.body(()).unwrap())?,
        };
        let text = response.body_mut().with_config().limit(64 << 20).read_to_string()?;
        let json = serde_json::from_str(&text).unwrap_or(Json::Null);
        Ok(Answer { status: response.status().as_u16(), headers: response.headers().clone(), json, text })
    }

    /// Posts a form to any URL, with these headers in addition to `Content-Type`.
    pub(crate) fn form(&self, url: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = http::Request::post(url).header("Content-Type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = self.agent.run(request.body(body.to_owned()).unwrap()).unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        let json = serde_json::from_str(&text).unwrap_or(Json::Null);
        Answer { status: response.status().as_u16(), headers: response.headers().clone(), json, text }
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn root(&self) -> String {
        format!("http://{}", self.authority())
    }

    fn authority(&self) -> &str {
        self.url.split('/').nth(2).unwrap()
    }

    /// A connection for bytes that no proper client sends.
    pub(crate) fn connect(&self) -> Connection {
        let stream = TcpStream::connect(self.authority()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Connection(stream)
    }

    /// The id of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The whole log so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap()
    }

    /// The log lines of requests.
    pub(crate) fn log_of_requests(&self) -> Vec<Json> {
        let lines = self.log().lines().map(|line| serde_json::from_str::<Json>(line).unwrap()).collect::<Vec<_>>();
        lines.into_iter().filter(|line| line["message"] == "request").collect()
    }

    /// The resident memory of the process.
    #[cfg(target_os = "linux")]
    pub(crate) fn resident_mebibytes(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() >> 10
    }

    /// Ends the process like a power cut.
    pub(crate) fn kill_hard(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends SIGTERM or another signal, and does not wait.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Sends SIGTERM, and waits until the process has ended.
    pub(crate) fn terminate(self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }

    /// Waits until the process has ended.
    pub(crate) fn wait(mut self) -> ExitStatus {
        let _watchdog = Watchdog::over(&self.child);
        self.child.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection on which bytes are written unchanged.
pub(crate) struct Connection(TcpStream);

impl Connection {
    /// Writes the bytes. Returns whether the other side still accepts them.
    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.write_all(bytes.as_ref()).is_ok()
    }

    /// Reads the head of an answer, and the bytes that have come with it.
    pub(crate) fn read_head(&mut self) -> String {
        let (mut all, mut some) = (Vec::new(), [0; 4096]);
        while !all.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
            let Ok(count @ 1..) = self.0.read(&mut some) else { break };
            all.extend_from_slice(&some[..count]);
        }
        String::from_utf8_lossy(&all).into_owned()
    }

    /// Reads so many bytes, or until the other side ends the connection. Returns the number of bytes.
    pub(crate) fn read_some(&mut self, most: usize) -> usize {
        let (mut length, mut some) = (0, vec![0; 1 << 16]);
        while length < most
            && let Ok(count @ 1..) = self.0.read(&mut some)
        {
            length += count;
        }
        length
    }

    /// Reads until the other side ends the connection, or breaks it.
    pub(crate) fn read(&mut self) -> String {
        let (mut all, mut some) = (Vec::new(), [0; 4096]);
        while let Ok(count @ 1..) = self.0.read(&mut some) {
            all.extend_from_slice(&some[..count]);
        }
        String::from_utf8_lossy(&all).into_owned()
    }
}

/// Waits until the condition holds, and panics with `what` after `PATIENCE`.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}
