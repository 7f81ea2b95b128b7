//! Filters by tag and time: `tag`, `newest` and `age`.
//!
//! * `tag` looks at names alone and costs nothing: expressions, globs, a range of versions
//! * `newest` keeps the newest few of a repository, by version (costs nothing) or by time (reads every image)
//! * `age` looks at when an image was created, and reads those that are not at the destination already
//!
//! What counts as a version, and which of two is newer, is in [`TagVersion`].

mod age;
mod created;
mod newest;
mod pattern;
mod period;
mod range;
mod tag;
mod version;

pub use age::{Age, AgeBy};
pub use newest::{By, Newest};
pub use period::Period;
pub use tag::TagFilter;
pub use version::TagVersion;

#[cfg(test)]
mod tests;
