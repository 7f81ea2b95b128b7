//! Conditional requests and ranges (RFC 9110, 13 and 14).
//!
//! Content is named by its digest, so the digest is its validator, and a strong one.

use axum::http::{HeaderMap, HeaderValue, Method, header, request::Parts};
use sealift_core::content::Digest;

use super::answer;

pub(super) fn etag(digest: &Digest) -> HeaderValue {
    answer::value(format!("\"{digest}\""))
}

/// Returns true if the client says that it has this already.
///
/// `If-None-Match` is compared weakly (13.1.2): proxies that compress make `W/"…"` of our validator.
pub(super) fn is_known(headers: &HeaderMap, digest: &Digest) -> bool {
    let lists = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = lists.flat_map(|list| list.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"') == digest.to_string())
}

/// The `Range` of a request, if it counts: not for HEAD (14.2), and with `If-Range` only for the content that the
/// client has a part of (13.1.5), which takes a strong validator.
pub(super) fn range<'a>(head: &'a Parts, digest: &Digest) -> Option<&'a str> {
    if head.method != Method::GET {
        return None;
    }
    let same = head.headers.get(header::IF_RANGE).is_none_or(|known| *known == etag(digest));
    head.headers.get(header::RANGE).filter(|_| same)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn head(method: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn if_none_match_is_compared_weakly_and_in_every_header() {
        let digest = Digest::of(b"x");
        let (strong, weak) = (format!("\"{digest}\""), format!("W/\"{digest}\""));
        let several = format!("\"a\", {weak}");
        for (headers, known) in [
            (&[("if-none-match", strong.as_str())][..], true),
            (&[("if-none-match", &weak)], true),
            (&[("if-none-match", "*")], true),
            (&[("if-none-match", &several)], true),
            (&[("if-none-match", "\"a\""), ("if-none-match", &strong)], true),
            (&[("if-none-match", "\"a\", W/\"b\"")], false),
            (&[("if-none-match", "")], false),
            (&[], false),
        ] {
            assert_eq!(is_known(&head("GET", headers).headers, &digest), known, "{headers:?}");
        }
    }

    #[test]
    fn a_range_counts_for_get_and_for_the_content_that_the_client_knows() {
        let digest = Digest::of(b"x");
        let (strong, weak) = (format!("\"{digest}\""), format!("W/\"{digest}\""));
        let range_of = |method: &str, if_range: Option<&str>| {
            let headers = [("range", "bytes=0-2")].into_iter().chain(if_range.map(|value| ("if-range", value)));
            range(&head(method, &headers.collect::<Vec<_>>()), &digest).map(str::to_owned)
        };
        assert!(range_of("GET", None).is_some());
        assert!(range_of("GET", Some(&strong)).is_some());
        assert!(range_of("HEAD", None).is_none());
        for other in [weak.as_str(), "\"another\"", "Wed, 21 Oct 2015 07:28:00 GMT", ""] {
            assert!(range_of("GET", Some(other)).is_none(), "{other}");
        }
    }
}
