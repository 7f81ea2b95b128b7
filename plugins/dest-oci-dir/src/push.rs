//! The stage.

use std::{
    collections::{BTreeSet, HashSet},
    path::PathBuf,
    sync::{OnceLock, PoisonError},
};

use async_trait::async_trait;
use sealift_core::{
    blob::Blob,
    content::{Descriptor, Digest, ImageRef, Manifest, Repository},
    error::{Error, Result},
    job::Job,
    stage::{
        Admission, BeginUpload, ChildRetention, Conclusion, DiskLocation, Lost, Push, PushCapabilities, PutManifest,
        ReferrerPresence, Removed, RunEnd, StoreId, Upload, UploadStart,
    },
};
use sealift_oci_layout::{
    ComingContent, Layout, NamedEntry, StagingEnd, StagingRequest, Sweep, Writer, WriterOptions, free_space,
};
use tokio::sync::{Mutex, OnceCell};

use crate::{names::EntryNames, omitted::BaselineFilter};

/// A directory that images are written to.
pub(crate) struct OciDirPush {
    path: PathBuf,
    names: EntryNames,
    omitted: BaselineFilter,
    /// True if nothing else shall be in the directory at the end.
    exact: bool,
    /// Opened by the first write, so that a plan, which only reads, makes no directory and takes no lock.
    writer: OnceCell<Writer>,
    /// Opened by the first question before that.
    reader: Mutex<Option<Layout>>,
    /// The content that a run would write, once a plan knows it.
    coming: std::sync::Mutex<ComingContent>,
    /// What did not arrive, once that is known.
    not_arrived: std::sync::Mutex<StagingEnd>,
    /// The error of `close`.
    end: Mutex<Option<Error>>,
    /// What `close` removed.
    removed: std::sync::Mutex<Option<Removed>>,
    /// True if `close` changed notes only; none before it.
    notes_changed: OnceLock<bool>,
}

impl OciDirPush {
    pub(crate) fn new(path: PathBuf, names: EntryNames, omitted: BaselineFilter, exact: bool) -> Self {
        Self {
            path,
            names,
            omitted,
            exact,
            writer: OnceCell::new(),
            reader: Mutex::default(),
            coming: Default::default(),
            not_arrived: Default::default(),
            end: Mutex::default(),
            removed: Default::default(),
            notes_changed: OnceLock::new(),
        }
    }

    /// Returns what the run asked for, and what of it did not arrive.
    fn staging(&self) -> (StagingRequest, StagingEnd) {
        let not_arrived = self.not_arrived.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (StagingRequest { exact: self.exact, ..self.names.request() }, not_arrived)
    }

    /// Returns true if the end of a run that wrote nothing leaves all notes as they are.
    async fn is_settled(&self, layout: &Layout) -> Result<bool> {
        let (request, not_arrived) = self.staging();
        Ok(self.names.outdated(layout).is_empty()
            && (not_arrived.unfinished || layout.is_settled_by(request, not_arrived).await?))
    }

    async fn writer(&self) -> Result<&Writer> {
        self.writer
            .get_or_try_init(|| async {
                let writer = Writer::create(&self.path, WriterOptions::default()).await?;
                writer.begin_staging(self.names.request()).await?;
                Ok(writer)
            })
            .await
    }

    fn coming(&self) -> std::sync::MutexGuard<'_, ComingContent> {
        self.coming.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the layout for reading; none if there is none yet.
    async fn layout(&self) -> Result<Option<Layout>> {
        if let Some(writer) = self.writer.get() {
            return Ok(Some(writer.layout().clone()));
        }
        let mut reader = self.reader.lock().await;
        // Reading the index for each question would take time that grows with the square of the images.
        if let Some(layout) = &*reader {
            layout.refresh().await?;
            return Ok(Some(layout.clone()));
        }
        *reader = Layout::open_existing(&self.path).await?;
        Ok(reader.clone())
    }

    /// Records what came of the run, and removes what it did not ask for if that is wanted and everything else arrived.
    async fn end(&self, writer: &Writer, request: StagingRequest, not_arrived: StagingEnd) -> Result<()> {
        let surplus = self.surplus(writer, &request, &not_arrived, ComingContent::default()).await;
        writer.end_staging(request, not_arrived).await?;
        if !self.exact {
            return Ok(());
        }
        let (sweep, removed) = surplus?;
        if !removed.held_back {
            writer.sweep(&sweep).await?;
        }
        *self.removed.lock().unwrap_or_else(PoisonError::into_inner) = Some(removed);
        Ok(())
    }

