//! Names of images in the directory, and the notes beside them.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use sealift_core::{
    content::{Descriptor, ImageRef, Reference, Repository, Tag},
    error::{Error, ErrorKind, Result},
    job::Job,
    report::FailedItem,
    stage::{DistinctTargets, Lost, PutManifest, RunEnd, WriteHints},
};
use sealift_oci_layout::{Layout, NamedEntry, RefStyle, SOURCE, StagingEnd, StagingRequest, TARGETS};

/// The name that was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum NameRule {
    /// The name of the source.
    #[default]
    AsSource,
    /// The repository of the source with this tag.
    Tag(Tag),
    /// A given reference.
    Full(ImageRef),
}

/// Gives names, and remembers what this run wants to note at each: an image may be wanted by two rules, and one that
/// is there already is not written again. That is less than what the index keeps of an image.
pub(crate) struct EntryNames {
    called: NameRule,
    style: RefStyle,
    wanted: Mutex<RequestedNames>,
}

#[derive(Default)]
struct RequestedNames {
    notes: HashMap<ImageRef, EntryNotes>,
    /// With `ref_style = "tag"`: whose a tag is.
    tags: HashMap<Tag, Repository>,
    /// The request of this run, as far as the list knew it beforehand.
    announced: StagingRequest,
}

/// The notes beside an image.
#[derive(Clone, Debug)]
struct EntryNotes {
    /// The reference that was read.
    source: ImageRef,
    /// The name at the source.
    called: ImageRef,
    targets: Vec<ImageRef>,
    /// The job that wrote it in this run.
    written: Option<u64>,
}

impl EntryNames {
    pub(crate) fn new(called: NameRule, style: RefStyle) -> Self {
        Self { called, style, wanted: Mutex::default() }
    }

