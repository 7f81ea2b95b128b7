//! Limits for open files and connections.
//!
//! The system limits the descriptors of a process; without a free one, existing content cannot be read. So the limit
//! is raised as far as possible, connections and the files that are open for them get a share each, and the rest is
//! reserved for what every request needs: the index, manifests, files to write to.

use std::{sync::Arc, time::Duration};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sealift_core::error::{Error, ErrorKind, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Manifests that are read at the same time, and with that files that are open for it.
pub(crate) const READING: usize = 16;

/// Permits for files that are open for clients: blobs that are sent, uploads that are written.
#[derive(Clone, Debug)]
pub(crate) struct FilePermits(Arc<Semaphore>);

/// Upper bound for waiting until another file is closed.
const PATIENCE: Duration = Duration::from_secs(10);

/// More files than this are not open for clients in any case.
const MOST: usize = 16_384;

impl FilePermits {
    /// So many of them.
    pub(crate) fn new(count: usize) -> Self {
        Self(Arc::new(Semaphore::new(count)))
    }

    /// Waits until a file may be opened. It may be open until the place is dropped.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if no other one is closed for long.
    pub(crate) async fn place(&self) -> Result<OwnedSemaphorePermit> {
        let place = tokio::time::timeout(PATIENCE, Arc::clone(&self.0).acquire_owned()).await;
        let place = place.ok().and_then(std::result::Result::ok);
        place.ok_or_else(|| Error::new(ErrorKind::Unavailable, "too many files are open for others"))
    }
}

/// The shares of the descriptors of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DescriptorShares {
    pub(crate) connections: usize,
    pub(crate) files: usize,
}

impl DescriptorShares {
    /// Raises the limit of this process, and shares out what it is then. `connections` is the most that is wanted.
    pub(crate) fn take(connections: usize) -> Self {
        Self::of(raise(), connections)
    }

    fn of(limit: usize, connections: usize) -> Self {
        // Manifests that are read, the index, its directory, what a program has open anyway.
        let reserve = (READING + 80).min(limit / 2);
        let connections = connections.min((limit - reserve) / 2).max(1);
        let files = (limit - reserve).saturating_sub(connections).clamp(1, MOST);
        Self { connections, files }
    }
}

/// Raises the number of files that this process may have open as far as it may; says what it is then.
fn raise() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current, // some systems have another limit above this one
    };
    current.map_or(usize::MAX, |current| usize::try_from(current).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests;
