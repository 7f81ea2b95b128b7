//! Sealift under a name of one's own, with plugins, a login, an observer, a registry profile and a subcommand. A crate that
//! is named in `Cargo.toml` only is not linked: the `use` lines are what brings its plugins in.

mod audit;
mod login;
mod mirror;
mod profile;

use example_custom_destination as _;
use example_custom_filter as _;
use example_policy_filter as _;
use sealift_plugins as _;

fn main() -> std::process::ExitCode {
    sealift_cli::Cli::new()
        .name("acme-sealift")
        .version("1.4")
        .observer(audit::AuditLog::from_environment())
        .subcommand::<mirror::Mirror>()
        .run()
}
