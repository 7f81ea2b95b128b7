//! Limits of one host: permits of the limiter of the pipeline, pauses that the host asks for, and quotas that it names.

mod clock;
mod retry_after;

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures::FutureExt;
use http::Method;
use sealift_core::{
    limit::{Demand, Limiter, Permit, Pool, Rate, RequestOutcome, TransferSide},
    stage::StoreId,
};
use tokio::time::Instant;

pub(crate) use clock::sent_at;
pub(crate) use retry_after::read as retry_after;

use crate::{
    operation::project_of,
    profile::{LimitedRequests, ManifestWrites, PublishedLimit},
    quota::Quota,
    transport::Request,
};

/// The limits of one host.
#[derive(Debug)]
pub(crate) struct HostLimit {
    limiter: Limiter,
    store: StoreId,
    /// The quota that the host named last.
    quota: Mutex<Option<Quota>>,
    /// The end of a pause that is too long to be waited for.
    closed_until: Mutex<Option<Instant>>,
}

impl HostLimit {
    /// Returns the limits of the registry `name`, with those that its product publishes.
    pub(crate) fn new(limiter: Limiter, name: &str, published: &[PublishedLimit]) -> Self {
        let store = StoreId::new(name);
        for limit in published {
            let pool = match limit.counts {
                LimitedRequests::All => None,
                LimitedRequests::PutManifest => Some(Pool::Manifests),
            };
            limiter.set_rate(&store, pool, Rate { requests: limit.requests, span: limit.span });
        }
        Self { limiter, store, quota: Mutex::default(), closed_until: Mutex::default() }
    }

    /// Waits until a request with a small body may be sent. Of `manifests` so many are written to one project at once.
    ///
    /// # Errors
    /// The rest of a pause that is longer than `patience`.
    pub(crate) async fn small(
        &self,
        request: &Request<'_>,
        manifests: Option<ManifestWrites>,
        patience: Duration,
    ) -> Result<Permit, Duration> {
        let mut demand = self.limiter.demand(&self.store, Pool::Small);
        if request.method == Method::PUT && request.body.is_some() {
            self.limiter.require(&mut demand, &self.store, Pool::Manifests);
            if let Some(most) = manifests {
                let at = request.operation.repository();
                let (place, most) = match most {
                    ManifestWrites::InProject(most) => (project_of(at), most),
                    ManifestWrites::InRepository(most) => (at.path(), most),
                };
                let bound = format!("manifests of {}/{place}", at.registry());
                self.limiter.require_bound(&mut demand, &bound, most);
            }
        }
        self.acquire(&demand, patience).await
    }

    /// Waits until a blob may be read or written.
    ///
    /// # Errors
    /// As [`HostLimit::small`].
    pub(crate) async fn blob(&self, pool: Pool, patience: Duration) -> Result<Permit, Duration> {
        self.acquire(&self.limiter.demand(&self.store, pool), patience).await
    }

    /// Returns a permit to read a further blob, or a range of one, if no other request waits for it.
    pub(crate) fn spare_read(&self) -> Option<Permit> {
        let demand = self.limiter.demand(&self.store, Pool::Reads);
        self.limiter.acquire(&demand).now_or_never()
    }

    /// Waits until a list of tags may be read, which takes as long as a blob, where the number of requests is given.
    pub(crate) async fn list(&self) -> Option<Permit> {
        self.limiter.requests()?;
        Some(self.limiter.acquire(&self.limiter.demand(&self.store, Pool::Reads)).await)
    }

    async fn acquire(&self, demand: &Demand, patience: Duration) -> Result<Permit, Duration> {
        loop {
            self.check(patience)?;
            let permit = self.limiter.acquire(demand).await;
            // The pause may have begun since the permit was granted.
            if self.pause_left().is_none() {
                return Ok(permit);
            }
        }
    }

    /// Waits until the host is not paused any more.
    ///
    /// # Errors
    /// As [`HostLimit::small`].
    pub(crate) async fn wait_for_pause(&self, patience: Duration) -> Result<(), Duration> {
        while let Some(left) = self.pause_left() {
            self.check(patience)?;
            tokio::time::sleep(left).await;
        }
        Ok(())
    }

    fn check(&self, patience: Duration) -> Result<(), Duration> {
        match self.pause_left() {
            Some(left) if left > patience => Err(left),
            _ => Ok(()),
        }
    }

    /// Returns how long the host stays paused, if it is.
    pub(crate) fn pause_left(&self) -> Option<Duration> {
        let closed = *self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        let left = closed.map(|until| until.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero());
        left.max(self.limiter.pause_left(&self.store))
    }

    /// Pauses all requests to the host: for as long as it asked for, or for a time that doubles while it goes on refusing.
    /// A pause that is longer than `longest` is not waited for: until its end all requests fail.
    pub(crate) fn pause(&self, asked: Option<Duration>, longest: Duration) -> Duration {
        if let Some(asked) = asked.filter(|asked| *asked > longest) {
            *self.closed_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + asked);
            return asked;
        }
        self.limiter.pause(&self.store, asked, longest)
    }

    /// Reports what became of a request with small bodies.
    pub(crate) fn report(&self, permit: &mut Option<Permit>, outcome: RequestOutcome) {
        if let Some(permit) = permit {
            permit.report(&self.store, Pool::Small, outcome);
        }
    }

    /// Reports what became of a blob that a transfer goes on with.
    pub(crate) fn report_read(&self, transfer: &TransferSide, outcome: RequestOutcome) {
        transfer.report(&self.store, Pool::Reads, outcome);
    }

    pub(crate) fn note_quota(&self, quota: Quota) {
        *self.quota.lock().unwrap_or_else(PoisonError::into_inner) = Some(quota);
    }

    /// Returns the quota that the host named last.
    pub(crate) fn quota(&self) -> Option<Quota> {
        *self.quota.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
