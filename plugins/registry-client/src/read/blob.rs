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
};

use super::{
    idle::Idle,
    range::{self, Part},
};
use crate::{
    auth::Scopes,
    doing::Doing,
    host::Host,
    net::Lane,
    request::{Answer, Ask, Backoff, Place, To},
};

/// How often a stream is taken up again without getting on.
const ATTEMPTS: u32 = 5;
/// Bytes that count as getting on.
const PROGRESS: u64 = 64 << 10;

struct Reader {
    host: Arc<Host>,
    repository: Repository,
    item: Descriptor,
    /// Bytes that were handed on.
    at: u64,
    /// Where we were when patience was last restored.
    rested_at: u64,
    patience: Backoff,
    whole_only: bool,
    open: Option<Open>,
    /// A place among the blobs that are read from this host.
    _place: Place,
}

struct Open {
    answer: Answer,
    /// Bytes to throw away, because they were handed on before.
    skip: u64,
    idle: Idle,
}

impl Host {
    /// Opens a blob.
    pub(crate) async fn blob(self: &Arc<Self>, repository: &Repository, item: &Descriptor) -> Result<Blob> {
        let mut reader = Reader {
            host: Arc::clone(self),
            repository: repository.clone(),
            item: item.clone(),
            at: 0,
            rested_at: 0,
            patience: self.patience(),
            whole_only: false,
            open: None,
            _place: self.levels.reads.enter().await,
        };
        reader.open().await?;
        // Schema 1 does not say how long its layers are; the answer does.
        if item.known_size().is_none()
            && let Some(length) = reader.open.as_ref().and_then(|open| open.answer.length())
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

    fn patience(&self) -> Backoff {
        Backoff::new(self.shared.timing.backoff, self.shared.timing.backoff_max, ATTEMPTS)
    }
}

impl Reader {
    fn doing(&self) -> Doing<'_> {
        Doing::ReadBlob(&self.repository, &self.item.digest)
    }

    /// The next piece; none at the end.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            let Some(open) = &mut self.open else {
                self.open().await?;
                continue;
            };
            let failed = match open.idle.watch(&mut open.answer).await {
                Ok(Some(mut bytes)) => {
                    let skipped = open.skip.min(bytes.len() as u64);
                    open.skip -= skipped;
                    bytes = bytes.slice(usize::try_from(skipped).unwrap_or_default()..);
                    if bytes.is_empty() {
                        continue;
                    }
                    self.at += bytes.len() as u64;
                    self.host.levels.reads.done(bytes.len() as u64);
                    return Ok(Some(bytes));
                }
                // All bytes are there, so whatever comes after them makes no difference.
                Ok(None) | Err(_) if self.item.known_size() == Some(self.at) => return Ok(None),
                Ok(None) if self.item.known_size().is_none() => return Ok(None),
                Ok(None) => {
                    let what = format!("the stream ended after {} of {} bytes", self.at, self.item.size);
                    Error::new(ErrorKind::Unavailable, what)
                }
                Err(error) => error,
            };
            self.open = None;
            self.rest(failed.context(self.doing())).await?;
        }
    }

    /// Waits before the next attempt, or gives up with what failed.
    async fn rest(&mut self, failed: Error) -> Result<()> {
        if self.at >= self.rested_at + PROGRESS {
            self.rested_at = self.at;
            self.patience = self.host.patience();
        }
        // Without a size nobody could tell a part from the whole.
        let worth = failed.is_retryable() && self.item.known_size().is_some();
        let Some(pause) = self.patience.next().filter(|_| worth && self.host.pace.spend()) else { return Err(failed) };
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

    async fn try_open(&mut self) -> Result<Open> {
        let answer = self.host.send(&self.ask()).await?;
        let asked_from = if self.whole_only { 0 } else { self.at };
        let content_range = answer.header(header::CONTENT_RANGE).map(str::to_owned);
        let skip = match range::judge(answer.status(), content_range.as_deref(), asked_from, self.item.known_size()) {
            Part::From { .. } if self.whole_only => self.at,
            Part::From { skip } => skip,
            Part::Unfit => {
                self.whole_only = true;
                let what = "the registry sent another part of the blob than it was asked for";
                let error = Error::new(ErrorKind::Unavailable, what).retry(Retry::Soon);
                return Err(error.context(self.doing()));
            }
            Part::Refused => return Err(self.host.refused(self.doing(), answer).await),
        };
        self.check_length(&answer, skip)?;
        Ok(Open { answer, skip, idle: Idle::new(self.host.shared.timing.idle_read) })
    }

    fn ask(&self) -> Ask<'_> {
        let to = To::Path(format!("{}/blobs/{}", self.repository.path(), self.item.digest));
        let scopes = Scopes::pull(&self.repository);
        let ask = Ask::new(self.doing(), Method::GET, to, scopes, &self.host.shared.timing).lane(Lane::Bulk);
        if self.at == 0 || self.whole_only {
            return ask;
        }
        let range = HeaderValue::from_str(&format!("bytes={}-", self.at)).expect("digits are valid in a header");
        ask.header(header::RANGE, range)
    }

    /// A length that does not fit is told before anything is read.
    fn check_length(&self, answer: &Answer, skip: u64) -> Result<()> {
        let (Some(size), Some(length)) = (self.item.known_size(), answer.length()) else { return Ok(()) };
        let expected = if skip > 0 { size } else { size - self.at };
        if length == expected {
            return Ok(());
        }
        let what = format!("`{}` sends {length} bytes, expected {expected}", answer.host());
        let error = Error::new(ErrorKind::Corrupt, what).context(self.doing());
        Err(error.hint("it is broken at the source, or something on the way cuts it: push the image there again"))
    }
}
