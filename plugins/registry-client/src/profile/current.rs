//! The profile of one registry, which may become known only by its responses.

use std::sync::{
    OnceLock, PoisonError, RwLock,
    atomic::{AtomicBool, Ordering},
};

use super::{ProductFacts, RegistryProfile, all, by_host, harbor::Harbor};

/// The profile of one registry: named by the pipeline, else detected by its responses, else recognised by its host.
#[derive(Debug)]
pub(crate) struct CurrentProfile {
    by_host: &'static dyn RegistryProfile,
    named: OnceLock<&'static dyn RegistryProfile>,
    detected: RwLock<Option<&'static dyn RegistryProfile>>,
    /// A response named its server.
    has_server: AtomicBool,
}

impl CurrentProfile {
    /// Returns the profile of the registry `host`, which may be named.
    pub(crate) fn new(host: &str, named: Option<&'static dyn RegistryProfile>) -> Self {
        let named = named.map_or_else(OnceLock::new, OnceLock::from);
        Self { by_host: by_host(host), named, detected: RwLock::default(), has_server: AtomicBool::new(false) }
    }

    pub(crate) fn get(&self) -> &'static dyn RegistryProfile {
        let detected = || *self.detected.read().unwrap_or_else(PoisonError::into_inner);
        self.named.get().copied().or_else(detected).unwrap_or(self.by_host)
    }

    pub(crate) fn facts(&self) -> ProductFacts {
        self.get().facts()
    }

    /// Returns the host of the API, if the registry of this name is known to have one of its own.
    ///
    /// It depends on the name alone. A product that is named in the pipeline never leads requests, and the login that
    /// goes with them, to another host than the one that was named beside it.
    pub(crate) fn api_host(&self) -> Option<&'static str> {
        self.by_host.facts().api_host
    }

    /// Returns the host that lists the tags of the registry, if that is another one. Like [`CurrentProfile::api_host`] it
    /// depends on the name; a product that is named does without it.
    pub(crate) fn list_host(&self) -> Option<&'static str> {
        self.by_host.inventory()?.host()
    }

    /// Sets the product to Harbor, because the pipeline uses its API.
    pub(crate) fn set_harbor(&self) {
        let _ = self.named.set(&Harbor); // the first name counts
    }

    /// Detects the product by the name that its token service has for the registry.
    pub(crate) fn detect_by_service(&self, service: &str) {
        self.detect(|profile| profile.matches_service(service));
    }

    /// Detects the product by the realm of a Basic challenge.
    pub(crate) fn detect_by_basic_realm(&self, realm: &str) {
        self.detect(|profile| profile.matches_basic_realm(realm));
    }

    /// Detects the product by the header `Server` of the first response that has it.
    pub(crate) fn detect_by_server(&self, server: &str) {
        if !self.has_server.swap(true, Ordering::Relaxed) {
            self.detect(|profile| profile.matches_server(server));
        }
    }

    fn detect(&self, matches: impl Fn(&dyn RegistryProfile) -> bool) {
        if let Some(found) = all().find(|profile| matches(*profile)) {
            *self.detected.write().unwrap_or_else(PoisonError::into_inner) = Some(found);
        }
    }
}
