//! What is known of Acme's registry, for all stages and verbs that speak with one.

use sealift_core::error::{ErrorKind, Retry};
use sealift_registry_client::profile::{
    ManifestWrites, Meaning, ProductFacts, Refusal, RegisteredProfile, RegistryProfile,
};

/// Acme's registry, which names itself in the header `Server`.
#[derive(Debug)]
struct Acme;

impl RegistryProfile for Acme {
    fn name(&self) -> &'static str {
        "acme-registry"
    }

    fn matches_server(&self, server: &str) -> bool {
        server.starts_with("acme-registry/")
    }

    /// It says 404 to HEAD of every manifest, and refuses a third manifest that is written to a repository at once.
    fn facts(&self) -> ProductFacts {
        ProductFacts::default().head_is_useless().manifest_writes(ManifestWrites::InRepository(2))
    }

    /// Its 409 is a lock of the repository, which ends by itself.
    fn interpret(&self, refusal: &Refusal<'_>) -> Option<Meaning> {
        let is_locked = refusal.status() == 409 && refusal.has_code("LOCKED");
        is_locked.then(|| {
            let what = format!("`{}` is locked by a cleanup", refusal.repository());
            Meaning::new(ErrorKind::Unavailable, what).retry(Retry::Later)
        })
    }
}

sealift_core::inventory::submit! { RegisteredProfile(&Acme) }
