//! Repositories over one layout.
//!
//! The index on the disk is authoritative. The served content follows from it, and changes only after it: a change is
//! tried on a copy, written, and then published ([`change`]). Everything that changes shared state runs in a task of
//! its own, so that a client that goes away leaves nothing half done.

mod change;
mod content;
mod load;
mod names;
mod path;
mod repository;
mod space;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sealift_core::{
    content::{Descriptor, Digest, Manifest, Reference},
    error::{Error, ErrorKind, Result},
};
use sealift_oci_layout::{BlobWriter, EntryName, Layout, Writer, WriterOptions};
use tokio::sync::{RwLock, Semaphore};
use tokio_util::task::TaskTracker;

use crate::{descriptors::READING, options::ServeOptions};
pub(crate) use change::ChangeError;
use change::Order;
pub(crate) use content::Objection;
pub use names::NameClash;
use names::RepositoryNames;
pub(crate) use repository::ServedRepository;
use space::ReleasedContent;

/// Repositories over one layout.
pub(crate) struct RepositoryStore {
    layout: Layout,
    writer: Option<Writer>,
    /// The repository of entries that are only a tag.
    unnamed: String,
    /// The repositories of the index.
    names: Mutex<RepositoryNames>,
    /// Blobs that were brought to a path and that no manifest there had then. In memory alone.
    loose: Mutex<HashMap<String, HashSet<Digest>>>,
    /// Deleted, and may still be on the disk.
    released: Mutex<ReleasedContent>,
    /// Held for reading from the moment at which content is on the disk until it is listed or loose; for writing while
    /// content is removed.
    coming: RwLock<()>,
    /// Takes manifests whose content is missing.
    sparse: bool,
    /// Held while `names` is compared with the index: how often others had changed the index when it was read.
    seen: tokio::sync::Mutex<u64>,
    /// Changes that wait to be made.
    orders: Mutex<Vec<Order>>,
    /// Held for writing while the index and `names` differ, because a change is being made.
    changing: RwLock<()>,
    /// Manifests that may be read at the same time.
    reading: Semaphore,
    /// Work that goes on when its request is gone.
    background: TaskTracker,
}

impl RepositoryStore {
    pub(crate) async fn open(options: &ServeOptions, background: TaskTracker) -> Result<Self> {
        let writer = if options.writable {
            let writer = Writer::create(&options.dir, WriterOptions { sync: options.sync }).await?;
            // A server lives for days, and what others take out of the index meanwhile shall stay out.
            writer.defend_for(Duration::ZERO);
            Some(writer)
        } else {
            None
        };
        let layout = match &writer {
            Some(writer) => writer.layout().clone(),
            None => Layout::open(&options.dir).await?,
        };
        let unnamed = match &options.name {
            Some(name) if path::served(name).as_ref() == Some(name) => name.clone(),
            Some(name) => {
                let message = format!("`{name}` cannot be the name of a repository");
                return Err(
                    Error::new(ErrorKind::Unsupported, message).with_hint("small letters and digits, as in `team/app`")
                );
            }
            None => path::unnamed(&options.dir),
        };
        let seen = layout.rereads();
        let names = Mutex::new(read(&layout, &unnamed));
        Ok(Self {
            layout,
            writer,
            unnamed,
            names,
            loose: Mutex::default(),
            released: Mutex::default(),
            coming: RwLock::default(),
            sparse: options.sparse,
            seen: tokio::sync::Mutex::new(seen),
            orders: Mutex::default(),
            changing: RwLock::default(),
            reading: Semaphore::new(READING),
            background,
        })
    }

    /// Takes up what others changed in the directory. What a client has begun to pull from what was there before, it
    /// can still finish.
    ///
    /// # Errors
    /// If the index cannot be read; then what was known is still served.
    pub(crate) async fn refresh(self: &Arc<Self>) -> Result<()> {
        let this = Arc::clone(self);
        let refreshing = self.background.spawn(async move {
            // A change that is being made looks for those of others itself, and must not be waited for by readers.
            let Ok(_idle) = this.changing.try_read() else { return Ok(()) };
            this.follow().await
        });
        refreshing.await.unwrap_or_else(|_| Err(Error::cancelled()))
    }

    /// Makes the repositories anew if the index is another one.
    async fn follow(&self) -> Result<()> {
        let mut seen = self.seen.lock().await;
        self.layout.refresh().await?;
        let now = self.layout.rereads();
        if *seen == now {
            return Ok(());
        }
        *seen = now;
        let names = read(&self.layout, &self.unnamed);
        let mut current = self.all();
        // A writable registry serves what it would serve after a restart.
        if !self.is_writable() {
            names.succeed(&current);
        }
        let before = current.clashes();
        for clash in names.clashes().iter().filter(|clash| !before.contains(clash)) {
            tracing::warn!("{clash}: ask for it with the registry before the path");
        }
        *current = names;
        Ok(())
    }

