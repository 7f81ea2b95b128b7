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
    stage::{Fetch, ResolveMode},
};
use sealift_testkit::registry::Registry as Real;

use super::{double::*, setting::*};
use crate::{RegistryConfig, timing::Timing};

/// A private CA, and what it signs.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for `name`, and its key.
    pub(super) fn sign(&self, name: &str) -> (String, String) {
        self.sign_as(CertificateParams::new(vec![name.to_owned()]).unwrap())
    }

    fn sign_as(&self, params: CertificateParams) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn registry(&self) -> Option<Real> {
        let (certificate, key) = self.sign("127.0.0.1");
        Real::with().tls(certificate, key).start()
    }
}

pub(super) fn file(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

async fn resolve(client: &Arc<crate::Client>, host: &str) -> sealift_core::error::Error {
    fetch_of(client).resolve(&image_at(host, "a/b:v1"), ResolveMode::Descriptor).await.unwrap_err()
}

#[tokio::test]
async fn a_registry_of_a_private_ca_is_trusted_by_its_ca_file() {
    let (ca, dir) = (Authority::new(), tempfile::tempdir().unwrap());
    let Some(registry) = ca.registry() else { return };
    let entry = RegistryConfig { ca_file: Some(file(dir.path(), "ca.pem", &ca.pem())), ..RegistryConfig::default() };
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
    let hint = error.hint().unwrap();
    assert!(hint.contains(&format!("ca_file` in [registries.\"{}\"]", registry.host())), "{hint}");
    assert!(hint.contains(&format!("/etc/containers/certs.d/{}/ca.crt", registry.host())), "{hint}");
    assert!(!error.is_retryable());
    assert_eq!(client.request_counts().total(), 1);
    assert_eq!(registry.requests().total(), 0);
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_trusted() {
    let (ca, dir) = (Authority::new(), tempfile::tempdir().unwrap());
    let (certificate, key) = ca.sign("other.example.com");
    let Some(registry) = Real::with().tls(certificate, key).start() else { return };
    let entry = RegistryConfig { ca_file: Some(file(dir.path(), "ca.pem", &ca.pem())), ..RegistryConfig::default() };
    let error = resolve(&client_with(&[(&registry.host(), entry)], hasty()), &registry.host()).await;
    assert!(error.message().contains("is not trusted"), "{error}");
    // The CA is known already, so this is no matter of `ca_file`.
    assert_eq!(error.hint(), Some("use a name of the registry that is in its certificate"));
}

#[tokio::test]
async fn insecure_is_for_one_registry_and_no_other() {
    let ca = Authority::new();
    let (Some(lax), Some(strict)) = (ca.registry(), ca.registry()) else { return };
    let entry = RegistryConfig { insecure: true, ..RegistryConfig::default() };
    let client = client_with(&[(&lax.host(), entry)], hasty());
    assert_eq!(resolve(&client, &lax.host()).await.kind(), ErrorKind::NotFound);
    assert!(resolve(&client, &strict.host()).await.message().contains("is not trusted"));
}

#[tokio::test]
async fn insecure_speaks_plain_http_where_there_is_no_tls() {
    let Some(registry) = Real::start() else { return };
    let entry = RegistryConfig { insecure: true, ..RegistryConfig::default() };
    let client = client_with(&[(&registry.host(), entry)], hasty());
    assert_eq!(resolve(&client, &registry.host()).await.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_registry_with_tls_does_not_lead_down_to_plain_http() {
    let (ca, dir) = (Authority::new(), tempfile::tempdir().unwrap());
    let plain = Double::start(|_| reply(200)).await;
    let location = plain.url("/x");
    let (port, _server) =
        tls_server(&ca, None, move |_| format!("HTTP/1.1 307 x\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"));
    let host = format!("127.0.0.1:{port}");
    let entry = RegistryConfig { ca_file: Some(file(dir.path(), "ca.pem", &ca.pem())), ..RegistryConfig::default() };
    let error = resolve(&client_with(&[(&host, entry)], hasty()), &host).await;
    assert!(error.message().contains("it would leave https for plain http"), "{error}");
    assert!(plain.asked().is_empty());
}

#[tokio::test]
async fn our_own_certificate_is_shown_to_who_asks_for_it() {
    let (ca, dir) = (Authority::new(), tempfile::tempdir().unwrap());
    let (certificate, key) = ca.sign("client.example.com");
    let (port, _server) = tls_server(&ca, Some(&ca), |_| "HTTP/1.1 404 x\r\ncontent-length: 0\r\n\r\n".to_owned());
    let host = format!("127.0.0.1:{port}");
    let without = RegistryConfig { ca_file: Some(file(dir.path(), "ca.pem", &ca.pem())), ..RegistryConfig::default() };
    let with = RegistryConfig {
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
    answer: impl Fn(&str) -> String + Send + 'static,
) -> (u16, std::thread::JoinHandle<()>) {
    let certificate = ca.sign("127.0.0.1");
    tls_server_as(certificate, clients, answer)
}

/// The same with this certificate and key.
fn tls_server_as(
    (certificate, key): (String, String),
    clients: Option<&Authority>,
    answer: impl Fn(&str) -> String + Send + 'static,
) -> (u16, std::thread::JoinHandle<()>) {
    crate::transport::install_crypto();
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
            if let Ok(read @ 1..) = std::io::Read::read(&mut stream, &mut request) {
                let asked = String::from_utf8_lossy(&request[..read]).into_owned();
                let _ = stream.write_all(answer(&asked).as_bytes());
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
        client_in(&[], patient(std::time::Duration::ZERO, std::time::Duration::ZERO), Path::new("/nonexistent"), &env);
    let error = resolve(&client, "registry.example.com").await;
    assert!(error.message().contains("the proxy on the way to `registry.example.com` wants a login"), "{error}");
    assert!(!error.message().contains("CANARY"));
    let asked = proxy.asked();
    assert_eq!((asked[0].method.as_str(), asked[0].path.as_str()), ("CONNECT", "registry.example.com:443"));
    assert!(asked[0].header("proxy-authorization").is_some());
    assert_eq!(asked.len(), 1, "{error:?}");
}

#[tokio::test]
async fn the_login_of_a_proxy_stays_with_the_proxy() {
    let (ca, dir) = (Authority::new(), tempfile::tempdir().unwrap());
    let asked = Arc::new(std::sync::Mutex::new(String::new()));
    let heard = Arc::clone(&asked);
    let (port, _server) = tls_server_as(ca.sign("registry.example.com"), None, move |request| {
        request.clone_into(&mut heard.lock().unwrap());
        "HTTP/1.1 404 x\r\ncontent-length: 0\r\n\r\n".to_owned()
    });
    let (proxy, connects) = tunnel(port).await;
    let entry = RegistryConfig { ca_file: Some(file(dir.path(), "ca.pem", &ca.pem())), ..RegistryConfig::default() };
    let env = [("HTTPS_PROXY", &*format!("http://user:CANARY@127.0.0.1:{proxy}")), ("NO_PROXY", "other.example.com")];
    let client = client_in(&[("registry.example.com", entry)], hasty(), Path::new("/nonexistent"), &env);
    assert_eq!(resolve(&client, "registry.example.com").await.kind(), ErrorKind::NotFound);
    let connects = connects.lock().unwrap().clone();
    assert!(connects[0].starts_with("CONNECT registry.example.com:443 "), "{connects:?}");
    assert!(connects[0].to_ascii_lowercase().contains("proxy-authorization: basic"), "{connects:?}");
    let asked = asked.lock().unwrap().to_ascii_lowercase();
    assert!(asked.starts_with("head ") || asked.starts_with("get "), "{asked}");
    assert!(!asked.contains("proxy-authorization") && !asked.contains("canary"), "{asked}");
}

/// A proxy that leads every CONNECT to this port, and the heads that it was asked with.
async fn tunnel(to: u16) -> (u16, Arc<std::sync::Mutex<Vec<String>>>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, heads) = (listener.local_addr().unwrap().port(), Arc::new(std::sync::Mutex::new(Vec::new())));
    let kept = Arc::clone(&heads);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(client.read_u8().await.unwrap());
            }
            kept.lock().unwrap().push(String::from_utf8(head).unwrap());
            client.write_all(b"HTTP/1.1 200 tunnel\r\n\r\n").await.unwrap();
            let mut server = tokio::net::TcpStream::connect(("127.0.0.1", to)).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut server).await });
        }
    });
    (port, heads)
}

