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
mod tests;
