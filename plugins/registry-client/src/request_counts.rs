//! Counts of requests by host, for reports and tests.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use http::Method;
use sealift_core::counters::CounterSet;
use url::Url;

use crate::{quota::Quota, redact::authority};

/// Counters by host and port as they stand in URLs.
#[derive(Debug, Default)]
pub(crate) struct RequestCounters(Mutex<BTreeMap<String, HostCounts>>);

#[derive(Debug, Default)]
struct HostCounts {
    requests: BTreeMap<String, u64>,
    retries: u64,
    throttled: u64,
    quota: Option<Quota>,
}

impl RequestCounters {
    /// Counts a request that is about to be sent.
    pub(crate) fn count(&self, method: &Method, url: &Url) {
        let mut hosts = self.hosts();
        let counts = hosts.entry(authority(url).to_owned()).or_default();
        *counts.requests.entry(method.to_string()).or_default() += 1;
    }

    /// Counts that a request will be sent again, because it had no answer or was told to come later.
    pub(crate) fn retry(&self, host: &str) {
        self.hosts().entry(host.to_owned()).or_default().retries += 1;
    }

    /// Counts that a host asked for fewer requests.
    pub(crate) fn throttled(&self, host: &str) {
        self.hosts().entry(host.to_owned()).or_default().throttled += 1;
    }

    /// Notes what a host said of a quota.
    pub(crate) fn quota(&self, host: &str, quota: Quota) {
        self.hosts().entry(host.to_owned()).or_default().quota = Some(quota);
    }

    pub(crate) fn snapshot(&self) -> RequestCounts {
        let mut all = Vec::new();
        for (host, counts) in &*self.hosts() {
            all.extend(counts.requests.iter().map(|(method, count)| (host.clone(), method.clone(), *count)));
        }
        RequestCounts(all)
    }

    /// One tally for each host.
    pub(crate) fn tallies(&self) -> Vec<CounterSet> {
        self.hosts().iter().map(|(host, counts)| counts.tally(host)).collect()
    }

    fn hosts(&self) -> MutexGuard<'_, BTreeMap<String, HostCounts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HostCounts {
    fn tally(&self, host: &str) -> CounterSet {
        let methods: Vec<_> = self.requests.iter().map(|(method, count)| (method.to_lowercase(), *count)).collect();
        let of_methods = methods.iter().map(|(method, count)| (method.as_str(), *count));
        let sums =
            [("requests", self.requests.values().sum()), ("retries", self.retries), ("throttled", self.throttled)];
        let limit = self.quota.and_then(|quota| quota.limit);
        let used = self.quota.zip(limit).map(|(quota, limit)| limit.saturating_sub(quota.left));
        let quota = [("quota_limit", limit.unwrap_or_default()), ("quota_used", used.unwrap_or_default())];
        let mut tally = CounterSet::new(host, sums.into_iter().chain(quota).chain(of_methods));
        if let Some(quota) = self.quota {
            // RequestCounters that are 0 are left out, and that nothing is left must be told.
            tally.counts.insert("quota_left".to_owned(), quota.left);
            tally.counts.extend(quota.window.map(|window| ("quota_window_s".to_owned(), window.as_secs())));
        }
        tally
    }
}

/// The number of requests so far, redirects and token requests included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestCounts(Vec<(String, String, u64)>);

impl RequestCounts {
    /// Host (with its port where the URL has one), method and number, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        self.0.iter().map(|(host, method, count)| (host.as_str(), method.as_str(), *count))
    }

    /// All requests together.
    pub fn total(&self) -> u64 {
        self.0.iter().map(|(_, _, count)| count).sum()
    }
}
