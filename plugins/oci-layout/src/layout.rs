//! Reading a layout.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::{Stream, StreamExt};
use sealift_core::{
    Bytes,
    blob::Blob,
    content::{Descriptor, Digest, Manifest},
    error::{Error, ErrorKind, Result, Retry},
};
use tokio_util::io::ReaderStream;

use crate::{
    baseline::Baselines,
    blocking::blocking,
    changes::OwnChanges,
    dir::{Dir, Stamp, no_directory},
    fault::fault,
    index::{self, BrokenEntry, Index, IndexChange},
    locate,
    marker::{MARKER, check_readable, is_incomplete, lacks_marker},
    name::{REF_NAME, SOURCE, entry_name},
    staged::{Gaps, StagingEnd, StagingRecord, StagingRequest},
    storage::{LayoutDir, Storage},
    suspects::SuspectBlobs,
    verified::{VerifiedBlobs, has_digest},
};

/// A layout that is read. Cheap to clone.
#[derive(Clone)]
pub struct Layout(pub(crate) Arc<LayoutInner>);

pub(crate) struct LayoutInner {
    pub(crate) storage: Arc<dyn Storage>,
    state: Mutex<IndexState>,
    pub(crate) verified: VerifiedBlobs,
    pub(crate) suspects: SuspectBlobs,
    /// Read when a blob is missing for the first time.
    baselines: Mutex<Option<Arc<Baselines>>>,
}

/// The index as it will be, and how that differs from the file.
pub(crate) struct IndexState {
    pub(crate) index: Index,
    pub(crate) stamp: Option<Stamp>,
    pub(crate) pending: Vec<IndexChange>,
    /// The changes of this process since it opened the layout.
    pub(crate) own: OwnChanges,
    /// The names of those changes that another program undid for good.
    pub(crate) overruled: Vec<String>,
    /// Counts changes.
    pub(crate) generation: u64,
    /// The generation that is on the disk.
    pub(crate) committed: u64,
    /// Counts how often the file was read again because it was another one.
    pub(crate) rereads: u64,
}

/// The bytes of a chunk that is read.
const CHUNK: usize = 256 << 10;

