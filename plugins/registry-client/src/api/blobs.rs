//! Blobs: streams that go on by themselves when they break off.
//!
//! What comes is verified by [`Blob`]; here it is only joined together. Each attempt begins at the registry, never at
//! the URL that it redirected to before, because that may have run out.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream;
use http::{HeaderValue, Method, header};
use sealift_core::{
    blob::Blob,
    content::{Descriptor, Repository},
    error::{Error, ErrorKind, Result, Retry},
    limit::{Permit, Pool},
};

use super::{
    range::{self, RangeMatch},
    read_timeout::ReadTimeout,
};
use crate::{
    operation::Operation,
    registry::Registry,
    retry::Attempts,
    scope::Scopes,
    transport::{ConnectionPool, Request, RequestTarget, Response},
};

/// Bytes that count as getting on.
const PROGRESS: u64 = 64 << 10;

struct BlobReader {
    registry: Arc<Registry>,
    repository: Repository,
    item: Descriptor,
    /// Bytes that were handed on.
    at: u64,
    /// The offset at which the attempts were last restored.
    rested_at: u64,
    attempts: Attempts,
    /// True once the host that the registry redirects to refused.
    is_refused: bool,
    whole_only: bool,
    open: Option<OpenBlob>,
    /// A permit until the end of the blob; none in a transfer, which has one.
    permit: Option<Permit>,
}

struct OpenBlob {
    response: Response,
    /// Bytes to throw away, because they were handed on before.
    skip: u64,
    idle: ReadTimeout,
}

/// Opens a blob under a permit of its own.
pub(crate) async fn open(registry: &Arc<Registry>, repository: &Repository, item: &Descriptor) -> Result<Blob> {
    let permit = registry.permit(Pool::Reads).await;
    let permit = permit.map_err(|error| error.with_context(Operation::ReadBlob(repository, &item.digest)))?;
    open_with(registry, repository, item, Some(permit)).await
}

/// Opens a blob as part of a transfer, under its permits.
pub(crate) async fn open_in_transfer(
    registry: &Arc<Registry>,
    repository: &Repository,
    item: &Descriptor,
) -> Result<Blob> {
    open_with(registry, repository, item, None).await
}

