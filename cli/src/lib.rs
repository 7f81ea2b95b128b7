//! The command line of Sealift.
//!
//! A binary with plugins of its own is this library and `use` lines:
//!
//! ```ignore
//! use acme_filter_signed as _;   // ours
//! use sealift_plugins as _;      // the built-ins
//!
//! fn main() -> std::process::ExitCode { sealift_cli::main() }
//! ```
//!
//! * `args`: what can be typed; `command`: one verb a file
//! * `translate`: from flags to the text of a pipeline; `sync` and `copy` are nothing else
//! * `reference`: what is told of everything that is linked; `explain`, `new` and `docs` show it
//! * `display`: what a person sees, and what a program reads (`--json`)
//!
//! stdout carries data, stderr carries progress and logs.

mod arenas;
mod args;
mod command;
mod display;
mod interrupt;
mod logging;
mod notebook;
mod pflags;
mod reference;
mod report_file;
mod session;
mod success_list;
mod translate;
mod usage;

use std::process::ExitCode;

/// Runs the command line: reads the arguments of the process, does what they say.
///
/// Exit codes: 0 all there, 1 some images failed, 2 the command or a file is wrong (before any traffic), 130 stopped.
pub fn main() -> ExitCode {
    arenas::share();
    let arguments: Vec<_> = std::env::args_os().collect();
    let called = args::Called::by(&arguments);
    match args::read(arguments) {
        Ok(cli) => command::execute(cli, called),
        Err(code) => code,
    }
}
