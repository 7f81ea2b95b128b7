//! Manifests: pull, push, delete.

use axum::{
    body::Body,
    http::{StatusCode, Uri, header, request::Parts},
    response::Response,
};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use sealift_core::{
    content::{Manifest, ManifestError, MediaType, Reference, Tag, well_known},
    error::ErrorKind,
};
use serde::Deserialize;

use super::{
    App, about,
    answer::{self, Code, ErrorResponse, empty},
    conditional::{etag, is_known},
    queries,
};

/// `GET` or `HEAD /v2/<name>/manifests/<reference>` (distribution-spec, "Pulling manifests").
pub(crate) async fn get(app: &App, name: &str, at: &Reference, head: &Parts) -> Result<Response, ErrorResponse> {
    let repository = app.store.repository(name).ok_or(Code::ManifestUnknown)?;
    let item = repository.resolve(&app.store, at).await?.ok_or(Code::ManifestUnknown)?;
    let manifest = app.store.manifest(&item).await.map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            tracing::warn!(%error, repository = name, "a manifest is missing in the directory");
            Code::ManifestUnknown.because("the directory lacks it")
        }
        _ => error.into(),
    })?;
    if is_known(&head.headers, &item.digest) {
        let mut response = empty(StatusCode::NOT_MODIFIED);
        response.headers_mut().insert(header::ETAG, etag(&item.digest));
        return Ok(response);
    }
    let mut response = answer::bytes(manifest.media_type().as_str(), manifest.bytes().clone());
    response.headers_mut().insert("docker-content-digest", answer::value(&item.digest));
    response.headers_mut().insert(header::ETAG, etag(&item.digest));
    Ok(response)
}

/// Tags that one push may set. The specification wants at least 10.
const MOST_TAGS: usize = 100;

/// `PUT /v2/<name>/manifests/<reference>` (distribution-spec, "Pushing Manifests"). By digest it may set tags as well
/// (`?tag=1.2&tag=1`, distribution-spec 1.2).
pub(crate) async fn put(
    app: &App,
    name: &str,
    at: &Reference,
    head: &Parts,
    body: Body,
) -> Result<Response, ErrorResponse> {
    let media_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    // Types are compared without regard to case (RFC 9110, 8.3.1).
    let media_type = MediaType::from_header(&media_type.unwrap_or_default().to_ascii_lowercase());
    if media_type.is_empty() {
        return Err(Code::ManifestInvalid.because("there is no `Content-Type`"));
    }
    if !media_type.is_manifest() {
        return Err(Code::ManifestInvalid.because(format!("`{media_type}` is no type of manifest")));
    }
    let tags = match at {
        Reference::Digest(_) => tags(&head.uri)?,
        Reference::Tag(_) => Vec::new(),
    };
    let body = read(body).await?;
    let manifest = match at {
        Reference::Digest(digest) => Manifest::parse_expecting(body, &media_type, digest),
        Reference::Tag(_) => Manifest::parse(body, &media_type),
    };
    let manifest = manifest.map_err(|error| match error {
        ManifestError::WrongDigest { .. } => Code::DigestInvalid.because(error.to_string()),
        _ => Code::ManifestInvalid.because(error.to_string()),
    })?;
    check(&manifest)?;
    app.store.put_manifest(name, at, &manifest).await?;
    for tag in &tags {
        app.store.put_manifest(name, &Reference::Tag(tag.clone()), &manifest).await?;
    }
    let digest = manifest.digest();
    let mut response = about(StatusCode::CREATED, digest, format!("/v2/{name}/manifests/{digest}"));
    if let Some(subject) = manifest.subject() {
        response.headers_mut().insert("oci-subject", answer::value(&subject.digest));
    }
    for tag in &tags {
        response.headers_mut().append("oci-tag", answer::value(tag));
    }
    Ok(response)
}

/// The tags that a push by digest sets, each once.
fn tags(uri: &Uri) -> Result<Vec<Tag>, ErrorResponse> {
    let mut tags = Vec::new();
    for text in queries(uri, "tag") {
        let tag = text.parse().map_err(|error| Code::TagInvalid.because(format!("{error}")))?;
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    if tags.len() > MOST_TAGS { Err(Code::TooManyTags.because(format!("at most {MOST_TAGS}"))) } else { Ok(tags) }
}

/// `DELETE /v2/<name>/manifests/<reference>` (distribution-spec, "Deleting tags", "Deleting Manifests").
pub(crate) async fn delete(app: &App, name: &str, at: &Reference) -> Result<Response, ErrorResponse> {
    if app.store.delete_manifest(name, at).await? {
        Ok(empty(StatusCode::ACCEPTED))
    } else {
        Err(Code::ManifestUnknown.into())
    }
}

async fn read(body: Body) -> Result<Bytes, ErrorResponse> {
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

/// Refuses what the specification does not allow and readers here would take.
fn check(manifest: &Manifest) -> Result<(), ErrorResponse> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct SchemaVersion {
        #[serde(default)]
        schema_version: Option<u64>,
    }
    // RFC 8259, 8.1; the JSON reader passes over what stands in fields that it does not know.
    if std::str::from_utf8(manifest.bytes()).is_err() {
        return Err(Code::ManifestInvalid.because("it is not UTF-8"));
    }
    use well_known::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
    let is_schema_2 = [OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST].contains(manifest.media_type());
    let head: Result<SchemaVersion, _> = serde_json::from_slice(manifest.bytes());
    match head.ok().and_then(|head| head.schema_version) {
        Some(version) if is_schema_2 && version != 2 => {
            Err(Code::ManifestInvalid.because(format!("its `schemaVersion` is {version}, expected 2")))
        }
        _ => Ok(()),
    }
}
