//! One reader, several takers.
//!
//! The bytes are read and hashed once. Each taker has a buffer of its own; one that stays full for longer than the
//! patience leaves the tee with an error that says so, and the others go on.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt, stream};
use tokio::{
    sync::{Semaphore, mpsc},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::Blob;
use crate::error::{Error, ErrorKind, Result, Retry};

/// Bounds of a tee.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TeeOptions {
    /// Bytes that a taker may be behind. Default: 256 KiB.
    pub(crate) buffer: usize,
    /// Time for which the others wait for a consumer with a buffer more than half full. Default: 5 s.
    pub(crate) patience: Duration,
}

impl Default for TeeOptions {
    fn default() -> Self {
        Self { buffer: 256 << 10, patience: Duration::from_secs(5) }
    }
}

/// One taker's side of a tee.
pub(crate) struct TeeEnd {
    /// The bytes.
    pub(crate) blob: Blob,
    /// Cancelled when this side was too slow and left the tee. A writer to a destination that takes nothing
    /// would never see the error in the blob itself.
    pub(crate) left: CancellationToken,
}

struct End {
    left: CancellationToken,
    chunks: mpsc::UnboundedSender<Result<Bytes>>,
    room: Arc<Semaphore>,
    /// Since when the others have to wait for this one. A taker that takes a little now and then is slow all the same.
    slow_since: Option<Instant>,
}

impl Blob {
    /// Splits into `takers` blobs that yield the same bytes from one read.
    ///
    /// They must be pulled at the same time. All of them wait for the verdict on the whole before their last chunk.
    pub(crate) fn tee(mut self, takers: usize, options: TeeOptions) -> Vec<TeeEnd> {
        let (descriptor, hashing) = (self.descriptor.clone(), self.hashing());
        let (ends, takers): (Vec<_>, Vec<_>) = (0..takers)
            .map(|_| {
                let (sender, receiver) = mpsc::unbounded_channel::<Result<Bytes>>();
                let room = Arc::new(Semaphore::new(options.buffer));
                let left = CancellationToken::new();
                let end = End { left: left.clone(), chunks: sender, room: Arc::clone(&room), slow_since: None };
                let chunks = stream::unfold((receiver, room), move |(mut receiver, room)| async move {
                    let chunk = match receiver.recv().await {
                        Some(Ok(end)) if end.is_empty() => return None,
                        Some(chunk) => chunk,
                        // Without an end there was no verdict: the reader is gone.
                        None => Err(Error::cancelled()),
                    };
                    if let Ok(bytes) = &chunk {
                        room.add_permits(bytes.len().min(options.buffer));
                    }
                    Some((chunk, (receiver, room)))
                });
                (end, TeeEnd { blob: Self::side(descriptor.clone(), chunks, hashing.clone()), left })
            })
            .unzip();
        tokio::spawn(async move {
            let mut ends = ends;
            while let Some(chunk) = self.next().await {
                match chunk {
                    Ok(chunk) => hand_round(&mut ends, &chunk, options).await,
                    Err(error) => {
                        for end in &ends {
                            let _ = end.chunks.send(Err(error.clone())); // a taker that is gone needs no news
                        }
                        return;
                    }
                }
                if ends.is_empty() {
                    return;
                }
            }
            for end in &ends {
                let _ = end.chunks.send(Ok(Bytes::new())); // a taker that is gone needs no news
            }
        });
        takers
    }
}

/// Sends a chunk to all consumers (an empty one marks the end) and detaches those that closed or stalled.
async fn hand_round(ends: &mut Vec<End>, chunk: &Bytes, options: TeeOptions) {
    let permits = u32::try_from(chunk.len().min(options.buffer)).unwrap_or(u32::MAX);
    let mut at = 0;
    while let Some(end) = ends.get_mut(at) {
        if end.room.available_permits() >= options.buffer / 2 {
            end.slow_since = None;
        }
        let at_once = end.room.try_acquire_many(permits).map(|room| room.forget()).is_ok();
        let has_room = at_once || end.wait_for_room(permits, options.patience).await;
        if has_room && end.chunks.send(Ok(chunk.clone())).is_ok() {
            at += 1;
        } else {
            let _ = end.chunks.send(Err(laggard(options))); // a taker that is gone needs no news
            end.left.cancel();
            ends.remove(at);
        }
    }
}

impl End {
    /// Waits for room in the buffer; false if the taker is gone or was slow for too long.
    async fn wait_for_room(&mut self, permits: u32, patience: Duration) -> bool {
        let deadline = *self.slow_since.get_or_insert_with(Instant::now) + patience;
        tokio::select! {
            biased;
            room = self.room.acquire_many(permits) => room.map(|room| room.forget()).is_ok(),
            () = self.chunks.closed() => false,
            () = tokio::time::sleep_until(deadline) => false,
        }
    }
}

/// Returns the error of a consumer that was detached because it was too slow.
pub(crate) fn laggard(options: TeeOptions) -> Error {
    let seconds = options.patience.as_secs();
    Error::new(
        ErrorKind::Unavailable,
        format!("took no bytes for {seconds} s while others waited for it, so it is served alone"),
    )
    .with_retry(Retry::Soon)
}
