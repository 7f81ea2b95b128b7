//! One blob in several ranges at once, handed on in order.
//!
//! The range that is handed on is not kept. Those after it are kept in memory until it is their turn, so a blob needs at
//! most one [`RANGE`] less than there are ranges. Each of them needs a permit of its own: where other blobs need all
//! there are, a blob is read in one range after the other.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures::Stream;
use http::HeaderValue;
use sealift_core::{
    content::{Descriptor, Repository},
    error::Result,
    limit::{Permit, TransferSide},
};

use crate::registry::Registry;

/// The length of a range.
pub(super) const RANGE: u64 = 8 << 20;

/// The bytes that are worth more than one range.
pub(super) const WORTH_SPLITTING: u64 = 32 << 20;

type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;

/// Opens a range of a blob, up to the end of the blob if there is none.
pub(super) type OpenRange = fn(&BlobSource, u64, Option<u64>) -> Chunks;

/// The blob that is read.
pub(super) struct BlobSource {
    pub(super) registry: Arc<Registry>,
    pub(super) repository: Repository,
    pub(super) item: Descriptor,
    pub(super) transfer: Option<TransferSide>,
    /// The validator of the first range, which the others must have, too.
    pub(super) etag: Option<HeaderValue>,
}

/// The chunks of a blob, read in ranges.
pub(super) struct RangedChunks {
    source: BlobSource,
    open: OpenRange,
    size: u64,
    /// Ranges at once.
    most: usize,
    /// The first byte that was not handed on.
    at: u64,
    /// The first byte that no range has.
    next: u64,
    /// The range that is handed on, and those after it.
    ranges: VecDeque<Range>,
    /// True until it was tried to begin as many ranges as there may be.
    has_room: bool,
}

struct Range {
    start: u64,
    chunks: Chunks,
    read: VecDeque<Bytes>,
    is_read: bool,
    /// Of every range but the first one, which has that of the transfer.
    permit: Option<Permit>,
}

impl RangedChunks {
    /// The chunks from `start` on. The first range is open: it ends at `end`.
    pub(super) fn new(source: BlobSource, size: u64, most: usize, first: (u64, u64, Chunks), open: OpenRange) -> Self {
        let (start, next, chunks) = first;
        let first = Range { start, chunks, read: VecDeque::new(), is_read: false, permit: None };
        Self { source, open, size, most, at: start, next, ranges: VecDeque::from([first]), has_room: true }
    }

    /// Begins as many ranges as there may be.
    fn begin(&mut self) {
        while self.next < self.size && self.ranges.len() < self.most {
            let permit = match self.ranges.is_empty() {
                true => None,
                false => match self.source.registry.limit.spare_read() {
                    Some(permit) => Some(permit),
                    None => return,
                },
            };
            let start = self.next;
            let end = (self.most > 1).then(|| (start + RANGE).min(self.size));
            self.next = end.unwrap_or(self.size);
            let chunks = (self.open)(&self.source, start, end);
            self.ranges.push_back(Range { start, chunks, read: VecDeque::new(), is_read: false, permit });
        }
    }

    /// Gives up all ranges from a place on: the rest of the blob comes in one stream, whose failure counts.
    fn give_up(&mut self, at: usize) {
        self.next = if at == 0 { self.at } else { self.ranges[at].start };
        self.ranges.truncate(at);
        self.most = 1;
        self.has_room = true;
    }

    /// Reads what is there of the ranges that are not handed on yet.
    fn read_ahead(&mut self, cx: &mut Context<'_>) {
        for at in 1..self.ranges.len() {
            if self.ranges[at].read_ahead(cx).is_err() {
                return self.give_up(at);
            }
        }
    }
}

impl Range {
    fn read_ahead(&mut self, cx: &mut Context<'_>) -> Result<()> {
        while !self.is_read {
            match self.chunks.as_mut().poll_next(cx) {
                Poll::Ready(Some(chunk)) => self.read.push_back(chunk?),
                Poll::Ready(None) => (self.is_read, self.permit) = (true, None),
                Poll::Pending => return Ok(()),
            }
        }
        Ok(())
    }
}

impl Stream for RangedChunks {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if std::mem::take(&mut this.has_room) {
                this.begin();
            }
            this.read_ahead(cx);
            let Some(first) = this.ranges.front_mut() else { return Poll::Ready(None) };
            let chunk = match first.read.pop_front() {
                Some(chunk) => Some(Ok(chunk)),
                None if first.is_read => None,
                None => ready!(first.chunks.as_mut().poll_next(cx)),
            };
            match chunk {
                Some(Err(_)) if this.most > 1 => this.give_up(0),
                Some(Ok(chunk)) => {
                    this.at += chunk.len() as u64;
                    return Poll::Ready(Some(Ok(chunk)));
                }
                failed @ Some(_) => return Poll::Ready(failed),
                None => {
                    this.ranges.pop_front();
                    this.has_room = true;
                }
            }
        }
    }
}
