//! Reading from registries: names, manifests, tags, blobs, referrers, catalogs.

mod blob;
mod catalog;
mod fetch;
mod idle;
mod link;
mod manifest;
mod range;
mod referrers;
mod tags;

pub use catalog::{Catalog, CatalogPage};
pub use fetch::RegistryFetch;
#[cfg(test)]
pub(crate) use link::next as next_link;
pub(crate) use manifest::Head;
#[cfg(test)]
pub(crate) use range::judge as judge_range;
pub use tags::Tags;
