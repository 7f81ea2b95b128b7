//! Tags with their digests and times, from the list that a product has beside the tag list of the specification.
//!
//! It only saves questions for single tags: where it is refused, or takes long, each tag is asked for as everywhere else.

use std::time::{Duration, SystemTime};

use sealift_core::{
    content::{Descriptor, ImageRef},
    error::{Error, ErrorKind, Result},
};
use tokio::time::timeout;

use super::tag_pages::{HINT, TagPages, Want};
use crate::registry::Registry;

/// The time after which a page is not waited for, because a question for a tag is answered sooner.
const PATIENCE: Duration = Duration::from_secs(5);

const MAX_PAGES: usize = 10_000;

/// Returns what the list of the product says of a tag at a source; none if the tag is to be asked for.
pub(crate) async fn at_source(registry: &Registry, image: &ImageRef) -> Option<Descriptor> {
    // Without a type each manifest would be read to find out whether it is an index.
    let list = TagPages::of(registry, &image.repository).filter(TagPages::tells_media_types)?;
    find(registry, &list, image).await.filter(|found| !found.media_type.is_empty())
}

/// Does the same at a destination, where the digest is enough.
pub(crate) async fn known(registry: &Registry, image: &ImageRef) -> Option<Descriptor> {
    find(registry, &TagPages::of(registry, &image.repository)?, image).await
}

async fn find(registry: &Registry, list: &TagPages<'_>, image: &ImageRef) -> Option<Descriptor> {
    let tag = image.reference.tag()?;
    let known = registry.known_tags.of(&image.repository)?;
    let (trial, patience) = match list.patience_elsewhere() {
        Some(patience) => (Some(registry.known_tags.try_host()?), patience),
        None => (None, PATIENCE),
    };
    let find = async {
        let mut known = known.lock().await;
        if let Some(found) = known.get(tag) {
            return Ok(Some(found));
        }
        if !known.is_worth_a_page() {
            return Ok(None);
        }
        let Some(start) = known.next_page() else { return Ok(None) };
        match list.read(&start, Want::Help).await {
            Ok(page) => known.add(page),
            Err(error) if error.kind() == ErrorKind::Unsupported && known.has_begun() => {
                tracing::debug!(host = %registry.name(), %error, "its list of tags ends early");
                known.cut();
            }
            Err(error) => return Err(error),
        }
        if let Some(trial) = &trial {
            registry.known_tags.prove(trial);
        }
        Ok::<_, Error>(known.get(tag))
    };
    match timeout(patience, find).await {
        Ok(Ok(found)) => found.and_then(|found| found.descriptor()),
        failed => {
            let error = failed.ok().and_then(Result::err).map(|error| error.to_string());
            tracing::debug!(host = %registry.name(), error, "its list of tags is not used");
            registry.known_tags.close();
            None
        }
    }
}

/// Returns the time at which a tag was last pushed; none if the registry does not know the tag.
///
/// # Errors
/// [`ErrorKind::Unsupported`] if the registry has no such list, or does not show it, or shows an empty one.
pub(crate) async fn pushed(registry: &Registry, image: &ImageRef) -> Result<Option<SystemTime>> {
    let Some(tag) = image.reference.tag() else { return Ok(None) };
    let unknown = || {
        let what = format!("`{}` does not tell when tags were pushed", registry.name());
        Error::new(ErrorKind::Unsupported, what).with_hint(HINT)
    };
    let list = match TagPages::of(registry, &image.repository) {
        // The list may belong to a login that was not needed so far.
        None if registry.auth.may_list(&image.repository).await => {
            registry.auth.login(&image.repository).await?;
            TagPages::of(registry, &image.repository)
        }
        found => found,
    };
    let list = list.ok_or_else(unknown)?;
    let known = registry.known_tags.of(&image.repository).ok_or_else(unknown)?;
    let mut known = known.lock().await;
    for _ in 0..MAX_PAGES {
        if let Some(found) = known.get(tag) {
            return found.pushed.map(Some).ok_or_else(unknown);
        }
        let Some(start) = known.next_page() else { break };
        match list.read(&start, Want::Need).await {
            Ok(page) => known.add(page),
            Err(error) if error.kind() == ErrorKind::Unsupported && known.has_begun() => {
                known.cut();
                return Err(error);
            }
            Err(error) => return Err(error),
        }
    }
    // A list without any tag of a repository that has some is no answer, nor is one whose end was not shown.
    if known.is_empty() || known.is_cut() { Err(unknown()) } else { Ok(None) }
}
