//! Blobs: the middlewares `blob` and `quota` of uploads and of HEAD.

use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    answer::Refusal,
    path::{project_of, query},
    registry_api::{drain, refuse_proxy_cache},
    state::{Shared, State},
};

/// HEAD: the database must know the blob, and the garbage collection must not want it (`head_blob.go`).
pub(super) fn head(shared: &Shared, digest: &str) -> Result<(), Refusal> {
    match shared.state().blobs.get(digest) {
        None => Err(Refusal::not_found(format!("blob {digest} not found"))),
        Some(blob) if blob.marked => {
            Err(Refusal::not_found("the asking blob is delete failed, mark it as non existing"))
        }
        Some(_) => Ok(()),
    }
}

/// POST: opens an upload, or mounts. The quota is asked for a mount only, as only then the size is known; a mark of
/// the garbage collection is not looked at (`post_initiate_blob_upload.go`, both).
pub(super) async fn begin(shared: &Shared, repository: &str, request: Request) -> Response {
    let project = project_of(repository).to_owned();
    let mount = query(request.uri(), "mount");
    let allowed = refuse_proxy_cache(shared, repository).and_then(|()| {
        let state = shared.state();
        match mount.as_ref().and_then(|digest| Some((digest, state.blobs.get(digest)?.size))) {
            Some((digest, size)) => admit(&state, &project, digest, size),
            None => Ok(()),
        }
    });
    if let Err(refusal) = allowed {
        return refused(request, refusal).await;
    }
    let response = shared.backend.forward(request).await;
    if let (StatusCode::CREATED, Some(digest)) = (response.status(), mount) {
        let mut state = shared.state();
        let size = state.blobs.get(&digest).map_or(0, |blob| blob.size);
        state.associate(&project, &digest, size);
    }
    response
}

/// PATCH: how much was accepted is remembered for the PUT (`patch_blob_upload.go`).
pub(super) async fn continued(shared: &Shared, session: &str, request: Request) -> Response {
    let response = shared.backend.forward(request).await;
    if response.status() == StatusCode::ACCEPTED
        && let Some(end) = accepted(response.headers())
    {
        shared.state().sessions.insert(session.to_owned(), end);
    }
    response
}

fn accepted(headers: &HeaderMap) -> Option<u64> {
    let (_, end) = headers.get(header::RANGE)?.to_str().ok()?.split_once('-')?;
    end.parse::<u64>().ok().map(|end| end + 1)
}

/// PUT: the quota is asked, a mark is taken off, and the project holds the blob afterwards (`put_blob_upload.go`,
/// both).
pub(super) async fn finish(shared: &Shared, repository: &str, session: &str, request: Request) -> Response {
    let project = project_of(repository).to_owned();
    let digest = query(request.uri(), "digest").unwrap_or_default();
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let size = match announced {
        Some(size) if size > 0 => size,
        _ => shared.state().sessions.get(session).copied().unwrap_or_default(),
    };
    let allowed = admit(&shared.state(), &project, &digest, size);
    if let Err(refusal) = allowed {
        return refused(request, refusal).await;
    }
    if let Some(blob) = shared.state().blobs.get_mut(&digest) {
        blob.marked = false;
    }
    let response = shared.backend.forward(request).await;
    let mut state = shared.state();
    if response.status() == StatusCode::CREATED {
        state.associate(&project, &digest, size);
    }
    state.sessions.remove(session);
    response
}

/// What a project holds already costs nothing again.
fn admit(state: &State, project: &str, digest: &str, size: u64) -> Result<(), Refusal> {
    match state.project(project) {
        Some(project) if !project.holds.contains_key(digest) => project.admit(size),
        _ => Ok(()),
    }
}

async fn refused(request: Request, refusal: Refusal) -> Response {
    drain(request.into_body()).await;
    refusal.into_response()
}
