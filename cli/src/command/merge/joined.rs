//! The list and the fetch of several directories that together have what one of them may lack.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use sealift_core::{
    async_trait,
    blob::Blob,
    content::{Descriptor, Digest, ImageRef, Manifest, Repository, Tag},
    error::{Error, ErrorKind, Result, Retry},
    job::{Listing, Resolved},
    outlet::{Found, Outlet},
    stage::{BlobCheck, Fetch, FetchCapabilities, List, MountHints, Referrers, ResolveMode},
};
use tokio::sync::mpsc;

/// Lists the images of all directories, each once. An image that one of them lacks is missing only if all lack it.
pub(super) struct JoinedList(pub(super) Vec<Arc<dyn List>>);

/// The findings of all directories.
#[derive(Default)]
struct JoinedFindings {
    listings: Vec<Listing>,
    /// The place of each repository in `listings`.
    places: HashMap<Repository, usize>,
    names: HashSet<ImageRef>,
    /// The names that the directory at hand lists.
    listed: HashSet<ImageRef>,
    /// What the directory at hand cannot give.
    unusable: Vec<(Option<ImageRef>, Error)>,
    /// What one directory cannot give, and another one can.
    absent: Vec<(Option<ImageRef>, Error)>,
    /// What is there and should be another image: the same one elsewhere does not mend that.
    outdated: Vec<(Option<ImageRef>, Error)>,
}

#[async_trait]
impl List for JoinedList {
    async fn list(&self, out: &Outlet) -> Result<()> {
        let mut findings = JoinedFindings::default();
        let mut ended = Ok(());
        for list in &self.0 {
            let (sender, mut inbox) = Outlet::new(1);
            let listing = async {
                let result = list.list(&sender).await;
                drop(sender);
                result
            };
            let (listed, taken) = tokio::join!(listing, findings.take_all(&mut inbox, out));
            taken?;
            findings.end_directory();
            ended = ended.and(listed);
        }
        let JoinedFindings { listings, names, mut absent, outdated, .. } = findings;
        absent.retain(|(image, _)| image.as_ref().is_none_or(|image| !names.contains(image)));
        for (image, error) in absent.into_iter().chain(outdated) {
            out.unusable(image, error).await?;
        }
        out.send_all(&listings).await?;
        ended
    }
}

impl JoinedFindings {
    async fn take_all(&mut self, inbox: &mut mpsc::Receiver<Found>, out: &Outlet) -> Result<()> {
        while let Some(found) = inbox.recv().await {
            self.take(found, out).await?;
        }
        Ok(())
    }

    /// Keeps what depends on the other directories and hands on the rest.
    async fn take(&mut self, found: Found, out: &Outlet) -> Result<()> {
        match found {
            Found::Listing(listing) => self.add(listing),
            Found::Unusable(image, error) => self.unusable.push((image, error)),
            Found::Warning(message) => out.warn(message).await?,
            Found::LeftOut(what) => out.left_out(what).await?,
            Found::Nothing { rule, repository, why } => out.nothing(rule, repository.as_ref(), why).await?,
            Found::Failed(repository, error) => out.failed(&repository, error).await?,
            Found::Refused(rule, error) => out.refused(rule, error).await?,
            Found::Announced(..) => {} // announced again with what the other directories have
        }
        Ok(())
    }

    fn end_directory(&mut self) {
        let listed = std::mem::take(&mut self.listed);
        let unusable = std::mem::take(&mut self.unusable);
        let is_listed = |(image, _): &(Option<ImageRef>, Error)| image.as_ref().is_some_and(|it| listed.contains(it));
        let (outdated, absent): (Vec<_>, Vec<_>) = unusable.into_iter().partition(is_listed);
        self.outdated.extend(outdated);
        self.absent.extend(absent);
    }

    fn add(&mut self, listing: Listing) {
        let Listing { repository, candidates, rule, .. } = listing;
        let at = *self.places.entry(repository.clone()).or_insert(self.listings.len());
        if at == self.listings.len() {
            let must_yield = listing.must_yield;
            self.listings.push(Listing { must_yield, ..Listing::new(repository.clone(), Vec::new(), rule) });
        }
        let known = &mut self.listings[at].candidates;
        for candidate in candidates {
            self.listed.insert(candidate.called(&repository));
            if self.names.insert(candidate.called(&repository)) {
                known.push(candidate);
            } else if let Some(first) = known.iter_mut().find(|first| first.reference == candidate.reference) {
                let more = candidate.targets.into_iter().filter(|target| !first.targets.contains(target));
                let more: Vec<_> = more.collect();
                first.targets.extend(more);
            }
        }
    }
}

