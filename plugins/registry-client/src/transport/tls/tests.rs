use super::*;

/// A certificate of X.509 version 1, as `openssl x509 -req -signkey` without extensions makes it; valid until 2126.
const VERSION_1: &str = "\
-----BEGIN CERTIFICATE-----
MIIBHzCBxQIUZZh5hSHEmtuJbMTchhbwbnXUMK4wCgYIKoZIzj0EAwIwETEPMA0G
A1UEAwwGY2xpZW50MCAXDTI2MTEyODIzMDIxNFoYDzIxMjYxMTA0MjMwMjE0WjAR
MQ8wDQYDVQQDDAZjbGllbnQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASs3O66
krTjxPuO1/3wxVyKFxPeFK8uaEJL6BoBjow/gQB3pGE4VQCCvupBlIvrh5jc4UCo
P5iCj5KaZloOyPbdMAoGCCqGSM49BAMCA0kAMEYCIQDrzIeDCRyETderwGkRFB4v
u4poTIkOU+ukyHTFV5f9dgIhAI54HHeA1A1OPqhco7LxzHX5x3vyABEgsJXk6hvN
ipQ+
-----END CERTIFICATE-----
";

/// Its key.
const KEY: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgZUZrXEF8d8wZT2aA
17XOzO1O2Z/v4DoQ+u0K/ORlZAWhRANCAASs3O66krTjxPuO1/3wxVyKFxPeFK8u
aEJL6BoBjow/gQB3pGE4VQCCvupBlIvrh5jc4UCoP5iCj5KaZloOyPbd
-----END PRIVATE KEY-----
";

// It was told that certificate and key do not belong together.
#[test]
fn a_client_certificate_that_cannot_be_used_is_told_for_what_it_is() {
    let refused = |certificate: &str, key: &str| read_identity(certificate.as_bytes(), key.as_bytes()).err().unwrap();
    assert!(refused(VERSION_1, KEY).contains("such as X.509 version 1"));
    let made = rcgen::generate_simple_self_signed(["client".to_owned()]).unwrap();
    assert!(read_identity(made.cert.pem().as_bytes(), made.signing_key.serialize_pem().as_bytes()).is_ok());
    assert_eq!(refused(&made.cert.pem(), KEY), "does not fit together with its key");
}
