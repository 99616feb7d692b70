//! Two processes behind a load balancer, on PostgreSQL with a synchronous replica, whose leader Patroni chooses: no
//! acknowledged write is lost with the leader, and no process must be restarted.
//!
//! Skipped unless `SCIM_TEST_CLUSTER` names a directory that `tests/cluster/run install` has filled. The test takes
//! two minutes.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::allow_attributes,
    reason = "a test that panics has failed"
)]
#![cfg(target_os = "linux")]

/// Modules of the program `it`.
#[allow(dead_code, unused_imports, reason = "this program uses a part of them")]
mod it {
    pub(crate) mod process;
}

use std::{
    collections::HashSet,
    fs,
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use it::process::{Ledger, Server, TOKEN, USER, children, eventually, signal, try_numbers};
use serde_json::{Value as Json, json};

const CLIENTS: usize = 6;

/// The time of the load before the leader is killed, and in total.
const BEFORE: Duration = Duration::from_secs(15);
const LOAD: Duration = Duration::from_secs(60);

/// The time that the cluster may take for its first leader and replica.
const START: Duration = Duration::from_secs(120);

/// The database cluster. Its processes end when this value is dropped.
struct Cluster {
    directory: PathBuf,
}

/// A node of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Node {
    name: &'static str,
    directory: PathBuf,
    /// The URL of the node's own PostgreSQL.
    url: String,
}

impl Cluster {
    fn start() -> Option<Self> {
        let Some(directory) = std::env::var_os("SCIM_TEST_CLUSTER") else {
            eprintln!("skipped: SCIM_TEST_CLUSTER is not set");
            return None;
        };
        let cluster = Self { directory: directory.into() };
        cluster.run(&["start"]);
        Some(cluster)
    }

    /// Runs a command of the script with the directory.
    fn run(&self, arguments: &[&str]) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/run");
        let mut command = Command::new(script);
        let status = command.arg(arguments[0]).arg(&self.directory).args(&arguments[1..]).status().unwrap();
        assert!(status.success(), "{arguments:?}");
    }

    fn url(&self) -> String {
        let url = fs::read_to_string(self.directory.join("state/url")).unwrap();
        url.trim().to_owned()
    }

    fn nodes(&self) -> [Node; 2] {
        ["node1", "node2"].map(|name| {
            let directory = self.directory.join("state").join(name);
            let address = fs::read_to_string(directory.join("address")).unwrap();
            Node { name, url: format!("postgres://postgres@{}/postgres", address.trim()), directory }
        })
    }

    /// The leader, and the replica that it waits for, once both exist.
    fn await_replica(&self) -> (Node, Node) {
        let begin = Instant::now();
        loop {
            let mut nodes = self.nodes();
            nodes.sort_by_key(|node| !node.leads());
            let [leader, replica] = nodes;
            if leader.has_replica() {
                return (leader, replica);
            }
            if begin.elapsed() > START {
                let log = |node: &Node| fs::read_to_string(node.directory.join("log")).unwrap_or_default();
                panic!("the cluster has no replica:\n{}\n{}", log(&leader), log(&replica));
            }
            thread::sleep(Duration::from_millis(500));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if thread::panicking() {
            for node in self.nodes() {
                let log = fs::read_to_string(node.directory.join("log")).unwrap_or_default();
                let lines: Vec<_> = log.lines().rev().take(40).collect();
                eprintln!("{}, the latest line first:\n{}", node.name, lines.join("\n"));
            }
        }
        self.run(&["stop"]);
    }
}

impl Node {
    fn leads(&self) -> bool {
        self.count("SELECT count(*)::int FROM (SELECT 1 WHERE NOT pg_is_in_recovery()) leads") == Some(1)
    }

    /// Whether the node is the leader and waits for a replica at each commit.
    fn has_replica(&self) -> bool {
        let replicas =
            "SELECT count(*)::int FROM pg_stat_replication WHERE sync_state = 'sync' AND state = 'streaming'";
        self.leads() && self.count(replicas) == Some(1)
    }

    /// A number from the node's PostgreSQL; `None` if it does not answer.
    fn count(&self, sql: &str) -> Option<i32> {
        let address = self.url.split(['@', '/']).nth(3)?.parse().ok()?;
        TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
        try_numbers(&self.url, sql).ok()?.first().copied()
    }

    fn process(&self, file: &str) -> u32 {
        let text = fs::read_to_string(self.directory.join(file)).unwrap();
        text.lines().next().unwrap().trim().parse().unwrap()
    }

    /// Sends a signal to all processes of the node's PostgreSQL. The first process gets the signal first: it cannot
    /// start others then.
    fn signal_postgresql(&self, name: &str) {
        let first = self.process("data/postmaster.pid");
        signal(first, name);
        for process in children(first) {
            signal(process, name);
        }
    }

    /// Kills the node like a power cut, but its disk remains.
    fn kill(&self) {
        // Patroni is killed before PostgreSQL, because it would start PostgreSQL again.
        signal(self.process("patroni.pid"), "KILL");
        self.signal_postgresql("KILL");
    }
}

/// A load balancer: each connection goes to the next process.
struct Balancer {
    listener: TcpListener,
    turns: [AtomicUsize; 2],
}

