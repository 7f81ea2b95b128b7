//! Blobs: pulled byte streams that hash and count themselves.
//!
//! A destination pulls; nothing is buffered whole. A blob **keeps its last chunk back until everything was
//! verified**: an HTTP client stops reading a body once `Content-Length` bytes are there, so a failure that comes
//! after the last byte would be committed all the same. It has to come while bytes are missing. Where the length is
//! known, only the chunk that completes it is kept; where it is not, any chunk may be the last one.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};

use crate::{
    content::{Descriptor, Hasher},
    error::{Error, ErrorKind, Result, Retry},
};

mod reopen;
mod tee;
pub use reopen::BlobMark;
pub(crate) use tee::{TeeOptions, laggard};

/// A byte stream with a name, that fails instead of ending if its bytes are not what the name says.
pub struct Blob {
    descriptor: Descriptor,
    source: Pieces,
    reopen: Option<reopen::Reopen>,
    check: Option<Hasher>,
    hashing: Hashing,
    enough: Option<Enough>,
    seen: u64,
    held: Option<Bytes>,
    ended: bool,
    counter: Option<Arc<AtomicU64>>,
    trouble: Option<Arc<OnceLock<Error>>>,
    explain: Option<Explain>,
}

type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;
type Enough = Box<dyn Fn() -> bool + Send>;
type Explain = Box<dyn Fn(Error) -> Error + Send>;

impl Blob {
    /// A blob that verifies what `source` yields against the descriptor: digest and, where it is known, size.
    pub fn new(descriptor: Descriptor, source: impl Stream<Item = Result<Bytes>> + Send + 'static) -> Self {
        let check = Some(descriptor.digest.algorithm().hasher());
        Self {
            descriptor,
            source: Box::pin(source),
            reopen: None,
            check,
            hashing: Hashing(Arc::new(AtomicBool::new(true))),
            enough: None,
            seen: 0,
            held: None,
            ended: false,
            counter: None,
            trouble: None,
            explain: None,
        }
    }

    /// A blob of bytes that are in memory.
    pub fn from_bytes(descriptor: Descriptor, bytes: Bytes) -> Self {
        Self::new(descriptor, stream::once(async { Ok(bytes) }))
    }

    /// One consumer's stream of a tee. The size is checked here; the shared reader computes the digest, if needed.
    fn side(
        descriptor: Descriptor,
        source: impl Stream<Item = Result<Bytes>> + Send + 'static,
        hashing: Hashing,
    ) -> Self {
        Self { check: None, hashing, ..Self::new(descriptor, source) }
    }

    /// Returns the blob with its digest and the size in `item` verified, even if opened without a hash. `item` has
    /// its digest.
    pub(crate) fn verified_against(self, item: &Descriptor) -> Self {
        let hashing = if self.is_hashed() { self.hashing } else { Hashing(Arc::new(AtomicBool::new(true))) };
        let check = self.check.or_else(|| Some(item.digest.algorithm().hasher()));
        let size = item.known_size().unwrap_or(self.descriptor.size);
        let descriptor = Descriptor { size, ..self.descriptor };
        Self { descriptor, check, hashing, enough: None, ..self }
    }

    /// The same without a digest of our own: for destinations that compute and confirm it. Its size still counts, and
    /// the last chunk is still kept back until there is no more.
    #[must_use]
    pub fn unhashed(self) -> Self {
        self.hashing.stop();
        Self { check: None, ..self }
    }

    /// The same as soon as `enough` says so, which is asked before each chunk.
    #[must_use]
    pub(crate) fn hashed_until(self, enough: impl Fn() -> bool + Send + 'static) -> Self {
        Self { enough: Some(Box::new(enough)), ..self }
    }

    /// Returns true if a wrong digest is an error. Otherwise the destination must confirm that the digest is right.
    pub fn is_hashed(&self) -> bool {
        self.hashing.is_on()
    }

    /// Returns a handle that tells whether the blob is hashed; this may change on the way.
    pub fn hashing(&self) -> Hashing {
        self.hashing.clone()
    }

    /// Returns the descriptor of the blob.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Its length in bytes; [`Descriptor::UNSIZED`] if that is not known.
    pub fn size(&self) -> u64 {
        self.descriptor.size
    }

    /// Adds the length of every chunk that is handed on to `counter`, for a display to sample.
    #[must_use]
    pub(crate) fn counted(self, counter: Arc<AtomicU64>) -> Self {
        Self { counter: Some(counter), ..self }
    }

    /// Leaves the error that it fails with in `trouble`: who writes a blob often hands on only that it broke.
    #[must_use]
    pub(crate) fn watched(self, trouble: Arc<OnceLock<Error>>) -> Self {
        Self { trouble: Some(trouble), ..self }
    }

