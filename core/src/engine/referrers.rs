//! Signatures, SBOMs and other manifests that are about an image, pushed after what they are about.

use std::collections::HashSet;

use super::{
    copy::{Copy, Site},
    tree::{Reader, Tree},
};
use crate::{
    content::{Digest, ImageRef, Manifest, Tag, Version},
    error::{ErrorKind, Result},
    spec::IndexMode,
    stage::{Fetch, Want},
};

/// Referrers may have referrers (a signature of an SBOM); deeper than this nobody goes.
const DEPTH: usize = 4;

/// Copies what refers to the manifests of a tree. A site that fails at this fails as a whole: an image without its
/// signature may be refused where it is pulled.
pub(super) async fn copy(copy: &Copy<'_>, tree: &Tree, sites: &[Site<'_>]) {
    let mut seen: HashSet<Digest> = HashSet::new();
    let mut subjects: Vec<Digest> = tree.children_first().iter().map(|manifest| manifest.digest().clone()).collect();
    for _ in 0..DEPTH {
        let mut found = Vec::new();
        for subject in &subjects {
            match about(copy, subject, &mut seen, sites).await {
                Ok(new) => found.extend(new),
                Err(error) => return sites.iter().for_each(|site| site.fail(error.clone())),
            }
        }
        if found.is_empty() {
            return;
        }
        subjects = found;
    }
}

/// Copies what is about one manifest; says what that was.
async fn about(
    copy: &Copy<'_>,
    subject: &Digest,
    seen: &mut HashSet<Digest>,
    sites: &[Site<'_>],
) -> Result<Vec<Digest>> {
    let source = &copy.job.source.repository;
    let entries = copy.kept.referrers(source, subject).await?;
    let mut referrers = Vec::new();
    for entry in entries.into_iter().filter(|entry| seen.insert(entry.digest.clone())) {
        if let Some(referrer) = read(copy, copy.kept.manifest(source, &entry).await?).await? {
            write(copy, &referrer, sites).await;
            referrers.push(referrer.manifest);
        }
    }
    relate(copy, subject, &referrers, sites).await;
    for tag in copy.kept.tags_about(source, subject).await? {
        tagged(copy, tag, sites).await?;
    }
    Ok(referrers.iter().map(|referrer| referrer.digest().clone()).collect())
}

/// Makes referrers findable where the destination does not do so by itself.
async fn relate(copy: &Copy<'_>, subject: &Digest, referrers: &[Manifest], sites: &[Site<'_>]) {
    if referrers.is_empty() {
        return;
    }
    let referrers: Vec<&Manifest> = referrers.iter().collect();
    for site in sites.iter().filter(|site| !site.is_over()) {
        match site.stage.relate(&site.repository, subject, &referrers).await {
            // The fallback tag of the source says no more than was just written; it would take entries of others away.
            Ok(()) => {
                let listed = Tag::of_referrers(subject).map(|tag| at(site, &tag));
                listed.into_iter().for_each(|at| copy.batch.carry(site.push, at));
            }
            Err(error) => site.fail(error),
        }
    }
}

/// Copies a tag that is about a manifest by its name.
async fn tagged(copy: &Copy<'_>, tag: Tag, sites: &[Site<'_>]) -> Result<()> {
    let source = ImageRef { repository: copy.job.source.repository.clone(), version: Version::Tag(tag.clone()) };
    let resolved = match copy.kept.resolve(&source, Want::Manifest).await {
        Ok(resolved) => resolved,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()), // it was removed meanwhile
        Err(error) => return Err(error),
    };
    let manifest = match resolved.manifest {
        Some(manifest) => manifest,
        None => copy.kept.manifest(&source.repository, &resolved.descriptor).await?,
    };
    let Some(tree) = read(copy, manifest).await? else { return Ok(()) };
    copy.content(&tree, sites).await;
    for site in sites.iter().filter(|site| !site.is_over()) {
        let at = at(site, &tag);
        match site.stage.tag(&at, &tree.manifest).await {
            Ok(()) => copy.batch.carry(site.push, at),
            Err(error) => site.fail(error),
        }
    }
    Ok(())
}

fn at(site: &Site<'_>, tag: &Tag) -> ImageRef {
    ImageRef { repository: site.repository.clone(), version: Version::Tag(tag.clone()) }
}

/// Reads all of it: filters choose images, not what is said about them.
async fn read(copy: &Copy<'_>, manifest: Manifest) -> Result<Option<Tree>> {
    Reader::new(&copy.job.source.repository, copy.kept, &[], IndexMode::Rewrite).read(manifest).await
}

async fn write(copy: &Copy<'_>, referrer: &Tree, sites: &[Site<'_>]) {
    copy.content(referrer, sites).await;
    for site in sites.iter().filter(|site| !site.is_over()) {
        if let Err(error) = site.stage.put_manifest(&site.repository, &referrer.manifest).await {
            site.fail(error);
        }
    }
}
