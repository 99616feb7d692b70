//! TLS of the listener (RFC 7644 §7.2): the certificate, the handshake, and the response to a client that speaks plain
//! HTTP.

use std::{
    error::Error,
    io,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// The first byte of a handshake.
const HANDSHAKE: u8 = 0x16;

/// The time for which the server reads the rest of a plain HTTP request, so that the client gets the response.
const REST: Duration = Duration::from_secs(2);

const PLAIN: &str = "{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:Error\"],\"status\":\"400\",\
                     \"detail\":\"expected TLS: the URL of this server begins with https\"}";

/// The certificate of the server and its key, ready for handshakes.
#[derive(Clone)]
pub struct Certificate(TlsAcceptor);

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Certificate")
    }
}

impl Certificate {
    /// Reads the certificate with its chain, and its private key, from files in PEM.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or the key does not belong to the certificate.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, Box<dyn Error>> {
        let unreadable = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let chain = CertificateDer::pem_file_iter(certificate).map_err(|error| unreadable(certificate, &error))?;
        let chain = chain.collect::<Result<Vec<_>, _>>().map_err(|error| unreadable(certificate, &error))?;
        let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, &error))?;
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions()?.with_no_client_auth();
        let configured = builder.with_single_cert(chain, secret);
        let mut config = configured.map_err(|error| unreadable(certificate, &error))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// Performs the handshake within `patience`. Returns `None` for a client that does not speak TLS or does not
    /// complete the handshake. A client that speaks plain HTTP gets a response.
    pub(super) async fn accept(&self, mut stream: TcpStream, patience: Duration) -> Option<Stream> {
        let handshake = async {
            let mut first = [0];
            match stream.peek(&mut first).await {
                Ok(1) if first == [HANDSHAKE] => {
                    self.0.accept(stream).await.map(|stream| Some(Stream::Tls(Box::new(stream))))
                }
                Ok(1) if first[0].is_ascii_uppercase() => refuse(&mut stream).await.map(|()| None),
                Ok(_) => Ok(None),
                Err(error) => Err(error),
            }
        };
        match timeout(patience, handshake).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                tracing::debug!(%error, "a handshake has failed");
                None
            }
            Err(_) => {
                tracing::debug!("a handshake takes too long");
                None
            }
        }
    }
}

async fn refuse(stream: &mut TcpStream) -> io::Result<()> {
    let (length, body) = (PLAIN.len(), PLAIN);
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: application/scim+json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    // Closing a connection with unread bytes resets it, and the client may lose the response.
    let mut some = [0; 4 << 10];
    let rest = async { while matches!(stream.read(&mut some).await, Ok(1..)) {} };
    let _ = timeout(REST, rest).await;
    Ok(())
}

/// A connection with TLS or without.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// The TCP connection below.
    pub(super) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bytes),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