    /// The path of the repository that is meant; `registry` is the one whose mirror a client takes this one for.
    ///
    /// # Errors
    /// If several registries have such a path.
    pub(crate) fn find(&self, path: &str, registry: Option<&str>) -> Result<String, NameClash> {
        self.all().find(path, registry)
    }

    /// Finds the repository for a push: one that was begun at a path goes on there.
    ///
    /// # Errors
    /// Those of [`RepositoryStore::find`].
    pub(crate) fn find_for_push(&self, path: &str, registry: Option<&str>) -> Result<String, NameClash> {
        if self.loose().contains_key(path) {
            return Ok(path.to_owned());
        }
        self.find(path, registry)
    }

    /// Paths that could mean several repositories.
    pub(crate) fn clashes(&self) -> Vec<NameClash> {
        self.all().clashes()
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn writer(&self) -> Option<&Writer> {
        self.writer.as_ref()
    }

    pub(crate) fn is_writable(&self) -> bool {
        self.writer.is_some()
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// Those of [`Layout::manifest`].
    pub(crate) async fn manifest(&self, item: &Descriptor) -> Result<Manifest> {
        let _place = self.reading.acquire().await;
        self.layout.manifest(item).await
    }

    /// A repository that has, or had, a manifest.
    pub(crate) fn repository(&self, path: &str) -> Option<Arc<ServedRepository>> {
        self.all().by_path.get(path).cloned()
    }

    /// The repositories that have a manifest, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let all = self.all();
        all.by_path.iter().filter(|(_, repository)| !repository.is_empty()).map(|(path, _)| path.clone()).collect()
    }

    fn all(&self) -> MutexGuard<'_, RepositoryNames> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn loose(&self) -> MutexGuard<'_, HashMap<String, HashSet<Digest>>> {
        self.loose.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns true if a blob was brought to this path.
    pub(crate) fn is_loose(&self, path: &str, digest: &Digest) -> bool {
        self.loose().get(path).is_some_and(|blobs| blobs.contains(digest))
    }

    /// Puts a blob on the disk and notes that a repository has it.
    ///
    /// # Errors
    /// Those of [`BlobWriter::commit`].
    pub(crate) async fn take_blob(&self, path: &str, blob: BlobWriter, digest: &Digest) -> Result<()> {
        let _coming = self.coming.read().await;
        blob.commit(digest).await?;
        self.add_blob(path, digest);
        Ok(())
    }

    /// Notes that a repository has a blob.
    fn add_blob(&self, path: &str, digest: &Digest) {
        self.loose().entry(path.to_owned()).or_default().insert(digest.clone());
    }

    /// Returns true if a repository has a blob.
    ///
    /// # Errors
    /// If the layout cannot be read, so that it is not known.
    pub(crate) async fn has_blob(self: &Arc<Self>, path: &str, digest: &Digest) -> Result<bool> {
        if self.is_loose(path, digest) {
            return Ok(true);
        }
        match self.repository(path) {
            Some(repository) => repository.has_blob(self, digest).await,
            None => Ok(false),
        }
    }

    /// Forgets a blob that no manifest has; says whether it was known.
    pub(crate) async fn forget_blob(self: &Arc<Self>, path: &str, digest: &Digest) -> Result<bool, ChangeError> {
        if let Some(repository) = self.repository(path)
            && repository.known(self).await.whole()?.has_blob(digest)
        {
            let detail = "a manifest of the repository has it: delete that one first";
            return Err(ChangeError::Objection(Objection::InUse(detail)));
        }
        let was_known = self.loose().get_mut(path).is_some_and(|blobs| blobs.remove(digest));
        if was_known {
            self.release([digest.clone()]);
        }
        Ok(was_known)
    }

    /// Takes a blob from one repository to another; says whether it was there.
    pub(crate) async fn mount(self: &Arc<Self>, path: &str, digest: &Digest, from: &str) -> Result<bool> {
        let _coming = self.coming.read().await;
        // The file is checked, too: another program may have cleaned up the directory.
        let there = self.has_blob(from, digest).await? && self.layout.open_blob(digest).await?.is_some();
        if there {
            self.add_blob(path, digest);
        }
        Ok(there)
    }

    /// Makes lasting what was written, and gives back the space of what was deleted.
    pub(crate) async fn close(&self) -> Result<()> {
        self.give_back().await;
        match &self.writer {
            Some(writer) => writer.commit().await,
            None => Ok(()),
        }
    }
}

/// The repositories that the index has.
fn read(layout: &Layout, unnamed: &str) -> RepositoryNames {
    let mut names = RepositoryNames::default();
    for broken in layout.broken_entries() {
        tracing::warn!("{broken}; it is not served");
    }
    for entry in layout.entries() {
        let name = EntryName::of(&entry).unwrap_or_else(|| EntryName {
            repository: String::new(),
            version: Reference::Digest(entry.digest.clone()),
        });
        let written = if name.repository.is_empty() { unnamed } else { &name.repository };
        match path::served(written) {
            Some(path) => names.make(written, &path).list(name.version, &entry),
            None => tracing::warn!(name = written, "cannot be served under this name"),
        }
    }
    names
}

#[cfg(test)]
mod tests;
