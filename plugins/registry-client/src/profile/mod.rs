//! Known registry products: one table, one file for each product, and those that other crates register.
//!
//! A profile says by what a product is recognised (the name of its host, the name of its token service, the header
//! `Server`), and what is known of it beforehand. It also explains responses that mean something else there than
//! elsewhere. No other module compares names of hosts or products. A new product needs a file here and a line in
//! `PROFILES`; a crate beside this one registers its own:
//!
//! ```
//! use sealift_registry_client::profile::{ManifestWrites, ProductFacts, RegisteredProfile, RegistryProfile};
//!
//! #[derive(Debug)]
//! struct Acme;
//!
//! impl RegistryProfile for Acme {
//!     fn name(&self) -> &'static str {
//!         "acme-registry"
//!     }
//!
//!     fn matches_server(&self, server: &str) -> bool {
//!         server.starts_with("acme-registry/")
//!     }
//!
//!     fn facts(&self) -> ProductFacts {
//!         ProductFacts::default().head_is_useless().manifest_writes(ManifestWrites::InRepository(2))
//!     }
//! }
//!
//! sealift_core::inventory::submit! { RegisteredProfile(&Acme) }
//! ```

mod azure;
mod current;
mod docker_hub;
mod ecr;
mod ghcr;
mod google;
pub(crate) mod harbor;
mod inventory;
mod quay;

use std::{fmt, sync::OnceLock, time::Duration};

use sealift_core::inventory::{collect, iter};

pub(crate) use current::CurrentProfile;
pub use inventory::{BulkInventory, InventoryAccess, InventoryPage, TagRecord};

pub use crate::error::{Meaning, Refusal};

/// A registry product.
pub trait RegistryProfile: Send + Sync + fmt::Debug {
    /// Returns the name of the product, as it is written in `kind`.
    fn name(&self) -> &'static str;

    /// Returns true if a registry of this name is of this product.
    fn matches_host(&self, _host: &str) -> bool {
        false
    }

    /// Returns true if the token services of this product call registries by this name.
    fn matches_service(&self, _service: &str) -> bool {
        false
    }

    /// Returns true if the product challenges for Basic credentials with this realm.
    fn matches_basic_realm(&self, _realm: &str) -> bool {
        false
    }

    /// Returns true if the product names itself so in the header `Server` of its responses. The first response of a
    /// registry that has the header counts.
    fn matches_server(&self, _server: &str) -> bool {
        false
    }

    /// Returns what is known of the product.
    fn facts(&self) -> ProductFacts {
        ProductFacts::default()
    }

    /// Returns the list of tags with their digests and times that the product has; none if it has none.
    fn inventory(&self) -> Option<&dyn BulkInventory> {
        None
    }

    /// Explains a refusal that means something particular at this product; none if it means there what it means
    /// everywhere.
    fn interpret(&self, _refusal: &Refusal<'_>) -> Option<Meaning> {
        None
    }
}

/// Facts about a registry product.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProductFacts {
    /// Host and port of the API, where they differ from the name of the registry.
    pub(crate) api_host: Option<&'static str>,
    /// Repositories live in projects that must exist. Responses say so in the way of Harbor: 401 without a challenge
    /// if the project cannot be looked up, 412 if a policy forbids to read an image, 500 if a manifest cannot be read.
    /// A blob may be marked for deletion, which only HEAD sees and undoes.
    pub(crate) projects: bool,
    /// Published limits, kept from the first request on.
    pub(crate) limits: &'static [PublishedLimit],
    /// Manifests that are written at the same time, if more of them are refused or make it slower.
    pub(crate) manifest_writes: Option<ManifestWrites>,
    /// HEAD of a manifest does not tell what GET tells, so that GET is sent at once.
    pub(crate) head_is_useless: bool,
}

impl ProductFacts {
    /// Keeps the published limits from the first request on, if the product is recognised by the name of its host or is
    /// named by `kind`.
    #[must_use]
    pub fn limits(self, limits: &'static [PublishedLimit]) -> Self {
        Self { limits, ..self }
    }

    /// Bounds the manifests that are written at the same time.
    #[must_use]
    pub fn manifest_writes(self, most: ManifestWrites) -> Self {
        Self { manifest_writes: Some(most), ..self }
    }

