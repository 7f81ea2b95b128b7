//! The operations of the distribution specification, and of the APIs that products have beside it.
//!
//! Each is a function that takes a [`Registry`](crate::registry::Registry) and sends its requests by it.

pub(crate) mod blob_existence;
pub(crate) mod blobs;
mod catalog;
mod confirmation;
pub(crate) mod delete;
pub(crate) mod harbor;
pub(crate) mod inventory;
mod link;
pub(crate) mod login;
pub(crate) mod manifests;
pub(crate) mod product;
pub(crate) mod put_manifest;
mod range;
mod ranges;
mod read_timeout;
pub(crate) mod referrers;
mod tag_pages;
pub(crate) mod tags;
pub(crate) mod uploads;

pub use catalog::{Catalog, CatalogPage};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use link::next as next_link;
pub use login::Grant;
pub use product::{ApiRequest, ApiResponse};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use range::{RangeMatch, judge as judge_range};
pub use tags::TagList;
