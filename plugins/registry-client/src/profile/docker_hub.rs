//! Docker Hub.

use super::{ProductFacts, RegistryProfile};

/// Docker Hub. Its API is served by a host of its own; the aliases of its name are resolved where references are read.
#[derive(Debug)]
pub(super) struct DockerHub;

impl RegistryProfile for DockerHub {
    fn name(&self) -> &'static str {
        "docker-hub"
    }

    fn matches_host(&self, host: &str) -> bool {
        host == "docker.io"
    }

    fn facts(&self) -> ProductFacts {
        ProductFacts { api_host: Some("registry-1.docker.io"), ..ProductFacts::default() }
    }
}
