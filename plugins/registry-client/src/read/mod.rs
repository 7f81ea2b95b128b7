//! Reading from registries: names, manifests, tags, blobs, referrers.

mod blob;
mod fetch;
mod idle;
mod link;
mod manifest;
mod range;
mod referrers;
mod tags;

pub use fetch::RegistryFetch;
pub(crate) use manifest::Head;
pub use tags::Tags;
