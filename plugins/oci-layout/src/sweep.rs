//! Removing images from a layout, and blobs that no image needs.
//!
//! First the entries are taken out of `index.json`, and that is on the disk before the first blob is removed. So a
//! reader, and what a crash leaves, never list an image with a missing blob. A blob is removed only if everything that
//! is still listed could be read down to its blobs, and none of that needs it.

use std::collections::{BTreeSet, HashMap, HashSet};

use sealift_core::{
    content::{Algorithm, Descriptor, Digest, FullReference, MediaType},
    diagnostic::did_you_mean,
    error::{Error, ErrorKind, Result},
};
use serde::Serialize;

use crate::{
    blocking::blocking,
    catalog::{CatalogImage, ImageCatalog},
    dir::Dir,
    layout::Layout,
    marker::each_written,
    name::entry_name,
    staged::StagingRecord,
    writer::{EntryChange, Writer},
};

/// The images and blobs to remove from a layout.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Sweep {
    /// The names of the images; `@` and the digest of one without a name.
    pub images: Vec<String>,
    /// The entries of `index.json` that go with them because they only refer to them: signatures, SBOMs.
    pub referrers: u64,
    /// Names that were staged, or asked for, and have no entry: they are forgotten.
    pub forgotten: Vec<String>,
    /// The number of blobs.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Number of unfinished files of writers that were cut off.
    pub leftovers: u64,
    /// Their bytes.
    pub leftover_bytes: u64,
    /// Entries that only refer to others and were named.
    #[serde(skip)]
    named: Vec<Descriptor>,
    /// Manifests of which an earlier run that was cut off removed the entries.
    #[serde(skip)]
    left: Vec<Descriptor>,
    #[serde(skip)]
    coming: ComingContent,
    #[serde(skip)]
    changes: Vec<EntryChange>,
    #[serde(skip)]
    candidates: Vec<Digest>,
}

/// The content that a run would write into a layout.
#[derive(Clone, Debug, Default)]
pub struct ComingContent {
    /// The names that would be written, with the digests of their roots.
    pub roots: HashMap<String, Digest>,
    /// Manifests and blobs that would be needed, as far as they are known.
    pub content: HashMap<Digest, Descriptor>,
}

impl ComingContent {
    /// Returns true if another manifest would take the place of this entry.
    fn replaces(&self, entry: &Descriptor) -> bool {
        let root = entry_name(entry).and_then(|name| self.roots.get(name));
        root.is_some_and(|root| *root != entry.digest)
    }

    /// Returns everything that would be needed, with what is below it here. Blocks.
    fn needed(&self, layout: &Layout) -> HashSet<Digest> {
        let content: Vec<Descriptor> = self.content.values().cloned().collect();
        reachable_as_far_as_known(layout, &content)
    }
}

