//! The image at the source: a root manifest and everything below it, after the filters.

use std::{
    collections::{HashMap, HashSet},
    pin::Pin,
    sync::{
        OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use futures::{StreamExt, TryStreamExt, stream};

use super::{
    kept::Kept,
    outline::{Outline, PresentParts},
    select::{Selection, nothing_is_left, select},
    stages::ActiveFilter,
};
use crate::{
    content::{Change, Descriptor, Digest, Links, Manifest, Platform, Repository},
    error::{Error, ErrorKind, Result},
    spec::IndexMode,
    stage::Fetch,
};

/// Nested indexes go this deep at most; real ones have one or two levels.
const DEPTH: usize = 8;

/// Manifests that one image may have.
const NODES: usize = 4096;

/// Bytes that the manifests of one image may have; all of them are held until it is written.
const BYTES: u64 = 16 << 20;

/// Manifests of one image that are read at the same time.
const READS: usize = 8;

/// A manifest and what it points to, as it shall be written.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) manifest: Manifest,
    /// The digest it has at the source, where that differs.
    pub(super) changed_from: Option<Digest>,
    pub(super) children: Vec<Tree>,
    /// Platforms of entries that filters dropped, here and below.
    pub(super) dropped: Vec<Platform>,
    /// All blobs of the tree, computed on first use.
    blobs: OnceLock<(Vec<Descriptor>, Vec<Descriptor>)>,
}

/// Reads the tree below `root`.
pub(super) struct TreeReader<'a> {
    pub(super) source: &'a Repository,
    pub(super) kept: &'a Kept<'a>,
    pub(super) filters: &'a [ActiveFilter],
    pub(super) index: IndexMode,
    nodes: AtomicUsize,
    bytes: AtomicU64,
    emptied_by: OnceLock<usize>,
}

impl<'a> TreeReader<'a> {
    pub(super) fn new(
        source: &'a Repository,
        kept: &'a Kept<'a>,
        filters: &'a [ActiveFilter],
        index: IndexMode,
    ) -> Self {
        Self {
            source,
            kept,
            filters,
            index,
            nodes: AtomicUsize::new(0),
            bytes: AtomicU64::new(0),
            emptied_by: OnceLock::new(),
        }
    }

    /// The tree of `root`, or nothing if the filters left nothing of it.
    pub(super) async fn read(&self, root: Manifest) -> Result<Option<Tree>> {
        self.kept.keep(&root).await;
        let source_digest = root.digest().clone();
        let Some(tree) = self.grow(root, 0).await? else { return Ok(None) };
        match self.index {
            IndexMode::Single if tree.changed_from.is_some() => single(tree, source_digest).map(Some),
            _ => Ok(Some(tree)),
        }
    }

