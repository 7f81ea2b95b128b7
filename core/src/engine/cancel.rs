//! Stopping a run, in two steps.

use tokio_util::sync::CancellationToken;

/// Stops a run: first gently, then at once. Clones stop the same run.
#[derive(Clone, Debug, Default)]
pub struct CancelHandle {
    gentle: CancellationToken,
    hard: CancellationToken,
}

impl CancelHandle {
    /// Returns a handle for a run that is not stopped.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts nothing new and lets running transfers end for a while. A second call stops at once.
    pub fn stop(&self) {
        if self.gentle.is_cancelled() {
            self.hard.cancel();
        }
        self.gentle.cancel();
    }

    /// Returns true if a stop was requested.
    pub fn is_stopping(&self) -> bool {
        self.gentle.is_cancelled()
    }

    pub(crate) async fn stopping(&self) {
        self.gentle.cancelled().await;
    }

    pub(crate) fn stop_now(&self) {
        self.gentle.cancel();
        self.hard.cancel();
    }

    pub(crate) async fn stopped(&self) {
        self.hard.cancelled().await;
    }
}
