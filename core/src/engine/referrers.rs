//! Signatures, SBOMs and other manifests that are about an image, pushed after what they are about.
//!
//! They may come to the source long after the image, so they are looked for with every image that is there, too. What a
//! destination that had the image already lists is not written again.

use std::{collections::HashSet, mem, time::Duration};

use futures::{StreamExt, TryStreamExt, future::join_all, stream};
use tokio::time::timeout;

use super::{
    copy::Copy,
    destination::Destination,
    tree::{Tree, TreeReader},
};
use crate::{
    content::{Descriptor, Digest, ImageRef, Manifest, Reference, Tag},
    error::{ErrorKind, Result},
    spec::IndexMode,
    stage::{Fetch, PutManifest, Referrers, ResolveMode},
};

/// Manifests about one image that are copied. Referrers have referrers (a signature of an SBOM), so an image of a
/// hostile source could have any number of them.
pub(super) const MOST: usize = 1000;

/// Bytes of referrers that are held until a destination is asked to make all of them findable.
const RELATE: usize = 1 << 20;

/// Lists of one image that are read at the same time.
const LISTS: usize = 8;

/// Timeout of a destination's list of referrers. Without a response all referrers are written.
const PATIENCE: Duration = Duration::from_secs(5);

/// The referrers of one manifest, as the source lists them.
struct About {
    subject: Digest,
    entries: Vec<Descriptor>,
    tags: Vec<Tag>,
}

/// Copies what refers to the manifests of an image, given by their digests. A site that fails at this fails as a whole:
/// an image without its signature may be refused where it is pulled.
pub(super) async fn copy(copy: &Copy<'_>, subjects: Vec<Digest>, sites: &[Destination<'_>]) {
    if let Err(error) = all(copy, subjects, sites).await {
        sites.iter().for_each(|site| site.fail(error.clone()));
    }
}

async fn all(copy: &Copy<'_>, subjects: Vec<Digest>, sites: &[Destination<'_>]) -> Result<()> {
    let mut seen: HashSet<Digest> = subjects.iter().cloned().collect();
    let (mut open, mut brought, mut left) = (subjects, 0, 0);
    while !open.is_empty() && sites.iter().any(|site| !site.is_over()) {
        let asked = stream::iter(mem::take(&mut open)).map(|subject| ask(copy, subject));
        let said: Vec<About> = asked.buffered(LISTS).try_collect().await?;
        for About { subject, entries, tags } in said {
            let mut new: Vec<_> = entries.into_iter().filter(|entry| seen.insert(entry.digest.clone())).collect();
            let room = MOST.saturating_sub(brought);
            left += new.len().saturating_sub(room);
            new.truncate(room);
            brought += new.len();
            open.extend(new.iter().map(|entry| entry.digest.clone()));
            bring(copy, &subject, &new, sites).await?;
            for tag in tags {
                tagged(copy, tag, sites).await?;
            }
        }
    }
    if left > 0 {
        let source = &copy.job.source;
        copy.engine.events.warn(format!(
            "`{source}` has more than {MOST} signatures and other referrers: {left} of them, and what is about those, \\
             were left behind"
        ));
    }
    Ok(())
}

/// Manifests about an image that a site lacks.
#[derive(Default)]
pub(super) struct Lacking {
    pub(super) manifests: u64,
    /// Their blobs.
    pub(super) blobs: Vec<Descriptor>,
}

impl Lacking {
    fn add(&mut self, referrer: &Tree) {
        self.manifests += 1;
        self.blobs.extend(referrer.blobs().0.iter().cloned());
    }
}

/// Returns for each site what [`copy`] would bring.
pub(super) async fn lacking(copy: &Copy<'_>, subjects: Vec<Digest>, sites: &[Destination<'_>]) -> Result<Vec<Lacking>> {
    let mut lacking: Vec<Lacking> = sites.iter().map(|_| Lacking::default()).collect();
    let mut seen: HashSet<Digest> = subjects.iter().cloned().collect();
    let (mut open, mut found) = (subjects, 0);
    while !open.is_empty() {
        let asked = stream::iter(mem::take(&mut open)).map(|subject| ask(copy, subject));
        let said: Vec<About> = asked.buffered(LISTS).try_collect().await?;
        for About { subject, entries, tags } in said {
            let mut new: Vec<_> = entries.into_iter().filter(|entry| seen.insert(entry.digest.clone())).collect();
            new.truncate(MOST.saturating_sub(found));
            found += new.len();
            open.extend(new.iter().map(|entry| entry.digest.clone()));
            let there = join_all(sites.iter().map(|site| related(site, &subject, &new))).await;
            for entry in new.iter().filter(|entry| there.iter().any(|there| !there.contains(&entry.digest))) {
                let manifest = copy.kept.of_referrer().manifest(&copy.job.source.repository, entry).await?;
                let Some(referrer) = read(copy, manifest).await? else { continue };
                for (at, site) in sites.iter().enumerate().filter(|(at, _)| !there[*at].contains(&entry.digest)) {
                    if !has_unrelated(site, &subject, &referrer.manifest).await {
                        lacking[at].add(&referrer);
                    }
                }
            }
            for site in sites {
                let listed = Tag::referrers_tag(&subject).map(|tag| at(site, &tag));
                listed.into_iter().for_each(|at| copy.batch.carry(site.push, at));
            }
            for tag in tags {
                let Some(tagged) = read_tagged(copy, &tag).await? else { continue };
                let leaves_others = !copy.engine.options().overwrites();
                for (site, lacking) in sites.iter().zip(&mut lacking) {
                    match current(site, &tag).await.filter(|_| site.had_the_image || leaves_others) {
                        Some(current) if current == *tagged.manifest.digest() => {}
                        Some(_) if leaves_others => {}
                        _ => lacking.add(&tagged),
                    }
                    copy.batch.carry(site.push, at(site, &tag));
                }
            }
        }
    }
    Ok(lacking)
}

