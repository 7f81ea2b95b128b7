//! Policies that bar pulls: `server/middleware/contenttrust`, `server/middleware/vulnerable`.

use axum::http::{HeaderMap, header};

use super::{
    Policy,
    answer::Refusal,
    auth::{self, Who},
    path::project_of,
    state::{Repository, Shared},
};

/// Asked before GET and HEAD of a manifest that is there.
pub(super) fn check(shared: &Shared, repository: &str, digest: &str, headers: &HeaderMap) -> Result<(), Refusal> {
    let state = shared.state();
    let project = project_of(repository);
    let Some(policy) = state.project(project).and_then(|project| project.policy) else { return Ok(()) };
    let nothing = Repository::default();
    let known = state.repositories.get(repository).unwrap_or(&nothing);
    // Those who sign must read what they sign, so a push right and the right name let through (`util.go`).
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let signs = agent.contains("cosign") || agent.contains("notation");
    let who = auth::who(&state, headers);
    if signs && matches!(who, Who::Bearer(_)) && who.can(&state, project, "push") {
        return Ok(());
    }
    let is_signature = known.artifacts.get(digest).and_then(|artifact| artifact.accessory.as_ref());
    if is_signature.is_some_and(|(_, kind)| kind.starts_with("signature.")) {
        return Ok(());
    }
    let signed = |by: &str| {
        let about = known.artifacts.values().filter_map(|artifact| artifact.accessory.as_ref());
        about.into_iter().any(|(subject, kind)| subject == digest && *kind == by)
    };
    match policy {
        Policy::Cosign if !signed("signature.cosign") => Err(Refusal::policy("The image is not signed by cosign.")),
        Policy::Notation if !signed("signature.notation") => {
            Err(Refusal::policy("The image is not signed by notation."))
        }
        Policy::Vulnerability => Err(Refusal::policy(
            "current image without vulnerability scanning cannot be pulled due to configured policy in 'Prevent images \
             with vulnerability severity of \"Low\" or higher from running.' To continue with pull, please contact your \
             project administrator for help.",
        )),
        _ => Ok(()),
    }
}

/// `DisableBlobAndManifestUploadMiddleware`: it looks at the start of an upload and at manifests only.
pub(super) fn refuse_proxy_cache(shared: &Shared, repository: &str) -> Result<(), Refusal> {
    let project = project_of(repository);
    match shared.state().project(project) {
        Some(found) if found.proxy_cache => {
            Err(Refusal::denied(format!("denied: can not push artifact to a proxy project: {project}")))
        }
        _ => Ok(()),
    }
}
