//! Filter `platform`: keeps the platforms that are wanted, of indexes and of single images.
//!
//! An entry that does not say something (variant, version, or anything at all) is not filtered by it: what cannot be
//! told is copied rather than lost. What image-syncer's `--os` and `--arch` mean is what `os` and `arch` mean here.

mod config;
mod filter;
mod known;
mod wanted;

pub use config::{Attestations, Config, OciImages};

use sealift_core::plugin::Plugin;

sealift_core::inventory::submit! { Plugin::filter::<Config>("platform") }
