//! Writing a layout.

mod transaction;

use std::{
    ops::Deref,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::StreamExt;
use sealift_core::{
    blob::Blob,
    content::{Algorithm, Descriptor},
    error::{Error, ErrorKind, Result},
};
use tokio::time::Instant;

use crate::{
    blocking::blocking,
    dir::{Dir, make_all},
    fault::broken,
    incoming::Incoming,
    index::{self, Change, Index},
    layout::{Layout, MARKER, MARKER_TEXT, is_unborn},
    lock::Lock,
    name::Named,
    place::check_kind,
};
pub use transaction::EntryChange;

/// How a layout is written.
#[derive(Clone, Copy, Debug)]
pub struct WriterOptions {
    /// Whether to wait until things are on the disk. Default: true. Without it a power cut may leave names without
    /// content: only for directories that nobody needs afterwards.
    pub sync: bool,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self { sync: true }
    }
}

/// The one writer of a layout; it reads, too. Cheap to clone: the clones are one writer.
#[derive(Clone)]
pub struct Writer {
    layout: Layout,
    shared: Arc<Shared>,
}

struct Shared {
    sync: bool,
    /// Who writes `index.json`, and until when nobody should.
    turn: tokio::sync::Mutex<Option<Instant>>,
    /// Held while `index.json` is replaced. A dropped future does not stop that, so `turn` alone would not do.
    replacing: Mutex<()>,
    scheduled: AtomicBool,
    #[cfg(test)]
    writes: std::sync::atomic::AtomicUsize,
    _lock: Lock,
}

/// The directory for what is ours; readers of layouts ignore what they do not know.
pub(crate) const OURS: &str = ".sealift";

/// How long [`Writer::commit_soon`] gathers changes.
const GATHER: Duration = Duration::from_secs(1);

/// Longer indexes are not written one right after the other.
const LONG: usize = 256 << 10;

impl Writer {
    /// Opens a layout for writing; if the directory is missing or has no layout, one without images is made.
    ///
    /// Hidden files that an interrupted writer left behind are removed.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] if somebody else writes there; it is said who. Otherwise as [`Layout::open`], and if
    /// the directory cannot be written to. An `index.json` that cannot be read is never replaced.
    pub async fn create(path: impl Into<PathBuf>, options: WriterOptions) -> Result<Self> {
        let path = path.into();
        blocking(move || Self::create_blocking(&path, options)).await
    }

    fn create_blocking(path: &Path, options: WriterOptions) -> Result<Self> {
        make_all(path)?;
        let root = Dir::root(path)?.ok_or_else(|| broken(path, "is not a directory"))?;
        check_kind(&root)?;
        let lock = Lock::take(&root.make_sub(OURS)?)?;
        if !root.has(MARKER) {
            root.replace(MARKER, MARKER_TEXT, options.sync)?;
        }
        let blobs = root.make_sub("blobs")?.make_sub(Algorithm::Sha256.name())?;
        if is_unborn(&root)? {
            root.replace(index::FILE, Index::empty().render().as_bytes(), options.sync)?;
        }
        root.remove_parts()?;
        blobs.remove_parts()?;
        let shared = Shared {
            sync: options.sync,
            turn: tokio::sync::Mutex::default(),
            replacing: Mutex::default(),
            scheduled: AtomicBool::new(false),
            #[cfg(test)]
            writes: 0.into(),
            _lock: lock,
        };
        Ok(Self { layout: Layout::read(root)?, shared: Arc::new(shared) })
    }

    /// Whether it waits until things are on the disk.
    pub(crate) fn syncs(&self) -> bool {
        self.shared.sync
    }

    /// The same layout, for reading.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Says before a blob is brought if there is no room for it, or if files cannot be so large here.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if it would not fit.
    pub async fn check_room(&self, item: &Descriptor) -> Result<()> {
        let Some(need) = item.known_size() else { return Ok(()) };
        let layout = self.layout.clone();
        blocking(move || layout.0.make_blobs(Algorithm::Sha256)?.check_room(need)).await
    }

    /// Begins a blob whose digest is said at its end. Its bytes are hashed on the way.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if no file can be made.
    pub async fn begin(&self) -> Result<Incoming> {
        Incoming::begin(Arc::clone(&self.layout.0), None, false, self.shared.sync).await
    }

