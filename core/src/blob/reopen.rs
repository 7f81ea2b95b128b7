//! Going back in a blob: a part that was handed out is read again from its source.

use std::{pin::Pin, sync::atomic::Ordering};

use bytes::Bytes;
use futures::Stream;

use super::{Blob, Pieces};
use crate::{
    content::Hasher,
    error::{Error, ErrorKind, Result},
};

/// Opens the bytes of a blob from an offset on.
pub(super) type Reopen = Box<dyn Fn(u64) -> Pin<Box<dyn Future<Output = Result<Pieces>> + Send>> + Send>;

/// A place in a blob that [`Blob::rewind`] returns to.
#[derive(Clone, Debug)]
pub struct BlobMark {
    /// Bytes that were handed on.
    offset: u64,
    /// The hash of these bytes; none if the blob is not hashed.
    check: Option<Hasher>,
    ended: bool,
}

impl BlobMark {
    /// A mark after the first `offset` bytes of a blob, which are elsewhere and whose hash is `hash`.
    pub fn after(offset: u64, hash: Hasher) -> Self {
        Self { offset, check: Some(hash), ended: false }
    }

    /// The same where these bytes cannot be hashed any more: the destination must confirm the digest.
    pub fn unhashed_after(offset: u64) -> Self {
        Self { offset, check: None, ended: false }
    }
}

impl Blob {
    /// Lets the blob be read again from an offset on, which `reopen` opens.
    #[must_use]
    pub fn reopened_by<F, S>(self, reopen: impl Fn(u64) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<S>> + Send + 'static,
        S: Stream<Item = Result<Bytes>> + Send + 'static,
    {
        let reopen: Reopen = Box::new(move |offset| {
            let opened = reopen(offset);
            Box::pin(async move { opened.await.map(|pieces| Box::pin(pieces) as Pieces) })
        });
        Self { reopen: Some(reopen), ..self }
    }

    /// Returns a mark at the bytes that were handed on so far; none if the blob cannot return to them.
    pub fn mark(&self) -> Option<BlobMark> {
        let is_complete = self.ended && self.held.is_none();
        let may_return = is_complete || (self.reopen.is_some() && self.held.is_none() && !self.ended);
        may_return.then(|| BlobMark { offset: self.seen, check: self.check.clone(), ended: self.ended })
    }

    /// Returns to a mark of this blob. The bytes after it are read and hashed again.
    ///
    /// # Errors
    /// If the source cannot be opened there.
    pub async fn rewind(&mut self, mark: &BlobMark) -> Result<()> {
        if mark.ended {
            return Ok(());
        }
        let Some(reopen) = &self.reopen else {
            return Err(Error::new(ErrorKind::Unsupported, "the source cannot be read from an offset on"));
        };
        let opened = reopen(mark.offset).await;
        if let Some(counter) = &self.counter {
            let held = self.held.as_ref().map_or(0, Bytes::len) as u64;
            let handed_on = self.seen - held;
            match handed_on.checked_sub(mark.offset) {
                Some(again) => counter.fetch_sub(again, Ordering::Relaxed),
                None => counter.fetch_add(mark.offset - handed_on, Ordering::Relaxed),
            };
        }
        self.source = opened.map_err(|error| self.failed(error))?;
        (self.seen, self.held, self.ended) = (mark.offset, None, false);
        self.check = mark.check.clone().filter(|_| self.hashing.is_on());
        if self.check.is_none() {
            self.hashing.stop();
        }
        Ok(())
    }
}