#[tokio::test]
async fn a_certificate_that_ran_out_is_not_trusted() {
    let (ca, dir) = (Authority::new(), tempfile::tempdir().unwrap());
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2001, 1, 1);
    let (port, _server) = tls_server_as(ca.sign_as(params), None, |_| "HTTP/1.1 404 x\r\n\r\n".to_owned());
    let host = format!("127.0.0.1:{port}");
    let entry = RegistryConfig { ca_file: Some(file(dir.path(), "ca.pem", &ca.pem())), ..RegistryConfig::default() };
    let error = resolve(&client_with(&[(&host, entry)], hasty()), &host).await;
    assert!(error.message().contains("is not trusted: it has expired"), "{error}");
    assert_eq!(error.hint(), Some("its operator must renew it, unless the clock here is wrong"));
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn a_handshake_that_stands_still_is_left() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let location = format!("https://{}/blob", silent.local_addr().unwrap());
    let registry = Double::start(move |_| reply(307).header("location", &location)).await;
    let timing = Timing { connect: std::time::Duration::from_millis(500), ..hasty() };
    let content = noise(10);
    let fetch = fetch_of(&client_with(&[], timing));
    let error = read(&fetch, &repository(&registry.host(), "a/b"), &layer(&content)).await.unwrap_err();
    assert!(error.message().contains("no connection in time"), "{error}");
    assert!(registry.asked().len() > 1, "it was tried again");
}

