//! Amazon's Elastic Container Registry.

use std::time::Duration;

use super::{LimitedRequests, ProductFacts, PublishedLimit, RegistryProfile};

/// Amazon's Elastic Container Registry.
#[derive(Debug)]
pub(super) struct EcrProfile;

/// `PutImage`: 10 a second, for each account and region.
const LIMITS: &[PublishedLimit] =
    &[PublishedLimit { counts: LimitedRequests::PutManifest, requests: 10, span: Duration::from_secs(1) }];

impl RegistryProfile for EcrProfile {
    fn name(&self) -> &'static str {
        "ecr"
    }

    fn matches_host(&self, host: &str) -> bool {
        host.contains(".dkr.ecr.") && (host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn"))
    }

    fn facts(&self) -> ProductFacts {
        ProductFacts { limits: LIMITS, ..ProductFacts::default() }
    }
}
