//! Scans that are started by hand (`server/v2.0/handler/scan.go`, `controller/scan/base_controller.go`). Nothing is
//! looked at; a scan is only counted.

use axum::{http::StatusCode, response::Response};

use super::{
    account::{Account, Right},
    answer::{Refusal, empty},
    path::decode,
    scanner::Scanner,
    state::{Artifact, State},
};

/// The types of configs that a scanner takes an artifact for an image by.
const IMAGES: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];

fn is_image(artifact: &Artifact) -> bool {
    !artifact.children.is_empty() || artifact.artifact_type.as_deref().is_some_and(|kind| IMAGES.contains(&kind))
}

/// Answers `POST …/artifacts/DIGEST/scan`.
pub(super) fn start(
    state: &mut State,
    asker: Option<&Account>,
    (project, repository, digest): (&str, &str, &str),
) -> Result<Response, Refusal> {
    let asker = asker.ok_or_else(|| Refusal::unauthorized("unauthorized"))?;
    if !asker.can(project, Right::Scan) {
        return Err(Refusal::forbidden("forbidden"));
    }
    let (id, scanner) = state.project(project).map(|found| (found.id, found.scanner)).unwrap_or_default();
    let name = format!("{project}/{}", decode(&decode(repository)));
    let artifact = state.repositories.get_mut(&name).and_then(|known| known.artifacts.get_mut(digest));
    let artifact = artifact.ok_or_else(|| Refusal::not_found(format!("artifact {name}@{digest} not found")))?;
    match scanner {
        Scanner::Absent => Err(Refusal::precondition(format!("no available scanner for project: {id}"))),
        Scanner::Deactivated => Err(Refusal::precondition("scanner Trivy is deactivated")),
        _ if !is_image(artifact) => Err(Refusal::bad_request(format!(
            "the configured scanner Trivy does not support scanning artifact with mime type {}",
            artifact.media_type
        ))),
        Scanner::Busy => Err(Refusal::conflict("a previous scan process is Running")),
        Scanner::Ready => {
            artifact.scans += 1;
            Ok(empty(StatusCode::ACCEPTED))
        }
    }
}
