//! Asks the filters which versions of a listing are wanted. Repositories whose filters read images do so side by side.

use std::{sync::Arc, task::Poll};

use tokio::task::JoinError;

use super::Run;
use crate::{
    engine::run_state::RunState,
    error::{Error, Result},
    job::Listing,
};

/// Listings whose versions are chosen at the same time.
const CHOICES: usize = 32;

/// A listing as it came, and what the filters left of it, with the number of versions that each filter dropped.
pub(super) struct Chosen {
    pub(super) whole: Listing,
    pub(super) result: Result<(Listing, Vec<(usize, usize)>)>,
}

impl Run {
    /// Lets the filters choose among the versions of a listing, and makes jobs of those that are left. If that takes long,
    /// other listings overtake it, unless they may be about the same names.
    pub(super) async fn take_listing(&mut self, whole: Listing) {
        let is_exclusive = whole.exclusive;
        let mut choice = Box::pin(choose(Arc::clone(&self.engine), whole));
        if let Poll::Ready(chosen) = futures::poll!(&mut choice) {
            return self.take_chosen(chosen).await;
        }
        if is_exclusive {
            while self.choosing.len() >= CHOICES
                && let Some(chosen) = self.choosing.join_next().await
            {
                self.take_joined(chosen).await;
            }
            self.choosing.spawn(choice);
            return;
        }
        let chosen = loop {
            tokio::select! {
                biased;
                chosen = &mut choice => break chosen,
                Some(done) = self.running.join_next() => self.absorb(done),
            }
        };
        self.take_chosen(chosen).await;
    }

    /// Waits for all choices that were overtaken.
    pub(super) async fn finish_choices(&mut self) {
        while !self.choosing.is_empty() {
            tokio::select! {
                biased;
                Some(chosen) = self.choosing.join_next() => self.take_joined(chosen).await,
                Some(done) = self.running.join_next() => self.absorb(done),
            }
        }
    }

    pub(super) async fn take_joined(&mut self, chosen: Result<Chosen, JoinError>) {
        if let Ok(chosen) = chosen {
            self.take_chosen(chosen).await;
        }
    }
}

async fn choose(engine: Arc<RunState>, whole: Listing) -> Chosen {
    let mut listing = whole.clone();
    let result = tokio::select! {
        biased;
        () = engine.cancel.stopping() => Err(Error::cancelled()),
        dropped = filter(&engine, &mut listing) => dropped,
    };
    Chosen { whole, result: result.map(|dropped| (listing, dropped)) }
}

/// Asks all filters which versions are wanted, and counts what each of them drops.
async fn filter(engine: &RunState, listing: &mut Listing) -> Result<Vec<(usize, usize)>> {
    let mut dropped = Vec::new();
    for (at, filter) in engine.filters.iter().enumerate() {
        let before = listing.candidates.len();
        filter.calls.ask("looked at names", |filter| filter.filter_tags(listing))?;
        filter.calls.call("chose versions", |filter| filter.select(listing, &engine.source)).await?;
        let fewer = before.saturating_sub(listing.candidates.len());
        if fewer > 0 {
            dropped.push((at, fewer));
        }
    }
    Ok(dropped)
}
