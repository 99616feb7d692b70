//! Two processes on one database, behind a proxy that gives each connection to the process that did not have the last
//! one.

use std::{
    io,
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::process::{Place, Server};

/// The proxy with its two processes.
pub(crate) struct Balancer {
    /// The URL of the proxy, without a slash at its end.
    pub(crate) root: String,
    /// The processes. Their SCIM URL has the address of the proxy.
    pub(crate) servers: [Server; 2],
    /// The addresses of the processes.
    pub(crate) addresses: [String; 2],
    /// The numbers of connections that each process has received.
    pub(crate) connections: Arc<[AtomicUsize; 2]>,
}

impl Balancer {
    /// Starts the processes with the same arguments and the URL of the proxy as their public URL. The first process
    /// prints the administrator's link.
    pub(crate) fn start(place: &Place) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let root = format!("http://{}", listener.local_addr().unwrap());
        // Free at this moment, and another program hardly takes it before the process starts.
        let addresses = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string());
        let key = "0123456789abcdef".repeat(4);
        let servers = addresses.each_ref().map(|address| {
            let url = ["--store", &place.url, "--public-url", &root];
            Server::start(&[&url[..], &["--listen", address, "--cursor-key", &key, "--log", "warn"]].concat())
        });
        let connections = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let (counted, targets) = (Arc::clone(&connections), addresses.clone());
        thread::spawn(move || {
            for (turn, client) in listener.incoming().enumerate() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(&targets[turn % 2])) else { continue };
                counted[turn % 2].fetch_add(1, Ordering::Relaxed);
                forward(&client, &server);
            }
        });
        Self { root, servers, addresses, connections }
    }
}

/// Carries the bytes of a connection in both directions until both sides have closed it.
fn forward(client: &TcpStream, server: &TcpStream) {
    for (from, to) in [(client, server), (server, client)] {
        let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
}
