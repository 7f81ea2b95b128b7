//! A repository: its content, read from the layout when somebody needs it.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::{StreamExt, stream};
use sealift_core::content::{Descriptor, Digest, Manifest, Tag, Version};
use sealift_oci_layout::{Layout, Name, name_of};
use tokio::sync::OnceCell;

use super::{Store, content::Content};

/// A repository. Its tags are known from the start; its manifests are read at the first question about more.
pub(crate) struct Repository {
    roots: Mutex<Vec<Descriptor>>,
    loaded: OnceCell<()>,
    content: Mutex<Content>,
    /// As it was before the directory changed: who has a digest from there may still ask for it.
    before: Mutex<Option<Arc<Repository>>>,
}

/// Manifests that are read at the same time.
const TOGETHER: usize = 8;

impl Repository {
    pub(super) fn new(path: &str) -> Self {
        Self {
            roots: Mutex::default(),
            loaded: OnceCell::new(),
            content: Mutex::new(Content::new(path)),
            before: Mutex::default(),
        }
    }

    /// Takes the place of another one, which is kept; what that one kept is not.
    pub(super) fn succeed(&self, before: &Arc<Self>) {
        *before.before() = None;
        *self.before() = Some(Arc::clone(before));
    }

    fn before(&self) -> MutexGuard<'_, Option<Arc<Self>>> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn roots(&self) -> MutexGuard<'_, Vec<Descriptor>> {
        self.roots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up an entry of the index.
    pub(super) fn list(&self, name: Name, entry: Descriptor) {
        let full_name = name_of(&entry).unwrap_or_default().to_owned();
        self.content().list(name.version, full_name, &entry.digest);
        let Descriptor { media_type, digest, size, .. } = entry;
        self.roots().push(Descriptor::new(media_type, digest, size));
    }

    /// Reads what the index points to, once.
    pub(super) async fn load(&self, store: &Store) {
        let read = || async {
            let roots = std::mem::take(&mut *self.roots());
            for manifest in tree(store.layout(), &roots).await {
                self.content().found(&manifest);
            }
        };
        self.loaded.get_or_init(read).await;
    }

    /// The tags; none if this never had a manifest.
    pub(crate) fn tags(&self) -> Option<Vec<Tag>> {
        let content = self.content();
        content.is_known().then(|| content.tags.keys().cloned().collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.content().has_manifests()
    }

    /// The manifest that a version means.
    pub(crate) async fn resolve(&self, store: &Store, version: &Version) -> Option<Descriptor> {
        let digest = match version {
            Version::Tag(tag) => self.content().tags.get(tag).cloned()?,
            Version::Digest(digest) => digest.clone(),
        };
        // A root needs no other manifest to be read.
        if let Some(root) = self.roots().iter().find(|root| root.digest == digest) {
            return Some(root.clone());
        }
        self.load(store).await;
        if let Some(found) = self.content().descriptor(&digest) {
            return Some(found.clone());
        }
        let before = self.before().clone()?;
        Box::pin(before.resolve(store, &Version::Digest(digest))).await
    }

    pub(crate) async fn referrers(&self, store: &Store, subject: &Digest) -> Vec<Descriptor> {
        self.load(store).await;
        self.content().referrers(subject)
    }

    pub(crate) async fn has_blob(&self, store: &Store, digest: &Digest) -> bool {
        self.load(store).await;
        if self.content().blobs.contains(digest) {
            return true;
        }
        let before = self.before().clone();
        match before {
            Some(before) => Box::pin(before.has_blob(store, digest)).await,
            None => false,
        }
    }

    pub(super) async fn add_blob(&self, store: &Store, digest: &Digest) {
        self.load(store).await; // later it would bring back what was forgotten meanwhile
        self.content().blobs.insert(digest.clone());
    }

    /// Forgets a blob; says whether it was known.
    pub(crate) async fn forget_blob(&self, store: &Store, digest: &Digest) -> bool {
        self.load(store).await;
        self.content().blobs.remove(digest)
    }
}

/// These manifests and all below them. What is missing or broken is left out: a layout may be incomplete.
async fn tree(layout: &Layout, roots: &[Descriptor]) -> Vec<Manifest> {
    let mut seen: HashSet<Digest> = HashSet::new();
    let mut found = Vec::new();
    let mut level: Vec<Descriptor> = roots.to_vec();
    while !level.is_empty() {
        level.retain(|item| seen.insert(item.digest.clone()));
        let read = stream::iter(std::mem::take(&mut level)).map(|item| async move { layout.manifest(&item).await });
        let mut read = read.buffered(TOGETHER);
        while let Some(manifest) = read.next().await {
            match manifest {
                Ok(manifest) => {
                    level.extend(manifest.children().cloned());
                    found.push(manifest);
                }
                Err(error) => tracing::warn!(%error, "a manifest of the layout cannot be served"),
            }
        }
    }
    found
}
