//! Whatever a server says, it must not make us panic.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use proptest::prelude::*;
use url::Url;

use crate::{
    address::Reach,
    auth::Challenges,
    error::Said,
    url_policy::{Home, Use},
};

fn headers(name: &'static str, value: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
    headers
}

proptest! {
    #[test]
    fn in_a_challenge(text in "[ -~]{0,200}", parts in "(Bearer|Basic|Negotiate)?( ?[a-z]{0,5}=?\"?[a-z:/\\\\,]{0,9}\"?,?){0,8}") {
        Challenges::read(&headers("www-authenticate", text.as_bytes()));
        Challenges::read(&headers("www-authenticate", parts.as_bytes()));
    }

    #[test]
    fn in_a_link(text in "[<>;,=\" a-z/?&]{0,80}") {
        let _ = crate::read::next_link(&headers("link", text.as_bytes()));
    }

    #[test]
    fn in_an_error(body in prop::collection::vec(any::<u8>(), 0..500)) {
        let said = Said::of(&body);
        prop_assert!(!said.text.chars().any(char::is_control));
        prop_assert!(said.text.chars().count() <= 201);
    }

    #[test]
    fn in_a_range(text in "(bytes )?[0-9*/ -]{0,40}", offset: u64, size: Option<u64>) {
        let _ = crate::read::judge_range(StatusCode::PARTIAL_CONTENT, Some(&text), offset, size);
    }

    #[test]
    fn in_a_url(text in "(https?://|//|/|\\?)?[a-z0-9.:@%\\[\\]#?/_-]{0,60}") {
        let registry = Url::parse("https://registry.example.com").unwrap();
        let home = Home { url: &registry, reach: Some(Reach::Public), trusted: &[] };
        for usage in [Use::Realm, Use::Upload, Use::Redirect, Use::Page] {
            if let Ok(url) = home.judge(usage, &registry, &text) {
                prop_assert_eq!(url.scheme(), "https");
                prop_assert!(url.username().is_empty() && url.password().is_none());
            }
        }
    }
}
