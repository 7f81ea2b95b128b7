//! Small responses, read whole. A body that breaks off is as good as no response, so both are asked for again.

use bytes::Bytes;
use http::HeaderMap;
use sealift_core::error::Result;
use url::Url;

use super::Registry;
use crate::transport::Request;

/// Bodies of more bytes, or of a length that is not told, are long.
const SMALL: u64 = 256 << 10;

/// Long bodies of one registry that are read at once, because each is in memory as a whole.
pub(super) const LONG_BODIES: usize = 4;

/// A success with its body.
#[derive(Debug)]
pub(crate) struct WholeResponse {
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Registry {
    /// Sends a request and reads the body of the response.
    ///
    /// # Errors
    /// If it is refused, longer than `cap` bytes, or does not come.
    pub(crate) async fn read_whole(&self, request: &Request<'_>, cap: u64) -> Result<WholeResponse> {
        let mut attempts = self.retry.attempts(self.retry.policy().bodies);
        loop {
            let response = self.execute(request).await?;
            if !response.status().is_success() {
                return Err(self.refused(request.operation, response).await);
            }
            let (url, headers) = (response.url.clone(), response.headers().clone());
            let _place = match response.length() {
                Some(length) if length <= SMALL => None,
                _ => self.long_bodies.acquire().await.ok(),
            };
            let failed = match response.bytes(cap, self.timing().idle_read).await {
                Ok(body) => return Ok(WholeResponse { url, headers, body }),
                Err(error) => self.hide(error.with_context(request.operation)),
            };
            let Some(pause) = attempts.pause(&self.retry, &failed) else { return Err(failed) };
            tokio::time::sleep(pause).await;
        }
    }
}