/// Reads from the first directory that has something, and from another one if it is damaged there.
pub(super) struct JoinedFetch {
    dirs: Vec<Arc<dyn Fetch>>,
    /// The errors of blobs that turned out to be damaged while they were read, by the place of their directory.
    damaged: Arc<Mutex<HashMap<(usize, Digest), Error>>>,
}

impl JoinedFetch {
    pub(super) fn new(dirs: Vec<Arc<dyn Fetch>>) -> Self {
        Self { dirs, damaged: Arc::default() }
    }

    /// Returns the answer of the first directory that has one.
    async fn first<'s, T, F>(&'s self, ask: impl Fn(usize, &'s dyn Fetch) -> F + Send) -> Result<T>
    where
        F: Future<Output = Result<T>> + Send,
    {
        let mut failed: Option<Error> = None;
        for (at, dir) in self.dirs.iter().enumerate() {
            let error = match ask(at, &**dir).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            // Damage says more than absence.
            match &failed {
                Some(first) if first.kind() != ErrorKind::NotFound || error.kind() == ErrorKind::NotFound => {}
                _ => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(Error::cancelled))
    }

    /// Opens a blob. Damage that is found while it is read is worth another attempt if there is another directory.
    async fn blob_in(&self, at: usize, dir: &dyn Fetch, repository: &Repository, item: &Descriptor) -> Result<Blob> {
        let key = (at, item.digest.clone());
        if let Some(error) = self.damaged.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Err(error.clone());
        }
        let blob = dir.blob(repository, item).await?;
        let damaged = Arc::clone(&self.damaged);
        Ok(blob.map_err(move |error| {
            if error.kind() != ErrorKind::Corrupt {
                return error;
            }
            damaged.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), error.clone());
            error.with_retry(Retry::Soon)
        }))
    }
}

#[async_trait]
impl Fetch for JoinedFetch {
    async fn resolve(&self, image: &ImageRef, want: ResolveMode) -> Result<Resolved> {
        self.first(|_, dir| dir.resolve(image, want)).await
    }

    async fn manifest(&self, repository: &Repository, item: &Descriptor) -> Result<Manifest> {
        self.first(|_, dir| dir.manifest(repository, item)).await
    }

    async fn blob(&self, repository: &Repository, item: &Descriptor) -> Result<Blob> {
        self.first(|at, dir| self.blob_in(at, dir, repository, item)).await.map_err(nowhere)
    }

    fn capabilities(&self) -> FetchCapabilities<'_> {
        FetchCapabilities::default().referrers(self).blob_check(self).mount_hints(self)
    }
}

#[async_trait]
impl BlobCheck for JoinedFetch {
    async fn check_blob(&self, repository: &Repository, item: &Descriptor) -> Result<()> {
        let checked = self.first(|_, dir| async move {
            match dir.capabilities().blob_check {
                Some(check) => check.check_blob(repository, item).await,
                None => Ok(()),
            }
        });
        checked.await.map_err(nowhere)
    }
}

/// Says what to do about content that no directory has.
fn nowhere(error: Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound => error.with_hint(
            "no directory that is merged has it: name the one that has, such as that which the delta is to, or stage again",
        ),
        _ => error,
    }
}

#[async_trait]
impl Referrers for JoinedFetch {
    async fn referrers(&self, repository: &Repository, subject: &Digest) -> Result<Vec<Descriptor>> {
        let mut all: Vec<Descriptor> = Vec::new();
        let mut failed = Ok(());
        for dir in self.dirs.iter().filter_map(|dir| dir.capabilities().referrers) {
            match dir.referrers(repository, subject).await {
                Ok(found) => {
                    let is_new = |one: &Descriptor| all.iter().all(|known| known.digest != one.digest);
                    let found: Vec<_> = found.into_iter().filter(is_new).collect();
                    all.extend(found);
                }
                Err(error) => failed = failed.and(Err(error)),
            }
        }
        // What is damaged in one directory may be whole in another one.
        if all.is_empty() { failed.map(|()| all) } else { Ok(all) }
    }

    async fn referrer_tags(&self, repository: &Repository, subject: &Digest) -> Result<Vec<Tag>> {
        let mut all = Vec::new();
        for dir in self.dirs.iter().filter_map(|dir| dir.capabilities().referrers) {
            for tag in dir.referrer_tags(repository, subject).await? {
                if !all.contains(&tag) {
                    all.push(tag);
                }
            }
        }
        Ok(all)
    }
}

#[async_trait]
impl MountHints for JoinedFetch {
    async fn mount_hints(&self, item: &Descriptor) -> Vec<Repository> {
        let mut all = Vec::new();
        for dir in self.dirs.iter().filter_map(|dir| dir.capabilities().mount_hints) {
            all.extend(dir.mount_hints(item).await);
        }
        all
    }
}
