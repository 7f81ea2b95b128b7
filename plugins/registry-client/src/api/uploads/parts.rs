//! The bytes of a blob, handed out in parts: each part is the body of a request, and can be read again.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes};
use futures::Stream;
use sealift_core::{
    blob::{Blob, BlobMark},
    error::{Error, Result},
};
use tokio::time::Sleep;

/// A blob that is handed out in parts.
pub(super) struct BlobParts(Arc<Mutex<PartsState>>);

struct PartsState {
    /// None while the blob goes back.
    blob: Option<Blob>,
    /// The rest of a chunk that the last part ended in.
    rest: Bytes,
    /// Bytes that were handed on of this part.
    given: u64,
    length: u64,
    /// The number of the part. A body of an earlier one gets nothing more.
    number: u64,
    /// Places within the part that the blob can return to, the first one at its beginning.
    marks: Vec<Mark>,
}

struct Mark {
    offset: u64,
    blob: BlobMark,
    rest: Bytes,
}

/// The distance between two places that are remembered, so that little is read again.
const MARK_EVERY: u64 = 8 << 20;

impl BlobParts {
    pub(super) fn new(blob: Blob) -> Self {
        let state =
            PartsState { blob: Some(blob), rest: Bytes::new(), given: 0, length: 0, number: 0, marks: Vec::new() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Returns the next `length` bytes. With `hold` the first of them comes after that time: a request of this size may be
    /// refused without a look at its body, and then nothing has to be read again.
    pub(super) fn next(&self, length: u64, hold: Option<Duration>) -> PartBody {
        let mut state = self.state();
        state.number += 1;
        (state.given, state.length) = (0, length);
        state.marks.clear();
        state.mark();
        let hold = hold.map(|hold| Box::pin(tokio::time::sleep(hold)));
        PartBody { state: Arc::clone(&self.0), number: state.number, hold }
    }

    /// Ends the body of the part. Returns how many bytes it handed on.
    pub(super) fn end(&self) -> u64 {
        let mut state = self.state();
        state.number += 1;
        state.given
    }

    /// Returns to `offset` within the part, so that the next one begins there. Returns false if the source cannot do that.
    ///
    /// # Errors
    /// If the source fails.
    pub(super) async fn back_to(&self, offset: u64) -> Result<bool> {
        let given = self.end();
        if offset == given {
            return Ok(true);
        }
        let (mark, mut blob) = {
            let mut state = self.state();
            let Some(at) = state.marks.iter().rposition(|mark| mark.offset <= offset) else { return Ok(false) };
            (state.marks.swap_remove(at), state.blob.take().expect("only one body goes back"))
        };
        blob.rewind(&mark.blob).await?;
        let (mut rest, mut left) = (mark.rest, offset - mark.offset);
        loop {
            let skipped = left.min(rest.len() as u64);
            rest.advance(usize::try_from(skipped).unwrap_or_default());
            left -= skipped;
            if left == 0 {
                break;
            }
            let Some(chunk) = blob.chunk().await? else { return Ok(false) };
            rest = chunk;
        }
        let mut state = self.state();
        (state.blob, state.rest) = (Some(blob), rest);
        Ok(true)
    }

    fn state(&self) -> MutexGuard<'_, PartsState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PartsState {
    fn mark(&mut self) {
        if let Some(blob) = self.blob.as_ref().and_then(Blob::mark) {
            self.marks.push(Mark { offset: self.given, blob, rest: self.rest.clone() });
        }
    }
}

/// One part as the body of a request.
pub(super) struct PartBody {
    state: Arc<Mutex<PartsState>>,
    number: u64,
    hold: Option<Pin<Box<Sleep>>>,
}

impl Stream for PartBody {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(hold) = &mut self.hold {
            ready!(hold.as_mut().poll(cx));
            self.hold = None;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        let left = state.length - state.given;
        if left == 0 {
            return Poll::Ready(None);
        }
        if state.rest.is_empty() && state.marks.last().is_some_and(|last| state.given >= last.offset + MARK_EVERY) {
            state.mark();
        }
        let Some(blob) = state.blob.as_mut().filter(|_| state.number == self.number) else {
            return Poll::Ready(Some(Err(Error::cancelled())));
        };
        if state.rest.is_empty() {
            match ready!(Pin::new(blob).poll_next(cx)) {
                Some(Ok(chunk)) => state.rest = chunk,
                other => return Poll::Ready(other),
            }
        }
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(state.rest.len());
        state.given += length as u64;
        Poll::Ready(Some(Ok(state.rest.split_to(length))))
    }
}
