//! Proves that a layout is whole, or says exactly what is not.
//!
//! Every blob is read and hashed, by as many threads as there are cores. Then every image is walked from `index.json`
//! to its last layer. What is wrong is told with the file, and with the names of all images that suffer from it.
//!
//! Files that no image needs and files that an interrupted writer left are told, too; they are no damage.

mod files;
mod hash;
mod judge;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use sealift_core::{
    content::Digest,
    error::{Error, Result},
};
use serde::Serialize;

use self::judge::ListedContent;
use crate::{
    blocking::blocking,
    catalog::ImageCatalog,
    dir::Dir,
    graph::Graph,
    layout::Layout,
    locate,
    marker::{MARKER, OURS, check_marker, check_readable},
    staged::{Gaps, StagingRecord},
    storage::{LayoutDir, Storage},
    suspects,
};

/// The progress of a verification, for a display to sample.
#[derive(Debug, Default)]
pub struct Progress {
    files: AtomicU64,
    bytes: AtomicU64,
    total: AtomicU64,
}

impl Progress {
    /// Files that were read.
    pub fn files(&self) -> u64 {
        self.files.load(Ordering::Relaxed)
    }

    /// Bytes that were read.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Bytes that there are; 0 until that is known.
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }
}

/// The result of a verification.
#[derive(Clone, Debug, Serialize)]
pub struct Verification {
    /// The directory.
    pub path: PathBuf,
    /// The number of images, by name.
    pub images: usize,
    /// The names of the images that are not whole, in the order of `index.json`.
    pub broken: Vec<Arc<str>>,
    /// Files that were read.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The damages, the worst first.
    pub damages: Vec<Damage>,
    /// What was asked for when the layout was staged and is not there.
    pub gaps: Gaps,
    /// Blobs that were left out on purpose, because an inventory says that the other side has them.
    pub left_out: OmittedBlobs,
    /// Entries of `index.json` that are no images, and a record that is not there, in a sentence each.
    pub notes: Vec<String>,
    /// Blobs that no image needs.
    pub orphans: ExtraFiles,
    /// Files that an interrupted writer left behind.
    pub leftovers: ExtraFiles,
    /// Files between the blobs that are none and that no writer here made.
    pub strangers: ExtraFiles,
    /// True if the damaged files are noted in the directory, so that the next stage writes them again.
    pub noted: bool,
}

/// Something that is wrong.
#[derive(Clone, Debug, Serialize)]
pub struct Damage {
    /// The kind of damage.
    pub kind: DamageKind,
    /// The file, as a path inside the layout.
    pub file: PathBuf,
    /// The digest that it should have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The expected length in bytes, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The description.
    pub what: String,
    /// The names of the images that need it.
    pub images: Vec<Arc<str>>,
}

/// Kinds of damage, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DamageKind {
    /// `oci-layout` is missing or says something else.
    Layout,
    /// `index.json` cannot be read, so the images are unknown.
    Index,
    /// There is no image.
    Empty,
    /// An entry of `index.json` is damaged.
    Entry,
    /// A file is not there.
    Missing,
    /// A file has another content than its name says.
    Corrupt,
    /// A pointer and the file disagree about its length, or a manifest cannot be understood.
    Inconsistent,
    /// A file cannot be read.
    Unreadable,
}

/// Files that are there for nothing.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ExtraFiles {
    /// The files, as paths inside the layout.
    pub files: Vec<PathBuf>,
    /// Their bytes.
    pub bytes: u64,
}

/// Blobs that are not there, and need not be.
#[derive(Clone, Debug, Default, Serialize)]
pub struct OmittedBlobs {
    /// The number of blobs.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Verification {
    /// Returns true if every image is complete, every file has the content that its name states, and nothing is missing
    /// of what was asked for when the layout was staged.
    pub fn is_whole(&self) -> bool {
        self.damages.is_empty() && self.gaps.is_empty()
    }
}

