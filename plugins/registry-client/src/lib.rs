//! A client of registries that speak the distribution protocol (distribution-spec v1.1).
//!
//! A request passes these layers, each of which knows only those below it:
//!
//! ```text
//! fetch, push     the stages of a pipeline            registries  the section `[registries]`
//! client          all registries of a run
//! api/            manifests, tags, blobs, uploads, referrers, catalog, the APIs of products
//! registry/       one registry: execute sends a request by all layers below
//! retry/          what is repeated, how often, how long
//! auth/           challenges, tokens           credentials/  logins
//! limit/          pauses, rates, concurrency
//! transport/      connections, TLS, proxies    url_policy    which URLs of servers are followed
//! profile/        known registry products
//! error/          statuses and broken connections as errors of the core
//! ```

mod api;
mod auth;
mod client;
mod config;
mod containers;
mod credentials;
mod error;
mod fetch;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
mod limit;
mod network_scope;
mod operation;
mod profile;
mod push;
mod quota;
mod redact;
mod referrer_tags;
mod registries;
mod registry;
mod request_counts;
mod retry;
mod scope;
#[cfg(test)]
mod tests;
mod timing;
mod transport;
mod url_policy;

pub use api::{ApiRequest, ApiResponse, Catalog, CatalogPage, Grant, TagList};
pub use client::Client;
pub use config::{Config, Registry};
pub use containers::{Config as ContainersConfig, Containers};
pub use credentials::{Config as CredentialsConfig, Credentials};
pub use error::Reason;
pub use fetch::RegistryFetch;
pub use push::{RegistryPush, TargetNaming};
pub use registries::Registries;
pub use request_counts::RequestCounts;
pub use retry::RetryPolicy;
