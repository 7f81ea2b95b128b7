//! The presence of images at the destinations, determined with as few requests as possible.
//!
//! A destination that can tell tags with their digests in pages does so first, and nothing else is asked. Of others,
//! for the first tag of a repository the destination alone is asked. If that tag is missing, one survey tells what
//! else is there; if it is there, the others are probably there too, and are asked for one by one at the same time
//! as the source. Overviews and surveys only save questions: one that fails, or takes longer than a few seconds, is
//! given up, and each tag is asked for.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use tokio::{
    sync::{Notify, OnceCell},
    time::timeout,
};

use crate::{
    content::{Descriptor, Digest, ImageRef, MediaType, Reference, Repository},
    error::{Error, ErrorKind, Result},
    isolate::Isolated,
    lock::lock,
    stage::{Push, RepositoryTags, TagRequest},
};

/// The presence of a target, as known before the source is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one exists for each target in flight, and most hold a descriptor")]
pub(super) enum Presence {
    /// It is not there.
    Absent,
    /// It is there, and this is what it points to; without a media type where only the digest is known.
    Is(Descriptor),
    /// Unknown: the destination must be asked.
    Ask,
}

/// Timeout of an overview or a survey. Listing a large repository may take a registry minutes, while a request for one
/// tag is fast.
const PATIENCE: Duration = Duration::from_secs(5);

type Survey = OnceCell<RepositoryTags>;

/// A child manifest that was written, or is being written.
type Written = Arc<OnceCell<()>>;

/// The result of a request for a manifest by its digest: true if it is there.
type Found = Arc<OnceCell<bool>>;

/// The surveys of this run. One is kept while a listing that needs it has jobs.
#[derive(Default)]
pub(super) struct Surveys(Mutex<HashMap<(usize, Repository), Weak<Survey>>>);

/// Images of one listing.
#[derive(Default)]
struct FinishedImages {
    unfinished: usize,
    finished: HashSet<Digest>,
}

/// An image that did not end yet.
pub(super) struct UnfinishedImage(Arc<JobGroup>);

impl UnfinishedImage {
    /// Notes a digest of the image.
    pub(super) fn is(&self, digest: &Digest) {
        lock(&self.0.images).finished.insert(digest.clone());
    }
}

impl Drop for UnfinishedImage {
    fn drop(&mut self) {
        lock(&self.0.images).unfinished -= 1;
        self.0.news.notify_waiters();
    }
}

/// State that the jobs of one listing share.
#[derive(Default)]
pub(super) struct JobGroup {
    /// Number of jobs; a single one takes no survey, which would be an additional request.
    pub(super) size: usize,
    /// True if no other listing writes the same names.
    pub(super) exclusive: bool,
    /// True if it is a failure that nothing is left of the rule.
    pub(super) must_yield: bool,
    surveys: Mutex<HashMap<(usize, Repository), Arc<Survey>>>,
    written: Mutex<HashMap<(usize, Repository), HashMap<Digest, Written>>>,
    found: Mutex<HashMap<(usize, Repository), HashMap<Digest, Found>>>,
    carried: Mutex<HashSet<(usize, ImageRef)>>,
    images: Mutex<FinishedImages>,
    /// An image of the group ended.
    news: Notify,
}

impl JobGroup {
    pub(super) fn of(size: usize, exclusive: bool, must_yield: bool) -> Arc<Self> {
        Arc::new(Self { size, exclusive, must_yield, ..Self::default() })
    }

    /// Writes a child manifest, unless a job of this listing wrote it. Waits for a write that is under way; if
    /// that fails, the next one tries.
    pub(super) async fn write_once(
        &self,
        push: usize,
        at: &Repository,
        digest: &Digest,
        write: impl Future<Output = Result<()>> + Send,
    ) -> Result<()> {
        let cell = {
            let mut written = lock(&self.written);
            Arc::clone(written.entry((push, at.clone())).or_default().entry(digest.clone()).or_default())
        };
        cell.get_or_try_init(|| write).await.copied()
    }

    /// Returns true if a repository has a manifest by its digest. Asked once for all jobs of the listing, and not at all
    /// of what one of them wrote.
    pub(super) async fn has(
        &self,
        push: usize,
        stage: &Isolated<dyn Push>,
        at: &Repository,
        item: &Descriptor,
    ) -> Result<bool> {
        let key = (push, at.clone());
        let written = lock(&self.written).get(&key).and_then(|written| written.get(&item.digest).cloned());
        if written.is_some_and(|cell| cell.initialized()) {
            return Ok(true);
        }
        let cell = Arc::clone(lock(&self.found).entry(key).or_default().entry(item.digest.clone()).or_default());
        cell.get_or_try_init(|| stage.blob_exists(at, item)).await.copied()
    }

    /// Looks at what the survey of a repository told, if there was one.
    pub(super) fn known<T>(&self, push: usize, at: &Repository, look: impl FnOnce(&RepositoryTags) -> T) -> Option<T> {
        let survey = lock(&self.surveys).get(&(push, at.clone())).cloned();
        survey.as_ref().and_then(|survey| survey.get()).map(look)
    }

    /// Returns true if a name that is about an image was written along with the image.
    pub(super) fn carried(&self, push: usize, at: &ImageRef) -> bool {
        lock(&self.carried).contains(&(push, at.clone()))
    }

