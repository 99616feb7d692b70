//! The connected clients: a bounded number, in which idle connections give way to new connections.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::Notify;

/// The other end of a connection, as an extension of its requests.
#[derive(Debug)]
pub(super) struct Peer {
    address: IpAddr,
    cut: Arc<Notify>,
    /// The clock value at which the connection became idle; 0 while a request is in progress. A request whose body
    /// is still arriving does not count as in progress.
    idle: AtomicU64,
    line: Arc<Line>,
}

/// The order in which connections became idle.
#[derive(Debug)]
struct Line {
    /// Counts connections and requests. The count gives their order; their time does not matter.
    clock: AtomicU64,
    /// Notified when a connection ends or becomes idle.
    left: Notify,
}

impl Line {
    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }
}

impl Peer {
    /// The address of the client.
    pub(super) fn address(&self) -> IpAddr {
        self.address
    }

    /// Notified when the connection is to be cut.
    pub(super) fn cut(&self) -> Arc<Notify> {
        Arc::clone(&self.cut)
    }

    /// Marks the connection as busy.
    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        self.idle.store(0, Ordering::Relaxed);
        Busy(Arc::clone(self))
    }
}

/// The set of all connections.
#[derive(Debug)]
pub(super) struct Peers {
    most: usize,
    connected: Mutex<BTreeMap<u64, Arc<Peer>>>,
    line: Arc<Line>,
}

/// A connection in [`Peers`], until this value is dropped.
#[derive(Debug)]
pub(super) struct Connected {
    peers: Arc<Peers>,
    number: u64,
    pub(super) peer: Arc<Peer>,
}

/// A request in progress, until this value is dropped.
#[derive(Debug)]
pub(super) struct Busy(Arc<Peer>);

impl Peers {
    /// Creates a set with room for `most` connections.
    pub(super) fn new(most: usize) -> Arc<Self> {
        let line = Arc::new(Line { clock: AtomicU64::new(1), left: Notify::new() });
        Arc::new(Self { most, connected: Mutex::default(), line })
    }

    /// Adds a connection. If there is no room, the connection that has been idle the longest is cut; if no
    /// connection is idle, the call waits.
    pub(super) async fn enter(self: &Arc<Self>, address: IpAddr) -> Connected {
        loop {
            // Create the future before the check, so that a notification in between is not missed.
            let left = self.line.left.notified();
            if let Some(connected) = self.try_enter(address) {
                return connected;
            }
            left.await;
        }
    }

    fn try_enter(self: &Arc<Self>, address: IpAddr) -> Option<Connected> {
        let mut connected = self.locked();
        if connected.len() >= self.most {
            let idle = connected.iter().map(|(number, peer)| (peer.idle.load(Ordering::Relaxed), *number));
            let (_, number) = idle.filter(|(idle, _)| *idle > 0).min()?;
            if let Some(peer) = connected.remove(&number) {
                peer.cut.notify_one();
            }
        }
        let number = self.line.tick();
        let peer =
            Arc::new(Peer { address, cut: Arc::default(), idle: AtomicU64::new(number), line: Arc::clone(&self.line) });
        connected.insert(number, Arc::clone(&peer));
        Some(Connected { peers: Arc::clone(self), number, peer })
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Peer>>> {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.peers.locked().remove(&self.number);
        self.peers.line.left.notify_one();
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.idle.store(self.0.line.tick(), Ordering::Relaxed);
        self.0.line.left.notify_one();
    }
}
