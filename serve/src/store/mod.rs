//! What is served: repositories over one layout.

mod content;
mod path;
mod repository;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sealift_core::{
    content::{Digest, Manifest, Version},
    error::{Error, Result},
};
use sealift_oci_layout::{Layout, Name, Writer, WriterOptions};

use crate::server::ServeOptions;
use content::IndexChange;
pub(crate) use repository::Repository;

/// Repositories over one layout.
pub(crate) struct Store {
    layout: Layout,
    writer: Option<Writer>,
    repositories: Mutex<BTreeMap<String, Arc<Repository>>>,
}

/// Why a manifest was not taken.
pub(crate) enum Refused {
    /// The repository lacks these blobs or manifests.
    Missing(Vec<Digest>),
    /// The disk, most likely.
    Failed(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Store {
    pub(crate) async fn open(options: &ServeOptions) -> Result<Self> {
        let writer = if options.writable {
            Some(Writer::create(&options.dir, WriterOptions { sync: options.sync }).await?)
        } else {
            None
        };
        let layout = match &writer {
            Some(writer) => writer.layout().clone(),
            None => Layout::open(&options.dir).await?,
        };
        let store = Self { layout, writer, repositories: Mutex::default() };
        for entry in store.layout.entries() {
            let name = Name::of(&entry)
                .unwrap_or_else(|| Name { repository: String::new(), version: Version::Digest(entry.digest.clone()) });
            match path::served(&name.repository) {
                Some(path) => store.make(&path).list(name, entry),
                None => tracing::warn!(name = %name.repository, "cannot be served under this name"),
            }
        }
        Ok(store)
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn writer(&self) -> Option<&Writer> {
        self.writer.as_ref()
    }

    pub(crate) fn is_writable(&self) -> bool {
        self.writer.is_some()
    }

    /// A repository that has, or had, a manifest or a blob.
    pub(crate) fn repository(&self, path: &str) -> Option<Arc<Repository>> {
        self.all().get(path).cloned()
    }

    /// The repositories that have a manifest, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let all = self.all();
        all.iter().filter(|(_, repository)| !repository.is_empty()).map(|(path, _)| path.clone()).collect()
    }

    fn make(&self, path: &str) -> Arc<Repository> {
        Arc::clone(self.all().entry(path.to_owned()).or_insert_with(|| Arc::new(Repository::new(path))))
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Repository>>> {
        self.repositories.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a repository has a blob.
    pub(crate) async fn add_blob(&self, path: &str, digest: &Digest) {
        self.make(path).add_blob(self, digest).await;
    }

    /// Takes a blob from one repository to another; says whether it was there.
    pub(crate) async fn mount(&self, path: &str, digest: &Digest, from: &str) -> bool {
        let Some(from) = self.repository(from) else { return false };
        // The file is asked for, too: somebody may have cleaned up the directory.
        let there = from.has_blob(self, digest).await && matches!(self.layout.open_blob(digest).await, Ok(Some(_)));
        if there {
            self.add_blob(path, digest).await;
        }
        there
    }

    /// Takes a manifest, if all that it points to is in the repository.
    pub(crate) async fn put_manifest(&self, path: &str, at: &Version, manifest: &Manifest) -> Result<(), Refused> {
        let Some(writer) = &self.writer else { return Ok(()) };
        let repository = self.make(path);
        repository.load(self).await;
        let missing = repository.content().missing(manifest);
        if !missing.is_empty() {
            return Err(Refused::Missing(missing));
        }
        writer.put_bytes(&manifest.descriptor(), manifest.bytes().clone()).await?;
        {
            let mut content = repository.content();
            // Asked again: something may have been deleted meanwhile.
            let missing = content.missing(manifest);
            if !missing.is_empty() {
                return Err(Refused::Missing(missing));
            }
            let changes = content.put(manifest, at.tag());
            change(writer, changes);
        }
        Ok(writer.commit().await?)
    }

    /// Removes a tag, or a manifest with all its tags; says whether it was there.
    pub(crate) async fn delete_manifest(&self, path: &str, at: &Version) -> Result<bool> {
        let (Some(writer), Some(repository)) = (&self.writer, self.repository(path)) else { return Ok(false) };
        repository.load(self).await;
        {
            let mut content = repository.content();
            let changes = match at {
                Version::Tag(tag) => content.remove_tag(tag),
                Version::Digest(digest) => content.remove(digest),
            };
            let Some(changes) = changes else { return Ok(false) };
            change(writer, changes);
        }
        writer.commit().await?;
        Ok(true)
    }

    /// Makes lasting what was written.
    pub(crate) async fn close(&self) -> Result<()> {
        match &self.writer {
            Some(writer) => writer.commit().await,
            None => Ok(()),
        }
    }
}

fn change(writer: &Writer, changes: Vec<IndexChange>) {
    for change in changes {
        match change {
            IndexChange::Set(entry) => writer.set(*entry),
            IndexChange::Remove(name) => writer.remove(&name),
        }
    }
}
