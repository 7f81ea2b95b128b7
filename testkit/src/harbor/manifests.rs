//! Writing a manifest: everything that Harbor asks before and after the registry behind it stored it.

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use sealift_core::content::{Descriptor, Manifest, MediaType};

use super::{
    answer::Refusal,
    blobs::take_mark_off,
    path::project_of,
    policy::refuse_proxy_cache,
    state::{Artifact, Shared, State},
};

/// More than the registry behind takes, which is the one to refuse.
const MAX_MANIFEST: usize = 64 << 20;

/// In Harbor's order: proxy cache, immutable tag, quota, mark of the garbage collection, the registry behind, the
/// children of an index, the config of an image. The last two come after the registry stored it.
pub(super) async fn put(shared: &Shared, repository: &str, reference: &str, request: Request) -> Response {
    match try_put(shared, repository, reference, request).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    }
}

async fn try_put(shared: &Shared, repository: &str, reference: &str, request: Request) -> Result<Response, Refusal> {
    let (mut parts, body) = request.into_parts();
    let body: Bytes = to_bytes(body, MAX_MANIFEST).await.map_err(|_| Refusal::unknown())?;
    refuse_proxy_cache(shared, repository)?;
    refuse_immutable(&shared.state(), repository, reference)?;
    let media_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let manifest = Manifest::parse(body.clone(), &MediaType::from_header(media_type.unwrap_or_default()))
        .map_err(|error| Refusal::manifest_invalid(format!("unmarshal manifest failed: {error}")))?;
    let digest = manifest.digest().to_string();
    ask_quota(&shared.state(), repository, &manifest)?;
    take_mark_off(shared, &digest)?;
    if reference.contains(':') && shared.state().stumbles() {
        return Err(Refusal::unknown());
    }
    // Since 2.15 tags are the database's alone; the registry behind is written to by digest.
    parts.uri = format!("/v2/{repository}/manifests/{digest}").parse().expect("a path is a target");
    let mut response = shared.backend.forward(Request::from_parts(parts, Body::from(body))).await;
    if response.status() != StatusCode::CREATED {
        return Ok(response);
    }
    let mut state = shared.state();
    find_children(&state, repository, &manifest)?;
    read_config(shared, &manifest)?;
    hold(&mut state, repository, &manifest);
    let tag = (!reference.contains(':')).then_some(reference);
    ensure_artifact(&mut state, repository, tag, &manifest);
    if let Some(subject) = manifest.subject().filter(|_| !state.without_referrers) {
        let value = HeaderValue::from_str(&subject.digest.to_string()).expect("digests are ASCII");
        response.headers_mut().insert("oci-subject", value);
    }
    Ok(response)
}

/// Only a tag that is there is immutable, and then also for the digest that it has (`pushmf.go`).
fn refuse_immutable(state: &State, repository: &str, reference: &str) -> Result<(), Refusal> {
    let (project, name) = repository.split_once('/').unwrap_or((repository, ""));
    let there = state.repositories.get(repository).is_some_and(|found| found.tags.contains_key(reference));
    match state.project(project) {
        Some(project) if there && project.is_immutable(name, reference) => Err(Refusal::precondition(format!(
            "Failed to process request due to '{name}:{reference}' configured as immutable."
        ))),
        _ => Ok(()),
    }
}

/// A manifest counts with its own size, and with what it points to that the project does not hold yet
/// (`quota/put_manifest.go`).
fn ask_quota(state: &State, repository: &str, manifest: &Manifest) -> Result<(), Refusal> {
    let Some(project) = state.project(project_of(repository)) else { return Ok(()) };
    if project.holds.contains_key(&manifest.digest().to_string()) {
        return Ok(());
    }
    let new: u64 = counted(manifest)
        .filter(|item| !project.holds.contains_key(&item.digest.to_string()))
        .filter_map(Descriptor::known_size)
        .sum();
    project.admit(new + manifest.bytes().len() as u64)
}

fn counted(manifest: &Manifest) -> impl Iterator<Item = &Descriptor> {
    // Only Docker's foreign layers are left out, not those that OCI calls non-distributable (`pkg/blob/models`).
    let foreign =
        |item: &&Descriptor| item.media_type.as_str().starts_with("application/vnd.docker.image.rootfs.foreign");
    manifest.blobs().chain(manifest.children()).filter(move |item| !foreign(item))
}

