//! Connections: accepted, bounded in time and size, and closed in order when the process receives a signal to end.

use std::{io, sync::Arc, time::Duration};

use axum::Router;
use hyper::{body::Incoming, server::conn::http1, service::Service as _};
use hyper_util::{
    rt::TokioTimer,
    server::graceful::{GracefulShutdown, Watcher},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    signal,
    sync::watch,
    time::{sleep, timeout},
};

use super::{
    Bounds,
    peers::{Connected, Peers},
    socket::Socket,
    tls::{Certificate, Stream},
};
use crate::log::with_causes;

/// The time that requests in flight may take after a signal to end.
const GRACE: Duration = Duration::from_secs(30);

/// The maximum number of bytes of the head of a request. A URL may have 64 KiB, in which a long filter fits.
const HEAD_BYTES: usize = 128 << 10;

/// Serves until the process receives a signal to end. The server then completes the requests in flight and accepts
/// no others. The `bounds` limit the time for a client to send the head of a request, to read a response and to be
/// idle, and the number of connections. With a certificate, clients must use TLS.
pub async fn serve(
    listener: TcpListener,
    certificate: Option<Certificate>,
    router: Router,
    bounds: &Bounds,
    mut ending: Ending,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(bounds.request).max_buf_size(HEAD_BYTES);
    let graceful = GracefulShutdown::new();
    let (told, is_told) = watch::channel(false);
    let peers = Peers::new(bounds.connections);
    loop {
        let (stream, connected) = tokio::select! {
            accepted = accept(&listener, &peers) => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // For example too many open files, a condition that may end soon.
                    tracing::warn!(%error, "a connection could not be taken");
                    sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            () = ending.told() => break,
        };
        let serving = Serving {
            http: http.clone(),
            certificate: certificate.clone(),
            request: bounds.request,
            answer: bounds.answer,
            ending: is_told.clone(),
        };
        tokio::spawn(serving.run(stream, connected, router.clone(), graceful.watcher()));
    }
    drop(listener);
    // From here on clients have little time to read.
    told.send_replace(true);
    tracing::info!(connections = graceful.count(), "ending: requests in flight are completed");
    tokio::select! {
        ended = timeout(GRACE, graceful.shutdown()) => if ended.is_err() {
            tracing::warn!("a request was still in flight and is given up");
        },
        // A second signal means that the operator does not want to wait.
        () = ending.told() => tracing::warn!("told again to end: requests in flight are given up"),
    }
}

async fn accept(listener: &TcpListener, peers: &Arc<Peers>) -> io::Result<(TcpStream, Connected)> {
    let (stream, address) = listener.accept().await?;
    // Responses are small and should be sent immediately.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection sends with delay");
    }
    Ok((stream, peers.enter(address.ip()).await))
}

/// The parts with which a connection is served.
struct Serving {
    http: http1::Builder,
    certificate: Option<Certificate>,
    /// The time that a client may take for a handshake.
    request: Duration,
    /// The time that a client may take to read a response.
    answer: Duration,
    /// Becomes true when the server must end.
    ending: watch::Receiver<bool>,
}

impl Serving {
    /// Serves a connection until the connection ends or is cut.
    async fn run(self, stream: TcpStream, connected: Connected, router: Router, watcher: Watcher) {
        let cut = connected.peer.cut();
        let stream = match &self.certificate {
            None => Some(Stream::Plain(stream)),
            Some(certificate) => tokio::select! {
                accepted = certificate.accept(stream, self.request) => accepted,
                () = cut.notified() => None,
            },
        };
        let Some(stream) = stream else { return };
        let socket = Socket::new(stream, self.answer, self.ending);
        exchange(self.http, socket, connected, router, watcher).await;
    }
}

/// Answers the requests of a connection.
async fn exchange(http: http1::Builder, socket: Socket, connected: Connected, router: Router, watcher: Watcher) {
    let router = TowerToHyperService::new(router);
    let service = hyper::service::service_fn(|request: hyper::Request<Incoming>| {
        let mut request = request;
        request.extensions_mut().insert(Arc::clone(&connected.peer));
        router.call(request)
    });
    let cut = connected.peer.cut();
    tokio::select! {
        // The client closed the connection or took too long. Neither is an error of the server.
        ended = watcher.watch(http.serve_connection(socket, service)) => if let Err(error) = ended {
            tracing::debug!(error = with_causes(&error), "a connection has ended");
        },
        () = cut.notified() => tracing::debug!("a connection was cut in favor of others"),
    }
}

/// The signals that end the process: SIGINT and SIGTERM.
#[derive(Debug)]
pub struct Ending {
    #[cfg(unix)]
    signals: [signal::unix::Signal; 2],
}

impl Ending {
    /// Starts to watch for the signals, which then no longer end the process by themselves.
    pub fn watch() -> io::Result<Self> {
        #[cfg(unix)]
        {
            use signal::unix::{SignalKind, signal};
            Ok(Self { signals: [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?] })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Waits for the next signal.
    async fn told(&mut self) {
        #[cfg(unix)]
        {
            let [interrupt, terminate] = &mut self.signals;
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        #[cfg(not(unix))]
        drop(signal::ctrl_c().await);
    }
}
