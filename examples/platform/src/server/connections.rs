//! Connections: taken, bounded in time and size, and ended in order when the process is told to end.

use std::{io, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    signal,
    time::{sleep, timeout},
};

/// How long requests in flight may take when the server is told to end.
const GRACE: Duration = Duration::from_secs(30);

/// Bytes of the head of a request. A URL may have 64 KiB, in which a long filter has room.
const HEAD_BYTES: usize = 128 << 10;

/// Serves until the process is told to end; requests that are being answered then get their answers, and no others are
/// taken. `patience` is how long a client may take to send the head of a request, and how long a connection may be idle.
pub async fn serve(listener: TcpListener, router: Router, patience: Duration, mut ending: Ending) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(patience).max_buf_size(HEAD_BYTES);
    let graceful = GracefulShutdown::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Too many open files, say: soon there may be fewer.
                    tracing::warn!(%error, "a connection could not be taken");
                    sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            () = ending.told() => break,
        };
        let connection = graceful.watch(connection(&http, stream, router.clone()));
        tokio::spawn(async move {
            // Ended by the client, or because it took too long: either is its own affair.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection has ended");
            }
        });
    }
    drop(listener);
    tracing::info!(connections = graceful.count(), "ending: requests in flight are completed");
    tokio::select! {
        ended = timeout(GRACE, graceful.shutdown()) => if ended.is_err() {
            tracing::warn!("a request was still in flight and is given up");
        },
        // Who says it twice does not want to wait.
        () = ending.told() => tracing::warn!("told again to end: requests in flight are given up"),
    }
}

type Connection = http1::Connection<TokioIo<TcpStream>, TowerToHyperService<Router>>;

fn connection(http: &http1::Builder, stream: TcpStream, router: Router) -> Connection {
    // Answers are small: they are to go at once.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection sends with delay");
    }
    http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
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