impl Balancer {
    fn open() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").unwrap(), turns: Default::default() }
    }

    fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap())
    }

    fn forward_to(self, addresses: [String; 2]) -> Arc<Self> {
        let balancer = Arc::new(self);
        let forwarding = Arc::clone(&balancer);
        thread::spawn(move || {
            for (number, client) in forwarding.listener.incoming().enumerate() {
                let (client, turn) = (client.unwrap(), number % addresses.len());
                let server = TcpStream::connect(&addresses[turn]).unwrap();
                forwarding.turns[turn].fetch_add(1, Ordering::Relaxed);
                for socket in [&client, &server] {
                    socket.set_nodelay(true).unwrap();
                }
                let (answers, to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                thread::spawn(move || pass(client, server));
                thread::spawn(move || pass(answers, to_client));
            }
        });
        balancer
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    let mut bytes = [0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}

/// The address on which a process listens, although its clients see another URL.
fn address(server: &Server) -> String {
    let mut address = None;
    eventually("the process listens", || {
        let log = server.log();
        let mut lines = log.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok());
        address = lines.find_map(|line| line["address"].as_str().map(str::to_owned));
        address.is_some()
    });
    address.unwrap()
}

#[test]
fn no_acknowledged_write_is_lost_with_the_leader() {
    let Some(cluster) = Cluster::start() else { return };
    let begin = Instant::now();
    let told = |what: &str| println!("{:?}: {what}", begin.elapsed());
    let (leader, replica) = cluster.await_replica();
    told(&format!("{} leads", leader.name));

    let (balancer, store, key) = (Balancer::open(), cluster.url(), "0123456789abcdef".repeat(4));
    let url = balancer.url();
    let arguments = ["--store", &store, "--organization", "acme", "--token", TOKEN, "--cursor-key", &key];
    let arguments = [&arguments[..], &["--public-url", &url, "--log", "info"]].concat();
    // Both processes give clients the URL of the balancer, so that all requests go through it.
    let servers = [Server::start(&arguments), Server::start(&arguments)];
    let balancer = balancer.forward_to(servers.each_ref().map(address));
    let mut ledger = Ledger::new(&servers[0], &[]);

    commits_wait_for_the_replica(&servers, &leader, &replica);
    told("commits wait for the replica");

    let progress = ledger.under_load(&servers[0], ("failover", CLIENTS), true, |progress| {
        let start = Instant::now();
        thread::sleep(BEFORE);
        let before = progress.acknowledged();
        assert!(before > CLIENTS, "the load was none: {before}");
        leader.kill();
        told(&format!("{} is killed after {before} acknowledged writes", leader.name));
        while !replica.leads() {
            assert!(start.elapsed() < LOAD, "no other leads");
            thread::sleep(Duration::from_millis(200));
        }
        told(&format!("{} leads", replica.name));
        let at_change = progress.acknowledged();
        thread::sleep(LOAD.saturating_sub(start.elapsed()));
        let after = progress.acknowledged() - at_change;
        told(&format!("{after} writes were acknowledged since"));
        assert!(after > CLIENTS, "the platform has not recovered: {after}");
    });
    assert!(progress.unavailable() > 0, "nobody has noticed the change");
    told("the load is over");

    ledger.check(&servers[0], &store, 20);
    told("every acknowledged write is there");
    let used: HashSet<usize> = (0..2).filter(|turn| balancer.turns[*turn].load(Ordering::Relaxed) > 0).collect();
    assert_eq!(used.len(), 2, "both processes have served");
    for server in servers {
        count_directly(&server);
        assert_eq!(server.terminate().code(), Some(0), "it is the process that was started");
    }
}

/// Sends a request to a process directly, past the balancer.
fn count_directly(server: &Server) {
    let url = format!("http://{}/scim/acme/v2/Users?count=0", address(server));
    let authorization = format!("Bearer {TOKEN}");
    let found = server.send("GET", &url, &[("Authorization", &authorization)], None).unwrap();
    assert_eq!(found.status, 200, "{}", found.text);
}

/// A client that disconnects while the leader waits for its replica does not end that wait: a commit that the replica
/// does not have must not become visible. A client that sees the commit would not send it again, and the commit would
/// be lost with the leader.
fn commits_wait_for_the_replica(servers: &[Server; 2], leader: &Node, replica: &Node) {
    // Each process writes the use of the key once a minute. This wait keeps that commit out of the measurement.
    servers.iter().for_each(count_directly);
    thread::sleep(Duration::from_secs(1));
    let server = &servers[0];
    let body = json!({"schemas": [USER], "userName": "left"}).to_string();
    let base = server.url.splitn(4, '/').last().unwrap();
    let head = format!(
        "POST /{base}/Users HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: application/scim+json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let waiting = "SELECT count(*)::int FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let visible = "SELECT count(*)::int FROM resource WHERE document LIKE '%\"left\"%'";
    assert_eq!(leader.count(waiting), Some(0));
    replica.signal_postgresql("STOP");
    let mut leaving = server.connect();
    assert!(leaving.write(head) && leaving.write(&body));
    eventually("the commit waits", || leader.count(waiting) == Some(1));
    drop(leaving);
    thread::sleep(Duration::from_secs(2));
    let seen = (leader.count(waiting), leader.count(visible));
    replica.signal_postgresql("CONT");
    assert_eq!(seen, (Some(1), Some(0)), "the commit still waits");
    eventually("the commit ends", || leader.count(visible) == Some(1));
    // The replica is synchronous again: no later commit is acknowledged without it.
    eventually("the replica follows", || leader.has_replica());
    let found = server.request("GET", "/Users?filter=userName%20eq%20%22left%22", None);
    let id = found.json["Resources"][0]["id"].as_str().unwrap();
    assert_eq!(server.request("DELETE", &format!("/Users/{id}"), None).status, 204);
}
