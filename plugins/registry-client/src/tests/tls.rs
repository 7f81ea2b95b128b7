//! TLS: who is trusted, by whom, and for which host only.

use std::{io::Write as _, net::TcpListener, path::Path, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use sealift_core::{
    error::ErrorKind,
    stage::{Fetch, Want},
};
use sealift_testkit::registry::Registry as Real;

use super::{double::*, setting::*};
use crate::{Registry, timing::Timing};

/// A private CA, and what it signs.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for `name`, and its key.
    fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn registry(&self) -> Option<Real> {
        let (certificate, key) = self.sign("127.0.0.1");
        Real::with().tls(certificate, key).start()
    }
}

fn file(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

async fn resolve(client: &Arc<crate::Registries>, host: &str) -> sealift_core::error::Error {
    fetch_of(client).resolve(&image_at(host, "a/b:v1"), Want::Digest).await.unwrap_err()
}

#[tokio::test]
async fn a_registry_of_a_private_ca_is_trusted_by_its_ca_file() {
    let (ca, dir) = (Authority::new(), tempfile::tempdir().unwrap());
    let Some(registry) = ca.registry() else { return };
    let entry = Registry { ca_file: Some(file(dir.path(), "ca.pem", &ca.pem())), ..Registry::default() };
    let client = client_with(&[(&registry.host(), entry)], hasty());
    assert_eq!(resolve(&client, &registry.host()).await.kind(), ErrorKind::NotFound);
    let at = repository(&registry.host(), "a/b");
    let content = noise(300_000);
    assert_eq!(send(&push_of(&client), &at, &content).await.unwrap(), "sent");
    assert_eq!(read(&fetch_of(&client), &at, &layer(&content)).await.unwrap(), content);
}

#[tokio::test]
async fn dockers_directory_of_certificates_is_looked_into() {
    let (ca, dir) = (Authority::new(), tempfile::tempdir().unwrap());
    let Some(registry) = ca.registry() else { return };
    file(dir.path(), &format!("{}/ca.crt", registry.host()), &ca.pem());
    let client = client_in(&[], hasty(), dir.path(), &[]);
    assert_eq!(resolve(&client, &registry.host()).await.kind(), ErrorKind::NotFound);
    file(dir.path(), &format!("{}/bad.crt", registry.host()), "no certificate");
    let error = resolve(&client_in(&[], hasty(), dir.path(), &[]), &registry.host()).await;
    assert!(error.message().contains("bad.crt") && error.message().contains("has no certificate"), "{error}");
}

#[tokio::test]
async fn who_is_not_trusted_gets_nothing_and_is_not_asked_again() {
    let Some(registry) = Authority::new().registry() else { return };
    let client = client_with(&[(&registry.host(), login("bot", "CANARY"))], hasty());
    let error = resolve(&client, &registry.host()).await;
    assert!(error.message().contains(&format!("the certificate of `{}` is not trusted", registry.host())), "{error}");
    assert!(error.hint_text().unwrap().contains(&format!("ca_file` in [registries.\"{}\"]", registry.host())));
    assert!(!error.is_retryable());
    assert_eq!(client.stats().total(), 1);
    assert_eq!(registry.requests().total(), 0);
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_trusted() {
    let (ca, dir) = (Authority::new(), tempfile::tempdir().unwrap());
    let (certificate, key) = ca.sign("other.example.com");
    let Some(registry) = Real::with().tls(certificate, key).start() else { return };
    let entry = Registry { ca_file: Some(file(dir.path(), "ca.pem", &ca.pem())), ..Registry::default() };
    let error = resolve(&client_with(&[(&registry.host(), entry)], hasty()), &registry.host()).await;
    assert!(error.message().contains("is not trusted"), "{error}");
}

#[tokio::test]
async fn insecure_is_for_one_registry_and_no_other() {
    let ca = Authority::new();
    let (Some(lax), Some(strict)) = (ca.registry(), ca.registry()) else { return };
    let entry = Registry { insecure: true, ..Registry::default() };
    let client = client_with(&[(&lax.host(), entry)], hasty());
    assert_eq!(resolve(&client, &lax.host()).await.kind(), ErrorKind::NotFound);
    assert!(resolve(&client, &strict.host()).await.message().contains("is not trusted"));
}

#[tokio::test]
async fn insecure_speaks_plain_http_where_there_is_no_tls() {
    let Some(registry) = Real::start() else { return };
    let entry = Registry { insecure: true, ..Registry::default() };
    let client = client_with(&[(&registry.host(), entry)], hasty());
    assert_eq!(resolve(&client, &registry.host()).await.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_registry_with_tls_does_not_lead_down_to_plain_http() {
    let (ca, dir) = (Authority::new(), tempfile::tempdir().unwrap());
    let plain = Double::start(|_| reply(200)).await;
    let location = plain.url("/x");
    let (port, _server) =
        tls_server(&ca, None, move || format!("HTTP/1.1 307 x\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"));
    let host = format!("127.0.0.1:{port}");
    let entry = Registry { ca_file: Some(file(dir.path(), "ca.pem", &ca.pem())), ..Registry::default() };
    let error = resolve(&client_with(&[(&host, entry)], hasty()), &host).await;
    assert!(error.message().contains("it would leave https for plain http"), "{error}");
    assert!(plain.asked().is_empty());
}

#[tokio::test]
async fn our_own_certificate_is_shown_to_who_asks_for_it() {
    let (ca, dir) = (Authority::new(), tempfile::tempdir().unwrap());
    let (certificate, key) = ca.sign("client.example.com");
    let (port, _server) = tls_server(&ca, Some(&ca), || "HTTP/1.1 404 x\r\ncontent-length: 0\r\n\r\n".to_owned());
    let host = format!("127.0.0.1:{port}");
    let without = Registry { ca_file: Some(file(dir.path(), "ca.pem", &ca.pem())), ..Registry::default() };
    let with = Registry {
        client_cert: Some(file(dir.path(), "client.pem", &certificate)),
        client_key: Some(file(dir.path(), "client.key", &key)),
        ..without.clone()
    };
    assert_eq!(resolve(&client_with(&[(&host, with)], hasty()), &host).await.kind(), ErrorKind::NotFound);
    let error = resolve(&client_with(&[(&host, without.clone())], hasty()), &host).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    // The same by Docker's directory.
    file(dir.path(), &format!("{host}/client.cert"), &certificate);
    file(dir.path(), &format!("{host}/client.key"), &key);
    let client = client_in(&[(&host, without)], hasty(), dir.path(), &[]);
    assert_eq!(resolve(&client, &host).await.kind(), ErrorKind::NotFound);
}

/// A TLS server that gives every connection one answer, and may want to see a certificate of `clients`.
fn tls_server(
    ca: &Authority,
    clients: Option<&Authority>,
    answer: impl Fn() -> String + Send + 'static,
) -> (u16, std::thread::JoinHandle<()>) {
    crate::net::install_crypto();
    let (certificate, key) = ca.sign("127.0.0.1");
    let builder = match clients {
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(clients.pem().as_bytes()).unwrap()).unwrap();
            ServerConfig::builder()
                .with_client_cert_verifier(WebPkiClientVerifier::builder(roots.into()).build().unwrap())
        }
        None => ServerConfig::builder().with_no_client_auth(),
    };
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let config = Arc::new(builder.with_single_cert(vec![certificate], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
            let mut request = [0; 4096];
            if std::io::Read::read(&mut stream, &mut request).is_ok_and(|read| read > 0) {
                let _ = stream.write_all(answer().as_bytes());
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    (port, server)
}

#[tokio::test]
async fn a_registry_is_reached_through_the_proxy_of_the_given_environment() {
    // Answers whatever is asked of it as a forward proxy: the request line has the whole URL.
    let proxy = Double::start(|asked| {
        if asked.method == "CONNECT" { reply(407).header("proxy-authenticate", "Basic realm=x") } else { reply(404) }
    })
    .await;
    let env = [("HTTPS_PROXY", &*format!("http://user:CANARY@{}", proxy.host()))];
    let client =
        client_in(&[], Timing { backoff: std::time::Duration::ZERO, ..hasty() }, Path::new("/nonexistent"), &env);
    let error = resolve(&client, "registry.example.com").await;
    assert!(error.message().contains("the proxy on the way to `registry.example.com` wants a login"), "{error}");
    assert!(!error.message().contains("CANARY"));
    let asked = proxy.asked();
    assert_eq!((asked[0].method.as_str(), asked[0].path.as_str()), ("CONNECT", "registry.example.com:443"));
    assert!(asked[0].header("proxy-authorization").is_some());
    assert_eq!(asked.len(), 1, "{error:?}");
}
