//! `/v2/`: what stands before the registry, in the order of `server/registry/route.go`.

use super::{
    answer::{Refusal, drain, plain},
    artifacts, auth, blobs, manifests,
    path::Route,
    policy,
    state::Shared,
};
use axum::{
    extract::Request,
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
};

pub(super) async fn answer(shared: &Shared, mut request: Request) -> Response {
    if let Err(refusal) = admit(shared, &request) {
        drain(request.into_body()).await;
        return refusal.into_response();
    }
    let route = Route::of(request.uri().path());
    let answered = match (route, request.method().clone()) {
        (Route::Ping, _) => Ok(plain(StatusCode::OK, "{}")),
        (Route::Tags(repository), Method::GET) => artifacts::tags(shared, &repository, request.uri()),
        (Route::Referrers(..), _) if shared.state().without_referrers => {
            Ok(plain(StatusCode::NOT_FOUND, "404 page not found"))
        }
        (Route::Referrers(repository, subject), Method::GET) => Ok(artifacts::referrers(shared, &repository, &subject)),
        (Route::Manifest(repository, reference), Method::GET | Method::HEAD) => {
            let found = artifacts::find(shared, &repository, &reference).and_then(|digest| {
                policy::check(shared, &repository, &digest, request.headers())?;
                Ok(digest)
            });
            match found {
                // The registry behind is asked by digest; tags are the database's.
                Ok(digest) => {
                    let target = format!("/v2/{repository}/manifests/{digest}");
                    *request.uri_mut() = target.parse().expect("a path is a target");
                    Ok(shared.backend.forward(request).await)
                }
                Err(refusal) => Err(refusal),
            }
        }
        (Route::Manifest(repository, reference), Method::DELETE) => artifacts::delete(shared, &repository, &reference),
        (Route::Manifest(repository, reference), Method::PUT) => {
            return manifests::put(shared, &repository, &reference, request).await;
        }
        (Route::Blob(_, digest), Method::HEAD) => match blobs::head(shared, &digest) {
            Ok(()) => Ok(blobs::redirect(shared, &digest, shared.backend.forward(request).await)),
            Err(refusal) => Err(refusal),
        },
        (Route::Blob(_, digest), Method::GET) => {
            Ok(blobs::redirect(shared, &digest, shared.backend.forward(request).await))
        }
        (Route::Upload(repository, None), Method::POST) => {
            return blobs::begin(shared, &repository, request).await;
        }
        (Route::Upload(_, Some(session)), Method::PATCH) => {
            return blobs::continued(shared, &session, request).await;
        }
        (Route::Upload(repository, Some(session)), Method::PUT) => {
            return blobs::finish(shared, &repository, &session, request).await;
        }
        _ => Ok(shared.backend.forward(request).await),
    };
    answered.unwrap_or_else(IntoResponse::into_response)
}

/// Checks every request: the read-only mode of the system, the format of the name, the rights.
fn admit(shared: &Shared, request: &Request) -> Result<(), Refusal> {
    let writes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if writes && shared.state().read_only {
        return Err(Refusal::denied("The system is in read only mode. Any modification is prohibited."));
    }
    let route = Route::of(request.uri().path());
    if let Some(repository) = route.repository()
        && !repository.contains('/')
    {
        return Err(Refusal::bad_request(format!("invalid repository name: {repository}")));
    }
    auth::check(shared, request.method(), request.uri(), request.headers())
}
