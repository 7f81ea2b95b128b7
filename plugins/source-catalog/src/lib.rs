//! List a whole registry: `[list] use = "catalog"`.
//!
//! The registry client reads the catalog and the tags; here is what of it is wanted. `[fetch]` left out means `registry`.

mod config;
mod list;
mod wanted;

pub use config::Config;

sealift_core::inventory::submit! { sealift_core::plugin::Plugin::list::<Config>("catalog") }
