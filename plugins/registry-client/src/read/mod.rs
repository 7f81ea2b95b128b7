//! Reading from registries: names, manifests, tags, blobs, referrers, catalogs.

mod about;
mod artifact;
mod blob;
mod catalog;
mod fetch;
mod idle;
mod link;
mod manifest;
mod range;
mod referrers;
mod tags;

pub(crate) use about::TagsAbout;
pub use catalog::{Catalog, CatalogPage};
pub use fetch::RegistryFetch;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use link::next as next_link;
pub(crate) use manifest::Head;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use range::{Part, judge as judge_range};
pub use tags::Tags;
