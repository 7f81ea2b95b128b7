//! Names become addresses here, and the [policy](crate::url_policy) is held here too.
//!
//! A check of literal addresses alone is no check: a name may resolve to anything. So addresses that a registry must
//! not refer to are removed before a connection is made. What a registry's own name resolves to is remembered, because
//! it says how far inside others may be.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Url;

use super::Proxies;
use crate::{
    network_scope::NetworkScope,
    url_policy::{RefusedUrl, UrlPolicy},
};

/// A resolver that connects to no address further inside than the registry.
#[derive(Clone)]
pub(crate) struct GuardedResolver(Arc<ResolverState>);

struct ResolverState {
    home: Url,
    reach: OnceLock<NetworkScope>,
    trusted: Vec<String>,
    proxies: Proxies,
}

impl GuardedResolver {
    /// Of the registry at `home`; literal addresses are known at once.
    pub(crate) fn new(home: Url, trusted: Vec<String>, proxies: Proxies) -> Self {
        let reach = OnceLock::new();
        if let Some(known) = home.host().as_ref().and_then(NetworkScope::of_host) {
            let _ = reach.set(known); // it is empty, so this cannot fail
        }
        Self(Arc::new(ResolverState { home, reach, trusted, proxies }))
    }

    /// Returns the policy for URLs of the registry.
    pub(crate) fn policy(&self) -> UrlPolicy<'_> {
        UrlPolicy { url: &self.0.home, reach: self.0.reach.get().copied(), trusted: &self.0.trusted }
    }

    /// The proxies that lead to it and to others.
    pub(crate) fn proxies(&self) -> &Proxies {
        &self.0.proxies
    }

    /// The addresses of `host` that may be connected to.
    fn admit(&self, host: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, RefusedUrl> {
        if self.0.proxies.is_proxy(host) {
            return Ok(found);
        }
        if self.0.home.host_str() == Some(host) {
            if let Some(first) = found.first() {
                self.0.reach.get_or_init(|| NetworkScope::of(first.ip()));
            }
            return Ok(found);
        }
        let home = self.policy();
        let any = !found.is_empty();
        let admitted: Vec<_> = found.into_iter().filter(|at| home.admits(host, NetworkScope::of(at.ip()))).collect();
        if any && admitted.is_empty() { Err(RefusedUrl::resolved(host)) } else { Ok(admitted) }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let this = self.clone();
        Box::pin(async move {
            let host = name.as_str();
            let found = tokio::net::lookup_host((host, 0)).await?.collect();
            let admitted = this.admit(host, found)?;
            Ok(Box::new(admitted.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect()
    }

    fn at(home: &str) -> GuardedResolver {
        GuardedResolver::new(Url::parse(home).unwrap(), vec!["store.corp".to_owned()], Proxies::default())
    }

    #[test]
    fn a_public_registry_cannot_lead_inside_by_a_name() {
        let registry = at("https://r.example.com");
        assert_eq!(registry.admit("r.example.com", addresses(&["93.184.216.34"])).unwrap().len(), 1);
        for inside in ["169.254.169.254", "10.0.0.1", "127.0.0.1", "::1", "::ffff:10.0.0.1"] {
            assert!(registry.admit("evil.example.org", addresses(&[inside])).is_err(), "{inside}");
        }
        let mixed = registry.admit("evil.example.org", addresses(&["10.0.0.1", "8.8.8.8"])).unwrap();
        assert_eq!(mixed, addresses(&["8.8.8.8"]), "only the outer address is left to connect to");
        assert!(registry.admit("store.corp", addresses(&["10.0.0.1"])).is_ok(), "the user trusts this one");
    }

    #[test]
    fn where_the_registry_itself_is_decides_about_neighbours() {
        let registry = at("https://harbor.corp");
        assert!(registry.admit("minio.corp", addresses(&["10.0.0.2"])).is_err(), "not known yet, so public");
        assert!(registry.admit("harbor.corp", addresses(&["10.0.0.1"])).is_ok());
        assert!(registry.admit("minio.corp", addresses(&["10.0.0.2"])).is_ok());
        assert!(registry.admit("minio.corp", addresses(&["127.0.0.1"])).is_err());
    }

    #[tokio::test]
    async fn a_refused_name_stops_a_real_client_before_it_connects() {
        let registry = at("https://r.example.com");
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).dns_resolver(registry);
        crate::transport::tls::install_crypto();
        let error = client.build().unwrap().get("http://localhost:9/").send().await.unwrap_err();
        let refused = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source())
            .find_map(|error| error.downcast_ref::<RefusedUrl>());
        assert!(refused.is_some(), "{error:?}");
    }
}
