//! The rules of filters.

use std::sync::Arc;

use sealift_core::{
    content::{Descriptor, Digest, Reference, well_known},
    job::{Candidate, Listing, Resolved},
    plugin::Role,
    stage::{Fetch, Filter, ResolveMode},
};
use serde_json::json;

use super::{Given, Violation, rules};
use crate::{
    images::{Image, artifact, index},
    memory::Memory,
};

rules!(
    Role::Filter;
    only_drops: "take away, and change nothing of what stays: no version, target or entry is new",
    keeps_the_order: "use `retain`, and sort nothing but a copy",
    twice_is_once: "decide by what a version or an image is, not by what was asked before",
    says_whether_it_rewrites: "let `drops_entries` say yes if `filter_entries` ever drops one",
);

/// Tags of every kind that is seen, in an order that no sorting gives.
const TAGS: [&str; 16] = [
    "v1.10.0",
    "latest",
    "1.9",
    "1.9-alpine",
    "v1.9.3",
    "2.0.0-rc1",
    "nightly-20240506",
    "sha-3f9c2d1",
    "1",
    "stable",
    "1.27.3-debian-12-r4",
    "v2",
    "edge",
    "1.10",
    "_x",
    "Z",
];

const PLATFORMS: [&str; 6] = ["linux/arm64", "linux/amd64", "windows/amd64", "linux/arm/v7", "", "darwin/arm64"];

/// A repository with an image for each tag, and what is listed of it.
struct Bench {
    registry: Memory,
    listing: Listing,
    entries: Vec<Descriptor>,
}

impl Bench {
    fn new() -> Self {
        let registry = Memory::new("kit.example");
        let mut candidates = Vec::new();
        let both = both();
        for (number, tag) in TAGS.iter().enumerate() {
            // Every third tag is an index.
            let image = if number % 3 == 0 { both.clone() } else { dated(number) };
            registry.add(&format!("app:{tag}"), &image);
            let targets = vec![format!("to.example/app:{tag}").parse().expect("a valid name")];
            candidates.push(Candidate { targets, ..Candidate::new(Reference::Tag(tag.parse().expect("a valid tag"))) });
        }
        candidates.insert(5, Candidate::new(Reference::Digest(both.manifest.digest().clone())));
        let repository = "kit.example/app".parse().expect("a valid name");
        Self { registry, listing: Listing::new(repository, candidates, "conformance"), entries: entries() }
    }

    /// Returns the versions that the filter keeps.
    async fn versions(&self, filter: &dyn Filter, listing: &Listing) -> Result<Listing, Violation> {
        let mut listing = listing.clone();
        filter.filter_tags(&mut listing);
        let chosen = filter.select(&mut listing, &self.registry).await;
        chosen.map_err(|error| format!("`select` failed: {error}"))?;
        Ok(listing)
    }

    /// Returns the filter's verdict on each image, as text.
    async fn verdicts(&self, filter: &dyn Filter) -> Result<Vec<String>, Violation> {
        let mut verdicts = Vec::new();
        for tag in TAGS {
            let image = self.registry.name(&format!("app:{tag}"));
            let resolved: Resolved =
                self.registry.resolve(&image, ResolveMode::Manifest).await.expect("the registry has the image");
            let verdict = filter.check(&resolved, &self.registry).await;
            verdicts.push(format!("{:?}", verdict.map_err(|error| format!("`check` failed: {error}"))?));
        }
        Ok(verdicts)
    }
}

/// An image that was created in another hour than the others.
fn dated(hour: usize) -> Image {
    let config =
        json!({ "os": "linux", "architecture": "amd64", "created": format!("2024-05-06T{:02}:00:00Z", hour * 7 % 24) });
    artifact(well_known::OCI_CONFIG, &config.to_string(), &["layer"], &[])
}

fn both() -> Image {
    index(&[("linux/amd64", &dated(1)), ("linux/arm64", &dated(2))])
}