impl Sweep {
    /// Returns true if there is nothing to remove.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.candidates.is_empty() && self.forgotten.is_empty() && self.leftovers == 0
    }

    /// All blobs that no image needs, and what writers left unfinished.
    ///
    /// # Errors
    /// If something listed cannot be read, so that it is not known what it needs.
    pub async fn of_orphans(layout: &Layout) -> Result<Self> {
        let layout = layout.clone();
        blocking(move || {
            let mut sweep = Self::unneeded(&layout, None)?;
            if let Some(dir) = layout.0.storage.directory() {
                each_written(dir, |dir| {
                    for (_, length) in dir.parts()? {
                        sweep.leftovers += 1;
                        sweep.leftover_bytes += length;
                    }
                    Ok(())
                })?;
            }
            Ok(sweep)
        })
        .await
    }

    /// Those of these manifests and blobs that no image needs.
    ///
    /// # Errors
    /// If something listed cannot be read, so that it is not known what it needs.
    pub async fn of_unneeded(layout: &Layout, content: HashSet<Digest>) -> Result<Self> {
        let layout = layout.clone();
        blocking(move || Self::unneeded(&layout, Some(&content))).await
    }

    /// The blobs that no image needs; only those in `only`, if that is given. Blocks.
    fn unneeded(layout: &Layout, only: Option<&HashSet<Digest>>) -> Result<Self> {
        if let Some((name, _)) = StagingRecord::read(&*layout.0.storage)?.lost(&layout.0.state().index).first() {
            let message =
                format!("it is not known which blobs are needed: `{name}` was staged here and has no entry any more");
            return Err(Error::new(ErrorKind::Corrupt, message).with_hint(LOST));
        }
        let mut sweep = Self::default();
        sweep.take_unneeded(layout, &layout.entries(), only)?;
        Ok(sweep)
    }

    /// The images of these names, or what refers to others, what only refers to them, and the blobs that nothing else
    /// needs.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such image; if other images cannot be read.
    pub async fn of_images(layout: &Layout, names: &[String]) -> Result<Self> {
        let catalog = ImageCatalog::read(layout).await?;
        let record = {
            let layout = layout.clone();
            blocking(move || StagingRecord::read(&*layout.0.storage)).await?
        };
        let (mut gone, mut sweep) = (HashSet::new(), Self::default());
        let entries = layout.entries();
        let about: HashSet<&Digest> = catalog.referrer_entries().map(|(_, entry)| &entry.digest).collect();
        for name in names {
            let found: Vec<usize> = catalog
                .images()
                .iter()
                .enumerate()
                .filter(|(_, image)| is_called(image, name))
                .map(|(at, _)| at)
                .collect();
            let is_broken = catalog.broken().iter().any(|entry| entry.name.as_deref() == Some(name));
            let refers = entries.iter().filter(|entry| about.contains(&entry.digest) && is_entry(entry, name));
            let refers: Vec<Descriptor> = refers.cloned().collect();
            match (found.is_empty() && refers.is_empty(), is_broken || record.has(name)) {
                (false, _) => {
                    gone.extend(found);
                    sweep.named.extend(refers);
                }
                (true, true) => sweep.forgotten.push(name.clone()),
                (true, false) => return Err(unknown(layout, &catalog, name)),
            }
        }
        sweep.left = {
            let state = layout.0.state();
            let left = record.left(&state.index);
            left.map(|digest| Descriptor::new(MediaType::default(), digest, Descriptor::UNSIZED)).collect()
        };
        let broken: Vec<String> = sweep.forgotten.clone();
        sweep.changes.extend(broken.into_iter().map(EntryChange::RemoveName));
        sweep.take_images(layout, &catalog, |at, _| gone.contains(&at), false).await
    }

    /// Everything but the images of these names and what refers to them; in a plan `coming` is what a run would write.
    ///
    /// # Errors
    /// If what stays cannot be read.
    pub async fn of_all_but(layout: &Layout, names: &BTreeSet<String>, coming: ComingContent) -> Result<Self> {
        let catalog = ImageCatalog::read(layout).await?;
        let is_kept = |image: &CatalogImage| {
            let stays = |at: &usize| {
                let owner = &catalog.images()[*at];
                let is_content = |subject: Digest| coming.content.contains_key(&subject);
                names.contains(&owner.name)
                    && (!coming.replaces(&owner.entry) || image.is_about().is_some_and(is_content))
            };
            entry_name(&image.entry).is_some_and(|name| names.contains(name)) || image.belongs_to.iter().any(stays)
        };
        let sweep = Self { coming: coming.clone(), ..Self::default() };
        sweep.take_images(layout, &catalog, |_, image| !is_kept(image), true).await
    }

    /// Takes images, and the entries that refer to them alone; with `all` also those that refer to nothing that stays.
    async fn take_images(
        mut self,
        layout: &Layout,
        catalog: &ImageCatalog,
        is_gone: impl Fn(usize, &CatalogImage) -> bool,
        all: bool,
    ) -> Result<Self> {
        let mut gone: HashSet<usize> = HashSet::new();
        gone.extend(catalog.images().iter().enumerate().filter(|(at, image)| is_gone(*at, image)).map(|(at, _)| at));
        // A signature under a tag goes with the last image that it is about.
        for _ in 0..4 {
            for (at, image) in catalog.images().iter().enumerate() {
                if !image.belongs_to.is_empty() && image.belongs_to.iter().all(|owner| gone.contains(owner)) {
                    gone.insert(at);
                }
            }
        }
        let mut removed: HashSet<(Option<&str>, &Digest)> = HashSet::new();
        let key = |entry: &'_ Descriptor| (entry_name(entry).map(str::to_owned), entry.digest.clone());
        let shown: HashSet<_> = catalog.images().iter().map(|image| key(&image.entry)).collect();
        for image in gone_images(catalog, &gone) {
            self.images.push(image.name.clone());
            removed.insert((entry_name(&image.entry), &image.entry.digest));
        }
        let (named, left) = (std::mem::take(&mut self.named), std::mem::take(&mut self.left));
        removed.extend(named.iter().map(|entry| (entry_name(entry), &entry.digest)));
        let entries = layout.entries();
        // A child of an index that some tools list beside it, without a name, stays as long as the index does.
        let hidden = entries.iter().filter(|entry| entry_name(entry).is_none() && !shown.contains(&key(entry)));
        let mut referrers: HashMap<Digest, Digest> =
            hidden.map(|entry| (entry.digest.clone(), entry.digest.clone())).collect();
        referrers.extend(catalog.referrer_entries().map(|(subject, entry)| (entry.digest.clone(), subject.clone())));
        let is_removed = |entry: &Descriptor| removed.contains(&(entry_name(entry), &entry.digest));
        let (mut kept, refer): (Vec<Descriptor>, Vec<Descriptor>) = entries
            .iter()
            .filter(|entry| !is_removed(entry) && !self.coming.replaces(entry))
            .cloned()
            .partition(|entry| !referrers.contains_key(&entry.digest));
        let went: Vec<Descriptor> = entries.iter().filter(|entry| is_removed(entry)).cloned().collect();
        let (layout, mut this) = (layout.clone(), self);
        this.changes.extend(went.iter().map(remove));
        blocking(move || {
            let below_went = reachable_as_far_as_known(&layout, &went);
            let coming = this.coming.needed(&layout);
            let mut waiting = refer;
            loop {
                let needed = needed(&layout, &kept)?;
                let (stay, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|entry| {
                    let subject = &referrers[&entry.digest];
                    needed.contains(subject) || coming.contains(subject) || !(all || below_went.contains(subject))
                });
                let more = !stay.is_empty();
                kept.extend(stay);
                waiting = rest;
                if !more {
                    break;
                }
            }
            this.referrers = (waiting.len() + named.len()) as u64;
            this.changes.extend(waiting.iter().map(remove));
            let went: Vec<Descriptor> = went.into_iter().chain(waiting).chain(left).collect();
            let only = (!all).then(|| reachable_as_far_as_known(&layout, &went));
            this.take_unneeded(&layout, &kept, only.as_ref())?;
            Ok(this)
        })
        .await
    }

    /// Takes the blobs that `kept` entries do not need; only those in `only`, if that is given. Blocks.
    fn take_unneeded(&mut self, layout: &Layout, kept: &[Descriptor], only: Option<&HashSet<Digest>>) -> Result<()> {
        if let Some(entry) = layout.broken_entries().first() {
            let message = format!("it is not known which blobs are needed: {entry}");
            return Err(Error::new(ErrorKind::Corrupt, message).with_hint(MEND));
        }
        let mut needed = needed(layout, kept)?;
        needed.extend(self.coming.needed(layout));
        for (digest, length) in layout.0.storage.blobs()? {
            if !needed.contains(&digest) && only.is_none_or(|only| only.contains(&digest)) {
                self.blobs += 1;
                self.bytes += length.unwrap_or_default();
                self.candidates.push(digest);
            }
        }
        Ok(())
    }
}

