use super::*;

fn pair() -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    (certificate.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

#[test]
fn what_cannot_be_used_is_said_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(dir.path().join(name), text).unwrap();
        dir.path().join(name)
    };
    let ((certificate, key), (_, other)) = (pair(), pair());
    let (certificate, key, other) = (file("a.pem", &certificate), file("a.key", &key), file("b.key", &other));
    let refused = |certificate: &PathBuf, key: &PathBuf| {
        let tls = Tls { certificate: certificate.clone(), key: key.clone() };
        tls.acceptor().err().map(|error| error.message().to_owned()).unwrap_or_default()
    };
    assert_eq!(refused(&certificate, &key), "");
    assert!(refused(&key, &key).contains("there is no certificate in"));
    assert!(refused(&certificate, &certificate).contains("there is no private key in"));
    assert!(refused(&certificate, &other).contains("cannot be used"), "the key of another certificate");
    assert!(refused(&dir.path().join("none"), &key).contains("cannot read"));
}
