//! A connection whose client must read each response in bounded time.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::{sync::watch, time::sleep};

use super::tls::Stream;

/// The time that a client may take to read a response once the server must end.
const ENDING: Duration = Duration::from_secs(3);

/// A stream that fails when a response is not read in time.
pub(super) struct Socket {
    stream: TokioIo<Stream>,
    /// The time that a client may take to read a response.
    patience: Duration,
    /// Becomes true when the server must end.
    ending: watch::Receiver<bool>,
    /// Runs from the first write that had to wait until everything is written.
    deadline: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Socket {
    pub(super) fn new(stream: Stream, patience: Duration, ending: watch::Receiver<bool>) -> Self {
        Self { stream: TokioIo::new(stream), patience, ending, deadline: None }
    }

    /// Waits for the client until the deadline.
    fn unless_late<T>(&mut self, written: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            return written;
        }
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(late(self.patience, self.ending.clone())));
        deadline.as_mut().poll(cx).map(|()| Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")))
    }
}

async fn late(patience: Duration, mut ending: watch::Receiver<bool>) {
    let told = async {
        // The sender ends only with the server.
        let _ = ending.wait_for(|told| *told).await;
        sleep(ENDING).await;
    };
    tokio::select! {
        () = sleep(patience) => {}
        () = told => {}
    }
}

impl Read for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl Write for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.unless_late(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.unless_late(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper flushes when it has written a complete response.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        if flushed.is_ready() {
            self.deadline = None;
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // The kernel would keep the rest of an unread response for minutes.
        if self.deadline.is_some()
            && let Err(error) = self.stream.inner().tcp().set_zero_linger()
        {
            tracing::debug!(%error, "the rest of an answer is kept by the system");
        }
    }
}