async fn open_with(
    registry: &Arc<Registry>,
    repository: &Repository,
    item: &Descriptor,
    permit: Option<Permit>,
) -> Result<Blob> {
    let mut reader = BlobReader {
        registry: Arc::clone(registry),
        repository: repository.clone(),
        item: item.clone(),
        at: 0,
        rested_at: 0,
        attempts: fresh_attempts(registry),
        is_refused: false,
        whole_only: false,
        open: None,
        permit,
    };
    reader.open().await?;
    // Schema 1 does not say how long its layers are; the answer does.
    if item.known_size().is_none()
        && let Some(length) = reader.open.as_ref().and_then(|open| open.response.length())
    {
        reader.item.size = length;
    }
    let item = reader.item.clone();
    let chunks = stream::unfold(Some(reader), |reader| async {
        let mut reader = reader?;
        match reader.next().await {
            Ok(Some(bytes)) => Some((Ok(bytes), Some(reader))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    });
    Ok(Blob::new(item, chunks))
}

fn fresh_attempts(registry: &Registry) -> Attempts {
    registry.retry.attempts(registry.retry.policy().blobs)
}

impl BlobReader {
    fn operation(&self) -> Operation<'_> {
        Operation::ReadBlob(&self.repository, &self.item.digest)
    }

    /// The next piece; none at the end.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            let Some(open) = &mut self.open else {
                self.open().await?;
                continue;
            };
            let failed = match open.idle.watch(&mut open.response).await {
                Ok(Some(mut bytes)) => {
                    let skipped = open.skip.min(bytes.len() as u64);
                    open.skip -= skipped;
                    bytes = bytes.slice(usize::try_from(skipped).unwrap_or_default()..);
                    if bytes.is_empty() {
                        continue;
                    }
                    self.at += bytes.len() as u64;
                    return Ok(Some(bytes));
                }
                // All bytes are there, so what follows them makes no difference.
                Ok(None) | Err(_) if self.item.known_size() == Some(self.at) => return Ok(None),
                Ok(None) if self.item.known_size().is_none() => return Ok(None),
                Ok(None) => {
                    let what = format!("the stream ended after {} of {} bytes", self.at, self.item.size);
                    Error::new(ErrorKind::Unavailable, what)
                }
                Err(error) => error,
            };
            self.open = None;
            self.rest(failed.with_context(self.operation())).await?;
        }
    }

    /// Waits before the next attempt, or gives up with what failed.
    async fn rest(&mut self, failed: Error) -> Result<()> {
        if self.at >= self.rested_at + PROGRESS {
            self.rested_at = self.at;
            (self.attempts, self.is_refused) = (fresh_attempts(&self.registry), false);
        }
        // A second URL that was signed a moment ago and is refused as well says that a third one would be.
        let is_refused = failed.kind() == ErrorKind::Denied && failed.retry() == Retry::Soon;
        if is_refused && std::mem::replace(&mut self.is_refused, true) {
            return Err(failed.with_retry(Retry::Later));
        }
        // Without a size a part cannot be told from the whole.
        let is_throttled = self.permit.is_none() && matches!(failed.retry(), Retry::After(_));
        if self.item.known_size().is_none() || is_throttled {
            return Err(failed);
        }
        let Some(pause) = self.attempts.pause(&self.registry.retry, &failed) else { return Err(failed) };
        tracing::debug!(digest = %self.item.digest, at = self.at, error = %failed, "taking a stream up again");
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// Opens the stream at the place that was reached.
    async fn open(&mut self) -> Result<()> {
        loop {
            let failed = match self.try_open().await {
                Ok(open) => {
                    self.open = Some(open);
                    return Ok(());
                }
                Err(error) => error,
            };
            self.rest(failed).await?;
        }
    }

    async fn try_open(&mut self) -> Result<OpenBlob> {
        let response = self.registry.execute(&self.request()).await?;
        let asked_from = if self.whole_only { 0 } else { self.at };
        let content_range = response.header(header::CONTENT_RANGE).map(str::to_owned);
        let skip = match range::judge(response.status(), content_range.as_deref(), asked_from, self.item.known_size()) {
            RangeMatch::From { .. } if self.whole_only => self.at,
            RangeMatch::From { skip } => skip,
            RangeMatch::Unfit => {
                self.whole_only = true;
                let what = "the registry sent another part of the blob than it was asked for";
                let error = Error::new(ErrorKind::Unavailable, what).with_retry(Retry::Soon);
                return Err(error.with_context(self.operation()));
            }
            RangeMatch::Refused => return Err(self.registry.refused(self.operation(), response).await),
        };
        self.check_length(&response, skip)?;
        Ok(OpenBlob { response, skip, idle: ReadTimeout::new(self.registry.timing().idle_read) })
    }

    fn request(&self) -> Request<'_> {
        let target = RequestTarget::Path(format!("{}/blobs/{}", self.repository.path(), self.item.digest));
        let scopes = Scopes::pull(&self.repository);
        let request = Request::new(self.operation(), Method::GET, target, scopes, self.registry.timing())
            .in_transfer(self.permit.is_none())
            .pool(ConnectionPool::Bulk);
        if self.at == 0 || self.whole_only {
            return request;
        }
        let range = HeaderValue::from_str(&format!("bytes={}-", self.at)).expect("digits are valid in a header");
        request.header(header::RANGE, range)
    }

    /// A length that does not fit is told before anything is read.
    fn check_length(&self, response: &Response, skip: u64) -> Result<()> {
        let (Some(size), Some(length)) = (self.item.known_size(), response.length()) else { return Ok(()) };
        let expected = if skip > 0 { size } else { size - self.at };
        if length == expected {
            return Ok(());
        }
        let what = format!("`{}` sends {length} bytes, expected {expected}", response.host());
        let error = Error::new(ErrorKind::Corrupt, what).with_context(self.operation());
        Err(error.with_hint("it is broken at the source, or something on the way cuts it: push the image there again"))
    }
}
