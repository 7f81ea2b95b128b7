//! The verbs, one a file.

mod check;
mod completions;
mod convert;
mod copy;
mod demo;
mod docs;
mod explain;
mod image_argument;
mod load;
mod ls;
mod man;
mod merge;
mod named_hosts;
mod new;
pub(crate) mod perform;
pub(crate) mod pipeline_file;
mod plan;
mod plugins;
mod prune;
mod receipt;
mod rm;
mod run;
mod schema;
mod serve;
mod stage;
mod sync;
mod verb;
mod verify;

pub(crate) use verb::{Verb, block_on};

#[cfg(test)]
mod tests;
