//! Blobs: streams that go on by themselves when they break off.
//!
//! What comes is verified by [`Blob`]; here it is only joined together. Each attempt begins at the registry, never at
//! the URL that it redirected to before, because that may have run out. A large blob may be read in several ranges at
//! once ([`ranges`]).

use std::{
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use http::{HeaderValue, Method, StatusCode, header};
use sealift_core::{
    blob::Blob,
    content::{Descriptor, Repository},
    error::{Error, ErrorKind, Result, Retry},
    limit::{Permit, Pool, RequestOutcome, TransferSide},
};

use super::{
    range::{self, RangeMatch},
    ranges::{self, BlobSource, RangedChunks},
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

type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;

struct BlobReader {
    registry: Arc<Registry>,
    repository: Repository,
    item: Descriptor,
    /// Bytes that were handed on.
    at: u64,
    /// The end of the range that is read; none for the end of the blob.
    end: Option<u64>,
    /// The validator that the range must have.
    etag: Option<HeaderValue>,
    /// The offset at which the attempts were last restored.
    rested_at: u64,
    attempts: Attempts,
    /// True once the host that the registry redirects to refused.
    is_refused: bool,
    whole_only: bool,
    open: Option<OpenBlob>,
    /// A permit until the end of the blob; none in a transfer, which has one.
    permit: Option<Permit>,
    /// The transfer that this is part of.
    transfer: Option<TransferSide>,
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
    let in_transfer = permit.is_none();
    let transfer = if in_transfer { TransferSide::current() } else { None };
    let mut reader = BlobReader::at(registry, repository, item, 0, permit);
    reader.transfer.clone_from(&transfer);
    reader.open_in_ranges().await?;
    // Schema 1 does not say how long its layers are; the answer does.
    if item.known_size().is_none()
        && let Some(length) = reader.open.as_ref().and_then(|open| open.response.length())
    {
        reader.item.size = length;
    }
    let is_in_ranges = reader.end.is_some();
    let mut blob = Blob::new(reader.item.clone(), reader.into_blob());
    if is_in_ranges {
        // A cache on the way may have wrong ranges of what is right as a whole.
        let registry = Arc::clone(registry);
        blob = blob.map_err(move |error| {
            if error.kind() == ErrorKind::Corrupt {
                registry.observed.wrong_ranges.store(true, Ordering::Relaxed);
            }
            error
        });
    }
    if !in_transfer || item.known_size().is_none() {
        return Ok(blob);
    }
    let (registry, repository, item) = (Arc::clone(registry), repository.clone(), item.clone());
    Ok(blob.reopened_by(move |offset| {
        let mut reader = BlobReader::at(&registry, &repository, &item, offset, None);
        reader.transfer.clone_from(&transfer);
        async move {
            reader.as_part_of_transfer(async |reader| reader.open_in_ranges().await).await?;
            Ok(reader.into_blob())
        }
    }))
}

fn fresh_attempts(registry: &Registry) -> Attempts {
    registry.retry.attempts(registry.retry.policy().blobs)
}

impl BlobReader {
    /// A reader of the bytes from `at` on.
    fn at(
        registry: &Arc<Registry>,
        repository: &Repository,
        item: &Descriptor,
        at: u64,
        permit: Option<Permit>,
    ) -> Self {
        Self {
            registry: Arc::clone(registry),
            repository: repository.clone(),
            item: item.clone(),
            at,
            end: None,
            etag: None,
            rested_at: at,
            attempts: fresh_attempts(registry),
            is_refused: false,
            whole_only: false,
            open: None,
            permit,
            transfer: None,
        }
    }

    /// Opens the stream, and only a first range of it if it may be read in several.
    async fn open_in_ranges(&mut self) -> Result<()> {
        let left = self.item.known_size().map_or(0, |size| size.saturating_sub(self.at));
        let may_split = self.registry.ranges > 1 && !self.registry.observed.wrong_ranges.load(Ordering::Relaxed);
        if may_split && left >= ranges::WORTH_SPLITTING {
            self.end = Some(self.at + ranges::RANGE);
            if let Ok(open) = self.try_open().await {
                self.open = Some(open);
                return Ok(());
            }
            self.end = None;
        }
        self.open().await
    }

    /// The bytes of the blob from here on, in ranges if the first one of them is open.
    fn into_blob(mut self) -> Chunks {
        let (Some(end), Some(size)) = (self.end, self.item.known_size()) else { return Box::pin(self.into_chunks()) };
        let etag = self.open.as_ref().and_then(|open| open.response.headers().get(header::ETAG).cloned());
        let source = BlobSource {
            registry: Arc::clone(&self.registry),
            repository: self.repository.clone(),
            item: self.item.clone(),
            transfer: self.transfer.clone(),
            // A weak one says nothing of single bytes.
            etag: etag.filter(|etag| etag.as_bytes().starts_with(b"\"")),
        };
        let (most, permit) = (self.registry.ranges, self.permit.take());
        let first = (self.at, end, Box::pin(self.into_chunks()) as Chunks);
        let chunks = RangedChunks::new(source, size, most, first, |source, start, end| {
            let BlobSource { registry, repository, item, etag, transfer } = source;
            let reader = Self::at(registry, repository, item, start, None);
            // While a range that is read ahead waits, bytes of the transfer move.
            let transfer = transfer.clone().filter(|_| end.is_none());
            Box::pin(Self { end, etag: etag.clone(), transfer, ..reader }.into_chunks())
        });
        // The permit of the blob is held until its end.
        Box::pin(chunks.map(move |chunk| {
            let _held = &permit;
            chunk
        }))
    }

    fn into_chunks(self) -> impl Stream<Item = Result<Bytes>> + Send + 'static {
        stream::unfold(Some(self), |reader| async {
            let mut reader = reader?;
            match reader.next().await {
                Ok(Some(bytes)) => Some((Ok(bytes), Some(reader))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    fn operation(&self) -> Operation<'_> {
        Operation::ReadBlob(&self.repository, &self.item.digest)
    }

    /// The next piece; none at the end.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            if self.end == Some(self.at) {
                return Ok(None);
            }
            let Some(open) = &mut self.open else {
                self.as_part_of_transfer(async |reader| reader.open().await).await?;
                continue;
            };
            let failed = match open.idle.watch(&mut open.response).await {
                Ok(Some(mut bytes)) => {
                    let skipped = open.skip.min(bytes.len() as u64);
                    open.skip -= skipped;
                    bytes = bytes.slice(usize::try_from(skipped).unwrap_or_default()..);
                    if let Some(end) = self.end {
                        bytes.truncate(usize::try_from(end - self.at).unwrap_or(usize::MAX));
                    }
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
        if self.item.known_size().is_none() {
            return Err(failed);
        }
        let is_throttled = self.permit.is_none() && matches!(failed.retry(), Retry::After(_));
        // A transfer that read nothing yet starts anew.
        if is_throttled && self.at == 0 {
            return Err(failed);
        }
        let Some(pause) = self.attempts.pause(&self.registry.retry, &failed) else { return Err(failed) };
        tracing::debug!(digest = %self.item.digest, at = self.at, error = %failed, "taking a stream up again");
        self.wait(pause, is_throttled).await.map_err(|()| failed)
    }

    /// Waits without permits, and with those of the transfer where too many others wait in the middle of a blob.
    ///
    /// # Errors
    /// Then, if the host asked for the pause, which may be long.
    async fn wait(&mut self, pause: Duration, is_throttled: bool) -> Result<(), ()> {
        let wait = tokio::time::sleep(pause);
        let Some(transfer) = &self.transfer else {
            if is_throttled {
                return Err(());
            }
            let had = self.permit.take().is_some();
            wait.await;
            if had {
                self.permit = Some(self.registry.permit(Pool::Reads).await.map_err(drop)?);
            }
            return Ok(());
        };
        if self.at == 0 {
            transfer.released(wait).await;
            return Ok(());
        }
        if is_throttled {
            self.registry.limit.report_read(transfer, RequestOutcome::Throttled);
        }
        match transfer.suspended(wait).await {
            Some(()) => Ok(()),
            None if is_throttled => Err(()),
            None => {
                tokio::time::sleep(pause).await;
                Ok(())
            }
        }
    }

    /// Does something under the permits of the transfer, also on another task than that of the transfer.
    async fn as_part_of_transfer<T>(&mut self, act: impl AsyncFnOnce(&mut Self) -> Result<T>) -> Result<T> {
        match self.transfer.clone() {
            Some(transfer) => transfer.scope(act(self)).await,
            None => act(self).await,
        }
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
            RangeMatch::From { .. } if self.end.is_some() && response.status() == StatusCode::OK => {
                // The source knows no ranges, or has something else by now.
                if self.at > 0 {
                    return Err(self.unfit());
                }
                self.end = None;
                0
            }
            RangeMatch::From { skip } => skip,
            RangeMatch::Unfit => return Err(self.unfit()),
            RangeMatch::Refused => return Err(self.registry.refused(self.operation(), response).await),
        };
        self.check_length(&response, skip)?;
        Ok(OpenBlob { response, skip, idle: ReadTimeout::new(self.registry.timing().idle_read) })
    }

    /// Returns the error of an answer with other bytes than those that were asked for. From then on the whole is asked for.
    fn unfit(&mut self) -> Error {
        self.whole_only = self.end.is_none();
        let retry = if self.whole_only { Retry::Soon } else { Retry::Later };
        let what = "the registry sent another part of the blob than it was asked for";
        Error::new(ErrorKind::Unavailable, what).with_retry(retry).with_context(self.operation())
    }

    fn request(&self) -> Request<'_> {
        let target = RequestTarget::Path(format!("{}/blobs/{}", self.repository.path(), self.item.digest));
        let scopes = Scopes::pull(&self.repository);
        let request = Request::new(self.operation(), Method::GET, target, scopes, self.registry.timing())
            .in_transfer(self.permit.is_none())
            .pool(ConnectionPool::Bulk);
        let range = match self.end {
            Some(end) => format!("bytes={}-{}", self.at, end - 1),
            None if self.at == 0 || self.whole_only => return request,
            None => format!("bytes={}-", self.at),
        };
        let range = HeaderValue::from_str(&range).expect("digits are valid in a header");
        let request = request.header(header::RANGE, range);
        match &self.etag {
            Some(etag) => request.header(header::IF_RANGE, etag.clone()),
            None => request,
        }
    }

    /// A length that does not fit is told before anything is read.
    fn check_length(&self, response: &Response, skip: u64) -> Result<()> {
        let (Some(size), Some(length)) = (self.item.known_size(), response.length()) else { return Ok(()) };
        let expected = if skip > 0 { size } else { self.end.unwrap_or(size) - self.at };
        if length == expected {
            return Ok(());
        }
        let what = format!("`{}` sends {length} bytes, expected {expected}", response.host());
        let error = Error::new(ErrorKind::Corrupt, what).with_context(self.operation());
        Err(error.with_hint("it is broken at the source, or something on the way cuts it: push the image there again"))
    }
}
