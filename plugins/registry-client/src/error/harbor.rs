//! What Harbor means by its answers, with what helps.
//!
//! It says 401 where others say 404, 403 for four different things, and 412 for a tag; the words of the body tell them
//! apart. From Harbor's source: `v2auth/auth.go`, `readonly.go`, `quota.go`, `repoproxy/proxy.go`, `pushmf.go`.

use sealift_core::error::{ErrorKind, Retry};

use super::{
    Reason,
    status::{Meaning, Refusal},
};
use crate::doing::Doing;

/// None: what the answer means everywhere.
pub(super) fn meaning(refusal: &Refusal<'_>) -> Option<Meaning> {
    let project = refusal.doing.repository().path().split('/').next().unwrap_or_default();
    let (said, writes) = (&refusal.said, refusal.doing.writes());
    match refusal.status.as_u16() {
        // For a project that does not exist the challenge is left empty.
        401 if said.mentions("not found") => Some(no_project(project)),
        401 => {
            // Its token service takes wrong passwords for nobody, as long as scopes are asked for.
            let origin = refusal.login.as_ref()?;
            let verb = if writes { "push to" } else { "pull from" };
            let what = format!("the login from {origin} may not {verb} the project `{project}`, or is wrong");
            Some(Meaning::new(ErrorKind::Denied, what).because(Reason::NoRight).hint(format!(
                "a robot needs the rights to push and pull repositories of `{project}`, people need the role Developer"
            )))
        }
        403 if said.mentions("quota") => Some(quota_used_up(project)),
        403 if said.mentions("read only") => Some(
            Meaning::new(ErrorKind::Denied, "`{registry}` is in read-only mode")
                .because(Reason::ReadOnly)
                .hint("an administrator of Harbor can switch that off under Configuration, System Settings"),
        ),
        403 if said.mentions("proxy project") => Some(proxy_cache(project)),
        404 if writes && said.mentions("in gc") => Some(
            Meaning::new(ErrorKind::Unavailable, "garbage collection sweeps it at the moment")
                .retry(Retry::Soon)
                .hint("run again when garbage collection is done"),
        ),
        404 if matches!(refusal.doing, Doing::PushManifest(_)) => Some(
            Meaning::new(ErrorKind::NotFound, "an entry of the index is no artifact of this repository")
                .because(Reason::MissingChild)
                .retry(Retry::Soon)
                .hint("it may have been deleted in Harbor meanwhile; run again"),
        ),
        412 if writes => Some(immutable(project)),
        _ => None,
    }
}

fn no_project(project: &str) -> Meaning {
    Meaning::new(ErrorKind::NotFound, format!("the project `{project}` does not exist, or this login may not see it"))
        .because(Reason::NoProject)
        .hint(
            "create it in Harbor, use `use = \"harbor\"` with `create_projects = true`, or set another `prefix` in \
             [[push]]",
        )
        .says_all()
}

fn quota_used_up(project: &str) -> Meaning {
    Meaning::new(ErrorKind::Storage, format!("the quota of the project `{project}` is used up"))
        .because(Reason::Quota)
        .hint("raise it in Harbor under Project Quotas, or delete artifacts there and run garbage collection")
}

fn proxy_cache(project: &str) -> Meaning {
    Meaning::new(ErrorKind::Denied, format!("the project `{project}` caches another registry and takes no pushes"))
        .because(Reason::ProxyCache)
        .hint("push to another project: set `prefix` in [[push]]")
}

fn immutable(project: &str) -> Meaning {
    Meaning::new(ErrorKind::Conflict, format!("the tag is immutable in the project `{project}`"))
        .because(Reason::Immutable)
        .hint("push another tag, or delete this one or change the project's rule for immutable tags in Harbor")
}
