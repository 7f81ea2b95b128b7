//! What the service is told of an image, and what it may answer.

use sealift_core::{
    content::Manifest,
    error::{Error, ErrorKind, Result},
    job::Resolved,
    stage::{Fetch, ResolveMode, Verdict},
};
use serde_json::{Value, json};

/// Configs are some kilobytes; this bounds what is read of something that only claims to be one.
const CONFIG_LIMIT: u64 = 1 << 20;

/// The input of the policy. What is read for it is kept for the copy, so it costs no request of its own.
pub(crate) async fn about(image: &Resolved, from: &dyn Fetch) -> Result<Value> {
    let manifest = manifest(image, from).await?;
    let name = &image.image;
    Ok(json!({ "input": {
        "image": name.to_string(),
        "registry": name.repository.registry(),
        "repository": name.repository.path(),
        "tag": name.reference.tag().map(|tag| tag.as_str()),
        "digest": image.descriptor.digest.to_string(),
        "media_type": manifest.media_type().as_str(),
        "config": config(&manifest, image, from).await?,
    }}))
}

async fn manifest(image: &Resolved, from: &dyn Fetch) -> Result<Manifest> {
    if let Some(manifest) = &image.manifest {
        return Ok(manifest.clone());
    }
    match from.resolve(&image.image, ResolveMode::Manifest).await?.manifest {
        Some(manifest) => Ok(manifest),
        None => from.manifest(&image.image.repository, &image.descriptor).await,
    }
}

/// The config of an image: user, labels, entry point. An index has none, nor has what is no JSON.
async fn config(manifest: &Manifest, image: &Resolved, from: &dyn Fetch) -> Result<Option<Value>> {
    let Some(item) = manifest.config().filter(|item| item.media_type.as_str().ends_with("json")) else {
        return Ok(None);
    };
    let bytes = from.blob(&image.image.repository, item).await?.read_to_end(CONFIG_LIMIT).await?;
    Ok(serde_json::from_slice(&bytes).ok())
}

/// What an answer means.
pub(crate) fn verdict(answer: &Value) -> Result<Verdict> {
    let result = &answer["result"];
    let reason = result["reason"].as_str().unwrap_or("the policy does not allow it");
    match result.as_bool().or_else(|| result["allow"].as_bool()) {
        Some(true) => Ok(Verdict::Keep),
        Some(false) => Ok(Verdict::Drop { reason: reason.to_owned() }),
        None => Err(Error::new(ErrorKind::Unsupported, "the policy service says neither yes nor no")
            .with_hint("it must answer `{\"result\": true}` or `{\"result\": {\"allow\": false, \"reason\": \"…\"}}`")),
    }
}
