//! Logins for registries.
//!
//! Providers are asked in this order, and only after a registry demanded a login: the entry of the host in
//! `[registries]`, the providers of `[[login]]` in their order, the auth file of `[credentials]` (longest match), Docker's and Podman's credential files and helpers
//! (from the path of the repository up to the host), and plugins that know their hosts and that no table names. A login that was accepted and is rejected later is read again.

mod docker;
mod docker_file;
mod header;
mod helper;
mod logins;
mod section;
mod sent_secrets;
mod tracked;

pub(crate) use docker::DockerFiles;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use docker::any_file as any_docker_file;
pub(crate) use header::{
    WRONG_PASSWORD, account, basic_header, entry_login, identity_token, registry_token, sensitive, wrong_login_hint,
};
pub(crate) use logins::{EntryLogin, Logins, OptionalLogin};
pub use section::{Config, Credentials};
pub(crate) use sent_secrets::{SentSecrets, hide};
pub(crate) use tracked::{CurrentLogin, TrackedLogin, Trial};