/// A self-signed certificate for 127.0.0.1 as `openssl req -x509` makes it: it says of itself that it is a CA.
fn self_signed(change: impl FnOnce(&mut CertificateParams)) -> (String, String) {
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn not_found(_: &str) -> String {
    "HTTP/1.1 404 x\r\ncontent-length: 0\r\n\r\n".to_owned()
}

#[tokio::test]
async fn a_self_signed_certificate_is_trusted_where_it_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (certificate, key) = self_signed(|_| {});
    let (port, _server) = tls_server_as((certificate.clone(), key), None, not_found);
    let host = format!("127.0.0.1:{port}");
    let entry =
        RegistryConfig { ca_file: Some(file(dir.path(), "server.pem", &certificate)), ..RegistryConfig::default() };
    assert_eq!(resolve(&client_with(&[(&host, entry)], hasty()), &host).await.kind(), ErrorKind::NotFound);
    file(dir.path(), &format!("{host}/ca.crt"), &certificate);
    assert_eq!(resolve(&client_in(&[], hasty(), dir.path(), &[]), &host).await.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_self_signed_certificate_that_is_not_named_is_not_trusted_and_that_is_told_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let (port, _server) = tls_server_as(self_signed(|_| {}), None, not_found);
    let host = format!("127.0.0.1:{port}");
    // Another one for the same name is trusted instead.
    let entry = RegistryConfig {
        ca_file: Some(file(dir.path(), "x.pem", &self_signed(|_| {}).0)),
        ..RegistryConfig::default()
    };
    for entries in [vec![], vec![(&*host, entry)]] {
        let error = resolve(&client_with(&entries, hasty()), &host).await;
        assert!(error.message().contains("is not trusted: it is self-signed"), "{error}");
        assert!(!error.to_string().contains("Other") && !error.is_retryable(), "{error}");
    }
}

#[tokio::test]
async fn a_self_signed_certificate_that_is_named_must_be_for_this_host_and_this_day() {
    let long_ago = |params: &mut CertificateParams| params.not_after = rcgen::date_time_ymd(2001, 1, 1);
    let not_yet = |params: &mut CertificateParams| params.not_before = rcgen::date_time_ymd(2900, 1, 1);
    let other = |params: &mut CertificateParams| {
        params.subject_alt_names = vec![rcgen::SanType::DnsName("other.example.com".try_into().unwrap())];
    };
    for (made, why) in [
        (self_signed(long_ago), "it has expired"),
        (self_signed(not_yet), "it is not valid yet"),
        (self_signed(other), "it is for another name"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let pem = made.0.clone();
        let (port, _server) = tls_server_as(made, None, not_found);
        let host = format!("127.0.0.1:{port}");
        let entry = RegistryConfig { ca_file: Some(file(dir.path(), "server.pem", &pem)), ..RegistryConfig::default() };
        let error = resolve(&client_with(&[(&host, entry)], hasty()), &host).await;
        assert!(error.message().contains(&format!("is not trusted: {why}")), "{error}");
    }
}

/// A certificate that is known to everybody is worth nothing without its key.
#[tokio::test]
async fn a_server_that_shows_a_named_certificate_must_have_its_key() {
    let dir = tempfile::tempdir().unwrap();
    let ((named, _), (_, other_key)) = (self_signed(|_| {}), self_signed(|_| {}));
    let chain = vec![CertificateDer::from_pem_slice(named.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(other_key.as_bytes()).unwrap();
    crate::transport::install_crypto();
    let provider = rustls::crypto::CryptoProvider::get_default().unwrap();
    let key = provider.key_provider.load_private_key(key).unwrap();
    #[derive(Debug)]
    struct Thief(Arc<rustls::sign::CertifiedKey>);
    impl rustls::server::ResolvesServerCert for Thief {
        fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<rustls::sign::CertifiedKey>> {
            Some(Arc::clone(&self.0))
        }
    }
    let thief = Arc::new(Thief(Arc::new(rustls::sign::CertifiedKey::new(chain, key))));
    let config = Arc::new(ServerConfig::builder().with_no_client_auth().with_cert_resolver(thief));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
            let _ = stream.write_all(not_found("").as_bytes());
        }
    });
    let entry = RegistryConfig { ca_file: Some(file(dir.path(), "server.pem", &named)), ..RegistryConfig::default() };
    let error = resolve(&client_with(&[(&host, entry)], hasty()), &host).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(!error.message().contains("BadSignature"), "{error}");
}

#[tokio::test]
async fn all_directories_of_certificates_are_looked_into() {
    let (ca, dirs) = (Authority::new(), [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()]);
    let Some(registry) = ca.registry() else { return };
    file(dirs[0].path(), &format!("{}/other.crt", registry.host()), &Authority::new().pem());
    file(dirs[1].path(), &format!("{}/ca.crt", registry.host()), &ca.pem());
    let client = client_of_dirs(&[dirs[0].path(), dirs[1].path()]);
    assert_eq!(resolve(&client, &registry.host()).await.kind(), ErrorKind::NotFound);
}
