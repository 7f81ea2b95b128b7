//! A certificate for those who connect.

use std::{path::PathBuf, sync::Arc, time::Duration};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use sealift_core::error::{Error, ErrorKind, Result, io_message};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::connection::HttpVersion;

/// With what the registry proves who it is.
#[derive(Clone, Debug)]
pub struct Tls {
    /// A PEM file: the certificate, after it those that lead to its authority.
    pub certificate: PathBuf,
    /// A PEM file: the private key of the certificate.
    pub key: PathBuf,
}

/// Upper bound for a TLS handshake.
const PATIENCE: Duration = Duration::from_secs(10);

impl Tls {
    /// Reads both files, and sees whether they belong together.
    pub(crate) fn acceptor(&self) -> Result<TlsAcceptor> {
        let unreadable = |path: &PathBuf, what: &str, error: &dyn std::fmt::Display| {
            let message = format!("there is no {what} in `{}`: {error}", path.display());
            Error::new(ErrorKind::Unsupported, message).with_hint("PEM is expected: `-----BEGIN …-----`")
        };
        let read = |path: &PathBuf| {
            std::fs::read(path).map_err(|error| {
                let message = format!("cannot read `{}`: {}", path.display(), io_message(&error));
                Error::new(ErrorKind::Storage, message).with_source(error)
            })
        };
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&read(&self.certificate)?)
            .collect::<Result<_, _>>()
            .map_err(|error| unreadable(&self.certificate, "certificate", &error))?;
        if chain.is_empty() {
            return Err(unreadable(&self.certificate, "certificate", &"nothing in it says that it is one"));
        }
        let key = PrivateKeyDer::from_pem_slice(&read(&self.key)?)
            .map_err(|error| unreadable(&self.key, "private key", &error))?;
        let unfit = |error: rustls::Error| {
            let (certificate, key) = (self.certificate.display(), self.key.display());
            let message = format!("`{certificate}` and `{key}` cannot be used: {error}");
            Error::new(ErrorKind::Unsupported, message)
        };
        let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(unfit)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(unfit)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// Agrees on keys; none if that comes to nothing.
pub(crate) async fn agree(acceptor: &TlsAcceptor, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
    match tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a connection without TLS, or with one that is not understood");
            None
        }
        Err(_) => None,
    }
}

/// Returns the version that ALPN selected.
pub(crate) fn version_of(stream: &TlsStream<TcpStream>) -> HttpVersion {
    match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => HttpVersion::Http2,
        _ => HttpVersion::Http1,
    }
}

#[cfg(test)]
mod tests;
