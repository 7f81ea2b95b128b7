//! Pipelines: from what was written to what it means.
//!
//! ```text
//! text ─load─▶ top-level keys ─written─▶ tables ─stages, check, read─▶ configs ─assemble─▶ Pipeline
//!                  └──────────────────────┴── findings ──┴────────────────┴──▶ diagnostics with places
//! ```
//!
//! All that is wrong with a file is told at once, at the bytes that it concerns.

mod assemble;
mod check;
mod findings;
mod load;
mod locate;
mod mask;
mod options;
mod parts;
mod pipeline;
mod read;
mod schema;
mod several_lists;
mod source;
mod stages;
mod words;
mod written;

pub use load::{load, load_parts};
pub use options::{Compare, IndexMode, Overlaps, RunOptions, Verify};
pub use parts::{LoadOptions, Loaded, Parts};
pub use pipeline::{Named, OpenPipeline, Pipeline};
pub use schema::schema;

#[cfg(test)]
mod tests;
