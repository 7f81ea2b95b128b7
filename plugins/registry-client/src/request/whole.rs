//! Small answers, read whole: a body that breaks off is as good as no answer, so both are asked for again.

use bytes::Bytes;
use http::HeaderMap;
use sealift_core::error::Result;
use url::Url;

use super::{Ask, backoff::Backoff};
use crate::host::Host;

/// An answer that was a success, with its body.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// How often a body that broke off is asked for.
const ATTEMPTS: u32 = 3;

impl Host {
    /// Asks for something small, and reads it.
    ///
    /// # Errors
    /// If it is refused, longer than `cap` bytes, or does not come.
    pub(crate) async fn read_whole(&self, ask: &Ask<'_>, cap: u64) -> Result<Whole> {
        let timing = &self.shared.timing;
        let mut backoff = Backoff::new(timing.backoff, timing.backoff_max, ATTEMPTS);
        loop {
            let answer = self.send(ask).await?;
            if !answer.status().is_success() {
                return Err(self.refused(ask.doing, answer).await);
            }
            let (url, headers) = (answer.url.clone(), answer.headers().clone());
            let error = match answer.bytes(cap, timing.idle_read).await {
                Ok(body) => return Ok(Whole { url, headers, body }),
                Err(error) => error.context(ask.doing),
            };
            let pause = backoff.next().filter(|_| error.is_retryable() && self.pace.spend());
            let Some(pause) = pause else { return Err(error) };
            tokio::time::sleep(pause).await;
        }
    }
}