/// Entries of an index: all platforms, one of them twice, and an attestation of the first.
fn entries() -> Vec<Descriptor> {
    let images: Vec<Image> = (0..PLATFORMS.len()).map(dated).collect();
    let pairs: Vec<(&str, &Image)> = PLATFORMS.iter().copied().zip(&images).collect();
    let mut entries = index(&pairs).manifest.entries().to_vec();
    entries.push(Descriptor { digest: Digest::of(b"another"), ..entries[1].clone() });
    let mut attestation = index(&[("unknown/unknown", &images[0])]).manifest.entries()[0].clone();
    attestation.digest = Digest::of(b"attestation");
    attestation.annotations.insert("vnd.docker.reference.digest".to_owned(), entries[0].digest.to_string());
    entries.insert(2, attestation);
    entries
}

fn left_of(filter: &dyn Filter, entries: &[Descriptor]) -> Vec<Descriptor> {
    let mut left = entries.to_vec();
    filter.filter_entries(&mut left);
    left
}

fn shown(candidate: &Candidate) -> String {
    format!("{} to {:?}", candidate.reference, candidate.targets)
}

fn texts(listing: &Listing) -> Vec<String> {
    listing.candidates.iter().map(shown).collect()
}

/// Versions and entries may go; none may come, and none may change.
async fn only_drops(given: Arc<Given>) -> Result<(), Violation> {
    let (filter, bench) = (given.filter()?, Bench::new());
    let after = bench.versions(&*filter, &bench.listing).await?;
    let before = texts(&bench.listing);
    if let Some(new) = texts(&after).iter().find(|one| !before.contains(one)) {
        return Err(format!("the version `{new}` was not there before"));
    }
    if after.repository != bench.listing.repository || after.rule != bench.listing.rule {
        return Err("the listing is of another repository or rule than before".to_owned());
    }
    match left_of(&*filter, &bench.entries).iter().find(|entry| !bench.entries.contains(entry)) {
        Some(new) => Err(format!("the entry `{}` was not there before", new.digest)),
        None => Ok(()),
    }
}

/// The remaining versions and entries keep their order, and none is repeated.
async fn keeps_the_order(given: Arc<Given>) -> Result<(), Violation> {
    let (filter, bench) = (given.filter()?, Bench::new());
    let after = bench.versions(&*filter, &bench.listing).await?;
    in_order(&texts(&bench.listing), &texts(&after)).map_err(|what| format!("the version `{what}` moved"))?;
    let digests = |entries: &[Descriptor]| entries.iter().map(|entry| entry.digest.to_string()).collect::<Vec<_>>();
    let left = digests(&left_of(&*filter, &bench.entries));
    in_order(&digests(&bench.entries), &left).map_err(|what| format!("the entry `{what}` moved"))
}

/// The first of `after` that does not come later in `before` than the one in front of it; what is new does not count.
fn in_order(before: &[String], after: &[String]) -> Result<(), String> {
    let mut from = 0;
    for one in after.iter().filter(|one| before.contains(one)) {
        match before[from..].iter().position(|other| other == one) {
            Some(at) => from += at + 1,
            None => return Err(one.clone()),
        }
    }
    Ok(())
}

/// A filter that is asked again about what it left drops nothing more, and says the same of an image.
async fn twice_is_once(given: Arc<Given>) -> Result<(), Violation> {
    let (filter, bench) = (given.filter()?, Bench::new());
    let once = bench.versions(&*filter, &bench.listing).await?;
    let twice = bench.versions(&*filter, &once).await?;
    if texts(&once) != texts(&twice) {
        return Err(format!("of the versions {:?} it leaves {:?} when it is asked again", texts(&once), texts(&twice)));
    }
    let once = left_of(&*filter, &bench.entries);
    if left_of(&*filter, &once) != once {
        return Err("of the entries that it left it drops more when it is asked again".to_owned());
    }
    match bench.verdicts(&*filter).await? == bench.verdicts(&*filter).await? {
        true => Ok(()),
        false => Err("`check` says something else of an image when it is asked again".to_owned()),
    }
}

/// Images that stand at the destination are skipped unseen if no filter rewrites, so a filter must not say so wrongly.
async fn says_whether_it_rewrites(given: Arc<Given>) -> Result<(), Violation> {
    let (filter, entries) = (given.filter()?, entries());
    let dropped = entries.len() - left_of(&*filter, &entries).len().min(entries.len());
    match filter.drops_entries() || dropped == 0 {
        true => Ok(()),
        false => Err(format!("`drops_entries` says no, and it drops {dropped} entries of an index")),
    }
}
