//! Manifests: pull, push, delete.

use axum::{
    body::Body,
    http::{StatusCode, header, request::Parts},
    response::Response,
};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use sealift_core::content::{Digest, Manifest, ManifestError, MediaType, Version};
use serde_json::json;

use super::{
    App, about,
    answer::{self, Code, Failure, empty},
};
use crate::store::Refused;

/// `GET` or `HEAD /v2/<name>/manifests/<reference>` (distribution-spec, "Pulling manifests").
pub(crate) async fn get(app: &App, name: &str, at: &Version, head: &Parts) -> Result<Response, Failure> {
    let repository = app.store.repository(name).ok_or(Code::ManifestUnknown)?;
    let item = repository.resolve(&app.store, at).await.ok_or(Code::ManifestUnknown)?;
    if unchanged(head, &item.digest) {
        let mut response = empty(StatusCode::NOT_MODIFIED);
        response.headers_mut().insert(header::ETAG, etag(&item.digest));
        return Ok(response);
    }
    let manifest = app.store.layout().manifest(&item).await.map_err(|error| {
        tracing::warn!(%error, repository = name, "an entry of the index cannot be served");
        Code::ManifestUnknown.because(error.message())
    })?;
    let mut response = answer::bytes(manifest.media_type().as_str(), manifest.bytes().clone());
    response.headers_mut().insert("docker-content-digest", answer::value(&item.digest));
    response.headers_mut().insert(header::ETAG, etag(&item.digest));
    Ok(response)
}

/// `PUT /v2/<name>/manifests/<reference>` (distribution-spec, "Pushing Manifests").
pub(crate) async fn put(app: &App, name: &str, at: &Version, head: &Parts, body: Body) -> Result<Response, Failure> {
    let media_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = MediaType::from_header(media_type.unwrap_or_default());
    if media_type.is_empty() {
        return Err(Code::ManifestInvalid.because("there is no `Content-Type`"));
    }
    if !media_type.is_manifest() {
        return Err(Code::ManifestInvalid.because(format!("`{media_type}` is no type of manifest")));
    }
    let body = read(body).await?;
    let manifest = match at {
        Version::Digest(digest) => Manifest::parse_expecting(body, &media_type, digest),
        Version::Tag(_) => Manifest::parse(body, &media_type),
    };
    let manifest = manifest.map_err(|error| match error {
        ManifestError::WrongDigest { .. } => Code::DigestInvalid.because(error.to_string()),
        _ => Code::ManifestInvalid.because(error.to_string()),
    })?;
    app.store.put_manifest(name, at, &manifest).await.map_err(|refused| match refused {
        Refused::Missing(missing) => {
            let detail = |digest| (Code::ManifestBlobUnknown, json!({ "digest": digest }));
            Failure(missing.into_iter().map(detail).collect())
        }
        Refused::Failed(error) => error.into(),
    })?;
    let digest = manifest.digest();
    let mut response = about(StatusCode::CREATED, digest, format!("/v2/{name}/manifests/{digest}"));
    if let Some(subject) = manifest.subject() {
        response.headers_mut().insert("oci-subject", answer::value(&subject.digest));
    }
    Ok(response)
}

/// `DELETE /v2/<name>/manifests/<reference>` (distribution-spec, "Deleting tags", "Deleting Manifests").
pub(crate) async fn delete(app: &App, name: &str, at: &Version) -> Result<Response, Failure> {
    if app.store.delete_manifest(name, at).await? {
        Ok(empty(StatusCode::ACCEPTED))
    } else {
        Err(Code::ManifestUnknown.into())
    }
}

async fn read(body: Body) -> Result<Bytes, Failure> {
    let mut body = body.into_data_stream();
    let mut all = BytesMut::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| Code::ManifestInvalid.because(format!("the body broke off: {error}")))?;
        if (all.len() + chunk.len()) as u64 > Manifest::MAX_BYTES {
            return Err(Code::ManifestTooLarge.into());
        }
        all.extend_from_slice(&chunk);
    }
    Ok(all.freeze())
}

pub(super) fn etag(digest: &Digest) -> axum::http::HeaderValue {
    answer::value(format!("\"{digest}\""))
}

/// Whether the client said that it has this already.
pub(super) fn unchanged(head: &Parts, digest: &Digest) -> bool {
    let known = head.headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    known.is_some_and(|known| known.split(',').any(|tag| tag.trim().trim_matches('"') == digest.to_string()))
}
