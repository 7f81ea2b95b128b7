//! A repository: its content, read from the layout when it is asked for.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sealift_core::{
    content::{Descriptor, Digest, Reference, Tag},
    error::{Error, Result},
};
use tokio::time::Instant;

use super::{RepositoryStore, content::Content, load::load};

/// A repository. Its tags are known from the start; its manifests are read at the first question about more.
pub(crate) struct ServedRepository {
    state: Mutex<RepositoryState>,
    /// Held while the layout is read.
    loading: tokio::sync::Mutex<()>,
    /// As it was before the directory changed: who has a digest from there may still ask for it.
    before: Mutex<Option<Arc<ServedRepository>>>,
}

struct RepositoryState {
    content: Arc<Content>,
    is_loaded: bool,
    /// Counts attempts to read the layout that ended, and has what the last one found if it did not find all.
    attempts: u64,
    incomplete: Option<LoadedContent>,
    /// The last look for manifests that were missing.
    looked: Instant,
}

/// The time for which a manifest counts as missing before the directory is read again.
const MISSING: Duration = Duration::from_secs(1);

/// The content that was found in a repository.
#[derive(Clone)]
pub(super) struct LoadedContent {
    pub(super) content: Arc<Content>,
    /// An error of the system because of which more may be there.
    pub(super) gap: Option<Error>,
}

impl LoadedContent {
    /// The whole content.
    pub(super) fn whole(self) -> Result<Arc<Content>> {
        self.gap.map_or(Ok(self.content), Err)
    }
}

impl ServedRepository {
    pub(super) fn new(path: &str) -> Self {
        let content = Arc::new(Content::new(path));
        Self {
            state: Mutex::new(RepositoryState {
                content,
                is_loaded: false,
                attempts: 0,
                incomplete: None,
                looked: Instant::now(),
            }),
            loading: tokio::sync::Mutex::default(),
            before: Mutex::default(),
        }
    }

    /// Takes the place of another one, which is kept; what that one kept is not.
    pub(super) fn succeed(&self, before: &Arc<Self>) {
        *lock(&before.before) = None;
        *lock(&self.before) = Some(Arc::clone(before));
    }

    /// Takes up an entry of the index.
    pub(super) fn list(&self, version: Reference, entry: &Descriptor) {
        Arc::make_mut(&mut lock(&self.state).content).list(version, entry);
    }

    /// Returns the content as far as it is known without reading the layout: the tags, and everything after the first
    /// load.
    pub(super) fn content(&self) -> Arc<Content> {
        Arc::clone(&lock(&self.state).content)
    }

    /// Puts changed content in the place of the one that it was made from.
    pub(super) fn publish(&self, content: Content) {
        let mut state = lock(&self.state);
        state.content = Arc::new(content);
        state.is_loaded = true;
        state.incomplete = None;
    }

    /// Reads what the index points to, once.
    ///
    /// It is read to the end in a task of its own: a client that goes away must not leave half of it behind. What an
    /// error of the system hid is read again at the next question.
    pub(super) async fn known(self: &Arc<Self>, store: &Arc<RepositoryStore>) -> LoadedContent {
        let seen = {
            let state = lock(&self.state);
            if state.is_loaded {
                return LoadedContent { content: Arc::clone(&state.content), gap: None };
            }
            state.attempts
        };
        let (this, store) = (Arc::clone(self), Arc::clone(store));
        let background = store.background.clone();
        let task = background.spawn(async move { this.load(&store, seen).await });
        task.await.unwrap_or_else(|_| LoadedContent { content: self.content(), gap: Some(Error::cancelled()) })
    }

    async fn load(&self, store: &RepositoryStore, seen: u64) -> LoadedContent {
        let _loading = self.loading.lock().await;
        let mut content = {
            let state = lock(&self.state);
            if state.is_loaded {
                return LoadedContent { content: Arc::clone(&state.content), gap: None };
            }
            // Those who waited for this attempt do not all begin another one.
            if state.attempts > seen
                && let Some(incomplete) = &state.incomplete
            {
                return incomplete.clone();
            }
            Content::clone(&state.content)
        };
        let gap = load(store.layout(), &store.reading, &mut content).await;
        let known = LoadedContent { content: Arc::new(content), gap };
        let mut state = lock(&self.state);
        state.attempts += 1;
        state.is_loaded = known.gap.is_none();
        match state.is_loaded {
            true => state.content = Arc::clone(&known.content),
            false => state.incomplete = Some(known.clone()),
        }
        known
    }