    /// Remembers a name that was written along with the image that it is about.
    pub(super) fn carry(&self, push: usize, at: ImageRef) {
        lock(&self.carried).insert((push, at));
    }

    /// Counts an image until the guard is dropped; see [`JobGroup::wait_for`].
    pub(super) fn start(self: &Arc<Self>) -> UnfinishedImage {
        lock(&self.images).unfinished += 1;
        UnfinishedImage(Arc::clone(self))
    }

    /// Waits until the image with this digest ended, or all images of the group did.
    pub(super) async fn wait_for(&self, digest: &Digest) {
        loop {
            let news = self.news.notified();
            let mut news = std::pin::pin!(news);
            news.as_mut().enable();
            let is_over = {
                let images = lock(&self.images);
                images.unfinished == 0 || images.finished.contains(digest)
            };
            if is_over {
                return;
            }
            news.await;
        }
    }

    fn survey(&self, surveys: &Surveys, push: usize, repository: &Repository) -> Arc<Survey> {
        let key = (push, repository.clone());
        let mut mine = lock(&self.surveys);
        let cell = mine.entry(key).or_insert_with_key(|key| {
            let mut all = lock(&surveys.0);
            let shared = all.get(key).and_then(Weak::upgrade).unwrap_or_default();
            all.retain(|_, survey| survey.strong_count() > 0);
            all.insert(key.clone(), Arc::downgrade(&shared));
            shared
        });
        Arc::clone(cell)
    }
}

/// Returns the presence of `at` as known before the source is asked.
pub(super) async fn presence(
    surveys: &Surveys,
    push: usize,
    stage: &Isolated<dyn Push>,
    at: &ImageRef,
    batch: &JobGroup,
) -> Result<Presence> {
    let Reference::Tag(tag) = &at.reference else { return Ok(Presence::Ask) };
    let cell = batch.survey(surveys, push, &at.repository);
    let mut mine = None;
    let known = cell.get_or_try_init(|| async {
        match saving(at, list(stage, &at.repository, TagRequest::Digests { wanted: batch.size })).await? {
            RepositoryTags::Unknown => {}
            known => return Ok(known),
        }
        let current = stage.resolve(at).await?;
        let there = current.is_some();
        mine = Some(current);
        match there || batch.size < 2 {
            true => Ok(RepositoryTags::Unknown),
            false => saving(at, list(stage, &at.repository, TagRequest::Names)).await,
        }
    });
    let known = known.await?.of_tag(tag);
    Ok(match mine {
        Some(Some(descriptor)) => Presence::Is(descriptor),
        Some(None) => Presence::Absent,
        None => known,
    })
}

async fn list(push: &Isolated<dyn Push>, at: &Repository, request: TagRequest) -> Result<RepositoryTags> {
    let operation = match request {
        TagRequest::Digests { .. } => "looked a repository over",
        TagRequest::Names => "listed what a repository has",
    };
    push.call_if(operation, |push| Some(push.capabilities().tag_inventory?.tags(at, request))).await
}

/// The answer to a question that only saves others: without one, each tag is asked for. A verdict stays one: on the
/// login, on a project that does not exist, on a broken plugin.
async fn saving(at: &ImageRef, answer: impl Future<Output = Result<RepositoryTags>>) -> Result<RepositoryTags> {
    use ErrorKind::{Bug, Cancelled, Denied, NotFound};
    let of_all = |error: &Error| matches!(error.kind(), Cancelled | Denied | NotFound | Bug);
    match timeout(PATIENCE, answer).await {
        Ok(Err(error)) if !of_all(&error) => {
            tracing::debug!(repository = %at.repository, %error, "what is there cannot be listed, so each tag is asked for");
            Ok(RepositoryTags::Unknown)
        }
        Ok(answer) => answer,
        Err(_) => {
            tracing::debug!(repository = %at.repository, "listing what is there takes long, so each tag is asked for");
            Ok(RepositoryTags::Unknown)
        }
    }
}

impl RepositoryTags {
    /// Returns true if some tag points to this digest.
    pub(super) fn points_to(&self, digest: &Digest) -> bool {
        match self {
            Self::Digests { tags, .. } => tags.values().any(|known| known == digest),
            Self::Names(_) | Self::Empty | Self::Unknown => false,
        }
    }

    /// Returns true if there are tags; none if this does not tell.
    pub(super) fn has_tags(&self) -> Option<bool> {
        match self {
            Self::Digests { tags, .. } => Some(!tags.is_empty()),
            Self::Names(names) => Some(!names.is_empty()),
            Self::Empty => Some(false),
            Self::Unknown => None,
        }
    }

    /// Returns the presence of one tag according to this answer.
    fn of_tag(&self, tag: &crate::content::Tag) -> Presence {
        match self {
            Self::Digests { tags, has_referrer_tags: false }
                if !tags.contains_key(tag) && tag.referenced_digest().is_some() =>
            {
                Presence::Ask
            }
            Self::Digests { tags, .. } => {
                let bare = |digest: &Digest| Descriptor::new(MediaType::default(), digest.clone(), Descriptor::UNSIZED);
                tags.get(tag).map_or(Presence::Absent, |digest| Presence::Is(bare(digest)))
            }
            Self::Names(tags) if !tags.contains(tag) => Presence::Absent,
            Self::Empty => Presence::Absent,
            Self::Names(_) | Self::Unknown => Presence::Ask,
        }
    }
}
