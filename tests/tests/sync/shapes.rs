//! What whole corpora cost, to the request: the shapes that the bench measures, scaled down.
//!
//! Where nothing is asked twice and nothing moves twice, the number of requests follows from the shape. Each test
//! computes it from there and compares it with the access logs of both sides.

use std::collections::{BTreeMap, BTreeSet};

use sealift_conformance::images::{Image, image, index};
use sealift_core::content::Digest;
use sealift_serve::access::{RequestKind, Requests};
use sealift_testkit::{content::Content, registry::Registry};

use crate::folder;

/// Two registries that let everybody in; none if there is no real registry here.
fn open_sites() -> Option<(Registry, Registry)> {
    Some((Registry::with().in_ram().start()?, Registry::with().in_ram().start()?))
}

/// A corpus, and what its shape says about costs.
struct Corpus {
    repositories: BTreeMap<String, Vec<(String, Image)>>,
}

impl Corpus {
    /// `repositories` × `tags`; each image has two layers that all share, one of its repository and one of its own.
    fn new(repositories: usize, tags: usize, platforms: &[&str]) -> Self {
        let single = |repository: usize, tag: usize, platform: &str| {
            let layers = [
                format!("base 0 {platform}"),
                format!("base 1 {platform}"),
                format!("of {repository} {platform}"),
                format!("of {repository} {tag} {platform}"),
            ];
            image(platform, &layers.each_ref().map(String::as_str))
        };
        let whole = |repository: usize, tag: usize| match platforms {
            [only] => single(repository, tag, only),
            _ => {
                let all: Vec<Image> = platforms.iter().map(|platform| single(repository, tag, platform)).collect();
                index(&platforms.iter().copied().zip(&all).collect::<Vec<_>>())
            }
        };
        let tags_of = |repository| (0..tags).map(|tag| (format!("v1.{tag}"), whole(repository, tag))).collect();
        Self { repositories: (0..repositories).map(|at| (format!("shop/app{at}"), tags_of(at))).collect() }
    }

    async fn put(&self, registry: &Registry) {
        let content = Content::at(&registry.url());
        for (repository, images) in &self.repositories {
            for (tag, image) in images {
                content.put(repository, tag, image).await;
            }
        }
    }

    /// Rules for all tags, or for each tag by its name.
    fn rules(&self, from: &Registry, to: &[&Registry], literal: bool) -> String {
        let rule = |(repository, images): (&String, &Vec<(String, Image)>)| {
            let tags: Vec<&str> = images.iter().map(|(tag, _)| tag.as_str()).collect();
            let tags = if literal { format!(":{}", tags.join(",")) } else { String::new() };
            let to: Vec<String> = to.iter().map(|to| format!("{}/mirror/{repository}", to.host())).collect();
            format!("{}/{repository}{tags}: [{}]\n", from.host(), to.join(", "))
        };
        self.repositories.iter().map(rule).collect()
    }

    fn images(&self) -> usize {
        self.repositories.values().map(Vec::len).sum()
    }

    /// Manifests to read and to write: children that tags of one repository share count once there.
    fn manifests(&self) -> usize {
        let children_of = |images: &Vec<(String, Image)>| {
            let all = images.iter().flat_map(|(_, image)| &image.children);
            all.map(|child| child.manifest.digest().clone()).collect::<BTreeSet<Digest>>().len()
        };
        let children: usize = self.repositories.values().map(children_of).sum();
        self.images() + children
    }

    fn blobs_of(images: &[(String, Image)]) -> BTreeMap<Digest, usize> {
        let single = |image: &Image| {
            image.blobs.iter().map(|(item, bytes)| (item.digest.clone(), bytes.len())).collect::<Vec<_>>()
        };
        let all = images.iter().flat_map(|(_, image)| std::iter::once(image).chain(&image.children)).flat_map(single);
        all.collect()
    }

    fn blobs(&self) -> BTreeMap<Digest, usize> {
        self.repositories.values().flat_map(|images| Self::blobs_of(images)).collect()
    }

    /// How often a repository needs a blob that another one brought to the same registry.
    fn mounts(&self) -> usize {
        self.repositories.values().map(|images| Self::blobs_of(images).len()).sum::<usize>() - self.blobs().len()
    }

    fn bytes(&self) -> u64 {
        self.blobs().values().map(|length| *length as u64).sum()
    }
}

/// The first blob that a host takes is offered once more: does it answer that question truly?
const LEARN: usize = 1;

