//! A client of registries that speak the distribution protocol (distribution-spec v1.1).
//!
//! ```no_run
//! use sealift_core::{blob::Blob, content::{Descriptor, ImageRef, well_known}};
//! use sealift_registry_client::{Client, HostConfig};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder()
//!     .host("registry.example.com:5000", HostConfig::default().login("robot", "secret"))
//!     .build()?;
//!
//! let image: ImageRef = "docker.io/library/alpine:3.22".parse()?;
//! let manifest = client.manifest(&image).await?;
//! for layer in manifest.blobs() {
//!     let mut blob = client.blob(&image.repository, layer).await?;
//!     while let Some(_chunk) = blob.chunk().await? {}
//! }
//!
//! let target: ImageRef = "registry.example.com:5000/mirror/alpine:3.22".parse()?;
//! let config = Descriptor::of_bytes(well_known::OCI_EMPTY, b"{}");
//! client.push_blob(&target.repository, Blob::from_bytes(config, "{}".into())).await?;
//! # Ok(())
//! # }
//! ```
//!
//! The client
//!
//! * verifies the digest of all that it reads, and looks after a push whether it arrived
//! * logs in with what Docker and Podman know, or with [`HostConfig::login`]; renews tokens
//! * repeats what is worth repeating, within a budget for each host ([`RetryPolicy`]), and keeps the pauses and limits
//!   that registries ask for
//! * resumes blobs that break off, and mounts or skips those that are there
//! * follows no URL of a registry into a private network or down to plain http, and sends no credentials elsewhere
//! * copes with what known products do in their own way (profiles)
//!
//! The types of requests are those of [`http`] and [`url`], which are here under these names.
//!
//! Errors are those of [`sealift_core::error`]: a kind, a sentence, a hint, and whether trying again can help.
//!
//! # Layers
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
//! web             requests to services beside registries, for plugins
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
mod host_settings;
mod in_order;
mod limit;
mod network_scope;
mod operation;
pub mod profile;
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
mod web;

pub use api::{ApiRequest, ApiResponse, Catalog, CatalogPage, Grant, TagList};
pub use client::{Client, ClientBuilder, HostConfig};
pub use config::{Config, RegistryConfig};
pub use containers::{Config as ContainersConfig, Containers};
pub use credentials::{Config as CredentialsConfig, Credentials};
pub use error::{Phase, Reason, TransportError};
pub use fetch::RegistryFetch;
pub use in_order::InOrder;
pub use push::{RegistryPush, TargetNaming};
pub use registries::Registries;
pub use request_counts::RequestCounts;
pub use retry::RetryPolicy;
pub use transport::{ConnectionPool, HttpBody, HttpRequest, HttpResponseBody, Protocol, Transport};
pub use web::WebClient;
pub use {http, url};
