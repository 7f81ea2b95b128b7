//! A list that finds what a test says.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use sealift_core::{
    content::{FullReference, Repository},
    error::{Error, Result},
    job::{Candidate, Listing},
    outlet::Outlet,
    stage::List,
};

/// A list of what a test wants copied.
#[derive(Clone, Default)]
pub struct Wanted {
    listings: Vec<Listing>,
    named: bool,
    failing: Arc<Mutex<Vec<(Repository, Error)>>>,
}

impl Wanted {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// `source` (`host/repo:tag`) goes to these targets; the destination names it if there are none.
    #[must_use]
    pub fn image(mut self, source: &str, targets: &[&str]) -> Self {
        let FullReference { image: source, beside } = source.parse().expect("a valid source");
        let targets = targets.iter().map(|target| target.parse().expect("a valid target")).collect();
        let candidate = Candidate { targets, beside, named: self.named, ..Candidate::new(source.reference) };
        match self.listings.last_mut().filter(|last| last.repository == source.repository) {
            Some(listing) => listing.candidates.push(candidate),
            None => {
                let rule = format!("rule {}", self.listings.len() + 1);
                self.listings.push(Listing::new(source.repository, vec![candidate], rule));
            }
        }
        self
    }

    /// From here on the rules name their images, which were found until then.
    #[must_use]
    pub fn named(self) -> Self {
        Self { named: true, ..self }
    }

    /// The listings say that no other sends images to their names.
    #[must_use]
    pub fn exclusive(mut self) -> Self {
        self.listings.iter_mut().for_each(|listing| listing.exclusive = true);
        self
    }

    /// The listing of this repository fails the first time.
    #[must_use]
    pub fn failing_once(self, repository: &str, error: Error) -> Self {
        let repository = repository.parse().expect("a valid repository");
        self.failing.lock().unwrap_or_else(PoisonError::into_inner).push((repository, error));
        self
    }
}

#[async_trait]
impl List for Wanted {
    async fn list(&self, out: &Outlet) -> Result<()> {
        let failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if failing.is_empty() {
            return out.send_all(&self.listings).await;
        }
        for listing in &self.listings {
            match failing.iter().find(|(repository, _)| *repository == listing.repository) {
                Some((repository, error)) => out.failed(repository, error.clone()).await?,
                None => out.send(listing.clone()).await?,
            }
        }
        Ok(())
    }

    async fn list_repository(&self, repository: &Repository, out: &Outlet) -> Result<()> {
        for listing in self.listings.iter().filter(|listing| listing.repository == *repository) {
            out.send(listing.clone()).await?;
        }
        Ok(())
    }
}