    /// Looks again for manifests that are listed and were missing or damaged, when something was not found: they may
    /// have been brought since, and the index is the same then.
    async fn again(self: &Arc<Self>, store: &Arc<RepositoryStore>, known: LoadedContent) -> LoadedContent {
        if known.gap.is_some() || !known.content.lacks_something() {
            return known;
        }
        {
            let mut state = lock(&self.state);
            if state.looked.elapsed() < MISSING {
                return known;
            }
            state.looked = Instant::now();
        }
        let (this, store) = (Arc::clone(self), Arc::clone(store));
        let background = store.background.clone();
        let task = background.spawn(async move {
            let mut content = Content::clone(&known.content);
            let gap = load(store.layout(), &store.reading, &mut content).await;
            let content = Arc::new(content);
            let mut state = lock(&this.state);
            // A change that was made meanwhile counts.
            if gap.is_none() && Arc::ptr_eq(&state.content, &known.content) {
                state.content = Arc::clone(&content);
            }
            LoadedContent { content, gap }
        });
        task.await.unwrap_or_else(|_| LoadedContent { content: self.content(), gap: Some(Error::cancelled()) })
    }

    /// The tags; none if there is no manifest.
    pub(crate) fn tags(&self) -> Option<Vec<Tag>> {
        let content = self.content();
        content.has_manifests().then(|| content.tags.keys().cloned().collect())
    }

    /// Returns true if a manifest that was read is, or has, this content.
    pub(super) fn holds(&self, digest: &Digest) -> bool {
        let content = self.content();
        content.has_blob(digest) || content.descriptor(digest).is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.content().has_manifests()
    }

    /// The manifest that a version means.
    pub(crate) async fn resolve(
        self: &Arc<Self>,
        store: &Arc<RepositoryStore>,
        version: &Reference,
    ) -> Result<Option<Descriptor>> {
        let content = self.content();
        let digest = match version {
            Reference::Tag(tag) => match content.tags.get(tag) {
                Some(digest) => digest,
                None => return Ok(None),
            },
            Reference::Digest(digest) => digest,
        };
        // A manifest that is listed needs no other one to be read.
        if let Some(item) = content.descriptor(digest) {
            return Ok(Some(item.clone()));
        }
        let mut known = self.known(store).await;
        if known.content.descriptor(digest).is_none() {
            known = self.again(store, known).await;
        }
        if let Some(item) = known.content.descriptor(digest) {
            return Ok(Some(item.clone()));
        }
        let before = lock(&self.before).clone();
        if let Some(before) = before
            && let Some(item) = Box::pin(before.resolve(store, &Reference::Digest(digest.clone()))).await?
        {
            return Ok(Some(item));
        }
        known.gap.map_or(Ok(None), Err)
    }

    pub(crate) async fn referrers(
        self: &Arc<Self>,
        store: &Arc<RepositoryStore>,
        subject: &Digest,
    ) -> Result<Vec<Descriptor>> {
        let known = self.known(store).await;
        Ok(self.again(store, known).await.whole()?.referrers(subject))
    }

    /// Returns true if a manifest has this blob.
    pub(super) async fn has_blob(self: &Arc<Self>, store: &Arc<RepositoryStore>, digest: &Digest) -> Result<bool> {
        let mut known = self.known(store).await;
        if !known.content.has_blob(digest) {
            known = self.again(store, known).await;
        }
        if known.content.has_blob(digest) {
            return Ok(true);
        }
        let before = lock(&self.before).clone();
        if let Some(before) = before
            && Box::pin(before.has_blob(store, digest)).await?
        {
            return Ok(true);
        }
        known.gap.map_or(Ok(false), Err)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
