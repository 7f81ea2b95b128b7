//! The way from async code to the disk.

use sealift_core::error::{Error, Result};

/// Does what blocks on a thread that may block. A future that is dropped does not stop the work: it ends unseen.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Error::cancelled()), // the runtime is being shut down
        },
    }
}
