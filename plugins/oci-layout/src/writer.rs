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
    content::{Algorithm, Descriptor, Digest},
    error::{Error, ErrorKind, Result},
};
use tokio::time::Instant;

use crate::{
    archive_writer::is_archive_name,
    baseline::{self, Baseline},
    blob_writer::BlobWriter,
    blocking::blocking,
    dir::{ALONE, Dir, Stamp, make_all, sync_parent},
    fault::broken,
    index::{self, Index, IndexChange},
    layout::{IndexState, Layout},
    lock::WriterLock,
    marker::{MARKER, MARKER_TEXT, OURS, check_kind, each_written, is_incomplete},
    name::NamedEntry,
    staged::{StagingEnd, StagingRecord, StagingRequest},
    storage::LayoutDir,
};
pub use transaction::EntryChange;

/// Options of a [`Writer`].
#[derive(Clone, Copy, Debug)]
pub struct WriterOptions {
    /// Waits for `fsync`. Default: true. Without it a power cut may leave names without content, so switch it off for
    /// temporary directories only.
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
    shared: Arc<WriterInner>,
}

struct WriterInner {
    sync: bool,
    /// Held while `index.json` is written; the earliest time for the next write.
    turn: tokio::sync::Mutex<Option<Instant>>,
    /// Held while `index.json` is replaced. A dropped future does not stop that, so `turn` alone would not do.
    replacing: Mutex<()>,
    scheduled: AtomicBool,
    #[cfg(test)]
    writes: std::sync::atomic::AtomicUsize,
    _lock: WriterLock,
}

/// Upper bound for repeating a write of `index.json` after another program wrote it.
const TRIES: usize = 10;

/// The time for which [`Writer::commit_soon`] collects changes.
const GATHER: Duration = Duration::from_secs(1);

/// Longer indexes are not written one right after the other.
const LONG: usize = 256 << 10;

impl Writer {
    /// Opens a layout for writing. If the directory is missing or has no layout, one without images is made.
    ///
    /// Removes hidden files that an interrupted writer left behind, but large parts of blobs: [`Writer::put_blob`] goes on
    /// with them.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] with the name of the process that holds the lock; those of [`Layout::open`];
    /// [`ErrorKind::Storage`] if the directory cannot be written to. An `index.json` that cannot be read is never
    /// replaced.
    pub async fn create(path: impl Into<PathBuf>, options: WriterOptions) -> Result<Self> {
        let path = path.into();
        blocking(move || Self::create_blocking(&path, options)).await
    }

    fn create_blocking(path: &Path, options: WriterOptions) -> Result<Self> {
        if is_archive_name(path) && !path.exists() {
            return Err(broken(path, "would be a directory with the name of a tar file")
                .with_hint("give the directory another name"));
        }
        make_all(path)?;
        let root = Dir::root(path)?.ok_or_else(|| broken(path, "is not a directory"))?;
        let dir = LayoutDir::new(root);
        check_kind(&dir)?;
        let root = &dir.root;
        let ours = root.make_sub(OURS)?;
        let lock = WriterLock::take(&ours)?;
        if !root.has(MARKER) {
            root.replace(MARKER, MARKER_TEXT, options.sync)?;
        }
        root.make_sub("blobs")?.make_sub(Algorithm::Sha256.name())?;
        if is_incomplete(root)? {
            root.replace(index::FILE, Index::empty().render().as_bytes(), options.sync)?;
        }
        each_written(&dir, Dir::remove_stale_parts)?;
        if options.sync {
            sync_all(root)?;
        }
        let shared = WriterInner {
            sync: options.sync,
            turn: tokio::sync::Mutex::default(),
            replacing: Mutex::default(),
            scheduled: AtomicBool::new(false),
            #[cfg(test)]
            writes: 0.into(),
            _lock: lock,
        };
        Ok(Self { layout: Layout::read(Arc::new(dir))?, shared: Arc::new(shared) })
    }

