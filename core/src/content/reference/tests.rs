use super::*;

#[test]
fn names_are_read_as_docker_reads_them() {
    for (text, expected) in [
        ("nginx:1.27", "docker.io/library/nginx:1.27"),
        ("docker.io/nginx:1", "docker.io/library/nginx:1"),
        ("index.docker.io/library/nginx:1", "docker.io/library/nginx:1"),
        ("registry-1.docker.io/bitnami/redis:7", "docker.io/bitnami/redis:7"),
        ("bitnami/redis:7", "docker.io/bitnami/redis:7"),
        ("localhost/redis:7", "localhost/redis:7"),
        ("[::1]:5000/x/nginx:v1", "[::1]:5000/x/nginx:v1"),
        ("127.0.0.1:300/library/nginx:v1", "127.0.0.1:300/library/nginx:v1"),
        ("REG/a/b:v1", "REG/a/b:v1"),
        ("quay.io/a/b--c__d:_x", "quay.io/a/b--c__d:_x"),
    ] {
        assert_eq!(text.parse::<ImageRef>().unwrap().to_string(), expected);
    }
}

#[test]
fn a_tag_beside_a_digest_is_only_a_remark() {
    let digest = Digest::of(b"x");
    let image: ImageRef = format!("quay.io/a/b:v1@{digest}").parse().unwrap();
    assert_eq!(image.to_string(), format!("quay.io/a/b@{digest}"));
}

#[test]
fn no_version_means_latest_only_where_that_is_asked_for() {
    assert!(matches!("quay.io/a/b".parse::<ImageRef>(), Err(ReferenceError::Unversioned(_))));
    assert_eq!(ImageRef::parse_or_latest("quay.io/a/b").unwrap().to_string(), "quay.io/a/b:latest");
    assert!(ImageRef::parse_or_latest("quay.io/a/b:").is_err());
}

#[test]
fn what_no_registry_would_take_is_refused() {
    let long = format!("q.io/a:{}", "t".repeat(129));
    for text in [
        "",
        "quay.io/",
        "quay.io/A/b:v1",
        "quay.io/a/b:v1,",
        "quay.io/a b:v1",
        "q.io/a//b:1",
        "q.io/../b:1",
        "q.io/a..b:1",
        "q.io/a___b:1",
        "q.io/-a:1",
        "q.io/a:-t",
        "q.io/a:.t",
        &long,
        "user@q.io/a:1",
        "[::g]:5000/a:1",
        "q.io:0/a:1",
        "q.io:99999/a:1",
        "q.io/a@sha256:xyz",
        "q..io/a:1",
        "A:1",
        "nginx/:1",
    ] {
        assert!(text.parse::<ImageRef>().is_err(), "{text:?}");
    }
}

#[test]
fn a_url_is_named_as_one_wherever_a_name_is_expected() {
    let url = |scheme| Some(ReferenceError::Scheme(scheme));
    assert_eq!("https://quay.io/a/b".parse::<ImageRef>().err(), url("https://"));
    assert_eq!("docker://nginx:1".parse::<ImageRef>().err(), url("docker://"));
    assert_eq!(Repository::new("http:", "/quay.io/a").err(), url("http://"));
    assert_eq!(Repository::new("oci://quay.io", "a").err(), url("oci://"));
    let half = Repository::new("https:", "a").unwrap_err();
    assert_eq!(half.to_string(), "`https:` is not a registry host");
}

#[test]
fn some_tags_are_about_a_digest() {
    let digest = Digest::of(b"x");
    let about = |tag: &str| tag.parse::<Tag>().unwrap().referenced_digest();
    for suffix in ["", ".sig", ".att", ".sbom"] {
        assert_eq!(about(&format!("sha256-{}{suffix}", digest.hex())), Some(digest.clone()), "{suffix}");
    }
    for other in ["v1", "sha256-abc", "sha256", "1.2-3"] {
        assert_eq!(about(other), None, "{other}");
    }
}

// Seen in trials: each of these got as far as a URL and ended the program there.
#[test]
fn hosts_are_names_that_can_stand_in_a_url() {
    let decoded: &[_] = if cfg!(feature = "idna") { &["xn--a:80", "a.xn--"] } else { &[] };
    let numbers = ["10.0.0.300", "10.0.0.300:5000", "registry.example.1", "a.0x", "1.2.3.4.5"];
    for host in numbers.iter().chain(decoded) {
        let found = format!("{host}/app:1").parse::<ImageRef>();
        assert_eq!(found, Err(ReferenceError::Host(host.to_string())), "{host}");
    }
    for host in ["reg_1:5000", "[::1]:5000", "10.0.0.30", "xn--bcher-kva.invalid", "1password.io", "a.b1"] {
        assert!(format!("{host}/app:1").parse::<ImageRef>().is_ok(), "{host}");
    }
}

// Logins and settings for a host were not found under another spelling of it, and nothing said so.
#[test]
fn a_host_is_one_host_in_any_case() {
    for (text, expected) in [
        ("LOCALHOST:5000/a:1", "localhost:5000/a:1"),
        ("Quay.IO/a/b:1", "quay.io/a/b:1"),
        ("Docker.io/nginx:1", "docker.io/library/nginx:1"),
        ("[FE80::1]:5000/a:1", "[fe80::1]:5000/a:1"),
        ("LocalHost/a:1", "localhost/a:1"),
        // In lower case it would be a path at Docker Hub.
        ("Corp/a:1", "Corp/a:1"),
    ] {
        let image: ImageRef = text.parse().unwrap();
        assert_eq!(image.to_string(), expected);
        assert_eq!(image.to_string().parse::<ImageRef>().unwrap(), image);
    }
}