impl Writer {
    /// Removes what a sweep of this layout found.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if the disk fails; what is listed is whole then, too.
    pub async fn sweep(&self, sweep: &Sweep) -> Result<()> {
        let Sweep { changes, candidates, forgotten, leftovers, .. } = sweep.clone();
        if !changes.is_empty() {
            match self.change_entries(changes.clone()).await {
                Err(error) if is_full(&error) => {
                    // What no image needs may make room for the new index.
                    let orphans = Sweep::of_orphans(self).await.unwrap_or_default();
                    self.remove_unneeded(orphans.candidates).await?;
                    self.change_entries(changes).await.map_err(|error| error.with_hint(ROOM))?;
                }
                result => result?,
            }
        }
        if leftovers > 0 {
            let layout = self.layout().clone();
            blocking(move || each_written(layout.0.dir(), Dir::remove_parts)).await?;
        }
        self.forget_staged(forgotten).await?;
        self.remove_unneeded(candidates).await
    }

    /// Removes blobs that nothing listed needs.
    async fn remove_unneeded(&self, candidates: Vec<Digest>) -> Result<()> {
        self.refresh().await?;
        let layout = self.layout().clone();
        blocking(move || {
            // A program without our lock may have listed something meanwhile.
            let needed = needed(&layout, &layout.entries())?;
            for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
                let gone =
                    candidates.iter().filter(|digest| digest.algorithm() == algorithm && !needed.contains(digest));
                let gone: Vec<&Digest> = gone.collect();
                if let (false, Some(dir)) = (gone.is_empty(), layout.0.dir().blob_dir(algorithm)?) {
                    for digest in gone {
                        layout.0.verified.remove(digest);
                        dir.remove(&digest.hex());
                    }
                    dir.sync()?;
                }
            }
            Ok(())
        })
        .await
    }
}