impl Layout {
    /// Opens a layout for reading. Takes no lock.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such directory; [`ErrorKind::Storage`] if it is no layout, one of
    /// another version, or its `index.json` is broken or longer than 16 MiB.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        blocking(move || Self::open_blocking(&path)).await
    }

    /// As [`Layout::open`], but only a directory, which can be changed.
    ///
    /// # Errors
    /// Those of [`Layout::open`], and [`ErrorKind::Storage`] if it is a tar file.
    pub async fn open_dir(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        blocking(move || match path.is_file() {
            true => Err(no_directory(&path)),
            false => Self::open_blocking(&path),
        })
        .await
    }

    /// Does what [`Layout::open`] does. Blocks.
    ///
    /// # Errors
    /// Those of [`Layout::open`].
    pub fn open_blocking(path: &Path) -> Result<Self> {
        let storage = locate::open(path)?.ok_or_else(|| locate::nothing_at(path))?;
        check_readable(&*storage)?;
        Self::read(storage)
    }

    /// As [`Layout::open`], but none if there is no directory, or nothing of a layout in it, or no more than a writer
    /// makes before the first image.
    ///
    /// # Errors
    /// If there is one and it cannot be opened.
    pub async fn open_existing(path: impl Into<PathBuf>) -> Result<Option<Self>> {
        let path = path.into();
        blocking(move || {
            let Some(root) = Dir::root(&path)? else { return Ok(None) };
            let dir = LayoutDir::new(root);
            let root = &dir.root;
            if ![MARKER, index::FILE, "blobs"].into_iter().any(|part| root.has(part)) {
                return Ok(None);
            }
            check_readable(&dir)?;
            match is_incomplete(root)? {
                true => Ok(None),
                false => Self::read(Arc::new(dir)).map(Some),
            }
        })
        .await
    }

    pub(crate) fn read(storage: Arc<dyn Storage>) -> Result<Self> {
        let (index, stamp) = Index::read(&*storage)?;
        let state = IndexState {
            index,
            stamp: Some(stamp),
            pending: Vec::new(),
            own: OwnChanges::default(),
            overruled: Vec::new(),
            generation: 0,
            committed: 0,
            rereads: 0,
        };
        Ok(Self(Arc::new(LayoutInner {
            storage,
            state: Mutex::new(state),
            verified: VerifiedBlobs::default(),
            suspects: SuspectBlobs::default(),
            baselines: Mutex::default(),
        })))
    }

    /// Returns true if both are one opened layout, with one memory of what was read.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Returns true if it has no file `oci-layout`, and is a layout in all else.
    pub(crate) fn lacks_marker(&self) -> bool {
        lacks_marker(&*self.0.storage)
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.0.storage.path()
    }

    /// The entries of `index.json`, in order. Those with a digest that is not understood here are left out.
    pub fn entries(&self) -> Vec<Descriptor> {
        self.0.state().index.entries().cloned().collect()
    }

    /// The entries that [`Layout::entries`] leaves out.
    pub fn broken_entries(&self) -> Vec<BrokenEntry> {
        self.0.state().index.broken().cloned().collect()
    }

    /// Returns true if an entry points to this manifest.
    pub fn lists(&self, digest: &Digest) -> bool {
        self.0.state().index.entries().any(|entry| entry.digest == *digest)
    }

    /// The entry with this full name, such as `docker.io/library/nginx:1.27`.
    pub fn find(&self, name: &str) -> Option<Descriptor> {
        self.0.state().index.find(name).cloned()
    }

    /// The entry that other tools see under this `ref.name` although its full name is another one.
    pub fn find_other_by_ref_name(&self, ref_name: &str, full_name: &str) -> Option<Descriptor> {
        let state = self.0.state();
        let called = |entry: &&Descriptor| entry.annotations.get(REF_NAME).is_some_and(|name| name == ref_name);
        state.index.entries().filter(called).find(|entry| entry_name(entry) != Some(full_name)).cloned()
    }

    /// Reads `index.json` again if it is another file than the one that was read last; says whether it was.
    ///
    /// # Errors
    /// As [`Layout::open`]; what was known stays.
    pub async fn refresh(&self) -> Result<bool> {
        let this = self.clone();
        blocking(move || {
            let mut state = this.0.state();
            if this.0.storage.stamp(index::FILE) == state.stamp {
                return Ok(false);
            }
            this.0.reread(&mut state)?;
            Ok(true)
        })
        .await
    }

    /// Returns how often this process took up an `index.json` that others wrote.
    ///
    /// The result of one [`Layout::refresh`] can be lost with its caller; a count cannot.
    pub fn rereads(&self) -> u64 {
        self.0.state().rereads
    }

    /// Returns true if a blob or manifest is there and intact: its length is compared, and once in a process its hash.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if it cannot be read, or is a symbolic link.
    pub async fn has(&self, item: &Descriptor) -> Result<bool> {
        let (this, item) = (self.clone(), item.clone());
        blocking(move || this.has_blocking(&item)).await
    }

    /// Does what [`Layout::has`] does. Blocks.
    pub(crate) fn has_blocking(&self, item: &Descriptor) -> Result<bool> {
        let Some((file, length)) = self.0.open_blob(&item.digest)? else { return Ok(false) };
        if item.known_size().is_some_and(|size| size != length) {
            return Ok(false);
        }
        if self.0.verified.contains(&item.digest) {
            return Ok(true);
        }
        let right = has_digest(file.take(length), &item.digest);
        let right = right.map_err(|error| fault("read", &self.0.blob_path(&item.digest), error))?;
        if right {
            self.0.verified.insert(&item.digest);
        }
        Ok(right)
    }

    /// Opens a blob at its first byte and says how long it is; none if there is none. Nothing is verified. More bytes may
    /// follow in the file, which are not of the blob.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if it cannot be opened, or is a symbolic link.
    pub async fn open_blob(&self, digest: &Digest) -> Result<Option<(File, u64)>> {
        let (this, digest) = (self.clone(), digest.clone());
        blocking(move || this.0.open_blob(&digest)).await
    }

    /// Opens a blob that verifies itself while it is read.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if it is not there, [`ErrorKind::Storage`] if it cannot be opened.
    pub async fn blob(&self, item: &Descriptor) -> Result<Blob> {
        let (file, length) = self.open_blob(&item.digest).await?.ok_or_else(|| self.missing(&item.digest))?;
        let mut item = item.clone();
        item.size = item.known_size().unwrap_or(length);
        let path = self.0.blob_path(&item.digest);
        let (this, digest) = (self.clone(), item.digest.clone());
        let blob = Blob::new(item, chunks(file, length, path.clone()));
        Ok(blob.reopened_by(move |offset| {
            let (this, digest, path) = (this.clone(), digest.clone(), path.clone());
            async move {
                let (mut file, length) = this.open_blob(&digest).await?.ok_or_else(|| this.missing(&digest))?;
                let offset = offset.min(length);
                let sought = file.seek(SeekFrom::Current(offset.cast_signed()));
                sought.map_err(|error| fault("read", &path, error))?;
                Ok(chunks(file, length - offset, path))
            }
        }))
    }

    /// Reads a manifest. It has the digest that was asked for.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if it is not there, [`ErrorKind::Storage`] if it cannot be read,
    /// [`ErrorKind::Corrupt`] or [`ErrorKind::Unsupported`] if it is not what it should be.
    pub async fn manifest(&self, item: &Descriptor) -> Result<Manifest> {
        let (this, item) = (self.clone(), item.clone());
        blocking(move || this.manifest_blocking(&item)).await
    }

    /// Does what [`Layout::manifest`] does. Blocks.
    pub(crate) fn manifest_blocking(&self, item: &Descriptor) -> Result<Manifest> {
        let read = self.0.storage.read_blob(&item.digest, Manifest::MAX_BYTES)?;
        let bytes = read.ok_or_else(|| self.missing(&item.digest))?;
        Manifest::parse_expecting(bytes, &item.media_type, &item.digest).map_err(|error| {
            let path = self.0.blob_path(&item.digest);
            Error::from(error).with_context(format_args!("`{}`", path.display())).with_retry(Retry::Never)
        })
    }

    /// A file has another length than the pointer to it says.
    pub(crate) fn wrong_length(&self, digest: &Digest, found: u64, expected: u64) -> Error {
        let path = self.0.blob_path(digest);
        Error::new(ErrorKind::Corrupt, format!("`{}` has {found} bytes instead of {expected}", path.display()))
    }

    /// The error of a layout without images: it says whether there are blobs, so that images must have been lost.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if it cannot be read.
    pub async fn without_images(&self) -> Result<Error> {
        let this = self.clone();
        let blobs = blocking(move || Ok(this.0.storage.blobs()?.len()));
        let path = self.path().join(index::FILE);
        let entries = self.entries().len();
        if entries > 0 {
            let what = if entries == 1 { "its entry is none" } else { "its entries are none" };
            let message =
                format!("`{}` lists no image: {what}, and may refer to some that are not here", path.display());
            return Ok(Error::new(ErrorKind::NotFound, message)
                .with_hint("`sealift ls` tells what there is; stage or push the images again, or remove what is there")
                .with_retry(Retry::Never));
        }
        Ok(match blobs.await? {
            0 => Error::new(ErrorKind::NotFound, format!("`{}` lists no image", path.display())).with_hint(
                "nothing was staged into it, or what was is somewhere else: see whether this is the directory",
            ),
            blobs => {
                let blobs = if blobs == 1 { "is 1 blob".to_owned() } else { format!("are {blobs} blobs") };
                let message = format!("`{}` lists no image, and there {blobs}", path.display());
                Error::new(ErrorKind::Corrupt, message)
                    .with_hint("bring `index.json` again from where the directory was written")
            }
        }
        .with_retry(Retry::Never))
    }

    /// Returns what was asked for when the layout was staged and is not here.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if the record cannot be read.
    pub async fn gaps(&self) -> Result<Gaps> {
        let this = self.clone();
        let storage = Arc::clone(&self.0.storage);
        blocking(move || Ok(StagingRecord::read(&*storage)?.gaps_of(&this.0.state().index, &*storage))).await
    }

    /// Returns true if images were staged into the layout and there is no record of what was asked for, as after a copy
    /// without hidden files. An image that did not arrive is not missed then.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if it cannot be read.
    pub async fn is_unrecorded(&self) -> Result<bool> {
        let this = self.clone();
        let is_staged = |this: &Self| this.entries().iter().any(|entry| entry.annotations.contains_key(SOURCE));
        blocking(move || Ok(StagingRecord::find(&*this.0.storage)?.is_none() && is_staged(&this))).await
    }

    /// Returns true if the record of what was staged says the same with the end of a further run that wrote nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if the record cannot be read.
    pub async fn is_settled_by(&self, request: StagingRequest, end: StagingEnd) -> Result<bool> {
        let this = self.clone();
        blocking(move || {
            let before = StagingRecord::read(&*this.0.storage)?;
            let (mut record, state) = (before.clone(), this.0.state());
            record.end(&state.index, &state.own, &request, &end);
            Ok(record == before)
        })
        .await
    }

    /// Returns the receipts by which blobs were left out of this layout. They are read once.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if a receipt is there and cannot be read.
    pub async fn baselines(&self) -> Result<Arc<Baselines>> {
        let this = self.clone();
        blocking(move || this.0.baselines()).await
    }

    /// Returns the path of the blob with this digest, for messages.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.0.blob_path(digest)
    }

    fn missing(&self, digest: &Digest) -> Error {
        Error::new(ErrorKind::NotFound, format!("there is no `{}`", self.0.blob_path(digest).display()))
    }
}

