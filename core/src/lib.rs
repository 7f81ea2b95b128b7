//! Sealift's core: the vocabulary of image copies, the four traits that stages implement, and the engine that runs
//! them.
//!
//! Data flows one way:
//!
//! ```text
//! List ──Listing──▶ Filter ──Job──▶ Fetch ──Manifest, Blob──▶ Push ──▶ Outcome
//! ```
//!
//! * [`content`]: digests, descriptors, manifests, references; parsed once and valid from then on
//! * [`job`]: what moves between stages; [`blob`]: a byte stream that verifies itself
//! * [`stage`]: the four traits; [`outlet`]: where a list hands out what it finds
//! * [`plugin`]: how stages register themselves; [`spec`]: from pipeline TOML to a [`spec::Pipeline`]
//! * [`engine`]: run and plan; [`event`], [`report`] and [`counters`]: what happened
//! * [`cache`]: facts remembered between runs, in a store that the caller provides
//! * [`login`]: logins for registries, and the trait of their providers; [`observer`]: what takes the events
//! * [`error`], [`diagnostic`], [`secret`]: what goes wrong, in files and in runs, and what must not be shown;
//!   [`text`]: texts as they may be shown
//!
//! Nothing in here knows of HTTP, disks, terminals or the environment.

pub mod blob;
pub mod cache;
pub mod content;
pub mod counters;
pub mod diagnostic;
pub mod engine;
pub mod error;
pub mod event;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
mod isolate;
pub mod job;
pub mod limit;
mod lock;
pub mod login;
pub mod observer;
pub mod outlet;
mod panic;
pub mod plugin;
pub mod report;
pub mod secret;
pub mod spec;
pub mod stage;
pub mod text;

pub use async_trait::async_trait;
pub use bytes::Bytes;
pub use {inventory, schemars, serde};