/// The config of an image must be one, and that of an artifact with a type of its own an object (`processor/image`,
/// `processor/default.go`). What cannot be read is an error without a code.
fn read_config(shared: &Shared, manifest: &Manifest) -> Result<(), Refusal> {
    let Some(config) = manifest.config() else { return Ok(()) };
    let bytes = shared.blob_file(&config.digest.to_string()).and_then(|blob| std::fs::read(blob.join("data")).ok());
    let object = bytes.and_then(|bytes| serde_json::from_slice::<serde_json::Map<_, _>>(&bytes).ok());
    let media_type = config.media_type.as_str();
    let good = match media_type {
        "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json" => {
            let created = object.as_ref().map(|object| object.get("created").cloned().unwrap_or_default());
            created.is_some_and(|created| created.is_null() || created.as_str().is_some_and(|text| text.contains('T')))
        }
        other if has_own_type(other) => object.is_some(),
        _ => true,
    };
    if good { Ok(()) } else { Err(Refusal::unknown()) }
}

/// `application/vnd.COMPANY.TYPE.config.VERSION+json`.
fn has_own_type(media_type: &str) -> bool {
    let parts = media_type.strip_prefix("application/vnd.").and_then(|rest| rest.split_once(".config."));
    parts.is_some_and(|(owner, version)| owner.contains('.') && version.ends_with("+json"))
}

/// `indexAbstractor.Abstract`: every child must be an artifact of the same repository.
fn find_children(state: &State, repository: &str, manifest: &Manifest) -> Result<(), Refusal> {
    let known = state.repositories.get(repository);
    for child in manifest.children() {
        let digest = child.digest.to_string();
        if !known.is_some_and(|known| known.artifacts.contains_key(&digest)) {
            return Err(Refusal::not_found(format!("artifact {repository}@{digest} not found")));
        }
    }
    Ok(())
}

fn hold(state: &mut State, repository: &str, manifest: &Manifest) {
    let project = project_of(repository);
    for item in counted(manifest) {
        state.associate(project, &item.digest.to_string(), item.known_size().unwrap_or_default());
    }
    state.associate(project, &manifest.digest().to_string(), manifest.bytes().len() as u64);
}

fn ensure_artifact(state: &mut State, repository: &str, tag: Option<&str>, manifest: &Manifest) {
    let id = state.next();
    let known = state.repositories.entry(repository.to_owned()).or_default();
    let digest = manifest.digest().to_string();
    let accessory = accessory(tag, manifest);
    known.artifacts.entry(digest.clone()).or_insert_with(|| Artifact {
        id,
        media_type: manifest.media_type().to_string(),
        artifact_type: artifact_type(manifest),
        size: manifest.bytes().len() as u64,
        children: manifest.children().map(|child| child.digest.to_string()).collect(),
        accessory,
        labels: Vec::new(),
        scans: 0,
    });
    if let Some(tag) = tag {
        known.tags.insert(tag.to_owned(), digest);
    }
}

/// Returns the digest of the subject and the type of accessory: for a manifest with a subject (`subject.go`), or for a
/// cosign signature, recognized by its tag and the type of a layer (`cosign.go`). The subject need not exist yet.
fn accessory(tag: Option<&str>, manifest: &Manifest) -> Option<(String, &'static str)> {
    if let Some(subject) = manifest.subject() {
        let notation = artifact_type(manifest).as_deref() == Some("application/vnd.cncf.notary.signature");
        let kind = if notation { "signature.notation" } else { "subject.accessory" };
        return Some((subject.digest.to_string(), kind));
    }
    let hex = tag?.strip_prefix("sha256-")?.strip_suffix(".sig")?;
    let subject = format!("sha256:{hex}");
    let signs =
        manifest.blobs().any(|blob| blob.media_type.as_str() == "application/vnd.dev.cosign.simplesigning.v1+json");
    signs.then_some((subject, "signature.cosign"))
}

fn artifact_type(manifest: &Manifest) -> Option<String> {
    let config = manifest.config().map(|config| config.media_type.as_str());
    manifest.artifact_type().or(config).map(str::to_owned)
}
