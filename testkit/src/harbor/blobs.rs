//! Blobs: the middlewares `blob` and `quota` of uploads and of HEAD.

use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    answer::{Refusal, drain},
    path::{project_of, query},
    policy::refuse_proxy_cache,
    state::{Gc, Shared, State},
};

/// HEAD: the blob must be in the database, and not be in deletion by the garbage collection. A request for a blob that
/// is only marked removes the mark, regardless of the repository (`head_blob.go`).
pub(super) fn head(shared: &Shared, digest: &str) -> Result<(), Refusal> {
    match shared.state().blobs.get_mut(digest) {
        None => Err(Refusal::not_found(format!("blob {digest} not found"))),
        Some(blob) if blob.gc.hides() => {
            Err(Refusal::not_found("the asking blob is delete failed, mark it as non existing"))
        }
        Some(blob) => {
            blob.gc = Gc::None;
            Ok(())
        }
    }
}

/// Redirects a request for an existing blob to the object store with 307; without a store the answer is unchanged.
pub(super) fn redirect(shared: &Shared, digest: &str, found: Response) -> Response {
    let store = shared.state().store.clone().filter(|_| found.status() == StatusCode::OK);
    match store {
        Some(store) => {
            let (_, hex) = digest.split_once(':').unwrap_or_default();
            let location = format!("{store}/docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]);
            let kind = (header::CONTENT_TYPE, "application/octet-stream".to_owned());
            (StatusCode::TEMPORARY_REDIRECT, [kind, (header::LOCATION, location)]).into_response()
        }
        None => found,
    }
}

/// POST: opens an upload, or mounts. The quota is asked with the size of a blob that shall be mounted, else with
/// nothing, which is too much for a project that holds more than it may; the mark of the garbage collection is not
/// looked at (`post_initiate_blob_upload.go`, both).
pub(super) async fn begin(shared: &Shared, repository: &str, request: Request) -> Response {
    let project = project_of(repository).to_owned();
    let mount = query(request.uri(), "mount");
    let allowed = refuse_proxy_cache(shared, repository).and_then(|()| {
        let state = shared.state();
        match mount.as_ref().and_then(|digest| Some((digest, state.blobs.get(digest)?.size))) {
            Some((digest, size)) => admit(&state, &project, digest, size),
            None => state.project(&project).map_or(Ok(()), |project| project.admit(0)),
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
    let fits = admit(&shared.state(), &project, &digest, size);
    let allowed = fits.and_then(|()| take_mark_off(shared, &digest));
    if let Err(refusal) = allowed {
        return refused(request, refusal).await;
    }
    let response = shared.backend.forward(request).await;
    let mut state = shared.state();
    if response.status() == StatusCode::CREATED {
        state.associate(&project, &digest, size);
    }
    state.sessions.remove(session);
    response
}

/// Takes the mark of the garbage collection off what comes again, unless it is being swept at the moment
/// (`put_blob_upload.go`, `put_manifest.go`).
pub(super) fn take_mark_off(shared: &Shared, digest: &str) -> Result<(), Refusal> {
    match shared.state().blobs.get_mut(digest) {
        Some(blob) if blob.gc == Gc::Deleting => Err(Refusal::not_found(
            "the asking blob is in GC, mark it as non existing, request id: 0410a833-6212-4465-9686-345535e59073",
        )),
        Some(blob) => {
            blob.gc = Gc::None;
            Ok(())
        }
        None => Ok(()),
    }
}

/// Checks the quota of a project. A blob that the project already has is not counted again.
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
