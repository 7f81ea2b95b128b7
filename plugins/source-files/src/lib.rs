//! Lists of the images that files name: `text`, `kubernetes` and `compose`.
//!
//! Files are read while the pipeline is built, so that everything that is wrong with them is said at once, with its
//! place, before anything is asked of a registry. A list from files has no fetch of its own: `[fetch]` left out means
//! `registry`.
//!
//! All three go the same way: `input` reads texts, a reader of the format finds `images::Mention`s in them, and
//! `images::Images` makes listings of those.

mod compose;
mod exclude;
mod file_kind;
mod images;
mod input;
mod kubernetes;
mod text;
mod yaml;

pub use compose::Compose;
pub use kubernetes::Kubernetes;
pub use text::Text;
