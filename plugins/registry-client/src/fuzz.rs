//! Invariants for any bytes of a server or of a file of logins.
//!
//! Fuzzers look for bytes that break it without end (`fuzz/`), property tests for a moment in every run.

use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use sealift_core::content::Repository;
use url::Url;

use crate::{
    api,
    auth::Challenges,
    credentials::SentSecrets,
    error::ErrorBody,
    network_scope::NetworkScope,
    url_policy::{UrlPolicy, UrlPurpose},
};

fn headers(name: &'static str, value: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    // Each line is a header of its own: several of one name are allowed.
    for value in value.split(|byte| *byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok()) {
        headers.append(HeaderName::from_static(name), value);
    }
    headers
}

/// `WWW-Authenticate`: a token service has an address, which the policy has checked before a request goes there.
pub fn challenge(bytes: &[u8]) {
    let found = Challenges::read(&headers("www-authenticate", bytes));
    if let Some(bearer) = found.bearer {
        assert!(!bearer.realm.is_empty());
        url(UrlPurpose::Realm, &bearer.realm);
    }
}

/// `Link`: the next page is one that was named, and at the registry.
pub fn link(bytes: &[u8]) {
    if let Ok(Some(next)) = api::next_link(&headers("link", bytes)) {
        assert!(bytes.windows(next.len().max(1)).any(|there| there == next.as_bytes()) || next.is_empty());
        if let Some(url) = url(UrlPurpose::Page, &next) {
            assert_eq!(url.host_str(), Some("registry.example.com"));
        }
    }
}

/// `Content-Range`: a part that is joined begins where we stopped, and is no part of something larger.
pub fn content_range(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for offset in [0, 5, 1 << 40] {
        for size in [None, Some(10), Some(u64::MAX)] {
            if let api::RangeMatch::From { skip } =
                api::judge_range(StatusCode::PARTIAL_CONTENT, Some(text), offset, size)
            {
                assert_eq!(skip, 0);
                assert!(text.contains(&offset.to_string()), "{text:?} does not begin at {offset}");
            }
        }
    }
}

/// `Retry-After`: any wait can be added to any other.
pub fn retry_after(bytes: &[u8]) {
    let wait = crate::limit::retry_after(&headers("retry-after", bytes), SystemTime::UNIX_EPOCH);
    assert!(wait.is_none_or(|wait| SystemTime::UNIX_EPOCH.checked_add(wait).is_some()));
}

/// The body of an error: one line that can be shown.
pub fn error_body(bytes: &[u8]) {
    let said = ErrorBody::of(bytes, &SentSecrets::default());
    assert!(!said.text.chars().any(char::is_control), "{said:?}");
    assert!(said.text.chars().count() <= 201, "{said:?}");
}

/// A URL of a server: we are not sent to plain http, further inside, or with user info.
pub fn location(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for usage in [UrlPurpose::Realm, UrlPurpose::Upload, UrlPurpose::Redirect, UrlPurpose::Page] {
        url(usage, text);
    }
}

fn url(usage: UrlPurpose, text: &str) -> Option<Url> {
    let registry = Url::parse("https://registry.example.com").expect("it is a URL");
    let policy = UrlPolicy { url: &registry, reach: Some(NetworkScope::Public), trusted: &[] };
    let url = policy.check(usage, &registry, text).ok()?;
    assert_eq!(url.scheme(), "https", "{text:?}");
    assert!(url.username().is_empty() && url.password().is_none(), "{text:?}");
    let inner = url.host().as_ref().and_then(NetworkScope::of_host).is_some_and(|reach| reach != NetworkScope::Public);
    assert!(!inner, "{text:?}");
    Some(url)
}

/// A credential file of Docker or Podman: read or refused, with any content.
pub fn docker_config(bytes: &[u8]) {
    for repository in ["docker.io/library/nginx", "quay.io/a/b/c"] {
        let repository: Repository = repository.parse().expect("it is a repository");
        crate::credentials::any_docker_file(bytes, &repository);
    }
}