    /// The image that `root` will be after the filters, if its own bytes tell: nothing below it is read, but for nested
    /// indexes that stay as they are.
    pub(super) async fn foretell(&self, root: &Manifest) -> Result<Option<Outline>> {
        let Links::Index(entries) = root.links() else { return Ok(Some(Outline::over(root.clone(), Vec::new()))) };
        let kept = select(entries, self.filters)?.kept;
        let left: Vec<&Descriptor> =
            entries.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(entry, _)| entry).collect();
        if left.is_empty() {
            return Ok(None);
        }
        // A nested index may lose entries of its own, and be left out if it loses all of them. An entry without a type
        // may be one.
        let plain = |entry: &&Descriptor| !entry.media_type.is_empty() && !entry.media_type.is_index();
        if !left.iter().all(plain) {
            let may_lose = self.filters.iter().any(|filter| filter.drops_entries);
            if may_lose {
                return Ok(None);
            }
            return Outline::of(root, self.source, self.kept).await.map(Some);
        }
        let below = || left.iter().filter(|entry| entry.is_manifest()).map(|entry| (*entry).clone()).collect();
        let is_image = |entry: &Descriptor| entry.platform.as_ref().is_some_and(|platform| !platform.is_unknown());
        Ok(match (self.index, &left[..]) {
            (IndexMode::Sparse, _) => Some(Outline::over(root.clone(), below())),
            (_, all) if all.len() == entries.len() => Some(Outline::over(root.clone(), below())),
            (IndexMode::Rewrite, _) => Some(Outline::over(root.keeping(|at, _| kept[at]), below())),
            (IndexMode::Single, [only]) if is_image(only) => Some(Outline::bare(only)),
            (IndexMode::Single, _) => None,
        })
    }

    /// The filter that left nothing of an index, by its position in the pipeline.
    pub(super) fn emptied_by(&self) -> Option<usize> {
        self.emptied_by.get().copied()
    }

    fn grow(
        &self,
        manifest: Manifest,
        depth: usize,
    ) -> Pin<Box<dyn Future<Output = Result<Option<Tree>>> + Send + '_>> {
        Box::pin(async move {
            self.bound(depth)?;
            let Links::Index(entries) = manifest.links() else {
                return Ok(Some(Tree::new(manifest, None, Vec::new(), Vec::new())));
            };
            let Selection { kept, emptied_by } = select(entries, self.filters)?;
            if let Some(filter) = emptied_by {
                let _ = self.emptied_by.set(filter); // the first one is named
            }
            let children = self.children(entries, &kept, depth).await?;
            let mut dropped: Vec<Platform> = Vec::new();
            let changes: Vec<Change> = entries
                .iter()
                .zip(&kept)
                .map(|(entry, kept)| match children.get(&entry.digest) {
                    Some(child) if *kept => change_to(entry, child),
                    _ if *kept && !entry.is_manifest() => Change::Keep,
                    _ => {
                        dropped.extend(entry.platform.clone().filter(|platform| !platform.is_unknown()));
                        Change::Drop
                    }
                })
                .collect();
            let is_dropped = |(_, change): &(&Descriptor, &Change)| **change == Change::Drop;
            if !entries.is_empty() && nothing_is_left(entries.iter().zip(&changes), is_dropped) {
                return Ok(None);
            }
            dropped.extend(children.values().flat_map(|child| child.dropped.iter().cloned()));
            let written = match self.index {
                IndexMode::Sparse => manifest.clone(),
                IndexMode::Rewrite | IndexMode::Single => manifest.changing(&changes),
            };
            let changed_from = (written.digest() != manifest.digest()).then(|| manifest.digest().clone());
            let children = in_order(entries, children);
            Ok(Some(Tree::new(written, changed_from, children, dropped)))
        })
    }

    /// The trees of the entries that are kept, each digest once; without those of which the filters left nothing.
    async fn children(&self, entries: &[Descriptor], kept: &[bool], depth: usize) -> Result<HashMap<Digest, Tree>> {
        let mut seen = HashSet::new();
        let wanted = entries.iter().zip(kept);
        let wanted = wanted.filter(|(entry, kept)| **kept && entry.is_manifest() && seen.insert(&entry.digest));
        let wanted: Vec<Descriptor> = wanted.map(|(entry, _)| entry.clone()).collect();
        let read: Vec<(Digest, Option<Tree>)> = stream::iter(wanted)
            .map(|entry| async move {
                let manifest = self.kept.manifest(self.source, &entry).await?;
                let length = manifest.bytes().len() as u64;
                if self.bytes.fetch_add(length, Ordering::Relaxed) + length > BYTES {
                    let message = format!("the manifests of the image have more than {} MiB", BYTES >> 20);
                    return Err(Error::new(ErrorKind::Unsupported, message));
                }
                Ok::<_, Error>((entry.digest, self.grow(manifest, depth + 1).await?))
            })
            .buffered(READS)
            .try_collect()
            .await?;
        Ok(read.into_iter().filter_map(|(digest, tree)| Some((digest, tree?))).collect())
    }

    fn bound(&self, depth: usize) -> Result<()> {
        if depth > DEPTH {
            let message = format!("the index is nested more than {DEPTH} levels deep");
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        if self.nodes.fetch_add(1, Ordering::Relaxed) >= NODES {
            return Err(Error::new(ErrorKind::Unsupported, format!("the image has more than {NODES} manifests")));
        }
        Ok(())
    }
}

/// An entry follows a nested index that lost entries itself.
fn change_to(entry: &Descriptor, child: &Tree) -> Change {
    if child.manifest.digest() == &entry.digest {
        return Change::Keep;
    }
    Change::Point { digest: child.manifest.digest().clone(), size: child.manifest.bytes().len() as u64 }
}

