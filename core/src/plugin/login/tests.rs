use super::*;

fn matches(pattern: &str, host: &str) -> bool {
    HostPattern::parse(pattern).unwrap().matches(host)
}

#[test]
fn a_host_is_the_whole_name_with_its_port() {
    assert!(matches("quay.io", "quay.io") && matches("Quay.IO", "quay.io") && matches("[::1]:5000", "[::1]:5000"));
    assert!(matches("index.docker.io", "docker.io"), "Docker Hub is one registry");
    for other in ["quay.io:5000", "a.quay.io", "quay.io.evil.example", "xquay.io"] {
        assert!(!matches("quay.io", other), "{other}");
    }
}

#[test]
fn a_star_stands_for_any_text() {
    for (pattern, host) in [
        ("*", "quay.io"),
        ("*.acme.example", "eu.registry.acme.example"),
        ("*.acme.example:*", "eu.acme.example:5000"),
        ("*.dkr.ecr.*.amazonaws.com", "1234.dkr.ecr.eu-west-1.amazonaws.com"),
        ("a*a", "aa"),
    ] {
        assert!(matches(pattern, host), "{pattern} {host}");
    }
    for (pattern, host) in [
        ("*.acme.example", "acme.example"),
        ("*.acme.example", "eu.acme.example:5000"),
        ("*.acme.example", "eu.acme.example.evil.example"),
        ("*.dkr.ecr.*.amazonaws.com", "dkr.ecr.eu-west-1.amazonaws.com"),
        ("a*a", "a"),
    ] {
        assert!(!matches(pattern, host), "{pattern} {host}");
    }
}

#[test]
fn what_is_no_host_is_refused() {
    for text in ["", "https://quay.io", "quay.io/acme", "*/acme", "quay io", "*."] {
        assert!(HostPattern::parse(text).is_err(), "{text}");
    }
}