    /// Lets `explain` say more about the error that it fails with, such as which file was read.
    #[must_use]
    pub fn map_err(mut self, explain: impl Fn(Error) -> Error + Send + 'static) -> Self {
        self.explain = Some(match self.explain.take() {
            Some(first) => Box::new(move |error| explain(first(error))),
            None => Box::new(explain),
        });
        self
    }

    /// The next chunk; none once everything came and was verified. A blob is a stream as well: this is for those who
    /// read it in a loop and need nothing else of streams.
    ///
    /// # Errors
    /// If it cannot be read or is not what its name says.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        self.next().await.transpose()
    }

    /// Reads all of it into memory, for small blobs such as configs.
    ///
    /// # Errors
    /// If it cannot be read, is not what its name says, or is longer than `limit` bytes.
    pub async fn read_to_end(mut self, limit: u64) -> Result<Bytes> {
        let mut all = Vec::new(); // never sized by what a descriptor claims
        while let Some(chunk) = self.chunk().await? {
            if all.len() as u64 + chunk.len() as u64 > limit {
                let digest = &self.descriptor.digest;
                return Err(Error::new(ErrorKind::Unsupported, format!("`{digest}` is longer than {limit} bytes")));
            }
            all.extend_from_slice(&chunk);
        }
        Ok(all.into())
    }

    /// Takes a chunk from the source: hands it out if more must come, else the one held before, or fails.
    fn take(&mut self, chunk: Bytes) -> Result<Option<Bytes>> {
        if chunk.is_empty() {
            return Ok(None);
        }
        self.seen += chunk.len() as u64;
        if self.descriptor.known_size().is_some_and(|size| self.seen > size) {
            return Err(self.corrupt(format!("has more than the {} bytes that it should have", self.descriptor.size)));
        }
        if self.check.is_some() && self.enough.as_ref().is_some_and(|enough| enough()) {
            self.check = None;
            self.hashing.stop();
        }
        let size = self.descriptor.known_size();
        if let Some(check) = &mut self.check {
            check.update(&chunk);
        }
        match size {
            Some(size) if self.seen < size => Ok(Some(chunk)),
            _ => Ok(self.held.replace(chunk)),
        }
    }

    /// Says whether everything that came is what the name says.
    fn verdict(&mut self) -> Result<()> {
        if let Some(size) = self.descriptor.known_size().filter(|size| *size != self.seen) {
            return Err(self.corrupt(format!("ended after {} of {size} bytes", self.seen)));
        }
        match self.check.take().map(Hasher::finish) {
            Some(found) if found != self.descriptor.digest => Err(self.corrupt(format!("has digest `{found}`"))),
            _ => Ok(()),
        }
    }

    /// Ends the blob with an error.
    fn failed(&mut self, error: Error) -> Error {
        self.ended = true;
        (self.held, self.check, self.reopen) = (None, None, None);
        let error = match &self.explain {
            Some(explain) => explain(error),
            None => error,
        };
        if let Some(trouble) = &self.trouble {
            let _ = trouble.set(error.clone()); // the first one is the cause
        }
        error
    }

    fn corrupt(&self, what: String) -> Error {
        let digest = &self.descriptor.digest;
        Error::new(ErrorKind::Corrupt, format!("the blob `{digest}` {what}"))
            .with_retry(Retry::Soon)
            .with_hint("it is broken at the source, or something on the way changes it")
    }
}

impl Stream for Blob {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        while !this.ended {
            let step = match ready!(this.source.poll_next_unpin(cx)) {
                Some(chunk) => chunk.and_then(|chunk| this.take(chunk)),
                None => {
                    this.ended = true;
                    this.verdict().map(|()| this.held.take())
                }
            };
            match step {
                Ok(Some(chunk)) => {
                    if let Some(counter) = &this.counter {
                        counter.fetch_add(chunk.len() as u64, Ordering::Relaxed);
                    }
                    return Poll::Ready(Some(Ok(chunk)));
                }
                Ok(None) => {}
                Err(error) => {
                    return Poll::Ready(Some(Err(this.failed(error))));
                }
            }
        }
        Poll::Ready(None)
    }
}

/// A handle that tells whether a blob is hashed while it is read.
#[derive(Clone, Debug)]
pub struct Hashing(Arc<AtomicBool>);

impl Hashing {
    /// Returns true if the blob has been hashed up to now.
    pub fn is_on(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn stop(&self) {
        self.0.store(false, Ordering::Release);
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({})", self.descriptor.digest)
    }
}

#[cfg(test)]
mod tests;