    /// Writes a blob: whole, or not at all. One that is there already is replaced.
    ///
    /// # Errors
    /// If the blob fails, or the disk does.
    pub async fn put_blob(&self, mut blob: Blob) -> Result<()> {
        let digest = blob.descriptor().digest.clone();
        let need = blob.descriptor().known_size();
        let mut incoming = Incoming::begin(Arc::clone(&self.layout.0), need, true, self.shared.sync).await?;
        while let Some(chunk) = blob.next().await {
            incoming.write(chunk?).await?;
        }
        incoming.commit(&digest).await
    }

    /// Writes bytes that are in memory, a manifest for example, unless they are there.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if they have another digest, [`ErrorKind::Storage`] if the disk fails.
    pub async fn put_bytes(&self, item: &Descriptor, bytes: Bytes) -> Result<()> {
        if self.layout.has(item).await? {
            return Ok(());
        }
        let mut incoming = self.begin().await?;
        incoming.write(bytes).await?;
        incoming.commit(&item.digest).await
    }

    /// Puts an entry into the index, in the place of the one of the same name. Readers see it after a commit.
    pub fn set(&self, entry: Named) {
        self.change(Change::Put(Box::new(entry.0)));
    }

    /// Removes the entry with this full name from the index. Its content stays.
    pub fn remove(&self, name: &str) {
        self.change(Change::Remove(name.to_owned()));
    }

    fn change(&self, change: Change) {
        let mut state = self.layout.0.state();
        if state.index.apply(&change) {
            state.generation += 1;
            state.pending.push(change);
        }
    }

    /// Writes `index.json`, if something changed, and waits until it is on the disk.
    ///
    /// Those who call this at the same time share one write. A long index is not written again at once, so that many
    /// small changes do not write it many times.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if it cannot be written; the changes are kept, so a later commit may succeed.
    pub async fn commit(&self) -> Result<()> {
        let wanted = self.layout.0.state().generation;
        let mut turn = self.shared.turn.lock().await;
        if self.layout.0.state().committed >= wanted {
            return Ok(()); // the one before took these changes along
        }
        if let Some(rest) = *turn {
            tokio::time::sleep_until(rest).await;
        }
        let started = Instant::now();
        let this = self.clone();
        let length = blocking(move || this.write_index()).await?;
        *turn = (length > LONG).then(|| Instant::now() + (started.elapsed() * 4).min(GATHER));
        Ok(())
    }

    /// Sees to it that `index.json` is written within a second or so, once for all changes until then.
    ///
    /// If that fails, the next [`Writer::commit`] says so: call it at the end. Must be called in a tokio runtime.
    pub fn commit_soon(&self) {
        if self.shared.scheduled.swap(true, Ordering::AcqRel) {
            return;
        }
        let layout = self.layout.clone();
        let shared = Arc::downgrade(&self.shared); // a writer that is gone is not kept alive for this
        tokio::spawn(async move {
            tokio::time::sleep(GATHER).await;
            let Some(shared) = shared.upgrade() else { return };
            shared.scheduled.store(false, Ordering::Release);
            if let Err(error) = (Self { layout, shared }).commit().await {
                tracing::debug!(%error, "cannot write the index yet");
            }
        });
    }

    fn replacing(&self) -> MutexGuard<'_, ()> {
        self.shared.replacing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The text of an index, if it is not too long for one.
    fn render(&self, index: &Index) -> Result<String> {
        let text = index.render();
        if text.len() as u64 > index::MAX_BYTES {
            let path = self.layout.0.root.file_path(index::FILE);
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("`{}` would be longer than {} bytes", path.display(), index::MAX_BYTES),
            )
            .hint("spread the images over several directories"));
        }
        Ok(text)
    }

    /// Replaces the file; says how long it is.
    fn write_index(&self) -> Result<usize> {
        let inner = &self.layout.0;
        let _replacing = self.replacing();
        let (text, changes, generation) = {
            let mut state = inner.state();
            if inner.root.stamp(index::FILE) != state.stamp {
                inner.reread(&mut state)?; // somebody without our lock wrote it
            }
            let text = self.render(&state.index)?;
            (text, std::mem::take(&mut state.pending), state.generation)
        };
        #[cfg(test)]
        self.shared.writes.fetch_add(1, Ordering::Relaxed);
        let written = inner.root.replace(index::FILE, text.as_bytes(), self.shared.sync);
        let mut state = inner.state();
        if let Err(error) = written {
            state.pending.splice(0..0, changes);
            return Err(error);
        }
        state.stamp = inner.root.stamp(index::FILE);
        state.committed = generation;
        Ok(text.len())
    }
}

impl Deref for Writer {
    type Target = Layout;

    fn deref(&self) -> &Layout {
        &self.layout
    }
}

#[cfg(test)]
mod tests;