/// The next bytes of the file of a blob.
fn chunks(file: File, length: u64, path: PathBuf) -> impl Stream<Item = Result<Bytes>> + Send + 'static {
    let file = tokio::io::AsyncReadExt::take(tokio::fs::File::from_std(file), length);
    let chunks = ReaderStream::with_capacity(file, CHUNK);
    chunks.map(move |chunk| chunk.map_err(|error| fault("read", &path, error)))
}

impl LayoutInner {
    pub(crate) fn state(&self) -> MutexGuard<'_, IndexState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up what others wrote, and makes the changes again that are not on the disk yet, or not any more: a program
    /// that had read `index.json` before one of our writes and writes it back takes our entries out of it.
    pub(crate) fn reread(&self, state: &mut IndexState) -> Result<()> {
        let (index, stamp) = Index::read(&*self.storage)?;
        state.index = index;
        state.stamp = Some(stamp);
        state.rereads += 1;
        let IndexState { index, own, pending, generation, .. } = state;
        *generation += u64::from(own.put_back(index, pending));
        for change in &*pending {
            index.apply(change);
        }
        Ok(())
    }

    /// Returns what [`Layout::baselines`] does. Blocks.
    pub(crate) fn baselines(&self) -> Result<Arc<Baselines>> {
        let mut known = self.baselines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*known {
            return Ok(Arc::clone(known));
        }
        Ok(Arc::clone(known.insert(Arc::new(Baselines::read(&*self.storage)?))))
    }

    /// Makes the next [`LayoutInner::baselines`] read the directory again.
    pub(crate) fn forget_baselines(&self) {
        self.baselines.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// The directory of a layout that a writer has.
    pub(crate) fn dir(&self) -> &LayoutDir {
        self.storage.directory().expect("only a directory is written to")
    }

    /// Its root directory.
    pub(crate) fn root(&self) -> &Dir {
        &self.dir().root
    }

    pub(crate) fn open_blob(&self, digest: &Digest) -> Result<Option<(File, u64)>> {
        self.storage.open_blob(digest)
    }

    pub(crate) fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.storage.blob_path(digest)
    }
}