async fn ask(copy: &Copy<'_>, subject: Digest) -> Result<About> {
    let source = &copy.job.source.repository;
    let entries = copy.engine.source.referrers(source, &subject).await?;
    let tags = copy.engine.source.referrer_tags(source, &subject).await?;
    Ok(About { subject, entries, tags })
}

/// Copies manifests that are about one subject to the sites that lack them.
async fn bring(copy: &Copy<'_>, subject: &Digest, entries: &[Descriptor], sites: &[Destination<'_>]) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let there = join_all(sites.iter().map(|site| related(site, subject, entries))).await;
    let mut written: Vec<Vec<Manifest>> = sites.iter().map(|_| Vec::new()).collect();
    let mut unrelated = 0;
    for entry in entries {
        let lacking: Vec<usize> = (0..sites.len()).filter(|at| !there[*at].contains(&entry.digest)).collect();
        if lacking.is_empty() {
            continue;
        }
        // Nothing of it is kept: there may be many, and each is read once.
        let manifest = copy.kept.of_referrer().manifest(&copy.job.source.repository, entry).await?;
        let Some(referrer) = read(copy, manifest).await? else { continue };
        let mut wanting = Vec::new();
        for at in lacking {
            match has_unrelated(&sites[at], subject, &referrer.manifest).await {
                true => {}
                false => wanting.push(at),
            }
        }
        let wanting_sites: Vec<&Destination<'_>> = wanting.iter().map(|at| &sites[*at]).collect();
        write(copy, &referrer, &wanting_sites).await;
        unrelated += referrer.manifest.bytes().len();
        wanting.into_iter().for_each(|at| written[at].push(referrer.manifest.clone()));
        if unrelated > RELATE {
            relate_all(copy, subject, &mut written, sites).await;
            unrelated = 0;
        }
    }
    relate_all(copy, subject, &mut written, sites).await;
    Ok(())
}

/// Returns those of `entries` that a site has, if it had the image before this run; none after an error or a timeout,
/// because the list only saves writing them again.
async fn related(site: &Destination<'_>, subject: &Digest, entries: &[Descriptor]) -> HashSet<Digest> {
    if site.is_over() || !site.had_the_image {
        return HashSet::new();
    }
    let at = &site.repository;
    let list = site.stage.call("looked for referrers", |push| async move {
        if let Some(presence) = push.capabilities().referrer_presence {
            return presence.present_referrers(at, subject, entries).await;
        }
        let mut there = HashSet::new();
        for entry in entries {
            if push.blob_exists(at, entry).await? {
                there.insert(entry.digest.clone());
            }
        }
        Ok(there)
    });
    match timeout(PATIENCE, list).await {
        Ok(Ok(there)) => there,
        Ok(Err(error)) => {
            tracing::debug!(repository = %site.repository, %error, "referrers cannot be listed, so all are written");
            HashSet::new()
        }
        Err(_) => HashSet::new(),
    }
}

/// Returns true for a manifest that the source lists as a referrer although it names another subject or none, and that
/// the site has: no destination lists it, as Harbor alone does with signatures of cosign.
async fn has_unrelated(site: &Destination<'_>, subject: &Digest, referrer: &Manifest) -> bool {
    let names_it = referrer.subject().is_some_and(|named| named.digest == *subject);
    let ask = !names_it && !site.is_over() && site.had_the_image;
    ask && site.stage.blob_exists(&site.repository, &referrer.descriptor()).await.unwrap_or(false)
}

