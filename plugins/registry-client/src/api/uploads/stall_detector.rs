//! Watching an upload: who keeps whom waiting.
//!
//! A server that takes no bytes is left after a while; a source that gives none has a detector of its own. Once all bytes
//! are handed over, only the answer is missing, and object stores may need long for it.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures::Stream;
use sealift_core::error::{Error, Result};
use tokio::time::Instant;

/// Detects an upload that stands still.
#[derive(Debug)]
pub(super) struct StallDetector(Mutex<UploadState>);

#[derive(Debug)]
struct UploadState {
    phase: UploadPhase,
    left: u64,
    /// The error of the source; the HTTP client would only say that the body failed.
    failed: Option<Error>,
}

/// The side that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UploadPhase {
    /// The source of the bytes.
    Source,
    /// The server, for room.
    Room(Instant),
    /// The server, for its answer.
    Answer(Instant),
}

/// The way in which a server stalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stalled {
    /// It took no bytes.
    Upload,
    /// It gave no answer to the whole.
    Commit,
}

impl StallDetector {
    pub(super) fn new(size: u64) -> Arc<Self> {
        let phase = if size == 0 { UploadPhase::Answer(Instant::now()) } else { UploadPhase::Room(Instant::now()) };
        Arc::new(Self(Mutex::new(UploadState { phase, left: size, failed: None })))
    }

    /// The bytes of a body, with this detector over them.
    pub(super) fn over<S>(self: &Arc<Self>, body: S) -> MonitoredBody<S> {
        MonitoredBody { body, detector: Arc::clone(self) }
    }

    /// Comes back when the server kept us waiting for too long.
    pub(super) async fn stalled(&self, idle: Duration, commit: Duration) -> Stalled {
        loop {
            let (until, why) = match self.state().phase {
                UploadPhase::Source => (Instant::now() + idle, None),
                UploadPhase::Room(since) => (since + idle, Some(Stalled::Upload)),
                UploadPhase::Answer(since) => (since + commit, Some(Stalled::Commit)),
            };
            match why {
                Some(why) if until <= Instant::now() => return why,
                _ => tokio::time::sleep_until(until).await,
            }
        }
    }

    /// Returns true if all bytes were handed over.
    pub(super) fn all_sent(&self) -> bool {
        matches!(self.state().phase, UploadPhase::Answer(_))
    }

    /// Returns the error of the source, if it failed.
    pub(super) fn source_failed(&self) -> Option<Error> {
        self.state().failed.clone()
    }

    fn state(&self) -> MutexGuard<'_, UploadState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bytes of a body on their way to a server.
pub(super) struct MonitoredBody<S> {
    body: S,
    detector: Arc<StallDetector>,
}

impl<S: Stream<Item = Result<Bytes>> + Unpin> Stream for MonitoredBody<S> {
    type Item = Result<Bytes, io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if !this.detector.all_sent() {
            this.detector.state().phase = UploadPhase::Source;
        }
        let chunk = ready!(Pin::new(&mut this.body).poll_next(cx));
        let mut state = this.detector.state();
        Poll::Ready(match chunk {
            Some(Ok(bytes)) => {
                state.left = state.left.saturating_sub(bytes.len() as u64);
                // The client does not ask for more than it announced, so the end is not awaited.
                state.phase = if state.left == 0 {
                    UploadPhase::Answer(Instant::now())
                } else {
                    UploadPhase::Room(Instant::now())
                };
                Some(Ok(bytes))
            }
            Some(Err(error)) => {
                state.failed = Some(error);
                Some(Err(io::Error::other("the source failed")))
            }
            None => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt, stream};
    use sealift_core::{
        blob::Blob,
        content::{Descriptor, well_known},
        error::ErrorKind,
    };

    use super::*;

    const IDLE: Duration = Duration::from_secs(60);
    const COMMIT: Duration = Duration::from_secs(600);

    /// A blob of `chunks` pieces, each of which takes `pause` to come.
    fn slow_blob(chunks: usize, pause: Duration) -> (Blob, u64) {
        let content = vec![7; chunks];
        let pieces = stream::iter(0..chunks).then(move |_| async move {
            tokio::time::sleep(pause).await;
            Ok(Bytes::from_static(&[7]))
        });
        (Blob::new(Descriptor::of_bytes(well_known::OCI_LAYER_GZIP, &content), pieces), chunks as u64)
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_source_is_not_the_servers_fault() {
        let (blob, size) = slow_blob(5, 10 * IDLE);
        let detector = StallDetector::new(size);
        let mut upload = detector.over(blob);
        tokio::select! {
            biased;
            stalled = detector.stalled(IDLE, COMMIT) => panic!("{stalled:?}"),
            count = async { let mut count = 0; while upload.next().await.is_some() { count += 1; } count } => assert_eq!(count, 5),
        }
        assert!(detector.all_sent());
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_takes_nothing_is_left() {
        let (blob, size) = slow_blob(5, Duration::ZERO);
        let detector = StallDetector::new(size);
        let mut upload = detector.over(blob);
        upload.next().await.unwrap().unwrap();
        let start = Instant::now();
        assert_eq!(detector.stalled(IDLE, COMMIT).await, Stalled::Upload);
        assert_eq!(start.elapsed(), IDLE);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_may_take_longer_than_a_piece() {
        let (blob, size) = slow_blob(1, Duration::ZERO);
        let detector = StallDetector::new(size);
        let mut upload = detector.over(blob);
        upload.next().await.unwrap().unwrap();
        let start = Instant::now();
        assert_eq!(detector.stalled(IDLE, COMMIT).await, Stalled::Commit);
        assert_eq!(start.elapsed(), COMMIT);
    }

    #[tokio::test]
    async fn what_the_source_said_is_kept() {
        let failing = stream::iter([Err(Error::new(ErrorKind::NotFound, "gone"))]);
        let detector = StallDetector::new(1);
        let mut upload = detector.over(Blob::new(Descriptor::of_bytes(well_known::OCI_LAYER_GZIP, b"x"), failing));
        assert!(upload.next().await.unwrap().is_err());
        assert_eq!(detector.source_failed().unwrap().kind(), ErrorKind::NotFound);
        assert!(!detector.all_sent());
    }
}
