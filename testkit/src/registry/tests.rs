use std::{
    io::{Read, Write},
    net::TcpStream,
};

use sealift_serve::access::RequestKind;

use super::*;

/// Asks in one piece, and takes what is said however the connection ends: a server that hangs up before it has read all
/// resets it, which a busy machine shows.
fn ask(registry: &Registry, method: &str, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(registry.addr()).unwrap();
    let host = registry.host();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n");
    let sent = stream.write_all(request.as_bytes());
    let mut answer = Vec::new();
    let end = stream.read_to_end(&mut answer);
    assert!(!answer.is_empty(), "no answer: sending {sent:?}, reading {end:?}");
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn it_answers_and_its_requests_are_counted() {
    let Some(registry) = Registry::start() else { return };
    assert!(ask(&registry, "GET", "/v2/", "").starts_with("HTTP/1.1 200"));
    assert!(ask(&registry, "HEAD", "/v2/a/b/manifests/v1", "").starts_with("HTTP/1.1 404"));
    let requests = registry.requests();
    assert_eq!(requests.total(), 2, "{requests}");
    assert_eq!(requests.count("HEAD", RequestKind::Manifest), 1);
    registry.reset();
    assert_eq!(registry.requests().total(), 0);
}

#[test]
fn a_password_file_keeps_others_out() {
    let Some(line) = login("bob", "pa$$ word") else { return };
    let Some(registry) = Registry::with().htpasswd(line).start() else { return };
    assert!(ask(&registry, "GET", "/v2/", "").starts_with("HTTP/1.1 401"));
    let basic = "Authorization: Basic Ym9iOnBhJCQgd29yZA==\r\n";
    assert!(ask(&registry, "GET", "/v2/", basic).starts_with("HTTP/1.1 200"));
}

#[test]
fn a_restart_keeps_port_and_content() {
    let Some(registry) = Registry::start() else { return };
    assert!(ask(&registry, "POST", "/v2/a/blobs/uploads/", "Content-Length: 0\r\n").starts_with("HTTP/1.1 202"));
    registry.kill();
    assert!(TcpStream::connect(registry.addr()).is_err());
    registry.restart();
    assert!(ask(&registry, "GET", "/v2/", "").starts_with("HTTP/1.1 200"));
    assert!(registry.storage().join("docker/registry/v2/repositories/a").is_dir());
}

#[test]
fn it_ends_with_its_value_also_in_a_panic() {
    let Some(registry) = Registry::start() else { return };
    let addr = registry.addr();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let _registry = registry;
        panic!("as a failing test does");
    }));
    assert!(panicked.is_err());
    assert!(TcpStream::connect(addr).is_err());
}

#[test]
fn with_a_certificate_it_speaks_https_only() {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    let Some(registry) = Registry::with().tls(certificate.pem(), key.serialize_pem()).start() else { return };
    assert!(registry.url().starts_with("https://127.0.0.1:"));
    let answer = ask(&registry, "GET", "/v2/", "");
    assert!(answer.contains("HTTP request to an HTTPS server"), "{answer}");
}
