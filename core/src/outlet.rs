//! The channel through which a list sends its findings.

use std::{collections::HashSet, sync::Arc};

use tokio::sync::mpsc;

use crate::{
    content::{ImageRef, Repository},
    error::{Error, Result},
    job::Listing,
};

/// The bounded way from a [`List`](crate::stage::List) to the engine.
///
/// Sending waits while the engine has enough to do, so a source stops paging tags; it fails as cancelled once
/// the receiver is closed.
#[derive(Clone, Debug)]
pub struct Outlet(mpsc::Sender<Found>);

/// A finding of a list.
#[derive(Debug)]
pub enum Found {
    /// A repository and its candidates.
    Listing(Listing),
    /// Something the user should know that is no failure.
    Warning(String),
    /// Something that may name an image and cannot be read, with its place.
    LeftOut(String),
    /// A part of the list that finds nothing, such as an expression that matches no tag.
    Nothing {
        /// The place of the rule, as in [`Listing::rule`].
        rule: Arc<str>,
        /// The repository searched, if it is a single one.
        repository: Option<Repository>,
        /// The part that finds nothing: a sentence.
        why: String,
    },
    /// A repository that a listing will come for, where its images will go, and those images that are known already.
    Announced(Repository, Vec<Repository>, Vec<ImageRef>),
    /// A repository that could not be listed.
    Failed(Repository, Error),
    /// A rule, or a part of one, that cannot be followed, by the place where it stands.
    Refused(Arc<str>, Error),
    /// An image that is listed and cannot be copied; none if not even its name is known.
    Unusable(Option<ImageRef>, Error),
}

impl Outlet {
    /// Returns an outlet that buffers up to `capacity` findings, and its receiver.
    pub fn new(capacity: usize) -> (Self, mpsc::Receiver<Found>) {
        let (sender, receiver) = mpsc::channel(capacity);
        (Self(sender), receiver)
    }

    /// Hands out a listing.
    ///
    /// # Errors
    /// As cancelled, once the receiver is closed: return it.
    pub async fn send(&self, listing: Listing) -> Result<()> {
        self.hand_out(Found::Listing(listing)).await
    }

    /// Hands out listings of which all are known: says first what will come, then sends one after the other.
    ///
    /// # Errors
    /// As [`Outlet::send`].
    pub async fn send_all(&self, listings: &[Listing]) -> Result<()> {
        for Listing { repository, candidates, .. } in listings {
            let targets = candidates.iter().flat_map(|candidate| &candidate.targets);
            let targets: HashSet<_> = targets.map(|target| &target.repository).collect();
            let images = candidates.iter().map(|candidate| candidate.called(repository)).collect();
            self.announce(repository, targets.into_iter().cloned().collect(), images).await?;
        }
        for listing in listings {
            self.send(listing.clone()).await?;
        }
        Ok(())
    }

    /// Says before the first listing that one of this repository will come, and to which repositories the rule sends
    /// its images; none of these means that the destination names them. The stages that read and write them then know
    /// what else will be asked for: a registry gets one token for several repositories. `images` are those that the list
    /// knows before it asks anything, as they are called; none if it has yet to find them. It is a hint, and nothing more.
    ///
    /// # Errors
    /// As [`Outlet::send`].
    pub async fn announce(
        &self,
        repository: &Repository,
        targets: Vec<Repository>,
        images: Vec<ImageRef>,
    ) -> Result<()> {
        self.hand_out(Found::Announced(repository.clone(), targets, images)).await
    }

    /// Says something that the user should know and that is no failure.
    ///
    /// # Errors
    /// As [`Outlet::send`].
    pub async fn warn(&self, message: impl Into<String>) -> Result<()> {
        self.hand_out(Found::Warning(message.into())).await
    }

    /// Says that the list leaves something out that may name an image, because it cannot be read: `what` is that, with its
    /// place. It is no failure by itself, so [warn](Self::warn) of it as well. A destination that removes what the list
    /// does not name keeps everything then, and the run fails.
    ///
    /// # Errors
    /// As [`Outlet::send`].
    pub async fn left_out(&self, what: impl Into<String>) -> Result<()> {
        self.hand_out(Found::LeftOut(what.into())).await
    }

    /// Says that a part of the list finds nothing: a rule whose expression matches no tag, a name that is not there. That
    /// is a failure, unless the pipeline says that it may be. `why` is a sentence that names the part and its place.
    ///
    /// # Errors
    /// As [`Outlet::send`].
    pub async fn nothing(
        &self,
        rule: impl Into<Arc<str>>,
        repository: Option<&Repository>,
        why: impl Into<String>,
    ) -> Result<()> {
        self.hand_out(Found::Nothing { rule: rule.into(), repository: repository.cloned(), why: why.into() }).await
    }

    /// Says that a repository could not be listed. The rest goes on; the engine asks for it again in a later round.
    ///
    /// # Errors
    /// As [`Outlet::send`].
    pub async fn failed(&self, repository: &Repository, error: Error) -> Result<()> {
        self.hand_out(Found::Failed(repository.clone(), error)).await
    }

    /// Says that a rule, or a part of one, cannot be followed. The rest goes on, and the run has failed.
    ///
    /// # Errors
    /// As [`Outlet::send`].
    pub async fn refused(&self, rule: impl Into<Arc<str>>, error: Error) -> Result<()> {
        self.hand_out(Found::Refused(rule.into(), error)).await
    }

    /// Says that something is listed that cannot be copied, because the entry that lists it is damaged. It is a failure
    /// of that image and is not asked for again; the rest goes on. `image` is its name, if that is known.
    ///
    /// # Errors
    /// As [`Outlet::send`].
    pub async fn unusable(&self, image: Option<ImageRef>, error: Error) -> Result<()> {
        self.hand_out(Found::Unusable(image, error)).await
    }

    pub(crate) async fn hand_out(&self, found: Found) -> Result<()> {
        self.0.send(found).await.map_err(|_| Error::cancelled())
    }
}
