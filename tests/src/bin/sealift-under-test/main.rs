//! The program that the tests run: what `sealift` is made of, built for this package, and a plugin
//! that talks too much.

mod talkative;

use sealift_plugins as _;

fn main() -> std::process::ExitCode {
    sealift_cli::main()
}
