//! From the name of a registry to where its API is.

use sealift_core::content::{ReferenceError, Repository};

/// Docker Hub's API lives on a host of its own.
const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_API: &str = "registry-1.docker.io";

/// The one spelling of a registry that is used as a key: `index.docker.io` and its like become `docker.io`.
///
/// # Errors
/// If the text is no host.
pub(crate) fn canonical(registry: &str) -> Result<String, ReferenceError> {
    Repository::new(registry, "x").map(|repository| repository.registry().to_owned())
}

/// Host and port that are spoken to.
pub(crate) fn api_host(registry: &str) -> &str {
    if registry == DOCKER_HUB { DOCKER_HUB_API } else { registry }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_hub_has_many_names_and_one_api() {
        for name in ["docker.io", "index.docker.io", "registry-1.docker.io"] {
            assert_eq!(api_host(&canonical(name).unwrap()), "registry-1.docker.io");
        }
        assert_eq!(api_host("quay.io"), "quay.io");
        assert!(canonical("https://quay.io").is_err());
    }
}
