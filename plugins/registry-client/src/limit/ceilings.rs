//! Ceilings that registries publish, kept from the first request on instead of being found out by refusals.
//!
//! Only what is documented stands here; limits that come with an answer (Docker Hub's) are its own business, and other
//! hosts say 429 when it is too much.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use http::Method;
use tokio::time::Instant;

use crate::{
    profile::{LimitedRequests, PublishedLimit},
    transport::Request,
};

/// So many requests in a span of time, and as many at once after a pause.
#[derive(Debug)]
struct Ceiling {
    what: LimitedRequests,
    /// The time that one request uses up.
    each: Duration,
    burst: u32,
    /// The time of the next request if all before it went on time.
    next: Mutex<Option<Instant>>,
}

/// The ceilings of one host.
#[derive(Debug, Default)]
pub(crate) struct Ceilings(Vec<Ceiling>);

impl Ceilings {
    /// The ceilings that the profile of a product names.
    pub(crate) fn of(limits: &[PublishedLimit]) -> Self {
        Self(limits.iter().map(|limit| Ceiling::new(limit.counts, limit.span, limit.requests)).collect())
    }

    /// Waits until a request may go.
    pub(crate) async fn keep(&self, request: &Request<'_>) {
        for ceiling in &self.0 {
            let counts = match ceiling.what {
                LimitedRequests::All => true,
                LimitedRequests::PutManifest => request.method == Method::PUT && request.body.is_some(),
            };
            if counts {
                tokio::time::sleep_until(ceiling.turn(Instant::now())).await;
            }
        }
    }
}

impl Ceiling {
    fn new(what: LimitedRequests, span: Duration, requests: u32) -> Self {
        // A tenth of it at once; the rest evenly, so that no window of any server's clock sees more than it allows.
        Self { what, each: span / requests, burst: requests.div_ceil(10), next: Mutex::new(None) }
    }

    /// Reserves the next slot and returns the time at which a request arriving at `now` may be sent.
    fn turn(&self, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let on_time = next.unwrap_or(now).max(now);
        *next = Some(on_time + self.each);
        let ahead = self.each * (self.burst - 1);
        on_time.checked_sub(ahead).unwrap_or(now).max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile;

    /// Returns the time that `requests` requests take.
    async fn time_for(ceiling: &Ceiling, requests: usize) -> Duration {
        let start = Instant::now();
        for _ in 0..requests {
            tokio::time::sleep_until(ceiling.turn(Instant::now())).await;
        }
        start.elapsed()
    }

    #[test]
    fn only_hosts_that_publish_some_have_ceilings() {
        for (host, count) in [
            ("ghcr.io", 1),
            ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", 1),
            ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", 1),
            ("dkr.ecr.example.com", 0),
            ("quay.io", 0),
            ("127.0.0.1:5000", 0),
        ] {
            assert_eq!(Ceilings::of(profile::by_host(host).facts().limits).0.len(), count, "{host}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_few_go_at_once_and_the_others_in_step() {
        let ceiling = Ceiling::new(LimitedRequests::All, Duration::from_secs(60), 2000);
        assert_eq!(time_for(&ceiling, 200).await, Duration::ZERO);
        let minute = time_for(&ceiling, 2000).await;
        assert!(minute >= Duration::from_secs(59) && minute <= Duration::from_secs(61), "{minute:?}");
        // After a pause some may go at once again, but no more than at first.
        tokio::time::advance(Duration::from_secs(600)).await;
        assert_eq!(time_for(&ceiling, 200).await, Duration::ZERO);
        assert!(time_for(&ceiling, 100).await > Duration::from_secs(2));
    }
}
