//! The fallback tag: what is about a manifest, listed in an index, where the registry has no referrers API.
//!
//! A registry that knows referrers says so in its answer to each manifest with a subject (`OCI-Subject`). One that does
//! not leaves it to the client to read the index of the tag, add to it, and write it back (distribution-spec v1.1,
//! "Pushing Manifests with Subject"). Within a run those who do so for one subject take turns; against other programs
//! there is no protection, because such registries know no conditional writes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use sealift_core::{
    content::{Digest, ImageRef, Links, Manifest, Reference, Repository, Tag, well_known},
    error::{Error, ErrorKind, Result},
};
use serde_json::{Value, json};

use crate::{
    api::{manifests, put_manifest},
    operation::Operation,
    registry::{ObservedBehavior, Registry},
    scope::Scopes,
};

/// Locks for the indexes of subjects, of which one writer at a time may change each.
#[derive(Debug, Default)]
pub(crate) struct ReferrersTagLocks(Mutex<HashMap<ImageRef, Arc<tokio::sync::Mutex<()>>>>);

impl ReferrersTagLocks {
    fn turn(&self, tag: &ImageRef) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry(tag.clone()).or_default())
    }

    /// Adds manifests to the index of those that are about `subject`, unless the registry does that by itself. Some are
    /// listed by their source and do not say themselves what they are about, such as a signature of cosign at Harbor:
    /// those are found by their tag, and belong into no such index.
    pub(super) async fn add(
        &self,
        registry: &Registry,
        at: &Repository,
        subject: &Digest,
        referrers: &[&Manifest],
    ) -> Result<()> {
        let says_so = |manifest: &&&Manifest| manifest.subject().is_some_and(|about| about.digest == *subject);
        let referrers: Vec<&Manifest> = referrers.iter().filter(says_so).copied().collect();
        if !ObservedBehavior::is_set(&registry.observed.no_subjects) || referrers.is_empty() {
            return Ok(());
        }
        let Some(tag) = Tag::referrers_tag(subject) else { return Ok(()) };
        let image = ImageRef { repository: at.clone(), reference: Reference::Tag(tag) };
        let turn = self.turn(&image);
        let _mine = turn.lock().await;
        let current = match manifests::get(registry, &image, Operation::CheckManifest(&image), Scopes::push(at)).await {
            Ok(manifest) => Some(manifest),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        match extended(current.as_ref(), &referrers) {
            Ok(Some(index)) => put_manifest::put(registry, &image, &index).await,
            Ok(None) => Ok(()),
            Err(why) => {
                let what = format!("`{image}` should list what is about `{subject}`, and {why}");
                let hint = "remove that tag at the destination, or leave signatures behind with `referrers = false`";
                Err(Error::new(ErrorKind::Conflict, what).with_hint(hint))
            }
        }
    }
}

/// The index with these manifests added; none if it has them all.
fn extended(current: Option<&Manifest>, referrers: &[&Manifest]) -> Result<Option<Manifest>, &'static str> {
    const NO_INDEX: &str = "is no index";
    let mut index: Value = match current {
        Some(manifest) => serde_json::from_slice(manifest.bytes()).map_err(|_| NO_INDEX)?,
        None => json!({ "schemaVersion": 2, "mediaType": well_known::OCI_INDEX, "manifests": [] }),
    };
    let known: &[_] = match current.map(Manifest::links) {
        Some(Links::Index(entries)) => entries,
        Some(Links::Image { .. }) => return Err(NO_INDEX),
        None => &[],
    };
    let entries = index["manifests"].as_array_mut().ok_or(NO_INDEX)?;
    let mut added = false;
    for manifest in referrers {
        if known.iter().all(|entry| entry.digest != *manifest.digest()) {
            entries.push(serde_json::to_value(manifest.referrer_descriptor()).map_err(|_| "cannot be written")?);
            added = true;
        }
    }
    if !added {
        return Ok(None);
    }
    let media_type = current.map_or(well_known::OCI_INDEX, |manifest| manifest.media_type().clone());
    Manifest::parse(index.to_string(), &media_type).map(Some).map_err(|_| "would be too long")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(layer: &str, subject: &Digest) -> Manifest {
        let document = json!({
            "schemaVersion": 2, "mediaType": well_known::OCI_MANIFEST, "artifactType": "application/x.sig",
            "config": { "mediaType": well_known::OCI_EMPTY, "digest": Digest::of(b"{}"), "size": 2 },
            "layers": [{ "mediaType": "text/plain", "digest": Digest::of(layer.as_bytes()), "size": layer.len() }],
            "subject": { "mediaType": well_known::OCI_MANIFEST, "digest": subject, "size": 7 },
            "annotations": { "signed-by": layer },
        });
        Manifest::parse(document.to_string(), &well_known::OCI_MANIFEST).unwrap()
    }

    #[test]
    fn entries_of_others_stay_as_they_are_and_ours_come_once() {
        let subject = Digest::of(b"subject");
        let (ours, theirs) = (signature("ours", &subject), signature("theirs", &subject));
        let mut before = json!({ "schemaVersion": 2, "mediaType": well_known::OCI_INDEX, "manifests": [] });
        before["manifests"] = json!([serde_json::to_value(theirs.descriptor()).unwrap()]);
        before["manifests"][0]["x-theirs"] = json!(true);
        before["annotations"] = json!({ "kept": "yes" });
        let before = Manifest::parse(before.to_string(), &well_known::OCI_INDEX).unwrap();

        let after = extended(Some(&before), &[&theirs, &ours]).unwrap().unwrap();
        let written: Value = serde_json::from_slice(after.bytes()).unwrap();
        assert_eq!(written["manifests"].as_array().unwrap().len(), 2);
        assert_eq!(written["manifests"][0]["x-theirs"], json!(true));
        assert_eq!(written["annotations"]["kept"], "yes");
        assert_eq!(written["manifests"][1]["artifactType"], "application/x.sig");
        assert_eq!(written["manifests"][1]["annotations"]["signed-by"], "ours");
        assert!(extended(Some(&after), &[&ours]).unwrap().is_none(), "nothing to add, nothing to write");
        assert_eq!(extended(Some(&ours), &[&theirs]).unwrap_err(), "is no index");
    }
}