    /// Returns everything that the run did not ask for.
    async fn surplus(
        &self,
        layout: &Layout,
        request: &StagingRequest,
        not_arrived: &StagingEnd,
        coming: ComingContent,
    ) -> Result<(Sweep, Removed)> {
        // A wrong password or tag must not cost what is there: in place of everything else there would be nothing.
        let is_all_there = not_arrived.is_complete();
        let sweep = match self.exact {
            true => {
                // Another program may have written here since the pipeline was read.
                layout.check_staged(&request.images)?;
                Sweep::of_all_but(layout, &request.images, coming).await
            }
            false => Ok(Sweep::default()),
        };
        let sweep = if is_all_there { sweep? } else { sweep.unwrap_or_default() };
        let mut removed = Removed::default();
        removed.held_back = !is_all_there;
        removed.images.clone_from(&sweep.images);
        (removed.blobs, removed.bytes) = (sweep.blobs, sweep.bytes);
        Ok((sweep, removed))
    }

    /// Writes a manifest, and an entry for it in the index, which follows within a second.
    async fn list(&self, manifest: &Manifest, entry: NamedEntry) -> Result<()> {
        let writer = self.writer().await?;
        self.omitted.note(writer).await?;
        writer.put_bytes(&manifest.descriptor(), manifest.bytes().clone()).await?;
        writer.set(entry)?;
        writer.commit_soon();
        Ok(())
    }
}

#[async_trait]
impl Push for OciDirPush {
    fn targets(&self, job: &Job) -> Result<Vec<ImageRef>> {
        self.names.give(job).map(|at| vec![at])
    }

    fn store(&self, _: &Repository) -> StoreId {
        StoreId::new(&format!("oci-dir:{}", self.path.display()))
    }

    async fn resolve(&self, at: &ImageRef) -> Result<Option<Descriptor>> {
        let base = self.omitted.base().await?;
        let Some(layout) = self.layout().await? else { return Ok(None) };
        self.names.check(&layout, at)?;
        let Some(entry) = layout.find(&at.to_string()) else { return Ok(None) };
        // An entry may be more than what is there: others write in this directory, and clean it up.
        Ok(layout.has_image_except(&entry, base).await?.then_some(entry))
    }

    async fn blob_exists(&self, _: &Repository, item: &Descriptor) -> Result<bool> {
        match self.layout().await? {
            // Others write and clean up in this directory, so a manifest is no promise of its blobs.
            Some(layout) if item.media_type.is_manifest() => {
                layout.has_image_except(item, self.omitted.base().await?).await
            }
            None if item.media_type.is_manifest() => Ok(false),
            Some(layout) if layout.has(item).await? => Ok(true),
            _ => self.omitted.has(item).await,
        }
    }

    async fn begin_upload(&self, &BeginUpload { item, .. }: &BeginUpload<'_>) -> Result<UploadStart> {
        let writer = self.writer().await?;
        if writer.has(item).await? || self.omitted.has(item).await? {
            return Ok(UploadStart::Present);
        }
        writer.check_room(item).await?;
        Ok(UploadStart::Upload(Box::new(DirSlot(writer.clone()))))
    }

    async fn put_manifest(&self, request: &PutManifest<'_>) -> Result<()> {
        let manifest = request.manifest;
        match self.names.entry_for(request) {
            Some(entry) => self.list(manifest, entry).await?,
            None => self.writer().await?.put_bytes(&manifest.descriptor(), manifest.bytes().clone()).await?,
        }
        self.names.wrote(request);
        Ok(())
    }

    fn registries(&self) -> Option<BTreeSet<String>> {
        Some(BTreeSet::new())
    }

