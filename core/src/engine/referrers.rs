//! Signatures, SBOMs and other manifests that are about an image, pushed after what they are about.

use std::collections::HashSet;

use super::{
    copy::{Copy, Site},
    tree::{Reader, Tree},
};
use crate::{
    content::{Descriptor, Digest, Manifest},
    error::Result,
    spec::IndexMode,
    stage::Fetch,
};

/// Referrers may have referrers (a signature of an SBOM); deeper than this nobody goes.
const DEPTH: usize = 4;

/// Copies what refers to the manifests of a tree. A site that fails at this fails as a whole: an image without its
/// signature may be refused where it is pulled.
pub(super) async fn copy(copy: &Copy<'_>, tree: &Tree, sites: &[Site<'_>]) {
    let mut seen: HashSet<Digest> = HashSet::new();
    let mut subjects: Vec<Digest> = tree.children_first().iter().map(|manifest| manifest.digest().clone()).collect();
    for _ in 0..DEPTH {
        let found = match referrers(copy, &subjects).await {
            Ok(found) => found,
            Err(error) => return sites.iter().for_each(|site| site.fail(error.clone())),
        };
        let new: Vec<Descriptor> = found.into_iter().filter(|entry| seen.insert(entry.digest.clone())).collect();
        if new.is_empty() {
            return;
        }
        for entry in &new {
            match read(copy, entry).await {
                Ok(Some(referrer)) => write(copy, &referrer, sites).await,
                Ok(None) => {}
                Err(error) => sites.iter().for_each(|site| site.fail(error.clone())),
            }
        }
        subjects = new.into_iter().map(|entry| entry.digest).collect();
    }
}

async fn referrers(copy: &Copy<'_>, subjects: &[Digest]) -> Result<Vec<Descriptor>> {
    let mut found = Vec::new();
    for subject in subjects {
        found.extend(copy.kept.referrers(&copy.job.source.repository, subject).await?);
    }
    Ok(found)
}

/// Reads a referrer whole: filters choose images, not what is said about them.
async fn read(copy: &Copy<'_>, entry: &Descriptor) -> Result<Option<Tree>> {
    let repository = &copy.job.source.repository;
    let manifest: Manifest = copy.kept.manifest(repository, entry).await?;
    Reader::new(repository, copy.kept, &[], IndexMode::Rewrite).read(manifest).await
}

async fn write(copy: &Copy<'_>, referrer: &Tree, sites: &[Site<'_>]) {
    copy.content(referrer, sites).await;
    for site in sites.iter().filter(|site| !site.is_over()) {
        if let Err(error) = site.stage.put_manifest(&site.repository, &referrer.manifest).await {
            site.fail(error);
        }
    }
}