/// The hint for a full disk.
const ROOM: &str = "the list without those images is written before anything is removed, so it takes a little room: remove \
                    another file of this disk first";

fn is_full(error: &Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
    source.is_some_and(|error| {
        matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
    })
}

/// The hint for a layout in which something listed cannot be read.
const MEND: &str = "`sealift verify` tells what is damaged: stage that again, or remove it with `sealift rm`";

/// The hint for a layout of which the index lost entries.
const LOST: &str = "stage it again or bring `index.json` again; `sealift rm` gives it up";

fn gone_images<'a>(catalog: &'a ImageCatalog, gone: &HashSet<usize>) -> impl Iterator<Item = &'a CatalogImage> {
    catalog.images().iter().enumerate().filter(|(at, _)| gone.contains(at)).map(|(_, image)| image)
}

fn remove(entry: &Descriptor) -> EntryChange {
    EntryChange::Remove { name: entry_name(entry).map(str::to_owned), digest: entry.digest.clone() }
}

fn is_called(image: &CatalogImage, name: &str) -> bool {
    let by_digest = name.strip_prefix('@').is_some_and(|digest| digest == image.entry.digest.to_string());
    image.name == name
        || by_digest
        || FullReference::parse_or_latest(name).is_ok_and(|name| {
            let digest = name.image.reference.digest();
            let called = match &name.beside {
                Some(tag) => name.image.repository.with_tag(tag),
                None => name.image.clone(),
            };
            called == image.source && (name.beside.is_none() || digest == Some(&image.entry.digest))
        })
}

fn is_entry(entry: &Descriptor, name: &str) -> bool {
    entry_name(entry) == Some(name) || name.strip_prefix('@').is_some_and(|digest| digest == entry.digest.to_string())
}

fn unknown(layout: &Layout, catalog: &ImageCatalog, name: &str) -> Error {
    let path = layout.path().display();
    let error = Error::new(ErrorKind::NotFound, format!("there is no image `{name}` in `{path}`"));
    // Another number is another version, and not what was misspelt.
    let numbers = |name: &str| -> String {
        name.rsplit([':', '@']).next().unwrap_or_default().chars().filter(char::is_ascii_digit).collect()
    };
    let like = catalog.images().iter().map(|image| image.name.as_str()).filter(|other| numbers(other) == numbers(name));
    match did_you_mean(name, like) {
        Some(close) => error.with_hint(format!("did you mean `{close}`?")),
        None => error.with_hint(format!("`sealift ls {path}` tells what is there")),
    }
}

/// Returns everything that entries need. Blocks.
///
/// # Errors
/// If a manifest cannot be read, so that it is not known what it needs.
fn needed(layout: &Layout, entries: &[Descriptor]) -> Result<HashSet<Digest>> {
    let mut found = HashSet::new();
    walk(layout, entries, &mut found)
        .map_err(|error| error.with_context("it is not known which blobs are needed").with_hint(MEND))?;
    Ok(found)
}

/// Returns what is below entries, as far as it can be read. Blocks.
fn reachable_as_far_as_known(layout: &Layout, entries: &[Descriptor]) -> HashSet<Digest> {
    let mut found = HashSet::new();
    for entry in entries {
        let _ = walk(layout, std::slice::from_ref(entry), &mut found);
    }
    found
}

fn walk(layout: &Layout, entries: &[Descriptor], found: &mut HashSet<Digest>) -> Result<()> {
    let mut open: Vec<Descriptor> = entries.to_vec();
    let (mut failed, mut read) = (Ok(()), HashSet::new());
    while let Some(item) = open.pop() {
        found.insert(item.digest.clone());
        if !item.is_manifest() || !read.insert(item.digest.clone()) {
            continue;
        }
        match layout.manifest_blocking(&item) {
            Ok(manifest) => {
                found.extend(manifest.blobs().map(|blob| blob.digest.clone()));
                open.extend(manifest.children().cloned());
            }
            Err(error) => failed = failed.and(Err(error)),
        }
    }
    failed
}

#[cfg(test)]
mod tests;
