//! Connections: taken, bounded in time and size, and ended in order when the process is told to end.

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

/// How long requests in flight may take when the server is told to end.
const GRACE: Duration = Duration::from_secs(30);

/// Bytes of the head of a request. A URL may have 64 KiB, in which a long filter has room.
const HEAD_BYTES: usize = 128 << 10;

/// Serves until the process is told to end; requests that are being answered then get their answers, and no others are
/// taken. `bounds` says how long a client may take to send the head of a request, to read an answer and to be idle, and
/// how many connections there are. With a certificate clients have to speak TLS.
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
                    // Too many open files, say: soon there may be fewer.
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
    // From now on clients have little time to read.
    told.send_replace(true);
    tracing::info!(connections = graceful.count(), "ending: requests in flight are completed");
    tokio::select! {
        ended = timeout(GRACE, graceful.shutdown()) => if ended.is_err() {
            tracing::warn!("a request was still in flight and is given up");
        },
        // Who says it twice does not want to wait.
        () = ending.told() => tracing::warn!("told again to end: requests in flight are given up"),
    }
}

async fn accept(listener: &TcpListener, peers: &Arc<Peers>) -> io::Result<(TcpStream, Connected)> {
    let (stream, address) = listener.accept().await?;
    // Answers are small: they are to go at once.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection sends with delay");
    }
    Ok((stream, peers.enter(address.ip()).await))
}

/// How a connection is served.
struct Serving {
    http: http1::Builder,
    certificate: Option<Certificate>,
    /// How long a client may take for a handshake.
    request: Duration,
    /// How long a client may take to read an answer.
    answer: Duration,
    /// Becomes true when the server is told to end.
    ending: watch::Receiver<bool>,
}

impl Serving {
    /// Serves a connection until it ends or is cut.
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
        // Ended by the client, or because it took too long: either is its own affair.
        ended = watcher.watch(http.serve_connection(socket, service)) => if let Err(error) = ended {
            tracing::debug!(error = with_causes(&error), "a connection has ended");
        },
        () = cut.notified() => tracing::debug!("a connection was cut in favor of others"),
    }
}

/// The signals that tell the process to end: SIGINT and SIGTERM.
#[derive(Debug)]
pub struct Ending {
    #[cfg(unix)]
    signals: [signal::unix::Signal; 2],
}

impl Ending {
    /// Looks out for the signals from now on: they do not end the process any more by themselves.
    pub fn watch() -> io::Result<Self> {
        #[cfg(unix)]
        {
            use signal::unix::{SignalKind, signal};
            Ok(Self { signals: [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?] })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Ends when the next signal has come.
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
