//! What a registry says about the bytes of an upload that it has.

use http::{HeaderName, Method, StatusCode, header};
use sealift_core::{
    content::{Descriptor, Repository},
    error::Result,
};
use url::Url;

use super::location::upload_url;
use crate::{
    operation::Operation,
    registry::Registry,
    scope::Scopes,
    transport::{Request, RequestTarget, Response},
};

/// The state of an upload at its registry.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UploadStatus {
    /// The bytes that the registry has.
    pub(super) offset: u64,
    /// Where the upload goes on.
    pub(super) location: Url,
}

/// Asks a registry what it has of an upload; none if it forgot the upload or does not tell.
pub(super) async fn status(
    registry: &Registry,
    at: &Repository,
    item: &Descriptor,
    location: &Url,
) -> Result<Option<UploadStatus>> {
    let target = RequestTarget::Url(location.clone());
    let operation = Operation::PushBlob(at, &item.digest);
    let request = Request::new(operation, Method::GET, target, Scopes::push(at), registry.timing())
        .in_transfer(true)
        .without_redirects()
        .once();
    let response = registry.execute(&request).await?;
    let is_status = matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::ACCEPTED) && !response.is_page();
    let offset = if is_status { stored(&response) } else { None };
    let Some(offset) = offset else {
        response.discard().await;
        return Ok(None);
    };
    // Some do not repeat the location, which stays as it was then.
    let location = match response.header(header::LOCATION).is_some() {
        true => upload_url(registry, &response).await?,
        false => location.clone(),
    };
    response.discard().await;
    Ok(Some(UploadStatus { offset, location }))
}

/// Returns the number of bytes that a registry says it has of an upload.
pub(super) fn stored(response: &Response) -> Option<u64> {
    parse(response.header(header::RANGE)?)
}

/// `0-99` stands for 100 bytes. distribution says `0-0` of an upload without bytes, so a single byte cannot be told from
/// none; it counts as none, and the next part then ends one byte later than it should, which is noticed.
fn parse(range: &str) -> Option<u64> {
    let range = range.trim();
    let (start, end) = range.strip_prefix("bytes=").unwrap_or(range).split_once('-')?;
    let end: u64 = end.parse().ok()?;
    (start == "0").then(|| if end == 0 { Some(0) } else { end.checked_add(1) }).flatten()
}

/// Returns the size below which a registry wants no part but the last; 0 if it does not say, or nonsense.
pub(super) fn least_part(response: &Response) -> u64 {
    let said = response.header(HeaderName::from_static("oci-chunk-min-length"));
    said.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_ends_with_its_last_byte() {
        for (range, expected) in [
            ("0-99", Some(100)),
            (" bytes=0-99 ", Some(100)),
            ("0-0", Some(0)),
            ("0-1", Some(2)),
            ("5-99", None),
            ("0-", None),
            ("0--1", None),
            ("-1", None),
            ("0-18446744073709551615", None),
            ("0-99999999999999999999", None),
            ("many", None),
        ] {
            assert_eq!(parse(range), expected, "{range}");
        }
    }
}
