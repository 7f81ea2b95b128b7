//! The creation date of an image.

use std::collections::HashMap;

use jiff::Timestamp;
use sealift_core::{
    content::{Descriptor, ImageRef, Manifest, Repository, well_known},
    error::{Error, ErrorKind, Result},
    stage::Fetch,
};
use serde::Deserialize;

/// Nested indexes go this deep at most.
const DEPTH: usize = 8;

/// Configs are some kilobytes; this bounds what is read of something that only claims to be one.
const CONFIG_LIMIT: u64 = 8 << 20;

/// Returns the creation date of an image; none if it has none.
///
/// The annotation `org.opencontainers.image.created` of the manifest counts first, because it is there already; then
/// `created` of the config (image-spec, "Image Configuration"). An index without the annotation is as old as its first
/// image. Artifacts that are no images and schema 1 have only the annotation.
pub(crate) async fn created(manifest: &Manifest, at: &Repository, from: &dyn Fetch) -> Result<Option<Timestamp>> {
    let mut manifest = manifest.clone();
    for _ in 0..DEPTH {
        if let Some(time) = annotated(&manifest) {
            return Ok(Some(time));
        }
        let Some(entry) = first_image(&manifest) else { break };
        manifest = from.manifest(at, entry).await?;
    }
    match manifest.config().filter(|config| is_image_config(config)) {
        Some(config) => {
            let bytes = from.blob(at, config).await?.read_to_end(CONFIG_LIMIT).await?;
            Ok(of_config(&bytes))
        }
        None => Ok(None),
    }
}

/// Returns the time at which a tag was pushed to the source; none for images that are asked for by digest.
pub(crate) async fn pushed(image: &ImageRef, from: &dyn Fetch) -> Result<Option<Timestamp>> {
    let Some(times) = from.capabilities().push_times else {
        let error = Error::new(ErrorKind::Unsupported, "the source does not tell when tags were pushed");
        return Err(error.with_hint("leave `by = \"pushed\"` out: then the creation date of the image counts"));
    };
    Ok(times.pushed(image).await?.and_then(|time| Timestamp::try_from(time).ok()))
}

/// Puts what was being done in front of an error.
pub(crate) fn cannot_tell(image: impl std::fmt::Display) -> impl FnOnce(Error) -> Error {
    move |error| error.with_context(format_args!("cannot tell when `{image}` was created"))
}

fn first_image(manifest: &Manifest) -> Option<&Descriptor> {
    let is_image = |entry: &&Descriptor| {
        let unknown = entry.platform.as_ref().is_some_and(|platform| platform.is_unknown());
        !unknown && entry.attested_digest().is_none()
    };
    manifest.children().find(is_image)
}

fn is_image_config(config: &Descriptor) -> bool {
    [well_known::OCI_CONFIG, well_known::DOCKER_CONFIG].contains(&config.media_type)
}

fn annotated(manifest: &Manifest) -> Option<Timestamp> {
    #[derive(Deserialize)]
    struct AnnotatedManifest {
        annotations: Option<HashMap<String, String>>,
    }
    let annotated: AnnotatedManifest = serde_json::from_slice(manifest.bytes()).ok()?;
    time(annotated.annotations?.get("org.opencontainers.image.created")?)
}

fn of_config(bytes: &[u8]) -> Option<Timestamp> {
    #[derive(Deserialize)]
    struct Config {
        created: Option<String>,
    }
    let config: Config = serde_json::from_slice(bytes).ok()?;
    time(&config.created?)
}

/// Builds that are meant to be reproducible write a date that nothing was created at: 0001, 1970 or 1980. There were no
/// such images before 2013.
fn time(text: &str) -> Option<Timestamp> {
    let earliest = "2013-01-01T00:00:00Z".parse().expect("this is a time");
    text.parse().ok().filter(|time: &Timestamp| *time >= earliest)
}

#[cfg(test)]
mod tests;
