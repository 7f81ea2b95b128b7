//! Sealift with the {{plugin}} `my-plugin` beside the built-in plugins.
//!
//! The `use` lines bring plugins in: a crate that is named in `Cargo.toml` only is not linked.

use my_plugin as _;

use sealift_plugins as _;

fn main() -> std::process::ExitCode {
    sealift_cli::main()
}