    fn capabilities(&self) -> PushCapabilities<'_> {
        PushCapabilities::default()
            .distinct_targets(&self.names)
            .admission(self)
            .referrer_presence(self)
            .child_retention(self)
            .write_hints(&self.names)
            .disk_location(self)
            .conclusion(self)
    }

    async fn close(&self) -> Result<()> {
        let layout = match self.writer.get() {
            Some(writer) => writer.layout().clone(),
            // Nothing was written; if nothing can be read either, every image heard of that.
            None => match self.layout().await {
                Ok(Some(layout)) => layout,
                _ => return Ok(()),
            },
        };
        if self.writer.get().is_none() {
            let settled = self.is_settled(&layout).await?;
            let _ = self.notes_changed.set(!settled);
            if settled && !self.exact {
                return Ok(());
            }
        }
        let outdated = self.names.outdated(&layout);
        let (request, not_arrived) = self.staging();
        let writer = match self.writer().await {
            Ok(writer) => writer,
            // Each image that failed has said why nothing can be written.
            Err(_) if !not_arrived.failed.is_empty() => return Ok(()),
            Err(error) => return Err(error),
        };
        let set = outdated.into_iter().try_for_each(|entry| writer.set(entry));
        let ended = match writer.commit_and_check().await.and(set) {
            Ok(()) => self.end(writer, request, not_arrived).await,
            failed => failed,
        };
        if let Err(error) = &ended {
            *self.end.lock().await = Some(error.clone());
        }
        ended
    }
}

#[async_trait]
impl Admission for OciDirPush {
    async fn prepare(&self, at: &ImageRef, _: Option<&Digest>, _: &[Descriptor]) -> Result<()> {
        self.names.check(self.writer().await?, at)
    }
}

impl ChildRetention for OciDirPush {
    fn keeps_children(&self, _: &Repository) -> bool {
        true // `resolve` and `blob_exists` look at everything below
    }
}

#[async_trait]
impl ReferrerPresence for OciDirPush {
    /// Returns the referrers that have an entry: nothing else points to them.
    async fn present_referrers(&self, _: &Repository, _: &Digest, referrers: &[Descriptor]) -> Result<HashSet<Digest>> {
        let Some(layout) = self.layout().await? else { return Ok(HashSet::new()) };
        let base = self.omitted.base().await?;
        let mut there = HashSet::new();
        for referrer in referrers {
            if layout.lists(&referrer.digest) && layout.has_image_except(referrer, base.clone()).await? {
                there.insert(referrer.digest.clone());
            }
        }
        Ok(there)
    }
}

impl DiskLocation for OciDirPush {
    fn location(&self) -> Option<String> {
        Some(self.path.display().to_string())
    }

    fn free_space(&self) -> Option<u64> {
        free_space(&self.path)
    }
}

#[async_trait]
impl Conclusion for OciDirPush {
    fn conclude(&self, end: &RunEnd<'_>) {
        for name in &end.planned {
            let mut coming = self.coming();
            coming.content.extend(name.content.iter().map(|item| (item.digest.clone(), item.clone())));
            coming.roots.insert(name.at.to_string(), name.root.clone());
        }
        *self.not_arrived.lock().unwrap_or_else(PoisonError::into_inner) = self.names.not_arrived(end);
    }

    fn lost(&self) -> Vec<Lost> {
        let (Some(writer), Ok(end)) = (self.writer.get(), self.end.try_lock()) else { return Vec::new() };
        end.as_ref().map_or_else(Vec::new, |error| self.names.lost(&writer.unwritten(), error))
    }

    async fn removed(&self) -> Result<Removed> {
        let known = self.removed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if known.is_some() || !self.exact || self.writer.get().is_some() {
            return Ok(known.unwrap_or_default());
        }
        let Some(layout) = self.layout().await? else { return Ok(Removed::default()) };
        let (request, not_arrived) = self.staging();
        let coming = self.coming().clone();
        Ok(self.surplus(&layout, &request, &not_arrived, coming).await?.1)
    }

    async fn changes_notes(&self) -> Result<bool> {
        // If nothing can be read, every image heard of that.
        match (self.notes_changed.get(), self.layout().await.unwrap_or_default()) {
            (Some(changed), _) => Ok(*changed),
            (None, Some(layout)) if self.writer.get().is_none() => Ok(!self.is_settled(&layout).await?),
            (None, _) => Ok(false),
        }
    }
}

/// A place for one blob.
struct DirSlot(Writer);

#[async_trait]
impl Upload for DirSlot {
    async fn write(self: Box<Self>, blob: Blob) -> Result<()> {
        self.0.put_blob(blob).await
    }
}

#[cfg(test)]
mod tests;
