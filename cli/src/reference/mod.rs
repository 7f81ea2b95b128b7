//! The documentation of everything that is linked: the tables of a pipeline, their fields, and an example of each.
//!
//! `explain` shows one of them on a terminal, `docs` writes all of them as pages, `new` begins a pipeline with them.

mod example;
mod pages;
mod topic;
mod words;

use example::Example;
pub(crate) use pages::{ReferencePage, pages};
pub(crate) use topic::{Topic, topics};
pub(crate) use words::{WIDTH, first_paragraph, keys, kind, row, wrapped};