    fn wanted(&self) -> MutexGuard<'_, RequestedNames> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name of a job's image.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] if another image of this run has it, as other tools would see it.
    pub(crate) fn give(&self, job: &Job) -> Result<ImageRef> {
        let at = match &self.called {
            NameRule::AsSource => job.called(),
            NameRule::Tag(tag) => job.source.repository.with_tag(tag),
            NameRule::Full(name) => name.clone(),
        };
        let mut wanted = self.wanted();
        if let (RefStyle::Tag, Reference::Tag(tag)) = (self.style, &at.reference) {
            let owner = wanted.tags.entry(tag.clone()).or_insert_with(|| at.repository.clone());
            if *owner != at.repository {
                return Err(same_tag(&owner.with_tag(tag).to_string(), &at, tag));
            }
        }
        let notes = EntryNotes { source: job.source.clone(), called: job.called(), targets: Vec::new(), written: None };
        let notes = wanted.notes.entry(at.clone()).or_insert(notes);
        // Two images that the source calls the same may be one: the engine compares them.
        if notes.source != job.source && self.called != NameRule::AsSource {
            let (first, second) = (&notes.source, &job.source);
            let message = format!("`{first}` and `{second}` would both be called `{at}`");
            return Err(Error::new(ErrorKind::Conflict, message).with_hint("`name` goes for one image: leave it out"));
        }
        for target in &job.targets {
            if !notes.targets.contains(target) {
                notes.targets.push(target.clone());
            }
        }
        Ok(at)
    }

    /// Returns what this run asks for: what the list announced, and what it has found since.
    pub(crate) fn request(&self) -> StagingRequest {
        let wanted = self.wanted();
        let mut request = wanted.announced.clone();
        for (at, notes) in &wanted.notes {
            request.images.insert(at.to_string());
            request.repositories.insert(notes.source.repository.to_string());
        }
        request
    }

    /// Returns what did not arrive, by the names of entries.
    pub(crate) fn not_arrived(&self, end: &RunEnd<'_>) -> StagingEnd {
        let wanted = self.wanted();
        let mut ended = StagingEnd { unfinished: end.stopped, left_out: end.left_out, ..StagingEnd::default() };
        for failed in &end.failed {
            match failed {
                FailedItem::Image { source, target } => {
                    // In a run with several destinations the failure may be that of another one.
                    let at = target.as_ref().unwrap_or(source);
                    if target.is_none() || wanted.notes.contains_key(at) {
                        ended.failed.insert(at.to_string());
                    }
                }
                FailedItem::Listing { repository: Some(repository) } => {
                    ended.unlisted.insert(repository.to_string());
                }
                FailedItem::Finish { .. } => {}
                _ => ended.unfinished = true,
            }
        }
        ended
    }

    /// Refuses a tag that another image has in the directory.
    pub(crate) fn check(&self, layout: &Layout, at: &ImageRef) -> Result<()> {
        let (RefStyle::Tag, Reference::Tag(tag)) = (self.style, &at.reference) else { return Ok(()) };
        match layout.find_other_by_ref_name(tag.as_str(), &at.to_string()) {
            Some(other) => Err(same_tag(sealift_oci_layout::entry_name(&other).unwrap_or(tag.as_str()), at, tag)),
            None => Ok(()),
        }
    }

    fn named(&self, at: &ImageRef, manifest: Descriptor) -> NamedEntry {
        NamedEntry::new(manifest, &at.repository.to_string(), &at.reference, self.style)
    }

    /// The entry of a manifest; none for a child of an index.
    pub(crate) fn entry_for(&self, request: &PutManifest<'_>) -> Option<NamedEntry> {
        let (at, manifest) = (request.target(), request.manifest.descriptor());
        match (request.root_of, request.tag) {
            (Some(job), _) => {
                let targets = self.wanted().notes.get(&at).map(|notes| notes.targets.clone());
                let entry = self.named(&at, manifest).with_source(&job.called());
                Some(entry.with_targets(targets.as_deref().unwrap_or(&job.targets)))
            }
            (None, Some(_)) => Some(self.named(&at, manifest)),
            // Nothing points to a signature: without an entry a tool that cleans up would take it away.
            (None, None) if request.manifest.subject().is_some() => {
                Some(NamedEntry::referrer(manifest, &at.repository.to_string()))
            }
            (None, None) => None,
        }
    }

    /// Remembers the image of a job that was written.
    pub(crate) fn wrote(&self, request: &PutManifest<'_>) {
        let Some(job) = request.root_of else { return };
        if let Some(notes) = self.wanted().notes.get_mut(&request.target()) {
            notes.written = Some(job.id);
        }
    }

    /// The images of this run among these names, which are not in the index after all.
    pub(crate) fn lost(&self, names: &[String], error: &Error) -> Vec<Lost> {
        let wanted = self.wanted();
        let lost = wanted.notes.iter().filter_map(|(at, notes)| {
            names.binary_search(&at.to_string()).ok()?;
            Some(Lost::new(notes.written?, notes.source.clone(), at.clone(), error.clone()))
        });
        let mut lost: Vec<Lost> = lost.collect();
        lost.sort_by_key(|lost| lost.job);
        lost
    }

    /// The entries whose notes are not what this run wants: those of images that were there already.
    pub(crate) fn outdated(&self, layout: &Layout) -> Vec<NamedEntry> {
        let wanted = self.wanted();
        let mut outdated = Vec::new();
        for (at, notes) in &wanted.notes {
            let Some(there) = layout.find(&at.to_string()) else { continue };
            // Entries of other programs stay as they are, unless there is something to note.
            if notes.targets.is_empty() && !there.annotations.contains_key(SOURCE) {
                continue;
            }
            let mut bare = there.clone();
            if !notes.targets.is_empty() {
                bare.annotations.remove(TARGETS); // else what was noted earlier still holds
            }
            let entry = self.named(at, bare).with_source(&notes.called).with_targets(&notes.targets);
            if *entry.entry() != there {
                outdated.push(entry);
            }
        }
        outdated
    }
}

impl DistinctTargets for EntryNames {
    /// True if images keep the names of their sources.
    fn keeps_apart(&self) -> bool {
        self.called == NameRule::AsSource
    }
}

impl WriteHints for EntryNames {
    /// Notes the images of a repository that will come; none if the list has yet to find them.
    fn announce(&self, source: &Repository, _: &[Repository], images: &[ImageRef]) {
        let mut wanted = self.wanted();
        let repository = source.to_string();
        if images.is_empty() {
            wanted.announced.unlisted.insert(repository.clone());
        }
        wanted.announced.repositories.insert(repository);
        if self.called == NameRule::AsSource {
            wanted.announced.images.extend(images.iter().map(ToString::to_string));
        }
    }
}

fn same_tag(first: &str, second: &ImageRef, tag: &Tag) -> Error {
    let message = format!("`{first}` and `{second}` would both be called `{tag}`");
    Error::new(ErrorKind::Conflict, message).with_hint("use `ref_style = \"full\"`, or a directory for each repository")
}