    /// Returns the layout, for reading.
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
        blocking(move || layout.0.dir().make_blobs(Algorithm::Sha256)?.check_room(need, need)).await
    }

    /// Begins a blob whose digest is said at its end. Its bytes are hashed on the way.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if no file can be made.
    pub async fn begin(&self) -> Result<BlobWriter> {
        BlobWriter::begin(Arc::clone(&self.layout.0), None, false, self.shared.sync).await
    }

    /// Writes a blob: whole, or not at all. One that is there already is replaced. Goes on with what an earlier writer
    /// left of it, if the blob can be read from there. If it is large and breaks off, what came of it stays for the next one.
    ///
    /// # Errors
    /// If the blob fails, or the disk does.
    pub async fn put_blob(&self, mut blob: Blob) -> Result<()> {
        let item = blob.descriptor().clone();
        let layout = &self.layout.0;
        let mut incoming = match blob.mark().is_some() {
            true => BlobWriter::go_on(Arc::clone(layout), &item, self.shared.sync).await?,
            false => None,
        };
        if let Some(incoming) = &mut incoming {
            let mark = incoming.mark().expect("it was hashed when it was opened");
            if let Err(error) = blob.rewind(&mark).await {
                return Err(incoming.stopped(error));
            }
        }
        let mut incoming = match incoming {
            Some(incoming) => incoming,
            None => BlobWriter::begin_kept(Arc::clone(layout), &item, self.shared.sync).await?,
        };
        while let Some(chunk) = blob.next().await {
            match chunk {
                Ok(chunk) => incoming.write(chunk).await?,
                Err(error) => return Err(incoming.stopped(error)),
            }
        }
        incoming.commit(&item.digest).await
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
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if the index would become too long to be read; nothing is changed then.
    pub fn set(&self, entry: NamedEntry) -> Result<()> {
        self.change(IndexChange::Put(Box::new(entry.0)))
    }

    /// Removes the entry with this full name from the index. Its content stays.
    pub fn remove(&self, name: &str) {
        let removed = self.change(IndexChange::Remove(name.to_owned()));
        debug_assert!(removed.is_ok(), "an index does not grow by that");
    }

    fn change(&self, change: IndexChange) -> Result<()> {
        let mut state = self.layout.0.state();
        if !state.index.has_room_for(&change) {
            return Err(self.too_long());
        }
        let IndexState { index, own, generation, pending, .. } = &mut *state;
        if own.make(index, &change) {
            *generation += 1;
            pending.push(change);
        }
        Ok(())
    }

    fn too_long(&self) -> Error {
        let path = self.layout.0.root().file_path(index::FILE);
        let message = format!("`{}` would be longer than {} bytes", path.display(), index::MAX_BYTES);
        Error::new(ErrorKind::Unsupported, message).with_hint("spread the images over several directories")
    }

    /// Defends what is written into the index for so long only: when another program writes back an `index.json` that
    /// lacks an entry, the entry is put back. Without a limit that goes for as long as the writer lives.
    pub fn defend_for(&self, limit: Duration) {
        self.layout.0.state().own.limit(limit);
    }

    /// The names that were [set](Self::set) and are not on the disk yet, or not any more.
    pub fn unwritten(&self) -> Vec<String> {
        let state = self.layout.0.state();
        let mut names: Vec<String> = state.pending.iter().filter_map(IndexChange::name).map(str::to_owned).collect();
        names.extend(state.overruled.iter().cloned());
        names.sort();
        names.dedup();
        names
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
        match text.len() as u64 > index::MAX_BYTES {
            true => Err(self.too_long()),
            false => Ok(text),
        }
    }

    /// Writes `index.json` as [`Writer::commit`] does, and makes sure that it stays: what another program took out of
    /// it meanwhile is put back, and the directory must still be where it was. Call it at the end.
    ///
    /// # Errors
    /// As [`Writer::commit`], and [`ErrorKind::Conflict`] if a name of this writer stands for something else by now.
    pub async fn commit_and_check(&self) -> Result<()> {
        self.commit().await?;
        let this = self.clone();
        blocking(move || this.commit_and_check_blocking()).await
    }

    /// Notes in `.sealift/staged` what a run asks for. Call it before the first image is written.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if it cannot be written.
    pub async fn begin_staging(&self, request: StagingRequest) -> Result<()> {
        let this = self.clone();
        blocking(move || this.change_record(|record, state| record.begin(&state.index, &request))).await
    }

    /// Notes in `.sealift/staged` which images there are and what did not arrive, for [`verify`](crate::verify). Call it
    /// after [`Writer::commit_and_check`].
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if it cannot be written.
    pub async fn end_staging(&self, request: StagingRequest, end: StagingEnd) -> Result<()> {
        let this = self.clone();
        blocking(move || this.change_record(|record, state| record.end(&state.index, &state.own, &request, &end))).await
    }

    /// Takes names out of `.sealift/staged` that are no longer wanted.
    pub(crate) async fn forget_staged(&self, names: Vec<String>) -> Result<()> {
        let this = self.clone();
        let change = move |record: &mut StagingRecord, state: &IndexState| {
            record.forget(names.iter().map(String::as_str));
            record.settle(&state.index);
        };
        blocking(move || this.change_record(change)).await
    }

    fn change_record(&self, change: impl FnOnce(&mut StagingRecord, &IndexState)) -> Result<()> {
        let inner = &self.layout.0;
        let state = inner.state();
        StagingRecord::change(inner.dir(), self.shared.sync, |record| change(record, &state))
    }

    /// Stores the receipt by which blobs are left out, in `.sealift/base/`. Call it before the first blob is left out.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if it cannot be written.
    pub async fn keep_baseline(&self, baseline: &Baseline) -> Result<()> {
        let text = baseline.receipt().render();
        let name = format!("{}.json", Digest::of(text.as_bytes()).short());
        let (layout, sync) = (self.layout().clone(), self.shared.sync);
        blocking(move || {
            let dir = layout.0.root().make_sub(OURS)?.make_sub(baseline::DIR)?;
            if dir.has(&name) {
                return Ok(());
            }
            dir.replace(&name, text.as_bytes(), sync)?;
            layout.0.forget_baselines();
            Ok(())
        })
        .await
    }

    fn commit_and_check_blocking(&self) -> Result<()> {
        let inner = &self.layout.0;
        for _ in 0..TRIES {
            self.check_location()?;
            let open = {
                let mut state = inner.state();
                if inner.root().stamp(index::FILE) != state.stamp {
                    inner.reread(&mut state)?;
                }
                state.generation > state.committed
            };
            if open {
                self.write_index()?;
                continue;
            }
            inner.suspects.settle(inner.dir(), &inner.verified, self.shared.sync)?;
            let mut state = inner.state();
            state.overruled = state.own.overruled(&state.index);
            return match &state.overruled[..] {
                [] => Ok(()),
                [first, more @ ..] => {
                    let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
                    let path = inner.root().file_path(index::FILE);
                    let message = format!("another program changed `{first}`{more} in `{}` meanwhile", path.display());
                    Err(Error::new(ErrorKind::Conflict, message).with_hint(ALONE))
                }
            };
        }
        Err(self.restless())
    }

    fn restless(&self) -> Error {
        let path = self.layout.0.root().file_path(index::FILE);
        Error::new(ErrorKind::Conflict, format!("another program writes `{}` again and again", path.display()))
            .with_hint(ALONE)
    }

    /// Checks that the directory still is where it was, and still is a layout; otherwise nothing that was written is
    /// of use.
    fn check_location(&self) -> Result<()> {
        let root = self.layout.0.root();
        if !root.is_at_its_path() || !self.layout.0.dir().has_blobs_at_their_path() {
            let what = "was moved or removed while it was written";
            return Err(broken(root.path(), what).with_hint("put it back, and run again"));
        }
        if !root.has(MARKER) {
            return Err(broken(&root.file_path(MARKER), "was removed while the layout was written")
                .with_hint(format!("write `{}` into it again, and run again", MARKER_TEXT.escape_ascii())));
        }
        Ok(())
    }

    /// Replaces the file and returns its stamp; none if another program wrote it meanwhile.
    fn replace_index(&self, text: &str, stamp: Option<Stamp>) -> Result<Option<Stamp>> {
        let root = self.layout.0.root();
        let file = root.prepare(index::FILE, text.as_bytes(), self.shared.sync)?;
        // Waiting for the disk takes long enough for others to write.
        if root.stamp(index::FILE) != stamp {
            return Ok(None);
        }
        file.put_in_place(self.shared.sync).map(Some)
    }

    /// Notes in `.sealift/staged` what changes remove, before and after the index is written: between the two files a
    /// writer may be killed, and what it removed on purpose is not missed then.
    fn note_removals(&self, changes: &[IndexChange], are_done: bool) -> Result<()> {
        let mut removed = changes.iter().filter(|change| change.removes()).filter_map(IndexChange::name).peekable();
        if removed.peek().is_none() {
            return Ok(());
        }
        StagingRecord::change(self.layout.0.dir(), self.shared.sync, |record| match are_done {
            true => record.forget(removed),
            false => record.leave(removed),
        })
    }

    /// Replaces the file; says how long it is.
    fn write_index(&self) -> Result<usize> {
        let inner = &self.layout.0;
        let _replacing = self.replacing();
        for _ in 0..TRIES {
            self.check_location()?;
            let (text, stamp, changes, generation) = {
                let mut state = inner.state();
                if inner.root().stamp(index::FILE) != state.stamp {
                    inner.reread(&mut state)?; // a program without our lock wrote it
                }
                (self.render(&state.index)?, state.stamp, state.pending.clone(), state.generation)
            };
            self.note_removals(&changes, false)?;
            #[cfg(test)]
            self.shared.writes.fetch_add(1, Ordering::Relaxed);
            let Some(stamp) = self.replace_index(&text, stamp)? else { continue };
            let mut state = inner.state();
            state.pending.drain(..changes.len());
            state.stamp = Some(stamp);
            state.committed = generation;
            drop(state);
            self.note_removals(&changes, true)?;
            return Ok(text.len());
        }
        Err(self.restless())
    }
}

/// Waits until the names in the directories of a layout are on the disk. A writer that was killed between naming a blob
/// and waiting for the disk leaves a blob that this process sees and that a power cut takes away.
fn sync_all(root: &Dir) -> Result<()> {
    if let Some(blobs) = root.sub("blobs")? {
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            if let Some(dir) = blobs.sub(algorithm.name())? {
                dir.sync()?;
            }
        }
        blobs.sync()?;
    }
    root.sync()?;
    sync_parent(root.path());
    Ok(())
}

impl Deref for Writer {
    type Target = Layout;

    fn deref(&self) -> &Layout {
        &self.layout
    }
}

#[cfg(test)]
mod tests;
