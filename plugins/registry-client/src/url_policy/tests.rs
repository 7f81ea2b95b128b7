use super::*;

fn check(registry: &str, reach: NetworkScope, usage: UrlPurpose, text: &str) -> Result<String, String> {
    let url = Url::parse(registry).unwrap();
    let asked = url.join("/v2/a/b/blobs/uploads/").unwrap();
    let policy = UrlPolicy { url: &url, reach: Some(reach), trusted: &["store.corp".to_owned()] };
    policy.check(usage, &asked, text).map(String::from).map_err(|refused| refused.to_string())
}

fn public(usage: UrlPurpose, text: &str) -> Result<String, String> {
    check("https://r.example.com", NetworkScope::Public, usage, text)
}

#[test]
fn relative_urls_are_resolved_and_queries_stay_as_they_are() {
    assert_eq!(public(UrlPurpose::Upload, "?x=1").unwrap(), "https://r.example.com/v2/a/b/blobs/uploads/?x=1");
    assert_eq!(
        public(UrlPurpose::Upload, "/v2/u/1?_state=a%2Fb%3D&b=%20").unwrap(),
        "https://r.example.com/v2/u/1?_state=a%2Fb%3D&b=%20"
    );
    assert_eq!(
        public(UrlPurpose::Page, "/v2/a/b/tags/list?last=x&n=5").unwrap(),
        "https://r.example.com/v2/a/b/tags/list?last=x&n=5"
    );
}

#[test]
fn other_public_hosts_may_serve_tokens_uploads_and_blobs() {
    for usage in [UrlPurpose::Realm, UrlPurpose::Upload, UrlPurpose::Redirect] {
        assert!(public(usage, "https://auth.example.org/token").is_ok());
        assert!(public(usage, "https://auth.example.org:8443/token").is_ok());
    }
}

#[test]
fn nothing_leaves_https() {
    for usage in [UrlPurpose::Realm, UrlPurpose::Upload, UrlPurpose::Redirect] {
        assert!(public(usage, "http://evil.example.org/x").unwrap_err().contains("plain http"));
    }
    assert!(
        check("http://r.example.com", NetworkScope::Public, UrlPurpose::Realm, "http://auth.example.com/t").is_ok()
    );
}

#[test]
fn a_registry_that_does_not_know_of_its_tls_is_lifted_to_https() {
    assert_eq!(public(UrlPurpose::Upload, "http://r.example.com/v2/u").unwrap(), "https://r.example.com/v2/u");
    assert_eq!(public(UrlPurpose::Realm, "http://r.example.com/token").unwrap(), "https://r.example.com/token");
    let lifted =
        check("https://r.example.com:8443", NetworkScope::Public, UrlPurpose::Page, "http://r.example.com/v2/x");
    assert_eq!(lifted.unwrap(), "https://r.example.com:8443/v2/x");
    assert!(public(UrlPurpose::Upload, "http://r.example.com:5000/v2/u").is_err(), "another port is another service");
}

#[test]
fn odd_urls_are_refused() {
    let long = format!("https://r.example.com/{}", "a".repeat(64 << 10));
    for text in [
        "file:///etc/passwd",
        "null://r.example.com/t",
        "https://u:p@r.example.com/",
        "ftp://x/y",
        "https://",
        &long,
        "gopher://x",
    ] {
        assert!(public(UrlPurpose::Redirect, text).is_err(), "{text:.60}");
        assert!(public(UrlPurpose::Realm, text).is_err(), "{text:.60}");
    }
    assert!(public(UrlPurpose::Realm, "/token").is_err(), "a realm must be absolute");
}

#[test]
fn inner_addresses_are_refused_however_they_are_written() {
    for host in [
        "169.254.169.254",
        "[::ffff:169.254.169.254]",
        "2852039166",
        "0xa9fea9fe",
        "0.0.0.0",
        "[::]",
        "127.0.0.1",
        "[::1]",
        "localhost",
        "x.localhost",
        "localhost.",
        "10.0.0.1",
        "0x7f.1",
        "192.168.0.1",
        "100.100.100.200",
    ] {
        for usage in [UrlPurpose::Realm, UrlPurpose::Upload, UrlPurpose::Redirect] {
            assert!(public(usage, &format!("https://{host}/latest/meta-data")).is_err(), "{host}");
        }
    }
}

#[test]
fn a_registry_inside_may_name_neighbours_but_not_metadata() {
    let inside = |text| check("https://10.0.0.5", NetworkScope::Private, UrlPurpose::Upload, text);
    assert!(inside("https://10.0.0.6/u").is_ok());
    assert!(inside("https://127.0.0.1/u").is_err());
    assert!(inside("https://169.254.169.254/u").is_err());
    let local = |text| check("http://127.0.0.1:5000", NetworkScope::Loopback, UrlPurpose::Upload, text);
    assert!(local("http://127.0.0.1:9000/u").is_ok());
    assert!(local("http://169.254.169.254/u").is_err());
}

#[test]
fn who_is_trusted_may_be_anywhere() {
    let url = Url::parse("https://r.example.com").unwrap();
    let policy = UrlPolicy { url: &url, reach: Some(NetworkScope::Public), trusted: &["store.corp".to_owned()] };
    assert!(policy.admits("store.corp", NetworkScope::Private));
    assert!(!policy.admits("other.corp", NetworkScope::Private));
    assert!(policy.admits("r.example.com", NetworkScope::Loopback), "the registry itself is where the user says");
}

#[test]
fn pages_stay_at_the_registry() {
    for text in
        ["https://other.example.com/v2/a/b/tags/list", "https://r.example.com:444/v2/a", "//other.example.com/x"]
    {
        assert!(public(UrlPurpose::Page, text).unwrap_err().contains("must stay"), "{text}");
    }
}

#[test]
fn refusals_do_not_repeat_queries() {
    let refusal = public(UrlPurpose::Redirect, "http://evil.example.org/x?sig=CANARY").unwrap_err();
    assert!(!refusal.contains("CANARY") && refusal.contains("evil.example.org"), "{refusal}");
}

#[test]
fn an_origin_is_scheme_host_and_port() {
    let same = |a: &str, b: &str| same_origin(&Url::parse(a).unwrap(), &Url::parse(b).unwrap());
    assert!(same("https://a/x", "https://a:443/y"));
    assert!(
        !same("https://a/", "http://a/") && !same("https://a/", "https://a:444/") && !same("https://a/", "https://b/")
    );
}

#[test]
fn the_login_in_a_url_that_cannot_be_read_is_not_shown() {
    for text in ["https://bob:CANARY@[::", "http://bob:CANARY@h:99999/x?CANARY", "https://CANARY@h.io/x"] {
        assert!(!public(UrlPurpose::Redirect, text).unwrap_err().contains("CANARY"), "{text}");
    }
}
