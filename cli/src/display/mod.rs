//! Output for people, and for programs.
//!
//! stdout is data ([`Out`]), stderr is progress, logs and summaries ([`Console`]). A run is shown by a [`Show`], which
//! is an observer of core's events: as [`lines`] with a live [`board`] below them on a terminal, as [`json`] for
//! programs, or as nothing but the [`summary`].

mod board;
mod causes;
mod console;
pub(crate) mod diagnostics;
mod effort;
pub(crate) mod gaps;
pub(crate) mod inventory;
mod json;
mod keys;
mod lines;
mod out;
mod plan;
mod show;
mod summary;
pub(crate) mod sweep;
mod totals;
pub(crate) mod verification;
mod words;

#[cfg(test)]
pub(crate) mod script;

pub(crate) use console::Console;
pub(crate) use out::Out;
pub(crate) use show::{Show, ShowMode, ShowOptions};
pub(crate) use summary::failures;
pub(crate) use words::{bytes, clean, clean_json, io_message, number};

/// The target of log lines about the run, where they go to a file.
pub(crate) const RUN_LOG: &str = "sealift::run";
