//! The program that the tests run: what `sealift` is made of, built for this package.

use sealift_plugins as _;

fn main() -> std::process::ExitCode {
    sealift_cli::main()
}
