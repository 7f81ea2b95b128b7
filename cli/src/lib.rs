//! The command line of Sealift.
//!
//! A binary with plugins of its own is this library and `use` lines:
//!
//! ```ignore
//! use acme_filter_signed as _;   // ours
//! use sealift_plugins as _;      // the built-ins
//!
//! fn main() -> std::process::ExitCode {
//!     sealift_cli::Cli::new().name("acme-sealift").version("1.4").run()
//! }
//! ```
//!
//! The modules, in the order in which they use each other:
//!
//! * `program`, `options`, `usage_error`: the words of the command line, without behaviour
//! * `flag_words`: hints of stages in the words of verbs with flags
//! * `display`: output for people, and for programs (`--json`); `logging`: log lines
//! * `context`: what a verb gets: options, streams, log
//! * `notebook`, `interrupt`, `report_file`, `success_list`: one job each
//! * `translation`: the text of a pipeline that flags stand for; `sync` and `copy` run nothing else
//! * `reference`: the documentation of everything that is linked; `explain`, `new` and `docs` show it
//! * `command`: one verb a file; `subcommand`: those of custom binaries
//! * `cli`: the builder, and the way from arguments to the verb
//!
//! stdout carries data, stderr carries progress and logs.

mod clap_error;
mod cli;
mod command;
mod context;
mod display;
mod flag_words;
mod interrupt;
mod logging;
mod notebook;
mod options;
mod pflags;
mod process;
mod program;
mod reference;
mod registry_options;
mod report_file;
mod subcommand;
mod success_list;
mod translation;
mod usage_error;

use std::process::ExitCode;

pub use clap;
pub use cli::Cli;
pub use subcommand::{Subcommand, SubcommandContext};

/// Runs the command line of Sealift with the plugins that are linked.
pub fn main() -> ExitCode {
    Cli::new().run()
}
