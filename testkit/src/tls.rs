//! A certificate authority for tests, and a listener that speaks TLS with its certificate.

use std::{io, net::SocketAddr, sync::Arc};

use axum::serve::Listener;
use rustls::{ServerConfig, crypto::ring::default_provider, pki_types::PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// A certificate for `127.0.0.1`, signed by an authority made for it.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate of the authority, PEM: the file that clients must trust.
    pub authority: String,
    /// The certificate of the server, PEM.
    pub certificate: String,
    /// The private key of the server, PEM.
    pub key: String,
}

impl Identity {
    /// Makes a new authority and a certificate for `127.0.0.1`.
    ///
    /// # Panics
    /// If no key can be generated.
    pub fn generate() -> Self {
        let new_key = || rcgen::KeyPair::generate().expect("a key can be made");
        let (authority_key, key) = (new_key(), new_key());
        let mut authority = rcgen::CertificateParams::default();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        authority.distinguished_name.push(rcgen::DnType::CommonName, "sealift test authority");
        let root = authority.self_signed(&authority_key).expect("a certificate can be made");
        let issuer = rcgen::Issuer::new(authority, authority_key);
        let server = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a valid name");
        let server = server.signed_by(&key, &issuer).expect("a certificate can be made");
        Self { authority: root.pem(), certificate: server.pem(), key: key.serialize_pem() }
    }

    /// Returns an acceptor that shows this certificate and offers HTTP/1.1.
    ///
    /// # Panics
    /// If certificate and key do not belong together.
    pub fn acceptor(&self) -> TlsAcceptor {
        use rustls::pki_types::{CertificateDer, pem::PemObject};
        let chain = CertificateDer::pem_slice_iter(self.certificate.as_bytes());
        let chain = chain.collect::<Result<Vec<_>, _>>().expect("a certificate in PEM");
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("a key in PEM");
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the versions of TLS that ring knows")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("certificate and key belong together");
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }
}

/// A TCP listener whose connections speak TLS.
pub(crate) struct TlsListener {
    pub(crate) listener: TcpListener,
    pub(crate) acceptor: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, addr) = Listener::accept(&mut self.listener).await;
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, addr);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
