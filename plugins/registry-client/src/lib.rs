//! The distribution protocol: registries as Sealift sees them.
//!
//! One [`Registries`] for each run, shared by all its stages. A request passes these rooms, from the outside in:
//!
//! ```text
//! read/, write/   what is asked for: manifests, tags, blobs, uploads     ── Ask ──▶
//! request/        paced, logged in, redirected, repeated                 ── one exchange ──▶
//! auth/           challenges, tokens           credentials/  logins
//! net/            connections, TLS, proxies    url_policy    where we let ourselves be sent
//! error/          from statuses and broken connections to errors of the core
//! ```
//!
//! Follows distribution-spec v1.1; where registries differ from it or from each other, the place that copes says which.

mod address;
mod auth;
mod config;
mod containers;
mod credentials;
mod doing;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
mod host;
mod names;
mod net;
mod quirks;
mod read;
mod redact;
mod registries;
mod request;
mod stats;
#[cfg(test)]
mod tests;
mod timing;
mod url_policy;
mod write;

pub use auth::Grant;
pub use config::{Config, Registry};
pub use containers::{Config as ContainersConfig, Containers};
pub use credentials::{Config as CredentialsConfig, Credentials};
pub use error::Reason;
pub use read::{Catalog, CatalogPage, RegistryFetch, Tags};
pub use registries::Registries;
pub use request::{ApiAnswer, ApiCall};
pub use stats::Stats;
pub use write::{Place, RegistryPush};