fn expect_source(asked: &Requests, corpus: &Corpus, lists: usize) {
    assert_eq!(asked.count("GET", RequestKind::Tags), lists, "{asked}");
    assert_eq!(asked.count("GET", RequestKind::Manifest), corpus.manifests(), "{asked}");
    assert_eq!(asked.count("GET", RequestKind::Blob), corpus.blobs().len(), "{asked}");
    assert_eq!(asked.total(), lists + corpus.manifests() + corpus.blobs().len(), "nothing else: {asked}");
    let bytes: u64 = asked.iter().filter(|one| one.kind() == RequestKind::Blob).map(|one| one.bytes).sum();
    assert_eq!(bytes, corpus.bytes(), "each byte once");
}

fn expect_target(asked: &Requests, corpus: &Corpus) {
    let (repositories, blobs) = (corpus.repositories.len(), corpus.blobs().len());
    assert_eq!(asked.count("HEAD", RequestKind::Manifest), repositories, "the first tag of each: {asked}");
    assert_eq!(asked.count("GET", RequestKind::Tags), repositories, "then what else is there: {asked}");
    assert_eq!(asked.count("POST", RequestKind::Upload), blobs + corpus.mounts() + LEARN, "{asked}");
    assert_eq!(asked.count("PUT", RequestKind::Upload), blobs, "each blob once: {asked}");
    assert_eq!(asked.count("PUT", RequestKind::Manifest), corpus.manifests(), "{asked}");
    let all = 2 * repositories + 2 * blobs + corpus.mounts() + LEARN + corpus.manifests();
    assert_eq!(asked.total(), all, "nothing else: {asked}");
}

async fn cold_and_again(corpus: &Corpus) {
    let Some((from, to)) = open_sites() else { return };
    corpus.put(&from).await;
    let folder = folder();
    folder.write("images.yaml", &corpus.rules(&from, &[&to], false));
    from.reset();
    folder.run(&["sync", "--images", "images.yaml"]).expect(0);
    expect_source(&from.requests(), corpus, corpus.repositories.len());
    expect_target(&to.requests(), corpus);

    from.reset();
    to.reset();
    folder.run(&["sync", "--images", "images.yaml"]).expect(0);
    let (at_source, at_target) = (from.requests(), to.requests());
    assert_eq!(at_source.count("HEAD", RequestKind::Manifest), corpus.images(), "{at_source}");
    assert_eq!(at_source.total(), corpus.repositories.len() + corpus.images(), "one list each: {at_source}");
    // A registry may have lost a child of an index that it still serves, so each child is looked for.
    assert_eq!(at_target.count("HEAD", RequestKind::Manifest), corpus.manifests(), "{at_target}");
    assert_eq!(at_target.total(), corpus.manifests(), "{at_target}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_small_images_cost_what_their_shape_says() {
    cold_and_again(&Corpus::new(4, 12, &["linux/amd64"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn images_of_several_platforms_cost_what_their_shape_says() {
    cold_and_again(&Corpus::new(3, 4, &["linux/amd64", "linux/arm64", "linux/arm/v7"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_that_are_named_need_no_list_at_the_source() {
    let Some((from, to)) = open_sites() else { return };
    let corpus = Corpus::new(3, 5, &["linux/amd64"]);
    corpus.put(&from).await;
    let folder = folder();
    folder.write("images.yaml", &corpus.rules(&from, &[&to], true));
    from.reset();
    folder.run(&["sync", "--images", "images.yaml"]).expect(0);
    expect_source(&from.requests(), &corpus, 0);
    expect_target(&to.requests(), &corpus);
    from.reset();
    to.reset();
    folder.run(&["sync", "--images", "images.yaml"]).expect(0);
    let (at_source, at_target) = (from.requests(), to.requests());
    assert_eq!(at_source.count("HEAD", RequestKind::Manifest), corpus.images(), "{at_source}");
    assert_eq!((at_source.total(), at_target.total()), (corpus.images(), corpus.images()), "{at_source}{at_target}");
}

#[tokio::test(flavor = "multi_thread")]
async fn three_destinations_read_the_source_once() {
    let Some((from, one)) = open_sites() else { return };
    let Some((two, three)) = open_sites() else { return };
    let corpus = Corpus::new(3, 4, &["linux/amd64", "linux/arm64"]);
    corpus.put(&from).await;
    let folder = folder();
    folder.write("images.yaml", &corpus.rules(&from, &[&one, &two, &three], false));
    from.reset();
    folder.run(&["sync", "--images", "images.yaml"]).expect(0);
    expect_source(&from.requests(), &corpus, corpus.repositories.len());
    for to in [&one, &two, &three] {
        expect_target(&to.requests(), &corpus);
    }
    from.reset();
    folder.run(&["sync", "--images", "images.yaml"]).expect(0);
    let again = from.requests();
    assert_eq!(again.total(), corpus.repositories.len() + corpus.images(), "one question for three: {again}");
}
