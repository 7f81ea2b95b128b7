//! Space of what was deleted.
//!
//! What a deleted manifest had is removed from the disk if nothing that is listed needs it, a few seconds later, so that
//! many deletions cost one look at the directory. What other programs left there stays.

use std::{
    collections::HashSet,
    mem::take,
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use sealift_core::{content::Digest, error::Result};
use sealift_oci_layout::{Sweep, Writer};

use super::RepositoryStore;

/// The time from a deletion to the removal of the files.
const DELAY: Duration = Duration::from_secs(5);

/// Content that was deleted and may still be on the disk.
#[derive(Default)]
pub(super) struct ReleasedContent {
    digests: HashSet<Digest>,
    /// True while a task waits to remove it.
    is_awaited: bool,
}

impl RepositoryStore {
    /// Notes content that was deleted from a repository; its files are removed soon.
    pub(super) fn release(self: &Arc<Self>, digests: impl IntoIterator<Item = Digest>) {
        let mut released = self.released();
        released.digests.extend(digests);
        if released.digests.is_empty() || std::mem::replace(&mut released.is_awaited, true) {
            return;
        }
        // Ending the server does not wait for it: `RepositoryStore::close` gives back what is left.
        let store = Arc::downgrade(self);
        tokio::spawn(async move {
            tokio::time::sleep(DELAY).await;
            if let Some(store) = store.upgrade() {
                store.give_back().await;
            }
        });
    }

    /// Removes the files of what was deleted, as far as nothing needs them.
    pub(super) async fn give_back(&self) {
        let Some(writer) = &self.writer else { return };
        // Content that is being taken is not listed yet.
        let _nothing_comes = self.coming.write().await;
        let digests = {
            let mut released = self.released();
            released.is_awaited = false;
            take(&mut released.digests)
        };
        if let Err(error) = self.remove(writer, digests.clone()).await {
            tracing::warn!(%error, "the space of what was deleted is not given back");
            self.released().digests.extend(digests);
        }
    }

    async fn remove(&self, writer: &Writer, mut digests: HashSet<Digest>) -> Result<()> {
        {
            let loose = self.loose();
            digests.retain(|digest| !loose.values().any(|blobs| blobs.contains(digest)));
        }
        if digests.is_empty() {
            return Ok(());
        }
        self.layout.refresh().await?;
        let sweep = Sweep::of_unneeded(writer, digests).await?;
        writer.sweep(&sweep).await
    }

    fn released(&self) -> MutexGuard<'_, ReleasedContent> {
        self.released.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
