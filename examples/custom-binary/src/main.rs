//! Sealift with three plugins of one's own. A crate that is named in `Cargo.toml` only is not linked: the `use` lines
//! are what brings its plugins in.

use example_custom_destination as _;
use example_custom_filter as _;
use example_policy_filter as _;
use sealift_plugins as _;

fn main() -> std::process::ExitCode {
    sealift_cli::main()
}
