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
    let meaning =
        |reason: Reason, what: String| Meaning::new(reason.kind(), what).because(reason).hint(reason.remedy());
    Some(match refusal.status.as_u16() {
        // For a project that does not exist the challenge is left empty; HEAD has no body that could say more.
        401 if refusal.unchallenged || said.mentions("not found") => {
            let what = format!("the project `{project}` does not exist, or this login may not see it");
            meaning(Reason::NoProject, what).says_all()
        }
        401 => {
            // Its token service takes wrong passwords for nobody, as long as scopes are asked for.
            let origin = refusal.login.as_ref()?;
            let verb = if writes { "push to" } else { "pull from" };
            let what = format!("the login from {origin} may not {verb} the project `{project}`, or is wrong");
            meaning(Reason::NoRight, what)
        }
        403 if said.mentions("quota") => {
            meaning(Reason::Quota, format!("the quota of the project `{project}` is used up"))
        }
        403 if said.mentions("read only") => meaning(Reason::ReadOnly, "`{registry}` is in read-only mode".to_owned()),
        403 if said.mentions("proxy project") => {
            let what = format!("the project `{project}` caches another registry and takes no pushes");
            meaning(Reason::ProxyCache, what)
        }
        404 if writes && said.mentions("in gc") => {
            Meaning::new(ErrorKind::Unavailable, "garbage collection sweeps it at the moment")
                .retry(Retry::Soon)
                .hint("run again when garbage collection is done")
        }
        404 if matches!(refusal.doing, Doing::PushManifest(_)) => {
            let what = "an entry of the index is no artifact of this repository".to_owned();
            meaning(Reason::MissingChild, what).retry(Retry::Soon)
        }
        412 if writes => meaning(Reason::Immutable, format!("the tag is immutable in the project `{project}`")),
        _ => return None,
    })
}
