//! Pipelines: from what was written to what it means.

mod load;
mod options;
mod pipeline;

pub use load::{Loaded, Settings, load};
pub use options::{IndexMode, RunOptions};
pub use pipeline::{Named, Pipeline};
