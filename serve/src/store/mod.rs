//! What is served: repositories over one layout.

mod content;
mod names;
mod path;
mod repository;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sealift_core::{
    content::{Digest, Manifest, Version},
    error::{Error, ErrorKind, Result},
};
use sealift_oci_layout::{Layout, Name, Writer, WriterOptions};

use crate::server::ServeOptions;
use content::IndexChange;
pub use names::Clash;
use names::Names;
pub(crate) use repository::Repository;

/// Repositories over one layout.
pub(crate) struct Store {
    layout: Layout,
    writer: Option<Writer>,
    /// Where entries are that are only a tag.
    unnamed: String,
    names: Mutex<Names>,
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
        let unnamed = match &options.name {
            Some(name) if path::served(name).as_ref() == Some(name) => name.clone(),
            Some(name) => {
                let message = format!("`{name}` cannot be the name of a repository");
                return Err(
                    Error::new(ErrorKind::Unsupported, message).hint("small letters and digits, as in `team/app`")
                );
            }
            None => path::unnamed(&options.dir),
        };
        let names = Mutex::new(read(&layout, &unnamed));
        Ok(Self { layout, writer, unnamed, names })
    }

    /// Takes up what others changed in the directory, if nobody writes here. What a client has begun to pull from what
    /// was there before, it can still finish.
    pub(crate) async fn refresh(&self) {
        if self.is_writable() {
            return; // we hold the lock
        }
        match self.layout.refresh().await {
            Ok(false) => {}
            Ok(true) => {
                let names = read(&self.layout, &self.unnamed);
                let mut current = self.all();
                names.succeed(&current);
                let before = current.clashes();
                for clash in names.clashes().iter().filter(|clash| !before.contains(clash)) {
                    tracing::warn!("{clash}: ask for it with the registry before the path");
                }
                *current = names;
            }
            Err(error) => tracing::warn!(%error, "what changed in the directory cannot be served"),
        }
    }

    /// The path of the repository that is meant; `registry` is the one whose mirror a client takes this one for.
    pub(crate) fn find(&self, path: &str, registry: Option<&str>) -> Result<String, Clash> {
        self.all().find(path, registry)
    }

    /// Paths that could mean several repositories.
    pub(crate) fn clashes(&self) -> Vec<Clash> {
        self.all().clashes()
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
        self.all().by_path.get(path).cloned()
    }

    /// The repositories that have a manifest, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let all = self.all();
        all.by_path.iter().filter(|(_, repository)| !repository.is_empty()).map(|(path, _)| path.clone()).collect()
    }

    fn make(&self, path: &str) -> Arc<Repository> {
        self.all().make(path, path)
    }

    fn all(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
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

/// The repositories that the index has.
fn read(layout: &Layout, unnamed: &str) -> Names {
    let mut names = Names::default();
    for entry in layout.entries() {
        let name = Name::of(&entry)
            .unwrap_or_else(|| Name { repository: String::new(), version: Version::Digest(entry.digest.clone()) });
        let written = if name.repository.is_empty() { unnamed } else { &name.repository };
        match path::served(written) {
            Some(path) => names.make(written, &path).list(name, entry),
            None => tracing::warn!(name = written, "cannot be served under this name"),
        }
    }
    names
}

fn change(writer: &Writer, changes: Vec<IndexChange>) {
    for change in changes {
        match change {
            IndexChange::Set(entry) => writer.set(*entry),
            IndexChange::Remove(name) => writer.remove(&name),
        }
    }
}
