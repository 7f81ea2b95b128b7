//! How many requests were made: what a report says, and what tests count.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use http::Method;
use url::Url;

use crate::redact::authority;

/// Requests by host and method.
#[derive(Debug, Default)]
pub(crate) struct Counters(Mutex<BTreeMap<(String, String), u64>>);

impl Counters {
    /// Counts a request that is about to be sent.
    pub(crate) fn count(&self, method: &Method, url: &Url) {
        let host = authority(url).to_owned();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry((host, method.to_string())).or_default() += 1;
    }

    pub(crate) fn snapshot(&self) -> Stats {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Stats(counts.iter().map(|((host, method), count)| (host.clone(), method.clone(), *count)).collect())
    }
}

/// How many requests a run made so far, redirects and token requests included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats(Vec<(String, String, u64)>);

impl Stats {
    /// Host (with its port where the URL has one), method and number, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        self.0.iter().map(|(host, method, count)| (host.as_str(), method.as_str(), *count))
    }

    /// All requests together.
    pub fn total(&self) -> u64 {
        self.0.iter().map(|(_, _, count)| count).sum()
    }
}
