//! Filter `platform`: keeps the platforms that are wanted, of indexes and of single images.
//!
//! An entry is not filtered by a field that it lacks (variant, version, or all of them): in doubt it is copied. `os` and
//! `arch` have the meaning of image-syncer's `--os` and `--arch`.

mod config;
mod filter;
mod known;
mod options;
mod wanted;

pub use config::Config;
pub use options::{Attestations, OciImages};

use sealift_core::plugin::Plugin;

sealift_core::inventory::submit! { Plugin::filter::<Config>("platform") }