    /// Sends GET instead of HEAD of a manifest, because HEAD does not tell what GET tells.
    #[must_use]
    pub fn head_is_useless(self) -> Self {
        Self { head_is_useless: true, ..self }
    }
}

/// The number of manifests that are written at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ManifestWrites {
    /// To one project: the repositories whose names begin with the same element.
    InProject(usize),
    /// To one repository.
    InRepository(usize),
}

/// A documented limit of requests in a span of time.
#[derive(Clone, Copy, Debug)]
pub struct PublishedLimit {
    /// The requests that count.
    pub counts: LimitedRequests,
    /// The number of them that is allowed in `span`.
    pub requests: u32,
    /// The span of time.
    pub span: Duration,
}

/// Requests that count for a [`PublishedLimit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitedRequests {
    /// All requests.
    All,
    /// Requests that write a manifest.
    PutManifest,
}

/// A registry of which nothing particular is known.
#[derive(Debug)]
struct Generic;

impl RegistryProfile for Generic {
    fn name(&self) -> &'static str {
        "distribution"
    }
}

/// A product that another crate registers with `sealift_core::inventory::submit!`. It is asked before those that are
/// built in, whose names it may take.
pub struct RegisteredProfile(pub &'static dyn RegistryProfile);

collect!(RegisteredProfile);

/// The products that are built in. The first one that matches counts.
static PROFILES: [&dyn RegistryProfile; 8] = [
    &docker_hub::DockerHub,
    &ghcr::GitHub,
    &ecr::EcrProfile,
    &quay::Quay,
    &google::GoogleProfile,
    &azure::Azure,
    &harbor::Harbor,
    &Generic,
];

/// Returns all products: those that are registered, by name, and then those that are built in.
fn all() -> impl Iterator<Item = &'static dyn RegistryProfile> {
    static REGISTERED: OnceLock<Vec<&'static dyn RegistryProfile>> = OnceLock::new();
    let registered = REGISTERED.get_or_init(|| {
        let mut registered: Vec<_> = iter::<RegisteredProfile>.into_iter().map(|registered| registered.0).collect();
        registered.sort_by_key(|profile| profile.name());
        registered
    });
    registered.iter().copied().chain(PROFILES)
}

/// Returns the profile of a registry by its name.
pub(crate) fn by_host(host: &str) -> &'static dyn RegistryProfile {
    all().find(|profile| profile.matches_host(host)).unwrap_or(&Generic)
}

/// Returns a profile by the name that is written in `kind`.
///
/// # Errors
/// A sentence with all names, if there is no such product.
pub(crate) fn by_name(name: &str) -> Result<&'static dyn RegistryProfile, String> {
    let found = all().find(|profile| profile.name() == name);
    found.ok_or_else(|| format!("`{name}` is no kind of registry that is known here: {}", names().join(", ")))
}

/// Returns the names of all products.
pub(crate) fn names() -> Vec<&'static str> {
    all().map(|profile| profile.name()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_recognised_by_the_name_of_their_host() {
        for (host, product, api) in [
            ("docker.io", "docker-hub", Some("registry-1.docker.io")),
            ("ghcr.io", "ghcr", None),
            ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "ecr", None),
            ("quay.io", "quay", None),
            ("europe-west1-docker.pkg.dev", "gar", None),
            ("eu.gcr.io", "gar", None),
            ("acme.azurecr.io", "acr", None),
            ("gcr.io.example.com", "distribution", None),
            ("azurecr.io", "distribution", None),
            ("dkr.ecr.example.com", "distribution", None),
        ] {
            let profile = by_host(host);
            assert_eq!((profile.name(), profile.facts().api_host), (product, api), "{host}");
        }
    }

    // Seen: `kind = "docker-hub"` sent the requests for a registry inside to Docker Hub.
    #[test]
    fn a_named_product_does_not_change_the_host_that_is_asked() {
        for product in PROFILES {
            assert_eq!(CurrentProfile::new("registry.corp:5000", Some(product)).api_host(), None, "{product:?}");
            let hub = CurrentProfile::new("docker.io", Some(product)).api_host();
            assert_eq!(hub, Some("registry-1.docker.io"), "{product:?}");
        }
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
            assert_eq!(by_host(host).facts().limits.len(), count, "{host}");
        }
    }
}
