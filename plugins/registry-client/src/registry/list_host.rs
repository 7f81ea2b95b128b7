//! The host that lists the tags of a registry, where that is another one than the registry's own.
//!
//! It is a host like any other, with its own connections, limits and pauses, but it gets no credentials.

use std::sync::Arc;

use super::{Registry, RegistrySettings};

impl Registry {
    /// Returns the name of the host that lists the tags of this registry; none if it has none, or is not reached by its own
    /// name: what stands in front of it, or in its place, is not gone around.
    pub(crate) fn list_host_name(&self) -> Option<&'static str> {
        let host = self.profile.list_host()?;
        let is_direct = self.transport.is_plain() && !self.common.containers.conf.changes(self.name());
        is_direct.then_some(host)
    }

    /// Sets the host that lists its tags, with these settings. Logins and client certificates are none of its settings.
    pub(crate) fn with_list_host(self, name: &str, mut settings: RegistrySettings) -> Self {
        (settings.login, settings.profile, settings.is_anonymous) = (None, None, true);
        settings.connection.trust.identity = None;
        let host = Self::new(name, settings, Arc::clone(&self.common));
        Self { list_host: Some(Box::new(host)), ..self }
    }
}
