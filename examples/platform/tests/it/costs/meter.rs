//! Processor time and memory of processes, from `/proc`.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::Expensive;
use crate::process::{Place, Server, TOKEN, numbers};

/// The unit of processor time in `/proc`, which Linux fixes for programs.
const TICKS_PER_SECOND: u64 = 100;

/// After this time the measurement of a request fails.
const PATIENCE: Duration = Duration::from_secs(300);

/// The cost of a request.
#[derive(Clone, Debug)]
pub(crate) struct Cost {
    pub(crate) name: String,
    pub(crate) status: u16,
    /// The `detail` of an error; empty otherwise.
    pub(crate) detail: String,
    pub(crate) answer_bytes: usize,
    /// Processor time of the server, user and system.
    pub(crate) server: Duration,
    /// Processor time of all processes of PostgreSQL.
    pub(crate) database: Duration,
    pub(crate) elapsed: Duration,
    /// The largest growth of the server's resident memory, in MB.
    pub(crate) memory: u64,
    /// The largest growth of the private memory of PostgreSQL's processes, in MB.
    pub(crate) database_memory: u64,
}

impl Cost {
    pub(crate) fn processor(&self) -> Duration {
        self.server + self.database
    }

    pub(crate) fn all_memory(&self) -> u64 {
        self.memory + self.database_memory
    }
}

/// Measures a server, and the PostgreSQL that it uses.
pub(crate) struct Meter<'a> {
    server: &'a Server,
    postmaster: Option<u32>,
}

impl<'a> Meter<'a> {
    /// PostgreSQL must run on this machine, and serve no other program.
    pub(crate) fn new(server: &'a Server, place: &Place) -> Self {
        let postmaster = place.url.starts_with("postgres").then(|| {
            let backend = numbers(&place.url, "SELECT pg_backend_pid()")[0];
            let status = "SELECT (regexp_match(pg_read_file('postmaster.pid'), '^\\d+'))[1]::integer";
            let postmaster = numbers(&place.url, status)[0];
            assert!(backend > 0 && times(u32::try_from(postmaster).unwrap()).is_some(), "PostgreSQL is elsewhere");
            u32::try_from(postmaster).unwrap()
        });
        Self { server, postmaster }
    }

    pub(crate) fn measure(&self, request: &Expensive) -> Cost {
        // Meanwhile freed memory is returned, and the system adds the times of processes that have ended.
        thread::sleep(Duration::from_millis(100));
        let server = self.server.id();
        let (cpu, database_cpu) = (self.server_ticks(), self.database_ticks());
        let database_memory = self.database_memory();
        fs::write(format!("/proc/{server}/clear_refs"), "5").unwrap();
        let memory = kilobytes(server, "VmHWM:");
        let is_over = AtomicBool::new(false);
        let start = Instant::now();
        let (answer, most) = thread::scope(|scope| {
            let sampler = scope.spawn(|| {
                let mut most = 0;
                while self.postmaster.is_some() && !is_over.load(Ordering::Relaxed) {
                    most = most.max(self.database_memory());
                    thread::sleep(Duration::from_millis(5));
                }
                most
            });
            let answer = ask(self.server, request);
            is_over.store(true, Ordering::Relaxed);
            (answer, sampler.join().unwrap())
        });
        let elapsed = start.elapsed();
        // An interrupted statement ends a little later.
        thread::sleep(Duration::from_millis(50));
        let (status, text) = answer;
        let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        Cost {
            name: request.name.clone(),
            status,
            detail: json["detail"].as_str().unwrap_or_default().chars().take(120).collect(),
            answer_bytes: text.len(),
            server: Self::time(self.server_ticks() - cpu),
            database: Self::time(self.database_ticks().saturating_sub(database_cpu)),
            elapsed,
            memory: kilobytes(server, "VmHWM:").saturating_sub(memory) >> 10,
            database_memory: most.saturating_sub(database_memory) >> 10,
        }
    }

    /// The processor time of the server since its start.
    pub(crate) fn server_ticks(&self) -> u64 {
        times(self.server.id()).unwrap().own
    }

    /// The duration of so many ticks.
    pub(crate) fn time(ticks: u64) -> Duration {
        Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND)
    }

    /// The processor time of PostgreSQL: of its processes, and of processes that have ended.
    pub(crate) fn database_ticks(&self) -> u64 {
        let Some(postmaster) = self.postmaster else { return 0 };
        let main = times(postmaster).unwrap();
        children(postmaster).filter_map(times).map(|times| times.own).sum::<u64>() + main.own + main.of_ended
    }

    fn database_memory(&self) -> u64 {
        self.postmaster.map_or(0, |postmaster| children(postmaster).map(|child| kilobytes(child, "RssAnon:")).sum())
    }
}

struct Times {
    parent: u32,
    own: u64,
    of_ended: u64,
}

fn times(process: u32) -> Option<Times> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program may contain any character, even a parenthesis.
    let fields: Vec<u64> =
        stat.rsplit_once(')')?.1.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
    let parent = u32::try_from(fields[1]).unwrap();
    Some(Times { parent, own: fields[11] + fields[12], of_ended: fields[13] + fields[14] })
}

fn children(parent: u32) -> impl Iterator<Item = u32> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    processes.filter(move |process| times(*process).is_some_and(|times| times.parent == parent))
}

fn kilobytes(process: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0, |line| line.split_whitespace().next().unwrap().parse().unwrap())
}

/// Sends a request unchanged on a separate connection, and returns the status and the body of the answer.
pub(crate) fn ask(server: &Server, request: &Expensive) -> (u16, String) {
    let rest = server.url.split_once("://").unwrap().1;
    let (authority, path) = rest.split_once('/').unwrap();
    let body = request.body.as_deref().unwrap_or_default();
    let head = format!(
        "{} /{path}{} HTTP/1.1\r\nHost: {authority}\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\
         Content-Type: application/scim+json\r\nContent-Length: {}\r\n\r\n",
        request.method,
        request.path,
        body.len()
    );
    let mut stream = TcpStream::connect(authority).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = Vec::new();
    // A server that refuses the body closes the connection, perhaps before it has read the whole body.
    let sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    let read = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { panic!("{}: {sent:?} {read:?}", request.name) };
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}
