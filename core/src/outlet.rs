//! Where a list hands out what it finds.

use tokio::sync::mpsc;

use crate::{
    content::Repository,
    error::{Error, Result},
    job::Listing,
};

/// The bounded way from a [`List`](crate::stage::List) to the engine.
///
/// Sending waits while the engine has enough to do, so a source stops paging tags; it fails as cancelled once
/// nobody wants more.
#[derive(Clone, Debug)]
pub struct Outlet(mpsc::Sender<Found>);

/// What a list hands out.
#[derive(Debug)]
pub enum Found {
    /// A repository and its candidates.
    Listing(Listing),
    /// Something the user should know that is no failure, such as an expression that matches no tag.
    Warning(String),
    /// A repository that could not be listed.
    Failed(Repository, Error),
}

impl Outlet {
    /// An outlet that holds up to `capacity` things nobody took yet, and where they come out.
    pub fn new(capacity: usize) -> (Self, mpsc::Receiver<Found>) {
        let (sender, receiver) = mpsc::channel(capacity);
        (Self(sender), receiver)
    }

    /// Hands out a listing.
    ///
    /// # Errors
    /// As cancelled, once nobody wants more: return it.
    pub async fn send(&self, listing: Listing) -> Result<()> {
        self.hand_out(Found::Listing(listing)).await
    }

    /// Says something that the user should know and that is no failure.
    ///
    /// # Errors
    /// As [`Outlet::send`].
    pub async fn warn(&self, message: impl Into<String>) -> Result<()> {
        self.hand_out(Found::Warning(message.into())).await
    }

    /// Says that a repository could not be listed. The rest goes on; the engine asks for it again in a later round.
    ///
    /// # Errors
    /// As [`Outlet::send`].
    pub async fn failed(&self, repository: &Repository, error: Error) -> Result<()> {
        self.hand_out(Found::Failed(repository.clone(), error)).await
    }

    async fn hand_out(&self, found: Found) -> Result<()> {
        self.0.send(found).await.map_err(|_| Error::cancelled())
    }
}
