//! Changes of repositories: written first, published after that.
//!
//! Changes that wait at the same time are written together, because each writes the whole index. They are tried one
//! after the other on copies of what they change. If the index cannot be written, the copies are thrown away and what
//! is served stays as it is on the disk.

use std::{
    collections::BTreeMap,
    mem::take,
    sync::{Arc, MutexGuard, PoisonError},
};

use sealift_core::{
    content::{Digest, Manifest, Reference, Tag},
    error::{Error, ErrorKind, Result},
};
use sealift_oci_layout::{EntryChange, Writer};
use tokio::sync::oneshot;

use super::{
    RepositoryStore, ServedRepository,
    content::{Content, Objection},
};

/// The error of a change that was not made.
#[derive(Clone, Debug)]
pub(crate) enum ChangeError {
    /// It is wrong.
    Objection(Objection),
    /// The disk, most likely.
    Failed(Error),
}

impl From<Error> for ChangeError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// A queued change and the channel for its result.
pub(super) struct Order {
    path: String,
    wish: Wish,
    answer: oneshot::Sender<Result<bool, ChangeError>>,
}

enum Wish {
    Put { manifest: Box<Manifest>, tag: Option<Tag> },
    Delete(Reference),
}

/// A change of a repository, before it is written.
struct ContentChange {
    entries: Vec<EntryChange>,
    /// A deleted manifest and its blobs.
    released: Vec<Digest>,
}

impl From<Vec<EntryChange>> for ContentChange {
    fn from(entries: Vec<EntryChange>) -> Self {
        Self { entries, released: Vec::new() }
    }
}

/// An order and what came of it: whether there was something to change.
type Outcome = (Order, Result<bool, ChangeError>);

impl RepositoryStore {
    /// Takes a manifest, if all that it points to is in the repository.
    ///
    /// # Errors
    /// If it is refused or cannot be written; then nothing has changed.
    pub(crate) async fn put_manifest(
        self: &Arc<Self>,
        path: &str,
        at: &Reference,
        manifest: &Manifest,
    ) -> Result<(), ChangeError> {
        let Some(writer) = &self.writer else { return Ok(()) };
        let content = match self.repository(path) {
            Some(repository) => repository.known(self).await.whole()?,
            None => Arc::new(Content::new(path)),
        };
        self.objection_to(path, &content, manifest)?;
        let _coming = self.coming.read().await;
        self.compare_sizes(manifest).await?;
        let item = manifest.descriptor();
        writer.put_bytes(&item, manifest.bytes().clone()).await.map_err(|error| match error.kind() {
            ErrorKind::Corrupt => ChangeError::Objection(Objection::WrongDigest(item.digest)),
            _ => error.into(),
        })?;
        let wish = Wish::Put { manifest: Box::new(manifest.clone()), tag: at.tag().cloned() };
        self.change(path, wish).await.map(|_| ())
    }

    /// Removes a tag, or a manifest with all its tags; says whether it was there.
    ///
    /// # Errors
    /// If it is refused or cannot be written; then nothing has changed.
    pub(crate) async fn delete_manifest(self: &Arc<Self>, path: &str, at: &Reference) -> Result<bool, ChangeError> {
        if self.writer.is_none() || self.repository(path).is_none() {
            return Ok(false);
        }
        self.change(path, Wish::Delete(at.clone())).await
    }

    fn objection_to(&self, path: &str, content: &Content, manifest: &Manifest) -> Result<(), ChangeError> {
        let loose = self.loose();
        let none = Default::default();
        let objection = content.objection_to(manifest, loose.get(path).unwrap_or(&none), self.sparse);
        objection.map_or(Ok(()), |objection| Err(ChangeError::Objection(objection)))
    }

