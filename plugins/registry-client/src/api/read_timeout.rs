//! Reading with a limit on standing still.
//!
//! Only the time counts that we wait for bytes: a slow taker is not the registry's fault. Over each span of waiting a
//! few bytes must come, so that a connection that trickles is left as well as one that is dead.

use std::time::Duration;

use bytes::Bytes;
use sealift_core::error::{Error, ErrorKind, Result};
use tokio::time::{Instant, timeout};

use crate::{timing::Timing, transport::Response};

/// Something that bytes come from. Waiting for a piece may be given up and begun again.
pub(super) trait Pieces: Send {
    /// The next piece; none at the end.
    fn piece(&mut self) -> impl Future<Output = Result<Option<Bytes>>> + Send;
}

impl Pieces for Response {
    fn piece(&mut self) -> impl Future<Output = Result<Option<Bytes>>> + Send {
        self.chunk()
    }
}

/// Watches one stream of bytes.
#[derive(Debug)]
pub(super) struct ReadTimeout {
    span: Duration,
    waited: Duration,
    bytes: u64,
}

impl ReadTimeout {
    pub(super) fn new(span: Duration) -> Self {
        Self { span, waited: Duration::ZERO, bytes: 0 }
    }

    /// Waits for the next piece.
    ///
    /// # Errors
    /// As the source, and if nothing worth mentioning came over a whole span.
    pub(super) async fn watch(&mut self, source: &mut impl Pieces) -> Result<Option<Bytes>> {
        loop {
            let began = Instant::now();
            let got = timeout(self.span.saturating_sub(self.waited), source.piece()).await;
            self.waited += began.elapsed();
            match got {
                Ok(piece) => {
                    if let Ok(Some(bytes)) = &piece {
                        self.bytes += bytes.len() as u64;
                    }
                    return piece;
                }
                Err(_) if self.bytes < Timing::IDLE_BYTES => {
                    let what = format!("only {} bytes came in {} s", self.bytes, self.waited.as_secs());
                    return Err(Error::new(ErrorKind::Unavailable, what));
                }
                Err(_) => *self = Self::new(self.span),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_secs(60);

    /// Pieces of so many bytes, each after a pause.
    struct Line(usize, Duration);

    impl Pieces for Line {
        async fn piece(&mut self) -> Result<Option<Bytes>> {
            tokio::time::sleep(self.1).await;
            Ok(Some(Bytes::from(vec![0; self.0])))
        }
    }

    async fn read_for(time: Duration, size: usize, pause: Duration) -> Result<()> {
        let mut idle = ReadTimeout::new(SPAN);
        let start = Instant::now();
        while start.elapsed() < time {
            idle.watch(&mut Line(size, pause)).await?;
        }
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn a_steady_line_may_take_hours() {
        read_for(5 * 3600 * Duration::from_secs(1), 16 << 10, Duration::from_secs(5)).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn silence_and_trickle_are_left() {
        assert!(read_for(SPAN, 1 << 20, SPAN * 2).await.unwrap_err().message().contains("only 0 bytes"));
        let error = read_for(SPAN * 10, 10, Duration::from_secs(1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_that_a_slow_taker_needs_does_not_count() {
        let mut idle = ReadTimeout::new(SPAN);
        for _ in 0..10 {
            idle.watch(&mut Line(1, Duration::ZERO)).await.unwrap();
            tokio::time::sleep(SPAN).await; // the taker
        }
    }
}
