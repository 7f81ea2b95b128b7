//! HTTP/2: streams that are refused, connections that say goodbye, and servers that do not speak it.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use sealift_core::{
    error::ErrorKind,
    stage::{Fetch, ResolveMode},
};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{setting::*, tls::*};
use crate::RegistryConfig;

/// What becomes of a request.
enum Gives {
    /// The stream is refused, which says that nothing was done.
    Refused,
    /// The connection says GOAWAY and ends, with the request in it.
    GoAway,
    Answer(u16),
}

/// A registry that speaks HTTP/2 and answers the n-th request like this, counted from 1.
struct Server {
    port: u16,
    /// Methods, in order.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(ca: &Authority, gives: impl Fn(usize) -> Gives + Send + Sync + 'static) -> Self {
        crate::transport::install_crypto();
        let (certificate, key) = ca.sign("127.0.0.1");
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let mut config =
            ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, asked) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(Vec::new())));
        let (gives, kept) = (Arc::new(gives), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, gives, asked) = (acceptor.clone(), Arc::clone(&gives), Arc::clone(&kept));
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let mut connection = h2::server::handshake(stream).await.unwrap();
                    while let Some(Ok((request, mut respond))) = connection.accept().await {
                        let number = {
                            let mut asked = asked.lock().unwrap();
                            asked.push(request.method().to_string());
                            asked.len()
                        };
                        match gives(number) {
                            Gives::Refused => respond.send_reset(h2::Reason::REFUSED_STREAM),
                            Gives::GoAway => connection.abrupt_shutdown(h2::Reason::NO_ERROR),
                            Gives::Answer(status) => {
                                let manifest = empty_index();
                                let answer = http::Response::builder()
                                    .status(status)
                                    .header("content-type", manifest.media_type().as_str())
                                    .header("docker-content-digest", manifest.digest().to_string())
                                    .body(())
                                    .unwrap();
                                let mut body = respond.send_response(answer, false).unwrap();
                                let bytes = if status == 200 { manifest.bytes().clone() } else { Bytes::new() };
                                body.send_data(bytes, true).unwrap();
                            }
                        }
                    }
                });
            }
        });
        Self { port, asked }
    }

    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn entry(ca: &Authority, dir: &tempfile::TempDir) -> RegistryConfig {
    RegistryConfig { ca_file: Some(file(dir.path(), "ca.pem", &ca.pem())), ..RegistryConfig::default() }
}

#[tokio::test]
async fn a_stream_that_is_refused_or_lost_with_its_connection_is_asked_again() {
    for goes in [|| Gives::Refused, || Gives::GoAway] {
        let (ca, dir) = (Authority::new(), tempfile::tempdir().unwrap());
        let server = Server::start(&ca, move |n| if n == 1 { goes() } else { Gives::Answer(200) }).await;
        let client = client_with(&[(&server.host(), entry(&ca, &dir))], hasty());
        let found =
            fetch_of(&client).resolve(&image_at(&server.host(), "a/b:v1"), ResolveMode::Manifest).await.unwrap();
        assert_eq!(found.descriptor.digest, *empty_index().digest());
        assert_eq!(server.asked(), ["GET", "GET"]);
    }
}

#[tokio::test]
async fn a_manifest_is_written_once_more_and_no_oftener() {
    for goes in [|| Gives::Refused, || Gives::GoAway] {
        let (ca, dir) = (Authority::new(), tempfile::tempdir().unwrap());
        let server = Server::start(&ca, move |n| if n == 1 { goes() } else { Gives::Answer(201) }).await;
        let client = client_with(&[(&server.host(), entry(&ca, &dir))], hasty());
        push_of(&client).tag(&image_at(&server.host(), "a/b:v1"), &empty_index()).await.unwrap();
        assert_eq!(server.asked(), ["PUT", "PUT"]);
    }
}

#[tokio::test]
async fn a_server_that_refuses_every_stream_is_left() {
    let (ca, dir) = (Authority::new(), tempfile::tempdir().unwrap());
    let server = Server::start(&ca, |_| Gives::Refused).await;
    let client = client_with(&[(&server.host(), entry(&ca, &dir))], hasty());
    let error =
        fetch_of(&client).resolve(&image_at(&server.host(), "a/b:v1"), ResolveMode::Manifest).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert_eq!(server.asked().len(), 5);
}