/// Verifies a layout. Nothing is changed but a note in `.sealift/`, which says what was found damaged.
///
/// # Errors
/// [`NotFound`](sealift_core::error::ErrorKind::NotFound) or [`Storage`](sealift_core::error::ErrorKind::Storage) if there
/// is no directory, or nothing in it that belongs to a layout. Everything else is a damage, and stands in the result.
pub async fn verify(path: impl Into<PathBuf>, progress: Arc<Progress>) -> Result<Verification> {
    let path = path.into();
    let (mut found, storage) = blocking(move || open(&path)).await?;
    let mut known = None;
    match read(&storage).await {
        Ok(layout) => {
            let catalog = ImageCatalog::read(&layout).await?;
            let graph = Graph::read(&layout, &catalog).await?;
            let bases = layout.baselines().await.unwrap_or_else(|error| {
                found.damages.push(Damage::of(DamageKind::Unreadable, Path::new(OURS).join("base"), error.message()));
                Arc::default()
            });
            let (lost, gaps) = record(&layout).await.unwrap_or_else(|error| {
                found.damages.push(Damage::of(DamageKind::Unreadable, Path::new(OURS).join("staged"), error.message()));
                Default::default()
            });
            found.gaps = gaps;
            // One that cannot be looked for is told of above.
            let unrecorded = layout.is_unrecorded().await.unwrap_or_default();
            known = Some(ListedContent { catalog, graph, bases, lost, unrecorded });
        }
        Err(error) => found.damages.push(Damage::of(DamageKind::Index, "index.json", error.message())),
    }
    blocking(move || {
        let files = files::find(&storage)?;
        let wrong = hash::all(&*storage, &files, &progress);
        found.judge(files, &wrong, known);
        found.note_suspects();
        Ok(found)
    })
    .await
}

/// Compares the record of what was staged with the index: images that have no entry any more, and gaps.
async fn record(layout: &Layout) -> Result<(Vec<(String, Digest)>, Gaps)> {
    let layout = layout.clone();
    blocking(move || {
        let record = StagingRecord::read(&*layout.0.storage)?;
        let index = &layout.0.state().index;
        // What got lost is a damage, and told as one.
        let gaps = Gaps { lost: Vec::new(), ..record.gaps_of(index, &*layout.0.storage) };
        Ok((record.lost(index), gaps))
    })
    .await
}

/// The layout, even if the file that makes it one is not right.
async fn read(storage: &Arc<dyn Storage>) -> Result<Layout> {
    let storage = Arc::clone(storage);
    blocking(move || Layout::read(storage)).await
}

/// Looks whether there is something like a layout at all.
fn open(path: &Path) -> Result<(Verification, Arc<dyn Storage>)> {
    let root = locate::open(path)?.ok_or_else(|| locate::nothing_at(path))?;
    // Others write none; one of ours lost it.
    let marker = if root.has(OURS) { check_marker(&*root) } else { check_readable(&*root) };
    if !root.has(MARKER) && !root.has("blobs") && !root.has("index.json") {
        check_marker(&*root)?;
    }
    let mut found = Verification {
        path: path.to_owned(),
        images: 0,
        broken: Vec::new(),
        files: 0,
        bytes: 0,
        damages: Vec::new(),
        gaps: Gaps::default(),
        left_out: OmittedBlobs::default(),
        notes: Vec::new(),
        orphans: ExtraFiles::default(),
        leftovers: ExtraFiles::default(),
        strangers: ExtraFiles::default(),
        noted: false,
    };
    if let Err(error) = marker {
        found.damages.push(Damage::of(DamageKind::Layout, MARKER, error.message()));
    }
    Ok((found, root))
}

impl Verification {
    /// Notes which files are wrong, so that the next stage into this directory writes them again.
    fn note_suspects(&mut self) {
        let suspects = self.damages.iter().filter_map(|damage| damage.digest.clone()).collect();
        if self.path.is_file() {
            return; // nothing is written into an archive
        }
        let noted = Dir::root(&self.path).and_then(|root| match root {
            Some(root) => suspects::write(&LayoutDir::new(root), &suspects, true),
            None => Err(Error::cancelled()),
        });
        if let Err(error) = &noted {
            tracing::debug!(%error, "cannot note what is damaged");
        }
        self.noted = noted.is_ok();
    }
}

impl Damage {
    fn of(kind: DamageKind, file: impl Into<PathBuf>, what: impl Into<String>) -> Self {
        Self { kind, file: file.into(), digest: None, size: None, what: what.into(), images: Vec::new() }
    }
}

#[cfg(test)]
mod tests;