    /// Compares the sizes that a manifest says with the files, also of what need not be here and is: a wrong one would
    /// make the layout look damaged, with the images of others in it.
    async fn compare_sizes(&self, manifest: &Manifest) -> Result<(), ChangeError> {
        for item in manifest.blobs().chain(manifest.children()) {
            let digest = item.digest.clone();
            match (self.layout.open_blob(&digest).await?, item.known_size()) {
                (None, _) if !item.is_foreign() && !self.sparse => {
                    return Err(ChangeError::Objection(Objection::Missing(vec![digest])));
                }
                (Some((_, found)), Some(said)) if said != found => {
                    return Err(ChangeError::Objection(Objection::WrongSize { digest, said, found }));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Queues a change and waits until it is made, alone or with others. It is made even if the caller is dropped.
    async fn change(self: &Arc<Self>, path: &str, wish: Wish) -> Result<bool, ChangeError> {
        let (answer, outcome) = oneshot::channel();
        self.orders().push(Order { path: path.to_owned(), wish, answer });
        let this = Arc::clone(self);
        self.background.spawn(async move { this.work().await });
        outcome.await.unwrap_or_else(|_| Err(Error::cancelled().into()))
    }

    fn orders(&self) -> MutexGuard<'_, Vec<Order>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the changes that wait.
    async fn work(self: &Arc<Self>) {
        let _changing = self.changing.write().await;
        let orders = take(&mut *self.orders());
        let Some(writer) = self.writer.as_ref().filter(|_| !orders.is_empty()) else { return };
        let mut failed = self.make(writer, orders).await;
        if failed.len() > 1 {
            // One alone may succeed, such as the removal of a tag where there is no room for another one.
            for (order, _) in take(&mut failed) {
                failed.extend(self.make(writer, vec![order]).await);
            }
        }
        if !failed.is_empty()
            && let Err(error) = self.follow().await
        {
            tracing::warn!(%error, "cannot compare with the directory after a change that failed");
        }
        answer(failed);
    }

    /// Makes changes all together. Those that could not be written come back.
    async fn make(self: &Arc<Self>, writer: &Writer, orders: Vec<Order>) -> Vec<Outcome> {
        let failure = |orders: Vec<Order>, error: &Error| {
            orders.into_iter().map(|order| (order, Err(ChangeError::Failed(error.clone())))).collect()
        };
        if let Err(error) = self.follow().await {
            return failure(orders, &error);
        }
        let (mut tried, mut released) = (BTreeMap::new(), Vec::new());
        let (mut outcomes, mut changes) = (Vec::<Outcome>::new(), Vec::new());
        for order in orders {
            let outcome = self.attempt(&order, &mut tried).await;
            let outcome = outcome.map(|change| {
                change
                    .map(|change| {
                        changes.extend(change.entries);
                        released.push((order.path.clone(), change.released));
                    })
                    .is_some()
            });
            outcomes.push((order, outcome));
        }
        if !changes.is_empty()
            && let Err(error) = writer.change_entries(changes).await
        {
            return failure(outcomes.into_iter().map(|(order, _)| order).collect(), &error);
        }
        self.publish(tried);
        for (path, content) in released {
            self.let_go(&path, content);
        }
        if let Err(error) = self.follow().await {
            tracing::warn!(%error, "cannot compare with the directory after a change");
        }
        answer(outcomes);
        Vec::new()
    }

    /// Makes a change on a copy; none if there was nothing to change.
    async fn attempt(
        self: &Arc<Self>,
        order: &Order,
        tried: &mut BTreeMap<String, Content>,
    ) -> Result<Option<ContentChange>, ChangeError> {
        if !tried.contains_key(&order.path) {
            let repository =
                self.repository(&order.path).unwrap_or_else(|| Arc::new(ServedRepository::new(&order.path)));
            let content = repository.known(self).await.whole()?;
            tried.insert(order.path.clone(), Content::clone(&content));
        }
        let content = tried.get_mut(&order.path).expect("it was just put there");
        match &order.wish {
            Wish::Put { manifest, tag } => {
                self.objection_to(&order.path, content, manifest)?;
                Ok(Some(content.put(manifest, tag.as_ref()).into()))
            }
            Wish::Delete(Reference::Tag(tag)) => Ok(content.remove_tag(tag).map(ContentChange::from)),
            Wish::Delete(Reference::Digest(digest)) => match content.objection_to_removing(digest) {
                Some(objection) => Err(ChangeError::Objection(objection)),
                None => {
                    let released = content.held_by(digest);
                    Ok(content.remove(digest).map(|entries| ContentChange { entries, released }))
                }
            },
        }
    }

    /// Forgets what a deleted manifest had, as a restart would; what another manifest has stays.
    fn let_go(self: &Arc<Self>, path: &str, mut content: Vec<Digest>) {
        if let Some(repository) = self.repository(path) {
            content.retain(|digest| !repository.holds(digest));
        }
        if let Some(loose) = self.loose().get_mut(path) {
            for digest in &content {
                loose.remove(digest);
            }
        }
        self.release(content);
    }

    /// Serves what was tried.
    fn publish(&self, tried: BTreeMap<String, Content>) {
        let mut all = self.all();
        for (path, content) in tried {
            if content.has_manifests() || all.by_path.contains_key(&path) {
                all.make(&path, &path).publish(content);
            }
        }
    }
}

fn answer(outcomes: Vec<Outcome>) {
    for (order, outcome) in outcomes {
        let _ = order.answer.send(outcome); // the client may be gone
    }
}
