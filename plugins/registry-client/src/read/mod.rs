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
#[cfg(test)]
pub(crate) use link::next as next_link;
pub(crate) use manifest::Head;
#[cfg(test)]
pub(crate) use range::judge as judge_range;
pub use tags::Tags;
