//! The binary `sealift`: the command line with the built-in plugins.

use sealift_plugins as _;

fn main() -> std::process::ExitCode {
    sealift_cli::main()
}