fn in_order(entries: &[Descriptor], mut children: HashMap<Digest, Tree>) -> Vec<Tree> {
    entries.iter().filter_map(|entry| children.remove(&entry.digest)).collect()
}

/// The only image that is left takes the place of the index.
fn single(mut tree: Tree, source: Digest) -> Result<Tree> {
    let is_image = |child: &Tree| child.manifest.subject().is_none() && !is_attestation(&child.manifest);
    let images = tree.children.iter().filter(|child| is_image(child)).count();
    if images != 1 {
        let message = format!("`index = \"single\"` needs exactly one image, the filters leave {images}");
        return Err(
            Error::new(ErrorKind::Unsupported, message).with_hint("narrow the filters or use `index = \"rewrite\"`")
        );
    }
    let at = tree.children.iter().position(is_image).unwrap_or_default();
    let child = tree.children.swap_remove(at);
    Ok(Tree { changed_from: Some(source), dropped: tree.dropped, ..child })
}

fn is_attestation(manifest: &Manifest) -> bool {
    manifest.blobs().any(|blob| blob.media_type.as_str() == "application/vnd.in-toto+json")
}

impl Tree {
    fn new(manifest: Manifest, changed_from: Option<Digest>, children: Vec<Self>, dropped: Vec<Platform>) -> Self {
        Self { manifest, changed_from, children, dropped, blobs: OnceLock::new() }
    }

    /// Returns true if an index of the tree lists manifests that filters left out of the tree.
    pub(super) fn is_sparse(&self) -> bool {
        let has = |entry: &Descriptor| self.children.iter().any(|child| *child.manifest.digest() == entry.digest);
        !self.manifest.children().all(has) || self.children.iter().any(Self::is_sparse)
    }

    /// This manifest and all below it, children before parents, each digest once.
    pub(super) fn children_first(&self) -> Vec<&Manifest> {
        fn walk<'a>(tree: &'a Tree, seen: &mut HashSet<&'a Digest>, out: &mut Vec<&'a Manifest>) {
            if seen.insert(tree.manifest.digest()) {
                tree.children.iter().for_each(|child| walk(child, seen, out));
                out.push(&tree.manifest);
            }
        }
        let (mut seen, mut out) = (HashSet::new(), Vec::new());
        walk(self, &mut seen, &mut out);
        out
    }

    /// Its manifests by name.
    pub(super) fn outline(&self) -> Outline {
        let below = self.children_first().into_iter().filter(|manifest| manifest.digest() != self.manifest.digest());
        Outline::over(self.manifest.clone(), below.map(Manifest::descriptor).collect())
    }

    /// The blobs that a repository needs which has some of the manifests already.
    pub(super) fn needed(&self, there: &PresentParts) -> HashSet<&Digest> {
        let missing = self.children_first().into_iter().filter(|manifest| !there.has(manifest.digest()));
        missing.flat_map(Manifest::blobs).map(|blob| &blob.digest).collect()
    }

    /// All blobs, each digest once: those that must be copied, and the foreign layers, which are copied where the source
    /// has them.
    pub(super) fn blobs(&self) -> &(Vec<Descriptor>, Vec<Descriptor>) {
        self.blobs.get_or_init(|| {
            let mut seen = HashSet::new();
            let all = self.children_first().into_iter().flat_map(Manifest::blobs);
            // What one manifest calls foreign may be a plain layer of another, which needs it.
            let (plain, foreign): (Vec<_>, Vec<_>) = all.partition(|blob| !blob.is_foreign());
            let mut once = |blobs: Vec<&Descriptor>| {
                blobs.into_iter().filter(|blob| seen.insert(blob.digest.clone())).cloned().collect()
            };
            (once(plain), once(foreign))
        })
    }

    /// The platforms that are copied, as the indexes say.
    pub(super) fn platforms(&self) -> Vec<Platform> {
        let entries = self.children_first().into_iter().flat_map(Manifest::entries);
        let real = entries.filter_map(|entry| entry.platform.clone()).filter(|platform| !platform.is_unknown());
        real.collect()
    }
}