/// Makes the referrers findable that were written to each site, and lets go of them.
async fn relate_all(copy: &Copy<'_>, subject: &Digest, written: &mut [Vec<Manifest>], sites: &[Destination<'_>]) {
    for (site, written) in sites.iter().zip(written) {
        relate(copy, subject, &mem::take(written), site).await;
    }
}

/// Makes referrers findable where the destination does not do so by itself.
async fn relate(copy: &Copy<'_>, subject: &Digest, referrers: &[Manifest], site: &Destination<'_>) {
    if site.is_over() {
        return;
    }
    let referrers: Vec<&Manifest> = referrers.iter().collect();
    if !referrers.is_empty()
        && let Err(error) = site.stage.add_referrers(&site.repository, subject, &referrers).await
    {
        return site.fail(error);
    }
    // The fallback tag of the source says no more than stands there now; it would take entries of others away.
    let listed = Tag::referrers_tag(subject).map(|tag| at(site, &tag));
    listed.into_iter().for_each(|at| copy.batch.carry(site.push, at));
}

/// Copies a tag that is about a manifest by its name to the sites where it stands for something else.
async fn tagged(copy: &Copy<'_>, tag: Tag, sites: &[Destination<'_>]) -> Result<()> {
    let source = ImageRef { repository: copy.job.source.repository.clone(), reference: Reference::Tag(tag.clone()) };
    let open = || sites.iter().filter(|site| !site.is_over());
    let leaves_others = !copy.engine.options().overwrites();
    let may_have_it = |site: &&Destination<'_>| site.had_the_image || leaves_others;
    let mut lacking: Vec<&Destination<'_>> = open().filter(|site| !may_have_it(site)).collect();
    if open().any(|site| may_have_it(&site)) {
        let Some(digest) = found(copy.kept.resolve(&source, ResolveMode::Descriptor).await)? else { return Ok(()) };
        let digest = digest.descriptor.digest;
        let asked: Vec<&Destination<'_>> = open().filter(may_have_it).collect();
        let currents = join_all(asked.iter().map(|site| current(site, &tag))).await;
        for (site, current) in asked.into_iter().zip(currents) {
            match current {
                Some(current) if current == digest => copy.batch.carry(site.push, at(site, &tag)),
                Some(_) if leaves_others => {
                    copy.engine.note_left_alone(&at(site, &tag));
                    copy.batch.carry(site.push, at(site, &tag));
                }
                _ => lacking.push(site),
            }
        }
    }
    if lacking.is_empty() {
        return Ok(());
    }
    let Some(tree) = read_tagged(copy, &tag).await? else { return Ok(()) };
    copy.content(&tree, &lacking).await;
    for site in lacking.into_iter().filter(|site| !site.is_over()) {
        let at = at(site, &tag);
        match site.stage.put_manifest(PutManifest::named(&at, &tree.manifest)).await {
            Ok(()) => {
                site.count(|moved| moved.referrers += 1);
                copy.batch.carry(site.push, at);
            }
            Err(error) => site.fail(error),
        }
    }
    Ok(())
}

/// Reads what a tag of the source stands for; none if it was removed meanwhile.
async fn read_tagged(copy: &Copy<'_>, tag: &Tag) -> Result<Option<Tree>> {
    let source = copy.job.source.repository.with_tag(tag);
    let kept = copy.kept.of_referrer();
    let Some(resolved) = found(kept.resolve(&source, ResolveMode::Manifest).await)? else { return Ok(None) };
    let manifest = match resolved.manifest {
        Some(manifest) => manifest,
        None => kept.manifest(&source.repository, &resolved.descriptor).await?,
    };
    read(copy, manifest).await
}

/// Returns the digest that a tag of a site stands for, if it tells.
async fn current(site: &Destination<'_>, tag: &Tag) -> Option<Digest> {
    Some(site.stage.resolve(&at(site, tag)).await.ok()??.digest)
}

/// None if it was removed meanwhile.
fn found<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        answer => answer.map(Some),
    }
}

fn at(site: &Destination<'_>, tag: &Tag) -> ImageRef {
    ImageRef { repository: site.repository.clone(), reference: Reference::Tag(tag.clone()) }
}

/// Reads all of it: filters choose images, not what is said about them.
async fn read(copy: &Copy<'_>, manifest: Manifest) -> Result<Option<Tree>> {
    TreeReader::new(&copy.job.source.repository, &copy.kept.of_referrer(), &[], IndexMode::Rewrite).read(manifest).await
}

async fn write(copy: &Copy<'_>, referrer: &Tree, sites: &[&Destination<'_>]) {
    copy.content(referrer, sites).await;
    for site in sites.iter().filter(|site| !site.is_over()) {
        match site.stage.put_manifest(PutManifest::new(&site.repository, &referrer.manifest)).await {
            Ok(()) => site.count(|moved| moved.referrers += 1),
            Err(error) => site.fail(error),
        }
    }
}
