//! GitHub's container registry.

use std::time::Duration;

use super::{LimitedRequests, ProductFacts, PublishedLimit, RegistryProfile};

/// GitHub's container registry.
#[derive(Debug)]
pub(super) struct GitHub;

/// About 2,000 requests a minute for each account, reads and writes together.
const LIMITS: &[PublishedLimit] =
    &[PublishedLimit { counts: LimitedRequests::All, requests: 2000, span: Duration::from_secs(60) }];

impl RegistryProfile for GitHub {
    fn name(&self) -> &'static str {
        "ghcr"
    }

    fn matches_host(&self, host: &str) -> bool {
        host == "ghcr.io"
    }

    fn facts(&self) -> ProductFacts {
        ProductFacts { limits: LIMITS, ..ProductFacts::default() }
    }
}
