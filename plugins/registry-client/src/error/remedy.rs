//! Hints that several errors share.

use crate::operation::Operation;

/// About answers that no registry gives.
pub(crate) const NO_REGISTRY: &str = "what answers there may be no registry: look at the host and the port";

/// For content that differs from what was sent.
pub(crate) const CHANGED: &str = "the registry, or a proxy in front of it, changes what it is given";

/// About a digest by another algorithm than sha256.
pub(crate) const SHA256_ONLY: &str = "many registries keep sha256 digests only: push it by sha256 at its source, or copy it to a registry that keeps others";

/// About uploads that a registry began and does not know any more.
pub(super) const LOST_UPLOAD: &str =
    "where several servers answer under one name, they must share their storage, and `http.secret` of distribution";

/// The ways to a login.
pub(super) fn log_in(registry: &str) -> String {
    format!(
        "log in with `docker login {registry}`, name an auth file, or put `username` and `password` into \
         [registries.\"{registry}\"]"
    )
}

/// Returns the right that a login needs.
pub(super) fn needed_right(operation: &Operation<'_>) -> String {
    let verb = if operation.writes() { "push to" } else { "pull from" };
    format!("it needs the right to {verb} `{}`", operation.repository())
}
