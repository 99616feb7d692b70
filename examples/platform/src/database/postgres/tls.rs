//! TLS to PostgreSQL, as requested by the parameters `sslmode` and `sslrootcert` of the URL. They have the same
//! meaning as in libpq, except that without `sslmode` there is no TLS.

use std::{fmt, path::PathBuf, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::database::OpenError;

/// The encryption of connections.
#[derive(Clone)]
pub(super) struct Tls {
    pub(super) mode: SslMode,
    pub(super) connector: MakeRustlsConnect,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.mode.fmt(f)
    }
}

/// The verification of the server's certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Check {
    Nothing,
    /// A known authority issued the certificate.
    Authority,
    /// A known authority issued the certificate for the host of the URL.
    Full,
}

impl Tls {
    /// Takes the parameters out of a URL. Returns the settings, and the URL without these parameters.
    pub(super) fn of_url(url: &str) -> Result<(Self, String), OpenError> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut roots, mut rest) = (None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "sslmode" => mode = Some(decoded(value)),
                "sslrootcert" => roots = Some(decoded(value)),
                _ => rest.push(pair),
            }
        }
        let (mode, check) = match (mode.as_deref(), &roots) {
            (None, None) | (Some("disable"), _) => (SslMode::Disable, Check::Nothing),
            (None, Some(_)) => return Err(wrong("sslrootcert: expected sslmode=verify-full beside it")),
            (Some("prefer"), _) => (SslMode::Prefer, Check::Nothing),
            (Some("require"), None) => (SslMode::Require, Check::Nothing),
            (Some("require" | "verify-ca"), _) => (SslMode::Require, Check::Authority),
            (Some("verify-full"), _) => (SslMode::Require, Check::Full),
            (Some(_), _) => {
                return Err(wrong("sslmode: expected disable, prefer, require, verify-ca or verify-full"));
            }
        };
        let connector = MakeRustlsConnect::new(configuration(check, roots.as_deref())?);
        let rest = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
        Ok((Self { mode, connector }, rest))
    }
}

/// The decoded text of a value in a URL, where `+` is a literal plus sign.
fn decoded(value: &str) -> String {
    let form = value.replace('+', "%2B");
    let first = form_urlencoded::parse(form.as_bytes()).next();
    first.map(|(text, _)| text.into_owned()).unwrap_or_default()
}

fn configuration(check: Check, roots: Option<&str>) -> Result<ClientConfig, OpenError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().map_err(fault)?;
    if check == Check::Full {
        return Ok(builder.with_root_certificates(authorities(roots)?).with_no_client_auth());
    }
    let authority = match check {
        Check::Authority => {
            let verifier =
                WebPkiServerVerifier::builder_with_provider(Arc::new(authorities(roots)?), Arc::clone(&provider));
            Some(verifier.build().map_err(fault)?)
        }
        _ => None,
    };
    let verifier = Arc::new(AnyName { provider, authority });
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

/// The authorities in a file, or those that the system knows.
fn authorities(file: Option<&str>) -> Result<RootCertStore, OpenError> {
    let mut store = RootCertStore::empty();
    if let Some(file) = file.filter(|file| *file != "system") {
        let path = PathBuf::from(file);
        let unreadable = |error: &dyn fmt::Display| wrong(&format!("sslrootcert {}: {error}", path.display()));
        let certificates = CertificateDer::pem_file_iter(&path).map_err(|error| unreadable(&error))?;
        for certificate in certificates {
            store.add(certificate.map_err(|error| unreadable(&error))?).map_err(fault)?;
        }
        if store.is_empty() {
            return Err(unreadable(&"expected certificates in PEM"));
        }
    } else {
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if store.is_empty() {
            return Err(wrong("expected sslrootcert: the system has no certificates of authorities"));
        }
    }
    Ok(store)
}

fn wrong(detail: &str) -> OpenError {
    OpenError::Database(detail.into())
}

fn fault(error: impl std::error::Error + Send + Sync + 'static) -> OpenError {
    OpenError::Database(Box::new(error))
}

/// Accepts a certificate for any name, from a known authority or from any issuer. Signatures are still verified.
#[derive(Debug)]
struct AnyName {
    provider: Arc<CryptoProvider>,
    authority: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(authority) = &self.authority else { return Ok(ServerCertVerified::assertion()) };
        // The name is compared last: if this is the error, all other checks have succeeded.
        match authority.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
