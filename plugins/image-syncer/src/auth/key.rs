//! The keys of an auth file, and which repositories they match.

use sealift_core::content::Repository;

use crate::dialect::Dialect;

/// `registry` or `registry/namespace`, with the names of Docker Hub folded into one.
#[derive(Clone, Debug)]
pub(super) struct LoginKey {
    registry: String,
    /// Without `/` at its ends; empty for a registry.
    path: String,
    /// Docker Hub under one of its other names.
    alias: bool,
}

/// Returns true if image names begin with it only where they leave the registry out.
fn is_bare_word(host: &str) -> bool {
    host != "localhost"
        && !host.is_empty()
        && host.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || b"_-".contains(&c))
}

const DOCKER_HUB: &str = "docker.io";

impl LoginKey {
    /// None if it is no key.
    pub(super) fn parse(text: &str, dialect: Dialect) -> Option<Self> {
        let (host, path) = text.split_once('/').unwrap_or((text, ""));
        // To image-syncer `bitnami/redis` is at the registry `bitnami`, so such keys stand for parts of Docker Hub.
        if dialect == Dialect::ImageSyncer && is_bare_word(host) {
            return Self::parse(&format!("{DOCKER_HUB}/{text}"), Dialect::Strict);
        }
        let path = path.strip_suffix('/').unwrap_or(path);
        let probe = if path.is_empty() { "x" } else { path };
        Repository::new(host, probe).ok()?;
        let registry = host.to_ascii_lowercase();
        let alias = matches!(registry.as_str(), "index.docker.io" | "registry-1.docker.io");
        let registry = if alias { DOCKER_HUB.to_owned() } else { registry };
        Some(Self { registry, path: path.to_owned(), alias })
    }

    /// Returns the rank of a match: the greatest is the best.
    pub(super) fn matches(&self, repository: &Repository) -> Option<(usize, bool)> {
        if !self.registry.eq_ignore_ascii_case(repository.registry()) {
            return None;
        }
        let path = repository.path();
        let goes_on_at_a_slash = |rest: &str| rest.is_empty() || rest.starts_with('/');
        let length = if self.path.is_empty() {
            Some(0)
        } else if path.strip_prefix(&self.path).is_some_and(goes_on_at_a_slash) {
            Some(self.path.len())
        } else if self.registry == DOCKER_HUB && path.strip_prefix("library/") == Some(&self.path) {
            Some(path.len())
        } else {
            None
        };
        length.map(|length| (length, !self.alias))
    }
}
