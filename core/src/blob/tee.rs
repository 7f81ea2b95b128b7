//! One reader, several takers.
//!
//! The bytes are read and hashed once. Each taker has a buffer of its own; one that stays full for longer than the
//! patience leaves the tee with an error that says so, and the others go on.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt, stream};
use tokio::sync::{Semaphore, mpsc};

use super::Blob;
use crate::error::{Error, ErrorKind, Result, Retry};

/// Bounds of a tee.
#[derive(Clone, Copy, Debug)]
pub struct TeeOptions {
    /// Bytes that a taker may be behind. Default: 1 MiB.
    pub buffer: usize,
    /// How long the others wait for a taker whose buffer is full. Default: 5 s.
    pub patience: Duration,
}

impl Default for TeeOptions {
    fn default() -> Self {
        Self { buffer: 1 << 20, patience: Duration::from_secs(5) }
    }
}

struct End {
    chunks: mpsc::UnboundedSender<Result<Bytes>>,
    room: Arc<Semaphore>,
}

impl Blob {
    /// Splits into `takers` blobs that yield the same bytes from one read.
    ///
    /// They must be pulled at the same time. All of them wait for the verdict on the whole before their last chunk.
    pub fn tee(mut self, takers: usize, options: TeeOptions) -> Vec<Self> {
        let descriptor = self.descriptor.clone();
        let (ends, blobs): (Vec<_>, Vec<_>) = (0..takers)
            .map(|_| {
                let (sender, receiver) = mpsc::unbounded_channel::<Result<Bytes>>();
                let room = Arc::new(Semaphore::new(options.buffer));
                let end = End { chunks: sender, room: Arc::clone(&room) };
                let chunks = stream::unfold((receiver, room), move |(mut receiver, room)| async move {
                    let chunk = receiver.recv().await?;
                    if let Ok(bytes) = &chunk {
                        room.add_permits(bytes.len().min(options.buffer));
                    }
                    Some((chunk, (receiver, room)))
                });
                (end, Self::verified(descriptor.clone(), chunks))
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
        });
        blobs
    }
}

/// Gives a chunk to everybody; who is gone or too slow is no longer among the ends afterwards.
async fn hand_round(ends: &mut Vec<End>, chunk: &Bytes, options: TeeOptions) {
    let permits = u32::try_from(chunk.len().min(options.buffer)).unwrap_or(u32::MAX);
    // One deadline for all, so that several slow takers do not add up.
    let deadline = tokio::time::Instant::now() + options.patience;
    let mut staying = Vec::with_capacity(ends.len());
    for end in ends.drain(..) {
        let room = tokio::select! {
            biased;
            room = end.room.acquire_many(permits) => room.ok().map(|room| room.forget()),
            () = end.chunks.closed() => continue,
            () = tokio::time::sleep_until(deadline) => None,
        };
        if room.is_some() && end.chunks.send(Ok(chunk.clone())).is_ok() {
            staying.push(end);
        } else {
            let _ = end.chunks.send(Err(laggard(options))); // a taker that is gone needs no news
        }
    }
    *ends = staying;
}

fn laggard(options: TeeOptions) -> Error {
    let seconds = options.patience.as_secs();
    Error::new(
        ErrorKind::Unavailable,
        format!("took no bytes for {seconds} s while others waited for it, so it is served alone"),
    )
    .retry(Retry::Soon)
}
